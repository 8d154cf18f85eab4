"""The rules of a session's graph and of its commits: pure functions that every backend shares.

A commit is judged in this order (lash-core `commit_runtime_state`): the session it names, the fence, the turn (a
replay of the same turn is a no-op, whatever the head is by now), the head revision, and last whether the graph makes
sense.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from lashkit.errors import (
    HeadRevisionConflict,
    RuntimeTurnCommitConflict,
    SessionBindingMismatch,
    SessionNameTaken,
    StoreError,
    UnsupportedReadScope,
)
from lashkit.runtime.records import (
    GraphCommitDelta,
    RuntimeCommit,
    SessionGraph,
    SessionMeta,
    SessionNode,
    SessionReadScope,
)

__all__ = [
    "apply_delta",
    "attachment_ids_in",
    "canonical_json",
    "is_replay",
    "path_to",
    "removable_tombstones",
    "require_head",
    "require_off_path",
    "require_own_name",
    "require_session",
    "scoped",
    "turn_commit_hash",
    "unreachable_nodes",
]


def turn_commit_hash(commit: RuntimeCommit) -> str:
    """The hash of what a turn means: payloads in order, attachments and the kind of change; no ids, times or fences.

    Raises:
        StoreError: a payload is not JSON.
    """
    meaning = {
        "session_id": commit.session_id,
        "kind": commit.graph.kind,
        "payloads": [node.payload for node in commit.graph.nodes],
        "attachments": sorted(commit.committed_attachment_ids),
    }
    return hashlib.sha256(canonical_json(meaning).encode("utf-8", "surrogatepass")).hexdigest()


def canonical_json(value: object) -> str:
    """`value` as JSON with sorted keys: the same text for the same data.

    Raises:
        StoreError: it is not JSON data.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as exc:
        raise StoreError(
            f"a node's payload must be JSON data ({exc}); put bytes into the store and name them by ref"
        ) from exc


def _plain(value: object) -> dict[Any, Any]:
    # Not `dict` itself, which would take empty bytes and sets of pairs for objects.
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def require_session(bound_session_id: str, commit: RuntimeCommit) -> None:
    """A commit, its turn and its meta are all for the session that the persistence is bound to.

    Raises:
        SessionBindingMismatch: one of them is for another.
    """
    for part in (commit, commit.turn_commit, commit.meta):
        if part is not None and part.session_id != bound_session_id:
            raise SessionBindingMismatch(bound_session_id, part.session_id)


def is_replay(commit: RuntimeCommit, committed_hash: str | None) -> bool:
    """Whether the commit's turn is committed already, with this very content.

    Args:
        committed_hash: the hash under which the session holds the turn; `None` where it does not.

    Raises:
        RuntimeTurnCommitConflict: it is committed with another content.
    """
    if commit.turn_commit is None or committed_hash is None:
        return False
    if committed_hash != commit.turn_commit.turn_commit_hash:
        raise RuntimeTurnCommitConflict(commit.session_id, commit.turn_commit.turn_id)
    return True


def require_own_name(meta: SessionMeta, session_id: str | None) -> None:
    """A name belongs to one session. `session_id` is that of another session with the name, if there is one.

    Raises:
        SessionNameTaken: there is.
    """
    if session_id is not None and session_id != meta.session_id:
        raise SessionNameTaken(meta.name)


def require_head(commit: RuntimeCommit, head_revision: int | None) -> None:
    """Compare the revision that the writer read with the head's.

    Raises:
        HeadRevisionConflict: they differ.
    """
    if commit.expected_head_revision != head_revision:
        raise HeadRevisionConflict(commit.session_id, commit.expected_head_revision, head_revision)


def apply_delta(graph: SessionGraph, delta: GraphCommitDelta) -> SessionGraph:
    """The graph after the commit.

    Raises:
        StoreError: a parent is missing or comes later, an id stands twice, the leaf is not there, or a payload is not
            JSON.
    """
    if delta.kind == "unchanged" and delta.nodes:
        raise StoreError("an unchanged graph takes no nodes; use append")
    kept = () if delta.kind == "replace_full" else graph.nodes
    known = {node.node_id for node in kept if not node.tombstoned}
    taken = {node.node_id for node in kept}
    for node in delta.nodes:
        canonical_json(node.payload)
        if node.node_id in taken:
            raise StoreError(f"node {node.node_id!r} is in the graph already; node ids are unique in a session")
        if node.parent_node_id is not None and node.parent_node_id not in known:
            raise StoreError(f"node {node.node_id!r} has no parent {node.parent_node_id!r} before it")
        known.add(node.node_id)
        taken.add(node.node_id)
    if delta.leaf_node_id is None and known:
        raise StoreError("a graph with nodes has a leaf; name one of them")
    if delta.leaf_node_id is not None and delta.leaf_node_id not in known:
        raise StoreError(f"the leaf {delta.leaf_node_id!r} is not in the graph")
    return SessionGraph(nodes=(*kept, *delta.nodes), leaf_node_id=delta.leaf_node_id)


def path_to(nodes: Mapping[str, SessionNode], leaf_node_id: str | None) -> list[str]:
    """The ids from a root to the leaf; empty for no leaf."""
    path: list[str] = []
    current = leaf_node_id
    while current is not None:
        path.append(current)
        current = nodes[current].parent_node_id
    return path[::-1]


def scoped(session_id: str, graph: SessionGraph, scope: SessionReadScope) -> SessionGraph:
    """The part of the graph that a read asks for: without tombstones, or a path.

    Raises:
        UnsupportedReadScope: the scope names a leaf that is not there.
    """
    if scope.kind == "full_graph":
        alive = tuple(node for node in graph.nodes if not node.tombstoned)
        return SessionGraph(nodes=alive, leaf_node_id=graph.leaf_node_id)
    nodes = {node.node_id: node for node in graph.nodes}
    leaf = graph.leaf_node_id if scope.leaf_node_id is None else scope.leaf_node_id
    if leaf is not None and (leaf not in nodes or nodes[leaf].tombstoned):
        raise UnsupportedReadScope(session_id, leaf)
    return SessionGraph(nodes=tuple(nodes[node_id] for node_id in path_to(nodes, leaf)), leaf_node_id=leaf)


def unreachable_nodes(graph: SessionGraph) -> set[str]:
    """The nodes that do not lie on the path to the head."""
    nodes = {node.node_id: node for node in graph.nodes}
    return set(nodes) - set(path_to(nodes, graph.leaf_node_id))


def removable_tombstones(graph: SessionGraph) -> set[str]:
    """The tombstoned nodes that no node that stays has as its ancestor."""
    nodes = {node.node_id: node for node in graph.nodes}
    needed: set[str] = set()
    for node in graph.nodes:
        if not node.tombstoned:
            current: str | None = node.node_id
            while current is not None and current not in needed:
                needed.add(current)
                current = nodes[current].parent_node_id
    return {node.node_id for node in graph.nodes if node.tombstoned} - needed


def require_off_path(graph: SessionGraph, node_ids: Iterable[str]) -> None:
    """Only what does not lead to the head may be tombstoned.

    Raises:
        StoreError: one of the nodes does.
    """
    nodes = {node.node_id: node for node in graph.nodes}
    on_path = set(path_to(nodes, graph.leaf_node_id)) & set(node_ids)
    if on_path:
        raise StoreError(f"node {min(on_path)!r} leads to the session's head and stays; move the head first")


def attachment_ids_in(payload: object) -> set[str]:
    """The ids of the attachments that a payload names: wherever an object looks like a ref in JSON."""
    found: set[str] = set()
    waiting: list[Any] = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("id"), str) and "media_type" in value and "byte_len" in value:
                found.add(value["id"])
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return found
