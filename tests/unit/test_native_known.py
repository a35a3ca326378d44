"""Small cases of the native operations whose answers are written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from suffice import _native


def f32(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def one(target: int) -> np.ndarray:
    return np.array([target], np.int32)


def test_rank_breaks_ties_as_rex_does() -> None:
    values = np.array([[1, 3], [3, -0.0], [0.0, 2]], np.float32)
    assert _native.rank(values).tolist() == [2, 1, 5, 0, 4, 3]
    assert _native.rank(values, "first").tolist() == [1, 2, 5, 0, 3, 4]


def test_grid_boundaries_are_rounded_down() -> None:
    assert _native.grid_labels((1, 7), 1, 3).tolist() == [[0, 0, 1, 1, 2, 2, 2]]


def test_the_last_tiles_may_be_smaller() -> None:
    assert _native.tile_labels((3, 5), 2).tolist() == [
        [0, 0, 1, 1, 2],
        [0, 0, 1, 1, 2],
        [3, 3, 4, 4, 5],
    ]


def test_dice_of_empty_masks_is_one() -> None:
    keep = np.zeros((3, 2, 2), bool)
    keep[2, 0] = True
    assert _native.dice(_native.pack(keep)).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_sums_wrap_without_a_trap() -> None:
    boxes = np.array([[0, 1, 0, 1]] * 2, np.int32)
    top = np.full(2, 2**63 - 1, np.int64)
    assert _native.accumulate(boxes, top, (1, 1)).tolist() == [[-2]]


@pytest.mark.parametrize(
    ("target", "lead", "wins_tie"), [(0, -1.0, True), (1, 0.0, True), (2, 0.0, False)]
)
def test_ties_at_the_top_go_to_the_lowest_index(target: int, lead: float, wins_tie: bool) -> None:
    d = _native.decide(f32(1, 2, 2), one(target), "logits")
    assert (d.top1[0], d.lead[0], d.wins_tie[0]) == (1, lead, wins_tie)


def test_ties_below_the_top_are_none() -> None:
    assert _native.decide(f32(1, 1, 2), one(1), "logits").wins_tie[0]


def test_log_odds_keep_their_digits_where_probabilities_saturate() -> None:
    d = _native.decide(f32(90, -90, -90), one(0), "logits")
    assert d.confidence[0] == 1.0
    assert d.log_odds[0] == 180 - math.log(2)
    d = _native.decide(f32(900, -900, -900), one(1), "logits")
    assert d.confidence[0] == 0.0
    assert d.log_odds[0] == -1800
    assert np.isfinite(_native.decide(f32(3e38, -3e38), one(1), "logits").log_odds[0])


def test_probabilities_are_not_normalised_again() -> None:
    d = _native.decide(np.log(f32(0.25, 0.5)), one(0), "probabilities")
    assert d.confidence[0] == pytest.approx(0.25, rel=1e-7)
    assert d.top1_confidence[0] == pytest.approx(0.5, rel=1e-7)
    assert d.log_odds[0] == pytest.approx(math.log(1 / 3), rel=1e-7)
    assert d.lead[0] == pytest.approx(-math.log(2), rel=1e-6)


def test_probabilities_of_zero_and_one() -> None:
    z = f32(-np.inf, 0.0, -np.inf)
    sure = _native.decide(z, one(1), "probabilities")
    assert (sure.confidence[0], sure.log_odds[0], sure.lead[0]) == (1.0, np.inf, np.inf)
    never = _native.decide(z, one(0), "probabilities")
    assert (never.confidence[0], never.log_odds[0], never.lead[0]) == (0.0, -np.inf, -np.inf)
    nothing = _native.decide(f32(-np.inf, -np.inf), one(1), "probabilities")
    assert (nothing.top1[0], nothing.lead[0], nothing.wins_tie[0]) == (0, 0.0, False)


@pytest.mark.parametrize(
    ("z", "top1", "confidence", "top1_confidence"),
    [(0.0, 1, 0.5, 0.5), (-1e-3, -1, 0.49975, 0.50025), (800.0, 1, 1.0, 1.0), (-800.0, -1, 0, 1.0)],
)
def test_multilabel_looks_at_its_own_class_only(
    z: float, top1: int, confidence: float, top1_confidence: float
) -> None:
    d = _native.decide(f32(500, z), one(1), "multilabel")
    assert d.top1[0] == top1
    assert d.confidence[0] == pytest.approx(confidence, abs=1e-7)
    assert d.top1_confidence[0] == pytest.approx(top1_confidence, abs=1e-7)
    assert d.lead[0] == d.log_odds[0] == np.float32(z)
    assert d.wins_tie[0]


def test_multilabel_works_with_one_class() -> None:
    assert _native.decide(f32(2.0), one(0), "multilabel").top1.tolist() == [0]
