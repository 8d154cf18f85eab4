"""JSON: round trips, and what lash writes is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashkit import AttachmentCreateMeta, AttachmentMetadataDecodeError, MediaType, StoredBlobRef, content_id, wire

ID = content_id(b"hello")
sizes = st.none() | st.integers(1, 10**9)
metas = st.builds(
    AttachmentCreateMeta,
    st.sampled_from(["image/png", "text/plain; charset=utf-8", "application/x-y"]).map(MediaType),
    width=sizes,
    height=sizes,
    label=st.none() | st.text() | st.just("\ud800"),
)


@given(metas, st.integers(0, 2**63))
def test_values_come_back_from_json_as_they_were(meta: AttachmentCreateMeta, byte_len: int) -> None:
    described = meta.describe(ID, byte_len)
    assert wire.create_meta_from_json(json.loads(json.dumps(wire.create_meta_to_json(meta)))) == meta
    assert wire.meta_from_json(json.loads(json.dumps(wire.meta_to_json(described)))) == described
    assert wire.ref_from_json(json.loads(json.dumps(wire.ref_to_json(described.as_ref())))) == described.as_ref()
    assert wire.load_sidecar(wire.dump_sidecar(described), ID) == described


def test_a_listed_blob_comes_back_from_json() -> None:
    blob = StoredBlobRef(ID, 5, 1_700_000_000_000)
    assert wire.blob_ref_from_json(wire.blob_ref_to_json(blob)) == blob


def test_unknown_fields_are_left_out_of_json() -> None:
    meta = AttachmentCreateMeta(MediaType("image/png")).describe(ID, 5)
    assert wire.meta_to_json(meta) == {"id": ID, "media_type": "image/png", "byte_len": 5}


def test_a_sidecar_of_lash_is_read() -> None:
    text = (
        f'{{"id": "{ID}", "media_type": {{"kind": "image", "type": "jpeg"}}, "byte_len": 5, "width": 7, "label": "a"}}'
    )
    meta = wire.load_sidecar(text.encode(), ID)
    assert (meta.media_type, meta.width, meta.height, meta.label) == ("image/jpeg", 7, None, "a")


def test_a_sidecar_is_the_same_bytes_every_time() -> None:
    meta = AttachmentCreateMeta(MediaType("image/png"), width=2, label="\u00e9").describe(ID, 5)
    lines = ["{", f'  "id": "{ID}",', '  "media_type": "image/png",', '  "byte_len": 5,', '  "width": 2,']
    assert wire.dump_sidecar(meta).decode().splitlines() == [*lines, '  "label": "\\u00e9"', "}"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'"text"',
        b"[" * 50_000,
        b" " * (wire.SIDECAR_LIMIT + 1),
        json.dumps({"id": content_id(b"other"), "media_type": "a/b", "byte_len": 5}).encode(),
        json.dumps({"id": ID, "media_type": "a/b", "byte_len": "5"}).encode(),
        json.dumps({"id": ID, "media_type": "a/b", "byte_len": -5}).encode(),
        json.dumps({"id": ID, "media_type": 7, "byte_len": 5}).encode(),
        json.dumps({"id": ID, "media_type": "a/b", "byte_len": 5, "label": 3}).encode(),
        json.dumps({"id": ID, "media_type": "a/b", "byte_len": 5, "width": 1.5}).encode(),
    ],
)
def test_a_damaged_sidecar_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(AttachmentMetadataDecodeError) as caught:
        wire.load_sidecar(data, ID)
    assert caught.value.attachment_id == ID


@given(st.binary())
def test_no_bytes_break_the_sidecar_reader(data: bytes) -> None:
    with pytest.raises(AttachmentMetadataDecodeError):
        wire.load_sidecar(data, ID)
