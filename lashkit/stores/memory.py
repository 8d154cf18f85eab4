"""A store in this process's memory: for tests, for trying things out, and for `memory://`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, SupportsIndex, TypeVar, TypeVarTuple

from lashkit.clock import Clock, SystemClock
from lashkit.errors import AttachmentCorrupt, AttachmentNotFound
from lashkit.runner import Runner, default_runner
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

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LARGE_BYTE_LEN = 1024 * 1024
"""More bytes than these are hashed through the runner: a loop would be held up. Fewer cost less than a hop does."""


@dataclass(frozen=True, slots=True)
class _Blob:
    meta: AttachmentMeta
    data: bytes
    last_modified_epoch_ms: int


class InMemoryAttachmentStore:
    """Bytes in a dictionary; gone with the process. Safe to use from several threads.

    Args:
        clock: where `last_modified_epoch_ms` comes from.
        runner: where large bytes are hashed.

    A copy is the store itself; it cannot be pickled (`TypeError`), since what it holds stays in its process.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(self, *, clock: Clock | None = None, runner: Runner = default_runner) -> None:
        self._clock = clock or SystemClock()
        self._runner = runner
        self._blobs: dict[AttachmentId, _Blob] = {}
        self._staged: dict[StagedBlob, bytes] = {}
        self._tokens = itertools.count()

    def __repr__(self) -> str:
        return f"InMemoryAttachmentStore({len(self._blobs)} attachments)"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a store in memory stays in its process; use a directory (FileAttachmentStore) to share it")

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
        whole = bytes(data)
        return await self._run(len(whole), self._put, whole, meta)

    async def _run(self, byte_len: int, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """`function(*args)`, which reads `byte_len` bytes: in place where they are few."""
        return function(*args) if byte_len <= _LARGE_BYTE_LEN else await self._runner.run(function, *args)

    def _put(self, data: bytes, meta: AttachmentCreateMeta) -> AttachmentRef:
        return self._keep(meta.describe(content_id(data), len(data)), data)

    def _keep(self, described: AttachmentMeta, data: bytes) -> AttachmentRef:
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
        if await self._run(len(blob.data), content_id, blob.data) != attachment_id:
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
        if await self._run(len(data), content_id, data) != attachment_id:
            raise AttachmentCorrupt(attachment_id)

    async def stage(self, chunks: Chunks) -> StagedBlob:
        """See `SupportsStreaming.stage`."""
        data = b"".join([bytes(chunk) async for chunk in each_chunk(chunks)])
        attachment_id = await self._run(len(data), content_id, data)
        staged = StagedBlob(attachment_id, len(data), f"{id(self):x}-{next(self._tokens)}")
        self._staged[staged] = data
        return staged

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """See `SupportsStreaming.publish`."""
        return await self._run(staged.byte_len, self._publish, staged, meta)

    def _publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        data = self._staged.pop(staged, None)
        if data is None:
            raise AttachmentNotFound(staged.id, "it is not staged here")
        return self._keep(meta.describe(staged.id, len(data)), data)

    async def discard(self, staged: StagedBlob) -> None:
        """See `SupportsStreaming.discard`."""
        self._staged.pop(staged, None)
