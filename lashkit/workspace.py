"""The workspace: a store opened for people, who hand it anything and see what they stored.

    object -> ingest -> stage -> publish -> ref -> card

Every operation is one coroutine over the store's own. Where the store is inline, an awaited operation makes one hop
into a worker thread and runs there as a whole, so that a cancel cannot land between its steps.
"""

from __future__ import annotations

import functools
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lashkit.attachment import Attachment, AttachmentLike, AttachmentList, HasRef
from lashkit.clock import Clock, SystemClock
from lashkit.errors import (
    AttachmentNotFound,
    IngestError,
    InvalidTarget,
    SessionNameTaken,
    StoreError,
)
from lashkit.holdings import Holdings
from lashkit.hops import one_hop
from lashkit.manifest import AttachmentManifestEntry, AttachmentOwner
from lashkit.opening import Opening
from lashkit.pairing import WORKSPACE, pair
from lashkit.process import ProcessIdentity
from lashkit.progress import Progress
from lashkit.runner import Runner, default_runner, may_give_up
from lashkit.runtime.memory import InMemoryCatalog
from lashkit.runtime.mounts import require_local
from lashkit.runtime.protocols import SessionCatalog
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.scoped import SessionScopedAttachmentStore
from lashkit.selection import check_session_name, is_attachment, resolve, selected
from lashkit.stores.access import chunks_of, put_chunks
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.protocols import AttachmentStore, SyncMode, sync_mode_of
from lashkit.targets import has_attachments, is_no_directory, parts_for
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentRef,
    AttachmentStorePersistence,
    StoredAttachment,
)

if TYPE_CHECKING:
    from lashkit.ingestion import Ingested
    from lashkit.reports import ExportReport, ImportReport, ReclaimReport, VerifyReport
    from lashkit.runtime.records import SessionMeta
    from lashkit.session import Session
    from lashkit.sync.facades import SyncWorkspace
    from lashkit.turns import SessionList

__all__ = ["Workspace"]

_WHOLE_BYTE_LEN = 1024 * 1024
"""Sources of up to this many bytes are read whole: a repeated put is recognised before it writes anything."""


class Workspace:
    """A store of attachments to work with: put anything in, see it, get it back byte for byte.

    Args:
        store: where the bytes live. `Workspace.open` makes one from a target.
        catalog: where sessions and rows live; by default a new one in memory, which adopts what the store holds.
        target: what was opened, for people.
        clock: where the times of intents and turns come from.
        runner: where blocking work goes.
    """

    def __init__(
        self,
        store: AttachmentStore,
        catalog: SessionCatalog | None = None,
        *,
        target: str = "",
        clock: Clock | None = None,
        runner: Runner = default_runner,
    ) -> None:
        given: object = store
        if not isinstance(given, AttachmentStore):
            kind = type(given).__name__
            raise InvalidTarget(
                target or kind, f"a {kind} is no store; Workspace.open(...) or lashkit.open(...) takes targets"
            )
        self._store = store
        self._clock = clock or SystemClock()
        self._catalog: SessionCatalog = catalog if catalog is not None else InMemoryCatalog(clock=self._clock)
        self._target = target
        self._runner = runner
        self._paired_with: str | None = None

    @classmethod
    def open(
        cls, target: str | os.PathLike[str], *, catalog: str | os.PathLike[str] | None = None
    ) -> Opening[Workspace]:
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
        text, store, opened_catalog = parts_for(target, catalog)
        workspace = cls(store, opened_catalog, target=text)
        return Opening(workspace, workspace._start)

    async def _start(self) -> Workspace:
        """Make sure that the target can be worked on. `open` awaits this.

        Raises:
            InvalidTarget: the directory's place is taken by something else.
        """
        if isinstance(self._store, FileAttachmentStore):
            taken = await self._runner.run(is_no_directory, self._store.root)
            if taken:
                raise InvalidTarget(self._store.root, "it is not a directory; put the file into a workspace instead")
        if isinstance(self._catalog, SqliteCatalog):
            await self._runner.run(require_local, self._catalog.path)
        return self

    async def _known(self, *, to_write: bool = False) -> bool:
        """Whether there is anything to ask. Store and catalog are made, and know each other, by the first write."""
        if isinstance(self._store, FileAttachmentStore):
            there = await self._runner.run(has_attachments, self._store.root)
            if not there and self._paired_with is not None:
                # Somebody removed the directory under us, as people do in notebooks: begin anew.
                self._catalog, self._paired_with = parts_for(self._store.root, self._catalog_path)[2], None
            if not there and not to_write:
                return False
        if self._paired_with is None:
            self._paired_with = await pair(self._store, self._catalog, runner=self._runner)
        return True

    async def close(self) -> None:
        """Give the database back; a later call opens it again. What was acknowledged is durable already."""
        await self._catalog.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target or self._store!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # What was opened is opened again; what only lives here, such as a store in memory, says so when it is pickled.
        if self._target and self.persistence is AttachmentStorePersistence.DURABLE:
            return _opened_again, (type(self), self._target, self._catalog_path)
        return type(self), (self._store, self._catalog)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def target(self) -> str:
        """What was opened: the path of a directory, absolute, or `memory://…`; else what the store calls itself."""
        return self._target or repr(self._store)

    @property
    def _catalog_path(self) -> str | None:
        return self._catalog.path if isinstance(self._catalog, SqliteCatalog) else None

    @property
    def _holdings(self) -> Holdings:
        return Holdings(self._store, self._catalog)

    @property
    def store(self) -> AttachmentStore:
        """The store beneath."""
        return self._store

    @property
    def catalog(self) -> SessionCatalog:
        """The catalog beneath: sessions, and who holds what."""
        return self._catalog

    @property
    def clock(self) -> Clock:
        """Where the times of intents and turns come from."""
        return self._clock

    @property
    def runner(self) -> Runner:
        """Where blocking work goes."""
        return self._runner

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Whether what is stored outlives the process."""
        return self._store.persistence

    @property
    def sync_mode(self) -> SyncMode:
        """How sync code may drive this workspace: as its store."""
        return sync_mode_of(self._store, self._catalog)

    @property
    def sync(self) -> SyncWorkspace:
        """The same workspace without `await`."""
        from lashkit.sync.facades import SyncWorkspace

        return SyncWorkspace(self)

    @one_hop
    async def put(
        self, source: object, *, label: str | None = None, media_type: str | None = None, trust_media_type: bool = False
    ) -> Attachment:
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
        scoped = await self._own_store()
        ref = await self.store_through(scoped, source, label=label, media_type=media_type, trust=trust_media_type)
        await self._catalog.commit_refs(WORKSPACE, (ref.id,))
        may_give_up()
        return Attachment(ref, self)

    @one_hop
    async def put_many(self, sources: Iterable[object], *, progress: bool | None = None) -> AttachmentList[Attachment]:
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

        if isinstance(sources, str | bytes | os.PathLike) or not isinstance(sources, Iterable):
            kind = type(sources).__name__
            raise IngestError(f"put_many takes several sources, not one {kind}; use put, or give a list")
        looked_at: list[Ingested | HasRef] = []
        for index, source in enumerate(sources):
            try:
                looked_at.append(source if is_attachment(source) else await self._look_at(source))
            except IngestError as exc:
                exc.add_note(f"It is source number {index} of put_many, counted from 0; nothing was stored.")
                raise
        scoped = await self._own_store()
        stored: AttachmentList[Attachment] = AttachmentList()
        with Progress(progress, "putting", total=len(looked_at)) as bar:
            for item in looked_at:
                ref = await self.store_through(scoped, item)
                await self._catalog.commit_refs(WORKSPACE, (ref.id,))
                may_give_up()
                stored.append(Attachment(ref, self))
                bar.advance()
        return stored

    async def _own_store(self) -> SessionScopedAttachmentStore:
        """The store as the workspace itself sees it: what is put outside a session."""
        await self._known(to_write=True)
        owner = AttachmentOwner(kind="process", owner_id=WORKSPACE, process=ProcessIdentity.current())
        return SessionScopedAttachmentStore(
            self._store, self._catalog, WORKSPACE, clock=self._clock, owner=owner, runner=self._runner
        )

    async def store_through(
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
        if is_attachment(source):
            owner = self._owner_of(source)
            if media_type is None and (owner is None or owner._store is self._store):
                return await self._hold(scoped, source.ref, label=label, is_bare=owner is None)
            if media_type is None:
                stored = await self._read_of(source)
                return await scoped.put(stored.bytes, self._facts(source.ref, label))
            source = replace(await self._read_of(source), meta=source.ref.meta())
        ingested = await self._look_at(source, label, media_type, trust)
        if ingested.byte_len is not None and ingested.byte_len <= _WHOLE_BYTE_LEN:
            return await scoped.put(await self._runner.run(ingested.read), ingested.meta)
        inline = self.sync_mode == "inline"  # then this runs in a worker already; another store runs on a loop
        return await put_chunks(scoped, ingested.chunks() if inline else self._read(ingested), ingested.meta)

    async def _hold(
        self, scoped: SessionScopedAttachmentStore, ref: AttachmentRef, *, label: str | None, is_bare: bool
    ) -> AttachmentRef:
        if is_bare and scoped.session_id == WORKSPACE:
            ref = (await self._entry(ref.id)).ref
        elif is_bare:
            ref = (await scoped.meta(ref.id)).as_ref()
        return await scoped.hold(self._facts(ref, label).describe(ref.id, ref.byte_len).as_ref())

    def _facts(self, ref: AttachmentRef, label: str | None) -> AttachmentCreateMeta:
        from lashkit.ingestion.sources import check_label

        check_label(label)
        return ref.facts() if label is None else replace(ref.facts(), label=label)

    async def _look_at(
        self, source: object, label: str | None = None, media_type: str | None = None, trust: bool = False
    ) -> Ingested:
        look = functools.partial(_ingest(), label=label, media_type=media_type, trust_media_type=trust)
        return await self._runner.run(look, source)

    async def _read(self, ingested: Ingested) -> AsyncIterator[bytes]:
        chunks = ingested.chunks()
        while chunk := await self._runner.run(next, chunks, b""):
            yield chunk

    def _owner_of(self, source: HasRef) -> Workspace | None:
        """The workspace that `source` knows; `None` for a bare ref."""
        owner: Workspace | None = getattr(getattr(source, "aio", source), "_workspace", None)
        return owner

    async def _read_of(self, source: HasRef) -> StoredAttachment:
        owner = self._owner_of(source) or self
        # Another workspace's store may need a loop where this one needs none.
        suspends = self.sync_mode == "inline" and owner.sync_mode != "inline"
        return owner.sync.get(source.ref) if suspends else await owner.get(source.ref)

    @one_hop
    async def get(self, which: AttachmentLike) -> StoredAttachment:
        """Read an attachment back, verified against its id.

        Args:
            which: an attachment, a ref, an id, or the first 8 or more digits of one.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentCorrupt: the stored bytes are not those of the id.
            AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentIoError: as `AttachmentStore.get`.
        """
        row = await self._entry(await self._resolve(which))
        return await self._holdings.get(row.attachment_id)

    @one_hop
    async def find(self, which: AttachmentLike) -> Attachment:
        """The attachment that `which` names, without reading its bytes.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentIoError: as `AttachmentStore.get`.
        """
        return Attachment((await self._entry(await self._resolve(which))).ref, self)

    async def open_stream(self, which: AttachmentLike) -> AsyncIterator[bytes]:
        """The bytes of an attachment in chunks of 256 KiB at most, in flat memory whatever its size.

        Chunks before the end are unverified: `AttachmentCorrupt` comes after the last one.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentCorrupt, AttachmentIoError: as `SupportsStreaming.open`.
        """
        row = await self._entry(await self._resolve(which))
        async for chunk in chunks_of(self._store, row.attachment_id):
            yield chunk

    @one_hop
    async def list(
        self,
        *,
        media_type: str | None = None,
        label: str | None = None,
        min_byte_len: int | None = None,
        max_byte_len: int | None = None,
        limit: int | None = None,
    ) -> AttachmentList[Attachment]:
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
        if not await self._known():
            return AttachmentList()
        found = selected(
            (Attachment(row.ref, self) for row in await self._holdings.rows()),
            media_type=media_type,
            label=label,
            min_byte_len=min_byte_len,
            max_byte_len=max_byte_len,
        )
        return AttachmentList(itertools.islice(found, limit))

    @one_hop
    async def delete(self, which: AttachmentLike) -> None:
        """Drop what the workspace itself holds; sessions keep what they hold. Dropping what is not held is fine, but a
        prefix must name something. Bytes that nobody holds any more go at the next `reclaim`.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: a prefix that names none, or several.
            StoreBackendError: the catalog failed.
        """
        attachment_id = await self._resolve(which)
        if await self._known():
            await self._catalog.forget(WORKSPACE, attachment_id)

    @one_hop
    async def verify(self, *, progress: bool | None = None) -> VerifyReport:
        """Read and re-hash everything, and say what is wrong. Changes nothing.

        Args:
            progress: show a bar; by default only if it takes longer than a second.

        Raises:
            AttachmentIoError: the store cannot be listed.
        """
        from lashkit.transfer import verify_all

        rows = await self._holdings.rows() if await self._known() else []
        return await verify_all(self._store, [row.attachment_id for row in rows], progress=progress)

    @one_hop
    async def export(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> ExportReport:
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
        from lashkit.transfer import export_all

        if not isinstance(path, str | os.PathLike) or not (name := os.fspath(path)) or not isinstance(name, str):
            raise InvalidTarget(path, "an export goes to the name of a .zip file, or of a folder")
        return await export_all(self._holdings, name, runner=self._runner, progress=progress)

    @one_hop
    async def import_(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> ImportReport:
        """Take in everything from an archive or folder that `export` wrote, or from another workspace's directory.

        Everything is verified before the first attachment is stored.

        Raises:
            IngestError: there is no such archive or folder.
            AttachmentCorrupt, AttachmentMissingMeta, AttachmentMetadataDecodeError: it is damaged; nothing was stored.
            AttachmentIoError: a medium refused.
        """
        from lashkit.transfer import import_all

        scoped = await self._own_store()
        report = await import_all(scoped, os.fspath(path), runner=self._runner, progress=progress)
        await self._catalog.commit_refs(WORKSPACE, scoped.pending_manifest_commit_ids())
        return report

    @one_hop
    async def reclaim(
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
        from lashkit.reclaim import reclaim_unreferenced_attachments
        from lashkit.reports import ReclaimReport

        if not await self._known():
            return ReclaimReport(dry_run=dry_run, kept_count=0, kept_byte_len=0)
        # Asked again: another catalog may have taken the store over meanwhile.
        self._paired_with = await pair(self._store, self._catalog, runner=self._runner)
        return await reclaim_unreferenced_attachments(
            self._catalog,
            self._store,
            grace_ms=round(grace * 1000),
            dry_run=dry_run,
            sweep_unrooted=sweep_unrooted,
            expected_catalog_uuid=self._paired_with,
            progress=progress,
            clock=self._clock,
            runner=self._runner,
        )

    def session(self, name: str, *, read_only: bool = False, wait: float = 0, steal: bool = False) -> Opening[Session]:
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

        async def start() -> Session:
            return await self._open_session(name, read_only=read_only, wait=wait, steal=steal)

        return Opening(self, start)

    @one_hop
    async def _open_session(self, name: str, *, read_only: bool, wait: float, steal: bool) -> Session:
        from lashkit.session import open_session

        check_session_name(name)
        if read_only and all(meta.name != name for meta in await self._known_sessions()):
            raise StoreError(f"there is no session {name!r} to look at; sessions() lists them")
        await self._known(to_write=True)
        while True:
            session_id = await self._session_id(name)
            try:
                return await open_session(self, session_id, name, read_only=read_only, wait=wait, steal=steal)
            except SessionNameTaken:  # somebody made it between our look and our write: that is the one
                continue

    @one_hop
    async def sessions(self) -> SessionList:
        """The sessions of this workspace, newest first. It shows itself.

        Raises:
            StoreBackendError: the catalog failed.
        """
        from lashkit.turns import SessionList

        return SessionList(await self._known_sessions())

    async def _known_sessions(self) -> Sequence[SessionMeta]:
        return await self._catalog.sessions() if await self._known() else ()

    async def _session_id(self, name: str) -> str:
        """The id of the session of that name; for a new one, an id that no other session has."""
        sessions = await self._known_sessions()
        by_name = next((meta.session_id for meta in sessions if meta.name == name), None)
        taken = any(meta.session_id == name for meta in sessions)
        return by_name or (f"{name}~{uuid.uuid4().hex[:8]}" if taken else name)

    async def unused_session(self, name: str | None, like: str) -> tuple[str, str]:
        """The id and the name for a new session: `name`, or by default `like` and a number.

        Raises:
            StoreError: there is a session of that name, or it cannot be one.
        """
        taken = {meta.name for meta in await self._catalog.sessions()}
        if name is None:
            name = next(f"{like}-{n}" for n in itertools.count(2) if f"{like}-{n}" not in taken)
        check_session_name(name)
        if name in taken:
            raise SessionNameTaken(name)
        return await self._session_id(name), name

    async def _entry(self, attachment_id: AttachmentId) -> AttachmentManifestEntry:
        if not await self._known():
            raise AttachmentNotFound(attachment_id)
        return await self._holdings.entry(attachment_id)

    async def _resolve(self, which: AttachmentLike) -> AttachmentId:
        is_prefix = isinstance(which, str) and len(which) < 64
        known = await self._holdings.rows() if is_prefix and await self._known() else ()
        return resolve(which, [row.attachment_id for row in known])


@functools.cache
def _ingest() -> Callable[..., Ingested]:
    """`lashkit.ingest`, imported once: at the interpreter's exit a `__del__` may still put, but no longer import."""
    from lashkit.ingestion import ingest

    return ingest


def _opened_again(cls: type[Workspace], target: str, catalog_path: str | None) -> Workspace:
    _, store, catalog = parts_for(target, catalog_path)
    return cls(store, catalog, target=target)
