"""The catalogs keep the laws, and one that breaks a promise breaks the law that states it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lashkit.manifest import AttachmentIntent, AttachmentManifestEntry
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
from lashkit.testing import (
    MANIFEST_LAWS,
    RUNTIME_PERSISTENCE_LAWS,
    SESSION_CATALOG_LAWS,
    CatalogCase,
    Law,
    LawOutcome,
    LawsBroken,
    ManifestCase,
    ManifestsOf,
    MemoryCatalogHarness,
    MemorySessionHarness,
    PersistenceCase,
    SessionsOf,
    SqliteCatalogHarness,
    attachment_manifest_report,
    check_attachment_manifest,
    check_runtime_persistence,
    check_session_catalog,
    runtime_persistence_report,
    session_catalog_report,
)
from lashkit.testing.session_harness import named_maker
from lashkit.values import AttachmentId


def _load(name: str) -> ModuleType:
    """A package beside this module: the import mode puts no folder of tests on the path."""
    folder = Path(__file__).with_name(name)
    spec = importlib.util.spec_from_file_location(
        f"{name}_sessions", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"{name}_sessions"] = module
    spec.loader.exec_module(module)
    return module


broken = _load("broken")
OF_MANIFESTS = pytest.mark.parametrize("law", MANIFEST_LAWS, ids=str)
OF_PERSISTENCES = pytest.mark.parametrize("law", RUNTIME_PERSISTENCE_LAWS, ids=str)
OF_CATALOGS = pytest.mark.parametrize("law", SESSION_CATALOG_LAWS, ids=str)
ALL_LAWS = [law.name for law in (*MANIFEST_LAWS, *RUNTIME_PERSISTENCE_LAWS, *SESSION_CATALOG_LAWS)]

# What cannot be tried on memory: nothing outlives it.
NOT_IN_MEMORY = {
    "an_intent_is_visible_to_every_opener",
    "commits_survive_reopening",
    "a_committed_session_survives_reopening",
    "leases_are_seen_by_every_opener",
    "the_fence_is_seen_by_every_opener",
}

# What each broken twin fails; the law that it exists for is its own (`OWN_LAW`).
FAILS = {
    "NamesTheObject": {"the_uuid_names_the_database"},
    "PairsAgain": {"a_catalog_is_paired_once", "of_simultaneous_pairings_one_wins"},
    "PairsInTwoSteps": {"of_simultaneous_pairings_one_wins"},
    "StaysClosed": {"a_closed_catalog_opens_again"},
    "SaysTwoTiers": {"the_catalogs_tier_is_that_of_its_sessions"},
    "ListsOldestFirst": {"sessions_are_listed_newest_first"},
    "HasOneTableOfTurns": {"sessions_see_only_their_own", "a_fork_and_its_origin_part_ways"},
    "ListsForEverybody": {"a_session_lists_only_its_own_rows"},
    "FindsCommitsOnly": {"every_look_at_the_rows_agrees"},
    "ForksEverything": {"a_fork_copies_the_path_and_its_commits", "a_fork_and_its_origin_part_ways"},
    "ForksTurnsToo": {"a_fork_and_its_origin_part_ways"},
    "ForksOverWhatIsThere": {"a_fork_needs_an_origin_and_a_new_name"},
    "LeavesRowsBehind": {"a_deleted_session_is_gone"},
    "DeletesUnderTheWriter": {"a_delete_needs_the_session_to_itself"},
    "TakesOldForDead": {"live_rows_are_not_condemned"},
    "LeavesDeadRows": {"dead_rows_go_with_the_condemnation"},
    "CountsInSeconds": {"grace_is_counted_from_the_intent"},
    "CondemnsWhenAsked": {"asking_what_is_live_changes_nothing"},
    "WritesUnderACondemnation": {"a_write_revokes_a_condemnation", "what_sweeps_are_at_is_marked"},
    "ArmsAnything": {"a_write_revokes_a_condemnation", "only_the_condemned_are_armed"},
    "MarksTheCondemnedOnly": {"what_sweeps_are_at_is_marked"},
    "ArmsTwice": {"of_two_sweeps_one_deletes"},
    "WritesDuringADelete": {"writers_and_deleters_exclude_each_other", "the_fence_is_seen_by_every_opener"},
    "HonoursTheDead": {"a_dead_deleter_counts_as_done"},
    "RevokesForAnybody": {"a_stale_fence_begins_no_write"},
    "FencesInTheProcess": {"the_fence_is_seen_by_every_opener"},
    "ForgetsOwners": {
        "an_intent_is_a_row_that_is_not_committed",
        "a_repeated_intent_renews_the_row",
        "live_rows_are_not_condemned",
    },
    "KeepsIntentsToItself": {"an_intent_is_visible_to_every_opener"},
    "KeepsTheFirstDescription": {"a_repeated_intent_renews_the_row", "a_repeated_intent_never_erases_a_commit"},
    "ReplacesRows": {
        "a_repeated_intent_never_erases_a_commit",
        "all_rows_are_listed_oldest_first",
        "a_stale_fence_records_no_intent",
    },
    "CountsWhatItIsGiven": {
        "only_rows_that_exist_are_committed",
        "committing_again_changes_nothing",
        "sessions_never_touch_each_others_rows",
    },
    "StampsCommitsAnew": {"committing_again_changes_nothing"},
    "CommitsInMemory": {
        "an_intent_is_visible_to_every_opener",
        "commits_survive_reopening",
        "a_committed_session_survives_reopening",
        "leases_are_seen_by_every_opener",
        "the_uuid_names_the_database",
        "a_catalog_is_paired_once",
        "the_fence_is_seen_by_every_opener",
    },
    "CommitsForEverybody": {"sessions_never_touch_each_others_rows"},
    "ForgetsForEverybody": {"sessions_never_touch_each_others_rows", "a_fork_and_its_origin_part_ways"},
    "ListsThatVeryMillisecond": {"uncommitted_rows_are_listed_by_age"},
    "SortsById": {
        "all_rows_are_listed_oldest_first",
        "a_turn_and_its_attachments_become_visible_together",
        "a_session_lists_only_its_own_rows",
        "asking_what_is_live_changes_nothing",
    },
    "OnlyForgetsIntents": {
        "sessions_never_touch_each_others_rows",
        "a_forgotten_row_is_gone",
        "a_fork_and_its_origin_part_ways",
    },
    "ForgetsOnlyWhatIsThere": {"forgetting_is_idempotent"},
    "HoldsOnlyCommits": {
        "an_intent_is_a_row_that_is_not_committed",
        "sessions_never_touch_each_others_rows",
        "holding_is_having_a_row",
        "a_write_revokes_a_condemnation",
        "writers_and_deleters_exclude_each_other",
        "a_dead_deleter_counts_as_done",
    },
    "LoadsEmptySessions": {
        "the_first_commit_makes_the_session",
        "an_empty_session_has_nothing_to_prune",
        "sessions_see_only_their_own",
        "a_fork_needs_an_origin_and_a_new_name",
        "a_deleted_session_is_gone",
        "a_delete_needs_the_session_to_itself",
    },
    "LastCommitWins": {
        "the_head_is_compared_and_swapped",
        "simultaneous_commits_have_one_winner",
        "a_commit_that_fails_changes_nothing",
    },
    "ComparesBeforehand": {"simultaneous_commits_have_one_winner"},
    "ForgetsTurns": {
        "a_turn_is_committed_once",
        "a_turn_with_another_content_is_a_conflict",
        "a_committed_session_survives_reopening",
        "a_turn_and_its_attachments_become_visible_together",
        "a_commit_that_fails_changes_nothing",
        "a_commit_can_release_the_lease",
    },
    "LooksAtTheHeadFirst": {"a_turn_is_committed_once"},
    "KnowsTurnsByIdAlone": {"a_turn_with_another_content_is_a_conflict", "a_commit_that_fails_changes_nothing"},
    "ReplacesByAppending": {"graphs_are_appended_kept_and_replaced"},
    "TakesAnyLeaf": {"a_graph_that_makes_no_sense_is_refused", "a_commit_that_fails_changes_nothing"},
    "CommitsToWhomItIsBound": {"a_commit_for_another_session_is_refused", "a_commit_that_fails_changes_nothing"},
    "HandsOutItsOwnNodes": {"payloads_stand_alone"},
    "WritesReprs": {"payloads_stand_alone"},
    "LosesTurnsWhenReopened": {"a_committed_session_survives_reopening"},
    "ClaimsToBeDurable": {
        "an_intent_is_visible_to_every_opener",
        "commits_survive_reopening",
        "a_committed_session_survives_reopening",
        "the_durability_tier_is_honest",
        "leases_are_seen_by_every_opener",
        "the_uuid_names_the_database",
        "a_catalog_is_paired_once",
        "the_catalogs_tier_is_that_of_its_sessions",
        "the_fence_is_seen_by_every_opener",
    },
    "ReadsEverythingAlways": {
        "a_session_is_read_whole_or_as_a_path",
        "vacuum_removes_what_nobody_needs",
        "a_fork_copies_the_path_and_its_commits",
    },
    "ReadsTheHeadInstead": {"a_path_to_an_unknown_node_is_refused"},
    "RaisesForUnknownNodes": {
        "graphs_are_appended_kept_and_replaced",
        "nodes_are_loaded_by_id",
        "vacuum_removes_what_nobody_needs",
        "gc_keeps_the_path_to_the_head",
        "sessions_see_only_their_own",
        "a_deleted_session_is_gone",
    },
    "KeepsTheFirstMeta": {"meta_round_trips"},
    "TrustsItsCallers": {"calls_for_another_session_are_refused"},
    "ShowsTombstones": {"payloads_stand_alone", "tombstoned_nodes_are_out_of_sight"},
    "MarksAnything": {"the_path_to_the_head_stays"},
    "VacuumsAncestors": {"vacuum_removes_what_nobody_needs"},
    "CollectsLeaves": {"gc_keeps_the_path_to_the_head"},
    "CannotPruneNothing": {"an_empty_session_has_nothing_to_prune"},
    "LendsToEverybody": {
        "there_is_one_writer_at_a_time",
        "simultaneous_claims_have_one_winner",
        "leases_are_seen_by_every_opener",
        "claiming_ones_own_lease_again_keeps_it",
        "another_incarnation_of_the_owner_is_busy",
        "a_holder_proven_dead_can_be_taken_over",
        "a_stale_fence_neither_renews_nor_releases",
        "an_expired_lease_goes_to_the_next",
        "a_late_renewal_wins_while_nobody_took_the_lease",
        "a_lease_lasts_exactly_its_time",
        "a_commit_that_fails_changes_nothing",
        "a_stale_fence_commits_nothing",
        "a_commit_can_release_the_lease",
    },
    "ChecksBeforehand": {"simultaneous_claims_have_one_winner"},
    "LeasesInTheProcess": {"leases_are_seen_by_every_opener"},
    "RenewsTokensToo": {"claiming_ones_own_lease_again_keeps_it"},
    "KnowsOwnersByName": {"another_incarnation_of_the_owner_is_busy"},
    "CountsFromOne": {"a_released_lease_goes_to_the_next"},
    "WaitsForTheDead": {
        "a_holder_proven_dead_can_be_taken_over",
        "a_takeover_is_compared_with_the_holder_seen",
        "a_stale_fence_commits_nothing",
        "a_stale_fence_records_no_intent",
        "a_stale_fence_commits_no_rows",
        "a_delete_needs_the_session_to_itself",
        "a_stale_fence_begins_no_write",
    },
    "TakesOverFromAnybody": {"a_takeover_is_compared_with_the_holder_seen"},
    "ReleasesForAnybody": {"a_stale_fence_neither_renews_nor_releases"},
    "NeverExpires": {"an_expired_lease_goes_to_the_next"},
    "RefusesLateRenewals": {"a_late_renewal_wins_while_nobody_took_the_lease"},
    "RenewsFromTheClaim": {"a_lease_lasts_exactly_its_time"},
    "CommitsAttachmentsLater": {
        "a_turn_and_its_attachments_become_visible_together",
        "a_fork_copies_the_path_and_its_commits",
        "a_fork_and_its_origin_part_ways",
    },
    "CommitsAttachmentsFirst": {"a_commit_that_fails_changes_nothing"},
    "ReleasesWhateverHappens": {"a_commit_that_fails_changes_nothing"},
    "TakesReplaysFromAnybody": {"a_stale_fence_commits_nothing"},
    "AsksForNoFence": {"a_commit_without_a_fence_needs_a_free_session"},
    "WritesFirstAndChecksLater": {"a_stale_fence_records_no_intent", "a_stale_fence_begins_no_write"},
    "KeepsTheLease": {"a_commit_can_release_the_lease"},
    "CommitsRowsForAnybody": {"a_stale_fence_commits_no_rows"},
}


def only_not_applicable(law: Law[Any]) -> tuple[str, ...]:
    return (law.name,) if law.name in NOT_IN_MEMORY else ()


@OF_MANIFESTS
@pytest.mark.parametrize("bound", [False, True], ids=["whole", "bound"])
async def test_the_manifest_in_memory_keeps_every_law_that_can_be_tried(law: Law[ManifestCase], bound: bool) -> None:
    catalogs = MemoryCatalogHarness()
    report = await check_attachment_manifest(ManifestsOf(catalogs) if bound else catalogs, laws=[law])
    assert report.not_applicable == only_not_applicable(law)


@OF_MANIFESTS
@pytest.mark.parametrize("bound", [False, True], ids=["whole", "bound"])
async def test_the_manifest_in_sqlite_keeps_every_law(law: Law[ManifestCase], bound: bool, tmp_path: Path) -> None:
    catalogs = SqliteCatalogHarness(under=tmp_path)
    report = await check_attachment_manifest(ManifestsOf(catalogs) if bound else catalogs, laws=[law])
    assert report.held == (law.name,)
    assert list(tmp_path.iterdir()) == []


@OF_PERSISTENCES
@pytest.mark.parametrize("harness", [SessionsOf(MemoryCatalogHarness()), MemorySessionHarness()], ids=repr)
async def test_persistence_in_memory_keeps_every_law_that_can_be_tried(law: Law[PersistenceCase], harness: Any) -> None:
    report = await check_runtime_persistence(harness, laws=[law])
    assert report.not_applicable == only_not_applicable(law)


@OF_PERSISTENCES
async def test_persistence_in_sqlite_keeps_every_law(law: Law[PersistenceCase], tmp_path: Path) -> None:
    report = await check_runtime_persistence(SessionsOf(SqliteCatalogHarness(under=tmp_path)), laws=[law])
    assert report.held == (law.name,)
    assert list(tmp_path.iterdir()) == []


@OF_CATALOGS
async def test_the_catalog_in_memory_keeps_every_law_that_can_be_tried(law: Law[CatalogCase]) -> None:
    report = await check_session_catalog(MemoryCatalogHarness(), laws=[law])
    assert report.not_applicable == only_not_applicable(law)


@OF_CATALOGS
async def test_the_catalog_in_sqlite_keeps_every_law(law: Law[CatalogCase], tmp_path: Path) -> None:
    report = await check_session_catalog(SqliteCatalogHarness(under=tmp_path), laws=[law])
    assert report.held == (law.name,)
    assert list(tmp_path.iterdir()) == []


class UsersOwnManifest:
    """A manifest as a user would write one: rows in a dictionary, nothing declared, no base class."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], AttachmentManifestEntry] = {}

    async def record_intent(self, intent: AttachmentIntent) -> None:
        key = (intent.session_id, intent.attachment_id)
        row = self._rows.get(key)
        at = intent.intent_at_epoch_ms
        owner = intent.owner
        committed = None
        if row is not None and row.committed_at_epoch_ms is not None:
            at, owner, committed = row.intent_at_epoch_ms, row.owner, row.committed_at_epoch_ms
        self._rows[key] = AttachmentManifestEntry(
            session_id=intent.session_id,
            ref=intent.ref,
            intent_at_epoch_ms=at,
            committed_at_epoch_ms=committed,
            owner=owner,
        )

    async def commit_refs(self, session_id: str, attachment_ids: Sequence[AttachmentId], *, fence: Any = None) -> int:
        count = 0
        for attachment_id in attachment_ids:
            row = self._rows.get((session_id, attachment_id))
            if row is not None and row.committed_at_epoch_ms is None:
                count += 1
                self._rows[session_id, attachment_id] = AttachmentManifestEntry(
                    session_id=session_id,
                    ref=row.ref,
                    intent_at_epoch_ms=row.intent_at_epoch_ms,
                    committed_at_epoch_ms=1,
                    owner=row.owner,
                )
        return count

    async def list_uncommitted(self, older_than_epoch_ms: int) -> list[AttachmentManifestEntry]:
        rows = self._rows.values()
        return [r for r in rows if r.committed_at_epoch_ms is None and r.intent_at_epoch_ms < older_than_epoch_ms]

    async def forget(self, session_id: str, attachment_id: AttachmentId) -> None:
        self._rows.pop((session_id, attachment_id), None)

    async def holds_ref(self, session_id: str, attachment_id: AttachmentId) -> bool:
        return (session_id, attachment_id) in self._rows

    async def list_all_refs(self) -> list[AttachmentManifestEntry]:
        return list(self._rows.values())


async def test_a_users_own_manifest_keeps_the_laws_and_hears_which_were_not_tried() -> None:
    report = await check_attachment_manifest(UsersOwnManifest)
    why = {outcome.law: outcome.reason for outcome in report if outcome.status == "not applicable"}
    assert why == {
        "an_intent_is_visible_to_every_opener": "the harness has no reopen(backend)",
        "commits_survive_reopening": "the harness has no reopen(backend)",
        "committing_again_changes_nothing": "the harness has no advance_ms(backend, elapsed_ms)",
    }


async def test_plain_callables_will_do_for_persistences_and_catalogs() -> None:
    persistence = await check_runtime_persistence(lambda session_id: InMemorySessionStore())
    assert set(persistence.not_applicable) == {
        "a_committed_session_survives_reopening",
        "leases_are_seen_by_every_opener",
        "a_lease_lasts_exactly_its_time",
    }
    catalog = await check_session_catalog(InMemoryCatalog)
    assert set(catalog.not_applicable) == {
        "grace_is_counted_from_the_intent",
        "a_dead_deleter_counts_as_done",
        "the_fence_is_seen_by_every_opener",
    }


def test_what_makes_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match="makes nothing"):
        named_maker(7)


@pytest.mark.parametrize(
    ("check", "twin"),
    [
        (check_attachment_manifest, "ForgetsOwners"),
        (check_runtime_persistence, "LastCommitWins"),
        (check_session_catalog, "PairsAgain"),
    ],
)
async def test_a_check_raises_and_names_every_broken_law(check: Any, twin: str) -> None:
    harness = broken.harness_for(next(each for each in broken.OWN_LAW if each.__name__ == twin))
    with pytest.raises(LawsBroken) as caught:
        await check(SessionsOf(harness) if check is check_runtime_persistence else harness)
    assert {*caught.value.report.broken} <= FAILS[twin]
    assert all(name in str(caught.value) for name in caught.value.report.broken)


async def outcomes(harness: Any) -> list[LawOutcome]:
    return [
        *await attachment_manifest_report(harness),
        *await runtime_persistence_report(SessionsOf(harness)),
        *await session_catalog_report(harness),
    ]


async def test_memory_that_others_can_open_keeps_every_law() -> None:
    assert [str(each) for each in await outcomes(broken.Shared()) if each.status != "held"] == []


@pytest.mark.parametrize("twin", broken.OWN_LAW, ids=lambda twin: twin.__name__)
async def test_a_broken_twin_fails_its_own_law_and_exactly_the_laws_in_the_table(twin: type) -> None:
    reported = await outcomes(broken.harness_for(twin))
    fails = {each.law for each in reported if each.status == "broken"}
    assert fails == FAILS[twin.__name__], "\n".join(map(str, reported))
    assert broken.OWN_LAW[twin] in fails


def test_every_law_has_a_twin_that_breaks_it() -> None:
    assert len(ALL_LAWS) == len(set(ALL_LAWS))
    assert set(broken.OWN_LAW.values()) == set(ALL_LAWS)
    assert {twin.__name__ for twin in broken.OWN_LAW} == set(FAILS)
