# prints: cleaning up
# prints: KeyboardInterrupt KeyboardInterrupt
# prints: soon: True
import asyncio
import time

from objects import interrupt, names, run_portal, say


class Stubborn:
    async def wait(self) -> None:
        try:
            interrupt()
            await asyncio.Event().wait()
        finally:
            say("cleaning up")
            interrupt()
            await asyncio.Event().wait()


started = time.monotonic()
try:
    run_portal(Stubborn().wait)
except KeyboardInterrupt as exc:
    say(names(exc), names(exc.__context__))
say("soon:", time.monotonic() - started < 4)
