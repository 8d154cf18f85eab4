# prints: cleaned up
# prints: CancelledError
# prints: KeyboardInterrupt
import asyncio

from objects import interrupt, names, portal, run_portal, say


async def main() -> None:
    try:
        run_portal(portal.wait, at_start=interrupt)
    except asyncio.CancelledError as exc:  # asyncio.run takes the first Ctrl-C as a cancel of its task
        say(names(exc))
        raise


try:
    asyncio.run(main())
except KeyboardInterrupt as exc:
    say(names(exc))
