"""The sync twins of the async classes, written by `lashkit/sync/generate.py`: change them there.

Every method does what its async twin does, without `await`; `.aio` is the async object beneath, and both see one state.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from lashkit.attachment import Attachment, AttachmentLike, AttachmentList
from lashkit.clock import Clock
from lashkit.lease import (
    LeaseOwnerIdentity,
    SessionExecutionLease,
    SessionExecutionLeaseClaimOutcome,
    SessionExecutionLeaseFence,
)
from lashkit.manifest import AttachmentIntent, AttachmentManifest, AttachmentManifestEntry
from lashkit.runner import Runner
from lashkit.runtime.protocols import RuntimePersistence, SessionCatalog
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
from lashkit.scoped import SessionScopedAttachmentStore
from lashkit.session import Session
from lashkit.stores.protocols import AttachmentStore, StagedBlob, SupportsMeta, SupportsStreaming
from lashkit.sync.bridge import Bridge
from lashkit.sync.iterators import SyncIterator
from lashkit.turns import History, SessionTree, Turn
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    DurabilityTier,
    MediaType,
    StoredAttachment,
    StoredBlobRef,
)
from lashkit.workspace import Workspace

if TYPE_CHECKING:
    from PIL import Image

    from lashkit.display import View
    from lashkit.reports import ExportReport, ImportReport, ReclaimReport, VerifyReport
    from lashkit.turns import SessionList

__all__ = [
    "SyncAttachment",
    "SyncAttachmentManifest",
    "SyncAttachmentStore",
    "SyncRuntimePersistence",
    "SyncSession",
    "SyncWorkspace",
]


class SyncAttachmentStore:
    """Where bytes live: flat, content-addressed, deduplicating.

    The sync twin of `AttachmentStore`.
    """

    __slots__ = ("_aio", "_run")

    def __init__(self, aio: AttachmentStore) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    @property
    def aio(self) -> AttachmentStore:
        """The async object under this facade."""
        return self._aio

    def __repr__(self) -> str:
        return f"SyncAttachmentStore({self._aio!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._aio,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Whether acknowledged bytes outlive the process."""
        return self._aio.persistence

    def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Store all of `data` or nothing. The same bytes again are one blob, and keep the metadata of the first put.

        Returns:
            The ref of these bytes as `meta` describes them.

        Raises:
            AttachmentIoError: the medium refused; nothing was acknowledged. Put again.
        """
        return self._run(self._aio.put, data, meta)

    def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """Read back, verified against the id.

        Raises:
            AttachmentNotFound: no such attachment.
            AttachmentCorrupt: the stored bytes are not those of the id.
            AttachmentMissingMeta, AttachmentMetadataDecodeError: bytes without readable metadata.
            AttachmentIoError: the medium refused.
        """
        return self._run(self._aio.get, attachment_id)

    def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        """Length and time of change without reading the bytes; agrees with `list`.

        Raises:
            AttachmentNotFound: no such attachment.
            AttachmentIoError: the medium refused.
        """
        return self._run(self._aio.head, attachment_id)

    def delete(self, attachment_id: AttachmentId) -> None:
        """Remove the bytes and their metadata. Deleting what is not there is fine.

        Raises:
            AttachmentIoError: the medium refused.
        """
        self._run(self._aio.delete, attachment_id)

    def list(self) -> SyncIterator[StoredBlobRef]:
        """Every blob once, in no promised order. Blobs that come or go meanwhile may or may not be seen.

        Raises:
            AttachmentIoError: the medium refused.
        """
        return self._run.iterate(self._aio.list)

    def open(self, attachment_id: AttachmentId) -> SyncIterator[bytes]:
        """The bytes in chunks of `CHUNK_BYTE_LEN` at most.

        Chunks before the end are unverified: the hash is known only when all of them were read.

        Raises:
            AttachmentNotFound: no such attachment; before the first chunk.
            AttachmentCorrupt: at the end, where the bytes are not those of the id.
            AttachmentIoError: the medium refused.
        """
        return self._run.iterate(cast(SupportsStreaming, self._aio).open, attachment_id)

    def stage(self, chunks: Iterable[bytes]) -> StagedBlob:
        """Take all chunks in, hash them, and keep them out of sight until `publish` or `discard`.

        Raises:
            AttachmentIoError: the medium refused. Whatever `chunks` raises passes through. Nothing stays behind.
        """
        return self._run(cast(SupportsStreaming, self._aio).stage, chunks)

    def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Make staged bytes visible at once and for good. `staged` is used up.

        Raises:
            AttachmentNotFound: `staged` was published, discarded, or comes from another store.
            AttachmentIoError: the medium refused; nothing was acknowledged. Stage again.
        """
        return self._run(cast(SupportsStreaming, self._aio).publish, staged, meta)

    def discard(self, staged: StagedBlob) -> None:
        """Drop staged bytes. Discarding twice is fine."""
        self._run(cast(SupportsStreaming, self._aio).discard, staged)

    def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """The metadata that the first put of these bytes wrote.

        Raises:
            AttachmentNotFound: no such attachment.
            AttachmentMissingMeta, AttachmentMetadataDecodeError: there is none that can be read.
            AttachmentIoError: the medium refused.
        """
        return self._run(cast(SupportsMeta, self._aio).meta, attachment_id)


class SyncAttachmentManifest:
    """Rows of (session, attachment). One session's call never touches another's rows.

    The sync twin of `AttachmentManifest`.
    """

    __slots__ = ("_aio", "_run")

    def __init__(self, aio: AttachmentManifest) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    @property
    def aio(self) -> AttachmentManifest:
        """The async object under this facade."""
        return self._aio

    def __repr__(self) -> str:
        return f"SyncAttachmentManifest({self._aio!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._aio,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def record_intent(self, intent: AttachmentIntent) -> None:
        """Write the row, or update the description of the one that is there: a commit stays a commit.

        It is visible to every process when this returns. Where the database has a fence, this is
        `AttachmentFence.begin_write`: it revokes a condemnation and is refused by an armed delete.

        Raises:
            AttachmentBeingDeleted: an armed delete runs; try again. Only where there is a fence.
            SessionExecutionLeaseExpired: the intent's fence is stale; nothing was written.
            StoreBackendError: the database failed; nothing was written.
        """
        self._run(self._aio.record_intent, intent)

    def commit_refs(
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
        return self._run(self._aio.commit_refs, session_id, attachment_ids, fence=fence)

    def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """Intents recorded before that moment, of every session, oldest first."""
        return self._run(self._aio.list_uncommitted, older_than_epoch_ms)

    def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """Remove the session's row. The bytes stay until a sweep. Forgetting what is not there is fine."""
        self._run(self._aio.forget, session_id, attachment_id)

    def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """Whether the session has a row, committed or not."""
        return self._run(self._aio.holds_ref, session_id, attachment_id)

    def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """Every row of every session, oldest first."""
        return self._run(self._aio.list_all_refs)


class SyncRuntimePersistence:
    """Everything durable about one session. A call for another session raises `SessionBindingMismatch`.

    The sync twin of `RuntimePersistence`.
    """

    __slots__ = ("_aio", "_run")

    def __init__(self, aio: RuntimePersistence) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    @property
    def aio(self) -> RuntimePersistence:
        """The async object under this facade."""
        return self._aio

    def __repr__(self) -> str:
        return f"SyncRuntimePersistence({self._aio!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._aio,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def durability_tier(self) -> DurabilityTier:
        """Whether commits outlive the process."""
        return self._aio.durability_tier

    def load_session(self, scope: SessionReadScope) -> PersistedSessionRead | None:
        """The session at one moment; `None` before its first commit.

        Raises:
            UnsupportedReadScope: the scope names a leaf that the session does not have.
            StoreBackendError: the database failed.
        """
        return self._run(self._aio.load_session, scope)

    def load_node(self, node_id: str) -> SessionNode | None:
        """One node, tombstoned or not; `None` where there is none."""
        return self._run(self._aio.load_node, node_id)

    def commit_runtime_state(self, commit: RuntimeCommit) -> RuntimeCommitResult:
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
        return self._run(self._aio.commit_runtime_state, commit)

    def try_claim_session_execution_lease(
        self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLeaseClaimOutcome:
        """Claim a free lease, or one's own again; a released one comes with a higher fencing token.

        A holder that is proven dead still shows as the holder: take over with `reclaim_session_execution_lease`.
        `lease_ttl_ms` is `None` where leases do not expire.
        """
        return self._run(self._aio.try_claim_session_execution_lease, session_id, owner, lease_ttl_ms)

    def reclaim_session_execution_lease(
        self,
        session_id: str,
        owner: LeaseOwnerIdentity,
        observed_holder: SessionExecutionLeaseFence,
        lease_ttl_ms: int | None = None,
    ) -> SessionExecutionLeaseClaimOutcome:
        """Take the lease over from the holder that was seen, by compare-and-swap on it. The caller must have proof of
        its death, or mean to steal.
        """
        return self._run(self._aio.reclaim_session_execution_lease, session_id, owner, observed_holder, lease_ttl_ms)

    def renew_session_execution_lease(
        self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLease:
        """Extend the lease; late is fine while nobody took it.

        Raises:
            SessionExecutionLeaseExpired: it was released or taken over.
        """
        return self._run(self._aio.renew_session_execution_lease, fence, lease_ttl_ms)

    def release_session_execution_lease(self, fence: SessionExecutionLeaseFence) -> None:
        """Let the next writer in. Releasing twice is fine; releasing a lease that somebody took over changes nothing.

        Raises:
            SessionExecutionLeaseExpired: somebody else holds it by now.
        """
        self._run(self._aio.release_session_execution_lease, fence)

    def save_session_meta(self, meta: SessionMeta) -> None:
        """Set name and origin.

        Raises:
            SessionBindingMismatch: it is another session's.
        """
        self._run(self._aio.save_session_meta, meta)

    def load_session_meta(self) -> SessionMeta | None:
        """Name and origin; `None` before they were saved."""
        return self._run(self._aio.load_session_meta)

    def tombstone_nodes(self, node_ids: Sequence[str]) -> int:
        """Mark nodes for removal; the path to the head cannot be marked. Returns how many are marked now that were not.

        Raises:
            StoreError: a node lies on the path to the head.
        """
        return self._run(self._aio.tombstone_nodes, node_ids)

    def vacuum(self) -> VacuumReport:
        """Remove the tombstoned nodes that no other node needs as its ancestor."""
        return self._run(self._aio.vacuum)

    def gc_unreachable(self) -> GcReport:
        """Remove the nodes that no path from the head reaches."""
        return self._run(self._aio.gc_unreachable)

    def record_intent(self, intent: AttachmentIntent) -> None:
        """Write the row, or update the description of the one that is there: a commit stays a commit.

        It is visible to every process when this returns. Where the database has a fence, this is
        `AttachmentFence.begin_write`: it revokes a condemnation and is refused by an armed delete.

        Raises:
            AttachmentBeingDeleted: an armed delete runs; try again. Only where there is a fence.
            SessionExecutionLeaseExpired: the intent's fence is stale; nothing was written.
            StoreBackendError: the database failed; nothing was written.
        """
        self._run(cast(AttachmentManifest, self._aio).record_intent, intent)

    def commit_refs(
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
        return self._run(cast(AttachmentManifest, self._aio).commit_refs, session_id, attachment_ids, fence=fence)

    def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """Intents recorded before that moment, of every session, oldest first."""
        return self._run(cast(AttachmentManifest, self._aio).list_uncommitted, older_than_epoch_ms)

    def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """Remove the session's row. The bytes stay until a sweep. Forgetting what is not there is fine."""
        self._run(cast(AttachmentManifest, self._aio).forget, session_id, attachment_id)

    def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """Whether the session has a row, committed or not."""
        return self._run(cast(AttachmentManifest, self._aio).holds_ref, session_id, attachment_id)

    def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """Every row of every session, oldest first."""
        return self._run(cast(AttachmentManifest, self._aio).list_all_refs)


class SyncAttachment:
    """An attachment of a workspace. It is equal to its ref, hashes and pickles like it, and goes wherever one goes.

    Showing it in a notebook shows its card with its picture.

    The sync twin of `Attachment`.
    """

    __slots__ = ("_aio", "_run")

    def __init__(self, aio: Attachment) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    @property
    def aio(self) -> Attachment:
        """The async object under this facade."""
        return self._aio

    def __repr__(self) -> str:
        return repr(self._aio)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._aio.__reduce__()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def ref(self) -> AttachmentRef:
        """The plain value: what to keep in data structures, and what JSON and databases carry."""
        return self._aio.ref

    @property
    def id(self) -> AttachmentId:
        """The lower-case hex SHA-256 of the bytes."""
        return self._aio.id

    @property
    def media_type(self) -> MediaType:
        """What the bytes are."""
        return self._aio.media_type

    @property
    def byte_len(self) -> int:
        """How many bytes there are."""
        return self._aio.byte_len

    @property
    def width(self) -> int | None:
        """Pixels of the picture as shown upright; `None` where unknown or not a picture."""
        return self._aio.width

    @property
    def height(self) -> int | None:
        """Pixels of the picture as shown upright; `None` where unknown or not a picture."""
        return self._aio.height

    @property
    def label(self) -> str | None:
        """A name for people."""
        return self._aio.label

    def __eq__(self, other: object) -> bool:
        return self._aio == other

    def __hash__(self) -> int:
        return hash(self._aio)

    def get(self) -> StoredAttachment:
        """Read the bytes back, verified.

        Raises:
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `Workspace.get`.
        """
        return self._run(self._aio.get)

    def image(self) -> Image.Image:
        """The picture, decoded and upright: a loaded PIL image of `width` x `height` pixels.

        Raises:
            DecodeError: where the bytes are no picture, are damaged, or are too large to decode safely.
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `get`.
        """
        return self._run(self._aio.image)

    def view(self, *, max_px: int = 1024) -> View:
        """The attachment shown large: a picture of at most `max_px` pixels a side, and at most 120 KB of HTML.

        Raises:
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `get`.
        """
        return self._run(self._aio.view, max_px=max_px)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self._aio._repr_mimebundle_(include, exclude)


class SyncSession:
    """A named line of work in a workspace: it holds attachments, and turns that name them.

    Reading needs nothing; writing needs the session's lease, which one process has at a time. Within a process,
    opening a session again gives the same one, and it is closed when everybody has closed it.

    The sync twin of `Session`.
    """

    __slots__ = ("_aio", "_run")

    def __init__(self, aio: Session) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    @property
    def aio(self) -> Session:
        """The async object under this facade."""
        return self._aio

    def __repr__(self) -> str:
        return f"Sync{self._aio!r}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._aio,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def name(self) -> str:
        """How people call it."""
        return self._aio.name

    @property
    def session_id(self) -> str:
        """Its id, which a rename does not change."""
        return self._aio.session_id

    @property
    def workspace(self) -> SyncWorkspace:
        """The workspace that it belongs to."""
        return SyncWorkspace(self._aio.workspace)

    @property
    def read_only(self) -> bool:
        """Whether it was opened without the right to write."""
        return self._aio.read_only

    def close(self) -> None:
        """Give the session back; the last user of this process gives its lease back too. Closing twice is fine."""
        self._run(self._aio.close)

    def __enter__(self) -> Self:
        self._run(self._aio.__aenter__)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._run(self._aio.__aexit__, exc_type, exc, tb)

    def put(
        self, source: object, *, label: str | None = None, media_type: str | None = None, trust_media_type: bool = False
    ) -> SyncAttachment:
        """Store anything that `lashkit.ingest` takes, or give the session an attachment of its workspace.

        The intent is recorded before the bytes are published, and the session's row is committed when this returns.

        Args:
            source: as for `Workspace.put`; a bare ref or id opens only what the session holds already.
            label: a name for people, in this session; by default the file's name.
            media_type: what the bytes are said to be; by default what they look like.
            trust_media_type: take `media_type` even where the content contradicts it.

        Raises:
            IngestError: the source cannot become an attachment; nothing was stored.
            AttachmentNotFound: a bare ref that the session does not hold.
            SessionExecutionLeaseExpired: the right to write was lost; nothing was stored.
            AttachmentIoError, StoreBackendError: a medium refused.
        """
        return SyncAttachment(
            self._run(self._aio.put, source, label=label, media_type=media_type, trust_media_type=trust_media_type)
        )

    def record(self, *parts: object, answer: str | None = None, turn_id: str | None = None) -> Turn:
        """Commit a turn: the prompt, the answer and the attachments that they name become durable together.

        Args:
            parts: the prompt. A `str` is text; anything else is an attachment, or becomes one as in `put`.
            answer: what came back.
            turn_id: names the turn, so that recording it again is a no-op; by default a new one.

        Returns:
            The turn. Where the same turn was committed before, that one.

        Raises:
            IngestError: a part cannot become an attachment; no turn was committed.
            AttachmentNotFound: a bare ref that the session does not hold.
            RuntimeTurnCommitConflict: `turn_id` is committed with another content.
            SessionExecutionLeaseExpired: the right to write was lost; no turn was committed.
            AttachmentIoError, StoreBackendError: a medium refused.
        """
        return self._run(self._aio.record, *parts, answer=answer, turn_id=turn_id)

    def get(self, which: AttachmentLike) -> StoredAttachment:
        """Read back an attachment that the session holds, verified, described as the session did.

        Raises:
            AttachmentNotFound: the session does not hold it, whoever else does.
            AmbiguousAttachmentId, InvalidAttachmentId: `which` names several, or none.
            AttachmentCorrupt, AttachmentIoError: as `Workspace.get`.
        """
        return self._run(self._aio.get, which)

    def refs(self) -> AttachmentList[SyncAttachment]:
        """What the session holds, in the order in which it came to hold it. It shows itself as a gallery."""
        return AttachmentList(SyncAttachment(item) for item in self._run(self._aio.refs))

    def history(self) -> History:
        """The turns that led to the head, oldest first."""
        return self._run(self._aio.history)

    def tree(self) -> SessionTree:
        """All turns of the session, with its head and the sessions that were forked from it."""
        return self._run(self._aio.tree)

    def fork(self, node_id: str | None = None, name: str | None = None) -> SyncSession:
        """A new session with the turns up to one of this session's, and the attachments that they name.

        Args:
            node_id: the last turn that the new session has; by default the head.
            name: the new session's name; by default this one's and a number.

        Returns:
            The new session, open for writing.

        Raises:
            StoreError: there is no such turn, no turn at all, or a session of that name.
            StoreBackendError: the database failed.
        """
        return SyncSession(self._run(self._aio.fork, node_id, name))

    def rename(self, name: str) -> None:
        """Call the session something else. Its id, its turns and what was forked from it stay.

        Raises:
            StoreError: there is a session of that name, or the name cannot be one.
            SessionExecutionLeaseExpired: the right to write was lost.
        """
        self._run(self._aio.rename, name)

    def delete(self) -> None:
        """Remove the session with its turns and rows, and close it. Bytes that nobody else holds go at a later reclaim.

        Raises:
            SessionExecutionLeaseExpired: the right to write was lost.
        """
        self._run(self._aio.delete)


class SyncWorkspace:
    """A store of attachments to work with: put anything in, see it, get it back byte for byte.

    The sync twin of `Workspace`.
    """

    __slots__ = ("_aio", "_run")

    def __init__(self, aio: Workspace) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    @property
    def aio(self) -> Workspace:
        """The async object under this facade."""
        return self._aio

    def __repr__(self) -> str:
        return f"Sync{self._aio!r}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._aio,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @classmethod
    def open(cls, target: str | os.PathLike[str], *, catalog: str | os.PathLike[str] | None = None) -> Self:
        """Open a directory, `memory://` (fresh), or `memory://name` (shared in this process).

        Opening one target several times, in one process or in several, is normal. A directory is made by the first put.

        Args:
            target: where the bytes live.
            catalog: the file that knows who holds what; by default `lashkit.db` in the directory. It must lie on a
                local disk: name one for a directory on a network file system.

        Raises:
            InvalidTarget: the target is of no known kind, or is a file.
            StoreBackendError: the catalog would lie on a network file system.
        """
        opening = Workspace.open(target, catalog=catalog)
        return cls(Bridge(opening.subject)(opening.start))

    def close(self) -> None:
        """Give the database back; a later call opens it again. What was acknowledged is durable already."""
        self._run(self._aio.close)

    def __enter__(self) -> Self:
        self._run(self._aio.__aenter__)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._run(self._aio.__aexit__, exc_type, exc, tb)

    @property
    def target(self) -> str:
        """What was opened: the path of a directory, absolute, or `memory://…`; else what the store calls itself."""
        return self._aio.target

    @property
    def store(self) -> SyncAttachmentStore:
        """The store beneath."""
        return SyncAttachmentStore(self._aio.store)

    @property
    def catalog(self) -> SessionCatalog:
        """The catalog beneath: sessions, and who holds what."""
        return self._aio.catalog

    @property
    def clock(self) -> Clock:
        """Where the times of intents and turns come from."""
        return self._aio.clock

    @property
    def runner(self) -> Runner:
        """Where blocking work goes."""
        return self._aio.runner

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Whether what is stored outlives the process."""
        return self._aio.persistence

    def put(
        self, source: object, *, label: str | None = None, media_type: str | None = None, trust_media_type: bool = False
    ) -> SyncAttachment:
        """Store anything that `lashkit.ingest` takes or returns, or an attachment of this or another workspace.

        Args:
            source: a path, bytes, a binary file, a picture or figure, an array, a data URI, an attachment, what
                `lashkit.ingest_url` fetched, …
            label: a name for people; by default the file's name.
            media_type: what the bytes are said to be; by default what they look like.
            trust_media_type: take `media_type` even where the content contradicts it.

        Returns:
            The stored attachment. It is durable, if the store is.

        Raises:
            IngestError: the source cannot become an attachment; nothing was stored.
            AttachmentIoError: the store's medium refused.
        """
        return SyncAttachment(
            self._run(self._aio.put, source, label=label, media_type=media_type, trust_media_type=trust_media_type)
        )

    def put_many(self, sources: Iterable[object], *, progress: bool | None = None) -> AttachmentList[SyncAttachment]:
        """Store several sources, in order. All are looked at before the first is stored; until then pictures and arrays
        are held encoded in memory, files are not.

        Args:
            sources: each as for `put`.
            progress: show a bar; by default only if it takes longer than a second.

        Returns:
            The attachments, in the order of `sources`.

        Raises:
            IngestError: one of the sources cannot become an attachment; nothing was stored.
            AttachmentIoError: the store's medium refused; earlier sources are stored.
        """
        return AttachmentList(
            SyncAttachment(item) for item in self._run(self._aio.put_many, sources, progress=progress)
        )

    def store_through(
        self,
        scoped: SessionScopedAttachmentStore,
        source: object,
        *,
        label: str | None = None,
        media_type: str | None = None,
        trust: bool = False,
    ) -> AttachmentRef:
        """Make `source` an attachment of whoever `scoped` is for: an uncommitted row, and bytes where they are new.

        A bare ref names only what `scoped` holds already (for the workspace itself: what anybody holds). Sessions call
        this; users call `put`.
        """
        return self._run(self._aio.store_through, scoped, source, label=label, media_type=media_type, trust=trust)

    def get(self, which: AttachmentLike) -> StoredAttachment:
        """Read an attachment back, verified against its id.

        Args:
            which: an attachment, a ref, an id, or the first 8 or more digits of one.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentCorrupt: the stored bytes are not those of the id.
            AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentIoError: as `AttachmentStore.get`.
        """
        return self._run(self._aio.get, which)

    def find(self, which: AttachmentLike) -> SyncAttachment:
        """The attachment that `which` names, without reading its bytes.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentIoError: as `AttachmentStore.get`.
        """
        return SyncAttachment(self._run(self._aio.find, which))

    def open_stream(self, which: AttachmentLike) -> SyncIterator[bytes]:
        """The bytes of an attachment in chunks of 256 KiB at most, in flat memory whatever its size.

        Chunks before the end are unverified: `AttachmentCorrupt` comes after the last one.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentCorrupt, AttachmentIoError: as `SupportsStreaming.open`.
        """
        return self._run.iterate(self._aio.open_stream, which)

    def list(
        self,
        *,
        media_type: str | None = None,
        label: str | None = None,
        min_byte_len: int | None = None,
        max_byte_len: int | None = None,
        limit: int | None = None,
    ) -> AttachmentList[SyncAttachment]:
        """What is stored, newest first.

        Args:
            media_type: only this media type; `*` and `?` are wildcards, as in `image/*`, for which `image` is short.
                Case does not matter.
            label: only labels like this, with the same wildcards.
            min_byte_len: only attachments of at least this many bytes.
            max_byte_len: only attachments of at most this many bytes.
            limit: this many at most.

        Returns:
            A list that shows itself as a gallery.

        Raises:
            AttachmentIoError: the store's medium refused.
        """
        return AttachmentList(
            SyncAttachment(item)
            for item in self._run(
                self._aio.list,
                media_type=media_type,
                label=label,
                min_byte_len=min_byte_len,
                max_byte_len=max_byte_len,
                limit=limit,
            )
        )

    def delete(self, which: AttachmentLike) -> None:
        """Drop what the workspace itself holds; sessions keep what they hold. Dropping what is not held is fine, but a
        prefix must name something. Bytes that nobody holds any more go at the next `reclaim`.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: a prefix that names none, or several.
            StoreBackendError: the catalog failed.
        """
        self._run(self._aio.delete, which)

    def verify(self, *, progress: bool | None = None) -> VerifyReport:
        """Read and re-hash everything, and say what is wrong. Changes nothing.

        Args:
            progress: show a bar; by default only if it takes longer than a second.

        Raises:
            AttachmentIoError: the store cannot be listed.
        """
        return self._run(self._aio.verify, progress=progress)

    def export(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> ExportReport:
        """Copy everything into one archive, or into a folder.

        Args:
            path: a name that ends in `.zip` gives one archive, which appears whole or not at all and is the same byte
                for byte for the same content. Any other name is a folder, which then can be opened as a workspace.
            progress: show a bar; by default only if it takes longer than a second.

        Raises:
            AttachmentCorrupt, AttachmentMissingMeta, AttachmentMetadataDecodeError: `verify` tells which; an archive is
                not written, a folder holds what came before.
            AttachmentIoError: a medium refused.
        """
        return self._run(self._aio.export, path, progress=progress)

    def import_(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> ImportReport:
        """Take in everything from an archive or folder that `export` wrote, or from another workspace's directory.

        Everything is verified before the first attachment is stored.

        Raises:
            IngestError: there is no such archive or folder.
            AttachmentCorrupt, AttachmentMissingMeta, AttachmentMetadataDecodeError: it is damaged; nothing was stored.
            AttachmentIoError: a medium refused.
        """
        return self._run(self._aio.import_, path, progress=progress)

    def reclaim(
        self,
        *,
        grace: float = 24 * 3600,
        dry_run: bool = False,
        sweep_unrooted: bool = False,
        progress: bool | None = None,
    ) -> ReclaimReport:
        """Delete the bytes that nobody holds any more. What was put and not deleted since is always held.

        Args:
            grace: leave alone what is younger than this many seconds.
            dry_run: change nothing, and say what would go.
            sweep_unrooted: sweep even where nobody holds anything at all, which deletes everything.
            progress: show a bar; by default only if it takes longer than a second.

        Raises:
            RootsUnknown: the catalog cannot see who holds what; nothing was deleted.
            AttachmentIoError, StoreBackendError: a medium refused.
        """
        return self._run(
            self._aio.reclaim, grace=grace, dry_run=dry_run, sweep_unrooted=sweep_unrooted, progress=progress
        )

    def session(self, name: str, *, read_only: bool = False, wait: float = 0, steal: bool = False) -> SyncSession:
        """Open a session by its name; writing to a new name makes it. Opening it again in this process gives the same.

        Args:
            name: how people call it; it does not begin with `@`.
            read_only: only look: somebody else may be writing.
            wait: how many seconds to wait for a writer in another process.
            steal: take the session from a writer that is gone for good, and cannot be proven dead from here.

        Raises:
            SessionBusy: another process writes the session and is not proven dead.
            StoreError: the name cannot be one, or there is no such session to look at.
            StoreBackendError: the catalog failed.
        """
        return SyncSession(self._run(self._aio.session(name, read_only=read_only, wait=wait, steal=steal).start))

    def sessions(self) -> SessionList:
        """The sessions of this workspace, newest first. It shows itself.

        Raises:
            StoreBackendError: the catalog failed.
        """
        return self._run(self._aio.sessions)

    def unused_session(self, name: str | None, like: str) -> tuple[str, str]:
        """The id and the name for a new session: `name`, or by default `like` and a number.

        Raises:
            StoreError: there is a session of that name, or it cannot be one.
        """
        return self._run(self._aio.unused_session, name, like)
