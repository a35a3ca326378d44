"""Resampling of many photos: drawn in parts, kept and indexed without a change of a bit."""

from __future__ import annotations

import numpy as np
import pytest

from suffice.errors import InputError
from suffice.statistics import (
    bootstrap,
    correctness_curve,
    size_curve,
    spearman,
    within_correlation,
)
from suffice.statistics import thresholds as module

RNG = np.random.default_rng(5)
N = 300
PHOTOS = np.array([f"p{k}" for k in RNG.integers(0, 40, N)])
SIZES = RNG.random((N, 3))
RIGHT = RNG.integers(0, 2, N)
AT = [0.5, 0.9, 0.99]


def curves() -> list[np.ndarray]:
    made = [
        size_curve(AT, SIZES, clusters=PHOTOS, n_resamples=50),
        correctness_curve(AT, SIZES, RIGHT, clusters=PHOTOS, n_resamples=50),
        size_curve(AT, SIZES, n_resamples=50, seed=3),
    ]
    return [getattr(curve, part) for curve in made for part in ("value", "low", "high")]


@pytest.mark.parametrize("in_cache", [1, 2**17])
@pytest.mark.parametrize(("at_once", "kept"), [(100, 2**25), (100, 0), (2**21, 0), (1, 0)])
def test_draws_in_parts_are_those_at_once(
    monkeypatch, at_once: int, kept: int, in_cache: int
) -> None:
    whole = curves()
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    monkeypatch.setattr(module, "_KEPT", kept)
    monkeypatch.setattr(module, "_IN_CACHE", in_cache)
    module._kept.cache_clear()
    for ours, theirs in zip(curves(), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_curve_is_that_of_means_of_drawn_photos() -> None:
    found = size_curve(AT, SIZES, clusters=PHOTOS, n_resamples=50, seed=2)
    names = np.unique(PHOTOS)
    counts = np.random.default_rng(2).multinomial(len(names), [1 / len(names)] * len(names), 50)
    means = []
    for drawn in counts:
        pairs = zip(names, drawn, strict=True)
        rows = np.concatenate([np.flatnonzero(n == PHOTOS).repeat(count) for n, count in pairs])
        means.append(SIZES[rows].mean(axis=0))
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(found.low, low)
    np.testing.assert_allclose(found.high, high)


def test_clusters_are_drawn_whole() -> None:
    seen: list[np.ndarray] = []

    def note(rows: np.ndarray) -> float:
        seen.append(rows)
        return float(rows.mean())

    found = bootstrap(note, np.arange(N), clusters=PHOTOS, n_resamples=20, seed=4)
    names, rng = np.unique(PHOTOS), np.random.default_rng(4)
    assert found.n == len(names)
    for rows in seen[1:]:
        picked = names[rng.integers(0, len(names), len(names))]
        expected = np.concatenate([np.flatnonzero(name == PHOTOS) for name in picked])
        np.testing.assert_array_equal(rows, expected)
    with pytest.raises(InputError, match="expected 300 clusters"):
        bootstrap(note, np.arange(N), clusters=PHOTOS[1:])


def test_correlations_within_groups_are_those_of_each() -> None:
    x = np.round(RNG.random(N), 1)  # with ties
    y = RNG.random(N) + x
    group = RNG.integers(0, 4, N).astype(str)
    each, mean = within_correlation(x, y, group, clusters=PHOTOS, n_resamples=30, seed=1)
    for name, value in each.items():
        assert value == spearman(x[group == name], y[group == name])

    def direct(u: np.ndarray, v: np.ndarray, g: np.ndarray) -> float:
        return float(np.mean([spearman(u[g == n], v[g == n]) for n in np.unique(g)]))

    again = bootstrap(direct, x, y, group, clusters=PHOTOS, n_resamples=30, seed=1)
    assert (mean.low, mean.high) == (pytest.approx(again.low), pytest.approx(again.high))
