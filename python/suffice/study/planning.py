"""What a study will cost: evaluations, time and storage, from a short probe."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from suffice.study.keys import Job
from suffice.study.run import Study
from suffice.study.work import Bench, Done

_ROW_BYTES = 900  # of a job: its question, names, index entries


@dataclass(frozen=True, slots=True)
class Cost:
    """What the jobs of one model and method will cost.

    Attributes
    ----------
    model, method : str
    jobs : int
    evaluations : float
        Of all these jobs.
    seconds : float
        Of one process.
    bytes : float
        In the store.
    probed, failed : int
        Jobs that were tried, and how many of them failed.
    """

    model: str
    method: str
    jobs: int
    evaluations: float
    seconds: float
    bytes: float
    probed: int
    failed: int


def plan(
    study: Study, probe: int = 2, on_probe: Callable[[str], None] = lambda _: None
) -> list[Cost]:
    """Predict what a study costs.

    For every model and method some jobs, drawn from all of theirs, are really done, in this
    process; nothing is stored.

    Parameters
    ----------
    study : Study
    probe : int
        Jobs to try for each model and method; 0: none, only jobs are counted.
    on_probe : callable
        Told what is being probed.

    Returns
    -------
    list of Cost
    """
    prepared = study.prepare()
    bench = Bench(study.design, prepared.items)
    costs = []

    def kind(job: Job) -> tuple[str, str]:
        return job.model, job.method

    for (model, method), group in groupby(prepared.jobs, kind):
        jobs = list(group)
        tried: list[Done] = []
        for job in _spread(jobs, probe):
            on_probe(f"{model} {method} {job.image}")
            tried += bench.answer([job])
        costs.append(_cost(model, method, len(jobs), tried))
    return costs


def _spread(jobs: list[Job], count: int) -> list[Job]:
    """Some of the jobs, the same at every call."""
    return random.Random(0).sample(jobs, min(count, len(jobs)))


def _cost(model: str, method: str, jobs: int, tried: list[Done]) -> Cost:
    rows = [(done.row, done.blobs) for done in tried if done.row is not None]
    share = jobs / len(rows) if rows else float("nan")
    size = sum(len(row["record"]) + sum(len(b.data) for b in blobs) for row, blobs in rows)
    return Cost(
        model,
        method,
        jobs,
        share * sum(row["evaluations"] for row, _ in rows),
        share * sum(row["seconds"] for row, _ in rows),
        share * size + jobs * _ROW_BYTES,
        len(tried),
        len(tried) - len(rows),
    )
