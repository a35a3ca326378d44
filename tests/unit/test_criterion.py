from __future__ import annotations

import math

import numpy as np
import pytest

from suffice.criterion import MAX_LOG_ODDS, Criterion, logit
from suffice.errors import SettingsError


@pytest.mark.parametrize("text", ["top1", "confidence:0.99", "relative:0.9", "margin:2"])
def test_text_survives_a_round_trip(text: str) -> None:
    assert str(Criterion.parse(text)) == text
    assert Criterion.parse(Criterion.parse(text)) == Criterion.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "top2", "top1:1", "confidence", "confidence:1", "confidence:x", "relative:0", "margin:-1"],
)
def test_nonsense_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(SettingsError, match=r"confidence:T"):
        Criterion.parse(text)


def judge(text: str, lead: float, p: float, wins_tie: bool = True, ref: float = 0.8):
    margin, passes = Criterion.parse(text).margins(
        np.array([lead]), np.array([logit(p)]), np.array([wins_tie]), ref
    )
    return float(margin[0]), bool(passes[0])


def test_top1_and_its_tie_rule() -> None:
    assert judge("top1", 0.5, 0.6) == (0.5, True)
    assert judge("top1", -0.5, 0.4) == (-0.5, False)
    assert judge("top1", 0.0, 0.5, wins_tie=True) == (0.0, True)
    assert judge("top1", 0.0, 0.5, wins_tie=False) == (0.0, False)


def test_confidence_ignores_the_other_classes() -> None:
    margin, passes = judge("confidence:0.3", -1.0, 0.4)
    assert passes
    assert margin == pytest.approx(logit(0.4) - logit(0.3))


def test_relative_needs_top1_and_the_share_of_the_reference() -> None:
    assert judge("relative:0.5", 1.0, 0.41)[1]
    assert not judge("relative:0.5", 1.0, 0.39)[1]
    assert not judge("relative:0.5", -0.1, 0.41)[1]
    assert judge("relative:0.5", 0.01, 0.7)[0] == pytest.approx(0.01)


def test_margin_demands_a_lead() -> None:
    assert judge("margin:2", 2.0, 0.9) == (0.0, True)
    assert judge("margin:2", 1.5, 0.9) == (-0.5, False)


def test_certain_probabilities_keep_margins_finite() -> None:
    assert judge("confidence:0.5", 1.0, 1.0) == (MAX_LOG_ODDS, True)
    assert judge("confidence:0.5", -math.inf, 0.0) == (-MAX_LOG_ODDS, False)
    assert judge("relative:1", 5.0, 1.0, ref=1.0) == (0.0, True)
