# prints: main ends
# prints: cleaned up in a worker
# prints: CancelledError
import asyncio
import atexit
import threading

from objects import names, run_portal, say

begun, over = threading.Event(), threading.Event()
atexit.register(over.wait, 5)  # before the portal is there, so it runs after the portal's own hook


class Slow:
    async def wait(self) -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            say(await asyncio.to_thread(lambda: "cleaned up in a worker"))


def work() -> None:
    try:
        run_portal(Slow().wait)
    except asyncio.CancelledError as exc:
        say(names(exc))
        over.set()


threading.Thread(target=work, daemon=True).start()
begun.wait()
say("main ends")
