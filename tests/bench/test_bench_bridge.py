"""What the bridge costs a call, beside the least that it could cost and beside others' bridges (DESIGN section 10).

Everything is measured in turn in one run, so that a busy machine slows all of it down alike.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from lashkit.sync.bridge import Bridge


class Inline:
    sync_mode = "inline"

    async def get(self) -> int:
        return 42

    async def items(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number


class Portal(Inline):
    sync_mode = "portal"


class Facade:
    """As the generated ones are."""

    def __init__(self, aio: Inline) -> None:
        self._aio = aio
        self._run = Bridge(aio)

    def get(self) -> int:
        return self._run(self._aio.get)


def compare(benchmark: BenchmarkFixture, ways: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Seconds a call of each way: the median of rounds in which each has its turn."""
    taken: dict[str, list[float]] = {name: [] for name in ways}

    def one_round() -> None:
        for name, way in ways.items():
            started = time.perf_counter()
            for _ in range(repeat):
                way()
            taken[name].append((time.perf_counter() - started) / repeat)

    benchmark.pedantic(one_round, rounds=30, warmup_rounds=2)
    return {name: statistics.median(values) for name, values in taken.items()}


def show(capsys: pytest.CaptureFixture[str], times: dict[str, float]) -> None:
    with capsys.disabled():
        print()
        least = next(iter(times.values()))
        for name, value in times.items():
            print(f"  {name:34} {value * 1e6:8.2f} us  {value / least:6.2f}x")


@contextmanager
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop on a thread, with nothing around it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def others(method: Callable[[], object], stack: ExitStack) -> dict[str, Callable[[], object]]:
    """The bridges of others, as far as they are installed."""
    found: dict[str, Callable[[], object]] = {}
    zarr = pytest.importorskip("zarr.core.sync", reason="pip install zarr")
    found["zarr"] = lambda: zarr.sync(method())
    fsspec = pytest.importorskip("fsspec.asyn", reason="pip install fsspec")
    loop = fsspec.get_loop()
    found["fsspec"] = lambda: fsspec.sync(loop, method)
    anyio = pytest.importorskip("anyio.from_thread", reason="pip install anyio")
    portal = stack.enter_context(anyio.start_blocking_portal())
    found["anyio"] = lambda: portal.call(method)
    return found


def test_inline_call(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    aio = Inline()
    facade = Facade(aio)

    def bare() -> int:
        try:
            aio.get().send(None)
        except StopIteration as done:
            return int(done.value)
        raise AssertionError

    ways = {"bare coro.send": bare, "inline facade": facade.get}
    taken: dict[str, list[float]] = {}

    async def beside() -> None:
        """The same where a loop runs, as in a cell."""
        for _ in range(30):
            for name, way in ways.items():
                started = time.perf_counter()
                for _ in range(300):
                    way()
                taken.setdefault(f"{name}, in a cell", []).append((time.perf_counter() - started) / 300)

    with ExitStack() as stack:
        times = compare(benchmark, ways | others(aio.get, stack), 300)
    asyncio.run(beside())
    show(capsys, times | {name: statistics.median(values) for name, values in taken.items()})


def test_portal_call(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    aio = Portal()
    facade = Facade(aio)
    with ExitStack() as stack:
        loop = stack.enter_context(other_loop())
        ways: dict[str, Callable[[], object]] = {
            "run_coroutine_threadsafe().result()": lambda: asyncio.run_coroutine_threadsafe(aio.get(), loop).result(),
            "portal facade": facade.get,
        }
        show(capsys, compare(benchmark, ways | others(aio.get, stack), 300))


def test_items(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    count = 2_000
    inline, portal = Inline(), Portal()

    async def natively() -> int:
        return sum([number async for number in inline.items(count)])

    with other_loop() as loop:
        items = inline.items(10**9)

        async def step() -> int:
            return await anext(items)

        ways: dict[str, Callable[[], object]] = {
            f"async for, {count} items": lambda: asyncio.run(natively()),
            "inline SyncIterator": lambda: sum(Bridge(inline).iterate(inline.items, count)),
            "portal SyncIterator": lambda: sum(Bridge(portal).iterate(portal.items, count)),
            "run_coroutine_threadsafe an item": lambda: [
                asyncio.run_coroutine_threadsafe(step(), loop).result() for _ in range(count)
            ],
        }
        times = compare(benchmark, ways, 1)
    with capsys.disabled():
        print()
        for name, value in times.items():
            print(f"  {name:34} {value / count * 1e6:8.2f} us an item")
