from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from PIL import Image

from lashkit import AttachmentMeta, AttachmentRef, StoredAttachment
from lashkit.display import card, gallery
from lashkit.display.cards import GALLERY_LIMIT, facts_card
from lashkit.values import LABEL_LIMIT

Store = Callable[..., StoredAttachment]
Encode = Callable[..., bytes]

ID = "0123456789abcdef" * 4


def ref(**facts: Any) -> AttachmentRef:
    return AttachmentRef(**{"id": ID, "media_type": "application/pdf", "byte_len": 1234, **facts})


def facts_in(html: str) -> dict[str, str]:
    """What the `<dl>` says: term -> value."""
    pairs = re.findall(r"<dt[^>]*>(.*?)</dt><dd[^>]*>(.*?)</dd>", html)
    return {term: unescape(re.sub(r"<[^>]*>", "", value)) for term, value in pairs}


def images_in(html: str) -> list[dict[str, str]]:
    return [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<img [^>]*>", html)]


def test_a_card_is_a_figure_with_label_facts_and_the_full_id() -> None:
    html = card(ref(label="paper.pdf"))
    assert html.startswith("<figure ")
    assert html.endswith("</figure>")
    assert ">paper.pdf</figcaption>" in html
    assert re.search(rf"<code [^>]*>{ID}</code>", html)
    assert facts_in(html) == {"type": "application/pdf", "size": "1,234 bytes", "id": ID}


def test_a_picture_stands_in_its_card_with_its_size(stored: Store, encoded: Encode) -> None:
    item = stored(encoded(Image.new("RGB", (640, 480), "teal")), "image/png", width=640, height=480, label="sea")
    html = card(item.meta, item.bytes)
    (image,) = images_in(html)
    assert image["src"].startswith("data:image/webp;base64,")
    assert (image["width"], image["height"], image["alt"]) == ("256", "192", "sea, 640 by 480 pixels")
    assert facts_in(html)["pixels"] == "640 \u00d7 480"


def test_a_picture_of_unknown_size_takes_it_from_what_was_decoded(stored: Store, encoded: Encode) -> None:
    item = stored(encoded(Image.new("RGB", (30, 20), "navy")), "image/png")
    html = card(item.meta, item.bytes)
    assert facts_in(html)["pixels"] == "30 \u00d7 20"
    assert images_in(html)[0]["alt"] == "PNG attachment, 30 by 20 pixels"


def test_unknown_dimensions_of_a_picture_are_called_unknown() -> None:
    assert facts_in(card(ref(media_type="image/png")))["pixels"] == "unknown"
    assert facts_in(card(ref(media_type="image/png", width=4)))["pixels"] == "unknown"
    assert "pixels" not in facts_in(card(ref(media_type="text/plain")))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_worst_picture_keeps_a_card_within_25_kb(
    mode: str, stored: Store, noise: Callable[..., Image.Image], encoded: Encode
) -> None:
    item = stored(encoded(noise(600, 600, mode), compress_level=1), "image/png", label='"' * LABEL_LIMIT)
    html = card(item.meta, item.bytes)
    assert images_in(html)
    assert len(html.encode()) <= 25_000


def test_a_card_without_its_bytes_shows_the_thumbnail_made_before(stored: Store, encoded: Encode) -> None:
    item = stored(encoded(Image.new("RGB", (77, 55), "salmon")), "image/png")
    assert not images_in(card(item.meta))
    first = card(item.meta, item.bytes)
    assert card(item.meta) == first


def test_a_card_of_facts_alone_never_shows_what_is_cached(stored: Store, encoded: Encode) -> None:
    item = stored(encoded(Image.new("RGB", (78, 55), "salmon")), "image/png")
    before = facts_card(item.ref)
    assert images_in(card(item.meta, item.bytes))
    assert facts_card(item.ref) == before
    assert not images_in(before)


def test_transparency_gets_a_backdrop(stored: Store, encoded: Encode) -> None:
    clear = stored(encoded(Image.new("RGBA", (40, 40), (255, 255, 255, 9))), "image/png")
    solid = stored(encoded(Image.new("RGB", (40, 40), "white")), "image/png")
    assert "linear-gradient" in card(clear.meta, clear.bytes)
    assert "linear-gradient" not in card(solid.meta, solid.bytes)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"\x89PNG\r\n\x1a\n broken", "image/png"), (b"GIF89a", "image/gif"), (b"no svg", "image/svg+xml")],
)
def test_a_broken_picture_is_a_card_that_says_why(data: bytes, media_type: str, stored: Store) -> None:
    item = stored(data, media_type, width=4, height=4, label="torn")
    html = card(item.meta, item.bytes)
    assert facts_in(html)["preview"].startswith("cannot be decoded: ")
    assert not images_in(html)


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("text/plain", b"a < b & c"),
        ("text/markdown", b"# <b>Title</b>"),
        ("text/html", b"<script>alert(1)</script>"),
        ("application/json", b'{"a": "<i>"}'),
        ("text/csv", b'a,"b"\n1,2'),
    ],
)
def test_text_is_quoted_in_a_pre_and_nothing_of_it_is_markup(media_type: str, data: bytes, stored: Store) -> None:
    item = stored(data, media_type)
    html = card(item.meta, item.bytes)
    match = re.search(r"<pre [^>]*>(.*?)</pre>", html, re.DOTALL)
    assert match
    assert unescape(match[1]) == data.decode()
    assert not re.search("<(script|b|i)>", html)


def test_a_long_text_shows_2_kb_and_says_what_is_left(stored: Store) -> None:
    item = stored(b"x" * 5_000, "text/plain")
    html = card(item.meta, item.bytes)
    assert "x" * 2_000 in html
    assert "x" * 2_001 not in html
    assert "\u2026 3,000 bytes more" in html


def test_controls_in_a_text_are_visible(stored: Store) -> None:
    item = stored("a\u202eb\x1b[0m\r\nnext\tline".encode(), "text/plain")
    assert "a\\u202eb\\x1b[0m\nnext\tline</pre>" in card(item.meta, item.bytes)


def test_sound_plays_with_controls(stored: Store, beep: bytes) -> None:
    item = stored(beep, "audio/wav", label="beep")
    html = card(item.meta, item.bytes)
    assert re.search(
        r'<audio controls preload="metadata" src="data:audio/wav;base64,[\w+/=]+" style="[^"]*"></audio>', html
    )


def test_a_drawing_is_only_an_image(stored: Store) -> None:
    item = stored(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "image/svg+xml")
    html = card(item.meta, item.bytes)
    (image,) = images_in(html)
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert "width:256px" in image["style"]
    assert image["alt"] == "SVG attachment"
    assert "<svg" not in html


@pytest.mark.parametrize(
    ("media_type", "badge"),
    [
        ("application/pdf", "PDF"),
        ("application/octet-stream", "BIN"),
        ("application/vnd.ms-excel", "FILE"),
        ("application/x-tar", "TAR"),
        ("audio/mpeg", "MP3"),
        ("image/jpeg", "JPEG"),
        ("application/ld+json", "LD"),
        ("chemical/x-cml-something", "CHEMIC"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "DOCX"),
    ],
)
def test_what_has_no_picture_has_a_badge(media_type: str, badge: str) -> None:
    html = card(ref(media_type=media_type))
    assert f">{badge}</div>" in html
    assert f">{badge} attachment</figcaption>" in html


def test_a_name_is_escaped_made_visible_and_cut_with_its_length_said() -> None:
    html = card(ref(label='<img src=x onerror="alert(1)">\u202e'.ljust(LABEL_LIMIT, "y")))
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;\\u202eyyy" in html
    assert "\u2026 (4,096 characters)" in html
    assert "<img" not in html


def test_a_long_type_may_break_anywhere_and_a_short_one_may_not() -> None:
    assert card(ref()).count("word-break:break-all") == 2  # around the id, and on it
    assert card(ref(media_type="application/" + "y" * 60)).count("word-break:break-all") == 3


def test_the_same_attachment_gives_the_same_card(
    stored: Store, noise: Callable[..., Image.Image], encoded: Encode
) -> None:
    item = stored(encoded(noise(99, 98)), "image/png", label="noise")
    assert (
        card(item.meta, item.bytes) == card(item.meta, bytearray(item.bytes)) == card(item.ref, memoryview(item.bytes))
    )


def test_an_empty_gallery_says_so() -> None:
    assert ">no attachments</p>" in gallery([], total=0)


def test_a_gallery_shows_24_and_counts_the_others() -> None:
    items = [(ref(id=f"{i:02x}" * 32), None) for i in range(30)]
    html = gallery(items, total=1_037)
    assert html.count("<figure ") == GALLERY_LIMIT == 24
    assert ">+1,013 more</p>" in html
    assert "171717171717" in html
    assert "181818181818" not in html


@pytest.mark.parametrize(("count", "total", "more"), [(3, 3, None), (24, 24, None), (3, 5, 2), (26, 0, 2)])
def test_more_counts_what_is_not_shown(count: int, total: int, more: int | None) -> None:
    html = gallery([(ref(), None)] * count, total=total)
    assert (f"+{more} more" in html) == (more is not None)
    assert (" more<" in html) == (more is not None)


def test_the_worst_gallery_keeps_within_250_kb(
    stored: Store, noise: Callable[..., Image.Image], encoded: Encode
) -> None:
    label = ("\u202e'\"" * LABEL_LIMIT)[:LABEL_LIMIT]
    items: list[tuple[AttachmentMeta, bytes]] = []
    for seed in range(GALLERY_LIMIT):
        data = encoded(noise(220, 220, "RGBA", seed), compress_level=1)
        item = stored(data, "image/png; a=" + "b" * 900, width=220, height=220, label=label)
        items.append((item.meta, item.bytes))
    html = gallery(items, total=10**12)
    assert len(images_in(html)) == GALLERY_LIMIT
    assert 100_000 < len(html.encode()) <= 250_000


def test_a_gallery_of_hostile_text_keeps_within_250_kb(stored: Store) -> None:
    item = stored(b"'\"&\x00" * 1_000, "text/plain", label="\U000e0041" * LABEL_LIMIT)
    assert len(gallery([(item.meta, item.bytes)] * 24, total=24).encode()) <= 250_000


def test_tiles_show_pictures_first_lines_badges_and_reasons(stored: Store, encoded: Encode) -> None:
    picture = stored(encoded(Image.new("RGB", (640, 480), "teal")), "image/png", width=640, height=480, label="sea")
    text = stored(b"first line\nsecond", "text/plain", label="notes")
    torn = stored(b"torn picture", "image/jpeg", label="torn")
    paper = stored(b"%PDF-", "application/pdf")
    html = gallery([(item.meta, item.bytes) for item in (picture, text, torn, paper)], total=4)
    tiles = html.split("<figure ")[1:]
    assert images_in(tiles[0])[0]["width"] == "160"
    assert "PNG \u00b7 640 \u00d7 480" in tiles[0]
    assert "first line\nsecond</pre>" in tiles[1]
    assert "cannot be decoded: " in tiles[2]
    assert ">PDF attachment</figcaption>" in tiles[3]
    assert all(item.meta.id[:12] in tile for item, tile in zip((picture, text, torn, paper), tiles, strict=True))
