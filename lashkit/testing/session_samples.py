"""What the laws write into manifests, persistences and catalogs. Deterministic but for the processes, which are
real."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLease, SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentManifest, AttachmentManifestEntry, AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.runtime.protocols import RuntimePersistence
from lashkit.runtime.records import (
    GraphCommitDelta,
    PersistedSessionRead,
    RuntimeCommit,
    RuntimeTurnCommitStamp,
    SessionNode,
    SessionReadScope,
)
from lashkit.testing.laws import hold, shown
from lashkit.values import AttachmentId, AttachmentRef, MediaType, content_id
from lashkit.wire import ref_to_json

__all__ = [
    "LONG_AGO_EPOCH_MS",
    "MINE",
    "SOON_EPOCH_MS",
    "YOURS",
    "ada",
    "another_incarnation",
    "append",
    "bob",
    "claimed",
    "dead_process",
    "intent",
    "loaded",
    "must_hold_rows",
    "naming",
    "node",
    "node_ids",
    "owner_of",
    "ref",
    "row_of",
    "run_python",
    "turn",
]

MINE, YOURS = "mine", "yours"
LONG_AGO_EPOCH_MS = 1_000
"""Older than any grace period."""
SOON_EPOCH_MS = 100_000_000_000_000
"""Younger than any grace period, whatever the clock says."""


def ref(seed: str = "a", *, label: str | None = "a sample", width: int | None = None) -> AttachmentRef:
    """The ref of bytes that nobody stored: a manifest never asks for them."""
    data = seed.encode()
    return AttachmentRef(
        id=content_id(data),
        media_type=MediaType("image/png"),
        byte_len=len(data),
        width=width,
        height=width,
        label=label,
    )


def intent(
    session_id: str = MINE,
    of: AttachmentRef | None = None,
    *,
    at: int = LONG_AGO_EPOCH_MS,
    owner: AttachmentOwner | None = None,
    fence: SessionExecutionLeaseFence | None = None,
) -> AttachmentIntent:
    """An intent of `session_id`, by default an old one that nobody owns."""
    return AttachmentIntent(session_id=session_id, ref=of or ref(), intent_at_epoch_ms=at, owner=owner, fence=fence)


def node(node_id: str, parent: str | None = None, payload: Mapping[str, Any] | None = None) -> SessionNode:
    """A node; its payload names itself unless another is given."""
    return SessionNode(
        node_id=node_id, parent_node_id=parent, payload=payload or {"says": node_id}, created_at_epoch_ms=5_000
    )


def naming(*refs: AttachmentRef) -> dict[str, Any]:
    """A payload that names attachments."""
    return {"parts": [{"text": "look"}, *({"attachment": ref_to_json(ref)} for ref in refs)]}


def append(
    nodes: Sequence[SessionNode], head: int | None = None, *, session_id: str = MINE, **fields: Any
) -> RuntimeCommit:
    """A commit that appends `nodes` to the session at revision `head`; the last one becomes the leaf."""
    graph = GraphCommitDelta.append(tuple(nodes), nodes[-1].node_id)
    return RuntimeCommit(session_id=session_id, expected_head_revision=head, graph=graph, **fields)


def turn(turn_id: str, content: str = "one content", session_id: str = MINE) -> RuntimeTurnCommitStamp:
    """The stamp of a turn whose hash stands for `content`."""
    return RuntimeTurnCommitStamp(session_id=session_id, turn_id=turn_id, turn_commit_hash=content_id(content.encode()))


def owner_of(name: str, process: ProcessIdentity | None = None, incarnation: str = "1") -> LeaseOwnerIdentity:
    """Somebody who wants a lease."""
    return LeaseOwnerIdentity(owner_id=name, incarnation_id=incarnation, process=process, label=f"{name}'s kernel")


def ada() -> LeaseOwnerIdentity:
    """A live owner."""
    return owner_of("ada", ProcessIdentity.current())


def bob() -> LeaseOwnerIdentity:
    """Another one, of whose life nothing is known."""
    return owner_of("bob")


def another_incarnation(owner: LeaseOwnerIdentity) -> LeaseOwnerIdentity:
    """The same owner in a later run."""
    return replace(owner, incarnation_id=f"{owner.incarnation_id}+")


_SAY_WHO = """
import json
from lashkit.process import ProcessIdentity
me = ProcessIdentity.current()
print(json.dumps([me.place, me.pid, me.start_time]))
"""


@functools.cache
def _dead_process() -> ProcessIdentity:
    answer = run_python(_SAY_WHO)
    place, pid, start_time = json.loads(answer)
    return ProcessIdentity(place, pid, start_time)


def run_python(code: str, *arguments: str) -> str:
    """What a real child process that runs `code` printed before it ended. Blocking."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(  # noqa: S603  (our own interpreter on our own code)
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


async def dead_process() -> ProcessIdentity:
    """A real process that lived in this very place and ended."""
    import asyncio

    return await asyncio.to_thread(_dead_process)


async def claimed(
    persistence: RuntimePersistence, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None = None, session_id: str = MINE
) -> SessionExecutionLease:
    """The lease that `owner` must get."""
    outcome = await persistence.try_claim_session_execution_lease(session_id, owner, lease_ttl_ms)
    hold(
        outcome.acquired is not None and outcome.holder is None,
        f"{owner.owner_id} claimed a lease that was free and got {shown(outcome, 400)}",
    )
    assert outcome.acquired is not None  # noqa: S101  (told above; for the type checker)
    return outcome.acquired


async def loaded(persistence: RuntimePersistence, scope: SessionReadScope | None = None) -> PersistedSessionRead:
    """The session, which must be there."""
    read = await persistence.load_session(scope or SessionReadScope.full_graph())
    hold(read is not None, "a session that was committed to loads as None")
    assert read is not None  # noqa: S101  (told above; for the type checker)
    return read


def node_ids(read: PersistedSessionRead) -> list[str]:
    """The ids of the loaded nodes, in their order."""
    return [node.node_id for node in read.graph.nodes]


async def row_of(
    manifest: AttachmentManifest, session_id: str, attachment_id: AttachmentId
) -> AttachmentManifestEntry | None:
    """The session's row as `list_all_refs` has it."""
    rows = [
        row
        for row in await manifest.list_all_refs()
        if (row.session_id, row.attachment_id) == (session_id, attachment_id)
    ]
    hold(len(rows) <= 1, f"list_all_refs has {len(rows)} rows of session {session_id!r} and {attachment_id}")
    return rows[0] if rows else None


async def must_hold_rows(
    manifest: AttachmentManifest, session_id: str, expected: Sequence[AttachmentManifestEntry | AttachmentId], when: str
) -> None:
    """Insist that these are the session's rows, in this order."""
    rows = [row for row in await manifest.list_all_refs() if row.session_id == session_id]
    ids = [item if isinstance(item, str) else item.attachment_id for item in expected]
    whole = [item for item in expected if not isinstance(item, str)]
    hold(
        [row.attachment_id for row in rows] == ids and all(row in rows for row in whole),
        f"{when}, session {session_id!r} has the rows {shown(rows, 600)}, not {shown(list(expected), 600)}",
    )
