"""Work on a Ray cluster: actors answer, this process alone leases and writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from suffice.errors import MissingDependencyError
from suffice.study.design import Design
from suffice.study.images import Item
from suffice.study.keys import Job
from suffice.study.leases import Heartbeat, Leases
from suffice.study.owner import new_owner, retire
from suffice.study.store import Store
from suffice.study.work import Bench, Done, keep

JOBS_AT_A_TIME = 16
WAIT_SECONDS = 0.5


class Answerer:
    """What an actor does: jobs in, rows and blobs out. It sees no store.

    Parameters
    ----------
    task : str
        JSON of ``design`` and ``items``.
    """

    def __init__(self, task: str) -> None:
        told = json.loads(task)
        self._bench = Bench(
            Design.from_dict(told["design"]),
            {sha256: Item(**item) for sha256, item in told["items"].items()},
        )

    def answer(self, jobs: list[Job]) -> list[Done]:
        """Answer jobs of one group."""
        return list(self._bench.answer(jobs))


def run_on_ray(
    bench: Bench,
    store: Store,
    count: int,
    should_stop: Callable[[], bool],
    tick: Callable[[], None],
) -> None:
    """Keep `count` actors busy until nothing is left.

    A cluster that is initialised is taken; otherwise ``ray.init`` finds one by its environment or
    starts one on this machine. Files of the design must have the same paths on all machines.
    What an actor was at when it died is given to the next, as one more attempt.

    Raises
    ------
    MissingDependencyError
        If ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise MissingDependencyError(
            "executor ray needs the package ray: pip install suffice[ray]"
        ) from None
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    items = {sha256: item.to_dict() for sha256, item in bench.items.items()}
    task = json.dumps({"design": {**bench.design.with_images(()).to_dict()}, "items": items})
    owner = new_owner()
    leases = Leases(store, owner, bench.design.attempts)
    try:
        with Heartbeat(store.path, owner):
            _Crew(ray, task, leases, count).run(should_stop, tick)
    finally:
        leases.release()
        retire(owner)
        if started:
            ray.shutdown()


class _Crew:
    """Actors, and what each of them is at."""

    def __init__(self, ray: Any, task: str, leases: Leases, count: int) -> None:
        self._ray, self._task, self._leases = ray, task, leases
        gpus = ray.cluster_resources().get("GPU", 0)
        # An actor that asks for no GPU is shown none.
        share = {"num_gpus": min(1.0, gpus / count)} if gpus else {}
        self._actor = ray.remote(num_cpus=1, **share)(Answerer)
        self._idle = [(self._actor.remote(task), "") for _ in range(count)]
        self._busy: dict[Any, tuple[Any, list[Job]]] = {}

    def run(self, should_stop: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Hand out and take in until nothing is left, or what is out has come back."""
        while True:
            if not should_stop():
                self._hand_out()
            if not self._busy and (should_stop() or not self._leases.remaining()):
                return
            if not self._busy:
                self._ray.wait([self._ray.put(None)], timeout=WAIT_SECONDS)
                continue
            ready, _ = self._ray.wait(list(self._busy), timeout=WAIT_SECONDS)
            for answer in ready:
                self._take_in(answer)
            tick()

    def _hand_out(self) -> None:
        while self._idle:
            actor, model = self._idle[-1]
            jobs = self._leases.take(JOBS_AT_A_TIME, model or None)
            if not jobs:
                return
            self._idle.pop()
            self._busy[actor.answer.remote(jobs)] = (actor, jobs)

    def _take_in(self, answer: Any) -> None:
        actor, jobs = self._busy.pop(answer)
        try:
            found: list[Done] = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            text = f"the actor died: {str(error).splitlines()[0]}"
            found = [Done(job, None, error=text) for job in jobs]
            actor = self._actor.remote(self._task)
        for done in found:
            keep(self._leases, done)
        self._idle.append((actor, jobs[0].model))
