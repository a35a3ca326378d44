"""The native ReX search against its exact twin: same rounds, same maps, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.rex import Reference
from reference.rex_toys import Toy
from suffice import _native

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def chaotic(seed: int, n_classes: int) -> Judge:
    """Class and confidence by hash: no structure, so every path of the search is met."""

    def judge(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, confidences = [], []
        for mask in masks:
            digest = hashlib.sha256(seed.to_bytes(8, "big") + mask.tobytes()).digest()
            labels.append(digest[0] % n_classes)
            confidences.append(int.from_bytes(digest[8:16], "big") / 2**64)
        return np.array(labels, np.int32), np.array(confidences, np.float64)

    return judge


def toy(seed: int, shape: tuple[int, int], n_classes: int) -> Judge:
    inner = Toy(seed, *shape, n_classes=n_classes)

    def judge(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = inner.probabilities(masks)
        return p.argmax(axis=1).astype(np.int32), p.max(axis=1)

    return judge


bounded = st.one_of(
    st.fixed_dictionaries(
        {
            "queue": st.sampled_from(["area", "intersection"]),
            "queue_len": st.sampled_from([1, 2, 3]),
            "tree_depth": st.integers(0, 5),
        }
    ),
    st.fixed_dictionaries(
        {
            "queue": st.sampled_from(["area", "intersection", "all", "dc"]),
            "queue_len": st.none(),
            "tree_depth": st.integers(0, 4),
            "search_limit": st.integers(1, 150),
        }
    ),
)
others = st.fixed_dictionaries(
    {
        "iterations": st.integers(1, 4),
        "min_box_size": st.integers(1, 12),
        "distribution": st.sampled_from(["uniform", "binom", "betabinom", "adaptive"]),
        "alpha": st.sampled_from([0.3, 1.0, 2.5, 40.0]),
        "beta": st.sampled_from([0.5, 1.0, 3.0]),
        "adaptive_block": st.integers(1, 3),
        "statics": st.sampled_from(["carry", "drop"]),
        "survivors": st.sampled_from(["merge", "last"]),
        "concentrate": st.booleans(),
        "merge": st.sampled_from(["multiplicative", "additive"]),
    }
)
credits = st.one_of(
    st.fixed_dictionaries(
        {
            "responsibility": st.just("rex"),
            "weighted": st.booleans(),
            "negative": st.booleans(),
        }
    ),
    st.fixed_dictionaries({"responsibility": st.sampled_from(["contingency", "deepcover"])}),
)
sides = st.one_of(st.integers(1, 14), st.sampled_from([67, 300]))


def compare(
    shape: tuple[int, int], chosen: dict[str, Any], key: tuple[int, int], judge: Judge
) -> None:
    target = int(judge(np.ones((1, *shape), bool))[0][0])

    def classify(masks: list[np.ndarray]) -> list[tuple[int, float, bool]]:
        labels, confidences = judge(np.array(masks))
        return [
            (int(k), float(p), int(k) == target) for k, p in zip(labels, confidences, strict=True)
        ]

    twin = Reference(shape, target, chosen, key, classify)
    search = _native.rex_search(shape, target, chosen, key)
    n_rounds = 0
    while len(packed := search.ask()):
        masks = _native.unpack(packed, shape)
        assert np.array_equal(masks, np.array(twin.rounds[n_rounds]))
        n_rounds += 1
        labels, confidences = judge(masks)
        search.tell(labels, confidences, (labels == target).view(np.uint8))
    assert n_rounds == len(twin.rounds)
    ours = search.responsibility(target, *shape)
    assert np.array_equal(ours.view(np.uint32), twin.responsibility().view(np.uint32))
    depth, mutants, _, splits, levels = search.statistics().T
    assert depth.tolist() == [i.depth for i in twin.iterations]
    assert mutants.tolist() == [i.mutants for i in twin.iterations]
    assert levels.tolist() == [len(i.levels) for i in twin.iterations]
    assert splits.tolist() == [
        sum(c is not None for c in i.splits.values()) for i in twin.iterations
    ]
    credited = any(
        label == target and value and r1 > r0 and c1 > c0
        for i in twin.iterations
        for label, (r0, r1, c0, c1), value in i.credits
    )
    assert search.has_credit(target) == credited


@settings(max_examples=120, deadline=None)
@given(
    st.tuples(st.integers(1, 14), sides),
    bounded,
    others,
    credits,
    st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)),
    st.integers(0, 1000),
    st.sampled_from(["toy", "chaotic 2", "chaotic 3"]),
)
def test_equals_the_exact_twin(
    shape: tuple[int, int],
    queue: dict[str, Any],
    other: dict[str, Any],
    credit: dict[str, Any],
    key: tuple[int, int],
    number: int,
    kind: str,
) -> None:
    if shape[1] > 20:
        shape = (min(shape[0], 4), shape[1])
    judge = toy(number, shape, 3) if kind == "toy" else chaotic(number, int(kind[-1]))
    compare(shape, {**queue, **other, **credit}, key, judge)
