"""Make ``cases.json``: what scipy, statsmodels and scikit-posthocs say of small data.

Run as ``python tests/golden/statistics/make.py`` where all three are installed; the tests need only
the file.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scikit_posthocs as posthocs
import scipy
import statsmodels
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

OUT = Path(__file__).with_name("cases.json")


def groups() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    data = [np.round(rng.normal(m, 1.0, n), 1).tolist() for m, n in ((0, 12), (0.6, 9), (1.2, 15))]
    h, p = stats.kruskal(*data)
    dunn = {
        name: posthocs.posthoc_dunn(data, p_adjust=adjust).to_numpy().tolist()
        for name, adjust in (("none", None), ("holm", "holm"), ("bonferroni", "bonferroni"))
    }
    return {"data": data, "h": h, "p": p, "dunn": dunn}


def blocks() -> dict[str, Any]:
    rng = np.random.default_rng(2)
    data = np.round(rng.normal(0, 1, (20, 5)) + np.array([0, 0.2, 0.5, 0.9, 0.9]), 1)
    q, p = stats.friedmanchisquare(*data.T)
    nemenyi = posthocs.posthoc_nemenyi_friedman(data).to_numpy().tolist()
    wilcoxon = [
        [
            stats.wilcoxon(
                data[:, i], data[:, j], method="asymptotic", correction=False
            ).pvalue if i != j else 1.0
            for j in range(5)
        ]
        for i in range(5)
    ]  # fmt: skip
    return {"data": data.tolist(), "q": q, "p": p, "nemenyi": nemenyi, "wilcoxon": wilcoxon}


def corrections() -> dict[str, Any]:
    p = np.random.default_rng(3).uniform(0, 0.2, 12)
    p[3] = p[5]
    return {
        "p": p.tolist(),
        **{m: multipletests(p, method=m)[1].tolist() for m in ("holm", "bonferroni")},
    }


def mixed(seed: int, images: int, models: int, keep: float, deviations: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    i, j = (a.ravel() for a in np.meshgrid(range(images), range(models), indexing="ij"))
    kept = rng.random(len(i)) < keep
    i, j = i[kept], j[kept]
    incorrect = (rng.random(len(i)) < 0.3).astype(float)
    accuracy = rng.uniform(0.7, 0.9, models)[j]
    image, model = (rng.normal(0, s, n) for s, n in zip(deviations, (images, models), strict=False))
    y = -2.0 + 0.4 * incorrect - accuracy + image[i] + model[j]
    y += rng.normal(0, deviations[2], len(i))
    frame = pd.DataFrame({"y": y, "w": incorrect, "a": accuracy, "i": i, "j": j, "all": 1})
    parts = {"image": "0 + C(i)", "model": "0 + C(j)"}
    fitted = sm.MixedLM.from_formula("y ~ w + a", groups="all", vc_formula=parts, data=frame)
    best = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in ("bfgs", "powell", "nm"):
            start = None if best is None else best.params_object
            got = fitted.fit(reml=True, method=method, start_params=start, maxiter=4000)
            best = got if best is None or got.llf >= best.llf else best
        best = fitted.fit(
            reml=True, method="nm", start_params=best.params_object,
            maxiter=8000, xtol=1e-12, ftol=1e-14,
        )  # fmt: skip
    names = list(fitted.exog_vc.names)
    at = {name: float(best.vcomp[names.index(name)]) for name in ("image", "model")}
    # statsmodels' own errors invert the joint Hessian with the variances; these are (X' V^-1 X)^-1.
    v = at["image"] * (i[:, None] == i) + at["model"] * (j[:, None] == j)
    x = np.column_stack([np.ones(len(y)), incorrect, accuracy])
    gls = np.linalg.inv(x.T @ np.linalg.solve(v + float(best.scale) * np.eye(len(y)), x))
    return {
        "y": y.tolist(), "incorrect": incorrect.tolist(), "accuracy": accuracy.tolist(),
        "image": i.tolist(), "model": j.tolist(),
        "coefficients": best.fe_params.tolist(), "standard_errors": np.sqrt(np.diag(gls)).tolist(),
        "statsmodels_errors": best.bse_fe.tolist(),
        "image_variance": at["image"], "model_variance": at["model"],
        "residual_variance": float(best.scale), "log_likelihood": float(best.llf),
    }  # fmt: skip


def main() -> None:
    cases = {
        "made_with": {
            "scipy": scipy.__version__,
            "statsmodels": statsmodels.__version__,
            "scikit-posthocs": posthocs.__version__,
        },
        "groups": groups(),
        "blocks": blocks(),
        "corrections": corrections(),
        "mixed": [
            mixed(4, 12, 5, 1.0, (0.5, 0.3, 0.4)),
            mixed(5, 20, 6, 0.7, (0.3, 0.5, 0.5)),
            mixed(6, 15, 4, 1.0, (0.8, 0.4, 0.1)),
        ],
    }
    OUT.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
