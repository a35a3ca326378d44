"""Linear mixed-effects model with crossed random effects of image and model, by REML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.statistics._tails import two_sided_t
from suffice.statistics.results import Floats, HypothesisTest, plain

_NOTHING_LEFT = "images, models and fixed effects explain every digit; no residual is left"
_HUGE = 1e6  # standard deviations of an effect per residual one: rounding, not data


@dataclass(frozen=True, slots=True, eq=False)
class MixedModel:
    """A fitted model ``y = X b + u_image + v_model + e``.

    Attributes
    ----------
    names : tuple of str
        Of the fixed effects, ``intercept`` first.
    coefficients, standard_errors : float64 [p]
    covariance : float64 [p, p]
        Of the coefficients.
    df : float64 [p]
        Of the t tests, by containment: a column that is constant within models has the models
        less such columns, one constant within images likewise, others the residual ones.
    tests : tuple of HypothesisTest
        That each coefficient is zero.
    image_variance, model_variance, residual_variance : float
        A variance estimated as zero lies on its boundary.
    log_likelihood : float
        The restricted one, at its maximum.
    n, n_images, n_models, n_dropped : int
        ``n_dropped`` counts rows left out for NaN.
    converged : bool
    notes : tuple of str
    """

    names: tuple[str, ...]
    coefficients: Floats
    standard_errors: Floats
    covariance: Floats
    df: Floats
    tests: tuple[HypothesisTest, ...]
    image_variance: float
    model_variance: float
    residual_variance: float
    log_likelihood: float
    n: int
    n_images: int
    n_models: int
    n_dropped: int
    converged: bool
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row for each fixed effect, with its interval of 95 %."""
        from scipy.stats import t

        half = [t.ppf(0.975, d) * s for d, s in zip(self.df, self.standard_errors, strict=True)]
        return [
            {
                "effect": name,
                "coefficient": float(self.coefficients[i]),
                "standard_error": float(self.standard_errors[i]),
                "low": float(self.coefficients[i] - half[i]),
                "high": float(self.coefficients[i] + half[i]),
                "t": self.tests[i].statistic,
                "df": float(self.df[i]),
                "p": self.tests[i].p,
                "log_p": self.tests[i].log_p,
            }
            for i, name in enumerate(self.names)
        ]

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        keys = (
            *("image_variance", "model_variance", "residual_variance", "log_likelihood"),
            *("n", "n_images", "n_models", "n_dropped", "converged", "notes"),
        )
        values: dict[str, Any] = {key: getattr(self, key) for key in keys}
        result: dict[str, Any] = plain({"effects": self.rows(), **values})
        return result


def mixed_model(
    y: npt.ArrayLike,
    fixed: Mapping[str, npt.ArrayLike],
    *,
    image: npt.ArrayLike,
    model: npt.ArrayLike,
) -> MixedModel:
    """Fit a linear mixed model with crossed random effects of image and model by REML.

    ``y = X b + u[image] + v[model] + e`` with independent normal ``u``, ``v``, ``e`` of variances
    ``s_u^2``, ``s_v^2``, ``s^2``. With ``t_u = s_u / s`` and ``t_v = s_v / s`` profiled over ``b``
    and ``s``, ``-2 log REML = log|I + T' Z' Z T| + log|X' V^-1 X s^2| +
    (n - p) (1 + log(2 pi r / (n - p)))``, ``r`` the penalised residual sum of squares, as in lme4.
    The block of the images is diagonal and is eliminated first, so that each evaluation costs
    ``images * (models + p)^2`` and no matrix of all rows is formed. Gradients are exact, by complex
    steps; the maximum is polished by Newton's method.

    Parameters
    ----------
    y : float [n]
    fixed : dict of name to float [n]
        Columns of ``X`` besides the intercept, which is always there.
    image, model : array [n]
        What the row belongs to. Cells may be missing or repeated.

    Returns
    -------
    MixedModel

    Raises
    ------
    InputError
        If lengths differ, columns are collinear, a value is infinite, there are too few rows, or
        the variances can't be told apart.

    Source
    ------
    Bates, Maechler, Bolker, Walker: Fitting linear mixed-effects models using lme4 (2015),
    equations 35-42; Patterson and Thompson (1971).
    """
    names = ("intercept", *(str(name) for name in fixed))
    given = np.column_stack(
        [np.asarray(y, np.float64), *(np.asarray(c, np.float64) for c in fixed.values())]
    )
    images, models = np.asarray(image), np.asarray(model)
    if images.shape != (len(given),) or models.shape != (len(given),):
        raise InputError(f"expected {len(given)} images and models, one a row")
    known = ~np.isnan(given).any(axis=1)
    data = given[known]
    if np.isinf(data).any():
        raise InputError("expected finite values or NaN, got infinite ones")
    x = np.column_stack([np.ones(len(data)), data[:, 1:]])
    n, p = x.shape
    if n <= p + 2 or np.linalg.matrix_rank(x / np.abs(x).max(axis=0, initial=1e-300)) < p:
        raise InputError(
            f"{n} rows can't determine {', '.join(names)}: columns are collinear or rows too few"
        )
    _, i = np.unique(images[known], return_inverse=True)
    _, j = np.unique(models[known], return_inverse=True)
    if i.max() < 1 or j.max() < 1:
        raise InputError("expected at least two images and two models")
    if i.max() + 1 == n or j.max() + 1 == n:
        raise InputError(
            "every image, or every model, has one row: its variance is not to be told from the rest"
        )
    # Centred values and columns keep digits; the intercept is put back below.
    shift, level = x[:, 1:].mean(axis=0), float(data[:, 0].mean())
    x[:, 1:] -= shift
    y = data[:, 0] - level
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    if np.linalg.norm(left) <= 1e-12 * max(float(np.linalg.norm(y)), abs(level)):
        raise InputError(_NOTHING_LEFT)
    problem = _Problem(y, x, i, j)
    with np.errstate(all="ignore"):  # where nothing is left over, the deviance has no minimum
        theta, converged = _maximise(problem)
    if not np.isfinite(theta).all() or theta.max() > _HUGE:
        raise InputError(_NOTHING_LEFT)
    deviance, beta, unscaled, sigma2 = problem.solve(theta)
    back = np.eye(p)
    back[0, 1:] = -shift
    beta = back @ beta
    beta[0] += level
    covariance = sigma2 * back @ unscaled @ back.T
    errors = np.sqrt(np.diag(covariance))
    df = _containment(x, i, j)
    tests = tuple(_wald(*each, n, int((~known).sum())) for each in zip(names, beta, errors, df))  # noqa: B905
    notes = ["random effects and residuals are taken as normal with constant variance"]
    notes += [
        f"the variance of {kind} is estimated as zero, on its boundary"
        for kind, value in zip(("images", "models"), theta, strict=True)
        if value == 0.0
    ]
    return MixedModel(
        names, beta, errors, covariance, df, tests, sigma2 * float(theta[0]) ** 2,
        sigma2 * float(theta[1]) ** 2, sigma2, -deviance / 2.0, n, int(i.max()) + 1,
        int(j.max()) + 1, int((~known).sum()), converged, tuple(notes),
    )  # fmt: skip


class _Problem:
    """Cross products of ``[Z_model X y]``, from which the deviance follows for any theta."""

    def __init__(self, y: Floats, x: Floats, i: Any, j: Any) -> None:
        n_images, self.models = int(i.max()) + 1, int(j.max()) + 1
        self.n, self.p = x.shape
        columns = np.column_stack([x, y])
        width = self.models + self.p + 1
        # Sums over the rows of each image: counts of models, then X and y.
        self.sums = np.zeros((n_images, width))
        np.add.at(self.sums, (i, j), 1.0)
        np.add.at(self.sums[:, self.models :], i, columns)
        of_models = np.zeros((self.models, self.p + 1))
        np.add.at(of_models, j, columns)
        self.cross = np.zeros((width, width))
        self.cross[: self.models, : self.models] = np.diag(np.bincount(j).astype(np.float64))
        self.cross[: self.models, self.models :] = of_models
        self.cross[self.models :, : self.models] = of_models.T
        self.cross[self.models :, self.models :] = columns.T @ columns
        self.counts = np.bincount(i).astype(np.float64)

    def _reduced(self, theta: Any) -> tuple[Any, Any]:
        """What is left after images, and the log determinant of their block."""
        ratio = theta[0] ** 2
        weights = ratio / (1.0 + self.counts * ratio)
        left = self.cross - self.sums.T @ (weights[:, None] * self.sums)
        scale = np.ones(len(left), np.result_type(theta))
        scale[: self.models] = theta[1]
        left = left * scale[:, None] * scale[None]
        left[range(self.models), range(self.models)] += 1.0
        return left, np.log(1.0 + self.counts * ratio).sum()

    def deviance(self, theta: Any) -> Any:
        """``-2 log REML``; complex for a complex theta, so that complex steps differentiate it."""
        left, log_images = self._reduced(theta)
        inner = left[:-1, :-1]
        sign, size = np.linalg.slogdet(inner)
        log_inner = size + (1j * np.angle(sign) if np.iscomplexobj(sign) else 0.0)
        residual = left[-1, -1] - left[-1, :-1] @ np.linalg.solve(inner, left[:-1, -1])
        free = self.n - self.p
        return log_images + log_inner + free * (1.0 + np.log(2.0 * np.pi * residual / free))

    def gradient(self, theta: Floats) -> Floats:
        steps = np.eye(2) * 1e-30j
        return np.array([self.deviance(theta + step).imag / 1e-30 for step in steps])

    def solve(self, theta: Floats) -> tuple[float, Floats, Floats, float]:
        """Deviance, coefficients, their covariance over ``s^2``, and ``s^2``."""
        left, _ = self._reduced(theta)
        inverse = np.linalg.inv(left[:-1, :-1])
        solution = inverse @ left[:-1, -1]
        residual = float(left[-1, -1] - left[-1, :-1] @ solution)
        unscaled = inverse[self.models :, self.models :]
        deviance = float(self.deviance(theta))
        return deviance, solution[self.models :], unscaled, residual / (self.n - self.p)


def _maximise(problem: _Problem) -> tuple[Floats, bool]:
    """The best theta. The deviance is even in both, so zero needs no bound but is a saddle."""
    from scipy.optimize import minimize

    grid = [np.array([a, b]) for a in (0.05, 0.3, 1.0, 3.0) for b in (0.05, 0.3, 1.0, 3.0)]
    start = min(grid, key=lambda theta: float(problem.deviance(theta)))
    found = minimize(problem.deviance, start, jac=problem.gradient, method="BFGS")
    theta = np.abs(found.x)
    for axis in (0, 1):  # does a variance of zero do as well?
        flat = theta.copy()
        flat[axis] = 0.0
        if theta[axis] < 1e-3 or problem.deviance(flat) <= problem.deviance(theta):
            theta = flat
    free = np.flatnonzero(theta)
    for _ in range(20):
        gradient = problem.gradient(theta)[free]
        if not len(free) or np.abs(gradient).max() < 1e-9:
            break
        hessian = np.column_stack([_slope(problem, theta, axis)[free] for axis in free.tolist()])
        step = np.zeros(2)
        step[free] = np.linalg.solve(hessian, gradient)
        if not np.isfinite(step).all() or np.abs(step).max() > 0.1 * theta.max():
            break
        theta = np.abs(theta - step)
    scale = np.abs(problem.gradient(theta)).max()
    return theta, bool(scale < 1e-4 * max(1.0, problem.n))


def _slope(problem: _Problem, theta: Floats, axis: int) -> Floats:
    step = np.zeros(2)
    step[axis] = 1e-4 * theta[axis]
    ahead, behind = problem.gradient(theta + step), problem.gradient(theta - step)
    slope: Floats = (ahead - behind) / (2.0 * step[axis])
    return slope


def _containment(x: Floats, i: Any, j: Any) -> Floats:
    """Degrees of freedom of each column by the level at which it varies."""
    n = len(x)
    levels = []
    for column in x.T:
        of_model, of_image = _constant(column, j), _constant(column, i)
        levels.append("model" if of_model else "image" if of_image else "residual")
    n_images, n_models = int(i.max()) + 1, int(j.max()) + 1
    between = {
        "model": n_models - levels.count("model"),
        "image": n_images - levels.count("image") - 1,
        "residual": n - n_images - n_models + 1 - levels.count("residual"),
    }
    return np.array([max(1.0, float(between[level])) for level in levels])


def _constant(column: Floats, groups: Any) -> bool:
    order = np.lexsort((column, groups))
    same = np.diff(groups[order]) == 0
    steps = np.abs(np.diff(column[order]))[same]
    return not len(steps) or float(steps.max()) <= 1e-12 * max(1.0, float(np.abs(column).max()))


def _wald(name: str, value: float, error: float, df: float, n: int, dropped: int) -> HypothesisTest:
    t = float(value / error)
    log_p = two_sided_t(t, float(df))
    return HypothesisTest(
        f"t of {name}", t, float(df), math.exp(log_p), log_p, float(value), "coefficient", n,
        dropped,
    )  # fmt: skip
