"""The size of AVIF and HEIF stills from their boxes (ISO/IEC 14496-12 and 23008-12).

For files that Pillow's plugins cannot open: cut ones, very large ones, and HEIC where pillow-heif is not installed.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lashkit.ingestion.reading import HeaderReader

__all__ = ["isobmff"]

_META_LIMIT = 1024 * 1024


def isobmff(reader: HeaderReader) -> tuple[int, int] | None:
    """An AVIF or HEIF still: the primary item's spatial extent, cropped (HEIF only) and turned by its properties."""
    head = reader.at(0, 16)
    cropping = head[8:12] not in (b"avif", b"avis") and b"avif" not in reader.at(8, 64)
    boxes = dict(reversed(_boxes(_meta_box(reader)[4:])))
    properties = dict(reversed(_boxes(boxes.get(b"iprp", b""))))
    primary, held, links = boxes.get(b"pitm", b""), properties.get(b"ipco", b""), properties.get(b"ipma", b"")
    if len(primary) < 6 or len(links) < 8:
        return None
    item = int.from_bytes(primary[4:8] if primary[0] else primary[4:6], "big")
    kept = _boxes(held)
    size: tuple[int, int] | None = None
    for index in _linked(links, item):
        name, body = kept[index - 1] if 0 < index <= len(kept) else (b"", b"")
        if name == b"ispe" and len(body) >= 12:
            size = struct.unpack(">II", body[4:12])
        elif name == b"clap" and cropping and size and len(body) >= 16:
            size = _cropped(size, body)
        elif name == b"irot" and body and size:
            size = (size[1], size[0]) if body[0] & 1 else size
    return size if size and 0 not in size else None


def _cropped(size: tuple[int, int], body: bytes) -> tuple[int, int]:
    wide_over, wide_under, high_over, high_under = struct.unpack(">4I", body[:16])
    if not (wide_under and high_under):
        return size
    width, height = wide_over // wide_under, high_over // high_under
    return (width, height) if 0 < width <= size[0] and 0 < height <= size[1] else size


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 0
    while len(data) - position >= 8:
        length, name = struct.unpack_from(">I4s", data, position)
        head = 8
        if length == 1 and len(data) - position >= 16:
            length, head = struct.unpack_from(">Q", data, position + 8)[0], 16
        elif length == 0:
            length = len(data) - position
        if length < head:
            break
        found.append((name, data[position + head : position + length]))
        position += length
    return found


def _meta_box(reader: HeaderReader) -> bytes:
    """The body of the file's meta box, wherever in the file it is; empty where there is none of a sane length."""
    position = 0
    while len(head := reader.at(position, 16)) >= 8:
        length, name = struct.unpack_from(">I4s", head)
        skip = 8
        if length == 1 and len(head) == 16:
            length, skip = int.from_bytes(head[8:], "big"), 16
        if name == b"meta":
            return reader.at(position + skip, min(max(length - skip, 0), _META_LIMIT))
        if length < skip:
            break
        position += length
    return b""


def _linked(links: bytes, item: int) -> list[int]:
    """The indices, from 1, of the properties of `item` in an ipma box, in order."""
    wide_items, wide_indices = links[0] >= 1, links[3] & 1
    position = 8
    for _ in range(int.from_bytes(links[4:8], "big")):
        step = 4 if wide_items else 2
        if position + step >= len(links):
            return []
        this = int.from_bytes(links[position : position + step], "big")
        count = links[position + step]
        position += step + 1
        width = 2 if wide_indices else 1
        if this == item:
            mask = 0x7FFF if wide_indices else 0x7F
            ends = range(position, min(position + count * width, len(links) - width + 1), width)
            return [int.from_bytes(links[at : at + width], "big") & mask for at in ends]
        position += count * width
    return []
