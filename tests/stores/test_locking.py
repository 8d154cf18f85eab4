"""Locks of folders: who waits for whom, and that nobody waits for the dead, for a forked child, or for himself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lashkit.runner import drive
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.locking import LockedDirectory
from lashkit.values import AttachmentCreateMeta, MediaType, content_id

HANG_LIMIT_S = 60
META = AttachmentCreateMeta(MediaType("text/plain"), label="raced")


def in_a_thread(path: Path, kind: str, then: object) -> threading.Thread:
    def lock() -> None:
        with LockedDirectory(str(path), kind):  # type: ignore[arg-type]
            then()  # type: ignore[operator]

    thread = threading.Thread(target=lock, daemon=True)
    thread.start()
    return thread


def must_be_free(path: Path) -> None:
    """Another can have it to himself."""
    thread = in_a_thread(path, "exclusive", lambda: None)
    thread.join(HANG_LIMIT_S)
    assert not thread.is_alive()


def test_shared_locks_are_held_together_and_an_exclusive_one_alone(tmp_path: Path) -> None:
    order: list[str] = []
    with LockedDirectory(str(tmp_path), "shared") as mine:
        other = in_a_thread(tmp_path, "shared", lambda: order.append("shared beside shared"))
        other.join(HANG_LIMIT_S)
        alone = in_a_thread(tmp_path, "exclusive", lambda: order.append("exclusive"))
        mine.flush()
        order.append("shared ends")
    alone.join(HANG_LIMIT_S)
    assert order == ["shared beside shared", "shared ends", "exclusive"]


def test_a_thread_never_waits_for_itself(tmp_path: Path) -> None:
    with LockedDirectory(str(tmp_path), "shared"):
        with LockedDirectory(str(tmp_path), "exclusive") as inner:
            inner.flush()
        outer_still_locks = threading.Event()
        waiting = in_a_thread(tmp_path, "exclusive", outer_still_locks.set)
        assert not outer_still_locks.is_set()
    waiting.join(HANG_LIMIT_S)
    assert outer_still_locks.is_set()


def test_a_lock_ends_with_its_block_however_that_ends(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ZeroDivisionError), LockedDirectory(str(tmp_path), "exclusive"):
        raise ZeroDivisionError
    dropped = LockedDirectory(str(tmp_path), "exclusive").__enter__()
    del dropped
    closed = LockedDirectory(str(tmp_path), "exclusive")
    closed.close()
    closed.close()
    with pytest.raises(FileNotFoundError):
        LockedDirectory(str(tmp_path / "nothing"), "shared")
    must_be_free(tmp_path)
    assert len(os.listdir("/dev/fd")) == before


def test_a_wait_that_is_interrupted_leaves_no_lock(tmp_path: Path) -> None:
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        locked.set()
        release.wait(HANG_LIMIT_S)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    holder = in_a_thread(tmp_path, "exclusive", hold)
    locked.wait(HANG_LIMIT_S)
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            LockedDirectory(str(tmp_path), "shared").__enter__()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        release.set()
    holder.join(HANG_LIMIT_S)
    must_be_free(tmp_path)


# The parent dies at once, in the middle of another thread's lock; its child lives until its input ends.
_FORK = """
import os, sys, threading, warnings
from lashkit.stores.locking import LockedDirectory
warnings.simplefilter("ignore")
locked = threading.Event()
def hold():
    with LockedDirectory(sys.argv[1], "shared"):
        locked.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
locked.wait()
if os.fork():
    os.write(1, b"forked")
    os._exit(0)
sys.stdin.read()
"""

# Here the parent lets go, and its child ends inside its copy of the block, which is no end of the parent's lock.
_FORK_INSIDE = """
import os, sys, fcntl
from lashkit.stores.locking import LockedDirectory
with LockedDirectory(sys.argv[1], "shared"):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        other = os.open(sys.argv[1], os.O_RDONLY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.write(1, b"still locked")
if not child:
    os._exit(0)
"""


def test_a_forked_child_keeps_no_lock_of_its_parents_other_threads(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _FORK, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stdout.read(6) == b"forked"
        assert run.wait(HANG_LIMIT_S) == 0
        must_be_free(tmp_path)


def test_a_child_that_was_forked_inside_a_lock_does_not_end_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FORK_INSIDE, tmp_path], capture_output=True, timeout=HANG_LIMIT_S)
    assert (done.stdout, done.stderr) == (b"still locked", b"")


_RACE = """
import sys, lashkit
store = lashkit.FileAttachmentStore(sys.argv[1]).sync
meta = lashkit.AttachmentCreateMeta("text/plain", label="raced")
sys.stdin.readline()
for _ in range(200):
    if sys.argv[2] == "put":
        store.put(b"raced", meta)
    else:
        store.delete(lashkit.content_id(b"raced"))
"""


def test_processes_that_put_and_delete_the_same_bytes_leave_the_whole_or_nothing(memory_backed: Path) -> None:
    root = memory_backed / "root"
    store = FileAttachmentStore(root)
    drive(store.put(b"other", META))
    for _ in range(3):
        racers = [
            subprocess.Popen([sys.executable, "-c", _RACE, root, what], stdin=subprocess.PIPE)
            for what in ("put", "delete", "put", "delete")
        ]
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.close()
        assert [racer.wait(HANG_LIMIT_S) for racer in racers] == [0] * 4
        attachment_id = content_id(b"raced")
        left = sorted(path.name for path in root.glob(f"sha256/*/{attachment_id}*"))
        assert left in ([], [attachment_id, f"{attachment_id}.json"])
        if left:
            assert drive(store.get(attachment_id)).bytes == b"raced"
        drive(store.put(b"raced", META))
        assert drive(store.get(attachment_id)).meta.label == "raced"
        assert os.listdir(root / ".staging") == []
