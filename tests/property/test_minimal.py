"""Sets of the method minimal: known answers, irreducible by brute force, the same at any stop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import suffice
from reference import blocks as twin
from reference import toy
from reference.driver import make_subject, outcomes
from reference.judge import Judge
from reference.mask_toys import KINDS
from reference.strategies import laws, seeds
from suffice import _native
from suffice.methods._window_start import WindowStart
from suffice.methods.minimal import MinimalSearch
from suffice.methods.prune import dice as packed_dice
from suffice.models.callable import CallableClassifier

Scores = Callable[[np.ndarray], np.ndarray]
grains = st.sampled_from([1, 2, 4, 8])
sides = st.tuples(st.integers(2, 18), st.integers(2, 18))


def explain(
    scores: Scores, shape: tuple[int, int], channels: int = 1, **settings: object
) -> suffice.Explanation:
    method = settings.pop("method", "minimal")
    clf = CallableClassifier(scores, input_shape=(channels, *shape), n_classes=2)
    return suffice.explain(clf, toy.ones(*shape, channels), method=method, target=1, **settings)


def judge(scores: Scores, shape: tuple[int, int], channels: int = 1, contrastive=False) -> Judge:
    image = toy.ones(*shape, channels)
    return Judge(scores, image, 0 * image[None], 1, None, contrastive)


def check(exp: suffice.Explanation, judged: Judge, grain: int) -> None:
    """Every set passes, nothing of it can go, and its certificate says both."""
    assert exp.status == "found"
    for mask, one in zip(exp.masks, exp.sets, strict=True):
        assert judged.judge(mask)[0]
        assert judged.removable(mask, grain) == []
        assert one.certificate.sufficient
        assert one.certificate.irreducible_at == grain


def some_pixels(seed: int, shape: tuple[int, int], most: int) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    size = shape[0] * shape[1]
    drawn = rng.choice(size, min(int(rng.integers(1, most + 1)), size), replace=False)
    return [divmod(int(k), shape[1]) for k in drawn]


@laws
@given(sides, grains, seeds, st.sampled_from([1, 3]))
def test_all_needed_pixels_and_nothing_else(shape, grain, seed, channels) -> None:
    pixels = some_pixels(seed, shape, 5)
    exp = explain(toy.needs(pixels), shape, channels, grain=grain)
    check(exp, judge(toy.needs(pixels), shape, channels), grain)
    wanted = np.zeros(shape, bool)
    wanted[tuple(zip(*pixels, strict=True))] = True
    numbers = twin.tiles(shape, grain)
    np.testing.assert_array_equal(exp.mask, np.isin(numbers, numbers[wanted]))


@laws
@given(sides, grains, seeds)
def test_one_tile_where_one_pixel_is_enough(shape, grain, seed) -> None:
    pixels = some_pixels(seed, shape, 6)
    exp = explain(toy.any_of(pixels), shape, grain=grain)
    check(exp, judge(toy.any_of(pixels), shape), grain)
    assert len(twin.ids(exp.mask, grain)) == 1
    assert any(exp.mask[p] for p in pixels)


@laws
@given(sides, grains, seeds, st.data())
def test_a_majority_and_not_one_more(shape, grain, seed, data) -> None:
    pixels = some_pixels(seed, shape, 12)
    k = data.draw(st.integers(1, len(pixels)))
    scores = toy.at_least(k, pixels)
    exp = explain(scores, shape, grain=grain)
    check(exp, judge(scores, shape), grain)
    kept = sum(exp.mask[p] for p in pixels)
    assert kept >= k
    if grain == 1:
        assert (kept, exp.pixels) == (k, k)


@pytest.mark.parametrize("grain", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("shape", "channels"), [((5, 7), 1), ((12, 30), 1), ((33, 9), 2), ((1, 70), 1), ((65, 64), 3)]
)
def test_sums_of_pixels_in_odd_images(shape, channels, grain) -> None:
    scores = toy.linear(*shape, n_classes=2, seed=grain, channels=channels)
    exp = explain(scores, shape, channels, grain=grain)
    check(exp, judge(scores, shape, channels), grain)


@laws
@given(sides, grains, seeds, st.sampled_from(["chaotic", "mixed"]))
def test_classifiers_that_are_not_monotone(shape, grain, seed, kind) -> None:
    classify = KINDS[kind](seed, shape)
    shown = lambda batch: np.log(classify(batch[:, 0] == 1.0)[:, :2]).astype(np.float32)
    exp = explain(shown, shape, grain=grain)
    judged = judge(shown, shape)
    if judged.judge(np.zeros(shape, bool))[0]:
        assert exp.status == "empty"
    elif exp.status == "found":
        check(exp, judged, grain)
    else:
        assert exp.status == "unattained"
        assert not judged.judge(np.ones(shape, bool))[0]


@laws
@given(sides, st.sampled_from([1, 2, 4]), seeds)
def test_contrastive_sets(shape, grain, seed) -> None:
    # More than half of some pixels must be kept, and of the rest at most half: k of them do both.
    pixels = some_pixels(seed, shape, 9)
    k = len(pixels) // 2 + 1
    scores = toy.at_least(k, pixels)
    exp = explain(scores, shape, grain=grain, contrastive=True)
    check(exp, judge(scores, shape, contrastive=True), grain)
    # With fewer needed than that, more must be kept so that the rest doesn't give the class.
    both = explain(toy.any_of(pixels), shape, grain=grain, contrastive=True)
    check(both, judge(toy.any_of(pixels), shape, contrastive=True), grain)
    assert all(both.mask[p] for p in pixels)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@laws
@given(sides, st.sampled_from([1, 2, 4]), seeds, st.sampled_from([0.0, 0.5]))
def test_several_sets(shape, grain, seed, overlap) -> None:
    pixels = some_pixels(seed, shape, 12)
    scores = toy.at_least(max(1, len(pixels) // 3), pixels)
    exp = explain(scores, shape, grain=grain, count=3, overlap=overlap)
    check(exp, judge(scores, shape), grain)
    assert 1 <= len(exp.masks) <= 3
    assert [s.pixels for s in exp.sets] == sorted(s.pixels for s in exp.sets)
    for i in range(len(exp.masks)):
        for j in range(i):
            assert dice(exp.masks[i], exp.masks[j]) <= overlap
    if len(exp.masks) == 3:
        assert exp.reason == ""
    else:
        assert f"no further set was found after {len(exp.masks)}" in exp.reason


@laws
@given(sides, grains, seeds, st.sampled_from([1, 3]), st.sampled_from(sorted(KINDS)))
def test_what_it_holds_at_every_round(shape, grain, seed, count, kind) -> None:
    hold_what_was_seen(KINDS[kind](seed, shape), shape, grain, count)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_it_holds_while_tiles_are_coarse(kind: str) -> None:
    for seed in range(3):
        assert hold_what_was_seen(KINDS[kind](seed, (56, 60)), (56, 60), 1, 1) or kind != "monotone"


def hold_what_was_seen(classify, shape: tuple[int, int], grain: int, count: int) -> bool:
    """Search; at every round what it holds passes and its claims are true. False: none to find."""
    subject = make_subject(classify, shape, target=1)
    passes = lambda m: classify(m[None])[0].argmax() == 1
    if passes(np.zeros(shape, bool)):
        return False
    for name, value in (("grain", grain), ("count", count)):
        object.__setattr__(subject, name, value)
    search = suffice.Minimal(effort=120).make_search(subject)
    seen: set[bytes] = set()
    smallest = shape[0] * shape[1] + 1
    proved: set[bytes] = set()
    while (packed := search.ask()) is not None:
        masks = _native.unpack(packed, shape)
        judged = outcomes(classify(masks), 1, subject.criterion, subject.reference_confidence)
        search.tell(judged)
        seen |= {m.tobytes() for m in masks[judged.passes]}
        smallest = min([smallest, *masks[judged.passes].sum(axis=(1, 2))])
        held = search.standing()
        found = _native.unpack(held.masks, shape)
        assert len(found) <= count
        assert bool(len(found)) == bool(seen)
        for mask, claim in zip(found, held.irreducible, strict=True):
            assert mask.tobytes() in seen
            assert claim in (None, grain)
            if claim is not None and mask.tobytes() not in proved:
                assert twin.irreducible(mask, passes, grain)
                proved.add(mask.tobytes())
        assert all(packed_dice(a, b) == 0 for i, a in enumerate(held.masks) for b in held.masks[:i])
        if count == 1 and seen and search.ask() is not None:
            assert found[0].sum() == smallest
    final = search.result()
    assert all(claim == grain for claim in final.irreducible)
    assert all(m.tobytes() in proved for m in _native.unpack(final.masks, shape))
    return bool(len(final.masks))


@laws
@given(sides, grains, seeds, st.floats(0.0, 0.95))
def test_room_that_earlier_sets_leave(shape, grain, seed, overlap) -> None:
    subject = make_subject(KINDS["monotone"](seed, shape), shape, target=1)
    for name, value in (("grain", grain), ("overlap", overlap)):
        object.__setattr__(subject, name, value)
    search = MinimalSearch(subject, 100)
    earlier = np.random.default_rng(seed).random((2, *shape)) < 0.5
    search.found = [m for m in _native.pack(earlier) if m.any()]
    allowed = search._still_allowed()
    kept = _native.unpack(allowed[None], shape)[0]
    assert kept[~earlier.any(axis=0)].all()
    for mask in search.found:  # the set that shares the most and holds nothing else
        assert packed_dice(mask, allowed & mask) <= overlap
    start = WindowStart(search.tiling, allowed)
    for inside in search.found:
        windows = start._windows(shape[0] / 3, inside=inside)
        assert not (windows.masks & ~(inside & allowed)).any()
        assert len(windows.boxes) == len(windows.masks)


def test_only_the_set_that_was_proved_is_claimed() -> None:
    subject = make_subject(KINDS["monotone"](0, (4, 5)), (4, 5), target=1)
    search = MinimalSearch(subject, 100)
    small, large = _native.pack(np.arange(20).reshape(4, 5)[None] < np.array([3, 9])[:, None, None])
    search._smallest, search._proved = small, large
    assert search.standing().irreducible == (None,)
    search._proved = small.copy()
    assert search.standing().irreducible == (subject.grain,)


SHAPE = (7, 9)
THREE = toy.at_least(3, [(0, 0), (6, 8), (4, 5), (2, 8), (6, 1)])
SHORT = suffice.Minimal(effort=250)


@pytest.mark.parametrize("settings", [{}, {"count": 3}, {"contrastive": True}], ids=str)
def test_every_budget_gives_a_prefix(settings: dict) -> None:
    settings = {"method": SHORT, "grain": 1, **settings}
    free = explain(THREE, SHAPE, **settings)
    judged = judge(THREE, SHAPE, contrastive=bool(settings.get("contrastive")))
    assert free.status == "found"
    claims = set()
    for budget in range(2, free.evaluations + 2):
        held = explain(THREE, SHAPE, budget=budget, **settings)
        assert held.trace == [t for t in free.trace if t[0] <= budget]
        spent = min(budget, free.evaluations)
        assert spent - bool(settings.get("contrastive")) <= held.evaluations <= spent
        if budget >= free.evaluations:
            assert held.status == "found"
            np.testing.assert_array_equal(held.masks, free.masks)
            continue
        assert held.status == "budget"
        assert held.reason.startswith(f"the budget of {budget} evaluations is spent")
        for mask, one in zip(held.masks, held.sets, strict=True):
            assert judged.judge(mask)[0]
            assert one.certificate.sufficient
            irreducible = judged.removable(mask, 1) == []
            assert one.certificate.irreducible_at in ((None, 1) if irreducible else (None,))
            claims.add(one.certificate.irreducible_at)
        proved = all(s.certificate.irreducible_at == 1 for s in held.sets)
        assert ("not proved irreducible at grain 1" in held.reason) != proved
    assert claims == {None, 1}  # before and after the first set was seen irreducible
