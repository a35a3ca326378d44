"""Transfer: whether the set of one model convinces the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from suffice.study.probes.base import Asking, Scene, Task, to_grid
from suffice.types import JsonObject


@dataclass(frozen=True, slots=True)
class TransferProbe:
    """Shows the set of every model to all models, each with its own preprocessing and baseline.

    Its value has ``top1`` and ``confidence`` (of the set's target) on the set, ``whole_top1`` and
    ``whole_confidence`` on the whole image, and ``share``, the set's part of the model's grid.
    """

    name: ClassVar[str] = "transfer"
    version: ClassVar[str] = "1"
    others: ClassVar[bool] = True

    def settings(self) -> JsonObject:
        """None."""
        return {}

    def cost(self, own: bool) -> int:  # noqa: ARG002
        """The set and the whole image."""
        return 2

    def ask(self, task: Task, scene: Scene) -> Asking:
        """Show the best set, brought to the model's grid."""
        mask = task.mask
        if mask is None:
            return {"skipped": f"there is no set: {task.explanation.status}"}
        shown = to_grid(
            mask, task.explanation.record["image"]["crop_box"], scene.shape, scene.crop_box
        )
        of_set, whole = yield [scene.show(shown, task), scene.whole()]
        return {
            "top1": of_set.top1,
            "confidence": of_set.confidence,
            "whole_top1": whole.top1,
            "whole_confidence": whole.confidence,
            "share": float(shown.mean()),
        }
