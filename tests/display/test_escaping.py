from __future__ import annotations

import unicodedata
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashkit.display.escaping import cut, escaped, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202egpj.exe", "invoice\\u202egpj.exe"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x00b", "a\\x00b"),
        ("two\nlines\r\tend", "two\\nlines\\r\\tend"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("half\udc80", "half\\udc80"),
        ("filler\u3164", "filler\\u3164"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["na\u00efve caf\u00e9", "\u0645\u0644\u0641", "\U0001f469\u200d\U0001f467 \u2764\ufe0f", "a b\u00a0c"]
)
def test_ordinary_writing_of_any_language_and_emoji_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_a_joiner_after_plain_letters_is_written_out() -> None:
    assert visible("a\u200db") == "a\\u200db"


def test_several_lines_keep_their_line_feeds_and_tabs_only() -> None:
    assert visible("a\r\n\tb\x0bc\rd", multiline=True) == "a\n\tb\\x0bc\\rd"


@given(st.text(st.characters()))
def test_visible_text_is_encodable_and_holds_no_control_or_format_character_but_emoji_joiners(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    kept = {character for character in shown if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert kept <= {"\u200c", "\u200d", *_younger_than_the_list()}


def _younger_than_the_list() -> set[str]:
    """Format characters of single scripts that show something: hieroglyph joiners, number signs."""
    ranges = [(0x890, 0x891), (0x8E2, 0x8E2), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F)]
    return {chr(code) for first, last in ranges for code in range(first, last + 1)}


def test_a_long_name_is_cut_and_its_full_length_said() -> None:
    assert cut("x" * 10_000, 40) == "x" * 19 + "\u2026 (10,000 characters)"


def test_a_name_of_just_the_limit_is_whole() -> None:
    assert cut("x" * 40, 40) == "x" * 40


@given(st.text(st.characters(), max_size=300), st.integers(40, 100))
def test_a_cut_name_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


@given(st.text())
def test_escaped_text_holds_no_markup_and_reads_back(text: str) -> None:
    made = escaped(text)
    assert not set(made) & set("<>\"'")
    assert unescape(made) == text
