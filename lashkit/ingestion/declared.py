"""What a caller declares against what the content is: one pure rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lashkit.errors import IngestError

if TYPE_CHECKING:
    from lashkit.ingestion.sniffing import Content
    from lashkit.values import MediaType

__all__ = ["settle"]

_UNKNOWN = "application/octet-stream"

# Content of these types always begins in a way that is recognised here: what is not recognised is not one of them.
_ALWAYS_RECOGNISED = frozenset(
    {
        "application/gzip",
        "application/pdf",
        "application/vnd.rar",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-xz",
        "application/zip",
        "application/zstd",
        "audio/flac",
        "audio/midi",
        "audio/ogg",
        "audio/wav",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/heif",
        "image/jp2",
        "image/jpeg",
        "image/jxl",
        "image/png",
        "image/qoi",
        "image/svg+xml",
        "image/tiff",
        "image/vnd.adobe.photoshop",
        "image/vnd.microsoft.icon",
        "image/webp",
        "video/ogg",
        "video/webm",
        "video/x-matroska",
        "video/x-msvideo",
    }
)

# Names of one container, or of formats that begin alike: none of a row contradicts another.
_FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "image/png image/apng image/vnd.mozilla.apng",
        "image/jpeg image/mpo image/jps image/jfif",
        "image/avif image/avif-sequence image/heif image/heif-sequence",
        "image/heic image/heic-sequence image/heif image/heif-sequence",
        "image/jp2 image/jpx image/jpm image/jph image/jphc image/jpeg2000",
        "image/vnd.microsoft.icon image/x-win-bitmap",
        "image/vnd.adobe.photoshop image/x-psd image/psd application/photoshop",
        "image/x-portable-anymap image/x-portable-bitmap image/x-portable-graymap image/x-portable-pixmap",
        "image/x-xbitmap image/xbm image/x-xbm text/x-c text/plain",
        "image/x-xpixmap image/xpm image/x-xpm text/x-c text/plain",
        "image/vnd-ms.dds image/x-dds image/vnd.ms-dds",
        "application/postscript image/x-eps application/eps application/illustrator",
        "application/pdf application/illustrator",
        "audio/mp4 video/mp4 application/mp4 audio/aac audio/3gpp audio/3gpp2 video/3gpp video/3gpp2 video/quicktime",
        "video/x-m4v video/mp4",
        "audio/mpeg audio/aac audio/mpegurl video/mpeg audio/aacp",
        "audio/webm video/webm audio/x-matroska video/x-matroska",
        "audio/ogg video/ogg application/ogg audio/opus audio/vorbis audio/speex",
        "audio/midi audio/mid audio/x-midi",
        "video/x-ms-asf video/x-ms-wmv audio/x-ms-wma",
        "video/x-msvideo video/avi video/msvideo video/vnd.avi",
        "font/ttf font/sfnt font/collection application/font-sfnt application/x-font-ttf",
        "application/x-hdf5 application/x-hdf application/vnd.hdf5 application/x-netcdf",
    )
)
# Wrappers: a declared application type of its own may well be one of these inside.
_WRAPPERS = frozenset(
    {
        "application/zip",
        "application/gzip",
        "application/x-ole-storage",
        "application/vnd.sqlite3",
        "application/x-hdf5",
    }
)
_PLAYLISTS = frozenset({"audio/mpegurl", "audio/x-mpegurl", "audio/x-scpls"})


def settle(declared: MediaType | None, content: Content, *, trusted: bool) -> MediaType:
    """The media type to store: the declared one where there is one and the content does not contradict it.

    `application/octet-stream` declares nothing.

    Raises:
        IngestError: the content contradicts the declared type, and it is not to be trusted.
    """
    if declared is None or (declared.essence == _UNKNOWN and not trusted):
        return content.media_type
    if not trusted and _contradicts(declared.essence, "charset=" in declared, content):
        found = f"is {content.media_type}" if content.byte_len else "is empty"
        raise IngestError(
            f"the declared media type is {declared}, and the content {found}; "
            "leave media_type out, correct it, or pass trust_media_type=True to store it as declared"
        )
    return declared


def _contradicts(declared: str, has_charset: bool, content: Content) -> bool:
    found = content.media_type.essence
    if _alike(declared, found):
        return False
    if content.textual:
        return _contradicts_text(declared, found)
    if not content.certain:
        return declared in _ALWAYS_RECOGNISED or (
            content.byte_len > 0
            and found == _UNKNOWN
            and declared.startswith("text/")
            and not has_charset
            and content.binary
        )
    if found in _WRAPPERS:
        return declared in _ALWAYS_RECOGNISED or not declared.startswith(("application/", "model/"))
    if declared == "application/zip":
        return not _is_zip_based(found)
    return not (found == "image/tiff" and declared.startswith("image/x-"))


def _contradicts_text(declared: str, found: str) -> bool:
    """Text of one kind is text of another too, but pictures, sound and signed formats are never text."""
    family = declared.partition("/")[0]
    if declared == "image/svg+xml":
        return not _is_xml(found)
    if family in ("image", "audio", "video", "font"):
        return declared not in _PLAYLISTS
    if _is_json(declared):
        return _is_xml(found) or found == "text/html"
    if _is_xml(declared) and found == "application/json":
        return True
    return declared in _ALWAYS_RECOGNISED


def _alike(declared: str, found: str) -> bool:
    if declared == found or declared.replace("/x-", "/") == found.replace("/x-", "/"):
        return True
    return any(declared in family and found in family for family in _FAMILIES)


def _is_xml(name: str) -> bool:
    return name in ("application/xml", "image/svg+xml", "application/xhtml+xml") or name.endswith("+xml")


def _is_json(name: str) -> bool:
    return name == "application/json" or name.endswith("+json")


def _is_zip_based(name: str) -> bool:
    return name.endswith("+zip") or "openxmlformats" in name or "opendocument" in name
