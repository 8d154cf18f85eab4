# prints: child, its own file: ForkedStoreError
# prints: child, the file of the busy thread: ForkedStoreError
# prints: child, a new file: works
# prints: parent: 1 1
import os
import sys
import threading
from typing import Any

from samples import committed_elsewhere, intent, record_and_commit, ref, say

from lashkit.errors import ForkedStoreError
from lashkit.runtime import sqlite_forks
from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
own, busy = SqliteCatalog(path), SqliteCatalog(path + "-2")
assert own.catalog_uuid != busy.catalog_uuid
held, forked = threading.Event(), threading.Event()
sqlite_forks._PATIENCE_S = 0.05
child = -1


def hold(connection: Any) -> None:
    rows.begin_write(connection, intent("s", "busy"))
    rows.commit_refs(connection, "s", [ref("busy").id], 5)
    held.set()
    forked.wait()


def fork(connection: Any) -> None:
    global child
    rows.begin_write(connection, intent("s", "own"))
    rows.commit_refs(connection, "s", [ref("own").id], 5)
    child = os.fork()


thread = threading.Thread(target=busy._holder.write, args=(hold,))
thread.start()
held.wait()
try:
    own._holder.write_durably(fork)
except ForkedStoreError as exc:
    say("child, its own file:", type(exc).__name__)
if not child:
    try:
        record_and_commit(busy, "s", "child")
    except ForkedStoreError as exc:
        say("child, the file of the busy thread:", type(exc).__name__)
    record_and_commit(SqliteCatalog(path + "-3"), "s", "child")
    say("child, a new file: works")
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
forked.set()
thread.join()
say("parent:", committed_elsewhere(path, "s"), committed_elsewhere(path + "-2", "s"))
