"""Writers and sweeps as processes of their own, stopped and killed at each step.

They talk through pipes, so nothing here waits by the clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lashkit.values import content_id

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).resolve().parent / "reclaim_cases" / "actor.py"
HANG_S = 60
DOOMED = content_id(b"doomed")


class Actor:
    """A process that does what it is told; see `reclaim_cases/actor.py`."""

    def __init__(self, root: Path, environment: dict[str, str], *steps: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-X", "faulthandler", SCRIPT, root, *steps],
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._limit = threading.Timer(HANG_S, self.process.kill)  # a hang ends as a failure
        self._limit.start()
        assert self.hears() == "ready"

    def hears(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def begin(self, *words: object) -> None:
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)

    def end(self) -> Any:
        return json.loads(self.hears())

    def do(self, *words: object) -> Any:
        self.begin(*words)
        return self.end()

    def stops_at(self, step: str, *words: object) -> None:
        self.begin(*words)
        assert self.hears() == f"at {step}"

    def go_on(self) -> Any:
        return self.do()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self._limit.cancel()
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


StartActor = Callable[..., Actor]


@pytest.fixture
def actor(tmp_path: Path, private_env: dict[str, str]) -> Iterator[StartActor]:
    with ExitStack() as started:

        def start(*steps: str) -> Actor:
            one = Actor(tmp_path / "root", private_env, *steps)
            started.callback(one.close)
            return one

        yield start


@pytest.fixture
def helper(actor: StartActor) -> Actor:
    """A process that stands by; the catalog has a row, and the store has bytes that nobody holds."""
    one = actor()
    one.do("keep", "dogs", "kept")
    one.do("orphan", "doomed")
    return one


# A put against a sweep that stands still


def test_a_put_revokes_a_condemned_digest(actor: StartActor, helper: Actor) -> None:
    sweep = actor("condemned")
    sweep.stops_at("condemned", "sweep", 0)
    assert helper.do("keep", "cats", "doomed") == [1]
    report = sweep.go_on()
    assert (report["deleted"], report["kept"]) == ([], 2)
    assert helper.do("get", "cats", DOOMED) == "doomed"


@pytest.mark.parametrize("step", ["armed", "deleted"])
def test_a_put_inside_the_delete_window_waits_and_survives(actor: StartActor, helper: Actor, step: str) -> None:
    sweep, writer = actor(step), actor("waiting")
    sweep.stops_at(step, "sweep", 0)
    writer.stops_at("waiting", "keep", "cats", "doomed")
    assert sweep.go_on()["deleted"] == [DOOMED]
    assert writer.go_on() == [1]
    assert helper.do("get", "cats", DOOMED) == "doomed"
    assert helper.do("sweep", 0)["kept"] == 2


def test_a_put_that_waits_for_ever_is_refused_and_writes_nothing(actor: StartActor, helper: Actor) -> None:
    sweep, writer = actor("armed"), actor("impatient")
    sweep.stops_at("armed", "sweep", 0)
    assert writer.do("put", "cats", "doomed") == "AttachmentBeingDeleted"
    assert sweep.go_on()["deleted"] == [DOOMED]
    assert helper.do("get", "cats", DOOMED) == "AttachmentNotFound"


@pytest.mark.parametrize("step", ["intent", "bytes"])
def test_a_sweep_leaves_a_live_writer_alone_at_each_step(actor: StartActor, helper: Actor, step: str) -> None:
    writer = actor(step)
    writer.stops_at(step, "put", "cats", "doomed")
    assert helper.do("sweep", 0) == {"kept": 2, "deleted": [], "deferred": [], "failed": [], "expired": []}
    assert writer.go_on() == DOOMED
    assert helper.do("sweep", 0)["kept"] == 2
    assert writer.do("commit", "cats", DOOMED) == 1
    assert helper.do("get", "cats", DOOMED) == "doomed"


# Two sweeps


def test_a_second_sweep_leaves_what_the_first_deletes_to_it(actor: StartActor, helper: Actor) -> None:
    first = actor("armed")
    first.stops_at("armed", "sweep", 0)
    report = helper.do("sweep", 0)
    assert (report["deleted"], report["deferred"]) == ([], [DOOMED])
    assert first.go_on()["deleted"] == [DOOMED]
    assert helper.do("sweep", 0) == {"kept": 1, "deleted": [], "deferred": [], "failed": [], "expired": []}


def test_sweeps_and_writers_at_full_speed_lose_and_leave_nothing(actor: StartActor, helper: Actor) -> None:
    texts = [f"text-{number}" for number in range(30)]
    for text in texts:
        helper.do("orphan", text)
    sweeps, writers = [actor() for _ in range(3)], [actor() for _ in range(3)]
    for _ in range(3):
        for sweep in sweeps:
            sweep.begin("sweep", 0)
    for number, writer in enumerate(writers):
        writer.begin("keep", f"session-{number}", *texts[: 10 * (number + 1)])
    for number, writer in enumerate(writers):
        assert writer.end() == [1] * 10 * (number + 1)
    for _ in range(3):
        for sweep in sweeps:
            assert sweep.end()["failed"] == []
    for number in range(3):
        for text in texts[: 10 * (number + 1)]:
            assert helper.do("get", f"session-{number}", content_id(text.encode())) == text
    report = helper.do("sweep", 0)
    assert (report["kept"], report["deleted"], report["deferred"]) == (31, [], [])
    assert helper.do("marks") == 0


# Killed (-9)


@pytest.mark.parametrize("step", ["condemned", "armed", "deleted"])
def test_a_writer_comes_after_a_sweep_that_was_killed(actor: StartActor, helper: Actor, step: str) -> None:
    sweep = actor(step)
    sweep.stops_at(step, "sweep", 0)
    sweep.kill()
    writer = actor("waiting")  # it would say so, and the next line would fail
    assert writer.do("keep", "cats", "doomed") == [1]
    assert helper.do("sweep", 0)["kept"] == 2
    assert helper.do("get", "cats", DOOMED) == "doomed"


@pytest.mark.parametrize("step", ["condemned", "armed", "deleted"])
def test_a_sweep_ends_what_a_killed_one_began(actor: StartActor, helper: Actor, step: str, tmp_path: Path) -> None:
    sweep = actor(step)
    sweep.stops_at(step, "sweep", 0)
    sweep.kill()
    assert helper.do("marks") == 1
    if step == "deleted":  # as if it had died between bytes and metadata
        (tmp_path / "root" / "sha256" / DOOMED[:2] / f"{DOOMED}.json").write_text("{}")
    report = helper.do("sweep", 0)
    assert report["deleted"] == ([DOOMED] if step != "deleted" else [])
    assert (report["kept"], report["failed"], report["deferred"]) == (1, [], [])
    assert helper.do("marks") == 0
    assert list((tmp_path / "root" / "sha256").glob(f"*/{DOOMED}*")) == []
    assert helper.do("put", "cats", "doomed") == DOOMED


@pytest.mark.parametrize("step", ["intent", "bytes"])
def test_what_a_killed_writer_left_goes_once_it_is_old(actor: StartActor, helper: Actor, step: str) -> None:
    left = content_id(b"left")
    writer = actor(step)
    writer.stops_at(step, "put", "cats", "left")
    writer.kill()
    young = helper.do("sweep", 3_600_000)
    assert (young["deleted"], young["expired"], young["deferred"]) == ([], [], [DOOMED])
    old = helper.do("sweep", 0)
    assert set(old["deleted"]) == ({DOOMED, left} if step == "bytes" else {DOOMED})
    assert old["expired"] == ([left] if step == "intent" else [])
    assert helper.do("get", "cats", left) == "AttachmentNotFound"
    assert helper.do("sweep", 0) == {"kept": 1, "deleted": [], "deferred": [], "failed": [], "expired": []}


def test_what_a_killed_writer_had_committed_stays(actor: StartActor, helper: Actor) -> None:
    writer = actor()
    assert writer.do("keep", "cats", "doomed") == [1]
    assert writer.do("put", "cats", "left") == content_id(b"left")
    writer.kill()
    report = helper.do("sweep", 0)
    assert (report["kept"], report["deleted"]) == (2, [content_id(b"left")])
    assert helper.do("get", "cats", DOOMED) == "doomed"


# Many writers


def test_processes_that_put_the_same_bytes_share_one_blob(actor: StartActor, tmp_path: Path) -> None:
    texts = [f"same-{number}" for number in range(10)]
    writers = [actor() for _ in range(6)]
    for number, writer in enumerate(writers):
        writer.begin("keep", f"session-{number}", *texts)
    for writer in writers:
        assert writer.end() == [1] * 10
    for number, writer in enumerate(writers):
        assert writer.do("get", f"session-{number}", content_id(b"same-3")) == "same-3"
    blobs = [path for path in (tmp_path / "root" / "sha256").glob("*/*") if not path.suffix]
    assert {path.name for path in blobs} == {content_id(text.encode()) for text in texts}
    assert writers[0].do("sweep", 0)["kept"] == 10


def test_a_writer_whose_lease_was_stolen_cannot_put(actor: StartActor, helper: Actor) -> None:
    writer = actor()
    token = writer.do("take", "cats")
    assert writer.do("put", "cats", "before") == content_id(b"before")
    assert helper.do("take", "cats") > token
    assert writer.do("put", "cats", "after") == "SessionExecutionLeaseExpired"
    assert helper.do("put", "cats", "mine") == content_id(b"mine")
    assert helper.do("get", "cats", content_id(b"after")) == "AttachmentNotFound"
