"""Says what it does between two calls that are easy to find in a trace. Run under strace by
`test_sqlite_processes.py`."""

import os
import sys

from samples import appending, intent, node, owner, record_and_commit, ref

from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
session = catalog.session("s")
record_and_commit(catalog, "s", "warm")
for number in range(3):
    name = f"{number}"
    os.access("/marker-intent", 0)
    drive(catalog.record_intent(intent("s", name)))
    os.access("/marker-commit", 0)
    drive(catalog.commit_refs("s", [ref(name).id]))
    os.access("/marker-read", 0)
    drive(catalog.holds_ref("s", ref(name).id))
    os.access("/marker-claim", 0)
    outcome = drive(session.try_claim_session_execution_lease("s", owner("me")))
    os.access("/marker-turn", 0)
    step = node(name, str(number - 1) if number else None)
    fence = outcome.acquired.fence() if outcome.acquired else None
    more = {"session_execution_lease": fence, "committed_attachment_ids": (ref("x").id,)}
    commit = appending("s", number or None, step, **more)
    drive(session.commit_runtime_state(commit))
    os.access("/marker-repeated commit", 0)
    drive(catalog.commit_refs("s", [ref(name).id]))
    os.access("/marker-end", 0)
