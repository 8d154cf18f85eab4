"""Leases as values: who may write a session, and the fence that proves it.

Ported from lash-core `store/mod.rs` (`LeaseOwnerIdentity`, `SessionExecutionLease`, …). What may be claimed, renewed or
taken over is decided by the pure rules in `lashkit.runtime.leases`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lashkit.process import ProcessIdentity

__all__ = [
    "LeaseOwnerIdentity",
    "SessionExecutionLease",
    "SessionExecutionLeaseClaimOutcome",
    "SessionExecutionLeaseFence",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOwnerIdentity:
    """Who holds or wants a lease.

    Args:
        owner_id: who, across restarts; by default the process.
        incarnation_id: which run of that owner. Another incarnation of one owner is somebody else.
        process: the process, where its death can be proven; `None` for an opaque owner, who never dies by proof.
        label: how to name the holder to people, such as `pid 123 on laptop`.
    """

    owner_id: str
    incarnation_id: str
    process: ProcessIdentity | None = None
    label: str = ""

    def same_incarnation(self, other: LeaseOwnerIdentity) -> bool:
        """Whether both are one run of one owner."""
        return (self.owner_id, self.incarnation_id) == (other.owner_id, other.incarnation_id)

    def is_proven_dead(self) -> bool:
        """Whether the holder lived in this place and is gone; `False` means alive or unknowable."""
        return self.process is not None and self.process.is_proven_dead()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExecutionLeaseFence:
    """What a writer shows with each write. It is checked inside the write's own transaction.

    Args:
        session_id: the session it is for.
        owner: who was given the lease.
        lease_token: random; names this very lease.
        fencing_token: grows with each new holder; a smaller one is stale for ever.
    """

    session_id: str
    owner: LeaseOwnerIdentity
    lease_token: str = field(repr=False)
    fencing_token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExecutionLease:
    """The right of one owner to write one session.

    `expires_at_epoch_ms` is `None` where leases last until they are released or their holder is proven dead.
    """

    session_id: str
    owner: LeaseOwnerIdentity
    lease_token: str = field(repr=False)
    fencing_token: int
    claimed_at_epoch_ms: int
    expires_at_epoch_ms: int | None = None

    def fence(self) -> SessionExecutionLeaseFence:
        """What the holder shows with each write."""
        return SessionExecutionLeaseFence(
            session_id=self.session_id,
            owner=self.owner,
            lease_token=self.lease_token,
            fencing_token=self.fencing_token,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExecutionLeaseClaimOutcome:
    """How a claim ended: exactly one of both is set."""

    acquired: SessionExecutionLease | None = None
    holder: SessionExecutionLease | None = None
