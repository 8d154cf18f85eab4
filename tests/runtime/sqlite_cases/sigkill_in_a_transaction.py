# prints: killed
# prints: committed 1 uncommitted 2
import os
import signal
import sys
from typing import Any

from samples import committed, intent, record_and_commit, ref, say

from lashkit.runner import drive
from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]


def die(connection: Any) -> None:
    rows.begin_write(connection, intent("s", "never"))
    rows.commit_refs(connection, "s", [ref("intent").id], 5)
    os.kill(os.getpid(), signal.SIGKILL)


child = os.fork()
if not child:
    doomed = SqliteCatalog(path)
    record_and_commit(doomed, "s", "commit")
    drive(doomed.record_intent(intent("s", "intent")))
    drive(doomed.record_intent(intent("s", "intent-2")))
    doomed._holder.write_durably(die)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
say("killed")
catalog = SqliteCatalog(path)
say("committed", len(committed(path, "s")), "uncommitted", len(drive(catalog.list_uncommitted(2_000))))
