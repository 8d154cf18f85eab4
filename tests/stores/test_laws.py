"""The stores keep the laws, and a store that breaks a promise breaks the law that states it."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest

from lashkit.errors import AttachmentCorrupt, AttachmentNotFound
from lashkit.testing import (
    ATTACHMENT_STORE_LAWS,
    FileHarness,
    Law,
    MemoryHarness,
    StoreCase,
    attachment_store_report,
    check_attachment_store,
)
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    StoredAttachment,
    StoredBlobRef,
)


def _load(name: str) -> ModuleType:
    """A module beside this one: the import mode puts no folder of tests on the path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


broken = _load("broken")
BY_LAW = pytest.mark.parametrize("law", ATTACHMENT_STORE_LAWS, ids=str)

# What cannot be tried on memory: nothing outlives it, and its metadata cannot part from its bytes.
NOT_IN_MEMORY = {
    "acknowledged_changes_survive_reopening",
    "stale_staging_never_blocks",
    "foreign_entries_are_skipped_with_a_warning",
    "known_damage_outlives_who_found_it",
    "lost_metadata_is_said_and_rewritten",
    "unreadable_metadata_is_said_and_rewritten",
}

# What each broken store fails; the law that it exists for is its own (`OWN_LAW`).
FAILS = {
    "StripsPadding": {"bytes_round_trip", "every_kind_of_buffer_is_taken"},
    "CountsItems": {"every_kind_of_buffer_is_taken"},
    "KeepsTheCallersBuffer": {"later_changes_of_a_buffer_change_nothing"},
    "HoldsAView": {"later_changes_of_a_buffer_change_nothing"},
    "DropsEmptyLabels": {"metadata_round_trips"},
    "LastPutWins": {"the_first_put_keeps_its_metadata"},
    "NamesByAnotherHash": {
        "metadata_round_trips",
        "the_id_is_the_sha256_of_the_bytes",
        "identical_bytes_share_one_id",
        "ids_that_are_given_out_are_safe",
        "deleted_attachments_can_be_put_again",
        "simultaneous_puts_of_the_same_bytes_are_one",
        "cancelled_puts_are_all_or_nothing",
        "lost_bytes_are_rewritten",
        "corrupt_bytes_are_never_returned",
        "open_raises_before_the_end_of_corrupt_bytes",
        "a_put_repairs_what_is_known_corrupt",
        "streams_come_in_small_chunks",
        "stage_and_publish_are_a_put",
        "an_abandoned_stream_lets_go",
    },
    "ListsEveryPut": {
        "every_kind_of_buffer_is_taken",
        "the_first_put_keeps_its_metadata",
        "identical_bytes_share_one_id",
        "deleted_attachments_can_be_put_again",
        "readers_never_see_part_of_a_put",
        "simultaneous_puts_of_the_same_bytes_are_one",
        "puts_and_deletes_at_once_leave_the_whole_or_nothing",
        "cancelled_puts_are_all_or_nothing",
        "lost_bytes_are_rewritten",
        "a_put_repairs_what_is_known_corrupt",
        "an_abandoned_stream_lets_go",
    },
    "GivesOutPlainStrings": {"ids_that_are_given_out_are_safe"},
    "FindsByPrefix": {"unknown_ids_are_not_found", "hostile_ids_touch_nothing"},
    "RaisesKeyError": {
        "unknown_ids_are_not_found",
        "hostile_ids_touch_nothing",
        "deletes_are_complete",
        "deletes_are_idempotent",
        "readers_never_see_part_of_a_put",
        "puts_and_deletes_at_once_leave_the_whole_or_nothing",
        "cancelled_puts_are_all_or_nothing",
        "lost_bytes_are_rewritten",
        "staged_bytes_are_invisible",
        "discards_are_idempotent",
        "staged_blobs_are_used_once",
        "an_abandoned_stream_lets_go",
    },
    "TrustsPaths": {"hostile_ids_touch_nothing"},
    "ForgivesCase": {"hostile_ids_touch_nothing"},
    "TakesEmptyForMissing": {
        "bytes_round_trip",
        "head_agrees_with_list",
        "stage_and_publish_are_a_put",
        "sync_and_async_chunks_are_alike",
    },
    "TellsTimeInFloats": {"head_agrees_with_list"},
    "ForgetsToUnlist": {
        "deletes_are_complete",
        "deletes_are_idempotent",
        "puts_and_deletes_at_once_leave_the_whole_or_nothing",
        "staged_blobs_are_used_once",
        "an_abandoned_stream_lets_go",
    },
    "DeletesOnlyWhatIsThere": {"deletes_are_idempotent"},
    "RemembersTheDead": {"deleted_attachments_can_be_put_again"},
    "WritesInPlace": {"readers_never_see_part_of_a_put"},
    "SharesAStagingName": {
        "readers_never_see_part_of_a_put",
        "simultaneous_puts_of_the_same_bytes_are_one",
        "puts_and_deletes_at_once_leave_the_whole_or_nothing",
    },
    "HasOneSlot": {"simultaneous_puts_of_the_same_bytes_are_one", "simultaneous_puts_all_land"},
    "LetsADeleteComeBetween": {"puts_and_deletes_at_once_leave_the_whole_or_nothing"},
    "LeavesHalfWhenCancelled": {"cancelled_puts_are_all_or_nothing"},
    "DeletesForItselfOnly": {"deleted_attachments_can_be_put_again", "acknowledged_changes_survive_reopening"},
    "ClaimsToBeDurable": {
        "acknowledged_changes_survive_reopening",
        "persistence_is_honest",
        "corrupt_bytes_are_never_returned",
        "a_put_repairs_what_is_known_corrupt",
        "known_damage_outlives_who_found_it",
    },
    "SaysNothingOfPersistence": {"acknowledged_changes_survive_reopening", "persistence_is_honest"},
    "StumblesOverStaleFiles": {"stale_staging_never_blocks"},
    "SkipsSilently": {"foreign_entries_are_skipped_with_a_warning"},
    "RemovesForeignFiles": {"foreign_entries_are_skipped_with_a_warning"},
    "TrustsItsMemory": {"lost_bytes_are_rewritten", "a_put_repairs_what_is_known_corrupt"},
    "NeverHashes": {"corrupt_bytes_are_never_returned", "a_put_repairs_what_is_known_corrupt"},
    "ComparesLengthsOnly": {"corrupt_bytes_are_never_returned", "a_put_repairs_what_is_known_corrupt"},
    "StreamsUnverified": {"open_raises_before_the_end_of_corrupt_bytes", "a_put_repairs_what_is_known_corrupt"},
    "NeverRepairs": {"a_put_repairs_what_is_known_corrupt"},
    "TellsNobodyOfDamage": {"known_damage_outlives_who_found_it", "unreadable_metadata_is_said_and_rewritten"},
    "InventsMetadata": {"lost_metadata_is_said_and_rewritten"},
    "TakesGarbageForNothing": {"unreadable_metadata_is_said_and_rewritten"},
    "GivesOneBigChunk": {"streams_come_in_small_chunks"},
    "PublishesOverTheFirst": {"stage_and_publish_are_a_put"},
    "StopsAtAnEmptyChunk": {"sync_and_async_chunks_are_alike"},
    "ListsWhatIsStaged": {"staged_bytes_are_invisible"},
    "DiscardsThePublished": {"discards_are_idempotent"},
    "DiscardsOnce": {"discards_are_idempotent"},
    "PublishesTwice": {"staged_blobs_are_used_once"},
    "KeepsWhatCameBeforeTheFailure": {"a_failing_source_leaves_nothing"},
    "TranslatesTheSourcesError": {"a_failing_source_leaves_nothing"},
    "SwallowsCancellation": {"a_cancelled_stage_leaves_nothing"},
    "StagesForNobody": {"a_cancelled_stage_leaves_nothing"},
    "LeaksDescriptors": {"an_abandoned_stream_lets_go"},
    "LeavesItToTheCollector": {"an_abandoned_stream_lets_go"},
}


@BY_LAW
async def test_memory_keeps_every_law_that_can_be_tried_on_it(law: Law[StoreCase]) -> None:
    report = await check_attachment_store(MemoryHarness(), laws=[law])
    assert report.not_applicable == ((law.name,) if law.name in NOT_IN_MEMORY else ())


@BY_LAW
async def test_files_keep_every_law(law: Law[StoreCase], tmp_path: Path) -> None:
    report = await check_attachment_store(FileHarness(under=tmp_path), laws=[law])
    assert report.held == (law.name,)
    assert list(tmp_path.iterdir()) == []


class UsersOwnStore:
    """A store as a user would write one: async, no streaming, no metadata alone, nothing declared, no base class."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[AttachmentMeta, bytes]] = {}

    @property
    def persistence(self) -> AttachmentStorePersistence:
        return AttachmentStorePersistence.EPHEMERAL

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        whole = bytes(data)
        described = meta.describe(AttachmentId(hashlib.sha256(whole).hexdigest()), len(whole))
        await asyncio.sleep(0)
        self._kept.setdefault(described.id, (described, whole))
        return described.as_ref()

    def _find(self, attachment_id: str) -> tuple[AttachmentMeta, bytes]:
        if attachment_id not in self._kept:
            raise AttachmentNotFound(attachment_id)
        return self._kept[attachment_id]

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        await asyncio.sleep(0)
        meta, data = self._find(attachment_id)
        if hashlib.sha256(data).hexdigest() != attachment_id:
            raise AttachmentCorrupt(attachment_id)
        return StoredAttachment(meta, data)

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        await asyncio.sleep(0)
        return StoredBlobRef(self._find(attachment_id)[0].id, len(self._find(attachment_id)[1]), 0)

    async def delete(self, attachment_id: AttachmentId) -> None:
        await asyncio.sleep(0)
        self._kept.pop(attachment_id, None)

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        for meta, data in list(self._kept.values()):
            await asyncio.sleep(0)
            yield StoredBlobRef(meta.id, len(data), 0)


async def test_a_users_own_store_keeps_the_laws_and_hears_which_were_not_tried() -> None:
    report = await check_attachment_store(UsersOwnStore)
    why = {outcome.law: outcome.reason for outcome in report if outcome.status == "not applicable"}
    no_stream, no = "the store has no open, stage, publish and discard", "the harness has no "
    assert why == {
        "acknowledged_changes_survive_reopening": "the store says that it is ephemeral",
        "stale_staging_never_blocks": f"{no}plant_stale(store, data)",
        "foreign_entries_are_skipped_with_a_warning": f"{no}plant(store, name, data)",
        "lost_bytes_are_rewritten": f"{no}lose(store, id)",
        "corrupt_bytes_are_never_returned": f"{no}corrupt(store, id, data)",
        "open_raises_before_the_end_of_corrupt_bytes": no_stream,
        "a_put_repairs_what_is_known_corrupt": f"{no}corrupt(store, id, data)",
        "known_damage_outlives_who_found_it": f"{no}reopen(store)",
        "lost_metadata_is_said_and_rewritten": f"{no}spoil_meta(store, id, data)",
        "unreadable_metadata_is_said_and_rewritten": f"{no}spoil_meta(store, id, data)",
        "streams_come_in_small_chunks": no_stream,
        "stage_and_publish_are_a_put": no_stream,
        "sync_and_async_chunks_are_alike": no_stream,
        "staged_bytes_are_invisible": no_stream,
        "discards_are_idempotent": no_stream,
        "staged_blobs_are_used_once": no_stream,
        "a_failing_source_leaves_nothing": no_stream,
        "a_cancelled_stage_leaves_nothing": no_stream,
        "an_abandoned_stream_lets_go": no_stream,
    }


@pytest.mark.slow
@pytest.mark.parametrize("twin", broken.OWN_LAW, ids=lambda twin: twin.__name__)
async def test_a_broken_store_fails_its_own_law_and_exactly_the_laws_in_the_table(
    twin: type, memory_backed: Path
) -> None:
    report = await attachment_store_report(broken.harness_for(twin, memory_backed))
    assert set(report.broken) == FAILS[twin.__name__], str(report)
    assert broken.OWN_LAW[twin] in report.broken


def test_every_law_has_a_store_that_breaks_it() -> None:
    assert set(broken.OWN_LAW.values()) == {law.name for law in ATTACHMENT_STORE_LAWS}
    assert {twin.__name__ for twin in broken.OWN_LAW} == set(FAILS)
