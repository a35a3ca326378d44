"""How well a score detects misclassification: AUROC with DeLong's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics._tails import two_sided_normal
from suffice.statistics.results import Estimate, Floats, HypothesisTest


@dataclass(frozen=True, slots=True)
class Auroc:
    """Area under the ROC curve.

    Attributes
    ----------
    estimate : Estimate
        The area, ties counted half, with its interval.
    test : HypothesisTest
        That it is one half.
    standard_error : float
    n_positive, n_negative : int
    """

    estimate: Estimate
    test: HypothesisTest
    standard_error: float
    n_positive: int
    n_negative: int


def auroc(
    scores: npt.ArrayLike,
    positive: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Auroc:
    """AUROC: the probability that a positive scores above a negative, ties counted half.

    For ``m`` positives and ``n`` negatives, ``V_i`` is the share of negatives below positive ``i``
    and ``W_j`` the share of positives above negative ``j``. DeLong:
    ``var = var(V) / m + var(W) / n``. With clusters (photos) Obuchowski's sum: the influences
    ``(V_i - A) / m`` and ``(W_j - A) / n`` are summed within each of ``c`` clusters, and
    ``var = c / (c - 1) sum of squares``. With strata (models) the area is the mean of those within
    strata, and influences add up over them. The interval is normal, cut at 0 and 1.

    Parameters
    ----------
    scores : float [n]
        High for positive. NaN are left out.
    positive : bool [n]
        Such as: is misclassified.
    clusters : array [n] or None
        Rows that are not independent. With strata: needed where a photo occurs in several.
    strata : array [n] or None
        Strata that lack either class are left out.
    level : float

    Returns
    -------
    Auroc

    Raises
    ------
    InputError
        If lengths differ or either class is missing.

    Source
    ------
    DeLong, DeLong, Clarke-Pearson (1988); Obuchowski: Nonparametric analysis of clustered ROC
    curve data (1997).

    Examples
    --------
    >>> auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).estimate.value
    0.75
    """
    s, y, c, k = _checked(scores, positive, clusters, strata)
    value, influence, use = _influence(s, y, k)
    error = _error(influence, y, c, clusters is not None or strata is not None)
    from scipy import special

    half = float(special.ndtri((1.0 + level) / 2.0)) * error
    kind = "DeLong" if clusters is None and strata is None else "Obuchowski, clusters"
    estimate = Estimate(
        value, max(0.0, value - half), min(1.0, value + half), level, kind, int(use.sum())
    )
    notes = ["DeLong takes rows as independent"] if kind == "DeLong" else []
    if error == 0.0:
        notes.append("the scores separate the classes or are all equal: no error can be estimated")
    test = _z_test("AUROC is one half", value - 0.5, error, value, "auroc", estimate.n, notes)
    return Auroc(estimate, test, error, int(y[use].sum()), int((~y[use]).sum()))


def compare_auroc(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    positive: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> HypothesisTest:
    """DeLong's test that two scores of the same rows have one AUROC; the effect is a minus b.

    The influences of `auroc` are subtracted row by row, so that what both scores share cancels.

    Parameters
    ----------
    a, b : float [n]
        Rows in which either is NaN are left out.
    positive, clusters, strata
        As of `auroc`.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    InputError
        As of `auroc`.

    Source
    ------
    DeLong, DeLong, Clarke-Pearson: Comparing the areas under two or more correlated receiver operating
    characteristic curves (1988); with clusters Obuchowski (1997), as of `auroc`.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape:
        raise InputError(f"expected scores of one length, got {first.shape}, {second.shape}")
    gone = np.isnan(first) | np.isnan(second)
    s, y, c, k = _checked(np.where(gone, np.nan, first), positive, clusters, strata)
    value_a, influence_a, use = _influence(s, y, k)
    value_b, influence_b, _ = _influence(second[~gone], y, k)
    clustered = clusters is not None or strata is not None
    error = _error(influence_a - influence_b, y, c, clustered)
    gap = value_a - value_b
    return _z_test("AUROC of two scores", gap, error, gap, "difference", int(use.sum()), [])


def _z_test(
    name: str, gap: float, error: float, effect: float, effect_name: str, n: int, notes: list[str]
) -> HypothesisTest:
    if error == 0.0:
        z, log_p = (0.0, 0.0) if gap == 0.0 else (math.nan, math.nan)
    else:
        z = gap / error
        log_p = two_sided_normal(z)
    return HypothesisTest(
        name, z, None, math.exp(log_p), log_p, effect, effect_name, n, 0, tuple(notes)
    )


def _checked(
    scores: npt.ArrayLike,
    positive: npt.ArrayLike,
    clusters: npt.ArrayLike | None,
    strata: npt.ArrayLike | None,
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    s, y = np.asarray(scores, np.float64), np.asarray(positive, np.bool_)
    names = np.arange(len(s)) if clusters is None else np.asarray(clusters)
    parts = np.zeros(len(s), np.int64) if strata is None else np.asarray(strata)
    if s.ndim != 1 or not s.shape == y.shape == names.shape == parts.shape:
        raise InputError(f"expected rows of one length, got {s.shape}, {y.shape}, {names.shape}")
    known = ~np.isnan(s)
    c = np.unique(names[known], return_inverse=True)[1]
    k = np.unique(parts[known], return_inverse=True)[1]
    return s[known], y[known], c, k


def _influence(
    s: Floats, y: npt.NDArray[np.bool_], strata: npt.NDArray[np.int64]
) -> tuple[float, Floats, npt.NDArray[np.bool_]]:
    """Mean area over strata, influence of each row on it, and which rows take part."""
    influence = np.zeros(len(s))
    use = np.zeros(len(s), np.bool_)
    areas = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        if y[rows].all() or not y[rows].any():
            continue
        v, w = _components(s[rows[y[rows]]], s[rows[~y[rows]]])
        area = float(v.mean())
        influence[rows[y[rows]]] = (v - area) / len(v)
        influence[rows[~y[rows]]] = (w - area) / len(w)
        use[rows] = True
        areas.append(area)
    if not areas:
        raise InputError("expected positives and negatives, got one class only")
    return float(np.mean(areas)), influence / len(areas), use


def _components(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """DeLong's structural components by sorting."""
    low, high = np.sort(negative), np.sort(positive)
    below = np.searchsorted(low, positive, "left") + np.searchsorted(low, positive, "right")
    above = np.searchsorted(high, negative, "left") + np.searchsorted(high, negative, "right")
    return below / (2.0 * len(low)), 1.0 - above / (2.0 * len(high))


def _error(
    influence: Floats, y: npt.NDArray[np.bool_], clusters: npt.NDArray[np.int64], clustered: bool
) -> float:
    if clustered:
        sums = np.bincount(clusters, influence)
        factor = len(sums) / max(1, len(sums) - 1)
        return math.sqrt(factor * float(sums @ sums))
    parts = [influence[y], influence[~y]]
    return math.sqrt(sum(len(v) / max(1, len(v) - 1) * float(v @ v) for v in parts))
