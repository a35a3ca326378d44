"""Who does the work: this process, or worker processes on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from suffice.errors import StoreError, SufficeError
from suffice.study import child
from suffice.study.leases import Heartbeat, Leases
from suffice.study.owner import new_owner, retire
from suffice.study.store import Store
from suffice.study.watch import Watch
from suffice.study.work import AT_A_TIME, Bench, work
from suffice.study.worker import STORE_FAILED

POLL_SECONDS = 0.1
KILLED = 9  # SIGKILL
STARTS_IN_VAIN = 3
"""Workers that may die one after the other before a job is done, beside its attempts."""

Tick = Callable[[], None]


def run_here(bench: Bench, store: Store, should_stop: Callable[[], bool], tick: Tick) -> None:
    """Work in this process.

    Parameters
    ----------
    bench : Bench
    store : Store
    should_stop : callable
    tick : callable
        Called after each job.
    """
    owner = new_owner()
    try:
        with Heartbeat(store.path, owner):
            work(bench, Leases(store, owner, bench.design.attempts), should_stop, lambda _: tick())
    finally:
        retire(owner)


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker process and the file of what it says on stderr."""

    process: subprocess.Popen[str]
    errors: IO[str]
    owner: str = ""
    number: int = 0
    late: str = ""

    def said(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return lines[-1] if lines else ""


@dataclass(slots=True, eq=False)
class Pool:
    """Worker processes on one store.

    Parameters
    ----------
    bench : Bench
    store : Store
    count : int
        Processes.
    devices : list of str
        Worker k uses the k-th, from the start again after the last; empty: what the models say.
    timeout : float or None
        Seconds in which a worker has to finish an image, or is killed.
    """

    bench: Bench
    store: Store
    count: int
    devices: list[str]
    timeout: float | None = None
    _workers: list[_Worker] = field(default_factory=list)
    _in_vain: int = 0
    _through: int = 0

    def run(self, should_stop: Callable[[], bool], tick: Tick) -> None:
        """Work until nothing is left, replacing workers that die.

        Raises
        ------
        StoreError
            If a worker could not write to the store.
        SufficeError
            If workers die again and again without finishing anything.
        """
        leases = Leases(self.store, new_owner(), self.bench.design.attempts)
        watch = Watch(self.timeout)
        try:
            for number in range(min(self.count, leases.remaining())):
                self._workers.append(self._start(number))
            while self._workers:
                self._end_late(watch)
                for worker in list(self._workers):
                    if worker.process.poll() is not None:
                        self._ended(worker, leases, should_stop())
                tick()
                if should_stop():
                    self._ask_to_stop()
                time.sleep(POLL_SECONDS)
        finally:
            self._ask_to_stop()
            for worker in self._workers:
                self._wait(worker)
                self._close(worker)
            tick()

    def _end_late(self, watch: Watch) -> None:
        """Kill workers that hang; their end is noticed where all ends are."""
        for owner, words in watch.late(self.store).items():
            for worker in self._workers:
                if worker.owner == owner and not worker.late:
                    worker.late = words
                    worker.process.kill()

    def _wait(self, worker: _Worker) -> None:
        """Wait for the end of a worker that was asked for it, but not for one that hangs."""
        try:
            worker.process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()

    def _ask_to_stop(self) -> None:
        for worker in self._workers:
            if worker.process.stdin is not None and not worker.process.stdin.closed:
                worker.process.stdin.close()

    def _start(self, number: int) -> _Worker:
        task = self._task(number)
        process, errors = child.start("suffice.study.worker", answers=True, threads=task["threads"])
        worker = _Worker(process, errors, number=number)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        except BrokenPipeError:  # it died at once; its end is noticed where all ends are
            return worker
        worker.owner = process.stdout.readline().strip()
        return worker

    def _task(self, number: int) -> dict[str, Any]:
        cores = core_group(number, self.count)
        return {
            "design": {**self.bench.design.with_images(()).to_dict(), "text": ""},
            "items": {sha256: item.to_dict() for sha256, item in self.bench.items.items()},
            "store": str(self.store.path.resolve()),
            "device": self.devices[number % len(self.devices)] if self.devices else None,
            "threads": len(cores) or 1,
            "cores": cores,
            "timeout": self.timeout,
        }

    def _ended(self, worker: _Worker, leases: Leases, stopping: bool) -> None:
        """Take over from a worker that has ended, and start another where it died."""
        self._workers.remove(worker)
        code, said = worker.process.returncode, worker.said()
        self._close(worker)
        if code == 0:
            return
        if code == STORE_FAILED:
            raise StoreError(said.partition(": ")[2])
        what = worker.late or f"the worker process {_ending(code)}: {said}".removesuffix(": ")
        if worker.owner:
            Leases(self.store, worker.owner, leases.attempts).crashed(what)
        through = self._finished()
        self._in_vain = self._in_vain + 1 if through == self._through else 1
        self._through = through
        # Of jobs that run together each may have to hang alone before one counts as failed.
        company = self.count * AT_A_TIME * 2 if worker.late else 1
        if self._in_vain >= STARTS_IN_VAIN + leases.attempts * company:
            raise SufficeError(f"{what} ({self._in_vain} in a row); nothing was finished meanwhile")
        if not stopping and leases.remaining():
            self._workers.append(self._start(worker.number))

    def _finished(self) -> int:
        query = "SELECT count(*) FROM jobs WHERE state IN ('done', 'failed')"
        return int(self.store.query(query)[0][0])

    @staticmethod
    def _close(worker: _Worker) -> None:
        for stream in (worker.process.stdin, worker.process.stdout, worker.errors):
            if stream is not None:
                stream.close()


def _ending(code: int) -> str:
    """How a process ended, and what may help."""
    if code == -KILLED:
        return (
            f"was killed (code {code}), as systems do when memory runs out: use fewer --workers, "
            "or a smaller batch_size of the model"
        )
    return f"ended with code {code}"


def core_group(number: int, count: int) -> list[int]:
    """The processor cores of one of several workers; none where there are more workers."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    each = len(cores) // count
    return cores[number * each : (number + 1) * each]
