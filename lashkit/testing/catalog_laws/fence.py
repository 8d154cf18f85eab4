"""Laws about the fence between writers and sweeps of one digest: free, condemned, deleting."""

from __future__ import annotations

from lashkit.errors import AttachmentBeingDeleted, SessionExecutionLeaseExpired
from lashkit.manifest import AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.runtime.protocols import SessionCatalog
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import CatalogCase
from lashkit.testing.session_samples import (
    MINE,
    SOON_EPOCH_MS,
    YOURS,
    ada,
    bob,
    claimed,
    dead_process,
    intent,
    must_hold_rows,
    ref,
    row_of,
)

__all__ = ["LAWS"]

GRACE_MS = 60_000


async def _condemned(catalog: SessionCatalog) -> None:
    hold(await catalog.condemn(ref().id, grace_ms=GRACE_MS), "a digest that no row names cannot be condemned")


async def live_rows_are_not_condemned(case: CatalogCase) -> None:
    """A digest is live while any session's row of it is committed, younger than the grace period, or its owner is not
    proven dead (alive, or unknowable); `not_live` says the same beforehand. Live rows stay."""
    catalog = await case.make()
    alive = AttachmentOwner(kind="process", owner_id="me", process=ProcessIdentity.current())
    elsewhere = AttachmentOwner(kind="process", owner_id="x", process=ProcessIdentity("f" * 16, 1, 1))
    opaque = AttachmentOwner(kind="turn", owner_id="turn 1")
    live = {
        "young": intent(of=ref("young"), at=SOON_EPOCH_MS),
        "owned by a live process": intent(of=ref("alive"), owner=alive),
        "owned by a process elsewhere": intent(of=ref("elsewhere"), owner=elsewhere),
        "owned by nobody knows whom": intent(of=ref("opaque"), owner=opaque),
        "committed": intent(of=ref("committed")),
    }
    for written in live.values():
        await catalog.record_intent(written)
    await catalog.commit_refs(MINE, [ref("committed").id])
    for what, written in live.items():
        attachment_id = written.attachment_id
        await catalog.record_intent(intent(YOURS, written.ref))
        hold(not await catalog.not_live([attachment_id], grace_ms=GRACE_MS), f"not_live names what is {what}")
        hold(not await catalog.condemn(attachment_id, grace_ms=GRACE_MS), f"what is {what} was condemned")
        hold(await row_of(catalog, MINE, attachment_id) is not None, f"a row that is {what} was removed")
        hold(not await catalog.arm_delete(attachment_id), f"the delete of what is {what} was armed")


async def dead_rows_go_with_the_condemnation(case: CatalogCase) -> None:
    """Rows that are old, uncommitted, and owned by nobody or by a process that is proven dead do not keep bytes:
    condemning removes them, of every session. Other digests' rows stay."""
    catalog = await case.make()
    dead = AttachmentOwner(kind="turn", owner_id="turn 1", process=await dead_process())
    await catalog.record_intent(intent(MINE, owner=dead))
    await catalog.record_intent(intent(YOURS))
    await catalog.record_intent(intent(MINE, ref("other")))
    hold(list(await catalog.not_live([ref().id], grace_ms=GRACE_MS)) == [ref().id], "not_live takes the dead for live")
    await _condemned(catalog)
    rows = [(row.session_id, row.attachment_id) for row in await catalog.list_all_refs()]
    hold(rows == [(MINE, ref("other").id)], f"after a condemnation the rows are {shown(rows, 400)}")


async def grace_is_counted_from_the_intent(case: CatalogCase) -> None:
    """A row keeps its bytes for the grace period and not a millisecond longer, by the catalog's own clock; a clock that
    jumps back makes it younger."""
    catalog = await case.make()
    lease = await claimed(catalog.session(MINE), ada(), session_id=MINE)
    now = lease.claimed_at_epoch_ms
    await case.advance_ms(catalog, 1_000)
    await catalog.record_intent(intent(at=now))
    hold(not await catalog.not_live([ref().id], grace_ms=1_001), "a row of 1,000 ms is dead in a grace of 1,001 ms")
    hold(not await catalog.condemn(ref().id, grace_ms=1_001), "a row of 1,000 ms was condemned in a grace of 1,001 ms")
    await case.advance_ms(catalog, -5_000)
    hold(not await catalog.condemn(ref().id, grace_ms=0), "a row of the future was condemned")
    await case.advance_ms(catalog, 5_000)
    hold(await catalog.condemn(ref().id, grace_ms=1_000), "a row of 1,000 ms is live in a grace of 1,000 ms")


async def asking_what_is_live_changes_nothing(case: CatalogCase) -> None:
    """`not_live` answers for many digests at once, in the order given, those without any row among them; it removes no
    row and condemns nothing."""
    catalog = await case.make()
    for seed in "abc":
        await catalog.record_intent(intent(of=ref(seed)))
    await catalog.commit_refs(MINE, [ref("b").id])
    ids = [ref(seed).id for seed in "dcba"]
    found = list(await catalog.not_live(ids, grace_ms=GRACE_MS))
    hold(found == [ref(seed).id for seed in "dca"], f"of d, c, b and a, only b is live; it says {shown(found, 400)}")
    hold(list(await catalog.not_live([], grace_ms=GRACE_MS)) == [], "of no digests, some are not live")
    await must_hold_rows(catalog, MINE, [ref(seed).id for seed in "abc"], "after not_live")
    hold(not await catalog.arm_delete(ref("a").id), "not_live condemned a digest")


async def a_write_revokes_a_condemnation(case: CatalogCase) -> None:
    """Whoever begins to write takes the digest back, in the transaction that records the intent: by `begin_write`, by
    `record_intent`, and through a session's own persistence."""
    catalog = await case.make()
    for name, write in {
        "begin_write": catalog.begin_write,
        "record_intent": catalog.record_intent,
        "a session's record_intent": catalog.session(MINE).record_intent,
    }.items():
        await _condemned(catalog)
        await write(intent())
        hold(await catalog.holds_ref(MINE, ref().id), f"{name} of a condemned digest recorded nothing")
        hold(not await catalog.arm_delete(ref().id), f"a delete was armed after {name}")
        await catalog.forget(MINE, ref().id)
        hold(not await catalog.arm_delete(ref().id), f"a condemnation came back after {name}")


async def only_the_condemned_are_armed(case: CatalogCase) -> None:
    """A delete needs a condemnation; releasing one sets the digest free."""
    catalog = await case.make()
    hold(not await catalog.arm_delete(ref().id), "the delete of a free digest was armed")
    await _condemned(catalog)
    hold(not await catalog.arm_delete(ref("other").id), "one digest's condemnation armed another's delete")
    await catalog.release(ref().id)
    hold(not await catalog.arm_delete(ref().id), "the delete of a released digest was armed")
    await catalog.release(ref().id)
    await _condemned(catalog)
    hold(await catalog.arm_delete(ref().id), "the delete of a condemned digest was not armed")


async def what_sweeps_are_at_is_marked(case: CatalogCase) -> None:
    """`marked` has the digests that are condemned or being deleted, and no others: what a sweep that died left
    behind is found by the next."""
    catalog = await case.make()
    for seed in "abcd":
        hold(await catalog.condemn(ref(seed).id, grace_ms=GRACE_MS), f"{seed} could not be condemned")
    hold(await catalog.arm_delete(ref("b").id), "the delete of a condemned digest was not armed")
    await catalog.release(ref("c").id)
    await catalog.begin_write(intent(of=ref("d")))
    await catalog.begin_write(intent(of=ref("e")))
    found = sorted(await catalog.marked())
    hold(
        found == sorted([ref("a").id, ref("b").id]),
        f"a is condemned, b is being deleted; marked are {shown(found, 400)}",
    )


async def of_two_sweeps_one_deletes(case: CatalogCase) -> None:
    """However many sweeps condemn and arm the same digest at once, one of them is told to delete; while it does, nobody
    condemns it anew."""
    import asyncio

    catalog = await case.make()
    await asyncio.gather(*(catalog.condemn(ref().id, grace_ms=GRACE_MS) for _ in range(6)))
    armed = await asyncio.gather(*(catalog.arm_delete(ref().id) for _ in range(6)))
    hold(sum(armed) == 1, f"of six sweeps at once, {sum(armed)} were told to delete")
    hold(not await catalog.condemn(ref().id, grace_ms=GRACE_MS), "a digest was condemned while it is being deleted")
    hold(not await catalog.arm_delete(ref().id), "a delete was armed twice")


async def writers_and_deleters_exclude_each_other(case: CatalogCase) -> None:
    """While an armed delete runs, a write of the digest is refused and records nothing, whichever way it is begun;
    other digests are free, and after the release this one is too."""
    catalog = await case.make()
    await _condemned(catalog)
    hold(await catalog.arm_delete(ref().id), "the delete of a condemned digest was not armed")
    for name, write in {
        "begin_write": catalog.begin_write,
        "record_intent": catalog.record_intent,
        "a session's record_intent": catalog.session(MINE).record_intent,
    }.items():
        error = await must_raise(AttachmentBeingDeleted, write(intent()), f"{name} during a delete")
        hold(error.attachment_id == ref().id, f"the error names {shown(error.attachment_id)}")
    hold(list(await catalog.list_all_refs()) == [], "a refused write recorded a row")
    await catalog.begin_write(intent(of=ref("other")))
    await catalog.release(ref().id)
    await catalog.begin_write(intent())
    hold(await catalog.holds_ref(MINE, ref().id), "a write after the delete recorded nothing")


async def a_dead_deleter_counts_as_done(case: CatalogCase) -> None:
    """A delete that was armed by a process that is proven dead stops nobody: writers write, sweeps condemn again."""
    for goes_on in ("a writer", "a sweep"):
        catalog = await case.make()
        await case.leave_a_dead_deleter(catalog, ref().id)
        if goes_on == "a writer":
            await catalog.begin_write(intent())
            hold(await catalog.holds_ref(MINE, ref().id), "a write after a dead delete recorded nothing")
            hold(not await catalog.arm_delete(ref().id), "a dead delete is armed beside a writer")
        else:
            await _condemned(catalog)
            hold(await catalog.arm_delete(ref().id), "after a dead delete, none can be armed")


async def a_stale_fence_begins_no_write(case: CatalogCase) -> None:
    """A writer who lost its lease records nothing and revokes nothing."""
    catalog = await case.make()
    session = catalog.session(MINE)
    fence = (await claimed(session, bob())).fence()
    await catalog.begin_write(intent(of=ref("good"), fence=fence))
    await session.reclaim_session_execution_lease(MINE, ada(), fence)
    await _condemned(catalog)
    for write in (catalog.begin_write, catalog.record_intent):
        attempt = write(intent(fence=fence))
        await must_raise(SessionExecutionLeaseExpired, attempt, "a write by whom the lease was taken from")
    await must_hold_rows(catalog, MINE, [ref("good").id], "after a write with a stale fence")
    hold(await catalog.arm_delete(ref().id), "a write with a stale fence revoked a condemnation")


async def the_fence_is_seen_by_every_opener(case: CatalogCase) -> None:
    """The states stand in the database: what one opener condemns another may arm, and a third may not write
    meanwhile."""
    catalog = await case.make()
    again = await case.reopen(catalog)
    await _condemned(catalog)
    hold(await again.arm_delete(ref().id), "another opener does not see a condemnation")
    await must_raise(AttachmentBeingDeleted, catalog.begin_write(intent()), "a write during another opener's delete")
    await again.release(ref().id)
    await catalog.begin_write(intent())


LAWS = (
    live_rows_are_not_condemned,
    dead_rows_go_with_the_condemnation,
    grace_is_counted_from_the_intent,
    asking_what_is_live_changes_nothing,
    a_write_revokes_a_condemnation,
    only_the_condemned_are_armed,
    what_sweeps_are_at_is_marked,
    of_two_sweeps_one_deletes,
    writers_and_deleters_exclude_each_other,
    a_dead_deleter_counts_as_done,
    a_stale_fence_begins_no_write,
    the_fence_is_seen_by_every_opener,
)
