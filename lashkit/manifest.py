"""The write-ahead manifest: which session holds which attachment, and what a sweep may delete.

A row is keyed by (session, attachment). It is an *intent* before the bytes are published and a *commit* once the
session's state names them. The row is the truth for label and dimensions: two sessions may describe one blob
differently. Ported from lash-core `store/mod.rs` (`AttachmentManifest`, `AttachmentIntent`); here it is async and
keyed by session.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Protocol, runtime_checkable

from lashkit.lease import SessionExecutionLeaseFence
from lashkit.process import ProcessIdentity
from lashkit.stores.protocols import SyncMode
from lashkit.values import AttachmentId, AttachmentRef

__all__ = [
    "AttachmentFence",
    "AttachmentIntent",
    "AttachmentManifest",
    "AttachmentManifestEntry",
    "AttachmentOwner",
    "NoopAttachmentManifest",
    "SupportsEntries",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentOwner:
    """Who can still commit an intent: a turn of the session, or a process.

    Args:
        kind: `turn` or `process`.
        owner_id: the turn's id, or anything that names the process to people.
        process: the process that runs the turn or is the owner; an intent is live until it is proven dead.
    """

    kind: Literal["turn", "process"]
    owner_id: str
    process: ProcessIdentity | None = None

    def is_proven_dead(self) -> bool:
        """Whether nobody can commit any more."""
        return self.process is not None and self.process.is_proven_dead()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentIntent:
    """Bytes that a session is about to publish.

    Args:
        session_id: whose row it is.
        ref: the attachment as this session describes it.
        intent_at_epoch_ms: when.
        owner: who can still commit it; `None` for a caller of no session's, for whom age alone decides.
        fence: the writer's lease; where given, a stale one refuses the intent.
    """

    session_id: str
    ref: AttachmentRef
    intent_at_epoch_ms: int
    owner: AttachmentOwner | None = None
    fence: SessionExecutionLeaseFence | None = field(default=None, repr=False)

    @property
    def attachment_id(self) -> AttachmentId:
        """The id of the bytes."""
        return self.ref.id

    @property
    def canonical_uri(self) -> str:
        """`sha256:` and the id."""
        return f"sha256:{self.ref.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentManifestEntry:
    """A row of the manifest; `committed_at_epoch_ms` is `None` while it is an intent."""

    session_id: str
    ref: AttachmentRef
    intent_at_epoch_ms: int
    committed_at_epoch_ms: int | None = None
    owner: AttachmentOwner | None = None

    @property
    def attachment_id(self) -> AttachmentId:
        """The id of the bytes."""
        return self.ref.id

    @property
    def canonical_uri(self) -> str:
        """`sha256:` and the id."""
        return f"sha256:{self.ref.id}"

    def is_live(self, *, now_epoch_ms: int, grace_ms: int) -> bool:
        """Whether the row keeps its bytes from a sweep: it is committed, younger than `grace_ms` milliseconds (also
        where the clock jumped back), or its owner is not proven dead. Where there is no owner, age alone decides."""
        if self.committed_at_epoch_ms is not None or now_epoch_ms - self.intent_at_epoch_ms < grace_ms:
            return True
        return self.owner is not None and not self.owner.is_proven_dead()


@runtime_checkable
class AttachmentManifest(Protocol):
    """Rows of (session, attachment). One session's call never touches another's rows."""

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """Write the row, or update the description of the one that is there: a commit stays a commit.

        It is visible to every process when this returns. Where the database has a fence, this is
        `AttachmentFence.begin_write`: it revokes a condemnation and is refused by an armed delete.

        Raises:
            AttachmentBeingDeleted: an armed delete runs; try again. Only where there is a fence.
            SessionExecutionLeaseExpired: the intent's fence is stale; nothing was written.
            StoreBackendError: the database failed; nothing was written.
        """
        ...

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """Make rows commits, durably. Only rows that exist change, and doing it again changes nothing.

        Args:
            fence: the writer's lease; where given, a stale one commits nothing.

        Returns:
            How many rows became commits now.

        Raises:
            SessionExecutionLeaseExpired: the fence is stale; nothing was written.
            StoreBackendError: the database failed; nothing was written.
        """
        ...

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """Intents recorded before that moment, of every session, oldest first."""
        ...

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """Remove the session's row. The bytes stay until a sweep. Forgetting what is not there is fine."""
        ...

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """Whether the session has a row, committed or not."""
        ...

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """Every row of every session, oldest first."""
        ...


@runtime_checkable
class SupportsEntries(Protocol):
    """A manifest that tells how a session describes an attachment."""

    async def entry(self, session_id: str, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
        """The session's row; `None` exactly where `holds_ref` is false."""
        ...

    async def entries(self, session_id: str) -> Sequence[AttachmentManifestEntry]:
        """The rows of one session, oldest first."""
        ...


@runtime_checkable
class AttachmentFence(Protocol):
    """Keeps a sweep and a writer of one digest apart. States: free, condemned, deleting; in the manifest's database.

    A sweep condemns, arms, deletes, releases. A writer's `begin_write` revokes condemned and is refused by
    deleting. So bytes are deleted only while no row names them, and a put inside the delete window comes after it.
    """

    async def begin_write(self, intent: AttachmentIntent) -> None:
        """Record the intent and revoke a condemnation, in one transaction.

        Raises:
            AttachmentBeingDeleted: an armed delete runs; try again. A deleter that is proven dead counts as done.
            SessionExecutionLeaseExpired, StoreBackendError: as `AttachmentManifest.record_intent`.
        """
        ...

    async def not_live(self, attachment_ids: Sequence[AttachmentId], *, grace_ms: int) -> Sequence[AttachmentId]:
        """Those of the digests that no live row names (`AttachmentManifestEntry.is_live`), in the order given.

        One read for all of them, and nothing changes: `condemn` judges again. At most 1,000 ids a call.
        """
        ...

    async def marked(self) -> Sequence[AttachmentId]:
        """The digests that are not free: sweeps are at work on them, or died there and left them to the next."""
        ...

    async def condemn(self, attachment_id: AttachmentId, *, grace_ms: int) -> bool:
        """Mark a digest that no live row names. A row is live while it is committed, younger than `grace_ms`
        milliseconds, or its owner is not proven dead; rows that are not live are removed here.

        Returns:
            Whether it is condemned now: `False` where a row is live, or another sweep is deleting it.
        """
        ...

    async def arm_delete(self, attachment_id: AttachmentId) -> bool:
        """Claim the delete of a condemned digest for this process.

        Returns:
            Whether the caller must delete now and `release` afterwards; `False` where a writer came first, or another
            sweep (of this process too) armed it. Whoever gets `False` must not release.
        """
        ...

    async def release(self, attachment_id: AttachmentId) -> None:
        """Set the digest free again, after the delete or instead of it. Only for the caller that armed it."""
        ...


class NoopAttachmentManifest:
    """Records nothing and holds everything: for stores whose sessions need no boundary, as in lash."""

    sync_mode: ClassVar[SyncMode] = "inline"

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """Nothing is recorded."""

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """There is nothing to commit."""
        return 0

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """None."""
        return ()

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """There is nothing to forget."""

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """Yes, whatever it is."""
        return True

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """None."""
        return ()


def recorded(row: AttachmentManifestEntry | None, intent: AttachmentIntent) -> AttachmentManifestEntry:
    """The row after an intent: the newest description; the commit, with its times and owner, where there is one."""
    if row is not None and row.committed_at_epoch_ms is not None:
        return replace(row, ref=intent.ref)
    return AttachmentManifestEntry(
        session_id=intent.session_id,
        ref=intent.ref,
        intent_at_epoch_ms=intent.intent_at_epoch_ms,
        owner=intent.owner,
    )


def unique(attachment_ids: Iterable[AttachmentId]) -> tuple[AttachmentId, ...]:
    """The ids without repetition, in order."""
    return tuple(dict.fromkeys(attachment_ids))
