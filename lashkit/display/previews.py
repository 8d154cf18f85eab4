"""What of an attachment can be shown inline, how many bytes that takes, and how it becomes a data URI or text."""

from __future__ import annotations

import base64
import codecs
import re
from dataclasses import dataclass
from typing import Literal

from lashkit.display.lines import Facts, bytes_in_words, dimensions
from lashkit.display.thumbnails import Thumbnail, Undrawable, cached_thumbnail, thumbnail
from lashkit.values import BytesLike

__all__ = [
    "CARD",
    "GALLERY",
    "Budget",
    "Excerpt",
    "Nothing",
    "Picture",
    "Player",
    "Preview",
    "preview",
    "preview_byte_len",
    "view_budget",
]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of an attachment one kind of showing may carry: pixels of a box, and bytes before base64 or escaping."""

    box_px: int
    picture_byte_len: int
    text_byte_len: int
    media_byte_len: int


CARD = Budget(box_px=256, picture_byte_len=12_000, text_byte_len=2_000, media_byte_len=1_000_000)
GALLERY = Budget(box_px=160, picture_byte_len=6_000, text_byte_len=240, media_byte_len=0)


def view_budget(max_px: int) -> Budget:
    """What fits into 120 KB of HTML: 85,000 bytes in base64, or 16,000 bytes of text of which each may escape to 6."""
    return Budget(box_px=max_px, picture_byte_len=85_000, text_byte_len=16_000, media_byte_len=85_000)


@dataclass(frozen=True, slots=True)
class Picture:
    """An `<img>`: a data URI, and its size in CSS pixels where known. `source_size` is that of the whole picture."""

    src: str
    size: tuple[int, int] | None
    source_size: tuple[int, int] | None
    transparent: bool


@dataclass(frozen=True, slots=True)
class Player:
    """An `<audio>` or `<video>` with its data URI."""

    tag: Literal["audio", "video"]
    src: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text, unescaped; `rest_byte_len` bytes follow."""

    text: str
    rest_byte_len: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """No preview; `reason` says why where that is not plain from the type."""

    reason: str | None = None


Preview = Picture | Player | Excerpt | Nothing
Kind = Literal["picture", "svg", "text", "audio", "video", "other"]

# A larger picture is not worth reading for a thumbnail.
_PICTURE_BYTE_LIMIT = 64 * 1024 * 1024

_SVG = "image/svg+xml"
_PLAYABLE: dict[str, Literal["audio", "video"]] = {
    "audio/aac": "audio",
    "audio/flac": "audio",
    "audio/mp4": "audio",
    "audio/mpeg": "audio",
    "audio/ogg": "audio",
    "audio/opus": "audio",
    "audio/wav": "audio",
    "audio/webm": "audio",
    "video/mp4": "video",
    "video/ogg": "video",
    "video/webm": "video",
}
_TEXTUAL = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/jsonl",
        "application/sql",
        "application/toml",
        "application/x-ndjson",
        "application/x-python",
        "application/x-python-code",
        "application/x-sh",
        "application/x-tex",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
    }
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _kind(facts: Facts) -> Kind:
    essence = facts.media_type.essence
    if essence == _SVG:
        return "svg"
    if facts.media_type.is_image:
        return "picture"
    if essence.startswith("text/") or essence in _TEXTUAL or essence.endswith(("+json", "+xml", "+yaml")):
        return "text"
    return _PLAYABLE.get(essence, "other")


def preview_byte_len(facts: Facts, *, size: Literal["card", "gallery"]) -> int:
    """How many leading bytes of the attachment its preview needs now.

    Returns:
        0 where none is needed or no preview is possible, or where the thumbnail is cached; the whole length for
        pictures, sound and film; the length of an excerpt for text.
    """
    return _needs(facts, CARD if size == "card" else GALLERY)


def _needs(facts: Facts, budget: Budget) -> int:
    kind = _kind(facts)
    if kind == "text":
        return min(facts.byte_len, budget.text_byte_len)
    if kind == "other" or _refusal(facts, kind, budget) is not None or (kind == "picture" and _cached(facts, budget)):
        return 0
    return facts.byte_len


def _refusal(facts: Facts, kind: Kind, budget: Budget) -> str | None:
    """Why the facts alone rule a preview out, in words (none needed: empty); `None` where they do not."""
    if kind == "picture":
        limit = _PICTURE_BYTE_LIMIT
    elif kind == "svg":
        limit = budget.picture_byte_len
    elif kind in ("audio", "video"):
        limit = budget.media_byte_len
    else:
        return None
    if facts.byte_len <= limit:
        return None
    return f"too large to show here, beyond {bytes_in_words(limit)}" if limit else ""


def preview(facts: Facts, data: BytesLike | None, budget: Budget) -> Preview:
    """What to show of an attachment, given its leading bytes; never raises for what the bytes are.

    Args:
        data: as many leading bytes as `preview_byte_len` asks for, or more; `None` where the caller has none: then only
            a thumbnail that is still cached can be shown.
    """
    kind = _kind(facts)
    refused = _refusal(facts, kind, budget)
    if refused is not None:
        return Nothing(refused or None)
    if kind == "other":
        return Nothing()
    if facts.byte_len == 0:
        return Nothing("empty")
    if kind == "picture":
        return _picture(facts, data, budget)
    if data is None:
        return Nothing()
    raw = bytes(data)
    if kind == "text":
        return _excerpt(facts, raw[: budget.text_byte_len])
    if len(raw) < facts.byte_len:
        return Nothing(_partial(facts, raw))
    if kind == "svg":
        return _drawing(facts, raw, budget)
    return Player(kind, _data_uri(facts.media_type.essence, raw))


def _cached(facts: Facts, budget: Budget) -> Thumbnail | Undrawable | None:
    return cached_thumbnail(facts, box_px=budget.box_px, byte_budget=budget.picture_byte_len)


def _partial(facts: Facts, data: bytes) -> str:
    return f"needs all {bytes_in_words(facts.byte_len)}, and {bytes_in_words(len(data))} were read"


def _picture(facts: Facts, data: BytesLike | None, budget: Budget) -> Picture | Nothing:
    made = _cached(facts, budget)
    if made is None:
        if data is None:
            return Nothing()
        raw = bytes(data)
        if len(raw) < facts.byte_len:
            return Nothing(_partial(facts, raw))
        made = thumbnail(facts, raw, box_px=budget.box_px, byte_budget=budget.picture_byte_len)
    if isinstance(made, Undrawable):
        return Nothing(made.reason)
    return Picture(
        src=_data_uri("image/webp", made.webp),
        size=(made.width, made.height),
        source_size=(made.source_width, made.source_height),
        transparent=made.transparent,
    )


def _drawing(facts: Facts, data: bytes, budget: Budget) -> Picture | Nothing:
    """SVG is shown by the browser, inside `<img>`, where it can neither run scripts nor load anything."""
    if re.search(rb"<(?:\w+:)?svg[\s>/]", data) is None:
        return Nothing("cannot be decoded: no svg element")
    known = dimensions(facts)
    size = None
    if known:
        scale = min(1.0, budget.box_px / max(known))
        size = max(1, round(known[0] * scale)), max(1, round(known[1] * scale))
    return Picture(_data_uri(_SVG, data), size=size, source_size=known, transparent=True)


def _excerpt(facts: Facts, data: bytes) -> Excerpt:
    """The text that `data` begins with; a character cut in two at its end is left out, a wrong byte becomes U+FFFD."""
    final = len(data) >= facts.byte_len
    declared = re.search(r'charset="?([\w.:-]+)', facts.media_type, re.IGNORECASE)
    marked = [codec for bom, codec in _BOMS if data.startswith(bom)]
    codec = marked[0] if marked else declared[1] if declared else "utf-8-sig"
    try:
        b"-".decode(codec, "replace")  # refuses codecs such as zlib, which make bytes
        text = codecs.getincrementaldecoder(codec)("replace").decode(data, final)
    except Exception:  # noqa: BLE001  (the name is hostile, and what it names may be no codec for reading)
        text = codecs.getincrementaldecoder("utf-8-sig")("replace").decode(data, final)
    return Excerpt(text, rest_byte_len=facts.byte_len - len(data))


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
