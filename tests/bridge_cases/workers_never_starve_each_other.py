# prints: 64 workers waited for tasks that needed workers
import asyncio

from objects import portal, run_portal, say

from lashkit.runner import default_runner


async def main() -> None:
    calls = [default_runner.run(run_portal, portal.double, number) for number in range(64)]
    assert await asyncio.gather(*calls) == [2 * number for number in range(64)]
    say(len(calls), "workers waited for tasks that needed workers")


asyncio.run(main())
