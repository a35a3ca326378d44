"""Laws of moxi on chaotic classifiers of small images, and equality with its twin."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffice
from reference import moxi as twin
from reference import toy
from reference.driver import Driven, MaskClassifier, drive, make_subject, outcomes
from reference.rex_toys import Toy
from suffice import _native
from suffice.methods._walk import REWARDS, rewards
from suffice.methods.moxi import Moxi
from suffice.subject import Subject

SHAPE = (5, 6)


class Game:
    """A classifier of masks as a game between the regions of a label map."""

    def __init__(self, classify: MaskClassifier, subject: Subject, labels: Any, reward: Any):
        self.classify, self.subject, self.labels, self.reward = classify, subject, labels, reward
        self.known: dict[frozenset[int], tuple[Fraction, bool]] = {}

    def look(self, group: frozenset[int]) -> tuple[Fraction, bool]:
        if group not in self.known:
            mask = np.isin(self.labels, sorted(group))[None]
            s = self.subject
            o = outcomes(self.classify(mask), s.target, s.criterion, s.reference_confidence)
            self.known[group] = (Fraction(rewards(o, self.reward)[0]), bool(o.passes[0]))
        return self.known[group]

    def value(self, group: frozenset[int]) -> Fraction:
        return self.look(group)[0]

    def passes(self, group: frozenset[int]) -> bool:
        return self.look(group)[1]


def label_maps() -> st.SearchStrategy[np.ndarray]:
    """Label maps with gaps between their labels, as captum's may have."""
    return st.lists(
        st.integers(0, 8), min_size=SHAPE[0] * SHAPE[1], max_size=SHAPE[0] * SHAPE[1]
    ).map(lambda v: 3 * np.array(v, np.int32).reshape(SHAPE))


def run(classify: MaskClassifier, subject: Subject, **given_settings: Any) -> Driven:
    return drive(Moxi(**given_settings).make_search(subject), classify, subject)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 50),
    labels=label_maps(),
    interactions=st.booleans(),
    full=st.booleans(),
    reward=st.sampled_from(REWARDS),
    target=st.sampled_from([None, 0, 1, 2]),
)
def test_orders_are_those_of_the_definition(
    seed: int, labels: np.ndarray, interactions: bool, full: bool, reward: Any, target: int | None
) -> None:
    classify = Toy(seed, *SHAPE, n_classes=3).probabilities
    subject = make_subject(classify, SHAPE, target=target)
    ours = run(
        classify,
        subject,
        order="both",
        feature_mask=labels,
        interactions=interactions,
        full=full,
        reward=reward,
    )
    players = np.unique(labels)
    game = Game(classify, subject, np.searchsorted(players, labels), reward)
    n = len(players)
    details = ours.result.details
    assert details is not None
    inserted = twin.insertion(n, game.value, game.passes, interactions, full)
    removed, opposing = twin.deletion(n, game.value, game.passes, interactions, full)
    assert details["labels"] == players.tolist()
    assert details["insertion"]["order"] == inserted
    assert details["deletion"]["order"] == removed
    assert details["deletion"]["opposing"] == opposing
    if interactions:
        check_interactions(details["insertion"], game.value)
        check_interactions(
            details["deletion"], lambda group: -game.value(frozenset(range(n)) - group)
        )
    # The set is the first passing prefix; the extra masks are what the deletion took out.
    prefixes = [frozenset(inserted[: k + 1]) for k in range(len(inserted))]
    passing = next((p for p in prefixes if game.passes(p)), None)
    masks = _native.unpack(ours.result.masks, SHAPE)
    if passing is not None:
        assert np.array_equal(masks[0], np.isin(game.labels, sorted(passing)))
    extra = ours.result.extra_masks or {}
    assert ("opposing" in extra) == (opposing > 0)
    if opposing:
        assert np.array_equal(
            _native.unpack(extra["opposing"][None], SHAPE)[0],
            np.isin(game.labels, removed[:opposing]),
        )
    if "removed" in extra:
        gone = _native.unpack(extra["removed"][None], SHAPE)[0]
        whole = frozenset(range(n)) - frozenset(removed[:opposing])
        taken = frozenset(np.unique(game.labels[gone]).tolist())
        assert game.passes(whole)
        assert not game.passes(whole - taken)


def check_interactions(details: dict[str, Any], value: twin.Value) -> None:
    """Each chosen player's interaction with those before it, as the definition has it."""
    order = details["order"]
    wanted = [
        float(twin.interaction(value, frozenset(order[:k]), b)) if k else 0.0
        for k, b in enumerate(order)
    ]
    assert np.allclose(details["interactions"], wanted, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 50),
    labels=label_maps(),
    interactions=st.booleans(),
    target=st.sampled_from([0, 1, 2]),
)
def test_what_a_deletion_leaves_passes(
    seed: int, labels: np.ndarray, interactions: bool, target: int
) -> None:
    classify = Toy(seed, *SHAPE, n_classes=3).probabilities
    subject = make_subject(classify, SHAPE, target=target)
    ours = run(
        classify, subject, order="deletion", feature_mask=labels, interactions=interactions
    ).result
    extra = ours.extra_masks or {}
    assert len(ours.masks) or not subject.reference.passes[0]
    for mask in _native.unpack(ours.masks, SHAPE):
        assert classify(mask[None]).argmax() == target
        if "opposing" in extra:
            assert not (mask & _native.unpack(extra["opposing"][None], SHAPE)[0]).any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), order=st.sampled_from(["insertion", "deletion"]))
def test_a_full_order_stays_within_half_the_square(seed: int, order: Any) -> None:
    clf = suffice.as_classifier(toy.linear(*SHAPE, seed=seed), input_shape=(1, *SHAPE))
    exp = suffice.explain(
        clf, toy.ones(*SHAPE), method=Moxi(order=order, grid=9, full=True), verify=False
    )
    n = 30  # a cell a pixel: no more cells than pixels
    assert exp.record["details"]["players"] == n
    assert exp.evaluations <= n * (n + 1) // 2 + 2
    if exp.status == "found":
        assert sorted(exp.record["details"][order]["order"]) == list(range(n))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 20), budget=st.integers(3, 200), interactions=st.booleans())
def test_a_budget_is_a_prefix(seed: int, budget: int, interactions: bool) -> None:
    clf = suffice.as_classifier(toy.linear(*SHAPE, seed=seed), input_shape=(1, *SHAPE))
    method = Moxi(order="both", grid=4, interactions=interactions)
    whole = suffice.explain(clf, toy.ones(*SHAPE), method=method, verify=False)
    cut = suffice.explain(clf, toy.ones(*SHAPE), method=method, budget=budget, verify=False)
    assert cut.evaluations <= budget
    assert cut.trace == [t for t in whole.trace if t[0] <= budget]
    if cut.status == "budget" and "insertion" in cut.record["details"]:
        ours = cut.record["details"]["insertion"]["order"]
        assert ours == whole.record["details"]["insertion"]["order"][: len(ours)]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_batches_change_nothing(batch_size: int) -> None:
    clf = suffice.as_classifier(toy.linear(*SHAPE, seed=4), input_shape=(1, *SHAPE))
    images = [toy.ones(*SHAPE), toy.ones(*SHAPE) * 0.5, toy.ones(*SHAPE) * 2.0]
    method = Moxi(order="both", grid=4)
    alone = [suffice.explain(clf, i, method=method, batch_size=1) for i in images]
    among = suffice.explain(clf, images, method=method, batch_size=batch_size, seed=9)
    for a, b in zip(alone, among, strict=True):
        assert a.record["details"] == b.record["details"]
        assert np.array_equal(a.responsibility, b.responsibility)
