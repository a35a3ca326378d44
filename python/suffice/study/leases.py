"""Leases: which worker works on which job, and for how long it may be silent.

A worker renews its leases while it lives. Leases of a worker that is known to be dead, or that has
been silent for `SECONDS`, are open again. A clock that jumps can at worst give a job to two
workers, or hold one up for `SECONDS`; `Store.put` keeps the result of the first that finishes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from suffice.errors import StoreError
from suffice.study.blobs import Blob
from suffice.study.keys import Job
from suffice.study.owner import is_dead
from suffice.study.store import JOB_COLUMNS, Store

SECONDS = 60.0
COMPOSITES = 100
"""Of so many failed jobs a store keeps what their model was shown: where all fail, it stays small."""
_FIELDS = ", ".join((*JOB_COLUMNS, 'grp AS "group"', "question"))


@dataclass(slots=True)
class Leases:
    """What one worker takes from a store.

    Parameters
    ----------
    store : Store
    owner : str
    attempts : int
        How often a job is tried.
    """

    store: Store
    owner: str
    attempts: int = 3

    def take(self, count: int, model: str | None = None, group: str | None = None) -> list[Job]:
        """Lease up to `count` jobs of one group.

        Parameters
        ----------
        count : int
        model : str, optional
            Whose jobs are preferred.
        group : str, optional
            Only fresh jobs of this group.

        Returns
        -------
        list of Job
            Empty where nothing is open. A job that failed before comes alone, so that what it
            does to a process is done to no other.
        """
        store, now = self.store, self.store.clock()
        with store.transaction():
            self._reclaim(now)
            wanted = "state = 'open' AND attempts = 0 AND grp = ?"
            values: tuple[object, ...] = (group,)
            if group is None:
                chosen = self._choose(model)
                if chosen is None:
                    return []
                values, tried = chosen
                if tried:
                    wanted, count = "state = 'open' AND attempts > 0 AND grp = ?", 1
            rows = store.db.execute(
                f"SELECT {_FIELDS} FROM jobs WHERE {wanted} ORDER BY attempts, position LIMIT ?",
                (*values, count),
            ).fetchall()
            store.db.executemany(
                "UPDATE jobs SET state = 'leased', owner = ?, expires = ? WHERE key = ?",
                [(self.owner, now + SECONDS, row["key"]) for row in rows],
            )
        return [Job(**dict(row)) for row in rows]

    def is_retry(self, key: str) -> bool:
        """Whether a job has failed before."""
        query = "SELECT attempts FROM jobs WHERE key = ?"
        return bool(self.store.query(query, key)[0][0])

    def _reclaim(self, now: float) -> None:
        """Open the leases of the dead and the silent."""
        db = self.store.db
        # An end further off than a lease lasts was set before the clock went back.
        db.execute(
            "UPDATE jobs SET state = 'open', owner = NULL, expires = NULL "
            "WHERE state = 'leased' AND (expires <= ?1 OR expires > ?1 + 2 * ?2)",
            (now, SECONDS),
        )
        owners = db.execute("SELECT DISTINCT owner FROM jobs WHERE state = 'leased'").fetchall()
        for (owner,) in owners:
            if owner != self.owner and is_dead(owner):
                _open(db, owner, 0)

    def _choose(self, model: str | None) -> tuple[tuple[str], bool] | None:
        """A group with open jobs: fresh ones first, of the model at hand, that few work on."""
        db = self.store.db
        groups = db.execute(
            "SELECT grp, model, attempts > 0 AS tried, min(position) AS first FROM jobs "
            "WHERE state = 'open' GROUP BY grp, model, tried"
        ).fetchall()
        if not groups:
            return None
        busy = dict(
            db.execute(
                "SELECT model, count(DISTINCT owner) FROM jobs WHERE state = 'leased' "
                "GROUP BY model"
            ).fetchall()
        )
        best = min(
            groups,
            key=lambda g: (g["tried"], g["model"] != model, busy.get(g["model"], 0), g["first"]),
        )
        return (best["grp"],), bool(best["tried"])

    def fail(self, key: str, error: str, blobs: Sequence[Blob] = ()) -> bool:
        """Note a failed attempt; the job is open again, or recorded as failed after the last.

        Parameters
        ----------
        key : str
        error : str
        blobs : sequence of Blob
            What the model was shown; kept of the first `COMPOSITES` failed jobs of a store.

        Returns
        -------
        bool
            Whether it was the last.
        """
        with self.store.transaction():
            self.store.db.execute(
                "UPDATE jobs SET attempts = attempts + 1, error = ?, owner = NULL, expires = NULL, "
                "state = CASE WHEN attempts + 1 >= ? THEN 'failed' ELSE 'open' END "
                "WHERE key = ? AND state = 'leased' AND owner = ?",
                (error, self.attempts, key, self.owner),
            )
            row = self.store.db.execute("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()
            failed = bool(row[0] == "failed")
            if failed and blobs and self.store.failed() <= COMPOSITES:
                self.store.put_blobs(key, blobs)
        return failed

    def release(self) -> None:
        """Open what is leased and was not begun or not finished."""
        with self.store.transaction():
            _open(self.store.db, self.owner, 0)

    def crashed(self, error: str) -> None:
        """Count an attempt for each lease of a worker whose process has ended by itself."""
        store = self.store
        with store.transaction():
            _open(store.db, self.owner, 1)
            store.db.execute(
                "UPDATE jobs SET state = 'failed', error = ? WHERE state = 'open' "
                "AND attempts >= ?",
                (error, self.attempts),
            )

    def remaining(self) -> int:
        """Jobs that are open or leased, by whomever."""
        query = "SELECT count(*) FROM jobs WHERE state IN ('open', 'leased')"
        return int(self.store.query(query)[0][0])

    def renew(self) -> None:
        """Say that the worker lives."""
        with self.store.transaction():
            self.store.db.execute(
                "UPDATE jobs SET expires = ? WHERE state = 'leased' AND owner = ?",
                (self.store.clock() + SECONDS, self.owner),
            )


def _open(db: sqlite3.Connection, owner: str, attempts: int) -> None:
    db.execute(
        "UPDATE jobs SET state = 'open', owner = NULL, expires = NULL, attempts = attempts + ? "
        "WHERE state = 'leased' AND owner = ?",
        (attempts, owner),
    )


def retry_failed(store: Store) -> int:
    """Open all failed jobs again; returns how many."""
    with store.transaction():
        return store.db.execute(
            "UPDATE jobs SET state = 'open', attempts = 0, error = NULL WHERE state = 'failed'"
        ).rowcount


class Heartbeat:
    """Renews the leases of an owner from a thread of its own, with its own connection."""

    def __init__(self, path: Path, owner: str) -> None:
        self._path, self._owner = path, owner
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="suffice-leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(SECONDS / 4):
            # A full or busy disk: the next beat may do.
            with contextlib.suppress(StoreError), Store(self._path) as store:
                Leases(store, self._owner).renew()
