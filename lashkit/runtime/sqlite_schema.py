"""The tables of a SQLite catalog, and the check of what a file is before anything is done with it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from lashkit.errors import SchemaVersionError, StoreBackendError

if TYPE_CHECKING:
    from apsw import Connection

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "prepare"]

SCHEMA_VERSION = 1
APPLICATION_ID = 0x6C617368  # "lash"

_TABLES = """
CREATE TABLE catalog (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE manifest (
    row_number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    attachment_id TEXT NOT NULL,
    media_type TEXT NOT NULL,
    byte_len INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    label TEXT,
    intent_at_epoch_ms INTEGER NOT NULL,
    committed_at_epoch_ms INTEGER,
    owner_kind TEXT,
    owner_id TEXT,
    owner_place TEXT,
    owner_pid INTEGER,
    owner_start_time INTEGER,
    UNIQUE (session_id, attachment_id)
) STRICT;
CREATE INDEX manifest_of_attachment ON manifest (attachment_id);
CREATE INDEX manifest_uncommitted ON manifest (intent_at_epoch_ms) WHERE committed_at_epoch_ms IS NULL;

CREATE TABLE digests (
    attachment_id TEXT PRIMARY KEY,
    deleter_place TEXT,
    deleter_pid INTEGER,
    deleter_start_time INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    session_id TEXT PRIMARY KEY,
    fencing_token INTEGER NOT NULL,
    lease_token TEXT,
    owner_id TEXT,
    incarnation_id TEXT,
    place TEXT,
    pid INTEGER,
    start_time INTEGER,
    label TEXT,
    claimed_at_epoch_ms INTEGER,
    expires_at_epoch_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    session_number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    head_revision INTEGER NOT NULL,
    leaf_node_id TEXT,
    created_at_epoch_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE session_metas (
    session_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL,
    forked_from_session_id TEXT,
    forked_from_node_id TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes (
    node_number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    parent_node_id TEXT,
    payload TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL,
    tombstoned INTEGER NOT NULL,
    UNIQUE (session_id, node_id)
) STRICT;
CREATE INDEX nodes_in_order ON nodes (session_id, node_number);
CREATE INDEX session_names ON session_metas (name);
CREATE INDEX nodes_alive ON nodes (session_id) WHERE tombstoned = 0;

CREATE TABLE turns (
    session_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,
    turn_commit_hash TEXT NOT NULL,
    PRIMARY KEY (session_id, turn_id)
) STRICT, WITHOUT ROWID;
"""
# digests: no row is free, a row without deleter is condemned, one with it is being deleted.
# leases: a row without lease_token is free; its fencing token stays.


def prepare(connection: Connection, path: str) -> None:
    """Make the tables in a new file, or make sure that they are those of this lashkit. Blocks.

    Several processes may do this at once. A file that is not ours is not changed.

    Raises:
        SchemaVersionError: another lashkit's.
        StoreBackendError: another program's, or a file system without the shared memory that SQLite needs.
        apsw.BusyError: others are at it; try again.
    """
    is_new = _is_new(connection, path)
    connection.execute("PRAGMA trusted_schema=OFF")
    # Apple's fsync returns before the disk has it. Elsewhere these two do nothing.
    connection.execute("PRAGMA fullfsync=ON")
    connection.execute("PRAGMA checkpoint_fullfsync=ON")
    connection.execute("PRAGMA journal_size_limit=16777216")
    if _value(connection, "PRAGMA journal_mode") != "wal" and not connection.readonly("main"):
        mode = _value(connection, "PRAGMA journal_mode=WAL")
        if mode != "wal":
            raise StoreBackendError(
                f"{path} lies on a file system without the shared memory that SQLite needs ({mode});"
                " pass catalog= a path on a local disk"
            )
    if not is_new:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_new(connection, path):
            connection.execute(_TABLES)
            connection.execute("INSERT INTO catalog VALUES ('catalog_uuid', ?)", (str(uuid.uuid4()),))
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _is_new(connection: Connection, path: str) -> bool:
    """Whether the file has no tables yet; `False` means that it has ours."""
    if connection.in_transaction:
        return _judge_new(connection, path)
    # One snapshot for all that is read: another process may be making the tables right now.
    connection.execute("BEGIN")
    try:
        return _judge_new(connection, path)
    finally:
        connection.execute("ROLLBACK")


def _judge_new(connection: Connection, path: str) -> bool:
    application_id = _value(connection, "PRAGMA application_id")
    version = _value(connection, "PRAGMA user_version")
    if (application_id, version) == (APPLICATION_ID, SCHEMA_VERSION):
        return False
    if application_id == APPLICATION_ID:
        raise SchemaVersionError(path, version, SCHEMA_VERSION)
    if application_id != 0 or version != 0 or _value(connection, "SELECT count(*) FROM sqlite_schema") != 0:
        raise StoreBackendError(f"{path} is another program's database; pass catalog= another path")
    return True


def _value(connection: Connection, sql: str) -> Any:
    row = connection.execute(sql, can_cache=False).fetchone()
    return row[0] if row else None
