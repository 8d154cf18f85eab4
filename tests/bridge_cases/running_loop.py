# prints: inline count closed
# prints: portal count closed
# prints: [('first', 0), ('first', 1), ('second', 0), ('second', 1)]
# prints: WouldDeadlock await it
# prints: ok
import asyncio
import sys

from objects import bound, check_both, inline, names, run_bound, run_inline, say


async def main() -> None:
    loop, hooks, task = asyncio.get_running_loop(), sys.get_asyncgen_hooks(), asyncio.current_task()
    check_both()
    order: list[tuple[str, int]] = []

    async def other(name: str) -> None:
        for step in range(2):
            assert run_inline(inline.double, step) == 2 * step
            order.append((name, step))

    await asyncio.gather(other("first"), other("second"))
    say(order)
    try:
        run_bound(bound.double, 1)
    except RuntimeError as exc:
        say(names(exc), "await it" if "await it" in str(exc) else exc)
    await asyncio.sleep(0)
    now = asyncio.get_running_loop(), sys.get_asyncgen_hooks(), asyncio.current_task()
    assert now == (loop, hooks, task)


asyncio.run(main())
say("ok")
