# prints: main ends
# prints: abandoned: cleaned up
# prints: inline count closed
# prints: portal count closed
# prints: worker: 42
# prints: hop: 42
# prints: context: nothing late
# prints: TimeoutError
# prints: begun before: CancelledError
# prints: in a running loop: 4
# prints: ok
import asyncio
import atexit


def late() -> None:
    from objects import check_both, inline, names, portal, run_portal, say, seen

    from lashkit.runner import default_runner

    check_both()
    say("worker:", asyncio.run(inline.double(21)))
    say("hop:", asyncio.run(default_runner.hop(inline.double(21))))
    say("context:", run_portal(portal.mark, "late"), seen.get())
    try:
        run_portal.call_within(0.01, asyncio.Event().wait)
    except TimeoutError as exc:
        say(names(exc))
    try:
        list(begun)
    except asyncio.CancelledError as exc:
        say("begun before:", names(exc))

    async def main() -> None:
        say("in a running loop:", run_portal(portal.double, 2))

    asyncio.run(main())
    say("ok")


atexit.register(late)  # before the portal's own hook is there, so it runs after it

from objects import portal, run_portal, say  # noqa: E402


class Slow:
    async def count(self):  # type: ignore[no-untyped-def]
        try:
            while True:
                yield 1
        finally:
            say("abandoned:", await asyncio.to_thread(lambda: "cleaned up"))


assert run_portal(portal.double, 1) == 2
begun = run_portal.iterate(Slow().count)
next(begun)
say("main ends")
