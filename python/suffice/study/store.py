"""The store of a study: one SQLite file (DESIGN.md 6).

Tables: ``jobs`` (what was asked, and who works on it), ``explanations`` (one row for each finished
job, with its record), ``blobs`` (masks and maps), ``meta``. Every finished image is one
transaction. Uniqueness of keys, not clocks, guarantees that nothing is kept twice.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from suffice.errors import InputError, StoreError
from suffice.reading import parse_json
from suffice.stored import check_record
from suffice.study.blobs import Blob
from suffice.study.keys import Job
from suffice.study.place import refuse_network
from suffice.types import JsonObject

STORE_FORMAT = 1
BUSY_SECONDS = 60.0
BUSY_PAUSE = 0.02

JOB_COLUMNS = (
    *("key", "model", "architecture", "image", "image_sha256", "label", "method", "criterion"),
    *("baseline", "grain", "seed", "target"),
)
RESULT_COLUMNS = (
    *("status", "reason", "certified", "irreducible_at", "target", "top1", "top5", "confidence"),
    *("entropy", "lead", "pixels", "area", "sets", "set_confidence", "evaluations", "seconds"),
    *("multilabel", "finished", "record"),
)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, position INTEGER NOT NULL, grp TEXT NOT NULL,
    model TEXT NOT NULL, architecture TEXT NOT NULL, image TEXT NOT NULL,
    image_sha256 TEXT NOT NULL, label INTEGER, method TEXT NOT NULL, criterion TEXT NOT NULL,
    baseline TEXT NOT NULL, grain INTEGER NOT NULL, seed INTEGER NOT NULL, target INTEGER,
    question TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'leased', 'done', 'failed')),
    owner TEXT, expires REAL, attempts INTEGER NOT NULL DEFAULT 0, error TEXT
);
CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state, grp, attempts, position);
CREATE TABLE IF NOT EXISTS explanations (
    key TEXT PRIMARY KEY REFERENCES jobs (key), {", ".join(RESULT_COLUMNS)}
);
CREATE TABLE IF NOT EXISTS blobs (
    key TEXT NOT NULL REFERENCES jobs (key), kind TEXT NOT NULL, encoding TEXT NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (key, kind)
);
"""
TABLES = ("meta", "jobs", "explanations", "blobs")


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
        text = str(error)
        if "full" in text:
            what = "the disk is full; what was finished is kept: make room and go on"
        elif "disk I/O error" in text:
            what = (
                "the disk failed, or a limit on file sizes is reached; what was finished is kept: "
                "see to the disk and go on"
            )
        elif "readonly" in text:
            what = "it is read-only: change its permissions, or take a copy"
        elif "locked" in text:
            what = f"another program has kept it locked for {BUSY_SECONDS:.0f} seconds"
        elif isinstance(error, UnicodeDecodeError) or re.search("not a database|malformed", text):
            what = f"it is no SQLite file, or damaged ({text})"
        else:
            what = text
        raise StoreError(f"store {path}: {what}") from error


class Store:
    """A store that is open.

    Parameters
    ----------
    path : path
    mode : {"write", "read", "create"}
        ``create`` makes the file where there is none.
    clock : callable
        Seconds since 1970, for leases.

    Raises
    ------
    StoreError
        If it is on a network file system, can't be opened or is no store.
    """

    def __init__(
        self,
        path: str | Path,
        mode: str = "write",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path, self.mode, self.clock = Path(path), mode, clock
        if mode != "create" and not self.path.is_file():
            raise StoreError(f"there is no store {self.path}")
        if mode != "read":
            refuse_network(self.path.parent)
        with self._told():
            self.db = self._connect()
            try:
                self._open()
            except BaseException:
                self.db.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        if self.mode == "create":
            self.path.parent.mkdir(parents=True, exist_ok=True)
        options = {"create": "mode=rwc", "write": "mode=rw", "read": "mode=ro"}[self.mode]
        try:
            return self._connect_as(options)
        except sqlite3.OperationalError:
            # Without the right to write beside it, SQLite reads the file alone, which is all of it
            # where no log has been left.
            log = self.path.with_name(self.path.name + "-wal")
            if self.mode != "read" or (log.exists() and log.stat().st_size):
                raise
            return self._connect_as("mode=ro&immutable=1")

    def _connect_as(self, options: str) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?{options}"
        db = sqlite3.connect(uri, timeout=BUSY_SECONDS, isolation_level=None, uri=True)
        try:
            db.execute("SELECT count(*) FROM sqlite_schema")  # opens it really
        except BaseException:
            db.close()
            raise
        return db

    def _open(self) -> None:
        self.db.row_factory = sqlite3.Row
        # The file may be anybody's: nothing in its schema may call functions, no page lie.
        self.db.execute("PRAGMA trusted_schema=OFF")
        self.db.execute("PRAGMA cell_size_check=ON")
        if self.mode == "read":
            self._check_format()
            return
        self.db.execute("PRAGMA foreign_keys=ON")
        if self._log_ahead() != "wal":
            raise StoreError(f"{self.path}: this disk does not support SQLite's write-ahead log")
        self.db.execute("PRAGMA synchronous=FULL")
        if self.mode == "create":
            with self.transaction():
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        self.db.execute(statement)
                self.db.execute(
                    "INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(STORE_FORMAT),)
                )
        self._check_format()

    def _log_ahead(self) -> str:
        """Switch to the write-ahead log; SQLite itself does not wait for others that do the same."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return str(self.db.execute("PRAGMA journal_mode=WAL").fetchone()[0])
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_PAUSE)

    def _check_format(self) -> None:
        there = self.query("SELECT name, type FROM sqlite_schema WHERE sql IS NOT NULL")
        kinds: dict[str, str] = {str(name): str(kind) for name, kind in there}
        found = self.meta("format") if kinds.get("meta") == "table" else None
        if found is None or any(kinds.get(table) != "table" for table in TABLES):
            raise StoreError(f"{self.path} is no store of a study")
        # What others have put in may do more than hold data.
        if not {"table", "index"}.issuperset(kinds.values()):
            raise StoreError(f"{self.path} has views or triggers, which no store of a study has")
        if not found.isascii() or not found.isdigit():
            raise StoreError(f"{self.path} is damaged: its format is {found!r}")
        if len(found) > 9 or int(found) > STORE_FORMAT:
            raise StoreError(
                f"{self.path} has format {found}, this version reads {STORE_FORMAT}: update suffice"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed is in it."""
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; waits for other writers."""
        with self._told():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def _told(self) -> contextlib.AbstractContextManager[None]:
        return told(self.path)

    def query(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Read rows."""
        with self._told():
            return self.db.execute(sql, values).fetchall()

    def put_blobs(self, key: str, blobs: Sequence[Blob]) -> None:
        """Keep the arrays of a job, within a transaction; those it has go."""
        self.db.execute("DELETE FROM blobs WHERE key = ?", (key,))
        self.db.executemany(
            "INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?)",
            [(key, b.kind, b.encoding, b.height, b.width, b.data) for b in blobs],
        )

    # -- meta -----------------------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """A value that was set, or None."""
        rows = self.query("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def set_meta(self, **values: str) -> None:
        """Set values."""
        with self.transaction():
            self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    # -- jobs and results -----------------------------------------------------------------------

    def set_jobs(self, jobs: Sequence[Job]) -> int:
        """Make these the jobs to do; returns how many are new.

        What is finished stays, whether it is still asked for or not; open and failed jobs that no
        longer are asked for go. Names and labels follow the jobs given.
        """
        columns = ("key", "position", "grp", "question", *JOB_COLUMNS[1:])
        marks = ", ".join("?" * len(columns))
        follow = ("position", "grp", *JOB_COLUMNS[1:8], "baseline")
        with self.transaction():
            self.db.execute("CREATE TEMP TABLE IF NOT EXISTS asked (key TEXT PRIMARY KEY)")
            self.db.execute("DELETE FROM asked")
            self.db.executemany("INSERT INTO asked VALUES (?)", [(job.key,) for job in jobs])
            gone = "state IN ('open', 'failed') AND key NOT IN (SELECT key FROM asked)"
            # A failed job may have what its model was shown.
            self.db.execute(f"DELETE FROM blobs WHERE key IN (SELECT key FROM jobs WHERE {gone})")
            self.db.execute(f"DELETE FROM jobs WHERE {gone}")
            before = self.total()
            self.db.executemany(
                f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({marks}) "
                "ON CONFLICT (key) DO UPDATE SET "
                + ", ".join(f"{c} = excluded.{c}" for c in follow),
                (
                    (job.key, k, job.group, job.question, *(getattr(job, c) for c in columns[4:]))
                    for k, job in enumerate(jobs)
                ),
            )
            return self.total() - before

    def total(self) -> int:
        """How many jobs there are."""
        return int(self.query("SELECT count(*) FROM jobs")[0][0])

    def counts(self, keys: Collection[str] | None = None) -> dict[str, dict[str, int]]:
        """Jobs by model and state; of all jobs, or of these."""
        found: dict[str, dict[str, int]] = {}
        if keys is None:
            query = (
                "SELECT model, state, count(*) FROM jobs GROUP BY model, state "
                "ORDER BY min(min(position)) OVER (PARTITION BY model), state"
            )
            for model, state, count in self.query(query):
                found.setdefault(model, {})[state] = count
            return found
        for key, model, state in self.query("SELECT key, model, state FROM jobs ORDER BY position"):
            if key in keys:
                states = found.setdefault(model, {})
                states[state] = states.get(state, 0) + 1
        return found

    def failed(self) -> int:
        """How many jobs have failed."""
        return int(self.query("SELECT count(*) FROM jobs WHERE state = 'failed'")[0][0])

    def evaluations(self) -> int:
        """Evaluations of all finished jobs."""
        query = "SELECT coalesce(sum(evaluations), 0) FROM explanations"
        return int(self.query(query)[0][0])

    def failures(self, keys: Collection[str] | None = None) -> list[tuple[str, str]]:
        """What failed, and why; of all jobs, or of these."""
        query = (
            "SELECT key, model || ' ' || method || ' ' || image, error FROM jobs "
            "WHERE state = 'failed' ORDER BY position"
        )
        rows = self.query(query)
        return [(name, error or "") for key, name, error in rows if keys is None or key in keys]

    def put(self, key: str, row: JsonObject, blobs: Sequence[Blob]) -> bool:
        """Keep a result, in one transaction.

        Returns
        -------
        bool
            False where another worker has finished the job before; its result stays.
        """
        marks = ", ".join("?" * (1 + len(RESULT_COLUMNS)))
        with self.transaction():
            fresh = self.db.execute(
                f"INSERT OR IGNORE INTO explanations (key, {', '.join(RESULT_COLUMNS)}) "
                f"VALUES ({marks})",
                (key, *(row[c] for c in RESULT_COLUMNS)),
            ).rowcount
            if fresh:
                self.put_blobs(key, blobs)
            self.db.execute(
                "UPDATE jobs SET state = 'done', owner = NULL, expires = NULL, error = NULL "
                "WHERE key = ?",
                (key,),
            )
        return bool(fresh)

    def rows(self) -> list[dict[str, Any]]:
        """Finished and failed jobs with their scalars, in the order of the design."""
        names = [c for c in RESULT_COLUMNS if c not in ("record", "target")]
        query = (
            f"SELECT {', '.join('j.' + c for c in JOB_COLUMNS if c != 'target')}, "
            f"coalesce(e.target, j.target) AS target, {', '.join('e.' + c for c in names)}, "
            "j.state, j.attempts, j.error FROM jobs j LEFT JOIN explanations e USING (key) "
            "WHERE j.state IN ('done', 'failed') ORDER BY j.position"
        )
        return [dict(row) for row in self.query(query)]

    def record(self, key: str) -> JsonObject:
        """The record of a finished job."""
        rows = self.query("SELECT record FROM explanations WHERE key = ?", key)
        if not rows:
            raise InputError(f"the store has no result {key}")
        try:
            return check_record(parse_json(str(rows[0][0])))
        except ValueError as error:
            raise StoreError(
                f"store {self.path}: the record of {key} is damaged: {error}"
            ) from None

    def shape(self, key: str) -> tuple[int, int] | None:
        """Height and width of the model's input of a finished job; None where it has no result."""
        rows = self.query(
            "SELECT json_extract(record, '$.input_shape[1]'), "
            "json_extract(record, '$.input_shape[2]') FROM explanations WHERE key = ?",
            key,
        )
        if rows and not all(type(n) is int and 0 < n < 2**31 for n in rows[0]):
            raise StoreError(f"store {self.path}: the record of {key} is damaged: no input_shape")
        return (rows[0][0], rows[0][1]) if rows else None

    def blobs(self, key: str, kind: str | None = None) -> list[Blob]:
        """The arrays of a finished job."""
        query = "SELECT kind, encoding, height, width, data FROM blobs WHERE key = ?"
        rows = self.query(query + " AND (?2 IS NULL OR kind = ?2)", key, kind)
        return [Blob(*row) for row in rows]
