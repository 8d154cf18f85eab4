"""How many pages a PDF has, as far as that can be read without a PDF library."""

from __future__ import annotations

import re
import zlib

__all__ = ["page_count"]

_OBJECT_STREAM = re.compile(rb"/Type\s*/ObjStm\b")
_STREAM = re.compile(rb"stream\r?\n")
_PAGES = re.compile(rb"/Type\s*/Pages\b")
_PAGE = re.compile(rb"/Type\s*/Page\b")
_COUNT = re.compile(rb"/Count\s+(\d{1,7})\b")
_INFLATED_LIMIT = 16 * 1024 * 1024
_STREAM_LIMIT = 1024 * 1024


def page_count(data: bytes) -> int | None:
    """The number of pages of the PDF in `data`; `None` where it is no PDF, is damaged, or does not say it openly.

    Compressed object streams are looked into, within limits; encrypted ones are not.

    >>> page_count(b"%PDF-1.4 1 0 obj <</Type /Pages /Count 3 /Kids []>> endobj")
    3
    """
    if b"%PDF-" not in data[:1024]:
        return None
    texts = [data, *_object_streams(data)]
    counts = [
        int(count[1]) for text in texts for node in _PAGES.finditer(text) for count in _counts(text, node.start())
    ]
    if counts:
        return max(counts) or None
    return sum(len(_PAGE.findall(text)) for text in texts) or None


def _counts(text: bytes, position: int) -> list[re.Match[bytes]]:
    """The /Count of the page tree node whose /Type is at `position`: in the same object, before or after it."""
    around = max(text.rfind(b"obj", max(0, position - 65536), position), 0)
    end = text.find(b"endobj", position, position + 65536)
    return list(_COUNT.finditer(text, around, end if end >= 0 else position + 65536))


def _object_streams(data: bytes) -> list[bytes]:
    found, left = [], _INFLATED_LIMIT
    for mark in _OBJECT_STREAM.finditer(data):
        body = _STREAM.search(data, mark.end(), mark.end() + 4096)
        if body is None or left <= 0:
            continue
        try:
            text = zlib.decompressobj().decompress(
                data[body.end() : body.end() + _STREAM_LIMIT], min(left, _STREAM_LIMIT)
            )
        except zlib.error:
            continue
        left -= len(text)
        found.append(text)
    return found
