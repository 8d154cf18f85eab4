"""Laws about leases: who gets one, and for how long."""

from __future__ import annotations

import functools
from dataclasses import replace

from lashkit.errors import SessionExecutionLeaseExpired
from lashkit.lease import SessionExecutionLease, SessionExecutionLeaseClaimOutcome
from lashkit.runtime.protocols import RuntimePersistence
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import PersistenceCase
from lashkit.testing.session_samples import (
    MINE,
    ada,
    another_incarnation,
    bob,
    claimed,
    dead_process,
    owner_of,
)

__all__ = ["LAWS"]


async def _must_be_busy(persistence: RuntimePersistence, holder: SessionExecutionLease, when: str) -> None:
    outcome = await persistence.try_claim_session_execution_lease(MINE, bob())
    hold(
        outcome == SessionExecutionLeaseClaimOutcome(holder=holder),
        f"{when}, another's claim got {shown(outcome, 400)}, not the holder {shown(holder, 400)}",
    )


async def there_is_one_writer_at_a_time(case: PersistenceCase) -> None:
    """While somebody holds the lease, another one's claim gets nothing but the name of the holder."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, ada())
    hold(
        lease.session_id == MINE and lease.owner == ada() and lease.expires_at_epoch_ms is None,
        f"ada claimed {MINE!r} for ever and got {shown(lease, 400)}",
    )
    await _must_be_busy(persistence, lease, "while ada holds the lease")


async def simultaneous_claims_have_one_winner(case: PersistenceCase) -> None:
    """Of many who claim at once, one gets the lease, and the others hear of that one."""
    import asyncio

    persistence = await case.make(MINE)
    owners = [owner_of(f"owner {number}") for number in range(8)]
    claim = functools.partial(persistence.try_claim_session_execution_lease, MINE)
    outcomes = await asyncio.gather(*(claim(owner) for owner in owners))
    leases = [outcome.acquired for outcome in outcomes if outcome.acquired is not None]
    hold(len(leases) == 1, f"of eight claims at once, {len(leases)} got the lease")
    heard = [outcome.holder for outcome in outcomes if outcome.acquired is None]
    hold(heard == leases * 7, f"the losers heard of {shown(heard, 400)}")


async def leases_are_seen_by_every_opener(case: PersistenceCase) -> None:
    """Whoever opens the same session finds it held, and may use the fence that the holder shows."""
    persistence = await case.make(MINE)
    again = await case.reopen(persistence)
    lease = await claimed(persistence, ada())
    await _must_be_busy(again, lease, "through another object")
    await again.release_session_execution_lease(lease.fence())
    await claimed(persistence, bob())


async def claiming_ones_own_lease_again_keeps_it(case: PersistenceCase) -> None:
    """A claim by the very holder gets the same lease: the same tokens, so its fences stay good."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, ada())
    again = await claimed(persistence, ada())
    hold(again.fence() == lease.fence(), f"ada's second claim got {shown(again, 400)}, not {shown(lease, 400)}")
    await persistence.renew_session_execution_lease(lease.fence())


async def another_incarnation_of_the_owner_is_busy(case: PersistenceCase) -> None:
    """Who restarted is somebody else: the earlier run may still write."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, bob())
    outcome = await persistence.try_claim_session_execution_lease(MINE, another_incarnation(bob()))
    hold(outcome.acquired is None, "another incarnation of the holder got the lease")
    hold(outcome.holder == lease, f"another incarnation heard of {shown(outcome, 400)}")


async def a_released_lease_goes_to_the_next(case: PersistenceCase) -> None:
    """After a release the next claim gets the lease, with a higher fencing token. Releasing twice is fine."""
    persistence = await case.make(MINE)
    first = await claimed(persistence, ada())
    await persistence.release_session_execution_lease(first.fence())
    await persistence.release_session_execution_lease(first.fence())
    second = await claimed(persistence, bob())
    await persistence.release_session_execution_lease(second.fence())
    third = await claimed(persistence, ada())
    tokens = [first.fencing_token, second.fencing_token, third.fencing_token]
    hold(tokens == sorted(set(tokens)), f"three holders got the fencing tokens {tokens}")
    hold(third.lease_token != first.lease_token, "two leases of one owner have one token")


async def a_holder_proven_dead_can_be_taken_over(case: PersistenceCase) -> None:
    """A claim names a dead holder like any other; a reclaim from it gets the lease, with a higher fencing token."""
    import asyncio

    persistence = await case.make(MINE)
    dead = owner_of("dead", await dead_process())
    hold(await asyncio.to_thread(dead.is_proven_dead), "a child process that ended is not proven dead")
    lease = await claimed(persistence, dead)
    await _must_be_busy(persistence, lease, "while a dead one holds the lease")
    outcome = await persistence.reclaim_session_execution_lease(MINE, bob(), lease.fence())
    acquired = outcome.acquired
    hold(acquired is not None and acquired.owner == bob(), f"a reclaim from the dead got {shown(outcome, 400)}")
    assert acquired is not None  # noqa: S101  (for the type checker)
    hold(acquired.fencing_token > lease.fencing_token, "a reclaim did not raise the fencing token")
    renewal = persistence.renew_session_execution_lease(lease.fence())
    await must_raise(SessionExecutionLeaseExpired, renewal, "a renewal by whom the lease was taken from")


async def a_takeover_is_compared_with_the_holder_seen(case: PersistenceCase) -> None:
    """A reclaim takes the lease from the very holder that was seen; where another holds it by now, that one stays. Of
    two who reclaim at once, one gets it."""
    persistence = await case.make(MINE)
    seen = await claimed(persistence, owner_of("dead", await dead_process()))
    first = await persistence.reclaim_session_execution_lease(MINE, ada(), seen.fence())
    second = await persistence.reclaim_session_execution_lease(MINE, bob(), seen.fence())
    hold(first.acquired is not None, "a reclaim from the holder that was seen failed")
    hold(
        second == SessionExecutionLeaseClaimOutcome(holder=first.acquired),
        f"a reclaim from a holder who is gone got {shown(second, 400)}",
    )


async def a_stale_fence_neither_renews_nor_releases(case: PersistenceCase) -> None:
    """Who lost the lease hears it, and the new holder keeps it. A fence that differs in anything is stale."""
    persistence = await case.make(MINE)
    old = (await claimed(persistence, ada())).fence()
    await persistence.release_session_execution_lease(old)
    renewal = persistence.renew_session_execution_lease(old)
    await must_raise(SessionExecutionLeaseExpired, renewal, "the renewal of a released lease")
    lease = await claimed(persistence, ada())
    good = lease.fence()
    stale = (
        old,
        replace(good, fencing_token=good.fencing_token + 1),
        replace(good, lease_token=f"{good.lease_token}x"),
        replace(good, owner=another_incarnation(good.owner)),
    )
    for fence in stale:
        renewal = persistence.renew_session_execution_lease(fence)
        await must_raise(SessionExecutionLeaseExpired, renewal, f"a renewal with the fence {shown(fence)}")
        release = persistence.release_session_execution_lease(fence)
        await must_raise(SessionExecutionLeaseExpired, release, f"a release with the fence {shown(fence)}")
        await _must_be_busy(persistence, lease, "after stale fences were shown")


async def an_expired_lease_goes_to_the_next(case: PersistenceCase) -> None:
    """A lease whose time is over can be claimed, with a higher fencing token; the old holder's fence is stale then."""
    persistence = await case.make(MINE)
    old = await claimed(persistence, ada(), 0)
    new = await claimed(persistence, bob(), 3_600_000)
    hold(new.fencing_token > old.fencing_token, "the fencing token of an expired lease was not raised")
    hold(
        new.expires_at_epoch_ms == new.claimed_at_epoch_ms + 3_600_000,
        f"a lease of an hour, claimed at {new.claimed_at_epoch_ms}, expires at {new.expires_at_epoch_ms}",
    )
    renewal = persistence.renew_session_execution_lease(old.fence(), 3_600_000)
    await must_raise(SessionExecutionLeaseExpired, renewal, "a renewal of a lease that expired and was taken")
    await _must_stay(persistence, new)


async def _must_stay(persistence: RuntimePersistence, lease: SessionExecutionLease) -> None:
    outcome = await persistence.try_claim_session_execution_lease(MINE, ada())
    hold(outcome.holder == lease, f"the holder is {shown(outcome, 400)}, not {shown(lease, 400)}")


async def a_late_renewal_wins_while_nobody_took_the_lease(case: PersistenceCase) -> None:
    """A renewal after the time is over is as good as one before it, while the fence is unchanged."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, ada(), 0)
    renewed = await persistence.renew_session_execution_lease(lease.fence(), 3_600_000)
    hold(renewed.fence() == lease.fence(), f"a late renewal gave {shown(renewed, 400)}")
    await _must_be_busy(persistence, renewed, "after a late renewal")


async def a_lease_lasts_exactly_its_time(case: PersistenceCase) -> None:
    """A lease of 1,000 ms is held for 1,000 ms from its claim or its last renewal, and free afterwards."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, ada(), 1_000)
    await case.advance_ms(persistence, 600)
    renewed = await persistence.renew_session_execution_lease(lease.fence(), 1_000)
    await case.advance_ms(persistence, 999)
    await _must_be_busy(persistence, renewed, "999 ms after the renewal of a lease of 1,000 ms")
    await case.advance_ms(persistence, 1)
    await claimed(persistence, bob(), 1_000)


LAWS = (
    there_is_one_writer_at_a_time,
    simultaneous_claims_have_one_winner,
    leases_are_seen_by_every_opener,
    claiming_ones_own_lease_again_keeps_it,
    another_incarnation_of_the_owner_is_busy,
    a_released_lease_goes_to_the_next,
    a_holder_proven_dead_can_be_taken_over,
    a_takeover_is_compared_with_the_holder_seen,
    a_stale_fence_neither_renews_nor_releases,
    an_expired_lease_goes_to_the_next,
    a_late_renewal_wins_while_nobody_took_the_lease,
    a_lease_lasts_exactly_its_time,
)
