# prints: KeyboardInterrupt
# prints: ['its clean-up was not done after 5 s and goes on in the background']
# prints: 42
import asyncio

from objects import interrupt, names, portal, run_portal, say


class Stubborn:
    async def wait(self) -> None:
        try:
            interrupt()
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()


try:
    run_portal(Stubborn().wait)
except KeyboardInterrupt as exc:
    say(names(exc))
    say(exc.__notes__)
say(run_portal(portal.double, 21))
