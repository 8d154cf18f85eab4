"""What a source is, by its content. A file name may only refine what the content leaves open."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

from lashkit.errors import InvalidMediaType
from lashkit.ingestion import pictures, svg, texts
from lashkit.ingestion.headers import Size
from lashkit.ingestion.reading import HEAD_BYTE_LEN, HeaderReader
from lashkit.ingestion.signatures import signature_of
from lashkit.values import MediaType

__all__ = ["OCTET_STREAM", "Content", "look_at"]

OCTET_STREAM = MediaType("application/octet-stream")

# Zip archives whose kind their content tells only to those who read all of it.
_ZIP_NAMES = {
    ".apk": "application/vnd.android.package-archive",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".jar": "application/java-archive",
    ".kmz": "application/vnd.google-earth.kmz",
    ".npz": "application/x-npz",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_OLE_NAMES = {
    ".doc": "application/msword",
    ".msg": "application/vnd.ms-outlook",
    ".ppt": "application/vnd.ms-powerpoint",
    ".xls": "application/vnd.ms-excel",
}
_TEXTUAL_PICTURES = (
    b"/*",
    b"#define",
    b"\n#define",
    b"P1",
    b"P2",
    b"P3",
    b"P7 332",
    b"%!PS",
    b"SIMPLE  =",
)


@dataclass(frozen=True, slots=True)
class Content:
    """What the content says.

    Attributes:
        media_type: the best name for it; `application/octet-stream` where nothing fits or nothing is there.
        size: upright width and height in pixels, where it is a picture and its header tells.
        certain: whether a signature, a parser or the text itself vouches for the type, beyond a guess.
        textual: whether it reads as text.
        binary: whether it holds control characters that no text has. Asked only of what nothing else fits.
        byte_len: how much of it was seen; 0 only for an empty source.
    """

    media_type: MediaType
    size: Size | None = None
    certain: bool = False
    textual: bool = False
    binary: bool = False
    byte_len: int = 0


def look_at(file: IO[bytes], *, start: int = 0, name: str = "", declared: MediaType | None = None) -> Content:
    """Say what `file` holds from `start` on. It is read at a few places only, whatever its length.

    Args:
        file: seekable and binary; it is not closed, and its position afterwards is anywhere.
        start: bytes before it are not looked at.
        name: a file name that may refine a general type: `text/plain` to `text/markdown`, a zip archive to a document.
        declared: a media type that speaks for picture formats without a signature; it decides nothing else here.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    reader = HeaderReader(file, start)
    head = reader.read(HEAD_BYTE_LEN)
    if not head:
        return Content(OCTET_STREAM)
    if len(head) < HEAD_BYTE_LEN:
        tail = head
    else:
        reader.seek(max(reader.seek(0, os.SEEK_END) - HEAD_BYTE_LEN, 0))
        tail = reader.read(HEAD_BYTE_LEN)
    return _judge(reader, head, tail, name, declared)


def _judge(reader: HeaderReader, head: bytes, tail: bytes, name: str, declared: MediaType | None) -> Content:
    extension = os.path.splitext(name)[1].lower()
    signed = signature_of(head, tail)
    if signed is not None:
        size = pictures.measure(reader, signed) if signed.startswith("image/") else None
        return Content(_refined(signed, extension), size, certain=True, byte_len=len(head))
    whole = len(head) < HEAD_BYTE_LEN
    text = texts.text_of(head, whole=whole)
    if text is None or head.lstrip(b" \t\r").startswith(_TEXTUAL_PICTURES):
        found = pictures.identify(reader, tail, (name, declared.essence if declared else ""))
        if found is not None:
            return Content(MediaType(found[0]), found[1], certain=True, byte_len=len(head))
    if text is not None:
        kind, size = texts.kind_of(text, extension, whole=whole), None
        if kind == "image/svg+xml" and (root := svg.root_of(text.content)):
            size = svg.size_of(root[1])
        return Content(MediaType(kind), size, certain=True, textual=True, byte_len=len(head))
    guess = _puremagic(head, tail) or texts.legacy_kind_of(head, extension)
    return Content(MediaType(guess or OCTET_STREAM), binary=texts.is_binary(head), byte_len=len(head))


def _refined(kind: str, extension: str) -> MediaType:
    names = {"application/zip": _ZIP_NAMES, "application/x-ole-storage": _OLE_NAMES}.get(kind, {})
    return MediaType(names.get(extension, kind))


def _puremagic(head: bytes, tail: bytes) -> MediaType | None:
    """The type of the longest magic number that puremagic finds, if it is long enough to mean something."""
    import puremagic

    try:
        matches = puremagic.magic_string(head if head == tail else head + tail)
    except (LookupError, ValueError):
        return None
    for match in sorted(matches, key=lambda one: -len(one.byte_match)):
        said = match.byte_match.strip(b"\0\xff")
        if (
            match.offset >= 0
            and len(match.byte_match) >= 4
            and len(said) >= 2
            and not match.mime_type.startswith("text/")
        ):
            try:
                return MediaType(match.mime_type)
            except InvalidMediaType:
                continue
    return None
