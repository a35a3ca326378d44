"""Tests of independent groups: Kruskal-Wallis, and Dunn's comparisons after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics._tails import chi2_logsf, two_sided_normal
from suffice.statistics.correction import Correction, adjust
from suffice.statistics.results import SHARED_PHOTOS, Floats, HypothesisTest, PairwiseTests

Groups = Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike]


def kruskal_wallis(groups: Groups) -> HypothesisTest:
    """Kruskal-Wallis test that groups have one distribution, with epsilon squared.

    With ``N`` values, mean ranks ``R_j`` of ``n_j`` values (ties share their mean rank) and ties
    of ``t`` equal values:
    ``H = 12 / (N (N + 1)) sum n_j (R_j - (N + 1) / 2)^2 / (1 - sum(t^3 - t) / (N^3 - N))``,
    chi-squared with ``k - 1`` degrees of freedom; ``epsilon squared = H / (N - 1)``, 0 to 1.

    Parameters
    ----------
    groups : dict of name to float [n_j], or sequence of float [n_j]
        At least two, none empty. NaN are left out and counted in ``n_dropped``.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    InputError
        If there are fewer than two groups, one has no value, or a value is infinite.

    Source
    ------
    Kruskal and Wallis (1952); Tomczak and Tomczak (2014) for epsilon squared.

    Examples
    --------
    >>> found = kruskal_wallis([[1, 2, 3], [4, 5, 6]])
    >>> round(found.statistic, 3), round(found.p, 3), round(found.effect, 3)
    (3.857, 0.05, 0.771)
    """
    _, values, dropped = _checked(groups)
    ranks, ties, total = _ranks(values)
    h = 0.0
    start = 0
    for group in values:
        mean = float(ranks[start : start + len(group)].mean())
        h += len(group) * (mean - (total + 1) / 2.0) ** 2
        start += len(group)
    spread = 1.0 - ties / (total**3 - total)
    h = 12.0 / (total * (total + 1.0)) * h / spread if spread > 0.0 else 0.0
    df = len(values) - 1
    log_p = chi2_logsf(h, df)
    return HypothesisTest(
        name="Kruskal-Wallis", statistic=h, df=df, p=math.exp(log_p), log_p=log_p,
        effect=h / (total - 1), effect_name="epsilon_squared", n=total, n_dropped=dropped,
        notes=(SHARED_PHOTOS,),
    )  # fmt: skip


def dunn(groups: Groups, *, correction: Correction = "holm") -> PairwiseTests:
    """Dunn's comparisons of all pairs of groups after Kruskal-Wallis.

    ``z = (R_i - R_j) / sqrt((N (N + 1) / 12 - sum(t^3 - t) / (12 (N - 1))) (1/n_i + 1/n_j))``,
    normal, with the joint mean ranks of `kruskal_wallis`. The effect is ``z / sqrt(n_i + n_j)``.

    Parameters
    ----------
    groups : dict of name to float [n_j], or sequence of float [n_j]
    correction : {"holm", "bonferroni", "none"}

    Returns
    -------
    PairwiseTests

    Raises
    ------
    InputError
        As `kruskal_wallis`, and for an unknown correction.

    Source
    ------
    Dunn: Multiple comparisons using rank sums (1964).
    """
    names, values, dropped = _checked(groups)
    ranks, ties, total = _ranks(values)
    sizes = np.array([len(group) for group in values])
    means = np.array([part.mean() for part in np.split(ranks, np.cumsum(sizes)[:-1])])
    variance = total * (total + 1) / 12.0 - ties / (12.0 * (total - 1))
    scale = np.sqrt(variance * (1.0 / sizes[:, None] + 1.0 / sizes[None]))
    z = np.divide(means[:, None] - means[None], scale, out=np.zeros_like(scale), where=scale > 0)
    effect = z / np.sqrt(sizes[:, None] + sizes[None])
    logs = pair_logs(z, two_sided_normal)
    return pairwise(
        "Dunn", names, z, logs, correction, effect, "z_over_root_n", total, dropped,
        (SHARED_PHOTOS,),
    )  # fmt: skip


def pair_logs(statistic: Floats, tail: Any) -> Floats:
    """Apply a log tail to the pairs above the diagonal and mirror it."""
    k = len(statistic)
    logs = np.zeros((k, k))
    for i in range(k):
        for j in range(i + 1, k):
            logs[i, j] = logs[j, i] = tail(float(statistic[i, j]))
    return logs


def pairwise(
    name: str,
    names: tuple[str, ...],
    statistic: Floats,
    logs: Floats,
    correction: Correction,
    effect: Floats,
    effect_name: str,
    n: int,
    n_dropped: int,
    notes: tuple[str, ...],
    label: str | None = None,
) -> PairwiseTests:
    """Correct a matrix of log p over its pairs and pack it up."""
    upper = np.triu_indices(len(names), 1)
    adjusted = np.zeros_like(logs)
    adjusted[upper] = adjust(logs[upper], correction)
    adjusted += adjusted.T
    return PairwiseTests(
        name, names, statistic, np.exp(logs), logs, np.exp(adjusted), adjusted,
        label or correction, effect, effect_name, n, n_dropped, notes,
    )  # fmt: skip


def _checked(groups: Groups) -> tuple[tuple[str, ...], list[Floats], int]:
    if isinstance(groups, Mapping):
        names = tuple(str(name) for name in groups)
        given = [np.asarray(group, np.float64).reshape(-1) for group in groups.values()]
    else:
        given = [np.asarray(group, np.float64).reshape(-1) for group in groups]
        names = tuple(str(index) for index in range(len(given)))
    kept = [group[~np.isnan(group)] for group in given]
    if len(kept) < 2 or not all(len(group) for group in kept):
        sizes = [len(group) for group in kept]
        raise InputError(f"expected two or more groups with values, got groups of sizes {sizes}")
    if not all(np.isfinite(group).all() for group in kept):
        raise InputError("expected finite values or NaN, got infinite ones")
    return names, kept, sum(map(len, given)) - sum(map(len, kept))


def _ranks(values: list[Floats]) -> tuple[Floats, float, int]:
    """Joint mean ranks, ``sum(t^3 - t)`` over ties, and how many values there are."""
    from scipy.stats import rankdata

    joint = np.concatenate(values)
    _, counts = np.unique(joint, return_counts=True)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    return np.asarray(rankdata(joint), np.float64), ties, len(joint)
