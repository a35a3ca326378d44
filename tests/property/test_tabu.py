"""Tabu search: what it finds, where it looks, what it may not do for a while, when it ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.mask_toys import KINDS
from reference.searched import SHAPE, Searched, lit, searches, sums, worth
from reference.strategies import laws
from suffice import _native
from suffice.methods import _tabu
from suffice.methods._blocks import Tiling, sizes_of


def last(found: Searched, mask: np.ndarray) -> np.ndarray:
    """The smallest set that is reached from another."""
    while (better := found.smaller(mask)) is not None:
        assert found.passes(better)
        assert better.sum() < mask.sum()
        mask = better
    return mask


@laws
@given(searches())
def test_what_is_found(drawn) -> None:
    if drawn is None:
        return
    found, mask = drawn
    better = found.smaller(mask)
    if found.room == 0:
        assert not found.new
    if better is not None:
        found.improves(better, mask)


@pytest.mark.parametrize("room", [0, 30, 60, 100, 200, 400])
def test_room_is_kept(room: int) -> None:
    """A step and the pruning of what it finds fit, whatever is left."""
    values = np.random.default_rng(3).random(SHAPE)
    found = Searched(sums(values, 0.3 * values.sum()), room=room)
    mask = np.ones(SHAPE, bool)
    while (better := found.smaller(mask)) is not None:
        mask = better
    assert len(found.new) <= room


def test_a_valley_is_crossed() -> None:
    """A tile that is worth little alone must come for a better one before its partner can."""
    strong, weak = [(6, 1), (6, 4), (6, 7)], [(0, c) for c in range(6)]
    values = worth(dict.fromkeys(weak, 1.0))

    def classify(masks: np.ndarray) -> np.ndarray:
        n_strong = masks[:, *np.transpose(strong)].sum(axis=1)
        z = (masks * values).sum(axis=(1, 2)) - 5.5 + np.where(n_strong > 1, 2.0, 0.1) * n_strong
        p = 1.0 / (1.0 + np.exp(-z))
        return np.stack([1.0 - p, p], axis=1)

    assert last(Searched(classify, room=3000), lit(weak)).sum() == 3


def test_windows_are_looked_at() -> None:
    """A block of four that nothing leads to is seen as part of a window."""
    near, block = [(0, c) for c in range(9)], [(6, 6), (6, 7), (7, 6), (7, 7)]
    values = worth(dict.fromkeys(near, 1.0))

    def classify(masks: np.ndarray) -> np.ndarray:
        whole = masks[:, *np.transpose(block)].all(axis=1)
        z = np.where(whole, 9.0, (masks * values).sum(axis=(1, 2))) - 8.5
        p = 1.0 / (1.0 + np.exp(-z))
        return np.stack([1.0 - p, p], axis=1)

    assert np.array_equal(last(Searched(classify, room=3000), lit(near)), lit(block))


@pytest.mark.parametrize("seed", range(20))
def test_it_ends_where_all_was_asked(seed: int) -> None:
    """It ends even where nothing follows from anything, hardly larger than the smallest set."""
    shape = (3, 3)
    classify = KINDS["chaotic"](seed, shape)
    every = np.array(list(itertools.product([False, True], repeat=9))).reshape(-1, *shape)
    passing = every[classify(every).argmax(axis=1) == 1]
    found = Searched(classify, shape=shape)
    mask = last(found, max(passing, key=lambda m: m.sum()))
    assert len(found.new) <= 512
    assert mask.sum() <= 1 + min(m.sum() for m in passing)


def test_what_went_stays_out_and_what_came_stays_in() -> None:
    values = np.random.default_rng(0).random(SHAPE)
    found = Searched(sums(values, 0.3 * values.sum()), room=4000)
    tabu, went, came = found.tabu, {}, {}
    leaving, coming = tabu._leaving, tabu._coming

    def watched_leaving(ids):
        given = leaving(ids)
        locked = {i for i, step in tabu._in.items() if step >= tabu._step}
        assert not locked & set(given.tolist()) or locked >= set(ids.tolist())
        came.update(dict.fromkeys(locked))
        return given

    def watched_coming(held):
        given = coming(held)
        out = {i for i, step in tabu._out.items() if step >= tabu._step}
        assert not out & set(given.tolist())
        assert len(set(given.tolist())) == len(given) <= _tabu.COMING
        went.update(dict.fromkeys(out))
        return given

    tabu._leaving, tabu._coming = watched_leaving, watched_coming
    last(found, np.ones(SHAPE, bool))
    assert went
    assert came


def test_the_seed_changes_nothing() -> None:
    """It deals handfuls when pruning; a search among fewer tiles than that is the same for all."""
    values = np.random.default_rng(1).random(SHAPE)
    asked = []
    for seed in (0, 0, 1):
        found = Searched(sums(values, 0.3 * values.sum()), room=2000, seed=seed)
        last(found, found.irreducible(np.ones(SHAPE, bool)))
        asked.append(np.array(found.asked))
    assert np.array_equal(asked[0], asked[1])
    assert np.array_equal(asked[0], asked[2])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), st.data())
def test_windows_are_larger_than_the_bound(rows: int, cols: int, grain: int, data) -> None:
    shape = (rows, cols)
    pixels = data.draw(st.integers(1, rows * cols))
    windows = _tabu._windows(Tiling(shape, grain), pixels)
    covered = np.bitwise_or.reduce(windows, axis=0)
    assert sizes_of(covered[None])[0] == rows * cols
    side = grain * (1 + max(2, int(pixels**0.5 / grain)))
    assert side**2 > pixels
    for mask in _native.unpack(windows, shape):
        r, c = np.nonzero(mask)
        assert np.ptp(r) + 1 <= side
        assert np.ptp(c) + 1 <= side
        assert mask.sum() == (np.ptp(r) + 1) * (np.ptp(c) + 1)
