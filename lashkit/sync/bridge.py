"""The bridge: how a facade runs async code, in each of the three modes that an object may declare.

| `sync_mode` | how | for |
| --- | --- | --- |
| `inline` | driven here and now: it never suspends | memory, files, SQLite, Postgres |
| `portal` | on the one loop of a thread of ours | what declares nothing; S3, a user's async store or model |
| `bound` | refused, or nested on the running loop after `enable_nested()` | what was made with `await` in a cell |

A method's own `sync_mode` (see `lashkit.runner.driven`) wins over that of its object.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec, TypeVar

from lashkit.errors import BridgeError, WouldDeadlock
from lashkit.runner import drive, driven, loading, time_limit
from lashkit.sync.iterators import InPlace, SyncIterator
from lashkit.sync.nested import iterate_nested, nested_loop, run_nested

__all__ = ["Bridge", "driven"]

P = ParamSpec("P")
T = TypeVar("T")

_pump: Any = None


def _portal_side() -> Any:
    """The module of the portal's iterators, which has the portal too. Imported late, since asyncio comes with it."""
    global _pump
    if _pump is None:
        with loading:
            from lashkit.sync import pump
        _pump = pump
    return _pump


class Bridge:
    """Runs the async methods of one object for sync code.

    Args:
        aio: the object whose methods are called; its `sync_mode` says how, afresh at each call.
    """

    __slots__ = ("_aio",)

    def __init__(self, aio: object) -> None:
        self._aio = aio

    def __call__(self, method: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `await method(*args, **kwargs)` returns or raises. Context variables flow both ways.

        Raises:
            WouldSuspend: an inline method awaited something real.
            WouldDeadlock: the loop that has to run it is the one that waits; await it instead.
        """
        try:  # `_mode` in short, for the way that has to be fast
            mode = method.__func__.__dict__.get("sync_mode") or self._aio.sync_mode  # type: ignore[attr-defined]
        except AttributeError:
            mode = self._mode(method)
        if mode == "inline":
            return drive(method(*args, **kwargs))
        return self._run(method, partial(method, *args, **kwargs), None)  # type: ignore[no-any-return]

    def call_within(
        self, seconds: float, method: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same, but cancelled after so many seconds. Inline work ends at its next `checkpoint()`.

        Raises:
            TimeoutError: the time is up; the work was cancelled and has cleaned up.
        """
        if self._mode(method) == "inline":
            with time_limit(seconds):
                return drive(method(*args, **kwargs))
        return self._run(method, partial(method, *args, **kwargs), seconds)  # type: ignore[no-any-return]

    def iterate(self, method: Callable[P, AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs) -> SyncIterator[T]:
        """The items of `async for item in method(*args, **kwargs)`; close it, exhaust it, or use it in a `with`."""
        mode = self._mode(method)
        if mode == "inline":
            return SyncIterator(InPlace(aiter(method(*args, **kwargs))))
        if mode == "portal":
            return SyncIterator(_portal_side().Pump(partial(method, *args, **kwargs)))
        return SyncIterator(iterate_nested(self._nested_loop(mode, method), partial(method, *args, **kwargs)))

    def _mode(self, method: object) -> str:
        try:
            # The attributes of the function itself: asking the bound method for one that is not there is slow.
            declared = method.__func__.__dict__.get("sync_mode")  # type: ignore[attr-defined]
        except AttributeError:
            declared = getattr(method, "sync_mode", None)
        return declared or getattr(self._aio, "sync_mode", None) or "portal"

    def _run(self, method: object, function: Callable[[], Awaitable[Any]], limit_s: float | None) -> Any:
        mode = self._mode(method)
        if mode == "portal":
            return _portal_side().portal.call(function, limit_s)
        return run_nested(self._nested_loop(mode, method), function, limit_s)

    def _nested_loop(self, mode: str, method: object) -> Any:
        name = getattr(method, "__qualname__", repr(method))
        if mode != "bound":
            raise BridgeError(f'{name} declares sync_mode = {mode!r}; it is "inline", "portal" or "bound"')
        loop = nested_loop()
        if loop is None:
            raise WouldDeadlock(
                f"{name} is bound to the event loop that it was made on: await it (.aio),"
                " or call lashkit.enable_nested() once and stay in that loop's thread"
            )
        return loop
