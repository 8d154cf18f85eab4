"""`Attachment`: equal to its ref, hashes and pickles like it, and shows its picture."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest
from PIL import Image

import lashkit
from lashkit import AttachmentRef, SyncWorkspace, Workspace
from tests.test_workspace import OwnStore, blob_path, png


@pytest.fixture
def ws() -> SyncWorkspace:
    return lashkit.open("memory://")


def test_an_attachment_equals_hashes_and_pickles_as_its_ref(ws: SyncWorkspace) -> None:
    cat = ws.put(png(), label="cat")
    for twin in (cat, cat.aio):
        assert twin == cat.ref
        assert cat.ref == twin
        assert hash(twin) == hash(cat.ref)
        assert {twin: 1}[cat.ref] == 1  # type: ignore[index]
        assert twin != ws.put(b"other")
        assert twin != "cat"
        again = pickle.loads(pickle.dumps(twin))  # noqa: S301
        assert type(again) is AttachmentRef
        assert again == cat
        assert copy.copy(twin) == twin


def test_an_attachment_has_the_fields_of_its_ref(ws: SyncWorkspace) -> None:
    cat = ws.put(png(), label="cat")
    for twin in (cat, cat.aio):
        for name in ("id", "media_type", "byte_len", "width", "height", "label"):
            assert getattr(twin, name) == getattr(cat.ref, name)


def test_what_is_read_back_has_the_attachments_own_label(ws: SyncWorkspace) -> None:
    ws.put(png(), label="first")
    assert ws.put(png(), label="second").get().meta.label == "second"


def test_its_card_has_its_picture_and_a_bare_refs_card_has_not(ws: SyncWorkspace) -> None:
    cat = ws.put(png(), label="cat")
    shown = cat._repr_mimebundle_()
    assert "<img" in shown["text/html"]
    assert cat.id in shown["text/html"]
    assert shown["text/plain"] == repr(cat) == repr(cat.aio)
    assert "cat" in repr(cat)
    assert "<img" not in cat.ref._repr_mimebundle_()["text/html"]
    assert "<img" in cat.get()._repr_mimebundle_()["text/html"]
    assert set(cat._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(cat._repr_mimebundle_(exclude=["text/plain"])) == {"text/html"}


def test_a_list_shows_itself_as_a_gallery(ws: SyncWorkspace) -> None:
    ws.put_many([Image.new("RGB", (8, 8), (n, 0, 0)) for n in range(30)])
    listed = ws.list()
    html = listed._repr_mimebundle_()["text/html"]
    assert len(re.findall("<img", html)) == 24
    assert "+6 more" in html
    assert len(listed._repr_mimebundle_()["text/plain"].splitlines()) == 30
    assert "+1 more" in listed[5:]._repr_mimebundle_()["text/html"]
    assert listed[-1] == listed[29]
    assert ws.list(label="none").__class__.__name__ == "AttachmentList"
    assert ws.list(label="none")._repr_mimebundle_()["text/plain"] == "no attachments"


async def test_an_async_list_shows_itself_too() -> None:
    async with Workspace.open("memory://") as aws:
        cat = await aws.put(png())
        assert "<img" in (await aws.list())._repr_mimebundle_()["text/html"]
        assert "<img" in cat._repr_mimebundle_()["text/html"]


def test_showing_what_is_gone_shows_facts_and_never_raises(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path)
    cat, dog = ws.put(png(5, 5), label="cat"), ws.put(png(6, 6), label="dog")
    ws.delete(cat)
    blob_path(tmp_path, dog.id).write_bytes(b"damaged")
    for item in (cat, dog):
        assert "<img" not in item._repr_mimebundle_()["text/html"]
        assert item.id in item._repr_mimebundle_()["text/html"]


def test_showing_text_reads_its_beginning_only(ws: SyncWorkspace, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("hello " * 500_000)
    html = ws.put(tmp_path / "long.txt")._repr_mimebundle_()["text/html"]
    assert "hello hello" in html
    assert len(html) < 6_000


def test_a_view_is_larger_than_a_card(ws: SyncWorkspace) -> None:
    big = ws.put(Image.effect_mandelbrot((1600, 1200), (-3, -2.5, 2, 2.5), 50))
    html = big.view()._repr_mimebundle_()["text/html"]
    assert 'width="1024"' in html
    assert len(html) <= 120_000
    assert 'width="300"' in big.view(max_px=300)._repr_mimebundle_()["text/html"]


async def test_an_attachment_of_a_suspending_store_shows_its_picture() -> None:
    aws = Workspace(OwnStore())
    cat = await aws.put(png(7, 7))
    assert "<img" in cat._repr_mimebundle_()["text/html"]
    assert "<img" in (await aws.list())._repr_mimebundle_()["text/html"]


async def test_an_attachment_of_a_bound_store_shows_its_facts() -> None:
    class BoundStore(OwnStore):
        sync_mode = "bound"

    aws = Workspace(BoundStore())
    cat = await aws.put(png(9, 7))
    assert "<img" not in cat._repr_mimebundle_()["text/html"]
    with pytest.raises(lashkit.WouldDeadlock):
        cat.sync.get()
