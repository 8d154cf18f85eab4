"""The runner: blocking work in place or in a worker, and coroutines that are driven by hand."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from lashkit.errors import WouldSuspend
from lashkit.runner import (
    ThreadRunner,
    adopt,
    checkpoint,
    drive,
    may_give_up,
    must_finish,
    running_loop,
    time_limit,
    unobserved,
)
from lashkit.workers import Workers

word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")


async def answer() -> int:
    return 42


async def suspend() -> None:
    await asyncio.sleep(0)


# Driving


def test_a_driven_coroutine_returns_and_raises_what_it_does() -> None:
    async def fail() -> None:
        raise LookupError("as it is")

    assert drive(answer()) == 42
    with pytest.raises(LookupError, match="as it is"):
        drive(fail())


async def test_a_driven_coroutine_sees_no_loop_and_the_caller_gets_its_own_back() -> None:
    async def look() -> Any:
        return running_loop(), sys.get_asyncgen_hooks()

    before = running_loop(), sys.get_asyncgen_hooks()
    assert drive(look()) == (None, (None, None))
    assert (running_loop(), sys.get_asyncgen_hooks()) == before


def test_hooks_without_a_loop_are_hidden_too_as_trio_sets_them() -> None:
    firsts: list[object] = []

    async def items() -> AsyncIterator[int]:
        yield 1

    async def take() -> int:
        async for item in items():
            return item
        return 0

    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firsts.append, firsts.append)
    try:
        assert drive(take()) == 1
        assert sys.get_asyncgen_hooks() == (firsts.append, firsts.append)
    finally:
        sys.set_asyncgen_hooks(*hooks)
    assert firsts == []


@pytest.mark.parametrize("in_a_loop", [True, False])
def test_a_suspension_is_refused_and_the_finally_runs(in_a_loop: bool) -> None:
    ends: list[str] = []

    async def wait() -> None:
        try:
            await suspend()
        finally:
            ends.append("finally")

    async def main() -> None:
        loop = running_loop()
        with pytest.raises(WouldSuspend, match=r"wait awaited something real; .* declare \"portal\""):
            drive(wait())
        assert running_loop() is loop

    if in_a_loop:
        asyncio.run(main())
    else:
        with pytest.raises(WouldSuspend):
            drive(wait())
    assert ends == ["finally"]


def test_a_suspension_that_cannot_be_closed_is_refused_all_the_same() -> None:
    async def again() -> None:
        with contextlib.suppress(GeneratorExit):
            await suspend()
        await suspend()

    async def fail() -> None:
        try:
            await suspend()
        finally:
            raise LookupError("in clean-up")

    async def swallow() -> None:
        with contextlib.suppress(GeneratorExit):
            await suspend()

    stubborn = again()
    with pytest.raises(WouldSuspend, match="again while it was closed"):
        drive(stubborn)
    stubborn.close()
    with pytest.raises(WouldSuspend, match="failed while it was closed") as caught:
        drive(fail())
    assert str(caught.value.__cause__) == "in clean-up"
    with pytest.raises(WouldSuspend):
        drive(swallow())


def test_asking_for_the_hidden_loop_is_refused_with_the_same_remedy() -> None:
    async def sleep() -> None:
        await asyncio.sleep(1)

    async def fail() -> None:
        raise RuntimeError("of its own")

    with pytest.raises(WouldSuspend, match=r"asked for an event loop; .* declare \"portal\""):
        drive(sleep())
    with pytest.raises(RuntimeError, match="of its own"):
        drive(fail())


async def test_unobserved_hides_loop_and_hooks_and_brings_them_back_after_an_error() -> None:
    before = running_loop(), sys.get_asyncgen_hooks()

    def look_and_fail() -> None:
        with unobserved():
            assert running_loop() is None
            assert asyncio.run(answer()) == 42
            raise LookupError

    with pytest.raises(LookupError):
        look_and_fail()
    assert (running_loop(), sys.get_asyncgen_hooks()) == before


# Blocking work


def test_without_a_loop_work_is_done_in_place() -> None:
    runner = ThreadRunner()
    assert drive(runner.run(threading.get_ident)) == threading.get_ident()
    assert drive(runner.hop(answer())) == 42


async def test_under_await_work_goes_to_a_worker_that_sees_no_loop() -> None:
    runner = ThreadRunner()
    assert await runner.run(threading.get_ident) != threading.get_ident()
    assert await runner.run(running_loop) is None
    assert await runner.run(pow, 2, 10) == 1024


async def test_a_hop_drives_the_whole_coroutine_in_one_worker() -> None:
    runner = ThreadRunner()

    async def steps() -> set[int]:
        return {await runner.run(threading.get_ident) for _ in range(5)} | {threading.get_ident()}

    (worker,) = await runner.hop(steps())
    assert worker != threading.get_ident()


async def test_no_more_workers_than_allowed_work_at_once() -> None:
    runner, busy, most, lock = ThreadRunner(2), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        with lock:
            busy -= 1

    await asyncio.gather(*(runner.run(work) for _ in range(50)))
    assert 1 <= most <= 2


@pytest.mark.parametrize(
    ("error", "arrives"),
    [
        (LookupError, LookupError),
        (StopIteration, RuntimeError),
        (GeneratorExit, GeneratorExit),
        (asyncio.CancelledError, asyncio.CancelledError),
    ],
)
async def test_what_a_worker_raises_arrives(error: type[BaseException], arrives: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    async def fail_too() -> None:
        raise error

    with pytest.raises(arrives):
        await ThreadRunner().run(fail)
    with pytest.raises(arrives):
        await ThreadRunner().hop(fail_too())


async def test_context_variables_flow_into_a_worker_and_back() -> None:
    def mark() -> str:
        before = word.get()
        word.set("worker")
        return before

    async def mark_too() -> str:
        before = word.get()
        word.set("hop")
        return before

    runner = ThreadRunner()
    word.set("task")
    assert await runner.run(mark) == "task"
    assert word.get() == "worker"
    assert await runner.hop(mark_too()) == "worker"
    assert word.get() == "hop"


def test_only_what_was_set_elsewhere_is_adopted() -> None:
    context = contextvars.copy_context()
    adopt(context)
    assert word.get() == "none"
    context.run(word.set, "elsewhere")
    adopt(context)
    assert word.get() == "elsewhere"
    word.set("none")


# Cancellation


async def test_a_cancelled_await_lasts_until_its_worker_is_done_however_often_it_is_cancelled() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait()
        ended.set()

    task = asyncio.create_task(ThreadRunner().run(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_checkpoint_ends_a_worker_whose_await_was_cancelled_and_no_other() -> None:
    begun, ends = threading.Event(), []

    async def spin() -> None:
        begun.set()
        try:
            while True:
                checkpoint()
        finally:
            ends.append("finally")

    runner = ThreadRunner(1)
    task = asyncio.create_task(runner.hop(spin()))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends == ["finally"]
    await runner.run(checkpoint)  # the same worker, free again
    checkpoint()


async def test_work_that_is_cancelled_in_the_queue_never_begins() -> None:
    begun, may_end, queued = threading.Event(), threading.Event(), []

    def block() -> None:
        begun.set()
        may_end.wait()

    async def append() -> None:
        queued.append(1)

    runner = ThreadRunner(1)
    blocker = asyncio.create_task(runner.run(block))
    await asyncio.to_thread(begun.wait)
    tasks = [asyncio.create_task(runner.hop(append())), asyncio.create_task(runner.run(queued.append, 1))]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, asyncio.CancelledError)
    may_end.set()
    await blocker
    await runner.run(int)
    assert queued == []


def test_a_loop_that_dies_under_an_await_lets_the_worker_go() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def spin() -> None:
        begun.set()
        try:
            while True:
                checkpoint()
        finally:
            ended.set()

    async def main() -> None:
        waiting = ThreadRunner().hop(spin())
        waiting.send(None)
        await asyncio.to_thread(begun.wait)
        waiting.close()  # as a loop does with the tasks it forgets

    asyncio.run(main())
    assert ended.wait(10)


# Time limits


def test_a_checkpoint_outside_of_any_limit_does_nothing() -> None:
    checkpoint()


def spin() -> None:
    while True:
        checkpoint()


def test_the_nearest_limit_counts_and_ends_with_its_block() -> None:
    with time_limit(60):
        with pytest.raises(TimeoutError), time_limit(0):
            spin()
        checkpoint()
        with time_limit(120):
            checkpoint()
    with pytest.raises(TimeoutError), time_limit(0), time_limit(60):
        spin()


# Sleep


def test_without_a_loop_a_sleep_is_in_place_and_ends_at_the_time_limit() -> None:
    drive(ThreadRunner().sleep(0.001))
    with pytest.raises(TimeoutError), time_limit(0):
        drive(ThreadRunner().sleep(3600))


async def test_a_sleep_under_await_lets_the_loop_go_on() -> None:
    ended: list[str] = []

    async def sleep() -> None:
        await ThreadRunner().sleep(0.001)
        ended.append("sleep")

    task = asyncio.create_task(sleep())
    await asyncio.sleep(0)
    ended.append("loop")
    await task
    assert ended == ["loop", "sleep"]


async def test_a_sleep_in_a_worker_ends_when_its_await_is_cancelled() -> None:
    begun, runner = threading.Event(), ThreadRunner()

    async def sleep() -> None:
        begun.set()
        await runner.sleep(3600)

    task = asyncio.create_task(runner.hop(sleep()))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Workers at the end of Python


@contextlib.contextmanager
def no_more_threads(workers: Workers) -> Iterator[None]:
    """Python at exit: pools refuse what is submitted."""
    workers.submit(int).result()
    pool = workers._pool
    assert pool is not None
    pool.shutdown()
    yield


def test_work_that_no_thread_takes_is_done_in_place() -> None:
    workers = Workers(1, "test")
    with no_more_threads(workers):
        assert workers.submit(threading.get_ident).result() == threading.get_ident()
        assert isinstance(workers.submit(int, "no number").exception(), ValueError)


async def test_work_in_place_sees_no_loop_and_awaits_as_ever() -> None:
    workers = Workers(1, "test")
    with no_more_threads(workers):
        assert await workers.work(running_loop) is None


def test_what_must_finish_is_not_given_up_until_it_is_whole() -> None:
    runner = ThreadRunner()
    begun, cancelled = threading.Event(), threading.Event()
    steps: list[str] = []

    def work() -> None:
        begun.set()
        cancelled.wait(30)
        must_finish()
        checkpoint()
        steps.append("whole")
        may_give_up()
        checkpoint()
        steps.append("more")

    async def main() -> None:
        task = asyncio.create_task(runner.run(work))
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, cancelled.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert steps == ["whole"]
