"""Sizes of pictures, read by our own hand where Pillow would decode, read the whole file, warn, or give up.

Every function takes a `HeaderReader` and gives `(width, height)` in pixels as shown upright, or `None` where the header
is missing or cut. They agree with what Pillow says after decoding; the tests compare the two.
"""

from __future__ import annotations

import struct
import zlib
from math import ceil, log2
from typing import TYPE_CHECKING, Any

from lashkit.ingestion.exif import ORIENTATION, XMP, first_directory, orientation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lashkit.ingestion.reading import HeaderReader

__all__ = ["Size", "dcx", "gbr", "gif", "ico", "jpeg", "png", "tiff", "turned", "webp"]

Size = tuple[int, int]

_TEXT_LIMIT = 1024 * 1024
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def turned(size: Size, degree: int) -> Size:
    """`size` as shown, for an EXIF orientation of `degree`: 5 to 8 lie on their side."""
    return (size[1], size[0]) if degree >= 5 else size


def _positive(width: int, height: int) -> Size | None:
    return (width, height) if width > 0 and height > 0 else None


def png(reader: HeaderReader) -> Size | None:
    """A PNG: IHDR, turned by an eXIf, raw profile or XMP chunk anywhere in the file. Image data is skipped."""
    head = reader.at(0, 33)
    if len(head) < 24 or head[12:16] != b"IHDR":
        return None
    size = _positive(*struct.unpack(">II", head[16:24]))
    return turned(size, orientation(_png_info(reader))) if size else None


def _png_info(reader: HeaderReader) -> dict[Any, Any]:
    """The chunks that may hold an orientation, under the names that Pillow gives them, up to the first frame's end."""
    info: dict[Any, Any] = {}
    position, data_seen, frame_count = 8, False, 1
    try:
        while len(head := reader.at(position, 8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == b"IEND" or (name == b"fcTL" and data_seen and frame_count > 1):
                break
            data_seen = data_seen or name == b"IDAT"
            if name == b"acTL":
                frame_count = int.from_bytes(reader.read(4), "big")
            elif name in (b"eXIf", b"tEXt", b"zTXt", b"iTXt") and length <= _TEXT_LIMIT:
                _png_note(info, name, reader.read(length))
            position += 12 + length
    except OSError:
        pass  # more chunks than a header's read may walk: what was found so far counts
    return info


def _png_note(info: dict[Any, Any], name: bytes, data: bytes) -> None:
    if name == b"eXIf":
        info["exif"] = b"Exif\x00\x00" + data
        return
    raw_key, _, rest = data.partition(b"\0")
    key = raw_key.decode("latin-1")
    if key not in ("exif", "Raw profile type exif", "XML:com.adobe.xmp"):
        return
    if name == b"tEXt":
        info[key] = rest if key == "exif" else rest.decode("latin-1")
    elif name == b"zTXt":
        info[key] = _inflated(rest[1:]).decode("latin-1")
    else:
        packed = rest[:1] == b"\1"
        text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        info[key] = (_inflated(text) if packed else text).decode("utf-8", "replace")


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _TEXT_LIMIT)
    except zlib.error:
        return b""


def gif(reader: HeaderReader) -> Size | None:
    """A GIF: its logical screen, grown where the first frame reaches beyond it."""
    head = reader.at(0, 13)
    if len(head) < 10:
        return None
    width, height = struct.unpack("<HH", head[6:10])
    if len(head) == 13:
        position = 13 + (3 << ((head[10] & 7) + 1) if head[10] & 0x80 else 0)
        try:
            frame = _gif_frame(reader, position)
        except OSError:
            frame = None
        if frame:
            width, height = max(width, frame[0]), max(height, frame[1])
    return _positive(width, height)


def _gif_frame(reader: HeaderReader, position: int) -> Size | None:
    """The right and lower edge of the first frame."""
    reader.seek(position)
    while kind := reader.read(1):
        if kind == b",":
            box = reader.read(8)
            if len(box) < 8:
                return None
            left, top, width, height = struct.unpack("<HHHH", box)
            return left + width, top + height
        if kind == b"!":
            reader.read(1)
            while (length := reader.read(1)) not in (b"", b"\0"):
                reader.seek(reader.tell() + length[0])
        elif kind == b";":
            return None
    return None


def webp(reader: HeaderReader) -> Size | None:
    """A WebP: canvas or frame header, turned by its EXIF or XMP chunk. (Pillow would allocate the canvas.)"""
    head = reader.at(0, 30)
    kind = head[12:16]
    if kind == b"VP8X" and len(head) == 30:
        size = 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        return turned(size, orientation(_webp_info(reader, head[20])))
    if kind == b"VP8L" and len(head) >= 25 and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(head) == 30 and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return _positive(width & 0x3FFF, height & 0x3FFF)
    return None


def _webp_info(reader: HeaderReader, flags: int) -> dict[Any, Any]:
    info: dict[Any, Any] = {}
    names = {b"EXIF": ("exif", 0x08), b"XMP ": ("xmp", 0x04)}
    end = 8 + int.from_bytes(reader.at(4, 4), "little")
    position = 12
    try:
        while position + 8 <= end and len(head := reader.at(position, 8)) == 8:
            name, length = struct.unpack("<4sI", head)
            key, flag = names.get(name, ("", 0))
            if flags & flag and key not in info and length <= _TEXT_LIMIT:
                info[key] = reader.read(length)
            position += 8 + length + (length & 1)
    except OSError:
        pass  # see _png_info
    return info


def ico(reader: HeaderReader) -> Size | None:
    """An ICO: the frame that Pillow shows (the largest, then the shallowest), by its own header."""
    head = reader.at(0, 6)
    if len(head) < 6:
        return None
    table = reader.read(16 * int.from_bytes(head[4:6], "little"))
    entries = [table[at : at + 16] for at in range(0, len(table) - 15, 16)]
    if not entries:
        return None
    entries.sort(key=_ico_depth)
    best = max(entries, key=lambda entry: (entry[0] or 256) * (entry[1] or 256))
    frame = reader.at(int.from_bytes(best[12:16], "little"), 24)
    if frame.startswith(_PNG_MAGIC) and len(frame) == 24:
        return _positive(*struct.unpack(">II", frame[16:24]))
    dib = _dib_size(frame)
    return dib or (best[0] or 256, best[1] or 256)


def _ico_depth(entry: bytes) -> int:
    colours, depth = entry[2], int.from_bytes(entry[6:8], "little")
    return depth or (colours != 0 and ceil(log2(colours))) or 256


def _dib_size(header: bytes) -> Size | None:
    """Half the height that a bitmap in an icon declares: the other half is its mask."""
    length = int.from_bytes(header[:4], "little")
    if length == 12 and len(header) >= 8:
        width, height = struct.unpack("<HH", header[4:8])
    elif length >= 40 and len(header) >= 12:
        width, height = struct.unpack("<Ii", header[4:12])
    else:
        return None
    return _positive(width, abs(height) // 2)


def jpeg(reader: HeaderReader) -> Size | None:
    """A JPEG: its frame header, turned by the EXIF and XMP segments before the scan or a cut."""
    info: dict[Any, Any] = {}
    size = None
    try:
        for marker, body in _segments(reader):
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(body) >= 5:
                height, width = struct.unpack(">HH", body[1:5])
                size = _positive(width, height)
            elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
                info["exif"] = info["exif"] + body[6:] if "exif" in info else body
            elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
                info["xmp"] = body
    except OSError:
        pass  # see _png_info
    return turned(size, orientation(info)) if size else None


def _segments(reader: HeaderReader) -> Iterator[tuple[int, bytes]]:
    """The marker segments up to the first scan; padding and bytes between them are passed over."""
    reader.seek(2)
    while byte := reader.read(1):
        while byte == b"\xff":
            byte = reader.read(1)
            marker = byte[0] if byte else 0xD9
            if marker in (0xD9, 0xDA):
                return
            if marker not in (0x00, 0x01, 0xFF) and not 0xD0 <= marker <= 0xD8:
                length = int.from_bytes(reader.read(2), "big")
                yield marker, reader.read(max(length - 2, 0))


def tiff(reader: HeaderReader) -> Size | None:
    """A TIFF, or BigTIFF: the first page, turned by its tag, or by its XMP packet where it has no tag."""
    tags = first_directory(reader)
    width, height = tags.get(0x0100), tags.get(0x0101)
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    size = _positive(width, height)
    tag = tags.get(ORIENTATION)
    degree = orientation({"xmp": tags.get(XMP)}) if tag is None else tag
    return turned(size, degree if isinstance(degree, int) and degree <= 8 else 1) if size else None


def gbr(reader: HeaderReader) -> Size | None:
    """A GIMP brush."""
    head = reader.at(0, 24)
    if len(head) < 20:
        return None
    header_byte_len, version, width, height, depth = struct.unpack(">5I", head[:20])
    if header_byte_len < 20 or version not in (1, 2) or depth not in (1, 4) or max(width, height) > 0xFFFFFF:
        return None
    return _positive(width, height) if version == 1 or head[20:24] == b"GIMP" else None


def dcx(reader: HeaderReader) -> Size | None:
    """A DCX: the box of its first page, which is a PCX."""
    offset = int.from_bytes(reader.at(4, 4), "little")
    page = reader.at(offset, 12)
    if len(page) < 12 or page[0] != 10:
        return None
    left, top, right, bottom = struct.unpack("<4H", page[4:12])
    return _positive(right + 1 - left, bottom + 1 - top)
