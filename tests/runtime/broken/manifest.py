"""Twins of the laws about manifests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runtime.memory import InMemoryCatalog
from lashkit.runtime.tables import Tables
from lashkit.values import AttachmentId

from .registry import apart, breaks


@breaks("an_intent_is_a_row_that_is_not_committed")
class ForgetsOwners(Tables):
    """Has no column for the owner of an intent."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        super().begin_write(replace(intent, owner=None))


@breaks("an_intent_is_visible_to_every_opener")
class KeepsIntentsToItself(InMemoryCatalog):
    """Buffers rows in the process."""

    def reopened(self) -> Tables:
        return apart(self._tables, "manifest")


@breaks("a_repeated_intent_renews_the_row")
class KeepsTheFirstDescription(Tables):
    """Ignores an intent for a row that is there."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        before = self.row(intent.session_id, intent.attachment_id)
        super().begin_write(intent)
        if before is not None:
            self.manifest[intent.session_id, intent.attachment_id] = before


@breaks("a_repeated_intent_never_erases_a_commit")
class ReplacesRows(Tables):
    """INSERT OR REPLACE."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        self.manifest.pop((intent.session_id, intent.attachment_id), None)
        super().begin_write(intent)


@breaks("only_rows_that_exist_are_committed")
class CountsWhatItIsGiven(Tables):
    """Answers with the number of ids."""

    def commit_refs(self, session_id: str, attachment_ids: Sequence[AttachmentId], fence: Any = None) -> int:
        super().commit_refs(session_id, attachment_ids, fence)
        return len(attachment_ids)


@breaks("committing_again_changes_nothing")
class StampsCommitsAnew(Tables):
    """UPDATE … SET committed_at = now, whatever it was."""

    def commit_refs(self, session_id: str, attachment_ids: Sequence[AttachmentId], fence: Any = None) -> int:
        count = super().commit_refs(session_id, attachment_ids, fence)
        for attachment_id in attachment_ids:
            row = self.row(session_id, attachment_id)
            if row is not None:
                self.manifest[session_id, attachment_id] = replace(row, committed_at_epoch_ms=self.clock.timestamp_ms())
        return count


@breaks("commits_survive_reopening")
class CommitsInMemory(InMemoryCatalog):
    """Acknowledges commits that it has not written."""

    def reopened(self) -> Tables:
        return Tables(self._tables.clock)


@breaks("sessions_never_touch_each_others_rows")
class CommitsForEverybody(Tables):
    """UPDATE … WHERE attachment_id = ?, without the session."""

    def commit_refs(self, session_id: str, attachment_ids: Sequence[AttachmentId], fence: Any = None) -> int:
        count = super().commit_refs(session_id, attachment_ids, fence)
        for row in self.rows():
            if row.attachment_id in attachment_ids and row.session_id != session_id:
                super().commit_refs(row.session_id, [row.attachment_id])
        return count


@breaks("sessions_never_touch_each_others_rows")
class ForgetsForEverybody(Tables):
    """DELETE … WHERE attachment_id = ?."""

    def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        for row in self.rows(attachment_id=attachment_id):
            super().forget(row.session_id, attachment_id)


@breaks("uncommitted_rows_are_listed_by_age")
class ListsThatVeryMillisecond(InMemoryCatalog):
    """<= where < is meant."""

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        return await super().list_uncommitted(older_than_epoch_ms + 1)


@breaks("all_rows_are_listed_oldest_first")
class SortsById(Tables):
    """ORDER BY attachment_id."""

    def rows(self, **which: Any) -> tuple[AttachmentManifestEntry, ...]:
        return tuple(sorted(super().rows(**which), key=lambda row: row.attachment_id))


@breaks("a_forgotten_row_is_gone")
class OnlyForgetsIntents(Tables):
    """Takes commits for what must stay."""

    def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        row = self.row(session_id, attachment_id)
        if row is not None and row.committed_at_epoch_ms is None:
            super().forget(session_id, attachment_id)


@breaks("forgetting_is_idempotent")
class ForgetsOnlyWhatIsThere(Tables):
    """Complains where there is nothing to forget."""

    def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        del self.manifest[session_id, attachment_id]


@breaks("holding_is_having_a_row")
class HoldsOnlyCommits(InMemoryCatalog):
    """Takes an intent for nothing yet."""

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        row = self._tables.row(session_id, attachment_id)
        return row is not None and row.committed_at_epoch_ms is not None
