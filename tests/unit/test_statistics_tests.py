"""Tests and tails against scipy, closed forms, published examples and the golden cases."""

from __future__ import annotations

import inspect
import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from suffice import statistics as st
from suffice.errors import InputError
from suffice.statistics._tails import chi2_logsf, studentized_range_logsf, two_sided_t

GOLDEN = json.loads(
    (Path(__file__).parent.parent / "golden/statistics/cases.json").read_text(encoding="utf-8")
)
# What scipy calls its normal approximation; "approx" before 1.13.
NORMAL: Any = "approx" if version("scipy").startswith(("1.11.", "1.12.")) else "asymptotic"
# Fourteen data sets by four decision trees: Demsar (2006), table 6. Of two values that print alike
# (0.975) the digit that its mean ranks need is restored.
DEMSAR = [
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
]  # fmt: skip


@pytest.mark.parametrize("x", [0.5, 20.0, 500.0, 1176.134, 5e4])
def test_chi_squared_tail_at_any_depth(x: float) -> None:
    assert chi2_logsf(x, 2) == pytest.approx(-x / 2, rel=1e-12)
    assert chi2_logsf(x, 4) == pytest.approx(-x / 2 + math.log1p(x / 2), rel=1e-12)
    # Odd degrees: with one, it is the tail of a normal.
    expected = math.log(2) + special.log_ndtr(-math.sqrt(x))
    assert chi2_logsf(x, 1) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("t", [0.3, 4.0, 1e3, 1e160])
def test_tail_of_t(t: float) -> None:
    assert two_sided_t(t, 1) == pytest.approx(math.log(2 / math.pi * math.atan(1 / t)), rel=1e-11)
    if t < 1e6:
        expected = math.log(2) + stats.t.logsf(t, 40.5)
        assert two_sided_t(-t, 40.5) == pytest.approx(expected, rel=1e-10)
    else:
        # Far out the density is a power: each tenfold t takes off df ln 10.
        step = two_sided_t(t, 40.5) - two_sided_t(10 * t, 40.5)
        assert step == pytest.approx(40.5 * math.log(10), rel=1e-9)


def test_studentized_range() -> None:
    q = np.array([0.5, 2.0, 4.0, 6.0])
    for k in (2, 5, 15):
        expected = np.log(stats.studentized_range.sf(q, k, np.inf))
        assert studentized_range_logsf(q, k) == pytest.approx(expected, rel=1e-6)
    far = np.array([1.0, 10.0, 80.0, 300.0])
    two = math.log(2) + special.log_ndtr(-far / math.sqrt(2))
    assert studentized_range_logsf(far, 2) == pytest.approx(two, rel=1e-11)
    # Far out each pair counts by itself.
    pairs = math.log(15 * 14 / 2) + two[-1]
    assert studentized_range_logsf(far, 15)[-1] == pytest.approx(pairs, rel=1e-9)


def test_kruskal_wallis_and_dunn() -> None:
    case = GOLDEN["groups"]
    found = st.kruskal_wallis(case["data"])
    assert (found.statistic, found.p) == pytest.approx((case["h"], case["p"]), rel=1e-12)
    assert found.log_p == pytest.approx(math.log(case["p"]), rel=1e-12)
    assert found.effect == pytest.approx(case["h"] / (found.n - 1))
    assert "independent" in found.notes[0]
    for correction, expected in case["dunn"].items():
        pairs = st.dunn(case["data"], correction=correction)
        assert pairs.adjusted_p == pytest.approx(np.array(expected), rel=1e-10)
    assert (pairs.statistic == -pairs.statistic.T).all()


def test_kruskal_wallis_of_large_groups_keeps_its_log() -> None:
    found = st.kruskal_wallis({"a": np.arange(2000.0), "b": np.arange(2000.0) + 5000})
    assert found.p == 0.0
    assert found.statistic == pytest.approx(
        stats.kruskal(np.arange(2000.0), np.arange(2000.0) + 5000).statistic
    )
    assert found.log_p == pytest.approx(
        math.log(2) + special.log_ndtr(-math.sqrt(found.statistic)), rel=1e-12
    )
    assert found.effect == pytest.approx(0.75, abs=1e-3)


def test_friedman_nemenyi_and_wilcoxon() -> None:
    case = GOLDEN["blocks"]
    found = st.friedman(case["data"])
    assert (found.statistic, found.p) == pytest.approx((case["q"], case["p"]), rel=1e-12)
    assert st.nemenyi(case["data"]).p == pytest.approx(np.array(case["nemenyi"]), rel=1e-6)
    pairs = st.wilcoxon_pairs(case["data"], correction="none")
    expected = np.array(case["wilcoxon"])
    # Pairs without ties are exact here, those of the golden file normal.
    assert pairs.p == pytest.approx(expected, rel=0.15, abs=2e-5)
    assert (pairs.effect == -pairs.effect.T).all()


def test_published_example_of_friedman() -> None:
    data = np.array(DEMSAR)
    ranks = stats.rankdata(-data, axis=1).mean(axis=0)
    assert ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    found = st.friedman(data)
    # The paper leaves out the correction for ties, 9.28.
    ties = sum(float((row == v).sum() ** 2 - 1) for row in data for v in row)
    plain = found.statistic * (1 - ties / (14 * 4 * 15))
    assert plain == pytest.approx(9.28, abs=0.01)
    # Critical difference 2.569 sqrt(4 * 5 / (6 * 14)) = 1.25 at 5 %.
    assert np.exp(studentized_range_logsf(2.569 * math.sqrt(2), 4)) == pytest.approx(0.05, abs=2e-4)


@pytest.mark.parametrize("n", [8, 30, 400])
def test_wilcoxon_against_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.2, 1, n), rng.normal(0, 1, n)
    found = st.wilcoxon(a, b)
    method: Any = "exact" if n <= 50 else NORMAL
    expected = stats.wilcoxon(a, b, method=method, correction=False)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    whole = stats.wilcoxon(a, b, alternative="greater", method=method).statistic
    assert found.effect == pytest.approx(2 * whole / (n * (n + 1) / 2) - 1)


@pytest.mark.filterwarnings("ignore:Sample size too small")  # scipy before 1.13 says so
def test_wilcoxon_with_ties_zeros_and_gaps() -> None:
    a = np.array([1, 2, 3, 4, 5, 6, 7, 8, np.nan, 2.0])
    b = np.array([1, 1, 1, 5, 3, 2, 8, 3, 1.0, np.nan])
    found = st.wilcoxon(a, b)
    expected = stats.wilcoxon(a[:8], b[:8], method=NORMAL, correction=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.n, found.n_dropped) == (7, 3)
    same = st.wilcoxon(a[:3], a[:3])
    assert (same.p, same.effect, same.n) == (1.0, 0.0, 0)


def test_incomplete_blocks_are_dropped_and_counted() -> None:
    data = np.array(DEMSAR)
    with_gap = np.vstack([data, [0.5, np.nan, 0.6, 0.7]])
    found = st.friedman(with_gap)
    assert (found.n, found.n_dropped) == (14, 1)
    assert found.statistic == st.friedman(data).statistic
    with pytest.raises(InputError, match="no complete block"):
        st.friedman([[1.0, np.nan], [np.nan, 2.0]])


def test_all_values_equal_say_nothing() -> None:
    assert st.friedman(np.ones((5, 3))).p == 1.0
    assert st.kruskal_wallis([[1.0, 1.0], [1.0, 1.0]]).p == 1.0
    assert (st.dunn([[1.0, 1.0], [1.0, 1.0]]).p == 1.0).all()


def test_corrections() -> None:
    case = GOLDEN["corrections"]
    for name, correct in (("holm", st.holm), ("bonferroni", st.bonferroni)):
        assert correct(case["p"]) == pytest.approx(np.array(case[name]), rel=1e-12)
        logs = correct(np.log(case["p"]), log=True)
        assert np.exp(logs) == pytest.approx(np.array(case[name]), rel=1e-12)
    deep = st.holm([-2000.0, -1000.0], log=True)
    assert deep == pytest.approx([-2000 + math.log(2), -1000.0])
    with pytest.raises(InputError, match="probabilities"):
        st.holm([0.5, 1.5])


def test_bootstrap_against_scipy() -> None:
    x = np.random.default_rng(0).exponential(1.0, 40)
    # Older releases of scipy have another name for it.
    known = inspect.signature(stats.bootstrap).parameters
    source: Any = {"rng" if "rng" in known else "random_state": np.random.default_rng(5)}
    for method in ("percentile", "bca"):
        found = st.bootstrap(np.mean, x, method=method, n_resamples=6000)
        scipys: Any = "BCa" if method == "bca" else "percentile"
        expected = stats.bootstrap(
            (x,), np.mean, method=scipys, n_resamples=6000, **source
        ).confidence_interval
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_bootstrap_keeps_clusters_together() -> None:
    x = np.repeat(np.random.default_rng(0).normal(0, 1, 30), 20)
    photo = np.repeat(np.arange(30), 20)
    alone = st.bootstrap(np.mean, x, n_resamples=500)
    together = st.bootstrap(np.mean, x, clusters=photo, n_resamples=500)
    assert (alone.n, together.n) == (600, 30)
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(math.sqrt(20), rel=0.2)


def test_blocked_permutation() -> None:
    data = np.random.default_rng(0).normal(0, 1, (12, 4)) + 10 * np.arange(12)[:, None]
    none = st.blocked_permutation(data, n_resamples=999)
    assert 0.02 < none.p < 1.0
    some = st.blocked_permutation(data + np.array([0, 0, 0, 2.5]), n_resamples=999)
    assert some.p == 0.001
    centred = data + np.array([0, 0, 0, 2.5])
    centred = centred - centred.mean(axis=1, keepdims=True)
    share = 12 * (centred.mean(axis=0) ** 2).sum() / (centred**2).sum()
    assert some.effect == pytest.approx(share)


def test_stratified_permutation_against_all_orders() -> None:
    y = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 9.0, 1.0])
    flags = np.array([0, 0, 1, 0, 1, 1, 1], bool)
    photo = np.array(["a", "a", "a", "b", "b", "c", "c"])
    # Photo a has three orders, b two; c is all flagged and takes no part.
    centred = np.array([1, 2, 4]) - 7 / 3, np.array([3, 5]) - 4.0
    weight = 1 * 2 / 3 + 1 * 1 / 2
    every = [(u + v) / weight for u in centred[0] for v in centred[1]]
    seen = (centred[0][2] + centred[1][1]) / weight
    exact = np.mean([abs(t) >= abs(seen) - 1e-12 for t in every])
    found = st.stratified_permutation(y, flags, photo, n_resamples=4000)
    assert found.effect == pytest.approx(seen)
    assert found.p == pytest.approx(exact, abs=0.03)
    assert (found.n, found.n_dropped) == (5, 2)
    with pytest.raises(InputError, match="flagged"):
        st.stratified_permutation(y, np.ones(7, bool), photo)


def test_rank_correlation() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=7), np.round(rng.normal(size=7))
    assert st.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    found = st.rank_permutation([1, 2, 3, 4], [1, 2, 3, 4])
    assert (found.statistic, found.p) == (1.0, 2 / 24)
    many = st.rank_permutation(np.arange(12), np.arange(12)[::-1], n_resamples=999)
    assert (many.statistic, many.p) == (-1.0, 0.001)
