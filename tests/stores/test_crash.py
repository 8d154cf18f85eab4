"""What a put leaves when its process is killed, its disk fails, or its disk is full: nothing, or the whole attachment.

The put runs in a child process (`crash_child.py`) under strace, which kills it at each system call in turn, or makes
one system call fail. Then this process opens the same directory, as the next user would.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import itertools
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from lashkit.errors import AttachmentIoError
from lashkit.runner import drive
from lashkit.stores.file import FileAttachmentStore
from lashkit.values import StoredBlobRef, content_id

CHILD_PATH = Path(__file__).with_name("crash_child.py")
_spec = importlib.util.spec_from_file_location("crash_child", CHILD_PATH)
assert _spec is not None
assert _spec.loader is not None
child = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(child)

WAYS = ("first", "small", "large", "stream", "async-stream")
WARM_ID = hashlib.sha256(child.WARM).hexdigest()

# Every call that changes a file system or a descriptor; names that an architecture does not have are left out (?).
CHANGING = (
    *("open", "openat", "openat2", "creat", "close", "mkdir", "mkdirat", "rmdir"),
    *("write", "pwrite64", "writev", "ftruncate", "truncate", "fallocate"),
    *("fsync", "fdatasync", "syncfs", "sync_file_range"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
    *("chmod", "fchmod", "utimensat", "flock"),
)


@dataclass(frozen=True)
class Call:
    """One system call of the child: its number among those of its name, from the start of the process."""

    name: str
    number: int
    text: str


class Tracer:
    """Runs the child under strace."""

    def __init__(self, strace: str, home: Path) -> None:
        self._strace = strace
        self._home = home
        self._runs = itertools.count()

    def run(
        self, how: str, *inject: str, attempts: int = 1, limit: int | None = None
    ) -> tuple[Path, subprocess.CompletedProcess[str], list[Call]]:
        """Run the child on a fresh root; return the root, how the child ended, and its calls from the marker on."""
        place = self._home / f"{how}-{next(self._runs)}"
        root, trace = place / "root", place / "trace"
        place.mkdir()
        # Not with --seccomp-bpf, which is faster: strace 6.1 loses injected signals there.
        options = ["-f", "-y", "-qq", "-s", "8", "-o", trace]
        wanted = ["-e", "trace=access,?faccessat,?faccessat2," + ",".join(f"?{name}" for name in CHANGING)]
        injected = [part for text in inject for part in ("-e", f"inject={text}")]
        arguments = [how, root, attempts, *([] if limit is None else [limit])]
        command = [self._strace, *options, *wanted, *injected, sys.executable, CHILD_PATH, *arguments]
        # Measuring coverage in the child would add system calls, and not the same number in each run.
        env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        env |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        ended = subprocess.run(
            [str(part) for part in command], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        return root, ended, _calls_of_the_put(trace.read_text())


_is_call = re.compile(r"(\d+)\s+(\w+)\((.*)").fullmatch


def _calls_of_the_put(trace: str) -> list[Call]:
    """The calls between the marker and the word of the outcome, that word included."""
    counts: Counter[str] = Counter()
    calls: list[Call] = []
    threads: set[str] = set()
    in_put = False
    for line in trace.splitlines():
        match = _is_call(line)
        if match is None:
            continue
        thread, name, rest = match.groups()
        threads.add(thread)
        counts[name] += 1
        if in_put:
            calls.append(Call(name, counts[name], rest))
        in_put = in_put or child.MARKER in rest
        if in_put and name == "write" and rest.startswith("1<"):
            break
    # strace counts calls for `when=` by thread.
    assert len(threads) == 1, "the put runs in several threads; these tests count the calls of one"
    return calls


@pytest.fixture
def tracer(strace: str, memory_backed: Path) -> Tracer:
    return Tracer(strace, memory_backed)


def listing(store: FileAttachmentStore) -> dict[str, StoredBlobRef]:
    async def collect() -> list[StoredBlobRef]:
        return [blob async for blob in store.list()]

    blobs = drive(collect())
    assert len({blob.id for blob in blobs}) == len(blobs)
    return {blob.id: blob for blob in blobs}


def staging(root: Path) -> list[str]:
    return os.listdir(root / ".staging") if (root / ".staging").exists() else []


def must_be_nothing_or_whole(root: Path, how: str) -> bool:
    """Look as the next user would: whatever is there is whole. Returns whether the put's bytes are."""
    data = child.payload(how)
    contents = {WARM_ID: child.WARM, hashlib.sha256(data).hexdigest(): data}
    store = FileAttachmentStore(root)
    found = listing(store)
    assert found.keys() <= contents.keys()
    assert how == "first" or WARM_ID in found
    for attachment_id, blob in found.items():
        assert blob.byte_len == len(contents[attachment_id])
        stored = drive(store.get(blob.id))
        assert stored.bytes == contents[attachment_id]
        assert stored.meta == child.META.describe(blob.id, blob.byte_len)
    return hashlib.sha256(data).hexdigest() in found


def must_take_the_put(root: Path, how: str) -> None:
    """The next put of the same bytes works, and nothing is left of what failed."""
    store = FileAttachmentStore(root)
    ref = drive(store.put(child.payload(how), child.META))
    assert must_be_nothing_or_whole(root, how)
    assert drive(store.get(ref.id)).bytes == child.payload(how)
    assert staging(root) == []


def points_to_kill_at(calls: list[Call]) -> list[Call]:
    """Every call of the put; of the 256 shard folders, made in a row, the first, one in the middle and the last."""
    made = [call for call in calls if call.name.startswith("mkdir")]
    shards = [call for call in made if re.search(r'/sha256/[0-9a-f]{2}"', call.text)]
    return [call for call in calls if call not in shards] + shards[:1] + shards[100:101] + shards[-1:]


@pytest.mark.slow
@pytest.mark.parametrize("how", WAYS)
def test_a_put_that_is_killed_at_any_system_call_leaves_nothing_or_the_whole_attachment(
    how: str, tracer: Tracer
) -> None:
    _, ended, calls = tracer.run(how)
    assert (ended.returncode, ended.stdout) == (0, "acked\n")
    points = points_to_kill_at(calls)
    assert {"write", "fsync", "close"} <= {point.name for point in points}

    def kill_at(point: Call) -> bool:
        root, ended, reached = tracer.run(how, f"{point.name}:signal=KILL:when={point.number}")
        assert ended.returncode == -signal.SIGKILL, f"not killed at {point}: {ended}"
        assert ended.stdout == ""
        assert reached[-1].name == point.name, f"killed at {reached[-1]} instead of {point}"
        whole = must_be_nothing_or_whole(root, how)
        must_take_the_put(root, how)
        return whole

    with ThreadPoolExecutor(3) as pool:
        outcomes = dict(zip(points, pool.map(kill_at, points), strict=True))
    assert not outcomes[points[0]]
    published = [point.name for point, whole in outcomes.items() if whole]
    assert published, "killed while it acknowledged, everything is there"


# Which call fails, and how; a disk says each of these.
REFUSALS = {"fsync": "EIO", "write": "ENOSPC", "rename": "EIO", "openat": "ENOSPC"}


@pytest.mark.slow
@pytest.mark.parametrize("how", WAYS)
def test_a_put_whose_disk_fails_is_an_io_error_that_stores_no_part_and_the_next_put_works(
    how: str, tracer: Tracer
) -> None:
    _, _, calls = tracer.run(how)
    points = [
        (call, REFUSALS[call.name])
        for call in calls
        if call.name in REFUSALS and "root" in call.text and (call.name != "openat" or "O_CREAT" in call.text)
    ]
    assert {call.name for call, _ in points} >= {"fsync", "write"}

    def fail_at(point: tuple[Call, str]) -> None:
        call, error = point
        number = getattr(errno, error)
        inject = f"{call.name}:error={error}:when={call.number}"
        root, ended, _ = tracer.run(how, inject)
        assert ended.stdout == f"AttachmentIoError {number}\n", f"{call}: {ended}"
        assert staging(root) == [], f"{call} failed, and left staging files"
        must_be_nothing_or_whole(root, how)
        must_take_the_put(root, how)
        root, ended, _ = tracer.run(how, inject, attempts=2)
        assert ended.stdout == f"AttachmentIoError {number}\nacked\n", f"{call}: {ended}"
        assert must_be_nothing_or_whole(root, how)
        assert staging(root) == []

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(fail_at, points))


def test_a_failed_flush_is_never_retried_on_the_same_file(tracer: Tracer) -> None:
    _, _, calls = tracer.run("small")
    flush = next(call for call in calls if call.name == "fsync")
    root, ended, _ = tracer.run("small", f"fsync:error=EIO:when={flush.number}", attempts=2)
    assert ended.stdout == "AttachmentIoError 5\nacked\n"
    trace = (root.parent / "trace").read_text()
    flushed = re.findall(r"fsync\(\d+<([^>]*/\.staging/[^>]*)>\)", trace)
    assert len(re.findall(r"fsync.*INJECTED", trace)) == 1
    assert len(flushed) == len(set(flushed))


def test_a_failed_flush_of_names_is_remembered_until_the_bytes_are_written_anew(tracer: Tracer) -> None:
    _, _, calls = tracer.run("small")
    flush = next(call for call in calls if call.name == "fsync" and "/sha256/" in _path(call))
    root, ended, _ = tracer.run("small", f"fsync:error=EIO:when={flush.number}")
    assert ended.stdout == "AttachmentIoError 5\n"
    name = hashlib.sha256(child.payload("small")).hexdigest()
    blob = root / "sha256" / name[:2] / name
    assert os.listdir(root / ".damaged") == [name]
    with blob.open("rb") as not_trusted:
        must_take_the_put(root, "small")
        assert blob.stat().st_ino != os.fstat(not_trusted.fileno()).st_ino
    assert os.listdir(root / ".damaged") == []


def test_a_delete_waits_for_a_put_that_is_between_its_two_renames(tracer: Tracer, memory_backed: Path) -> None:
    first, _, calls = tracer.run("small")
    rename = [call for call in calls if call.name.startswith("rename")][-1]
    assert '.json"' not in rename.text
    name = hashlib.sha256(child.payload("small")).hexdigest()
    with ThreadPoolExecutor(1) as pool:
        put = pool.submit(tracer.run, "small", f"{rename.name}:delay_enter=700000:when={rename.number}")
        landed: list[Path] = []
        while not landed and not put.done():
            landed = [path for path in memory_backed.glob(f"*/root/sha256/*/{name}.json") if first not in path.parents]
        root = landed[0].parents[2]
        drive(FileAttachmentStore(root).delete(content_id(child.payload("small"))))
        ended = put.result()[1]
    assert ended.stdout == "acked\n"
    assert not must_be_nothing_or_whole(root, "small")
    assert not list(root.glob(f"sha256/*/{name}*"))


@pytest.mark.parametrize("error", ["ENOLCK", "EBADF", "EOPNOTSUPP"])
def test_a_file_system_without_locks_takes_puts_all_the_same(error: str, tracer: Tracer) -> None:
    root, ended, calls = tracer.run("small", f"flock:error={error}")
    assert any(call.name == "flock" for call in calls)
    assert ended.stdout == "acked\n"
    assert must_be_nothing_or_whole(root, "small")


def test_a_lock_that_fails_is_an_io_error_that_stores_nothing(tracer: Tracer) -> None:
    _, _, calls = tracer.run("small")
    lock = next(call for call in calls if call.name == "flock")
    root, ended, _ = tracer.run("small", f"flock:error=EIO:when={lock.number}", attempts=2)
    assert ended.stdout == "AttachmentIoError 5\nacked\n"
    assert must_be_nothing_or_whole(root, "small")
    assert staging(root) == []


@pytest.mark.parametrize("how", ["large", "stream", "async-stream"])
def test_a_file_size_limit_is_an_io_error_and_leaves_nothing(how: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    command = [sys.executable, str(CHILD_PATH), how, str(root), "1", "300000"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == f"AttachmentIoError {errno.EFBIG}\n"
    assert not must_be_nothing_or_whole(root, how)
    assert staging(root) == []
    must_take_the_put(root, how)


def test_after_a_file_size_limit_the_same_store_takes_the_put(tmp_path: Path) -> None:
    command = [sys.executable, str(CHILD_PATH), "large", str(tmp_path / "root"), "2", "300000"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == f"AttachmentIoError {errno.EFBIG}\nacked\n"
    assert must_be_nothing_or_whole(tmp_path / "root", "large")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=2k", "lashkit-tiny", str(place)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"this kernel has no tmpfs that this user may mount: {exc}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("how", ["put", "stage"])
def test_a_full_disk_is_an_io_error_and_leaves_room_for_what_fits(how: str, tiny_disk: Path) -> None:
    root = tiny_disk / "root"
    store = FileAttachmentStore(root)
    drive(store.put(child.WARM, child.META))
    too_much = bytes(4 * 1024 * 1024)
    attempt = store.put(too_much, child.META) if how == "put" else store.stage([too_much])
    with pytest.raises(AttachmentIoError) as caught:
        drive(attempt)
    assert caught.value.errno == errno.ENOSPC
    assert staging(root) == []
    assert not must_be_nothing_or_whole(root, "large")
    must_take_the_put(root, "large")


def _path(call: Call) -> str:
    """The file that a call on a descriptor is about."""
    match = re.match(r"\d+<([^>]*)>", call.text)
    return match[1] if match else ""


@pytest.mark.parametrize("how", [way for way in WAYS if way != "first"])
def test_everything_is_on_the_disk_in_order_before_the_put_is_acknowledged(how: str, tracer: Tracer) -> None:
    root, ended, calls = tracer.run(how)
    assert ended.stdout == "acked\n"
    data = child.payload(how)
    name = hashlib.sha256(data).hexdigest()
    blob = str(root / "sha256" / name[:2] / name)

    def first(what: str, wanted: str) -> int:
        places = [n for n, call in enumerate(calls) if call.name.startswith(what) and wanted in call.text]
        assert places, f"no {what} of {wanted} in {calls}"
        return places[0]

    def staged_as(final: str) -> str:
        names = re.findall(r'"([^"]*)"', calls[first("rename", f'"{final}"')].text)
        assert names[-1] == final
        return str(names[0])

    for final in (blob, f"{blob}.json"):
        staged = staged_as(final)
        writes = [n for n, call in enumerate(calls) if call.name == "write" and _path(call) == staged]
        flushes = [n for n, call in enumerate(calls) if call.name == "fsync" and _path(call) == staged]
        assert writes
        assert len(flushes) == 1
        assert max(writes) < flushes[0] < first("rename", f'"{final}"')
    assert first("rename", f'"{blob}.json"') < first("rename", f'"{blob}"')
    folder = [n for n, call in enumerate(calls) if call.name == "fsync" and _path(call) == os.path.dirname(blob)]
    assert len(folder) == 1
    assert first("rename", f'"{blob}"') < folder[0] < len(calls) - 1
    assert calls[-1].name == "write"
    assert calls[-1].text.startswith("1<")


@pytest.mark.parametrize("how", [way for way in WAYS if way != "first"])
def test_a_put_into_a_bare_store_costs_three_flushes(how: str, tracer: Tracer) -> None:
    _, _, calls = tracer.run(how)
    assert sum(call.name in ("fsync", "fdatasync", "syncfs") for call in calls) == 3


def test_a_first_put_flushes_each_new_folder_before_its_attachment_exists(tracer: Tracer) -> None:
    root, _, calls = tracer.run("first")
    published = next(n for n, call in enumerate(calls) if call.name.startswith("rename") and '.json"' not in call.text)
    flushed = {_path(call) for call in calls[:published] if call.name == "fsync"}
    assert {str(root.parent), str(root), str(root / "sha256")} <= flushed
