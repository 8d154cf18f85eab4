"""Small WebP pictures made from whole attachments, within a box and a byte budget, cached by content.

The same bytes give the same thumbnail for one version of Pillow. Pictures are shown upright, as their first frame,
never enlarged; transparency is kept.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from lashkit.display.escaping import cut

if TYPE_CHECKING:
    from PIL import Image

    from lashkit.display.lines import Facts

    Source = tuple[Image.Image, tuple[int, int]]

__all__ = ["Thumbnail", "ThumbnailCache", "Undrawable", "cached_thumbnail", "thumbnail"]

_QUALITIES = (80, 60, 40, 20)
_REASON_LIMIT = 160


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP picture of `width` x `height` pixels; the source, upright, has `source_width` x `source_height`."""

    webp: bytes
    width: int
    height: int
    source_width: int
    source_height: int
    transparent: bool


@dataclass(frozen=True, slots=True)
class Undrawable:
    """Why there is no thumbnail: one short sentence, unescaped."""

    reason: str


Key = tuple[str, int, int, str]


class ThumbnailCache:
    """The most recently used outcomes, within `byte_limit` bytes of pictures. Safe in threads and in a forked child."""

    _OVERHEAD = 512

    def __init__(self, byte_limit: int) -> None:
        self._byte_limit = byte_limit
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._outcomes: OrderedDict[Key, Thumbnail | Undrawable] = OrderedDict()
        self.byte_len: int = 0

    def _guard(self) -> threading.Lock:
        # The parent's lock may have been held by another thread when this child was forked.
        if self._pid != os.getpid():
            self._fresh()
        return self._lock

    def get(self, key: Key) -> Thumbnail | Undrawable | None:
        """What was put under `key`, if it is still here; counts as a use."""
        with self._guard():
            outcome = self._outcomes.get(key)
            if outcome is not None:
                self._outcomes.move_to_end(key)
            return outcome

    def put(self, key: Key, outcome: Thumbnail | Undrawable) -> None:
        """Remember `outcome`, and forget what was not used for longest until all fits."""
        with self._guard():
            replaced = self._outcomes.pop(key, None)
            self.byte_len += self._weight(outcome) - (self._weight(replaced) if replaced else 0)
            self._outcomes[key] = outcome
            while self.byte_len > self._byte_limit:
                _, oldest = self._outcomes.popitem(last=False)
                self.byte_len -= self._weight(oldest)

    def _weight(self, outcome: Thumbnail | Undrawable) -> int:
        return self._OVERHEAD + (len(outcome.webp) if isinstance(outcome, Thumbnail) else 0)


_cache = ThumbnailCache(8 * 1024 * 1024)


def _key(facts: Facts, box_px: int, byte_budget: int) -> Key:
    # Formats without a signature are recognised by the label's extension.
    extension = os.path.splitext(facts.label or "")[1].lower()
    return facts.id, box_px, byte_budget, extension if len(extension) <= 8 else ""


def cached_thumbnail(facts: Facts, *, box_px: int, byte_budget: int) -> Thumbnail | Undrawable | None:
    """The outcome of an earlier `thumbnail` of the same content, box and budget, or `None`."""
    return _cache.get(_key(facts, box_px, byte_budget))


def thumbnail(facts: Facts, data: bytes, *, box_px: int, byte_budget: int) -> Thumbnail | Undrawable:
    """A picture of `data` of at most `box_px` x `box_px` pixels and `byte_budget` bytes, or why there is none.

    Args:
        data: the whole attachment that `facts.id` names; the caller vouches for that.
    """
    key = _key(facts, box_px, byte_budget)
    outcome = _cache.get(key)
    if outcome is None:
        outcome = _draw(data, facts.label, box_px, byte_budget)
        _cache.put(key, outcome)
    return outcome


def _draw(data: bytes, label: str | None, box_px: int, byte_budget: int) -> Thumbnail | Undrawable:
    try:
        picture, source = _drafted_jpeg(data, box_px) or _decoded(data, label)
        return _shrink(picture, source, box_px, byte_budget)
    except Exception as exc:  # noqa: BLE001  (decoders raise anything on hostile bytes; a display never raises)
        return Undrawable("cannot be decoded: " + _why(exc))


def _why(exc: Exception) -> str:
    """The error's text without memory addresses, so that the same bytes give the same sentence."""
    text = re.sub(r" at 0x[0-9A-Fa-f]+", "", str(exc)) or type(exc).__name__
    subject = "the attachment "
    return cut("it " + text.removeprefix(subject) if text.startswith(subject) else text, _REASON_LIMIT)


def _drafted_jpeg(data: bytes, box_px: int) -> Source | None:
    """A JPEG decoded no larger than a thumbnail needs, upright, and its full upright size.

    The decoder skips most of the work where half, a quarter or an eighth of the size is enough. `None` where this is
    no JPEG, or an unsafe or damaged one: the ordinary way says what is wrong with it.
    """
    from PIL import Image, ImageOps

    from lashkit.ingestion.pictures import measure
    from lashkit.ingestion.reading import HeaderReader

    if not data.startswith(b"\xff\xd8\xff"):
        return None
    size = measure(HeaderReader(io.BytesIO(data)), "image/jpeg")
    if size is None or (Image.MAX_IMAGE_PIXELS is not None and size[0] * size[1] > Image.MAX_IMAGE_PIXELS):
        return None
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as opened:
            opened.draft(None, (box_px * 2, box_px * 2))  # twice the box leaves room to resample well
            opened.load()
            return ImageOps.exif_transpose(opened), size
    except Exception:  # noqa: BLE001  (as above)
        return None


def _decoded(data: bytes, label: str | None) -> Source:
    """Any other picture, decoded whole."""
    from lashkit.errors import DecodeError
    from lashkit.ingestion.pictures import decode

    try:
        image = decode(data)
    except DecodeError as unnamed:
        if not label:
            raise
        try:
            image = decode(data, label=label)
        except DecodeError:
            raise unnamed from None
    return image, image.size


def _shrink(picture: Image.Image, source: tuple[int, int], box_px: int, byte_budget: int) -> Thumbnail:
    picture = _resized(_in_display_mode(picture), _fit(source, box_px))
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    webp, size = _encode(picture, byte_budget, crisp=max(source) <= box_px)
    return Thumbnail(webp, *size, *source, transparent=picture.mode == "RGBA")


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    from PIL import Image

    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _fit(size: tuple[int, int], box_px: int) -> tuple[int, int]:
    """`size` scaled down into the box, never up, and never to nothing."""
    scale = min(1.0, box_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _in_display_mode(image: Image.Image) -> Image.Image:
    """`image` as RGB or RGBA, whatever its mode; values beyond 8 bits are scaled, not clipped."""
    if image.mode in ("RGB", "RGBA"):
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _to_8_bits(image).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """A grey picture of integers or floats as 8 bits: 0..1 and 16-bit values keep their scale, others are stretched."""
    low, high = cast("tuple[float, float]", image.getextrema())
    if image.mode == "F":
        low, high = (0, 1) if low >= 0 and high <= 1 else (low, high)
    elif low >= 0 and high <= 0xFFFF:
        low, high = 0, 0xFFFF
    scale = 255 / ((high - low) or 1)
    offset = -low * scale
    return image.convert("F").point(lambda value: value * scale + offset).convert("L")


def _encode(picture: Image.Image, byte_budget: int, *, crisp: bool) -> tuple[bytes, tuple[int, int]]:
    """`picture` as WebP within the budget, and its size; lossless where `crisp` and it fits.

    What does not fit loses quality first, then pixels.
    """
    from PIL import Image

    if crisp:
        webp = _webp(picture, lossless=True, quality=80)
        if len(webp) <= byte_budget:
            return webp, picture.size
    while True:
        byte_len = 0
        for quality in _QUALITIES:
            webp = _webp(picture, lossless=False, quality=quality)
            byte_len = len(webp)
            if byte_len <= byte_budget:
                return webp, picture.size
        if picture.size == (1, 1):
            raise ValueError(f"one pixel takes more than {byte_budget} bytes")
        scale = min(0.85, 0.95 * (byte_budget / byte_len) ** 0.5)
        smaller = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)


def _webp(picture: Image.Image, *, lossless: bool, quality: int) -> bytes:
    out = io.BytesIO()
    # Without these, Pillow copies the source's own profile and tags, which may be larger than the budget.
    bare = {"icc_profile": b"", "exif": b"", "xmp": b""}
    alpha = 100 if lossless or quality >= 80 else quality
    picture.save(out, "WEBP", lossless=lossless, quality=quality, alpha_quality=alpha, method=4, **bare)
    return out.getvalue()
