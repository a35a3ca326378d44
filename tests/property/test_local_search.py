"""Local search: what it finds passes, is irreducible and smaller, and no more is asked than allowed."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from reference.searched import Searched, lit, searches, sums, worth
from reference.strategies import laws
from suffice.methods._local_search import _given, _may_pass


def test_many_weak_tiles_are_exchanged_for_few_strong_ones() -> None:
    weak, strong = [(0, c) for c in range(8)], [(1, 0), (1, 5)]
    found = Searched(sums(worth(dict.fromkeys(weak, 1.0) | dict.fromkeys(strong, 4.0)), 7.5))
    better = found.step(lit(weak))
    assert better is not None
    assert np.array_equal(better, lit(strong))


def test_two_tiles_are_traded_for_one() -> None:
    found = Searched(sums(worth({(4, 4): 1.0, (4, 5): 1.0, (5, 4): 3.0}), 1.5))
    better = found.step(lit([(4, 4), (4, 5)]))
    assert better is not None
    assert np.array_equal(better, lit([(5, 4)]))
    assert found.step(better) is None  # nothing is smaller than one tile


def test_two_tiles_that_only_go_together() -> None:
    a, b, c = (2, 2), (2, 3), (9, 9)

    def classify(masks: np.ndarray) -> np.ndarray:  # c alone is enough unless one of a, b is there
        one, other, alone = (masks[:, r, k] for r, k in (a, b, c))
        p = np.where(alone & (one == other), 0.9, 0.2)
        return np.stack([1.0 - p, p], axis=1)

    better = Searched(classify).step(lit([a, b, c]))
    assert better is not None
    assert np.array_equal(better, lit([c]))


def test_a_set_far_away_is_grown() -> None:
    near = [(0, c) for c in range(9)]
    values = dict.fromkeys(near, 1.0) | dict.fromkeys([(11, 11), (10, 10), (11, 9)], 3.0)
    found = Searched(sums(worth(values), 8.5))
    better = found.grow(lit(near))
    assert better is not None
    assert np.array_equal(better, lit([(11, 11), (10, 10), (11, 9)]))
    assert found.grow(better) is None


def test_growing_gives_up_where_it_can_not_win() -> None:
    needed = [(r, c) for r in (1, 5, 9) for c in (2, 6, 10)]

    def classify(masks: np.ndarray) -> np.ndarray:  # nothing leads to them
        p = np.where(masks[:, *np.transpose(needed)].all(axis=1), 0.9, 0.2)
        return np.stack([1.0 - p, p], axis=1)

    found = Searched(classify)
    assert found.grow(lit(needed)) is None
    assert len(found.asked) == 36 + 96 + 3 * 32  # blocks, tiles, and a rise of nothing


@laws
@given(searches())
def test_what_is_found(drawn) -> None:
    if drawn is None:
        return
    found, mask = drawn
    for find in (found.step, found.grow):
        before = len(found.asked)
        better = find(mask)
        if before >= found.room:
            assert len(found.asked) == before
        if better is not None:
            found.improves(better, mask)


def test_exchanges_give_more_than_they_bring() -> None:
    for n_tiles in range(2, 60):
        for brought in (1, 2, 3, 4, 6, 8, 12):
            given = _given(brought, n_tiles)
            assert given == sorted(set(given))
            assert all(brought < j < n_tiles for j in given)
            assert bool(given) == (brought + 1 < n_tiles)


def test_a_rise_that_is_too_slow() -> None:
    assert _may_pass([-5.0, -5.0, -5.0], 0)  # too early to tell
    assert not _may_pass([-5.0, -5.0, -5.0, -5.0], 100)
    assert not _may_pass([-3.0, -2.0, -1.0, -4.0], 100)
    assert _may_pass([-6.0, -5.0, -4.0, -3.0], 2)
    assert not _may_pass([-6.0, -5.0, -4.0, -3.0], 1)
