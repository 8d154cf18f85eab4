"""What ingest returns: facts, and the bytes when they are wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lashkit.values import AttachmentCreateMeta

__all__ = ["Ingested"]


class Ingested:
    """A source that was looked at and is ready to be stored.

    Attributes:
        meta: media type, upright size and label.
        byte_len: how many bytes there are; `None` where only reading them tells, as with a pipe.
    """

    __slots__ = ("_open", "byte_len", "meta")

    def __init__(
        self, meta: AttachmentCreateMeta, byte_len: int | None, open_chunks: Callable[[], Iterator[bytes]]
    ) -> None:
        self.meta: AttachmentCreateMeta = meta
        self.byte_len: int | None = byte_len
        self._open = open_chunks

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the first on, in chunks of `CHUNK_BYTE_LEN` at most. Each call is a new pass, in flat memory.

        Raises:
            IngestError: while iterating, where a file changed since it was looked at or cannot be read any more, or
                where this is the second pass over a pipe.
        """
        return self._open()

    def labelled(self, label: str) -> Ingested:
        """The same under another label."""
        return Ingested(replace(self.meta, label=label), self.byte_len, self._open)

    def read(self) -> bytes:
        """All the bytes at once. Raises what `chunks` raises."""
        parts = list(self.chunks())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def __repr__(self) -> str:
        return f"Ingested({self.meta!r}, byte_len={self.byte_len})"
