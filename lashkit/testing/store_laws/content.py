"""Laws about what comes back: the bytes and the metadata that were put."""

from __future__ import annotations

import array

from lashkit.stores.protocols import CHUNK_BYTE_LEN
from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import hold, shown
from lashkit.testing.store_laws.samples import META, SMALL, must_be_whole, sample
from lashkit.values import AttachmentCreateMeta, MediaType

__all__ = ["LAWS"]

_BYTE_LENS = (0, 1, CHUNK_BYTE_LEN - 1, CHUNK_BYTE_LEN, CHUNK_BYTE_LEN + 1, 3 * 1024 * 1024)


async def bytes_round_trip(case: StoreCase) -> None:
    """What was put is read back byte for byte, whatever its length and values: nothing at all, one byte,
    every value from 0 to 255, line ends, and several mebibytes, around each boundary of a chunk."""
    store = await case.make()
    samples = [sample(byte_len) for byte_len in _BYTE_LENS]
    samples += [b"\xff" * 255, bytes(range(256)), b"\r\n\n\r\x1a\x00", "\ufeffäöü".encode()]
    for data in samples:
        ref = await store.put(data, META)
        hold(ref.byte_len == len(data), f"the ref of {len(data)} bytes says {ref.byte_len}")
        await must_be_whole(store, data, f"after a put of {len(data)} bytes", meta=META)


async def every_kind_of_buffer_is_taken(case: StoreCase) -> None:
    """`bytes`, `bytearray` and `memoryview` of the same bytes are the same attachment; a view over wider
    items counts bytes, not items; and what is read back is `bytes`."""
    store = await case.make()
    numbers = array.array("I", range(1_000))
    for data in (SMALL, bytearray(SMALL), memoryview(SMALL), memoryview(bytearray(SMALL + SMALL))[: len(SMALL)]):
        ref = await store.put(data, META)
        hold(
            ref.byte_len == len(SMALL), f"the ref of {len(SMALL)} bytes in a {type(data).__name__} says {ref.byte_len}"
        )
    stored = await must_be_whole(store, SMALL, "after puts from several kinds of buffer")
    hold(type(stored.bytes) is bytes, f"get returned a {type(stored.bytes).__name__}, not bytes")
    ref = await store.put(memoryview(numbers), META)
    hold(ref.byte_len == numbers.itemsize * 1_000, f"a view of 1000 wide items became {ref.byte_len} bytes")
    await must_be_whole(store, numbers.tobytes(), "after a put of a view of wide items")


async def later_changes_of_a_buffer_change_nothing(case: StoreCase) -> None:
    """A put takes a copy: what the caller does to its buffer afterwards, growing it included, does not reach
    the store."""
    store = await case.make()
    buffer = bytearray(SMALL)
    await store.put(buffer, META)
    buffer[0] ^= 0xFF
    await must_be_whole(store, SMALL, "after the caller changed its buffer")
    try:
        buffer.extend(b"more")
    except BufferError:
        hold(False, "the store still holds a view of the caller's buffer")


async def metadata_round_trips(case: StoreCase) -> None:
    """Media type (its parameters too), width, height and label come back as they were given, also labels that
    are long, empty, hostile, not ASCII, or not even valid Unicode (file names can be all of that)."""
    store = await case.make()
    labels = (
        None,
        "",
        "cat.png",
        "Käfer \U0001f41e 日本語",
        "<b>&\"'\r\n\x00\x7f",
        "\u202egnp.exe",
        "undecodable \udcff",
    )
    metas = [AttachmentCreateMeta(MediaType("text/plain; charset=utf-8"), label=label) for label in labels]
    metas += [
        AttachmentCreateMeta(MediaType("image/png"), width=1, height=1 << 40, label="x"),
        AttachmentCreateMeta(MediaType("image/svg+xml"), width=640),
        AttachmentCreateMeta(MediaType("text/plain"), label="long " * 200),
    ]
    for number, meta in enumerate(metas):
        data = sample(100, number)
        ref = await store.put(data, meta)
        expected = meta.describe(ref.id, len(data))
        hold(ref == expected.as_ref(), f"put returned {shown(ref, 300)}, not {shown(expected.as_ref(), 300)}")
        await must_be_whole(store, data, "after a put", meta=meta)
        with_meta = case.with_meta(store)
        if with_meta is not None:
            alone = await with_meta.meta(ref.id)
            hold(alone == expected, f"meta returned {shown(alone, 300)}, not {shown(expected, 300)}")


async def the_first_put_keeps_its_metadata(case: StoreCase) -> None:
    """A repeated put changes no stored metadata; the ref that it returns carries what its own caller said."""
    store = await case.make()
    first = AttachmentCreateMeta(MediaType("text/plain"), label="first")
    second = AttachmentCreateMeta(MediaType("image/png"), width=3, height=4, label="second")
    await store.put(SMALL, first)
    ref = await store.put(SMALL, second)
    expected = second.describe(ref.id, len(SMALL)).as_ref()
    hold(ref == expected, f"the second put returned {shown(ref, 300)}, not {shown(expected, 300)}")
    await must_be_whole(store, SMALL, "after a second put", meta=first)


LAWS = (
    bytes_round_trip,
    every_kind_of_buffer_is_taken,
    later_changes_of_a_buffer_change_nothing,
    metadata_round_trips,
    the_first_put_keeps_its_metadata,
)
