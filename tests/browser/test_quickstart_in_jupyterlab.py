"""The quickstart as a reader meets it: JupyterLab in Chromium, light and dark, run by them or only opened.

Each test leaves a picture of what it saw in `tests/browser/screenshots/` (not in git), to be looked at.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = "01-first-attachment.ipynb"
SCREENSHOTS = Path(__file__).parent / "screenshots"
WAIT_MS = 90_000

# Every card in an output, as it is shown: its pictures, and the contrast of its text with what lies behind it.
CARDS = """
() => [...document.querySelectorAll('.jp-OutputArea-output figure')].map(figure => {
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const opaque = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor, parts = channels(colour);
            if (parts.length === 3 || parts[3] === 1) return parts;
        }
        return [255, 255, 255];
    };
    const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = element => {
        const back = opaque(element), [r, g, b, own = 1] = channels(getComputedStyle(element).color);
        let alpha = own;  // a transparent text, or one inside something transparent, lets the background through
        for (let e = element; e; e = e.parentElement) alpha *= Number(getComputedStyle(e).opacity);
        const text = [r, g, b].map((v, i) => v * alpha + back[i] * (1 - alpha));
        const [low, high] = [text, back].map(luminance).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const texts = [figure, ...figure.querySelectorAll('figcaption, dt, dd, code, pre')];
    const box = figure.getBoundingClientRect();
    return {
        visible: figure.checkVisibility() && box.width > 40 && box.height > 20,
        text: figure.innerText.trim(),
        contrast: Math.min(...texts.map(contrast)),
        images: [...figure.querySelectorAll('img')].map(image => ({
            alt: image.alt,
            shown: image.complete && image.naturalWidth > 0 && image.getBoundingClientRect().width > 0,
        })),
    };
})
"""

IMAGES_SETTLED = "() => [...document.querySelectorAll('.jp-OutputArea-output img')].every(image => image.complete)"
ALL_RUN = r"""
() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(e => /\[\d+\]/.test(e.textContent))
"""
TALLEST = "() => Math.max(...[...document.querySelectorAll('.jp-NotebookPanel *')].map(e => e.scrollHeight))"
ERRORS = ", ".join(f'.jp-OutputArea-output[data-mime-type$="jupyter.{kind}"]' for kind in ("error", "stderr"))
KERNEL_IDLE = '#jp-main-statusbar :text("| Idle")'  # the notebook's own indicator says "idle" before a kernel is there


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """A copy of `notebooks/`, which a reader may run and save."""
    return Path(
        shutil.copytree(ROOT / "notebooks", tmp_path / "root", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    )


def without_outputs(notebooks: Path) -> Path:
    """Clear the outputs of the copies, so that what is shown later was made by the run."""
    for path in notebooks.glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell.update(outputs=[], execution_count=None)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    return notebooks


def saved_cards() -> int:
    """How many cards the saved outputs hold."""
    notebook = json.loads((ROOT / "notebooks" / QUICKSTART).read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return sum("".join(output.get("data", {}).get("text/html", "")).count("<figure") for output in outputs)


def open_quickstart(page: Any, lab: Any) -> None:
    page.goto(f"{lab.url}/lab/tree/{QUICKSTART}?token={lab.token}&reset", timeout=WAIT_MS)
    page.wait_for_selector(KERNEL_IDLE, timeout=WAIT_MS)
    page.wait_for_function(f"() => document.querySelectorAll('.jp-Cell').length >= {cell_count()}", timeout=WAIT_MS)


def cell_count() -> int:
    return len(json.loads((ROOT / "notebooks" / QUICKSTART).read_text(encoding="utf-8"))["cells"])


def run_all_cells(page: Any) -> None:
    page.click(".jp-Notebook .jp-Cell >> nth=0")
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    page.wait_for_function(ALL_RUN, timeout=WAIT_MS)
    page.wait_for_selector(KERNEL_IDLE, timeout=WAIT_MS)


def photographed(page: Any, name: str) -> None:
    """Save the whole notebook as one picture; the notebook scrolls inside the page, so the window grows to hold it."""
    page.keyboard.press("Control+B")  # the side bar away
    height = page.evaluate(TALLEST)
    page.set_viewport_size({"width": 1000, "height": min(int(height) + 160, 12_000)})
    page.evaluate("() => document.querySelector('.jp-Notebook .jp-Cell').scrollIntoView()")
    page.wait_for_function(IMAGES_SETTLED, timeout=WAIT_MS)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def assert_cards_are_shown(page: Any, count: int) -> None:
    cards = page.evaluate(CARDS)
    assert len(cards) == count
    assert [card["text"] for card in cards if not card["visible"]] == []
    assert [card["text"] for card in cards if not card["text"]] == []
    images = [image for card in cards for image in card["images"]]
    assert images, "no card shows a picture"
    assert [image["alt"] for image in images if not (image["shown"] and image["alt"])] == []
    assert min(card["contrast"] for card in cards) >= 4.5, "WCAG AA: text that is hard to read in this theme"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_run_by_a_reader_it_shows_its_cards(
    theme: str, notebooks: Path, serve_lab: Callable[..., Any], browse: Callable[[Any], Any]
) -> None:
    lab = serve_lab(without_outputs(notebooks), theme=f"JupyterLab {theme.title()}")
    watched = browse(lab)
    page = watched.page
    open_quickstart(page, lab)
    assert page.get_attribute("body", "data-jp-theme-light") == ("true" if theme == "light" else "false")
    run_all_cells(page)
    photographed(page, f"quickstart-{theme}")
    assert page.locator(ERRORS).all_inner_texts() == []
    assert_cards_are_shown(page, saved_cards())
    assert watched.elsewhere == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_only_opened_and_not_trusted_it_shows_its_saved_cards(
    theme: str, notebooks: Path, serve_lab: Callable[..., Any], browse: Callable[[Any], Any]
) -> None:
    """A fresh home has signed nothing, so what is shown went through JupyterLab's sanitizer."""
    lab = serve_lab(notebooks, theme=f"JupyterLab {theme.title()}")
    watched = browse(lab)
    open_quickstart(watched.page, lab)
    photographed(watched.page, f"quickstart-{theme}-untrusted")
    trusted = "async () => (await fetch(`/api/contents/" + QUICKSTART + "`)).json()"
    cells = watched.page.evaluate(trusted)["content"]["cells"]
    assert {cell["metadata"]["trusted"] for cell in cells if cell["cell_type"] == "code"} == {False}
    assert_cards_are_shown(watched.page, saved_cards())
    assert watched.elsewhere == []
