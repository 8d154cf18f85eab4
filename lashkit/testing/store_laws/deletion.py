"""Laws about deleting and listing."""

from __future__ import annotations

from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import hold, shown
from lashkit.testing.store_laws.samples import META, SMALL, entries, must_be_absent, must_be_whole, sample, sha256
from lashkit.values import AttachmentCreateMeta, AttachmentId, MediaType

__all__ = ["LAWS"]


async def head_agrees_with_list(case: StoreCase) -> None:
    """`head` returns the very entry that `list` has: id, length in bytes, time of change; `list` has every
    attachment once. A repeated put leaves all of it as it is."""
    store = await case.make()
    hold(await entries(store) == [], f"a fresh store lists {shown(await entries(store))}")
    contents = [sample(byte_len) for byte_len in (0, 1, 100, 1_000)]
    for data in contents:
        await store.put(data, META)
    listed = await entries(store)
    hold(
        sorted((blob.id, blob.byte_len) for blob in listed) == sorted((sha256(data), len(data)) for data in contents),
        f"after {len(contents)} puts, list has {shown(listed, 400)}",
    )
    for blob in listed:
        head = await store.head(blob.id)
        hold(head == blob, f"head returned {shown(head)} and list {shown(blob)}")
        hold(
            type(head.last_modified_epoch_ms) is int and head.last_modified_epoch_ms >= 0,
            f"last_modified_epoch_ms is {shown(head.last_modified_epoch_ms)}, no time in whole milliseconds",
        )


async def deletes_are_complete(case: StoreCase) -> None:
    """After `delete`, every way of reading says that the attachment is not there; the others are
    untouched."""
    store = await case.make()
    kept = sample(500, "kept")
    await store.put(kept, META)
    ref = await store.put(SMALL, META)
    await store.delete(ref.id)
    await must_be_absent(store, ref.id, "after a delete")
    await must_be_whole(store, kept, "after another attachment was deleted", meta=META)


async def deletes_are_idempotent(case: StoreCase) -> None:
    """Deleting what is not there, never was, or is deleted already, is fine."""
    store = await case.make()
    await store.delete(AttachmentId(sha256(b"never put")))
    ref = await store.put(SMALL, META)
    await store.delete(ref.id)
    await store.delete(ref.id)
    await must_be_absent(store, ref.id, "after two deletes")


async def deleted_attachments_can_be_put_again(case: StoreCase) -> None:
    """A put after a delete is a first put: the bytes are back, with the new metadata."""
    store = await case.make()
    ref = await store.put(SMALL, META)
    await store.delete(ref.id)
    anew = AttachmentCreateMeta(MediaType("image/png"), width=2, height=3, label="anew")
    await store.put(SMALL, anew)
    await must_be_whole(store, SMALL, "after a delete and another put", meta=anew)


LAWS = (
    head_agrees_with_list,
    deletes_are_complete,
    deletes_are_idempotent,
    deleted_attachments_can_be_put_again,
)
