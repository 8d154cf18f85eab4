"""Nested runs, opt-in: a sync call runs its coroutine on the very loop that runs, for objects made with `await`.

Nothing is patched on import, nor before `enable_nested()`; then only the loops on which nested runs happen.
nest-asyncio2 is the maintained successor of nest-asyncio, with which a nested run kills every queued cell of a current
ipykernel.
"""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from lashkit.errors import BridgeError, WouldDeadlock
from lashkit.runner import adopt, must_cancel, running_loop
from lashkit.sync.iterators import InPlace

if TYPE_CHECKING:
    import asyncio

__all__ = ["enable_nested", "iterate_nested", "nested_loop", "run_nested"]

T = TypeVar("T")

_GRACE_S = 5.0
_POLL_S = 0.1

_patch: Callable[[asyncio.AbstractEventLoop], None] | None = None


def enable_nested() -> None:
    """Let sync calls run objects that are bound to the running loop, by nesting: for notebooks, once, on purpose.

    Where no loop runs yet, the first sync call from within one patches it. asyncio then makes its tasks in Python,
    which is slower.

    Raises:
        BridgeError: nest-asyncio2 is not installed.
        WouldDeadlock: the running loop cannot be nested, as uvloop's cannot.
    """
    global _patch
    try:
        import nest_asyncio2
    except ImportError as exc:
        raise BridgeError("nested runs need nest-asyncio2: pip install 'lashkit[notebook]'") from exc
    _patch = nest_asyncio2.apply
    nested_loop()


def nested_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of this thread, ready for a nested run; `None` where nesting is not enabled or no loop runs."""
    loop = running_loop() if _patch is not None else None
    if _patch is not None and loop is not None:
        try:
            _patch(loop)
        except ValueError as exc:
            kind = type(loop).__module__
            raise WouldDeadlock(f"a loop of {kind} cannot be nested; await the async twin (.aio)") from exc
    return loop


def run_nested(
    loop: asyncio.AbstractEventLoop, function: Callable[[], Awaitable[T]], limit_s: float | None = None
) -> T:
    """`await function()` on `loop`, which runs in this thread and goes on with its other work meanwhile.

    Raises:
        TimeoutError: `limit_s` seconds have passed; the work was cancelled and has cleaned up.
        WouldDeadlock: the loop does not run in this thread (any more).
    """
    import asyncio

    if running_loop() is not loop:
        raise WouldDeadlock("a nested run belongs into the thread of its loop; await the async twin (.aio)")

    async def limited() -> T:
        async with asyncio.timeout(limit_s):
            return await function()

    context = contextvars.copy_context()
    watch = _CancelWatch(loop, asyncio.current_task(loop))
    task: asyncio.Task[T] = loop.create_task(limited(), context=context)
    watch.task = task
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():  # Ctrl-C: let it clean up, unless it comes again
            task.cancel()
            loop.run_until_complete(asyncio.wait([task], timeout=_GRACE_S))
        if task.done() and not task.cancelled():
            task.exception()  # raised already, or less than what is being raised; marks it as retrieved
        raise
    finally:
        watch.end()
        adopt(context)


class _CancelWatch:
    """Hands a cancel of the task that waits on to the one that it waits for: the first Ctrl-C under `asyncio.run`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, caller: asyncio.Task[Any] | None) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._loop = loop
        self._caller = caller
        self._timer = loop.call_later(_POLL_S, self._look_up)

    def _look_up(self) -> None:
        if self.task is not None and must_cancel(self._caller):
            self.task.cancel()
        else:
            self._timer = self._loop.call_later(_POLL_S, self._look_up)

    def end(self) -> None:
        self._timer.cancel()


def iterate_nested(loop: asyncio.AbstractEventLoop, open_iterator: Callable[[], AsyncIterator[T]]) -> InPlace[T]:
    """A source of items, each made by a nested run on `loop`."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return run_nested(loop, lambda: coroutine)
        finally:
            coroutine.close()

    async def opened() -> AsyncIterator[T]:
        iterator: Any = open_iterator()
        return aiter(await iterator if inspect.isawaitable(iterator) else iterator)

    return _Nested(run(opened()), run)


class _Nested(InPlace[T]):
    def abandon(self) -> None:
        """Let go of it: the loop closes its forgotten async generators by itself, and a `__del__` may run anywhere."""
        self._iterator = None
