"""Async iterators over the portal: one task on its loop owns the iterator and hands over what it has, in batches."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from lashkit.errors import BridgeError, ForkedStoreError
from lashkit.runner import adopt, unobserved
from lashkit.sync.iterators import InPlace
from lashkit.sync.loops import new_loop
from lashkit.sync.portal import GRACE_S, Call, portal, wait_for

__all__ = ["Pump", "portal"]

T = TypeVar("T")

_AHEAD_COUNT = 64
_AHEAD_BYTE_LEN = 2 * 1024 * 1024


class Pump(Generic[T]):
    """A `Source` over the portal. Nothing starts before the first item is asked for.

    The task runs ahead of the consumer: by one item at first, and by twice as many each time that it had to wait for
    the consumer, up to 64 items or 2 MiB of bytes. So a fast iterator costs few trips between the threads, and an
    iterator that is left after its first item has done little for nothing.

    Args:
        open_iterator: makes the async iterator; called on the loop.
    """

    def __init__(self, open_iterator: Callable[[], AsyncIterator[T]]) -> None:
        self._generation = portal.generation
        self._open_iterator = open_iterator
        self._turn = threading.Lock()  # one consumer at a time
        self._taken: deque[T] = deque()  # handed over already
        self._call: Call | None = None
        self._private: InPlace[T] | None = None
        self._closed = False
        self._abandoned = False
        self._mutex = threading.Lock()  # guards what follows, for moments: nobody waits while holding it
        self._ahead: deque[T] = deque()
        self._ahead_byte_len = 0
        self._ahead_limit = 1
        self._room: asyncio.Future[None] | None = None  # what the task waits for where it is far enough ahead
        self._news: threading.Lock | None = None  # what the consumer waits for

    def step(self) -> T:
        """The next item; `StopIteration` after the last.

        Raises:
            ForkedStoreError: it was made in the process that forked this one.
            WouldDeadlock: this is the portal's own thread.
        """
        if self._generation != portal.generation:
            raise ForkedStoreError("this iterator lives in the process that forked this one; begin it anew here")
        try:
            return self._taken.popleft()
        except IndexError:
            pass
        portal.forbid_own_thread()
        with self._turn:
            return self._next_taken()

    def _next_taken(self) -> T:
        while True:
            try:
                return self._taken.popleft()
            except IndexError:
                pass
            if self._private is not None:
                return self._private.step()
            if self._closed:
                raise StopIteration
            try:
                self._refill()
            except BaseException:
                self._shut(GRACE_S)
                raise

    def _refill(self) -> None:
        """Wait until there is more, or an end."""
        call = self._call
        if call is None:
            call = self._call = Call(self._run, self._tell)
            if not portal.post(call):
                call.is_refused = True
        if call.is_refused:  # the interpreter exits, and there is no loop any more
            self._private = _private(self._open_iterator)
            return
        news = threading.Lock()
        news.acquire()
        with self._mutex:
            has_more, is_over = bool(self._ahead), call.is_over
            room, self._room = self._room, None
            if has_more:
                self._taken, self._ahead, self._ahead_byte_len = self._ahead, deque(), 0
            elif not is_over:
                self._news = news
        if room is not None:
            self._ahead_limit = min(2 * self._ahead_limit, _AHEAD_COUNT)
            portal.wake(_give_way, room)
        if has_more:  # and not `_taken`, which another consumer may have emptied already
            adopt(call.context)
        elif not is_over:
            wait_for(news)
        elif not call.is_refused and not self._closed:  # another thread may have closed it meanwhile
            self._closed = True
            adopt(call.context)
            call.outcome()

    def close(self) -> None:
        """End the iterator, and wait for its clean-up.

        Raises:
            BridgeError: it was not done after 5 s, and goes on in the background. Errors of the clean-up pass through.
        """
        was_over = self._call is None or self._call.is_over
        waited = self._shut(GRACE_S)
        if was_over or not waited or self._call is None:
            return
        if not self._call.is_over:
            raise BridgeError(f"the iterator's clean-up was not done after {GRACE_S:g} s and goes on in the background")
        if self._call.error is not None:
            self._call.outcome()

    def abandon(self) -> None:
        """End the iterator some time soon; errors of its clean-up go to the loop's exception handler."""
        self._abandoned = True
        self._shut(0)

    def _shut(self, grace_s: float) -> bool:
        """End it; whether its clean-up was waited for."""
        self._closed = True
        self._taken.clear()
        if self._private is not None:
            self._private.close()
        elif self._call is not None and self._generation == portal.generation:
            return portal.stop(self._call, grace_s)
        return False

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        opened: Any = self._open_iterator()
        if inspect.isawaitable(opened):
            opened = await opened
        iterator = aiter(opened)
        count = 0
        try:
            async for item in iterator:
                room = self._give(item, loop)
                del item
                count += 1
                if room is not None:
                    await room
                elif count % _AHEAD_COUNT == 0:
                    await asyncio.sleep(0)  # an iterator that never suspends would keep the loop, and a cancel, waiting
        finally:
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                await aclose()

    def _give(self, item: T, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """Put `item` where the consumer finds it. What to wait for, where that is enough for now."""
        with self._mutex:
            self._ahead.append(item)
            if isinstance(item, bytes | bytearray | memoryview):
                self._ahead_byte_len += len(item)
            if len(self._ahead) >= self._ahead_limit or self._ahead_byte_len >= _AHEAD_BYTE_LEN:
                self._room = loop.create_future()
            room, news, self._news = self._room, self._news, None
        if news is not None:
            news.release()
        return room

    def _tell(self) -> None:
        """On the loop: the task has ended."""
        with self._mutex:
            news, self._news = self._news, None
        if news is not None:
            news.release()
        call = self._call
        if self._abandoned and call is not None and call.error is not None:
            fact = {"message": "an abandoned iterator failed while it was closed", "exception": call.error}
            asyncio.get_running_loop().call_exception_handler(fact)


def _give_way(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


def _private(open_iterator: Callable[[], AsyncIterator[T]]) -> InPlace[T]:
    """The iterator on a loop of its own in this thread, for as long as it lasts."""
    runner = asyncio.Runner(loop_factory=new_loop)

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        context = contextvars.copy_context()
        with unobserved():
            try:
                return runner.run(coroutine, context=context)
            finally:
                adopt(context)

    def finish() -> None:
        with unobserved():
            runner.close()

    async def opened() -> AsyncIterator[T]:
        iterator: Any = open_iterator()
        return aiter(await iterator if inspect.isawaitable(iterator) else iterator)

    return InPlace(run(opened()), run, finish)
