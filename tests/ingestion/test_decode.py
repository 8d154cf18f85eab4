"""`decode` gives an upright, loaded first frame, or a DecodeError that says why not."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from lashkit.errors import DecodeError
from lashkit.ingestion import ingest
from lashkit.ingestion.pictures import decode


def _encoded(name: str, image: Image.Image | None = None, **options: object) -> bytes:
    output = io.BytesIO()
    (image or Image.linear_gradient("L").resize((48, 32)).convert("RGB")).save(output, name, **options)
    return output.getvalue()


@pytest.mark.parametrize(
    "name", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "JPEG2000", "AVIF", "QOI", "TGA", "PPM"]
)
def test_the_picture_is_the_one_that_pillow_shows(name: str) -> None:
    data = _encoded(name)
    picture = decode(data)
    with Image.open(io.BytesIO(data)) as opened:
        assert picture.tobytes() == ImageOps.exif_transpose(opened).tobytes()
    meta = ingest(data).meta
    assert picture.size == (meta.width, meta.height)


@pytest.mark.parametrize("degree", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_the_picture_is_upright(name: str, degree: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = degree
    picture = decode(_encoded(name, exif=tags))
    assert picture.size == ((32, 48) if degree >= 5 else (48, 32))
    assert picture.getexif().get(0x0112, 1) == 1


def test_heic_is_decoded_where_the_extra_is_installed() -> None:
    pytest.importorskip("pillow_heif", reason="pip install lashkit[heif]").register_heif_opener()
    assert decode(_encoded("HEIF")).size == (48, 32)


def test_an_animated_picture_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = _encoded("GIF", frames[0], save_all=True, append_images=frames[1:])
    assert decode(data).convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_the_picture_does_not_need_its_bytes_any_more() -> None:
    data = bytearray(_encoded("PNG"))
    picture = decode(bytes(data))
    data[:] = bytes(len(data))
    picture.load()
    assert picture.rotate(90).size == (48, 32)


def test_a_label_speaks_for_a_format_without_a_signature() -> None:
    data = _encoded("DIB")
    assert decode(data, label="a.dib").size == (48, 32)
    with pytest.raises(DecodeError, match="no picture"):
        decode(data)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 20\n%%EndComments\n"


@pytest.mark.parametrize("data", [b"", b"hello", SVG, EPS, b"%PDF-1.7\n", bytes(1000), b"\xff\xd8\xfe"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match=r"the attachment '.*' is no picture .*bytes or text\(\)"):
        decode(data, label="some\nname")


def test_the_refusal_names_what_the_bytes_are() -> None:
    with pytest.raises(DecodeError, match="application/pdf"):
        decode(b"%PDF-1.7\n")


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "QOI"])
def test_a_damaged_picture_is_refused(name: str) -> None:
    data = _encoded(name, Image.effect_noise((200, 200), 90).convert("RGB"))
    with pytest.raises(DecodeError, match="damaged"):
        decode(data[: len(data) // 2])
    with pytest.raises(DecodeError, match=r"damaged|no picture"):
        decode(data[:14])


BOMB = b"GIF89a" + struct.pack("<HHBBB", 65000, 65000, 0, 0, 0) + b"," + struct.pack("<HHHHBB", 0, 0, 9, 9, 0, 2)


def test_a_bomb_is_not_decoded() -> None:
    with pytest.raises(DecodeError, match=r"65000 x 65000 pixels, more than the \d+ .*MAX_IMAGE_PIXELS"):
        decode(BOMB)


def test_the_limit_is_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _encoded("PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 48 * 32 - 1)
    with pytest.raises(DecodeError, match=re.escape("48 x 32")):
        decode(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 48 * 32)
    assert decode(data).size == (48, 32)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert decode(data).size == (48, 32)


def test_decoding_agrees_with_what_a_stored_attachment_shows(tmp_path: Path) -> None:
    from lashkit.values import StoredAttachment

    data = _encoded("PNG")
    meta = ingest(data, label="a.png").meta.describe(__import__("lashkit.values").values.content_id(data), len(data))
    assert StoredAttachment(meta, data).image().size == (48, 32)
