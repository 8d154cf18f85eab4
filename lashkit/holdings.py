"""Everything that a workspace holds, whoever holds it, read like a store and described by the catalog's rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lashkit.errors import AttachmentMetadataDecodeError, AttachmentMissingMeta, AttachmentNotFound
from lashkit.manifest import AttachmentManifestEntry
from lashkit.pairing import WORKSPACE
from lashkit.runtime.protocols import SessionCatalog
from lashkit.stores.access import chunks_of
from lashkit.stores.protocols import AttachmentStore
from lashkit.values import AttachmentId, AttachmentMeta, StoredAttachment, StoredBlobRef

__all__ = ["Holdings"]


class Holdings:
    """What any session, or the workspace itself, holds. Where several do, the workspace's own row describes it, else
    the newest."""

    def __init__(self, store: AttachmentStore, catalog: SessionCatalog) -> None:
        self._store = store
        self._catalog = catalog

    async def rows(self) -> list[AttachmentManifestEntry]:
        """One committed row for each attachment, newest first."""
        chosen: dict[AttachmentId, AttachmentManifestEntry] = {}
        for row in await self._catalog.list_all_refs():
            if row.committed_at_epoch_ms is not None:
                first = chosen.get(row.attachment_id)
                chosen[row.attachment_id] = row if first is None else _preferred(first, row)
        return list(chosen.values())[::-1]

    async def entry(self, attachment_id: AttachmentId) -> AttachmentManifestEntry:
        """The row that describes it; one that is not committed yet where there is no other.

        Raises:
            AttachmentNotFound: nobody holds it.
        """
        rows = list(await self._catalog.find_entries(attachment_id))
        if not rows:
            raise AttachmentNotFound(attachment_id)
        best = rows[0]
        for row in rows[1:]:
            best = _preferred(best, row)
        return best

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """As `AttachmentStore.get`, described by its row."""
        row = await self.entry(attachment_id)
        try:
            data = (await self._store.get(attachment_id)).bytes
        except (AttachmentMissingMeta, AttachmentMetadataDecodeError):
            # The row is the truth, the store's metadata a copy that can be done without.
            data = b"".join([chunk async for chunk in chunks_of(self._store, attachment_id)])
        return StoredAttachment(row.ref.facts().describe(attachment_id, len(data)), data)

    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """What its row says."""
        return (await self.entry(attachment_id)).ref.meta()

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        """Every attachment that somebody holds and whose bytes are there, newest first."""
        for row in await self.rows():
            try:
                yield await self._store.head(row.attachment_id)
            except AttachmentNotFound:
                continue

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        """As `SupportsStreaming.open`, of what somebody holds."""
        await self.entry(attachment_id)
        async for chunk in chunks_of(self._store, attachment_id):
            yield chunk


def _preferred(first: AttachmentManifestEntry, second: AttachmentManifestEntry) -> AttachmentManifestEntry:
    """The row that describes an attachment better: a commit, the workspace's own, the newer. `second` is the newer."""

    def rank(row: AttachmentManifestEntry) -> tuple[bool, bool]:
        return row.committed_at_epoch_ms is not None, row.session_id == WORKSPACE

    return first if rank(first) > rank(second) else second
