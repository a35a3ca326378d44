"""Attention rollout, for vision transformers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from suffice.comparators.base import Comparator, Needs, register
from suffice.comparators.modules import value_of
from suffice.comparators.task import Task
from suffice.errors import ModelError, SettingsError


@register
@dataclass(frozen=True, eq=False)
class AttentionRollout(Comparator):
    """How attention leads from the patches to the class token, over all layers.

    The product of the layers' attention, each the mean of its heads mixed with the identity. Says
    what the network looks at for whichever class: target, baseline and ``of`` take no part.

    Parameters
    ----------
    residual : float
        Weight of the identity, which stands for the connection around a layer.
    """

    name: ClassVar[str] = "attention_rollout"
    library: ClassVar[str] = "suffice"
    source: ClassVar[str] = "Abnar, Zuidema 2020"
    needs: ClassVar[Needs] = "attention"
    cost: ClassVar[str] = "one"
    least: ClassVar[int] = 1

    residual: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _layers(value_of(self.classifier, self.name).module, self.classifier.name)

    def _check(self) -> None:
        if type(self.residual) not in (int, float) or not 0.0 <= self.residual < 1.0:
            raise SettingsError(
                "attention_rollout: residual must be a number from 0 to below 1, got "
                f"{self.residual!r}"
            )

    def _attribute(self, task: Task) -> npt.NDArray[Any]:
        import torch

        value = value_of(self.classifier, self.name)
        task.count(evaluations=1)
        listening = _listening(value.module, self.classifier.name)
        with listening as heard, value.settings(), torch.inference_mode():
            value.raw(torch.tensor(task.image[None], device=value.device))
        if not heard or any(len(a) != (self.classifier.fixed_batch or 1) for a in heard):
            raise ModelError(
                f"attention_rollout: {self.classifier.name} does not attend from every token to "
                "every token in its `attn_drop`, as networks with windows don't; it has no rollout"
            )
        layers = [np.asarray(a[0], np.float64).mean(axis=0) for a in heard]  # over heads
        prefix = int(getattr(value.module, "num_prefix_tokens", 1))
        flow = rollout(layers, self.residual)
        n_patches = len(flow) - prefix
        # Networks without a class token average the patches.
        onto = flow[0, prefix:] if prefix else flow.mean(axis=0)
        grid = _grid(n_patches, task.shape, self.classifier.name)
        scaled = torch.nn.functional.interpolate(
            torch.from_numpy(onto.reshape(1, 1, *grid)),
            task.shape,
            mode="bilinear",
            align_corners=False,
        )
        values: npt.NDArray[Any] = scaled[0, 0].numpy()
        return values


def rollout(
    layers: list[npt.NDArray[np.float64]], residual: float = 0.5
) -> npt.NDArray[np.float64]:
    """Product of attention matrices, each mixed with the identity.

    Parameters
    ----------
    layers : list of float64 [T, T]
        From the first layer to the last; a row says where a token looks.
    residual : float
        Weight of the identity.

    Returns
    -------
    float64 [T, T]
        Rows sum to 1.

    Raises
    ------
    ModelError
        If the layers have different numbers of tokens.

    Source
    ------
    Abnar, Zuidema: Quantifying attention flow in transformers (2020), section 3.
    """
    shapes = sorted({layer.shape for layer in layers})
    if len(shapes) != 1:
        raise ModelError(
            f"attention_rollout needs the same tokens in every layer, got {shapes}; networks that "
            "merge tokens or attend in windows have no rollout"
        )
    identity = np.eye(shapes[0][0])
    flow = identity
    for layer in layers:
        mixed = residual * identity + (1.0 - residual) * layer
        flow = (mixed / mixed.sum(axis=1, keepdims=True)) @ flow
    return flow


def _layers(module: Any, name: str) -> list[Any]:
    """Parts that attend in timm's way, with a drop-out between softmax and product."""
    import torch

    found = [
        part
        for part in module.modules()
        if isinstance(getattr(part, "fused_attn", None), bool)
        and isinstance(getattr(part, "attn_drop", None), torch.nn.Module)
    ]
    if not found:
        raise ModelError(
            f"attention_rollout: no attention can be read from {name}; it needs a vision "
            "transformer of timm's kind, whose attention has `fused_attn` and `attn_drop`"
        )
    return found


@contextlib.contextmanager
def _listening(module: Any, name: str) -> Iterator[list[npt.NDArray[Any]]]:
    """Collect the attention ``[N, heads, T, T]`` of every layer."""
    layers = _layers(module, name)
    heard: list[npt.NDArray[Any]] = []

    def note(_part: Any, given: Any) -> None:
        heard.append(given[0].detach().float().cpu().numpy())

    fused = [layer.fused_attn for layer in layers]
    hooks = [layer.attn_drop.register_forward_pre_hook(note) for layer in layers]
    try:
        for layer in layers:
            layer.fused_attn = False  # fused kernels keep their attention to themselves
        yield heard
    finally:
        for layer, was in zip(layers, fused, strict=True):
            layer.fused_attn = was
        for hook in hooks:
            hook.remove()


def _grid(n_patches: int, shape: tuple[int, int], name: str) -> tuple[int, int]:
    """Rows and columns of the patches, which are square."""
    rows = round((n_patches * shape[0] / shape[1]) ** 0.5)
    if rows < 1 or n_patches % rows or rows * shape[1] != n_patches // rows * shape[0]:
        raise ModelError(
            f"attention_rollout: {n_patches} patches of {name} make no grid of square patches on "
            f"{list(shape)} pixels"
        )
    return rows, n_patches // rows
