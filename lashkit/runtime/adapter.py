"""The manifest of a session's persistence, as a manifest: for a scoped store over one session."""

from __future__ import annotations

from collections.abc import Sequence

from lashkit.lease import SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runtime.protocols import RuntimePersistence
from lashkit.stores.protocols import SyncMode, sync_mode_of
from lashkit.values import AttachmentId

__all__ = ["PersistenceManifestAdapter"]


class PersistenceManifestAdapter:
    """The manifest half of a `RuntimePersistence`, and nothing else of it. Ported from lash-core `attachments.rs`.

    Args:
        persistence: whose manifest it is. It stays the caller's.
    """

    def __init__(self, persistence: RuntimePersistence) -> None:
        self.persistence = persistence

    def __repr__(self) -> str:
        return f"PersistenceManifestAdapter({self.persistence!r})"

    @property
    def sync_mode(self) -> SyncMode:
        """As the persistence."""
        return sync_mode_of(self.persistence)

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """See `AttachmentManifest.record_intent`."""
        await self.persistence.record_intent(intent)

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """See `AttachmentManifest.commit_refs`."""
        return await self.persistence.commit_refs(session_id, attachment_ids, fence=fence)

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """See `AttachmentManifest.list_uncommitted`."""
        return await self.persistence.list_uncommitted(older_than_epoch_ms)

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """See `AttachmentManifest.forget`."""
        await self.persistence.forget(session_id, attachment_id)

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """See `AttachmentManifest.holds_ref`."""
        return await self.persistence.holds_ref(session_id, attachment_id)

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """See `AttachmentManifest.list_all_refs`."""
        return await self.persistence.list_all_refs()
