"""The table ``probes`` of a store: one row for each task of a probe and model asked."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.study.store import Store

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS {}probes (key TEXT NOT NULL, probe TEXT NOT NULL, "
    "model TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key, probe, model)) WITHOUT ROWID"
)
WANTED = "probes"
"""Name in ``meta`` of what the last run wanted: of each probe and model the digest, how many."""

Row = tuple[str, str, str, JsonObject]


def create(store: Store) -> None:
    """Make the table where there is none; stores from before there were probes have none."""
    with store.transaction():
        store.db.execute(SCHEMA.format(""))


def exists(store: Store) -> bool:
    """Whether the store has the table."""
    return bool(store.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'probes'"))


def put(store: Store, rows: Sequence[Row]) -> None:
    """Keep values, in one transaction; what stood there before is replaced."""
    with store.transaction():
        store.db.executemany(
            "INSERT OR REPLACE INTO probes VALUES (?, ?, ?, ?)",
            [
                (key, probe, model, json.dumps(value, allow_nan=False, separators=(",", ":")))
                for key, probe, model, value in rows
            ],
        )


def known(store: Store, probe: str, model: str) -> dict[str, JsonObject]:
    """Keys of the tasks that are done, with their values."""
    rows = store.query("SELECT key, value FROM probes WHERE probe = ? AND model = ?", probe, model)
    return {key: json.loads(value) for key, value in rows}


def set_wanted(store: Store, wanted: dict[str, dict[str, JsonObject]]) -> None:
    """Say what a run wants: by probe and model ``asked`` (the digest) and ``total``."""
    store.set_meta(**{WANTED: json.dumps(wanted)})


def wanted(store: Store) -> dict[str, dict[str, JsonObject]]:
    """What the last run wanted; nothing where there was none, or stores were merged."""
    found: dict[str, dict[str, JsonObject]] = json.loads(store.meta(WANTED) or "{}")
    return found


def rows(store: Store, keys: Collection[str] | None = None) -> list[dict[str, Any]]:
    """All rows that hold for what the last run wanted, in the order of jobs.

    Each has ``key``, ``probe``, ``model`` (asked), ``of`` (model, method and image of the job) and
    ``value``.
    """
    if not exists(store):
        return []
    plan = wanted(store)
    query = (
        "SELECT p.key, p.probe, p.model, j.model || ' ' || j.method || ' ' || j.image AS job, "
        "p.value FROM probes p JOIN jobs j USING (key) ORDER BY p.probe, j.position, p.model"
    )
    found = []
    for key, probe, model, of, value in store.query(query):
        values = json.loads(value)
        current = not plan or (
            probe in plan
            and model in plan[probe]
            and plan[probe][model]["asked"] == values.get("asked")
        )
        if current and (keys is None or key in keys):
            found.append({"key": key, "probe": probe, "model": model, "of": of, "value": values})
    return found


def counts(
    store: Store, keys: Collection[str] | None = None
) -> dict[str, dict[str, dict[str, int]]]:
    """By probe and model asked: how many are done, skipped, failed and open."""
    found: dict[str, dict[str, dict[str, int]]] = {
        probe: {model: _none() for model in models} for probe, models in wanted(store).items()
    }
    for row in rows(store, keys):
        states = found.setdefault(row["probe"], {}).setdefault(row["model"], _none())
        states[state_of(row["value"])] += 1
    for probe, models in wanted(store).items():
        for model, plan in models.items():
            states = found[probe][model]
            through = states["done"] + states["skipped"] + states["failed"]
            states["open"] = max(0, plan["total"] - through)
    return found


def state_of(value: JsonObject) -> str:
    """What became of a task: done, skipped or failed."""
    return "failed" if "error" in value else "skipped" if "skipped" in value else "done"


def _none() -> dict[str, int]:
    return {"done": 0, "skipped": 0, "failed": 0, "open": 0}


def take(store: Store) -> None:
    """Take what an attached store ``other`` has, inside a transaction.

    A value of ours stays, unless it says that the task failed and theirs doesn't.
    """
    db = store.db
    db.execute(SCHEMA.format("main."))
    if not db.execute(
        "SELECT 1 FROM other.sqlite_schema WHERE type = 'table' AND name = 'probes'"
    ).fetchone():
        return
    db.execute(
        "INSERT INTO main.probes SELECT * FROM other.probes "
        "WHERE key IN (SELECT key FROM main.jobs) "
        "ON CONFLICT (key, probe, model) DO UPDATE SET value = excluded.value "
        "WHERE json_extract(main.probes.value, '$.error') IS NOT NULL "
        "AND json_extract(excluded.value, '$.error') IS NULL"
    )
