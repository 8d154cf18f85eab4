"""A store as one session sees it: intents first, guarded reads, pending commits, and the laws of stores."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lashkit.errors import (
    AttachmentBackendError,
    AttachmentBeingDeleted,
    AttachmentCorrupt,
    AttachmentIoError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    ManifestRecordFailed,
    SessionExecutionLeaseExpired,
    StoreBackendError,
)
from lashkit.lease import LeaseOwnerIdentity
from lashkit.manifest import AttachmentIntent, AttachmentManifest, AttachmentOwner, NoopAttachmentManifest
from lashkit.process import ProcessIdentity
from lashkit.runner import ThreadRunner, drive
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
from lashkit.scoped import SessionScopedAttachmentStore
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import AttachmentStore, StagedBlob
from lashkit.testing import FileHarness, ManualClock, MemoryHarness, attachment_store_report
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    MediaType,
    StoredAttachment,
    StoredBlobRef,
    content_id,
)

PNG = AttachmentCreateMeta(MediaType("image/png"), width=3, height=2, label="first")
OTHER = AttachmentCreateMeta(MediaType("image/png"), width=30, height=20, label="other")
ME = ProcessIdentity.current()
DATA = b"bytes of an attachment"
ID = content_id(DATA)


def scoped(
    catalog: AttachmentManifest | None = None,
    session_id: str = "cats",
    inner: AttachmentStore | None = None,
    **options: Any,
) -> SessionScopedAttachmentStore:
    return SessionScopedAttachmentStore(
        inner if inner is not None else InMemoryAttachmentStore(),
        catalog if catalog is not None else InMemoryCatalog(),
        session_id,
        **options,
    )


class PlainStore:
    """A store that can do what every store can, and nothing else; counts what it is asked."""

    sync_mode: ClassVar[Any] = "inline"

    def __init__(self) -> None:
        self._inner = InMemoryAttachmentStore()
        self.asked: list[str] = []

    @property
    def persistence(self) -> AttachmentStorePersistence:
        return AttachmentStorePersistence.DURABLE

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        self.asked.append("put")
        return await self._inner.put(data, meta)

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        self.asked.append("get")
        return await self._inner.get(attachment_id)

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        self.asked.append("head")
        return await self._inner.head(attachment_id)

    async def delete(self, attachment_id: AttachmentId) -> None:
        self.asked.append("delete")

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        self.asked.append("list")
        async for blob in self._inner.list():
            yield blob


class FailingManifest(NoopAttachmentManifest):
    """Records nothing and says so."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def record_intent(self, intent: AttachmentIntent) -> None:
        raise self.error


async def every(blobs: AsyncIterator[Any]) -> list[Any]:
    return [blob async for blob in blobs]


# Writing ahead


async def test_the_intent_is_recorded_before_the_bytes_are_published() -> None:
    catalog, seen = InMemoryCatalog(), []

    class Watching(InMemoryAttachmentStore):
        async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
            seen.append(await catalog.entry("cats", ID))
            return await super().put(data, meta)

        async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
            seen.append(await catalog.entry("dogs", ID))
            return await super().publish(staged, meta)

    inner, owner = Watching(), AttachmentOwner(kind="turn", owner_id="t1", process=ME)
    clock = ManualClock(start_epoch_ms=7_000)
    ref = await scoped(catalog, "cats", inner, clock=clock, owner=owner).put(DATA, PNG)
    dogs = scoped(catalog, "dogs", inner, clock=clock, owner=owner)
    assert await dogs.publish(await dogs.stage([DATA]), PNG) == ref
    for row in seen:
        assert row is not None
        assert (row.ref, row.intent_at_epoch_ms, row.committed_at_epoch_ms, row.owner) == (ref, 7_000, None, owner)
    assert len(seen) == 2


@pytest.mark.parametrize("way", ["put", "publish"])
async def test_without_an_intent_no_bytes_are_published(way: str) -> None:
    cause, inner = StoreBackendError("the disk is full"), InMemoryAttachmentStore()
    store = scoped(FailingManifest(cause), inner=inner)
    staged = await store.stage([DATA])
    with pytest.raises(ManifestRecordFailed, match=r"the disk is full.*no bytes were written; put again") as caught:
        await (store.put(DATA, PNG) if way == "put" else store.publish(staged, PNG))
    assert caught.value.__cause__ is cause
    assert await every(inner.list()) == []
    assert store.pending_manifest_commit_ids() == ()


async def test_what_could_not_be_published_can_be_published_again_or_discarded() -> None:
    manifest = FailingManifest(StoreBackendError("busy"))
    store = scoped(manifest)
    staged = await store.stage([DATA])
    with pytest.raises(ManifestRecordFailed):
        await store.publish(staged, PNG)
    manifest.error = SessionExecutionLeaseExpired("cats")
    with pytest.raises(SessionExecutionLeaseExpired):
        await store.publish(staged, PNG)
    await store.discard(staged)
    with pytest.raises(AttachmentNotFound, match="not staged here"):
        await store.publish(staged, PNG)


async def test_a_stale_lease_cannot_put_and_says_so_itself() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    session = catalog.session("cats")
    first, second = (LeaseOwnerIdentity(owner_id=name, incarnation_id="1", label=name) for name in ("one", "two"))
    lease = (await session.try_claim_session_execution_lease("cats", first)).acquired
    assert lease is not None
    store = scoped(catalog, inner=inner, fence=lease.fence())
    await store.put(DATA, PNG)
    await session.reclaim_session_execution_lease("cats", second, lease.fence())
    with pytest.raises(SessionExecutionLeaseExpired, match="two holds it now"):
        await store.put(b"late", PNG)
    assert [blob.id for blob in await every(inner.list())] == [ID]
    assert await catalog.entry("cats", content_id(b"late")) is None


async def test_another_id_than_the_content_id_is_refused() -> None:
    class Other(InMemoryAttachmentStore):
        async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
            return await super().put(bytes(data) + b"!", meta)

        async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
            return await self.put(b"?", meta)

    store = scoped(inner=Other())
    with pytest.raises(AttachmentBackendError, match=rf"returned id {content_id(DATA + b'!')} .* content id is {ID}"):
        await store.put(DATA, PNG)
    with pytest.raises(AttachmentBackendError):
        await store.publish(await store.stage([DATA]), PNG)
    assert store.pending_manifest_commit_ids() == ()


async def test_a_put_returns_the_ref_as_this_caller_described_it() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    assert (await scoped(catalog, "cats", inner).put(DATA, PNG)).label == "first"
    assert await scoped(catalog, "dogs", inner).put(DATA, OTHER) == OTHER.describe(ID, len(DATA)).as_ref()


@pytest.mark.parametrize("inner", [InMemoryAttachmentStore, PlainStore])
async def test_an_id_alone_cannot_be_published_into_a_session(inner: type[Any]) -> None:
    catalog, shared = InMemoryCatalog(), inner()
    theirs = scoped(catalog, "dogs", shared)
    staged = await theirs.stage([DATA])
    mine = scoped(catalog, "cats", shared)
    with pytest.raises(AttachmentNotFound, match="not staged here"):
        await mine.publish(staged, PNG)
    assert not await catalog.holds_ref("cats", ID)
    assert (await theirs.publish(staged, PNG)).id == ID


async def test_a_store_that_cannot_stream_is_streamed_in_memory() -> None:
    inner = PlainStore()
    store = scoped(inner=inner)
    staged, dropped = await store.stage([DATA[:4], DATA[4:]]), await store.stage([DATA])
    assert (staged.id, staged.byte_len) == (ID, len(DATA))
    assert inner.asked == []
    await store.discard(dropped)
    both = await asyncio.gather(store.publish(staged, PNG), store.publish(staged, PNG), return_exceptions=True)
    assert PNG.describe(ID, len(DATA)).as_ref() in both
    assert inner.asked.count("put") == 1
    assert await every(store.open(ID)) == [DATA]
    assert await store.meta(ID) == PNG.describe(ID, len(DATA))


async def test_a_publish_that_lost_the_race_for_its_staged_bytes_finds_nothing() -> None:
    inner = PlainStore()

    class Meanwhile(NoopAttachmentManifest):
        async def record_intent(self, intent: AttachmentIntent) -> None:
            await store.discard(staged)

    store = scoped(Meanwhile(), inner=inner)
    staged = await store.stage([DATA])
    with pytest.raises(AttachmentNotFound, match="meanwhile"):
        await store.publish(staged, PNG)
    assert inner.asked == []


# Holding what is stored already


async def test_a_hold_is_a_put_without_the_bytes() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    await scoped(catalog, "dogs", inner).put(DATA, PNG)
    cats, ref = scoped(catalog, "cats", inner), OTHER.describe(ID, len(DATA)).as_ref()
    assert await cats.hold(ref) == ref
    assert (await cats.get(ID)).ref == ref
    assert cats.pending_manifest_commit_ids() == (ID,)


async def test_what_the_store_does_not_have_cannot_be_held_and_leaves_no_row() -> None:
    catalog = InMemoryCatalog()
    store = scoped(catalog)
    with pytest.raises(AttachmentNotFound):
        await store.hold(PNG.describe(ID, len(DATA)).as_ref())
    assert not await catalog.holds_ref("cats", ID)
    assert store.pending_manifest_commit_ids() == ()


async def test_a_hold_never_takes_back_the_row_of_another_put_of_its_session() -> None:
    inner = InMemoryAttachmentStore()

    class Swept(InMemoryCatalog):
        async def begin_write(self, intent: AttachmentIntent) -> None:
            await inner.delete(ID)  # a sweep, just before the row
            await super().begin_write(intent)

    catalog = Swept()
    store = scoped(catalog, inner=inner)
    ref = await inner.put(DATA, PNG)
    with pytest.raises(AttachmentNotFound):
        await store.hold(ref)
    assert await catalog.holds_ref("cats", ID)
    assert store.pending_manifest_commit_ids() == ()


# Waiting for a sweep


class CountingRunner(ThreadRunner):
    """Sleeps no time at all, and does `at` once it was asked to sleep so often."""

    def __init__(self, at: int = -1, do: Any = None) -> None:
        super().__init__()
        self.at, self.do, self.slept_s = at, do, [0.0][:0]

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        if len(self.slept_s) == self.at:
            await self.do()


async def armed_catalog() -> InMemoryCatalog:
    catalog = InMemoryCatalog()
    assert await catalog.condemn(ID, grace_ms=0)
    assert await catalog.arm_delete(ID)
    return catalog


async def test_a_put_waits_with_growing_pauses_until_the_delete_is_over() -> None:
    catalog = await armed_catalog()
    runner = CountingRunner(3, lambda: catalog.release(ID))
    await scoped(catalog, runner=runner).put(DATA, PNG)
    assert runner.slept_s == [0.01, 0.02, 0.04]
    assert await catalog.holds_ref("cats", ID)


@pytest.mark.parametrize("bound", [False, True])
async def test_a_put_gives_up_after_five_seconds_of_waiting_and_writes_nothing(bound: bool) -> None:
    catalog, inner, runner = await armed_catalog(), InMemoryAttachmentStore(), CountingRunner()
    manifest = catalog.session("cats") if bound else catalog
    store = scoped(manifest, inner=inner, runner=runner)
    with pytest.raises(AttachmentBeingDeleted):
        await store.put(DATA, PNG)
    assert sum(runner.slept_s) == pytest.approx(5.0)
    assert runner.slept_s == sorted(runner.slept_s[:-1]) + runner.slept_s[-1:]
    assert await every(inner.list()) == []
    assert not await catalog.holds_ref("cats", ID)


async def test_a_put_revokes_a_condemnation() -> None:
    catalog = InMemoryCatalog()
    assert await catalog.condemn(ID, grace_ms=0)
    await scoped(catalog).put(DATA, PNG)
    assert not await catalog.arm_delete(ID)


# Pending commits


async def test_puts_are_pending_in_order_until_they_are_marked() -> None:
    store = scoped()
    ids = [(await store.put(data, PNG)).id for data in (b"1", b"2", b"3", b"1")]
    assert store.pending_manifest_commit_ids() == tuple(ids[:3])
    store.mark_manifest_committed([ids[1], ID])
    assert store.pending_manifest_commit_ids() == (ids[0], ids[2])
    store.mark_manifest_committed(store.pending_manifest_commit_ids())
    assert store.pending_manifest_commit_ids() == ()


async def test_pending_commits_survive_a_restart_as_rows() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    await scoped(catalog, inner=inner).put(DATA, PNG)
    again = scoped(catalog, inner=inner)
    assert again.pending_manifest_commit_ids() == ()
    rows = await catalog.session("cats").list_uncommitted(1 << 60)
    assert [row.attachment_id for row in rows] == [ID]
    assert await catalog.commit_refs("cats", [row.attachment_id for row in rows]) == 1


def test_threads_lose_no_pending_id() -> None:
    store = scoped()
    start = threading.Barrier(8)

    def put(worker: int) -> None:
        start.wait()
        for number in range(50):
            drive(store.put(f"{worker}/{number}".encode(), PNG))

    threads = [threading.Thread(target=put, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.pending_manifest_commit_ids()) == 400


async def test_a_cancelled_put_is_whole_or_nothing_and_never_pending(tmp_path: Path) -> None:
    catalog, inner = InMemoryCatalog(), FileAttachmentStore(tmp_path / "store")
    begun, may_go_on = threading.Event(), threading.Event()

    class Slow(InMemoryCatalog):
        async def begin_write(self, intent: AttachmentIntent) -> None:
            await catalog.begin_write(intent)
            begun.set()
            may_go_on.wait()

    store = SessionScopedAttachmentStore(inner, Slow(), "cats")
    task = asyncio.create_task(store.put(DATA, PNG))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    rows = await catalog.list_uncommitted(1 << 60)
    assert [row.attachment_id for row in rows] == [ID]
    for blob in await every(inner.list()):
        assert (await inner.get(blob.id)).bytes == DATA
    assert store.pending_manifest_commit_ids() == ()


async def test_many_cancelled_puts_leave_no_bytes_without_an_intent(tmp_path: Path) -> None:
    catalog, inner = InMemoryCatalog(), FileAttachmentStore(tmp_path / "store")
    store = scoped(catalog, inner=inner)
    tasks = [asyncio.create_task(store.put(f"{n}".encode() * 1000, PNG)) for n in range(40)]
    await asyncio.sleep(0)
    acknowledged = set()
    for number, task in enumerate(tasks):
        if number % 2:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            acknowledged.add((await task).id)
    stored = {blob.id for blob in await every(inner.list())}
    held = {row.attachment_id for row in await catalog.list_all_refs()}
    assert acknowledged <= stored <= held
    assert set(store.pending_manifest_commit_ids()) == acknowledged
    assert len(acknowledged) >= 20


# Reading


@pytest.mark.parametrize("manifest_of", [lambda c: c, lambda c: c.session("cats")], ids=["catalog", "persistence"])
async def test_what_the_session_does_not_hold_is_not_found_and_the_store_is_not_asked(manifest_of: Any) -> None:
    catalog, inner = InMemoryCatalog(), PlainStore()
    await scoped(catalog, "dogs", inner).put(DATA, PNG)
    inner.asked.clear()
    mine = scoped(manifest_of(catalog), "cats", inner)
    for attempt in (mine.get(ID), mine.head(ID), mine.meta(ID), every(mine.open(ID))):
        with pytest.raises(AttachmentNotFound):
            await attempt
    assert inner.asked == []
    assert await every(mine.list()) == []


async def test_two_sessions_describe_one_blob_each_in_its_own_way() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    cats, dogs = scoped(catalog, "cats", inner), scoped(catalog, "dogs", inner)
    await cats.put(DATA, PNG)
    await dogs.put(DATA, OTHER)
    assert (await cats.get(ID)).meta == await cats.meta(ID) == PNG.describe(ID, len(DATA))
    assert (await dogs.get(ID)).meta == await dogs.meta(ID) == OTHER.describe(ID, len(DATA))
    await cats.put(DATA, OTHER)
    assert (await cats.get(ID)).meta.label == "other"
    assert (await inner.get(ID)).meta.label == "first"
    assert len(await every(inner.list())) == 1


async def test_a_manifest_without_rows_describes_as_the_first_put_did() -> None:
    inner = InMemoryAttachmentStore()
    for manifest in (NoopAttachmentManifest(), InMemorySessionStore()):
        store = scoped(manifest, inner=inner)
        await store.put(DATA, PNG)
        await store.put(DATA, OTHER)
        assert (await store.get(ID)).meta == await store.meta(ID) == PNG.describe(ID, len(DATA))
        assert [blob.id for blob in await every(store.list())] == [ID]


async def test_a_lost_sidecar_does_not_hide_bytes_that_a_row_describes(tmp_path: Path) -> None:
    inner = FileAttachmentStore(tmp_path / "store")
    store = scoped(inner=inner)
    await store.put(DATA, PNG)
    blob = tmp_path / "store" / "sha256" / ID[:2] / ID
    await asyncio.to_thread(blob.with_suffix(".json").unlink)
    with pytest.raises(AttachmentMissingMeta):
        await inner.get(ID)
    assert await store.get(ID) == StoredAttachment(PNG.describe(ID, len(DATA)), DATA)
    assert await store.meta(ID) == PNG.describe(ID, len(DATA))
    await asyncio.to_thread(blob.write_bytes, b"something else, as long"[: len(DATA)])
    with pytest.raises(AttachmentCorrupt):
        await store.get(ID)


async def test_an_intent_whose_bytes_never_came_is_held_and_not_found() -> None:
    catalog = InMemoryCatalog()

    class Full(InMemoryAttachmentStore):
        async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
            raise AttachmentIoError(28, "No space left on device")

    store = scoped(catalog, inner=Full())
    with pytest.raises(AttachmentIoError):
        await store.put(DATA, PNG)
    assert await catalog.holds_ref("cats", ID)
    assert await every(store.list()) == []
    for attempt in (store.get(ID), store.head(ID), store.meta(ID), every(store.open(ID))):
        with pytest.raises(AttachmentNotFound):
            await attempt


async def test_a_list_is_what_the_session_holds_in_the_order_of_its_puts() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    cats, dogs = scoped(catalog, "cats", inner), scoped(catalog, "dogs", inner)
    shared = [await inner.head((await dogs.put(f"{n}".encode(), PNG)).id) for n in range(150)]
    for n in range(149, -1, -1):
        await cats.put(f"{n}".encode(), PNG)
    await dogs.put(DATA, PNG)
    assert await every(cats.list()) == shared[::-1]
    assert len(await every(dogs.list())) == 151


async def test_delete_drops_the_row_and_leaves_the_bytes_and_the_rows_of_others() -> None:
    catalog, inner = InMemoryCatalog(), InMemoryAttachmentStore()
    cats, dogs = scoped(catalog, "cats", inner), scoped(catalog, "dogs", inner)
    await cats.put(DATA, PNG)
    await dogs.put(DATA, PNG)
    await cats.delete(ID)
    await cats.delete(ID)
    with pytest.raises(AttachmentNotFound):
        await cats.get(ID)
    assert cats.pending_manifest_commit_ids() == ()
    assert (await dogs.get(ID)).bytes == DATA
    await dogs.delete(ID)
    assert (await inner.get(ID)).bytes == DATA


# What it is made of


def test_persistence_and_mode_are_those_of_the_parts(tmp_path: Path) -> None:
    class Bound(InMemoryAttachmentStore):
        sync_mode = "bound"

    assert scoped(inner=FileAttachmentStore(tmp_path)).persistence is AttachmentStorePersistence.DURABLE
    assert scoped().persistence is AttachmentStorePersistence.EPHEMERAL
    assert scoped().sync_mode == "inline"
    assert scoped(inner=Bound()).sync_mode == "bound"
    assert scoped(Undeclared()).sync_mode == "portal"
    assert (scoped().session_id, repr(scoped())) == (
        "cats",
        "SessionScopedAttachmentStore(InMemoryAttachmentStore(0 attachments), session 'cats')",
    )


class Undeclared:
    """A user's manifest that awaits for real."""

    def __init__(self) -> None:
        self.inner = InMemoryCatalog()

    async def record_intent(self, intent: AttachmentIntent) -> None:
        await asyncio.sleep(0)
        await self.inner.record_intent(intent)

    async def commit_refs(self, session_id: str, attachment_ids: Sequence[AttachmentId]) -> int:
        return await self.inner.commit_refs(session_id, attachment_ids)

    async def list_uncommitted(self, older_than_epoch_ms: int) -> Sequence[Any]:
        return await self.inner.list_uncommitted(older_than_epoch_ms)

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        await self.inner.forget(session_id, attachment_id)

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        await asyncio.sleep(0)
        return await self.inner.holds_ref(session_id, attachment_id)

    async def list_all_refs(self) -> Sequence[Any]:
        return await self.inner.list_all_refs()


@pytest.mark.parametrize("manifest", [InMemoryCatalog, NoopAttachmentManifest, Undeclared])
def test_the_facade_drives_it_whatever_the_manifest(manifest: type[Any]) -> None:
    store = scoped(manifest())
    facade = store.sync
    assert facade.put(DATA, PNG).id == ID
    assert facade.get(ID).bytes == DATA
    assert [blob.id for blob in facade.list()] == [ID]
    assert b"".join(facade.open(ID)) == DATA
    staged = facade.stage([b"staged"])
    assert facade.publish(staged, PNG).id == content_id(b"staged")
    assert store.pending_manifest_commit_ids() == (ID, content_id(b"staged"))
    facade.delete(ID)


# The laws of stores


class ScopedHarness:
    """A harness whose stores are scoped, over those of another harness."""

    def __init__(self, raw: Any, manifest: type[Any]) -> None:
        self._raw, self._manifest = raw, manifest
        for name in ("corrupt", "lose", "spoil_meta", "plant", "plant_stale", "leftovers", "surroundings", "close"):
            if hasattr(raw, name):
                setattr(self, name, self._through(name))
        if hasattr(raw, "reopen"):
            self.reopen = self._reopen

    def __repr__(self) -> str:
        return f"ScopedHarness({self._raw!r}, {self._manifest.__name__})"

    def _through(self, name: str) -> Any:
        return lambda store, *arguments: getattr(self._raw, name)(store._inner, *arguments)

    async def make(self) -> SessionScopedAttachmentStore:
        made = self._raw.make()
        return SessionScopedAttachmentStore(
            made if isinstance(made, InMemoryAttachmentStore) else await made, self._manifest(), "laws"
        )

    async def _reopen(self, store: Any) -> SessionScopedAttachmentStore:
        return SessionScopedAttachmentStore(self._raw.reopen(store._inner), store._manifest, "laws")


IN_MEMORY = frozenset(
    {
        "known_damage_outlives_who_found_it",
        "acknowledged_changes_survive_reopening",
        "stale_staging_never_blocks",
        "foreign_entries_are_skipped_with_a_warning",
        "lost_metadata_is_said_and_rewritten",
        "unreadable_metadata_is_said_and_rewritten",
    }
)
# Over a catalog the row is the truth for metadata, and the store's copy of it can be lost or outdated; and a session's
# list asks the store about each of its rows, so it never meets what is foreign.
ROWS_RULE = frozenset(
    {
        "the_first_put_keeps_its_metadata",
        "stage_and_publish_are_a_put",
        "foreign_entries_are_skipped_with_a_warning",
        "lost_metadata_is_said_and_rewritten",
        "unreadable_metadata_is_said_and_rewritten",
    }
)


@pytest.mark.parametrize(
    ("raw", "manifest", "not_applicable", "otherwise"),
    [
        (MemoryHarness, NoopAttachmentManifest, IN_MEMORY, frozenset()),
        (FileHarness, NoopAttachmentManifest, frozenset(), frozenset()),
        (MemoryHarness, InMemoryCatalog, IN_MEMORY, ROWS_RULE),
        (FileHarness, InMemoryCatalog, frozenset(), ROWS_RULE),
    ],
)
async def test_the_laws_of_stores_hold_but_for_those_that_the_rows_overrule(
    raw: type[Any], manifest: type[Any], not_applicable: frozenset[str], otherwise: frozenset[str]
) -> None:
    report = await attachment_store_report(ScopedHarness(raw(), manifest))
    assert set(report.broken) == otherwise - not_applicable, str(report)
    assert set(report.not_applicable) == not_applicable
