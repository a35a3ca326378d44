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
    left : list of list of Job
        Those to do, by image.
    """

    probe: Probe
    model: str
    asked: str
    left: list[list[Job]]


@dataclass(frozen=True, slots=True)
class Want:
    """What a run wants of one model.

    Attributes
    ----------
    model : str
        The model asked.
    limit : int or None
        It sees the first so many images only.
    asked : dict of str to str
        By probe, the digest of all but the job that can change its values.
    """

    model: str
    limit: int | None
    asked: dict[str, str]


def begin(
    bench: Bench,
    store: Store,
    probes: Sequence[Probe],
    jobs: Sequence[Job],
    facts: Sequence[ModelFacts],
) -> tuple[list[Want], list[Job]]:
    """Make the table, and say in the store what is wanted.

    Parameters
    ----------
    bench : Bench
    store : Store
    probes : sequence of Probe
    jobs : sequence of Job
        Those that are finished take part.
    facts : sequence of ModelFacts
        Of the design's models, each of which is asked.

    Returns
    -------
    wants : list of Want
        One for each model.
    finished : list of Job
    """
    table.create(store)
    done = {key for (key,) in store.query("SELECT key FROM jobs WHERE state = 'done'")}
    finished = [job for job in jobs if job.key in done]
    wants = [
        Want(model.name, model.limit, {p.name: _asked(p, model) for p in probes}) for model in facts
    ]
    # Other probes of this store stay; models that the design no longer has go.
    names = {want.model for want in wants}
    kept = {
        probe: {model: plan for model, plan in models.items() if model in names}
        for probe, models in table.wanted(store).items()
    }
    for want in wants:
        for probe in probes:
            total = len(_tasks_of(bench, probe, want, finished))
            plan = {"asked": want.asked[probe.name], "total": total}
            kept.setdefault(probe.name, {})[want.model] = plan
    table.set_wanted(store, kept)
    return wants, finished


def run_model(
    bench: Bench,
    store: Store,
    probes: Sequence[Probe],
    want: Want,
    jobs: Sequence[Job],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    tick: Callable[[], None] = lambda: None,
    retry: bool = False,
) -> None:
    """Ask one model what the store doesn't have.

    Every image is one transaction. What fails is recorded, and the rest goes on.

    Parameters
    ----------
    bench : Bench
    store : Store
    probes : sequence of Probe
    want : Want
    jobs : sequence of Job
        Finished ones.
    should_stop, tick : callable
        Asked before, and called after each image.
    retry : bool
        Whether failed tasks are tried again.

    Raises
    ------
    StoreError
        If the store can't be written.
    """
    for probe in probes:
        part = part_of(bench, store, probe, want, jobs, retry)
        if part.left and not should_stop():
            _run(bench, store, part, should_stop, tick)


def fail_model(
    bench: Bench,
    store: Store,
    probes: Sequence[Probe],
    want: Want,
    jobs: Sequence[Job],
    error: str,
) -> None:
    """Record that a model could not be asked what the store doesn't have of it."""
    for probe in probes:
        _fail(store, part_of(bench, store, probe, want, jobs, retry=False), error)


def part_of(
    bench: Bench, store: Store, probe: Probe, want: Want, jobs: Sequence[Job], retry: bool
) -> Part:
    """What a probe still wants of a model."""
    asked = want.asked[probe.name]
    known = table.known(store, probe.name, want.model)
    images: dict[str, list[Job]] = {}
    for job in _tasks_of(bench, probe, want, jobs):
        before, failed = known.get(job.key, ("", False))
        if before != asked or (retry and failed):
            images.setdefault(job.image_sha256, []).append(job)
    return Part(probe, want.model, asked, list(images.values()))


def _tasks_of(bench: Bench, probe: Probe, want: Want, jobs: Sequence[Job]) -> list[Job]:
    seen = set(list(bench.items)[: want.limit])  # a model with a limit sees no more images here
    return [
        job
        for job in jobs
        if job.image_sha256 in seen and (probe.others or job.model == want.model)
    ]


def _asked(probe: Probe, model: ModelFacts) -> str:
    """Digest of what is asked and who."""
    return digest(
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
        _fail(store, part, describe(error))
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


def _fail(store: Store, part: Part, error: str) -> None:
    for jobs in part.left:
        table.put(store, [_row(part, job, {"error": error}) for job in jobs])


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
            specs = next(b for b in bench.design.all_baselines() if label_of(b) == job.baseline)
            explanation = explanation_from(store.record(job.key), store.blobs(job.key))
            tasks.append(Task(job, explanation, specs))
        except StoreError:
            raise
        except Exception as error:  # a damaged record or array
            tasks.append(describe(error))
    return tasks


def _row(part: Part, job: Job, value: JsonObject) -> table.Row:
    return job.key, part.probe.name, part.model, {"asked": part.asked, **value}
