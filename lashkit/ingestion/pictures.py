"""Pictures: their size from the header alone, and their pixels when somebody asks for them."""

from __future__ import annotations

import io
import os
from typing import IO, TYPE_CHECKING, Any, cast

from lashkit.errors import DecodeError
from lashkit.ingestion import boxes, headers
from lashkit.ingestion.exif import orientation
from lashkit.ingestion.reading import HeaderReader, shown, told
from lashkit.ingestion.signatures import signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import Image, ImageFile

    from lashkit.ingestion.headers import Size

__all__ = ["decode", "identify", "measure"]

# Pillow's formats, and what each is called. `None`: nothing that decodes to a picture here.
_TYPES: dict[str, str | None] = {
    "AVIF": "image/avif",
    "BLP": "image/x-blp",
    "BMP": "image/bmp",
    "BUFR": None,
    "CUR": "image/x-win-bitmap",
    "DCX": "image/x-dcx",
    "DDS": "image/vnd-ms.dds",
    "DIB": "image/bmp",
    "EPS": "application/postscript",
    "FITS": "image/fits",
    "FLI": "video/x-fli",
    "FTEX": "image/x-ftex",
    "GBR": "image/x-gimp-gbr",
    "GIF": "image/gif",
    "GRIB": None,
    "HDF5": None,
    "HEIF": "image/heif",
    "ICNS": "image/icns",
    "ICO": "image/vnd.microsoft.icon",
    "IM": "image/x-im",
    "IPTC": "image/x-iptc",
    "JPEG": "image/jpeg",
    "JPEG2000": "image/jp2",
    "MCIDAS": "image/x-mcidas",
    "MPEG": None,
    "MPO": "image/jpeg",
    "MSP": "image/x-msp",
    "PCD": "image/x-photo-cd",
    "PCX": "image/x-pcx",
    "PIXAR": "image/x-pixar",
    "PNG": "image/png",
    "PSD": "image/vnd.adobe.photoshop",
    "QOI": "image/qoi",
    "SGI": "image/sgi",
    "SPIDER": "image/x-spider",
    "SUN": "image/x-sun-raster",
    "TGA": "image/x-tga",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "WMF": "image/wmf",
    "XBM": "image/x-xbitmap",
    "XPM": "image/x-xpixmap",
    "XVTHUMB": "image/x-xv-thumbnail",
}
# Nearly any bytes pass for these, so something else has to speak for them: a name, a declared type, a footer.
_UNSIGNED = frozenset({"DIB", "IM", "IMT", "IPTC", "PCD", "SPIDER", "TGA"})
# Decoding these starts other programs, or is for other systems.
_NOT_DECODED = frozenset({"EPS", "WMF"})
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"

_OWN: dict[str, Callable[[HeaderReader], Size | None]] = {
    "GIF": headers.gif,
    "ICO": headers.ico,
    "PNG": headers.png,
    "WEBP": headers.webp,
    "JPEG": headers.jpeg,
    "TIFF": headers.tiff,
    "GBR": headers.gbr,
    "DCX": headers.dcx,
}
_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/vnd.microsoft.icon": "ICO",
    "image/vnd.adobe.photoshop": "PSD",
    "image/qoi": "QOI",
    "image/jp2": "JPEG2000",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
    "image/heic-sequence": "HEIF",
    "image/heif-sequence": "HEIF",
}


def measure(reader: HeaderReader, media_type: str) -> Size | None:
    """Upright width and height in pixels of the picture of a known type; `None` where its header does not tell.

    Equal to `ImageOps.exif_transpose(Image.open(file)).size`, without decoding, warning or raising.
    """
    name = _FORMATS.get(media_type)
    return None if name is None else _measure(reader, name)


def identify(reader: HeaderReader, tail: bytes, names: tuple[str, ...] = ()) -> tuple[str, Size | None] | None:
    """Media type and upright size of a picture in one of the formats that Pillow knows beyond the common ones.

    Args:
        reader: the whole source.
        tail: its last bytes.
        names: file names and media types that speak for formats which have no signature of their own.

    Returns:
        `None` where no format fits.
    """
    for name in _candidates(reader, tail, names):
        kind = _TYPES.get(name, f"image/x-{name.lower()}")
        if kind is None:
            continue
        opened = None if name in _OWN else _opened(reader, name)
        size = _measure(reader, name) if opened is None else _upright(opened)
        if size is not None:
            return _precisely(name, kind, opened), size
    return None


def decode(data: bytes, *, label: str | None = None) -> Image.Image:
    """The picture in `data`, turned upright, loaded, and detached from its bytes. An animated one: its first frame.

    Args:
        data: a file in any format that Pillow decodes by itself.
        label: a file name; formats without a signature are recognised by it.

    Raises:
        DecodeError: no picture, a damaged one, or one with more pixels than Pillow's `Image.MAX_IMAGE_PIXELS`.
    """
    from PIL import Image, ImageOps

    what = "the attachment" if label is None else f"the attachment {shown(label)}"
    reader = HeaderReader(io.BytesIO(data))
    names = [name for name in _candidates(reader, data[-64:], (label or "",)) if _decodes(name)]
    # One prefix may fit several formats: a TGA may begin like a Windows cursor.
    sizes = ((name, _measure(HeaderReader(io.BytesIO(data)), name)) for name in names)
    name, size = next((found for found in sizes if found[1] is not None), ("", None))
    if size is None:
        kind = signature_of(data[:1024])
        says = f" ({kind})" if kind else ""
        if kind in _FORMATS:
            raise DecodeError(f"{what} is damaged: its header{says} cannot be read; store the original file again")
        raise DecodeError(f"{what} is no picture that can be decoded{says}; use its bytes or text() instead")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and size[0] * size[1] > limit:
        raise DecodeError(
            f"{what} has {size[0]} x {size[1]} pixels, more than the {limit} that are safe to decode; "
            "raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )
    try:
        with Image.open(io.BytesIO(data), formats=[name]) as opened:
            return ImageOps.exif_transpose(opened)
    except Exception as exc:
        # Whatever a decoder of foreign bytes raises means the same here: this picture cannot be had.
        raise DecodeError(f"{what} is damaged ({told(exc)}); store the original file again") from exc


def _decodes(name: str) -> bool:
    return _TYPES.get(name, "") is not None and name not in _NOT_DECODED


def _candidates(reader: HeaderReader, tail: bytes, names: tuple[str, ...]) -> Iterator[str]:
    """Pillow's formats that accept these first bytes, and the ones without a signature that something speaks for."""
    from PIL import Image

    prefix = reader.at(0, 16)
    if prefix[4:8] == b"ftyp":
        _register_heif()
    Image.init()
    spoken_for = {name for hint in names for name in _hinted(hint)}
    if tail.endswith(_TGA_FOOTER):
        spoken_for.add("TGA")
    for name in list(Image.ID):
        accept = Image.OPEN[name][1]
        if accept is None or name in _UNSIGNED:
            if name in spoken_for:
                yield name
        elif _accepts(accept, prefix):
            yield name


def _accepts(accept: Callable[[bytes], bool | str], prefix: bytes) -> bool:
    try:
        return accept(prefix) is True
    except Exception:  # noqa: BLE001  (what a prefix test raises for a file shorter than its magic number)
        return False


def _hinted(hint: str) -> Iterator[str]:
    from PIL import Image

    extension = os.path.splitext(hint)[1].lower()
    if extension == ".spi":  # Pillow registers it only once it has written such a file
        yield "SPIDER"
    elif extension in Image.EXTENSION:
        yield Image.EXTENSION[extension]
        if extension == ".bmp":
            yield "DIB"
    yield from (name for name, kind in _TYPES.items() if kind == hint and kind != "image/bmp")


def _register_heif() -> None:
    """Teach Pillow HEIC and HEIF where the extra is installed: asked for only when such a file comes along."""
    from PIL import Image

    if "HEIF" not in Image.OPEN:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            return
        register_heif_opener()


def _measure(reader: HeaderReader, name: str) -> Size | None:
    own = _OWN.get(name)
    if own is not None:
        return _attempt(own, reader)
    opened = _opened(reader, name)
    if opened is not None:
        return _upright(opened)
    return _attempt(boxes.isobmff, reader) if name in ("AVIF", "HEIF") else None


def _attempt(parse: Callable[[HeaderReader], Size | None], reader: HeaderReader) -> Size | None:
    try:
        return parse(reader)
    except OSError:
        return None


def _opened(reader: HeaderReader, name: str) -> ImageFile.ImageFile | None:
    """The picture as Pillow's plugin sees it, its pixels untouched; `None` where the header is not of that format.

    `Image.open` is not used: it judges the number of pixels, which is only the business of those who decode.
    """
    from PIL import Image

    if name in ("AVIF", "HEIF"):
        _register_heif()
    Image.init()
    if name not in Image.OPEN:
        return None
    try:
        reader.seek(0)
        opened: Any = Image.OPEN[name][0](cast("IO[bytes]", reader), "")
    except Exception:  # noqa: BLE001  (plugins raise anything over foreign bytes, and all of it means: not readable)
        return None
    return opened  # type: ignore[no-any-return]


def _upright(opened: ImageFile.ImageFile) -> Size | None:
    width, height = _icns_size(opened) or opened.size
    if width < 1 or height < 1:
        return None
    return headers.turned((width, height), orientation(opened.info))


def _icns_size(opened: Any) -> Size | None:
    """What an icon of this Apple format will be once it is loaded: the picture inside may differ from its slot."""
    if opened.format != "ICNS":
        return None
    icns, best = opened.icns, opened.best_size
    for code, _ in icns.SIZES[best]:
        start, byte_len = icns.dct.get(code, (0, 0))
        head = opened.fp.at(start, min(byte_len, 64 * 1024))
        kind = signature_of(head)
        if kind in ("image/png", "image/jp2"):
            inner = HeaderReader(io.BytesIO(head))
            return _plain_png_size(head) if kind == "image/png" else measure(inner, kind)
    return None


def _plain_png_size(head: bytes) -> Size | None:
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return (width, height) if width and height else None


def _precisely(name: str, kind: str, opened: Any) -> str:
    """Formats of several types: Pillow says which of the portable anymaps it is; a metafile may be an enhanced one."""
    if name == "PPM":
        return str(opened.get_format_mimetype() or "image/x-portable-anymap")
    if name == "WMF" and opened.fp.at(0, 4) == b"\1\0\0\0":
        return "image/emf"
    return kind
