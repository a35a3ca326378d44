"""Tests in which every photo is a block seen by every model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics._tails import chi2_logsf, studentized_range_logsf, two_sided_normal
from suffice.statistics.correction import Correction
from suffice.statistics.groups import pairwise
from suffice.statistics.results import Floats, HypothesisTest, PairwiseTests

_BLOCKED = "photos are blocks and must be independent of one another; models may share them"
_EXACT_UP_TO = 50


def friedman(blocks: npt.ArrayLike) -> HypothesisTest:
    """Friedman's test that treatments (models) have one distribution within blocks (photos).

    With rank sums ``S_j`` over ``n`` blocks of ``k`` ranks (ties share their mean rank):
    ``Q = (12 / (n k (k + 1)) sum S_j^2 - 3 n (k + 1)) / (1 - sum(t^3 - t) / (n k (k^2 - 1)))``,
    chi-squared with ``k - 1`` degrees of freedom; Kendall's ``W = Q / (n (k - 1))``, 0 to 1.

    Parameters
    ----------
    blocks : float [n, k]
        One row a photo. Rows with NaN are incomplete, left out and counted in ``n_dropped``.

    Returns
    -------
    HypothesisTest
        ``n`` is the number of complete blocks.

    Raises
    ------
    InputError
        If it is no matrix of at least two columns with a complete row, or a value is infinite.

    Source
    ------
    Friedman (1937); Kendall and Babington Smith (1939).
    """
    complete, dropped = complete_blocks(blocks)
    ranks, ties = _row_ranks(complete)
    n, k = ranks.shape
    # From deviations, which lose no digits where rank sums are large and nearly equal.
    deviations = ranks.sum(axis=0) - n * (k + 1) / 2.0
    spread = 1.0 - ties / (n * k * (k * k - 1.0))
    q = 12.0 / (n * k * (k + 1.0)) * float(deviations @ deviations) / spread if spread > 0 else 0.0
    log_p = chi2_logsf(q, k - 1)
    return HypothesisTest(
        name="Friedman", statistic=q, df=k - 1, p=math.exp(log_p), log_p=log_p,
        effect=q / (n * (k - 1)), effect_name="kendall_w", n=n, n_dropped=dropped,
        notes=(_BLOCKED,),
    )  # fmt: skip


def nemenyi(blocks: npt.ArrayLike, names: Sequence[str] | None = None) -> PairwiseTests:
    """Nemenyi's comparisons of all pairs of treatments after Friedman.

    ``q = |R_i - R_j| / sqrt(k (k + 1) / (6 n))`` with mean ranks ``R``; ``q sqrt(2)`` has the
    distribution of the range of ``k`` standard normals, which itself corrects for all pairs.

    Parameters
    ----------
    blocks : float [n, k]
        As of `friedman`.
    names : sequence of str or None
        Of the columns.

    Returns
    -------
    PairwiseTests
        ``statistic`` is signed ``q``; ``effect`` the difference of mean ranks. ``p`` and
        ``adjusted_p`` are the same.

    Raises
    ------
    InputError
        As of `friedman`.

    Source
    ------
    Nemenyi (1963); Demsar: Statistical comparisons of classifiers over multiple data sets (2006).
    """
    complete, dropped = complete_blocks(blocks)
    ranks, _ = _row_ranks(complete)
    n, k = ranks.shape
    means = ranks.mean(axis=0)
    gaps = means[:, None] - means[None]
    q = gaps / math.sqrt(k * (k + 1) / (6.0 * n))
    logs = studentized_range_logsf(np.abs(q) * math.sqrt(2.0), k)
    return pairwise(
        "Nemenyi", _names(names, k), q, logs, "none", gaps, "mean_rank_difference", n, dropped,
        (_BLOCKED,), label="studentized range",
    )  # fmt: skip


def wilcoxon(a: npt.ArrayLike, b: npt.ArrayLike) -> HypothesisTest:
    """Wilcoxon's signed-rank test of pairs.

    Zero differences are left out (Wilcoxon's own rule). With positive and negative rank sums
    ``W+`` and ``W-``, the statistic is the smaller. p is exact for up to 50 differences without
    ties, else normal with ``var = n (n + 1) (2 n + 1) / 24 - sum(t^3 - t) / 48`` and no continuity
    correction. The effect is the matched rank-biserial correlation ``(W+ - W-) / (W+ + W-)``.

    Parameters
    ----------
    a, b : float [n]
        Pairs with NaN are left out.

    Returns
    -------
    HypothesisTest
        ``n`` counts differences that are not zero, ``n_dropped`` the others and NaN.

    Raises
    ------
    InputError
        If they are not two rows of one length, or values are infinite.

    Source
    ------
    Wilcoxon (1945); Kerby (2014) for the effect.
    """
    from scipy import stats

    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.ndim != 1 or x.shape != y.shape or np.isinf(x).any() or np.isinf(y).any():
        raise InputError(f"expected finite pairs of one length, got {x.shape} and {y.shape}")
    gaps = x - y
    gaps = gaps[~np.isnan(gaps) & (gaps != 0.0)]
    n = len(gaps)
    if not n:
        notes = (_BLOCKED, "no pair differs")
        return HypothesisTest(
            "Wilcoxon", 0.0, None, 1.0, 0.0, 0.0, "rank_biserial", 0, len(x), notes
        )
    ranks = stats.rankdata(np.abs(gaps))
    plus = float(ranks[gaps > 0].sum())
    minus = float(ranks[gaps < 0].sum())
    _, counts = np.unique(np.abs(gaps), return_counts=True)
    if n <= _EXACT_UP_TO and counts.max() == 1:
        log_p = math.log(float(stats.wilcoxon(gaps, method="exact").pvalue))
    else:
        ties = float((counts.astype(np.float64) ** 3 - counts).sum())
        variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0
        log_p = two_sided_normal((plus - n * (n + 1) / 4.0) / math.sqrt(variance))
    return HypothesisTest(
        name="Wilcoxon", statistic=min(plus, minus), df=None, p=math.exp(log_p), log_p=log_p,
        effect=(plus - minus) / (plus + minus), effect_name="rank_biserial", n=n,
        n_dropped=len(x) - n,
        notes=(_BLOCKED, "assumes differences symmetric about their median"),
    )  # fmt: skip


def wilcoxon_pairs(
    blocks: npt.ArrayLike,
    names: Sequence[str] | None = None,
    *,
    correction: Correction = "holm",
) -> PairwiseTests:
    """`wilcoxon` for all pairs of columns, on the photos both have.

    Parameters
    ----------
    blocks : float [n, k]
    names : sequence of str or None
    correction : {"holm", "bonferroni", "none"}

    Returns
    -------
    PairwiseTests
        ``statistic`` is the smaller rank sum, so symmetric; the sign is that of ``effect``.

    Raises
    ------
    InputError
        If it is no matrix of at least two columns, or a value is infinite.

    Source
    ------
    Wilcoxon: Individual comparisons by ranking methods (1945).
    """
    matrix = _matrix(blocks)
    k = matrix.shape[1]
    statistic, logs, effect = np.zeros((k, k)), np.zeros((k, k)), np.zeros((k, k))
    for i in range(k):
        for j in range(i + 1, k):
            found = wilcoxon(matrix[:, i], matrix[:, j])
            statistic[i, j] = statistic[j, i] = found.statistic
            logs[i, j] = logs[j, i] = found.log_p
            effect[i, j], effect[j, i] = found.effect, -found.effect
    dropped = int(np.isnan(matrix).any(axis=1).sum())
    return pairwise(
        "Wilcoxon", _names(names, k), statistic, logs, correction, effect, "rank_biserial",
        len(matrix), dropped, (_BLOCKED, "n_dropped counts photos that some model lacks"),
    )  # fmt: skip


def _matrix(blocks: npt.ArrayLike) -> Floats:
    matrix = np.asarray(blocks, np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise InputError(f"expected photos by models [n, k >= 2], got {list(matrix.shape)}")
    if np.isinf(matrix).any():
        raise InputError("expected finite values or NaN, got infinite ones")
    return matrix


def complete_blocks(blocks: npt.ArrayLike) -> tuple[Floats, int]:
    """Rows without NaN, and how many have some."""
    matrix = _matrix(blocks)
    whole = ~np.isnan(matrix).any(axis=1)
    if not whole.any():
        raise InputError("no photo has a value for every model; there is no complete block")
    return matrix[whole], int((~whole).sum())


def _row_ranks(matrix: Floats) -> tuple[Floats, float]:
    """Mean ranks within rows, and ``sum(t^3 - t)`` over the ties of all rows."""
    from scipy.stats import rankdata

    # Of t equal values each contributes t^2 - 1.
    equal = (matrix[:, :, None] == matrix[:, None]).sum(axis=2).astype(np.float64)
    return np.asarray(rankdata(matrix, axis=1), np.float64), float((equal**2 - 1.0).sum())


def _names(names: Sequence[str] | None, k: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(index) for index in range(k))
    if len(names) != k:
        raise InputError(f"expected {k} names, one a column, got {len(names)}")
    return tuple(str(name) for name in names)
