"""What the tests of stores share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def memory_backed(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one, else on disk; gone after the test.

    For tests that make stores by the hundred, each with its 256 folders, and that ask the kernel, not the disk: killing
    a process loses nothing that a file system in memory would have kept.
    """
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)
