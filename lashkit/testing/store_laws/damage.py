"""Laws about data that was damaged behind the store's back: it is told, never passed off as good, and a put
repairs it."""

from __future__ import annotations

from lashkit.errors import AttachmentCorrupt, AttachmentMetadataDecodeError, AttachmentMissingMeta
from lashkit.stores.protocols import AttachmentStore, SupportsStreaming
from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.store_laws.samples import (
    LARGE,
    META,
    SMALL,
    drained,
    entries,
    must_be_absent,
    must_be_whole,
    sha256,
)
from lashkit.values import AttachmentCreateMeta, AttachmentId, MediaType

__all__ = ["LAWS", "damages"]

_ANEW = AttachmentCreateMeta(MediaType("image/png"), width=5, height=6, label="anew")


def damages(data: bytes) -> dict[str, bytes]:
    """Wrong bytes for `data`, by the kind of damage."""
    return {
        "with their last bit flipped": data[:-1] + bytes([data[-1] ^ 1]),
        "cut short": data[:-1],
        "longer by a byte": data + b"\x00",
        "emptied": b"",
    }


async def lost_bytes_are_rewritten(case: StoreCase) -> None:
    """Where the bytes vanished, the attachment is not found, although its metadata may still be there, and
    the next put of the same bytes writes them again: by the store that wrote them before as well as after
    reopening."""
    store = await case.make()
    ref = await store.put(SMALL, META)
    await case.lose(store, ref.id)
    await must_be_absent(store, ref.id, "after its bytes vanished")
    await store.put(SMALL, META)
    await must_be_whole(store, SMALL, "after its bytes vanished and another put", meta=META)
    if case.can_reopen:
        await case.lose(store, ref.id)
        again = await case.reopen(store)
        await again.put(SMALL, META)
        await must_be_whole(again, SMALL, "after its bytes vanished, reopening and another put", meta=META)


async def corrupt_bytes_are_never_returned(case: StoreCase) -> None:
    """Bytes whose hash is not the id are `AttachmentCorrupt` from `get`, every time, also after reopening;
    flipped bits, a missing end, a longer end, and nothing at all alike. Other attachments are not
    affected."""
    store = await case.make()
    await store.put(b"sound", META)
    ref = await store.put(SMALL, META)
    for kind, data in damages(SMALL).items():
        await case.corrupt(store, ref.id, data)
        for time in ("first", "second"):
            error = await must_raise(AttachmentCorrupt, store.get(ref.id), f"the {time} get of bytes {kind}")
            hold(error.attachment_id == ref.id, f"the error names {shown(error.attachment_id)}, not {ref.id}")
        if case.can_reopen:
            again = await case.reopen(store)
            await must_raise(AttachmentCorrupt, again.get(ref.id), f"get of bytes {kind}, after reopening")
    await must_be_whole(store, b"sound", "beside a corrupt attachment", meta=META)


async def open_raises_before_the_end_of_corrupt_bytes(case: StoreCase) -> None:
    """A stream over corrupt bytes never ends as if all were well: before its end it raises
    `AttachmentCorrupt`. The chunks before that are unverified."""
    store = await case.make()
    streaming = case.streaming(store)
    ref = await store.put(LARGE, META)
    for kind, data in damages(LARGE).items():
        await case.corrupt(store, ref.id, data)
        await must_raise(AttachmentCorrupt, drained(streaming.open(ref.id)), f"reading a stream of bytes {kind}")


async def a_put_repairs_what_is_known_corrupt(case: StoreCase) -> None:
    """Once a read said `AttachmentCorrupt`, the next put of the same bytes replaces what is stored, so that
    every object over the same data reads it back whole. Nothing is left of the damage."""
    store = await case.make()
    ref = await store.put(LARGE, META)
    for kind, data in damages(LARGE).items():
        for way in ("get", "open") if isinstance(store, SupportsStreaming) else ("get",):
            await case.corrupt(store, ref.id, data)
            await must_raise(AttachmentCorrupt, _read(store, way, ref.id), f"{way} of bytes {kind}")
            await store.put(LARGE, META)
            when = f"after bytes were found {kind} by {way}, and put again"
            await must_be_whole(store, LARGE, when, meta=META)
            hold(len(await entries(store)) == 1, f"{when}, list has {shown(await entries(store))}")
            hold(not await case.leftovers(store), f"{when}, these are left: {shown(await case.leftovers(store))}")
            if case.can_reopen:
                await must_be_whole(await case.reopen(store), LARGE, f"{when}, reopened", meta=META)


async def known_damage_outlives_who_found_it(case: StoreCase) -> None:
    """What one object over the data found corrupt, the next put of the same bytes repairs through any other: one
    that wrote them before the damage, and one that was opened after it. The first may be gone by then."""
    store = await case.make()
    early = await case.reopen(store)
    ref = await store.put(LARGE, META)
    for kind, data in damages(LARGE).items():
        for opened in ("before", "after"):
            await early.put(LARGE, META)
            await case.corrupt(store, ref.id, data)
            finder = await case.reopen(store)
            await must_raise(AttachmentCorrupt, finder.get(ref.id), f"get of bytes {kind}")
            repairer = early if opened == "before" else await case.reopen(store)
            await repairer.put(LARGE, META)
            when = f"after one object found bytes {kind}, and another, opened {opened} that, put them again"
            for reader in (repairer, await case.reopen(store)):
                await must_be_whole(reader, LARGE, when, meta=META)
            hold(not await case.leftovers(store), f"{when}, these are left: {shown(await case.leftovers(store))}")


async def _read(store: AttachmentStore, way: str, attachment_id: AttachmentId) -> object:
    if way == "open" and isinstance(store, SupportsStreaming):
        return await drained(store.open(attachment_id))
    return await store.get(attachment_id)


async def lost_metadata_is_said_and_rewritten(case: StoreCase) -> None:
    """Bytes without metadata are `AttachmentMissingMeta` from `get` and `meta`, and still listed; the next
    put of the same bytes writes metadata again: its own."""
    store = await case.make()
    ref = await store.put(SMALL, META)
    await case.spoil_meta(store, ref.id, None)
    await must_raise(AttachmentMissingMeta, store.get(ref.id), "get without metadata")
    with_meta = case.with_meta(store)
    if with_meta is not None:
        await must_raise(AttachmentMissingMeta, with_meta.meta(ref.id), "meta without metadata")
    listed = [blob.id for blob in await entries(store)]
    hold(listed == [ref.id], f"without its metadata, an attachment is listed as {shown(listed)}")
    await store.put(SMALL, _ANEW)
    await must_be_whole(store, SMALL, "after its metadata vanished and another put", meta=_ANEW)


async def unreadable_metadata_is_said_and_rewritten(case: StoreCase) -> None:
    """Metadata that cannot be read, or that is about another attachment, is `AttachmentMetadataDecodeError`
    from `get` and `meta`, whatever is wrong with it; the next put of the same bytes rewrites it, also after
    reopening."""
    store = await case.make()
    ref = await store.put(SMALL, META)
    other = f'{{"id": "{sha256(b"other")}", "media_type": "text/plain", "byte_len": {len(SMALL)}}}'
    texts = ("", "{", "null", "[]", '{"id": 5}', "\x00\x01", "[" * 60_000, other)
    for garbage in (b"\xff\xfe\x00", *(text.encode() for text in texts)):
        await case.spoil_meta(store, ref.id, garbage)
        what = f"with the metadata {shown(garbage[:40])}"
        await must_raise(AttachmentMetadataDecodeError, store.get(ref.id), f"get {what}")
        with_meta = case.with_meta(store)
        if with_meta is not None:
            await must_raise(AttachmentMetadataDecodeError, with_meta.meta(ref.id), f"meta {what}")
        await store.put(SMALL, _ANEW)
        await must_be_whole(store, SMALL, f"after a get {what} and another put", meta=_ANEW)
    if case.can_reopen:
        await case.spoil_meta(store, ref.id, b"{")
        await must_raise(AttachmentMetadataDecodeError, store.get(ref.id), "get with damaged metadata")
        again = await case.reopen(store)
        await again.put(SMALL, META)
        await must_be_whole(again, SMALL, "after damaged metadata, reopening and another put", meta=META)


LAWS = (
    lost_bytes_are_rewritten,
    corrupt_bytes_are_never_returned,
    open_raises_before_the_end_of_corrupt_bytes,
    a_put_repairs_what_is_known_corrupt,
    known_damage_outlives_who_found_it,
    lost_metadata_is_said_and_rewritten,
    unreadable_metadata_is_said_and_rewritten,
)
