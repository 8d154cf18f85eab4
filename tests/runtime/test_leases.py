"""The rules of leases, as pure functions: whatever happens in whatever order, there is one writer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashkit.errors import SessionBusy, SessionExecutionLeaseExpired
from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLeaseFence
from lashkit.process import ProcessIdentity
from lashkit.runtime.leases import LeaseRow, check_fence, claim, reclaim, release, renew, require_free_or_own
from lashkit.testing import ManualClock

FREE = LeaseRow(session_id="s")
ADA = LeaseOwnerIdentity(owner_id="ada", incarnation_id="1", label="ada's kernel")
BOB = LeaseOwnerIdentity(owner_id="bob", incarnation_id="1")
DEAD = LeaseOwnerIdentity(
    owner_id="dead", incarnation_id="1", process=ProcessIdentity(ProcessIdentity.current().place, 2**31 - 1, 1)
)


def held_by(owner: LeaseOwnerIdentity, *, now: int = 0, ttl: int | None = None, row: LeaseRow = FREE) -> LeaseRow:
    return claim(row, owner, now_epoch_ms=now, ttl_ms=ttl, lease_token=f"token {row.fencing_token}")[0]


def fence_of(row: LeaseRow) -> SessionExecutionLeaseFence:
    assert row.lease is not None
    return row.lease.fence()


def test_a_free_lease_is_granted_with_the_next_fencing_token() -> None:
    row, outcome = claim(replace(FREE, fencing_token=6), ADA, now_epoch_ms=50, ttl_ms=None, lease_token="t")
    assert outcome.holder is None
    assert outcome.acquired == row.lease
    assert row.lease is not None
    assert (row.fencing_token, row.lease.fencing_token, row.lease.claimed_at_epoch_ms) == (7, 7, 50)
    assert (row.lease.lease_token, row.lease.expires_at_epoch_ms) == ("t", None)


def test_a_held_lease_is_named_and_stays() -> None:
    held = held_by(ADA)
    row, outcome = claim(held, BOB, now_epoch_ms=10**15, ttl_ms=None, lease_token="t")
    assert row == held
    assert (outcome.acquired, outcome.holder) == (None, held.lease)


def test_ones_own_lease_is_kept_and_renewed() -> None:
    held = held_by(ADA, ttl=100)
    row, outcome = claim(held, replace(ADA, label="another label"), now_epoch_ms=50, ttl_ms=100, lease_token="t")
    assert fence_of(row) == fence_of(held)
    assert outcome.acquired == row.lease
    assert row.lease is not None
    assert row.lease.expires_at_epoch_ms == 150


def test_another_incarnation_is_somebody_else() -> None:
    held = held_by(ADA)
    assert claim(held, replace(ADA, incarnation_id="2"), now_epoch_ms=0, ttl_ms=None, lease_token="t")[0] == held


def test_death_alone_frees_nothing() -> None:
    held = held_by(DEAD)
    assert claim(held, BOB, now_epoch_ms=0, ttl_ms=None, lease_token="t")[1].holder == held.lease


def test_a_lease_is_free_from_the_millisecond_of_its_expiry() -> None:
    clock = ManualClock(1_000)
    held = held_by(ADA, now=clock.timestamp_ms(), ttl=500)
    for elapsed_ms, is_free in ((499, False), (1, True), (10_000, True), (-10_001, False)):
        now = clock.advance_ms(elapsed_ms)
        outcome = claim(held, BOB, now_epoch_ms=now, ttl_ms=500, lease_token="t")[1]
        assert (outcome.acquired is not None) == is_free


def test_a_late_renewal_wins_while_nobody_took_the_lease() -> None:
    held = held_by(ADA, ttl=10)
    row, lease = renew(held, fence_of(held), now_epoch_ms=1_000, ttl_ms=10)
    assert row.lease == lease
    assert lease.expires_at_epoch_ms == 1_010
    taken = held_by(BOB, now=1_000, row=held)
    with pytest.raises(SessionExecutionLeaseExpired) as caught:
        renew(taken, fence_of(held), now_epoch_ms=1_000, ttl_ms=10)
    assert (caught.value.session_id, caught.value.holder) == ("s", "bob")


def test_a_renewal_can_make_a_lease_last_for_ever() -> None:
    held = held_by(ADA, ttl=10)
    assert renew(held, fence_of(held), now_epoch_ms=5, ttl_ms=None)[1].expires_at_epoch_ms is None


def test_a_release_keeps_the_fencing_token() -> None:
    held = held_by(ADA)
    free = release(held, fence_of(held))
    assert (free.lease, free.fencing_token) == (None, held.fencing_token)
    assert release(free, fence_of(held)) == free
    assert held_by(BOB, row=free).fencing_token == held.fencing_token + 1


def test_a_release_of_what_another_holds_is_refused_and_names_the_holder() -> None:
    old = held_by(BOB)
    taken = held_by(ADA, row=release(old, fence_of(old)))
    with pytest.raises(SessionExecutionLeaseExpired, match="ada's kernel"):
        release(taken, fence_of(old))


def test_a_reclaim_compares_the_holder_that_was_seen() -> None:
    held = held_by(DEAD)
    row, outcome = reclaim(held, ADA, fence_of(held), now_epoch_ms=0, ttl_ms=None, lease_token="t")
    assert outcome.acquired == row.lease
    assert row.fencing_token == held.fencing_token + 1
    again, outcome = reclaim(row, BOB, fence_of(held), now_epoch_ms=0, ttl_ms=None, lease_token="u")
    assert again == row
    assert (outcome.acquired, outcome.holder) == (None, row.lease)


def test_a_reclaim_of_a_released_lease_is_a_claim() -> None:
    held = held_by(ADA)
    row, outcome = reclaim(
        release(held, fence_of(held)), BOB, fence_of(held), now_epoch_ms=0, ttl_ms=None, lease_token="t"
    )
    assert outcome.acquired == row.lease
    assert row.fencing_token == held.fencing_token + 1


@pytest.mark.parametrize(
    "changed",
    [
        {"session_id": "another"},
        {"lease_token": "another"},
        {"fencing_token": 2},
        {"owner": BOB},
        {"owner": replace(ADA, incarnation_id="2")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_fence_that_differs_in_anything_is_stale(changed: dict[str, object]) -> None:
    held = held_by(ADA)
    assert check_fence(held, fence_of(held)) == held.lease
    with pytest.raises(SessionExecutionLeaseExpired):
        check_fence(held, replace(fence_of(held), **changed))  # type: ignore[arg-type]


def test_a_fence_on_a_free_session_is_stale_and_names_nobody() -> None:
    with pytest.raises(SessionExecutionLeaseExpired) as caught:
        check_fence(FREE, fence_of(held_by(ADA)))
    assert caught.value.holder is None


def test_who_shows_no_fence_needs_a_free_session_or_a_dead_holder() -> None:
    require_free_or_own(FREE, None)
    require_free_or_own(held_by(DEAD), None)
    require_free_or_own(held_by(ADA), fence_of(held_by(ADA)))
    with pytest.raises(SessionBusy, match="ada's kernel"):
        require_free_or_own(held_by(ADA), None)
    with pytest.raises(SessionBusy, match="bob"):
        require_free_or_own(held_by(BOB), None)
    with pytest.raises(SessionExecutionLeaseExpired):
        require_free_or_own(held_by(BOB), fence_of(held_by(ADA)))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "reclaim", "renew", "release"]),
        st.sampled_from([ADA, BOB, DEAD, replace(ADA, incarnation_id="2")]),
        st.integers(0, 5),  # which of the fences ever given out
        st.integers(-20, 200),  # milliseconds that pass before
        st.none() | st.integers(0, 100),
    ),
    max_size=25,
)


@given(STEPS)
def test_at_every_moment_one_fence_is_good_and_tokens_only_grow(
    steps: list[tuple[str, LeaseOwnerIdentity, int, int, int | None]],
) -> None:
    """After any steps: the row's own fence is good and no other ever given out is, a new holder's fencing token is
    higher than all before, and who is refused changes nothing."""
    row, clock, given_out = FREE, ManualClock(1_000), [fence_of(held_by(BOB))]
    for number, (step, owner, which, elapsed_ms, ttl_ms) in enumerate(steps):
        now, fence, before = clock.advance_ms(elapsed_ms), given_out[which % len(given_out)], row
        time = {"now_epoch_ms": now, "ttl_ms": ttl_ms}
        try:
            if step == "claim":
                row, outcome = claim(row, owner, **time, lease_token=f"{number}")
            elif step == "reclaim":
                row, outcome = reclaim(row, owner, fence, **time, lease_token=f"{number}")
            elif step == "renew":
                row, _ = renew(row, fence, **time)
            else:
                row = release(row, fence)
        except SessionExecutionLeaseExpired:
            assert row == before
            continue
        if step in ("claim", "reclaim"):
            assert (outcome.acquired is None) != (outcome.holder is None)
            assert row.lease == (outcome.acquired or outcome.holder)
            assert outcome.acquired is None or outcome.acquired.owner.same_incarnation(owner)
            assert outcome.holder is None or row == before
            if fence_of(row) not in given_out:
                assert all(fence_of(row).fencing_token > old.fencing_token for old in given_out[1:])
                given_out.append(fence_of(row))
        assert row.fencing_token >= before.fencing_token
        good = [each for each in given_out if is_good(row, each)]
        assert good == ([fence_of(row)] if row.lease else [])


def is_good(row: LeaseRow, fence: SessionExecutionLeaseFence) -> bool:
    try:
        return check_fence(row, fence) is not None
    except SessionExecutionLeaseExpired:
        return False
