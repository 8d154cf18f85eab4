"""The plain values of the attachments subsystem: ids, media types, metadata, refs.

Everything here is immutable, hashable and picklable, reads no clock and does no I/O. `AttachmentId` and `MediaType`
are strings that were checked once, when they were made, so JSON, pickle and SQL carry them unchanged.
Ported from lash-sansio `attachment.rs`; field names are lash's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Self

from lashkit.errors import InvalidAttachmentId, InvalidMediaType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

__all__ = [
    "LABEL_LIMIT",
    "AttachmentCreateMeta",
    "AttachmentId",
    "AttachmentMeta",
    "AttachmentRef",
    "AttachmentStorePersistence",
    "BytesLike",
    "DurabilityTier",
    "ImageMediaType",
    "MediaType",
    "StoredAttachment",
    "StoredBlobRef",
    "content_id",
]

BytesLike = bytes | bytearray | memoryview

LABEL_LIMIT = 4_096
"""A label has this many characters at most, so that metadata stays small whatever its text."""

_is_id = re.compile(r"[0-9a-f]{64}").fullmatch
_TOKEN = r"[a-z0-9!#$&^_.+-]{1,127}"  # noqa: S105  (RFC 6838 restricted-name, not a secret)
_is_media_type = re.compile(rf"{_TOKEN}/{_TOKEN}").fullmatch
_PARAMETER = r"""[\w!#$&^.+-]+=(?:"[^"\\\x00-\x1f\x7f]*"|[\w!#$&^.+:/-]+)"""
_are_parameters = re.compile(rf"(?:\s*;\s*{_PARAMETER})*\s*;?\s*", re.ASCII).fullmatch
_each_parameter = re.compile(_PARAMETER, re.ASCII).findall

# Spellings seen in the wild, and the registered name of the same thing.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/tif": "image/tiff",
    "image/x-icon": "image/vnd.microsoft.icon",
    "image/ico": "image/vnd.microsoft.icon",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "text/x-markdown": "text/markdown",
    "text/json": "application/json",
    "text/xml": "application/xml",
}


class AttachmentId(str):
    """The lower-case hex SHA-256 of an attachment's bytes: 64 digits, so always one safe path component.

    Raises:
        InvalidAttachmentId: for anything else.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        if type(value) is cls:
            return value
        if not isinstance(value, str) or _is_id(value) is None:
            raise InvalidAttachmentId(value)
        return super().__new__(cls, value)

    @property
    def short(self) -> str:
        """The first 12 digits: enough for people to tell attachments apart, and for `workspace.get`."""
        return self[:12]


def content_id(data: BytesLike) -> AttachmentId:
    """The id that `data` has in every store."""
    return AttachmentId(hashlib.sha256(data).hexdigest())


class ImageMediaType(StrEnum):
    """The image types that lash knows by name. Others are plain `MediaType`s."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    WEBP = "image/webp"
    BMP = "image/bmp"

    @classmethod
    def from_mime(cls, mime: str) -> ImageMediaType | None:
        """The member for `mime`, whatever its case and whichever alias; `None` where lash has no name for it."""
        try:
            return cls(MediaType(mime).essence)
        except ValueError:
            return None

    def canonical_mime(self) -> str:
        """The registered name, such as `image/jpeg`."""
        return str(self.value)


class MediaType(str):
    """A media type (MIME type): trimmed, lower-case, aliases such as image/jpg resolved, parameters kept.

    Raises:
        InvalidMediaType: where the text has not the form `type/subtype`, with or without parameters.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        if type(value) is cls:
            return value
        if not isinstance(value, str) or len(value) > 1024:
            raise InvalidMediaType(value)
        name, semicolon, rest = str.partition(value.value if isinstance(value, Enum) else value, ";")
        essence = name.strip().lower()
        if _is_media_type(essence) is None:
            raise InvalidMediaType(value)
        if _are_parameters(semicolon + rest) is None:
            raise InvalidMediaType(value)
        return super().__new__(cls, "; ".join([_ALIASES.get(essence, essence), *_each_parameter(rest)]))

    @classmethod
    def parse(cls, value: str | Mapping[str, Any]) -> Self:
        """Read either spelling that lash writes: a MIME string, or `{"kind": "image", "type": "png"}`.

        Raises:
            InvalidMediaType: where it is neither.
        """
        if isinstance(value, str):
            return cls(value)
        try:
            kind, name = value["kind"], value["type"]
        except (TypeError, KeyError, IndexError):
            raise InvalidMediaType(value) from None
        return cls(f"{kind}/{name}")

    @property
    def essence(self) -> str:
        """Type and subtype without parameters."""
        return self.partition(";")[0]

    @property
    def family(self) -> str:
        """The part before the slash: `image`, `audio`, `video`, `text`, `application`, …"""
        return self.partition("/")[0]

    @property
    def is_image(self) -> bool:
        """Whether this is any kind of picture, SVG included."""
        return self.startswith("image/")

    def canonical_mime(self) -> str:
        """Type and subtype as a plain string: what goes onto a wire."""
        return self.essence


def _check_facts(facts: AttachmentCreateMeta | _Facts) -> None:
    """Coerce and check the fields that metadata and refs share."""
    if type(facts.media_type) is not MediaType:
        object.__setattr__(facts, "media_type", MediaType(facts.media_type))
    for name, size in (("width", facts.width), ("height", facts.height)):
        if size is not None and (type(size) is not int or size < 1):
            raise ValueError(f"{name} is {size!r}; it is a whole number of pixels from 1 on, or None where unknown")
    if facts.label is not None:
        if not isinstance(facts.label, str):
            raise TypeError(f"label is a {type(facts.label).__name__}; it is a str or None")
        if len(facts.label) > LABEL_LIMIT:
            raise ValueError(f"label has {len(facts.label):,} characters; {LABEL_LIMIT:,} are the most")


@dataclass(frozen=True, slots=True)
class AttachmentCreateMeta:
    """What a caller says of bytes that are about to be stored.

    Args:
        media_type: what the bytes are; any spelling of a media type.
        width: pixels of the picture as shown upright; `None` where unknown or not a picture.
        height: the same.
        label: a name for people; hostile text as far as lashkit is concerned.
    """

    media_type: MediaType
    width: int | None = field(default=None, kw_only=True)
    height: int | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_facts(self)

    def describe(self, attachment_id: AttachmentId, byte_len: int) -> AttachmentMeta:
        """The metadata of an attachment of these facts with this id and length."""
        return AttachmentMeta(
            id=attachment_id,
            media_type=self.media_type,
            byte_len=byte_len,
            width=self.width,
            height=self.height,
            label=self.label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """The fields that `AttachmentMeta` and `AttachmentRef` share; `byte_len` in bytes, sizes in upright pixels."""

    id: AttachmentId
    media_type: MediaType
    byte_len: int
    width: int | None = None
    height: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if type(self.id) is not AttachmentId:
            object.__setattr__(self, "id", AttachmentId(self.id))
        if type(self.byte_len) is not int or self.byte_len < 0:
            raise ValueError(f"byte_len is {self.byte_len!r}; it is a whole number of bytes from 0 on")
        _check_facts(self)

    def facts(self) -> AttachmentCreateMeta:
        """The facts that a caller says of the bytes: what another put of them needs."""
        return AttachmentCreateMeta(self.media_type, width=self.width, height=self.height, label=self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentMeta(_Facts):
    """What a store knows of an attachment beside its bytes."""

    def as_ref(self) -> AttachmentRef:
        """The ref to this attachment."""
        return AttachmentRef(
            id=self.id,
            media_type=self.media_type,
            byte_len=self.byte_len,
            width=self.width,
            height=self.height,
            label=self.label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRef(_Facts):
    """A pointer to an attachment, with enough facts to talk about it. A plain value: it knows no store."""

    @property
    def ref(self) -> AttachmentRef:
        """Itself, so that a ref and an `Attachment` can be used alike."""
        return self

    def meta(self) -> AttachmentMeta:
        """The same facts as metadata."""
        return AttachmentMeta(
            id=self.id,
            media_type=self.media_type,
            byte_len=self.byte_len,
            width=self.width,
            height=self.height,
            label=self.label,
        )

    def canonical_mime(self) -> str:
        """Type and subtype as a plain string: what goes onto a wire."""
        return self.media_type.canonical_mime()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display import mimebundle

        return mimebundle(self, include=include, exclude=exclude)


# Inside the class below, `bytes` is the field.
_Bytes = bytes


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """An attachment as read back: metadata and bytes. The bytes stay out of its repr."""

    meta: AttachmentMeta
    bytes: _Bytes = field(repr=False)

    @property
    def ref(self) -> AttachmentRef:
        """The ref to this attachment."""
        return self.meta.as_ref()

    def image(self) -> Image.Image:
        """The picture, decoded and turned upright: an animated one as its first frame.

        Returns:
            A loaded PIL image of `meta.width` x `meta.height` pixels.

        Raises:
            DecodeError: where the bytes are no picture, are damaged, or are so large that decoding is not safe.
        """
        from lashkit.ingestion.pictures import decode

        return decode(self.bytes, label=self.meta.label)

    def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """The bytes as text.

        Args:
            encoding: a codec's name; by default the media type's `charset`, else UTF-8 (a byte order mark is dropped).
            errors: as in `bytes.decode`.

        Raises:
            DecodeError: where the bytes are not text in that encoding, or the encoding is unknown.
        """
        from lashkit.errors import DecodeError

        declared = re.search(r'charset="?([\w.:-]+)', self.meta.media_type, re.IGNORECASE)
        codec = encoding or (declared[1] if declared else "utf-8-sig")
        try:
            return self.bytes.decode(codec, errors)
        except (UnicodeError, LookupError) as exc:
            name = codec.removesuffix("-sig")
            raise DecodeError(f"attachment {self.meta.id.short} is not {name} text; pass encoding=") from exc

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display import mimebundle

        return mimebundle(self, include=include, exclude=exclude)


@dataclass(frozen=True, slots=True)
class StoredBlobRef:
    """One listed blob: its id, its length in bytes, and when its bytes last changed (epoch milliseconds)."""

    id: AttachmentId
    byte_len: int
    last_modified_epoch_ms: int


class DurabilityTier(Enum):
    """lash's shared scale: `INLINE` dies with the process, `DURABLE` does not."""

    INLINE = "inline"
    DURABLE = "durable"


class AttachmentStorePersistence(Enum):
    """Whether what a store acknowledged outlives the process."""

    EPHEMERAL = "ephemeral"
    DURABLE = "durable"

    def durability_tier(self) -> DurabilityTier:
        """The same fact on the shared scale."""
        return DurabilityTier.DURABLE if self is AttachmentStorePersistence.DURABLE else DurabilityTier.INLINE
