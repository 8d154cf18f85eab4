"""Laws about what stands or falls together: graph, head, turn, attachments, meta and lease."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lashkit.errors import (
    HeadRevisionConflict,
    LashkitError,
    RuntimeTurnCommitConflict,
    SessionBindingMismatch,
    SessionBusy,
    SessionExecutionLeaseExpired,
    StoreError,
)
from lashkit.lease import SessionExecutionLeaseClaimOutcome
from lashkit.manifest import AttachmentManifestEntry
from lashkit.runtime.protocols import RuntimePersistence
from lashkit.runtime.records import GraphCommitDelta, PersistedSessionRead, RuntimeCommit, SessionMeta, SessionReadScope
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import PersistenceCase
from lashkit.testing.session_samples import (
    MINE,
    ada,
    append,
    bob,
    claimed,
    dead_process,
    intent,
    loaded,
    must_hold_rows,
    naming,
    node,
    owner_of,
    ref,
    row_of,
    turn,
)

__all__ = ["LAWS"]


@dataclass(frozen=True, slots=True)
class _State:
    """Everything that a commit may change, as a reader sees it."""

    session: PersistedSessionRead | None
    meta: SessionMeta | None
    rows: tuple[AttachmentManifestEntry, ...]
    claim: SessionExecutionLeaseClaimOutcome


async def _state(persistence: RuntimePersistence) -> _State:
    """What is there. Somebody must hold the lease: asking who does is a claim."""
    return _State(
        await persistence.load_session(SessionReadScope.full_graph()),
        await persistence.load_session_meta(),
        tuple(await persistence.list_all_refs()),
        await persistence.try_claim_session_execution_lease(MINE, owner_of("a stranger")),
    )


async def a_turn_and_its_attachments_become_visible_together(case: PersistenceCase) -> None:
    """One commit makes the nodes, the head, the turn, the meta and the commits of the attachments that it names; ids
    without a row stay without."""
    persistence = await case.make(MINE)
    for seed in "ab":
        await persistence.record_intent(intent(of=ref(seed)))
    meta = SessionMeta(session_id=MINE, name="a name", created_at_epoch_ms=5)
    commit = append(
        [node("n", payload=naming(ref("a")))],
        turn_commit=turn("t1"),
        committed_attachment_ids=(ref("a").id, ref("unknown").id, ref("a").id),
        meta=meta,
    )
    await persistence.commit_runtime_state(commit)
    named, other = await row_of(persistence, MINE, ref("a").id), await row_of(persistence, MINE, ref("b").id)
    hold(named is not None and named.committed_at_epoch_ms is not None, f"the turn is there, its row {shown(named)}")
    hold(other is not None and other.committed_at_epoch_ms is None, "a commit took a row that it did not name")
    await must_hold_rows(persistence, MINE, [ref("a").id, ref("b").id], "after a commit that named an unknown id")
    hold((await loaded(persistence)).graph.leaf_node_id == "n", "the head did not move")
    hold(await persistence.load_session_meta() == meta, "the meta was not set")
    again = await persistence.commit_runtime_state(commit)
    hold(again.was_replay, "the turn was not recorded")


async def a_commit_that_fails_changes_nothing(case: PersistenceCase) -> None:
    """Whichever way a commit fails: graph, head, turns, rows, meta and lease are as before, and the next good commit of
    the same turn lands."""
    persistence = await case.make(MINE)
    fence = (await claimed(persistence, ada())).fence()
    await persistence.commit_runtime_state(append([node("a")], turn_commit=turn("t1"), session_execution_lease=fence))
    await persistence.record_intent(intent(fence=fence))
    good = append(
        [node("b", "a", naming(ref()))],
        1,
        session_execution_lease=fence,
        release_session_execution_lease=True,
        turn_commit=turn("t2"),
        committed_attachment_ids=(ref().id,),
        meta=SessionMeta(session_id=MINE, name="a name", created_at_epoch_ms=5),
    )
    stale = replace(fence, fencing_token=fence.fencing_token - 1)
    orphan = GraphCommitDelta.append((node("b", "a"), node("c", "nowhere")), "b")
    not_json = GraphCommitDelta.append((node("b", "a"), node("c", "b", {"data": b"bytes"})), "c")
    failures: dict[str, tuple[type[LashkitError], RuntimeCommit]] = {
        "for another session": (SessionBindingMismatch, replace(good, session_id="yours")),
        "with a stale fence": (SessionExecutionLeaseExpired, replace(good, session_execution_lease=stale)),
        "of a turn with two contents": (RuntimeTurnCommitConflict, replace(good, turn_commit=turn("t1", "other"))),
        "from a head that moved": (HeadRevisionConflict, replace(good, expected_head_revision=7)),
        "of an orphan": (StoreError, replace(good, graph=orphan)),
        "of a payload that is no JSON": (StoreError, replace(good, graph=not_json)),
        "of a leaf that is not there": (StoreError, replace(good, graph=replace(good.graph, leaf_node_id="nowhere"))),
    }
    before = await _state(persistence)
    for how, (error, commit) in failures.items():
        await must_raise(error, persistence.commit_runtime_state(commit), f"a commit {how}")
        after = await _state(persistence)
        hold(after == before, f"after a commit {how} there is {shown(after, 600)}, not {shown(before, 600)}")
    result = await persistence.commit_runtime_state(good)
    hold(not result.was_replay, "a turn that was never committed counts as committed")


async def a_stale_fence_commits_nothing(case: PersistenceCase) -> None:
    """The fence is checked in the commit's own transaction: a writer who was fenced off is refused, also when the head
    has not moved and also for a turn of its own that it committed before."""
    persistence = await case.make(MINE)
    fence = (await claimed(persistence, bob())).fence()
    mine = append([node("a")], turn_commit=turn("t1"), session_execution_lease=fence)
    await persistence.commit_runtime_state(mine)
    await persistence.reclaim_session_execution_lease(MINE, ada(), fence)
    before = await _state(persistence)
    for commit in (append([node("b", "a")], 1, session_execution_lease=fence), mine):
        attempt = persistence.commit_runtime_state(commit)
        await must_raise(SessionExecutionLeaseExpired, attempt, "a commit by whom the lease was taken from")
    hold(await _state(persistence) == before, "a commit with a stale fence changed something")


async def a_commit_without_a_fence_needs_a_free_session(case: PersistenceCase) -> None:
    """There is one writer: who shows no fence commits only while nobody holds the lease, or its holder is proven
    dead."""
    persistence = await case.make(MINE)
    await persistence.commit_runtime_state(append([node("a")]))
    lease = await claimed(persistence, bob())
    attempt = persistence.commit_runtime_state(append([node("b", "a")], 1))
    error = await must_raise(SessionBusy, attempt, "a commit without a fence while somebody holds the lease")
    hold(error.holder == bob().label, f"the error names {shown(error.holder)}, not the holder")
    await persistence.release_session_execution_lease(lease.fence())
    await claimed(persistence, owner_of("dead", await dead_process()))
    await persistence.commit_runtime_state(append([node("b", "a")], 1))


async def a_stale_fence_records_no_intent(case: PersistenceCase) -> None:
    """The fence of an intent is checked where the row is written: a stale one writes nothing, a good one does."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, bob())
    await persistence.record_intent(intent(of=ref("good"), fence=lease.fence()))
    await persistence.reclaim_session_execution_lease(MINE, ada(), lease.fence())
    for of in (ref("good", label="anew"), ref("new")):
        attempt = persistence.record_intent(intent(of=of, fence=lease.fence()))
        await must_raise(SessionExecutionLeaseExpired, attempt, "an intent of whom the lease was taken from")
    row = await row_of(persistence, MINE, ref("good").id)
    hold(row is not None and row.ref == ref("good"), f"a stale fence changed the row to {shown(row, 400)}")
    await must_hold_rows(persistence, MINE, [ref("good").id], "after an intent with a stale fence")


async def a_stale_fence_commits_no_rows(case: PersistenceCase) -> None:
    """`commit_refs` with a fence checks it where the rows are written: a stale one commits nothing, a good one does."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, bob())
    for seed in "ab":
        await persistence.record_intent(intent(of=ref(seed)))
    count = await persistence.commit_refs(MINE, [ref("a").id], fence=lease.fence())
    hold(count == 1, f"the holder committed one row, it says {count}")
    await persistence.reclaim_session_execution_lease(MINE, ada(), lease.fence())
    before = list(await persistence.list_all_refs())
    attempt = persistence.commit_refs(MINE, [ref("b").id], fence=lease.fence())
    await must_raise(SessionExecutionLeaseExpired, attempt, "commit_refs by whom the lease was taken from")
    hold(list(await persistence.list_all_refs()) == before, "commit_refs with a stale fence changed rows")


async def a_commit_can_release_the_lease(case: PersistenceCase) -> None:
    """In the same transaction, where it is asked for; otherwise the lease stays. A replay releases too."""
    persistence = await case.make(MINE)
    fence = (await claimed(persistence, ada())).fence()
    first = append([node("a")], session_execution_lease=fence, turn_commit=turn("t1"))
    await persistence.commit_runtime_state(first)
    held = await persistence.try_claim_session_execution_lease(MINE, bob())
    hold(held.acquired is None, "a commit released a lease that it was not asked to release")
    releasing = replace(first, release_session_execution_lease=True)
    hold((await persistence.commit_runtime_state(releasing)).was_replay, "the same turn again is no replay")
    second = (await claimed(persistence, bob())).fence()
    commit = append([node("b", "a")], 1, session_execution_lease=second, release_session_execution_lease=True)
    await persistence.commit_runtime_state(commit)
    await claimed(persistence, ada())


LAWS = (
    a_turn_and_its_attachments_become_visible_together,
    a_commit_that_fails_changes_nothing,
    a_stale_fence_commits_nothing,
    a_commit_without_a_fence_needs_a_free_session,
    a_stale_fence_records_no_intent,
    a_stale_fence_commits_no_rows,
    a_commit_can_release_the_lease,
)
