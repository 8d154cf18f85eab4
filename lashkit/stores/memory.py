"""A store in this process's memory: for tests, for trying things out, and for `memory://`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lashkit.clock import Clock, SystemClock
from lashkit.errors import AttachmentCorrupt, AttachmentNotFound
from lashkit.stores.protocols import CHUNK_BYTE_LEN, Chunks, StagedBlob, SyncMode, each_chunk
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    StoredAttachment,
    StoredBlobRef,
    content_id,
)

if TYPE_CHECKING:
    from lashkit.sync.facades import SyncAttachmentStore

__all__ = ["InMemoryAttachmentStore"]


@dataclass(frozen=True, slots=True)
class _Blob:
    meta: AttachmentMeta
    data: bytes
    last_modified_epoch_ms: int


class InMemoryAttachmentStore:
    """Bytes in a dictionary; gone with the process. Safe to use from several threads.

    Args:
        clock: where `last_modified_epoch_ms` comes from.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._blobs: dict[AttachmentId, _Blob] = {}
        self._staged: dict[StagedBlob, bytes] = {}
        self._tokens = itertools.count()

    def __repr__(self) -> str:
        return f"InMemoryAttachmentStore({len(self._blobs)} attachments)"

    @property
    def sync(self) -> SyncAttachmentStore:
        """The same store without `await`."""
        from lashkit.sync.facades import SyncAttachmentStore

        return SyncAttachmentStore(self)

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Ephemeral."""
        return AttachmentStorePersistence.EPHEMERAL

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        """See `AttachmentStore.put`."""
        return self._keep(bytes(data), meta)

    def _keep(self, data: bytes, meta: AttachmentCreateMeta) -> AttachmentRef:
        described = meta.describe(content_id(data), len(data))
        blob = _Blob(described, data, self._clock.timestamp_ms())
        first = self._blobs.setdefault(described.id, blob)
        if first is not blob and first.data != data:
            self._blobs[described.id] = _Blob(first.meta, data, first.last_modified_epoch_ms)
        return described.as_ref()

    def _blob(self, attachment_id: AttachmentId) -> _Blob:
        blob = self._blobs.get(attachment_id)
        if blob is None:
            raise AttachmentNotFound(attachment_id)
        return blob

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """See `AttachmentStore.get`."""
        blob = self._blob(attachment_id)
        if content_id(blob.data) != attachment_id:
            raise AttachmentCorrupt(attachment_id)
        return StoredAttachment(blob.meta, blob.data)

    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """See `SupportsMeta.meta`."""
        return self._blob(attachment_id).meta

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        """See `AttachmentStore.head`."""
        blob = self._blob(attachment_id)
        return StoredBlobRef(blob.meta.id, len(blob.data), blob.last_modified_epoch_ms)

    async def delete(self, attachment_id: AttachmentId) -> None:
        """See `AttachmentStore.delete`."""
        self._blobs.pop(attachment_id, None)

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        """See `AttachmentStore.list`."""
        for blob in tuple(self._blobs.values()):
            yield StoredBlobRef(blob.meta.id, len(blob.data), blob.last_modified_epoch_ms)

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        """See `SupportsStreaming.open`."""
        data = self._blob(attachment_id).data
        for start in range(0, len(data), CHUNK_BYTE_LEN):
            yield data[start : start + CHUNK_BYTE_LEN]
        if content_id(data) != attachment_id:
            raise AttachmentCorrupt(attachment_id)

    async def stage(self, chunks: Chunks) -> StagedBlob:
        """See `SupportsStreaming.stage`."""
        data = b"".join([bytes(chunk) async for chunk in each_chunk(chunks)])
        staged = StagedBlob(content_id(data), len(data), f"{id(self):x}-{next(self._tokens)}")
        self._staged[staged] = data
        return staged

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """See `SupportsStreaming.publish`."""
        data = self._staged.pop(staged, None)
        if data is None:
            raise AttachmentNotFound(staged.id, "it is not staged here")
        return self._keep(data, meta)

    async def discard(self, staged: StagedBlob) -> None:
        """See `SupportsStreaming.discard`."""
        self._staged.pop(staged, None)
