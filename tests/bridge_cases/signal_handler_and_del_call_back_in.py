# prints: handler: 42
# prints: the call that was interrupted: 8
# prints: __del__: 6
import asyncio
import signal
import threading

from objects import portal, run_portal, say

signal.signal(signal.SIGUSR1, lambda *_: (say("handler:", run_portal(portal.double, 21)), may_end.set()))
may_end = threading.Event()


class Struck:
    async def double(self) -> int:
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.to_thread(may_end.wait)
        return 8


class Loud:
    def __del__(self) -> None:
        say("__del__:", run_portal(portal.double, 3))


say("the call that was interrupted:", run_portal(Struck().double))
loud = Loud()
del loud
