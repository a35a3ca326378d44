"""What a report says of where its results came from."""

from __future__ import annotations

import json
import platform
import time
from typing import Any

import numpy as np

from suffice import __version__
from suffice.report.analyses._common import count, listing
from suffice.report.document import Block, Text
from suffice.report.reading import Reading
from suffice.study.store import Store

_MOST_DIGESTS = 50


def asked(reading: Reading) -> list[Block]:
    """In a paragraph: what was asked of what, and how much of it is done."""
    frame = reading.frame
    methods = list(dict.fromkeys(frame["method"]))
    criteria = list(dict.fromkeys(frame["criterion"]))
    baselines = list(dict.fromkeys(frame["baseline"]))
    text = (
        f"{count(len(reading.models), 'model')} ({listing(reading.models)}), "
        f"{count(frame['image_sha256'].nunique(), 'photo')}, "
        f"{count(len(methods), 'method')} ({listing(methods)}), "
        f"{count(frame['seed'].nunique(), 'seed')}; sets that suffice for {listing(criteria)} on "
        f"{count(len(baselines), 'baseline')} ({listing(baselines)})."
    )
    made: list[Block] = [Text(text)]
    states = _states(reading)
    missing = states.get("open", 0) + states.get("leased", 0)
    if missing:
        made.append(
            Text(
                f"{missing} of {sum(states.values())} jobs are not done: this is a report of a "
                "part of the study.",
                "caution",
            )
        )
    if states.get("failed"):
        made.append(Text(f"{count(states['failed'], 'job')} failed.", "caution"))
    labelled = int(frame["label"].notna().sum())
    if not labelled:
        made.append(Text("No photo has a label, so right and wrong are unknown.", "caution"))
    return made


def provenance(reading: Reading) -> dict[str, str]:
    """Names and values of what made the results, and of what made the report."""
    with Store(reading.result.path, "read") as store:
        models = store.query(
            "SELECT j.model, json_extract(e.record, '$.model.sha256'), count(*), "
            "json_extract(e.record, '$.certificate.backend') "
            "FROM explanations e JOIN jobs j USING (key) GROUP BY 1, 2 ORDER BY min(j.position)"
        )
        versions = store.query(
            "SELECT DISTINCT json_extract(record, '$.certificate.versions') FROM explanations "
            "WHERE json_extract(record, '$.certificate.versions') IS NOT NULL"
        )
        methods = store.query(
            "SELECT DISTINCT j.method, json_extract(e.record, '$.method.name'), "
            "json_extract(e.record, '$.method.version'), json_extract(e.record, '$.method.settings')"
            " FROM explanations e JOIN jobs j USING (key) ORDER BY j.position"
        )
        first, last = store.query("SELECT min(finished), max(finished) FROM explanations")[0]
    found: dict[str, str] = {
        "study": reading.name,
        "store": str(reading.result.path),
        "suffice, of the study": reading.version or "not known",
        "suffice, of the report": __version__,
        "python and numpy, of the report": f"{platform.python_version()}, {np.__version__}",
        "jobs": ", ".join(f"{n} {state}" for state, n in _states(reading).items()),
        "first and last result": f"{_moment(first)} to {_moment(last)}",
    }
    if reading.preset:
        found["preset"] = reading.preset
    for text in _versions(versions):
        found.setdefault("versions in the certificates", text)
    for name, digest, n, backend in models[:_MOST_DIGESTS]:
        key = f"model {name}"
        value = f"sha256 {digest}, {count(n, 'result')}" + (f", {backend}" if backend else "")
        found[key] = f"{found[key]}; {value}" if key in found else value
    for name, method, version, settings in methods[:_MOST_DIGESTS]:
        found[f"method {name}"] = f"{method} {version} {settings}"
    found["design"] = reading.design or "made in Python"
    return found


def _states(reading: Reading) -> dict[str, int]:
    """Jobs by state over all models."""
    states: dict[str, int] = {}
    for of_model in reading.result.states().values():
        for state, n in of_model.items():
            states[state] = states.get(state, 0) + n
    return states


def _versions(rows: list[Any]) -> list[str]:
    """All versions that any certificate names, in one text."""
    merged: dict[str, set[str]] = {}
    for (text,) in rows:
        for name, version in json.loads(text).items():
            merged.setdefault(name, set()).add(str(version))
    parts = [f"{name} {' and '.join(sorted(found))}" for name, found in merged.items()]
    return [", ".join(parts)] if parts else []


def _moment(seconds: Any) -> str:
    if seconds is None:
        return "not known"
    if isinstance(seconds, str):
        return seconds
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(seconds)))
