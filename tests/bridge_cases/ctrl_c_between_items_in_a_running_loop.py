# prints: 1
# prints: closed
# prints: CancelledError
# prints: a clean-up may call: 42
# prints: KeyboardInterrupt
import asyncio
from collections.abc import AsyncIterator

from objects import interrupt, names, portal, run_portal, say


class Slow:
    async def count(self) -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            say("closed")


async def main() -> None:
    try:
        for number in run_portal.iterate(Slow().count):
            say(number)
            interrupt()  # asyncio.run takes it as a cancel of its task, which finds out where it would wait
    except asyncio.CancelledError as exc:
        say(names(exc))
        raise
    finally:
        run_portal(lambda: asyncio.sleep(0.3))
        say("a clean-up may call:", run_portal(portal.double, 21))


try:
    asyncio.run(main())
except KeyboardInterrupt as exc:
    say(names(exc))
