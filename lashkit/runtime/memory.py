"""A catalog and a session store in this process's memory: for tests, for trying things out, and for `memory://`.

Both are inline: nothing blocks but the look at other processes (`/proc`), which goes through the runner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from lashkit.clock import Clock, SystemClock
from lashkit.errors import SessionBindingMismatch
from lashkit.lease import (
    LeaseOwnerIdentity,
    SessionExecutionLease,
    SessionExecutionLeaseClaimOutcome,
    SessionExecutionLeaseFence,
)
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runner import default_runner
from lashkit.runtime.records import (
    GcReport,
    PersistedSessionRead,
    RuntimeCommit,
    RuntimeCommitResult,
    SessionMeta,
    SessionNode,
    SessionReadScope,
    VacuumReport,
)
from lashkit.runtime.rows import transaction
from lashkit.runtime.tables import Tables
from lashkit.stores.protocols import SyncMode
from lashkit.values import AttachmentId, DurabilityTier

__all__ = ["InMemoryCatalog", "InMemorySessionStore"]

T = TypeVar("T")


class InMemorySessionStore:
    """The persistence of one session in memory; gone with the process. Safe to use from several threads.

    It is bound to the session that its first write names, as in lash; before that it is empty.

    Args:
        clock: where the times of commits and leases come from.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._tables = Tables(clock or SystemClock())
        self._bound: str | None = None

    @classmethod
    def _of(cls, tables: Tables, session_id: str) -> InMemorySessionStore:
        """The persistence of one session of a catalog."""
        store = cls.__new__(cls)
        store._tables, store._bound = tables, session_id
        return store

    def __repr__(self) -> str:
        return f"InMemorySessionStore({self._bound!r})" if self._bound is not None else "InMemorySessionStore()"

    @property
    def durability_tier(self) -> DurabilityTier:
        """Inline: nothing outlives the process."""
        return DurabilityTier.INLINE

    @transaction
    def _write(self, session_id: str, write: Callable[[], T]) -> T:
        """Write to the session that the call names; the first write that succeeds binds."""
        self._require(session_id)
        result = write()
        self._bound = session_id
        return result

    def _require(self, session_id: str) -> None:
        if self._bound is not None and session_id != self._bound:
            raise SessionBindingMismatch(self._bound, session_id)

    @property
    def _session_id(self) -> str:
        # No session has the empty name, so an unbound store reads as an empty one.
        return self._bound or ""

    async def load_session(self, scope: SessionReadScope) -> PersistedSessionRead | None:
        """See `RuntimePersistence.load_session`."""
        return self._tables.load_session(self._session_id, scope)

    async def load_node(self, node_id: str) -> SessionNode | None:
        """See `RuntimePersistence.load_node`."""
        return self._tables.load_node(self._session_id, node_id)

    async def commit_runtime_state(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        """See `RuntimePersistence.commit_runtime_state`."""
        return await default_runner.run(self._write, commit.session_id, lambda: self._tables.commit(commit))

    async def try_claim_session_execution_lease(
        self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLeaseClaimOutcome:
        """See `RuntimePersistence.try_claim_session_execution_lease`."""
        return self._write(session_id, lambda: self._tables.claim(session_id, owner, lease_ttl_ms))

    async def reclaim_session_execution_lease(
        self,
        session_id: str,
        owner: LeaseOwnerIdentity,
        observed_holder: SessionExecutionLeaseFence,
        lease_ttl_ms: int | None = None,
    ) -> SessionExecutionLeaseClaimOutcome:
        """See `RuntimePersistence.reclaim_session_execution_lease`."""
        return self._write(session_id, lambda: self._tables.reclaim(session_id, owner, observed_holder, lease_ttl_ms))

    async def renew_session_execution_lease(
        self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLease:
        """See `RuntimePersistence.renew_session_execution_lease`."""
        return self._write(fence.session_id, lambda: self._tables.renew(fence, lease_ttl_ms))

    async def release_session_execution_lease(self, fence: SessionExecutionLeaseFence) -> None:
        """See `RuntimePersistence.release_session_execution_lease`."""
        self._write(fence.session_id, lambda: self._tables.release_lease(fence))

    async def save_session_meta(self, meta: SessionMeta) -> None:
        """See `RuntimePersistence.save_session_meta`."""
        self._write(meta.session_id, lambda: self._tables.save_meta(meta))

    async def load_session_meta(self) -> SessionMeta | None:
        """See `RuntimePersistence.load_session_meta`."""
        return self._tables.load_meta(self._session_id)

    async def tombstone_nodes(self, node_ids: Sequence[str]) -> int:
        """See `RuntimePersistence.tombstone_nodes`."""
        return self._tables.tombstone(self._session_id, node_ids)

    async def vacuum(self) -> VacuumReport:
        """See `RuntimePersistence.vacuum`."""
        return self._tables.vacuum(self._session_id)

    async def gc_unreachable(self) -> GcReport:
        """See `RuntimePersistence.gc_unreachable`."""
        return self._tables.gc_unreachable(self._session_id)

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """See `AttachmentManifest.record_intent`."""
        await default_runner.run(self._write, intent.session_id, lambda: self._tables.begin_write(intent))

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """See `AttachmentManifest.commit_refs`."""
        return self._write(session_id, lambda: self._tables.commit_refs(session_id, attachment_ids, fence))

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """This session's; see `AttachmentManifest.list_uncommitted`."""
        return _uncommitted(self._tables.rows(session_id=self._session_id), older_than_epoch_ms)

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """See `AttachmentManifest.forget`."""
        self._write(session_id, lambda: self._tables.forget(session_id, attachment_id))

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """See `AttachmentManifest.holds_ref`."""
        self._require(session_id)
        return self._tables.row(session_id, attachment_id) is not None

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """This session's; see `AttachmentManifest.list_all_refs`."""
        return self._tables.rows(session_id=self._session_id)


class InMemoryCatalog:
    """Manifest, fence, leases and sessions in memory; gone with the process. Safe to use from several threads.

    Args:
        clock: where the times of commits and leases come from.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._tables = Tables(clock or SystemClock())

    def __repr__(self) -> str:
        return f"InMemoryCatalog({len(self._tables.committed)} sessions)"

    @property
    def catalog_uuid(self) -> str:
        """See `SessionCatalog.catalog_uuid`."""
        return self._tables.catalog_uuid

    @property
    def durability_tier(self) -> DurabilityTier:
        """Inline: nothing outlives the process."""
        return DurabilityTier.INLINE

    async def paired_store(self) -> str | None:
        """See `SessionCatalog.paired_store`."""
        return self._tables.paired_store()

    async def pair_store(self, store_uuid: str, adopted: Sequence[AttachmentManifestEntry] = ()) -> bool:
        """See `SessionCatalog.pair_store`."""
        return self._tables.pair_store(store_uuid, adopted)

    def session(self, session_id: str) -> InMemorySessionStore:
        """See `SessionCatalog.session`."""
        return InMemorySessionStore._of(self._tables, session_id)

    async def sessions(self) -> Sequence[SessionMeta]:
        """See `SessionCatalog.sessions`."""
        return self._tables.sessions()

    async def entries(self, session_id: str) -> Sequence[AttachmentManifestEntry]:
        """See `SessionCatalog.entries`."""
        return self._tables.rows(session_id=session_id)

    async def entry(self, session_id: str, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
        """See `SessionCatalog.entry`."""
        return self._tables.row(session_id, attachment_id)

    async def find_entries(self, attachment_id: AttachmentId) -> Sequence[AttachmentManifestEntry]:
        """See `SessionCatalog.find_entries`."""
        return self._tables.rows(attachment_id=attachment_id)

    async def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        """See `SessionCatalog.fork`."""
        return self._tables.fork(session_id, node_id, meta)

    async def delete(self, session_id: str, fence: SessionExecutionLeaseFence | None = None) -> None:
        """See `SessionCatalog.delete`."""
        await default_runner.run(self._tables.delete, session_id, fence)

    async def close(self) -> None:
        """There is nothing to give back."""

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """See `AttachmentManifest.record_intent`."""
        await self.begin_write(intent)

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """See `AttachmentManifest.commit_refs`."""
        return self._tables.commit_refs(session_id, attachment_ids, fence)

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """See `AttachmentManifest.list_uncommitted`."""
        return _uncommitted(self._tables.rows(), older_than_epoch_ms)

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """See `AttachmentManifest.forget`."""
        self._tables.forget(session_id, attachment_id)

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """See `AttachmentManifest.holds_ref`."""
        return self._tables.row(session_id, attachment_id) is not None

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """See `AttachmentManifest.list_all_refs`."""
        return self._tables.rows()

    async def begin_write(self, intent: AttachmentIntent) -> None:
        """See `AttachmentFence.begin_write`."""
        await default_runner.run(self._tables.begin_write, intent)

    async def not_live(self, attachment_ids: Sequence[AttachmentId], *, grace_ms: int) -> Sequence[AttachmentId]:
        """See `AttachmentFence.not_live`."""
        return await default_runner.run(self._tables.not_live, attachment_ids, grace_ms)

    async def marked(self) -> Sequence[AttachmentId]:
        """See `AttachmentFence.marked`."""
        return self._tables.marked()

    async def condemn(self, attachment_id: AttachmentId, *, grace_ms: int) -> bool:
        """See `AttachmentFence.condemn`."""
        return await default_runner.run(self._tables.condemn, attachment_id, grace_ms)

    async def arm_delete(self, attachment_id: AttachmentId) -> bool:
        """See `AttachmentFence.arm_delete`."""
        return await default_runner.run(self._tables.arm_delete, attachment_id)

    async def release(self, attachment_id: AttachmentId) -> None:
        """See `AttachmentFence.release`."""
        await default_runner.run(self._tables.release, attachment_id)


def _uncommitted(
    rows: Sequence[AttachmentManifestEntry], older_than_epoch_ms: int
) -> Sequence[AttachmentManifestEntry]:
    return tuple(
        row for row in rows if row.committed_at_epoch_ms is None and row.intent_at_epoch_ms < older_than_epoch_ms
    )
