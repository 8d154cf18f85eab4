"""The workspace: anything in, seen, got back byte for byte; on memory and on a directory, with and without await."""

from __future__ import annotations

import asyncio
import copy
import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

import lashkit
from lashkit import (
    AmbiguousAttachmentId,
    Attachment,
    AttachmentCorrupt,
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentNotFound,
    AttachmentRef,
    AttachmentStorePersistence,
    FileAttachmentStore,
    IngestError,
    InvalidAttachmentId,
    InvalidTarget,
    StoredAttachment,
    StoredBlobRef,
    SyncAttachment,
    SyncWorkspace,
    Workspace,
    content_id,
)


def png(width: int = 4, height: int = 3, colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(params=["memory", "directory"])
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> SyncWorkspace:
    return lashkit.open("memory://" if request.param == "memory" else tmp_path / "attachments")


def blob_path(root: Path | str, attachment_id: str) -> Path:
    return Path(root) / "sha256" / attachment_id[:2] / attachment_id


class OwnStore:
    """A user's store: async for real, no streaming, no metadata reads, and it declares nothing."""

    persistence = AttachmentStorePersistence.EPHEMERAL

    def __init__(self) -> None:
        self.kept: dict[str, StoredAttachment] = {}

    async def put(self, data: bytes, meta: AttachmentCreateMeta) -> AttachmentRef:
        await asyncio.sleep(0)
        described = meta.describe(content_id(data), len(data))
        self.kept.setdefault(described.id, StoredAttachment(described, bytes(data)))
        return described.as_ref()

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        await asyncio.sleep(0)
        try:
            return self.kept[attachment_id]
        except KeyError:
            raise AttachmentNotFound(attachment_id) from None

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        return StoredBlobRef(attachment_id, len((await self.get(attachment_id)).bytes), 0)

    async def delete(self, attachment_id: AttachmentId) -> None:
        self.kept.pop(attachment_id, None)

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        for attachment_id in list(self.kept):
            await asyncio.sleep(0)
            yield await self.head(AttachmentId(attachment_id))


def test_what_is_put_comes_back_byte_for_byte(ws: SyncWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(png())
    cat = ws.put(path, label="my cat")
    assert isinstance(cat, SyncAttachment)
    assert (cat.media_type, cat.width, cat.height, cat.byte_len) == ("image/png", 4, 3, path.stat().st_size)
    assert cat.label == "my cat"
    assert cat.id == content_id(path.read_bytes())
    for which in (cat, cat.ref, cat.aio, cat.id, str(cat.id), cat.id[:8]):
        assert ws.get(which).bytes == path.read_bytes()
    assert cat.get().bytes == path.read_bytes()
    assert cat.image().size == (4, 3)
    assert b"".join(ws.open_stream(cat)) == path.read_bytes()


def test_the_label_is_the_files_name_unless_given(ws: SyncWorkspace, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(png())
    assert ws.put(str(tmp_path / "cat.png")).label == "cat.png"


async def test_the_async_api_does_the_same(tmp_path: Path) -> None:
    async with Workspace.open(tmp_path / "a") as aws:
        cat = await aws.put(png(), label="cat")
        assert isinstance(cat, Attachment)
        assert (await aws.get(cat)).bytes == png()
        assert [item async for item in aws.open_stream(cat.id)] == [png()]
        assert await aws.list() == [cat]
        assert (await cat.image()).size == (4, 3)
        assert (await aws.find(cat.id[:8])) == cat
    again = await Workspace.open(tmp_path / "a")
    async with again:
        assert (await again.get(cat)).bytes == png()
        await again.delete(cat)
        assert await again.list() == []


async def test_both_twins_see_the_same_state(tmp_path: Path) -> None:
    aws = await Workspace.open(tmp_path)
    cat = aws.sync.put(png())
    assert isinstance(cat, SyncAttachment)
    assert await aws.list() == [cat]
    assert aws.sync.aio is aws
    assert cat.aio.sync == cat
    assert aws.sync.list()[0].get().bytes == png()


async def test_files_are_read_off_the_loop_whatever_the_store(tmp_path: Path) -> None:
    """The test's own loop is guarded by `conftest.py`; the portal's by the thread's name."""
    (tmp_path / "long").write_bytes(b"long" * 1_000_000)
    assert (await Workspace(OwnStore()).put(tmp_path / "long")).byte_len == 4_000_000


async def test_pictures_are_decoded_off_the_loop() -> None:
    seen: set[int] = set()

    class Seen(StoredAttachment):
        __slots__ = ()

        def image(self) -> Image.Image:
            seen.add(threading.get_ident())
            return super().image()

    class SeenWorkspace(Workspace):
        async def get(self, which: object) -> StoredAttachment:
            stored = await super().get(which)  # type: ignore[arg-type]
            return Seen(stored.meta, stored.bytes)

    cat = await SeenWorkspace(lashkit.InMemoryAttachmentStore()).put(png())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lashkit.attachment.StoredAttachment", Seen)
        assert (await cat.image()).size == (4, 3)
    assert seen
    assert threading.get_ident() not in seen


def test_an_awaited_operation_leaves_the_loop_free(tmp_path: Path) -> None:
    async def main() -> set[int]:
        ws = await Workspace.open(tmp_path)
        seen: set[int] = set()

        class Source(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                seen.add(threading.get_ident())
                return super().read(size)

        await ws.put(Source(png()))
        return seen

    assert threading.get_ident() not in asyncio.run(main())


def test_identical_bytes_are_stored_once(ws: SyncWorkspace) -> None:
    first, second = ws.put(png()), ws.put(io.BytesIO(png()), label="again")
    assert first.id == second.id
    assert second.label == "again"
    assert len(ws.list()) == 1


def test_zero_bytes_are_an_attachment(ws: SyncWorkspace) -> None:
    empty = ws.put(b"")
    assert (empty.media_type, empty.byte_len, empty.width) == ("application/octet-stream", 0, None)
    assert ws.get(empty).bytes == b""
    assert list(ws.open_stream(empty)) == []


def test_large_sources_stream_in_and_out(ws: SyncWorkspace, tmp_path: Path) -> None:
    data = os.urandom(3 * 1024 * 1024 + 17)
    (tmp_path / "big.bin").write_bytes(data)
    big = ws.put(tmp_path / "big.bin")
    chunks = list(ws.open_stream(big))
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= 256 * 1024
    assert ws.put(data).id == ws.put(tmp_path / "big.bin").id == big.id
    assert len(ws.list()) == 1


def test_what_cannot_be_ingested_changes_nothing(ws: SyncWorkspace, tmp_path: Path) -> None:
    for source in (tmp_path / "missing.png", tmp_path, "", object(), 3, "data:image/png;base64,*"):
        with pytest.raises(IngestError):
            ws.put(source)
    with pytest.raises(IngestError) as caught:
        ws.put(png(), media_type="application/pdf")
    assert "application/pdf" in str(caught.value)
    assert "image/png" in str(caught.value)
    assert ws.list() == []
    assert ws.put(png(), media_type="application/pdf", trust_media_type=True).media_type == "application/pdf"


def test_an_attachment_of_the_workspace_can_be_put_again_under_another_label(ws: SyncWorkspace) -> None:
    cat = ws.put(png(), label="cat")
    for source in (cat, cat.ref, cat.aio):
        assert ws.put(source, label="dog").label == "dog"
        assert ws.list()[0].label == "dog", "the row tells, and a repeated put updates it"
        assert ws.put(source).id == cat.id
    assert ws.put(ws.get(cat)).id == cat.id
    with pytest.raises(AttachmentNotFound):
        ws.put(AttachmentRef(id=content_id(b"other"), media_type=cat.media_type, byte_len=5))
    assert len(ws.list()) == 1


def test_what_was_ingested_before_can_be_put(ws: SyncWorkspace) -> None:
    assert ws.put(lashkit.ingest(png(), label="cat")).label == "cat"
    assert ws.put(lashkit.ingest(png(), label="cat"), label="dog").label == "dog"
    assert ws.put_many([lashkit.ingest(png())]) == [ws.put(png())]


def test_an_attachment_of_another_workspace_is_copied(ws: SyncWorkspace, tmp_path: Path) -> None:
    other = lashkit.open(tmp_path / "other")
    cat = other.put(png(), label="cat")
    mine = ws.put(cat)
    assert mine == cat
    other.delete(cat)
    assert ws.get(mine).bytes == png()


async def test_attachments_move_between_inline_and_async_stores() -> None:
    far, near = Workspace(OwnStore()), await Workspace.open("memory://")
    cat = await far.put(png())
    assert await near.put(cat) == cat
    assert near.sync.put(cat.sync) == cat
    assert await far.put(await near.put(b"text")) == await near.find(content_id(b"text"))


def test_put_many_keeps_the_order_and_looks_before_it_stores(ws: SyncWorkspace, tmp_path: Path) -> None:
    with pytest.raises(IngestError) as caught:
        ws.put_many([b"one", tmp_path / "missing"])
    assert any("number 1" in note for note in caught.value.__notes__)
    assert ws.list() == []
    one = ws.put(b"one")
    assert ws.put_many(iter([b"two", one, b"one", ws.get(one)])) == [ws.find(content_id(b"two")), one, one, one]
    assert ws.put_many([]) == []


def test_progress_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    ws = lashkit.open("memory://")
    ws.put_many([b"one", b"two"], progress=False)
    ws.verify()
    assert capsys.readouterr().err == ""
    ws.put_many([b"one", b"two"], progress=True)
    shown = capsys.readouterr().err
    assert "putting" in shown
    assert "0/2" in shown


def test_list_is_newest_first_and_filters(ws: SyncWorkspace) -> None:
    made = [ws.put(data, label=label) for data, label in ((png(), "Cat.png"), (b"text", "notes.txt"), (b"", None))]
    newest_first = [made[2], made[1], made[0]]
    assert ws.list() == newest_first
    assert ws.list(media_type="IMAGE/*") == [made[0]]
    assert ws.list(label="cat*") == [made[0]]
    assert ws.list(label="*.t?t") == [made[1]]
    assert ws.list(min_byte_len=1) == newest_first[1:]
    assert ws.list(max_byte_len=4) == newest_first[:2]
    assert ws.list(limit=1) == newest_first[:1]
    assert ws.list(limit=0) == []


def test_of_two_attachments_of_one_moment_the_later_is_the_newer() -> None:
    ws = lashkit.open("memory://")
    made = ws.put_many([str(n).encode() for n in range(50)])
    assert ws.list() == made[::-1]


def test_a_prefix_names_one_attachment_or_says_why_not(ws: SyncWorkspace) -> None:
    cat = ws.put(png())
    for wrong in (cat.id[:7], cat.id[:20].upper().replace("0", "G"), "x" * 20, "../../etc/passwd", "\0" * 12, 7):
        with pytest.raises(InvalidAttachmentId):
            ws.get(wrong)  # type: ignore[arg-type]
    with pytest.raises(AttachmentNotFound):
        ws.get("0" * 12 if not cat.id.startswith("0" * 12) else "1" * 12)
    with pytest.raises(AttachmentNotFound):
        ws.get(content_id(b"other"))


def test_deleting_drops_the_workspaces_own_hold_only(ws: SyncWorkspace) -> None:
    cat, dog = ws.put(png(), label="cat"), ws.put(png(5, 5))
    with ws.session("s") as s:
        s.put(cat)
        ws.delete(cat)
        ws.delete(dog)
        assert ws.list() == [cat]
        with pytest.raises(AttachmentNotFound):
            ws.get(dog)
        assert ws.reclaim(grace=0).deleted_ids == (dog.id,)
        assert s.get(cat).bytes == png()


def test_reclaim_spares_the_young_and_what_is_held(ws: SyncWorkspace) -> None:
    cat, dog = ws.put(png()), ws.put(png(5, 5))
    ws.delete(dog)
    assert ws.reclaim().deleted_ids == ()
    assert ws.reclaim(grace=0, dry_run=True).deleted_ids == (dog.id,)
    assert ws.reclaim(grace=0).deleted_ids == (dog.id,)
    assert ws.list() == [cat]
    assert ws.verify().ok


async def test_a_prefix_of_several_ids_is_ambiguous() -> None:
    store = OwnStore()
    ids = [AttachmentId("ab" * 5 + digit * 54) for digit in "12"]
    for attachment_id in ids:
        meta = AttachmentCreateMeta("text/plain").describe(attachment_id, 0)  # type: ignore[arg-type]
        store.kept[attachment_id] = StoredAttachment(meta, b"")
    with pytest.raises(AmbiguousAttachmentId) as caught:
        await Workspace(store).get("abababab")
    assert caught.value.matches == tuple(ids)
    assert (await Workspace(store).find("ab" * 5 + "1")).id == ids[0]


def test_deleting_is_idempotent(ws: SyncWorkspace) -> None:
    cat = ws.put(png())
    ws.delete(cat.id[:10])
    ws.delete(cat)
    assert ws.list() == []
    with pytest.raises(AttachmentNotFound):
        ws.delete(cat.id[:10])
    with pytest.raises(AttachmentNotFound):
        cat.get()


def test_verify_names_what_is_wrong(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path)
    good, corrupt, bare, garbled = ws.put_many([b"good", b"corrupt", b"bare", b"garbled"])
    assert ws.verify().ok
    assert str(ws.verify()) == "4 attachments, 22 bytes: all intact"
    blob_path(tmp_path, corrupt.id).write_bytes(b"CORRUPT")
    Path(f"{blob_path(tmp_path, bare.id)}.json").unlink()
    Path(f"{blob_path(tmp_path, garbled.id)}.json").write_text("{")
    report = lashkit.open(tmp_path).verify()
    assert (report.checked_count, report.corrupt_ids) == (4, (corrupt.id,))
    assert sorted(report.metadata_ids) == sorted([bare.id, garbled.id])
    assert not report.ok
    assert corrupt.id.short in str(report)
    with pytest.raises(AttachmentCorrupt):
        ws.get(corrupt)
    assert ws.get(good).bytes == b"good"


def test_what_lost_its_metadata_is_described_by_its_row(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path)
    bare = ws.put(png(), label="cat")
    Path(f"{blob_path(tmp_path, bare.id)}.json").unlink()
    for again in (ws, lashkit.open(tmp_path)):
        assert again.list() == [bare]
        assert again.get(bare).meta.label == "cat"


def test_targets_open_as_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert lashkit.open("sub/dir").target == str(tmp_path / "sub" / "dir")
    assert not (tmp_path / "sub").exists()
    assert lashkit.open("sub/dir").list() == []
    name = f"memory://{tmp_path.name}"
    cat = lashkit.open(name).put(png())
    assert lashkit.open(name).list() == [cat]
    assert lashkit.open("memory://").list() == []
    assert lashkit.open(name).persistence is AttachmentStorePersistence.EPHEMERAL
    assert isinstance(lashkit.open(tmp_path).aio.store, FileAttachmentStore)
    assert repr(lashkit.open("memory://")) == "SyncWorkspace('memory://')"


@pytest.mark.parametrize("target", ["", "s3://bucket/x", "ftp://x", "a\0b", 3, None, b"bytes"])
def test_what_cannot_be_opened_is_refused_at_once(target: object) -> None:
    with pytest.raises(InvalidTarget):
        lashkit.open(target)  # type: ignore[arg-type]


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(png())
    with pytest.raises(InvalidTarget, match="not a directory"):
        lashkit.open(tmp_path / "cat.png")


def test_a_directory_that_is_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    import shutil

    ws = lashkit.open(tmp_path / "a")
    cat = ws.put(png())
    shutil.rmtree(tmp_path / "a")
    assert ws.list() == []
    assert ws.put(png()) == cat
    assert ws.get(cat).bytes == png()


def test_a_workspace_is_closed_by_its_with_block(ws: SyncWorkspace) -> None:
    with ws as same:
        assert same is ws
        cat = same.put(png())
    ws.close()
    assert cat.get().bytes == png(), "what was acknowledged stays readable"


def test_a_users_own_store_is_a_workspace_in_one_line() -> None:
    ws = SyncWorkspace(Workspace(OwnStore()))
    cat = ws.put(png(), label="cat")
    assert ws.get(cat.id[:8]).bytes == png()
    assert ws.list(label="c*") == [cat]
    assert list(ws.open_stream(cat)) == [png()]
    assert ws.verify().ok
    assert "OwnStore" in repr(ws)
    ws.delete(cat)
    assert ws.list() == []


def test_wildcards_are_star_and_question_mark_only(ws: SyncWorkspace) -> None:
    photo = ws.put(b"hello", label="Photo[1].txt")
    assert ws.list(label="photo[1].*") == [photo]
    assert ws.list(label="photo?1?.txt") == [photo]
    assert ws.list(label="photo[0-9].txt") == []


def test_an_attachment_put_again_is_checked_like_any_source(ws: SyncWorkspace) -> None:
    note = ws.put(b"hello", label="note.txt")
    with pytest.raises(lashkit.IngestError, match=r"image/png.*text/plain"):
        ws.put(note, media_type="image/png")
    assert ws.put(note, media_type="text/markdown").media_type == "text/markdown"
    assert ws.put(note, media_type="image/png", trust_media_type=True).label == "note.txt"
    for label in (5, "x" * 5_000):
        with pytest.raises(lashkit.IngestError, match="label"):
            ws.put(note, label=label)  # type: ignore[arg-type]


def test_what_has_a_ref_of_another_kind_is_no_attachment(ws: SyncWorkspace) -> None:
    """As a data set of h5py has."""

    class Foreign:
        ref = "refs/heads/main"

    with pytest.raises(lashkit.IngestError, match="cannot become an attachment"):
        ws.put(Foreign())
    with pytest.raises(lashkit.InvalidAttachmentId):
        ws.get(Foreign())  # type: ignore[arg-type]


@pytest.mark.parametrize("sources", ["cat.png", b"cat", Path("cat.png"), None, 5])
def test_put_many_takes_no_single_source(ws: SyncWorkspace, sources: object) -> None:
    with pytest.raises(lashkit.IngestError, match="use put"):
        ws.put_many(sources)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["", b"out.zip", None])
def test_an_export_without_a_name_writes_nothing(
    ws: SyncWorkspace, path: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    ws.put(b"hello")
    with pytest.raises(lashkit.InvalidTarget, match=r"\.zip"):
        ws.export(path)  # type: ignore[arg-type]
    assert list(empty.iterdir()) == []


async def test_a_workspace_that_was_not_awaited_says_so(tmp_path: Path) -> None:
    opening = Workspace.open(tmp_path)
    assert "await it" in repr(opening)
    await opening


def test_a_workspace_copies_to_itself_and_pickles_as_its_target(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path)
    cat = ws.put(png())
    asyncio.run(Workspace(ws.aio.store).list())  # worker threads exist by now
    for handle in (ws, ws.aio, ws.store):
        assert copy.copy(handle) is handle
        assert copy.deepcopy({"handle": handle})["handle"] is handle
    again = pickle.loads(pickle.dumps(ws))  # noqa: S301
    assert (type(again), again.target) == (SyncWorkspace, ws.target)
    assert again.get(cat).bytes == png()
    assert pickle.loads(pickle.dumps(ws.aio)).target == ws.target  # noqa: S301
    assert copy.copy(cat) is cat
    assert copy.deepcopy([cat.aio])[0] is cat.aio


def test_a_workspace_in_memory_does_not_leave_its_process() -> None:
    ws = lashkit.open("memory://")
    assert copy.deepcopy(ws) is ws
    with pytest.raises(TypeError, match="memory"):
        pickle.dumps(ws)


def test_what_was_not_awaited_says_so(tmp_path: Path) -> None:
    opening = Workspace.open(tmp_path)
    assert "await it" in repr(opening)
    with pytest.raises(lashkit.BridgeError, match="await it"):
        opening.put(b"x")
    with pytest.raises(lashkit.BridgeError, match="async with"), opening:
        pass
    with pytest.raises(AttributeError, match="nonsense"):
        _ = opening.nonsense


@pytest.mark.parametrize("wrong", ["./attachments", None, 3, object()])
def test_a_workspace_is_made_of_a_store(wrong: object) -> None:
    with pytest.raises(InvalidTarget, match=r"Workspace.open"):
        Workspace(wrong)  # type: ignore[arg-type]


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(png())
    with pytest.raises(InvalidTarget, match="not a directory"):
        lashkit.open(tmp_path / "cat.png" / "below" / "it")


def test_a_family_alone_is_a_media_type_to_list(ws: SyncWorkspace) -> None:
    cat, _ = ws.put_many([png(), b"text"])
    assert ws.list(media_type="image") == [cat]
    assert ws.list(media_type="*") == ws.list()


def test_a_last_breath_can_still_be_put(tmp_path: Path) -> None:
    source = """
import sys, lashkit
ws = lashkit.open(sys.argv[1])
ws.put(b"first")

class LastWords:
    def __del__(self, ws=ws, sys=sys):
        ws.put(b"last words")
        print("put, finalizing:", sys.is_finalizing(), flush=True)

kept = LastWords()
kept.itself = kept
"""
    done = subprocess.run(
        [sys.executable, "-c", source, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("put, finalizing: True\n", "")
    assert {item.get().bytes for item in lashkit.open(tmp_path).list()} == {b"first", b"last words"}


def test_a_catalog_can_lie_elsewhere(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path / "bytes", catalog=tmp_path / "local" / "catalog.db")
    cat = ws.put(png())
    assert (tmp_path / "local" / "catalog.db").exists()
    assert not (tmp_path / "bytes" / "lashkit.db").exists()
    again = pickle.loads(pickle.dumps(ws))  # noqa: S301
    assert again.list() == lashkit.open(tmp_path / "bytes", catalog=tmp_path / "local" / "catalog.db").list() == [cat]
    with pytest.raises(InvalidTarget, match="leave catalog= out"):
        lashkit.open("memory://", catalog=tmp_path / "x.db")


def test_looking_for_what_to_reclaim_makes_nothing(tmp_path: Path) -> None:
    for dry_run in (True, False):
        assert lashkit.open(tmp_path / "new").reclaim(dry_run=dry_run).ok
    assert not (tmp_path / "new").exists()
