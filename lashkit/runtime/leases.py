"""The rules of leases: pure functions that every backend shares. Time and randomness are arguments.

A backend keeps one row for each session: the holder, if any, and the largest fencing token ever given. Every function
takes that row as it is inside the backend's transaction, and returns what to write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lashkit.errors import SessionBusy, SessionExecutionLeaseExpired
from lashkit.lease import (
    LeaseOwnerIdentity,
    SessionExecutionLease,
    SessionExecutionLeaseClaimOutcome,
    SessionExecutionLeaseFence,
)

__all__ = ["LeaseRow", "check_fence", "claim", "reclaim", "release", "renew", "require_free_or_own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A session's lease as a database keeps it: `lease` is `None` while nobody holds it."""

    session_id: str
    fencing_token: int = 0
    lease: SessionExecutionLease | None = None


def claim(
    row: LeaseRow, owner: LeaseOwnerIdentity, *, now_epoch_ms: int, ttl_ms: int | None, lease_token: str
) -> tuple[LeaseRow, SessionExecutionLeaseClaimOutcome]:
    """Take a lease that is free or expired, or one's own again (which keeps its tokens and is renewed).

    Args:
        now_epoch_ms: the database's idea of now.
        ttl_ms: how long the lease lasts without a renewal, in milliseconds; `None` for ever.
        lease_token: a random name for a new lease.
    """
    lease = row.lease
    if lease is not None and lease.owner.same_incarnation(owner):
        renewed = replace(lease, expires_at_epoch_ms=_expiry(now_epoch_ms, ttl_ms))
        return replace(row, lease=renewed), SessionExecutionLeaseClaimOutcome(acquired=renewed)
    if lease is not None and not _is_expired(lease, now_epoch_ms):
        return row, SessionExecutionLeaseClaimOutcome(holder=lease)
    return _grant(row, owner, now_epoch_ms, ttl_ms, lease_token)


def reclaim(
    row: LeaseRow,
    owner: LeaseOwnerIdentity,
    observed_holder: SessionExecutionLeaseFence,
    *,
    now_epoch_ms: int,
    ttl_ms: int | None,
    lease_token: str,
) -> tuple[LeaseRow, SessionExecutionLeaseClaimOutcome]:
    """Take the lease over from the holder that was seen. Where another holds it by now, that one is the outcome."""
    if row.lease is not None and row.lease.fence() != observed_holder:
        return claim(row, owner, now_epoch_ms=now_epoch_ms, ttl_ms=ttl_ms, lease_token=lease_token)
    return _grant(row, owner, now_epoch_ms, ttl_ms, lease_token)


def renew(
    row: LeaseRow, fence: SessionExecutionLeaseFence, *, now_epoch_ms: int, ttl_ms: int | None
) -> tuple[LeaseRow, SessionExecutionLease]:
    """Extend the lease. A late renewal is fine while the fence is unchanged: nobody took it.

    Raises:
        SessionExecutionLeaseExpired: it was released or taken over.
    """
    lease = replace(check_fence(row, fence), expires_at_epoch_ms=_expiry(now_epoch_ms, ttl_ms))
    return replace(row, lease=lease), lease


def release(row: LeaseRow, fence: SessionExecutionLeaseFence) -> LeaseRow:
    """Free the lease; a free one stays free. The fencing token stays, so that the next holder's is higher.

    Raises:
        SessionExecutionLeaseExpired: somebody else holds it.
    """
    if row.lease is None:
        return row
    check_fence(row, fence)
    return replace(row, lease=None)


def check_fence(row: LeaseRow, fence: SessionExecutionLeaseFence) -> SessionExecutionLease:
    """The lease that the fence stands for.

    Raises:
        SessionExecutionLeaseExpired: the session's lease is another one, or free.
    """
    lease = row.lease
    if lease is None or lease.fence() != fence:
        raise SessionExecutionLeaseExpired(row.session_id, lease.owner.label or lease.owner.owner_id if lease else None)
    return lease


def require_free_or_own(row: LeaseRow, fence: SessionExecutionLeaseFence | None) -> None:
    """What needs the session to itself: the lease is free, its holder is proven dead, or the fence is the holder's.

    Raises:
        SessionBusy: somebody else holds it.
        SessionExecutionLeaseExpired: the fence is stale.
    """
    if fence is not None:
        check_fence(row, fence)
    elif row.lease is not None and not row.lease.owner.is_proven_dead():
        raise SessionBusy(row.session_id, row.lease.owner.label or row.lease.owner.owner_id)


def _grant(
    row: LeaseRow, owner: LeaseOwnerIdentity, now_epoch_ms: int, ttl_ms: int | None, lease_token: str
) -> tuple[LeaseRow, SessionExecutionLeaseClaimOutcome]:
    lease = SessionExecutionLease(
        session_id=row.session_id,
        owner=owner,
        lease_token=lease_token,
        fencing_token=row.fencing_token + 1,
        claimed_at_epoch_ms=now_epoch_ms,
        expires_at_epoch_ms=_expiry(now_epoch_ms, ttl_ms),
    )
    return (
        replace(row, fencing_token=lease.fencing_token, lease=lease),
        SessionExecutionLeaseClaimOutcome(acquired=lease),
    )


def _expiry(now_epoch_ms: int, ttl_ms: int | None) -> int | None:
    return None if ttl_ms is None else now_epoch_ms + ttl_ms


def _is_expired(lease: SessionExecutionLease, now_epoch_ms: int) -> bool:
    return lease.expires_at_epoch_ms is not None and lease.expires_at_epoch_ms <= now_epoch_ms
