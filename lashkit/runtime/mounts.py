"""Which file system a path lies on, where that matters: SQLite's write-ahead log needs memory shared by all writers,
which network file systems do not give, and they lose commits without an error."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

from lashkit.errors import StoreBackendError

__all__ = ["in_mount_output", "in_mountinfo", "network_filesystem", "require_local"]

MOUNT_TABLE = "/proc/self/mountinfo"
MOUNT_COMMAND = "/sbin/mount"

_NETWORK = re.compile(
    r"nfs4?|cifs|smb\d?|smbfs|smbd|9p|afs|afpfs|auristorfs|beegfs|ceph|coda|davfs2?|fuse|gpfs|lustre|macfuse|ncpfs"
    r"|orangefs|osxfuse|prl_fs|pvfs2|vboxsf|vmhgfs|webdav|(?:fuse|macfuse|osxfuse)\..*"  # fuseblk is a local disk
)
_mount_line = re.compile(r".+? on (/.*) \(([^,)]+).*\)").fullmatch
_escape = re.compile(r"\\([0-7]{3})")


def network_filesystem(path: str) -> str | None:
    """The type of the network file system that `path` lies on, such as `nfs4`; `None` where it is a local one.

    Links are followed, and the path need not exist. Linux and macOS; elsewhere nothing is known, and nothing refused.
    """
    real = os.path.realpath(path)
    if sys.platform == "darwin":
        import subprocess

        asked = subprocess.run([MOUNT_COMMAND], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
        return in_mount_output(asked.stdout, real)
    try:
        with open(MOUNT_TABLE, encoding="utf-8", errors="surrogateescape") as file:
            return in_mountinfo(file.read(), real)
    except OSError:  # not Linux, or no /proc: nothing can be told
        return None


def in_mountinfo(mountinfo: str, path: str) -> str | None:
    """The network file system of `path` in a Linux mount table (`/proc/self/mountinfo`), or `None`."""
    mounts = []
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        fields, facts = head.split(" "), tail.split(" ")
        if len(fields) > 4 and facts[0]:
            mounts.append((_escape.sub(lambda match: chr(int(match[1], 8)), fields[4]), facts[0]))
    return _network_type(mounts, path)


def in_mount_output(output: str, path: str) -> str | None:
    """The network file system of `path` in what macOS' `mount` prints, or `None`."""
    return _network_type([match.group(1, 2) for match in map(_mount_line, output.splitlines()) if match], path)


def _network_type(mounts: Iterable[tuple[str | object, ...]], path: str) -> str | None:
    """That of the longest mount point above `path`; of two at one place, the later covers the earlier."""
    nearest, found = "", ""
    for place, kind in mounts:
        place, kind = str(place), str(kind)
        if len(place) >= len(nearest) and (path == place or path.startswith(place.rstrip("/") + "/")):
            nearest, found = place, kind
    return found if _NETWORK.fullmatch(found) else None


def require_local(path: str) -> None:
    """Refuse a place where SQLite would lose commits.

    Raises:
        StoreBackendError: the path lies on a network file system.
    """
    kind = network_filesystem(path)
    if kind is not None:
        raise StoreBackendError(
            f"{path} lies on a network file system ({kind}), where SQLite loses commits;"
            " pass catalog= a path on a local disk"
        )
