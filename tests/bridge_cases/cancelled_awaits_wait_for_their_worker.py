# prints: worker gave up at a checkpoint
# prints: then the await ended
# prints: a portal call of a worker: cleaned up
# prints: then the await ended
import asyncio
import threading

from objects import run_portal, say

from lashkit.runner import checkpoint, default_runner


async def main() -> None:
    begun = threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                checkpoint()
        finally:
            say("worker gave up at a checkpoint")

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            say("a portal call of a worker: cleaned up")

    for call in (work, lambda: run_portal(lambda: wait())):
        begun.clear()
        task = asyncio.create_task(default_runner.run(call))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            say("then the await ended")


asyncio.run(main())
