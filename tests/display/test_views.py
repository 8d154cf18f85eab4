from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from lashkit import StoredAttachment
from lashkit.display import View, plain, view
from lashkit.values import LABEL_LIMIT

Store = Callable[..., StoredAttachment]
Encode = Callable[..., bytes]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("max_px", [64, *(pytest.param(px, marks=pytest.mark.slow) for px in (1024, 4096))])
def test_a_view_of_noise_keeps_within_120_kb(
    max_px: int, mode: str, stored: Store, noise: Callable[..., Image.Image], encoded: Encode
) -> None:
    item = stored(encoded(noise(1300, 900, mode), compress_level=1), "image/png", label="'" * LABEL_LIMIT)
    shown = view(item, max_px=max_px)
    assert "data:image/webp;base64," in shown.html
    assert len(shown.html.encode()) <= 120_000


@pytest.mark.parametrize("data", [b"'" * 50_000, b"\x00" * 50_000, "\u202e".encode() * 20_000, b"\xff" * 50_000])
def test_a_view_of_hostile_text_keeps_within_120_kb(data: bytes, stored: Store) -> None:
    assert len(view(stored(data, "text/plain")).html.encode()) <= 120_000


@pytest.mark.parametrize(
    ("media_type", "begin", "tag"),
    [
        ("audio/wav", b"RIFF", "<audio "),
        ("video/mp4", b"\0\0\0\x18ftyp", "<video "),
        ("image/svg+xml", b"<svg ", "<img "),
    ],
)
def test_a_view_plays_sound_and_film_and_draws_as_far_as_120_kb_go(
    media_type: str, begin: bytes, tag: str, stored: Store
) -> None:
    fits = stored(begin.ljust(85_000, b"."), f"{media_type}; a={'b' * 900}", label="'" * LABEL_LIMIT)
    html = view(fits).html
    assert tag in html
    assert len(html.encode()) <= 120_000
    beyond = view(stored(begin.ljust(85_001, b"."), media_type)).html
    assert tag not in beyond
    assert "too large to show here, beyond 85,000 bytes" in beyond
    assert f">{media_type}</" in beyond


def test_a_view_shows_a_picture_up_to_the_size_asked_for(stored: Store, encoded: Encode) -> None:
    item = stored(encoded(Image.new("RGB", (3000, 1500), "teal")), "image/png", width=3000, height=1500, label="sea")
    html = view(item, max_px=800).html
    assert 'alt="sea, 3000 by 1500 pixels" width="800" height="400"' in html
    assert "image/png \u00b7 3,000 \u00d7 1,500 \u00b7 " in html
    assert f">{item.meta.id}</code>" in html


def test_a_view_of_what_is_no_picture_is_a_card_with_more_of_it(stored: Store) -> None:
    html = view(stored(b"x" * 20_000, "text/plain")).html
    assert "x" * 16_000 in html
    assert "\u2026 4,000 bytes more" in html


def test_facts_and_bytes_may_be_given_apart(stored: Store) -> None:
    item = stored(b"words", "text/plain", label="w")
    assert view((item.ref, item.bytes)) == view((item.meta, item.bytes)) == view(item)
    assert "words" not in view((item.meta, None)).html


@pytest.mark.parametrize("max_px", [0, -1, 4097, 1.5, True, "9"])
def test_a_size_that_makes_no_sense_is_refused(max_px: Any, stored: Store) -> None:
    with pytest.raises(ValueError, match="a whole number of pixels from 1 to 4096"):
        view(stored(b"", "text/plain"), max_px=max_px)


def test_a_view_shows_itself(stored: Store) -> None:
    item = stored(b"words", "text/plain", label="w")
    shown = view(item)
    assert isinstance(shown, View)
    assert repr(shown) == shown.text == plain(item.meta)
    assert shown._repr_mimebundle_() == {"text/plain": shown.text, "text/html": shown.html}
    assert shown._repr_mimebundle_(include={"text/plain"}) == {"text/plain": shown.text}
    assert not re.search("<(script|style)", shown.html)
