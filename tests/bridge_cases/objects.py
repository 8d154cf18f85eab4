"""What the cases drive: small async objects, one for each mode, and what the cases share."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import sys
import warnings
from collections.abc import AsyncIterator
from typing import Any

from lashkit.runner import default_runner
from lashkit.sync.bridge import Bridge

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with Ctrl-C ignored
warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)

seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")


def say(*words: object) -> None:
    """Print a line that is out before the next step, whatever that step is: a fork, an exit, the end of Python."""
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def interrupt() -> None:
    """A real Ctrl-C for this process: the main thread gets the KeyboardInterrupt."""
    os.kill(os.getpid(), signal.SIGINT)


def names(error: BaseException) -> str:
    """The type of an error."""
    return type(error).__name__


class Inline:
    """What never suspends: blocking work goes through the runner."""

    sync_mode = "inline"

    async def double(self, number: int) -> int:
        """Blocking work, in place or in a worker."""
        return await default_runner.run(lambda: 2 * number)

    async def count(self, stop: int) -> AsyncIterator[int]:
        """0, 1, ..., and a `finally` that says so."""
        try:
            for number in range(stop):
                yield await default_runner.run(lambda value=number: value)
        finally:
            say("inline count closed")

    async def mark(self, word: str) -> str:
        """Set the context variable; return what it was."""
        before = seen.get()
        seen.set(word)
        return before

    async def fail(self, error: BaseException) -> None:
        """Raise it."""
        raise error


class Portal:
    """What declares nothing, and needs a loop."""

    async def double(self, number: int) -> int:
        """Work that suspends, and uses a worker."""
        await asyncio.sleep(0)
        return await default_runner.run(lambda: 2 * number)

    async def count(self, stop: int) -> AsyncIterator[int]:
        """0, 1, ..., and a `finally` that awaits and says so."""
        try:
            for number in range(stop):
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0)
            say("portal count closed")

    async def mark(self, word: str) -> str:
        """Set the context variable; return what it was."""
        before = seen.get()
        await asyncio.sleep(0)
        seen.set(word)
        return before

    async def fail(self, error: BaseException) -> None:
        """Raise it, once the loop runs the task."""
        await asyncio.sleep(0)
        raise error

    async def wait(self, *, at_start: Any = lambda: None) -> None:
        """Wait for ever; clean up with an await, then say so."""
        try:
            at_start()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            say("cleaned up")


class Bound(Portal):
    """What was made on a loop and lives there."""

    sync_mode = "bound"


inline, portal, bound = Inline(), Portal(), Bound()
run_inline, run_portal, run_bound = Bridge(inline), Bridge(portal), Bridge(bound)


def check_both() -> None:
    """Both modes work here: a call, an error, and an iterator."""
    for run, target in ((run_inline, inline), (run_portal, portal)):
        assert run(target.double, 21) == 42
        try:
            run(target.fail, ValueError("as it is"))
        except ValueError as exc:
            assert exc.args == ("as it is",)  # noqa: PT017
        else:
            raise AssertionError("no error")
        with run.iterate(target.count, 5) as numbers:
            assert [next(numbers), next(numbers)] == [0, 1]
        assert "asyncio" in sys.modules
