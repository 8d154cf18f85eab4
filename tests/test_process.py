"""Who a process is, and when it is proven dead: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from lashkit.process import ProcessIdentity

TELL = (
    "from lashkit.process import ProcessIdentity as P; p = P.current(); print(p.place, p.pid, p.start_time, flush=True)"
)


def identity_of(child: subprocess.Popen[str]) -> ProcessIdentity:
    assert child.stdout is not None
    place, pid, start_time = child.stdout.readline().split()
    return ProcessIdentity(place, int(pid), int(start_time))


def test_a_living_process_is_not_dead_and_a_killed_one_is() -> None:
    source = f"{TELL}; import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        other = identity_of(child)
        assert other.pid == child.pid
        assert other.place == ProcessIdentity.current().place
        assert not other.is_proven_dead()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert other.is_proven_dead(), "a zombie writes nothing any more"
    assert other.is_proven_dead()


def test_a_reused_pid_is_another_process() -> None:
    me = ProcessIdentity.current()
    assert not me.is_proven_dead()
    assert replace(me, start_time=me.start_time + 1).is_proven_dead()
    assert not replace(me, start_time=0).is_proven_dead(), "without a start time nothing is proven"


def test_death_elsewhere_is_never_proven() -> None:
    assert not ProcessIdentity("0" * 16, 2**22 + 1, 1).is_proven_dead()


def test_a_forked_child_is_another_process() -> None:
    parent = ProcessIdentity.current()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        me = ProcessIdentity.current()
        os.write(writer, f"{me.place} {me.pid}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        place, child = file.read().split()
    os.waitpid(pid, 0)
    assert place == parent.place
    assert int(child) == pid != parent.pid
