"""Content decides the media type; a name refines only what the content leaves open."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import wave
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from lashkit.errors import IngestError
from lashkit.ingestion import ingest


def _kind(data: bytes, name: str | None = None) -> str:
    return ingest(data, label=name).meta.media_type


def _wav() -> bytes:
    output = io.BytesIO()
    with wave.open(output, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(800))
    return output.getvalue()


def _zip(*names: str, first: tuple[str, str] | None = None, padding: int = 0) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        if first:
            archive.writestr(*first)
        if padding:
            archive.writestr("padding", bytes(padding))
        for name in names:
            archive.writestr(name, "content")
    return output.getvalue()


def _tar() -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return output.getvalue()


def _sqlite(path: Path) -> bytes:
    connection = sqlite3.connect(path)
    connection.execute("create table a (b)")
    connection.commit()
    connection.close()
    return path.read_bytes()


def _mp3_frames(header: bytes, byte_len: int) -> bytes:
    return (header + bytes(byte_len - len(header))) * 3


def _boxed(brand: bytes, *others: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(others)) + b"ftyp" + brand + bytes(4) + b"".join(others) + bytes(16)


SIGNED = {
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "application/gzip": gzip.compress(b"hello"),
    "application/x-bzip2": bz2.compress(b"hello"),
    "application/x-xz": lzma.compress(b"hello"),
    "application/x-tar": _tar(),
    "application/zip": _zip("a.txt"),
    "application/epub+zip": _zip("a.xhtml", first=("mimetype", "application/epub+zip")),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _zip("word/document.xml"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _zip("xl/workbook.xml", padding=200_000),
    "application/x-ole-storage": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "application/x-npy": b"\x93NUMPY\x01\0v\0{}",
    "audio/wav": _wav(),
    "audio/flac": b"fLaC\0\0\0\x22" + bytes(34),
    "audio/midi": b"MThd\0\0\0\x06\0\0\0\x01\0\x60",
    "audio/aiff": b"FORM\0\0\0\x10AIFFCOMM",
    "audio/ogg": b"OggS\0\x02" + bytes(22) + b"\x01\x1eOpusHead" + bytes(20),
    "video/ogg": b"OggS\0\x02" + bytes(22) + b"\x01\x2a\x80theora" + bytes(20),
    "application/ogg": b"OggS\0\x02" + bytes(60),
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm",
    "video/x-matroska": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska",
    "video/x-msvideo": b"RIFF\x10\0\0\0AVI LIST",
    "video/mp4": _boxed(b"isom", b"iso2", b"avc1", b"mp41"),
    "audio/mp4": _boxed(b"M4A ", b"mp42"),
    "video/quicktime": _boxed(b"qt  "),
    "image/avif": _boxed(b"mif1", b"miaf", b"avif"),
    "image/heic": _boxed(b"mif1", b"heic"),
    "image/heif": _boxed(b"mif1", b"miaf"),
    "image/jxl": b"\xff\x0a\xfa\x1f",
    "font/woff2": b"wOF2\0\1\0\0",
}


@pytest.mark.parametrize("kind", SIGNED)
def test_a_signature_decides_whatever_the_name_says(kind: str) -> None:
    assert _kind(SIGNED[kind]) == _kind(SIGNED[kind], "liar.txt") == _kind(SIGNED[kind], "liar.png") == kind


def test_a_database_is_recognised(tmp_path: Path) -> None:
    assert _kind(_sqlite(tmp_path / "a.db")) == "application/vnd.sqlite3"


@pytest.mark.parametrize(
    ("header", "byte_len", "kind"),
    [
        (b"\xff\xfb\x90\x00", 417, "audio/mpeg"),  # MPEG 1 layer 3, 128 kbit/s, 44.1 kHz
        (b"\xff\xfb\x92\x00", 418, "audio/mpeg"),  # the same with padding
        (b"\xff\xf3\x80\x00", 208, "audio/mpeg"),  # MPEG 2 layer 3, 64 kbit/s, 22.05 kHz
        (b"\xff\xfd\xa0\x00", 626, "audio/mpeg"),  # MPEG 1 layer 2, 192 kbit/s, 44.1 kHz
        (b"\xff\xff\x90\x00", 312, "audio/mpeg"),  # MPEG 1 layer 1, 288 kbit/s, 44.1 kHz
        (b"\xff\xf1\x50\x80\x04\x1f\xfc", 32, "audio/aac"),  # ADTS
    ],
)
def test_audio_without_a_tag_is_known_by_two_frames_in_a_row(header: bytes, byte_len: int, kind: str) -> None:
    frames = _mp3_frames(header, byte_len)
    assert _kind(frames) == kind
    assert _kind(frames[: byte_len - 1]) == "application/octet-stream"


@pytest.mark.parametrize(
    "header", [b"\xff\xeb\x90\x00", b"\xff\xf9\x90\x00\0\0\0\0", b"\xff\xfb\xf0\x00", b"\xff\xfb\x9c\x00", b"\xff"]
)
def test_what_only_begins_like_audio_is_not_audio(header: bytes) -> None:
    assert not _kind(header + bytes(600)).startswith("audio/")


def test_tagged_audio_is_mpeg() -> None:
    assert _kind(b"ID3\x04\0\0\0\0\0\0") == "audio/mpeg"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"hello", "text/plain"),
        ("Grüße 🐱\n".encode(), "text/plain"),
        (b"\xef\xbb\xbfhello", "text/plain"),
        ("hello".encode("utf-16"), "text/plain; charset=utf-16"),
        ("hello".encode("utf-32"), "text/plain; charset=utf-32"),
        (b'{"a": [1, 2.5e3, "\\"", null, true]}', "application/json"),
        (b"[]", "application/json"),
        (b"[1] a footnote", "text/plain"),
        (b"{not json}", "text/plain"),
        (b"[" * 50_000, "text/plain"),
        (b"<!DOCTYPE html><title>a</title>", "text/html"),
        (b"<html><body>", "text/html"),
        (b'<?xml version="1.0"?><html xmlns="a">', "application/xhtml+xml"),
        (b'<?xml version="1.0"?><note/>', "application/xml"),
        (b"<3 you", "text/plain"),
        (b"{\\rtf1 hello}", "application/rtf"),
        (b"BEGIN:VCALENDAR\r\n", "text/calendar"),
        (b"WEBVTT\n\n", "text/vtt"),
        (b"/* a comment */ int main() {}", "text/plain"),
        (b"#define A 1\n", "text/plain"),
        (b"P1 is a priority", "text/plain"),
        (b"%!PS-Adobe\nno box", "application/postscript"),
    ],
)
def test_text_is_told_by_what_it_says(data: bytes, kind: str) -> None:
    assert _kind(data) == kind


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.md", b"# Cats", "text/markdown"),
        ("a.MARKDOWN", b"# Cats", "text/markdown"),
        ("a.csv", b"a,b\n1,2\n", "text/csv"),
        ("a.tsv", b"a\tb\n", "text/tab-separated-values"),
        ("a.py", b"print()", "text/x-python"),
        ("a.json", b'{"a": 1}', "application/json"),
        ("a.json", b"{broken", "text/plain"),
        ("a.json", b"7", "text/plain"),
        ("a.ipynb", b'{"cells": []}', "application/x-ipynb+json"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson"),
        ("a.jsonl", b"no json\n", "text/plain"),
        ("a.svg", b"not a drawing", "text/plain"),
        ("a.txt", b'{"a": 1}', "application/json"),
        ("a.md", b'{"a": 1}', "text/markdown"),
        ("a.xml", b"<note/>", "application/xml"),
        ("a.unheard-of", b"hello", "text/plain"),
        ("a.txt", "Gr\xfc\xdfe".encode("latin-1"), "text/plain"),
        ("a.csv", "Gr\xfc\xdfe;1".encode("latin-1"), "text/csv"),
        ("a.json", "Gr\xfc\xdfe".encode("latin-1"), "application/octet-stream"),
        ("a.txt", b"\x00\x01\xff\xfe", "application/octet-stream"),
        ("a.csv", "a,b".encode("utf-16"), "text/csv; charset=utf-16"),
        (
            "a.docx",
            SIGNED["application/zip"],
            SIGNED and "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("a.npz", SIGNED["application/zip"], "application/x-npz"),
        ("a.xls", SIGNED["application/x-ole-storage"], "application/vnd.ms-excel"),
        ("a.docx", b"hello", "text/plain"),
        ("a.pdf", b"hello", "text/plain"),
    ],
)
def test_a_name_refines_and_never_overrules(name: str, data: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert _kind(data, name) == ingest(tmp_path / name).meta.media_type == kind


def test_the_files_own_name_refines_even_under_another_label(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_bytes(b"# Cats")
    assert ingest(tmp_path / "notes.md", label="My notes").meta.media_type == "text/markdown"


def test_long_texts_are_judged_by_their_beginning() -> None:
    rows = json.dumps([{"name": "Käse", "n": n / 7} for n in range(9000)], ensure_ascii=False).encode()
    assert len(rows) > 200_000
    assert _kind(rows) == "application/json"
    assert _kind(b"[1, 2, " + b"oops " * 30_000) == "text/plain"
    assert _kind("ä".encode() * 100_000) == "text/plain"
    assert _kind(b"a" + "ä".encode() * 100_000) == "text/plain"


@pytest.mark.parametrize(
    "data", [bytes(1000), b"\xff" * 1000, bytes(range(256)) * 4, b"\x00", b"\xfe\xff\x00", b"MZ\x90\x00\x03"]
)
def test_what_nothing_fits_is_an_octet_stream_or_a_guess_and_no_picture(data: bytes) -> None:
    assert not ingest(data).meta.media_type.is_image


@pytest.mark.parametrize("data", [bytes(1000), b"\xff" * 1000, bytes(range(256)) * 4])
def test_bytes_without_meaning_are_an_octet_stream(data: bytes) -> None:
    assert _kind(data) == "application/octet-stream"


def test_rarer_formats_are_known_through_puremagic() -> None:
    assert _kind(b"gimp xcf file\0" + bytes(100)) == "image/x-xcf"
    assert _kind(b"!<arch>\n\0\0\0\0" + bytes(100)) != "application/octet-stream"


@pytest.mark.parametrize("name", ["TGA", "DIB", "SPIDER", "IM"])
@pytest.mark.filterwarnings("ignore:.* image format is deprecated:DeprecationWarning")
def test_a_format_without_a_signature_needs_a_name_or_a_type(name: str) -> None:
    suffix = {"TGA": ".tga", "DIB": ".dib", "SPIDER": ".spi", "IM": ".im"}[name]
    output = io.BytesIO()
    Image.new("L" if name == "SPIDER" else "RGB", (40, 30)).convert("F" if name == "SPIDER" else "RGB").save(
        output, name
    )
    data = output.getvalue().removesuffix(b"\0" * 8 + b"TRUEVISION-XFILE.\0")
    kind = {"TGA": "image/x-tga", "DIB": "image/bmp", "SPIDER": "image/x-spider", "IM": "image/x-im"}[name]
    assert ingest(data).meta.width is None
    named = ingest(data, label="a" + suffix).meta
    assert (named.media_type, named.width, named.height) == (kind, 40, 30)
    if name != "DIB":
        assert ingest(data, media_type=kind).meta.width == 40


def test_a_targa_footer_speaks_for_the_format() -> None:
    output = io.BytesIO()
    Image.new("RGB", (40, 30)).save(output, "TGA")
    assert _kind(output.getvalue()) == "image/x-tga"


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "image/x-portable-bitmap"), ("L", "image/x-portable-graymap"), ("RGB", "image/x-portable-pixmap")],
)
def test_portable_anymaps_have_their_own_types(mode: str, kind: str) -> None:
    output = io.BytesIO()
    Image.new(mode, (40, 30)).save(output, "PPM")
    meta = ingest(output.getvalue()).meta
    assert (meta.media_type, meta.width, meta.height) == (kind, 40, 30)


def test_pictures_that_are_text_are_pictures() -> None:
    bitmap = b"#define a_width 16\n#define a_height 7\nstatic char a_bits[] = {\n0x00, 0x01 };\n"
    pixmap = b'/* XPM */\nstatic char *a[] = {\n"5 3 1 1",\n"a c #ffffff",\n"aaaaa",\n"aaaaa",\n"aaaaa"\n};\n'
    for data, kind, size in [
        (bitmap, "image/x-xbitmap", (16, 7)),
        (pixmap, "image/x-xpixmap", (5, 3)),
        (b"P3\n2 1\n255\n1 2 3 4 5 6\n", "image/x-portable-pixmap", (2, 1)),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 20\n%%EndComments\n", "application/postscript", (30, 20)),
    ]:
        meta = ingest(data).meta
        assert (meta.media_type, (meta.width, meta.height)) == (kind, size)


def test_a_metafile_says_which_kind_it_is() -> None:
    placeable = (
        b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<hhhhHIH", 0, 0, 1440, 720, 1440, 0, 0) + b"\x01\0\x09\0" + bytes(14)
    )
    enhanced = struct.pack("<II8i", 1, 108, 0, 0, 99, 49, 0, 0, 2540, 1270) + b" EMF" + bytes(64)
    assert _kind(placeable) == "image/wmf"
    assert ingest(placeable).meta.width == 72
    assert _kind(enhanced) == "image/emf"


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_a_bitmap_of_each_version_is_a_bitmap(version: int) -> None:
    byte_len = {2: 52, 3: 56, 4: 108, 5: 124}[version]
    header = struct.pack("<IiiHHIIiiII", byte_len, 40, -30, 1, 32, 3, 0, 0, 0, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(124)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + byte_len) + (header + masks)[:byte_len] + bytes(40 * 30 * 4)
    meta = ingest(data).meta
    assert (meta.media_type, meta.width, meta.height) == ("image/bmp", 40, 30)
    assert _kind(b"BM is two letters") == "text/plain"


IMAGE = io.BytesIO()
Image.new("RGB", (4, 3)).save(IMAGE, "PNG")
PNG = IMAGE.getvalue()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>'
ZIP = SIGNED["application/zip"]
DOCX = _zip("word/document.xml")
OLE = SIGNED["application/x-ole-storage"]
UNKNOWN = bytes(range(256)) * 4
LATIN = "Gr\xfc\xdfe".encode("latin-1")
TIFF_LIKE = b"II*\0\x08\0\0\0\0\0"


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        ("image/png", PNG),
        ("IMAGE/PNG", PNG),
        ("image/x-png", PNG),
        ("image/apng", PNG),
        ("text/plain", b"hello"),
        ("text/markdown", b"hello"),
        ("text/plain; charset=utf-8", b"hello"),
        ("application/json", b"hello"),
        ("application/x-own", b"hello"),
        ("application/yaml", b"a: 1"),
        ("audio/x-mpegurl", b"#EXTM3U\n"),
        ("text/plain", b'{"a": 1}'),
        ("text/plain", SVG),
        ("text/xml", SVG),
        ("application/xml", SVG),
        ("image/svg+xml", b'<?xml version="1.0"?><!-- a drawing that begins late --><n:svgs xmlns:n="a"/>'),
        ("application/rss+xml", b'<?xml version="1.0"?><rss/>'),
        ("text/html", b'{"a": 1}'),
        ("application/zip", DOCX),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP),
        ("application/x-own", ZIP),
        ("model/3mf", ZIP),
        ("application/msword", OLE),
        ("audio/mp4", SIGNED["video/mp4"]),
        ("video/mp4", SIGNED["audio/mp4"]),
        ("audio/webm", SIGNED["video/webm"]),
        ("audio/x-wav", SIGNED["audio/wav"]),
        ("audio/mp3", b"ID3\x04\0\0\0\0\0\0"),
        ("image/heif", SIGNED["image/heic"]),
        ("image/x-adobe-dng", TIFF_LIKE),
        ("application/x-own", UNKNOWN),
        ("video/x-own", UNKNOWN),
        ("text/plain", LATIN),
        ("text/plain; charset=utf-16le", "hello".encode("utf-16-le")),
        ("text/plain", b""),
        ("application/x-own", b""),
        ("image/x-xbm", b"#define a_width 16\n#define a_height 7\nstatic char a_bits[] = {\n0x00 };\n"),
    ],
)
def test_a_declared_type_that_fits_is_kept(declared: str, data: bytes) -> None:
    kept = ingest(data, media_type=declared).meta.media_type
    assert kept == type(kept)(declared)


def test_an_octet_stream_declares_nothing() -> None:
    assert ingest(PNG, media_type="application/octet-stream").meta.media_type == "image/png"
    assert (
        ingest(PNG, media_type="application/octet-stream", trust_media_type=True).meta.media_type
        == "application/octet-stream"
    )


@pytest.mark.parametrize(
    ("declared", "data", "found"),
    [
        ("image/jpeg", PNG, "image/png"),
        ("text/plain", PNG, "image/png"),
        ("application/x-own", PNG, "image/png"),
        ("image/png", b"hello", "text/plain"),
        ("image/png", UNKNOWN, "application/octet-stream"),
        ("image/png", b"", "empty"),
        ("application/pdf", b"hello", "text/plain"),
        ("application/pdf", ZIP, "application/zip"),
        ("image/svg+xml", b"hello", "text/plain"),
        ("image/svg+xml", b"<html>", "text/html"),
        ("application/json", SVG, "image/svg+xml"),
        ("application/json", b"<!doctype html>", "text/html"),
        ("application/xml", b'{"a": 1}', "application/json"),
        ("audio/mpeg", b"hello", "text/plain"),
        ("video/mp4", SIGNED["audio/wav"], "audio/wav"),
        ("text/plain", UNKNOWN, "application/octet-stream"),
        ("text/csv", ZIP, "application/zip"),
        ("application/zip", SIGNED["application/pdf"], "application/pdf"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", DOCX, "wordprocessingml"),
        ("image/x-adobe-dng", PNG, "image/png"),
    ],
)
def test_a_declared_type_that_the_content_contradicts_is_refused_unless_trusted(
    declared: str, data: bytes, found: str
) -> None:
    with pytest.raises(IngestError) as caught:
        ingest(data, media_type=declared)
    assert declared in str(caught.value)
    assert found in str(caught.value)
    assert "trust_media_type=True" in str(caught.value)
    assert ingest(data, media_type=declared, trust_media_type=True).meta.media_type == declared


def test_a_trusted_type_does_not_hide_the_size() -> None:
    meta = ingest(PNG, media_type="application/x-own", trust_media_type=True).meta
    assert (meta.width, meta.height) == (4, 3)
