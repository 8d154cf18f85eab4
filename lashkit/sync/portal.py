"""The portal: the one event loop, on a daemon thread of its own, on which sync code runs what needs a loop.

It starts with the first call and lives until the process exits. A forked child starts its own. Once the interpreter
exits, calls run on a private loop in the caller's thread, since no thread may be started then.

What others got wrong is law here: a lock that another thread held at a fork hangs the child (anyio, fsspec); a Ctrl-C
that ends only the wait leaves the task running (zarr); a KeyboardInterrupt raised inside a task kills the loop.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from lashkit.errors import WouldDeadlock
from lashkit.runner import adopt, checkpoint, interpreter_exits, must_cancel, running_loop
from lashkit.sync.loops import new_loop, run_privately

__all__ = ["GRACE_S", "Call", "Portal", "portal", "wait_for"]

GRACE_S = 5.0
"""Seconds for which an interrupted caller waits until its task has cleaned up. A second Ctrl-C ends the wait."""

_EXIT_S = 2.0
_POLL_S = 0.1


def wait_for(done: threading.Lock, limit_s: float | None = None) -> None:
    """Acquire `done`, which another thread releases, and stay open to all that may end the wait of this thread.

    Raises:
        TimeoutError: `limit_s` seconds, or the time limit of this thread, have passed.
        asyncio.CancelledError: the task that makes this call, on a loop of its own, was cancelled: what the first
            Ctrl-C does under `asyncio.run`.
    """
    task = asyncio.current_task() if running_loop() is not None else None
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause_s = _POLL_S if limit_s is None else min(_POLL_S, max(0.0, limit_s))
    # In slices, so that somebody looks up now and then; on Windows even Ctrl-C gets through only between two waits.
    while not done.acquire(timeout=pause_s):
        checkpoint()
        if must_cancel(task):
            raise asyncio.CancelledError
        if deadline is not None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"no answer within {limit_s} s; the work was cancelled")
            pause_s = min(_POLL_S, left_s)


class Call:
    """One piece of work that a thread gives to the loop, and its outcome.

    Args:
        function: makes the awaitable; called on the loop.
        ended: called on the loop when the work has ended, however it did.
    """

    __slots__ = (
        "_begun",
        "_cancelled",
        "_ended",
        "_error",
        "_result",
        "_task",
        "context",
        "done",
        "function",
        "is_over",
        "is_refused",
    )

    def __init__(self, function: Callable[[], Awaitable[Any]], ended: Callable[[], None] | None = None) -> None:
        self.function: Callable[[], Awaitable[Any]] = function
        self.context: contextvars.Context = contextvars.copy_context()
        self.done: threading.Lock = threading.Lock()
        self.done.acquire()
        self.is_over: bool = False
        self.is_refused: bool = False
        self._ended = ended
        self._begun = False
        self._cancelled = False
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._result: Any = None

    def start(self, loop: asyncio.AbstractEventLoop, calls: set[Call]) -> None:
        """On the loop: begin."""
        if not self.is_over:
            self._task = loop.create_task(self._run(calls), context=self.context)

    async def _run(self, calls: set[Call]) -> None:
        self._begun = True
        error: BaseException | None = None
        try:
            if self._cancelled:
                raise asyncio.CancelledError
            self._result = await self.function()
        except BaseException as exc:  # noqa: BLE001  (KeyboardInterrupt too: it is the caller's, not the loop's)
            error = exc
        self._end(calls, error)
        del error, self  # no cycle from the error through the frame that its traceback holds

    def cancel(self, calls: set[Call]) -> None:
        """On the loop: end it, once: a second cancel would end the clean-up. `done` follows when that has run."""
        if self.is_over or self._cancelled:
            return
        self._cancelled = True
        if self._task is None:
            self._end(calls, asyncio.CancelledError())
        elif self._begun:
            self._task.cancel()
        # Else `_run` finds out: a task that is cancelled before its first step would never tell anybody.

    def refuse(self, calls: set[Call]) -> None:
        """As the loop ends: what is not over now will never be."""
        if not self.is_over:
            self.is_refused = not self._begun
            self._end(calls, asyncio.CancelledError())

    def _end(self, calls: set[Call], error: BaseException | None) -> None:
        self._error, self._task, self.is_over = error, None, True
        calls.discard(self)
        self.done.release()
        if self._ended is not None:
            self._ended()
        del error

    @property
    def error(self) -> BaseException | None:
        """What the work raised, unless it was cancelled or is not over."""
        return None if isinstance(self._error, asyncio.CancelledError) else self._error

    def outcome(self) -> Any:
        """The result, or the error raised; an error can be had once."""
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error, self


class Portal:
    """The loop thread, and the way onto it. One a process: `portal`."""

    def __init__(self) -> None:
        self.generation: int = 0  # how many forks ago the process began; what belongs to an older one has no loop now
        self._inherited: list[object] = []
        self._forget()

    def _forget(self) -> None:
        # A lock that can be taken again: a signal handler or a `__del__` may call while this thread opens the loop.
        self._lock = threading.RLock()
        self._calls: set[Call] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def after_fork_in_child(self) -> None:
        """Leave the parent's loop alone: closing it here would unregister the parent's own sockets from its epoll."""
        self._inherited.append((self._loop, self._thread, self._calls))
        self.generation += 1
        closed = self._closed
        self._forget()
        self._closed = closed

    def call(self, function: Callable[[], Awaitable[Any]], limit_s: float | None = None) -> Any:
        """`await function()` on the portal's loop; wait for it here. Context variables flow both ways.

        Args:
            limit_s: seconds, after which the work is cancelled.

        Raises:
            WouldDeadlock: this is the portal's own thread.
            TimeoutError: `limit_s` has passed; the work was cancelled and has cleaned up.
        """
        self.forbid_own_thread()
        call = Call(function)
        try:
            if not self.post(call):
                return run_privately(function, limit_s)
            wait_for(call.done, limit_s)
        except BaseException as why:
            self.stop(call)
            if not call.is_over:
                why.add_note(f"its clean-up was not done after {GRACE_S:g} s and goes on in the background")
            elif call.error is not None and why.__context__ is None:
                why.__context__ = call.error
            raise
        finally:
            adopt(call.context)
        return run_privately(function, limit_s) if call.is_refused else call.outcome()

    def post(self, call: Call) -> bool:
        """Have `call` begun on the loop; false where there is no loop any more, since the interpreter exits."""
        loop = self._loop or self._open()
        if loop is None:
            return False
        self._calls.add(call)
        try:
            loop.call_soon_threadsafe(call.start, loop, self._calls)
        except RuntimeError:  # closed a moment ago
            self._calls.discard(call)
            return False
        return True

    def is_own_thread(self) -> bool:
        """Whether this is the loop's thread, even where `drive` hides that a loop runs."""
        return self._thread is not None and self._thread.ident == threading.get_ident()

    def forbid_own_thread(self) -> None:
        """Raise `WouldDeadlock` on the portal's own thread: a sync call there would wait for itself."""
        if self.is_own_thread():
            raise WouldDeadlock(
                "this sync call would wait for the event loop that makes it; await the async twin (.aio)"
            )

    def wake(self, function: Callable[..., object], *args: object) -> None:
        """Have `function(*args)` called on the loop, if there still is one. Never waits."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # closed a moment ago
                loop.call_soon_threadsafe(function, *args)

    def stop(self, call: Call, grace_s: float = GRACE_S) -> bool:
        """Cancel `call` and wait up to `grace_s` seconds for its clean-up. Whether there was anything to wait for."""
        if call.is_over:
            return False
        self.wake(call.cancel, self._calls)
        if grace_s <= 0 or self._loop is None or self.is_own_thread():
            return False
        if call.done.acquire(timeout=grace_s):
            call.done.release()  # for the next one who waits for the same call
        return True

    def _open(self) -> asyncio.AbstractEventLoop | None:
        with self._lock:
            if self._loop is None and not self._closed and not interpreter_exits():
                loop = new_loop()
                thread = threading.Thread(
                    target=self._serve, args=(loop, self._calls), name="lashkit-portal", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # no thread to be had
                    loop.close()
                else:
                    self._loop, self._thread = loop, thread
            return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop, calls: set[Call]) -> None:
        # Set here too: a Ctrl-C may keep `_open` from it once the thread runs.
        self._loop, self._thread = loop, threading.current_thread()
        try:
            while not self._closed:
                try:
                    loop.run_forever()
                except BaseException as exc:  # noqa: BLE001  (a stray task raised KeyboardInterrupt or SystemExit)
                    loop.call_exception_handler({"message": "a background task stopped the loop", "exception": exc})
            loop.run_until_complete(_wind_up())
        finally:
            loop.close()
            for call in list(calls):
                call.refuse(calls)

    def close(self) -> None:
        """Cancel what runs, and wait up to 2 s for its clean-up. Later calls use private loops. Called at exit."""
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.stop)
            self._thread.join(_EXIT_S)


async def _wind_up() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    await asyncio.get_running_loop().shutdown_asyncgens()


portal: Portal = Portal()
atexit.register(portal.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=portal.after_fork_in_child)
