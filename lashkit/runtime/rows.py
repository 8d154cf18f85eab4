"""The rows of the in-memory catalog: manifest, fence, leases.

Every public method is one transaction: it happens whole or not at all. The methods promise what those of the same name
in `lashkit.manifest` and `lashkit.runtime.protocols` do.

What may happen is decided by the rules in `lashkit.manifest` and `lashkit.runtime.leases`.
"""

from __future__ import annotations

import functools
import os
import secrets
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from lashkit.clock import Clock
from lashkit.errors import AttachmentBeingDeleted
from lashkit.lease import (
    LeaseOwnerIdentity,
    SessionExecutionLease,
    SessionExecutionLeaseClaimOutcome,
    SessionExecutionLeaseFence,
)
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry, recorded, unique
from lashkit.process import ProcessIdentity
from lashkit.runtime import leases
from lashkit.values import AttachmentId

__all__ = ["Rows", "transaction"]

T = TypeVar("T")
P = ParamSpec("P")
SelfT = TypeVar("SelfT")

_transactions = threading.RLock()
"""One for all tables of the process, held for microseconds and never across an await. A fork waits for it, so that no
child inherits a half-done change or a lock that nobody gives back."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_transactions.acquire, after_in_parent=_transactions.release, after_in_child=_transactions.release
    )


def transaction(method: Callable[Concatenate[SelfT, P], T]) -> Callable[Concatenate[SelfT, P], T]:
    """Make a method one transaction; one inside another is a part of it."""

    @functools.wraps(method)
    def alone(self: SelfT, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with _transactions:
            return method(self, *args, **kwargs)

    return alone


class Rows:
    """Manifest, fence and leases: dictionaries in the place of tables."""

    def __init__(self, clock: Clock) -> None:
        self.catalog_uuid: str = str(uuid.uuid4())
        self.clock = clock
        self.store_uuid: str | None = None
        self.manifest: dict[tuple[str, AttachmentId], AttachmentManifestEntry] = {}
        self.digests: dict[AttachmentId, ProcessIdentity | None] = {}  # who deletes it; `None` while condemned
        self.leases: dict[str, leases.LeaseRow] = {}

    # The store

    @transaction
    def paired_store(self) -> str | None:
        return self.store_uuid

    @transaction
    def pair_store(self, store_uuid: str, adopted: Sequence[AttachmentManifestEntry]) -> bool:
        if self.store_uuid is not None:
            return False
        self.store_uuid = store_uuid
        for row in adopted:
            self.manifest.setdefault((row.session_id, row.attachment_id), row)
        return True

    # The manifest

    @transaction
    def begin_write(self, intent: AttachmentIntent) -> None:
        if intent.fence is not None:
            leases.check_fence(self.lease(intent.session_id), intent.fence)
        if self._is_being_deleted(intent.attachment_id):
            raise AttachmentBeingDeleted(intent.attachment_id)
        self.digests.pop(intent.attachment_id, None)
        key = (intent.session_id, intent.attachment_id)
        self.manifest[key] = recorded(self.manifest.get(key), intent)

    @transaction
    def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        if fence is not None:
            leases.check_fence(self.lease(session_id), fence)
        now = self.clock.timestamp_ms()
        uncommitted = [
            (session_id, attachment_id)
            for attachment_id in unique(attachment_ids)
            if (row := self.manifest.get((session_id, attachment_id))) is not None and row.committed_at_epoch_ms is None
        ]
        for key in uncommitted:
            self.manifest[key] = replace(self.manifest[key], committed_at_epoch_ms=now)
        return len(uncommitted)

    @transaction
    def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        self.manifest.pop((session_id, attachment_id), None)

    @transaction
    def row(self, session_id: str, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
        return self.manifest.get((session_id, attachment_id))

    @transaction
    def rows(
        self, *, session_id: str | None = None, attachment_id: AttachmentId | None = None
    ) -> tuple[AttachmentManifestEntry, ...]:
        return tuple(
            row
            for row in self.manifest.values()
            if session_id in (None, row.session_id) and attachment_id in (None, row.attachment_id)
        )

    # The fence

    @transaction
    def not_live(self, attachment_ids: Sequence[AttachmentId], grace_ms: int) -> tuple[AttachmentId, ...]:
        now = self.clock.timestamp_ms()
        live = {row.attachment_id for row in self.manifest.values() if row.is_live(now_epoch_ms=now, grace_ms=grace_ms)}
        return tuple(attachment_id for attachment_id in attachment_ids if attachment_id not in live)

    @transaction
    def marked(self) -> tuple[AttachmentId, ...]:
        return tuple(self.digests)

    @transaction
    def condemn(self, attachment_id: AttachmentId, grace_ms: int) -> bool:
        if self._is_being_deleted(attachment_id):
            return False
        now = self.clock.timestamp_ms()
        rows = self.rows(attachment_id=attachment_id)
        live = [row for row in rows if row.is_live(now_epoch_ms=now, grace_ms=grace_ms)]
        for row in rows:
            if row not in live:
                del self.manifest[row.session_id, attachment_id]
        if live:
            return False
        self.digests[attachment_id] = None
        return True

    @transaction
    def arm_delete(self, attachment_id: AttachmentId) -> bool:
        if attachment_id not in self.digests or self.digests[attachment_id] is not None:
            return False
        self.digests[attachment_id] = ProcessIdentity.current()
        return True

    @transaction
    def release(self, attachment_id: AttachmentId) -> None:
        deleter = self.digests.get(attachment_id)
        if deleter is None or deleter == ProcessIdentity.current() or deleter.is_proven_dead():
            self.digests.pop(attachment_id, None)

    def _is_being_deleted(self, attachment_id: AttachmentId) -> bool:
        deleter = self.digests.get(attachment_id)
        return deleter is not None and not deleter.is_proven_dead()

    # Leases

    @transaction
    def claim(
        self, session_id: str, owner: LeaseOwnerIdentity, lease_ttl_ms: int | None
    ) -> SessionExecutionLeaseClaimOutcome:
        self.leases[session_id], outcome = leases.claim(
            self.lease(session_id),
            owner,
            now_epoch_ms=self.clock.timestamp_ms(),
            ttl_ms=lease_ttl_ms,
            lease_token=secrets.token_hex(16),
        )
        return outcome

    @transaction
    def reclaim(
        self,
        session_id: str,
        owner: LeaseOwnerIdentity,
        observed_holder: SessionExecutionLeaseFence,
        lease_ttl_ms: int | None,
    ) -> SessionExecutionLeaseClaimOutcome:
        self.leases[session_id], outcome = leases.reclaim(
            self.lease(session_id),
            owner,
            observed_holder,
            now_epoch_ms=self.clock.timestamp_ms(),
            ttl_ms=lease_ttl_ms,
            lease_token=secrets.token_hex(16),
        )
        return outcome

    @transaction
    def renew(self, fence: SessionExecutionLeaseFence, lease_ttl_ms: int | None) -> SessionExecutionLease:
        self.leases[fence.session_id], lease = leases.renew(
            self.lease(fence.session_id), fence, now_epoch_ms=self.clock.timestamp_ms(), ttl_ms=lease_ttl_ms
        )
        return lease

    @transaction
    def release_lease(self, fence: SessionExecutionLeaseFence) -> None:
        self.leases[fence.session_id] = leases.release(self.lease(fence.session_id), fence)

    def lease(self, session_id: str) -> leases.LeaseRow:
        return self.leases.get(session_id) or leases.LeaseRow(session_id=session_id)
