# prints: a dropped catalog closes its connection
# prints: a finalizer inside a transaction waits for its end
# prints: at exit
# prints: del at exit: True
import atexit
import gc
import os
import sys
from typing import Any

from samples import record_and_commit, ref, say

from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]


class AtTheEnd:
    def __init__(self, catalog: SqliteCatalog) -> None:
        self.catalog = catalog

    def __del__(self) -> None:
        say("del at exit:", drive(self.catalog.holds_ref("s", ref("a").id)))


def at_exit() -> None:
    record_and_commit(catalog, "s", "b")
    say("at exit")


catalog = SqliteCatalog(path)
record_and_commit(catalog, "s", "a")
assert os.path.exists(path + "-wal")
del catalog
gc.collect()
assert not os.path.exists(path + "-wal")
say("a dropped catalog closes its connection")

dropped: list[SqliteCatalog] = [SqliteCatalog(path)]
holder = dropped[0]._holder


def drop(connection: Any) -> int:
    global holder
    dropped.clear()
    del holder
    gc.collect()
    return len(connection.execute("SELECT * FROM manifest").fetchall())


file = holder.file
assert file.write(drop) == 1
assert not os.path.exists(path + "-wal")
say("a finalizer inside a transaction waits for its end")

catalog = SqliteCatalog(path)
atexit.register(at_exit)
at_the_end = AtTheEnd(SqliteCatalog(path))
record_and_commit(catalog, "s", "c")
