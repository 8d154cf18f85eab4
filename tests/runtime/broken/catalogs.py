"""Twins of the laws about catalogs and the fence."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lashkit.errors import (
    AttachmentBeingDeleted,
)
from lashkit.lease import SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
from lashkit.runtime.records import (
    RuntimeCommit,
    RuntimeCommitResult,
    SessionMeta,
)
from lashkit.runtime.tables import Tables
from lashkit.values import AttachmentId, DurabilityTier

from .registry import apart, breaks


@breaks("the_uuid_names_the_database")
class NamesTheObject(InMemoryCatalog):
    """A UUID for each opener."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._uuid = str(uuid.uuid4())

    @property
    def catalog_uuid(self) -> str:
        return self._uuid


@breaks("a_catalog_is_paired_once")
class PairsAgain(Tables):
    """Belongs to whoever came last."""

    def pair_store(self, store_uuid: str, adopted: Sequence[AttachmentManifestEntry]) -> bool:
        self.store_uuid = None
        return super().pair_store(store_uuid, adopted)


@breaks("of_simultaneous_pairings_one_wins")
class PairsInTwoSteps(InMemoryCatalog):
    """Looks, and then pairs."""

    async def pair_store(self, store_uuid: str, adopted: Sequence[AttachmentManifestEntry] = ()) -> bool:
        if await self.paired_store() is not None:
            return False
        await asyncio.sleep(0)
        self._tables.store_uuid = None
        return await super().pair_store(store_uuid, adopted)


@breaks("a_closed_catalog_opens_again")
class StaysClosed(InMemoryCatalog):
    """Cannot be used after `close`."""

    async def close(self) -> None:
        self._tables = None  # type: ignore[assignment]


class _SaysDurable(InMemorySessionStore):
    @property
    def durability_tier(self) -> DurabilityTier:
        return DurabilityTier.DURABLE


@breaks("the_catalogs_tier_is_that_of_its_sessions")
class SaysTwoTiers(InMemoryCatalog):
    """Says one thing of itself and another of its sessions."""

    def session(self, session_id: str) -> InMemorySessionStore:
        return _SaysDurable._of(self._tables, session_id)


@breaks("sessions_are_listed_newest_first")
class ListsOldestFirst(Tables):
    """ORDER BY created_at."""

    def sessions(self) -> tuple[SessionMeta, ...]:
        return super().sessions()[::-1]


@breaks("sessions_see_only_their_own")
class HasOneTableOfTurns(Tables):
    """PRIMARY KEY (turn_id)."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        turn = commit.turn_commit
        for session_id, session in self.committed.items():
            if turn is not None and session_id != commit.session_id and turn.turn_id in dict(session.turns):
                return RuntimeCommitResult(head_revision=session.head_revision, was_replay=True)
        return super().commit(commit)


@breaks("a_session_lists_only_its_own_rows")
class ListsForEverybody(InMemoryCatalog):
    """A bound persistence with the manifest of the whole catalog."""

    def session(self, session_id: str) -> InMemorySessionStore:
        return _ListsForEverybody._of(self._tables, session_id)


class _ListsForEverybody(InMemorySessionStore):
    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        return self._tables.rows()


@breaks("every_look_at_the_rows_agrees")
class FindsCommitsOnly(InMemoryCatalog):
    """Finds no intents by digest."""

    async def find_entries(self, attachment_id: AttachmentId) -> Sequence[AttachmentManifestEntry]:
        return [row for row in await super().find_entries(attachment_id) if row.committed_at_epoch_ms is not None]


@breaks("a_fork_copies_the_path_and_its_commits")
class ForksEverything(Tables):
    """Copies every row of the origin."""

    def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        revision = super().fork(session_id, node_id, meta)
        for row in self.rows(session_id=session_id):
            self.manifest.setdefault((meta.session_id, row.attachment_id), replace(row, session_id=meta.session_id))
        return revision


@breaks("a_fork_and_its_origin_part_ways")
class ForksTurnsToo(Tables):
    """Takes the origin's turns for the fork's."""

    def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        revision = super().fork(session_id, node_id, meta)
        turns = self.committed[session_id].turns
        self.committed[meta.session_id] = replace(self.committed[meta.session_id], turns=turns)
        return revision


@breaks("a_fork_needs_an_origin_and_a_new_name")
class ForksOverWhatIsThere(Tables):
    """INSERT OR REPLACE INTO sessions."""

    def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        if meta.session_id != session_id:
            self.committed.pop(meta.session_id, None)
        return super().fork(session_id, node_id, meta)


@breaks("a_deleted_session_is_gone")
class LeavesRowsBehind(Tables):
    """Deletes a session and keeps what it held."""

    def delete(self, session_id: str, fence: SessionExecutionLeaseFence | None) -> None:
        kept = {key: row for key, row in self.manifest.items() if key[0] == session_id}
        super().delete(session_id, fence)
        self.manifest.update(kept)


@breaks("a_delete_needs_the_session_to_itself")
class DeletesUnderTheWriter(Tables):
    """Asks nobody."""

    def delete(self, session_id: str, fence: SessionExecutionLeaseFence | None) -> None:
        self.leases.pop(session_id, None)
        super().delete(session_id, None)


@breaks("live_rows_are_not_condemned")
class TakesOldForDead(Tables):
    """Asks for age alone, and not whether the owner lives."""

    def condemn(self, attachment_id: AttachmentId, grace_ms: int) -> bool:
        for row in self.rows(attachment_id=attachment_id):
            self.manifest[row.session_id, attachment_id] = replace(row, owner=None)
        return super().condemn(attachment_id, grace_ms)


@breaks("dead_rows_go_with_the_condemnation")
class LeavesDeadRows(Tables):
    """Condemns, and leaves the rows to somebody else."""

    def condemn(self, attachment_id: AttachmentId, grace_ms: int) -> bool:
        before = dict(self.manifest)
        condemned = super().condemn(attachment_id, grace_ms)
        self.manifest = before
        return condemned


@breaks("grace_is_counted_from_the_intent")
class CountsInSeconds(Tables):
    """Rounds the grace period up."""

    def condemn(self, attachment_id: AttachmentId, grace_ms: int) -> bool:
        return super().condemn(attachment_id, -(-grace_ms // 2_000) * 2_000)


@breaks("asking_what_is_live_changes_nothing")
class CondemnsWhenAsked(Tables):
    """Answers by condemning."""

    def not_live(self, attachment_ids: Sequence[AttachmentId], grace_ms: int) -> tuple[AttachmentId, ...]:
        return tuple(attachment_id for attachment_id in attachment_ids if self.condemn(attachment_id, grace_ms))


@breaks("a_write_revokes_a_condemnation")
class WritesUnderACondemnation(Tables):
    """Records the intent and leaves the condemnation."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        condemned = intent.attachment_id in self.digests and self.digests[intent.attachment_id] is None
        super().begin_write(intent)
        if condemned:
            self.digests[intent.attachment_id] = None


@breaks("only_the_condemned_are_armed")
class ArmsAnything(Tables):
    """Arms the delete of a free digest too."""

    def arm_delete(self, attachment_id: AttachmentId) -> bool:
        if not self.rows(attachment_id=attachment_id):
            self.digests.setdefault(attachment_id, None)
        return super().arm_delete(attachment_id)


@breaks("what_sweeps_are_at_is_marked")
class MarksTheCondemnedOnly(Tables):
    """Forgets the deletes that a sweep died in."""

    def marked(self) -> tuple[AttachmentId, ...]:
        return tuple(attachment_id for attachment_id, deleter in self.digests.items() if deleter is None)


@breaks("of_two_sweeps_one_deletes")
class ArmsTwice(Tables):
    """Arms what is armed already."""

    def arm_delete(self, attachment_id: AttachmentId) -> bool:
        return self.digests.get(attachment_id) is not None or super().arm_delete(attachment_id)


@breaks("writers_and_deleters_exclude_each_other")
class WritesDuringADelete(Tables):
    """Takes an armed delete for a condemnation."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        try:
            super().begin_write(intent)
        except AttachmentBeingDeleted:
            del self.digests[intent.attachment_id]
            super().begin_write(intent)


@breaks("a_dead_deleter_counts_as_done")
class HonoursTheDead(Tables):
    """Waits for a deleter that will never end."""

    def _is_being_deleted(self, attachment_id: AttachmentId) -> bool:
        return self.digests.get(attachment_id) is not None


@breaks("a_stale_fence_begins_no_write")
class RevokesForAnybody(Tables):
    """Revokes the condemnation before it looks at the fence."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        if not self._is_being_deleted(intent.attachment_id):
            self.digests.pop(intent.attachment_id, None)
        super().begin_write(intent)


@breaks("the_fence_is_seen_by_every_opener")
class FencesInTheProcess(InMemoryCatalog):
    """Keeps the states of digests in the process."""

    def reopened(self) -> Tables:
        return apart(self._tables, "digests")
