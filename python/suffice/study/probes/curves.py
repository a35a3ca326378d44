"""Curves: how long the class lasts while the most important pixels are inserted or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from suffice.study.probes.base import Asking, Look, Scene, Task, kept
from suffice.study.probes.checks import check_shares
from suffice.study.probes.orders import deletion_of, units_of, why_none
from suffice.types import JsonObject


@dataclass(frozen=True, slots=True)
class CurvesProbe:
    """Shows the most important pixels alone, and the image without them, at a few shares.

    Of `moxi` patches take the place of pixels. The points at 0 are the baseline alone for the
    insertion and the whole image for the deletion.

    Attributes
    ----------
    shares : tuple of float
        Rising, above 0 and up to 1.

    Source
    ------
    Sumiyasu, Kawamoto, Kera: MoXI (CVPR 2024), the curves of accuracy.
    """

    name: ClassVar[str] = "curves"
    version: ClassVar[str] = "2"
    others: ClassVar[bool] = False

    shares: tuple[float, ...] = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)

    def __post_init__(self) -> None:
        check_shares(self.name, self.shares)

    def settings(self) -> JsonObject:
        """The shares."""
        return {"shares": list(self.shares)}

    def cost(self, own: bool) -> int:  # noqa: ARG002
        """Both ways at each share, the baseline alone and the whole image."""
        return 2 + 2 * len(self.shares)

    def ask(self, task: Task, scene: Scene) -> Asking:
        """Show the beginnings of the order, and what they leave."""
        units = units_of(task.explanation)
        if units is None:
            return why_none(task.explanation)
        deleted = deletion_of(task.explanation, units)
        behind = scene.baselines(task.baselines, task.job.seed)
        nothing = Look(
            np.zeros(scene.shape, np.bool_),
            scene.x,
            behind,
            ("empty", task.baselines, task.job.seed),
        )
        n = len(self.shares)
        seen = yield [
            nothing,
            *(scene.show(units.first(s), task) for s in self.shares),
            scene.whole(),
            *(scene.show(~deleted.first(s), task) for s in self.shares),
        ]
        return {
            "unit": units.kind,
            "units": units.count,
            "shares": [0.0, *self.shares],
            "insertion": kept(seen[: n + 1]),
            "deletion": kept(seen[n + 1 :]),
        }
