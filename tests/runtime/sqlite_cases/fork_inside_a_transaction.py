# prints: child, in the transaction: ForkedStoreError
# prints: child, afterwards: ForkedStoreError
# prints: child, another catalog: ForkedStoreError
# prints: child, another file: 1
# prints: grandchild: ForkedStoreError
# prints: parent goes on: 2
# prints: others see: 2
import gc
import os
import sys
from typing import Any

from samples import committed, committed_elsewhere, intent, record_and_commit, ref, say

from lashkit.errors import ForkedStoreError
from lashkit.runner import drive
from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
record_and_commit(catalog, "parent", "before")
child = -1


def refused(what: str, call: Any) -> None:
    try:
        call()
    except ForkedStoreError as exc:
        say(f"{what}:", type(exc).__name__)
    else:
        say(f"{what}: not refused")


def fork_and_write(connection: Any) -> None:
    global child
    rows.begin_write(connection, intent("parent", "inside"))
    child = os.fork()
    rows.commit_refs(connection, "parent", [ref("inside").id], 5)


try:
    catalog._holder.write_durably(fork_and_write)
except ForkedStoreError as exc:
    assert child == 0
    say("child, in the transaction:", type(exc).__name__)

if not child:
    refused("child, afterwards", lambda: drive(catalog.holds_ref("parent", ref("before").id)))
    drive(catalog.close())
    del catalog
    gc.collect()
    refused("child, another catalog", lambda: record_and_commit(SqliteCatalog(path), "child", "x"))
    other = SqliteCatalog(path + "-2")
    record_and_commit(other, "child", "x")
    say("child, another file:", len(committed(path + "-2", "child")))
    grandchild = os.fork()
    if not grandchild:
        refused("grandchild", lambda: record_and_commit(SqliteCatalog(path), "child", "x"))
        sys.exit()
    assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0
    sys.exit()  # with all that happens at exit
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
say("parent goes on:", len(committed(path, "parent")))
say("others see:", committed_elsewhere(path, "parent"))
