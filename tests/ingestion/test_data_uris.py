"""Data URIs give their bytes, and malformed ones are refused."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashkit.errors import IngestError
from lashkit.ingestion import ingest


@pytest.mark.parametrize(
    ("uri", "data", "kind"),
    [
        ("data:,hello%20world", b"hello world", "text/plain"),
        ("DATA:text/markdown,%23%20Cats", b"# Cats", "text/markdown"),
        ("data:text/plain;charset=utf-8;base64,aGk=", b"hi", "text/plain; charset=utf-8"),
        ("data:;charset=utf-8,hi", b"hi", "text/plain; charset=utf-8"),
        ("data:text/plain;BASE64, aG\nk ", b"hi", "text/plain"),
        ("data:text/plain;base64,aGk", b"hi", "text/plain"),
        ("data:text/plain;base64,aGk%3D", b"hi", "text/plain"),
        ("data:application/x-own;base64,-_8=", b"\xfb\xff", "application/x-own"),
        ("data:,a,b", b"a,b", "text/plain"),
        ("data:;base64,", b"", "application/octet-stream"),
        ("data:,caf\u00e9", "caf\u00e9".encode(), "text/plain"),
        ("data:,a+b", b"a+b", "text/plain"),
    ],
)
def test_both_forms_give_their_bytes(uri: str, data: bytes, kind: str) -> None:
    taken = ingest(uri)
    assert (taken.read(), taken.meta.media_type, taken.meta.label) == (data, kind, None)


@given(st.binary())
def test_what_is_encoded_comes_back(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    escaped = "".join(f"%{byte:02x}" for byte in data)
    assert ingest(f"data:;base64,{encoded}").read() == ingest(f"data:,{escaped}").read() == data


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("data:", "no comma"),
        ("data:image/png;base64", "no comma"),
        ("data:,100%", "malformed escape"),
        ("data:,%zz", "malformed escape"),
        ("data:;base64,a", "malformed base64"),
        ("data:;base64,a*b=", "malformed base64"),
        ("data:;base64,%", "malformed escape"),
        ("data:nonsense,hi", "no media type"),
        ("data:image/png,hello", "image/png"),
    ],
)
def test_a_malformed_one_is_refused(uri: str, says: str) -> None:
    with pytest.raises(IngestError, match=says):
        ingest(uri)


@given(st.text(alphabet=string.printable + "\u00e9\ud800", max_size=60))
def test_any_text_is_a_data_uri_or_refused(text: str) -> None:
    try:
        taken = ingest("data:" + text)
    except IngestError:
        return
    assert taken.byte_len == len(taken.read())


def test_the_callers_word_comes_before_the_uris() -> None:
    assert ingest("data:image/png,hi", media_type="text/plain").meta.media_type == "text/plain"
    assert ingest("data:image/png,hi", trust_media_type=True).meta.media_type == "image/png"
