"""What a store is: one protocol, and one for each thing that not every store can do.

A store maps content to bytes and knows nothing of sessions. It need not inherit from anything here: what has these
methods is a store, and `lashkit.testing.check_attachment_store` decides whether it is a good one. Ported from lash-core
`attachments.rs` (`AttachmentStore`); `head` and `list` as in its later revisions.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    StoredAttachment,
    StoredBlobRef,
)

__all__ = [
    "CHUNK_BYTE_LEN",
    "AttachmentStore",
    "Chunks",
    "StagedBlob",
    "SupportsMeta",
    "SupportsStreaming",
    "SyncMode",
    "checked_chunk",
    "each_chunk",
    "sync_mode_of",
]

CHUNK_BYTE_LEN = 256 * 1024
"""How many bytes a chunk has, unless its source cuts smaller ones."""

Chunks = Iterable[bytes] | AsyncIterable[bytes]


def checked_chunk(chunk: object) -> bytes | bytearray | memoryview:
    """`chunk`, if it can be written.

    Raises:
        TypeError: where it cannot; iterating `bytes` itself gives numbers, which is the usual mistake.
    """
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise TypeError(f"a chunk is bytes, not {type(chunk).__name__}; to store one bytes object, use put")
    return chunk


async def each_chunk(chunks: Chunks) -> AsyncIterator[BytesLike]:
    """The chunks of either kind of iterable, each of them bytes-like."""
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            yield checked_chunk(chunk)
    else:
        for chunk in chunks:
            yield checked_chunk(chunk)


SyncMode = Literal["inline", "portal", "bound"]
"""How sync code may drive an object: `inline` never suspends, `portal` needs a loop, `bound` needs its own loop."""


def sync_mode_of(*parts: object) -> SyncMode:
    """The mode of something made of `parts`: the most demanding of theirs. What declares none needs the portal."""
    modes = {getattr(part, "sync_mode", "portal") for part in parts}
    return "bound" if "bound" in modes else "portal" if "portal" in modes else "inline"


@runtime_checkable
class AttachmentStore(Protocol):
    """Where bytes live: flat, content-addressed, deduplicating."""

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Whether acknowledged bytes outlive the process."""
        ...

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Store all of `data` or nothing. The same bytes again are one blob, and keep the metadata of the first put.

        Returns:
            The ref of these bytes as `meta` describes them.

        Raises:
            AttachmentIoError: the medium refused; nothing was acknowledged. Put again.
        """
        ...

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """Read back, verified against the id.

        Raises:
            AttachmentNotFound: no such attachment.
            AttachmentCorrupt: the stored bytes are not those of the id.
            AttachmentMissingMeta, AttachmentMetadataDecodeError: bytes without readable metadata.
            AttachmentIoError: the medium refused.
        """
        ...

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        """Length and time of change without reading the bytes; agrees with `list`.

        Raises:
            AttachmentNotFound: no such attachment.
            AttachmentIoError: the medium refused.
        """
        ...

    async def delete(self, attachment_id: AttachmentId) -> None:
        """Remove the bytes and their metadata. Deleting what is not there is fine.

        Raises:
            AttachmentIoError: the medium refused.
        """
        ...

    def list(self) -> AsyncIterator[StoredBlobRef]:
        """Every blob once, in no promised order. Blobs that come or go meanwhile may or may not be seen.

        Raises:
            AttachmentIoError: the medium refused.
        """
        ...


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes that arrived whole and are not published yet: nobody can see them.

    `id` and `byte_len` (bytes) are final. `token` is the store's own: it means nothing elsewhere.
    """

    id: AttachmentId
    byte_len: int
    token: str = ""


@runtime_checkable
class SupportsStreaming(Protocol):
    """Bytes in and out in chunks, in flat memory whatever the size.

    `stage` then `publish` is a put; in between the id is known and nothing is visible, which is where a session records
    its intent.
    """

    def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        """The bytes in chunks of `CHUNK_BYTE_LEN` at most.

        Chunks before the end are unverified: the hash is known only when all of them were read.

        Raises:
            AttachmentNotFound: no such attachment; before the first chunk.
            AttachmentCorrupt: at the end, where the bytes are not those of the id.
            AttachmentIoError: the medium refused.
        """
        ...

    async def stage(self, chunks: Chunks) -> StagedBlob:
        """Take all chunks in, hash them, and keep them out of sight until `publish` or `discard`.

        Raises:
            AttachmentIoError: the medium refused. Whatever `chunks` raises passes through. Nothing stays behind.
        """
        ...

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Make staged bytes visible at once and for good. `staged` is used up.

        Raises:
            AttachmentNotFound: `staged` was published, discarded, or comes from another store.
            AttachmentIoError: the medium refused; nothing was acknowledged. Stage again.
        """
        ...

    async def discard(self, staged: StagedBlob) -> None:
        """Drop staged bytes. Discarding twice is fine."""
        ...


@runtime_checkable
class SupportsMeta(Protocol):
    """Metadata without the bytes."""

    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """The metadata that the first put of these bytes wrote.

        Raises:
            AttachmentNotFound: no such attachment.
            AttachmentMissingMeta, AttachmentMetadataDecodeError: there is none that can be read.
            AttachmentIoError: the medium refused.
        """
        ...
