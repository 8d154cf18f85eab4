"""Laws about what happens at the same time: readers beside writers, writers beside writers, and
cancellation."""

from __future__ import annotations

from lashkit.errors import AttachmentNotFound
from lashkit.stores.protocols import AttachmentStore
from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import hold, shown
from lashkit.testing.store_laws.samples import LARGE, META, entries, must_be_absent, must_be_whole, sample, sha256
from lashkit.values import AttachmentCreateMeta, AttachmentId, MediaType

__all__ = ["LAWS"]


async def readers_never_see_part_of_a_put(case: StoreCase) -> None:
    """Whoever reads while puts and deletes run sees all of an attachment or nothing of it: a length that
    `head` or `list` gives is the final one, and `get` returns the whole bytes with their metadata, or says
    `AttachmentNotFound`."""
    import asyncio

    store = await case.make()
    contents = {AttachmentId(sha256(data)): data for data in (sample(n, n) for n in (4_000, 700_000, 800_000, 900_000))}
    reading = asyncio.Event()
    writing = True

    async def read() -> None:
        while writing:
            await _look(store, contents)
            reading.set()
            await asyncio.sleep(0)

    async def write() -> None:
        nonlocal writing
        try:
            await reading.wait()
            for data in contents.values():
                await asyncio.gather(store.put(data, META), store.put(data, META))
            fleeting, data = next(iter(contents.items()))
            for _ in range(12):
                await store.delete(fleeting)
                await store.put(data, META)
        finally:
            writing = False

    async with asyncio.TaskGroup() as group:
        for task in (read(), read(), write()):
            group.create_task(task)
    for data in contents.values():
        await must_be_whole(store, data, "after the puts", meta=META)


async def _look(store: AttachmentStore, contents: dict[AttachmentId, bytes]) -> None:
    for blob in await entries(store):
        whole = len(contents[blob.id])
        hold(blob.byte_len == whole, f"while puts ran, list showed {blob.byte_len} of {whole} bytes")
    for attachment_id, data in contents.items():
        try:
            head = await store.head(attachment_id)
            hold(head.byte_len == len(data), f"while puts ran, head showed {head.byte_len} of {len(data)} bytes")
            stored = await store.get(attachment_id)
        except AttachmentNotFound:
            continue
        hold(
            stored.bytes == data and stored.meta == META.describe(attachment_id, len(data)),
            f"while puts ran, get returned {len(stored.bytes)} bytes as {shown(stored.meta)}",
        )


async def simultaneous_puts_of_the_same_bytes_are_one(case: StoreCase) -> None:
    """Any number of puts of the same bytes at the same time all succeed with the same id, and leave one
    attachment with the metadata of one of them."""
    import asyncio

    store = await case.make()
    metas = [AttachmentCreateMeta(MediaType("text/plain"), label=f"writer {n}") for n in range(8)]
    refs = await asyncio.gather(*(store.put(LARGE, meta) for meta in metas))
    for ref, meta in zip(refs, metas, strict=True):
        expected = meta.describe(AttachmentId(sha256(LARGE)), len(LARGE)).as_ref()
        hold(ref == expected, f"one of several puts returned {shown(ref, 300)}, not {shown(expected, 300)}")
    stored = await must_be_whole(store, LARGE, "after several puts at once")
    hold(stored.meta.label in {meta.label for meta in metas}, f"the label is {shown(stored.meta.label)}, nobody's")
    hold(len(await entries(store)) == 1, f"after several puts at once, list has {len(await entries(store))} entries")
    hold(not await case.leftovers(store), f"several puts at once left {shown(await case.leftovers(store))}")


async def simultaneous_puts_all_land(case: StoreCase) -> None:
    """Puts of different bytes at the same time do not disturb each other: each is stored with its own
    metadata."""
    import asyncio

    store = await case.make()
    metas = [AttachmentCreateMeta(MediaType("text/plain"), label=f"writer {n}") for n in range(16)]
    contents = [sample(10_000, ("writer", n)) for n in range(16)]
    await asyncio.gather(*(store.put(data, meta) for data, meta in zip(contents, metas, strict=True)))
    for data, meta in zip(contents, metas, strict=True):
        await must_be_whole(store, data, "after puts at once", meta=meta)


async def puts_and_deletes_at_once_leave_the_whole_or_nothing(case: StoreCase) -> None:
    """Puts and deletes of the same bytes at the same time all succeed, and take effect in some order: afterwards
    the attachment is whole or gone, nothing of it is left over, and a put that no delete follows is there."""
    import asyncio

    store = await case.make()
    contents = [sample(500, ("raced", n)) for n in range(4)]
    for turn in range(_RACES):
        data = contents[turn % len(contents)]
        attachment_id = AttachmentId(sha256(data))
        await asyncio.gather(*(call for _ in range(3) for call in (store.put(data, META), store.delete(attachment_id))))
        when = "after puts and deletes at once"
        if any(blob.id == attachment_id for blob in await entries(store)):
            await must_be_whole(store, data, when, meta=META)
        else:
            await must_be_absent(store, attachment_id, when)
        hold(not await case.leftovers(store), f"{when}, these are left: {shown(await case.leftovers(store))}")
    for data in contents:
        await store.put(data, META)
        await must_be_whole(store, data, "after puts and deletes at once, and a last put", meta=META)


_RACES = 40


async def cancelled_puts_are_all_or_nothing(case: StoreCase) -> None:
    """Cancelling a put leaves the whole attachment or nothing, nothing half staged, and a store that takes
    the same bytes again. When the cancelled call is over, so is its work."""
    import asyncio

    store = await case.make()
    for turns in range(10):
        data = sample(400_000, ("cancelled", turns))
        attachment_id = AttachmentId(sha256(data))
        task = asyncio.ensure_future(store.put(data, META))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        when = f"after a put that was cancelled {turns} turns of the loop after its start"
        if not task.cancelled():
            hold(task.result().id == attachment_id, f"{when}, put returned {shown(task.result())}")
        if any(blob.id == attachment_id for blob in await entries(store)):
            await must_be_whole(store, data, when, meta=META)
        else:
            hold(task.cancelled(), f"{when}, put had returned, and list does not show it")
            await must_be_absent(store, attachment_id, when)
        hold(not await case.leftovers(store), f"{when}, these are left: {shown(await case.leftovers(store))}")
        await store.put(data, META)
        await must_be_whole(store, data, f"{when} and another put", meta=META)


LAWS = (
    readers_never_see_part_of_a_put,
    simultaneous_puts_of_the_same_bytes_are_one,
    simultaneous_puts_all_land,
    puts_and_deletes_at_once_leave_the_whole_or_nothing,
    cancelled_puts_are_all_or_nothing,
)
