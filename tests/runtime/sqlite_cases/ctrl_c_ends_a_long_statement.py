# prints: interrupted
# prints: afterwards: 2
import os
import signal
import sys
import threading
from typing import Any

from samples import committed, record_and_commit, say

from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
record_and_commit(catalog, "s", "before")
started = threading.Event()


def count_for_ever(connection: Any) -> None:
    started.set()
    connection.execute("WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")


def interrupt() -> None:
    started.wait()
    os.kill(os.getpid(), signal.SIGINT)


thread = threading.Thread(target=interrupt)
thread.start()
try:
    catalog._holder.write(count_for_ever)
except KeyboardInterrupt:
    say("interrupted")
thread.join()
record_and_commit(catalog, "s", "after")
say("afterwards:", len(committed(path, "s")))
