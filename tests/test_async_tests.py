"""What `conftest.py` promises to every `async def` test holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import blockbuster
import pytest

import lashkit


async def test_file_work_of_lashkit_on_a_running_loop_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("the test's own code may block\n")
    with pytest.raises(blockbuster.BlockingError):
        lashkit.ingest(path).read()


async def test_file_work_of_lashkit_in_a_worker_is_none(tmp_path: Path) -> None:
    async with lashkit.Workspace.open(tmp_path / "attachments") as ws:
        kept = await ws.put(b"bytes on disk")
        assert (await ws.get(kept)).bytes == b"bytes on disk"


async def test_a_facade_may_block_the_loop_of_its_caller(tmp_path: Path) -> None:
    """As in a notebook's cell; that is what a facade is for."""
    with lashkit.open(tmp_path / "attachments") as ws:
        assert ws.get(ws.put(b"bytes on disk")).bytes == b"bytes on disk"
    await asyncio.sleep(0)
