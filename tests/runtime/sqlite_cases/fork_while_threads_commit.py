# prints: children 8
# prints: nothing is lost
import os
import sys
import threading

from samples import committed_elsewhere, record_and_commit, say

from lashkit.runtime.sqlite import SqliteCatalog

path = sys.argv[1]
catalogs = [SqliteCatalog(path), SqliteCatalog(path), SqliteCatalog(path + "-2")]
stop = threading.Event()
counts = [0, 0, 0]


def work(index: int) -> None:
    while not stop.is_set():
        record_and_commit(catalogs[index], "parent", f"{index}-{counts[index]}")
        counts[index] += 1


def fork(index: int) -> None:
    for turn in range(4):
        child = os.fork()
        if not child:
            for catalog in catalogs[1:]:
                record_and_commit(catalog, "child", f"{index}-{turn}")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


workers = [threading.Thread(target=work, args=(index,)) for index in range(3)]
forkers = [threading.Thread(target=fork, args=(index,)) for index in range(2)]
for thread in workers + forkers:
    thread.start()
for thread in forkers:
    thread.join()
stop.set()
for thread in workers:
    thread.join()
say("children", committed_elsewhere(path, "child"))
assert committed_elsewhere(path + "-2", "child") == 8
assert committed_elsewhere(path, "parent") == counts[0] + counts[1]
assert committed_elsewhere(path + "-2", "parent") == counts[2]
say("nothing is lost")
