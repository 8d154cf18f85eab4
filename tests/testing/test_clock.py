"""A manual clock stands still until it is moved."""

from __future__ import annotations

from lashkit.clock import Clock
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.testing import ManualClock
from lashkit.values import AttachmentCreateMeta, MediaType


def test_a_manual_clock_moves_only_by_hand_and_backwards_too() -> None:
    clock = ManualClock(start_epoch_ms=5_000)
    assert isinstance(clock, Clock)
    assert [clock.timestamp_ms(), clock.timestamp_ms()] == [5_000, 5_000]
    assert clock.advance_ms(250) == clock.timestamp_ms() == 5_250
    assert clock.advance_ms(-5_250) == clock.timestamp_ms() == 0
    assert repr(clock) == "ManualClock(start_epoch_ms=0)"
    assert ManualClock().timestamp_ms() == 0


async def test_a_store_in_memory_tells_the_time_of_its_clock() -> None:
    clock = ManualClock(start_epoch_ms=1_700_000_000_000)
    store = InMemoryAttachmentStore(clock=clock)
    ref = await store.put(b"now", AttachmentCreateMeta(MediaType("text/plain")))
    clock.advance_ms(1_000)
    await store.put(b"now", AttachmentCreateMeta(MediaType("text/plain")))
    assert (await store.head(ref.id)).last_modified_epoch_ms == 1_700_000_000_000
