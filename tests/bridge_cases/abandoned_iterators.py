# prints: inline count closed
# prints: held up: dropped without waiting
# prints: closed
# prints: never begun: nothing to close
# prints: failure reported: late
import asyncio
import threading
from collections.abc import AsyncIterator

from objects import inline, run_inline, run_portal, say


class Slow:
    def __init__(self) -> None:
        self.may_close, self.closed = threading.Event(), threading.Event()

    async def count(self) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.to_thread(self.may_close.wait)
            say("closed")
            self.closed.set()

    async def fail(self) -> AsyncIterator[int]:
        asyncio.get_running_loop().set_exception_handler(self.report)
        try:
            while True:
                yield 1
        finally:
            raise ValueError("late")

    def report(self, loop: asyncio.AbstractEventLoop, facts: dict[str, object]) -> None:
        say("failure reported:", facts["exception"])
        self.closed.set()


for number in run_inline.iterate(inline.count, 10):
    if number == 3:
        break

slow = Slow()
for _ in run_portal.iterate(slow.count):
    break
say("held up: dropped without waiting")
slow.may_close.set()
slow.closed.wait()

run_portal.iterate(slow.count)
say("never begun: nothing to close")

failing = Slow()
for _ in run_portal.iterate(failing.fail):
    break
failing.closed.wait()
