"""Width and height are those of the picture as shown upright, whatever the format, and from the header alone."""

from __future__ import annotations

import io
import struct
import sys
import sysconfig
import tempfile
import tracemalloc
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageOps, PngImagePlugin

from lashkit.ingestion import ingest

Image.init()
_NO_ENCODER = {"BUFR", "GRIB", "HDF5", "WMF"}  # Pillow only has hooks for other packages' encoders
_NO_DECODER = {"EPS", "PALM", "PDF"}  # Pillow writes them, and reads them not at all or by another program
_TURNABLE = ["JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "JPEG2000"]
_SUFFIXES = {suffix: name for suffix, name in Image.registered_extensions().items() if name in Image.OPEN}


def _suffix(name: str) -> str:
    return next((suffix for suffix, one in _SUFFIXES.items() if one == name), f".{name.lower()}")


def _picture(width: int = 48, height: int = 32) -> Image.Image:
    gradient = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (gradient, gradient.transpose(Image.Transpose.FLIP_LEFT_RIGHT), gradient))


def _shown_size(path: Path) -> tuple[int, int] | None:
    """The size as Pillow shows it upright; None where Pillow cannot show it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as opened:
                return ImageOps.exif_transpose(opened).size
        except Exception:
            return None


def _stated_size(source: object) -> tuple[int | None, int | None]:
    meta = ingest(source).meta
    return meta.width, meta.height


def _installed_pictures() -> list[Path]:
    roots = {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"], sys.prefix + "/share"}
    return sorted(
        {
            path
            for root in roots
            for path in Path(root).rglob("*")
            if path.suffix.lower() in _SUFFIXES and path.is_file()
        }
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* image format is deprecated:DeprecationWarning")
def test_every_picture_of_every_installed_package_has_the_size_that_pillow_shows() -> None:
    compared = {path: size for path in _installed_pictures() if (size := _shown_size(path))}
    assert {path: _stated_size(path) for path in compared} == compared
    assert len(compared) >= 1, "Pillow is installed, and matplotlib with its sample photo is in the dev group"


@pytest.mark.filterwarnings("ignore:.* image format is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(set(Image.SAVE) - _NO_ENCODER - _NO_DECODER))
def test_every_format_that_pillow_writes_has_the_size_that_pillow_shows(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{_suffix(name)}"
    mode = {"BLP": "P", "MSP": "1", "XBM": "1"}.get(name, "RGB")
    _picture().convert(mode).save(path, name)
    assert _stated_size(path) == _shown_size(path) is not None
    assert ingest(path).meta.media_type.is_image


@pytest.mark.parametrize("degree", range(1, 10))
@pytest.mark.parametrize("name", _TURNABLE)
def test_a_picture_turned_by_its_exif_tag_has_the_size_that_is_shown(name: str, degree: int, tmp_path: Path) -> None:
    path = tmp_path / f"turned{_suffix(name)}"
    tags = Image.Exif()
    tags[0x0112] = degree
    extra = {"save_all": True, "append_images": [_picture()]} if name == "MPO" else {}
    _picture().save(path, name, exif=tags, **extra)
    assert _stated_size(path) == _shown_size(path)
    if name not in ("AVIF", "JPEG2000"):
        assert _stated_size(path) == ((32, 48) if degree in (5, 6, 7, 8) else (48, 32))


@pytest.mark.parametrize("degree", [1, 3, 6, 8])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_turned_by_its_xmp_packet_has_the_size_that_is_shown(name: str, degree: int, tmp_path: Path) -> None:
    path = tmp_path / f"turned{_suffix(name)}"
    packet = f'<x:xmpmeta><rdf:Description tiff:Orientation="{degree}"/></x:xmpmeta>'
    if name == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_itxt("XML:com.adobe.xmp", packet, zip=degree == 6)
        _picture().save(path, name, pnginfo=notes)
    elif name == "TIFF":
        _picture().save(path, name, tiffinfo={700: packet.encode()})
    else:
        _picture().save(path, name, xmp=packet.encode())
    assert _stated_size(path) == _shown_size(path) == ((32, 48) if degree in (6, 8) else (48, 32))


@pytest.mark.parametrize("degree", range(1, 9))
def test_heic_has_the_size_that_pillow_shows(degree: int, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install lashkit[heif]")
    path = tmp_path / "turned.heic"
    tags = Image.Exif()
    tags[0x0112] = degree
    heif = pillow_heif.from_pillow(_picture())
    heif.save(path, exif=tags.tobytes())
    said = _stated_size(path)  # before the comparison, so that ingest itself has to teach Pillow the format
    assert said == _shown_size(path) == ((32, 48) if degree >= 5 else (48, 32))
    assert ingest(path).meta.media_type == "image/heic"


@pytest.mark.parametrize("degree", [1, 6])
def test_an_avif_without_its_data_keeps_its_size(degree: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = degree
    output = io.BytesIO()
    _picture(640, 480).save(output, "AVIF", exif=tags)
    data = output.getvalue()
    assert _stated_size(data[: data.index(b"mdat") + 8]) == ((480, 640) if degree == 6 else (640, 480))


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


_EXTENT = _box(b"ispe", bytes(4), struct.pack(">II", 640, 480))
_TURN = _box(b"irot", b"\1")
_CROP = _box(b"clap", struct.pack(">8I", 600, 1, 400, 1, 0, 1, 0, 1))
_BAD_CROP = _box(b"clap", struct.pack(">8I", 600, 0, 400, 1, 0, 1, 0, 1))


def _heic(*properties: bytes, wide: bool = False, brand: bytes = b"heic") -> bytes:
    """A HEIC whose item 7 has these properties, and no data. Two items; ids and indices are wide or narrow."""
    version = b"\1\0\0\1" if wide else bytes(4)
    ident = ">I" if wide else ">H"
    indices = range(1, len(properties) + 1)
    links = struct.pack(ident, 3) + b"\1" + (b"\0\1" if wide else b"\1")
    links += struct.pack(ident, 7) + bytes((len(properties),))
    links += b"".join(struct.pack(">H", 0x8000 | n) if wide else bytes((0x80 | n,)) for n in indices)
    ipma = _box(b"ipma", version, struct.pack(">I", 2), links)
    pitm = _box(b"pitm", version[:1] + bytes(3), struct.pack(ident, 7))
    meta = _box(b"meta", bytes(4), pitm, _box(b"iprp", _box(b"ipco", *properties), ipma))
    return _box(b"ftyp", brand, bytes(4), b"mif1") + meta


@pytest.mark.parametrize("wide", [False, True])
def test_boxes_crop_and_turn_the_primary_items_extent(wide: bool) -> None:
    assert _stated_size(_heic(_EXTENT, wide=wide)) == (640, 480)
    assert _stated_size(_heic(_EXTENT, _TURN, wide=wide)) == (480, 640)
    assert _stated_size(_heic(_EXTENT, _CROP, _TURN, wide=wide)) == (400, 600)
    assert _stated_size(_heic(_EXTENT, _BAD_CROP, wide=wide)) == (640, 480)
    assert _stated_size(_heic(_EXTENT, _CROP, wide=wide, brand=b"avif")) == (640, 480)


def test_boxes_that_say_nothing_of_a_size_leave_it_unknown() -> None:
    whole = _heic(_EXTENT)
    start = whole.index(b"meta") - 4
    assert _stated_size(_heic(_TURN)) == (None, None)
    assert _stated_size(_heic(_box(b"ispe", bytes(12)))) == (None, None)
    assert _stated_size(whole[:start]) == (None, None)
    assert _stated_size(whole[:-2]) == (None, None)
    assert _stated_size(whole[:start] + _box(b"free") + whole[start:]) == (640, 480)
    assert _stated_size(whole[:start] + b"\0\0\0\1free" + struct.pack(">Q", 20) + bytes(4) + whole[start:]) == (
        640,
        480,
    )
    assert _stated_size(whole[:start] + b"\0\0\0\2free" + whole[start:]) == (None, None)
    endless = whole[:start] + bytes(4) + whole[start + 4 :]
    assert _stated_size(endless) == (None, None)
    long_link = _heic(_EXTENT).replace(b"\0\x07\x01\x81", b"\0\x08\x01\x81")
    assert _stated_size(long_link) == (None, None)


def _png(*chunks: tuple[bytes, bytes], width: int = 48, height: int = 32) -> bytes:
    """A PNG of these chunks after IHDR; the pixels are not real unless an IDAT makes them."""
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (head, *chunks)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


_PIXELS = (b"IDAT", zlib.compress((b"\0" + bytes(48)) * 32))
_END = (b"IEND", b"")
_TURNED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
_PROFILE = b"\nexif\n%8d\n%s\n" % (len(_TURNED) + 6, (b"Exif\0\0" + _TURNED).hex().encode())


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([(b"eXIf", _TURNED), _PIXELS, _END], id="before the data"),
        pytest.param([_PIXELS, (b"eXIf", _TURNED), _END], id="after the data"),
        pytest.param([_PIXELS, (b"tEXt", b"Raw profile type exif\0" + _PROFILE), _END], id="as plain profile"),
        pytest.param(
            [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(_PROFILE)), _PIXELS, _END], id="as packed profile"
        ),
        pytest.param(
            [(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + _PROFILE), _PIXELS, _END], id="as international profile"
        ),
        pytest.param([(b"tEXt", b"exif\0Exif\0\0" + _TURNED), _PIXELS, _END], id="as text named exif"),
    ],
)
def test_a_png_is_turned_by_its_tag_wherever_it_stands(chunks: list[tuple[bytes, bytes]], tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    path.write_bytes(_png(*chunks))
    assert _stated_size(path) == _shown_size(path) == (32, 48)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"eXIf", b"garbage"),
        (b"eXIf", b"MM\0*\xff\xff\xff\xff"),
        (b"eXIf", b"MM\0*\x00\x00\x00\x08\xff\xff"),
        (b"zTXt", b"Raw profile type exif\0\0not deflated"),
        (b"tEXt", b"Raw profile type exif\0\n\n\nno hex"),
        (b"tEXt", b"Comment\0Orientation 6"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0no orientation here"),
    ],
)
def test_damaged_or_unrelated_notes_turn_nothing(chunk: tuple[bytes, bytes]) -> None:
    assert _stated_size(_png(chunk, _PIXELS, _END)) == (48, 32)


def test_an_animated_png_is_measured_by_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "moving.png"
    frame = struct.pack(">IIIIIHHBB", 0, 48, 32, 0, 0, 1, 10, 0, 0)
    second = struct.pack(">I", 1) + frame[4:]
    path.write_bytes(
        _png(
            (b"acTL", struct.pack(">II", 2, 0)),
            (b"fcTL", frame),
            _PIXELS,
            (b"fcTL", second),
            (b"eXIf", _TURNED),
            _END,
        )
    )
    assert _stated_size(path) == _shown_size(path) == (48, 32)
    assert ingest(path).meta.media_type == "image/png"


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animated_picture_has_its_first_frames_canvas(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"moving{_suffix(name)}"
    _picture().save(path, name, save_all=True, append_images=[_picture().rotate(90), _picture().rotate(180)])
    assert _stated_size(path) == _shown_size(path) == (48, 32)


def test_a_gif_whose_first_frame_reaches_beyond_its_screen_is_as_large_as_both() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 10, 20, 0x80, 0, 0) + bytes(6)
    comment = b"!\xfe\x05hello\x00"
    frame = b"," + struct.pack("<HHHHB", 5, 5, 30, 10, 0)
    assert _stated_size(screen + comment + frame) == (35, 20)
    assert _stated_size(screen + comment) == (10, 20)
    assert _stated_size(screen + b";") == (10, 20)
    assert _stated_size(screen + b"," + b"\0") == (10, 20)
    assert _stated_size(screen[:10]) == (10, 20)
    assert _stated_size(b"GIF89a\0") == (None, None)


@pytest.mark.parametrize("sizes", [[(16, 16)], [(16, 16), (64, 64), (32, 32)], [(256, 256), (48, 48)]])
@pytest.mark.parametrize("inside", ["png", "bmp"])
def test_an_icon_is_as_large_as_the_frame_that_is_shown(
    sizes: list[tuple[int, int]], inside: str, tmp_path: Path
) -> None:
    path = tmp_path / "icon.ico"
    _picture(256, 256).save(path, sizes=sizes, bitmap_format=inside)
    assert _stated_size(path) == _shown_size(path) == max(sizes)


def test_an_icon_whose_directory_lies_has_the_size_of_the_frame_inside(tmp_path: Path) -> None:
    path = tmp_path / "icon.ico"
    _picture(64, 64).save(path, sizes=[(64, 64)])
    data = bytearray(path.read_bytes())
    data[6:8] = bytes((16, 16))
    path.write_bytes(data)
    assert _stated_size(path) == _shown_size(path) == (64, 64)


def test_an_icon_cut_before_its_frame_has_the_size_that_its_directory_gives(tmp_path: Path) -> None:
    path = tmp_path / "icon.ico"
    _picture(64, 64).save(path, sizes=[(64, 64)])
    assert _stated_size(path.read_bytes()[:22]) == (64, 64)
    assert _stated_size(path.read_bytes()[:12]) == (None, None)


def _os2_icon() -> bytes:
    bitmap = struct.pack("<IHHHH", 12, 24, 20, 1, 24)
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 24, 10, 0, 0, 1, 24, len(bitmap), 22) + bitmap


def test_an_icon_of_the_oldest_kind_has_half_the_height_that_its_bitmap_declares() -> None:
    assert _stated_size(_os2_icon()) == (24, 10)


def test_an_apple_icon_is_as_large_as_the_picture_in_its_best_slot(tmp_path: Path) -> None:
    path = tmp_path / "icon.icns"
    for inside, size in (("PNG", (300, 300)), ("JPEG2000", (200, 200))):
        output = io.BytesIO()
        _picture(*size).save(output, inside)
        block = b"ic09" + struct.pack(">I", 8 + len(output.getvalue())) + output.getvalue()
        path.write_bytes(b"icns" + struct.pack(">I", 8 + len(block)) + block)
        assert _stated_size(path) == size
    raw = b"is32" + struct.pack(">I", 8 + 768) + bytes(768)
    path.write_bytes(b"icns" + struct.pack(">I", 8 + len(raw)) + raw)
    assert _stated_size(path) == (16, 16)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_each_kind_of_webp_has_its_size(lossless: bool, mode: str) -> None:
    output = io.BytesIO()
    _picture(300, 7).convert(mode).save(output, "WEBP", lossless=lossless)
    assert _stated_size(output.getvalue()) == (300, 7)
    assert _stated_size(output.getvalue()[:30]) == (300, 7)
    assert _stated_size(output.getvalue()[:20]) == (None, None)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "JPEG2000", "AVIF", "QOI"])
def test_a_cut_picture_is_stored_with_the_size_that_its_header_has(name: str) -> None:
    output = io.BytesIO()
    noise = Image.effect_noise((400, 300), 90).convert("RGB")
    noise.save(output, name)
    data = output.getvalue()
    taken = ingest(data[: len(data) * 3 // 4])
    if name == "TIFF":  # Pillow puts the directory of an uncompressed TIFF first
        assert taken.meta.media_type == "image/tiff"
    assert (taken.meta.width, taken.meta.height) == (400, 300)
    assert taken.read() == data[: len(data) * 3 // 4]


def test_a_jpeg_cut_before_its_scan_keeps_the_size_seen() -> None:
    output = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = 6
    _picture().save(output, "JPEG", exif=tags)
    data = output.getvalue()
    scan = data.index(b"\xff\xda")
    frame = data.index(b"\xff\xc0")
    assert _stated_size(data[:scan]) == (32, 48)
    assert _stated_size(data[:frame]) == (None, None)
    assert _stated_size(data[:2] + b"\xff\xd8junk\xff\x00" + data[2:]) == (32, 48)


def test_exif_in_two_segments_is_one_block() -> None:
    output = io.BytesIO()
    _picture().save(output, "JPEG")
    data = output.getvalue()
    first, second = b"Exif\0\0" + _TURNED[:12], b"Exif\0\0" + _TURNED[12:]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in (first, second))
    assert _stated_size(data[:2] + segments + data[2:]) == (32, 48)


@pytest.mark.parametrize("order", ["<", ">"])
def test_bigtiff_and_tiff_of_both_byte_orders_have_their_size(order: str) -> None:
    mark = b"II" if order == "<" else b"MM"
    tags = [(0x0100, 40), (0x0101, 30), (0x0112, 8)]
    small = mark + struct.pack(order + "HIH", 42, 8, 3)
    small += b"".join(struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    big = mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, 3)
    big += b"".join(struct.pack(order + "HHQHHI", tag, 3, 1, value, 0, 0) for tag, value in tags)
    assert _stated_size(small) == _stated_size(big) == (30, 40)
    assert _stated_size(small[:20]) == (None, None)


def test_brushes_and_fax_pages_have_their_size() -> None:
    brush = struct.pack(">5I4sI", 28, 2, 33, 44, 1, b"GIMP", 10)
    assert _stated_size(brush + bytes(33 * 44)) == (33, 44)
    assert _stated_size(struct.pack(">5I", 20, 1, 33, 44, 1)) == (33, 44)
    assert ingest(struct.pack(">5I", 20, 1, 33, 44, 9) + bytes(9)).meta.width is None
    assert ingest(struct.pack(">3I", 20, 1, 33)).meta.width is None
    page = b"\x0a\x05\x01\x08" + struct.pack("<4H", 0, 0, 49, 19)
    fax = struct.pack("<III", 987654321, 12, 0)
    assert _stated_size(fax + page) == (50, 20)
    assert _stated_size(fax + b"not a page!!") == (None, None)


BOMBS = {
    "PNG": _png(_END, width=60000, height=50000),
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 65000, 65000, 0, 0, 0) + b"," + struct.pack("<HHHHBB", 0, 0, 9, 9, 0, 2),
    "WEBP": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (15999).to_bytes(3, "little") * 2,
    "BMP": b"BM"
    + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 50000, 50000, 1, 24, 0, 0, 0, 0, 0, 0),
    "GBR": struct.pack(">5I", 20, 1, 20000, 30000, 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_decompression_bomb_is_measured_without_a_word(name: str) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    width, height = _stated_size(BOMBS[name])
    assert width is not None
    assert height is not None
    assert width * height > (limit or 0)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_measuring_a_large_picture_decodes_no_pixel() -> None:
    with tempfile.TemporaryFile() as file:
        Image.new("RGB", (6000, 6000)).save(file, "PNG", compress_level=1)
        file.seek(0)
        ingest(file)
        tracemalloc.start()
        try:
            assert _stated_size(file) == (6000, 6000)
            assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
        finally:
            tracemalloc.stop()
