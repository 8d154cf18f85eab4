"""Text: whether bytes are text, and which kind."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass

from lashkit.ingestion import svg

__all__ = ["Text", "is_binary", "kind_of", "legacy_kind_of", "text_of"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What text does not hold. Tabs, line ends, form feeds, escapes and backspaces (terminal transcripts) are fine.
_BINARY = re.compile(r"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_BINARY_BYTES = re.compile(rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")

_EXTENSIONS = {
    ".bib": "text/x-bibtex",
    ".c": "text/x-c",
    ".css": "text/css",
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".h": "text/x-c",
    ".htm": "text/html",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".ipynb": "application/x-ipynb+json",
    ".java": "text/x-java",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".ndjson": "application/x-ndjson",
    ".py": "text/x-python",
    ".rs": "text/x-rust",
    ".rst": "text/x-rst",
    ".sh": "application/x-sh",
    ".sql": "application/sql",
    ".srt": "application/x-subrip",
    ".svg": "image/svg+xml",
    ".tex": "text/x-tex",
    ".toml": "application/toml",
    ".ts": "text/x-typescript",
    ".tsv": "text/tab-separated-values",
    ".vcf": "text/vcard",
    ".vtt": "text/vtt",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_OPENINGS = (
    ("{\\rtf", "application/rtf"),
    ("%!PS", "application/postscript"),
    ("BEGIN:VCALENDAR", "text/calendar"),
    ("BEGIN:VCARD", "text/vcard"),
    ("WEBVTT", "text/vtt"),
)
_HTML_ROOTS = frozenset({"html", "head", "body"})
_html_opening = re.compile(r"\s*<!doctype\s+html\b", re.IGNORECASE).match

_JSON_TOKENS = re.compile(
    r'(?:[\s{}\[\],:]|"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)*', re.DOTALL
)
_JSON_END = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*\\?|-|-?\d+(?:\.\d*)?[eE]?[+-]?|[a-z]{0,4}', re.DOTALL)
_JSON_START = re.compile(r'\s*(?:\{\s*["}]|\[\s*(?:[\[{"\]\d-]|true|false|null))')


@dataclass(frozen=True, slots=True)
class Text:
    """The beginning of a text: its characters without a byte order mark, and its encoding where a mark names one."""

    content: str
    charset: str | None = None


def text_of(head: bytes, *, whole: bool) -> Text | None:
    """`head` as text, where it is UTF-8 or begins with a byte order mark and has no control characters.

    Args:
        head: the first bytes.
        whole: whether these are all; else the last character may be cut.

    >>> text_of("Käse".encode(), whole=True).content
    'Käse'
    >>> text_of(b"PK\\x03\\x04", whole=True) is None
    True
    """
    charset = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder("utf-8-sig" if charset in (None, "utf-8") else charset)()
    try:
        content = decoder.decode(head, whole)
    except UnicodeDecodeError:
        return None
    return None if _BINARY.search(content) else Text(content, None if charset == "utf-8" else charset)


def kind_of(text: Text, extension: str, *, whole: bool) -> str:
    """The media type of `text`: what it is by itself, else what `extension` (`.md`) calls it, else `text/plain`."""
    kind = _by_content(text.content) or _by_extension(text.content, extension, whole)
    return f"{kind}; charset={text.charset}" if text.charset and kind.startswith("text/") else kind


def is_binary(head: bytes) -> bool:
    """Whether `head` holds control characters that text in no 8-bit encoding has."""
    return _BINARY_BYTES.search(head) is not None


def legacy_kind_of(head: bytes, extension: str) -> str | None:
    """A name's word for bytes in an old 8-bit encoding; `None` where they are binary, or no name speaks."""
    if is_binary(head):
        return None
    if extension in (".txt", ".log", ".text"):
        return "text/plain"
    kind = _EXTENSIONS.get(extension)
    return kind if kind and kind.startswith("text/") else None


def _by_content(content: str) -> str | None:
    start = content[:64].lstrip()
    for opening, kind in _OPENINGS:
        if content.startswith(opening):
            return kind
    if start.startswith("<"):
        return _markup_kind(content)
    return None


def _markup_kind(content: str) -> str | None:
    if _html_opening(content):
        return "text/html"
    root = svg.root_of(content)
    name = root[0] if root else ""
    local = name.rpartition(":")[2]
    if local == "svg":
        return "image/svg+xml"
    if local.lower() in _HTML_ROOTS:
        return "application/xhtml+xml" if content.startswith("<?xml") else "text/html"
    return "application/xml" if content.startswith("<?xml") else None


def _by_extension(content: str, extension: str, whole: bool) -> str:
    """JSON is recognised without a name too, and a name that claims JSON or SVG is not believed against the content."""
    named = _EXTENSIONS.get(extension, "text/plain")
    if named == "image/svg+xml":
        named = "text/plain"
    if extension == "" or named == "text/plain" or named.endswith("json"):
        is_json = _is_json(content, whole)
        if named.endswith("json"):
            believed = is_json or (extension in (".jsonl", ".ndjson") and _is_json(content.partition("\n")[0], True))
            return named if believed else "text/plain"
        return "application/json" if is_json else named
    return named


def _is_json(content: str, whole: bool) -> bool:
    if _JSON_START.match(content) is None:
        return False
    if whole:
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            return False
        return True
    tokens = _JSON_TOKENS.match(content)
    return tokens is not None and _JSON_END.fullmatch(content, tokens.end()) is not None
