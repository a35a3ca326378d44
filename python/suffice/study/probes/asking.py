"""Asking a model what tasks want to know: looks of several images in full batches."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import InputError
from suffice.evaluation import Evaluator
from suffice.judging import Judged, Span
from suffice.models.base import Classifier
from suffice.study.images import Item
from suffice.study.probes.base import Asking, Look, Probe, Scene, Seen, Task
from suffice.study.work import describe
from suffice.types import FloatImage, JsonObject, PixelMask

Place = tuple[int, int]
"""A group of looks and a place in it."""


@dataclass(slots=True, eq=False)
class _Group:
    """Masks of one image before one baseline, for one target: composed together."""

    image: FloatImage
    baseline: FloatImage
    target: int
    masks: list[PixelMask] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Wanted:
    """One task on its way: for each of its looks the places of the answers, one a baseline."""

    asking: Asking | None = None
    value: JsonObject = field(default_factory=dict)
    looks: list[list[Place]] = field(default_factory=list)
    evaluations: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was said to one composite, or why nothing was."""

    top1: int = -1
    confidence: float = 0.0
    lead: float = 0.0
    error: str = ""


class _Board:
    """The looks of several images on their way to the model."""

    def __init__(self) -> None:
        self.groups: list[_Group] = []
        self._at: dict[tuple[int, int, int], int] = {}

    def add(self, look: Look, target: int) -> list[Place]:
        """Put a look up; the places of its answers."""
        places = []
        for baseline in look.baselines:
            key = (id(look.image), id(baseline), target)  # kept alive by their group
            if key not in self._at:
                self._at[key] = len(self.groups)
                self.groups.append(_Group(look.image, baseline, target))
            masks = self.groups[self._at[key]].masks
            masks.append(look.mask)
            places.append((self._at[key], len(masks) - 1))
        return places


class Asker:
    """Asks one model the tasks of one probe; may be used by several threads.

    Parameters
    ----------
    classifier : Classifier
    model : str
        Its name in the design.
    probe : Probe
    """

    def __init__(self, classifier: Classifier, model: str, probe: Probe) -> None:
        self.classifier, self.model, self.probe = classifier, model, probe
        self._evaluator = Evaluator(classifier, classifier.fixed_batch or classifier.batch_size)
        multilabel = classifier.output == "multilabel"
        self._criterion = Criterion("confidence", 0.5) if multilabel else Criterion("top1")

    def answer(
        self, items: Sequence[Item], tasks: Sequence[Sequence[Task | str]]
    ) -> list[list[JsonObject]]:
        """Values of the tasks of several images; one that fails has ``error`` in its value."""
        board = _Board()
        wanted = [self._begin(item, of, board) for item, of in zip(items, tasks, strict=True)]
        answers = self._ask(board.groups)
        return [[self._end(one, answers) for one in of] for of in wanted]

    def _begin(self, item: Item, tasks: Sequence[Task | str], board: _Board) -> list[_Wanted]:
        """Start the tasks of one image."""
        try:
            scene = Scene.of(self.classifier, self.model, item)
        except Exception as error:  # whatever reading an image raises
            return [_Wanted(value={"error": describe(error)}) for _ in tasks]
        shared: dict[Hashable, list[Place]] = {}
        return [self._start(task, scene, board, shared) for task in tasks]

    def _start(
        self, task: Task | str, scene: Scene, board: _Board, shared: dict[Hashable, list[Place]]
    ) -> _Wanted:
        if isinstance(task, str):
            return _Wanted(value={"error": task})
        made = _Wanted()
        try:
            if not task.target < self.classifier.n_classes:
                raise InputError(
                    f"{self.model} has classes 0 to {self.classifier.n_classes - 1}, the set is "
                    f"of class {task.target}"
                )
            asking = self.probe.ask(task, scene)
            looks = next(asking)
        except StopIteration as end:
            made.value = {**end.value, "evaluations": 0}
            return made
        except Exception as error:  # a baseline that this model has not, and the like
            made.value = {"error": describe(error)}
            return made
        made.asking = asking
        for look in looks:
            key = (look.same, task.target)
            if look.same and key in shared:
                made.looks.append(shared[key])
                continue
            places = board.add(look, task.target)
            made.looks.append(places)
            made.evaluations += len(places)
            if look.same:
                shared[key] = places
        return made

    def _ask(self, groups: list[_Group]) -> list[list[_Answer]]:
        """Look at everything in full batches."""
        if not groups:
            return []
        spans = [self._span(group, group.masks) for group in groups]
        try:
            self._evaluator.measure(groups[0].image, groups[0].baseline)
            judged = self._evaluator.run(spans)
        except Exception as error:  # the model itself
            return [[_Answer(error=describe(error))] * len(group.masks) for group in groups]
        return [self._answers(g, j) for g, j in zip(groups, judged, strict=True)]

    def _span(self, group: _Group, masks: list[PixelMask]) -> Span:
        packed = _native.pack(np.ascontiguousarray(np.stack(masks)))
        return Span(group.image, group.baseline, packed, group.target, self._criterion, 1.0)

    def _answers(self, group: _Group, judged: Judged) -> list[_Answer]:
        """Of each mask of a group; where one breaks the model, the others are asked again."""
        if judged.error is not None and len(group.masks) > 1:
            singles = [_Group(group.image, group.baseline, group.target, [m]) for m in group.masks]
            each = [self._evaluator.run([self._span(one, one.masks)])[0] for one in singles]
            return [self._answers(o, j)[0] for o, j in zip(singles, each, strict=True)]
        decisions = judged.decisions
        if decisions is None:
            return [_Answer(error=describe(judged.error or InputError("the model said nothing")))]
        return [
            _Answer(int(top1), float(confidence), float(lead))
            for top1, confidence, lead in zip(
                decisions.top1, decisions.confidence, decisions.lead, strict=True
            )
        ]

    def _end(self, one: _Wanted, answers: list[list[_Answer]]) -> JsonObject:
        """Tell a task what was seen."""
        if one.asking is None:
            return one.value
        found = [[answers[group][at] for group, at in places] for places in one.looks]
        said = next((a.error for several in found for a in several if a.error), "")
        if said:
            one.asking.close()
            return {"error": said, "evaluations": one.evaluations}
        try:
            one.asking.send([_worst(several) for several in found])
        except StopIteration as end:
            return {**end.value, "evaluations": one.evaluations}
        except Exception as error:  # one of the probe is no reason to stop the others
            return {"error": describe(error), "evaluations": one.evaluations}
        raise RuntimeError(f"probe {self.probe.name} asked twice")


def _worst(answers: list[_Answer]) -> Seen:
    """What several baselines come to."""
    least = min(answers, key=lambda a: a.lead)
    return Seen(least.top1, min(a.confidence for a in answers))
