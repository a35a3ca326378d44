"""Comparators that hide parts of the image and look at the scores: they work with any classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from suffice.comparators import parts as cutting
from suffice.comparators.base import Comparator, Needs, register
from suffice.comparators.libraries import require
from suffice.comparators.task import Task
from suffice.errors import SettingsError


@dataclass(frozen=True, eq=False)
class _Sampled(Comparator):
    needs: ClassVar[Needs] = "scores"
    library: ClassVar[str] = "captum"

    def _perturbations(self, task: Task, labels: npt.NDArray[np.int32]) -> dict[str, Any]:
        """What captum's perturbing explainers are told alike; all channels go together."""
        import torch

        return {
            "baselines": torch.from_numpy(task.baseline[None]),
            "feature_mask": torch.from_numpy(labels.astype(np.int64))[None, None],
            "perturbations_per_eval": task.batch_size,
        }


@register
@dataclass(frozen=True, eq=False)
class Occlusion(_Sampled):
    """How far the value falls when a window is replaced by the baseline; the mean of all windows.

    Parameters
    ----------
    side : int or None
        Of the window in pixels; None: a seventh of the image's shorter side, 32 of 224.
    stride : int or None
        None: half the side. With ``evaluations`` given the smallest stride that they allow, and
        windows of twice that side, take the place of both.
    """

    name: ClassVar[str] = "occlusion"
    source: ClassVar[str] = "Zeiler, Fergus 2014"
    cost: ClassVar[str] = "one for each window, and the image"
    least: ClassVar[int] = 2

    side: int | None = None
    stride: int | None = None

    def _check(self) -> None:
        for name in ("side", "stride"):
            if getattr(self, name) is not None:
                self._check_whole(name)

    def window(self, shape: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Height and width of the window, and its strides, for an image of a shape."""
        if self.evaluations is not None:
            stride = next(
                s for s in range(1, max(shape) + 1) if _windows(shape, 2 * s, s) < self.evaluations
            )
            return _within(2 * stride, shape), _within(stride, shape)
        side = self.side or max(1, round(min(shape) / 7))
        sides = _within(side, shape)
        stride = self.stride or max(1, side // 2)
        return sides, (min(stride, sides[0]), min(stride, sides[1]))

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum, torch = require("captum.attr", self.name), require("torch", self.name)
        (height, width), strides = self.window(task.shape)
        channels = len(task.image)
        values = captum.Occlusion(task.in_torch).attribute(
            torch.from_numpy(task.image[None]),
            sliding_window_shapes=(channels, height, width),
            strides=(channels, *strides),
            baselines=torch.from_numpy(task.baseline[None]),
            perturbations_per_eval=task.batch_size,
        )
        return _first_channel(values)


@dataclass(frozen=True, eq=False)
class _Samples(_Sampled):
    samples: int = 400
    parts: str = "grid:14"

    def _check(self) -> None:
        self._check_whole("samples", self.least)
        cutting.parse(self.parts, self.name)

    @property
    def _n_samples(self) -> int:
        # One of what is allowed goes to the image itself.
        return self.samples if self.evaluations is None else self.evaluations - 1

    def _fit(self, explainer: Any, task: Task) -> npt.NDArray[Any]:
        torch = require("torch", self.name)
        labels = cutting.cut(self.parts, task.image, task.classifier)
        values = explainer.attribute(
            torch.from_numpy(task.image[None]),
            n_samples=self._n_samples,
            **self._perturbations(task, labels),
        )
        return _first_channel(values)


@register
@dataclass(frozen=True, eq=False)
class Lime(_Samples):
    """Weights of a sparse linear model of the value over superpixels (LIME, captum's defaults).

    Parameters
    ----------
    samples : int
        Images with some superpixels hidden; equal ones are evaluated once.
    parts : str
        ``slic:N``, ``grid:N`` or ``tiles:N``.
    alpha : float
        Weight of the lasso's penalty. Superpixels whose weight it makes zero stay unranked.
    """

    name: ClassVar[str] = "lime"
    source: ClassVar[str] = "Ribeiro, Singh, Guestrin 2016"
    cost: ClassVar[str] = "samples, less those drawn twice"
    least: ClassVar[int] = 4

    parts: str = "slic:50"
    alpha: float = 0.01

    def _check(self) -> None:
        super()._check()
        if type(self.alpha) not in (int, float) or not 0.0 < self.alpha < np.inf:
            raise SettingsError(f"lime: alpha must be a positive number, got {self.alpha!r}")

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum = require("captum.attr", self.name)
        require("sklearn.linear_model", self.name)
        linear = require("captum._utils.models.linear_model", self.name)
        model = linear.SkLearnLasso(alpha=self.alpha)
        return self._fit(captum.Lime(task.in_torch, interpretable_model=model), task)


@register
@dataclass(frozen=True, eq=False)
class KernelShap(_Samples):
    """Shapley values of cells by a weighted linear regression (KernelSHAP).

    Parameters
    ----------
    samples : int
        Images with some cells hidden; equal ones are evaluated once.
    parts : str
        ``grid:N``, ``tiles:N`` or ``slic:N``.
    """

    name: ClassVar[str] = "kernel_shap"
    source: ClassVar[str] = "Lundberg, Lee 2017"
    cost: ClassVar[str] = "samples, less those drawn twice"
    least: ClassVar[int] = 4

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum = require("captum.attr", self.name)
        require("sklearn.linear_model", self.name)
        return self._fit(captum.KernelShap(task.in_torch), task)


@register
@dataclass(frozen=True, eq=False)
class PartitionShap(Comparator):
    """Owen values over a hierarchy of rectangles, split where they matter (partition SHAP).

    Parameters
    ----------
    samples : int
        What shap is told as ``max_evals``.
    """

    name: ClassVar[str] = "partition_shap"
    library: ClassVar[str] = "shap"
    source: ClassVar[str] = "Lundberg, Lee 2017; shap's partition explainer"
    needs: ClassVar[Needs] = "scores"
    cost: ClassVar[str] = "samples"
    least: ClassVar[int] = 4

    samples: int = 400

    def _check(self) -> None:
        self._check_whole("samples", self.least)

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        shap = require("shap", self.name)
        picture = np.moveaxis(task.image, 0, -1)
        # It evaluates in pairs, and looks at the limit before each.
        samples = (self.evaluations or self.samples) // 2 * 2

        def classify(batch: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
            return task.values(np.moveaxis(batch, -1, 1))

        background = np.ascontiguousarray(np.moveaxis(task.baseline, 0, -1))
        masker = shap.maskers.Image(background, picture.shape)
        values = shap.PartitionExplainer(classify, masker)(
            picture[None],
            max_evals=samples,
            batch_size=task.batch_size,
            silent=True,
        ).values
        summed: npt.NDArray[Any] = values[0].reshape(picture.shape).sum(axis=-1)
        return summed


@register
@dataclass(frozen=True, eq=False)
class ShapleySampling(_Sampled):
    """Shapley values of cells, from random orders in which cells are added to the baseline.

    Parameters
    ----------
    permutations : int
        Orders drawn.
    parts : str
        ``grid:N``, ``tiles:N`` or ``slic:N``.
    """

    name: ClassVar[str] = "shapley_sampling"
    source: ClassVar[str] = "Castro, Gomez, Tejada 2009; Strumbelj, Kononenko 2010"
    cost: ClassVar[str] = "permutations x (parts - 1), the image and the baseline"

    permutations: int = 8
    parts: str = "grid:7"

    def _check(self) -> None:
        self._check_whole("permutations")
        cutting.parse(self.parts, self.name)

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum, torch = require("captum.attr", self.name), require("torch", self.name)
        labels = cutting.cut(self.parts, task.image, task.classifier)
        permutations = self.permutations
        if self.evaluations is not None:
            count = int(labels.max()) + 1
            permutations = (self.evaluations - 2) // max(1, count - 1)
            if permutations < 1:
                raise SettingsError(
                    f"shapley_sampling: {self.evaluations} evaluations are too few for one order "
                    f"of {count} parts, which takes {count + 1}; allow more or give fewer parts"
                )
        values = captum.ShapleyValueSampling(task.in_torch).attribute(
            torch.from_numpy(task.image[None]),
            n_samples=permutations,
            **self._perturbations(task, labels),
        )
        return _first_channel(values)


def _first_channel(values: Any) -> npt.NDArray[Any]:
    """Of a map that is the same for all channels."""
    found: npt.NDArray[Any] = values[0, 0].detach().numpy()
    return found


def _within(side: int, shape: tuple[int, int]) -> tuple[int, int]:
    return min(side, shape[0]), min(side, shape[1])


def _windows(shape: tuple[int, int], side: int, stride: int) -> int:
    """How many windows captum slides over an image; the last may reach beyond its edge."""
    sides, strides = _within(side, shape), _within(stride, shape)
    along = [-(-(n - w) // s) + 1 for n, w, s in zip(shape, sides, strides, strict=True)]
    return along[0] * along[1]
