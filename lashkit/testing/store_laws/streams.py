"""Laws about bytes in chunks: `open` on the way out, `stage`, `publish` and `discard` on the way in."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator

from lashkit.errors import AttachmentNotFound
from lashkit.stores.protocols import CHUNK_BYTE_LEN, AttachmentStore, Chunks, StagedBlob, SupportsStreaming
from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import BrokenLaw, hold, must_raise, shown
from lashkit.testing.store_laws.samples import (
    LARGE,
    META,
    SMALL,
    drained,
    entries,
    must_be_absent,
    must_be_whole,
    sample,
    sha256,
)
from lashkit.values import AttachmentCreateMeta, AttachmentId, MediaType

__all__ = ["LAWS"]

_OTHER = AttachmentCreateMeta(MediaType("image/png"), width=7, height=8, label="other")


class _SourceError(Exception):
    """What a failing chunk source raises."""


def _cut(data: bytes, byte_len: int) -> Iterator[bytes]:
    return (data[start : start + byte_len] for start in range(0, len(data), byte_len))


async def _each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def streams_come_in_small_chunks(case: StoreCase) -> None:
    """`open` gives the bytes in order, in `bytes` objects of `CHUNK_BYTE_LEN` at most, so that memory stays
    flat whatever the size; nothing at all has no chunks. Two streams over one attachment do not disturb each
    other."""
    store = await case.make()
    streaming = case.streaming(store)
    for data in (b"", b"x", sample(CHUNK_BYTE_LEN), LARGE):
        ref = await store.put(data, META)
        chunks = [chunk async for chunk in streaming.open(ref.id)]
        sizes = [len(chunk) for chunk in chunks]
        hold(b"".join(chunks) == data, f"open gave {sum(sizes)} bytes that are not the {len(data)} put")
        hold(max(sizes, default=0) <= CHUNK_BYTE_LEN, f"open gave a chunk of {max(sizes, default=0)} bytes")
        hold(all(type(chunk) is bytes for chunk in chunks), "open gave chunks that are not bytes")
    one, two = streaming.open(AttachmentId(sha256(LARGE))), streaming.open(AttachmentId(sha256(LARGE)))
    head = await anext(one)
    hold(await drained(two) == LARGE, "a second stream over the same attachment gave other bytes")
    hold(head + await drained(one) == LARGE, "a stream gave other bytes after another one ran")


async def stage_and_publish_are_a_put(case: StoreCase) -> None:
    """Staging and publishing gives the id, the ref and the stored attachment that a put of the same bytes
    gives; publishing what is stored already leaves one attachment with its first metadata."""
    store = await case.make()
    streaming = case.streaming(store)
    for data in (b"", SMALL, LARGE):
        staged = await streaming.stage(_cut(data, 1_000))
        hold(
            (staged.id, staged.byte_len) == (sha256(data), len(data)),
            f"{len(data)} bytes were staged as {shown(staged)}",
        )
        ref = await streaming.publish(staged, META)
        expected = META.describe(AttachmentId(sha256(data)), len(data)).as_ref()
        hold(ref == expected, f"publish returned {shown(ref, 300)}, not {shown(expected, 300)}")
        await must_be_whole(store, data, "after stage and publish", meta=META)
        hold(await store.put(data, META) == expected, "a put after a publish returned another ref")
        second = await streaming.publish(await streaming.stage([data]), _OTHER)
        hold(second == _OTHER.describe(ref.id, len(data)).as_ref(), f"a second publish returned {shown(second, 300)}")
        await must_be_whole(store, data, "after a second publish", meta=META)
    hold(len(await entries(store)) == 3, f"after publishing 3 contents twice, list has {len(await entries(store))}")
    hold(not await case.leftovers(store), f"publishing left {shown(await case.leftovers(store))}")


async def sync_and_async_chunks_are_alike(case: StoreCase) -> None:
    """Chunks may come from a list, a generator or an async generator, in any sizes, empty ones and single
    bytes included, and as any kind of buffer; only their concatenation matters."""
    store = await case.make()
    streaming = case.streaming(store)
    pieces = [b"", SMALL[:1], b"", SMALL[1:400], SMALL[400:], b""]
    buffer = bytearray(SMALL)
    sources: dict[str, Chunks] = {
        "a list": pieces,
        "a generator": iter(pieces),
        "an async generator": _each(pieces),
        "single bytes": _cut(SMALL, 1),
        "one chunk": [SMALL],
        "several mebibytes": _each([LARGE * 3]),
        "no chunks": [],
        "no async chunks": _each([]),
        "views": [memoryview(buffer)[:500], memoryview(buffer)[500:]],  # type: ignore[list-item]
    }
    whole = {"several mebibytes": LARGE * 3, "no chunks": b"", "no async chunks": b""}
    for name, source in sources.items():
        expected = whole.get(name, SMALL)
        staged = await streaming.stage(source)
        hold(staged.id == sha256(expected), f"{name} of {len(expected)} bytes were staged as {shown(staged)}")
        await streaming.publish(staged, META)
        await must_be_whole(store, expected, f"after {name} were published", meta=META)
        await store.delete(staged.id)


async def staged_bytes_are_invisible(case: StoreCase) -> None:
    """Until they are published, staged bytes are not there: while they arrive, when all have arrived, after
    reopening, and when they are discarded."""
    store = await case.make()
    streaming = case.streaming(store)
    attachment_id = AttachmentId(sha256(LARGE))

    async def watched() -> AsyncIterator[bytes]:
        for chunk in _cut(LARGE, CHUNK_BYTE_LEN):
            yield chunk
            hold(await entries(store) == [], f"while bytes arrive, list has {shown(await entries(store))}")

    staged = await streaming.stage(watched())
    await must_be_absent(store, attachment_id, "of staged bytes")
    hold(await entries(store) == [], f"with staged bytes, list has {shown(await entries(store))}")
    if case.can_reopen:
        again = await case.reopen(store)
        await must_be_absent(again, attachment_id, "of staged bytes, by another object over the same data")
        hold(
            await entries(again) == [], f"with staged bytes and after reopening, list has {shown(await entries(again))}"
        )
    await streaming.discard(staged)
    await must_be_absent(store, attachment_id, "of discarded bytes")


async def discards_are_idempotent(case: StoreCase) -> None:
    """Discarding drops the staged bytes and nothing else. Doing it twice is fine, and doing it after the
    publish leaves the published attachment alone."""
    store = await case.make()
    streaming = case.streaming(store)
    staged = await streaming.stage([SMALL])
    await streaming.discard(staged)
    await streaming.discard(staged)
    hold(not await case.leftovers(store), f"a discard left {shown(await case.leftovers(store))}")
    await must_be_absent(store, staged.id, "after a discard")
    published = await streaming.stage([SMALL])
    await streaming.publish(published, META)
    await streaming.discard(published)
    await must_be_whole(store, SMALL, "after a discard of published bytes", meta=META)
    twin = await streaming.stage([SMALL])
    await streaming.discard(twin)
    await must_be_whole(store, SMALL, "after a discard of the same bytes, staged again", meta=META)


async def staged_blobs_are_used_once(case: StoreCase) -> None:
    """Publishing what was published, was discarded, was never staged, or was staged in another store is
    `AttachmentNotFound`, and publishes nothing. Two stagings of the same bytes are two: each can be
    published."""
    store = await case.make()
    streaming = case.streaming(store)
    other = case.streaming(await case.make())
    published, twin = await streaming.stage([SMALL]), await streaming.stage([SMALL])
    await streaming.publish(published, META)
    await must_raise(AttachmentNotFound, streaming.publish(published, META), "a second publish")
    await streaming.publish(twin, META)
    await store.delete(published.id)
    discarded = await streaming.stage([SMALL])
    await streaming.discard(discarded)
    await must_raise(AttachmentNotFound, streaming.publish(discarded, META), "a publish after a discard")
    foreign = await other.stage([SMALL])
    await must_raise(AttachmentNotFound, streaming.publish(foreign, META), "a publish of what another store staged")
    for token in ("", "0", "../x", "\x00", foreign.token + "0"):
        forged = StagedBlob(AttachmentId(sha256(SMALL)), len(SMALL), token)
        await must_raise(
            AttachmentNotFound, streaming.publish(forged, META), f"a publish with the token {shown(token)}"
        )
    await must_be_absent(store, published.id, "after publishes that were refused")
    await other.publish(foreign, META)


async def a_failing_source_leaves_nothing(case: StoreCase) -> None:
    """Where the source of chunks raises, at its start or in the middle, its own error comes out of `stage`,
    and nothing is staged or stored."""
    store = await case.make()
    streaming = case.streaming(store)
    for good in (0, 1, 5):
        for kind in ("sync", "async"):
            failing = _failing(good)
            error = await must_raise(
                _SourceError,
                streaming.stage(failing if kind == "sync" else _each(failing)),
                f"stage with a {kind} source that fails after {good} chunks",
            )
            hold(error.args == (good,), f"the source's error came out changed, as {shown(error)}")
            await _must_be_clean(case, store, "after its source failed")


def _failing(good: int) -> Iterator[bytes]:
    for number in range(good):
        yield sample(100_000, ("failing", number))
    raise _SourceError(good)


async def a_cancelled_stage_leaves_nothing(case: StoreCase) -> None:
    """Cancelling a `stage`, whenever it is and whatever it waits for, ends it, closes an async source, and leaves
    nothing staged or stored; unless it was done already, and returned what can be discarded."""
    import asyncio

    store = await case.make()
    streaming = case.streaming(store)
    waiting, never, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield LARGE
            waiting.set()
            await never.wait()
        finally:
            closed.set()

    task = asyncio.ensure_future(streaming.stage(endless()))
    arrival = asyncio.ensure_future(waiting.wait())
    await asyncio.wait([task, arrival], return_when=asyncio.FIRST_COMPLETED)
    arrival.cancel()
    task.cancel()
    await asyncio.wait([task])
    hold(task.cancelled(), "a cancelled stage ended without CancelledError")
    hold(closed.is_set(), "a cancelled stage left its source open")
    await _must_be_clean(case, store, "after a cancelled stage")
    for turns in range(8):
        for source in ([LARGE], _each([LARGE])):
            task = asyncio.ensure_future(streaming.stage(source))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                await streaming.discard(task.result())
            await _must_be_clean(case, store, f"after a stage that was cancelled {turns} turns after its start")


async def _must_be_clean(case: StoreCase, store: AttachmentStore, when: str) -> None:
    listed, left = await entries(store), await case.leftovers(store)
    hold(not listed, f"{when}, list has {shown(listed)}")
    hold(not left, f"{when}, these are left: {shown(left)}")


async def an_abandoned_stream_lets_go(case: StoreCase) -> None:
    """A stream that is dropped before its end, closed or not, frees what it held: no descriptor stays open,
    no `ResourceWarning`, and the attachment can be deleted and put again."""
    import asyncio

    store = await case.make()
    streaming = case.streaming(store)
    ref = await store.put(LARGE, META)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
        before = await asyncio.to_thread(_open_descriptors)
        for _ in range(_ABANDONED):
            await _abandon(streaming, ref.id)
        after = await asyncio.to_thread(_open_descriptors)
    told = [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]
    hold(not told, f"an abandoned stream warned: {shown(told[:1])}")
    # Others in this process open and close files too, meanwhile.
    hold(after - before < _ABANDONED // 2, f"{_ABANDONED} abandoned streams left {after - before} descriptors open")
    await store.delete(ref.id)
    await must_be_absent(store, ref.id, "after abandoned streams and a delete")
    await store.put(LARGE, META)
    await must_be_whole(store, LARGE, "after abandoned streams, a delete and another put", meta=META)


_ABANDONED = 24


async def _abandon(streaming: SupportsStreaming, attachment_id: AttachmentId) -> None:
    """Read one chunk and drop the stream; wait until the loop has finalised it."""
    import asyncio

    before = asyncio.all_tasks()
    stream = streaming.open(attachment_id)
    try:
        await anext(stream)
    except StopAsyncIteration:
        raise BrokenLaw("open gave no chunk") from None
    del stream
    gc.collect(0)
    await asyncio.sleep(0)
    finalising = asyncio.all_tasks() - before
    if finalising:
        await asyncio.wait(finalising, timeout=10)


def _open_descriptors() -> int:
    """How many descriptors this process has; 0 where the system does not tell."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 0


LAWS = (
    streams_come_in_small_chunks,
    stage_and_publish_are_a_put,
    sync_and_async_chunks_are_alike,
    staged_bytes_are_invisible,
    discards_are_idempotent,
    staged_blobs_are_used_once,
    a_failing_source_leaves_nothing,
    a_cancelled_stage_leaves_nothing,
    an_abandoned_stream_lets_go,
)
