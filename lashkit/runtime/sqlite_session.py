"""The persistence of one session of a SQLite catalog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from lashkit.clock import Clock
from lashkit.errors import SessionBindingMismatch
from lashkit.lease import (
    LeaseOwnerIdentity,
    SessionExecutionLease,
    SessionExecutionLeaseClaimOutcome,
    SessionExecutionLeaseFence,
)
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runner import Runner
from lashkit.runtime import graph as rules
from lashkit.runtime import leases
from lashkit.runtime import sqlite_graph as graph
from lashkit.runtime import sqlite_rows as rows
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
from lashkit.runtime.sqlite_holder import SqliteHolder
from lashkit.runtime.sqlite_leases import change_lease, new_lease_token, release_lease
from lashkit.stores.protocols import SyncMode
from lashkit.values import AttachmentId, DurabilityTier

__all__ = ["SqliteSession"]


class SqliteSession:
    """One session in a SQLite catalog, which makes these (`SqliteCatalog.session`). A `RuntimePersistence`."""

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(self, holder: SqliteHolder, session_id: str, clock: Clock, runner: Runner) -> None:
        self.session_id = session_id
        self._holder = holder
        self._clock = clock
        self._runner = runner

    def __repr__(self) -> str:
        return f"SqliteSession({self._holder.path!r}, {self.session_id!r})"

    @property
    def durability_tier(self) -> DurabilityTier:
        """Durable."""
        return DurabilityTier.DURABLE

    async def load_session(self, scope: SessionReadScope) -> PersistedSessionRead | None:
        """See `RuntimePersistence.load_session`."""
        return await self._runner.run(self._holder.snapshot, graph.load_session, self.session_id, scope)

    async def load_node(self, node_id: str) -> SessionNode | None:
        """See `RuntimePersistence.load_node`."""
        return await self._runner.run(self._holder.read, graph.load_node, self.session_id, node_id)

    async def commit_runtime_state(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        """See `RuntimePersistence.commit_runtime_state`."""
        rules.require_session(self.session_id, commit)
        now = self._clock.timestamp_ms()
        return await self._runner.run(self._holder.write_durably, graph.commit, commit, now)

    async def try_claim_session_execution_lease(
        self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLeaseClaimOutcome:
        """See `RuntimePersistence.try_claim_session_execution_lease`."""
        self._require(session_id)
        rule = partial(
            leases.claim,
            owner=owner,
            now_epoch_ms=self._clock.timestamp_ms(),
            ttl_ms=lease_ttl_ms,
            lease_token=new_lease_token(),
        )
        return await self._runner.run(self._holder.write, change_lease, session_id, rule)

    async def reclaim_session_execution_lease(
        self,
        session_id: str,
        owner: LeaseOwnerIdentity,
        observed_holder: SessionExecutionLeaseFence,
        lease_ttl_ms: int | None = None,
    ) -> SessionExecutionLeaseClaimOutcome:
        """See `RuntimePersistence.reclaim_session_execution_lease`."""
        self._require(session_id)
        rule = partial(
            leases.reclaim,
            owner=owner,
            observed_holder=observed_holder,
            now_epoch_ms=self._clock.timestamp_ms(),
            ttl_ms=lease_ttl_ms,
            lease_token=new_lease_token(),
        )
        return await self._runner.run(self._holder.write, change_lease, session_id, rule)

    async def renew_session_execution_lease(
        self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLease:
        """See `RuntimePersistence.renew_session_execution_lease`."""
        self._require(fence.session_id)
        rule = partial(leases.renew, fence=fence, now_epoch_ms=self._clock.timestamp_ms(), ttl_ms=lease_ttl_ms)
        return await self._runner.run(self._holder.write, change_lease, self.session_id, rule)

    async def release_session_execution_lease(self, fence: SessionExecutionLeaseFence) -> None:
        """See `RuntimePersistence.release_session_execution_lease`."""
        self._require(fence.session_id)
        # Durably: a power cut must not bring back a holder whose death nobody can prove afterwards.
        await self._runner.run(self._holder.write_durably, release_lease, fence)

    async def save_session_meta(self, meta: SessionMeta) -> None:
        """See `RuntimePersistence.save_session_meta`."""
        self._require(meta.session_id)
        await self._runner.run(self._holder.write_durably, graph.save_meta, meta)

    async def load_session_meta(self) -> SessionMeta | None:
        """See `RuntimePersistence.load_session_meta`."""
        return await self._runner.run(self._holder.read, graph.load_meta, self.session_id)

    async def tombstone_nodes(self, node_ids: Sequence[str]) -> int:
        """See `RuntimePersistence.tombstone_nodes`."""
        return await self._runner.run(self._holder.write_durably, graph.tombstone, self.session_id, node_ids)

    async def vacuum(self) -> VacuumReport:
        """See `RuntimePersistence.vacuum`."""
        return await self._runner.run(self._holder.write_durably, graph.vacuum, self.session_id)

    async def gc_unreachable(self) -> GcReport:
        """See `RuntimePersistence.gc_unreachable`."""
        return await self._runner.run(self._holder.write_durably, graph.gc_unreachable, self.session_id)

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """See `AttachmentManifest.record_intent`."""
        self._require(intent.session_id)
        await self._runner.run(rows.record, self._holder, intent)

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """See `AttachmentManifest.commit_refs`."""
        self._require(session_id)
        now = self._clock.timestamp_ms()
        return await self._runner.run(
            self._holder.write_durably, rows.commit_refs, session_id, attachment_ids, now, fence
        )

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """This session's; see `AttachmentManifest.list_uncommitted`."""
        return await self._runner.run(
            self._holder.read, rows.uncommitted, older_than_epoch_ms, "session_id = ?", self.session_id
        )

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """See `AttachmentManifest.forget`."""
        self._require(session_id)
        await self._runner.run(self._holder.write_durably, rows.forget, session_id, attachment_id)

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """See `AttachmentManifest.holds_ref`."""
        self._require(session_id)
        return await self._runner.run(self._holder.read, rows.holds_ref, session_id, attachment_id)

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """This session's; see `AttachmentManifest.list_all_refs`."""
        return await self._runner.run(self._holder.read, rows.entries, "session_id = ?", self.session_id)

    def _require(self, session_id: str) -> None:
        if session_id != self.session_id:
            raise SessionBindingMismatch(self.session_id, session_id)
