"""Cards in a real browser: pictures load, text can be read in both themes, nothing else is fetched or logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from lashkit import StoredAttachment
from lashkit.display import card, gallery, view
from lashkit.display.page import page

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20"/></svg>'

# Luminance contrast of each text with the nearest opaque background behind it, opacity included; the least of all.
LEAST_CONTRAST = """() => {
  const rgba = text => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1] }
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]))
  const linear = v => v <= 10.3 ? v / 3294.6 : ((v / 255 + .055) / 1.055) ** 2.4
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b)
  const behind = e => e ? over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [255, 255, 255]
  let least = 99
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement
    if (!texts.currentNode.data.trim()) continue
    let opacity = 1
    for (let e = element; e; e = e.parentElement) opacity *= getComputedStyle(e).opacity
    const ground = behind(element), ink = rgba(getComputedStyle(element).color)
    const [a, b] = [light(over([ink[0], ink[1], ink[2], ink[3] * opacity], ground)), light(ground)]
    least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05))
  }
  return least
}"""


@pytest.fixture(scope="module")
def browser(chromium: str | None) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cards(
    stored: Callable[..., StoredAttachment],
    encoded: Callable[..., bytes],
    beep: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A page with a card of each kind, a gallery and a view."""
    photo = Image.radial_gradient("L").resize((640, 480)).convert("RGB")
    clear = Image.new("RGBA", (300, 120))
    ImageDraw.Draw(clear).ellipse((10, 10, 110, 110), fill=(0, 0, 0, 255))
    long_name = "a rather long name that has to wrap in a narrow cell " * 3 + "x" * 90
    items = [
        stored(encoded(photo, "JPEG"), "image/jpeg", width=640, height=480, label="photo.jpg"),
        stored(encoded(clear), "image/png", width=300, height=120, label=long_name),
        stored(SVG, "image/svg+xml", width=40, height=20, label="shape.svg"),
        stored(SVG, "image/svg+xml", label="shape of unknown size.svg"),
        stored(b"# Notes\n\n" + b"word " * 400 + b"y" * 700, "text/markdown", label="notes.md"),
        stored(beep, "audio/wav", label="beep.wav"),
        stored(b"%PDF-1.7", "application/pdf", label="paper.pdf"),
        stored(b"torn", "application/" + "z" * 70, label="\u202e<script>alert(1)</script>"),
        stored(b"torn picture", "image/png", label="torn.png"),
    ]
    bodies = [card(item.meta, item.bytes) for item in items]
    bodies.append(gallery([(item.meta, item.bytes) for item in items], total=99))
    bodies.append(view(items[0]).html)
    path = tmp_path_factory.mktemp("cards") / "cards.html"
    path.write_text(
        page("Cards", bodies, subtitle="each kind", table=[["label", "size"], ["a", "1"]]), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("width", [320, 1000])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cards_load_are_readable_fit_their_width_and_fetch_nothing(
    scheme: str, width: int, browser: Any, cards: Path, tmp_path: Path
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    tab = context.new_page()
    said: list[str] = []
    fetched: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: fetched.append(request.url))
    tab.goto(cards.as_uri())
    tab.wait_for_function("[...document.images].every(image => image.complete)")
    tab.wait_for_function("[...document.querySelectorAll('audio')].every(sound => sound.readyState >= 1)")
    tab.screenshot(path=tmp_path / f"cards-{scheme}-{width}.png", full_page=True)

    widths = tab.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 9
    assert all(widths)
    assert tab.evaluate("[...document.querySelectorAll('audio')].every(sound => sound.duration > 0.09)")
    assert tab.evaluate(LEAST_CONTRAST) >= 4.5
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert said == []
    assert [url for url in fetched if not url.startswith("data:")] == [cards.as_uri()]
    context.close()


def test_a_picture_stands_left_of_its_facts_and_above_them_in_a_narrow_cell(browser: Any, cards: Path) -> None:
    place = """() => { const figure = document.querySelector('figure');
      const [image, facts] = ['img', 'dl'].map(name => figure.querySelector(name).getBoundingClientRect())
      return [image.right <= facts.left, image.bottom <= facts.top] }"""
    tab = browser.new_page(viewport={"width": 1000, "height": 900})
    tab.goto(cards.as_uri())
    assert tab.evaluate(place) == [True, False]
    tab.set_viewport_size({"width": 320, "height": 900})
    assert tab.evaluate(place) == [False, True]
    tab.close()
