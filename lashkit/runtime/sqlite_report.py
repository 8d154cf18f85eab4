"""What a SQLite catalog says of itself: for the doctor, not for work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.sqlite_holder import SqliteHolder

if TYPE_CHECKING:
    from apsw import Connection

__all__ = ["CatalogReport", "report_on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogReport:
    """A catalog at one moment.

    Args:
        catalog_uuid: names it.
        store_uuid: the store that it is paired with; `None` before the first use.
        schema_version: of its tables.
        journal_mode: SQLite's; `wal` where several processes may work at once.
        session_count: sessions.
        committed_count: rows that hold an attachment for good.
        uncommitted_count: intents: of writers at work, or of dead ones.
        being_deleted_count: attachments that a sweep marked.
        damage: what SQLite found wrong with the file; empty where nothing is, or where nobody asked.
    """

    catalog_uuid: str
    store_uuid: str | None
    schema_version: int
    journal_mode: str
    session_count: int
    committed_count: int
    uncommitted_count: int
    being_deleted_count: int
    damage: tuple[str, ...] = ()


def report_on(path: str, *, verify: bool = False) -> CatalogReport:
    """Look at the catalog in the file `path`, which is there. Blocks; changes nothing.

    Args:
        path: absolute.
        verify: also read the whole file, and check it.

    Raises:
        StoreBackendError, SchemaVersionError: it cannot be opened.
    """
    holder = SqliteHolder(path)
    try:
        return holder.snapshot(_look, verify)
    finally:
        holder.close()


def _look(connection: Connection, verify: bool) -> CatalogReport:
    def value(sql: str) -> Any:
        found: Any = connection.execute(sql, can_cache=False).fetchone()
        return found[0]

    problems = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(8)")] if verify else []
    return CatalogReport(
        catalog_uuid=rows.catalog_uuid(connection),
        store_uuid=rows.paired_store(connection),
        schema_version=value("PRAGMA user_version"),
        journal_mode=value("PRAGMA journal_mode"),
        session_count=value("SELECT count(*) FROM session_metas"),
        committed_count=value("SELECT count(*) FROM manifest WHERE committed_at_epoch_ms IS NOT NULL"),
        uncommitted_count=value("SELECT count(*) FROM manifest WHERE committed_at_epoch_ms IS NULL"),
        being_deleted_count=value("SELECT count(*) FROM digests"),
        damage=tuple(problem for problem in problems if problem != "ok"),
    )
