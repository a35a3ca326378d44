"""Processes for probes: one for each model, some of them at a time."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from suffice.errors import StoreError
from suffice.study import child
from suffice.study.executors import POLL_SECONDS, core_group
from suffice.study.keys import Job
from suffice.study.probes.base import Probe
from suffice.study.probes.running import Want, fail_model, part_of
from suffice.study.store import Store
from suffice.study.work import Bench
from suffice.study.worker import STORE_FAILED


@dataclass(slots=True, eq=False)
class _Running:
    """A process, the model it asks and its place among those of its time."""

    process: subprocess.Popen[str]
    errors: IO[str]
    want: Want
    place: int


@dataclass(slots=True, eq=False)
class ProbePool:
    """Processes that ask models on one store; one that dies fails its model only.

    Parameters
    ----------
    bench : Bench
    store : Store
    probes : sequence of Probe
    jobs : sequence of Job
        Finished ones.
    count : int
        Processes at a time.
    devices : sequence of str
        Process k uses the k-th, from the start again after the last.
    retry : bool
    """

    bench: Bench
    store: Store
    probes: Sequence[Probe]
    jobs: Sequence[Job]
    count: int
    devices: Sequence[str] = ()
    retry: bool = False

    def run(
        self, wants: Sequence[Want], should_stop: Callable[[], bool], tick: Callable[[], None]
    ) -> None:
        """Ask all models that something is left to ask.

        Raises
        ------
        StoreError
            If the store can't be written.
        """
        waiting = [want for want in wants if self._left(want)]
        self.count = max(1, min(self.count, len(waiting)))
        running: list[_Running] = []
        try:
            while running or (waiting and not should_stop()):
                free = sorted(set(range(self.count)) - {one.place for one in running})
                while free and waiting and not should_stop():
                    running.append(self._start(waiting.pop(0), free.pop(0)))
                for one in [r for r in running if r.process.poll() is not None]:
                    running.remove(one)
                    self._ended(one)
                tick()
                if should_stop():
                    _ask_to_stop(running)
                time.sleep(POLL_SECONDS)
        finally:
            _ask_to_stop(running)
            for one in running:
                one.process.wait()
                one.errors.close()

    def _left(self, want: Want) -> bool:
        return any(
            part_of(self.bench, self.store, probe, want, self.jobs, self.retry).left
            for probe in self.probes
        )

    def _start(self, want: Want, place: int) -> _Running:
        task = self._task(want, place)
        process, errors = child.start(
            "suffice.study.probes.worker", answers=False, threads=task["threads"]
        )
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it died at once, which is noticed where all ends are
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        return _Running(process, errors, want, place)

    def _task(self, want: Want, place: int) -> dict[str, Any]:
        cores = core_group(place, self.count)
        return {
            "design": {**self.bench.design.with_images(()).to_dict(), "text": ""},
            "items": {sha256: item.to_dict() for sha256, item in self.bench.items.items()},
            "store": str(self.store.path.resolve()),
            "device": self.devices[place % len(self.devices)] if self.devices else None,
            "threads": len(cores) or 1,
            "cores": cores,
            "probes": [probe.name for probe in self.probes],
            "want": asdict(want),
            "keys": [job.key for job in self.jobs],
            "retry": self.retry,
        }

    def _ended(self, one: _Running) -> None:
        """See how a process ended; what one that died leaves undone has failed."""
        one.errors.seek(0)
        said = (one.errors.read().strip().splitlines() or [""])[-1]
        one.errors.close()
        _ask_to_stop([one])
        code = one.process.returncode
        if code == STORE_FAILED:
            raise StoreError(said.partition(": ")[2])
        if code != 0:
            what = f"the process ended with code {code}: {said}"
            fail_model(self.bench, self.store, self.probes, one.want, self.jobs, what)


def _ask_to_stop(running: Sequence[_Running]) -> None:
    for one in running:
        if one.process.stdin is not None and not one.process.stdin.closed:
            with contextlib.suppress(OSError):  # it is gone, with what it had not read
                one.process.stdin.close()
