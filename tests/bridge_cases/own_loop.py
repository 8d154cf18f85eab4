# prints: call: WouldDeadlock
# prints: hidden call: WouldDeadlock
# prints: 8 from a worker of the portal's loop
# prints: next: WouldDeadlock
# prints: next of a foreign one: WouldDeadlock
# prints: inline: 42
# prints: portal count closed
# prints: still alive: 6
import asyncio

from objects import inline, names, portal, run_inline, run_portal, say

foreign = run_portal.iterate(portal.count, 10)
next(foreign)


class HiddenCaller:
    sync_mode = "inline"

    async def call(self) -> None:
        run_portal(portal.double, 1)


async def call() -> None:
    try:
        run_portal(portal.double, 1)
    except RuntimeError as exc:
        say("call:", names(exc))


async def hidden_call() -> None:
    try:
        run_inline(HiddenCaller().call)
    except RuntimeError as exc:
        say("hidden call:", names(exc))


async def hop() -> None:
    say(await asyncio.to_thread(run_portal, portal.double, 4), "from a worker of the portal's loop")


async def iterate() -> None:
    try:
        next(run_portal.iterate(portal.count, 3))
    except RuntimeError as exc:
        say("next:", names(exc))
    try:
        list(foreign)
    except RuntimeError as exc:
        say("next of a foreign one:", names(exc))
    say("inline:", run_inline(inline.double, 21))
    foreign.close()  # cannot wait here


for method in (call, hidden_call, hop, iterate):
    run_portal(method)
foreign.close()  # can
say("still alive:", run_portal(portal.double, 3))
