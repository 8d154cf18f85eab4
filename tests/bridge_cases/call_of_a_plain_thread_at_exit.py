# prints: main ends
# prints: 42 all the same
import asyncio
import threading

from objects import run_portal, say

main_ended, begun = threading.Event(), threading.Event()


class Slow:
    async def double(self) -> int:
        begun.set()
        await asyncio.to_thread(main_ended.wait)
        return 42


threading.Thread(target=lambda: say(run_portal(Slow().double), "all the same")).start()
begun.wait()
say("main ends")
main_ended.set()
