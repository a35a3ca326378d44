"""A process that asks one model: ``python -m suffice.study.probes.worker``, its task on stdin.

As `suffice.study.worker`: when stdin ends, it finishes the images in work and ends too.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TextIO

from suffice.errors import StoreError
from suffice.study.design import Design
from suffice.study.images import Item
from suffice.study.keys import Job
from suffice.study.probes.running import Want, run_model
from suffice.study.store import JOB_COLUMNS, Store
from suffice.study.work import Bench, describe
from suffice.study.worker import STORE_FAILED


def main(stdin: TextIO) -> int:
    """Ask the model of the task until nothing is left or stdin ends."""
    task = json.loads(stdin.readline())
    if task["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["cores"])
    stop = threading.Event()
    threading.Thread(target=_wait, args=(stdin, stop), daemon=True).start()
    design = Design.from_dict(task["design"])
    items = {sha256: Item(**item) for sha256, item in task["items"].items()}
    bench = Bench(design, items, task["device"], task["threads"])
    try:
        with Store(task["store"]) as store:
            run_model(
                bench,
                store,
                [design.probe(name) for name in task["probes"]],
                Want(**task["want"]),
                jobs_of(store, task["keys"]),
                should_stop=stop.is_set,
                retry=task["retry"],
            )
    except StoreError as error:
        print(describe(error), file=sys.stderr, flush=True)  # noqa: T201
        return STORE_FAILED
    return 0


def jobs_of(store: Store, keys: list[str]) -> list[Job]:
    """Jobs of a store, in the order of the design."""
    columns = ", ".join((*JOB_COLUMNS, 'grp AS "group"', "question"))
    wanted = set(keys)
    rows = store.query(f"SELECT {columns} FROM jobs ORDER BY position")
    return [Job(**dict(row)) for row in rows if row["key"] in wanted]


def _wait(stdin: TextIO, stop: threading.Event) -> None:
    stdin.read()
    stop.set()


if __name__ == "__main__":
    code = main(sys.stdin)
    sys.stdout.flush()
    # The thread that waits for stdin would hold up the interpreter's end.
    os._exit(code)
