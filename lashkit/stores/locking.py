"""One folder's publishing and deleting, kept apart: several publish at once, or one deletes.

The lock is `flock` on a descriptor of the folder itself, so it leaves no file, needs no write access, works between
threads and processes, and ends with its holder. Where the system or the file system has no such lock, there is none.
It is held for a few renames and one flush, and never across an `await`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from typing import Literal

from lashkit.stores.disk import READ_ONLY, flush_directory

if sys.platform != "win32":
    import fcntl

__all__ = ["LockedDirectory"]

# NFS says EBADF to an exclusive lock on what is not open for writing, which no folder can be.
_NO_LOCKS_HERE = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}

_held: dict[int, int] = {}
"""The descriptor that a thread holds a lock on, by the thread's number."""


class LockedDirectory:
    """A folder, open and locked while its `with` block lasts; each has a descriptor of its own.

    Args:
        path: the folder.
        kind: `shared` with others who say so, or `exclusive`.

    A thread that holds one takes no second lock: a finalizer or signal handler would wait for the very code that it
    interrupted. Raises plain `OSError`.
    """

    __slots__ = ("_fd", "_holder", "_kind")

    def __init__(self, path: str, kind: Literal["shared", "exclusive"]) -> None:
        self._fd = -1
        self._holder: tuple[int, int] | None = None
        self._kind = kind
        if sys.platform != "win32":
            self._fd = os.open(path, READ_ONLY | os.O_DIRECTORY)

    def __enter__(self) -> LockedDirectory:
        me = threading.get_ident()
        if sys.platform != "win32" and me not in _held:
            try:
                self._holder = os.getpid(), me
                _held[me] = self._fd
                fcntl.flock(self._fd, fcntl.LOCK_EX if self._kind == "exclusive" else fcntl.LOCK_SH)
            except BaseException as exc:
                if not isinstance(exc, OSError) or exc.errno not in _NO_LOCKS_HERE:
                    self.close()
                    raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def flush(self) -> None:
        """Make the folder's names durable."""
        if self._fd >= 0:
            flush_directory(self._fd)

    def close(self) -> None:
        """Let go of lock and folder. Twice is fine."""
        fd, self._fd = self._fd, -1
        try:
            if sys.platform != "win32" and fd >= 0 and self._holder is not None:
                pid, thread = self._holder
                if _held.get(thread) == fd:
                    del _held[thread]
                # Said, not only closed: a forked child may have a copy of the descriptor. And never said by that child.
                if pid == os.getpid():
                    with contextlib.suppress(OSError):
                        fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            if fd >= 0:
                os.close(fd)


def _close_what_other_threads_held() -> None:
    """In a forked child, where those threads are gone: their locks last for as long as any copy of the descriptor."""
    me = threading.get_ident()
    for thread in [thread for thread in _held if thread != me]:
        with contextlib.suppress(OSError):
            os.close(_held.pop(thread))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_what_other_threads_held)
