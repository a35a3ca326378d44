from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from reference import philox
from reference.driver import Driven, drive, make_subject
from reference.rex_toys import Toy
from suffice import _native
from suffice.errors import SettingsError
from suffice.methods import rex_spotlight
from suffice.methods._rounds import counted, together
from suffice.methods.rex import Rex

SHAPE = (20, 26)
TOY = Toy(11, *SHAPE, n_classes=3)


def run(seed: int = 0, criterion: str = "top1", toy: Toy = TOY, **settings: Any) -> Driven:
    subject = make_subject(toy.probabilities, toy.shape, seed=seed, criterion=criterion)
    return drive(Rex(**settings).make_search(subject), toy.probabilities, subject)


def only(driven: Driven, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    masks = _native.unpack(driven.result.masks, shape)
    assert len(masks) == 1
    return masks[0]


def passes(masks: np.ndarray, toy: Toy = TOY) -> np.ndarray:
    whole = toy.probabilities(np.ones((1, *toy.shape), bool)).argmax()
    return toy.probabilities(masks).argmax(axis=1) == whole


# Random numbers


def test_philox_equals_numpy() -> None:
    rng = np.random.default_rng(0)
    counters = rng.integers(0, 2**64, (50, 4), np.uint64)
    counters[0] = 0  # numpy's counter wraps round below it
    counters[1] = [0, 1, 0, 0]  # and borrows here
    counters[2] = 2**64 - 1
    for key in ((0, 0), (2**64 - 1, 12345678901234567890)):
        ours = _native.philox(key, counters)
        for words, counter in zip(ours, counters, strict=True):
            assert words.tolist() == philox.block(key, tuple(map(int, counter)))


def test_philox_known_answers() -> None:
    """Of the paper's own test vectors (philox4x64, 10 rounds)."""
    zero = _native.philox((0, 0), np.zeros((1, 4), np.uint64))[0]
    assert [hex(int(w)) for w in zero] == [
        "0x16554d9eca36314c",
        "0xdb20fe9d672d0fdc",
        "0xd7e772cee186176b",
        "0x7e68b68aec7ba23b",
    ]


# Seeds


def test_same_seed_same_bits() -> None:
    first, second = run(seed=5), run(seed=5)
    assert len(first.rounds) == len(second.rounds)
    for a, b in zip(first.rounds, second.rounds, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(first.result.masks, second.result.masks)
    assert np.array_equal(
        first.result.responsibility.view(np.uint32), second.result.responsibility.view(np.uint32)
    )


def test_other_seed_other_splits() -> None:
    assert not np.array_equal(run(seed=5).rounds[0], run(seed=6).rounds[0])


def test_more_iterations_start_with_the_fewer() -> None:
    few, many = run(iterations=3), run(iterations=7)
    assert np.array_equal(few.rounds[0], many.rounds[0][: len(few.rounds[0])])


# Settings


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"iterations": 0}, "iterations"),
        ({"iterations": 2.5}, "iterations"),
        ({"iterations": True}, "iterations"),
        ({"tree_depth": 31}, "tree_depth"),
        ({"tree_depth": -1}, "tree_depth"),
        ({"min_box_size": 0}, "min_box_size"),
        ({"distribution": "normal"}, "distribution"),
        ({"alpha": 0.0}, "alpha"),
        ({"beta": float("inf")}, "beta"),
        ({"beta": float("nan")}, "beta"),
        ({"queue": "stack"}, "queue"),
        ({"queue_len": 0}, "queue_len"),
        ({"search_limit": -1}, "search_limit"),
        ({"confidence_filter": -0.1}, "confidence_filter"),
        ({"confidence_filter": float("nan")}, "confidence_filter"),
        ({"weighted": 1}, "weighted"),
        ({"radius": 0}, "radius"),
        ({"radius_eta": -1.0}, "radius_eta"),
        ({"spotlights": 21}, "spotlights"),
        ({"permitted_overlap": 1.5}, "permitted_overlap"),
        ({"extraction": "magic"}, "extraction"),
        ({"compat": "lime"}, "compat"),
        ({"compat": "rex", "distribution": "adaptive"}, "adaptive"),
        ({"compat": "rex", "distribution": "binom"}, "binom"),
        ({"compat": "rex", "responsibility": "deepcover"}, "deepcover"),
        ({"weighted": True, "responsibility": "contingency"}, "weighted"),
        ({"negative": True, "responsibility": "deepcover"}, "negative"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        Rex(**settings)


def test_settings_from_text() -> None:
    rex = Rex.from_settings(
        {"queue_len": "none", "weighted": "true", "alpha": "2", "queue": "all", "compat": "none"}
    )
    assert rex == Rex(queue_len=None, weighted=True, alpha=2.0, queue="all")


def test_compat_forces_rex_xais_queue() -> None:
    rex = Rex(compat="rex", statics="carry", survivors="merge")
    assert (rex.statics, rex.survivors) == ("drop", "last")
    assert not rex.may_grow
    assert Rex().may_grow


def test_compat_knows_two_criteria() -> None:
    subject = make_subject(TOY.probabilities, SHAPE, criterion="margin:1")
    with pytest.raises(SettingsError, match="top1 and relative"):
        Rex(compat="rex").make_search(subject)


# Extractions


@pytest.mark.parametrize("compat", [None, "rex"])
def test_global_is_the_shortest_passing_prefix(compat: Any) -> None:
    driven = run(chunk_size=7, compat=compat)
    mask = only(driven)
    order = _native.rank(driven.result.responsibility, ties="last")
    n = int(mask.sum())
    assert set(order[:n]) == set(np.flatnonzero(mask))
    lengths = np.arange(7, n + 1, 7)
    shorter = _native.unpack(_native.prefix_masks(order, lengths, SHAPE), SHAPE)
    assert passes(shorter).tolist() == [False] * (len(lengths) - 1) + [True]


@pytest.mark.parametrize("extraction", ["global", "spatial", "spotlight", "complete"])
def test_round_width_changes_no_set(extraction: str) -> None:
    narrow = run(extraction=extraction, round_width=1, radius=5, iterations=4)
    wide = run(extraction=extraction, round_width=50, radius=5, iterations=4)
    assert np.array_equal(narrow.result.masks, wide.result.masks)
    for name, mask in (narrow.result.extra_masks or {}).items():
        assert np.array_equal(mask, wide.result.extra_masks[name])
    assert len(wide.rounds) <= len(narrow.rounds)
    assert wide.evaluations >= narrow.evaluations


def test_spatial_ranks_inside_the_first_passing_circle() -> None:
    driven = run(extraction="spatial", radius=3, radius_eta=0.5)
    mask = only(driven)
    centre = np.unravel_index(driven.result.responsibility.argmax(), SHAPE)
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    distance = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    for radius in (3, 4, 6, 9, 13, 19, 28):
        circle = distance <= radius**2
        if passes(circle[None])[0]:
            break
    assert 0 < mask.sum() < circle.sum()
    assert (mask & ~circle).sum() == 0
    assert passes(mask[None])[0]


def grows_with_area(masks: np.ndarray) -> np.ndarray:
    """Always class 1, the more surely the more is kept: only the whole passes relative:0.9999."""
    p = 0.6 + 0.3 * masks.mean(axis=(1, 2))
    return np.stack([1 - p, p], axis=1)


def test_spatial_covers_the_image_in_the_end() -> None:
    """rex-xai never tries the circle that covers everything."""
    subject = make_subject(grows_with_area, (9, 12), criterion="relative:0.9999")
    found, lost = (
        drive(Rex(extraction="spatial", compat=c).make_search(subject), grows_with_area, subject)
        for c in (None, "rex")
    )
    assert only(found, (9, 12)).all()
    assert len(lost.result.masks) == 0
    assert "circle" in lost.result.reason


@pytest.mark.parametrize("objective", ["none", "mean", "max"])
@pytest.mark.parametrize("overlap", [0.0, 0.4])
def test_spotlight_sets_pass_and_keep_apart(objective: Any, overlap: float) -> None:
    driven = run(
        extraction="spotlight",
        radius=6,
        chunk_size=3,
        spotlight_objective=objective,
        permitted_overlap=overlap,
    )
    packed = driven.result.masks
    assert len(packed) >= 1
    assert passes(_native.unpack(packed, SHAPE)).all()
    dice = _native.dice(packed)
    np.fill_diagonal(dice, 0.0)
    assert dice.max() <= overlap
    assert (np.diff(_native.count(packed)) >= 0).all()


def test_contrastive_sets_do_what_they_say() -> None:
    driven = run(extraction="complete", chunk_size=3)
    sufficient = only(driven)
    extra = driven.result.extra_masks
    necessary = _native.unpack(extra["necessary"][None], SHAPE)[0]
    complete = _native.unpack(extra["complete"][None], SHAPE)[0]
    whole = TOY.probabilities(np.ones((1, *SHAPE), bool))[0]
    target = int(whole.argmax())
    p = TOY.probabilities(np.array([sufficient, necessary, ~necessary, complete]))
    assert p[0].argmax() == p[1].argmax() == target
    assert p[1, target] >= whole[target]
    assert p[2].argmax() != target
    assert round(float(p[3, target]), 2) == round(float(whole[target]), 2)
    assert (necessary & ~complete).sum() == 0
    assert "complete" not in run(extraction="contrastive", chunk_size=3).result.extra_masks


# No answer, and why


@pytest.mark.parametrize("compat", [None, "rex"])
def test_no_map_is_a_reason_not_a_crash(compat: Any) -> None:
    """Fault (f): rex-xai crashes where no mutant passes."""
    subject = make_subject(grows_with_area, SHAPE, target=0)
    driven = drive(Rex(compat=compat).make_search(subject), grows_with_area, subject)
    assert driven.result.masks.shape == (0, _native.words_for(SHAPE[0] * SHAPE[1]))
    assert driven.result.responsibility is None
    assert "no pixel has responsibility" in driven.result.reason
    assert driven.result.details["empty_iterations"] == 20


def test_no_passing_prefix_is_a_reason() -> None:
    """A target that wins nowhere but on some mutants has a map, yet maybe no prefix."""

    def left_half(masks: np.ndarray) -> np.ndarray:
        wins = masks[:, :, :13].any(axis=(1, 2)) & ~masks[:, :, 13:].any(axis=(1, 2))
        return np.where(wins[:, None], [[0.1, 0.9]], [[0.9, 0.1]])

    subject = make_subject(left_half, SHAPE, target=1, criterion="confidence:0.95")
    driven = drive(Rex().make_search(subject), left_half, subject)
    assert len(driven.result.masks) == 0
    assert driven.result.responsibility is not None
    assert "no prefix" in driven.result.reason


def test_tiny_image_is_a_reason() -> None:
    driven = run(toy=Toy(1, 3, 3))
    assert len(driven.result.masks) == 0
    assert driven.rounds == []
    assert "too small" in driven.result.reason


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (5, 130)])
@pytest.mark.parametrize("distribution", ["uniform", "binom", "betabinom", "adaptive"])
def test_odd_shapes(shape: tuple[int, int], distribution: Any) -> None:
    driven = run(toy=Toy(4, *shape), min_box_size=1, distribution=distribution)
    assert driven.result.reason or len(driven.result.masks) == 1


def test_details_are_counted() -> None:
    driven = run(extraction="contrastive")
    details = driven.result.details
    assert details["rounds"] == len(driven.rounds)
    searched = 0
    for i, masks in enumerate(driven.rounds):
        searched += len(masks)
        if searched == details["mutants"]:
            assert i < len(driven.rounds) - 1
            break
    else:
        pytest.fail("mutants is not a sum of rounds")
    assert details["splits"] * 14 <= details["mutants"]


def test_search_limit_stops_each_iteration() -> None:
    unlimited, limited = run(search_limit=0), run(search_limit=40)
    assert limited.result.details["mutants"] <= 20 * (40 + 14)
    assert unlimited.result.details["mutants"] > limited.result.details["mutants"]


def test_a_round_too_large_says_what_to_set() -> None:
    """Everything passes and nothing is pruned: the level multiplies until it can't be held."""

    def always(masks: np.ndarray) -> np.ndarray:
        return np.tile([0.1, 0.9], (len(masks), 1))

    settings = {"iterations": 1, "queue": "all", "queue_len": None, "tree_depth": 30}
    search = _native.rex_search((300, 300), 1, {**settings, "min_box_size": 1}, (0, 0))
    with pytest.raises(ValueError, match="search_limit"):  # noqa: PT012
        for _ in range(10):
            masks = search.ask()
            p = always(masks)
            search.tell(p.argmax(axis=1).astype(np.int32), p.max(axis=1), np.ones(len(p), np.uint8))


# Small parts


def test_largest_separate_choice_by_brute_force() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        masks = rng.random((7, 6, 6)) < 0.25
        packed = _native.pack(masks)
        permitted = float(rng.choice([0.0, 0.1, 0.3, 0.6]))
        dice, sizes = _native.dice(packed), _native.count(packed)
        fitting = [
            (n, -int(sizes[list(s)].sum()), s)
            for n in range(1, 8)
            for s in combinations(range(7), n)
            if all(dice[a, b] <= permitted for a, b in combinations(s, 2))
        ]
        expected = list(max(fitting)[2])
        assert rex_spotlight.largest_separate_choice(packed, permitted) == expected


def test_places_are_inside_and_seeded() -> None:
    def draws(seed: int) -> list[tuple[int, int]]:
        places = rex_spotlight.Places((7, 9), (seed, 1), 2, 5, compat=False)
        walk = [places.random() for _ in range(40)]
        for _ in range(40):
            walk.append(places.step(walk[-1]))
        return walk

    walk = draws(0)
    assert all(0 <= r < 7 and 0 <= c < 9 for r, c in walk)
    assert len(set(walk)) > 10
    assert walk == draws(0) != draws(1)


def test_together_joins_rounds_and_keeps_results_apart() -> None:
    rounds: list[int] = []

    def coroutine(n: int, size: int) -> Any:
        total = 0
        for _ in range(n):
            outcomes = yield np.full((size, 1), size, np.uint64)
            assert (outcomes.top1 == size).all()
            total += len(outcomes)
        return total

    def tell(masks: np.ndarray) -> Any:
        from suffice.types import Outcomes

        rounds.append(len(masks))
        zero, never = np.zeros(len(masks)), np.zeros(len(masks), bool)
        top1 = masks[:, 0].astype(np.int32)
        return Outcomes(top1, zero, zero, zero, zero, never, zero, zero, zero, zero)

    joined = counted(together([coroutine(1, 2), coroutine(3, 5), coroutine(0, 9)]))
    masks = next(joined)
    with pytest.raises(StopIteration) as stop:  # noqa: PT012
        while True:
            masks = joined.send(tell(masks))
    assert stop.value.value == ([2, 15, 0], 3)
    assert rounds == [7, 5, 5]
