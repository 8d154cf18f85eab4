"""Laws about a store's second life: what another object over the same data finds, and what it does not
stumble over."""

from __future__ import annotations

import warnings

from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import NotApplicable, hold, shown
from lashkit.testing.store_laws.samples import (
    LARGE,
    META,
    SMALL,
    entries,
    must_be_absent,
    must_be_whole,
    sample,
    sha256,
)
from lashkit.values import AttachmentId, AttachmentStorePersistence

__all__ = ["LAWS"]

FOREIGN_NAMES = (
    "notes.txt",
    ".DS_Store",
    "Thumbs.db",
    sha256(SMALL).upper(),
    sha256(SMALL)[:-1],
    sha256(SMALL) + ".tmp",
)


async def acknowledged_changes_survive_reopening(case: StoreCase) -> None:
    """What a durable store acknowledged is there when its data is opened again, whole and with its metadata,
    and what it deleted stays deleted. Two objects over the same data see each other's puts and deletes."""
    store = await case.make()
    if store.persistence is not AttachmentStorePersistence.DURABLE:
        raise NotApplicable(f"the store says that it is {store.persistence.value}")
    contents = (b"", SMALL, LARGE)
    gone = await store.put(b"to be deleted", META)
    for data in contents:
        await store.put(data, META)
    await store.delete(gone.id)
    again = await case.reopen(store)
    for data in contents:
        await must_be_whole(again, data, "after reopening", meta=META)
    await must_be_absent(again, gone.id, "after reopening")
    late = sample(77, "late")
    ref = await again.put(late, META)
    await must_be_whole(store, late, "after a put by another object over the same data", meta=META)
    await store.delete(ref.id)
    await must_be_absent(again, ref.id, "after a delete by another object over the same data")


async def persistence_is_honest(case: StoreCase) -> None:
    """`persistence` says `DURABLE` only where acknowledged bytes are there after reopening, and never changes
    its word."""
    store = await case.make()
    said = store.persistence
    hold(isinstance(said, AttachmentStorePersistence), f"persistence is {shown(said)}, no AttachmentStorePersistence")
    await store.put(SMALL, META)
    hold(store.persistence is said, f"persistence was {said} and is {store.persistence} after a put")
    if not case.can_reopen:
        if said is AttachmentStorePersistence.DURABLE:
            raise NotApplicable("the store says durable, and without the harness's reopen(store) nobody can tell")
        return
    again = await case.reopen(store)
    hold(again.persistence is said, f"persistence was {said} and is {again.persistence} after reopening")
    if said is AttachmentStorePersistence.DURABLE:
        await must_be_whole(again, SMALL, "after reopening a store that says durable")


async def stale_staging_never_blocks(case: StoreCase) -> None:
    """What a killed writer left in the staging area is no attachment, is listed by nobody, and never stands
    in the way of a put of the same bytes, in the open store or after reopening."""
    store = await case.make()
    await case.plant_stale(store, SMALL)
    await must_be_absent(store, AttachmentId(sha256(SMALL)), "with stale staging entries")
    if case.can_reopen:
        store = await case.reopen(store)
        await must_be_absent(store, AttachmentId(sha256(SMALL)), "with stale staging entries, reopened")
    hold(await entries(store) == [], f"stale staging entries are listed: {shown(await entries(store))}")
    await store.put(SMALL, META)
    await must_be_whole(store, SMALL, "after a put beside stale staging entries", meta=META)
    hold(len(await entries(store)) == 1, f"list has {shown(await entries(store))} beside stale staging entries")


async def foreign_entries_are_skipped_with_a_warning(case: StoreCase) -> None:
    """Something among the blobs that the store did not write is no attachment: `list` leaves it out and
    warns, and nothing that the store does changes or removes it."""
    store = await case.make()
    await store.put(SMALL, META)
    for name in FOREIGN_NAMES:
        await case.plant(store, name, b"not ours")
    surroundings = await case.surroundings(store)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        listed = [blob.id for blob in await entries(store)]
        hold(listed == [sha256(SMALL)], f"beside foreign entries, list has {shown(listed)}")
        hold(caught, "list skipped foreign entries without a warning")
        await store.put(LARGE, META)
        await store.delete(AttachmentId(sha256(LARGE)))
        await must_be_whole(store, SMALL, "beside foreign entries", meta=META)
    hold(await case.surroundings(store) == surroundings, "the store changed or removed foreign entries")


LAWS = (
    acknowledged_changes_survive_reopening,
    persistence_is_honest,
    stale_staging_never_blocks,
    foreign_entries_are_skipped_with_a_warning,
)
