"""suffice in the form of captum's attribution methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from suffice.errors import InputError, SettingsError
from suffice.explanation import Explanation
from suffice.integrations._batch import (
    Content,
    as_images,
    as_targets,
    explain_batch,
    maps,
    missing,
)
from suffice.models.callable import CallableClassifier
from suffice.models.torch_model import TorchClassifier


class SufficientPixels:
    """Sufficient pixels with the words of captum: ``SufficientPixels(net).attribute(x, target)``.

    It is used as captum's methods are, and needs torch alone.

    Parameters
    ----------
    forward_func : torch.nn.Module or function of a tensor ``[N, C, H, W]`` that gives ``[N, K]``
        A module is set to eval mode and stays on its device.
    content : {"responsibility", "mask"}
        What ``attribute`` gives: the map of the method, or 1 on the pixels that suffice.
    output : str
        What the model gives: ``logits``, ``probabilities`` or ``multilabel``.
    **settings
        Further ones of `suffice.explain`, such as ``method``, ``criterion``, ``budget``.

    Attributes
    ----------
    explanations : list of Explanation
        Those of the last call of ``attribute``, with certificates.
    """

    multiplies_by_inputs = False

    def __init__(
        self,
        forward_func: Callable[..., Any],
        *,
        content: Content = "responsibility",
        output: str = "logits",
        **settings: Any,
    ) -> None:
        self.forward_func = forward_func
        self.content: Content = content
        self.output = output
        self.settings = settings
        self.explanations: list[Explanation] = []

    def has_convergence_delta(self) -> bool:
        """Say that there is none: the values do not sum to the score."""
        return False

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> Any:
        """Attribute each image's class to its pixels.

        Parameters
        ----------
        inputs : tensor ``[N, C, H, W]``, or a tuple of one
        baselines : tensor ``[N, C, H, W]`` or ``[1, C, H, W]``, number, or a specification
            What replaces removed pixels; None: zero. Text such as ``"blur:8"``, or a list of them,
            goes to `suffice.explain` as it is.
        target : int, sequence or tensor of int ``[N]``
            None: the model's own class of each image.
        additional_forward_args : None
            Not supported.

        Returns
        -------
        tensor ``[N, C, H, W]``
            Of the inputs' type and device, equal in all channels: a pixel's channels go together.
            A tuple of one where the inputs are one.

        Raises
        ------
        InputError
            If the inputs are no batch of images, or targets or baselines don't fit them.
        SettingsError
            If there are additional arguments.
        """
        torch = _torch()
        if additional_forward_args is not None:
            raise SettingsError(
                "additional_forward_args are not supported: bind them, for example by "
                "functools.partial, in the function given"
            )
        if isinstance(inputs, tuple) and len(inputs) == 1:
            return (self.attribute(inputs[0], baselines, target),)
        if not isinstance(inputs, torch.Tensor):
            raise InputError(f"expected one tensor [N, C, H, W], got {type(inputs).__name__}")
        images = as_images(inputs.detach().float().cpu().numpy(), "inputs")
        targets = target.cpu().numpy() if isinstance(target, torch.Tensor) else target
        found = explain_batch(
            self._classifier(inputs),
            images,
            as_targets(targets, len(images)),
            _baselines(baselines, images.shape, torch),
            self.settings,
        )
        self.explanations = found
        values = torch.from_numpy(maps(found, self.content)).to(inputs.device, inputs.dtype)
        return values.expand_as(inputs).clone()

    def _classifier(self, inputs: Any) -> CallableClassifier:
        torch = _torch()
        shape = tuple(inputs.shape[1:])
        forward = self.forward_func
        if isinstance(forward, torch.nn.Module):
            return TorchClassifier(
                forward,
                output=self.output,
                device=str(inputs.device),
                input_shape=shape,
                fingerprint="not recorded",
            )

        def scores(batch: Any) -> Any:
            with torch.no_grad():
                given = forward(torch.from_numpy(batch).to(inputs.device, inputs.dtype))
            return given.float().cpu().numpy()

        return CallableClassifier(scores, input_shape=shape, output=self.output)


def _baselines(baselines: Any, shape: Sequence[int], torch: Any) -> list[Any]:
    """One baseline for each image; images that share one get the same object."""
    n = shape[0]
    if baselines is None:
        baselines = 0.0
    if isinstance(baselines, (int, float)):
        baselines = f"constant:{baselines}"
    if not isinstance(baselines, torch.Tensor):
        return [baselines] * n
    arrays = baselines.detach().float().cpu().numpy()
    if arrays.shape == tuple(shape):
        return list(np.ascontiguousarray(arrays))
    if arrays.shape in (tuple(shape[1:]), (1, *shape[1:])):
        return [np.ascontiguousarray(arrays.reshape(shape[1:]))] * n
    raise InputError(f"baselines are {list(arrays.shape)}, the inputs {list(shape)}")


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise missing("torch", "suffice.integrations.captum") from None
    return torch
