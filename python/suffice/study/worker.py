"""A worker process: ``python -m suffice.study.worker`` with its task as JSON on stdin.

The process that started it keeps stdin open. When that ends, by its wish or because the process is
gone, the worker finishes the running batch and ends too.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import TextIO

from suffice.errors import StoreError
from suffice.study.design import Design
from suffice.study.images import Item
from suffice.study.leases import Heartbeat, Leases
from suffice.study.owner import new_owner
from suffice.study.store import Store
from suffice.study.work import Bench, describe, work

STORE_FAILED = 3
ORPHANED = 4
ORPHAN_SECONDS = 60.0
"""For which a worker whose parent has died may go on with its batch."""


def main(stdin: TextIO) -> int:
    """Work until the store has nothing left or stdin ends."""
    task = json.loads(stdin.readline())
    if task["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["cores"])
    stop = threading.Event()
    seconds = task.get("timeout") or ORPHAN_SECONDS
    threading.Thread(target=_wait, args=(stdin, stop, seconds), daemon=True).start()
    bench = Bench(
        Design.from_dict(task["design"]),
        {sha256: Item(**item) for sha256, item in task["items"].items()},
        task["device"],
        task["threads"],
    )
    owner = new_owner()
    print(owner, flush=True)  # noqa: T201  # the first line of its answer
    try:
        with Store(task["store"]) as store, Heartbeat(store.path, owner):
            work(bench, Leases(store, owner, bench.design.attempts), stop.is_set)
    except StoreError as error:
        print(describe(error), file=sys.stderr, flush=True)  # noqa: T201
        return STORE_FAILED
    return 0


def _wait(stdin: TextIO, stop: threading.Event, seconds: float) -> None:
    parent = os.getppid()
    stdin.read()
    stop.set()
    # Whoever started us may be gone, and the running batch may never end: nobody else ends us.
    while os.getppid() == parent:
        time.sleep(1.0)
    time.sleep(seconds)
    os._exit(ORPHANED)


if __name__ == "__main__":
    code = main(sys.stdin)
    sys.stdout.flush()
    # The thread that waits for stdin would hold up the interpreter's end.
    os._exit(code)
