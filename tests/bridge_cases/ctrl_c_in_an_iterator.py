# prints: 1
# prints: closed
# prints: KeyboardInterrupt
# prints: []
import asyncio
import threading
from collections.abc import AsyncIterator

from objects import interrupt, names, run_portal, say

said = threading.Event()


class Slow:
    async def count(self) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.to_thread(said.wait)
            interrupt()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            say("closed")


numbers = run_portal.iterate(Slow().count)
say(next(numbers))
try:
    said.set()
    next(numbers)
except KeyboardInterrupt as exc:
    say(names(exc))
say(list(numbers))
