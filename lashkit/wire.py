"""Values to JSON and back, compatible with the sidecars that lash's `FileAttachmentStore` writes.

Writing: media types as plain MIME strings, unknown fields left out. Reading: both of lash's media-type spellings
(`"image/png"` and `{"kind": "image", "type": "png"}`), and members that are not ours are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lashkit.errors import AttachmentMetadataDecodeError
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    MediaType,
    StoredBlobRef,
)

__all__ = [
    "SIDECAR_LIMIT",
    "blob_ref_from_json",
    "blob_ref_to_json",
    "create_meta_from_json",
    "create_meta_to_json",
    "dump_sidecar",
    "load_sidecar",
    "meta_from_json",
    "meta_to_json",
    "ref_from_json",
    "ref_to_json",
]

SIDECAR_LIMIT = 64 * 1024
"""A sidecar has this many bytes at most; a longer one is not read."""


def create_meta_to_json(meta: AttachmentCreateMeta) -> dict[str, Any]:
    """`meta` as JSON-ready data."""
    return {
        "media_type": str(meta.media_type),
        **{
            name: value
            for name, value in (("width", meta.width), ("height", meta.height), ("label", meta.label))
            if value is not None
        },
    }


def create_meta_from_json(data: Mapping[str, Any]) -> AttachmentCreateMeta:
    """The value that `create_meta_to_json` wrote.

    Raises:
        ValueError, TypeError, KeyError: where it is something else.
    """
    return AttachmentCreateMeta(MediaType.parse(data["media_type"]), **_optional(data))


def meta_to_json(meta: AttachmentMeta | AttachmentRef) -> dict[str, Any]:
    """`meta` as JSON-ready data, without bytes."""
    facts = create_meta_to_json(meta.facts())
    return {"id": str(meta.id), "media_type": facts.pop("media_type"), "byte_len": meta.byte_len, **facts}


def meta_from_json(data: Mapping[str, Any]) -> AttachmentMeta:
    """The value that `meta_to_json`, or lash, wrote.

    Raises:
        ValueError, TypeError, KeyError: where it is something else.
    """
    return AttachmentMeta(
        id=AttachmentId(data["id"]),
        media_type=MediaType.parse(data["media_type"]),
        byte_len=data["byte_len"],
        **_optional(data),
    )


def ref_to_json(ref: AttachmentRef) -> dict[str, Any]:
    """`ref` as JSON-ready data."""
    return meta_to_json(ref)


def ref_from_json(data: Mapping[str, Any]) -> AttachmentRef:
    """The value that `ref_to_json`, or lash, wrote.

    Raises:
        ValueError, TypeError, KeyError: where it is something else.
    """
    return meta_from_json(data).as_ref()


def blob_ref_to_json(blob: StoredBlobRef) -> dict[str, Any]:
    """`blob` as JSON-ready data."""
    return {
        "id": str(blob.id),
        "byte_len": blob.byte_len,
        "last_modified_epoch_ms": blob.last_modified_epoch_ms,
    }


def blob_ref_from_json(data: Mapping[str, Any]) -> StoredBlobRef:
    """The value that `blob_ref_to_json` wrote.

    Raises:
        ValueError, TypeError, KeyError: where it is something else.
    """
    return StoredBlobRef(AttachmentId(data["id"]), int(data["byte_len"]), int(data["last_modified_epoch_ms"]))


def dump_sidecar(meta: AttachmentMeta) -> bytes:
    """The sidecar file's content for `meta`: one JSON object, ASCII, stable byte for byte."""
    return json.dumps(meta_to_json(meta), indent=2).encode("ascii") + b"\n"


def load_sidecar(data: bytes, attachment_id: AttachmentId) -> AttachmentMeta:
    """The metadata in a sidecar file of ours or of lash's.

    Raises:
        AttachmentMetadataDecodeError: where it is not JSON, lacks a field, or describes another attachment.
    """
    try:
        if len(data) > SIDECAR_LIMIT:
            raise ValueError(f"{len(data)} bytes, more than {SIDECAR_LIMIT}")
        meta = meta_from_json(json.loads(data))
        if meta.id != attachment_id:
            raise ValueError(f"it describes {meta.id.short}")
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise AttachmentMetadataDecodeError(attachment_id, f"{type(exc).__name__}: {exc}"[:200]) from exc
    return meta


def _optional(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data.get(name) for name in ("width", "height", "label")}
