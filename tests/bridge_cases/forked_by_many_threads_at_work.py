# prints: 10 children answered
import os
import threading

from objects import portal, run_portal, say

stop = threading.Event()


def work() -> None:
    while not stop.is_set():
        assert run_portal(portal.double, 1) == 2


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
good = 0
for number in range(10):
    child = os.fork()
    if not child:
        os._exit(0 if run_portal(portal.double, number) == 2 * number else 1)
    good += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
for thread in threads:
    thread.join()
say(good, "children answered")
