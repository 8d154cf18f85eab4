"""What the tests and cases of the SQLite catalog put into it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from lashkit.lease import LeaseOwnerIdentity
from lashkit.manifest import AttachmentIntent
from lashkit.process import ProcessIdentity
from lashkit.runner import drive
from lashkit.runtime.records import GraphCommitDelta, RuntimeCommit, SessionNode
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.values import AttachmentRef, MediaType, content_id


def say(*words: object) -> None:
    print(*words, flush=True)


def ref(name: str) -> AttachmentRef:
    data = name.encode()
    return AttachmentRef(
        id=content_id(data), media_type=MediaType("image/png"), byte_len=len(data), width=3, height=None, label=name
    )


def intent(session_id: str, name: str, at: int = 1_000, **more: Any) -> AttachmentIntent:
    return AttachmentIntent(session_id=session_id, ref=ref(name), intent_at_epoch_ms=at, **more)


def node(node_id: str, parent: str | None = None, **payload: Any) -> SessionNode:
    return SessionNode(node_id=node_id, parent_node_id=parent, payload=payload, created_at_epoch_ms=7)


def appending(session_id: str, revision: int | None, *nodes: SessionNode, **more: Any) -> RuntimeCommit:
    delta = GraphCommitDelta.append(nodes, nodes[-1].node_id)
    return RuntimeCommit(session_id=session_id, expected_head_revision=revision, graph=delta, **more)


def owner(name: str) -> LeaseOwnerIdentity:
    return LeaseOwnerIdentity(owner_id=name, incarnation_id=name, process=ProcessIdentity.current(), label=name)


def record_and_commit(catalog: SqliteCatalog, session_id: str, name: str) -> None:
    """Acknowledged once it returns."""
    drive(catalog.record_intent(intent(session_id, name)))
    assert drive(catalog.commit_refs(session_id, [ref(name).id])) == 1


def committed(path: str, session_id: str) -> list[str]:
    """The labels of the session's committed rows, in order."""
    catalog = SqliteCatalog(path)
    try:
        rows = drive(catalog.entries(session_id))
        return [str(row.ref.label) for row in rows if row.committed_at_epoch_ms is not None]
    finally:
        drive(catalog.close())


def committed_elsewhere(path: str, session_id: str) -> int:
    """How many committed rows another process sees."""
    code = f"from samples import committed; print(len(committed({path!r}, {session_id!r})))"
    place = str(Path(__file__).parent)
    found = subprocess.run([sys.executable, "-c", code], cwd=place, check=True, capture_output=True, text=True)
    return int(found.stdout)


class Locker:
    """Another process that holds the file's write lock until it is told to let go."""

    def __init__(self, path: str) -> None:
        code = (
            "import apsw, sys; connection = apsw.Connection(sys.argv[1]); connection.execute('BEGIN IMMEDIATE');"
            " print('held', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code, path]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"held\n"

    def __enter__(self) -> "Locker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        assert self._process.returncode == 0
