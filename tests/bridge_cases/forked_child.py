# prints: begun: ForkedStoreError
# prints: not begun: ForkedStoreError
# prints: inline count closed
# prints: portal count closed
# prints: child works
# prints: inline count closed
# prints: portal count closed
# prints: grandchild works
# prints: parent goes on: 1
# prints: portal count closed
# prints: ok
import asyncio
import os
import sys

from objects import check_both, inline, names, portal, run_portal, say


def wait_for(pid: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


assert asyncio.run(inline.double(1)) == 2  # the workers have a thread
begun, not_begun = run_portal.iterate(portal.count, 100), run_portal.iterate(portal.count, 100)
next(begun)

child = os.fork()
if not child:
    for name, numbers in (("begun", begun), ("not begun", not_begun)):
        try:
            next(numbers)
        except RuntimeError as exc:
            say(f"{name}: {names(exc)}")
        numbers.close()
    check_both()
    assert asyncio.run(inline.double(1)) == 2
    say("child works")
    grandchild = os.fork()
    if not grandchild:
        check_both()
        say("grandchild works")
        sys.exit()  # with all that happens at exit
    wait_for(grandchild)
    sys.exit()
wait_for(child)
say("parent goes on:", next(begun))
begun.close()
say("ok")
