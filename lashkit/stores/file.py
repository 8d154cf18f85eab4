"""A durable store in a directory, laid out as lash lays it out: the async half of `lashkit.stores.directory`."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, ClassVar, Self

from lashkit.runner import Runner, default_runner
from lashkit.stores.directory import StoreDirectory, append, read_chunk
from lashkit.stores.protocols import Chunks, StagedBlob, SyncMode, each_chunk
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

if TYPE_CHECKING:
    from lashkit.sync.facades import SyncAttachmentStore

__all__ = ["FileAttachmentStore"]

_SHARDS_PER_PAGE = 32
"""How many folders one trip through the runner lists: a hop costs more than a look into an empty folder."""


class FileAttachmentStore:
    """Attachments as files under `root`. Any number of processes may use one root at once.

    Args:
        root: a directory; made, with its parents, by the first put.
        runner: where blocking work goes.
        flush_sidecars: whether metadata must outlive a power cut too. Where a catalog knows it, as in a workspace, the
            sidecar is a copy, and one flush a put is saved.

    Names under `sha256/` that are not the store's own are left alone, and named once in a `LashkitWarning`.
    A copy is the store itself. A pickle carries the root and nothing else: whoever loads it opens the same directory,
    with the default runner.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(
        self, root: str | os.PathLike[str], *, runner: Runner = default_runner, flush_sidecars: bool = True
    ) -> None:
        path = os.path.abspath(os.path.expanduser(os.fspath(root)))
        self._directory = StoreDirectory(path, flush_sidecars=flush_sidecars)
        self._runner = runner

    def __repr__(self) -> str:
        return f"FileAttachmentStore({self.root!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.root,)

    @property
    def root(self) -> str:
        """The absolute path of the directory."""
        return self._directory.root

    @property
    def sync(self) -> SyncAttachmentStore:
        """The same store without `await`."""
        from lashkit.sync.facades import SyncAttachmentStore

        return SyncAttachmentStore(self)

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Durable."""
        return AttachmentStorePersistence.DURABLE

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        """See `AttachmentStore.put`."""
        return await self._runner.run(self._directory.put, bytes(data), meta)

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """See `AttachmentStore.get`."""
        return await self._runner.run(self._directory.get, attachment_id)

    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """See `SupportsMeta.meta`."""
        return await self._runner.run(self._directory.meta, attachment_id)

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        """See `AttachmentStore.head`."""
        return await self._runner.run(self._directory.head, attachment_id)

    async def delete(self, attachment_id: AttachmentId) -> None:
        """See `AttachmentStore.delete`."""
        await self._runner.run(self._directory.delete, attachment_id)

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        """See `AttachmentStore.list`."""
        shards = await self._runner.run(self._directory.shard_names)
        for start in range(0, len(shards), _SHARDS_PER_PAGE):
            page = shards[start : start + _SHARDS_PER_PAGE]
            for blob in await self._runner.run(self._directory.blobs_in, page):
                yield blob

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        """See `SupportsStreaming.open`."""
        digest = hashlib.sha256()
        # Leaving this block never awaits, so that an abandoned iterator can be collected anywhere.
        with contextlib.ExitStack() as held:
            fd = await self._runner.run(self._directory.open_blob, attachment_id, held)
            while chunk := await self._runner.run(read_chunk, fd, digest):
                yield chunk
        await self._runner.run(self._directory.require, digest.hexdigest() == attachment_id, attachment_id)

    async def stage(self, chunks: Chunks) -> StagedBlob:
        """See `SupportsStreaming.stage`."""
        digest = hashlib.sha256()
        held = contextlib.ExitStack()
        try:
            if isinstance(chunks, AsyncIterable):
                file = await self._runner.run(self._directory.new_staging_file, held)
                async for chunk in each_chunk(chunks):
                    await self._runner.run(append, file, digest, chunk)
                staged = await self._runner.run(self._directory.finish_stage, file, digest)
            else:
                file, staged = await self._runner.run(self._directory.stage, chunks, held)
        except BaseException:
            await self._runner.run(held.close)
            raise
        # Here and not in the worker: the result of a worker whose awaiter was cancelled reaches nobody.
        self._directory.keep(file, staged)
        return staged

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """See `SupportsStreaming.publish`."""
        return await self._runner.run(self._directory.publish, staged, meta)

    async def discard(self, staged: StagedBlob) -> None:
        """See `SupportsStreaming.discard`."""
        await self._runner.run(self._directory.discard, staged)
