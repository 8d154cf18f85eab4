"""Work over everything in a store: verify it, copy it out, copy it in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from lashkit.archive import ArchiveReader, ArchiveWriter
from lashkit.errors import (
    AttachmentCorrupt,
    AttachmentIoError,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    AttachmentStoreError,
)
from lashkit.progress import Progress
from lashkit.reports import ExportReport, ImportReport, VerifyReport
from lashkit.runner import Runner
from lashkit.stores.access import chunks_of, meta_of, put_chunks
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.protocols import AttachmentStore
from lashkit.values import AttachmentId, AttachmentMeta, StoredBlobRef

__all__ = ["Source", "export_all", "import_all", "verify_all"]


class Source(Protocol):
    """What attachments are copied from."""

    def list(self) -> AsyncIterator[StoredBlobRef]: ...

    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta: ...

    def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]: ...


async def verify_all(
    store: AttachmentStore, held: Sequence[AttachmentId] = (), *, progress: bool | None
) -> VerifyReport:
    """See `Workspace.verify`. `held` are the ids that somebody holds: their bytes must be there."""
    blobs = [blob async for blob in store.list()]
    corrupt, unreadable, undescribed = [], [], []
    byte_len = 0
    with Progress(progress, "verifying", total=sum(blob.byte_len for blob in blobs), in_bytes=True) as bar:
        for blob in blobs:
            try:
                async for chunk in chunks_of(store, blob.id):
                    byte_len += len(chunk)
                    bar.advance(len(chunk))
                await meta_of(store, blob.id)
            except AttachmentCorrupt:
                corrupt.append(blob.id)
            except (AttachmentMissingMeta, AttachmentMetadataDecodeError):
                undescribed.append(blob.id)
            except (AttachmentNotFound, AttachmentIoError):
                unreadable.append(blob.id)
    return VerifyReport(
        checked_count=len(blobs),
        byte_len=byte_len,
        corrupt_ids=tuple(corrupt),
        unreadable_ids=tuple(unreadable),
        metadata_ids=tuple(undescribed),
        missing_ids=tuple(sorted(set(held) - {blob.id for blob in blobs})),
    )


async def export_all(source: Source, path: str, *, runner: Runner, progress: bool | None) -> ExportReport:
    """See `Workspace.export`."""
    blobs = sorted([blob async for blob in source.list()], key=lambda blob: blob.id)
    byte_len = sum(blob.byte_len for blob in blobs)
    with Progress(progress, "exporting", total=byte_len, in_bytes=True) as bar:
        if path.lower().endswith(".zip"):
            async with ArchiveWriter(path, runner=runner) as archive:
                for blob in blobs:
                    await archive.add(await source.meta(blob.id), source.open(blob.id))
                    bar.advance(blob.byte_len)
        else:
            folder = FileAttachmentStore(path, runner=runner)
            for blob in blobs:
                meta = await source.meta(blob.id)
                await put_chunks(folder, source.open(blob.id), meta.facts())
                bar.advance(blob.byte_len)
    return ExportReport(path=path, attachment_count=len(blobs), byte_len=byte_len)


async def import_all(store: AttachmentStore, path: str, *, runner: Runner, progress: bool | None) -> ImportReport:
    """See `Workspace.import_`."""
    if await runner.run(os.path.isdir, path):
        return await _import_from(store, FileAttachmentStore(path, runner=runner), path, progress)
    async with ArchiveReader(path, runner=runner) as archive:
        return await _import_from(store, archive, path, progress)


async def _import_from(store: AttachmentStore, source: Source, path: str, progress: bool | None) -> ImportReport:
    metas = [await source.meta(blob.id) async for blob in source.list()]
    total = sum(meta.byte_len for meta in metas)
    with Progress(progress, "verifying", total=total, in_bytes=True) as bar:
        for meta in metas:
            async for chunk in source.open(meta.id):
                bar.advance(len(chunk))
    known = {blob.id async for blob in store.list()}
    # What is stored and damaged is new: an import repairs.
    new = [meta for meta in metas if meta.id not in known or not await _is_intact(store, meta.id)]
    byte_len = sum(meta.byte_len for meta in new)
    with Progress(progress, "importing", total=byte_len, in_bytes=True) as bar:
        for meta in new:
            await put_chunks(store, source.open(meta.id), meta.facts())
            bar.advance(meta.byte_len)
    return ImportReport(path=path, new_count=len(new), already_stored_count=len(metas) - len(new), byte_len=byte_len)


async def _is_intact(store: AttachmentStore, attachment_id: AttachmentId) -> bool:
    try:
        async for _ in chunks_of(store, attachment_id):
            pass
        await meta_of(store, attachment_id)
    except AttachmentStoreError:
        return False
    return True
