"""The mixed model against statsmodels, the analysis of variance and dense matrices."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from reference import statistics as reference
from suffice import statistics as st
from suffice.errors import InputError

GOLDEN = json.loads(
    (Path(__file__).parent.parent / "golden/statistics/cases.json").read_text(encoding="utf-8")
)["mixed"]
VARIANCES = ("image_variance", "model_variance", "residual_variance")


def balanced(images: int, models: int, seed: int = 0, spread: float = 0.6) -> Any:
    rng = np.random.default_rng(seed)
    y = rng.normal(0, spread, (images, 1)) + rng.normal(0, 0.4, (1, models))
    y = y + rng.normal(0, 0.5, (images, models)) - 2.0
    i, j = np.meshgrid(np.arange(images), np.arange(models), indexing="ij")
    return y, i.ravel(), j.ravel()


@pytest.mark.parametrize("case", range(len(GOLDEN)))
def test_equals_statsmodels(case: int) -> None:
    g = GOLDEN[case]
    found = st.mixed_model(
        g["y"], {"incorrect": g["incorrect"], "accuracy": g["accuracy"]},
        image=g["image"], model=g["model"],
    )  # fmt: skip
    assert found.converged
    assert found.coefficients == pytest.approx(np.array(g["coefficients"]), abs=1e-6)
    assert found.standard_errors == pytest.approx(np.array(g["standard_errors"]), abs=1e-6)
    for name in VARIANCES:
        assert getattr(found, name) == pytest.approx(g[name], abs=1e-6)
    assert found.log_likelihood == pytest.approx(g["log_likelihood"], abs=1e-7)
    # Its own errors invert the joint Hessian: no equality, but no other size either.
    assert found.standard_errors == pytest.approx(np.array(g["statsmodels_errors"]), rel=0.01)


@pytest.mark.filterwarnings("ignore")
def test_equals_statsmodels_where_it_is_installed() -> None:
    sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    y, i, j = balanced(10, 4, seed=8)
    frame = pd.DataFrame({"y": y.ravel(), "i": i, "j": j, "all": 1})
    parts = {"image": "0 + C(i)", "model": "0 + C(j)"}
    theirs = sm.MixedLM.from_formula("y ~ 1", groups="all", vc_formula=parts, data=frame).fit()
    found = st.mixed_model(y.ravel(), {}, image=i, model=j)
    assert (found.image_variance, found.model_variance) == pytest.approx(theirs.vcomp, abs=1e-4)
    assert found.log_likelihood >= theirs.llf - 1e-9


@pytest.mark.parametrize("shape", [(30, 5), (200, 15)])
def test_equals_balanced_analysis_of_variance(shape: tuple[int, int]) -> None:
    images, models = shape
    y, i, j = balanced(images, models)
    found = st.mixed_model(y.ravel(), {}, image=i, model=j)
    rows, columns, grand = y.mean(axis=1), y.mean(axis=0), y.mean()
    between_i = models * ((rows - grand) ** 2).sum() / (images - 1)
    between_j = images * ((columns - grand) ** 2).sum() / (models - 1)
    residual = ((y - rows[:, None] - columns + grand) ** 2).sum() / ((images - 1) * (models - 1))
    assert found.image_variance == pytest.approx((between_i - residual) / models, rel=1e-8)
    assert found.model_variance == pytest.approx((between_j - residual) / images, rel=1e-8)
    assert found.residual_variance == pytest.approx(residual, rel=1e-8)
    assert found.coefficients[0] == pytest.approx(grand, rel=1e-12)
    # The mean varies as (MS_image + MS_model - MS_residual) / rows.
    variance = (between_i + between_j - residual) / y.size
    assert found.standard_errors[0] == pytest.approx(math.sqrt(variance), rel=1e-8)


def test_a_variance_of_zero() -> None:
    y, i, j = balanced(40, 6, seed=3)
    y = y - y.mean(axis=1, keepdims=True)  # no spread between images, less than by chance
    found = st.mixed_model(y.ravel(), {}, image=i, model=j)
    assert found.image_variance == 0.0
    assert any("images" in note and "zero" in note for note in found.notes)
    # One-way analysis of variance of the models is left.
    columns = y.mean(axis=0)
    within = ((y - columns) ** 2).sum() / (y.size - 6)
    between = 40 * ((columns - y.mean()) ** 2).sum() / 5
    assert found.residual_variance == pytest.approx(within, rel=1e-8)
    assert found.model_variance == pytest.approx((between - within) / 40, rel=1e-8)


def test_is_a_maximum_of_the_dense_likelihood() -> None:
    g = GOLDEN[1]
    columns = {"incorrect": g["incorrect"], "accuracy": g["accuracy"]}
    found = st.mixed_model(g["y"], columns, image=g["image"], model=g["model"])
    x = np.column_stack([np.ones(len(g["y"])), g["incorrect"], g["accuracy"]])
    best = tuple(getattr(found, name) for name in VARIANCES)

    def dense(variances: Any) -> float:
        return reference.reml(g["y"], x, g["image"], g["model"], variances)

    assert found.log_likelihood == pytest.approx(dense(best), abs=1e-9)
    for which in range(3):
        for factor in (0.98, 1.02):
            moved = [v * (factor if k == which else 1.0) for k, v in enumerate(best)]
            assert dense(moved) < found.log_likelihood


def test_degrees_of_freedom_and_tails() -> None:
    g = GOLDEN[0]
    columns = {"incorrect": g["incorrect"], "accuracy": g["accuracy"]}
    found = st.mixed_model(g["y"], columns, image=g["image"], model=g["model"])
    # 5 models less intercept and accuracy; 60 rows less 12 images, 4 more models, 1 column.
    assert found.df.tolist() == [3.0, 43.0, 3.0]
    test = found.tests[1]
    assert test.p == pytest.approx(2 * stats.t.sf(abs(test.statistic), 43))
    assert found.rows()[1]["low"] < test.effect < found.rows()[1]["high"]


def test_scale_shift_and_order_change_nothing() -> None:
    g = GOLDEN[1]
    order = np.random.default_rng(0).permutation(len(g["y"]))
    y = 1e4 + 100.0 * np.array(g["y"])
    names = np.array([f"photo {k}" for k in g["image"]])
    columns = {"incorrect": g["incorrect"], "accuracy": 5.0 + np.array(g["accuracy"])}
    shuffled = {name: np.array(column)[order] for name, column in columns.items()}
    found = st.mixed_model(
        y[order], shuffled, image=names[order], model=np.array(g["model"])[order]
    )
    expected = 100.0 * np.array(g["coefficients"])
    assert found.coefficients[1:] == pytest.approx(expected[1:], rel=1e-6)
    assert found.model_variance == pytest.approx(1e4 * g["model_variance"], rel=1e-6)


def test_refuses_what_it_cannot_tell_apart() -> None:
    y, i, j = balanced(6, 3)
    with pytest.raises(InputError, match="collinear"):
        st.mixed_model(y.ravel(), {"a": np.ones(18)}, image=i, model=j)
    with pytest.raises(InputError, match="two models"):
        st.mixed_model(y.ravel(), {}, image=i, model=np.zeros(18))
    with pytest.raises(InputError, match="one row"):
        st.mixed_model(y.ravel(), {}, image=np.arange(18), model=j)
    for nothing in ((y[:, :1] + y[:1]).ravel(), np.ones(18), np.full(18, 0.1)):
        with pytest.raises(InputError, match="no residual"):
            st.mixed_model(nothing, {}, image=i, model=j)
    gap = y.ravel().copy()
    gap[3] = np.nan
    found = st.mixed_model(gap, {}, image=i, model=j)
    assert (found.n, found.n_dropped) == (17, 1)
