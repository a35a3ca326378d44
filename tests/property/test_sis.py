"""`sis` against its twin on random small classifiers, ties included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference import sis as twin
from reference.driver import MaskClassifier, drive, make_subject
from suffice import _native
from suffice.methods.sis import Sis

LEVELS = np.array([0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])


def with_ties(shape: tuple[int, int], seed: int, levels: int) -> MaskClassifier:
    """Class 1 with a probability of few levels, so that many masks tie; not monotone."""
    rng = np.random.default_rng([seed, *shape, levels])
    weights = rng.integers(0, 3, shape[0] * shape[1])
    jitter = rng.integers(0, 2**32, shape[0] * shape[1])
    some = LEVELS[:: max(1, 7 // levels)]

    def classify(masks: np.ndarray) -> np.ndarray:
        flat = masks.reshape(len(masks), -1).astype(np.int64)
        step = flat @ weights * len(some) // (weights.sum() + 1) + (flat @ jitter) % 3
        p = some[step % len(some)]
        p = np.where(flat.all(axis=1), 0.95, np.where(flat.any(axis=1), p, 0.05))
        return np.stack([1.0 - p, p], axis=1)

    return classify


@given(
    shape=st.sampled_from([(1, 1), (1, 5), (3, 2), (3, 4), (1, 9)]),
    seed=st.integers(0, 10_000),
    levels=st.integers(1, 7),
    tau=st.sampled_from([0.3, 0.6, 0.9, None]),
    count=st.integers(1, 4),
)
def test_equals_its_twin(
    shape: tuple[int, int], seed: int, levels: int, tau: float | None, count: int
) -> None:
    classify = with_ties(shape, seed, levels)
    criterion = "top1" if tau is None else f"confidence:{tau}"
    subject = make_subject(classify, shape, target=1, criterion=criterion)
    subject = replace(subject, count=count)
    driven = drive(Sis().make_search(subject), classify, subject)

    def judge(mask: np.ndarray) -> tuple[float, bool]:
        p = float(classify(mask[None])[0, 1])
        return p, p > 0.5 if tau is None else p >= tau  # a tie goes to class 0

    found = twin.collection(shape, judge, count)
    sets = _native.unpack(driven.result.masks, shape)
    assert [np.flatnonzero(s).tolist() for s in sets] == [sorted(s) for s in found.sets]
    asked = [mask for masks in driven.rounds for mask in masks]
    assert len(asked) == len(found.asked)
    assert all(np.array_equal(a, b) for a, b in zip(asked, found.asked, strict=True))
    arrays = driven.result.arrays
    assert arrays is not None
    assert len(arrays) == 2 * len(found.orders)
    for k, (order, values) in enumerate(zip(found.orders, found.values, strict=True), start=1):
        suffix = "" if k == 1 else f"_{k}"
        assert arrays[f"order{suffix}"].tolist() == order
        assert arrays[f"values{suffix}"].tolist() == values


@given(
    shape=st.sampled_from([(1, 1), (3, 4), (2, 9)]),
    seed=st.integers(0, 10_000),
    kept=st.integers(1, 17),
    width=st.integers(1, 20),
)
def test_the_width_of_a_round_changes_nothing(
    shape: tuple[int, int], seed: int, kept: int, width: int
) -> None:
    n_pixels = shape[0] * shape[1]
    rng = np.random.default_rng(seed)
    mask = np.zeros(n_pixels, bool)
    mask[rng.permutation(n_pixels)[:kept]] = True
    classify = with_ties(shape, seed, 4)
    found = []
    for w in (width, n_pixels):
        search = _native.backward_search(_native.pack(mask.reshape(1, *shape)), shape, w)
        rounds = 0
        while len(masks := search.ask()):
            assert len(masks) <= w
            p = classify(_native.unpack(masks, shape))[:, 1].copy()
            search.tell(p, (p > 0.5).view(np.uint8))
            rounds += 1
        n = int(mask.sum())
        assert rounds == sum(-(-k // w) for k in range(1, n + 1))
        found.append((search.order().tolist(), search.values().tolist(), search.passing().tolist()))
    assert found[0] == found[1]
    assert sorted(found[0][0]) == np.flatnonzero(mask).tolist()
