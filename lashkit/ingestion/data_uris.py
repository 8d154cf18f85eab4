"""Data URIs (RFC 2397) to bytes."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from lashkit.errors import IngestError, InvalidMediaType
from lashkit.ingestion.reading import shown, told
from lashkit.values import MediaType

__all__ = ["is_data_uri", "read_data_uri"]

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SPACE = re.compile(rb"[ \t\r\n\f]+")


def is_data_uri(text: str) -> bool:
    """Whether `text` begins like one, in any case."""
    return text[:5].lower() == "data:"


def read_data_uri(uri: str) -> tuple[bytes, MediaType | None]:
    """The bytes in `uri`, and the media type that it declares, if it does.

    Base64 (also the URL-safe alphabet, white space, and without its padding) and percent escapes are read.

    Raises:
        IngestError: there is no comma, or the media type, an escape or the base64 is malformed.

    >>> read_data_uri("data:text/plain;base64,aGk=")
    (b'hi', 'text/plain')
    >>> read_data_uri("data:,a%20b")
    (b'a b', None)
    """
    head, comma, body = uri[5:].partition(",")
    if not comma:
        raise IngestError(
            f"{shown(uri)} is no data URI: it has no comma; one looks like data:image/png;base64,iVBOR..."
        )
    name, packed = re.subn(r"\s*;\s*base64\s*$", "", head, count=1, flags=re.IGNORECASE)
    return (_from_base64(body) if packed else _from_escapes(body)), _declared(name)


def _declared(name: str) -> MediaType | None:
    if not name.strip():
        return None
    try:
        return MediaType(_unescaped(f"text/plain{name}" if name.lstrip().startswith(";") else name))
    except InvalidMediaType as exc:
        raise IngestError(f"the data URI declares no media type: {exc}") from exc


def _unescaped(text: str) -> str:
    return unquote_to_bytes(_encodable(text)).decode("utf-8", "replace")


def _from_escapes(body: str) -> bytes:
    if bad := _BAD_ESCAPE.search(body):
        raise IngestError(
            f"the data URI has a malformed escape, {shown(body[bad.start() : bad.start() + 3])}; "
            "write a percent sign as %25"
        )
    return unquote_to_bytes(_encodable(body))


def _from_base64(body: str) -> bytes:
    data = _SPACE.sub(b"", _from_escapes(body)).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(data.rstrip(b"=") + b"=" * (-len(data.rstrip(b"=")) % 4), validate=True)
    except binascii.Error as exc:
        raise IngestError(
            f"the data URI holds malformed base64 ({told(exc)}); encode it again with base64.b64encode"
        ) from exc


def _encodable(text: str) -> str:
    """`text` with lone surrogates replaced: they have no bytes."""
    return text.encode("utf-8", "replace").decode("utf-8")
