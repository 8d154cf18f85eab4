"""Directories that are opened by many at once, that others wrote, or whose catalog was lost, moved or exchanged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lashkit
from lashkit.runner import drive
from lashkit.stores.file import FileAttachmentStore
from lashkit.values import AttachmentCreateMeta, MediaType

from .conftest import HANG_S, REPO, Actor, StartActor, at_once

ENV = {**os.environ, "PYTHONPATH": str(REPO)}

OPENERS = 6
ROUNDS = 8


@pytest.mark.parametrize("has_attachments", [False, True], ids=["new", "to adopt"])
def test_processes_that_open_a_new_directory_at_once_share_one_catalog(
    actor: StartActor, root: Path, has_attachments: bool
) -> None:
    crowd = [actor() for _ in range(OPENERS)]
    for number in range(ROUNDS):
        directory = root.parent / f"new-{number}"
        if has_attachments:
            bare_store(directory)
        tasks = [(one, "open_new", (str(directory), f"session-{index}")) for index, one in enumerate(crowd)]
        uuids = at_once(root, f"new-{number}", tasks)
        assert len(set(map(str, uuids))) == 1, uuids
        for index, one in enumerate(crowd):
            assert one.do("put", f"session-{index}", f"text {index}")
        for one in crowd:
            assert one.do("session_names") == sorted(f"session-{index}" for index in range(OPENERS))
            # All see the roots: whoever lost the race for the store's name must not take it for another's.
            assert one.do("reclaim", grace=0)["deleted"] == []
            assert one.do("verify") == "ok"
        pairing = json.loads((directory / "store.json").read_text())
        assert pairing["catalog_uuid"] == uuids[0]
        expected = {hashlib.sha256(f"text {index}".encode()).hexdigest() for index in range(OPENERS)}
        if has_attachments:
            expected |= ADOPTED
        assert crowd[0].do("ws_list") == sorted(expected)


TEXTS = {"notes": b"written by a bare store", "more": b"and another"}
ADOPTED = {hashlib.sha256(data).hexdigest() for data in TEXTS.values()}


def bare_store(root: Path) -> None:
    """A directory without a catalog."""
    store = FileAttachmentStore(root)
    for label, data in TEXTS.items():
        drive(store.put(data, AttachmentCreateMeta(MediaType("text/plain"), label=label)))


def store_of_lash(root: Path) -> None:
    """A directory as lash writes it: media types by kind and type."""
    media_types = {"notes": {"kind": "text", "type": "plain"}, "more": {"kind": "image", "type": "png"}}
    for label, data in TEXTS.items():
        attachment_id = hashlib.sha256(data).hexdigest()
        shard = root / "sha256" / attachment_id[:2]
        shard.mkdir(parents=True, exist_ok=True)
        (shard / attachment_id).write_bytes(data)
        sidecar = {
            "id": attachment_id,
            "media_type": media_types[label],
            "byte_len": len(data),
            "width": None,
            "height": None,
            "label": label,
        }
        (shard / f"{attachment_id}.json").write_text(json.dumps(sidecar))


@pytest.mark.parametrize("make", [bare_store, store_of_lash])
def test_a_directory_from_before_is_adopted_as_the_workspaces(root: Path, make: object) -> None:
    assert callable(make)
    make(root)
    with lashkit.open(root) as ws:
        assert {attachment.label: ws.get(attachment).bytes for attachment in ws.list()} == TEXTS
        rows = drive(ws.aio.catalog.list_all_refs())
        assert {(row.session_id, row.committed_at_epoch_ms is not None) for row in rows} == {("@workspace", True)}
        report = ws.reclaim(grace=0, progress=False)
        assert (report.kept_count, report.deleted_ids) == (2, ())
        assert len(ws.list(media_type="image/*")) == (make is store_of_lash)
        with ws.session("cats") as session:
            assert session.refs() == []
            for attachment_id in ADOPTED:
                with pytest.raises(lashkit.AttachmentNotFound):
                    session.get(attachment_id)
            session.put(ws.list()[0])
            assert len(session.refs()) == 1


def test_a_directory_whose_catalog_is_lost_is_adopted_again(actor: StartActor, root: Path) -> None:
    first = actor()
    first.do("open", "cats")
    first.do("put", "cats", "of the session")
    first.do("ws_put", "of the workspace")
    first.kill()
    for path in root.glob("lashkit.db*"):
        path.unlink()
    second = actor()
    held = second.do("ws_list")
    assert held == sorted(hashlib.sha256(text.encode()).hexdigest() for text in ("of the session", "of the workspace"))
    assert second.do("session_names") == []
    report = second.do("reclaim", grace=0)
    assert (report["kept"], report["deleted"]) == (2, [])
    assert second.do("verify") == "ok"
    second.do("open", "cats")
    assert second.do("put", "cats", "of the session")
    assert second.do("refs", "cats") == ["of the session"]


def two_directories(actor: StartActor, root: Path) -> tuple[Path, set[str]]:
    """Two workspaces: `root`, and another that holds something else. Both are closed."""
    other = root.parent / "other"
    with lashkit.open(root) as ws, ws.session("cats") as session:
        session.put(b"here")
        ws.put(b"here too")
    with lashkit.open(other) as ws:
        ws.put(b"elsewhere")
    return other, {str(path.relative_to(root)) for path in root.glob("sha256/*/*")}


def put_in_place_of(root: Path, other: Path) -> None:
    """Give `root` the catalog of `other`."""
    for path in root.glob("lashkit.db*"):
        path.unlink()
    for path in other.glob("lashkit.db*"):
        shutil.copy(path, root / path.name)


@pytest.mark.parametrize("options", [{}, {"sweep_unrooted": True}, {"dry_run": True}])
def test_a_foreign_catalog_cannot_see_the_roots_and_sweeps_nothing(
    actor: StartActor, root: Path, options: dict[str, bool]
) -> None:
    other, files = two_directories(actor, root)
    put_in_place_of(root, other)
    pairing = (root / "store.json").read_bytes()
    for one in (actor(), actor()):  # it does not come to believe it either
        answer = one.do("reclaim", grace=0, **options)
        assert answer["error"] == "RootsUnknown", answer
        assert {str(path.relative_to(root)) for path in root.glob("sha256/*/*")} == files
    assert (root / "store.json").read_bytes() == pairing


def test_a_foreign_catalog_sweeps_nothing_after_it_was_written_to_either(actor: StartActor, root: Path) -> None:
    other, files = two_directories(actor, root)
    put_in_place_of(root, other)
    one = actor()
    one.do("open", "dogs")
    one.do("put", "dogs", "written by the foreign catalog")
    for again in (one, actor()):
        assert again.do("reclaim", grace=0)["error"] == "RootsUnknown"
    assert files <= {str(path.relative_to(root)) for path in root.glob("sha256/*/*")}


def test_an_empty_catalog_over_a_store_that_was_filled_behind_its_back_sweeps_nothing(
    actor: StartActor, root: Path
) -> None:
    with lashkit.open(root) as ws:
        attachment = ws.put(b"held for a moment")
        ws.delete(attachment)
    one = actor()
    answer = one.do("reclaim", grace=0)
    assert answer["error"] == "RootsUnknown"
    assert one.do("reclaim", grace=0, sweep_unrooted=True)["deleted"] == [attachment.id]


def test_a_catalog_in_memory_over_a_directory_that_has_one_sweeps_nothing(actor: StartActor, root: Path) -> None:
    with lashkit.open(root) as ws:
        ws.put(b"before")
        beside = lashkit.Workspace(FileAttachmentStore(root)).sync
        assert [attachment.byte_len for attachment in beside.list()] == [len(b"before")]
        later = ws.put(b"later")
        with pytest.raises(lashkit.errors.RootsUnknown):
            beside.reclaim(grace=0, progress=False)
        assert ws.get(later).bytes == b"later"
    assert actor().do("reclaim", grace=0) == {"kept": 2, "deleted": [], "deferred": [], "failed": []}


def test_a_catalog_whose_store_was_taken_over_sweeps_nothing(actor: StartActor, root: Path) -> None:
    other, _ = two_directories(actor, root)
    with lashkit.open(other) as ws:
        shutil.rmtree(other / "sha256")
        shutil.copytree(root / "sha256", other / "sha256")
        assert ws.reclaim(grace=0, dry_run=True, progress=False).deleted_ids
        pairing = json.loads((other / "store.json").read_text())
        (other / "store.json").write_text(json.dumps(pairing | {"catalog_uuid": "of another"}))
        with pytest.raises(lashkit.errors.RootsUnknown):
            ws.reclaim(grace=0, progress=False)


def test_a_process_killed_while_it_adopts_again_leaves_a_directory_that_can_be_swept(
    actor: StartActor, root: Path, strace: str
) -> None:
    """Killed at each rename and each flush of the first use of a directory whose catalog was lost."""
    with lashkit.open(root) as ws, ws.session("cats") as session:
        session.put(b"of the session")
    for path in root.glob("lashkit.db*"):
        path.unlink()
    template = root.parent / "template"
    root.rename(template)
    for name in ("rename", "fsync", "fdatasync"):
        for number in range(1, 20):
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(template, root)
            code = f"import lashkit; lashkit.open({str(root)!r}).reclaim(grace=0)"
            tracing = ["-f", "-qq", "-o", os.devnull, "-e", f"inject={name}:signal=KILL:when={number}"]
            ended = subprocess.run([strace, *tracing, sys.executable, "-c", code], env=ENV, check=False, timeout=HANG_S)
            one = actor()
            assert one.do("reclaim", grace=0) == {"kept": 1, "deleted": [], "deferred": [], "failed": []}
            one.close()
            if ended.returncode == 0:
                break
            assert ended.returncode == -9
        else:
            pytest.fail(f"more than {number} calls of {name}")


def test_a_copied_directory_is_another_workspace_even_in_the_same_process(actor: StartActor, root: Path) -> None:
    copy = root.parent / "copy"
    with lashkit.open(root) as ws, ws.session("cats") as session:
        session.put(b"in both")
    shutil.copytree(root, copy)
    with (
        lashkit.open(root) as here,
        lashkit.open(copy) as there,
        here.session("cats") as cats,
        there.session("cats") as copied,
    ):
        copied.put(b"only there")
        cats.put(b"only here")
        assert [cats.get(attachment).bytes for attachment in cats.refs()] == [b"in both", b"only here"]
        assert [copied.get(attachment).bytes for attachment in copied.refs()] == [b"in both", b"only there"]
    for directory, text in ((root, "only here"), (copy, "only there")):
        with lashkit.open(directory) as ws:
            assert {ws.get(attachment).text() for attachment in ws.list()} == {"in both", text}
            assert ws.reclaim(grace=0, progress=False).deleted_ids == ()


def test_a_session_is_the_same_through_every_name_of_its_directory(actor: StartActor, root: Path) -> None:
    root.mkdir()
    link = root.parent / "link"
    link.symlink_to(root)
    with lashkit.open(root) as ws, lashkit.open(link) as linked:
        first, second = ws.session("cats"), linked.session("cats")
        first.put(b"one")
        first.close()
        second.put(b"two")
        other: Actor = actor()
        assert other.do("open", "cats")["error"] == "SessionBusy"
        second.close()
        assert other.do("open", "cats") == "cats"
        assert other.do("refs", "cats") == ["one", "two"]
