"""The injected runner: where blocking work goes, and how a coroutine that never suspends is driven.

Blocking work in an async method is handed to a `Runner`. Where no event loop is visible it runs in place, so the
coroutine never suspends and `drive` finishes it with one `send(None)`: no loop, no thread. Where a loop runs, it goes
to a worker thread. `drive` hides the caller's loop while it drives, so "no running loop" is the inline signal and no
context variable is needed. `Runner.hop` moves a whole inline coroutine into a worker, so that one operation is one hop.

A cancelled `await` waits for its worker: what was started is finished or undone before the caller goes on. Long loops
in workers call `checkpoint()` between chunks, which ends them early once their awaiter is gone or a time limit has
passed.

Source of the mechanism: hand-driven coroutines as in gel-python `blocking_client.py`; masking of the loop is our own.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, TypeVarTuple

from lashkit.errors import WouldSuspend

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from lashkit.workers import Workers

__all__ = [
    "Runner",
    "ThreadRunner",
    "adopt",
    "checkpoint",
    "default_runner",
    "drive",
    "driven",
    "may_give_up",
    "must_cancel",
    "must_finish",
    "running_loop",
    "time_limit",
    "unobserved",
]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
F = TypeVar("F", bound=Callable[..., Any])

_REMEDY = 'sync_mode = "inline" promises that it never does: declare "portal"'
_NO_LOOP = "no running event loop"  # what asyncio's primitives say when `drive` has hidden the loop from them
_ABSENT = object()

loading: threading.RLock = threading.RLock()
"""Held while a module is imported late. No fork happens meanwhile: its child would wait for ever for the import."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=loading.acquire, after_in_parent=loading.release, after_in_child=loading.release)

_events: Any = None


def interpreter_exits() -> bool:
    """Whether Python is on its way out: a thread that is started now may never run, and whoever waits for it hangs."""
    return sys.is_finalizing() or not threading.main_thread().is_alive()


def _find_events() -> Any:
    """The module `asyncio.events` if anything has imported it whole, else `None`."""
    global _events
    events = sys.modules.get("asyncio.events")
    if hasattr(events, "_set_running_loop"):
        _events = events
    return _events


def running_loop() -> AbstractEventLoop | None:
    """The event loop that runs in this thread, or `None`; never imports asyncio, since without it none can run."""
    events = _events or _find_events()
    loop: AbstractEventLoop | None = events._get_running_loop() if events is not None else None
    return loop


_told: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def must_cancel(task: Any) -> bool:
    """Whether the asyncio task that calls this was cancelled and does not know yet: its next `await` would raise.

    What the first Ctrl-C does under `asyncio.run`. True once for each cancel, so that sync calls of the task's clean-up
    are left alone. A count (`Task.cancelling`) alone would not do: a cancel may come before one begins to count.
    """
    if not getattr(task, "_must_cancel", False) or _told.get(task) == task.cancelling():
        return False
    _told[task] = task.cancelling()
    return True


def driven(mode: Literal["inline", "portal", "bound"]) -> Callable[[F], F]:
    """Declare how sync code drives one method; it wins over the `sync_mode` of the object that has the method."""

    def declare(method: F) -> F:
        method.sync_mode = mode  # type: ignore[attr-defined]
        return method

    return declare


@contextmanager
def unobserved() -> Iterator[None]:
    """Hide this thread's running loop and async-generator hooks for a while; both are back afterwards."""
    loop, hooks = running_loop(), sys.get_asyncgen_hooks()
    try:
        if loop is not None:
            _events._set_running_loop(None)
        sys.set_asyncgen_hooks(None, None)
        yield
    finally:
        try:
            if loop is not None:
                _events._set_running_loop(loop)
        finally:
            sys.set_asyncgen_hooks(*hooks)


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, here and now.

    While it runs, the caller's event loop and async-generator hooks are hidden from it; they are restored whatever
    happens. Context variables flow both ways, since it runs in the caller's own context.

    Raises:
        WouldSuspend: where it awaited something that is not ready. It is closed, so its `finally` blocks ran.
    """
    events = _events or _find_events()
    loop = events._get_running_loop() if events is not None else None
    firstiter, finalizer = sys.get_asyncgen_hooks()  # trio sets them too, with no loop of asyncio in sight
    hooked = firstiter is not None or finalizer is not None
    # Ctrl-C may strike between any two lines, so hiding stands inside the `try`, and restoring twice over is harmless.
    try:
        if loop is not None:
            events._set_running_loop(None)
        if hooked:
            sys.set_asyncgen_hooks(None, None)
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    except RuntimeError as exc:
        if str(exc) == _NO_LOOP:
            raise WouldSuspend(f"{_name_of(coroutine)} asked for an event loop; {_REMEDY}") from exc
        raise
    else:
        return _refuse(coroutine)
    finally:
        try:
            if loop is not None:
                events._set_running_loop(loop)
        finally:
            if hooked:
                sys.set_asyncgen_hooks(firstiter, finalizer)


def _name_of(coroutine: object) -> str:
    return getattr(coroutine, "__qualname__", type(coroutine).__name__)


def _refuse(coroutine: Coroutine[Any, Any, T]) -> T:
    fact = f"{_name_of(coroutine)} awaited something real"
    try:
        # Not close(): closing one step of an async generator would leave the generator suspended, its `finally` unrun.
        coroutine.throw(GeneratorExit())
    except (GeneratorExit, StopIteration, StopAsyncIteration):
        raise WouldSuspend(f"{fact}; {_REMEDY}") from None
    except Exception as exc:
        raise WouldSuspend(f"{fact}, and failed while it was closed; {_REMEDY}") from exc
    raise WouldSuspend(f"{fact}, again while it was closed; {_REMEDY}")


class Runner(Protocol):
    """Where blocking work goes."""

    async def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """`function(*args)`: in place where no loop runs, else in a worker thread. Context variables flow both ways.

        A cancelled await lasts until the worker is done; `checkpoint()` inside `function` makes that soon.
        """
        ...

    async def hop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await an inline coroutine: in place where no loop runs, else driven as a whole in one worker thread."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait: in place where no loop runs (so in a worker too), else on the loop, which goes on meanwhile.

        Inside `time_limit` it ends with `TimeoutError` at the limit; in a worker it ends once the awaiter is gone.
        """
        ...


class _Abandoned(BaseException):
    """Unwinds a worker whose awaiter was cancelled; nobody sees it but `finally` blocks."""


class _Limits(threading.local):
    """What may end the work of this thread early."""

    abandoned: threading.Event | None = None
    deadline: float | None = None  # seconds, on time.monotonic()
    kept: threading.Event | None = None  # what `abandoned` was before `must_finish`


limits: _Limits = _Limits()


def checkpoint() -> None:
    """Give up here if the `await` that this worker works for was cancelled. Cheap; call it between chunks.

    Raises:
        TimeoutError: inside `time_limit`, once it has passed.
    """
    if limits.abandoned is not None and limits.abandoned.is_set():
        raise _Abandoned
    if limits.deadline is not None and time.monotonic() > limits.deadline:
        raise TimeoutError("the time limit has passed")


def must_finish() -> None:
    """Have the operation that this worker does end by itself: something is half done, and its awaiter waits for it."""
    if limits.abandoned is not None:
        limits.kept, limits.abandoned = limits.abandoned, None


def may_give_up() -> None:
    """What `must_finish` began is whole: a cancelled awaiter is obeyed again."""
    if limits.kept is not None:
        limits.abandoned, limits.kept = limits.kept, None


def _sleep_here(seconds: float) -> None:
    left_s = seconds if limits.deadline is None else max(0.0, limits.deadline - time.monotonic())
    if limits.abandoned is not None:
        limits.abandoned.wait(min(seconds, left_s))
    else:
        time.sleep(min(seconds, left_s))
    checkpoint()
    if left_s < seconds:
        raise TimeoutError("the time limit has passed")


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Make `checkpoint()` in this thread raise `TimeoutError` after so many seconds. The nearest limit counts."""
    outer = limits.deadline
    deadline = time.monotonic() + seconds
    limits.deadline = deadline if outer is None else min(outer, deadline)
    try:
        yield
    finally:
        limits.deadline = outer


worker_depth: contextvars.ContextVar[int] = contextvars.ContextVar("lashkit_worker_depth", default=0)
"""How many workers wait for this one, directly or over loops. Work flows deeper; the depth never flows back."""


def adopt(context: contextvars.Context) -> None:
    """Set here what was set in `context`, a copy of this context in which work was done elsewhere."""
    for variable, value in context.items():
        if variable is not worker_depth and variable.get(_ABSENT) is not value:
            variable.set(value)


class ThreadRunner:
    """A `Runner` over lazily made pools of worker threads. A forked child makes its own; at exit work is done in place.

    A worker may wait for a loop whose tasks need workers too, so work that was started from inside a worker gets a
    pool of its own, one for each level: each level waits only for deeper ones, and no number of workers can starve
    another.

    Args:
        workers: how many threads a pool has at most.
    """

    def __init__(self, workers: int = 16) -> None:
        self._limit = workers
        self._workers: dict[int, Workers] = {}

    async def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """See `Runner.run`."""
        if running_loop() is None:
            return function(*args)
        if interpreter_exits():
            with unobserved():
                return function(*args)
        return await self._at_depth().work(lambda: function(*args))

    async def hop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See `Runner.hop`."""
        if running_loop() is None:
            return await coroutine
        if interpreter_exits():
            return drive(coroutine)
        try:
            return await self._at_depth().work(lambda: drive(coroutine))
        except BaseException:
            # No worker may have taken it up. Where one still runs it (the loop itself is gone), it ends by itself.
            with suppress(ValueError):
                coroutine.close()
            raise

    async def sleep(self, seconds: float) -> None:
        """See `Runner.sleep`."""
        if running_loop() is None:
            _sleep_here(seconds)
            return
        import asyncio  # a loop of it runs: this costs nothing

        await asyncio.sleep(seconds)

    def _at_depth(self) -> Workers:
        depth = worker_depth.get()
        workers = self._workers.get(depth)
        if workers is None:
            with loading:
                from lashkit.workers import Workers

            workers = self._workers.setdefault(depth, Workers(self._limit, f"lashkit-worker-{depth}"))
        return workers


default_runner: ThreadRunner = ThreadRunner()
