"""Whatever the bytes, ingest takes them or refuses them in its own words, and never hangs."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from lashkit.errors import DecodeError
from lashkit.ingestion import ingest
from lashkit.ingestion.pdf import page_count
from lashkit.ingestion.pictures import decode
from lashkit.ingestion.reading import HeaderReader
from lashkit.ingestion.svg import root_of, size_of

_FORMATS = [
    "PNG",
    "JPEG",
    "GIF",
    "WEBP",
    "BMP",
    "TIFF",
    "ICO",
    "ICNS",
    "JPEG2000",
    "AVIF",
    "QOI",
    "TGA",
    "PPM",
    "PCX",
    "SGI",
    "DDS",
]
_MAGICS = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"II*\0",
    b"MM\0+",
    b"\0\0\1\0",
    b"%PDF-",
    b"PK\3\4",
    b"\0\0\0\x20ftypheic",
    b"\0\0\0\x20ftypavif",
    b"icns",
    b"8BPS\0\1",
    b"<svg ",
    b"<?xml",
    b"{",
    b"OggS",
    b"\xff\xfb\x90\0",
    b"FORM",
    b"BM",
    b"P6 ",
    b"#define",
    b"/* XPM */",
    b"%!PS",
    b"SIMPLE  =",
    b"DDS ",
    b"BLP2",
    b"\x0a\x05\x01\x08",
    b"\xb1\x68\xde\x3a",
]


@cache
def _sample(name: str) -> bytes:
    output = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = 6
    extra = {"exif": tags} if name in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF") else {}
    Image.effect_noise((40, 24), 90).convert("RGB").save(output, name, **extra)
    return output.getvalue()


def _taken_or_refused(data: bytes) -> None:
    taken = ingest(data)
    assert taken.read() == data
    assert taken.byte_len == len(data)
    assert (taken.meta.width is None) == (taken.meta.height is None)


@given(st.binary(max_size=2000), st.sampled_from(_MAGICS))
@example(b"", b"")
@example(b"\0\0\0\0\x80\0\0\0\0\0\0\0", b"MM\0+")
def test_random_bytes_are_taken(data: bytes, magic: bytes) -> None:
    _taken_or_refused(data)
    _taken_or_refused(magic + data)


@given(st.sampled_from(_FORMATS), st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_cut_and_flipped_pictures_are_taken_and_decoded_or_refused(name: str, data: st.DataObject) -> None:
    sample = bytearray(_sample(name))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, min(len(sample), 400) - 1))
        sample[at] = data.draw(st.integers(0, 255))
    damaged = bytes(sample[: data.draw(st.integers(0, len(sample)))])
    _taken_or_refused(damaged)
    with contextlib.suppress(DecodeError):
        decode(damaged, label="a.tga")


@given(
    st.text(alphabet="<>!-?[]\"'=svg: &;0a%", max_size=300),
    st.dictionaries(
        st.sampled_from(["width", "height", "viewBox"]), st.text(alphabet="0123456789.e+-px% ,", max_size=40)
    ),
)
def test_markup_never_confuses_the_drawing_reader(text: str, attributes: dict[str, str]) -> None:
    root_of(text)
    size = size_of(attributes)
    assert size is None or min(size) >= 1


@given(
    st.lists(
        st.sampled_from(
            [
                b"obj",
                b"endobj",
                b"/Type /Pages",
                b"/Type /Page",
                b"/Count 3",
                b"/Type /ObjStm",
                b"stream\n",
                b"x\x9c",
                b" ",
                b">>",
            ]
        ),
        max_size=60,
    )
)
def test_pieces_of_pdf_never_confuse_the_page_counter(parts: list[bytes]) -> None:
    count = page_count(b"%PDF-1.4\n" + b"".join(parts))
    assert count is None or count >= 1


ENDLESS = {
    "markup": "<!DOCTYPE a [" + "<" * 60_000,
    "comments": "<!--" * 16_000,
    "attributes": "<svg " + 'a="b" ' * 10_000,
    "spaces": "<svg" + " " * 60_000 + "a",
    "doctype": "<!DOCTYPE " + "\"'" * 30_000,
    "entities": "<!DOCTYPE a [" + "<!ENTITY - -" * 5_000,
    "json": "[" + '"\\' * 30_000,
    "numbers": "[" + "1" * 60_000,
    "escapes": "[" + '"a\\"' * 20_000,
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.timeout(20)
def test_text_made_to_be_slow_is_judged_at_once(name: str) -> None:
    text = ENDLESS[name].encode()
    for data in (text, text * 2):
        assert ingest(data).meta.media_type.partition("/")[0] in ("text", "image", "application")


@pytest.mark.parametrize("step", [1, 8, 9])
@pytest.mark.timeout(60)
def test_an_icon_of_countless_blocks_is_given_up(step: int) -> None:
    block = b"abcd" + step.to_bytes(4, "big") + b"\0"
    data = b"icns\xff\xff\xff\xff" + block * 1_000_000
    assert ingest(data).meta.width is None


@pytest.mark.timeout(60)
def test_a_png_of_countless_chunks_keeps_its_size() -> None:
    data = _sample("PNG")
    assert ingest(data[:33] + b"\0\0\0\0noTe\0\0\0\0" * 1_000_000).meta.width == 40


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"GIF89a\x28\0\x18\0\0\0\0" + b"!\xfe\x01a\0" * 1_000_000, (40, 24)),
        (b"\xff\xd8\xff" + b"\xff" * 3_000_000, (None, None)),
        (b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x0c\0\0\0\x27\0\0\x17\0\0" + b"junk\0\0\0\0" * 1_000_000, (40, 24)),
    ],
)
def test_headers_of_countless_parts_are_given_up(head: bytes, size: tuple[int | None, int | None]) -> None:
    meta = ingest(head).meta
    assert (meta.width, meta.height) == size


@pytest.mark.timeout(60)
def test_a_tag_that_claims_gigabytes_takes_no_memory() -> None:
    entries = (
        b"\x00\x01\x03\0\x01\0\0\0\x28\0\0\0\x01\x01\x03\0\x01\0\0\0\x18\0\0\0\xbc\x02\x01\0\xff\xff\xff\x7f\x08\0\0\0"
    )
    meta = ingest(b"II*\0\x08\0\0\0\x03\0" + entries).meta
    assert (meta.width, meta.height) == (40, 24)


def test_a_header_reader_refuses_to_read_a_file() -> None:
    reader = HeaderReader(io.BytesIO(bytes(20 * 1024 * 1024)), 5)
    with pytest.raises(OSError, match="no header"):
        reader.read()
    with pytest.raises(OSError, match="no header"):
        reader.read(17 * 1024 * 1024)
    with pytest.raises(OSError, match="outside any file"):
        reader.seek(-1)
    with pytest.raises(OSError, match="outside any file"):
        reader.seek(2**63)


def test_a_header_reader_is_a_file_from_its_start_on() -> None:
    file = io.BytesIO(b"skipped0123456789")
    with HeaderReader(file, 7) as reader:
        assert (reader.readable(), reader.seekable(), reader.writable()) == (True, True, False)
        assert reader.read(3) == b"012"
        assert (reader.seek(2, os.SEEK_CUR), reader.tell()) == (5, 5)
        assert reader.read(None) == b"56789"
        assert reader.seek(-1, os.SEEK_END) == 9
        buffer = bytearray(4)
        assert (reader.readinto(buffer), buffer) == (1, b"9\0\0\0")
        assert reader.at(0, 2) == b"01"
    assert not file.closed


@pytest.mark.parametrize("hidden", ["pillow_heif", "PIL._avif"])
def test_heic_and_avif_have_their_size_where_pillow_cannot_open_them(hidden: str, tmp_path: object) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pip install lashkit[heif]")
    heif.register_heif_opener()
    output = io.BytesIO()
    Image.new("RGB", (48, 32)).save(output, "HEIF" if hidden == "pillow_heif" else "AVIF")
    script = (
        "import sys\n"
        f"sys.modules[{hidden!r}] = None\n"
        "from lashkit.ingestion import ingest\n"
        "meta = ingest(sys.stdin.buffer.read()).meta\n"
        "print(meta.media_type, meta.width, meta.height)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=output.getvalue(), capture_output=True, check=True)
    assert done.stdout.split()[1:] == [b"48", b"32"]
