"""One of several processes at work on one file. Run by `test_sqlite_processes.py`.

    python worker.py PATH NAME JOB COUNT

Says `ready`, waits for a line, does the job, and says what came of it.
"""

import sys

from samples import appending, committed, intent, node, owner, record_and_commit, ref, say

from lashkit.errors import HeadRevisionConflict
from lashkit.runner import drive
from lashkit.runtime.records import SessionReadScope
from lashkit.runtime.sqlite import SqliteCatalog

path, name, job, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
catalog = SqliteCatalog(path)
say("ready")
sys.stdin.readline()

if job == "open":
    say(catalog.catalog_uuid)
elif job == "commit":
    for number in range(count):
        record_and_commit(catalog, "shared", f"{name}-{number}")
    say("done")
elif job == "append":
    session = catalog.session("shared")
    conflicts = 0
    for number in range(count):
        while True:
            read = drive(session.load_session(SessionReadScope.active_path()))
            revision, leaf = (read.head_revision, read.graph.leaf_node_id) if read else (None, None)
            try:
                drive(session.commit_runtime_state(appending("shared", revision, node(f"{name}-{number}", leaf))))
                break
            except HeadRevisionConflict:
                conflicts += 1
    say("done", conflicts)
elif job == "claim":
    outcome = drive(catalog.session("shared").try_claim_session_execution_lease("shared", owner(name)))
    say("acquired" if outcome.acquired else f"held by {outcome.holder.owner.label if outcome.holder else None}")
    sys.stdin.readline()  # it lives on as long as others look at it
elif job == "intend":
    for number in range(count):
        drive(catalog.record_intent(intent("shared", f"{name}-{number}")))
        if number % 2:
            assert drive(catalog.commit_refs("shared", [ref(f"{name}-{number}").id])) == 1
            say(f"{name}-{number}")
    sys.stdin.readline()
else:
    say(committed(path, job))
