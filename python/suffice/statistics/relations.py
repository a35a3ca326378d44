"""Rank correlations: disjoint sets and accuracy of models, size and confidence."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics.resample import bootstrap
from suffice.statistics.results import Estimate, Floats, HypothesisTest

_EXACT_UP_TO = 8  # 40,320 orders


@dataclass(frozen=True, slots=True, eq=False)
class Multiplicity:
    """Whether the mean number of disjoint sets ranks models by accuracy.

    Attributes
    ----------
    models : tuple of str
    mean_sets, accuracy : float64 [k]
    correlation : Estimate
        Spearman's, with a bootstrap interval over photos.
    test : HypothesisTest
        By permutation of the models.
    """

    models: tuple[str, ...]
    mean_sets: Floats
    accuracy: Floats
    correlation: Estimate
    test: HypothesisTest


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's correlation: Pearson's of mean ranks; NaN where one is constant.

    Parameters
    ----------
    x, y : float [n]
        None NaN.

    Returns
    -------
    float
        From -1 to 1.

    Source
    ------
    Spearman: The proof and measurement of association between two things (1904).

    Examples
    --------
    >>> spearman([1, 2, 3], [10, 30, 20])
    0.5
    """
    return _of_places(_places(np.asarray(x, np.float64)), _places(np.asarray(y, np.float64)))


def _places(values: Floats) -> npt.NDArray[np.int64]:
    """The place of each value among the different ones, from 0."""
    found: npt.NDArray[np.int64] = np.unique(values, return_inverse=True)[1]
    return found


def _of_places(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    """Spearman's correlation of places, which need no sorting; some may be of no value."""
    a, b = _mean_ranks(x), _mean_ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale else float("nan")


def _mean_ranks(place: npt.NDArray[np.int64]) -> Floats:
    """Ranks from 1, ties their mean: `scipy.stats.rankdata` without what it costs in a loop."""
    count = np.bincount(place)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return ranks


def rank_permutation(
    x: npt.ArrayLike, y: npt.ArrayLike, *, n_resamples: int = 9999, seed: int = 0
) -> HypothesisTest:
    """Permutation test that x and y are not correlated by rank, two-sided.

    All orders up to 8 pairs, else random ones with ``p = (1 + b) / (1 + B)``.

    Parameters
    ----------
    x, y : float [n]
        At least three; none NaN.
    n_resamples : int
    seed : int

    Returns
    -------
    HypothesisTest
        Statistic and effect are Spearman's correlation.

    Raises
    ------
    InputError
        If lengths differ, are below three, or there are NaN.

    Source
    ------
    Spearman: The proof and measurement of association between two things (1904); Phipson, Smyth:
    Permutation p-values should never be zero (2010).
    """
    from scipy.stats import rankdata

    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 3 or np.isnan(a).any() or np.isnan(b).any():
        raise InputError(f"expected three or more pairs of numbers, got {a.shape}, {b.shape}")
    seen = spearman(a, b)
    n = len(a)
    note = "models must be exchangeable under the hypothesis"
    if math.isnan(seen):
        return HypothesisTest(
            "Spearman permutation", seen, None, 1.0, 0.0, seen, "spearman", n, 0,
            (note, "one of the two is constant"),
        )  # fmt: skip
    ranks, others = rankdata(a) - (n + 1) / 2.0, rankdata(b)
    limit = abs(float(ranks @ others)) * (1.0 - 1e-12) - 1e-12
    if n <= _EXACT_UP_TO:
        orders = np.array(list(itertools.permutations(range(n))))
        p = float((np.abs(others[orders] @ ranks) >= limit).mean())
        how = "all orders"
    else:
        rng = np.random.default_rng(seed)
        drawn = rng.permuted(np.tile(others, (n_resamples, 1)), axis=1)
        p = (1 + int((np.abs(drawn @ ranks) >= limit).sum())) / (1 + n_resamples)
        how = f"{n_resamples} random orders"
    return HypothesisTest(
        "Spearman permutation", seen, None, p, math.log(p), seen, "spearman", n, 0, (note, how)
    )


def multiplicity(
    model: npt.ArrayLike,
    image: npt.ArrayLike,
    sets: npt.ArrayLike,
    correct: npt.ArrayLike,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Multiplicity:
    """Whether the mean number of disjoint sets ranks models by accuracy.

    The interval resamples photos, and with them both means of every model; the test permutes
    models.

    Parameters
    ----------
    model, image : str [n]
    sets : float [n]
        Disjoint sets found; 0 where none was.
    correct : float [n]
        1, 0 or NaN.
    n_resamples : int
    level : float
    seed : int

    Returns
    -------
    Multiplicity

    Raises
    ------
    InputError
        If lengths differ, or fewer than three models have both numbers.

    Source
    ------
    Kawano, Kutsuna, Sano: Minimal sufficient views (2025).
    """
    names, j = np.unique(np.asarray(model).astype(str), return_inverse=True)
    photos, i = np.unique(np.asarray(image).astype(str), return_inverse=True)
    values = np.stack([np.asarray(sets, np.float64), np.asarray(correct, np.float64)])
    if not len(i) == len(j) == values.shape[1]:
        raise InputError("expected rows of one length")
    known = ~np.isnan(values)
    total, count = np.zeros((2, 2, len(photos), len(names)))
    for which in (0, 1):
        rows = known[which]
        np.add.at(total[which], (i[rows], j[rows]), values[which, rows])
        np.add.at(count[which], (i[rows], j[rows]), 1.0)

    def means(pick: npt.NDArray[np.int64]) -> Floats:
        with np.errstate(invalid="ignore"):
            ratio: Floats = total[:, pick].sum(axis=1) / count[:, pick].sum(axis=1)
        return ratio

    def correlation(pick: npt.NDArray[np.int64]) -> float:
        m = means(pick)
        return spearman(*m) if not np.isnan(m).any() else float("nan")

    everything = np.arange(len(photos))
    mean_sets, accuracy = means(everything)
    found = bootstrap(correlation, everything, n_resamples=n_resamples, level=level, seed=seed)
    test = rank_permutation(mean_sets, accuracy, seed=seed)
    return Multiplicity(tuple(names.tolist()), mean_sets, accuracy, found, test)


def within_correlation(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    group: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    n_resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[dict[str, float], Estimate]:
    """Spearman's correlation within each group (model), and its mean over them.

    Parameters
    ----------
    x, y : float [n]
        Such as area and confidence. Rows with NaN are left out.
    group : str [n]
        Those of fewer than three rows are left out.
    clusters : array [n] or None
        Photos, resampled together.
    n_resamples : int
    level : float
    seed : int

    Returns
    -------
    dict of str to float
        Of each group.
    Estimate
        Their mean.

    Raises
    ------
    InputError
        If lengths differ or no group is large enough.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    names = np.asarray(group).astype(str)
    photos = np.arange(len(a)) if clusters is None else np.asarray(clusters)
    if a.ndim != 1 or not a.shape == b.shape == names.shape == photos.shape:
        raise InputError(f"expected rows of one length, got {a.shape}, {b.shape}, {names.shape}")
    known = ~(np.isnan(a) | np.isnan(b))
    a, b, names, photos = a[known], b[known], names[known], photos[known]

    labels, codes = np.unique(names, return_inverse=True)
    # Places within groups are found once: draws of them have the same order.
    places = np.zeros((2, len(a)), np.int64)
    for code in range(len(labels)):
        rows = codes == code
        places[:, rows] = _places(a[rows]), _places(b[rows])

    def each(
        u: npt.NDArray[np.int64], v: npt.NDArray[np.int64], g: npt.NDArray[np.int64]
    ) -> Floats:
        found = np.full(len(labels), np.nan)
        for code in range(len(labels)):
            rows = g == code
            if np.count_nonzero(rows) >= 3:
                found[code] = _of_places(u[rows], v[rows])
        return found

    def mean(*drawn: npt.NDArray[np.int64]) -> float:
        values = each(*drawn)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else float("nan")

    large = np.bincount(codes, minlength=len(labels)) >= 3
    values = each(places[0], places[1], codes)
    found = {str(labels[c]): float(values[c]) for c in np.flatnonzero(large)}
    if not found:
        raise InputError("no group has three rows; nothing can be correlated")
    estimate = bootstrap(
        mean, *places, codes, clusters=photos, n_resamples=n_resamples, level=level, seed=seed
    )
    return found, estimate
