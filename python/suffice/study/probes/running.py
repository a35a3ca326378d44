"""Running probes: model by model, image by image, what the store doesn't have yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from suffice.errors import StoreError
from suffice.models.base import Classifier
from suffice.study.blobs import explanation_from
from suffice.study.keys import Job, ModelFacts, digest
from suffice.study.probes import table
from suffice.study.probes.asking import Asker
from suffice.study.probes.base import Probe, Task
from suffice.study.store import Store
from suffice.study.work import Bench, describe, label_of
from suffice.types import JsonObject


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one probe still wants of one model.

    Attributes
    ----------
    probe : Probe
    model : str
        The model asked.
    asked : str
        Digest of all but the job that can change its values.
    total : int
        Tasks in all.
    left : list of list of Job
        Those to do, by image.
    """

    probe: Probe
    model: str
    asked: str
    total: int
    left: list[list[Job]]


def run_probes(
    bench: Bench,
    store: Store,
    probes: Sequence[Probe],
    jobs: Sequence[Job],
    facts: Sequence[ModelFacts],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    tick: Callable[[], None] = lambda: None,
    retry: bool = False,
) -> None:
    """Do all tasks of probes that the store doesn't have, for the finished jobs among these.

    Every image is one transaction. A model or image that fails is recorded and the others go on.

    Parameters
    ----------
    bench : Bench
    store : Store
    probes : sequence of Probe
    jobs : sequence of Job
    facts : sequence of ModelFacts
        Of the design's models.
    should_stop, tick : callable
        Asked before, and called after each image.
    retry : bool
        Whether failed tasks are tried again.

    Raises
    ------
    StoreError
        If the store can't be written.
    """
    table.create(store)
    done = {key for (key,) in store.query("SELECT key FROM jobs WHERE state = 'done'")}
    finished = [job for job in jobs if job.key in done]
    parts = [
        _part(bench, store, probe, model, finished, retry) for model in facts for probe in probes
    ]
    wanted: dict[str, dict[str, JsonObject]] = table.wanted(store)
    for part in parts:
        of = wanted.setdefault(part.probe.name, {})
        of[part.model] = {"asked": part.asked, "total": part.total}
    names = {model.name for model in facts}
    table.set_wanted(
        store,
        {probe: {m: w for m, w in of.items() if m in names} for probe, of in wanted.items()},
    )
    for part in parts:
        if part.left and not should_stop():
            _run(bench, store, part, should_stop, tick)


def _part(
    bench: Bench, store: Store, probe: Probe, model: ModelFacts, jobs: list[Job], retry: bool
) -> Part:
    """What a probe wants of a model, and what is left of it."""
    asked = digest(
        {
            "probe": probe.name,
            "version": probe.version,
            "settings": probe.settings(),
            "model": model.sha256,
            "preprocess": model.preprocess,
            "output_kind": model.output,
            "precision": model.precision,
        }
    )
    seen = set(list(bench.items)[: model.limit])  # a model with a limit sees no more images here
    wanted = [
        job
        for job in jobs
        if job.image_sha256 in seen and (probe.others or job.model == model.name)
    ]
    known = table.known(store, probe.name, model.name)
    images: dict[str, list[Job]] = {}
    for job in wanted:
        value = known.get(job.key)
        if value is None or value.get("asked") != asked or (retry and "error" in value):
            images.setdefault(job.image_sha256, []).append(job)
    return Part(probe, model.name, asked, len(wanted), list(images.values()))


def _run(
    bench: Bench,
    store: Store,
    part: Part,
    should_stop: Callable[[], bool],
    tick: Callable[[], None],
) -> None:
    try:
        clf = bench.classifier(part.model)
    except Exception as error:  # whatever a model's library raises
        for jobs in part.left:
            table.put(store, [_row(part, job, {"error": describe(error)}) for job in jobs])
        return
    asker = Asker(clf, part.model, part.probe)
    with ThreadPoolExecutor(max(1, clf.workers), thread_name_prefix="suffice") as pool:
        # As many chunks at a time as the model takes calls: what is read ahead stays bounded.
        chunks = _chunks(part, clf)
        while not should_stop():
            batch = [chunk for _, chunk in zip(range(max(1, clf.workers)), chunks, strict=False)]
            if not batch:
                return
            tasks = [[_tasks(bench, store, jobs) for jobs in chunk] for chunk in batch]
            items = [[bench.items[jobs[0].image_sha256] for jobs in chunk] for chunk in batch]
            for chunk, values in zip(batch, pool.map(asker.answer, items, tasks), strict=True):
                for jobs, found in zip(chunk, values, strict=True):
                    rows = [_row(part, j, v) for j, v in zip(jobs, found, strict=True)]
                    table.put(store, rows)
                    tick()


def _chunks(part: Part, clf: Classifier) -> Iterator[list[list[Job]]]:
    """Images that together fill a batch."""
    size = clf.fixed_batch or clf.batch_size
    chunk: list[list[Job]] = []
    rows = 0
    for jobs in part.left:
        chunk.append(jobs)
        rows += sum(part.probe.cost(job.model == part.model) for job in jobs)
        if rows >= size:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _tasks(bench: Bench, store: Store, jobs: Sequence[Job]) -> list[Task | str]:
    """What is known of finished jobs; a text where it can't be read."""
    tasks: list[Task | str] = []
    for job in jobs:
        try:
            specs = next(b for b in bench.design.baselines if label_of(b) == job.baseline)
            explanation = explanation_from(store.record(job.key), store.blobs(job.key))
            tasks.append(Task(job, explanation, specs))
        except StoreError:
            raise
        except Exception as error:  # a damaged record or array
            tasks.append(describe(error))
    return tasks


def _row(part: Part, job: Job, value: JsonObject) -> table.Row:
    return job.key, part.probe.name, part.model, {"asked": part.asked, **value}
