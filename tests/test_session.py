"""Sessions for users: attachments and turns, one writer, nothing leaked; on any store, with and without await."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest
from PIL import Image

import lashkit
from lashkit import (
    AttachmentNotFound,
    AttachmentRef,
    IngestError,
    InvalidAttachmentId,
    RuntimeTurnCommitConflict,
    Session,
    SessionExecutionLeaseExpired,
    StoreError,
    SyncAttachment,
    SyncSession,
    SyncWorkspace,
    Workspace,
    content_id,
)
from tests.test_workspace import OwnStore, png


@pytest.fixture(params=["memory", "directory", "own store"])
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> SyncWorkspace:
    if request.param == "own store":
        return SyncWorkspace(Workspace(OwnStore()))
    return lashkit.open("memory://" if request.param == "memory" else tmp_path / "attachments")


def test_a_session_holds_what_is_put_into_it(ws: SyncWorkspace) -> None:
    with ws.session("cats") as s:
        cat = s.put(png(), label="cat")
        assert isinstance(cat, SyncAttachment)
        assert s.refs() == [cat]
        assert s.get(cat).bytes == s.get(cat.id[:8]).bytes == s.get(cat.ref).bytes == png()
        assert (s.name, s.session_id, s.read_only, s.workspace.target) == ("cats", "cats", False, ws.target)
        assert repr(s) == "SyncSession('cats')"
    assert ws.list() == [cat], "whoever holds the workspace sees everything in it"
    assert cat.get().bytes == png()


def test_a_session_does_not_see_what_others_hold(ws: SyncWorkspace) -> None:
    mine, theirs, loose = png(1, 1), png(2, 2), png(3, 3)
    ws.put(loose)
    with ws.session("mine") as s, ws.session("theirs") as other:
        s.put(mine)
        other.put(theirs)
        for data in (theirs, loose):
            for which in (content_id(data), content_id(data)[:12], ws.find(content_id(data)).ref):
                with pytest.raises(AttachmentNotFound):
                    s.get(which)
            with pytest.raises(AttachmentNotFound):
                s.record("look", ws.find(content_id(data)).ref)
        with pytest.raises(InvalidAttachmentId):
            s.get("../../etc")
        assert [ref.id for ref in s.refs()] == [content_id(mine)]
        assert s.history() == []


def test_giving_an_attachment_of_the_workspace_records_the_sessions_own_row(ws: SyncWorkspace) -> None:
    cat = ws.put(png(), label="cat")
    with ws.session("s") as s:
        assert s.put(cat, label="mine").label == "mine"
        assert s.refs()[0].label == "mine"
        assert ws.find(cat).label == "cat"
        ws.delete(cat)
        assert s.get(cat).bytes == png()
        assert s.get(cat).meta.label == "mine"
        assert ws.reclaim(grace=0).deleted_ids == ()


def test_a_turn_and_its_attachments_are_committed_together(ws: SyncWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "dog.png"
    path.write_bytes(png(5, 5))
    cat = ws.put(png(), label="cat")
    with ws.session("s") as s:
        turn = s.record("What differs between", cat, "and", path, "?", answer="The size.")
        assert [part if isinstance(part, str) else part.label for part in turn.prompt] == [
            "What differs between", "cat", "and", "dog.png", "?",
        ]  # fmt: skip
        assert (turn.answer, turn.parent_node_id, turn.session_id) == ("The size.", None, "s")
        assert [ref.id for ref in turn.attachments] == [cat.id, content_id(png(5, 5))]
        second = s.record("And now?")
        assert second.parent_node_id == turn.node_id
        assert s.history() == [turn, second]
        assert {ref.id for ref in s.refs()} == {cat.id, content_id(png(5, 5))}
    with ws.session("s") as again:
        assert again.history() == [turn, second]
    assert ws.list(label="dog.png")[0].get().bytes == png(5, 5)


def test_a_part_that_cannot_be_ingested_commits_no_turn(ws: SyncWorkspace, tmp_path: Path) -> None:
    with ws.session("s") as s:
        for wrong in (tmp_path / "missing.png", object(), 3):
            with pytest.raises(IngestError):
                s.record("look", wrong)
        with pytest.raises(AttachmentNotFound):
            s.record("look", AttachmentRef(id=content_id(b"none"), media_type="a/b", byte_len=1))  # type: ignore[arg-type]
        assert s.history() == []
        assert s.refs() == []


def test_recording_a_turn_again_is_a_no_op_and_another_content_a_conflict(ws: SyncWorkspace) -> None:
    with ws.session("s") as s:
        first = s.record("Hello", answer="Hi", turn_id="turn 1")
        s.record("More")
        assert s.record("Hello", answer="Hi", turn_id="turn 1") == first
        with pytest.raises(RuntimeTurnCommitConflict):
            s.record("Hello", answer="Ho", turn_id="turn 1")
        assert len(s.history()) == 2


def test_a_fork_has_the_turns_up_to_its_origin_and_what_they_name(ws: SyncWorkspace) -> None:
    with ws.session("s") as s:
        with pytest.raises(StoreError, match="no turn to fork from"):
            s.fork()
        first = s.record("one", png(1, 1))
        s.record("two", png(2, 2))
        with s.fork(first.node_id) as fork, s.fork(name="other way") as other:
            assert (fork.name, other.name) == ("s-2", "other way")
            assert [turn.prompt[0] for turn in fork.history()] == ["one"]
            assert [turn.prompt[0] for turn in other.history()] == ["one", "two"]
            assert [ref.id for ref in fork.refs()] == [content_id(png(1, 1))]
            with pytest.raises(AttachmentNotFound):
                fork.get(content_id(png(2, 2)))
            fork.record("three")
            assert [turn.prompt[0] for turn in s.history()] == ["one", "two"]
            with pytest.raises(StoreError, match="already"):
                s.fork(name="s")
            with pytest.raises(StoreError):
                s.fork("no such node")
        tree = str(s.tree())
        assert "=> s-2" in tree
        assert "=> other way" in tree
        with ws.session("s-2", read_only=True) as reader:
            assert "forked from s" in str(reader.tree())
    assert [meta.name for meta in ws.sessions()] == ["other way", "s-2", "s"]


def test_a_renamed_session_keeps_its_id_and_frees_its_name(ws: SyncWorkspace) -> None:
    with ws.session("before") as s:
        turn = s.record("one")
        s.rename("after")
        assert (s.name, s.session_id) == ("after", "before")
        with pytest.raises(StoreError, match="already"):
            s.rename("after")
        s.record("two")
    with ws.session("after") as again:
        assert again.history()[0] == turn
    with ws.session("before") as fresh:
        assert fresh.session_id != "before"
        assert fresh.history() == []


def test_a_deleted_session_is_gone_and_its_bytes_go_at_the_next_reclaim(ws: SyncWorkspace) -> None:
    kept = ws.put(png(9, 9))
    s = ws.session("s")
    s.record("one", png(1, 1), kept)
    s.delete()
    assert ws.sessions() == []
    with pytest.raises(StoreError, match="closed"):
        s.record("two")
    report = ws.reclaim(grace=0)
    assert report.deleted_ids == (content_id(png(1, 1)),)
    assert ws.list() == [kept]
    assert ws.verify().ok
    with ws.session("s") as fresh:
        assert fresh.history() == []


@pytest.mark.parametrize("name", ["", " ", "@workspace", "@x", "a\nb", "x" * 201, None, 3])
def test_what_cannot_be_a_name_is_refused(name: object) -> None:
    with pytest.raises(StoreError, match="name"):
        lashkit.open("memory://").session(name)  # type: ignore[arg-type]


def test_opening_again_gives_the_same_session_counted(ws: SyncWorkspace) -> None:
    first, second = ws.session("s"), ws.session("s")
    assert first.aio is second.aio
    first.close()
    second.record("still open")
    second.close()
    with pytest.raises(StoreError, match="closed"):
        second.record("closed")
    second.close()
    with ws.session("s") as third:
        assert len(third.history()) == 1


def test_workspaces_on_one_directory_share_their_sessions(tmp_path: Path) -> None:
    first, second = lashkit.open(tmp_path), lashkit.open(tmp_path)
    with first.session("s") as s, second.session("s") as same:
        assert s.aio is same.aio


def test_a_read_only_session_writes_nothing(ws: SyncWorkspace) -> None:
    with ws.session("s") as s:
        s.record("one")
        reader = ws.session("s", read_only=True)
        assert len(reader.history()) == 1
        for write in (lambda: reader.put(b"x"), lambda: reader.record("x"), reader.delete, lambda: reader.rename("y")):
            with pytest.raises(StoreError, match="read-only"):
                write()
        assert repr(reader) == "SyncSession('s', read_only=True)"
        reader.close()
    with pytest.raises(StoreError, match="no session"):
        ws.session("nobody", read_only=True)


def test_looking_at_sessions_makes_nothing(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path / "new")
    assert ws.sessions() == []
    assert str(ws.sessions()) == "no sessions yet"
    with pytest.raises(StoreError, match="no session"):
        ws.session("s", read_only=True)
    assert not (tmp_path / "new").exists()


def test_a_stolen_session_says_so_at_the_next_write_and_stays_lost(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path)
    s = ws.session("s")
    s.put(png())
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            lashkit.open(tmp_path).session("s", steal=True).record("stolen")
            code = 0
        finally:
            os.write(writer, b"x")
            os._exit(code)
    os.read(reader, 1)
    assert os.waitpid(pid, 0)[1] == 0
    for write in (lambda: s.put(b"x"), lambda: s.record("x"), lambda: s.record("y"), s.delete):
        with pytest.raises(SessionExecutionLeaseExpired, match="open it again"):
            write()
    s.close()
    with ws.session("s") as again:
        assert [turn.prompt for turn in again.history()] == [("stolen",)]
    assert content_id(b"x") not in {item.id for item in ws.list()}


async def test_the_async_api_does_the_same(tmp_path: Path) -> None:
    async with Workspace.open(tmp_path) as ws:
        async with ws.session("s") as s:
            assert isinstance(s, Session)
            cat = await s.put(png(), label="cat")
            turn = await s.record("What is", cat, answer="A cat.")
            assert await s.history() == [turn]
            assert (await s.get(cat)).bytes == png()
            fork = await s.fork(turn.node_id)
            await fork.close()
            assert isinstance(s.sync, SyncSession)
            assert s.sync.history() == [turn]
        opened = await ws.session("s")
        await opened.record("again")
        await opened.close()
        assert [meta.name for meta in await ws.sessions()] == ["s-2", "s"]
        assert "s-2" in str(await ws.sessions())


async def test_simultaneous_writes_of_one_session_all_land(tmp_path: Path) -> None:
    async with Workspace.open(tmp_path) as ws, ws.session("s") as s:
        await asyncio.gather(*(s.record(f"turn {n}", str(n).encode()) for n in range(20)))
        await asyncio.gather(*(s.put(f"put {n}".encode()) for n in range(20)))
        history = await s.history()
        assert {turn.prompt[0] for turn in history} == {f"turn {n}" for n in range(20)}
        assert len(await s.refs()) == 40


async def test_a_cancelled_record_commits_all_or_nothing(tmp_path: Path) -> None:
    async with Workspace.open(tmp_path) as ws, ws.session("s") as s:
        for delay in range(12):
            task = asyncio.create_task(s.record(f"turn {delay}", os.urandom(2000)))
            for _ in range(delay):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for turn in await s.history():
            assert len((await s.get(turn.attachments[0])).bytes) == 2000
        assert (await ws.verify()).ok


def test_turns_histories_and_trees_show_themselves(ws: SyncWorkspace) -> None:
    with ws.session("<b>s</b>") as s:
        turn = s.record("Hello <script>", Image.new("RGB", (3, 3)), answer="<b>bold</b>")
        for shown in (turn, s.history(), s.tree(), ws.sessions()):
            bundle = shown._repr_mimebundle_()
            assert bundle["text/plain"] == str(shown)
            assert "<script" not in bundle["text/html"]
            assert "<b>" not in bundle["text/html"]
        assert "Hello <script>" in str(turn)


def test_a_session_that_nobody_keeps_is_still_held_by_this_process(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path)
    ws.session("s").record("one")
    gc.collect()
    with ws.session("s") as again:
        again.record("two")
        assert len(again.history()) == 2
