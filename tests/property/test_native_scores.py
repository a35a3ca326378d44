"""Decisions against their definitions, and the laws between their columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.scores import decide as twin
from reference.strategies import laws, seeds
from suffice import _native
from suffice.types import Decisions, OutputKind

KINDS: list[OutputKind] = ["logits", "probabilities", "multilabel"]


def random_scores(rng: np.random.Generator, n: int, k: int, kind: OutputKind) -> np.ndarray:
    """Scores of every size, with ties; log-probabilities for ``probabilities``."""
    z = rng.normal(size=(n, k)) * rng.choice([1e-3, 1.0, 30.0], size=(n, 1))
    z = np.where(rng.random((n, 1)) < 0.3, np.round(z), z)
    if kind != "probabilities":
        return z.astype(np.float32)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[rng.random((n, k)) < 0.1] = 0
    with np.errstate(divide="ignore"):
        return np.log(p).astype(np.float32)


def row(decisions: Decisions, i: int) -> list[float]:
    return [
        decisions.top1[i],
        decisions.top1_confidence[i],
        decisions.confidence[i],
        decisions.lead[i],
        decisions.log_odds[i],
        decisions.wins_tie[i],
    ]


@pytest.mark.parametrize("kind", KINDS)
@laws
@given(n=st.integers(0, 4), k=st.integers(2, 9), seed=seeds)
def test_decide_follows_the_definitions(kind: OutputKind, n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, n, k, kind)
    targets = rng.integers(0, k, n).astype(np.int32)
    decisions = _native.decide(scores, targets, kind)
    assert len(decisions) == n
    for i in range(n):
        expected = twin(scores[i], int(targets[i]), kind)
        np.testing.assert_allclose(row(decisions, i), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@laws
@given(seed=seeds)
def test_a_row_does_not_depend_on_its_neighbours(kind: OutputKind, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, 7, 1000, kind)
    targets = rng.integers(0, 1000, 7).astype(np.int32)
    together = _native.decide(scores, targets, kind)
    for i in range(7):
        alone = _native.decide(scores[i : i + 1], targets[i : i + 1], kind)
        assert row(alone, 0) == row(together, i)


@pytest.mark.parametrize("kind", KINDS[:2])
@laws
@given(k=st.integers(2, 9), seed=seeds)
def test_top1_is_a_positive_lead_or_a_won_tie(kind: OutputKind, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, 20, k, kind)
    targets = rng.integers(0, k, 20).astype(np.int32)
    d = _native.decide(scores, targets, kind)
    passes = (d.lead > 0) | ((d.lead == 0) & d.wins_tie)
    np.testing.assert_array_equal(passes, d.top1 == targets)
    np.testing.assert_array_equal(d.confidence[passes], d.top1_confidence[passes])
    assert (d.confidence <= d.top1_confidence).all()
