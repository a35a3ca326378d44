"""Joining the stores of shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from suffice.errors import SettingsError
from suffice.study.probes import table
from suffice.study.store import RESULT_COLUMNS, Store, told

_JOBS = (
    "key, position, grp, model, architecture, image, image_sha256, label, method, criterion, "
    "baseline, grain, seed, target, question"
)


def merge(target: str | Path, sources: Sequence[str | Path]) -> int:
    """Put all that stores hold into one; a second time changes nothing.

    Parameters
    ----------
    target : path
        Made where there is none.
    sources : sequence of paths
        They are only read. Where two stores have a result of one job, the first stays.

    Returns
    -------
    int
        Results that are new in the target.

    Raises
    ------
    StoreError
        If one is no store, or the target can't be written.
    """
    goal = Path(target).resolve()
    if not sources:
        raise SettingsError("merge needs stores to read, got none")
    if any(Path(source).resolve() == goal for source in sources):
        raise SettingsError(f"{target} can't be merged into itself")
    for source in sources:
        with Store(source, "read"):  # all of them, before anything is written
            pass
    with Store(target, "create") as store:
        before = _results(store)
        for source in sources:
            _take(store, Path(source))
        return _results(store) - before


def _results(store: Store) -> int:
    return int(store.db.execute("SELECT count(*) FROM explanations").fetchone()[0])


def _take(store: Store, source: Path) -> None:
    db = store.db
    columns = ", ".join(("key", *RESULT_COLUMNS))
    with told(source):
        db.execute("ATTACH DATABASE ? AS other", (f"{source.resolve().as_uri()}?mode=ro",))
    try:
        with told(source), store.transaction():
            # Leases are of the other file's workers: here those jobs are open.
            db.execute(
                f"INSERT INTO main.jobs ({_JOBS}, state, attempts, error) SELECT {_JOBS}, "
                "CASE state WHEN 'leased' THEN 'open' ELSE state END, attempts, error "
                "FROM other.jobs WHERE true ON CONFLICT (key) DO UPDATE SET "
                "state = 'failed', attempts = excluded.attempts, error = excluded.error "
                "WHERE main.jobs.state = 'open' AND excluded.state = 'failed'"
            )
            db.execute(
                "INSERT OR IGNORE INTO main.blobs SELECT b.* FROM other.blobs b "
                "JOIN other.jobs theirs USING (key) JOIN main.jobs ours USING (key) "
                "WHERE theirs.state = 'failed' AND ours.state = 'failed'"
            )
            db.execute(
                "CREATE TEMP TABLE fresh AS SELECT key FROM other.explanations "
                "WHERE key NOT IN (SELECT key FROM main.explanations)"
            )
            db.execute(
                f"INSERT INTO main.explanations ({columns}) SELECT {columns} "
                "FROM other.explanations WHERE key IN (SELECT key FROM fresh)"
            )
            db.execute("DELETE FROM main.blobs WHERE key IN (SELECT key FROM fresh)")
            db.execute(
                "INSERT INTO main.blobs SELECT * FROM other.blobs "
                "WHERE key IN (SELECT key FROM fresh)"
            )
            db.execute(
                "UPDATE main.jobs SET state = 'done', error = NULL, owner = NULL, expires = NULL "
                "WHERE key IN (SELECT key FROM fresh)"
            )
            db.execute("DROP TABLE fresh")
            db.execute(
                "INSERT OR IGNORE INTO main.meta SELECT * FROM other.meta "
                "WHERE name NOT IN ('shard', 'digest', 'probes')"
            )
            table.take(store)
    finally:
        with told(source):
            db.execute("DETACH DATABASE other")
