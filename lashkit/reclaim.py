"""Reclaim: find the bytes that nobody holds any more, and delete them, without getting in the way of any writer.

    mark    page by page: which of the listed blobs does no live row name? (one read a page, nothing changes)
    sweep   one by one: condemn (judged again, in one transaction), arm, delete, release

Everything that decides is in the catalog's transactions, so any number of sweeps and writers may run at once. A sweep
that dies leaves marks that the next writer or sweep overrules once its process is proven dead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lashkit.clock import Clock, SystemClock
from lashkit.errors import AttachmentNotFound, RootsUnknown
from lashkit.manifest import AttachmentFence, AttachmentManifest
from lashkit.progress import Progress
from lashkit.reports import ReclaimReport
from lashkit.runner import Runner, checkpoint, default_runner
from lashkit.stores.protocols import AttachmentStore, sync_mode_of
from lashkit.values import AttachmentId, StoredBlobRef

__all__ = ["Roots", "reclaim_unreferenced_attachments"]

_PAGE = 1_000
"""How many blobs one question to the catalog is about."""


class Roots(AttachmentManifest, AttachmentFence, Protocol):
    """What a sweep needs of a catalog: manifest and fence, over all sessions, in one database."""

    @property
    def catalog_uuid(self) -> str:
        """Names this database."""
        ...


async def reclaim_unreferenced_attachments(
    catalog: Roots,
    store: AttachmentStore,
    *,
    grace_ms: int,
    dry_run: bool = False,
    sweep_unrooted: bool = False,
    expected_catalog_uuid: str | None = None,
    progress: bool | None = None,
    clock: Clock | None = None,
    runner: Runner = default_runner,
) -> ReclaimReport:
    """Delete the attachments that no live row of the catalog names, and the intents that nobody can commit any more.

    A row is live while it is committed, younger than the grace period, or its owner is not proven dead. Bytes without
    any live row are deleted once they are older than the grace period themselves. One delete that fails does not stop
    the others. Cancelled, it stops between two attachments.

    Args:
        catalog: all sessions' rows, not one session's.
        store: the bytes, unscoped.
        grace_ms: the grace period in milliseconds, from 0 on. It must be longer than clocks of processes that put here
            may differ.
        dry_run: change nothing, and report what would go.
        sweep_unrooted: go on where the catalog has no rows at all, which deletes all that is older than the grace.
        expected_catalog_uuid: the catalog that the store belongs to, where that is known.
        progress: as in `lashkit.progress.Progress`.
        clock: what the age of bytes is measured by; the rows' age is measured by the catalog's own.
        runner: where the work goes.

    Raises:
        RootsUnknown: the store belongs to another catalog, or this one has no rows at all and the store has
            attachments. Nothing was deleted.
        ValueError: the grace period is negative.
        StoreBackendError, AttachmentIoError: the catalog, or listing the store, failed. What was deleted until then was
            not needed.
    """
    if grace_ms < 0:
        raise ValueError(f"grace_ms is {grace_ms}; a grace period is 0 ms or longer")
    if expected_catalog_uuid not in (None, catalog.catalog_uuid):
        raise RootsUnknown(catalog.catalog_uuid, expected_catalog_uuid)
    sweep = _Sweep(catalog, store, grace_ms, dry_run, sweep_unrooted, clock or SystemClock())
    steps = sweep.run(progress)
    return await (runner.hop(steps) if sync_mode_of(catalog, store) == "inline" else steps)


@dataclass(slots=True)
class _Sweep:
    """One sweep: what it works on, and what it found so far."""

    catalog: Roots
    store: AttachmentStore
    grace_ms: int
    dry_run: bool
    rooted: bool  # whether the catalog is known to have rows, or need not have any
    clock: Clock
    kept_count: int = 0
    kept_byte_len: int = 0
    deleted: list[StoredBlobRef] = field(default_factory=list)
    deferred: list[StoredBlobRef] = field(default_factory=list)
    failed: list[tuple[StoredBlobRef, str]] = field(default_factory=list)
    expired: list[AttachmentId] = field(default_factory=list)

    async def run(self, progress: bool | None) -> ReclaimReport:
        with Progress(progress, "reclaiming", total=None) as bar:
            async for page in _pages(self.store.list()):
                unneeded = await self._mark(page)
                for blob in page:
                    checkpoint()
                    if blob.id not in unneeded:
                        self._keep(blob)
                    elif self._is_young(blob):
                        self.deferred.append(blob)
                    elif self.dry_run:
                        self.deleted.append(blob)
                    else:
                        await self._sweep(blob)
                    bar.advance()
        await self._expire_intents()
        await self._end_what_others_began()
        return self._report()

    async def _mark(self, page: Sequence[StoredBlobRef]) -> frozenset[AttachmentId]:
        """The ids of the page that no live row names."""
        unneeded = frozenset(await self.catalog.not_live([blob.id for blob in page], grace_ms=self.grace_ms))
        if not self.rooted:
            # A live row among them shows that there are rows. Only without one is it worth reading them all.
            self.rooted = len(unneeded) < len(page) or len(await self.catalog.list_all_refs()) > 0
            if not self.rooted:
                raise RootsUnknown(self.catalog.catalog_uuid)
        return unneeded

    def _is_young(self, blob: StoredBlobRef) -> bool:
        """Also where the clock jumped back since."""
        return self.clock.timestamp_ms() - blob.last_modified_epoch_ms < self.grace_ms

    def _keep(self, blob: StoredBlobRef) -> None:
        self.kept_count += 1
        self.kept_byte_len += blob.byte_len

    async def _sweep(self, blob: StoredBlobRef) -> None:
        if not await self._armed(blob.id):
            # A writer came, or another sweep has it.
            if await self.catalog.not_live([blob.id], grace_ms=self.grace_ms):
                self.deferred.append(blob)
            else:
                self._keep(blob)
        elif await self._delete(blob):
            self.deleted.append(blob)

    async def _delete(self, blob: StoredBlobRef) -> bool:
        """Delete what this sweep armed, and set it free whatever happens. Whether it worked."""
        try:
            await self.store.delete(blob.id)
        except Exception as exc:  # noqa: BLE001  (a store may raise anything; the others are swept all the same)
            self.failed.append((blob, f"{type(exc).__name__}: {exc}"))
            return False
        finally:
            await self.catalog.release(blob.id)
        return True

    async def _armed(self, attachment_id: AttachmentId) -> bool:
        """Whether this sweep, and it alone, must delete now."""
        return await self.catalog.condemn(attachment_id, grace_ms=self.grace_ms) and await self.catalog.arm_delete(
            attachment_id
        )

    async def _expire_intents(self) -> None:
        """Remove the rows that nobody can commit, of bytes that never came or that others hold."""
        now_epoch_ms = self.clock.timestamp_ms()
        left = {blob.id for blob in self.deferred} | {blob.id for blob, _ in self.failed}
        left |= {blob.id for blob in self.deleted}
        for row in await self.catalog.list_uncommitted(now_epoch_ms - self.grace_ms + 1):
            if row.attachment_id in left or row.is_live(now_epoch_ms=now_epoch_ms, grace_ms=self.grace_ms):
                continue
            checkpoint()
            left.add(row.attachment_id)
            self.expired.append(row.attachment_id)
            if self.dry_run:
                continue
            has_bytes = await self._has_bytes(row.attachment_id)
            if not await self._armed(row.attachment_id):  # which removed the rows
                continue
            if has_bytes:  # they came after the store was listed; the next sweep sees them
                await self.catalog.release(row.attachment_id)
            else:  # a put that died between metadata and bytes leaves the metadata, which nobody lists
                await self._delete(StoredBlobRef(row.attachment_id, 0, 0))

    async def _end_what_others_began(self) -> None:
        """Free the digests that dead sweeps left marked, and remove what a half-done delete may have left of them."""
        for attachment_id in () if self.dry_run else await self.catalog.marked():
            checkpoint()
            # Where the bytes are there, what is listed decides.
            if not await self._has_bytes(attachment_id) and await self._armed(attachment_id):
                await self._delete(StoredBlobRef(attachment_id, 0, 0))

    async def _has_bytes(self, attachment_id: AttachmentId) -> bool:
        try:
            await self.store.head(attachment_id)
        except AttachmentNotFound:
            return False
        return True

    def _report(self) -> ReclaimReport:
        return ReclaimReport(
            dry_run=self.dry_run,
            kept_count=self.kept_count,
            kept_byte_len=self.kept_byte_len,
            deleted_ids=tuple(blob.id for blob in self.deleted),
            deleted_byte_len=sum(blob.byte_len for blob in self.deleted),
            deferred_ids=tuple(blob.id for blob in self.deferred),
            deferred_byte_len=sum(blob.byte_len for blob in self.deferred),
            failed_ids=tuple(blob.id for blob, _ in self.failed),
            failed_byte_len=sum(blob.byte_len for blob, _ in self.failed),
            failed_reasons=tuple(reason for _, reason in self.failed),
            expired_ids=tuple(self.expired),
        )


async def _pages(blobs: AsyncIterator[StoredBlobRef]) -> AsyncIterator[Sequence[StoredBlobRef]]:
    page: list[StoredBlobRef] = []
    async for blob in blobs:
        page.append(blob)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
