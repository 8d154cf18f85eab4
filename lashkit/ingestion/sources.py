"""`ingest`: one function for every kind of source."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from lashkit.errors import IngestError
from lashkit.ingestion.data_uris import is_data_uri, read_data_uri
from lashkit.ingestion.declared import settle
from lashkit.ingestion.files import Opened, open_file, open_path
from lashkit.ingestion.ingested import Ingested
from lashkit.ingestion.objects import open_object
from lashkit.ingestion.reading import shown, slices_of, told
from lashkit.ingestion.sniffing import look_at
from lashkit.values import LABEL_LIMIT, AttachmentCreateMeta, MediaType, StoredAttachment

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_label", "describe", "ingest"]

_ACCEPTED = (
    "a path, bytes, an open binary file, a PIL image, a numpy array, a matplotlib figure, a data URI, "
    "an IPython image or a stored attachment"
)
_is_url = re.compile(r"(https?|ftp|file|s3|gs|blob):", re.IGNORECASE).match


def ingest(
    source: object,
    *,
    label: str | None = None,
    media_type: str | None = None,
    trust_media_type: bool = False,
) -> Ingested:
    """Look at `source` and make it ready to be stored. Blocking; files are opened and closed again.

    Args:
        source: a path (`str` or `os.PathLike`) of a regular file; bytes, bytearray, memoryview or another buffer; a
            readable binary file, from its position on; a PIL image (the bytes of its file where it is unchanged, else
            a lossless PNG); a numpy array of H x W or H x W x 1, 3 or 4 (uint8, bool, or float from 0 to 1); a
            matplotlib figure; a data URI; an `IPython.display.Image`; a `StoredAttachment`, which keeps its metadata;
            what `ingest` or `ingest_url` returned.
        label: a name for people; by default the file's name, where there is one.
        media_type: what the caller says that it is; by default the content decides.
        trust_media_type: store `media_type` even where the content contradicts it.

    Returns:
        Media type, upright size in pixels (`None` where unknown, or no picture), label; and the bytes on demand.

    Raises:
        IngestError: `source` cannot be read, is an open file at its end (an empty one aside: it gives zero bytes), is
            of a kind that cannot be an attachment, or contradicts `media_type`.
        InvalidMediaType: `media_type` is none.

    >>> ingest(b"# Cats", label="notes.md").meta
    AttachmentCreateMeta(media_type='text/markdown', width=None, height=None, label='notes.md')
    """
    check_label(label)
    declared = None if media_type is None else MediaType(media_type)
    if isinstance(source, Ingested):
        if declared is None:
            return source if label is None else source.labelled(label)
        name = source.meta.label if label is None else label
        return ingest(source.read(), label=name, media_type=declared, trust_media_type=trust_media_type)
    if isinstance(source, StoredAttachment):
        return _again(source, label, declared, trust_media_type)
    opened, said = _open(source)
    return describe(opened, label=label, declared=declared or said, trusted=trust_media_type)


def check_label(label: object) -> None:
    """Refuse a label that cannot be one, before anything is opened.

    Raises:
        IngestError: it is neither a str nor `None`, or it is too long.
    """
    if label is not None and not isinstance(label, str):
        raise IngestError(f"label is a {type(label).__name__}; give a str or None")
    if label is not None and len(label) > LABEL_LIMIT:
        raise IngestError(f"the label has {len(label):,} characters; {LABEL_LIMIT:,} are the most")


def describe(opened: Opened, *, label: str | None, declared: MediaType | None, trusted: bool) -> Ingested:
    """Look at an opened source and close it again.

    Raises:
        IngestError: it cannot be read, or contradicts `declared`.
    """
    name = opened.name if label is None else label
    try:
        content = look_at(opened.file, start=opened.start, name=_name_for_hints(opened.name, name), declared=declared)
    except (OSError, ValueError, TypeError) as exc:
        raise IngestError(f"the source cannot be read ({told(exc)}); give one that can") from exc
    finally:
        _close(opened)
    width, height = content.size or (None, None)
    kind = settle(declared, content, trusted=trusted)
    meta = AttachmentCreateMeta(kind, width=width, height=height, label=_valid_text(name) or None)
    return Ingested(meta, opened.byte_len, opened.again)


def _name_for_hints(file_name: str, label: str) -> str:
    """The name whose extension may refine the type: the file's own, else the label."""
    return file_name if os.path.splitext(file_name)[1] else label


def _close(opened: Opened) -> None:
    # Where a file of the caller's cannot go back to its position, reading it says so, in better words.
    with suppress(OSError, ValueError):
        opened.close()


def _valid_text(text: str) -> str:
    """`text` without lone surrogates, which no encoding can write."""
    return text.encode("utf-8", "surrogateescape" if text.isprintable() else "replace").decode("utf-8", "replace")


def _open(source: Any) -> tuple[Opened, MediaType | None]:
    if isinstance(source, str):
        return _open_text(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return Opened.of_bytes(bytes(source)), None
    opened = open_object(source)
    if opened is not None:
        return opened, None
    if isinstance(source, os.PathLike):
        return open_path(os.fspath(source)), None
    if callable(getattr(source, "read", None)) and not isinstance(source, type):
        return open_file(source), None
    return Opened.of_bytes(_buffer_of(source)), None


def _open_text(source: str) -> tuple[Opened, MediaType | None]:
    if is_data_uri(source):
        data, declared = read_data_uri(source)
        return Opened.of_bytes(data), declared
    if (url := _is_url(source)) and not os.path.exists(source):
        if url[1].lower() in ("http", "https"):
            raise IngestError(f"{shown(source)} is a URL, and URLs are fetched on purpose only: use lashkit.ingest_url")
        raise IngestError(f"{shown(source)} is a URL; give the path of a local file, or the bytes")
    return open_path(source), None


def _buffer_of(source: object) -> bytes:
    """The bytes of any other object that shows its memory, such as an `array.array`."""
    module = type(source).__module__.partition(".")[0]
    try:
        if module != "numpy":
            return bytes(memoryview(source))  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        pass  # no buffer: the error below says what is accepted
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    raise IngestError(f"{shown(kind)} cannot become an attachment; give {_ACCEPTED}")


def _again(stored: StoredAttachment, label: str | None, declared: MediaType | None, trusted: bool) -> Ingested:
    facts = stored.meta
    if declared is not None and declared != facts.media_type:
        opened = Opened.of_bytes(stored.bytes, facts.label or "")
        return describe(opened, label=label, declared=declared, trusted=trusted)
    meta = AttachmentCreateMeta(
        facts.media_type,
        width=facts.width,
        height=facts.height,
        label=facts.label if label is None else _valid_text(label),
    )
    again: Callable[[], Any] = partial(slices_of, stored.bytes)
    return Ingested(meta, len(stored.bytes), again)
