"""The workspace: a store opened for people, who hand it anything and see what they stored.

    object -> ingest -> stage -> publish -> ref -> card

Every operation is one coroutine over the store's own. Where the store is inline, an awaited operation makes one hop
into a worker thread and runs there as a whole, so that a cancel cannot land between its steps.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import warnings
from builtins import list as _list
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeGuard, TypeVar

from lashkit.attachment import Attachment, AttachmentLike, AttachmentList, HasRef
from lashkit.errors import (
    AmbiguousAttachmentId,
    AttachmentCorrupt,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    IngestError,
    InvalidAttachmentId,
    InvalidTarget,
    LashkitWarning,
)
from lashkit.opening import Opening
from lashkit.progress import Progress
from lashkit.runner import Runner, default_runner
from lashkit.stores.access import chunks_of, meta_of, put_chunks
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.protocols import (
    AttachmentStore,
    SyncMode,
    sync_mode_of,
)
from lashkit.targets import store_for
from lashkit.values import (
    AttachmentId,
    AttachmentRef,
    AttachmentStorePersistence,
    MediaType,
    StoredAttachment,
    StoredBlobRef,
)

if TYPE_CHECKING:
    from lashkit.ingestion import Ingested
    from lashkit.reports import ExportReport, ImportReport, VerifyReport
    from lashkit.sync.facades import SyncWorkspace

__all__ = ["Workspace"]

_PREFIX_LEN = 8
_WHOLE_BYTE_LEN = 1024 * 1024
"""Sources of up to this many bytes are read whole: a repeated put is recognised before it writes anything."""

P = ParamSpec("P")
T = TypeVar("T")


def _one_hop(
    method: Callable[Concatenate[Workspace, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Workspace, P], Coroutine[Any, Any, T]]:
    """Run the whole operation in one worker where the store allows it."""

    @functools.wraps(method)
    async def operation(self: Workspace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps = method(self, *args, **kwargs)
        return await (self._runner.hop(steps) if self.sync_mode == "inline" else steps)

    return operation


class Workspace:
    """A store of attachments to work with: put anything in, see it, get it back byte for byte.

    Args:
        store: where the bytes live. `Workspace.open` makes one from a target.
        target: what was opened, for people.
        runner: where blocking work goes.
    """

    def __init__(self, store: AttachmentStore, *, target: str = "", runner: Runner = default_runner) -> None:
        given: object = store
        if not isinstance(given, AttachmentStore):
            kind = type(given).__name__
            raise InvalidTarget(
                target or kind, f"a {kind} is no store; Workspace.open(...) or lashkit.open(...) takes targets"
            )
        self._store = store
        self._target = target
        self._runner = runner

    @classmethod
    def open(cls, target: str | os.PathLike[str]) -> Opening[Workspace]:
        """Open a directory, `memory://` (fresh), or `memory://name` (shared in this process).

        Opening one target several times, in one process or in several, is normal. A directory is made by the first put.

        Raises:
            InvalidTarget: the target is of no known kind, or is a file.
        """
        text, store = store_for(target)
        workspace = cls(store, target=text)
        return Opening(workspace, workspace._start)

    async def _start(self) -> Workspace:
        """Make sure that the target can be worked on. `open` awaits this.

        Raises:
            InvalidTarget: the directory's place is taken by something else.
        """
        if isinstance(self._store, FileAttachmentStore):
            taken = await self._runner.run(_is_no_directory, self._store.root)
            if taken:
                raise InvalidTarget(self._store.root, "it is not a directory; put the file into a workspace instead")
        return self

    async def close(self) -> None:
        """Give back what the workspace holds. What it acknowledged is durable already; closing twice is fine."""

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
            return _opened_again, (type(self), self._target)
        return type(self), (self._store,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def target(self) -> str:
        """What was opened: the path of a directory, absolute, or `memory://…`; else what the store calls itself."""
        return self._target or repr(self._store)

    @property
    def store(self) -> AttachmentStore:
        """The store beneath."""
        return self._store

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """Whether what is stored outlives the process."""
        return self._store.persistence

    @property
    def sync_mode(self) -> SyncMode:
        """How sync code may drive this workspace: as its store."""
        return sync_mode_of(self._store)

    @property
    def sync(self) -> SyncWorkspace:
        """The same workspace without `await`."""
        from lashkit.sync.facades import SyncWorkspace

        return SyncWorkspace(self)

    @_one_hop
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
        if _is_attachment(source):
            if media_type is None:
                return await self._put_attachment(source, label=label)
            source = replace(await self._read_of(source), meta=source.ref.meta())
        return await self._store_ingested(await self._look_at(source, label, media_type, trust_media_type))

    @_one_hop
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
        from lashkit.ingestion import Ingested

        if isinstance(sources, str | bytes | os.PathLike) or not isinstance(sources, Iterable):
            kind = type(sources).__name__
            raise IngestError(f"put_many takes several sources, not one {kind}; use put, or give a list")
        looked_at: _list[Ingested | HasRef] = []
        for index, source in enumerate(sources):
            try:
                looked_at.append(source if _is_attachment(source) else await self._look_at(source))
            except IngestError as exc:
                exc.add_note(f"It is source number {index} of put_many, counted from 0; nothing was stored.")
                raise
        stored: AttachmentList[Attachment] = AttachmentList()
        with Progress(progress, "putting", total=len(looked_at)) as bar:
            for item in looked_at:
                if isinstance(item, Ingested):
                    stored.append(await self._store_ingested(item))
                else:
                    stored.append(await self._put_attachment(item))
                bar.advance()
        return stored

    async def _look_at(
        self, source: object, label: str | None = None, media_type: str | None = None, trust: bool = False
    ) -> Ingested:
        look = functools.partial(_ingest(), label=label, media_type=media_type, trust_media_type=trust)
        return await self._runner.run(look, source)

    async def _store_ingested(self, ingested: Ingested) -> Attachment:
        small = ingested.byte_len is not None and ingested.byte_len <= _WHOLE_BYTE_LEN
        if small:
            ref = await self._store.put(await self._runner.run(ingested.read), ingested.meta)
        else:
            inline = self.sync_mode == "inline"  # then this runs in a worker already; another store runs on a loop
            ref = await put_chunks(self._store, ingested.chunks() if inline else self._read(ingested), ingested.meta)
        return Attachment(ref, self)

    async def _read(self, ingested: Ingested) -> AsyncIterator[bytes]:
        chunks = ingested.chunks()
        while chunk := await self._runner.run(next, chunks, b""):
            yield chunk

    async def _put_attachment(self, source: HasRef, *, label: str | None = None) -> Attachment:
        from lashkit.ingestion.sources import check_label

        check_label(label)
        ref = source.ref
        meta = ref.facts() if label is None else replace(ref.facts(), label=label)
        if self._owner_of(source)._store is self._store:
            byte_len = (await self._store.head(ref.id)).byte_len
            return Attachment(meta.describe(ref.id, byte_len).as_ref(), self)
        stored = await self._read_of(source)
        return Attachment(await self._store.put(stored.bytes, meta), self)

    def _owner_of(self, source: HasRef) -> Workspace:
        owner: Workspace = getattr(getattr(source, "aio", source), "_workspace", self)
        return owner

    async def _read_of(self, source: HasRef) -> StoredAttachment:
        owner = self._owner_of(source)
        # Another workspace's store may need a loop where this one needs none.
        suspends = self.sync_mode == "inline" and owner.sync_mode != "inline"
        return owner.sync.get(source.ref) if suspends else await owner.get(source.ref)

    @_one_hop
    async def get(self, which: AttachmentLike) -> StoredAttachment:
        """Read an attachment back, verified against its id.

        Args:
            which: an attachment, a ref, an id, or the first 8 or more digits of one.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentCorrupt: the stored bytes are not those of the id.
            AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentIoError: as `AttachmentStore.get`.
        """
        return await self._store.get(await self._resolve(which))

    @_one_hop
    async def find(self, which: AttachmentLike) -> Attachment:
        """The attachment that `which` names, without reading its bytes.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentIoError: as `AttachmentStore.get`.
        """
        return Attachment((await meta_of(self._store, await self._resolve(which))).as_ref(), self)

    async def open_stream(self, which: AttachmentLike) -> AsyncIterator[bytes]:
        """The bytes of an attachment in chunks of 256 KiB at most, in flat memory whatever its size.

        Chunks before the end are unverified: `AttachmentCorrupt` comes after the last one.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `which` names none, or several.
            AttachmentCorrupt, AttachmentIoError: as `SupportsStreaming.open`.
        """
        async for chunk in chunks_of(self._store, await self._resolve(which)):
            yield chunk

    @_one_hop
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
        kind = f"{media_type}/*" if media_type and "/" not in media_type and "*" not in media_type else media_type
        blobs = [
            blob
            async for blob in self._store.list()
            if blob.byte_len >= (min_byte_len or 0) and (max_byte_len is None or blob.byte_len <= max_byte_len)
        ]
        # Of two that came within one millisecond, the one that the store lists later is the newer.
        blobs.reverse()
        blobs.sort(key=lambda blob: blob.last_modified_epoch_ms, reverse=True)
        found: AttachmentList[Attachment] = AttachmentList()
        for blob in blobs:
            if limit is not None and len(found) >= limit:
                break
            ref = await self._listed_ref(blob)
            if ref is not None and _matches(ref.media_type, kind) and _matches(ref.label or "", label):
                found.append(Attachment(ref, self))
        return found

    async def _listed_ref(self, blob: StoredBlobRef) -> AttachmentRef | None:
        """The ref of a listed blob; a plain one where its metadata is gone, `None` where itself is gone by now."""
        try:
            return (await meta_of(self._store, blob.id)).as_ref()
        except AttachmentNotFound:
            return None
        except (AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentCorrupt) as exc:
            warnings.warn(str(exc), LashkitWarning, stacklevel=2)
            return AttachmentRef(id=blob.id, media_type=MediaType("application/octet-stream"), byte_len=blob.byte_len)

    @_one_hop
    async def delete(self, which: AttachmentLike) -> None:
        """Remove an attachment. Removing what is not there is fine, but a prefix must name something.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: a prefix that names none, or several.
            AttachmentIoError: the store's medium refused.
        """
        await self._store.delete(await self._resolve(which))

    @_one_hop
    async def verify(self, *, progress: bool | None = None) -> VerifyReport:
        """Read and re-hash everything, and say what is wrong. Changes nothing.

        Args:
            progress: show a bar; by default only if it takes longer than a second.

        Raises:
            AttachmentIoError: the store cannot be listed.
        """
        from lashkit.transfer import verify_all

        return await verify_all(self._store, progress=progress)

    @_one_hop
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
        return await export_all(self._store, name, runner=self._runner, progress=progress)

    @_one_hop
    async def import_(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> ImportReport:
        """Take in everything from an archive or folder that `export` wrote, or from another workspace's directory.

        Everything is verified before the first attachment is stored.

        Raises:
            IngestError: there is no such archive or folder.
            AttachmentCorrupt, AttachmentMissingMeta, AttachmentMetadataDecodeError: it is damaged; nothing was stored.
            AttachmentIoError: a medium refused.
        """
        from lashkit.transfer import import_all

        return await import_all(self._store, os.fspath(path), runner=self._runner, progress=progress)

    async def _resolve(self, which: AttachmentLike) -> AttachmentId:
        if not isinstance(which, str):
            if _has_ref(which):
                return which.ref.id
            raise InvalidAttachmentId(which)
        if not _PREFIX_LEN <= len(which) < 64:
            return AttachmentId(which)
        if not set(which) <= set("0123456789abcdef"):
            raise InvalidAttachmentId(which)
        matches = sorted([blob.id async for blob in self._store.list() if blob.id.startswith(which)])
        if not matches:
            raise AttachmentNotFound(which)
        if len(matches) > 1:
            raise AmbiguousAttachmentId(which, tuple(matches))
        return matches[0]


def _is_attachment(source: object) -> TypeGuard[HasRef]:
    """Whether `source` stands for something that is stored already, rather than for bytes."""
    return _has_ref(source) and not isinstance(source, StoredAttachment)


def _has_ref(thing: object) -> TypeGuard[HasRef]:
    """Whether `thing` stands for an attachment: other packages have objects with a `ref` of another kind."""
    return isinstance(getattr(thing, "ref", None), AttachmentRef)


@functools.cache
def _ingest() -> Callable[..., Ingested]:
    """`lashkit.ingest`, imported once: at the interpreter's exit a `__del__` may still put, but no longer import."""
    from lashkit.ingestion import ingest

    return ingest


def _opened_again(cls: type[Workspace], target: str) -> Workspace:
    return cls(store_for(target)[1], target=target)


def _is_no_directory(path: str) -> bool:
    """Whether the path, or one that it lies under, is there and is something else."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return not os.path.isdir(path)


def _matches(text: str, pattern: str | None) -> bool:
    """Whether `text` is like `pattern`, in which `*` and `?` are the only wildcards: labels may have brackets."""
    return pattern is None or fnmatch.fnmatchcase(text.casefold(), pattern.casefold().replace("[", "[[]"))
