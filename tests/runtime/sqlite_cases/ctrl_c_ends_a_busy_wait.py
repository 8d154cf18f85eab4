# prints: waiting
# prints: interrupted
# prints: afterwards: 1
import os
import signal
import sys
import threading

from samples import Locker, committed, record_and_commit, say

from lashkit.runtime import sqlite_connection
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
record_and_commit(catalog, "s", "before")
waiting = threading.Event()
pause = sqlite_connection.SqliteFile._pause


def noticed(self: sqlite_connection.SqliteFile, tries: int) -> None:
    waiting.set()
    pause(self, tries)


sqlite_connection.SqliteFile._pause = noticed  # type: ignore[method-assign]


def interrupt() -> None:
    waiting.wait()
    say("waiting")
    os.kill(os.getpid(), signal.SIGINT)


with Locker(path):
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        record_and_commit(catalog, "s", "never")
    except KeyboardInterrupt:
        say("interrupted")
    thread.join()
say("afterwards:", len(committed(path, "s")))
