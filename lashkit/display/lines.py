"""An attachment in one line of plain text, and the numbers in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lashkit.display.escaping import cut
from lashkit.values import AttachmentMeta, AttachmentRef

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

__all__ = ["Facts", "bytes_in_words", "date_of", "dimensions", "plain"]

Facts = AttachmentMeta | AttachmentRef
"""What display needs to know of an attachment."""

LABEL_LIMIT = 80
TYPE_LIMIT = 80


def bytes_in_words(byte_len: int) -> str:
    """An exact length that people can read.

    >>> bytes_in_words(12345)
    '12,345 bytes'
    """
    return "1 byte" if byte_len == 1 else f"{byte_len:,} bytes"


def dimensions(facts: Facts) -> tuple[int, int] | None:
    """Width and height in upright pixels, where both are known."""
    return None if facts.width is None or facts.height is None else (facts.width, facts.height)


def plain(facts: Facts) -> str:
    """One line: label, media type, width x height, length, id; what is unknown is left out.

    >>> from lashkit import AttachmentRef
    >>> cat = AttachmentRef(id="ab" * 32, media_type="image/png", byte_len=12345, width=640, height=480, label="my cat")
    >>> plain(cat)
    'my cat  image/png  640x480  12,345 bytes  sha256:abababababab'
    """
    size = dimensions(facts)
    parts = [
        cut(facts.label, LABEL_LIMIT) if facts.label else "",
        cut(facts.media_type, TYPE_LIMIT),
        f"{size[0]}x{size[1]}" if size else "",
        bytes_in_words(facts.byte_len),
        f"sha256:{facts.id[:12]}",
    ]
    return "  ".join(part for part in parts if part)


def date_of(epoch_ms: int) -> str:
    """UTC to the second; the number itself where no calendar reaches."""
    try:
        return (_EPOCH + timedelta(milliseconds=epoch_ms)).strftime("%Y-%m-%d %H:%M:%S UTC")
    except OverflowError:
        return f"{epoch_ms} ms after 1970"
