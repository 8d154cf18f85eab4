# prints: inline count closed
# prints: portal count closed
# prints: child works
# prints: inline count closed
# prints: portal count closed
# prints: parent works
import os
import threading

from objects import check_both, say

from lashkit.sync.portal import portal as the_portal

held, forked = threading.Event(), threading.Event()


def hold() -> None:
    with the_portal._lock:
        held.set()
        forked.wait()


holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if not child:
    check_both()
    say("child works")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
forked.set()
holder.join()
check_both()
say("parent works")
