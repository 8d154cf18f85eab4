"""Durable file operations: what the kernel may do half, is done whole or undone."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from lashkit.stores.disk import NewFile, lstat_regular, make_directories, open_regular, read_all, unlink


def test_a_new_file_is_removed_unless_it_is_moved_or_kept(tmp_path: Path) -> None:
    with NewFile(str(tmp_path / "a")) as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == []
    with NewFile(str(tmp_path / "a")) as file:
        file.write(memoryview(b"xyz").cast("B"))
        file.write(b"")
        file.flush()
        file.move(str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == b"xyz"
    with NewFile(str(tmp_path / "a")) as file:
        file.flush()
        assert file.keep() == str(tmp_path / "a")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_new_file_never_replaces_one_by_accident(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        NewFile(str(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == b"mine"


def test_wide_items_are_written_as_their_bytes(tmp_path: Path) -> None:
    from array import array

    with NewFile(str(tmp_path / "a")) as file:
        file.write(memoryview(array("I", [1, 2, 3])))
        file.flush()
        assert file.byte_len == 12
        file.keep()


def test_a_file_that_somebody_cut_is_not_trusted(tmp_path: Path) -> None:
    with NewFile(str(tmp_path / "a")) as file:
        file.write(b"hello")
        os.truncate(tmp_path / "a", 3)
        with pytest.raises(OSError, match="length"):
            file.flush()
    assert os.listdir(tmp_path) == []


def test_a_write_beyond_the_limit_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = """
import resource, signal, sys
from lashkit.stores.disk import NewFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with NewFile(sys.argv[1]) as file:
        file.write(bytes(300_000))
except OSError as exc:
    print(exc.errno)
"""
    done = subprocess.run([sys.executable, "-c", source, tmp_path / "a"], capture_output=True, text=True, check=True)
    assert int(done.stdout) == errno.EFBIG
    assert os.listdir(tmp_path) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


def test_directories_are_made_with_their_parents_and_twice_is_fine(tmp_path: Path) -> None:
    make_directories(str(tmp_path / "a" / "b" / "c"))
    make_directories(str(tmp_path / "a" / "b" / "c"))
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        make_directories(str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        make_directories(str(tmp_path / "file" / "below"))


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"hello")
    for name, number in (("pipe", errno.EINVAL), ("link", errno.ELOOP), (".", errno.EINVAL), ("no", errno.ENOENT)):
        with pytest.raises(OSError) as caught:  # noqa: PT011  (the number is what is checked)
            open_regular(str(tmp_path / name))
        assert caught.value.errno == number
    assert read_all(str(tmp_path / "file")) == b"hello"
    assert read_all(str(tmp_path / "file"), limit=3) == b"hel"


def test_lstat_tells_regular_files_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    facts = lstat_regular(str(tmp_path / "file"))
    assert facts is not None
    assert facts.st_size == 5
    for name in ("no", "file/below", "."):
        assert lstat_regular(str(tmp_path / name)) is None


def test_unlinking_what_is_not_there_is_fine(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert unlink(str(tmp_path / "file"))
    assert not unlink(str(tmp_path / "file"))
