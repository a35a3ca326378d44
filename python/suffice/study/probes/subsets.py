"""Subsets: whether the most important pixels, a small share of all, say as much as all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from suffice.study.probes.base import Asking, Scene, Task, kept, to_grid
from suffice.study.probes.checks import check_count, check_shares
from suffice.study.probes.orders import units_of, why_none
from suffice.types import JsonObject


@dataclass(frozen=True, slots=True)
class SubsetsProbe:
    """Shows the most important pixels, as many drawn at random, and the whole image.

    Other models are shown the first share of them.

    Attributes
    ----------
    shares : tuple of float
        Rising, above 0 and up to 1.
    draws : int
        Random subsets for each share.

    Source
    ------
    Carter, Jain, Mueller, Gifford: Overinterpretation reveals image classification model
    pathologies (2021).
    """

    name: ClassVar[str] = "subsets"
    version: ClassVar[str] = "2"
    others: ClassVar[bool] = True

    shares: tuple[float, ...] = (0.05, 0.3, 0.5)
    draws: int = 3

    def __post_init__(self) -> None:
        check_shares(self.name, self.shares)
        check_count(self.name, "draws", self.draws)

    def settings(self) -> JsonObject:
        """Both."""
        return {"shares": list(self.shares), "draws": self.draws}

    def cost(self, own: bool) -> int:
        """Each share, its random subsets, and the whole image; of others the first share."""
        return 1 + len(self.shares) * (1 + self.draws) if own else 2

    def ask(self, task: Task, scene: Scene) -> Asking:
        """Show subsets of the order."""
        units = units_of(task.explanation)
        if units is None:
            return why_none(task.explanation)
        if scene.model != task.job.model:
            box = task.explanation.record["image"]["crop_box"]
            mask = to_grid(units.first(self.shares[0]), box, scene.shape, scene.crop_box)
            subset, whole = yield [scene.show(mask, task), scene.whole()]
            return {
                "share": self.shares[0],
                "top1": subset.top1,
                "confidence": subset.confidence,
                "whole_top1": whole.top1,
                "whole_confidence": whole.confidence,
            }
        rng = scene.random("subsets")
        masks = [units.first(s) for s in self.shares]
        masks += [units.drawn(s, rng) for s in self.shares for _ in range(self.draws)]
        seen = yield [*(scene.show(m, task) for m in masks), scene.whole()]
        n = len(self.shares)
        at_random = [seen[n + i * self.draws : n + (i + 1) * self.draws] for i in range(n)]
        return {
            "unit": units.kind,
            "shares": list(self.shares),
            "subset": kept(seen[:n]),
            "random": [kept(draws) for draws in at_random],
            "whole_top1": seen[-1].top1,
            "whole_confidence": seen[-1].confidence,
        }
