"""The doctor: what it finds is what is there, and it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lashkit
from lashkit.cli import main
from lashkit.doctor import Diagnosis, Finding, examine, file_system_type
from lashkit.runtime import mounts

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /tmp rw - tmpfs tmpfs rw
24 22 0:40 / /mnt/my\\040share rw - nfs4 host:/x rw
25 22 0:41 / /mnt rw - xfs /dev/sdb1 rw
26 25 0:42 / /mnt rw - btrfs /dev/sdc1 rw
a line that is none
"""


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LASHKIT_TARGET", raising=False)


def found(diagnosis: Diagnosis) -> dict[str, Finding]:
    return {finding.subject: finding for finding in diagnosis.of_target}


def everything_in(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A directory with two attachments."""
    with lashkit.open(tmp_path / "store") as workspace:
        workspace.put(b"first file", label="first.txt")
        workspace.put(b"second file", label="second.txt")
    return tmp_path / "store"


def blob(target: Path, data: bytes) -> Path:
    attachment_id = lashkit.content_id(data)
    return target / "sha256" / attachment_id[:2] / attachment_id


def test_a_healthy_target_is_healthy_and_is_left_as_it_was(target: Path) -> None:
    before = everything_in(target)
    diagnosis = examine(target, verify=True)
    assert diagnosis.healthy
    findings = found(diagnosis)
    assert findings["attachments"].text == "2, 21 bytes"
    assert findings["content"] == Finding("ok", "content", "2 attachments, 21 bytes: all intact")
    assert findings["writing"].verdict == findings["leftovers"].verdict == "ok"
    assert everything_in(target) == before


def test_what_was_not_read_is_not_called_intact(target: Path) -> None:
    assert "lashkit verify" in found(examine(target))["content"].text


def test_a_target_that_does_not_exist_yet_is_healthy_and_still_does_not_exist(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path / "not" / "yet")
    assert diagnosis.healthy
    assert "does not exist yet" in found(diagnosis)["place"].text
    assert list(tmp_path.iterdir()) == []


def test_memory_is_healthy_and_does_not_last() -> None:
    diagnosis = examine("memory://")
    assert diagnosis.healthy
    assert [finding.verdict for finding in diagnosis.of_target] == ["note"]


@pytest.mark.parametrize("name", ["a-file", "redis://host", ""])
def test_what_no_workspace_opens_on_is_not_healthy(tmp_path: Path, name: str) -> None:
    Path("a-file").write_text("x")
    diagnosis = examine(name)
    assert not diagnosis.healthy
    assert [finding.verdict for finding in diagnosis.of_target] == ["bad"]


def test_damaged_bytes_are_found_where_they_are_read(target: Path) -> None:
    blob(target, b"first file").write_bytes(b"FIRST file")
    assert examine(target).healthy
    diagnosis = examine(target, verify=True)
    assert not diagnosis.healthy
    assert "1 corrupt" in found(diagnosis)["content"].text


def test_bytes_of_another_length_and_lost_metadata_are_always_found(target: Path) -> None:
    blob(target, b"first file").write_bytes(b"first")
    Path(f"{blob(target, b'second file')}.json").unlink()
    diagnosis = examine(target)
    assert not diagnosis.healthy
    assert found(diagnosis)["metadata"].text.startswith("2 cannot be read (")


def test_many_damaged_ones_are_counted_and_a_few_named(target: Path) -> None:
    with lashkit.open(target) as workspace:
        for number in range(6):
            attachment = workspace.put(f"file number {number}".encode())
            Path(f"{blob(target, attachment.get().bytes)}.json").write_text("{}")
    text = found(examine(target))["metadata"].text
    assert text.startswith("6 cannot be read (")
    assert text.count(", ") == 4


def test_what_is_not_the_stores_own_is_a_note(target: Path) -> None:
    (target / "sha256" / "holiday.jpg").write_bytes(b"x")
    diagnosis = examine(target)
    assert diagnosis.healthy
    assert "holiday.jpg" in found(diagnosis)["foreign"].text


def test_leftovers_are_counted(target: Path) -> None:
    (target / ".staging" / "left").write_bytes(b"12345")
    finding = found(examine(target))["leftovers"]
    assert (finding.verdict, finding.text.partition(" on")[0]) == ("note", "1 files, 5 bytes")


def test_a_healthy_catalog_says_its_version_and_how_much_it_has(target: Path) -> None:
    with lashkit.open(target) as workspace:
        workspace.session("cats").close()
    findings = found(examine(target, verify=True))
    assert findings["catalog"] == Finding("ok", "catalog", "schema version 1, journal mode wal, 1 session")
    assert findings["pairing"] == Finding("ok", "pairing", "store and catalog belong together")
    assert findings["intents"].verdict == "ok"


@pytest.mark.parametrize("verify", [False, True])
def test_a_directory_from_before_is_healthy_and_gets_no_catalog_by_being_examined(target: Path, verify: bool) -> None:
    (target / "lashkit.db").unlink()
    (target / "store.json").unlink()
    before = everything_in(target)
    diagnosis = examine(target, verify=verify)
    assert diagnosis.healthy
    assert found(diagnosis)["catalog"].text.startswith("none yet; ")
    assert everything_in(target) == before


def test_a_store_without_its_half_of_the_pairing_is_a_note(target: Path) -> None:
    (target / "store.json").unlink()
    diagnosis = examine(target)
    assert diagnosis.healthy
    assert found(diagnosis)["pairing"].verdict == "note"


def test_a_store_of_another_catalog_is_not_healthy(target: Path, tmp_path: Path) -> None:
    with lashkit.open(tmp_path / "other") as workspace:
        workspace.put(b"x")
    os.replace(tmp_path / "other" / "store.json", target / "store.json")
    diagnosis = examine(target)
    assert not diagnosis.healthy
    assert "nothing can be reclaimed" in found(diagnosis)["pairing"].text


def test_a_catalog_that_was_never_used_is_not_paired_yet(target: Path, tmp_path: Path) -> None:
    (target / "lashkit.db").unlink()
    catalog = lashkit.SqliteCatalog(target / "lashkit.db")
    assert catalog.catalog_uuid
    asyncio.run(catalog.close())
    assert found(examine(target))["pairing"].text.startswith("not paired yet")


def test_what_a_killed_writer_and_a_killed_sweep_left_are_notes(target: Path) -> None:
    killed = (
        "import asyncio, os, signal, sys, lashkit\n"
        "from lashkit.manifest import AttachmentIntent, AttachmentOwner\n"
        "from lashkit.process import ProcessIdentity\n"
        "async def main():\n"
        "    ws = await lashkit.Workspace.open(sys.argv[1])\n"
        "    first = (await ws.list())[-1]\n"
        "    owner = AttachmentOwner(kind='process', owner_id='x', process=ProcessIdentity.current())\n"
        "    await ws.catalog.record_intent(AttachmentIntent(\n"
        "        session_id='s', ref=(await ws.list())[0].ref, intent_at_epoch_ms=1, owner=owner))\n"
        "    await ws.delete(first)\n"
        "    assert await ws.catalog.condemn(first.id, grace_ms=0)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(target)], timeout=60).returncode == -9
    diagnosis = examine(target)
    assert diagnosis.healthy
    findings = found(diagnosis)
    assert findings["intents"].text.startswith("1 without a commit")
    assert findings["sweeps"].text.startswith("1 marked by a sweep")


@pytest.mark.parametrize("pragma", ["user_version=999", "application_id=7"])
def test_a_catalog_of_another_version_or_program_is_not_healthy(target: Path, pragma: str) -> None:
    code = f"import apsw, sys; apsw.Connection(sys.argv[1]).execute('PRAGMA {pragma}')"
    subprocess.run([sys.executable, "-c", code, str(target / "lashkit.db")], check=True, timeout=60)
    diagnosis = examine(target, verify=True)
    assert not diagnosis.healthy
    assert found(diagnosis)["catalog"].verdict == "bad"


def test_a_damaged_catalog_is_found_where_it_is_read(target: Path) -> None:
    with lashkit.open(target) as workspace, workspace.session("s") as session:
        for number in range(50):
            session.record(f"prompt {number}", answer="x" * 500)
    with open(target / "lashkit.db", "r+b") as file:
        file.seek(-8192, os.SEEK_END)
        file.write(b"\xff" * 8192)
    diagnosis = examine(target, verify=True)
    assert not diagnosis.healthy
    assert "bad" in [finding.verdict for finding in diagnosis.of_target if finding.subject == "catalog"]


def test_a_network_file_system_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("22 1 0:1 / / rw - nfs4 host:/x rw\n")
    monkeypatch.setattr(mounts, "MOUNT_TABLE", str(table))
    diagnosis = examine(tmp_path / "store")
    assert not diagnosis.healthy
    assert any("network file system (nfs4)" in finding.text for finding in found(diagnosis).values())


def test_a_place_where_leftovers_cannot_be_looked_for_is_not_healthy(target: Path) -> None:
    (target / ".staging").rmdir()
    (target / ".staging").write_text("in the way")
    assert found(examine(target))["leftovers"].verdict == "bad"


def test_a_store_that_cannot_be_listed_is_not_healthy(target: Path) -> None:
    os.rename(target / "sha256", target / "moved")
    (target / "sha256").write_text("in the way")
    assert found(examine(target))["attachments"].verdict == "bad"


def test_a_place_that_takes_no_file_is_not_healthy() -> None:
    """/proc refuses new files even to root."""
    if not Path("/proc/self").exists():
        pytest.skip("this kernel has no /proc")
    findings = found(examine("/proc/self/attachments"))
    assert findings["writing"].verdict == "bad"
    assert "check the permissions" in findings["writing"].text


def test_a_directory_that_has_no_store_yet_is_healthy(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path)
    assert diagnosis.healthy
    assert found(diagnosis)["attachments"].text == "0, 0 bytes"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me", "ext4"),
        ("/tmp", "tmpfs"),
        ("/tmp/x", "tmpfs"),
        ("/tmpfoo", "ext4"),
        ("/mnt/my share/store", "nfs4"),
        ("/mnt/other", "btrfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert file_system_type(MOUNTS, path) == kind


def test_where_mounts_are_not_known_no_type_is_claimed() -> None:
    assert file_system_type("", "/home") is None


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this kernel has no /dev/shm")
def test_a_file_system_in_memory_is_a_note() -> None:
    findings = found(examine("/dev/shm/lashkit-doctor-test"))
    assert (findings["medium"].verdict, findings["medium"].text.partition(":")[0]) == ("note", "tmpfs")
    assert not Path("/dev/shm/lashkit-doctor-test").exists()


def test_every_extra_of_the_package_is_told_with_its_command(repo: Path) -> None:
    import tomllib

    declared = tomllib.loads((repo / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    findings = {finding.subject: finding for finding in examine("memory://").extras}
    assert set(findings) == set(declared) - {"all"}
    assert all(f"pip install 'lashkit[{name}]'" in one.text for name, one in findings.items() if one.verdict != "ok")
    assert findings["notebook"].verdict == "ok"


def test_an_installation_without_extras_is_healthy() -> None:
    """As where no package has metadata: none that is optional counts as installed."""
    code = (
        "import json; from importlib.metadata import MetadataPathFinder; from lashkit.doctor import examine\n"
        "MetadataPathFinder.find_distributions = lambda context=None: iter(())\n"
        "found = examine('memory://')\n"
        "print(json.dumps([[one.verdict for one in found.extras], found.pictures[-1].verdict, found.healthy]))\n"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    extras, heic, healthy = json.loads(asked.stdout)
    assert set(extras) == {"missing"}
    assert (heic, healthy) == ("missing", True)


def test_the_command_says_it_all_with_code_0(target: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(target), "--verify"]) == 0
    out = capfd.readouterr().out
    assert out.rstrip().endswith("healthy")
    assert all(title in out for title in ("Installed", "Extras", "Pictures", f"Target {target}", "all intact"))


def test_the_command_ends_with_code_1_where_something_is_wrong(target: Path, capfd: pytest.CaptureFixture[str]) -> None:
    blob(target, b"first file").write_bytes(b"FIRST file")
    assert main(["-t", str(target), "doctor", "--verify", "--json"]) == 1
    report = json.loads(capfd.readouterr().out)
    assert report["healthy"] is False
    assert {"verdict": "bad", "subject": "content"}.items() <= {
        **next(one for one in report["of_target"] if one["subject"] == "content")
    }.items()
    assert main(["doctor", str(target / "sha256" / "x" / "..")]) == 0
