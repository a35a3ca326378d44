"""The table ``probes`` of a store: one row for each task of a probe and model asked."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
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


def known(store: Store, probe: str, model: str) -> dict[str, tuple[str, bool]]:
    """By key what is there: the digest of what was asked, and whether it failed."""
    query = (
        "SELECT key, json_extract(value, '$.asked'), json_extract(value, '$.error') IS NOT NULL "
        "FROM probes WHERE probe = ? AND model = ?"
    )
    rows = store.query(query, probe, model)
    return {key: (asked, bool(failed)) for key, asked, failed in rows}


def set_wanted(store: Store, wanted: dict[str, dict[str, JsonObject]]) -> None:
    """Say what a run wants: by probe and model ``asked`` (the digest) and ``total``."""
    store.set_meta(**{WANTED: json.dumps(wanted)})


def wanted(store: Store) -> dict[str, dict[str, JsonObject]]:
    """What the last run wanted; nothing where there was none, or stores were merged."""
    found: dict[str, dict[str, JsonObject]] = json.loads(store.meta(WANTED) or "{}")
    return found


def values(
    store: Store, probe: str, keys: Collection[str] | None = None
) -> list[tuple[str, str, JsonObject]]:
    """Key, model asked and value of what a probe measured, in the order of jobs."""
    return [
        (key, model, json.loads(value))
        for key, _, model, _, state, value in _rows(store, keys, "value", probe)
        if state == "done"
    ]


def failures(store: Store, keys: Collection[str] | None = None) -> list[tuple[str, str]]:
    """What failed, and why."""
    if not exists(store):
        return []
    return [
        (f"{probe} of {of}, asked {model}", error)
        for _, probe, model, of, state, error in _rows(
            store, keys, "json_extract(value, '$.error')"
        )
        if state == "failed"
    ]


def counts(
    store: Store, keys: Collection[str] | None = None
) -> dict[str, dict[str, dict[str, int]]]:
    """By probe and model asked: how many are done, skipped, failed and open."""
    plans = wanted(store)
    found: dict[str, dict[str, dict[str, int]]] = {
        probe: {model: _none() for model in models} for probe, models in plans.items()
    }
    for _, probe, model, _, state, _ in _rows(store, keys, "NULL"):
        states = found.setdefault(probe, {}).setdefault(model, _none())
        states[state] += 1
    for probe, models in plans.items():
        for model, plan in models.items():
            states = found[probe][model]
            states["open"] = max(0, plan["total"] - sum(states.values()))
    return found


def _rows(
    store: Store, keys: Collection[str] | None, what: str, probe: str | None = None
) -> Iterator[tuple[str, str, str, str, str, Any]]:
    """Rows that hold for what the last run wanted: key, probe, model asked, job, state, and more."""
    if not exists(store):
        return
    plans = wanted(store)
    query = (
        "SELECT p.key, p.probe, p.model, j.model || ' ' || j.method || ' ' || j.image, "
        "CASE WHEN json_extract(p.value, '$.error') IS NOT NULL THEN 'failed' "
        "WHEN json_extract(p.value, '$.skipped') IS NOT NULL THEN 'skipped' ELSE 'done' END, "
        f"{what}, json_extract(p.value, '$.asked') FROM probes p JOIN jobs j USING (key) "
        "WHERE ?1 IS NULL OR p.probe = ?1 ORDER BY p.probe, j.position, p.model"
    )
    for key, name, model, of, state, more, asked in store.query(query, probe):
        plan = plans.get(name, {}).get(model)
        current = not plans or (plan is not None and plan["asked"] == asked)
        if current and (keys is None or key in keys):
            yield key, name, model, of, state, more


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
