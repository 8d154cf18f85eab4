"""Twins of the laws about leases, and about what stands or falls together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lashkit.errors import (
    SessionExecutionLeaseExpired,
)
from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLeaseClaimOutcome, SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent
from lashkit.runtime import leases
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
from lashkit.runtime.records import (
    RuntimeCommit,
    RuntimeCommitResult,
)
from lashkit.runtime.tables import Tables
from lashkit.values import AttachmentId

from .registry import apart, breaks


@breaks("there_is_one_writer_at_a_time")
class LendsToEverybody(Tables):
    """Takes the lease from whoever has it."""

    def claim(self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None) -> Any:
        self.leases[session_id] = replace(self.lease(session_id), lease=None)
        return super().claim(session_id, owner, lease_ttl_ms)


@breaks("simultaneous_claims_have_one_winner")
class ChecksBeforehand(InMemoryCatalog):
    """Looks whether the lease is free in one transaction and takes it in another."""

    def session(self, session_id: str) -> InMemorySessionStore:
        return _ChecksBeforehand._of(self._tables, session_id)


class _ChecksBeforehand(InMemorySessionStore):
    async def try_claim_session_execution_lease(
        self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None = None
    ) -> SessionExecutionLeaseClaimOutcome:
        self._require(session_id)
        is_free = self._tables.lease(session_id).lease is None
        await asyncio.sleep(0)
        if is_free:
            self._tables.leases[session_id] = replace(self._tables.lease(session_id), lease=None)
        return await super().try_claim_session_execution_lease(session_id, owner, lease_ttl_ms)


@breaks("leases_are_seen_by_every_opener")
class LeasesInTheProcess(InMemoryCatalog):
    """Keeps leases in the process."""

    def reopened(self) -> Tables:
        return apart(self._tables, "leases")


@breaks("claiming_ones_own_lease_again_keeps_it")
class RenewsTokensToo(Tables):
    """Gives the holder a new lease with each claim."""

    def claim(self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None) -> Any:
        row = self.lease(session_id)
        if row.lease is not None and row.lease.owner.same_incarnation(owner):
            self.leases[session_id] = replace(row, lease=None)
        return super().claim(session_id, owner, lease_ttl_ms)


@breaks("another_incarnation_of_the_owner_is_busy")
class KnowsOwnersByName(Tables):
    """Takes an owner who restarted for the one that was."""

    def claim(self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None) -> Any:
        lease = self.lease(session_id).lease
        if lease is not None and lease.owner.owner_id == owner.owner_id and lease.owner != owner:
            self.leases[session_id] = replace(self.lease(session_id), lease=None)
        return super().claim(session_id, owner, lease_ttl_ms)


@breaks("a_released_lease_goes_to_the_next")
class CountsFromOne(Tables):
    """Deletes the row of a released lease, and its fencing token with it."""

    def release_lease(self, fence: SessionExecutionLeaseFence) -> None:
        super().release_lease(fence)
        del self.leases[fence.session_id]


@breaks("a_holder_proven_dead_can_be_taken_over")
class WaitsForTheDead(Tables):
    """Never takes a lease over."""

    def reclaim(self, session_id: str, owner: LeaseOwnerIdentity, observed_holder: Any, lease_ttl_ms: Any) -> Any:
        return super().claim(session_id, owner, lease_ttl_ms)


@breaks("a_takeover_is_compared_with_the_holder_seen")
class TakesOverFromAnybody(Tables):
    """Never compares the holder."""

    def reclaim(self, session_id: str, owner: LeaseOwnerIdentity, observed_holder: Any, lease_ttl_ms: Any) -> Any:
        lease = self.lease(session_id).lease
        return super().reclaim(session_id, owner, lease.fence() if lease else observed_holder, lease_ttl_ms)


@breaks("a_stale_fence_neither_renews_nor_releases")
class ReleasesForAnybody(Tables):
    """DELETE … WHERE session_id = ?."""

    def release_lease(self, fence: SessionExecutionLeaseFence) -> None:
        self.leases[fence.session_id] = replace(self.lease(fence.session_id), lease=None)


@breaks("an_expired_lease_goes_to_the_next")
class NeverExpires(Tables):
    """Gives leases for ever."""

    def claim(self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None) -> Any:
        return super().claim(session_id, owner, None)


@breaks("a_late_renewal_wins_while_nobody_took_the_lease")
class RefusesLateRenewals(Tables):
    """Takes an expired lease for a lost one."""

    def renew(self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None) -> Any:
        lease = leases.check_fence(self.lease(fence.session_id), fence)
        if lease.expires_at_epoch_ms is not None and lease.expires_at_epoch_ms <= self.clock.timestamp_ms():
            raise SessionExecutionLeaseExpired(fence.session_id)
        return super().renew(fence, lease_ttl_ms)


@breaks("a_lease_lasts_exactly_its_time")
class RenewsFromTheClaim(Tables):
    """Counts the time of a renewed lease from its claim."""

    def renew(self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None) -> Any:
        before = self.lease(fence.session_id).lease
        lease = super().renew(fence, lease_ttl_ms)
        if before is None or before.expires_at_epoch_ms is None or lease_ttl_ms != 1_000:
            return lease
        renewed = replace(lease, expires_at_epoch_ms=before.claimed_at_epoch_ms + lease_ttl_ms)
        self.leases[fence.session_id] = replace(self.lease(fence.session_id), lease=renewed)
        return renewed


@breaks("a_turn_and_its_attachments_become_visible_together")
class CommitsAttachmentsLater(Tables):
    """Leaves the rows to a later call."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        return super().commit(replace(commit, committed_attachment_ids=()))


@breaks("a_commit_that_fails_changes_nothing")
class CommitsAttachmentsFirst(Tables):
    """Two transactions: the rows, then the turn."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        self.commit_refs(commit.session_id, commit.committed_attachment_ids)
        return super().commit(commit)


@breaks("a_commit_that_fails_changes_nothing")
class ReleasesWhateverHappens(Tables):
    """`finally: release`."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        try:
            return super().commit(commit)
        finally:
            if commit.release_session_execution_lease:
                self.leases[commit.session_id] = replace(self.lease(commit.session_id), lease=None)


@breaks("a_stale_fence_commits_nothing")
class TakesReplaysFromAnybody(Tables):
    """Looks at the turn before the fence."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        session, turn = self.committed.get(commit.session_id), commit.turn_commit
        lease = self.lease(commit.session_id).lease
        if session is not None and turn is not None and (turn.turn_id, turn.turn_commit_hash) in session.turns:
            commit = replace(commit, session_execution_lease=lease.fence() if lease else None)
        return super().commit(commit)


@breaks("a_commit_without_a_fence_needs_a_free_session")
class AsksForNoFence(Tables):
    """Checks a fence only where one is shown."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        lease = self.lease(commit.session_id).lease
        if commit.session_execution_lease is None and lease is not None:
            commit = replace(commit, session_execution_lease=lease.fence())
        return super().commit(commit)


@breaks("a_stale_fence_records_no_intent")
class WritesFirstAndChecksLater(Tables):
    """Records the intent and then looks at the fence."""

    def begin_write(self, intent: AttachmentIntent) -> None:
        super().begin_write(replace(intent, fence=None))
        if intent.fence is not None:
            leases.check_fence(self.lease(intent.session_id), intent.fence)


@breaks("a_commit_can_release_the_lease")
class KeepsTheLease(Tables):
    """Forgets to release."""

    def commit(self, commit: RuntimeCommit) -> RuntimeCommitResult:
        return super().commit(replace(commit, release_session_execution_lease=False))


@breaks("a_stale_fence_commits_no_rows")
class CommitsRowsForAnybody(Tables):
    """Ignores the fence of `commit_refs`."""

    def commit_refs(self, session_id: str, attachment_ids: Sequence[AttachmentId], fence: Any = None) -> int:
        return super().commit_refs(session_id, attachment_ids)
