"""Drawings have the size of their root element, PDFs a page count, and neither is parsed further."""

from __future__ import annotations

import zlib

import pytest

from lashkit.ingestion import ingest
from lashkit.ingestion.pdf import page_count
from lashkit.ingestion.svg import root_of


def _size(attributes: str) -> tuple[int | None, int | None]:
    meta = ingest(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}></svg>'.encode()).meta
    assert meta.media_type == "image/svg+xml"
    return meta.width, meta.height


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="40" height="30"', (40, 30)),
        ("width='40px' height='30PX'", (40, 30)),
        ('width="72pt" height="1in"', (96, 96)),
        ('width="2.54cm" height="25.4mm"', (96, 96)),
        ('width="6pc" height="101.6Q"', (96, 96)),
        ('width=" 1e2 " height="+.5e1"', (100, 5)),
        ('width="40.4" height="30.5"', (40, 31)),
        ('width="0.2" height="9"', (1, 9)),
        ('viewBox="0 0 200 100"', (200, 100)),
        ('viewBox="-5,-5, 20.6 , 10"', (21, 10)),
        ('width="100%" height="100%" viewBox="0 0 200 100"', (200, 100)),
        ('width="10em" height="5ex" viewBox="0 0 200 100"', (200, 100)),
        ('width="auto" viewBox="0 0 200 100"', (200, 100)),
        ('width="50" viewBox="0 0 200 100"', (50, 25)),
        ('height="50" viewBox="0 0 200 100"', (100, 50)),
        ('width="-1" height="7" viewBox="0 0 200 100"', (14, 7)),
        ('width="40"', (None, None)),
        ('height="100%"', (None, None)),
        ('width="0" height="30"', (None, None)),
        ('width="1e30" height="1e30"', (None, None)),
        ('width="nan" height="inf"', (None, None)),
        ('viewBox="0 0 200"', (None, None)),
        ('viewBox="0 0 0 100"', (None, None)),
        ('viewBox="0 0 x 100"', (None, None)),
        ('width="' + "9" * 5000 + '" height="3"', (None, None)),
        ('viewBox="' + " 1" * 5000 + '"', (None, None)),
        ('width="&#52;0" height="30"', (40, 30)),
        ("", (None, None)),
    ],
)
def test_a_drawing_is_measured_in_user_units(attributes: str, size: tuple[int | None, int | None]) -> None:
    assert _size(attributes) == size


SIZED = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'


@pytest.mark.parametrize(
    "document",
    [
        f"\ufeff{SIZED}",
        f'<?xml version="1.0" encoding="utf-8"?>\n<!-- > -->\n{SIZED}',
        f'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">{SIZED}',
        f'<!DOCTYPE svg [ <!ENTITY a "]>"> <!-- ]> --> <!ATTLIST svg a CDATA #IMPLIED> %b; <?c ]?> ]>{SIZED}',
        SIZED.replace("<svg xmlns", "<s:svg xmlns:s"),
        SIZED.replace(">", "/>"),
    ],
)
def test_what_comes_before_the_root_is_passed_over(document: str) -> None:
    for data in (document.encode(), document.lstrip("\ufeff").encode("utf-16")):
        meta = ingest(data).meta
        assert (meta.media_type, meta.width, meta.height) == ("image/svg+xml", 40, 30)


def test_entities_are_never_replaced() -> None:
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(30))
    outside = '<!ENTITY x SYSTEM "file:///etc/passwd">'
    document = f'<!DOCTYPE svg [<!ENTITY l0 "1">{laughs}{outside}]><svg width="&l30;" height="&x;" viewBox="0 0 8 6"/>'
    meta = ingest(document.encode()).meta
    assert (meta.media_type, meta.width, meta.height) == ("image/svg+xml", 8, 6)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "svg",
        "<svg",
        "<svg width=4>",
        "<!DOCTYPE svg",
        "<!DOCTYPE svg [",
        "<!DOCTYPE svg [<",
        "<!--",
        "<?",
        "<1/>",
        "<svg a='<'>",
    ],
)
def test_what_has_no_whole_start_tag_has_no_root(document: str) -> None:
    assert root_of(document) is None


def test_a_drawing_in_one_file_is_measured_by_its_first_64_kib() -> None:
    assert ingest((SIZED + "<g/>" * 100_000 + "</svg>").encode()).meta.width == 40
    assert ingest(("<!--" + "-" * 70_000 + " -->" + SIZED).encode()).meta.width is None


def _pdf(*objects: bytes) -> bytes:
    return b"%PDF-1.7\n" + b"\n".join(b"%d 0 obj\n%s\nendobj" % (n, body) for n, body in enumerate(objects, 1))


def test_the_page_count_is_that_of_the_page_tree() -> None:
    assert page_count(_pdf(b"<</Type /Pages /Count 12 /Kids [2 0 R]>>", b"<</Count 5 /Kids [] /Type/Pages>>")) == 12


def test_pages_are_counted_where_the_tree_does_not_say() -> None:
    assert page_count(_pdf(b"<</Type /Page>>", b"<</Type/Page /Parent 3 0 R>>", b"<</Type /Catalog>>")) == 2


def test_the_page_tree_may_be_in_a_compressed_stream() -> None:
    packed = zlib.compress(b"1 0 <</Type /Pages /Count 7 /Kids []>>")
    assert page_count(_pdf(b"<</Type /ObjStm /N 1>> stream\r\n" + packed + b"\nendstream")) == 7


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%PDF-1.7",
        _pdf(b"<</Type /Pages /Count 0 /Kids []>>"),
        _pdf(b"<</Type /ObjStm>> no body"),
        _pdf(b"<</Type /ObjStm>> stream\nnot deflated\nendstream"),
    ],
)
def test_a_pdf_that_does_not_say_has_no_page_count(data: bytes) -> None:
    assert page_count(data) is None


def test_a_stream_that_inflates_without_end_is_cut() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    streams = (b"<</Type /ObjStm>> stream\n" + bomb + b"\nendstream" for _ in range(40))
    assert page_count(_pdf(*streams)) is None
