"""Paths and open files: looked at where it counts, streamed when the bytes are wanted."""

from __future__ import annotations

import errno
import io
import os
import stat
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, cast

from lashkit.errors import IngestError
from lashkit.ingestion.reading import HEAD_BYTE_LEN, Readable, chunks_of, shown, slices_of, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Opened", "open_file", "open_path", "text_of_name"]

_PSEUDO_FILE_LIMIT = 16 * 1024 * 1024
_HEAD_OF_PIPE = 1024 * 1024

_REMEDIES = {
    errno.ENOENT: "there is no such file; check its name (a ~ is not expanded; "
    "a relative path starts at the working directory)",
    errno.ENOTDIR: "a part of the path is a file, not a directory; check the path",
    errno.EACCES: "it may not be read by this user; check its permissions",
    errno.EPERM: "it may not be read by this user; check its permissions",
    errno.ELOOP: "it is a symbolic link that leads to itself; give the file's real path",
    errno.ENAMETOOLONG: "the path is too long; for a text, pass text.encode() instead",
}


class Opened:
    """A source that can be looked at: `file` from `start` on, and how to read all of it later.

    `again` starts a pass over all the bytes; `whole` says whether `file` holds all of them. Who opens it closes it
    with `close()`, which leaves files of the caller's alone.
    """

    __slots__ = ("_owned", "again", "byte_len", "file", "name", "start")

    def __init__(
        self,
        file: IO[bytes],
        *,
        again: Callable[[], Iterator[bytes]],
        byte_len: int | None,
        start: int = 0,
        name: str = "",
        owned: bool = True,
    ) -> None:
        self.file: IO[bytes] = file
        self.again: Callable[[], Iterator[bytes]] = again
        self.byte_len: int | None = byte_len
        self.start: int = start
        self.name: str = name
        self._owned = owned

    @classmethod
    def of_bytes(cls, data: bytes, name: str = "") -> Opened:
        """The bytes themselves."""
        return cls(io.BytesIO(data), again=partial(slices_of, data), byte_len=len(data), name=name)

    def close(self) -> None:
        """Close what was opened here; put the caller's own file back to where it was."""
        if self._owned:
            self.file.close()
        else:
            self.file.seek(self.start)


def text_of_name(path: str | bytes) -> str:
    """The last component of `path` as text that every codec can write: undecodable bytes become U+FFFD."""
    return os.path.basename(os.fsencode(path).rstrip(b"/")).decode("utf-8", "replace")


def open_path(path: str | bytes) -> Opened:
    """The regular file at `path`.

    Raises:
        IngestError: nothing is there, it is no regular file, or it cannot be read.
    """
    if not path:
        raise IngestError("the path is empty; give the path of a file")
    file, seen = _open_regular(path)
    name = text_of_name(path)
    if seen.st_size == 0:
        # Files that the kernel makes up while they are read have no size before; ordinary empty ones end at once.
        with file:
            data = _read_up_to(file, path)
        return Opened.of_bytes(data, name)
    again = partial(_chunks_of_path, os.path.abspath(path), _stamp(seen))
    return Opened(file, again=again, byte_len=seen.st_size, name=name)


def _read_up_to(file: IO[bytes], path: str | bytes) -> bytes:
    try:
        data = file.read(_PSEUDO_FILE_LIMIT + 1)
    except OSError as exc:
        raise IngestError(f"{shown(path)} cannot be read ({exc.strerror}); give another file") from exc
    if len(data) > _PSEUDO_FILE_LIMIT:
        raise IngestError(f"{shown(path)} says that it is empty, and does not end; copy what you want of it to a file")
    return data


def _open_regular(path: str | bytes) -> tuple[IO[bytes], os.stat_result]:
    try:
        # Not to wait for the other end of a pipe that somebody put there.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as exc:
        if exc.errno == errno.ENXIO or (exc.errno == errno.EACCES and os.path.isdir(path)):
            raise _not_regular(path, "a socket, pipe or directory") from exc
        remedy = _REMEDIES.get(exc.errno or 0, "give another file")
        raise IngestError(f"{shown(path)} cannot be opened ({exc.strerror}): {remedy}") from exc
    except ValueError as exc:
        raise IngestError(f"{shown(path)} is no path ({told(exc)}); give the path of a file") from exc
    seen = os.fstat(fd)
    if not stat.S_ISREG(seen.st_mode):
        os.close(fd)
        raise _not_regular(path, _kind_of_file(seen.st_mode))
    return open(fd, "rb"), seen


def _not_regular(path: str | bytes, kind: str) -> IngestError:
    remedy = "put the files in it one by one" if kind == "a directory" else "open it and pass the open file"
    return IngestError(f"{shown(path)} is {kind}, not a file; {remedy}")


def _kind_of_file(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device"


def _stamp(seen: os.stat_result) -> tuple[int, int, int, int]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _chunks_of_path(path: str | bytes, stamp: tuple[int, int, int, int]) -> Iterator[bytes]:
    """The file's bytes, if it is still the one that was looked at, before and after."""
    file, seen = _open_regular(path)
    with file:
        if _stamp(seen) == stamp:
            byte_len = 0
            for chunk in chunks_of(cast("Readable", file)):
                byte_len += len(chunk)
                yield chunk
            if byte_len == stamp[2] and _stamp(os.fstat(file.fileno())) == stamp:
                return
    raise IngestError(f"{shown(path)} changed since it was looked at; put it again")


def open_file(file: Any) -> Opened:
    """A readable binary file of the caller's, from its current position on. It stays open and is put back there.

    A pass over its chunks leaves it at its end. What cannot be repositioned is read once, when its chunks are wanted;
    only what fits a megabyte, and pictures, are read here.

    Raises:
        IngestError: it is in text mode, closed, not readable, fails, or stands at its end (or behind it) without being
            empty.
    """
    if isinstance(file, io.TextIOBase) or hasattr(file, "encoding"):
        raise IngestError("the file is open in text mode; open it in binary mode, as in open(path, 'rb')")
    name = getattr(file, "name", "")
    name = text_of_name(name) if isinstance(name, str | bytes) and not _is_bracketed(name) else ""
    extent = _extent(file)
    if extent is None:
        return _open_stream(file, name)
    start, byte_len = extent
    again = partial(_chunks_of_file, file, start, byte_len)
    return Opened(file, again=again, byte_len=byte_len, start=start, name=name, owned=False)


def _extent(file: Any) -> tuple[int, int] | None:
    """The position and how many bytes follow it (0 only in an empty file); `None` where it cannot be repositioned."""
    try:
        if not file.seekable():
            return None
        start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except (OSError, AttributeError):
        return None
    except ValueError as exc:
        raise IngestError(f"the file cannot be read ({told(exc)}); open it again") from exc
    if start >= end > 0:
        # Just written, as a rule: to store nothing would lose what the caller means.
        raise IngestError("the file is at its end, nothing is left to read; seek(0) first")
    return start, max(end - start, 0)


def _is_bracketed(name: str | bytes) -> bool:
    """Names such as `<stdin>` say what a file is, not what it is called."""
    return str(name).startswith("<")


def _chunks_of_file(file: IO[bytes], start: int, byte_len: int) -> Iterator[bytes]:
    try:
        file.seek(start)
    except (OSError, ValueError) as exc:
        raise IngestError(
            f"the file cannot be read any more ({told(exc)}); keep it open until the put is done"
        ) from exc
    seen = 0
    for chunk in chunks_of(cast("Readable", file)):
        seen += len(chunk)
        yield chunk
    if seen != byte_len:
        raise IngestError(f"the file changed since it was looked at ({seen} bytes, not {byte_len}); put it again")


def _open_stream(file: Any, name: str) -> Opened:
    """A pipe: all of it where it is short or a picture, which is measured whole; else its beginning, and one pass."""
    from lashkit.ingestion.signatures import signature_of

    rest = chunks_of(file)
    head, ended = b"", True
    for chunk in rest:
        head += chunk
        if len(head) >= _HEAD_OF_PIPE:
            ended = False
            break
    if not ended and (signature_of(head[:HEAD_BYTE_LEN]) or "").startswith("image/"):
        head, ended = b"".join([head, *rest]), True
    if ended:
        return Opened.of_bytes(head, name)
    return Opened(io.BytesIO(head), again=_Once(chain(slices_of(head), rest)), byte_len=None, name=name)


class _Once:
    """One pass over chunks that nobody can have twice."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks: Iterator[bytes] | None = chunks

    def __call__(self) -> Iterator[bytes]:
        chunks, self._chunks = self._chunks, None
        if chunks is None:
            raise IngestError("the source can be read only once, and was; read it into memory or a file first")
        return chunks
