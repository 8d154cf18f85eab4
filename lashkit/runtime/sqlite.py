"""The catalog in a SQLite file: manifest, fence, leases and sessions of a workspace on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar

from lashkit.clock import Clock, SystemClock
from lashkit.lease import SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runner import Runner, default_runner
from lashkit.runtime import sqlite_graph as graph
from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.records import SessionMeta
from lashkit.runtime.sqlite_holder import SqliteHolder
from lashkit.runtime.sqlite_session import SqliteSession
from lashkit.stores.protocols import SyncMode
from lashkit.values import AttachmentId, DurabilityTier

__all__ = ["SqliteCatalog"]


class SqliteCatalog:
    """Manifest, fence, leases and sessions in one SQLite file. A `SessionCatalog`.

    Any number of threads and processes of one machine may use a file at once; in one process all catalogs on it share
    one connection. An intent is visible to every process when the call returns; everything else is on the disk by then.

    Args:
        path: the file; it and its folder are made by the first use. Not on a network file system.
        clock: where the times of commits and leases come from.
        runner: where blocking work goes.

    Raises, from every async method:
        StoreBackendError: the database failed, is damaged, is not ours, or was locked by others for too long.
        SchemaVersionError: another version of lashkit wrote the file.
        ForkedStoreError: this process was forked inside a transaction.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Clock | None = None, runner: Runner = default_runner
    ) -> None:
        self._holder = SqliteHolder(os.path.abspath(os.path.expanduser(os.fspath(path))))
        self._clock = clock or SystemClock()
        self._runner = runner
        self._uuid: str | None = None

    def __repr__(self) -> str:
        return f"SqliteCatalog({self.path!r})"

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._holder.path

    @property
    def catalog_uuid(self) -> str:
        """See `SessionCatalog.catalog_uuid`. The first look reads it from the file, and blocks for that."""
        if self._uuid is None:
            self._uuid = self._holder.read(rows.catalog_uuid)
        return self._uuid

    @property
    def durability_tier(self) -> DurabilityTier:
        """Durable."""
        return DurabilityTier.DURABLE

    def session(self, session_id: str) -> SqliteSession:
        """See `SessionCatalog.session`."""
        return SqliteSession(self._holder, session_id, self._clock, self._runner)

    async def paired_store(self) -> str | None:
        """See `SessionCatalog.paired_store`."""
        return await self._runner.run(self._holder.read, rows.paired_store)

    async def pair_store(self, store_uuid: str, adopted: Sequence[AttachmentManifestEntry] = ()) -> bool:
        """See `SessionCatalog.pair_store`."""
        return await self._runner.run(self._holder.write_durably, rows.pair_store, store_uuid, adopted)

    async def sessions(self) -> Sequence[SessionMeta]:
        """See `SessionCatalog.sessions`."""
        return await self._runner.run(self._holder.read, graph.sessions)

    async def entries(self, session_id: str) -> Sequence[AttachmentManifestEntry]:
        """See `SessionCatalog.entries`."""
        return await self._runner.run(self._holder.read, rows.entries, "session_id = ?", session_id)

    async def entry(self, session_id: str, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
        """See `SessionCatalog.entry`."""
        return await self._runner.run(self._holder.read, rows.entry, session_id, attachment_id)

    async def find_entries(self, attachment_id: AttachmentId) -> Sequence[AttachmentManifestEntry]:
        """See `SessionCatalog.find_entries`."""
        return await self._runner.run(self._holder.read, rows.entries, "attachment_id = ?", attachment_id)

    async def fork(self, session_id: str, node_id: str, meta: SessionMeta) -> int:
        """See `SessionCatalog.fork`."""
        now = self._clock.timestamp_ms()
        return await self._runner.run(self._holder.write_durably, graph.fork, session_id, node_id, meta, now)

    async def delete(self, session_id: str, fence: SessionExecutionLeaseFence | None = None) -> None:
        """See `SessionCatalog.delete`."""
        await self._runner.run(self._holder.write_durably, graph.delete, session_id, fence)

    async def close(self) -> None:
        """See `SessionCatalog.close`. The connection stays open for other catalogs of this process on the file."""
        await self._runner.run(self._holder.close)

    async def record_intent(self, intent: AttachmentIntent) -> None:
        """See `AttachmentManifest.record_intent`; the same as `begin_write`."""
        await self._runner.run(rows.record, self._holder, intent)

    async def commit_refs(
        self,
        session_id: str,
        attachment_ids: Sequence[AttachmentId],
        *,
        fence: SessionExecutionLeaseFence | None = None,
    ) -> int:
        """See `AttachmentManifest.commit_refs`."""
        now = self._clock.timestamp_ms()
        return await self._runner.run(
            self._holder.write_durably, rows.commit_refs, session_id, attachment_ids, now, fence
        )

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[AttachmentManifestEntry]:
        """See `AttachmentManifest.list_uncommitted`."""
        return await self._runner.run(self._holder.read, rows.uncommitted, older_than_epoch_ms, "TRUE")

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        """See `AttachmentManifest.forget`."""
        await self._runner.run(self._holder.write_durably, rows.forget, session_id, attachment_id)

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        """See `AttachmentManifest.holds_ref`."""
        return await self._runner.run(self._holder.read, rows.holds_ref, session_id, attachment_id)

    async def list_all_refs(self) -> Sequence[AttachmentManifestEntry]:
        """See `AttachmentManifest.list_all_refs`."""
        return await self._runner.run(self._holder.read, rows.entries, "TRUE")

    async def begin_write(self, intent: AttachmentIntent) -> None:
        """See `AttachmentFence.begin_write`."""
        await self._runner.run(rows.record, self._holder, intent)

    async def not_live(self, attachment_ids: Sequence[AttachmentId], *, grace_ms: int) -> Sequence[AttachmentId]:
        """See `AttachmentFence.not_live`."""
        now = self._clock.timestamp_ms()
        return await self._runner.run(self._holder.snapshot, rows.not_live, attachment_ids, now, grace_ms)

    async def marked(self) -> Sequence[AttachmentId]:
        """See `AttachmentFence.marked`."""
        return await self._runner.run(self._holder.snapshot, rows.marked)

    async def condemn(self, attachment_id: AttachmentId, *, grace_ms: int) -> bool:
        """See `AttachmentFence.condemn`."""
        now = self._clock.timestamp_ms()
        return await self._runner.run(self._holder.write, rows.condemn, attachment_id, now, grace_ms)

    async def arm_delete(self, attachment_id: AttachmentId) -> bool:
        """See `AttachmentFence.arm_delete`."""
        return await self._runner.run(self._holder.write, rows.arm_delete, attachment_id)

    async def release(self, attachment_id: AttachmentId) -> None:
        """See `AttachmentFence.release`."""
        await self._runner.run(self._holder.write, rows.release, attachment_id)
