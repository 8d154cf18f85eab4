# prints: portal KeyboardInterrupt SystemExit CancelledError GeneratorExit RuntimeError StopAsyncIteration
# prints: inline KeyboardInterrupt SystemExit CancelledError GeneratorExit RuntimeError StopAsyncIteration
# prints: StopIteration from a plain function: ('value',)
# prints: SystemExit code 3
# prints: the loop survives all of them: 42
import asyncio
import logging

from objects import inline, names, portal, run_inline, run_portal, say

logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
KINDS = [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, StopIteration, StopAsyncIteration]
for mode, run, target in (("portal", run_portal, portal), ("inline", run_inline, inline)):
    found = []
    for kind in KINDS:
        try:
            run(target.fail, kind())
        except BaseException as exc:
            found.append(names(exc))
    say(mode, *found)


def stop() -> None:
    raise StopIteration("value")


try:
    run_portal(stop)
except StopIteration as exc:
    say("StopIteration from a plain function:", exc.args)


class Background:
    """Leaves a task behind that stops the loop, as does `loop.stop()`."""

    async def exit(self) -> None:
        async def leave() -> None:
            raise SystemExit(3)

        self.task = asyncio.get_running_loop().create_task(leave())
        asyncio.get_running_loop().stop()


background = Background()
run_portal(background.exit)
assert run_portal(portal.double, 1) == 2
try:
    background.task.result()
except SystemExit as exc:
    say("SystemExit code", exc.code)
say("the loop survives all of them:", run_portal(portal.double, 21))
