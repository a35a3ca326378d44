"""Where a store may lie: not on a network file system, where SQLite's locks don't hold."""

from __future__ import annotations

import re
from pathlib import Path

from suffice.errors import StoreError

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "9p", "ncpfs", "ceph", "lustre"),
        *("beegfs", "gpfs", "glusterfs", "orangefs", "pvfs2", "panfs", "wekafs", "virtiofs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"),
        *("fuse.juicefs", "fuse.weed", "fuse.goofys", "fuse.mountpoint-s3", "davfs", "fuse.davfs2"),
    )
)


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system a path is on, by the text of ``/proc/self/mountinfo``.

    Returns
    -------
    str
        Empty where no mount holds it.
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if not dash or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4]))
        # Of mounts on one point the last hides the others.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split()[0]
    return kind


def refuse_network(path: Path) -> None:
    """Refuse a store on a network file system.

    Linux tells by its mounts, Windows by paths that start with two backslashes; elsewhere nothing
    is known and nothing refused.

    Raises
    ------
    StoreError
    """
    full = path.resolve()
    kind = ""
    if str(full).startswith("\\\\"):
        kind = "a network share"
    elif _MOUNTS.is_file():
        kind = file_system(full, _MOUNTS.read_text(encoding="utf-8", errors="replace"))
        kind = kind if kind in _NETWORK else ""
    if kind:
        raise StoreError(
            f"{path} is on {kind}, where several processes can't share an SQLite file safely: put "
            "the store on a local disk; on a cluster give each machine its --shard and store, and "
            "join them with suffice study merge"
        )
