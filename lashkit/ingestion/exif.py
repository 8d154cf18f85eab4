"""The few tags that decide how a picture stands: EXIF, XMP, and the first directory of a TIFF file.

Read by our own hand because Pillow warns over damaged tags, and warnings are caught only by touching the process's
filters. What is damaged turns nothing here.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from lashkit.ingestion.reading import HeaderReader

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ORIENTATION", "XMP", "first_directory", "orientation"]

ORIENTATION = 0x0112
XMP = 0x02BC

# Bytes of one value, by TIFF's number for its type.
_INTEGERS = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 16: 8}
_BYTES = frozenset({1, 2, 7})
_BLOCK_LIMIT = 1024 * 1024
_EXIF_MARK = re.compile(rb"(?:Exif\x00\x00){1,2}")
_XMP_ORIENTATION = re.compile(r'tiff:Orientation(?:="|>)([0-9])')


def orientation(info: Mapping[Any, Any]) -> int:
    """The EXIF orientation, 1 to 8, in an image's `info` as Pillow's plugins fill it; 1 where there is none.

    The EXIF block counts, in the key `exif` or as a raw profile; the XMP packet only where that has no such tag.

    >>> orientation({"xmp": b'<rdf:Description tiff:Orientation="6"/>'})
    6
    """
    block = info.get("exif")
    if block is None:
        block = _from_hex(info.get("Raw profile type exif"))
    value = (
        first_directory(HeaderReader(io.BytesIO(_EXIF_MARK.sub(b"", block, count=1)))).get(ORIENTATION)
        if block
        else None
    )
    if value is None:
        value = _in_packet(info.get("XML:com.adobe.xmp") or info.get("xmp"))
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _from_hex(profile: object) -> bytes | None:
    """The bytes of a raw profile, as ImageMagick writes them into PNG text: three lines, then hex digits."""
    try:
        return bytes.fromhex("".join(profile.split("\n")[3:])) if isinstance(profile, str) else None
    except ValueError:
        return None


def _in_packet(packet: object) -> int | None:
    text = packet.decode("latin-1") if isinstance(packet, bytes) else packet
    found = _XMP_ORIENTATION.search(text) if isinstance(text, str) else None
    return int(found[1]) if found else None


def first_directory(reader: HeaderReader) -> dict[int, int | bytes]:
    """The tags of a TIFF structure's first directory: the numbers that stand alone, and the XMP packet's bytes.

    Empty where there is none; cut where it is cut.
    """
    head = reader.at(0, 16)
    order = {b"II": "little", b"MM": "big"}.get(head[:2])
    if order is None:
        return {}
    wide = 43 in (head[2], head[3]) if len(head) >= 4 else False
    pointer, counter, entry = (8, 8, 20) if wide else (4, 2, 12)

    def number(data: bytes) -> int:
        return int.from_bytes(data, order)  # type: ignore[arg-type]

    found: dict[int, int | bytes] = {}
    try:
        start = number(head[8:16] if wide else head[4:8])
        count = number(reader.at(start, counter))
        table = reader.read(min(count, 65535) * entry)
        for at in range(0, len(table) - entry + 1, entry):
            tag, kind = number(table[at : at + 2]), number(table[at + 2 : at + 4])
            length, field = number(table[at + 4 : at + 4 + pointer]), table[at + 4 + pointer : at + entry]
            if length == 1 and kind in _INTEGERS:
                found[tag] = number(field[: _INTEGERS[kind]])
            elif tag == XMP and kind in _BYTES and pointer < length <= _BLOCK_LIMIT:
                found[tag] = reader.at(number(field), length)
    except OSError:
        pass  # it asks for more than a header has: what was found so far counts
    return found
