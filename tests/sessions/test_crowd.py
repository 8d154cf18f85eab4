"""Eight processes at work on one workspace: nothing is lost, nothing leaks, nobody is turned away."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import lashkit
from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.values import StoredBlobRef

from .conftest import HERE, REPO

PROCESS_COUNT = 8
OPERATION_COUNT = 500
HANG_S = 280


def start(root: Path, name: str, seed: int, log: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-X", "faulthandler", HERE / "crowd_child.py"]
    return subprocess.Popen(
        [str(part) for part in (*command, root, name, seed, OPERATION_COUNT, log)],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def replayed(logs: list[Path]) -> tuple[dict[str, set[str]], set[str], set[str]]:
    """What the acknowledgements say: session -> texts; texts that the workspace may hold; texts that it must hold."""
    held: dict[str, set[str]] = {}
    puts: Counter[str] = Counter()
    deletes: Counter[str] = Counter()
    for log in logs:
        held[log.stem] = set()
        for line in log.read_text().splitlines():
            operation, *words = json.loads(line)
            match operation:
                case "put":
                    held[words[0]].add(words[1])
                case "record":
                    held[words[0]].update(words[1:-1])
                case "fork":
                    held[words[0]] = set(words[1:])
                case "delete":
                    del held[words[0]]
                case "ws_put":
                    puts[words[1]] += 1
                case "ws_delete":
                    deletes[words[1]] += 1
    return held, set(puts), set(puts) - set(deletes)


@pytest.mark.slow
def test_eight_processes_with_500_operations_each_lose_and_leak_nothing(memory_backed: Path) -> None:
    seed = int(os.environ.get("LASHKIT_CROWD_SEED", random.SystemRandom().randrange(10**6)))
    print(f"LASHKIT_CROWD_SEED={seed}")
    root = memory_backed / "root"
    names = [f"member{number}" for number in range(PROCESS_COUNT)]
    logs = [memory_backed / f"{name}.log" for name in names]
    with contextlib.ExitStack() as running:
        crowd = []
        for number, (name, log) in enumerate(zip(names, logs, strict=True)):
            member = running.enter_context(start(root, name, seed + number, log))
            running.callback(member.kill)
            crowd.append(member)
        for member in crowd:
            assert member.stdout is not None
            assert member.stdout.readline() == "ready\n"
        begun = time.perf_counter()
        for member in crowd:
            assert member.stdin is not None
            member.stdin.write("go\n")
            member.stdin.flush()
        outcomes = [member.communicate(timeout=HANG_S) for member in crowd]
        took_s = time.perf_counter() - begun
    for member, (said, complaints) in zip(crowd, outcomes, strict=True):
        assert (member.returncode, said, complaints) == (0, "done\n", ""), f"seed {seed}: {complaints}"
    operation_count = sum(len(log.read_text().splitlines()) for log in logs)
    assert operation_count == PROCESS_COUNT * OPERATION_COUNT
    print(f"{operation_count} operations in {took_s:.1f} s: {operation_count / took_s:.0f} a second")
    must_hold_exactly(root, *replayed(logs))


def must_hold_exactly(root: Path, held: dict[str, set[str]], may: set[str], must: set[str]) -> None:
    """Nothing that was acknowledged is lost; no session has what it did not put; no blob is without a row."""
    with lashkit.open(root) as ws:
        assert {meta.name for meta in ws.sessions()} == held.keys()
        for name, texts in held.items():
            with ws.session(name) as session:
                refs = session.refs()
                assert {attachment.id for attachment in refs} == {lashkit.content_id(text.encode()) for text in texts}
                assert {session.get(attachment).bytes.decode() for attachment in refs} == texts
        catalog = ws.aio.catalog
        assert isinstance(catalog, SqliteCatalog)
        for _ in range(2):
            rows = drive(catalog.list_all_refs())
            own = {row.attachment_id for row in rows if row.session_id == "@workspace"}
            assert {lashkit.content_id(text.encode()) for text in must} <= own
            assert own <= {lashkit.content_id(text.encode()) for text in may}
            assert all(row.committed_at_epoch_ms is not None for row in rows)
            assert ws.verify(progress=False).ok
            report = ws.reclaim(grace=0, progress=False)
            assert report.failed_ids == report.deferred_ids == ()
        assert report.deleted_ids == ()
        ids = {row.attachment_id for row in rows}

        async def listing() -> list[StoredBlobRef]:
            return [blob async for blob in ws.aio.store.list()]

        assert {blob.id for blob in drive(listing())} == ids
        files = {path.name for path in (root / "sha256").glob("*/*")}
        assert files == ids | {f"{attachment_id}.json" for attachment_id in ids}
        assert not list((root / ".staging").iterdir())
        assert drive(catalog.marked()) == ()
