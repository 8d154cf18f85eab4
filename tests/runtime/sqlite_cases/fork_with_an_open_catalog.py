# prints: parent 60 child 60
import os
import sys

from samples import committed_elsewhere, record_and_commit, say

from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalog = SqliteCatalog(path)
for turn in range(3):
    record_and_commit(catalog, "parent", f"before-{turn}")
    child = os.fork()
    who = "parent" if child else "child"
    for number in range(20 if not child else 19):
        record_and_commit(catalog, who, f"{turn}-{number}")
    if not child:
        os._exit(0)  # neither closed nor collected: what is acknowledged must stand
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
say("parent", committed_elsewhere(path, "parent"), "child", committed_elsewhere(path, "child"))
