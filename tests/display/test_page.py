from __future__ import annotations

import re

from lashkit.display.page import page


def test_a_page_is_one_document_that_may_load_nothing() -> None:
    html = page("Cards", ["<p>one</p>", "<p>two</p>"])
    assert html.startswith("<!DOCTYPE html>\n")
    assert "default-src 'none'" in html
    assert "<section><p>one</p></section>\n<section><p>two</p></section>" in html
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"<script|<link|https?:", html)


def test_title_subtitle_and_cells_are_plain_text() -> None:
    html = page("<b>\u202e", [], subtitle="<i>", table=[["<u>", "b"], ["1", "<s>"]])
    assert "<title>&lt;b&gt;\\u202e</title>" in html
    assert "<p>&lt;i&gt;</p>" in html
    assert "<tr><th>&lt;u&gt;</th><th>b</th></tr>" in html
    assert "<tr><td>1</td><td>&lt;s&gt;</td></tr>" in html


def test_a_page_without_facts_has_no_table() -> None:
    assert "<table" not in page("Cards", [])
