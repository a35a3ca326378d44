"""The mean of several torch classifiers as one torch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from suffice.models.torch_module import import_torch
from suffice.models.torch_values import scores_of

if TYPE_CHECKING:
    from suffice.models.torch_model import TorchClassifier


def mean_module(
    members: Sequence[TorchClassifier],
    maps: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None],
) -> Any:
    """Make a module of the members' mean scores, computed in float64.

    Parameters
    ----------
    members : sequence of TorchClassifier
        On one device.
    maps : sequence of (float64 [C, 1, 1], float64 [C, 1, 1]) or None
        Scale and offset to each member's input.

    Returns
    -------
    torch.nn.Module
        float [N, C, H, W] to float64 [N, K].
    """
    torch = import_torch()

    class Mean(torch.nn.Module):  # type: ignore[misc,name-defined]  # torch is loaded here only
        def __init__(self) -> None:
            super().__init__()
            self.members = torch.nn.ModuleList([m.module for m in members])

        def forward(self, x: Any) -> Any:
            total: Any = 0.0
            for member, renormalised in zip(members, maps, strict=True):
                shown = x
                if renormalised is not None:
                    scale, offset = (torch.from_numpy(v.copy()).to(x.device) for v in renormalised)
                    shown = (x.double() * scale + offset).float()
                raw = member._runner.run(shown, member.fixed_batch)
                total = total + scores_of(raw.double(), member.output)
            return total / len(members)

    return Mean()
