# prints: main ends
# prints: finalizing: True
# prints: inline 42
# prints: portal 42
# prints: portal count closed
# prints: inline count closed
import sys

from objects import inline, portal, run_inline, run_portal, say


class Holder:
    def __init__(self) -> None:
        self.parts = sys, say, inline, portal, run_inline, run_portal

    def __del__(self) -> None:
        sys, say, inline, portal, run_inline, run_portal = self.parts
        say("finalizing:", sys.is_finalizing())
        say("inline", run_inline(inline.double, 21))
        say("portal", run_portal(portal.double, 21))
        with run_portal.iterate(portal.count, 3) as numbers:
            next(numbers)
        next(run_inline.iterate(inline.count, 3))


assert run_portal(portal.double, 1) == 2
holder = Holder()
say("main ends")
