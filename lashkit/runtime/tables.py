"""The sessions of the in-memory catalog. Every public method is one transaction: it happens whole or not at all.

What may happen is decided by the rules in `lashkit.runtime.graph` and `lashkit.runtime.leases`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from lashkit.clock import Clock
from lashkit.errors import StoreError
from lashkit.lease import SessionExecutionLeaseFence
from lashkit.runtime import graph as rules
from lashkit.runtime import leases
from lashkit.runtime.records import (
    GcReport,
    PersistedSessionRead,
    RuntimeCommit,
    RuntimeCommitResult,
    SessionGraph,
    SessionMeta,
    SessionNode,
    SessionReadScope,
    VacuumReport,
)
from lashkit.runtime.rows import Rows, transaction

__all__ = ["Tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    created_at_epoch_ms: int
    head_revision: int = 0  # before the first commit
    graph: SessionGraph = field(default_factory=SessionGraph)
    turns: tuple[tuple[str, str], ...] = ()  # id and hash


class Tables(Rows):
    """All of a catalog's tables."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.committed: dict[str, _Session] = {}
        self.metas: dict[str, SessionMeta] = {}

    @transaction
    def load_session(self, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
        session = self.committed.get(session_id)
        if session is None:
            return None
        part = rules.scoped(session_id, session.graph, scope)
        return PersistedSessionRead(
            session_id=session_id,
            head_revision=session.head_revision,
            graph=replace(part, nodes=_copied(part.nodes)),
        )

    @transaction
    def load_node(self, session_id: str, node_id: str) -> SessionNode | None:
        found = [node for node in self._graph(session_id).nodes if node.node_id == node_id]
        return _copied(found)[0] if found else None

    @transaction
    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        session_id, fence, turn = commit.session_id, commit.session_execution_lease, commit.turn_commit
        rules.require_session(session_id, commit)
        leases.require_free_or_own(self.lease(session_id), fence)
        session = self.committed.get(session_id) or _Session(created_at_epoch_ms=self.clock.timestamp_ms())
        was_replay = rules.is_replay(commit, dict(session.turns).get(turn.turn_id) if turn else None)
        if not was_replay:
            rules.require_head(commit, session.head_revision or None)
            session = _Session(
                created_at_epoch_ms=session.created_at_epoch_ms,
                head_revision=session.head_revision + 1,
                graph=rules.apply_delta(session.graph, replace(commit.graph, nodes=_copied(commit.graph.nodes))),
                turns=(*session.turns, (turn.turn_id, turn.turn_commit_hash)) if turn else session.turns,
            )
            if commit.meta is not None:
                self._require_own_name(commit.meta)
            # Nothing was changed up to here, and nothing fails from here on.
            self.committed[session_id] = session
            self.commit_refs(session_id, commit.committed_attachment_ids)
            if commit.meta is not None:
                self.metas[session_id] = commit.meta
        if commit.release_session_execution_lease and fence is not None:
            self.release_lease(fence)
        return RuntimeCommitResult(head_revision=session.head_revision, was_replay=was_replay)

    @transaction
    def save_meta(self, meta: SessionMeta) -> None:
        self._require_own_name(meta)
        self.metas[meta.session_id] = meta

    def _require_own_name(self, meta: SessionMeta) -> None:
        others = (i for i, other in self.metas.items() if other.name == meta.name and i != meta.session_id)
        rules.require_own_name(meta, next(others, None))

    @transaction
    def load_meta(self, session_id: str) -> SessionMeta | None:
        return self.metas.get(session_id)

    @transaction
    def sessions(self) -> tuple[SessionMeta, ...]:
        metas = [
            self.metas.get(session_id)
            or SessionMeta(session_id=session_id, name=session_id, created_at_epoch_ms=session.created_at_epoch_ms)
            for session_id, session in self.committed.items()
        ]
        metas.reverse()
        return tuple(sorted(metas, key=lambda meta: -meta.created_at_epoch_ms))

    @transaction
    def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        source = self.committed.get(session_id)
        if source is None:
            raise StoreError(f"there is no session {session_id!r} to fork; sessions() shows what there is")
        if meta.session_id in self.committed:
            raise StoreError(f"there is a session {meta.session_id!r} already; fork into a new one")
        self._require_own_name(meta)
        path = rules.scoped(session_id, source.graph, SessionReadScope.active_path(node_id)).nodes
        named = set().union(*(rules.attachment_ids_in(node.payload) for node in path))
        alive = tuple(replace(node, tombstoned=False) for node in path)
        self.committed[meta.session_id] = _Session(
            created_at_epoch_ms=self.clock.timestamp_ms(),
            head_revision=1,
            graph=SessionGraph(nodes=alive, leaf_node_id=node_id),
        )
        self.metas[meta.session_id] = meta
        for row in self.rows(session_id=session_id):
            if row.attachment_id in named and row.committed_at_epoch_ms is not None:
                self.manifest[meta.session_id, row.attachment_id] = replace(row, session_id=meta.session_id)
        return 1

    @transaction
    def delete(self, session_id: str, fence: SessionExecutionLeaseFence | None) -> None:
        leases.require_free_or_own(self.lease(session_id), fence)
        for row in self.rows(session_id=session_id):
            del self.manifest[session_id, row.attachment_id]
        self.committed.pop(session_id, None)
        self.metas.pop(session_id, None)
        self.leases.pop(session_id, None)

    @transaction
    def tombstone(self, session_id: str, node_ids: Sequence[str]) -> int:
        graph = self._graph(session_id)
        rules.require_off_path(graph, node_ids)
        marked = {node.node_id for node in graph.nodes if node.node_id in node_ids and not node.tombstoned}
        self._keep(
            session_id,
            (replace(node, tombstoned=True) if node.node_id in marked else node for node in graph.nodes),
        )
        return len(marked)

    @transaction
    def vacuum(self, session_id: str) -> VacuumReport:
        removed = self._remove(session_id, rules.removable_tombstones(self._graph(session_id)))
        return VacuumReport(removed_node_count=len(removed))

    @transaction
    def gc_unreachable(self, session_id: str) -> GcReport:
        removed = self._remove(session_id, rules.unreachable_nodes(self._graph(session_id)))
        return GcReport(
            removed_node_count=len(removed),
            retained_node_count=len(self._graph(session_id).nodes),
            removed_node_ids=removed,
        )

    def _graph(self, session_id: str) -> SessionGraph:
        session = self.committed.get(session_id)
        return session.graph if session else SessionGraph()

    def _remove(self, session_id: str, node_ids: set[str]) -> tuple[str, ...]:
        nodes = self._graph(session_id).nodes
        self._keep(session_id, (node for node in nodes if node.node_id not in node_ids))
        return tuple(node.node_id for node in nodes if node.node_id in node_ids)

    def _keep(self, session_id: str, nodes: Iterable[SessionNode]) -> None:
        session = self.committed.get(session_id)
        if session is not None:
            self.committed[session_id] = replace(session, graph=replace(session.graph, nodes=tuple(nodes)))


def _copied(nodes: Iterable[SessionNode]) -> tuple[SessionNode, ...]:
    """The nodes with payloads of their own, as a database would return them."""
    return tuple(replace(node, payload=json.loads(rules.canonical_json(node.payload))) for node in nodes)
