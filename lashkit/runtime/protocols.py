"""What hosts implement: the persistence of one session, and the catalog of all of them.

Ported from lash-core `store/mod.rs` (`RuntimePersistence`). The rules that backends share are pure functions in
`lashkit.runtime.graph` and `lashkit.runtime.leases`; a backend holds rows and transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lashkit.lease import (
    LeaseOwnerIdentity,
    SessionExecutionLease,
    SessionExecutionLeaseClaimOutcome,
    SessionExecutionLeaseFence,
)
from lashkit.manifest import AttachmentFence, AttachmentManifest, AttachmentManifestEntry
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
from lashkit.values import AttachmentId, DurabilityTier

__all__ = ["RuntimePersistence", "SessionCatalog"]


@runtime_checkable
class RuntimePersistence(AttachmentManifest, Protocol):
    """Everything durable about one session. A call for another session raises `SessionBindingMismatch`."""

    @property
    def durability_tier(self) -> DurabilityTier:
        """Whether commits outlive the process."""
        ...

    async def load_session(self, scope: SessionReadScope) -> PersistedSessionRead | None:
        """The session at one moment; `None` before its first commit.

        Raises:
            UnsupportedReadScope: the scope names a leaf that the session does not have.
            StoreBackendError: the database failed.
        """
        ...

    async def load_node(self, node_id: str) -> SessionNode | None:
        """One node, tombstoned or not; `None` where there is none."""
        ...

    async def commit_runtime_state(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        """Apply the whole commit durably, or nothing of it.

        Raises:
            SessionBindingMismatch: the commit, its turn or its meta is for another session.
            SessionExecutionLeaseExpired: its fence is stale.
            SessionBusy: it has no fence, and somebody holds the lease who is not proven dead.
            HeadRevisionConflict: the head moved since it was read.
            RuntimeTurnCommitConflict: the turn was committed with another content.
            StoreError: its graph makes no sense (a parent that is missing, an id twice, a leaf that is not there).
            StoreBackendError: the database failed.
        """
        ...

    async def try_claim_session_execution_lease(
        self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLeaseClaimOutcome:
        """Claim a free lease, or one's own again; a released one comes with a higher fencing token.

        A holder that is proven dead still shows as the holder: take over with `reclaim_session_execution_lease`.
        `lease_ttl_ms` is `None` where leases do not expire.
        """
        ...

    async def reclaim_session_execution_lease(
        self,
        session_id: str,
        owner: LeaseOwnerIdentity,
        observed_holder: SessionExecutionLeaseFence,
        lease_ttl_ms: int | None = None,
    ) -> SessionExecutionLeaseClaimOutcome:
        """Take the lease over from the holder that was seen, by compare-and-swap on it. The caller must have proof of
        its death, or mean to steal."""
        ...

    async def renew_session_execution_lease(
        self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLease:
        """Extend the lease; late is fine while nobody took it.

        Raises:
            SessionExecutionLeaseExpired: it was released or taken over.
        """
        ...

    async def release_session_execution_lease(self, fence: SessionExecutionLeaseFence) -> None:
        """Let the next writer in. Releasing twice is fine; releasing a lease that somebody took over changes nothing.

        Raises:
            SessionExecutionLeaseExpired: somebody else holds it by now.
        """
        ...

    async def save_session_meta(self, meta: SessionMeta) -> None:
        """Set name and origin.

        Raises:
            SessionBindingMismatch: it is another session's.
        """
        ...

    async def load_session_meta(self) -> SessionMeta | None:
        """Name and origin; `None` before they were saved."""
        ...

    async def tombstone_nodes(self, node_ids: Sequence[str]) -> int:
        """Mark nodes for removal; the path to the head cannot be marked. Returns how many are marked now that were not.

        Raises:
            StoreError: a node lies on the path to the head.
        """
        ...

    async def vacuum(self) -> VacuumReport:
        """Remove the tombstoned nodes that no other node needs as its ancestor."""
        ...

    async def gc_unreachable(self) -> GcReport:
        """Remove the nodes that no path from the head reaches."""
        ...


@runtime_checkable
class SessionCatalog(AttachmentManifest, AttachmentFence, Protocol):
    """Manifest, fence, leases and sessions together, in one database."""

    @property
    def catalog_uuid(self) -> str:
        """Names this database: a store remembers the catalog that it belongs to."""
        ...

    @property
    def durability_tier(self) -> DurabilityTier:
        """Whether commits outlive the process."""
        ...

    async def paired_store(self) -> str | None:
        """The UUID of the store whose roots this catalog holds; `None` while it is new."""
        ...

    async def pair_store(self, store_uuid: str, adopted: Sequence[AttachmentManifestEntry] = ()) -> bool:
        """Pair a new catalog with its store, and take in the rows of what the store holds already, in one transaction.

        Returns:
            Whether it was new; `False`, and nothing changed, where it is paired already.
        """
        ...

    def session(self, session_id: str) -> RuntimePersistence:
        """The persistence of one session. Nothing is read or made yet."""
        ...

    async def sessions(self) -> Sequence[SessionMeta]:
        """Every session that was committed to, newest first."""
        ...

    async def entries(self, session_id: str) -> Sequence[AttachmentManifestEntry]:
        """The rows of one session, oldest first."""
        ...

    async def entry(self, session_id: str, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
        """The session's row of these bytes; `None` exactly where `holds_ref` is false."""
        ...

    async def find_entries(self, attachment_id: AttachmentId) -> Sequence[AttachmentManifestEntry]:
        """The rows of every session that name these bytes, oldest first."""
        ...

    async def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        """Make `meta.session_id` a new session with the path to `node_id` and the committed rows that its payloads
        name, in one transaction. Returns its head revision.

        Raises:
            StoreError: there is no such session or node, or the new session is there already.
        """
        ...

    async def delete(self, session_id: str, fence: SessionExecutionLeaseFence | None = None) -> None:
        """Remove a session with its nodes, rows, turns and lease. Deleting what is not there is fine.

        Raises:
            SessionBusy: somebody else holds its lease.
            SessionExecutionLeaseExpired: the fence is stale.
        """
        ...

    async def close(self) -> None:
        """Give the database back. Closing twice is fine; a later call opens it again."""
        ...
