# prints: all acknowledged commits are there
import signal
import sys
import threading
from typing import Any

from samples import committed_elsewhere, intent, ref, say

from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
acknowledged = interrupted = 0
stop = threading.Event()
main = threading.main_thread().ident
assert main is not None


def storm() -> None:
    while not stop.wait(0.0007):
        signal.pthread_kill(main, signal.SIGINT)


def step(call: Any) -> bool:
    global interrupted
    try:
        drive(call)
    except KeyboardInterrupt:
        interrupted += 1
        return False
    return True


thread = threading.Thread(target=storm)
number = 0
try:
    assert catalog.catalog_uuid
    thread.start()
    while interrupted < 300 and number < 20_000:
        number += 1
        if step(catalog.record_intent(intent("s", str(number)))) and step(
            catalog.commit_refs("s", [ref(str(number)).id])
        ):
            acknowledged += 1
except KeyboardInterrupt:  # between the calls, or within our own lines
    interrupted += 1
while True:
    try:
        stop.set()
        thread.join()
        break
    except KeyboardInterrupt:
        pass
drive(catalog.record_intent(intent("s", "last")))
drive(catalog.commit_refs("s", [ref("last").id]))
found = committed_elsewhere(path, "s")
assert acknowledged + 1 <= found <= number + 1, (acknowledged, found, number)
say("all acknowledged commits are there")
