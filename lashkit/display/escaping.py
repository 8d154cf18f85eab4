"""Hostile text made harmless: what cannot be seen is made visible, then what HTML would read is escaped.

Labels, media types and contents come from anywhere. A right-to-left override can make `exe.gpj` read as `jpg.exe`, and
tag characters can carry a hidden message, so every character that shows nothing or reorders its neighbours is
written as an escape such as `\\u202e`.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["cut", "escaped", "visible"]

# Controls, bidi and other format characters, line separators, fillers, surrogates, noncharacters. The emoji variation
# selectors FE0E and FE0F and the joiners 200C and 200D stay where they follow what uses them: a character beyond ASCII.
_UNSEEN = re.compile(
    "(?<![\u0080-\U0010ffff])[\u200c\u200d\ufe0e\ufe0f]|"
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNSEEN_IN_PROSE = re.compile(r"(?![\n\t])(?:" + _UNSEEN.pattern + ")")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _mark(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str, *, multiline: bool = False) -> str:
    r"""`text` with each unseen character written as an escape; UTF-8 can always encode the result.

    Args:
        multiline: keep line feeds and tabs; carriage returns before line feeds go.

    >>> visible("invoice\u202egpj.exe")
    'invoice\\u202egpj.exe'
    """
    if multiline:
        return _UNSEEN_IN_PROSE.sub(_mark, text.replace("\r\n", "\n"))
    return _UNSEEN.sub(_mark, text)


def cut(text: str, limit: int) -> str:
    """`visible(text)` on one line, of `limit` characters at most; what is longer ends by saying how long it was.

    >>> cut("a" * 10_000, 40)
    'aaaaaaaaaaaaaaaaaaa… (10,000 characters)'
    """
    seen = visible(text[: limit + 1])
    if len(text) <= limit and len(seen) <= limit:
        return seen
    ending = f"… ({len(text):,} characters)"
    return seen[: limit - len(ending)] + ending


def escaped(text: str) -> str:
    """`text` for use between tags and between quotes: `&`, `<`, `>`, both quotes."""
    return escape(text, quote=True)
