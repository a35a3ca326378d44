"""Sizes to expect for a class and a model, and whether a new one is unusual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.reading import NUMBER, Kinds, check_kinds
from suffice.statistics.results import Floats, plain

_FEWEST = 20
_LEAST = 1e-12
"""Variance within classes where all sets are of one size."""
_FAR = 750.0
"""No logarithm of an area is beyond: that of the smallest number above 0 is -745."""
_FIT: Kinds = {
    "mean": NUMBER,
    "between": NUMBER,
    "within": NUMBER,
    "classes": (dict,),
    "scores": (list,),
}


@dataclass(frozen=True, slots=True)
class Unusual:
    """How a size compares with those of its class and model.

    Attributes
    ----------
    expected_area : float
        Geometric mean area to expect.
    low, high : float
        Areas between which such sets lie, a share `level` of them.
    z : float
        Standardised distance of the log area; positive: larger than expected.
    p_larger, p_smaller : float
        Share of the reference at least as far out to that side, itself counted; never below
        ``1 / (n + 1)``.
    p : float
        ``min(1, 2 min(p_larger, p_smaller))``.
    n, n_class : int
        Reference sets of the model, and of the class among them.
    level : float
    """

    expected_area: float
    low: float
    high: float
    z: float
    p_larger: float
    p_smaller: float
    p: float
    n: int
    n_class: int
    level: float = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    mean: float
    between: float
    within: float
    classes: dict[int, tuple[int, float]]  # images and mean log area of each class
    scores: Floats  # sorted, of the reference itself, each left out of its class


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceSizes:
    """A fitted reference distribution of log areas by model and class; `fit_reference` makes it.

    Attributes
    ----------
    models : dict
        What was fitted for each model.
    floor : float
        Smallest area on the log scale.
    """

    models: Mapping[str, _Model]
    floor: float

    def check(self, model: str, label: int, area: float, level: float = 0.9) -> Unusual:
        """Compare a new set with the reference.

        Parameters
        ----------
        model : str
        label : int
            The predicted class. One that the reference lacks gets the mean of the model, with the
            spread between classes added.
        area : float
            Fraction of the image.
        level : float
            Share of such sets between `low` and `high`, as many on either side beyond.

        Raises
        ------
        InputError
            If the model is unknown, or the area or level is no fraction.
        """
        if model not in self.models:
            raise InputError(f"no reference for {model!r}; there are {', '.join(self.models)}")
        if not 0.0 <= area <= 1.0:
            raise InputError(f"expected an area from 0 to 1, got {area}")
        if not 0.0 < level < 1.0:
            raise InputError(f"expected a level between 0 and 1, got {level}")
        m = self.models[model]
        count, mean = m.classes.get(int(label), (0, m.mean))
        centre, spread = _expected(m.mean, m.between, m.within, count, mean)
        z = (float(np.log(max(area, self.floor))) - float(centre)) / float(spread)
        n = len(m.scores)
        p, larger, smaller = _tails(m.scores, z)
        ends = np.quantile(m.scores, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
        low, high = np.exp(np.minimum(centre + spread * ends, 0.0))
        return Unusual(
            float(np.exp(centre)), float(low), float(high), z, float(larger),
            float(smaller), float(p), n, count, level,
        )  # fmt: skip

    def p_values(
        self, model: str, labels: npt.ArrayLike, areas: npt.ArrayLike
    ) -> tuple[Floats, Floats]:
        """The two-sided p and that of larger ones, as `check` gives them, of many sets at once.

        Parameters
        ----------
        model : str
        labels : int [n]
        areas : float [n]

        Returns
        -------
        p, p_larger : float64 [n]

        Raises
        ------
        InputError
            As of `check`.
        """
        if model not in self.models:
            raise InputError(f"no reference for {model!r}; there are {', '.join(self.models)}")
        classes, sizes = np.asarray(labels, np.int64), np.asarray(areas, np.float64)
        if classes.ndim != 1 or classes.shape != sizes.shape:
            raise InputError(f"expected rows of one length, got {classes.shape}, {sizes.shape}")
        wrong = ~((sizes >= 0.0) & (sizes <= 1.0))
        if wrong.any():
            raise InputError(f"expected an area from 0 to 1, got {sizes[wrong][0]}")
        m = self.models[model]
        known = [m.classes.get(label, (0, m.mean)) for label in classes.tolist()]
        count, mean = np.array(known, np.float64).reshape(-1, 2).T
        centre, spread = _expected(m.mean, m.between, m.within, count, mean)
        z = (np.log(np.maximum(sizes, self.floor)) - centre) / spread
        p, larger, _ = _tails(m.scores, z)
        return p, larger

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; `from_dict` reads them."""
        models = {
            name: {
                "mean": m.mean, "between": m.between, "within": m.within,
                "classes": {str(c): list(v) for c, v in m.classes.items()},
                "scores": m.scores.tolist(),
            }
            for name, m in self.models.items()
        }  # fmt: skip
        result: dict[str, Any] = plain({"format": 1, "floor": self.floor, "models": models})
        return result

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReferenceSizes:
        """Read what `to_dict` wrote.

        Raises
        ------
        InputError
            If it is of another format, or holds what no fit gives.
        """
        if values.get("format") != 1:
            raise InputError(f"expected a reference of format 1, got {values.get('format')!r}")
        try:
            check_kinds(values, {"floor": NUMBER, "models": (dict,)}, "reference")
            if not 0.0 < values["floor"] <= 1.0:
                raise ValueError(f"the floor is no fraction: {values['floor']!r:.40}")
            models = {name: _model(m) for name, m in values["models"].items()}
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"the reference is damaged: {error}") from None
        return cls(models, values["floor"])


def _model(found: Any) -> _Model:
    """Check the fit of one model: whatever `ReferenceSizes.check` makes of it is finite."""
    check_kinds(found, _FIT, "model")
    numbers = [float(found[name]) for name in ("mean", "between", "within")]
    classes = {int(c): (n, float(mean)) for c, (n, mean) in found["classes"].items()}
    scores = np.asarray(found["scores"], np.float64)
    logs = [numbers[0], *(mean for _, mean in classes.values())]
    if not all(-_FAR <= log <= 0.0 for log in logs):
        raise ValueError("a mean is not the logarithm of an area")
    if not 0.0 <= numbers[1] <= _FAR**2 or not _LEAST <= numbers[2] <= _FAR**2:
        raise ValueError("a variance is not one of logarithms of areas")
    if any(type(n) is not int or not 0 < n < 2**53 for n, _ in classes.values()):
        raise ValueError("a class should have a number of photos")
    # Written so that NaN is refused too.
    if scores.ndim != 1 or not len(scores) or not (np.abs(scores) <= _FAR / _LEAST).all():
        raise ValueError("the scores should be a list of finite numbers")
    if (np.diff(scores) < 0.0).any():
        raise ValueError("the scores should be sorted")
    return _Model(numbers[0], numbers[1], numbers[2], classes, scores)


def fit_reference(
    model: npt.ArrayLike, label: npt.ArrayLike, area: npt.ArrayLike, *, floor: float = 1e-6
) -> ReferenceSizes:
    """Fit the distribution of log areas within each model and class.

    ``log area = m + c[class] + e`` for each model, with variances ``B`` between and ``S`` within
    classes by the moments of the one-way analysis of variance. A class of ``n`` sets is expected at
    ``m + n B / (n B + S) (its mean - m)``, and a new set deviates from that with variance
    ``S + B S / (n B + S)``. The shape of the distribution is not assumed: deviations of the
    reference, each with its own set left out of its class, are kept, and a new deviation is ranked
    among them, which makes its p nearly a conformal one (the mean and
    variances of the model are fitted to all).

    Parameters
    ----------
    model : str [n]
    label : int [n]
        Predicted classes. Give photos that are classified rightly, one row each.
    area : float [n]
        Fractions; NaN are left out.
    floor : float
        Smallest area on the log scale, such as ``Sizes.floor``.

    Returns
    -------
    ReferenceSizes

    Raises
    ------
    InputError
        If lengths differ, an area is no fraction, or a model has fewer than 20 sets.

    Source
    ------
    Searle, Casella, McCulloch: Variance components (1992), 3.6; Vovk, Gammerman, Shafer (2005)
    for conformal p-values.
    """
    names, labels = np.asarray(model).astype(str), np.asarray(label)
    areas = np.asarray(area, np.float64)
    if areas.ndim != 1 or not names.shape == labels.shape == areas.shape:
        raise InputError(f"expected rows of one length, got {names.shape}, {areas.shape}")
    known = ~np.isnan(areas)
    if not ((areas[known] >= 0.0) & (areas[known] <= 1.0)).all():
        raise InputError("expected areas from 0 to 1")
    logs = np.log(np.maximum(areas, floor))
    models = {}
    for name in np.unique(names[known]).tolist():
        rows = known & (names == name)
        if int(rows.sum()) < _FEWEST:
            raise InputError(f"{name} has {int(rows.sum())} sets; a reference needs {_FEWEST}")
        models[name] = _fit_one(logs[rows], labels[rows].astype(np.int64))
    return ReferenceSizes(models, floor)


def _fit_one(y: Floats, labels: npt.NDArray[np.int64]) -> _Model:
    classes, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    n, k = len(y), len(classes)
    mean = float(y.mean())
    means = np.bincount(place, y) / sizes
    inside = float(((y - means[place]) ** 2).sum())
    total = float(((y - mean) ** 2).sum())
    if k < 2 or k == n:  # one class, or one set each: nothing tells the two apart
        within, between = total / (n - 1), 0.0
    else:
        within = inside / (n - k)
        spread = n - float((sizes.astype(np.float64) ** 2).sum()) / n
        between = max(0.0, ((total - inside) - (k - 1) * within) / spread)
    within = max(within, _LEAST)
    left = sizes[place] - 1
    without = np.divide(sizes[place] * means[place] - y, left, out=np.full(n, mean), where=left > 0)
    centre, scale = _expected(mean, between, within, left, without)
    found = {int(c): (int(s), float(v)) for c, s, v in zip(classes, sizes, means, strict=True)}
    return _Model(mean, between, within, found, np.sort((y - centre) / scale))


def _tails(scores: Floats, z: Any) -> tuple[Any, Any, Any]:
    """Two-sided p, and the shares of scores as large and as small, the new one among them."""
    n = len(scores)
    larger = (1 + n - np.searchsorted(scores, z, "left")) / (n + 1)
    smaller = (1 + np.searchsorted(scores, z, "right")) / (n + 1)
    return np.minimum(1.0, 2.0 * np.minimum(larger, smaller)), larger, smaller


def _expected(mean: float, between: float, within: float, n: Any, class_mean: Any) -> Any:
    share = n * between / (n * between + within)
    scale = np.sqrt(within + between * within / (n * between + within))
    return mean + share * (class_mean - mean), scale
