"""A SQLite catalog in the hands of several processes: races, forks, kills, Ctrl-C, and what reaches the disk.

A case is a script of `sqlite_cases/` whose name states what holds. It is given the path of a new file, begins with the
lines that it prints, and may say nothing on its error output. A hang is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from lashkit.errors import StoreBackendError
from lashkit.runner import drive
from lashkit.runtime import sqlite_errors
from lashkit.runtime.records import SessionReadScope
from lashkit.runtime.sqlite import SqliteCatalog

CASES = Path(__file__).resolve().parent / "sqlite_cases"
SHARED = {"samples", "worker", "flushes", "failing_flushes"}
SCRIPTS = sorted(path.stem for path in CASES.glob("*.py") if path.stem not in SHARED)
# An interrupt between the making of a coroutine and its start leaves a warning; one inside coverage leaves its lock.
NOISY = {"ctrl_c_storm"}
HANG_S = 60

_spec = importlib.util.spec_from_file_location("sqlite_samples", CASES / "samples.py")
assert _spec is not None
assert _spec.loader is not None
samples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(samples)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lashkit.db")


def start(script: str, *arguments: object, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CASES.parent.parent.parent), str(CASES)])}
    if script in NOISY:
        env = {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}
    command = [*options, sys.executable, "-X", "faulthandler", CASES / f"{script}.py", *arguments]
    return subprocess.Popen(
        [str(part) for part in command],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], text: str = "") -> tuple[str, str]:
    """What it printed, and its complaints."""
    try:
        printed, complaints = process.communicate(text, timeout=HANG_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # children too; each dumps its stacks
        printed, complaints = process.communicate(timeout=10)
        pytest.fail(f"hung for {HANG_S} s; it printed:\n{printed}\nand its stacks are:\n{complaints}")
    assert process.returncode == 0, f"exit code {process.returncode}\n{printed}{complaints}"
    return printed, complaints


@pytest.mark.parametrize("case", SCRIPTS)
def test_case_holds(case: str, path: str) -> None:
    options = () if case in NOISY else ("env", "PYTHONWARNINGS=error", "PYTHONDEVMODE=1")
    printed, complaints = finish(start(case, path, options=options))
    head = (CASES / f"{case}.py").read_text().splitlines()
    mark = "# prints: "
    assert printed.splitlines() == [line.removeprefix(mark) for line in head if line.startswith(mark)], complaints
    assert complaints == "" or case in NOISY


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def at_once(path: str, job: str, processes: int, count: int = 0) -> list[subprocess.Popen[str]]:
    """Workers that begin together."""
    workers = [start("worker", path, f"p{number}", job, count) for number in range(processes)]
    assert [line_of(worker) for worker in workers] == ["ready"] * processes
    for worker in workers:
        tell(worker)
    return workers


def test_processes_that_make_one_file_at_once_agree_on_its_name(path: str) -> None:
    names = {finish(worker)[0] for worker in at_once(path, "open", 6)}
    assert names == {SqliteCatalog(path).catalog_uuid + "\n"}


def test_of_processes_that_claim_one_lease_at_once_one_wins_and_the_others_name_it(path: str) -> None:
    workers = at_once(path, "claim", 6)
    said = [line_of(worker) for worker in workers]
    winner = said.index("acquired")
    assert Counter(said) == {"acquired": 1, f"held by p{winner}": 5}
    for worker in workers:
        finish(worker)


def test_four_processes_of_200_commits_lose_none_and_are_never_told_that_it_is_locked(path: str) -> None:
    assert [finish(worker) for worker in at_once(path, "commit", 4, 200)] == [("done\n", "")] * 4
    expected = {f"p{process}-{number}" for process in range(4) for number in range(200)}
    assert set(samples.committed(path, "shared")) == expected


def test_processes_that_append_to_one_session_at_once_make_one_chain(path: str) -> None:
    for worker in at_once(path, "append", 3, 25):
        assert finish(worker)[0].startswith("done")
    read = drive(SqliteCatalog(path).session("shared").load_session(SessionReadScope.active_path()))
    assert read is not None
    assert read.head_revision == 75
    assert len(read.graph.nodes) == 75
    assert len({node.parent_node_id for node in read.graph.nodes}) == 75


def test_a_killed_writer_leaves_every_acknowledged_commit_and_intents_for_the_rest(path: str) -> None:
    (worker,) = at_once(path, "intend", 1, 9)
    acknowledged = [line_of(worker) for _ in range(4)]
    other = SqliteCatalog(path)  # sees the intents of a process that lives
    while len(drive(other.entries("shared"))) < 9:
        pass
    worker.kill()
    worker.communicate()
    drive(other.close())
    assert samples.committed(path, "shared") == acknowledged == ["p0-1", "p0-3", "p0-5", "p0-7"]
    open_intents = [row.ref.label for row in drive(SqliteCatalog(path).list_uncommitted(2_000))]
    assert open_intents == ["p0-0", "p0-2", "p0-4", "p0-6", "p0-8"]


def test_a_lock_held_for_too_long_is_an_error_that_names_the_file_and_the_way_out(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_errors, "BUSY_LIMIT_S", 0.05)
    catalog = SqliteCatalog(path)
    samples.record_and_commit(catalog, "s", "before")
    with samples.Locker(path), pytest.raises(StoreBackendError) as caught:
        samples.record_and_commit(catalog, "s", "never")
    assert path in str(caught.value)
    assert "close the program that holds it" in str(caught.value)
    samples.record_and_commit(catalog, "s", "after")
    assert samples.committed(path, "s") == ["before", "after"]


def test_a_file_that_somebody_else_is_making_for_too_long_is_an_error(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_errors, "BUSY_LIMIT_S", 0.05)
    with samples.Locker(path), pytest.raises(StoreBackendError, match="close the program that holds it"):
        drive(SqliteCatalog(path).sessions())
    assert drive(SqliteCatalog(path).sessions()) == ()


def test_a_cancelled_await_ends_its_wait_for_another_process(path: str) -> None:
    import asyncio

    async def wait_and_cancel() -> None:
        catalog = SqliteCatalog(path)
        await catalog.record_intent(samples.intent("s", "before"))
        with samples.Locker(path):
            task = asyncio.create_task(catalog.record_intent(samples.intent("s", "never")))
            while not catalog._holder.file.is_busy:  # noqa: ASYNC110  (another thread's, not the loop's)
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await catalog.record_intent(samples.intent("s", "after"))
        assert [row.ref.label for row in await catalog.entries("s")] == ["before", "after"]

    asyncio.run(wait_and_cancel())


def test_flushes_of_the_device_are_none_for_an_intent_and_one_for_a_commit(
    path: str, strace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace"
    calls = "trace=access,?faccessat,?faccessat2,fsync,fdatasync,?sync_file_range,?syncfs,?msync"
    finish(start("flushes", path, options=(strace, "-f", "-qq", "-o", str(trace), "-e", calls)))
    flushes: dict[str, list[int]] = defaultdict(list)
    current = None
    for line in trace.read_text().splitlines():
        if "/marker-" in line:
            current = line.partition("/marker-")[2].partition('"')[0]
            flushes[current].append(0)
        elif current not in (None, "end") and "sync" in line:
            flushes[str(current)][-1] += 1
    with capsys.disabled():
        print(f"\nflushes of the device: {dict(flushes)}")
    del flushes["end"]
    none, one = [0, 0, 0], [1, 1, 1]
    assert flushes == {
        "intent": none, "commit": one, "read": none, "claim": none, "turn": one, "repeated commit": none,
    }  # fmt: skip


def test_a_commit_whose_flush_fails_is_refused_and_the_next_one_begins_a_new_log(
    path: str, strace: str, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    calls = "trace=access,?faccessat,?faccessat2,fsync,fdatasync,ftruncate"
    inject = "inject=fdatasync:error=EIO:when=9"
    process = start("failing_flushes", path, options=(strace, "-y", "-qq", "-o", str(trace), "-e", calls, "-e", inject))
    said = finish(process)[0].splitlines()
    refused = [line.split()[1] for line in said if line.startswith("refused")]
    assert [line for line in said if "refused" in line] == [f"refused {refused[0]} as it should"]
    steps = trace.read_text().split("/marker-")
    after = steps[int(refused[0]) + 2]
    assert "EIO" in steps[int(refused[0]) + 1]
    log_ends = [line for line in after.splitlines() if line.startswith("ftruncate") and "-wal" in line]
    assert len(log_ends) == 1, after
    catalog = SqliteCatalog(path)
    read = drive(catalog.session("s").load_session(SessionReadScope.full_graph()))
    assert read is not None
    kept = {node.node_id for node in read.graph.nodes}
    assert kept == {line.split()[1] for line in said if line.startswith("acknowledged")}
    assert len(drive(catalog.entries("s"))) == 6
