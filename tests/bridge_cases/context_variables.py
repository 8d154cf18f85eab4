# prints: inline call: nothing -> inline
# prints: portal call: inline -> portal
# prints: after an error: failed
# prints: portal iterator: failed last -> item
# prints: inline iterator: item last -> step
# prints: worker: step -> worker
# prints: in another thread: nothing
import asyncio
import threading
from collections.abc import AsyncIterator

from objects import inline, portal, run_inline, run_portal, say, seen

from lashkit.runner import default_runner

say("inline call:", run_inline(inline.mark, "inline"), "->", seen.get())
say("portal call:", run_portal(portal.mark, "portal"), "->", seen.get())


class Marks:
    async def fail(self) -> None:
        await asyncio.sleep(0)
        seen.set("failed")
        raise ValueError

    async def items(self, word: str) -> AsyncIterator[str]:
        yield seen.get()
        seen.set(word)
        yield "last"

    async def work(self) -> str:
        def mark() -> str:
            before = seen.get()
            seen.set("worker")
            return before

        return f"{await default_runner.run(mark)} -> {seen.get()}"


try:
    run_portal(Marks().fail)
except ValueError:
    say("after an error:", seen.get())
say("portal iterator:", *run_portal.iterate(Marks().items, "item"), "->", seen.get())
say("inline iterator:", *run_inline.iterate(Marks().items, "step"), "->", seen.get())
say("worker:", asyncio.run(Marks().work()))
thread = threading.Thread(target=lambda: say("in another thread:", run_portal(portal.mark, "x")))
thread.start()
thread.join()
