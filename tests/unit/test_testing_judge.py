"""The judge of `suffice.testing` says what the definitions, the engine and certificates say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import suffice
from reference.judge import Judge as Definitions
from reference.scores import decide
from reference.scripted import Told
from reference.strategies import laws, seeds
from suffice.errors import ScoresError, SettingsError
from suffice.models.base import Differentiable
from suffice.testing import Judge, toys
from suffice.testing._toy_classifier import ToyClassifier
from suffice.testing.judge import decisions


@laws
@given(seed=seeds, output=st.sampled_from(["logits", "probabilities", "multilabel"]))
def test_decisions(seed, output) -> None:
    rng = np.random.default_rng(seed)
    z = (rng.integers(-4, 5, (6, 4)) * rng.choice([0.5, 1.0, 20.0])).astype(np.float32)
    if output == "probabilities":
        z = z.astype(np.float64)
        z = (z - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True))).astype(
            np.float32
        )
        z -= np.maximum(z.max(axis=1, keepdims=True), 0.0)
    target = int(rng.integers(4))
    found = decisions(z.astype(np.float64), target, output)
    for row in range(len(z)):
        wanted = decide(z[row], target, output)
        for name, value in wanted._asdict().items():
            got = found[name][row]
            assert got == pytest.approx(value, rel=1e-9, abs=1e-12), (name, z[row])


@laws
@given(
    seed=seeds,
    n_baselines=st.integers(1, 3),
    bound=st.sampled_from([None, 0.0, 1.0]),
    contrastive=st.booleans(),
)
def test_masks_of_several_baselines(seed, n_baselines, bound, contrastive) -> None:
    rng = np.random.default_rng(seed)
    shape = (1, 3, 4)
    clf = toys.Sums(shape, n_classes=3, seed=seed % 31).classifier()
    image = rng.integers(0, 3, shape).astype(np.float32)
    baselines = rng.integers(-1, 2, (n_baselines, *shape)).astype(np.float32)
    rule = suffice.Criterion() if bound is None else suffice.Criterion("margin", bound)
    judge = Judge(clf, image, baselines, None, rule, contrastive)
    plain = Definitions(clf, image, baselines, judge.wanted, bound, contrastive)
    masks = rng.random((8, 3, 4)) < rng.random((8, 1, 1))
    found = judge.outcomes(masks)
    for m, mask in enumerate(masks):
        passes, margin, own, rest = plain.judge(mask)
        assert bool(found.passes[m]) == passes == judge.passes(mask)
        got = found.margin[m], found.own_margin[m], found.rest_lead[m]
        assert got == pytest.approx((margin, own, rest))
        spare = plain.removable(mask, 2)
        assert judge.spare(mask, 2) == (spare[0] if spare else None)


@laws
@given(seed=seeds, contrastive=st.booleans(), n_baselines=st.integers(1, 2))
def test_searches_are_told_the_same_by_the_engine(seed, contrastive, n_baselines) -> None:
    rng = np.random.default_rng(seed)
    shape = (1, 4, 4)
    clf = toys.Sums(shape, n_classes=3, seed=seed % 31).classifier()
    image = rng.integers(1, 4, shape).astype(np.float32)
    baselines = np.zeros((n_baselines, *shape), np.float32)
    baselines[1:] = -rng.integers(0, 2, shape)
    masks = rng.random((9, 4, 4)) < 0.6
    sets = tuple(tuple(np.flatnonzero(mask).tolist()) for mask in masks)
    log: list = []
    method = Told(rounds=(sets,), log=log)
    suffice.explain(
        clf, image, method=method, target=1, baseline=list(baselines), contrastive=contrastive
    )
    if not log:
        return  # a baseline passes alone
    wanted = Judge(clf, image, baselines, 1, contrastive=contrastive).outcomes(masks)
    for name in ("passes", "top1"):
        np.testing.assert_array_equal(getattr(log[1], name), getattr(wanted, name))
    for name in ("margin", "lead", "log_odds", "confidence", "rest_lead", "own_margin"):
        np.testing.assert_allclose(getattr(log[1], name), getattr(wanted, name), rtol=1e-9)


def test_scores_that_are_not_finite_are_refused() -> None:
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ScoresError, match="row 1 are not finite"):
            decisions(np.array([[0.0, 1.0], [bad, 0.0]]), 0, "logits")
    z = np.array([[-np.inf, 0.0]])  # a probability of zero
    assert decisions(z, 0, "probabilities")["confidence"][0] == 0.0


def test_toys_refuse_what_they_cannot_be() -> None:
    for wrong in ([], [(0, 9)], [(0, 0), (0, 0)]):
        with pytest.raises(SettingsError, match="different pixels inside 3 x 4"):
            toys.any_of(wrong, (3, 4))
    with pytest.raises(SettingsError, match="weight of at least 1"):
        toys.weighted({(0, 0): 0}, 1, (3, 4))


def test_toys_are_differentiable_and_check_their_arguments() -> None:
    toy = toys.odd([(0, 0), (1, 1)], (2, 3))
    clf: ToyClassifier = toy.classifier()
    assert isinstance(clf, Differentiable)
    with pytest.raises(SettingsError, match="unknown"):
        clf.gradient(toy.image[None], np.array([1]), "entropy")
    with pytest.raises(SettingsError, match="classes from 0 to 1"):
        clf.gradient(toy.image[None], np.array([2]))
    with pytest.raises(ScoresError, match="takes float32"):
        clf.gradient(toy.image[None].astype(np.float64), np.array([1]))
