"""Laws that hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from suffice import statistics as st

SEEDS = some.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(SEEDS, some.integers(3, 12), some.integers(2, 5))
def test_rank_tests_see_order_only(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    data = np.round(rng.normal(size=(n, k)), 1)
    stretched = np.exp(data)
    for test in (st.friedman, lambda d: st.kruskal_wallis(d.T)):
        a, b = test(data), test(stretched)
        assert (a.statistic, a.log_p) == (b.statistic, b.log_p)
        assert 0.0 <= a.p <= 1.0
        assert -1e-9 <= a.effect <= 1.0 + 1e-9
    # What is added to a whole photo changes no rank in it.
    whole = np.round(10 * data) + 50.0 * rng.integers(0, 9, (n, 1))
    assert st.friedman(whole).statistic == st.friedman(data).statistic
    moved = st.friedman(data[rng.permutation(n)][:, rng.permutation(k)])
    assert moved.statistic == pytest.approx(st.friedman(data).statistic, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(some.lists(some.floats(0.0, 1.0), min_size=1, max_size=20))
def test_corrections_are_ordered(p: list[float]) -> None:
    holm, bonferroni = st.holm(p), st.bonferroni(p)
    assert (np.array(p) <= holm + 1e-12).all()
    assert (holm <= bonferroni + 1e-12).all()
    order = np.argsort(p)
    assert (np.diff(holm[order]) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(SEEDS, some.integers(4, 40))
def test_auroc_turns_around(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    s, y = np.round(rng.normal(size=n), 1), np.arange(n) % 2 == 0
    up, down, flipped = st.auroc(s, y), st.auroc(-s, y), st.auroc(s, ~y)
    assert up.estimate.value + down.estimate.value == pytest.approx(1.0)
    assert down.estimate.value == pytest.approx(flipped.estimate.value)
    assert up.standard_error == pytest.approx(flipped.standard_error)
    assert st.auroc(s**3, y).estimate == up.estimate


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_mixed_model_follows_scale_and_shift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    i, j = (a.ravel() for a in np.meshgrid(range(15), range(4), indexing="ij"))
    w = rng.integers(0, 2, 60).astype(float)
    y = rng.normal(size=15)[i] + rng.normal(size=4)[j] + rng.normal(size=60)
    a = st.mixed_model(y, {"w": w}, image=i, model=j)
    b = st.mixed_model(5.0 - 3.0 * y, {"w": w}, image=i, model=j)
    assert a.converged
    assert b.coefficients[1] == pytest.approx(-3.0 * a.coefficients[1], rel=1e-5, abs=1e-7)
    assert b.image_variance == pytest.approx(9.0 * a.image_variance, rel=1e-5, abs=1e-7)


def test_false_alarms_where_photos_are_shared() -> None:
    """Nothing differs between models: blocked tests reject one in twenty."""
    rng = np.random.default_rng(0)
    runs, blocked, permuted, slopes = 400, 0, 0, 0
    i, j = (a.ravel() for a in np.meshgrid(range(20), range(4), indexing="ij"))
    for run in range(runs):
        photo = rng.normal(size=20)
        y = photo[:, None] + 0.5 * rng.normal(size=(20, 4))
        wrong = rng.random((20, 4)) < 0.5
        blocked += st.friedman(y).p < 0.05
        permuted += (
            st.stratified_permutation(y.ravel(), wrong.ravel(), i, n_resamples=99, seed=run).p
            <= 0.05
        )
        fitted = st.mixed_model(y.ravel(), {"w": wrong.ravel()}, image=i, model=j)
        slopes += fitted.tests[1].p < 0.05
    for rejected in (blocked, permuted, slopes):
        # Four standard errors of a share of 0.05.
        assert abs(rejected / runs - 0.05) < 4 * np.sqrt(0.05 * 0.95 / runs)
