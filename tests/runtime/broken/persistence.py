"""Twins of the laws about commits, reading and pruning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

from lashkit.errors import (
    HeadRevisionConflict,
    StoreError,
)
from lashkit.runtime import graph as rules
from lashkit.runtime import leases
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
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
from lashkit.runtime.tables import Tables
from lashkit.values import AttachmentId, DurabilityTier

from .registry import apart, breaks


@breaks("the_first_commit_makes_the_session")
class LoadsEmptySessions(Tables):
    """Has every session, empty."""

    def load_session(self, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
        empty = PersistedSessionRead(session_id=session_id, head_revision=0, graph=SessionGraph())
        return super().load_session(session_id, scope) or empty


@breaks("the_head_is_compared_and_swapped")
class LastCommitWins(Tables):
    """Never compares the head."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        session = self.committed.get(commit.session_id)
        return super().commit(replace(commit, expected_head_revision=session.head_revision if session else None))


@breaks("simultaneous_commits_have_one_winner")
class ComparesBeforehand(InMemoryCatalog):
    """Compares the head in one transaction and writes in another."""

    def session(self, session_id: str) -> InMemorySessionStore:
        return _ComparesBeforehand._of(self._tables, session_id)


class _ComparesBeforehand(InMemorySessionStore):
    async def commit_runtime_state(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        session = self._tables.committed.get(commit.session_id)
        compared = session is not None and session.head_revision == commit.expected_head_revision
        await asyncio.sleep(0)
        now = self._tables.committed.get(commit.session_id)
        if compared and now is not None:
            return self._tables.commit(replace(commit, expected_head_revision=now.head_revision))
        return await super().commit_runtime_state(commit)


@breaks("a_turn_is_committed_once")
class ForgetsTurns(Tables):
    """Knows no turns."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        rules.require_session(commit.session_id, commit)
        return super().commit(replace(commit, turn_commit=None))


@breaks("a_turn_is_committed_once")
class LooksAtTheHeadFirst(Tables):
    """Refuses a replay once the head has moved."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        rules.require_session(commit.session_id, commit)
        leases.require_free_or_own(self.lease(commit.session_id), commit.session_execution_lease)
        session = self.committed.get(commit.session_id)
        if commit.turn_commit is None or session is None or commit.turn_commit.turn_id not in dict(session.turns):
            return super().commit(commit)
        if commit.expected_head_revision not in (None, session.head_revision) or session.head_revision > 1:
            raise HeadRevisionConflict(commit.session_id, commit.expected_head_revision, session.head_revision)
        return super().commit(commit)


@breaks("a_turn_with_another_content_is_a_conflict")
class KnowsTurnsByIdAlone(Tables):
    """Takes any commit of a known turn for a replay."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        session, turn = self.committed.get(commit.session_id), commit.turn_commit
        if session is not None and turn is not None and turn.turn_id in dict(session.turns):
            turn = replace(turn, turn_commit_hash=dict(session.turns)[turn.turn_id])
        return super().commit(replace(commit, turn_commit=turn))


@breaks("graphs_are_appended_kept_and_replaced")
class ReplacesByAppending(Tables):
    """Keeps the nodes that a replacement does not have."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        before = self._graph(commit.session_id).nodes
        result = super().commit(commit)
        session = self.committed[commit.session_id]
        present = {node.node_id for node in session.graph.nodes}
        nodes = (*session.graph.nodes, *(node for node in before if node.node_id not in present))
        self.committed[commit.session_id] = replace(session, graph=replace(session.graph, nodes=nodes))
        return result


@breaks("a_graph_that_makes_no_sense_is_refused")
class TakesAnyLeaf(Tables):
    """Has no foreign key on the leaf."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        graph = self._graph(commit.session_id)
        known = [node.node_id for node in (*graph.nodes, *commit.graph.nodes)]
        wanted = commit.graph.leaf_node_id
        if wanted in known or not known:
            return super().commit(commit)
        result = super().commit(replace(commit, graph=replace(commit.graph, leaf_node_id=known[-1])))
        if not result.was_replay:
            session = self.committed[commit.session_id]
            self.committed[commit.session_id] = replace(session, graph=replace(session.graph, leaf_node_id=known[0]))
        return result


@breaks("a_commit_for_another_session_is_refused")
class CommitsToWhomItIsBound(InMemoryCatalog):
    """Writes a commit to its own session, whichever it names."""

    def session(self, session_id: str) -> InMemorySessionStore:
        return _CommitsToWhomItIsBound._of(self._tables, session_id)


class _CommitsToWhomItIsBound(InMemorySessionStore):
    async def commit_runtime_state(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        return await super().commit_runtime_state(replace(commit, session_id=self._session_id))


@breaks("payloads_stand_alone")
class HandsOutItsOwnNodes(Tables):
    """Gives every reader the same payload."""

    def load_session(self, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
        read = super().load_session(session_id, scope)
        return read and replace(read, graph=rules.scoped(session_id, self._graph(session_id), scope))


@breaks("payloads_stand_alone")
class WritesReprs(Tables):
    """Knows no floats."""

    def load_node(self, session_id: str, node_id: str) -> SessionNode | None:
        node = super().load_node(session_id, node_id)
        return node and replace(
            node, payload=json.loads(json.dumps(node.payload), parse_float=lambda text: int(float(text)))
        )


@breaks("a_committed_session_survives_reopening")
class LosesTurnsWhenReopened(InMemoryCatalog):
    """Keeps the turns of a session in the process."""

    def reopened(self) -> Tables:
        others = apart(self._tables, "committed")
        for session_id, session in others.committed.items():
            others.committed[session_id] = replace(session, turns=())
        return others


@breaks("the_durability_tier_is_honest")
class ClaimsToBeDurable(InMemoryCatalog):
    """Says `DURABLE` and is memory."""

    def reopened(self) -> Tables:
        return Tables(self._tables.clock)

    @property
    def durability_tier(self) -> DurabilityTier:
        return DurabilityTier.DURABLE

    def session(self, session_id: str) -> InMemorySessionStore:
        return _ClaimsToBeDurable._of(self._tables, session_id)


class _ClaimsToBeDurable(InMemorySessionStore):
    @property
    def durability_tier(self) -> DurabilityTier:
        return DurabilityTier.DURABLE


@breaks("a_session_is_read_whole_or_as_a_path")
class ReadsEverythingAlways(Tables):
    """Takes every scope for the full graph."""

    def load_session(self, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
        super().load_session(session_id, scope)
        return super().load_session(session_id, SessionReadScope.full_graph())


@breaks("a_path_to_an_unknown_node_is_refused")
class ReadsTheHeadInstead(Tables):
    """Falls back to the head where the leaf is unknown."""

    def load_session(self, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
        if scope.leaf_node_id not in {node.node_id for node in self._graph(session_id).nodes}:
            scope = replace(scope, leaf_node_id=None)
        return super().load_session(session_id, scope)


@breaks("nodes_are_loaded_by_id")
class RaisesForUnknownNodes(Tables):
    """Takes an unknown node for a failure."""

    def load_node(self, session_id: str, node_id: str) -> SessionNode | None:
        node = super().load_node(session_id, node_id)
        if node is None:
            raise StoreError(f"no node {node_id}")
        return node


@breaks("meta_round_trips")
class KeepsTheFirstMeta(Tables):
    """INSERT OR IGNORE."""

    def save_meta(self, meta: SessionMeta) -> None:
        self.metas.setdefault(meta.session_id, meta)


@breaks("calls_for_another_session_are_refused")
class TrustsItsCallers(InMemoryCatalog):
    """Does what it is told, for whichever session."""

    def session(self, session_id: str) -> InMemorySessionStore:
        return _TrustsItsCallers._of(self._tables, session_id)


class _TrustsItsCallers(InMemorySessionStore):
    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        return self._tables.row(session_id, attachment_id) is not None


@breaks("tombstoned_nodes_are_out_of_sight")
class ShowsTombstones(Tables):
    """Reads nodes whatever they are marked."""

    def load_session(self, session_id: str, scope: SessionReadScope) -> PersistedSessionRead | None:
        read = super().load_session(session_id, scope)
        if read is None or scope.kind == "active_path":
            return read
        return replace(read, graph=replace(read.graph, nodes=self._graph(session_id).nodes))


@breaks("the_path_to_the_head_stays")
class MarksAnything(Tables):
    """Tombstones the path to the head as well."""

    def tombstone(self, session_id: str, node_ids: Sequence[str]) -> int:
        graph = self._graph(session_id)
        try:
            return super().tombstone(session_id, node_ids)
        except StoreError:
            self._keep(session_id, (replace(node, tombstoned=node.node_id in node_ids) for node in graph.nodes))
            return len(node_ids)


@breaks("vacuum_removes_what_nobody_needs")
class VacuumsAncestors(Tables):
    """DELETE … WHERE tombstoned."""

    def vacuum(self, session_id: str) -> VacuumReport:
        marked = {node.node_id for node in self._graph(session_id).nodes if node.tombstoned}
        return VacuumReport(removed_node_count=len(self._remove(session_id, marked)))


@breaks("gc_keeps_the_path_to_the_head")
class CollectsLeaves(Tables):
    """Keeps whatever has a child."""

    def gc_unreachable(self, session_id: str) -> GcReport:
        graph = self._graph(session_id)
        parents = {node.parent_node_id for node in graph.nodes}
        leaves = {node.node_id for node in graph.nodes if node.node_id not in parents} - {graph.leaf_node_id or ""}
        removed = self._remove(session_id, leaves)
        left = len(self._graph(session_id).nodes)
        return GcReport(removed_node_count=len(removed), retained_node_count=left, removed_node_ids=removed)


@breaks("an_empty_session_has_nothing_to_prune")
class CannotPruneNothing(Tables):
    """Wants a session to vacuum."""

    def vacuum(self, session_id: str) -> VacuumReport:
        if session_id not in self.committed:
            raise StoreError("no session")
        return super().vacuum(session_id)
