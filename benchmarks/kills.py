"""Kill studies with SIGKILL at random moments and count what is lost and what is repeated.

::

    python benchmarks/kills.py            # 50 kills; resumable, a few minutes
    python benchmarks/kills.py --kills 10

Each run is ``suffice study run --workers 2`` on a store that many kills share; now the command
dies, now one of its workers, now all of them. What is in the store before a kill was acknowledged.
Before each round the moment is drawn; a study that gets through is begun anew with another store.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import ROOT, write

sys.path.insert(0, str(ROOT / "tests"))

from reference.studies import answers, query, start, write_study
from suffice.study import Study

CACHE = ROOT / "benchmarks" / "cache" / "kills.jsonl"
WHO = ("command", "worker", "all")
LONGEST = 2.5
"""Seconds after the first lease in which the kill falls; a run takes longer."""


def owners(store: Path) -> list[int]:
    """Process ids that hold leases."""
    found = query(store, "SELECT DISTINCT owner FROM jobs WHERE state = 'leased'")
    return [int(owner.split(":")[1]) for (owner,) in found]


def finished(store: Path) -> dict[str, tuple]:
    """Every result with the time it was finished: a repeated one would have another."""
    rows = query(store, "SELECT key, finished, evaluations FROM explanations")
    return {key: tuple(rest) for key, *rest in rows}


def attempts(store: Path) -> int:
    """Attempts that were counted against jobs because their worker died."""
    return (query(store, "SELECT coalesce(sum(attempts), 0) FROM jobs") or [(0,)])[0][0]


def one(design: Path, store: Path, draw: random.Random) -> dict[str, Any]:
    """Start, kill at a random moment, and look at the store."""
    before = finished(store)
    who = draw.choice(WHO)
    stale = owners(store)  # of workers that were killed in an earlier round
    process = start(design, store, "--workers", "2")
    while process.poll() is None and not set(owners(store)) - {*stale}:
        time.sleep(0.005)
    time.sleep(draw.uniform(0.0, LONGEST))
    workers = [pid for pid in owners(store) if pid not in stale]
    seen = finished(store)  # acknowledged: committed before the kill
    through = process.poll() is not None
    victims = {"command": [process.pid], "worker": workers[:1], "all": [process.pid, *workers]}
    for pid in victims[who]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if who == "worker":  # another worker takes over, then the command is stopped
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
    process.communicate()
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)  # workers notice that nobody is there any more
    after = finished(store)
    acknowledged = {**before, **seen}
    lost = [key for key in acknowledged if key not in after]
    repeated = [key for key, value in acknowledged.items() if after.get(key, value) != value]
    db = sqlite3.connect(store)
    sound = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    return {
        "who": who,
        "through": through,
        "acknowledged": len(acknowledged),
        "lost": len(lost),
        "repeated": len(repeated),
        "after": len(after),
        "sound": sound == "ok",
    }


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    args = parser.parse_args()
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in CACHE.open()] if CACHE.exists() else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        design = write_study(folder, seeds=24, iterations=10)
        Study.from_toml(design).run(folder / "whole.db", workers=0)
        wanted = answers(folder / "whole.db")
        total = len(finished(folder / "whole.db"))
        number, same, ends = 0, True, 0
        while len(rows) < args.kills or number == 0:
            store = folder / f"{number}.db"
            number += 1
            while len(finished(store)) < total and len(rows) < args.kills:
                row = one(design, store, random.Random(len(rows)))
                rows.append(row)
                with CACHE.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(len(rows), row, flush=True)
            kept = finished(store)
            Study.from_toml(design).run(store, workers=1)
            same &= answers(store) == wanted
            same &= all(finished(store)[key] == value for key, value in kept.items())
            ends += 1
    report(rows[: args.kills], total, ends, same)


def report(rows: list[dict[str, Any]], total: int, ends: int, same: bool) -> None:
    """Write the sums by who was killed."""
    lines = [
        "| killed | times | acknowledged before | lost | computed again | store sound |",
        "|---|---|---|---|---|---|",
    ]
    sums = {}
    for who in (*WHO, "together"):
        of = [row for row in rows if who in (row["who"], "together")]
        sums[who] = {
            "kills": len(of),
            **{key: sum(row[key] for row in of) for key in ("acknowledged", "lost", "repeated")},
            "sound": sum(row["sound"] for row in of),
        }
        s = sums[who]
        lines.append(
            f"| {who} | {s['kills']} | {s['acknowledged']:,} | {s['lost']} | {s['repeated']} | "
            f"{s['sound']} |"
        )
    told = (
        f"\n\nStudies of {total} jobs with two workers, SIGKILL at random moments. Of "
        f"{ends} studies that were gone on with to their end, "
        f"{'all found' if same else 'NOT all found'} what an uninterrupted run finds, bit for bit."
    )
    write(
        "kills", {"sums": sums, "same": same, "ends": ends, "rows": rows}, "\n".join(lines) + told
    )


if __name__ == "__main__":
    main()
