"""Worker threads that still take work while the interpreter exits. Imported when the first worker is needed."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from lashkit.runner import adopt, interpreter_exits, limits, loading, unobserved, worker_depth

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """A lazily made pool of threads of this process; a forked child forgets its parent's and makes its own.

    Work that was begun is finished before the process ends. Once no thread can be had any more (at exit), work is done
    in the thread that asks for it.

    Args:
        limit: how many threads at most.
        name: what their names begin with.
    """

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    async def work(self, call: Callable[[], T]) -> T:
        """`call()` in a worker. Context variables flow both ways. A cancelled await lasts until the worker is done."""
        context = contextvars.copy_context()
        context.run(worker_depth.set, worker_depth.get() + 1)
        abandoned = threading.Event()
        job = self.submit(context.run, _in_worker, call, abandoned)
        future = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            abandoned.set()
            if not job.cancel():
                await _settled(future)
            raise
        except GeneratorExit:  # the loop is gone: nobody can wait any more
            abandoned.set()
            job.cancel()
            raise
        finally:
            adopt(context)

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Have `function(*args)` done; its outcome is in the future. A future that is cancelled in time undoes it."""
        work = _Work(function, args)
        if not interpreter_exits():
            try:
                self._threads().submit(work)
            except (
                RuntimeError
            ):  # Python found out later than we, perhaps with the work queued: whoever is first does it
                pass
            else:
                return work.outcome
        with unobserved():
            work()
        return work.outcome

    def _threads(self) -> ThreadPoolExecutor:
        pool = self._pool
        if pool is None or self._pid != os.getpid():
            with loading:
                from concurrent.futures import ThreadPoolExecutor  # refuses to be imported at exit: RuntimeError

            # Of two racing threads one may lose its pool with work in it; the pool finishes that, then its threads end.
            pool = self._pool = ThreadPoolExecutor(self._limit, self._name)
            self._pid = os.getpid()
        return pool


class _Work:
    """Something to do once, and its outcome."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.outcome: Future[Any] = Future()
        self._claim = threading.Lock()
        self._parts = (function, args)

    def __call__(self) -> None:
        if not self._claim.acquire(blocking=False) or not self.outcome.set_running_or_notify_cancel():
            return
        function, args = self._parts
        outcome = self.outcome
        del self._parts, self
        try:
            result = function(*args)
        except BaseException as exc:  # noqa: BLE001  (all of it is for whoever waits)
            outcome.set_exception(exc)
            del outcome  # the error's traceback holds this frame, which must not hold the error
        else:
            outcome.set_result(result)
        finally:
            del function, args


def _in_worker(call: Callable[[], T], abandoned: threading.Event) -> T:
    outer, limits.abandoned = limits.abandoned, abandoned
    try:
        return call()
    except StopIteration as exc:  # a future cannot carry it: the awaiter would wait for ever
        raise RuntimeError("the function raised StopIteration") from exc
    finally:
        limits.abandoned, limits.kept = outer, None


async def _settled(future: asyncio.Future[Any]) -> None:
    """Wait until `future` is done, however often the waiting task is cancelled meanwhile."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # its outcome has nobody left to hear it; marks it as retrieved
