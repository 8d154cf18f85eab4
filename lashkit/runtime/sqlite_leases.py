"""SQL for leases. Each function is the inside of one transaction; the rules are in `lashkit.runtime.leases`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLease, SessionExecutionLeaseFence
from lashkit.process import ProcessIdentity
from lashkit.runtime import leases

if TYPE_CHECKING:
    from apsw import Connection

__all__ = ["change_lease", "lease_row", "new_lease_token", "process_columns", "process_of", "release_lease"]

T = TypeVar("T")


def new_lease_token() -> str:
    """A random name for a lease."""
    return os.urandom(16).hex()


def lease_row(connection: Connection, session_id: str) -> leases.LeaseRow:
    """The session's lease as it is."""
    sql = (
        "SELECT fencing_token, lease_token, owner_id, incarnation_id, place, pid, start_time, label,"
        " claimed_at_epoch_ms, expires_at_epoch_ms FROM leases WHERE session_id = ?"
    )
    row: Any = connection.execute(sql, (session_id,)).fetchone()
    if row is None:
        return leases.LeaseRow(session_id=session_id)
    token, lease_token, owner_id, incarnation_id, place, pid, start_time, label, claimed_at, expires_at = row
    if lease_token is None:
        return leases.LeaseRow(session_id=session_id, fencing_token=token)
    owner = LeaseOwnerIdentity(
        owner_id=owner_id, incarnation_id=incarnation_id, process=process_of(place, pid, start_time), label=label
    )
    lease = SessionExecutionLease(
        session_id=session_id,
        owner=owner,
        lease_token=lease_token,
        fencing_token=token,
        claimed_at_epoch_ms=claimed_at,
        expires_at_epoch_ms=expires_at,
    )
    return leases.LeaseRow(session_id=session_id, fencing_token=token, lease=lease)


def change_lease(
    connection: Connection, session_id: str, rule: Callable[[leases.LeaseRow], tuple[leases.LeaseRow, T]]
) -> T:
    """Apply a rule of `lashkit.runtime.leases` to the session's row, and return its outcome."""
    before = lease_row(connection, session_id)
    row, outcome = rule(before)
    if row != before:
        _write_lease(connection, row)
    return outcome


def release_lease(connection: Connection, fence: SessionExecutionLeaseFence) -> None:
    """Free the lease that the fence stands for."""
    change_lease(connection, fence.session_id, lambda row: (leases.release(row, fence), None))


def _write_lease(connection: Connection, row: leases.LeaseRow) -> None:
    lease = row.lease
    held: tuple[object, ...] = (None,) * 9
    if lease is not None:
        owner = lease.owner
        held = (
            lease.lease_token,
            owner.owner_id,
            owner.incarnation_id,
            *process_columns(owner.process),
            owner.label,
            lease.claimed_at_epoch_ms,
            lease.expires_at_epoch_ms,
        )
    sql = "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    connection.execute(sql, (row.session_id, row.fencing_token, *held))


def process_of(place: str | None, pid: int, start_time: int) -> ProcessIdentity | None:
    """The process in three columns."""
    return None if place is None else ProcessIdentity(place, pid, start_time)


def process_columns(process: ProcessIdentity | None) -> tuple[str | None, int | None, int | None]:
    """Three columns for a process."""
    return (None, None, None) if process is None else (process.place, process.pid, process.start_time)
