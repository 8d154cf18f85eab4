"""`Attachment`: a ref that knows its workspace, and the lists of them that workspaces return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, SupportsIndex, TypeVar, overload, runtime_checkable

from lashkit.errors import LashkitError
from lashkit.values import AttachmentId, AttachmentRef, MediaType, StoredAttachment

if TYPE_CHECKING:
    from PIL import Image

    from lashkit.display import View
    from lashkit.stores.protocols import SyncMode
    from lashkit.sync.facades import SyncAttachment
    from lashkit.workspace import Workspace

__all__ = ["Attachment", "AttachmentLike", "AttachmentList", "HasRef"]

_PREVIEW_LIMIT_S = 10.0
"""How long showing an attachment, or a gallery of them, may wait for bytes before it shows text instead."""


@runtime_checkable
class HasRef(Protocol):
    """Whatever stands for one attachment: a ref, an `Attachment`, a `SyncAttachment`, a stored attachment."""

    @property
    def ref(self) -> AttachmentRef:
        """The plain value."""
        ...


AttachmentLike = HasRef | str
"""An attachment in any of its forms, its id, or the first 8 or more digits of its id."""


class Attachment:
    """An attachment of a workspace. It is equal to its ref, hashes and pickles like it, and goes wherever one goes.

    Showing it in a notebook shows its card with its picture.
    """

    __slots__ = ("_ref", "_workspace")

    def __init__(self, ref: AttachmentRef, workspace: Workspace) -> None:
        self._ref = ref
        self._workspace = workspace

    @property
    def ref(self) -> AttachmentRef:
        """The plain value: what to keep in data structures, and what JSON and databases carry."""
        return self._ref

    @property
    def id(self) -> AttachmentId:
        """The lower-case hex SHA-256 of the bytes."""
        return self._ref.id

    @property
    def media_type(self) -> MediaType:
        """What the bytes are."""
        return self._ref.media_type

    @property
    def byte_len(self) -> int:
        """How many bytes there are."""
        return self._ref.byte_len

    @property
    def width(self) -> int | None:
        """Pixels of the picture as shown upright; `None` where unknown or not a picture."""
        return self._ref.width

    @property
    def height(self) -> int | None:
        """Pixels of the picture as shown upright; `None` where unknown or not a picture."""
        return self._ref.height

    @property
    def label(self) -> str | None:
        """A name for people."""
        return self._ref.label

    @property
    def sync_mode(self) -> SyncMode:
        """How sync code may drive this: as its workspace."""
        return self._workspace.sync_mode

    @property
    def sync(self) -> SyncAttachment:
        """The same attachment without `await`."""
        from lashkit.sync.facades import SyncAttachment

        return SyncAttachment(self)

    def __eq__(self, other: object) -> bool:
        return self._ref == other.ref if isinstance(other, HasRef) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._ref)

    def __reduce__(self) -> tuple[Any, ...]:
        # A workspace is no value: what is kept is the ref.
        return _same, (self._ref,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        from lashkit.display import plain

        return plain(self._ref)

    async def get(self) -> StoredAttachment:
        """Read the bytes back, verified.

        Raises:
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `Workspace.get`.
        """
        stored = await self._workspace.get(self._ref)
        return StoredAttachment(self._ref.meta(), stored.bytes)

    async def image(self) -> Image.Image:
        """The picture, decoded and upright: a loaded PIL image of `width` x `height` pixels.

        Raises:
            DecodeError: where the bytes are no picture, are damaged, or are too large to decode safely.
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `get`.
        """
        stored = await self.get()
        return await self._workspace._runner.run(stored.image)

    async def view(self, *, max_px: int = 1024) -> View:
        """The attachment shown large: a picture of at most `max_px` pixels a side, and at most 120 KB of HTML.

        Raises:
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `get`.
        """
        from lashkit.display import view

        stored = await self.get()
        return await self._workspace._runner.run(lambda: view(stored, max_px=max_px))

    async def _leading_bytes(self, byte_len: int) -> bytes:
        """The first `byte_len` bytes, or all of them: enough for a preview. Unverified where they are not all.

        Raises:
            AttachmentNotFound, AttachmentCorrupt, AttachmentIoError: as `get`.
        """
        if byte_len >= self.byte_len:
            return (await self.get()).bytes
        chunks = []
        missing = byte_len
        async for chunk in self._workspace.open_stream(self._ref):
            chunks.append(chunk[:missing])
            missing -= len(chunks[-1])
            if not missing:
                break
        return b"".join(chunks)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display.bundles import bundle
        from lashkit.display.cards import card
        from lashkit.display.lines import plain

        def html() -> str:
            return card(self._ref, *_previews([self], "card"))

        return bundle(plain(self._ref), html, include=include, exclude=exclude)


def _same(ref: AttachmentRef) -> AttachmentRef:
    return ref


A = TypeVar("A", bound=HasRef)


class AttachmentList(list[A]):
    """A list of attachments that shows itself as a gallery, and so do its slices."""

    __slots__ = ()

    def __init__(self, items: Iterable[A] = ()) -> None:
        super().__init__(items)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> A: ...

    @overload
    def __getitem__(self, index: slice, /) -> AttachmentList[A]: ...

    def __getitem__(self, index: SupportsIndex | slice, /) -> A | AttachmentList[A]:
        if isinstance(index, slice):
            return AttachmentList(super().__getitem__(index))
        return super().__getitem__(index)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display.bundles import bundle
        from lashkit.display.cards import GALLERY_LIMIT, gallery
        from lashkit.display.lines import plain

        def html() -> str:
            shown = [getattr(item, "aio", item) for item in self[:GALLERY_LIMIT]]
            refs = [item.ref for item in shown]
            return gallery(list(zip(refs, _previews(shown, "gallery"), strict=True)), total=len(self))

        text = "\n".join(plain(item.ref) for item in self) or "no attachments"
        return bundle(text, html, include=include, exclude=exclude)


def _previews(attachments: list[Any], size: Literal["card", "gallery"]) -> list[bytes | None]:
    """The bytes that a preview of each needs, as far as they can be had in time: showing something never raises."""
    import time

    from lashkit.display.previews import preview_byte_len
    from lashkit.sync.bridge import Bridge

    until = time.monotonic() + _PREVIEW_LIMIT_S
    found: list[bytes | None] = []
    for attachment in attachments:
        data = None
        wanted = preview_byte_len(attachment.ref, size=size)
        left_s = until - time.monotonic()
        if wanted and left_s > 0 and isinstance(attachment, Attachment):
            try:
                data = Bridge(attachment).call_within(left_s, attachment._leading_bytes, wanted)
            except (LashkitError, TimeoutError):
                data = None
        found.append(data)
    return found
