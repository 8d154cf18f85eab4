"""SQL for the manifest and the fence. Each function is the inside of one transaction.

Rows come and go here; what may happen is decided by the rules in `lashkit.manifest`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lashkit.errors import AttachmentBeingDeleted
from lashkit.lease import SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry, AttachmentOwner, recorded, unique
from lashkit.process import ProcessIdentity
from lashkit.runtime import leases
from lashkit.runtime.sqlite_leases import lease_row, process_columns, process_of
from lashkit.values import AttachmentId, AttachmentRef, MediaType

if TYPE_CHECKING:
    from apsw import Connection

    from lashkit.runtime.sqlite_holder import SqliteHolder

__all__ = [
    "arm_delete",
    "begin_write",
    "catalog_uuid",
    "commit_refs",
    "condemn",
    "entries",
    "entry",
    "forget",
    "holds_ref",
    "not_live",
    "pair_store",
    "paired_store",
    "record",
    "release",
    "uncommitted",
    "write_entry",
]

_ENTRY = (
    "session_id, attachment_id, media_type, byte_len, width, height, label, intent_at_epoch_ms, committed_at_epoch_ms,"
    " owner_kind, owner_id, owner_place, owner_pid, owner_start_time"
)
_LARGEST = 2**63 - 1
_IDS_PER_STATEMENT = 500


_media_type = functools.lru_cache(MediaType)  # there are few, and each costs as much as the rest of its row


def entries(connection: Connection, where: str, *values: object) -> tuple[AttachmentManifestEntry, ...]:
    """The rows for which the SQL condition `where` holds, oldest first."""
    found = connection.execute(f"SELECT {_ENTRY} FROM manifest WHERE {where} ORDER BY row_number", values)  # noqa: S608
    return tuple(map(_entry, found.fetchall()))


def uncommitted(
    connection: Connection, older_than_epoch_ms: int, where: str, *values: object
) -> tuple[AttachmentManifestEntry, ...]:
    """The intents that are older, oldest first."""
    where = f"committed_at_epoch_ms IS NULL AND intent_at_epoch_ms < ? AND {where}"
    return entries(connection, where, min(older_than_epoch_ms, _LARGEST), *values)


def entry(connection: Connection, session_id: str, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
    """The session's row."""
    found = entries(connection, "session_id = ? AND attachment_id = ?", session_id, attachment_id)
    return found[0] if found else None


def _entry(row: Sequence[Any]) -> AttachmentManifestEntry:
    return AttachmentManifestEntry(
        session_id=row[0],
        ref=AttachmentRef(
            id=AttachmentId(row[1]),
            media_type=_media_type(row[2]),
            byte_len=row[3],
            width=row[4],
            height=row[5],
            label=row[6],
        ),
        intent_at_epoch_ms=row[7],
        committed_at_epoch_ms=row[8],
        owner=_owner(*row[9:]),
    )


def _owner(kind: Any, owner_id: str, *process: Any) -> AttachmentOwner | None:
    return None if kind is None else AttachmentOwner(kind=kind, owner_id=owner_id, process=process_of(*process))


def holds_ref(connection: Connection, session_id: str, attachment_id: AttachmentId) -> bool:
    """Whether the session has a row."""
    sql = "SELECT 1 FROM manifest WHERE session_id = ? AND attachment_id = ?"
    return connection.execute(sql, (session_id, attachment_id)).fetchone() is not None


def record(holder: SqliteHolder, intent: AttachmentIntent) -> None:
    """`begin_write`; on the disk where it describes anew what is committed, since no commit follows that changes it."""
    row = holder.read(entry, intent.session_id, intent.attachment_id)
    describes = row is not None and row.committed_at_epoch_ms is not None and row.ref != intent.ref
    (holder.write_durably if describes else holder.write)(begin_write, intent)


def begin_write(connection: Connection, intent: AttachmentIntent) -> None:
    """Record the intent and revoke a condemnation."""
    if intent.fence is not None:
        leases.check_fence(lease_row(connection, intent.session_id), intent.fence)
    state = _deleter(connection, intent.attachment_id)
    if state is not None:
        if state[0] is not None and not state[0].is_proven_dead():
            raise AttachmentBeingDeleted(intent.attachment_id)
        connection.execute("DELETE FROM digests WHERE attachment_id = ?", (intent.attachment_id,))
    write_entry(connection, recorded(entry(connection, intent.session_id, intent.attachment_id), intent))


_WRITE = (
    f"INSERT INTO manifest ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (session_id, attachment_id) DO "
)
_REPLACE = _WRITE + "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in _ENTRY.split(", ")[2:])
_KEEP = _WRITE + "NOTHING"


def write_entry(connection: Connection, entry: AttachmentManifestEntry, sql: str = _REPLACE) -> None:
    """Write a row; the one that is there keeps its place in the order."""
    ref, owner = entry.ref, entry.owner
    facts = (ref.id, ref.media_type, ref.byte_len, ref.width, ref.height, ref.label)
    times = (entry.intent_at_epoch_ms, entry.committed_at_epoch_ms)
    who = (None,) * 5 if owner is None else (owner.kind, owner.owner_id, *process_columns(owner.process))
    connection.execute(sql, (entry.session_id, *facts, *times, *who))


def commit_refs(
    connection: Connection,
    session_id: str,
    attachment_ids: Sequence[AttachmentId],
    now: int,
    fence: SessionExecutionLeaseFence | None = None,
) -> int:
    """Make the session's rows commits; returns how many were none."""
    if fence is not None:
        leases.check_fence(lease_row(connection, session_id), fence)
    before = connection.total_changes()
    sql = (
        "UPDATE manifest SET committed_at_epoch_ms = ?"
        " WHERE session_id = ? AND attachment_id = ? AND committed_at_epoch_ms IS NULL"
    )
    for attachment_id in unique(attachment_ids):
        connection.execute(sql, (now, session_id, attachment_id))
    return connection.total_changes() - before


def forget(connection: Connection, session_id: str, attachment_id: AttachmentId) -> None:
    """Remove the session's row."""
    connection.execute("DELETE FROM manifest WHERE session_id = ? AND attachment_id = ?", (session_id, attachment_id))


# The store


def catalog_uuid(connection: Connection) -> str:
    """What names this database."""
    row: Any = connection.execute("SELECT value FROM catalog WHERE name = 'catalog_uuid'").fetchone()
    return str(row[0])


def paired_store(connection: Connection) -> str | None:
    """The UUID of the catalog's store."""
    row: Any = connection.execute("SELECT value FROM catalog WHERE name = 'store_uuid'").fetchone()
    return None if row is None else str(row[0])


def pair_store(connection: Connection, store_uuid: str, adopted: Sequence[AttachmentManifestEntry]) -> bool:
    """Pair a new catalog, and take in rows where there are none."""
    if paired_store(connection) is not None:
        return False
    connection.execute("INSERT INTO catalog VALUES ('store_uuid', ?)", (store_uuid,))
    for entry in adopted:
        write_entry(connection, entry, _KEEP)
    return True


# The fence


def not_live(
    connection: Connection, attachment_ids: Sequence[AttachmentId], now: int, grace_ms: int
) -> tuple[AttachmentId, ...]:
    """Those of the digests that no live row names, in the order given."""
    live: set[AttachmentId] = set()
    asked = list(unique(attachment_ids))
    for start in range(0, len(asked), _IDS_PER_STATEMENT):
        some = asked[start : start + _IDS_PER_STATEMENT]
        marks = ", ".join("?" * len(some))
        found = connection.execute(
            f"SELECT attachment_id FROM manifest WHERE attachment_id IN ({marks})"  # noqa: S608
            " AND committed_at_epoch_ms IS NOT NULL",
            some,
        )
        live.update(AttachmentId(str(row[0])) for row in found.fetchall())
        for row in entries(connection, f"attachment_id IN ({marks}) AND committed_at_epoch_ms IS NULL", *some):
            if row.is_live(now_epoch_ms=now, grace_ms=grace_ms):
                live.add(row.attachment_id)
    return tuple(attachment_id for attachment_id in attachment_ids if attachment_id not in live)


def marked(connection: Connection) -> tuple[AttachmentId, ...]:
    """The digests that are not free."""
    return tuple(AttachmentId(str(row[0])) for row in connection.execute("SELECT attachment_id FROM digests"))


def condemn(connection: Connection, attachment_id: AttachmentId, now: int, grace_ms: int) -> bool:
    """Remove the rows that are not live, and condemn the digest unless one stays."""
    found = _deleter(connection, attachment_id)
    if found is not None and found[0] is not None and not found[0].is_proven_dead():
        return False
    rows = entries(connection, "attachment_id = ?", attachment_id)
    dead = [row for row in rows if not row.is_live(now_epoch_ms=now, grace_ms=grace_ms)]
    for row in dead:
        forget(connection, row.session_id, attachment_id)
    if len(dead) < len(rows):
        return False
    _set_digest(connection, attachment_id, None)
    return True


def arm_delete(connection: Connection, attachment_id: AttachmentId) -> bool:
    """Claim the delete of a condemned digest that no row names."""
    found = _deleter(connection, attachment_id)
    if found is None or found[0] is not None:
        return False
    if connection.execute("SELECT 1 FROM manifest WHERE attachment_id = ?", (attachment_id,)).fetchone() is not None:
        return False
    _set_digest(connection, attachment_id, ProcessIdentity.current())
    return True


def release(connection: Connection, attachment_id: AttachmentId) -> None:
    """Set the digest free, unless another process that may live is deleting it."""
    found = _deleter(connection, attachment_id)
    if found is None:
        return
    deleter = found[0]
    if deleter is None or deleter == ProcessIdentity.current() or deleter.is_proven_dead():
        connection.execute("DELETE FROM digests WHERE attachment_id = ?", (attachment_id,))


def _set_digest(connection: Connection, attachment_id: AttachmentId, deleter: ProcessIdentity | None) -> None:
    connection.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", (attachment_id, *process_columns(deleter)))


def _deleter(connection: Connection, attachment_id: AttachmentId) -> tuple[ProcessIdentity | None] | None:
    """`None` for a free digest; else a tuple of the one who deletes it, or of `None` while it is condemned."""
    sql = "SELECT deleter_place, deleter_pid, deleter_start_time FROM digests WHERE attachment_id = ?"
    row: Any = connection.execute(sql, (attachment_id,)).fetchone()
    return None if row is None else (process_of(*row),)
