"""The torch module inside a classifier, for comparators that look into it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from suffice.errors import ModelError
from suffice.models.base import Value
from suffice.models.torch_model import TorchClassifier
from suffice.models.torch_module import float_type
from suffice.models.torch_runner import Runner, first_line
from suffice.models.torch_values import target_values


@dataclass(frozen=True, slots=True, eq=False)
class ModuleValue:
    """A class's value as a function of tensors, through the module itself.

    Attributes
    ----------
    classifier : TorchClassifier
    runner : Runner
    """

    classifier: TorchClassifier
    runner: Runner

    @property
    def module(self) -> Any:
        """The torch module."""
        return self.classifier.module

    @property
    def device(self) -> str:
        """Where it is."""
        return self.classifier.device

    def settings(self) -> contextlib.AbstractContextManager[None]:
        """Precision of decisions, as in the classifier's own calls."""
        return self.runner.settings()

    def raw(self, batch: Any) -> Any:
        """What the module gives for a tensor ``[N, C, H, W]``."""
        return self.runner.run(batch, self.classifier.fixed_batch)

    def of_target(self, batch: Any, target: int, of: Value) -> Any:
        """The target's value of each row, a differentiable tensor ``[N]``."""
        import torch

        targets = torch.full((len(batch),), target, dtype=torch.int64)
        return target_values(self.raw(batch), targets, self.classifier.output, of)


def value_of(classifier: Any, comparator: str) -> ModuleValue:
    """Take a classifier whose torch module can be looked into.

    Raises
    ------
    ModelError
        If it has none.
    """
    if not isinstance(classifier, TorchClassifier):
        raise ModelError(
            f"{comparator} looks into a torch module, and {classifier.name} has none: give the "
            "torch.nn.Module itself, or convert an ONNX file with "
            "suffice.TorchClassifier.from_onnx (pip install suffice[torch])"
        )
    module = classifier.module
    runner = Runner(module, classifier.name, classifier.device, float_type(module), None)
    return ModuleValue(classifier, runner)


def last_convolution(classifier: Any, comparator: str) -> str:
    """Name of the last 2-D convolution to run that gives more than one position.

    Raises
    ------
    ModelError
        If there is none, or the module fails.
    """
    import torch

    value = value_of(classifier, comparator)
    ran: list[str] = []
    hooks = []
    for name, part in value.module.named_modules():
        if isinstance(part, torch.nn.Conv2d):

            def note(_part: Any, _given: Any, out: Any, name: str = name) -> None:
                if out.shape[-2] * out.shape[-1] > 1:
                    ran.append(name)

            hooks.append(part.register_forward_hook(note))
    try:
        zeros = torch.from_numpy(np.zeros((1, *classifier.input_shape), np.float32))
        with value.settings(), torch.inference_mode():
            value.raw(zeros.to(value.device))
    except Exception as error:
        raise ModelError(f"{classifier.name} can't be run: {first_line(error)}") from error
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ModelError(
            f"{comparator}: {classifier.name} has no convolution to look at; name a layer that "
            "gives [N, C, h, w]"
        )
    return ran[-1]
