"""What a session is made of: nodes in a graph, commits that move its head, and what a read returns.

Ported from lash-core `store/mod.rs`; the parts of lash's agent runtime (queues, frames, checkpoints, plug-ins) are left
out, since lashkit has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lashkit.lease import SessionExecutionLeaseFence
from lashkit.values import AttachmentId

__all__ = [
    "GcReport",
    "GraphCommitDelta",
    "PersistedSessionRead",
    "RuntimeCommit",
    "RuntimeCommitResult",
    "RuntimeTurnCommitStamp",
    "SessionGraph",
    "SessionMeta",
    "SessionNode",
    "SessionReadScope",
    "VacuumReport",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNode:
    """One step of a session.

    Args:
        node_id: unique in its session.
        parent_node_id: the step before; `None` for a root.
        payload: JSON data (objects, lists, strings, numbers, booleans, null); attachments stand in it as refs, never as
            bytes.
        created_at_epoch_ms: when.
        tombstoned: whether it was marked for removal by `vacuum`.
    """

    node_id: str
    parent_node_id: str | None
    payload: Mapping[str, Any]
    created_at_epoch_ms: int
    tombstoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionGraph:
    """The steps of a session, parents before children, and the one that is its head."""

    nodes: tuple[SessionNode, ...] = ()
    leaf_node_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMeta:
    """A session's name and origin.

    Args:
        session_id: its id, which never changes.
        name: how people call it.
        created_at_epoch_ms: when it was first committed.
        forked_from: (session id, node id) that it was forked from.
    """

    session_id: str
    name: str
    created_at_epoch_ms: int
    forked_from: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReadScope:
    """How much of a session to load.

    Args:
        kind: `full_graph`, or `active_path` from a root to a leaf.
        leaf_node_id: the end of the path; the head by default.
    """

    kind: Literal["full_graph", "active_path"] = "full_graph"
    leaf_node_id: str | None = None

    @classmethod
    def full_graph(cls) -> SessionReadScope:
        """Everything."""
        return cls()

    @classmethod
    def active_path(cls, leaf_node_id: str | None = None) -> SessionReadScope:
        """From a root to `leaf_node_id`, or to the head."""
        return cls(kind="active_path", leaf_node_id=leaf_node_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistedSessionRead:
    """A session as it was at one moment."""

    session_id: str
    head_revision: int
    graph: SessionGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCommitDelta:
    """What a commit does to the graph.

    Args:
        kind: `unchanged` (only the leaf may move), `append` (`nodes` are new), or `replace_full` (`nodes` are all).
        nodes: new nodes, parents before children.
        leaf_node_id: the head after the commit; it must be in the graph then, or `None` for an empty one.
    """

    kind: Literal["unchanged", "append", "replace_full"]
    nodes: tuple[SessionNode, ...] = ()
    leaf_node_id: str | None = None

    @classmethod
    def unchanged(cls, leaf_node_id: str | None) -> GraphCommitDelta:
        """Only the head may move."""
        return cls(kind="unchanged", leaf_node_id=leaf_node_id)

    @classmethod
    def append(cls, nodes: tuple[SessionNode, ...], leaf_node_id: str | None) -> GraphCommitDelta:
        """Add nodes."""
        return cls(kind="append", nodes=nodes, leaf_node_id=leaf_node_id)

    @classmethod
    def replace_full(cls, graph: SessionGraph) -> GraphCommitDelta:
        """Put another graph in place."""
        return cls(kind="replace_full", nodes=graph.nodes, leaf_node_id=graph.leaf_node_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTurnCommitStamp:
    """Names a turn and its content, so that committing it again is recognised.

    Args:
        turn_id: unique in its session.
        turn_commit_hash: of the commit's meaning (`lashkit.runtime.graph.turn_commit_hash`).
    """

    session_id: str
    turn_id: str
    turn_commit_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeCommit:
    """One atomic change of a session: graph, head, turn and attachments together, or nothing.

    Args:
        session_id: the session; another than the persistence is bound to is refused.
        expected_head_revision: the revision that was read; `None` where the session is new.
        session_execution_lease: the writer's fence, checked in the same transaction; `None` where nobody holds one.
        release_session_execution_lease: release the lease in the same transaction.
        graph: what happens to the graph.
        turn_commit: names the turn; committing the same turn again is a no-op.
        committed_attachment_ids: the session's rows that become commits in the same transaction.
        meta: set the session's meta in the same transaction.
    """

    session_id: str
    expected_head_revision: int | None
    graph: GraphCommitDelta
    session_execution_lease: SessionExecutionLeaseFence | None = None
    release_session_execution_lease: bool = False
    turn_commit: RuntimeTurnCommitStamp | None = None
    committed_attachment_ids: tuple[AttachmentId, ...] = ()
    meta: SessionMeta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeCommitResult:
    """How a commit ended: the head's revision now, and whether the turn had been committed before."""

    head_revision: int
    was_replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VacuumReport:
    """How many tombstoned nodes were removed."""

    removed_node_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """How many nodes do not lead to the head, and were removed; and how many stay."""

    removed_node_count: int
    retained_node_count: int
    removed_node_ids: tuple[str, ...] = field(default=(), repr=False)
