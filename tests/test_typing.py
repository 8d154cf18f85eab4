"""What a user's type checker sees: snippets that use the public names, checked by mypy --strict and by pyright."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

USE = """
from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

import lashkit
from PIL.Image import Image


def by_hand() -> None:
    with lashkit.open("memory://") as ws:
        assert_type(ws, lashkit.SyncWorkspace)
        cat = ws.put(Path("cat.png"), label="my cat")
        assert_type(cat, lashkit.SyncAttachment)
        assert_type(cat.ref, lashkit.AttachmentRef)
        assert_type(cat.id, lashkit.AttachmentId)
        assert_type(cat.media_type, lashkit.MediaType)
        assert_type(cat.width, int | None)
        stored = ws.get(cat)
        assert_type(stored, lashkit.StoredAttachment)
        assert_type(stored.bytes, bytes)
        assert_type(stored.image(), Image)
        assert_type(ws.get(cat.id[:12]), lashkit.StoredAttachment)
        for held in ws.list(media_type="image/*"):
            assert_type(held, lashkit.SyncAttachment)
        assert_type(ws.aio, lashkit.Workspace)


async def awaited() -> None:
    async with lashkit.Workspace.open("memory://") as aws:
        assert_type(aws, lashkit.Workspace)
        cat = await aws.put(b"bytes", media_type="text/plain")
        assert_type(cat, lashkit.Attachment)
        assert_type(await aws.get(cat), lashkit.StoredAttachment)
        assert_type(aws.sync, lashkit.SyncWorkspace)
    also = await lashkit.Workspace.open("memory://")
    assert_type(also, lashkit.Workspace)


async def stores() -> None:
    store = lashkit.FileAttachmentStore("attachments")
    as_protocol: lashkit.AttachmentStore = store
    ref = await as_protocol.put(b"bytes", lashkit.AttachmentCreateMeta(lashkit.MediaType("text/plain")))
    assert_type(ref, lashkit.AttachmentRef)
    assert_type(store.list(), AsyncIterator[lashkit.StoredBlobRef])
    by_hand = lashkit.SyncAttachmentStore(lashkit.InMemoryAttachmentStore())
    assert_type(by_hand.get(ref.id), lashkit.StoredAttachment)
"""

REFUSED = {
    "an unknown name": "import lashkit\nlashkit.no_such_name\n",
    "an unknown option": "import lashkit\nlashkit.open('memory://').put(b'', no_such_option=1)\n",
    "a positional option": "import lashkit\nlashkit.open('memory://').put(b'', 'a label')\n",
    "a forgotten await": "import lashkit\nasync def f(ws: lashkit.Workspace) -> str:\n    return ws.put(b'').id\n",
}

CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--cache-dir"],
    "pyright": [sys.executable, "-m", "pyright"],
}


def checked(checker: str, source: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Check `source` as a user's file that lies outside the repository."""
    (place / "use.py").write_text(source, encoding="utf-8")
    command = CHECKERS[checker] + ([str(place / "cache")] if checker == "mypy" else ["--pythonpath", sys.executable])
    # pyright finds the environment of the `python` on the PATH.
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run([*command, "use.py"], cwd=place, env=env, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_sees_the_types_of_the_public_names(checker: str, tmp_path: Path) -> None:
    told = checked(checker, USE, tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.slow
@pytest.mark.parametrize("mistake", REFUSED)
def test_a_checker_refuses_a_mistake(mistake: str, tmp_path: Path) -> None:
    told = checked("pyright", REFUSED[mistake], tmp_path)
    assert told.returncode == 1, told.stdout + told.stderr
