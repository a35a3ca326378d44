"""Comparators that differentiate: they need a classifier with gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from suffice.comparators.base import Comparator, Needs, register
from suffice.comparators.libraries import require
from suffice.comparators.modules import last_convolution, value_of
from suffice.comparators.task import GRADIENT_COST, Task
from suffice.errors import ModelError, SettingsError


@dataclass(frozen=True, eq=False)
class _Gradients(Comparator):
    needs: ClassVar[Needs] = "gradients"
    library: ClassVar[str] = "captum"


@register
@dataclass(frozen=True, eq=False)
class GradientXInput(_Gradients):
    """The gradient times the input, summed over channels. The baseline takes no part."""

    name: ClassVar[str] = "gradient_x_input"
    source: ClassVar[str] = "Shrikumar, Greenside, Shcherbina, Kundaje 2016"
    cost: ClassVar[str] = "one gradient"

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum, torch = require("captum.attr", self.name), require("torch", self.name)
        image = torch.from_numpy(task.image[None].copy()).requires_grad_()
        return _summed(captum.InputXGradient(task.in_torch).attribute(image))


@register
@dataclass(frozen=True, eq=False)
class IntegratedGradients(_Gradients):
    """Gradients along the straight line from the baseline, times the way; summed over channels.

    Parameters
    ----------
    steps : int
        Points on the line (Gauss-Legendre).
    """

    name: ClassVar[str] = "integrated_gradients"
    source: ClassVar[str] = "Sundararajan, Taly, Yan 2017"
    cost: ClassVar[str] = "a gradient for each step"

    steps: int = 50

    def _check(self) -> None:
        self._check_whole("steps")

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum, torch = require("captum.attr", self.name), require("torch", self.name)
        values = captum.IntegratedGradients(task.in_torch).attribute(
            torch.from_numpy(task.image[None].copy()).requires_grad_(),
            baselines=torch.from_numpy(task.baseline[None].copy()),
            n_steps=_allowed(self.evaluations, self.steps),
            internal_batch_size=task.batch_size,
        )
        return _summed(values)


@register
@dataclass(frozen=True, eq=False)
class SmoothGrad(_Gradients):
    """Size of the mean gradient over noisy copies of the image, summed over channels.

    The baseline takes no part.

    Parameters
    ----------
    samples : int
        Noisy copies.
    noise : float
        Standard deviation of the noise, as part of the image's range of values.
    """

    name: ClassVar[str] = "smooth_grad"
    source: ClassVar[str] = "Smilkov, Thorat, Kim, Viegas, Wattenberg 2017"
    cost: ClassVar[str] = "a gradient for each sample"

    samples: int = 50
    noise: float = 0.15

    def _check(self) -> None:
        self._check_whole("samples")
        if type(self.noise) not in (int, float) or not 0.0 < self.noise < np.inf:
            raise SettingsError(f"smooth_grad: noise must be a positive number, got {self.noise!r}")

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum, torch = require("captum.attr", self.name), require("torch", self.name)
        deviation = self.noise * float(task.image.max() - task.image.min())
        values = captum.NoiseTunnel(captum.Saliency(task.in_torch)).attribute(
            torch.from_numpy(task.image[None].copy()).requires_grad_(),
            nt_type="smoothgrad",
            nt_samples=_allowed(self.evaluations, self.samples),
            nt_samples_batch_size=task.batch_size,
            stdevs=deviation,
            abs=False,
        )
        return _summed(values.abs())


@register
@dataclass(frozen=True, eq=False)
class GradCam(Comparator):
    """Channels of a convolution, weighted by their mean gradients, scaled up to the image.

    The baseline takes no part. Captum's default is kept: negative values are not cut to 0, which
    leaves the order of the positive ones as published and gives the others one too.

    Parameters
    ----------
    layer : str or None
        Name of a part of the module that gives ``[N, C, h, w]``; None: the last convolution that
        gives more than one position.
    """

    name: ClassVar[str] = "grad_cam"
    library: ClassVar[str] = "captum"
    source: ClassVar[str] = "Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra 2017"
    needs: ClassVar[Needs] = "module"
    cost: ClassVar[str] = "one gradient"

    layer: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layer is None:
            object.__setattr__(self, "layer", last_convolution(self.classifier, self.name))
        self._layer()

    def _layer(self) -> Any:
        parts = dict(value_of(self.classifier, self.name).module.named_modules())
        if self.layer not in parts:
            some = ", ".join([name for name in parts if name][-8:])
            raise SettingsError(
                f"grad_cam: {self.classifier.name} has no part {self.layer!r}; the last ones are "
                f"{some or 'none'}"
            )
        return parts[self.layer]

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        captum, torch = require("captum.attr", self.name), require("torch", self.name)
        value = value_of(self.classifier, self.name)
        task.count(gradients=1)
        with value.settings():
            image = torch.tensor(task.image[None], device=value.device)

            def forward(x: Any) -> Any:
                return value.of_target(x, task.target, task.of)

            found = captum.LayerGradCam(forward, self._layer()).attribute(image)
            if not isinstance(found, torch.Tensor) or found.ndim != 4 or found.shape[1] != 1:
                shape = list(getattr(found, "shape", ()))
                raise ModelError(
                    f"grad_cam: {self.layer} of {self.classifier.name} should give [N, C, h, w]; "
                    f"its map is {shape or type(found).__name__}: give another layer"
                )
            scaled = captum.LayerAttribution.interpolate(found[:1], task.shape, "bilinear")
        values: npt.NDArray[Any] = scaled[0, 0].detach().float().cpu().numpy()
        return values


def _allowed(evaluations: int | None, steps: int) -> int:
    """Gradients that a number of evaluations pays for; the setting where none is given."""
    return steps if evaluations is None else evaluations // GRADIENT_COST


def _summed(values: Any) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = values[0].detach().double().sum(dim=0).numpy()
    return found
