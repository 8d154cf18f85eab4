# prints: before: WouldDeadlock
# prints: outside of a loop: WouldDeadlock
# prints: 42, while another task got on with 3 steps
# prints: portal count closed
# prints: [0, 1, 2]
# prints: context: nothing -> nested
# prints: cleaned up
# prints: TimeoutError
# prints: inline and portal too: 4 6
# prints: portal count closed
# prints: the loop closed what was dropped
# prints: cleaned up
# prints: interrupted: KeyboardInterrupt
# prints: in another thread: WouldDeadlock
# prints: portal count closed
# prints: cleaned up
# prints: cancelled: CancelledError
# prints: asyncio.run: KeyboardInterrupt
# prints: the portal survives: 8
import asyncio
import signal
import threading

from objects import bound, inline, interrupt, names, portal, run_bound, run_inline, run_portal, say, seen

import lashkit.sync

assert run_portal(portal.double, 1) == 2


def refused(what: str) -> None:
    try:
        run_bound(bound.double, 1)
    except RuntimeError as exc:
        say(f"{what}:", names(exc))


refused("before")
lashkit.sync.enable_nested()
refused("outside of a loop")


async def main() -> None:
    steps, got_on = [], asyncio.Event()

    async def other() -> None:
        for step in range(3):
            await asyncio.sleep(0)
            steps.append(step)
        got_on.set()

    task = asyncio.create_task(other())
    run_bound(got_on.wait)
    say(f"{run_bound(bound.double, 21)}, while another task got on with {len(steps)} steps")
    await task
    with run_bound.iterate(bound.count, 3) as numbers:
        say(list(numbers))
    say("context:", run_bound(bound.mark, "nested"), "->", seen.get())
    try:
        run_bound.call_within(0.01, bound.wait)
    except TimeoutError as exc:
        say(names(exc))
    say("inline and portal too:", run_inline(inline.double, 2), run_portal(portal.double, 3))

    dropped = run_bound.iterate(bound.count, 3)
    next(dropped)
    del dropped
    for _ in range(5):
        await asyncio.sleep(0)
    say("the loop closed what was dropped")

    on_interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a kernel
    try:
        run_bound(bound.wait, at_start=threading.Timer(0.2, interrupt).start)  # while the loop waits
    except KeyboardInterrupt as exc:
        say("interrupted:", names(exc))
    signal.signal(signal.SIGINT, on_interrupt)

    numbers = run_bound.iterate(bound.count, 3)
    next(numbers)
    try:
        await asyncio.to_thread(next, numbers)
    except RuntimeError as exc:
        say("in another thread:", names(exc))
    numbers.close()
    try:
        run_bound(bound.wait, at_start=interrupt)
    except asyncio.CancelledError as exc:
        say("cancelled:", names(exc))
        raise


try:
    asyncio.run(main())
except KeyboardInterrupt as exc:
    say("asyncio.run:", names(exc))
say("the portal survives:", run_portal(portal.double, 4))
