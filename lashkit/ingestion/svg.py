"""The size of an SVG from its root element, read without an XML parser: nothing is expanded, fetched or built.

Only the prolog and the first start tag are looked at, in linear time. Entities that the document declares are never
replaced, so declaring them is harmless.
"""

from __future__ import annotations

import re
from html import unescape
from math import floor

__all__ = ["root_of", "size_of"]

_MISC = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^\[>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^\[>\"']*)*", re.IGNORECASE)
_SUBSET_PART = re.compile(r"<!--.*?-->|<\?.*?\?>|<!(?:[^>\"'-]|\"[^\"]*\"|'[^']*'|-(?!-))*>|[^\]<]+", re.DOTALL)
_ROOT = re.compile(r"<([^\W\d][\w.-]*(?::[\w.-]+)?)((?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*/?>")
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LENGTH = re.compile(
    r"\s*([+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:[eE][+-]?\d{1,2})?)\s*(px|pt|pc|in|cm|mm|q)?\s*", re.I
)
_NUMBERS = re.compile(r"[\s,]+")

_UNITS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6}
_LIMIT = 2**31


def root_of(text: str) -> tuple[str, dict[str, str]] | None:
    """Name and attributes of the first element of a markup document; `None` where `text` does not begin like one.

    >>> root_of('<?xml version="1.0"?><!-- a --><svg width="4"/>')
    ('svg', {'width': '4'})
    """
    position = _skip(text, 0)
    if doctype := _DOCTYPE.match(text, position):
        position = doctype.end()
        if text.startswith("[", position):
            position = _after_subset(text, position + 1)
        position = _skip(text, text.find(">", position) + 1)
    root = _ROOT.match(text, position)
    if root is None:
        return None
    attributes = {
        name: unescape(double or single) if len(double or single) < 1000 else ""
        for name, double, single in _ATTRIBUTE.findall(root[2])
    }
    return root[1], attributes


def _skip(text: str, position: int) -> int:
    while part := _MISC.match(text, position):
        position = part.end()
    return position


def _after_subset(text: str, position: int) -> int:
    while part := _SUBSET_PART.match(text, position):
        position = part.end()
    return position


def size_of(attributes: dict[str, str]) -> tuple[int, int] | None:
    """Width and height in user units (CSS pixels, 96 to the inch), rounded to whole ones, at least 1.

    Absolute lengths count; what is missing, a percentage or in a font's unit comes from the viewBox: both of its sides,
    or one in proportion. `None` where that says nothing either.

    >>> size_of({"width": "1in", "viewBox": "0 0 200 100"})
    (96, 48)
    """
    width, height = _length(attributes.get("width")), _length(attributes.get("height"))
    box = _view_box(attributes.get("viewBox"))
    if box:
        if width is None and height is None:
            width, height = box
        elif width is None and height is not None:
            width = height * box[0] / box[1]
        elif height is None and width is not None:
            height = width * box[1] / box[0]
    if not width or not height or max(width, height) >= _LIMIT:
        return None
    return max(1, floor(width + 0.5)), max(1, floor(height + 0.5))


def _length(text: str | None) -> float | None:
    """`text` in user units; `None` where it is no absolute length of 0 or more."""
    found = _LENGTH.fullmatch(text) if text is not None and len(text) < 100 else None
    if found is None:
        return None
    value = float(found[1]) * _UNITS[(found[2] or "").lower()]
    return value if value >= 0 else None


def _view_box(text: str | None) -> tuple[float, float] | None:
    parts = [part for part in _NUMBERS.split(text) if part] if text is not None and len(text) < 500 else []
    sides = [_length(part) for part in parts[2:]] if len(parts) == 4 else []
    if len(sides) != 2 or not sides[0] or not sides[1]:
        return None
    return sides[0], sides[1]
