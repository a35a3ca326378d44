"""Noticing workers that get nothing done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from suffice.errors import SettingsError
from suffice.study.store import Store

LOOK_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class Watch:
    """Says which workers have finished nothing for too long.

    A worker that hangs in a model still renews its leases, so only what becomes of them tells.

    Parameters
    ----------
    seconds : float or None
        For which a worker may finish none of its images; None: any time.
    clock : callable
        Seconds that only go forward.
    """

    seconds: float | None
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[frozenset[tuple[str, int]], float]] = field(default_factory=dict)
    _looked: float = float("-inf")

    def late(self, store: Store) -> dict[str, str]:
        """Owners that are late, each with what to say of it.

        Looks into the store at most every `LOOK_SECONDS`.
        """
        now = self.clock()
        if self.seconds is None or now - self._looked < LOOK_SECONDS:
            return {}
        self._looked = now
        held: dict[str, set[tuple[str, int]]] = {}
        for owner, key, attempts in store.query(
            "SELECT owner, key, attempts FROM jobs WHERE state = 'leased'"
        ):
            held.setdefault(owner, set()).add((key, attempts))
        before, self._held = self._held, {}
        for owner, jobs in held.items():
            old, since = before.get(owner, (frozenset(), now))
            self._held[owner] = (frozenset(jobs), now if not old or old - jobs else since)
        return {
            owner: self._words(len(jobs))
            for owner, (jobs, since) in self._held.items()
            if now - since >= self.seconds
        }

    def _words(self, count: int) -> str:
        what = "the image it was at" if count == 1 else f"any of the {count} images it was at"
        return (
            f"the worker was ended: it did not finish {what} in {self.seconds:g} seconds, the "
            "timeout of the study; give more with --timeout, or leave the image out"
        )


def check_timeout(seconds: float | None) -> float | None:
    """The timeout itself, if it is one.

    Raises
    ------
    SettingsError
        If it is no number above 0.
    """
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if seconds is not None and not (number and 0 < seconds < 1e9):
        raise SettingsError(f"timeout should be a number of seconds above 0, got {seconds!r}")
    return seconds
