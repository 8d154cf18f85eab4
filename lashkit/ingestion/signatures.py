"""What the first bytes of a file say for certain. Pure functions over bytes; nothing is imported for them."""

from __future__ import annotations

import re

__all__ = ["signature_of"]

# (offset, bytes, media type); the first that fits wins.
_FIXED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (0, b"8BPS\0\1", "image/vnd.adobe.photoshop"),
    (0, b"qoif", "image/qoi"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\0asm", "application/wasm"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"\x93NUMPY", "application/x-npy"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO", "font/otf"),
    (0, b"\0\1\0\0\0", "font/ttf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"MThd\0\0\0\x06", "audio/midi"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
)

_RIFF = {
    b"WEBP": "image/webp",
    b"WAVE": "audio/wav",
    b"AVI ": "video/x-msvideo",
}

_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic-sequence",
    b"hevx": "image/heic-sequence",
    b"mif1": "image/heif",
    b"msf1": "image/heif-sequence",
    b"crx ": "image/x-canon-cr3",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
    b"3g2a": "video/3gpp2",
}

# How long the second header of a bitmap may be, by its version.
_DIB_BYTE_LENS = tuple(bytes((byte_len,)) for byte_len in (12, 40, 52, 56, 64, 108, 124))

# What a zip archive is, by a name that it holds.
_ZIP_NAMES = (
    (b"word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_zip_mimetype = re.compile(rb"PK\x03\x04.{22}\x08\x00..mimetype([a-z]+/[a-z0-9.+-]{1,90})", re.DOTALL).match


def signature_of(head: bytes, tail: bytes = b"") -> str | None:
    """The media type that `head` proves, or `None`. A zip archive's kind may show in `tail` only, where its index is.

    >>> signature_of(b"%PDF-1.7 ...")
    'application/pdf'
    >>> signature_of(b"hello") is None
    True
    """
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for offset, magic, kind in _FIXED:
        if head.startswith(magic, offset):
            return kind
    return _by_structure(head, tail)


def _by_structure(head: bytes, tail: bytes) -> str | None:
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _of_zip(head, tail)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        return _of_ogg(head[28:64])
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head.startswith(b"BM") and head[14:15] in _DIB_BYTE_LENS and head[15:18] == b"\0\0\0":
        return "image/bmp"
    if head.startswith(b"\0\0\1\0") and 0 < int.from_bytes(head[4:6], "little") <= 256 and head[9:10] == b"\0":
        return "image/vnd.microsoft.icon"
    return _of_audio_frames(head)


def _of_brands(head: bytes) -> str:
    """An ISO base media file, by its major brand, then by the compatible ones."""
    length = min(int.from_bytes(head[:4], "big"), 256)
    major = head[8:12]
    others = {head[at : at + 4] for at in range(16, length - 3, 4)}
    if major in (b"mif1", b"msf1"):
        for brand in (b"avif", b"avis", b"heic", b"heix", b"hevc"):
            if brand in others:
                return _BRANDS[brand]
    return _BRANDS.get(major, "video/mp4")


def _of_zip(head: bytes, tail: bytes) -> str:
    if said := _zip_mimetype(head):
        return str(said[1], "ascii")
    for name, kind in _ZIP_NAMES:
        if name in head or name in tail:
            return kind
    return "application/zip"


def _of_ogg(page: bytes) -> str:
    if b"theora" in page:
        return "video/ogg"
    return (
        "audio/ogg"
        if any(codec in page for codec in (b"vorbis", b"OpusHead", b"Speex", b"FLAC"))
        else "application/ogg"
    )


_BIT_RATES = {
    (3, 3): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _of_audio_frames(head: bytes) -> str | None:
    """MPEG audio or AAC without a tag before it: two frames in a row that fit together."""
    if len(head) < 8 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        kind, byte_len = "audio/aac", (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    else:
        kind, byte_len = "audio/mpeg", _mpeg_frame_byte_len(head)
    following = head[byte_len : byte_len + 2]
    return kind if byte_len > 7 and following == bytes((head[0], head[1])) else None


def _mpeg_frame_byte_len(head: bytes) -> int:
    """How long the frame is whose header begins `head`; 0 where that is none."""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, sampling, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 0 or sampling == 3 or rate in (0, 15):
        return 0
    rates = _BIT_RATES[3, layer] if version == 3 else _BIT_RATES[2, 3 if layer == 3 else 2]
    bits_per_second, samples_per_second = rates[rate] * 1000, _SAMPLE_RATES[version][sampling]
    if layer == 3:
        return (12 * bits_per_second // samples_per_second + padding) * 4
    factor = 72 if layer == 1 and version != 3 else 144
    return factor * bits_per_second // samples_per_second + padding
