"""The sync twins of the async classes, written by `lashkit/sync/generate.py`: change them there.

Every method does what its async twin does, without `await`; `.aio` is the async object beneath, and both see one state.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from lashkit.attachment import Attachment, AttachmentLike, AttachmentList
from lashkit.stores.protocols import AttachmentStore, StagedBlob, SupportsMeta, SupportsStreaming
from lashkit.sync.bridge import Bridge
from lashkit.sync.iterators import SyncIterator
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    MediaType,
    StoredAttachment,
    StoredBlobRef,
)
from lashkit.workspace import Workspace

if TYPE_CHECKING:
    from PIL import Image

    from lashkit.display import View
    from lashkit.reports import ExportReport, ImportReport, VerifyReport

__all__ = ["SyncAttachment", "SyncAttachmentStore", "SyncWorkspace"]


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
    def open(cls, target: str | os.PathLike[str]) -> Self:
        """Open a directory, `memory://` (fresh), or `memory://name` (shared in this process).

        Opening one target several times, in one process or in several, is normal. A directory is made by the first put.

        Raises:
            InvalidTarget: the target is of no known kind, or is a file.
        """
        opening = Workspace.open(target)
        return cls(Bridge(opening.subject)(opening.start))

    def close(self) -> None:
        """Give back what the workspace holds. What it acknowledged is durable already; closing twice is fine."""
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
        """Remove an attachment. Removing what is not there is fine, but a prefix must name something.

        Raises:
            AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: a prefix that names none, or several.
            AttachmentIoError: the store's medium refused.
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
