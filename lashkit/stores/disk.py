"""Files that are on the disk when a call returns: the few durable file operations that the file store is made of.

Every function raises plain `OSError`. The order in which a caller uses them is what makes a put atomic; see
`lashkit.stores.file`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from lashkit.stores.protocols import CHUNK_BYTE_LEN
from lashkit.values import BytesLike

if sys.platform == "darwin":
    import fcntl

__all__ = [
    "READ_ONLY",
    "NewFile",
    "flush_directory",
    "lstat_regular",
    "make_directories",
    "open_regular",
    "read_all",
    "sync_directory",
    "unlink",
]

READ_ONLY = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class NewFile:
    """A file that did not exist. Its `with` block closes it, and removes it unless it was moved or kept."""

    __slots__ = ("_fd", "byte_len", "path")

    def __init__(self, path: str) -> None:
        self.path: str = path
        self.byte_len: int = 0
        self._fd = os.open(path, _CREATE, 0o666)

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()
        if self.path:
            unlink(self.path)

    def write(self, data: BytesLike) -> None:
        """Append `data` in chunks; short writes (a full tmpfs makes them, without an error) are continued."""
        with memoryview(data) as whole, whole.cast("B") as view:
            start = 0
            while start < len(view):
                written = os.write(self._fd, view[start : start + CHUNK_BYTE_LEN])
                if written == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
                start += written
            self.byte_len += len(view)

    def flush(self) -> None:
        """Check the length, reach the device, close. A flush that failed is final: the file is not to be trusted."""
        if os.fstat(self._fd).st_size != self.byte_len:
            raise OSError(errno.EIO, "the staged file has not the length that was written", self.path)
        _flush(self._fd)
        self._close()

    def move(self, path: str) -> None:
        """Give the flushed file its final name, replacing what stands there."""
        os.replace(self.path, path)
        self.path = ""

    def keep(self) -> str:
        """Leave the flushed file where it is. Returns its path."""
        path, self.path = self.path, ""
        return path

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _flush(fd: int) -> None:
    if sys.platform == "darwin":
        try:
            # fsync on macOS reaches the drive's cache only.
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError as exc:
            if exc.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
    os.fsync(fd)


def sync_directory(path: str) -> None:
    """Make the names in the directory durable. A no-op on Windows and on file systems that refuse it."""
    if sys.platform == "win32":
        return
    fd = os.open(path, READ_ONLY | os.O_DIRECTORY)
    try:
        flush_directory(fd)
    finally:
        os.close(fd)


def flush_directory(fd: int) -> None:
    """Make the names in an open directory durable. A no-op on file systems that refuse it."""
    try:
        _flush(fd)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise


def make_directories(path: str) -> None:
    """Make the directory and its missing parents, each durably."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
        sync_directory(os.path.dirname(directory))


def open_regular(path: str) -> int:
    """A descriptor to read the file with. Links are not followed; a pipe or device is not waited for.

    Raises:
        OSError: errno ELOOP where the path is a link, EINVAL where it is no regular file.
    """
    fd = os.open(path, READ_ONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_all(path: str, *, limit: int | None = None) -> bytes:
    """The whole content of a regular file, or its first `limit` bytes and no more.

    Raises:
        OSError: as `open_regular`.
    """
    fd = open_regular(path)
    with open(fd, "rb", buffering=0) as file:
        return file.readall() if limit is None else file.read(limit) or b""


def lstat_regular(path: str) -> os.stat_result | None:
    """The facts of the regular file at `path`; `None` where there is none, or something else."""
    try:
        facts = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def unlink(path: str) -> bool:
    """Remove a name. Returns whether it was there."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
