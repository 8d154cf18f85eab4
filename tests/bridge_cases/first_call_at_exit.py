# prints: main ends
# prints: inline count closed
# prints: portal count closed
# prints: to_thread: 5
# prints: no thread was started
import asyncio
import atexit
import threading

from objects import check_both, run_portal, say


async def hop() -> int:
    return await asyncio.to_thread(lambda: 5)


@atexit.register
def late() -> None:
    before = threading.active_count()
    check_both()
    say("to_thread:", run_portal(hop))
    assert threading.active_count() == before
    say("no thread was started")


say("main ends")
