"""Bootstrap intervals and permutation tests that keep photos together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.blocks import complete_blocks
from suffice.statistics.results import Estimate, Floats, HypothesisTest

Statistic = Callable[..., float]


def bootstrap(
    statistic: Statistic,
    *arrays: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
    method: Literal["percentile", "bca"] = "percentile",
    seed: int = 0,
) -> Estimate:
    """Bootstrap interval of a statistic.

    Rows, or whole clusters of rows (photos), are drawn with replacement. ``percentile``: the
    quantiles of the draws. ``bca``: quantiles moved by the bias ``z0`` (from the share of draws
    below the value) and the acceleration ``a`` (from leaving out one row or cluster at a time):
    ``Phi(z0 + (z0 + z) / (1 - a (z0 + z)))``. Draws for which the statistic is NaN (a class
    missing from the draw) are left out.

    Parameters
    ----------
    statistic : callable
        Takes the arrays, resampled together along the first axis, and returns a number.
    *arrays : array [n, ...]
    clusters : array [n] or None
        Which rows belong together, such as names of photos. None: each row by itself.
    n_resamples : int
    level : float
        Above 0, below 1.
    method : {"percentile", "bca"}
    seed : int

    Returns
    -------
    Estimate
        ``n`` is the number of clusters, or of rows without.

    Raises
    ------
    InputError
        If arrays differ in length, are empty, or a setting is out of range.

    Source
    ------
    Efron and Tibshirani: An introduction to the bootstrap (1993), chapter 14; Davison and Hinkley
    (1997), 3.8, for clusters.

    Examples
    --------
    >>> found = bootstrap(np.mean, [1.0, 2.0, 3.0, 4.0], seed=1)
    >>> found.value, found.low < 2.5 < found.high
    (2.5, True)
    """
    data = [np.asarray(array) for array in arrays]
    if not data or not len(data[0]) or len({len(array) for array in data}) != 1:
        raise InputError(f"expected arrays of one length, got {[len(a) for a in data]}")
    if not 0.0 < level < 1.0 or n_resamples < 1 or method not in ("percentile", "bca"):
        raise InputError(f"level {level}, n_resamples {n_resamples} or method {method!r} is wrong")
    n, rows_of = _members(clusters, len(data[0]))

    def at(picked: npt.NDArray[np.int64]) -> float:
        index = rows_of(picked)
        return float(statistic(*(array[index] for array in data)))

    value = float(statistic(*data))
    rng = np.random.default_rng(seed)
    draws = np.array([at(rng.integers(0, n, n)) for _ in range(n_resamples)])
    draws = draws[~np.isnan(draws)]
    nothing = np.array([np.nan, np.nan])
    if not len(draws) or math.isnan(value):
        low, high = nothing
    else:
        tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        if method == "bca":
            everything = np.arange(n)
            kept = np.array([at(np.delete(everything, i)) for i in range(n)])
            tails = _bca(tails, value, draws, kept)
        low, high = np.quantile(draws, tails)
    unit = "clusters" if clusters is not None else "rows"
    return Estimate(value, float(low), float(high), level, f"bootstrap {method}, {unit}", n)


def blocked_permutation(
    blocks: npt.ArrayLike, *, n_resamples: int = 9999, seed: int = 0
) -> HypothesisTest:
    """Permutation test that the means of treatments (models) are equal, within blocks (photos).

    Values are shuffled among the models of each photo. The statistic is the variance between the
    means of the models, ``sum_j (m_j - m)^2 / (k - 1)``; ``p = (1 + b) / (1 + B)`` with ``b`` of
    ``B`` shuffles at least as large, so ``p`` is never below ``1 / (1 + B)``. Unlike `friedman` it
    looks at sizes and not at ranks. The effect is the share of the variation within photos that
    lies between models.

    Parameters
    ----------
    blocks : float [n, k]
        Rows with NaN are left out and counted.
    n_resamples : int
    seed : int

    Returns
    -------
    HypothesisTest

    Raises
    ------
    InputError
        As of `friedman`.

    Source
    ------
    Pitman: Significance tests which may be applied to samples from any populations, III (1938);
    Phipson, Smyth: Permutation p-values should never be zero (2010).
    """
    complete, dropped = complete_blocks(blocks)
    centred = complete - complete.mean(axis=1, keepdims=True)
    n, k = centred.shape
    seen = _between(centred)
    rng = np.random.default_rng(seed)
    beyond = 0
    for _ in range(n_resamples):
        # A hair of slack: sums in another order must count as equal.
        beyond += _between(rng.permuted(centred, axis=1)) >= seen * (1.0 - 1e-12)
    p = (1 + beyond) / (1 + n_resamples)
    total = float((centred**2).sum())
    effect = n * (k - 1) * seen / total if total else 0.0
    return HypothesisTest(
        "blocked permutation", seen, None, p, math.log(p), effect, "eta_squared_within", n, dropped,
        (f"{n_resamples} shuffles within photos", "photos must be independent of one another"),
    )  # fmt: skip


def stratified_permutation(
    values: npt.ArrayLike,
    flags: npt.ArrayLike,
    strata: npt.ArrayLike,
    *,
    n_resamples: int = 9999,
    seed: int = 0,
) -> HypothesisTest:
    """Permutation test that flagged values have the mean of the others, within strata (photos).

    ``T = sum over strata of sum of flagged (value - mean of its stratum)``, divided by
    ``sum n1 n0 / n``: the weighted mean difference flagged minus not. Flags are shuffled within
    strata. Strata in which all flags agree say nothing and are counted in ``n_dropped``. Take the
    mean of each model off the values first, or better models are compared with worse ones.

    Parameters
    ----------
    values : float [n]
        NaN are left out.
    flags : bool [n]
    strata : array [n]
        Such as names of photos.
    n_resamples : int
    seed : int

    Returns
    -------
    HypothesisTest
        ``effect`` is the difference, ``n`` counts values in strata that take part.

    Raises
    ------
    InputError
        If lengths differ, or no stratum has both flags.

    Source
    ------
    Good: Permutation, parametric and bootstrap tests of hypotheses (2005), on blocked designs; Phipson,
    Smyth: Permutation p-values should never be zero (2010).
    """
    y, f = np.asarray(values, np.float64), np.asarray(flags, np.bool_)
    names = np.asarray(strata)
    if y.ndim != 1 or y.shape != f.shape or y.shape != names.shape:
        raise InputError(f"expected rows of one length, got {y.shape}, {f.shape}, {names.shape}")
    known = ~np.isnan(y)
    y, f = y[known], f[known]
    _, place = np.unique(names[known], return_inverse=True)
    sizes = np.bincount(place)
    ones = np.bincount(place, f)
    mixed = ((ones > 0) & (ones < sizes))[place] if len(y) else np.zeros(0, np.bool_)
    if not mixed.any():
        raise InputError("no photo has both flagged and other values; nothing can be compared")
    y, f, place = y[mixed], f[mixed], np.unique(place[mixed], return_inverse=True)[1]
    order = np.argsort(place, kind="stable")
    y, f, place = y[order], f[order], place[order]
    sizes, ones = np.bincount(place), np.bincount(place, f)
    centred = y - (np.bincount(place, y) / sizes)[place]
    weight = float((ones * (sizes - ones) / sizes).sum())
    seen = float(centred[f].sum()) / weight
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    # The flagged of a stratum are its first `ones` values in a random order: these places of it.
    inside = np.flatnonzero(np.arange(len(y)) - starts[place] < ones[place])
    strata_from, alike = place.astype(np.float64), sizes.min() == sizes.max()
    rng = np.random.default_rng(seed)
    beyond = 0
    for _ in range(n_resamples):
        keys = strata_from + 0.5 * rng.random(len(y))
        if alike:  # sorting short rows is quicker than sorting all
            order = (np.argsort(keys.reshape(-1, sizes[0]), axis=1) + starts[:, None]).reshape(-1)
        else:
            order = np.argsort(keys)
        drawn = float(centred[order[inside]].sum())
        beyond += abs(drawn / weight) >= abs(seen) * (1.0 - 1e-12)
    p = (1 + beyond) / (1 + n_resamples)
    return HypothesisTest(
        "stratified permutation", seen, None, p, math.log(p), seen, "mean_difference", len(y),
        len(known) - len(y),
        (f"{n_resamples} shuffles within photos", "values of a photo must be exchangeable"),
    )  # fmt: skip


def _members(clusters: npt.ArrayLike | None, n: int) -> tuple[int, Callable[[Any], Any]]:
    """How many clusters there are, and what gives the rows of drawn ones, one after the other."""
    if clusters is None:
        return n, lambda picked: picked
    place = places_of(clusters, n)
    order, sizes = np.argsort(place, kind="stable"), np.bincount(place)
    starts = np.cumsum(sizes) - sizes

    def rows(picked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        length = sizes[picked]
        ends = np.cumsum(length)
        shift = np.repeat(starts[picked] - (ends - length), length)
        found: npt.NDArray[np.int64] = order[np.arange(len(shift)) + shift]
        return found

    return len(sizes), rows


def places_of(clusters: npt.ArrayLike, n: int) -> npt.NDArray[np.int64]:
    """The number of each row's cluster, in the order of their names."""
    names = np.asarray(clusters)
    if names.shape != (n,):
        raise InputError(f"expected {n} clusters, one a row, got {list(names.shape)}")
    found: npt.NDArray[np.int64] = np.unique(names, return_inverse=True)[1]
    return found


def _between(centred: Floats) -> float:
    means = centred.mean(axis=0)
    return float(float(means @ means) / (centred.shape[1] - 1))


def _bca(tails: Floats, value: float, draws: Floats, kept: Floats) -> Floats:
    from scipy import special

    share = ((draws < value).sum() + (draws <= value).sum()) / (2.0 * len(draws))
    share = min(max(share, 0.5 / len(draws)), 1.0 - 0.5 / len(draws))
    z0 = special.ndtri(share)
    gaps = np.nanmean(kept) - kept[~np.isnan(kept)]
    scale = float((gaps**2).sum()) ** 1.5
    a = float((gaps**3).sum()) / (6.0 * scale) if scale > 0.0 else 0.0
    z = z0 + special.ndtri(tails)
    moved: Floats = special.ndtr(z0 + z / (1.0 - a * z))
    return moved
