# prints: child: ForkedStoreError
# prints: parent: 2
import ctypes
import os
import sys

from samples import committed_elsewhere, record_and_commit, say

from lashkit.errors import ForkedStoreError
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
record_and_commit(catalog, "parent", "before")
child = ctypes.PyDLL(None).fork()  # as a library in C would: no hook runs
if not child:
    try:
        record_and_commit(catalog, "child", "x")
    except ForkedStoreError as exc:
        say("child:", type(exc).__name__)
    os._exit(0)
os.waitpid(child, 0)
record_and_commit(catalog, "parent", "after")
say("parent:", committed_elsewhere(path, "parent"))
