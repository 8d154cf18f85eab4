"""Who a process is, and when it is proven dead.

A pid alone names nobody: pids are reused, and every container counts its own. A process is named by its place (machine,
boot, pid namespace) and by its pid and start time there. Death is proven only for the same place; anything else is
"not proven", which callers must treat as alive.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass

__all__ = ["ProcessIdentity"]


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process on one boot of one machine.

    Args:
        place: 16 hex digits that stand for machine, boot and pid namespace together.
        pid: its process id there.
        start_time: when it started, in the kernel's own units; 0 where the platform does not tell.
    """

    place: str
    pid: int
    start_time: int

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process. Right in a forked child too."""
        global _current
        if _current is None or _current.pid != os.getpid():
            pid = os.getpid()
            _current = cls(_place(), pid, _start_time(pid) or 0)
        return _current

    def is_proven_dead(self) -> bool:
        """Whether it lived in this very place and is gone. `False` means alive or unknowable."""
        if self.place != ProcessIdentity.current().place:
            return False
        start_time = _start_time(self.pid)
        return start_time is None or (self.start_time != 0 and start_time != 0 and start_time != self.start_time)


_current: ProcessIdentity | None = None


def _place() -> str:
    facts = [_first_line("/etc/machine-id"), _first_line("/proc/sys/kernel/random/boot_id")]
    try:
        facts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        facts.append(f"{sys.platform} {os.uname().nodename}" if hasattr(os, "uname") else sys.platform)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


def _start_time(pid: int) -> int | None:
    """The start time of `pid`, `None` where it is gone, 0 where it lives and the platform does not tell."""
    if sys.platform != "linux":
        return _is_alive(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command's name may hold spaces and parentheses: fields are counted behind the last one.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        return 0
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _is_alive(pid: int) -> int | None:
    """0 where a process of that pid lives or may live, `None` where it is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return 0
    return 0
