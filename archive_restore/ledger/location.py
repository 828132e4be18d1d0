"""On which kind of disk the ledger lies."""

import os
import re
from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "9p", "davfs"}
    | {"fuse.sshfs", "fuse.davfs", "fuse.rclone"}
)
"""File systems over a network, as Linux calls them: no shared memory, and locks that may be lies."""

MOUNTS: Final = Path("/proc/self/mounts")


def network_share(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system that `path` lies on; None on a disk of this computer, or if unknown."""
    text = str(path)
    if os.name == "nt":
        return "a \\\\server path" if text.startswith(("\\\\", "//")) else None
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    folder = path.resolve()
    holding = [
        (len(point.parts), kind)
        for _, place, kind, *_ in (line.split(" ") for line in lines if line.count(" ") >= 3)
        if folder.is_relative_to(point := Path(_unescaped(place)))
    ]
    kind = max(holding)[1] if holding else ""
    return kind if kind in NETWORK else None


def _unescaped(place: str) -> str:
    """The kernel writes spaces, backslashes, # and the like as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place)
