from __future__ import annotations

import base64
import codecs
from collections.abc import Callable

import pytest
from PIL import Image

from lashkit import AttachmentMeta, StoredAttachment
from lashkit.display import preview_byte_len
from lashkit.display.previews import CARD, GALLERY, Excerpt, Nothing, Picture, Player, preview

Store = Callable[..., StoredAttachment]

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20"/></svg>'


def facts(media_type: str, byte_len: int, fill: str = "a") -> AttachmentMeta:
    return AttachmentMeta(id=fill * 64, media_type=media_type, byte_len=byte_len)


@pytest.mark.parametrize(
    ("media_type", "byte_len", "card", "gallery"),
    [
        ("image/png", 5_000_000, 5_000_000, 5_000_000),
        ("image/png", 500_000_000, 0, 0),
        ("image/png", 0, 0, 0),
        ("image/svg+xml", 5_000, 5_000, 5_000),
        ("image/svg+xml", 9_000, 9_000, 0),
        ("image/svg+xml", 90_000, 0, 0),
        ("text/plain", 100, 100, 100),
        ("text/markdown", 90_000, 2_000, 240),
        ("application/json", 90_000, 2_000, 240),
        ("application/vnd.api+json", 90_000, 2_000, 240),
        ("text/csv; charset=utf-8", 90_000, 2_000, 240),
        ("audio/wav", 1_000_000, 1_000_000, 0),
        ("audio/wav", 1_000_001, 0, 0),
        ("video/mp4", 900_000, 900_000, 0),
        ("video/x-msvideo", 900_000, 0, 0),
        ("application/pdf", 900_000, 0, 0),
        ("application/octet-stream", 10, 0, 0),
    ],
)
def test_a_preview_asks_for_no_more_bytes_than_it_can_show(
    media_type: str, byte_len: int, card: int, gallery: int
) -> None:
    asked = facts(media_type, byte_len)
    assert preview_byte_len(asked, size="card") == card
    assert preview_byte_len(asked, size="gallery") == gallery
    assert preview_byte_len(asked.as_ref(), size="card") == card


def test_a_picture_shown_before_needs_no_bytes(stored: Store, encoded: Callable[..., bytes]) -> None:
    item = stored(encoded(Image.new("RGB", (33, 44), "plum")), "image/png")
    assert preview_byte_len(item.meta, size="card") == item.meta.byte_len
    first = preview(item.meta, item.bytes, CARD)
    assert isinstance(first, Picture)
    assert preview_byte_len(item.meta, size="card") == 0
    assert preview(item.meta, None, CARD) == first
    assert preview_byte_len(item.meta, size="gallery") == item.meta.byte_len


def test_a_broken_picture_is_not_read_twice(stored: Store) -> None:
    item = stored(b"broken picture, first seen here", "image/png")
    assert isinstance(preview(item.meta, item.bytes, CARD), Nothing)
    assert preview_byte_len(item.meta, size="card") == 0


@pytest.mark.parametrize("media_type", ["image/png", "image/svg+xml", "audio/wav"])
def test_what_needs_all_bytes_says_so_when_it_gets_fewer(media_type: str) -> None:
    shown = preview(facts(media_type, 1_000, "b"), b"x" * 10, CARD)
    assert shown == Nothing("needs all 1,000 bytes, and 10 bytes were read")


@pytest.mark.parametrize("media_type", ["image/png", "image/svg+xml", "audio/wav", "text/plain", "application/pdf"])
def test_without_bytes_there_is_no_preview_and_no_complaint(media_type: str) -> None:
    assert preview(facts(media_type, 1_000, "c"), None, CARD) == Nothing()


@pytest.mark.parametrize("media_type", ["image/png", "image/svg+xml", "audio/wav", "text/plain"])
def test_what_is_empty_says_so(media_type: str) -> None:
    assert preview(facts(media_type, 0), b"", CARD) == Nothing("empty")


@pytest.mark.parametrize(
    ("media_type", "byte_len", "reason"),
    [
        ("image/png", 70_000_000, "too large to show here, beyond 67,108,864 bytes"),
        ("image/svg+xml", 12_001, "too large to show here, beyond 12,000 bytes"),
        ("video/mp4", 1_000_001, "too large to show here, beyond 1,000,000 bytes"),
    ],
)
def test_what_is_too_large_says_where_the_limit_is(media_type: str, byte_len: int, reason: str) -> None:
    assert preview(facts(media_type, byte_len), None, CARD) == Nothing(reason)


def test_a_gallery_plays_nothing_and_need_not_say_why() -> None:
    assert preview(facts("audio/wav", 10), None, GALLERY) == Nothing()


def test_sound_and_film_play_from_their_own_bytes(stored: Store, beep: bytes) -> None:
    item = stored(beep, "audio/x-wav")
    shown = preview(item.meta, item.bytes, CARD)
    assert shown == Player("audio", "data:audio/wav;base64," + base64.b64encode(beep).decode())
    film = preview(facts("video/webm", 3), b"abc", CARD)
    assert isinstance(film, Player)
    assert film.tag == "video"


def test_a_drawing_is_handed_to_the_browser_as_it_is(stored: Store) -> None:
    item = stored(SVG, "image/svg+xml", width=400, height=200)
    shown = preview(item.meta, item.bytes, CARD)
    assert shown == Picture(
        "data:image/svg+xml;base64," + base64.b64encode(SVG).decode(), (256, 128), (400, 200), transparent=True
    )


def test_a_drawing_of_unknown_size_claims_none(stored: Store) -> None:
    item = stored(SVG, "image/svg+xml")
    shown = preview(item.meta, item.bytes, CARD)
    assert isinstance(shown, Picture)
    assert shown.size is shown.source_size is None


def test_what_is_no_drawing_says_so(stored: Store) -> None:
    item = stored(b"\x1f\x8b not svg", "image/svg+xml")
    assert preview(item.meta, item.bytes, CARD) == Nothing("cannot be decoded: no svg element")


def text_of(data: bytes, media_type: str, byte_len: int | None = None) -> str:
    shown = preview(facts(media_type, byte_len or len(data)), data, CARD)
    assert isinstance(shown, Excerpt)
    return shown.text


def test_an_excerpt_is_the_beginning_and_counts_the_rest(stored: Store) -> None:
    item = stored(b"0123456789" * 1_000, "text/plain")
    shown = preview(item.meta, item.bytes, CARD)
    assert shown == Excerpt("0123456789" * 200, rest_byte_len=8_000)
    assert preview(item.meta, item.bytes[:2_000], CARD) == shown


def test_a_character_cut_in_two_is_left_out() -> None:
    assert text_of("ab\u00e9".encode()[:-1], "text/plain", byte_len=99) == "ab"


def test_a_wrong_byte_is_shown_as_one() -> None:
    assert text_of(b"a\xffb", "text/plain") == "a\ufffdb"
    assert text_of("ab\u00e9".encode()[:-1], "text/plain") == "ab\ufffd"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        ("gr\u00fcn".encode("latin-1"), "text/plain; charset=iso-8859-1"),
        ("gr\u00fcn".encode("latin-1"), 'text/plain; charset="latin1"'),
        ("gr\u00fcn".encode("utf-8-sig"), "text/plain"),
        ("gr\u00fcn".encode("utf-16"), "text/plain"),
        (codecs.BOM_UTF16_BE + "gr\u00fcn".encode("utf-16-be"), "text/plain; charset=utf-8"),
        ("gr\u00fcn".encode("utf-32"), "text/plain"),
        ("gr\u00fcn".encode(), "text/plain; charset=no-such-thing"),
        ("gr\u00fcn".encode(), "text/plain; charset=zlib"),
        ("gr\u00fcn".encode(), "text/plain; charset=rot13"),
        ("gr\u00fcn".encode(), "text/plain; charset=quopri"),
    ],
)
def test_text_is_read_in_its_own_encoding(data: bytes, media_type: str) -> None:
    assert text_of(data, media_type) == "gr\u00fcn"
