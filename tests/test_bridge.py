"""What the bridge promises inside one process; `test_bridge_matrix.py` has what needs processes of its own."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lashkit.errors import BridgeError, WouldDeadlock, WouldSuspend
from lashkit.runner import checkpoint
from lashkit.sync.bridge import Bridge, driven
from lashkit.sync.nested import enable_nested
from lashkit.sync.portal import Call, Portal, portal
from lashkit.sync.pump import Pump


class Store:
    """Declares nothing."""

    async def where(self) -> int:
        return threading.get_ident()

    @driven("inline")
    async def where_inline(self) -> int:
        return threading.get_ident()

    @driven("bound")
    async def where_bound(self) -> int:
        return threading.get_ident()

    async def wait(self) -> None:
        await asyncio.Event().wait()


class InlineStore(Store):
    sync_mode = "inline"

    async def spin(self) -> None:
        while True:
            checkpoint()

    @driven("portal")
    async def where_portal(self) -> int:
        return threading.get_ident()


class Wrapper(Store):
    """Forwards the mode of what it wraps."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    @property
    def sync_mode(self) -> str:
        return getattr(self.inner, "sync_mode", "portal")


def test_what_declares_nothing_runs_on_the_portal_and_inline_in_place() -> None:
    here = threading.get_ident()
    store, inline = Store(), InlineStore()
    assert Bridge(store)(store.where) != here
    assert Bridge(inline)(inline.where) == here


def test_a_wrapper_forwards_the_mode_of_what_it_wraps_at_each_call() -> None:
    wrapper = Wrapper(InlineStore())
    run = Bridge(wrapper)
    assert run(wrapper.where) == threading.get_ident()
    wrapper.inner = Store()
    assert run(wrapper.where) != threading.get_ident()


def test_the_mode_of_a_method_wins_over_that_of_its_object() -> None:
    here = threading.get_ident()
    store, inline = Store(), InlineStore()
    assert Bridge(store)(store.where_inline) == here
    assert Bridge(inline)(inline.where_portal) != here
    with pytest.raises(WouldDeadlock, match=r"where_bound .* await it"):
        Bridge(inline)(inline.where_bound)


def test_a_plain_function_is_driven_as_its_object_says() -> None:
    @driven("inline")
    async def here() -> int:
        return threading.get_ident()

    async def anywhere() -> int:
        return threading.get_ident()

    assert Bridge(Store())(here) == threading.get_ident()
    assert Bridge(InlineStore())(anywhere) == threading.get_ident()
    assert Bridge(Store())(anywhere) != threading.get_ident()


def test_an_unknown_mode_is_an_error_that_names_the_three() -> None:
    class Odd(Store):
        sync_mode = "threads"

    odd = Odd()
    with pytest.raises(BridgeError, match=r"'threads'; it is \"inline\", \"portal\" or \"bound\""):
        Bridge(odd)(odd.where)


def test_bound_iterators_are_refused_with_the_remedy() -> None:
    class Bound:
        sync_mode = "bound"

        async def items(self) -> AsyncIterator[int]:
            yield 1

    bound = Bound()
    with pytest.raises(WouldDeadlock, match="await it"):
        Bridge(bound).iterate(bound.items)


def test_a_missing_package_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nest_asyncio2", None)
    with pytest.raises(BridgeError, match=r"lashkit\[notebook\]"):
        enable_nested()


def test_a_limited_call_is_over_when_timeout_error_arrives() -> None:
    cleaned: list[str] = []

    class Slow:
        async def wait(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                cleaned.append("portal")

    slow = Slow()
    with pytest.raises(TimeoutError, match="cancelled"):
        Bridge(slow).call_within(0.02, slow.wait)
    assert cleaned == ["portal"]


def test_an_error_of_the_clean_up_stays_visible_beside_the_timeout() -> None:
    class Slow:
        async def wait(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise ValueError("in clean-up")

    slow = Slow()
    with pytest.raises(TimeoutError) as caught:
        Bridge(slow).call_within(0.02, slow.wait)
    assert str(caught.value.__context__) == "in clean-up"


def test_a_limit_of_nothing_still_cleans_up() -> None:
    store = Store()
    with pytest.raises(TimeoutError):
        Bridge(store).call_within(0, store.wait)
    assert Bridge(store).call_within(30, store.where) != threading.get_ident()


def test_inline_work_ends_at_its_next_checkpoint_after_the_limit() -> None:
    store = InlineStore()
    with pytest.raises(TimeoutError):
        Bridge(store).call_within(0.02, store.spin)
    checkpoint()  # the limit went with the call
    assert Bridge(store).call_within(30, store.where) == threading.get_ident()


def test_a_limit_of_the_calling_thread_ends_a_portal_call_within_it() -> None:
    class Outer:
        sync_mode = "inline"

        async def call(self) -> None:
            Bridge(store := Store())(store.wait)

    outer = Outer()
    with pytest.raises(TimeoutError):
        Bridge(outer).call_within(0.02, outer.call)


def test_an_awaitable_that_is_no_coroutine_runs_on_the_portal() -> None:
    class Futures:
        def get(self) -> Awaitable[int]:
            future = asyncio.get_running_loop().create_future()
            future.set_result(42)
            return future

    futures = Futures()
    run: Any = Bridge(futures)
    assert run(futures.get) == 42


class Witness:
    """Something whose end can be seen."""


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("mode", ["inline", "portal"])
def test_an_error_keeps_nothing_alive_once_it_was_handled(mode: Any) -> None:
    ends: list[weakref.ref[Witness]] = []

    class Failing:
        sync_mode = mode

        async def fail(self, argument: Witness) -> None:
            local = Witness()
            ends.extend([weakref.ref(local), weakref.ref(argument)])
            raise ValueError

    failing = Failing()
    run = Bridge(failing)
    with no_collector():
        try:
            run(failing.fail, Witness())
        except ValueError:
            assert all(end() is not None for end in ends)  # the traceback holds them, as it should
        if mode == "portal":
            run(Store().where)  # by now the loop has let go of the failed task
        assert [end() for end in ends] == [None, None]


def test_the_traceback_of_an_error_leads_from_the_caller_to_the_method() -> None:
    class Failing:
        async def fail(self) -> None:
            await asyncio.sleep(0)
            raise ValueError

    failing = Failing()
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Bridge(failing)(failing.fail)
    frames = [entry.name for entry in caught.traceback]
    assert frames[0] == "test_the_traceback_of_an_error_leads_from_the_caller_to_the_method"
    assert frames[-1] == "fail"


# Iterators


class Items:
    """Items over the portal."""

    def __init__(self) -> None:
        self.produced = 0
        self.closed = threading.Event()

    async def numbers(self, stop: int | None = None, *, error: BaseException | None = None) -> AsyncIterator[int]:
        """Never suspends by itself."""
        try:
            while stop is None or self.produced < stop:
                self.produced += 1
                yield self.produced - 1
            if error is not None:
                raise error
        finally:
            self.closed.set()

    async def chunks(self, count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            self.produced += 1
            yield bytes(256 * 1024)


class InlineItems(Items):
    sync_mode = "inline"


BOTH = pytest.mark.parametrize("items", [Items(), InlineItems()], ids=["portal", "inline"])


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    if "items" in request.fixturenames:
        request.getfixturevalue("items").__init__()


@BOTH
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 1000])
def test_every_item_arrives_once_and_in_order(items: Items, count: int) -> None:
    numbers = Bridge(items).iterate(items.numbers, count)
    assert list(numbers) == list(range(count))
    assert list(numbers) == []
    numbers.close()
    assert items.closed.is_set()


@BOTH
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, asyncio.CancelledError, SystemExit])
def test_an_error_arrives_after_the_items_before_it(items: Items, kind: type[BaseException]) -> None:
    numbers = Bridge(items).iterate(items.numbers, 5, error=kind())
    got = []
    with pytest.raises(kind):  # noqa: PT012
        for number in numbers:
            got.append(number)
    assert got == [0, 1, 2, 3, 4]
    assert list(numbers) == []


@BOTH
def test_closing_early_runs_the_finally_before_it_returns(items: Items) -> None:
    with Bridge(items).iterate(items.numbers) as numbers:
        assert next(numbers) == 0
    assert items.closed.is_set()
    with pytest.raises(StopIteration):
        next(numbers)


@BOTH
def test_an_iterator_that_is_dropped_runs_its_finally(items: Items) -> None:
    for number in Bridge(items).iterate(items.numbers):
        if number == 100:
            break
    assert items.closed.wait(10)


@BOTH
def test_an_iterator_that_was_never_begun_closes_without_a_word(items: Items) -> None:
    Bridge(items).iterate(items.numbers).close()
    assert items.produced == 0


def test_the_portal_runs_ahead_by_a_bounded_number_of_items() -> None:
    items = Items()
    with Bridge(items).iterate(items.numbers) as numbers:
        for number in numbers:
            if number == 0:
                assert items.produced <= 4
            assert items.produced - number <= 2 * 64 + 2
            if number == 2000:
                break


def test_large_chunks_stay_few_in_memory() -> None:
    items = Items()
    for taken, chunk in enumerate(Bridge(items).iterate(items.chunks, 300), 1):
        assert len(chunk) == 256 * 1024
        assert items.produced - taken <= 2 * 8 + 1
    assert taken == 300


def test_an_endless_iterator_that_never_suspends_leaves_the_loop_to_others() -> None:
    items = Items()
    with Bridge(items).iterate(items.numbers) as numbers:
        for _, _ in zip(range(1000), numbers, strict=False):
            pass
        store = Store()
        assert Bridge(store).call_within(30, store.where) != threading.get_ident()
    assert items.closed.is_set()


def test_two_threads_share_one_iterator_without_losing_or_doubling_an_item() -> None:
    items = Items()
    numbers = Bridge(items).iterate(items.numbers, 5000)
    got: list[list[int]] = [[], []]
    threads = [threading.Thread(target=mine.extend, args=(numbers,)) for mine in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got[0] + got[1]) == list(range(5000))


def test_a_close_from_another_thread_ends_the_wait_for_the_next_item() -> None:
    waits = threading.Event()

    class Slow:
        async def items(self) -> AsyncIterator[int]:
            waits.set()
            await asyncio.Event().wait()
            yield 1

    slow = Slow()
    numbers = Bridge(slow).iterate(slow.items)
    got: list[list[int]] = []
    consumer = threading.Thread(target=lambda: got.append(list(numbers)))
    consumer.start()
    assert waits.wait(10)
    numbers.close()
    consumer.join(10)
    assert got == [[]]


def test_an_error_of_the_clean_up_arrives_from_close() -> None:
    class Failing:
        async def items(self) -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
            finally:
                raise ValueError("in clean-up")

    failing = Failing()
    for sync_mode in ("portal", "inline"):
        failing.sync_mode = sync_mode  # type: ignore[attr-defined]
        numbers = Bridge(failing).iterate(failing.items)
        next(numbers)
        with pytest.raises(ValueError, match="in clean-up"):
            numbers.close()
        numbers.close()


@pytest.mark.slow
def test_a_clean_up_that_hangs_ends_the_wait_of_close_with_an_error() -> None:
    release = threading.Event()

    class Stubborn:
        async def items(self) -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
            finally:
                await asyncio.to_thread(release.wait)

    stubborn = Stubborn()
    numbers = Bridge(stubborn).iterate(stubborn.items)
    next(numbers)
    with pytest.raises(BridgeError, match="clean-up was not done"):
        numbers.close()
    release.set()


def test_closing_again_leaves_the_clean_up_alone_that_is_under_way() -> None:
    cleaning, release, cleaned = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        async def items(self) -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
            finally:
                cleaning.set()
                await asyncio.to_thread(release.wait)
                cleaned.set()

    slow = Slow()
    numbers = Bridge(slow).iterate(slow.items)
    next(numbers)
    numbers._source.abandon()
    assert cleaning.wait(10)
    threads = [threading.Thread(target=numbers.close) for _ in range(2)]
    for thread in threads:
        thread.start()
    Bridge(store := Store())(store.where)  # the loop has seen them
    release.set()
    for thread in threads:
        thread.join()
    assert cleaned.is_set()


class Plain:
    """An async iterator that is no generator: no `aclose`, and `__anext__` may be anything."""

    def __init__(self, stop: int) -> None:
        self._left = iter(range(stop))

    def __aiter__(self) -> Plain:
        return self

    async def __anext__(self) -> int:
        for number in self._left:
            return number
        raise StopAsyncIteration


def test_plain_async_iterators_work_in_both_modes_and_so_do_coroutines_that_return_one() -> None:
    class Source:
        def items(self) -> AsyncIterator[int]:
            return Plain(3)

        async def late(self) -> AsyncIterator[int]:
            return Plain(3)

    source = Source()
    late: Any = source.late
    assert list(Bridge(source).iterate(source.items)) == [0, 1, 2]
    assert list(Bridge(source).iterate(late)) == [0, 1, 2]
    source.sync_mode = "inline"  # type: ignore[attr-defined]
    assert list(Bridge(source).iterate(source.items)) == [0, 1, 2]


def test_an_inline_iterator_that_suspends_is_refused_and_its_finally_runs() -> None:
    ends: list[str] = []

    class Suspends:
        sync_mode = "inline"

        async def items(self) -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.sleep(0)
            finally:
                ends.append("finally")

    suspends = Suspends()
    numbers = Bridge(suspends).iterate(suspends.items)
    assert next(numbers) == 1
    with pytest.raises(WouldSuspend, match='declare "portal"'):
        next(numbers)
    assert ends == ["finally"]
    assert list(numbers) == []


# A portal of one's own, closed while calls are on their way


async def _answer() -> int:
    return 42


def test_a_portal_that_was_closed_serves_calls_and_iterators_on_private_loops() -> None:
    own = Portal()
    assert own.call(_answer) == 42
    own.close()
    own.close()
    assert own.call(_answer) == 42
    assert not own.post(Call(_answer))


def test_calls_that_race_with_the_end_of_the_portal_are_answered_all_the_same() -> None:
    for _ in range(20):
        own = Portal()
        answers: list[int] = []
        start = threading.Barrier(5)

        def work(own: Portal = own, answers: list[int] = answers, start: threading.Barrier = start) -> None:
            start.wait()
            for _ in range(20):
                try:
                    answers.append(own.call(_answer))
                except asyncio.CancelledError:  # it had begun
                    answers.append(42)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        start.wait()
        own.close()
        for thread in threads:
            thread.join(60)
        assert answers == [42] * 80


def test_a_call_that_is_cancelled_before_it_begins_ends_at_once() -> None:
    own = Portal()
    begun: list[int] = []

    async def begin() -> None:
        begun.append(1)

    early = Call(begin)
    own.call(_answer)
    own.stop(early)  # before it is posted
    assert early.is_over
    own.post(early)
    posted = Call(begin)

    async def post_and_cancel() -> None:
        loop = asyncio.get_running_loop()
        posted.start(loop, set())
        posted.cancel(set())

    own.call(post_and_cancel)
    assert posted.done.acquire(timeout=10)
    with pytest.raises(asyncio.CancelledError):
        posted.outcome()
    assert begun == []
    assert not own.stop(posted)
    own.close()


def test_a_loop_that_asks_for_no_executor_of_its_own_gets_workers() -> None:
    from concurrent.futures import ThreadPoolExecutor

    async def both() -> tuple[str, str]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "mine") as mine:
            name = lambda: threading.current_thread().name  # noqa: E731
            return await loop.run_in_executor(mine, name), await loop.run_in_executor(None, name)

    own, default = portal.call(both)
    assert own.startswith("mine")
    assert default.startswith("lashkit-portal-worker")


def test_variables_set_by_an_iterator_are_seen_with_its_items() -> None:
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")

    class Words:
        async def items(self) -> AsyncIterator[str]:
            word.set("first")
            yield "first"
            await asyncio.sleep(0)
            word.set("second")

    words = Words()
    numbers = Bridge(words).iterate(words.items)
    assert next(numbers) == "first"
    assert word.get() in {"first", "second"}
    assert list(numbers) == []
    assert word.get() == "second"


def test_a_slow_iterator_hands_over_each_item_as_it_comes() -> None:
    may_go_on = threading.Event()

    class Slow:
        async def items(self) -> AsyncIterator[int]:
            yield 1
            await asyncio.to_thread(may_go_on.wait)
            yield 2

    slow = Slow()
    numbers = Bridge(slow).iterate(slow.items)
    started = time.monotonic()
    assert next(numbers) == 1  # while the second is not there yet
    may_go_on.set()
    assert list(numbers) == [2]
    assert time.monotonic() - started < 30
    assert isinstance(numbers._source, Pump)


def test_a_call_that_the_ending_loop_never_began_is_refused_and_never_forgotten() -> None:
    own, begun = Portal(), []

    async def begin() -> None:
        begun.append(1)

    late = Call(begin)

    async def end() -> None:
        own._closed = True  # as `close` does, between two steps of the loop
        asyncio.get_running_loop().stop()
        assert own.post(late)

    own.call(end)
    assert late.done.acquire(timeout=10)
    assert late.is_refused
    assert begun == []
    own.close()
