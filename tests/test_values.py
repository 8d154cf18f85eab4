"""Values: checked once, immutable, carried unchanged."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashkit import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    DecodeError,
    DurabilityTier,
    ImageMediaType,
    IngestError,
    InvalidAttachmentId,
    InvalidMediaType,
    MediaType,
    StoredAttachment,
    StoredBlobRef,
    content_id,
    ingest,
    wire,
)
from lashkit.values import LABEL_LIMIT

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
REF = AttachmentRef(id=AttachmentId(HELLO), media_type=MediaType("image/png"), byte_len=5, width=4, height=3, label="x")


def test_the_id_is_the_sha256_of_the_bytes() -> None:
    assert content_id(b"hello") == HELLO
    assert content_id(bytearray(b"hello")) == content_id(memoryview(b"hello")) == HELLO
    assert content_id(b"hello").short == "2cf24dba5fb0"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "..",
        "../" + HELLO,
        HELLO.upper(),
        HELLO[:-1],
        HELLO + "\n",
        HELLO + "0",
        "/" + HELLO[1:],
        "a" * 10000,
        "\x00" + HELLO[1:],
        HELLO[:-1] + "\u0665",
        HELLO[:-1] + "g",
        7,
        None,
        HELLO.encode(),
    ],
)
def test_nothing_but_64_lower_case_hex_digits_is_an_id(value: object) -> None:
    with pytest.raises(InvalidAttachmentId) as caught:
        AttachmentId(value)  # type: ignore[arg-type]
    assert "SHA-256" in str(caught.value)
    assert len(str(caught.value)) < 250
    assert isinstance(caught.value, ValueError)


@given(st.text())
def test_an_id_is_one_safe_path_component(text: str) -> None:
    try:
        made = AttachmentId(text)
    except InvalidAttachmentId:
        return
    assert len(made) == 64
    assert made.isalnum()


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("image/png", "image/png"),
        (" IMAGE/JPG ", "image/jpeg"),
        ("image/pjpeg", "image/jpeg"),
        ("audio/x-wav", "audio/wav"),
        ("text/plain;charset=utf-8", "text/plain; charset=utf-8"),
        ('text/plain; charset="utf-8";', 'text/plain; charset="utf-8"'),
        ('text/plain; a="x;y"', 'text/plain; a="x;y"'),
        ('multipart/mixed;boundary="a; b=c;;" ; x=1;', 'multipart/mixed; boundary="a; b=c;;"; x=1'),
        ('text/plain; a=""; b=";"', 'text/plain; a=""; b=";"'),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
        (ImageMediaType.WEBP, "image/webp"),
    ],
)
def test_every_spelling_of_a_media_type_becomes_one(spelling: str, meant: str) -> None:
    assert MediaType(spelling) == meant
    assert MediaType(MediaType(spelling)) == meant


@pytest.mark.parametrize(
    "value",
    [
        "",
        "png",
        "image/",
        "/png",
        "image/png/x",
        "image png",
        "image/pég",
        "image/png;",
        "image/png; a",
        "x/" * 600,
        "image/<b>",
        "image/png\n",
        'image/png; a="\n"',
        None,
        3,
    ],
)
def test_what_is_no_media_type_is_refused(value: object) -> None:
    if value in ("image/png;", "image/png\n"):
        assert MediaType(value) == "image/png"  # type: ignore[arg-type]
        return
    with pytest.raises(InvalidMediaType):
        MediaType(value)  # type: ignore[arg-type]


def test_both_spellings_of_lash_are_read() -> None:
    assert MediaType.parse("image/jpg") == "image/jpeg"
    assert MediaType.parse({"kind": "image", "type": "jpeg"}) == "image/jpeg"
    for wrong in ({"kind": "image"}, {}, 7, ["image", "png"]):
        with pytest.raises(InvalidMediaType):
            MediaType.parse(wrong)  # type: ignore[arg-type]


def test_a_media_type_tells_its_parts() -> None:
    text = MediaType("text/csv; charset=latin-1")
    assert (text.essence, text.family, text.is_image, text.canonical_mime()) == ("text/csv", "text", False, "text/csv")
    assert MediaType("image/svg+xml").is_image


def test_the_image_types_of_lash_are_known_by_name() -> None:
    assert ImageMediaType.from_mime(" image/JPG ") is ImageMediaType.JPEG
    assert ImageMediaType.from_mime("image/tiff") is None
    assert ImageMediaType.from_mime("nonsense") is None
    assert ImageMediaType.GIF.canonical_mime() == "image/gif"


def test_metadata_and_refs_describe_each_other() -> None:
    meta = AttachmentCreateMeta("image/png", width=4, height=3, label="x").describe(AttachmentId(HELLO), 5)  # type: ignore[arg-type]
    assert meta.as_ref() == REF
    assert REF.meta() == meta
    assert REF.ref is REF
    assert REF.canonical_mime() == "image/png"
    assert meta != REF


@pytest.mark.parametrize("size", [0, -1, 1.0, "4", True])
def test_a_dimension_is_a_positive_whole_number_or_unknown(size: object) -> None:
    with pytest.raises(ValueError, match="whole number of pixels"):
        AttachmentCreateMeta(MediaType("image/png"), width=size)  # type: ignore[arg-type]


def test_a_length_is_a_whole_number_of_bytes() -> None:
    for wrong in (-1, 1.5, None):
        with pytest.raises(ValueError, match="byte_len"):
            AttachmentMeta(id=AttachmentId(HELLO), media_type=MediaType("a/b"), byte_len=wrong)  # type: ignore[arg-type]


def test_a_label_is_text() -> None:
    with pytest.raises(TypeError, match="label"):
        AttachmentCreateMeta(MediaType("a/b"), label=b"x")  # type: ignore[arg-type]


def test_a_label_is_short_enough_for_every_sidecar() -> None:
    longest = AttachmentCreateMeta(MediaType("a/b"), label="\U0001f600" * LABEL_LIMIT).describe(AttachmentId(HELLO), 5)
    assert len(wire.dump_sidecar(longest)) < wire.SIDECAR_LIMIT
    with pytest.raises(ValueError, match="4,096 are the most"):
        AttachmentCreateMeta(MediaType("a/b"), label="x" * (LABEL_LIMIT + 1))
    with pytest.raises(IngestError, match="4,096 are the most"):
        ingest(b"", label="x" * (LABEL_LIMIT + 1))


def test_fields_are_checked_however_they_are_spelled() -> None:
    made = AttachmentRef(id=HELLO, media_type="IMAGE/JPG", byte_len=0)  # type: ignore[arg-type]
    assert type(made.id) is AttachmentId
    assert made.media_type == "image/jpeg"
    with pytest.raises(InvalidAttachmentId):
        AttachmentRef(id="x", media_type="a/b", byte_len=0)  # type: ignore[arg-type]


def test_values_are_frozen_hashable_and_pickle() -> None:
    stored = StoredAttachment(REF.meta(), b"hello")
    blob = StoredBlobRef(REF.id, 5, 1)
    for value in (REF, REF.meta(), stored, blob, REF.id, REF.media_type, AttachmentCreateMeta(REF.media_type)):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301
            assert again == value
            assert type(again) is type(value)
        assert copy.deepcopy(value) == value
        assert hash(value) == hash(copy.copy(value))
    with pytest.raises(FrozenInstanceError):
        REF.label = "y"  # type: ignore[misc]


def test_json_and_sql_carry_ids_and_types_as_plain_strings() -> None:
    assert json.dumps([REF.id, REF.media_type]) == f'["{HELLO}", "image/png"]'


def test_bytes_stay_out_of_reprs() -> None:
    stored = StoredAttachment(REF.meta(), b"secret-bytes")
    assert "secret" not in repr(stored)
    assert stored.ref == REF


def test_text_is_read_in_the_declared_encoding() -> None:
    def stored(data: bytes, media_type: str) -> StoredAttachment:
        return StoredAttachment(AttachmentCreateMeta(MediaType(media_type)).describe(content_id(data), len(data)), data)

    assert stored("h\u00e9".encode(), "text/plain").text() == "h\u00e9"
    assert stored(b"\xef\xbb\xbfhi", "text/plain").text() == "hi"
    assert stored(b"h\xe9", "text/plain; charset=latin-1").text() == "h\u00e9"
    assert stored(b"h\xe9", "text/plain").text(errors="replace") == "h\ufffd"
    for wrong in (stored(b"\xff", "text/plain"), stored(b"x", "text/plain; charset=nonsense")):
        with pytest.raises(DecodeError, match="pass encoding="):
            wrong.text()


def test_persistence_maps_to_the_durability_tiers_of_lash() -> None:
    assert AttachmentStorePersistence.DURABLE.durability_tier() is DurabilityTier.DURABLE
    assert AttachmentStorePersistence.EPHEMERAL.durability_tier() is DurabilityTier.INLINE
