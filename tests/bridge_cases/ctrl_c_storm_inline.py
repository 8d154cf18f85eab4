# prints: loop and hooks were back after each of 200 interrupts
import asyncio
import signal
import sys
import warnings

from objects import inline, run_inline, say


class Struck(Exception):
    pass


def strike(*_: object) -> None:
    raise Struck


async def main() -> None:
    loop, hooks = asyncio.get_running_loop(), sys.get_asyncgen_hooks()
    count = 0
    while count < 200:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0003)
            while True:
                run_inline(inline.double, 1)
        except Struck:
            count += 1
        assert asyncio._get_running_loop() is loop
        assert sys.get_asyncgen_hooks() == hooks
    say(f"loop and hooks were back after each of {count} interrupts")


# An interrupt may come before the drive has the coroutine; nobody can help that, and it is harmless.
warnings.filterwarnings("ignore", message="coroutine '.*' was never awaited")
signal.signal(signal.SIGALRM, strike)
asyncio.run(main())
