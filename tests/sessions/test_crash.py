"""What a session's work leaves when its process is killed (-9): all that was acknowledged, and nothing by halves.

The work runs in a child process (`crash_child.py`) under strace, which kills it at one system call. Then this process
opens the same directory, as the next user would.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import lashkit
from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.stores.file import FileAttachmentStore
from lashkit.values import AttachmentCreateMeta, MediaType, StoredBlobRef, content_id

HERE = Path(__file__).resolve().parent
CHILD_PATH = HERE / "crash_child.py"
POINT_COUNT = 200
WORKERS = 2

_spec = importlib.util.spec_from_file_location("session_crash_child", CHILD_PATH)
assert _spec is not None
assert _spec.loader is not None
child = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(child)

ID = {name: content_id(data) for name, data in child.TEXT.items()}
BYTES = {ID[name]: data for name, data in child.TEXT.items()}
# What a step adds to the session's rows, and to the workspace's.
TO_CATS = {
    "put": {"alone"},
    "record": {"left", "right"},
    "give": {"shared"},
    "put-again": {"doomed"},
    "record-again": {"last", "shared"},
}
TURNS = {"record": ("first", {"left", "right"}), "record-again": ("second", {"last", "shared"})}

# Every call that changes a file system or a descriptor; names that an architecture does not have are left out (?).
CHANGING = (
    *("open", "openat", "openat2", "creat", "close", "mkdir", "mkdirat", "rmdir"),
    *("write", "pwrite64", "writev", "pwritev", "ftruncate", "truncate", "fallocate"),
    *("fsync", "fdatasync", "syncfs", "sync_file_range", "msync", "mmap", "munmap"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
    *("chmod", "fchmod", "utimensat"),
)


@dataclass(frozen=True)
class Call:
    """One system call of the child: its number among those of its name, from the start of the process."""

    name: str
    number: int
    text: str


class Tracer:
    """Runs the child under strace on a copy of a prepared workspace."""

    def __init__(self, strace: str, home: Path) -> None:
        self._strace = strace
        self._home = home
        self._runs = itertools.count()
        self._template = home / "template"
        child.prepare(str(self._template), self._plant)

    def _plant(self, data: bytes) -> None:
        drive(FileAttachmentStore(self._template).put(data, AttachmentCreateMeta(MediaType("text/plain"))))

    def run(self, inject: str | None = None) -> tuple[Path, subprocess.CompletedProcess[str], list[Call]]:
        """Run the child; return its directory, how it ended, and its calls from the marker on."""
        place = self._home / f"run-{next(self._runs)}"
        root, trace = place / "root", place / "trace"
        place.mkdir()
        shutil.copytree(self._template, root)
        # Not with --seccomp-bpf, which is faster: strace 6.1 loses injected signals there.
        options = ["-f", "-y", "-qq", "-s", "8", "-o", trace]
        wanted = ["-e", "trace=access,?faccessat,?faccessat2," + ",".join(f"?{name}" for name in CHANGING)]
        injected = [] if inject is None else ["-e", f"inject={inject}"]
        command = [self._strace, *options, *wanted, *injected, sys.executable, CHILD_PATH, root]
        env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(HERE.parents[1])}
        ended = subprocess.run(
            [str(part) for part in command], env=env, capture_output=True, text=True, timeout=100, check=False
        )
        return root, ended, calls_after_the_marker(trace.read_text())


_is_call = re.compile(r"(\d+)\s+(\w+)\((.*)").fullmatch


def calls_after_the_marker(trace: str) -> list[Call]:
    """The calls between the marker and the last word of the child, that word included."""
    counts: Counter[str] = Counter()
    calls: list[Call] = []
    threads: set[str] = set()
    is_after = False
    for match in filter(None, map(_is_call, trace.splitlines())):
        thread, name, rest = match.groups()
        threads.add(thread)
        counts[name] += 1
        if is_after:
            calls.append(Call(name, counts[name], rest))
        is_after = is_after or child.MARKER in rest
    # strace counts calls for `when=` by thread.
    assert len(threads) == 1, "the work runs in several threads; these tests count the calls of one"
    ends = [n for n, call in enumerate(calls) if call.name == "write" and call.text.startswith("1<")]
    return calls[: ends[-1] + 1] if len(ends) == len(child.STEPS) else calls


def spread(calls: list[Call]) -> list[Call]:
    """So many of the calls, evenly; the first and the last among them. What only maps memory is left out."""
    kinds = [call for call in calls if call.name not in ("mmap", "munmap") or "lashkit.db" in call.text]
    assert len(kinds) >= POINT_COUNT, f"only {len(kinds)} calls to kill at"
    last = len(kinds) - 1
    return [kinds[n * last // (POINT_COUNT - 1)] for n in range(POINT_COUNT)]


def listing(store: FileAttachmentStore) -> set[str]:
    async def collect() -> list[StoredBlobRef]:
        return [blob async for blob in store.list()]

    return {blob.id for blob in drive(collect())}


def rows_of(catalog: SqliteCatalog) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The committed and the uncommitted rows: session -> ids."""
    committed: dict[str, set[str]] = {}
    intents: dict[str, set[str]] = {}
    for row in drive(catalog.list_all_refs()):
        kind = intents if row.committed_at_epoch_ms is None else committed
        kind.setdefault(row.session_id, set()).add(row.attachment_id)
    return committed, intents


def names(ids: Iterable[str]) -> set[str]:
    known = {attachment_id: name for name, attachment_id in ID.items()}
    return {known[attachment_id] for attachment_id in ids}


def must_have_kept_its_word(root: Path, acked: list[str]) -> None:
    """Look as the next user would: all that was acknowledged is there, nothing is by halves, nothing is foreign."""
    assert acked == list(child.STEPS[: len(acked)])
    begun = child.STEPS[len(acked)] if len(acked) < len(child.STEPS) else ""
    with lashkit.open(str(root)) as ws:
        catalog = ws.aio.catalog
        assert isinstance(catalog, SqliteCatalog)
        committed, intents = rows_of(catalog)

        cats = names(committed.get("cats", ()))
        required = set().union(*(TO_CATS.get(step, set()) for step in acked))
        assert required <= cats <= required | TO_CATS.get(begun, set())
        assert names(intents.get("cats", ())) <= TO_CATS.get(begun, set())

        own = names(committed["@workspace"])
        possible = {"kept"} | ({"shared"} if "put-shared" in acked else set())
        possible |= {"doomed"} if "delete" not in acked else set()
        assert possible - ({"doomed"} if begun == "delete" else set()) <= own
        assert own <= possible | ({"shared"} if begun == "put-shared" else set())
        assert names(committed["dogs"]) == {"foreign"}

        known = {meta.name for meta in ws.sessions()}
        assert {"cats", "dogs"} <= known <= {"cats", "dogs", "kittens"}
        with ws.session("cats", read_only=True) as session:
            turns = [turn.turn_id for turn in session.history()]
            must = [TURNS[step][0] for step in TURNS if step in acked]
            assert turns in (must, must + [TURNS[step][0] for step in TURNS if step == begun])
            for turn, attachments in TURNS.values():
                if turn in turns:
                    assert attachments <= cats, "a turn is there without its attachments"
                else:
                    assert cats & attachments <= {"shared"}, "attachments are there without their turn"
            for name in cats:
                assert session.get(ID[name]).bytes == child.TEXT[name]
            for name in child.TEXT.keys() - cats - names(intents.get("cats", ())):
                with pytest.raises(lashkit.AttachmentNotFound):
                    session.get(ID[name])
        with ws.session("dogs", read_only=True) as dogs:
            assert [attachment.id for attachment in dogs.refs()] == [ID["foreign"]]
            assert [turn.turn_id for turn in dogs.history()] == ["dogs-first"]
        assert "fork" not in acked or "kittens" in known
        if "kittens" in known:
            with ws.session("kittens") as kittens:
                assert [turn.turn_id for turn in kittens.history()] == ["first", "second"]
                assert names(attachment.id for attachment in kittens.refs()) == {"left", "right", "shared", "last"}
        for name in own:
            assert ws.get(ID[name]).bytes == child.TEXT[name]

        report = ws.verify(progress=False)
        assert report.ok, str(report)


def must_be_swept_clean_and_take_more(root: Path) -> None:
    """The killed process's session opens at once; a sweep leaves what is held, and nothing else; work goes on."""
    with lashkit.open(str(root)) as ws, ws.session("cats") as session:
        catalog = ws.aio.catalog
        assert isinstance(catalog, SqliteCatalog)
        before, _ = rows_of(catalog)
        report = ws.reclaim(grace=0, progress=False)
        assert report.failed_ids == report.deferred_ids == ()
        committed, intents = rows_of(catalog)
        assert intents == {}
        assert committed == before
        held = set().union(*committed.values())
        assert listing(FileAttachmentStore(root)) == held
        files = {path.name for path in (root / "sha256").glob("*/*")}
        assert files == held | {f"{attachment_id}.json" for attachment_id in held}
        assert drive(catalog.marked()) == ()
        for attachment_id in held:
            assert ws.get(attachment_id).bytes == BYTES[attachment_id]
        session.record("Go on", child.TEXT["orphan"], child.TEXT["doomed"], turn_id="third")
        assert session.get(ID["doomed"]).bytes == child.TEXT["doomed"]
        assert not list((root / ".staging").iterdir())
        assert ws.reclaim(grace=0, progress=False).deleted_ids == ()
        assert ws.verify(progress=False).ok


@pytest.mark.slow
def test_work_that_is_killed_at_any_of_200_system_calls_keeps_what_it_acknowledged(
    strace: str, memory_backed: Path
) -> None:
    tracer = Tracer(strace, memory_backed)
    root, ended, calls = tracer.run()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tuple(ended.stdout.split()) == child.STEPS
    must_have_kept_its_word(root, ended.stdout.split())
    must_be_swept_clean_and_take_more(root)
    points = spread(calls)
    assert len(set(points)) == POINT_COUNT
    assert {"write", "pwrite64", "rename", "unlink"} <= {point.name for point in points}

    def kill_at(point: Call) -> tuple[str, ...]:
        root, ended, reached = tracer.run(f"{point.name}:signal=KILL:when={point.number}")
        assert ended.returncode == -signal.SIGKILL, f"not killed at {point}: {ended}"
        assert reached[-1].name == point.name, f"killed at {reached[-1]} instead of {point}"
        acked = ended.stdout.split()
        try:
            must_have_kept_its_word(root, acked)
            must_be_swept_clean_and_take_more(root)
        except BaseException as exc:
            exc.add_note(f"killed at {point}, after {acked}")
            raise
        shutil.rmtree(root.parent)
        return tuple(acked)

    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(kill_at, points))
    assert len(outcomes) == POINT_COUNT
    assert {len(acked) for acked in outcomes} == set(range(len(child.STEPS))), "killed in every step"
