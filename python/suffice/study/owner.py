"""Who holds a lease: names of processes, and whether one of them is known to be dead."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import platform
from pathlib import Path

_numbers = itertools.count()
_at_work: set[str] = set()  # owners of this process
_PROC = Path("/proc")


def new_owner() -> str:
    """A name for a worker of this process: place, process id, its start and a number."""
    pid = os.getpid()
    owner = f"{_place()}:{pid}:{_started(pid)}:{next(_numbers)}"
    _at_work.add(owner)
    return owner


def retire(owner: str) -> None:
    """Say that a worker of this process works no more; what it still holds is open then."""
    _at_work.discard(owner)


def is_dead(owner: str) -> bool:
    """Whether an owner is known to be gone; false where it can't be known.

    Known are processes of the same place: the same boot of the same machine with the same
    process ids (containers have their own).
    """
    place, _, rest = owner.partition(":")
    parts = rest.split(":")
    if place != _place() or len(parts) != 3 or not parts[0].isdigit() or not _PROC.is_dir():
        return False
    if _started(int(parts[0])) != parts[1]:
        return True
    return int(parts[0]) == os.getpid() and owner not in _at_work


@functools.cache
def _place() -> str:
    words = [platform.node()]
    for path in ("sys/kernel/random/boot_id", "self/ns/pid"):
        file = _PROC / path
        try:
            words.append(str(file.readlink()) if file.is_symlink() else file.read_text().strip())
        except OSError:
            words.append("")
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """The time a process started in clock ticks since boot; empty if there is none."""
    try:
        # The name in brackets may hold spaces and brackets itself.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
