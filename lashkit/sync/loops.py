"""Event loops of our own making: the portal's, and private ones for when there is no portal any more."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

from lashkit.runner import adopt, unobserved
from lashkit.workers import Workers

__all__ = ["new_loop", "run_privately"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_workers = Workers(16, "lashkit-portal-worker")


class _OwnWorkers(asyncio.BaseEventLoop):
    """A loop whose default executor works at exit too, so that clean-ups may use `asyncio.to_thread` or find hosts."""

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As in asyncio."""
        if executor is None:
            return asyncio.wrap_future(_workers.submit(func, *args), loop=self)
        return super().run_in_executor(executor, func, *args)


if sys.platform == "win32":

    class _Loop(_OwnWorkers, asyncio.ProactorEventLoop):
        """asyncio's own loop, whatever policy is installed."""
else:

    class _Loop(_OwnWorkers, asyncio.SelectorEventLoop):
        """asyncio's own loop, whatever policy is installed; out of reach of nest_asyncio2, which patches classes."""

        run_forever = asyncio.BaseEventLoop.run_forever
        run_until_complete = asyncio.BaseEventLoop.run_until_complete
        _run_once = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]
        _check_running = asyncio.BaseEventLoop._check_running  # type: ignore[attr-defined]


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop of the portal's kind, not running; for `asyncio.Runner`."""
    return _Loop()


def run_privately(function: Callable[[], Awaitable[Any]], limit_s: float | None) -> Any:
    """`await function()` on a loop that lives for this call, in this thread, whose own loop, if any, stands still."""

    async def limited() -> Any:
        async with asyncio.timeout(limit_s):
            return await function()

    context = contextvars.copy_context()
    with unobserved(), asyncio.Runner(loop_factory=new_loop) as runner:
        try:
            return runner.run(limited(), context=context)
        finally:
            adopt(context)
