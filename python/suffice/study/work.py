"""Answering jobs: one run of `suffice.explain_stream` for each group, fed by leases."""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from suffice.errors import DeviceMemoryError
from suffice.explanation import Explanation
from suffice.study.blobs import COMPOSITE, Blob, blobs_of, encode_array
from suffice.study.design import Design
from suffice.study.images import Item
from suffice.study.keys import Job
from suffice.study.leases import Leases
from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.models.base import Classifier

AT_A_TIME = 4
"""Images leased at once while a group runs; a run looks at most its window ahead."""
IDLE_SECONDS = 0.2
_NO_MEMORY = re.compile(
    r"out of memory|bad_?alloc|failed to allocate|cannot allocate", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """What became of one job: a row and blobs, or an error and what the model was shown."""

    job: Job
    row: JsonObject | None
    blobs: Sequence[Blob] = ()
    error: str = ""


@dataclass(slots=True, eq=False)
class Bench:
    """What a worker has at hand: the design, its images, and the model it used last.

    Parameters
    ----------
    design : Design
    items : dict of str to Item
        Images by their SHA-256.
    device : str or None
        For models that don't say where they run.
    threads : int or None
        For models on a CPU.
    """

    design: Design
    items: dict[str, Item]
    device: str | None = None
    threads: int | None = None
    model: str | None = None
    _loaded: dict[bool, Classifier] = field(default_factory=dict, repr=False)

    def classifier(self, name: str, gradients: bool = False) -> Classifier:
        """Load a model, or take the one at hand. The one before is given up first."""
        if self.model != name:
            self.model = None
            self._loaded.clear()
        if gradients not in self._loaded:
            spec = next(m for m in self.design.models if m.name == name)
            self._loaded[gradients] = spec.load(self.device, self.threads, gradients)
            self.model = name
        return self._loaded[gradients]

    def answer(
        self,
        jobs: Sequence[Job],
        more: Callable[[], Sequence[Job]] = tuple,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Done]:
        """Answer jobs of one group, and those that `more` gives until it gives none.

        An error that is not about one image fails the jobs that were begun.
        """
        begun: list[Job] = []
        told = 0

        def images() -> Iterator[Any]:
            batch: Sequence[Job] = jobs
            while batch:
                for job in batch:
                    begun.append(job)
                    yield self.items[job.image_sha256].load()
                batch = () if should_stop() else more()

        try:
            for result in self._stream(jobs[0], images(), should_stop):
                told += 1
                yield self._done(begun[result.index], result)
        except Exception as error:
            # Images come in order, so what was begun and not told is at the end.
            for job in begun[told:] or jobs:
                yield Done(job, None, error=describe(error))

    def _stream(
        self, job: Job, images: Iterator[Any], should_stop: Callable[[], bool]
    ) -> Iterator[Any]:
        from suffice.api import explain_stream

        design = self.design
        spec = next(m for m in design.methods if m.name == job.method)
        question = json.loads(job.question)
        specs = next(b for b in design.all_baselines() if label_of(b) == job.baseline)
        method = spec.make(functools.partial(self.classifier, job.model))
        return explain_stream(
            self.classifier(job.model, method.differentiates),
            images,
            method=method,
            target=job.target,
            baseline=list(specs),
            criterion=job.criterion,
            contrastive=design.contrastive,
            count=question["count"],
            overlap=design.overlap,
            budget=question["budget"],
            prune=spec.prune,
            grain=job.grain,
            seed=job.seed,
            on_error="yield",
            should_stop=should_stop,
        )

    def _done(self, job: Job, result: Any) -> Done:
        if not isinstance(result, Explanation):
            return Done(job, None, shown(result.error), describe(result.error))
        result.record["image"]["name"] = job.image
        return Done(job, row_of(result), blobs_of(result, self.design.responsibility))


def label_of(specs: Sequence[str]) -> str:
    """The name of one or several baselines at once, as tables have it."""
    from suffice.study.keys import short

    return "+".join(map(short, specs))


def describe(error: BaseException) -> str:
    """An error in one line."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    if isinstance(error, (MemoryError, DeviceMemoryError)) or _NO_MEMORY.search(text):
        text += "; memory ran out: give the model a smaller batch_size, or use fewer workers"
    return text


def shown(error: BaseException) -> Sequence[Blob]:
    """What the model was shown when its scores were no scores; nothing of other errors."""
    composite = getattr(error, "composite", None)
    return () if composite is None else (encode_array(COMPOSITE, composite),)


def row_of(explanation: Explanation) -> JsonObject:
    """The scalars of an explanation, and its record as JSON text."""
    record = explanation.record
    reference, certificate = record["reference"], record["certificate"]
    area = 0.0 if record["status"] == "empty" else record["area"]
    return {
        "status": record["status"],
        "reason": record["reason"],
        "certified": int(bool(certificate and certificate["sufficient"])),
        "irreducible_at": None if certificate is None else certificate["irreducible_at"],
        "target": record["target"],
        "top1": reference["top1"],
        "top5": json.dumps(reference["top5"]),
        "confidence": reference["confidence"],
        "entropy": reference["entropy"],
        "lead": reference["lead"],
        "pixels": record["pixels"],
        "area": area,
        "sets": len(record["sets"]),
        "set_confidence": None if certificate is None else certificate["confidence"],
        "evaluations": record["evaluations"],
        "seconds": record["seconds"]["total"],
        "multilabel": int(record["output_kind"] == "multilabel"),
        "finished": time.time(),
        "record": json.dumps(record, allow_nan=False, separators=(",", ":")),
    }


def work(
    bench: Bench,
    leases: Leases,
    should_stop: Callable[[], bool],
    on_done: Callable[[Done], None] = lambda _: None,
) -> None:
    """Work until no job of the store is left, or it is wished to stop.

    While others hold the last jobs it waits, to take them over should their workers die.
    """
    try:
        while not should_stop():
            jobs = leases.take(AT_A_TIME, bench.model)
            if not jobs:
                if not leases.remaining():
                    return
                time.sleep(IDLE_SECONDS)
                continue
            group, alone = jobs[0].group, leases.is_retry(jobs[0].key)
            more = (lambda: ()) if alone else (lambda g=group: leases.take(AT_A_TIME, None, g))
            for done in bench.answer(jobs, more, should_stop):
                keep(leases, done)
                on_done(done)
            leases.release()
    finally:
        leases.release()


def keep(leases: Leases, done: Done) -> None:
    """Commit what became of a job."""
    if done.row is None:
        leases.fail(done.job.key, done.error, done.blobs)
    else:
        leases.store.put(done.job.key, done.row, done.blobs)
