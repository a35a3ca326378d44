"""Size against the threshold of confidence, and right against wrong along it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.resample import places_of
from suffice.statistics.results import Floats

_AT_ONCE = 2**21
"""Numbers that are drawn together: they and what they are converted to take tens of megabytes."""
_IN_CACHE = 2**17
"""Numbers that are converted together: a megabyte, which is used again while it is near."""
_KEPT = 2**25
"""Numbers that are kept, of two bytes each: those of 16,000 photos."""


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCurve:
    """A number at each threshold, with a pointwise bootstrap interval.

    Attributes
    ----------
    thresholds : float64 [T]
    value, low, high : float64 [T]
    n : int64 [T]
        Sizes that took part; of a difference, those of right answers.
    n_incorrect : int64 [T] or None
        Of a difference: those of wrong answers.
    level : float
    what : str
    """

    thresholds: Floats
    value: Floats
    low: Floats
    high: Floats
    n: npt.NDArray[np.int64]
    n_incorrect: npt.NDArray[np.int64] | None
    level: float
    what: str


def size_curve(
    thresholds: npt.ArrayLike,
    sizes: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> ThresholdCurve:
    """Mean size at each threshold, photos resampled together at all thresholds.

    Parameters
    ----------
    thresholds : float [T]
        Such as 0.5, 0.9, 0.99 of ``confidence:T``.
    sizes : float [n, T]
        Of each explanation at each threshold; NaN are left out and not counted.
    clusters : array [n] or None
        Photos.
    n_resamples : int
    level : float
    seed : int

    Returns
    -------
    ThresholdCurve

    Raises
    ------
    InputError
        If shapes disagree.

    Source
    ------
    Carter, Jain, Mueller, Gifford: Overinterpretation (2021), mean set size against tau.
    """
    at, values = _checked(thresholds, sizes)
    known = ~np.isnan(values)
    # Means of weighted clusters: resampling is a product of counts and sums.
    sums, counts = _by_cluster([np.where(known, values, 0.0), known.astype(np.float64)], clusters)
    resampled = _resampled([sums, counts], n_resamples, seed)
    draws = _ratio(resampled[0], resampled[1])
    value = _ratio(sums.sum(axis=0), counts.sum(axis=0))
    low, high = _interval(draws, level)
    return ThresholdCurve(at, value, low, high, known.sum(axis=0), None, level, "mean size")


def correctness_curve(
    thresholds: npt.ArrayLike,
    sizes: npt.ArrayLike,
    correct: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> ThresholdCurve:
    """Mean size of right answers less that of wrong ones, at each threshold.

    Negative: wrong answers need more pixels, as in *I am big, you are little*; positive: right ones
    do, as in *Overinterpretation*.

    Parameters
    ----------
    thresholds : float [T]
    sizes : float [n, T]
    correct : bool or float [n]
        NaN (no label) are left out.
    clusters, n_resamples, level, seed
        As of `size_curve`.

    Returns
    -------
    ThresholdCurve

    Raises
    ------
    InputError
        If shapes disagree.

    Source
    ------
    Carter, Jain, Mueller, Gifford: Overinterpretation (2021); Chockler, Kelly, Kroening: I am big, you
    are little.
    """
    at, values = _checked(thresholds, sizes)
    right = np.asarray(correct, np.float64)
    if right.shape != (len(values),):
        raise InputError(f"expected {len(values)} answers, one a row, got {list(right.shape)}")
    known = ~np.isnan(values)
    parts = []
    for answer in (1.0, 0.0):
        use = known & (right == answer)[:, None]
        parts += [np.where(use, values, 0.0), use.astype(np.float64)]
    s1, n1, s0, n0 = _by_cluster(parts, clusters)
    drawn = _resampled([s1, n1, s0, n0], n_resamples, seed)
    draws = _ratio(drawn[0], drawn[1]) - _ratio(drawn[2], drawn[3])
    value = _ratio(s1.sum(axis=0), n1.sum(axis=0)) - _ratio(s0.sum(axis=0), n0.sum(axis=0))
    low, high = _interval(draws, level)
    n = [part.sum(axis=0).astype(np.int64) for part in (n1, n0)]
    return ThresholdCurve(at, value, low, high, n[0], n[1], level, "correct minus incorrect")


def _checked(thresholds: npt.ArrayLike, sizes: npt.ArrayLike) -> tuple[Floats, Floats]:
    at, values = np.asarray(thresholds, np.float64), np.asarray(sizes, np.float64)
    if at.ndim != 1 or values.ndim != 2 or values.shape[1] != len(at) or not values.size:
        raise InputError(
            f"expected sizes [n, T] for T thresholds, got {list(values.shape)}, {list(at.shape)}"
        )
    return at, values


def _by_cluster(parts: list[Floats], clusters: npt.ArrayLike | None) -> list[Floats]:
    if clusters is None:
        return parts
    place = places_of(clusters, len(parts[0]))
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    return [np.add.reduceat(part[order], starts, axis=0) for part in parts]


def _resampled(parts: list[Floats], n_resamples: int, seed: int) -> list[Floats]:
    """Sums over resampled clusters: of each part [n, T] an array [n_resamples, T]."""
    side_by_side = np.concatenate(parts, axis=1)
    n = len(side_by_side)
    few = max(1, _IN_CACHE // n)
    floats = np.empty((few, n))
    made = []
    for counts in _counts(n, n_resamples, seed):
        for start in range(0, len(counts), few):
            some = counts[start : start + few]
            floats[: len(some)] = some
            made.append(floats[: len(some)] @ side_by_side)
    return np.split(np.concatenate(made), len(parts), axis=1)


def _counts(n: int, n_resamples: int, seed: int) -> Iterable[npt.NDArray[np.integer[Any]]]:
    """How often each of n clusters is drawn, some resamples at a time.

    Drawing costs more than all sums, and the models of a study have the same photos: what is not
    too large is kept for the next of them.
    """
    small = n * n_resamples <= _KEPT and n < 2**16
    return _kept(n, n_resamples, seed) if small else _drawn(n, n_resamples, seed)


@functools.lru_cache(maxsize=2)
def _kept(n: int, n_resamples: int, seed: int) -> list[npt.NDArray[np.integer[Any]]]:
    return [counts.astype(np.uint16) for counts in _drawn(n, n_resamples, seed)]


def _drawn(n: int, n_resamples: int, seed: int) -> Iterator[npt.NDArray[np.integer[Any]]]:
    rng = np.random.default_rng(seed)
    chances = np.full(n, 1.0 / n)
    most = max(1, _AT_ONCE // n)
    for start in range(0, n_resamples, most):
        yield rng.multinomial(n, chances, min(most, n_resamples - start))


def _ratio(sums: Floats, counts: Floats) -> Floats:
    ratio: Floats = np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
    return ratio


def _interval(draws: Floats, level: float) -> tuple[Floats, Floats]:
    tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    ends = np.full((2, draws.shape[1]), np.nan)
    for column in range(draws.shape[1]):
        known = draws[~np.isnan(draws[:, column]), column]
        if len(known):
            ends[:, column] = np.quantile(known, tails)
    return ends[0], ends[1]
