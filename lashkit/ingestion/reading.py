"""Bounded reading of headers, and reading of a whole source in chunks."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Protocol, cast

from lashkit.errors import IngestError
from lashkit.stores.protocols import CHUNK_BYTE_LEN

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HEAD_BYTE_LEN", "HeaderReader", "Readable", "chunks_of", "shown", "slices_of", "told"]

HEAD_BYTE_LEN = 64 * 1024
"""How many leading bytes decide what the content is."""

_BYTE_BUDGET = 16 * 1024 * 1024
_CALL_BUDGET = 400_000
_OFFSET_LIMIT = 2**62


def shown(text: object, limit: int = 80) -> str:
    """`text` as a quoted ASCII literal on one line, cut to about `limit` characters: names may be hostile."""
    literal = ascii(text[: limit + 1] if isinstance(text, str | bytes) else text)
    return literal if len(literal) <= limit else literal[: limit - 3] + "..."


def told(error: BaseException) -> str:
    """What `error` says, on one printable line of 200 characters at most; its type where it says nothing."""
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in words)


class Readable(Protocol):
    """What a source of bytes must at least have."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class HeaderReader(io.RawIOBase):
    """A read-only view of a seekable binary file, from `start` on, that refuses to become more than a header's read.

    Parsers of foreign formats run on it: a file that asks for more than 16 MiB, or for hundreds of thousands of small
    reads, gets an `OSError` instead of memory or time. It never closes the file beneath.
    """

    def __init__(self, file: IO[bytes], start: int = 0) -> None:
        self._file = file
        self._start = start
        self._position = 0
        self._bytes_left = _BYTE_BUDGET
        self._calls_left = _CALL_BUDGET

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._spend(0)
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self._file.seek(0, io.SEEK_END) - self._start
        if not 0 <= offset < _OFFSET_LIMIT:
            raise OSError(f"seek to {offset}, outside any file")
        self._position = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, fewer only at the end of the file; all that are left where `size` is negative or None."""
        whole = size is None or size < 0
        self._spend(0 if whole else cast("int", size))
        self._file.seek(self._start + self._position)
        wanted = self._bytes_left + 1 if whole else cast("int", size)
        parts: list[bytes] = []
        while wanted > 0 and (part := self._file.read(min(wanted, CHUNK_BYTE_LEN))):
            parts.append(part)
            wanted -= len(part)
        data = b"".join(parts)
        if whole and len(data) > self._bytes_left:
            raise OSError(f"more than {_BYTE_BUDGET} bytes are no header")
        self._position += len(data)
        self._bytes_left -= len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes at `offset`, fewer where the file ends first."""
        self.seek(offset)
        return self.read(size)

    def _spend(self, byte_len: int) -> None:
        self._calls_left -= 1
        if self._calls_left < 0 or byte_len > self._bytes_left:
            raise OSError(f"more than {_BYTE_BUDGET} bytes or {_CALL_BUDGET} reads are no header")


def chunks_of(file: Readable) -> Iterator[bytes]:
    """What `file` still has, in chunks of `CHUNK_BYTE_LEN` at most.

    Raises:
        IngestError: where it cannot be read, was closed, or gives something else than bytes.
    """
    while True:
        try:
            data = file.read(CHUNK_BYTE_LEN)
        except (OSError, ValueError) as exc:
            raise IngestError(f"the source cannot be read ({told(exc)}); open it again") from exc
        if not isinstance(data, bytes | bytearray | memoryview):
            raise IngestError(
                f"read() of the source gave {type(data).__name__}, not bytes; open it in binary mode, "
                "as in open(path, 'rb'), and blocking"
            )
        if not data:
            return
        yield from slices_of(bytes(data))


def slices_of(data: bytes) -> Iterator[bytes]:
    """`data` in chunks of `CHUNK_BYTE_LEN` at most; nothing where it is empty."""
    if len(data) <= CHUNK_BYTE_LEN:
        if data:
            yield data
        return
    for start in range(0, len(data), CHUNK_BYTE_LEN):
        yield data[start : start + CHUNK_BYTE_LEN]
