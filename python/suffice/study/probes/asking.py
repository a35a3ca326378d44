"""Asking a model what tasks want to know: looks of several images in full batches."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import InputError
from suffice.evaluation import Evaluator, Judged, Span
from suffice.models.base import Classifier
from suffice.study.images import Item
from suffice.study.probes.base import Asking, Look, Probe, Scene, Seen, Task
from suffice.study.work import describe
from suffice.types import JsonObject


@dataclass(slots=True, eq=False)
class _Wanted:
    """One task on its way: its looks, and which judgements are theirs.

    `spans` has for each look the places of its judgements, one for each baseline.
    """

    asking: Asking | None = None
    value: JsonObject = field(default_factory=dict)
    spans: list[list[int]] = field(default_factory=list)
    evaluations: int = 0


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
        spans: list[Span] = []
        wanted = [self._begin(item, of, spans) for item, of in zip(items, tasks, strict=True)]
        judged = self._judge(spans)
        return [[self._end(one, judged) for one in of] for of in wanted]

    def _begin(self, item: Item, tasks: Sequence[Task | str], spans: list[Span]) -> list[_Wanted]:
        """Start the tasks of one image; what they want to see goes to `spans`."""
        try:
            scene = Scene.of(self.classifier, self.model, item)
        except Exception as error:  # whatever reading an image raises
            return [_Wanted(value={"error": describe(error)}) for _ in tasks]
        shared: dict[Hashable, list[int]] = {}
        return [self._start(task, scene, spans, shared) for task in tasks]

    def _start(
        self, task: Task | str, scene: Scene, spans: list[Span], shared: dict[Any, list[int]]
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
                made.spans.append(shared[key])
                continue
            places = list(range(len(spans), len(spans) + len(look.baselines)))
            spans.extend(self._spans(look, task.target))
            made.spans.append(places)
            made.evaluations += len(places)
            if look.same:
                shared[key] = places
        return made

    def _spans(self, look: Look, target: int) -> list[Span]:
        packed = _native.pack(np.ascontiguousarray(look.mask)[None])
        return [
            Span(look.image, baseline, packed, target, self._criterion, 1.0)
            for baseline in look.baselines
        ]

    def _judge(self, spans: list[Span]) -> list[Judged]:
        """Look at everything in full batches; an error stays with the look it comes from."""
        if not spans:
            return []
        first = spans[0]
        try:
            self._evaluator.measure(first.image, first.baseline)
        except Exception as error:  # the model itself
            nothing = np.zeros(1)
            return [Judged(None, nothing, nothing > 0, 0, error)] * len(spans)
        return self._evaluator.run(spans)

    def _end(self, one: _Wanted, judged: list[Judged]) -> JsonObject:
        """Tell a task what was seen."""
        if one.asking is None:
            return one.value
        seen = []
        for places in one.spans:
            answers = [judged[p] for p in places]
            error = next((a.error for a in answers if a.error is not None), None)
            if error is not None:
                one.asking.close()
                return {"error": describe(error), "evaluations": one.evaluations}
            seen.append(_worst(answers))
        try:
            one.asking.send(seen)
        except StopIteration as end:
            return {**end.value, "evaluations": one.evaluations}
        except Exception as error:  # an error of the probe is no reason to stop the others
            return {"error": describe(error), "evaluations": one.evaluations}
        raise RuntimeError(f"probe {self.probe.name} asked twice")


def _worst(answers: list[Judged]) -> Seen:
    """What several baselines come to."""
    decisions = [a.decisions for a in answers if a.decisions is not None]
    least = min(decisions, key=lambda d: float(d.lead[0]))
    return Seen(int(least.top1[0]), min(float(d.confidence[0]) for d in decisions))
