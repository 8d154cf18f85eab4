"""How often work on a session flushes the device: counted, not timed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import HERE, REPO

MARKER = "/lashkit-flush-marker/"
# The commit is one flush, that of the database's log. New bytes are two more: the file, and the folder that names it.
MOST = {
    "put new bytes": 3,
    "put large new bytes": 3,
    "put the same bytes again": 1,
    "put under another label": 1,
    "workspace put new bytes": 3,
    "give": 1,
    "record text": 1,
    "record what is held": 1,
    "record two new": 5,
    "workspace delete": 1,
    "read": 0,
    "open and close again": 1,
}

_flush = re.compile(r"(?:fsync|fdatasync|syncfs)\(\d+<([^>]*)>").search


@pytest.fixture(scope="module")
def flushes(strace: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Each operation and what it flushed, as paths beneath the workspace."""
    place = tmp_path_factory.mktemp("flushes")
    root, trace = place / "root", place / "trace"
    calls = "trace=access,?faccessat,?faccessat2,fsync,fdatasync,?syncfs,?sync_file_range"
    command = [strace, "-f", "-y", "-qq", "-e", calls, "-o", trace, sys.executable, HERE / "flush_child.py", root]
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    subprocess.run([str(part) for part in command], env=env, timeout=60, check=True)
    return _by_operation(trace.read_text(), root)


def _by_operation(trace: str, root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    operation = ""
    for line in trace.splitlines():
        if MARKER in line:
            operation = line.partition(MARKER)[2].partition('"')[0]
            if operation:
                found[operation] = []
        elif operation and (match := _flush(line)):
            found[operation].append(os.path.relpath(match[1], root))
    return found


@pytest.mark.parametrize("operation", MOST)
def test_an_operation_on_a_warm_workspace_flushes_so_often_at_most(
    flushes: dict[str, list[str]], operation: str
) -> None:
    assert len(flushes[operation]) <= MOST[operation], flushes[operation]


@pytest.mark.parametrize(
    "operation", ["put new bytes", "put large new bytes", "workspace put new bytes", "record two new"]
)
def test_the_log_is_flushed_last_and_once(flushes: dict[str, list[str]], operation: str) -> None:
    assert [path for path in flushes[operation] if path.startswith("lashkit.db")] == ["lashkit.db-wal"]
    assert flushes[operation][-1] == "lashkit.db-wal"


def test_a_new_label_is_on_the_disk_before_it_is_acknowledged(flushes: dict[str, list[str]]) -> None:
    assert flushes["put under another label"] == ["lashkit.db-wal"]
