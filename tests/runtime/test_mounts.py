"""Which file systems are told to be network ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lashkit.runtime import mounts
from lashkit.runtime.mounts import in_mount_output, in_mountinfo, network_filesystem

MOUNTS = r"""
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
30 22 0:26 / /proc rw - proc proc rw
41 22 0:45 / /mnt/team rw,relatime shared:30 - nfs4 server:/export rw,vers=4.2
42 41 0:46 / /mnt/team/local rw - xfs /dev/sdb1 rw
43 22 0:47 / /mnt/with\040space rw - cifs //server/share rw
44 22 0:48 / /home/u/remote rw - fuse.sshfs u@server:/ rw
45 22 0:49 / /mnt/usb rw - fuseblk /dev/sdc1 rw
46 22 0:50 / /mnt/c rw - 9p drvfs rw
47 22 0:51 / /over rw - ext4 /dev/sdd1 rw
48 22 0:52 / /over rw - smb3 //server/over rw
malformed
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/home/u/lashkit.db", None),
        ("/mnt/team/lashkit.db", "nfs4"),
        ("/mnt/team", "nfs4"),
        ("/mnt/teammate/lashkit.db", None),
        ("/mnt/team/local/lashkit.db", None),
        ("/mnt/with space/x/lashkit.db", "cifs"),
        ("/home/u/remote/lashkit.db", "fuse.sshfs"),
        ("/mnt/usb/lashkit.db", None),
        ("/mnt/c/Users/u/lashkit.db", "9p"),
        ("/over/lashkit.db", "smb3"),
    ],
)
def test_the_longest_mount_point_tells_the_file_system(path: str, found: str | None) -> None:
    assert in_mountinfo(MOUNTS, path) == found


@pytest.mark.parametrize(
    "kind",
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "fuse", "fuse.rclone", "fuse.glusterfs"],
)
def test_network_file_systems_are_known(kind: str) -> None:
    assert in_mountinfo(f"1 0 0:1 / / rw - {kind} x rw", "/lashkit.db") == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "apfs", "virtiofs"])
def test_local_file_systems_are_accepted(kind: str) -> None:
    assert in_mountinfo(f"1 0 0:1 / / rw - {kind} x rw", "/lashkit.db") is None


def test_the_mounts_of_macos_are_understood() -> None:
    output = (
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "//u@server/share on /Volumes/my share (smbfs, nodev, nosuid, mounted by u)\n"
        "map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)\n"
    )
    assert in_mount_output(output, "/Volumes/my share/lashkit.db") == "smbfs"
    assert in_mount_output(output, "/Users/u/lashkit.db") is None


def test_on_macos_the_mount_command_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "mount"
    command.write_text(f"#!/bin/sh\necho '//u@server/share on {os.path.realpath(tmp_path)} (smbfs, nodev)'\n")
    command.chmod(0o755)
    monkeypatch.setattr(mounts, "MOUNT_COMMAND", str(command))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert network_filesystem(str(tmp_path / "lashkit.db")) == "smbfs"
    assert network_filesystem("/lashkit.db") is None


def test_real_folders_of_this_machine_are_accepted(tmp_path: Path) -> None:
    assert network_filesystem(str(tmp_path / "not" / "yet")) is None
    assert network_filesystem("/dev/shm/lashkit.db") is None
