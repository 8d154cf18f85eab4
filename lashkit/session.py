"""The session: a named line of work that holds attachments and turns, one writer at a time.

A session writes through a lease. It is claimed when the session is opened for writing, shown with every write, and
given back when the last user of this process closes it; a holder that is proven dead is succeeded at once.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
import weakref
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lashkit.attachment import Attachment, AttachmentLike, AttachmentList
from lashkit.errors import HeadRevisionConflict, SessionBusy, SessionExecutionLeaseExpired, SessionNameTaken, StoreError
from lashkit.hops import one_hop
from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLeaseFence
from lashkit.manifest import AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.runtime.graph import turn_commit_hash
from lashkit.runtime.records import (
    GraphCommitDelta,
    RuntimeCommit,
    RuntimeTurnCommitStamp,
    SessionMeta,
    SessionNode,
    SessionReadScope,
)
from lashkit.scoped import SessionScopedAttachmentStore
from lashkit.selection import resolve
from lashkit.turns import History, SessionTree, Turn, tree_of, turn_of, turn_payload
from lashkit.values import AttachmentId, AttachmentRef, StoredAttachment
from lashkit.workspace import Workspace

if TYPE_CHECKING:
    from lashkit.runner import Runner
    from lashkit.runtime.protocols import SessionCatalog
    from lashkit.stores.protocols import SyncMode
    from lashkit.sync.facades import SyncSession

__all__ = ["Session", "open_session"]

_POLL_S = 0.05


class Session:
    """A named line of work in a workspace: it holds attachments, and turns that name them.

    Reading needs nothing; writing needs the session's lease, which one process has at a time. Within a process,
    opening a session again gives the same one, and it is closed when everybody has closed it.
    """

    def __init__(self, workspace: Workspace, session_id: str, name: str, *, read_only: bool) -> None:
        self._workspace = workspace
        self._id = session_id
        self._name = name
        self._read_only = read_only
        self._persistence = workspace.catalog.session(session_id)
        self._owner = _owner_of_this_process()
        self._fence: SessionExecutionLeaseFence | None = None
        self._lost: SessionExecutionLeaseExpired | None = None
        self._users = 0
        self._pid = os.getpid()
        # Guards the counters only; never held across an await.
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        mode = ", read_only=True" if self._read_only else ""
        return f"{type(self).__name__}({self._name!r}{mode})"

    @property
    def name(self) -> str:
        """How people call it."""
        return self._name

    @property
    def session_id(self) -> str:
        """Its id, which a rename does not change."""
        return self._id

    @property
    def workspace(self) -> Workspace:
        """The workspace that it belongs to."""
        return self._workspace

    @property
    def read_only(self) -> bool:
        """Whether it was opened without the right to write."""
        return self._read_only

    @property
    def _runner(self) -> Runner:
        return self._workspace.runner

    @property
    def sync_mode(self) -> SyncMode:
        """How sync code may drive this session: as its workspace."""
        return self._workspace.sync_mode

    @property
    def sync(self) -> SyncSession:
        """The same session without `await`."""
        from lashkit.sync.facades import SyncSession

        return SyncSession(self)

    # Opening and closing

    async def _open(self, *, wait: float, steal: bool) -> Session:
        """Count one more user, and claim the lease unless the session is read-only. `Workspace.session` awaits this.

        Raises:
            SessionBusy: another process writes the session and is not proven dead.
            StoreBackendError: the database failed.
        """
        with self._lock:
            self._users += 1
        try:
            if not self._read_only:
                await self._claim(wait=wait, steal=steal)
        except SessionNameTaken:
            await self.close()  # the lease is that of an id which nobody needs
            raise
        except BaseException:
            with self._lock:
                self._users -= 1
            raise
        return self

    async def close(self) -> None:
        """Give the session back; the last user of this process gives its lease back too. Closing twice is fine."""
        with self._lock:
            self._users = max(self._users - 1, 0)
            fence = self._fence if self._users == 0 and self._pid == os.getpid() else None
            if self._users == 0:
                self._fence = None
        if fence is not None:
            with contextlib.suppress(SessionExecutionLeaseExpired):  # stolen: there is nothing left to give back
                await self._persistence.release_session_execution_lease(fence)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def _claim(self, *, wait: float, steal: bool) -> None:
        if self._fence is not None and self._pid == os.getpid() and self._lost is None and not steal:
            return
        owner = _owner_of_this_process()
        until = time.monotonic() + wait
        while True:
            outcome = await self._persistence.try_claim_session_execution_lease(self._id, owner)
            holder = outcome.holder
            if holder is not None and (steal or await self._workspace.runner.run(holder.owner.is_proven_dead)):
                outcome = await self._persistence.reclaim_session_execution_lease(self._id, owner, holder.fence())
                steal = False  # what was seen is taken once; whoever came in between is not
            if outcome.acquired is not None:
                break
            assert outcome.holder is not None  # noqa: S101  (an outcome is one or the other)
            if time.monotonic() >= until:
                raise SessionBusy(self._name, outcome.holder.owner.label or outcome.holder.owner.owner_id)
            await self._workspace.runner.sleep(_POLL_S)
        self._owner, self._fence, self._pid, self._lost = owner, outcome.acquired.fence(), os.getpid(), None
        await self._introduce()

    async def _introduce(self) -> None:
        """Make a new session known by its name."""
        if await self._persistence.load_session_meta() is None:
            meta = SessionMeta(session_id=self._id, name=self._name, created_at_epoch_ms=self._now_ms())
            await self._commit(GraphCommitDelta.unchanged(None), meta=meta)

    async def _own(self) -> SessionExecutionLeaseFence:
        """The fence to show with a write.

        Raises:
            SessionExecutionLeaseExpired: the lease was lost; it is not silently taken again.
            SessionBusy: this is a forked child, and its parent writes the session.
            StoreError: the session is read-only, or closed.
        """
        if self._lost is not None:
            raise SessionExecutionLeaseExpired(self._name, self._lost.holder)
        if self._read_only:
            raise StoreError(f"session {self._name!r} is open read-only; open it without read_only=True to write")
        if self._users == 0:
            raise StoreError(f"session {self._name!r} is closed; open it again with workspace.session({self._name!r})")
        if self._pid != os.getpid():
            self._fence = None
            await self._claim(wait=0, steal=False)
        assert self._fence is not None  # noqa: S101  (claimed when it was opened, or just now)
        return self._fence

    # Writing

    @one_hop
    async def put(
        self, source: object, *, label: str | None = None, media_type: str | None = None, trust_media_type: bool = False
    ) -> Attachment:
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
        fence = await self._own()
        scoped = self._scoped(fence, "process", self._owner.owner_id)
        ref = await self._take_in(scoped, source, label=label, media_type=media_type, trust=trust_media_type)
        await self._fenced(self._persistence.commit_refs(self._id, (ref.id,), fence=fence))
        return Attachment(ref, self._workspace)

    @one_hop
    async def record(self, *parts: object, answer: str | None = None, turn_id: str | None = None) -> Turn:
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
        fence = await self._own()
        name = turn_id or uuid.uuid4().hex
        scoped = self._scoped(fence, "turn", name)
        prompt = [part if isinstance(part, str) else await self._take_in(scoped, part) for part in parts]
        named = tuple(dict.fromkeys(part.id for part in prompt if isinstance(part, AttachmentRef)))
        payload = turn_payload(name, prompt, answer)
        node_id = await self._commit_turn(name, payload, named)
        node = await self._persistence.load_node(node_id)
        turn = None if node is None else turn_of(self._id, node)
        assert turn is not None  # noqa: S101  (committed just now)
        return turn

    async def _commit_turn(self, turn_id: str, payload: dict[str, Any], named: tuple[AttachmentId, ...]) -> str:
        """Append the turn to the head, and again where another task of this process moved the head meanwhile."""
        while True:
            revision, head = await self._head()
            node = SessionNode(
                node_id=turn_id, parent_node_id=head, payload=payload, created_at_epoch_ms=self._now_ms()
            )
            delta = GraphCommitDelta.append((node,), turn_id)
            try:
                await self._commit(delta, revision=revision, turn_id=turn_id, attachment_ids=named)
            except HeadRevisionConflict:
                continue
            return turn_id

    async def _commit(
        self,
        delta: GraphCommitDelta,
        *,
        revision: int | None = None,
        turn_id: str | None = None,
        attachment_ids: tuple[AttachmentId, ...] = (),
        meta: SessionMeta | None = None,
    ) -> None:
        commit = RuntimeCommit(
            session_id=self._id,
            expected_head_revision=revision,
            graph=delta,
            session_execution_lease=self._fence,
            committed_attachment_ids=attachment_ids,
            meta=meta,
        )
        if turn_id is not None:
            stamp = RuntimeTurnCommitStamp(
                session_id=self._id, turn_id=turn_id, turn_commit_hash=turn_commit_hash(commit)
            )
            commit = replace(commit, turn_commit=stamp)
        await self._fenced(self._persistence.commit_runtime_state(commit))

    async def _fenced(self, write: Any) -> Any:
        """Await a write, and remember that the lease is lost where it says so."""
        try:
            return await write
        except SessionExecutionLeaseExpired as exc:
            self._lost = exc
            raise

    async def _take_in(
        self,
        scoped: SessionScopedAttachmentStore,
        source: object,
        *,
        label: str | None = None,
        media_type: str | None = None,
        trust: bool = False,
    ) -> AttachmentRef:
        """Make `source` the session's: an uncommitted row, then bytes. What is stored already needs the row only."""
        try:
            return await self._workspace.store_through(scoped, source, label=label, media_type=media_type, trust=trust)
        except SessionExecutionLeaseExpired as exc:
            self._lost = exc
            raise

    def _scoped(
        self, fence: SessionExecutionLeaseFence | None, kind: Any = "process", owner_id: str = ""
    ) -> SessionScopedAttachmentStore:
        owner = AttachmentOwner(kind=kind, owner_id=owner_id, process=ProcessIdentity.current()) if fence else None
        workspace = self._workspace
        return SessionScopedAttachmentStore(
            workspace.store, workspace.catalog, self._id, owner=owner, fence=fence, runner=workspace.runner
        )

    # Reading

    @one_hop
    async def get(self, which: AttachmentLike) -> StoredAttachment:
        """Read back an attachment that the session holds, verified, described as the session did.

        Raises:
            AttachmentNotFound: the session does not hold it, whoever else does.
            AmbiguousAttachmentId, InvalidAttachmentId: `which` names several, or none.
            AttachmentCorrupt, AttachmentIoError: as `Workspace.get`.
        """
        entries = await self._workspace.catalog.entries(self._id)
        attachment_id = resolve(which, [entry.attachment_id for entry in entries])
        return await self._scoped(None).get(attachment_id)

    @one_hop
    async def refs(self) -> AttachmentList[Attachment]:
        """What the session holds, in the order in which it came to hold it. It shows itself as a gallery."""
        entries = await self._workspace.catalog.entries(self._id)
        committed = (entry for entry in entries if entry.committed_at_epoch_ms is not None)
        return AttachmentList(Attachment(entry.ref, self._workspace) for entry in committed)

    @one_hop
    async def history(self) -> History:
        """The turns that led to the head, oldest first."""
        read = await self._persistence.load_session(SessionReadScope.active_path())
        nodes = () if read is None else read.graph.nodes
        return History(turn for turn in (turn_of(self._id, node) for node in nodes) if turn is not None)

    @one_hop
    async def tree(self) -> SessionTree:
        """All turns of the session, with its head and the sessions that were forked from it."""
        read = await self._persistence.load_session(SessionReadScope.full_graph())
        sessions = await self._workspace.catalog.sessions()
        created = SessionMeta(session_id=self._id, name=self._name, created_at_epoch_ms=0)
        meta = await self._persistence.load_session_meta() or created
        return tree_of(meta, None if read is None else read.graph, sessions)

    async def _head(self) -> tuple[int | None, str | None]:
        read = await self._persistence.load_session(SessionReadScope.active_path())
        return (None, None) if read is None else (read.head_revision, read.graph.leaf_node_id)

    # The session itself

    async def fork(self, node_id: str | None = None, name: str | None = None) -> Session:
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
        origin = node_id if node_id is not None else (await self._head())[1]
        if origin is None:
            raise StoreError(f"session {self._name!r} has no turn to fork from; record one first")
        while True:
            session_id, chosen = await self._workspace.unused_session(name, self._name)
            meta = SessionMeta(
                session_id=session_id, name=chosen, created_at_epoch_ms=self._now_ms(), forked_from=(self._id, origin)
            )
            try:
                await self._workspace.catalog.fork(self._id, origin, meta)
            except SessionNameTaken:
                if name is not None:
                    raise
                continue  # somebody else took the number
            return await self._workspace.session(chosen)

    @one_hop
    async def rename(self, name: str) -> None:
        """Call the session something else. Its id, its turns and what was forked from it stay.

        Raises:
            StoreError: there is a session of that name, or the name cannot be one.
            SessionExecutionLeaseExpired: the right to write was lost.
        """
        await self._own()
        await self._workspace.unused_session(name, self._name)
        meta = await self._persistence.load_session_meta()
        assert meta is not None  # noqa: S101  (introduced when it was opened for writing)
        revision, head = await self._head()
        await self._commit(GraphCommitDelta.unchanged(head), revision=revision, meta=replace(meta, name=name))
        self._name = name

    @one_hop
    async def delete(self) -> None:
        """Remove the session with its turns and rows, and close it. Bytes that nobody else holds go at a later reclaim.

        Raises:
            SessionExecutionLeaseExpired: the right to write was lost.
        """
        fence = await self._own()
        await self._fenced(self._workspace.catalog.delete(self._id, fence))
        with self._lock:
            self._users = 0
            self._fence = None

    def _now_ms(self) -> int:
        return self._workspace.clock.timestamp_ms()


# Opening a session again gives the same one, whichever of the process's workspaces on the catalog it comes from.
_open_sessions: weakref.WeakValueDictionary[tuple[str, str, bool], Session] = weakref.WeakValueDictionary()
_opening = threading.Lock()


async def open_session(
    workspace: Workspace, session_id: str, name: str, *, read_only: bool, wait: float, steal: bool
) -> Session:
    """Open the session of this process for a session of a catalog; it is made where there is none.

    Raises:
        SessionBusy, StoreBackendError: as `Workspace.session`.
    """
    key = (_place_of(workspace.catalog), session_id, read_only)
    with _opening:
        session = _open_sessions.get(key)
        if session is None or session._pid != os.getpid():
            session = _open_sessions[key] = Session(workspace, session_id, name, read_only=read_only)
    return await session._open(wait=wait, steal=steal)


def _place_of(catalog: SessionCatalog) -> str:
    """What tells catalogs apart. A copied directory has its origin's UUID, in another file. Blocks."""
    path = getattr(catalog, "path", None)
    return catalog.catalog_uuid if path is None else f"{catalog.catalog_uuid} {os.path.realpath(path)}"


_incarnation: tuple[int, str] = (0, "")


def _owner_of_this_process() -> LeaseOwnerIdentity:
    """This process as the holder of leases. A forked child is another."""
    global _incarnation
    pid = os.getpid()
    if _incarnation[0] != pid:
        _incarnation = (pid, uuid.uuid4().hex)
    process = ProcessIdentity.current()
    node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "this machine")
    return LeaseOwnerIdentity(
        owner_id=f"{process.place}-{pid}-{process.start_time}",
        incarnation_id=_incarnation[1],
        process=process,
        label=f"process {pid} on {node}",
    )
