# prints: inline count closed
# prints: portal count closed
# prints: WouldDeadlock
# prints: WouldDeadlock
# prints: ok
import asyncio

import uvloop
from objects import bound, check_both, names, run_bound, run_portal, say
from objects import portal as target

import lashkit.sync


async def main() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    check_both()
    try:
        lashkit.sync.enable_nested()
    except RuntimeError as exc:
        say(names(exc))
    await asyncio.sleep(0)
    assert run_portal(target.double, 4) == 8
    try:
        run_bound(bound.double, 1)
    except RuntimeError as exc:
        say(names(exc))
    assert await asyncio.to_thread(run_portal, target.double, 5) == 10


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    say("ok")
