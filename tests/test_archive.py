"""Export and import: refs and bytes, in one archive or a folder; nothing hostile gets in."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import pytest

import lashkit
from lashkit import (
    AttachmentCorrupt,
    AttachmentIoError,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    IngestError,
    LashkitWarning,
    SyncWorkspace,
    Workspace,
    content_id,
)
from tests.test_workspace import OwnStore, png

BIG = bytes(range(256)) * 4096


@pytest.fixture
def ws() -> SyncWorkspace:
    ws = lashkit.open("memory://")
    ws.put_many([png(), b"text", b"", BIG])
    return ws


@pytest.mark.parametrize("name", ["all.zip", "all.ZIP", "folder"])
def test_what_is_exported_comes_back_with_its_refs(ws: SyncWorkspace, tmp_path: Path, name: str) -> None:
    cat = ws.put(png(9, 9), label="cat")
    exported = ws.export(tmp_path / name)
    assert (exported.attachment_count, exported.path) == (5, str(tmp_path / name))
    assert str(exported).startswith("5 attachments")
    for other in (lashkit.open("memory://"), lashkit.open(tmp_path / "other"), SyncWorkspace(Workspace(OwnStore()))):
        report = other.import_(tmp_path / name)
        assert (report.new_count, report.already_stored_count) == (5, 0)
        assert {item.ref for item in other.list()} == {item.ref for item in ws.list()}
        assert other.get(cat).meta.label == "cat"
        assert other.get(content_id(BIG)).bytes == BIG
        again = other.import_(tmp_path / name)
        assert (again.new_count, again.already_stored_count, again.byte_len) == (0, 5, 0)
        assert "5 were stored already" in str(again)


async def test_a_suspending_store_is_exported_too(tmp_path: Path) -> None:
    far = Workspace(OwnStore())
    await far.put_many([png(), BIG])
    await far.export(tmp_path / "all.zip")
    await far.export(tmp_path / "folder")
    near = await Workspace.open(tmp_path / "folder")
    assert (await near.import_(tmp_path / "all.zip")).already_stored_count == 2
    assert (await far.import_(tmp_path / "folder")).already_stored_count == 2


def test_a_folder_export_is_a_workspace(ws: SyncWorkspace, tmp_path: Path) -> None:
    ws.export(tmp_path / "folder")
    assert len(lashkit.open(tmp_path / "folder").list()) == 4
    assert ws.export(tmp_path / "folder").attachment_count == 4


def test_the_same_content_gives_the_same_archive(ws: SyncWorkspace, tmp_path: Path) -> None:
    ws.export(tmp_path / "a.zip")
    other = lashkit.open("memory://")
    other.put_many([BIG, b"", b"text", png()])
    other.export(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_an_archive_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    ws = lashkit.open(tmp_path / "a")
    ws.put(b"good")
    bad = ws.put(b"bad")
    (tmp_path / "a" / "sha256" / bad.id[:2] / bad.id).write_bytes(b"BAD")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "all.zip").write_bytes(b"what was there")
    with pytest.raises(AttachmentCorrupt):
        ws.export(tmp_path / "out" / "all.zip")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["all.zip"]
    assert (tmp_path / "out" / "all.zip").read_bytes() == b"what was there"
    with pytest.raises(AttachmentIoError):
        ws.export(tmp_path / "missing" / "all.zip")


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def members_of(data: bytes, label: str = "x") -> dict[str, bytes]:
    attachment_id = content_id(data)
    name = f"sha256/{attachment_id[:2]}/{attachment_id}"
    sidecar = f'{{"id": "{attachment_id}", "media_type": "text/plain", "byte_len": {len(data)}, "label": "{label}"}}'
    return {name: data, f"{name}.json": sidecar.encode()}


def test_foreign_members_are_skipped_with_a_warning_and_written_nowhere(tmp_path: Path) -> None:
    hostile = {"../../evil": b"x", "/etc/evil": b"x", "sha256/aa/../../evil": b"x", "sha256/zz/x": b"x", "readme": b"x"}
    path = write_zip(tmp_path / "a.zip", {**hostile, **members_of(b"good")})
    ws = lashkit.open(tmp_path / "deep" / "down" / "ws")
    with pytest.warns(LashkitWarning, match="5 members"):
        assert ws.import_(path).new_count == 1
    assert ws.get(content_id(b"good")).bytes == b"good"
    assert not list(tmp_path.rglob("evil"))


def test_a_damaged_archive_stores_nothing(tmp_path: Path) -> None:
    good = members_of(b"good")
    name = next(iter(members_of(b"bad!")))
    lying = members_of(b"bad!")
    cases = {
        "other bytes": ({**good, **members_of(b"bad!"), name: b"BAD!"}, AttachmentCorrupt),
        "no metadata": ({**good, name: b"bad!"}, AttachmentMissingMeta),
        "wrong length": ({**good, **lying, name: b"bad!!"}, AttachmentMetadataDecodeError),
        "no json": ({**good, name: b"bad!", f"{name}.json": b"{"}, AttachmentMetadataDecodeError),
    }
    for number, (members, error) in enumerate(cases.values()):
        ws = lashkit.open("memory://")
        with pytest.raises(error):
            ws.import_(write_zip(tmp_path / f"{number}.zip", members))
        assert ws.list() == []


def test_every_flipped_byte_of_an_archive_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", members_of(b"good " * 40))
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        ws = lashkit.open("memory://")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LashkitWarning)  # a damaged name is a foreign name
                ws.import_(path)
        except lashkit.LashkitError:
            assert ws.list() == [], position
        else:
            assert all(item.get().bytes == b"good " * 40 for item in ws.list()), position


def test_a_member_that_grows_without_end_is_cut_off(tmp_path: Path) -> None:
    zeros = bytes(30_000_000)
    members = members_of(b"small")
    name = next(iter(members))
    path = write_zip(tmp_path / "bomb.zip", {**members, name: zeros})
    ws = lashkit.open("memory://")
    with pytest.raises(AttachmentMetadataDecodeError, match="30000000"):
        ws.import_(path)


@pytest.mark.parametrize("content", [None, b"", b"PK nonsense"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IngestError, match="no archive"):
        lashkit.open("memory://").import_(path)


def test_encrypted_and_exotic_members_are_foreign(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, data in members_of(b"good").items():
            archive.writestr(name, data)
        archive.writestr("empty/", b"")
    with pytest.warns(LashkitWarning, match="2 members"):
        assert lashkit.open("memory://").import_(path).new_count == 0


@pytest.mark.parametrize("name", ["all.zip", "folder"])
def test_an_import_repairs_what_is_damaged(tmp_path: Path, name: str) -> None:
    ws = lashkit.open(tmp_path / "ws")
    good, corrupt, bare = ws.put_many([b"good", b"corrupt", b"bare"])
    ws.export(tmp_path / name)
    blobs = {item.id: tmp_path / "ws" / "sha256" / item.id[:2] / item.id for item in (corrupt, bare)}
    blobs[corrupt.id].write_bytes(b"CORRUPT")
    Path(f"{blobs[bare.id]}.json").unlink()
    fresh = lashkit.open(tmp_path / "ws")
    report = fresh.import_(tmp_path / name)
    assert (report.new_count, report.already_stored_count) == (1, 2), "what lost its metadata only has its row"
    assert fresh.verify().corrupt_ids == ()
    assert fresh.get(good).bytes == b"good"
