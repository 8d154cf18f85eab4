"""Reclaim in one process: what is live, what goes, who wins a race, and what the report says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lashkit.errors import AttachmentBeingDeleted, AttachmentIoError, AttachmentNotFound, RootsUnknown
from lashkit.manifest import AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.reclaim import reclaim_unreferenced_attachments
from lashkit.reports import ReclaimReport
from lashkit.runner import ThreadRunner, drive
from lashkit.runtime.memory import InMemoryCatalog
from lashkit.scoped import SessionScopedAttachmentStore
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.testing import ManualClock
from lashkit.values import AttachmentCreateMeta, AttachmentId, AttachmentRef, BytesLike, MediaType, content_id

META = AttachmentCreateMeta(MediaType("text/plain"), label="note")
ME = ProcessIdentity.current()
DEAD = ProcessIdentity(ME.place, 2**31 - 1, 1)
ELSEWHERE = ProcessIdentity("0" * 16, 1, 1)
GRACE_MS = 1_000


class Place:
    """A store and a catalog on one clock that stands still."""

    def __init__(self, store: type[InMemoryAttachmentStore] = InMemoryAttachmentStore) -> None:
        self.clock = ManualClock(start_epoch_ms=1_000_000)
        self.store = store(clock=self.clock)
        self.catalog = InMemoryCatalog(clock=self.clock)

    def session(self, session_id: str = "cats", owner: ProcessIdentity | None = None) -> SessionScopedAttachmentStore:
        named = owner and AttachmentOwner(kind="process", owner_id="writer", process=owner)
        return SessionScopedAttachmentStore(self.store, self.catalog, session_id, clock=self.clock, owner=named)

    async def put(
        self, data: bytes, session_id: str = "cats", *, commit: bool = False, owner: ProcessIdentity | None = None
    ) -> AttachmentId:
        ref = await self.session(session_id, owner).put(data, META)
        if commit:
            assert await self.catalog.commit_refs(session_id, [ref.id]) == 1
        return ref.id

    async def reclaim(self, **options: Any) -> ReclaimReport:
        given: dict[str, Any] = {"grace_ms": GRACE_MS, "clock": self.clock, "progress": False} | options
        return await reclaim_unreferenced_attachments(self.catalog, self.store, **given)

    async def stored(self) -> set[AttachmentId]:
        return {blob.id async for blob in self.store.list()}


# What is live


async def test_what_is_committed_stays_however_old_and_whoever_is_dead() -> None:
    place = Place()
    kept = await place.put(b"kept", commit=True, owner=DEAD)
    place.clock.advance_ms(10**12)
    report = await place.reclaim(grace_ms=0)
    assert (report.kept_count, report.kept_byte_len, report.deleted_ids) == (1, 4, ())
    assert await place.stored() == {kept}


@pytest.mark.parametrize(
    ("owner", "age_ms", "goes"),
    [
        (DEAD, GRACE_MS - 1, False),
        (DEAD, GRACE_MS, True),
        (None, GRACE_MS - 1, False),
        (None, GRACE_MS, True),
        (ME, GRACE_MS * 1000, False),
        (ELSEWHERE, GRACE_MS * 1000, False),
    ],
)
async def test_an_intent_is_live_until_it_is_old_and_its_owner_is_proven_dead(
    owner: ProcessIdentity | None, age_ms: int, goes: bool
) -> None:
    place = Place()
    await place.put(b"kept", "dogs", commit=True)
    intent = await place.put(b"intent", owner=owner)
    place.clock.advance_ms(age_ms)
    report = await place.reclaim()
    assert report.deleted_ids == ((intent,) if goes else ())
    assert (intent in await place.stored()) is not goes
    assert await place.catalog.holds_ref("cats", intent) is not goes


async def test_a_blob_that_any_session_holds_stays_and_dead_intents_for_it_go() -> None:
    place = Place()
    shared = await place.put(b"shared", "dogs", commit=True)
    await place.put(b"shared", "cats", owner=DEAD)
    place.clock.advance_ms(GRACE_MS)
    report = await place.reclaim()
    assert (report.deleted_ids, report.expired_ids, await place.stored()) == ((), (shared,), {shared})
    assert not await place.catalog.holds_ref("cats", shared)
    assert await place.catalog.holds_ref("dogs", shared)


async def test_intents_whose_bytes_never_came_are_removed() -> None:
    class Full(InMemoryAttachmentStore):
        async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
            raise AttachmentIoError(28, "No space left on device")

    place = Place(Full)
    for owner in (DEAD, ME):
        with pytest.raises(AttachmentIoError):
            await place.put(str(owner.pid).encode(), owner=owner)
    place.clock.advance_ms(GRACE_MS)
    would = await place.reclaim(dry_run=True)
    assert len(await place.catalog.list_all_refs()) == 2
    report = await place.reclaim()
    assert would.expired_ids == report.expired_ids == (content_id(str(DEAD.pid).encode()),)
    assert [row.owner.process for row in await place.catalog.list_all_refs() if row.owner] == [ME]


async def test_bytes_without_a_row_wait_until_they_are_older_than_the_grace_period() -> None:
    place = Place()
    await place.put(b"kept", commit=True)
    orphan = await place.store.put(b"orphan", META)
    place.clock.advance_ms(GRACE_MS - 1)
    report = await place.reclaim()
    assert (report.deferred_ids, report.deferred_byte_len, report.deleted_ids) == ((orphan.id,), 6, ())
    place.clock.advance_ms(1)
    report = await place.reclaim()
    assert (report.deferred_ids, report.deleted_ids, report.deleted_byte_len) == ((), (orphan.id,), 6)


async def test_what_was_deleted_by_its_holder_goes_when_its_bytes_are_old() -> None:
    place = Place()
    await place.put(b"kept", commit=True)
    dropped = await place.put(b"dropped", commit=True)
    await place.session().delete(dropped)
    place.clock.advance_ms(GRACE_MS)
    assert (await place.reclaim()).deleted_ids == (dropped,)


async def test_a_clock_that_jumps_back_makes_nothing_old() -> None:
    place = Place()
    await place.put(b"kept", commit=True)
    intent = await place.put(b"intent", owner=DEAD)
    orphan = (await place.store.put(b"orphan", META)).id
    place.clock.advance_ms(-500_000)
    for _ in range(2):
        report = await place.reclaim(grace_ms=0)
        assert (report.deleted_ids, report.kept_count, report.deferred_ids) == ((), 2, (orphan,))
    place.clock.advance_ms(500_000 + GRACE_MS)
    assert set((await place.reclaim()).deleted_ids) == {intent, orphan}


# Roots


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_catalog_without_rows_is_no_licence_to_delete(dry_run: bool) -> None:
    place = Place()
    orphan = await place.store.put(b"orphan", META)
    place.clock.advance_ms(GRACE_MS)
    with pytest.raises(RootsUnknown, match=r"no rows at all.*nothing was deleted; pass sweep_unrooted=True") as caught:
        await place.reclaim(dry_run=dry_run)
    assert (caught.value.catalog_uuid, caught.value.expected_catalog_uuid) == (place.catalog.catalog_uuid, None)
    assert await place.stored() == {orphan.id}
    assert (await place.reclaim(dry_run=dry_run, sweep_unrooted=True)).deleted_ids == (orphan.id,)
    assert await place.stored() == ({orphan.id} if dry_run else set())


async def test_an_empty_store_needs_no_roots() -> None:
    assert str(await Place().reclaim()) == "0 deleted, 0 bytes; 0 kept, 0 bytes"


async def test_one_row_of_any_kind_makes_the_roots_known() -> None:
    place = Place()
    await place.put(b"dead", owner=DEAD)
    place.clock.advance_ms(GRACE_MS)
    assert len((await place.reclaim()).deleted_ids) == 1


@pytest.mark.parametrize("sweep_unrooted", [False, True])
async def test_the_store_of_another_catalog_is_never_swept(sweep_unrooted: bool) -> None:
    place = Place()
    orphan = await place.store.put(b"orphan", META)
    await place.put(b"kept", commit=True)
    place.clock.advance_ms(GRACE_MS)
    with pytest.raises(RootsUnknown, match="belongs to catalog 'other', not to") as caught:
        await place.reclaim(expected_catalog_uuid="other", sweep_unrooted=sweep_unrooted)
    assert caught.value.expected_catalog_uuid == "other"
    assert orphan.id in await place.stored()
    report = await place.reclaim(expected_catalog_uuid=place.catalog.catalog_uuid)
    assert report.deleted_ids == (orphan.id,)


async def test_a_negative_grace_period_is_refused() -> None:
    with pytest.raises(ValueError, match="grace_ms is -1"):
        await Place().reclaim(grace_ms=-1)


# Dry runs, failures and many


async def test_a_dry_run_says_what_would_go_and_changes_nothing() -> None:
    place = Place()
    await place.put(b"kept", commit=True)
    gone = {await place.put(f"{n}".encode(), owner=DEAD) for n in range(3)}
    place.clock.advance_ms(GRACE_MS)
    before = (await place.stored(), await place.catalog.list_all_refs())
    would = await place.reclaim(dry_run=True)
    assert (await place.stored(), await place.catalog.list_all_refs()) == before
    assert not await place.catalog.arm_delete(next(iter(gone)))  # nothing was condemned either
    assert set(would.deleted_ids) == gone
    assert "3 would be deleted, 3 bytes" in str(would)
    assert set((await place.reclaim()).deleted_ids) == gone


class Stubborn(InMemoryAttachmentStore):
    """Deletes nothing that begins with an id it was told."""

    stubborn: ClassVar[set[str]] = set()

    async def delete(self, attachment_id: AttachmentId) -> None:
        if attachment_id in self.stubborn:
            raise AttachmentIoError(13, "Permission denied")
        await super().delete(attachment_id)


async def test_a_delete_that_fails_stops_no_other_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(Stubborn)
    ids = [await place.put(f"{n}".encode(), owner=DEAD) for n in range(5)]
    place.clock.advance_ms(GRACE_MS)
    monkeypatch.setattr(Stubborn, "stubborn", {ids[1]})
    report = await place.reclaim()
    assert not report.ok
    assert (report.failed_ids, report.failed_byte_len) == ((ids[1],), 1)
    (reason,) = report.failed_reasons
    assert reason == "AttachmentIoError: [Errno 13] Permission denied; check who may use the directory"
    assert len(report.deleted_ids) == 4
    assert await place.put(b"1", "dogs", commit=True) == ids[1]  # it was set free again
    assert (await place.reclaim()).kept_count == 1


async def test_more_blobs_than_a_page_are_all_judged() -> None:
    place = Place()
    for n in range(2_500):
        await place.put(f"{n}".encode(), commit=n % 2 == 0, owner=DEAD)
    place.clock.advance_ms(GRACE_MS)
    report = await place.reclaim()
    assert (len(report.deleted_ids), report.kept_count, report.expired_ids) == (1_250, 1_250, ())
    assert len(await place.stored()) == len(await place.catalog.list_all_refs()) == 1_250


def test_the_progress_bar_counts_blobs(capsys: pytest.CaptureFixture[str]) -> None:
    place = Place()
    drive(place.put(b"kept", commit=True))
    drive(place.reclaim(progress=True))
    assert "reclaiming" in capsys.readouterr().err


def test_the_report_says_it_all() -> None:
    ids = tuple(content_id(f"{n}".encode()) for n in range(6))
    report = ReclaimReport(
        dry_run=False,
        kept_count=1_000,
        kept_byte_len=2_000,
        deleted_ids=ids,
        deleted_byte_len=60,
        deferred_ids=ids[:1],
        deferred_byte_len=7,
        failed_ids=ids[1:2],
        failed_byte_len=8,
        failed_reasons=("AttachmentIoError: no",),
        expired_ids=ids[2:3],
    )
    first = "5feceb66ffc8"
    assert str(report) == (
        f"6 deleted, 60 bytes ({first}, 6b86b273ff34, d4735e3a265e, 4e07408562be, …); 1,000 kept, 2,000 bytes; "
        f"1 deferred to a later sweep, 7 bytes ({first}); 1 failed, 8 bytes (6b86b273ff34): AttachmentIoError: no; "
        "1 intents without a writer expired (d4735e3a265e)"
    )


# Races, one step at a time


class Stepping(InMemoryCatalog):
    """A catalog that lets others act at a step of the sweep."""

    at: str = ""
    act: Callable[[], Awaitable[Any]]

    async def _step(self, name: str) -> None:
        if self.at == name:
            self.at = ""
            await self.act()

    async def not_live(self, attachment_ids: Sequence[AttachmentId], *, grace_ms: int) -> Sequence[AttachmentId]:
        found = await super().not_live(attachment_ids, grace_ms=grace_ms)
        await self._step("marked")
        return found

    async def condemn(self, attachment_id: AttachmentId, *, grace_ms: int) -> bool:
        condemned = await super().condemn(attachment_id, grace_ms=grace_ms)
        await self._step("condemned")
        return condemned

    async def arm_delete(self, attachment_id: AttachmentId) -> bool:
        armed = await super().arm_delete(attachment_id)
        await self._step("armed")
        return armed

    async def release(self, attachment_id: AttachmentId) -> None:
        await self._step("deleted")
        await super().release(attachment_id)
        await self._step("released")


class Impatient(ThreadRunner):
    """Never sleeps."""

    async def sleep(self, seconds: float) -> None:
        """At once."""


async def stepping_place() -> tuple[Place, AttachmentId]:
    place = Place()
    place.catalog = Stepping(clock=place.clock)
    await place.put(b"kept", "dogs", commit=True)
    doomed = await place.put(b"doomed", owner=DEAD)
    place.clock.advance_ms(GRACE_MS)
    return place, doomed


@pytest.mark.parametrize("step", ["marked", "condemned"])
async def test_a_put_before_the_delete_is_armed_keeps_the_bytes(step: str) -> None:
    place, doomed = await stepping_place()
    place.catalog.at, place.catalog.act = step, lambda: place.put(b"doomed", commit=True)  # type: ignore[attr-defined]
    report = await place.reclaim()
    assert (report.kept_count, report.deleted_ids, report.deferred_ids) == (2, (), ())
    assert (await place.session().get(doomed)).bytes == b"doomed"


@pytest.mark.parametrize("step", ["armed", "deleted"])
async def test_a_put_inside_the_delete_window_is_refused_until_it_is_over(step: str) -> None:
    place, doomed = await stepping_place()
    impatient = SessionScopedAttachmentStore(place.store, place.catalog, "cats", clock=place.clock, runner=Impatient())

    async def put() -> None:
        with pytest.raises(AttachmentBeingDeleted):
            await impatient.put(b"doomed", META)

    place.catalog.at, place.catalog.act = step, put  # type: ignore[attr-defined]
    assert (await place.reclaim()).deleted_ids == (doomed,)
    with pytest.raises(AttachmentNotFound):
        await impatient.get(doomed)
    await impatient.put(b"doomed", META)
    assert (await impatient.get(doomed)).bytes == b"doomed"


async def test_a_put_that_waits_out_the_delete_comes_after_it() -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    class Slow(InMemoryAttachmentStore):
        async def delete(self, attachment_id: AttachmentId) -> None:
            begun.set()
            may_go_on.wait()
            await super().delete(attachment_id)

    class Watched(ThreadRunner):
        async def sleep(self, seconds: float) -> None:
            may_go_on.set()  # the writer met the delete
            await super().sleep(seconds)

    place = Place(Slow)
    doomed = await place.put(b"doomed", owner=DEAD)
    place.clock.advance_ms(GRACE_MS)
    sweep = asyncio.create_task(place.reclaim())
    await asyncio.to_thread(begun.wait)
    writer = SessionScopedAttachmentStore(place.store, place.catalog, "cats", clock=place.clock, runner=Watched())
    await writer.put(b"doomed", META)
    assert (await sweep).deleted_ids == (doomed,)
    assert (await writer.get(doomed)).bytes == b"doomed"


@pytest.mark.parametrize(
    ("step", "second_defers", "first_defers"),
    [("marked", 0, 0), ("condemned", 0, 1), ("armed", 1, 0), ("deleted", 0, 0)],
)
async def test_two_sweeps_share_the_work_and_nothing_stays_armed(
    step: str, second_defers: int, first_defers: int
) -> None:
    place, doomed = await stepping_place()
    reports = []

    async def another() -> None:
        reports.append(await place.reclaim())

    place.catalog.at, place.catalog.act = step, another  # type: ignore[attr-defined]
    reports.append(await place.reclaim())
    assert any(doomed in report.deleted_ids for report in reports)
    assert [len(report.deferred_ids) for report in reports] == [second_defers, first_defers]
    assert await place.stored() == {content_id(b"kept")}
    assert await place.put(b"doomed", commit=True) == doomed
    assert (await place.reclaim()).kept_count == 2


async def test_a_dead_sweep_leaves_marks_that_the_next_one_clears() -> None:
    place = Place()
    await place.put(b"kept", commit=True)
    young = await place.store.put(b"young", META)
    gone = content_id(b"gone")
    for attachment_id in (young.id, gone):
        assert await place.catalog.condemn(attachment_id, grace_ms=0)
    assert set((await place.reclaim(dry_run=True)).deferred_ids) == {young.id}
    assert set(await place.catalog.marked()) == {young.id, gone}
    report = await place.reclaim()
    assert (report.deferred_ids, report.deleted_ids) == ((young.id,), ())
    assert await place.catalog.marked() == (
        young.id,
    )  # condemned and not deleted: the bytes are younger than the grace
    assert await place.catalog.arm_delete(gone) is False


async def test_a_sweep_leaves_the_marks_of_a_live_one_alone() -> None:
    place = Place()
    await place.put(b"kept", commit=True)
    busy = content_id(b"busy")
    assert await place.catalog.condemn(busy, grace_ms=0)
    assert await place.catalog.arm_delete(busy)
    await place.reclaim()
    assert await place.catalog.marked() == (busy,)


async def test_a_cancelled_sweep_stops_between_two_blobs_and_leaves_nothing_armed() -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    class Slow(InMemoryAttachmentStore):
        async def delete(self, attachment_id: AttachmentId) -> None:
            begun.set()
            may_go_on.wait()
            await super().delete(attachment_id)

    place = Place(Slow)
    ids = [await place.put(f"{n}".encode(), owner=DEAD) for n in range(10)]
    place.clock.advance_ms(GRACE_MS)
    sweep = asyncio.create_task(place.reclaim())
    await asyncio.to_thread(begun.wait)
    sweep.cancel()
    asyncio.get_running_loop().call_later(0.01, may_go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await sweep
    assert await place.stored() == set(ids[1:])
    assert [await place.put(f"{n}".encode()) for n in range(10)] == ids


async def test_a_store_that_needs_a_loop_is_swept_on_the_loop() -> None:
    class Remote(InMemoryAttachmentStore):
        sync_mode = "portal"

        async def delete(self, attachment_id: AttachmentId) -> None:
            await asyncio.sleep(0)
            await super().delete(attachment_id)

    place = Place(Remote)
    doomed = await place.put(b"doomed", owner=DEAD)
    place.clock.advance_ms(GRACE_MS)
    assert (await place.reclaim()).deleted_ids == (doomed,)


def test_files_are_swept_too_and_nothing_but_blobs(tmp_path: Path) -> None:
    catalog, store = InMemoryCatalog(), FileAttachmentStore(tmp_path / "store")
    session = SessionScopedAttachmentStore(store, catalog, "cats")
    kept = drive(session.put(b"kept", META)).id
    drive(catalog.commit_refs("cats", [kept]))
    gone = drive(session.put(b"gone", META)).id
    (tmp_path / "store" / "notes.txt").write_text("mine")
    report = drive(reclaim_unreferenced_attachments(catalog, store, grace_ms=0))
    assert (report.deleted_ids, report.kept_count) == ((gone,), 1)
    left = {path.name for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert left >= {kept, f"{kept}.json", "notes.txt"}
    assert not {gone, f"{gone}.json"} & left
