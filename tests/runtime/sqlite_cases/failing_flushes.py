"""Commits, some of whose flushes fail. Run under strace by `test_sqlite_processes.py`; says what was acknowledged."""

import os
import sys

from samples import appending, intent, node, say

from lashkit.errors import StoreBackendError
from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
session = catalog.session("s")
revision = None
for number in range(6):
    os.access(f"/marker-{number}", 0)
    drive(catalog.record_intent(intent("s", str(number))))
    try:
        revision = drive(session.commit_runtime_state(appending("s", revision, node(str(number))))).head_revision
    except StoreBackendError as exc:
        say("refused", number, "as it should" if "the disk refused" in str(exc) else exc)
    else:
        say("acknowledged", number)
