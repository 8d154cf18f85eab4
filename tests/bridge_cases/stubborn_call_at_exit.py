# prints: main ends
# within: 8
import asyncio
import threading

from objects import run_portal, say

begun = threading.Event()


class Stubborn:
    async def wait(self) -> None:
        begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


threading.Thread(target=run_portal, args=(Stubborn().wait,), daemon=True).start()
begun.wait()
say("main ends")
