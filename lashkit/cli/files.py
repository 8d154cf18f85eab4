"""Files that the command line writes for its user: whole or not at all, and never over another one unasked."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable

from lashkit.stores.disk import NewFile

__all__ = ["deliver", "refuse_taken", "write_file"]

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


def deliver(path: str, read: Callable[[], Iterable[bytes]], *, replace: bool) -> None:
    """Write what `read()` gives to the file, or to the device or pipe, at `path`.

    Args:
        read: starts a pass over the bytes, which raises at its end at the latest if they are not the right ones. What
            cannot be taken back, as on a pipe, is written in a second pass, after a first one found nothing.
        replace: whether a file may stand there already.

    Raises:
        OSError: it cannot be written; where a file stands there, its errno is EEXIST. Whatever `read` raises.
    """
    if _is_stream(path):
        for _ in read():
            pass
        with open(path, "ab") as stream:
            for chunk in read():
                stream.write(chunk)
    else:
        write_file(path, read(), replace=replace)


def write_file(path: str, chunks: Iterable[bytes], *, replace: bool) -> None:
    """Write the chunks to a new file that appears under its name when all of them are on the disk.

    Raises:
        OSError: as `deliver`. Whatever `chunks` raises. Nothing stays behind.
    """
    if not replace:
        refuse_taken(path)
    final = os.path.realpath(path)
    if os.path.isdir(final):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    folder = os.path.dirname(final)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder)
    with NewFile(os.path.join(folder, f".lashkit-{os.getpid()}-{os.urandom(6).hex()}.part")) as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        if replace:
            file.move(final)
        else:
            _move_to_free_name(file, final)


def refuse_taken(path: str) -> None:
    """Raise the `FileExistsError` that says so, where a file stands at `path`."""
    if os.path.lexists(path) and not os.path.isdir(path):
        raise FileExistsError(errno.EEXIST, "exists already", path)


def _move_to_free_name(file: NewFile, path: str) -> None:
    try:
        # Unlike a rename, a link never replaces what somebody else put there meanwhile.
        os.link(file.path, path)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise FileExistsError(exc.errno, "exists already", path) if exc.errno == errno.EEXIST else exc from None
        refuse_taken(path)
        file.move(path)


def _is_stream(path: str) -> bool:
    if os.path.abspath(path).startswith(("/dev/fd/", "/dev/std", "/proc/")):
        return True  # what is open here already, whatever it is
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
