"""SQL for sessions: graph, head, turns, names. Each function is the inside of one transaction.

What may happen is decided by the rules in `lashkit.runtime.graph` and `lashkit.runtime.leases`. A commit loads only
what those rules look at: the nodes that the commit names, without their payloads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lashkit.errors import StoreError
from lashkit.lease import SessionExecutionLeaseFence
from lashkit.runtime import graph as rules
from lashkit.runtime import leases
from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.records import (
    GcReport,
    GraphCommitDelta,
    PersistedSessionRead,
    RuntimeCommit,
    RuntimeCommitResult,
    SessionGraph,
    SessionMeta,
    SessionNode,
    SessionReadScope,
    VacuumReport,
)
from lashkit.runtime.sqlite_leases import lease_row, release_lease

if TYPE_CHECKING:
    from apsw import Connection

__all__ = [
    "commit",
    "delete",
    "fork",
    "gc_unreachable",
    "load_meta",
    "load_node",
    "load_session",
    "save_meta",
    "sessions",
    "tombstone",
    "vacuum",
]

_NODE = "node_id, parent_node_id, payload, created_at_epoch_ms, tombstoned"
_SKELETON = "node_id, parent_node_id, '{}', 0, tombstoned"
_PATH = f"""
WITH RECURSIVE path (id) AS (
    SELECT ?2
    UNION SELECT parent_node_id FROM nodes, path
    WHERE session_id = ?1 AND node_id = id AND parent_node_id IS NOT NULL
)
SELECT {_NODE} FROM nodes WHERE session_id = ?1 AND node_id IN path ORDER BY node_number
"""  # noqa: S608


def load_session(connection: Connection, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
    """The session, or the part of it that the scope asks for."""
    head = _head(connection, session_id)
    if head is None:
        return None
    revision, head_leaf = head
    if scope.kind == "full_graph":
        nodes = _nodes(connection, _NODE, session_id)
    else:
        nodes = _path(connection, session_id, scope.leaf_node_id or head_leaf)
    graph = rules.scoped(session_id, SessionGraph(nodes=nodes, leaf_node_id=head_leaf), scope)
    return PersistedSessionRead(session_id=session_id, head_revision=revision, graph=graph)


def load_node(connection: Connection, session_id: str, node_id: str) -> SessionNode | None:
    """One node."""
    found = _nodes(connection, _NODE, session_id, "node_id = ?", node_id)
    return found[0] if found else None


def commit(connection: Connection, commit: RuntimeCommit, now: int) -> RuntimeCommitResult:
    """Apply a commit whole."""
    session_id, fence, turn = commit.session_id, commit.session_execution_lease, commit.turn_commit
    lease = lease_row(connection, session_id)
    leases.require_free_or_own(lease, fence)
    revision, leaf = _head(connection, session_id) or (0, None)
    committed_hash = None if turn is None else _turn_hash(connection, session_id, turn.turn_id)
    was_replay = rules.is_replay(commit, committed_hash)
    if not was_replay:
        rules.require_head(commit, revision or None)
        delta = commit.graph
        named = _named_nodes(connection, session_id, delta)
        after = rules.apply_delta(SessionGraph(nodes=named, leaf_node_id=leaf), delta)
        revision += 1
        if delta.kind == "replace_full":
            connection.execute("DELETE FROM nodes WHERE session_id = ?", (session_id,))
        _insert_nodes(connection, session_id, delta.nodes)
        _set_head(connection, session_id, revision, after.leaf_node_id, now)
        if turn is not None:
            values = (session_id, turn.turn_id, turn.turn_commit_hash)
            connection.execute("INSERT INTO turns VALUES (?, ?, ?)", values)
        rows.commit_refs(connection, session_id, commit.committed_attachment_ids, now)
        if commit.meta is not None:
            save_meta(connection, commit.meta)
    if commit.release_session_execution_lease and fence is not None:
        release_lease(connection, fence)
    return RuntimeCommitResult(head_revision=revision, was_replay=was_replay)


def save_meta(connection: Connection, meta: SessionMeta) -> None:
    """Set name and origin."""
    sql = "SELECT session_id FROM session_metas WHERE name = ? AND session_id != ?"
    other = connection.execute(sql, (meta.name, meta.session_id)).fetchone()
    rules.require_own_name(meta, other[0] if other else None)
    values = (meta.session_id, meta.name, meta.created_at_epoch_ms, *(meta.forked_from or (None, None)))
    connection.execute("INSERT OR REPLACE INTO session_metas VALUES (?, ?, ?, ?, ?)", values)


def load_meta(connection: Connection, session_id: str) -> SessionMeta | None:
    """Name and origin."""
    row = connection.execute("SELECT * FROM session_metas WHERE session_id = ?", (session_id,)).fetchone()
    return None if row is None else _meta(*row)


def _meta(session_id: Any, name: Any, created_at: Any, origin_session: Any, origin_node: Any) -> SessionMeta:
    return SessionMeta(
        session_id=session_id,
        name=name,
        created_at_epoch_ms=created_at,
        forked_from=None if origin_session is None else (origin_session, origin_node),
    )


def sessions(connection: Connection) -> tuple[SessionMeta, ...]:
    """Every session that was committed to, newest first; one without a name is called by its id."""
    found = connection.execute(
        "SELECT s.session_id, coalesce(m.name, s.session_id),"
        " coalesce(m.created_at_epoch_ms, s.created_at_epoch_ms) AS created,"
        " m.forked_from_session_id, m.forked_from_node_id"
        " FROM sessions AS s LEFT JOIN session_metas AS m USING (session_id)"
        " ORDER BY created DESC, session_number DESC"
    )
    return tuple(_meta(*row) for row in found.fetchall())


def fork(connection: Connection, session_id: str, node_id: str, meta: SessionMeta, now: int) -> int:
    """Make a new session of the path to a node, with the committed rows that its payloads name."""
    if _head(connection, session_id) is None:
        raise StoreError(f"there is no session {session_id!r} to fork; sessions() shows what there is")
    if _head(connection, meta.session_id) is not None:
        raise StoreError(f"there is a session {meta.session_id!r} already; fork into a new one")
    graph = SessionGraph(nodes=_path(connection, session_id, node_id), leaf_node_id=node_id)
    path = rules.scoped(session_id, graph, SessionReadScope.active_path(node_id)).nodes
    _insert_nodes(connection, meta.session_id, [replace(node, tombstoned=False) for node in path])
    _set_head(connection, meta.session_id, 1, node_id, now)
    save_meta(connection, meta)
    named = set().union(*(rules.attachment_ids_in(node.payload) for node in path))
    for row in rows.entries(connection, "session_id = ? AND committed_at_epoch_ms IS NOT NULL", session_id):
        if row.attachment_id in named:
            rows.write_entry(connection, replace(row, session_id=meta.session_id))
    return 1


def delete(connection: Connection, session_id: str, fence: SessionExecutionLeaseFence | None) -> None:
    """Remove all rows of a session."""
    leases.require_free_or_own(lease_row(connection, session_id), fence)
    for table in ("manifest", "leases", "sessions", "session_metas", "nodes", "turns"):
        connection.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))  # noqa: S608


def tombstone(connection: Connection, session_id: str, node_ids: Sequence[str]) -> int:
    """Mark nodes that do not lead to the head; returns how many were not marked."""
    _, leaf = _head(connection, session_id) or (0, None)
    path = SessionGraph(nodes=_path(connection, session_id, leaf), leaf_node_id=leaf)
    rules.require_off_path(path, node_ids)
    before = connection.total_changes()
    sql = "UPDATE nodes SET tombstoned = 1 WHERE session_id = ? AND node_id = ? AND tombstoned = 0"
    for node_id in node_ids:
        connection.execute(sql, (session_id, node_id))
    return connection.total_changes() - before


def vacuum(connection: Connection, session_id: str) -> VacuumReport:
    """Remove the tombstones that no node needs."""
    if not _nodes(connection, _SKELETON, session_id, "tombstoned = 1 LIMIT 1"):
        return VacuumReport(removed_node_count=0)
    graph = SessionGraph(nodes=_nodes(connection, _SKELETON, session_id))
    return VacuumReport(removed_node_count=_remove(connection, session_id, rules.removable_tombstones(graph)))


def gc_unreachable(connection: Connection, session_id: str) -> GcReport:
    """Remove the nodes that no path from the head reaches."""
    _, leaf = _head(connection, session_id) or (0, None)
    nodes = _nodes(connection, _SKELETON, session_id)
    unreachable = rules.unreachable_nodes(SessionGraph(nodes=nodes, leaf_node_id=leaf))
    removed = tuple(node.node_id for node in nodes if node.node_id in unreachable)
    _remove(connection, session_id, removed)
    return GcReport(
        removed_node_count=len(removed), retained_node_count=len(nodes) - len(removed), removed_node_ids=removed
    )


def _head(connection: Connection, session_id: str) -> tuple[int, str | None] | None:
    """The session's revision and leaf; `None` before its first commit."""
    sql = "SELECT head_revision, leaf_node_id FROM sessions WHERE session_id = ?"
    row: Any = connection.execute(sql, (session_id,)).fetchone()
    return None if row is None else (row[0], row[1])


def _set_head(connection: Connection, session_id: str, revision: int, leaf_node_id: str | None, now: int) -> None:
    sql = (
        "INSERT INTO sessions (session_id, head_revision, leaf_node_id, created_at_epoch_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (session_id) DO UPDATE SET head_revision = excluded.head_revision,"
        " leaf_node_id = excluded.leaf_node_id"
    )
    connection.execute(sql, (session_id, revision, leaf_node_id, now))


def _turn_hash(connection: Connection, session_id: str, turn_id: str) -> str | None:
    sql = "SELECT turn_commit_hash FROM turns WHERE session_id = ? AND turn_id = ?"
    row: Any = connection.execute(sql, (session_id, turn_id)).fetchone()
    return None if row is None else row[0]


def _nodes(
    connection: Connection, columns: str, session_id: str, where: str = "TRUE ORDER BY node_number", *values: object
) -> tuple[SessionNode, ...]:
    sql = f"SELECT {columns} FROM nodes WHERE session_id = ? AND {where}"  # noqa: S608
    return tuple(map(_node, connection.execute(sql, (session_id, *values)).fetchall()))


def _path(connection: Connection, session_id: str, leaf_node_id: str | None) -> tuple[SessionNode, ...]:
    """The nodes from a root to the leaf."""
    return tuple(map(_node, connection.execute(_PATH, (session_id, leaf_node_id)).fetchall()))


def _node(row: Sequence[Any]) -> SessionNode:
    node_id, parent_node_id, payload, created_at, tombstoned = row
    return SessionNode(
        node_id=node_id,
        parent_node_id=parent_node_id,
        payload=json.loads(payload),
        created_at_epoch_ms=created_at,
        tombstoned=bool(tombstoned),
    )


def _named_nodes(connection: Connection, session_id: str, delta: GraphCommitDelta) -> tuple[SessionNode, ...]:
    """Those nodes of the session that a commit's rules look at, without payloads: what it adds, their parents, and
    its leaf; or any that is alive, where it names no leaf."""
    if delta.kind == "replace_full":
        return ()
    named = {delta.leaf_node_id}
    for node in delta.nodes:
        named |= {node.node_id, node.parent_node_id}
    found = [_nodes(connection, _SKELETON, session_id, "node_id = ?", node_id) for node_id in named - {None}]
    if delta.leaf_node_id is None:
        found.append(_nodes(connection, _SKELETON, session_id, "tombstoned = 0 LIMIT 1"))
    return tuple({node.node_id: node for nodes in found for node in nodes}.values())


def _insert_nodes(connection: Connection, session_id: str, nodes: Iterable[SessionNode]) -> None:
    sql = f"INSERT INTO nodes (session_id, {_NODE}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
    for node in nodes:
        payload = rules.canonical_json(node.payload)
        values = (node.node_id, node.parent_node_id, payload, node.created_at_epoch_ms, int(node.tombstoned))
        connection.execute(sql, (session_id, *values))


def _remove(connection: Connection, session_id: str, node_ids: Iterable[str]) -> int:
    before = connection.total_changes()
    for node_id in node_ids:
        connection.execute("DELETE FROM nodes WHERE session_id = ? AND node_id = ?", (session_id, node_id))
    return connection.total_changes() - before
