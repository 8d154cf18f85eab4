"""What the laws put into stores, and how they look at what a store has. Deterministic: the same sample in
every run."""

from __future__ import annotations

import functools
import hashlib
from builtins import list as _list
from collections.abc import AsyncIterator

from lashkit.errors import AttachmentNotFound
from lashkit.stores.protocols import CHUNK_BYTE_LEN, AttachmentStore, SupportsStreaming
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.values import AttachmentCreateMeta, AttachmentId, MediaType, StoredAttachment, StoredBlobRef

__all__ = [
    "LARGE",
    "META",
    "SMALL",
    "drained",
    "entries",
    "must_be_absent",
    "must_be_whole",
    "sample",
    "sha256",
    "truncated",
]

META = AttachmentCreateMeta(MediaType("application/octet-stream"), label="a sample")


@functools.lru_cache(maxsize=64)
def sample(byte_len: int, seed: object = "sample") -> bytes:
    """`byte_len` bytes that look random; another seed gives others."""
    return hashlib.shake_128(repr(seed).encode()).digest(byte_len)


SMALL = sample(1_000, "small")
LARGE = sample(2 * CHUNK_BYTE_LEN + 12_345, "large")


def sha256(data: bytes) -> str:
    """What the id has to be, computed here and not by the code under test."""
    return hashlib.sha256(data).hexdigest()


def truncated(data: bytes) -> bytes:
    """All but the last byte."""
    return data[:-1]


async def entries(store: AttachmentStore) -> _list[StoredBlobRef]:
    """All that the store lists."""
    return [blob async for blob in store.list()]


async def drained(chunks: AsyncIterator[bytes]) -> bytes:
    """All chunks as one."""
    return b"".join([chunk async for chunk in chunks])


async def must_be_whole(
    store: AttachmentStore, data: bytes, when: str, *, meta: AttachmentCreateMeta | None = None
) -> StoredAttachment:
    """Insist that every way of reading agrees that `data` is stored, once, with the metadata `meta` where it
    is given."""
    attachment_id = AttachmentId(sha256(data))
    stored = await store.get(attachment_id)
    hold(stored.bytes == data, f"{when}, get returned {len(stored.bytes)} bytes that are not the {len(data)} put")
    hold(
        stored.meta.id == attachment_id and stored.meta.byte_len == len(data),
        f"{when}, get returned the metadata {shown(stored.meta)} with {len(data)} bytes of id {attachment_id}",
    )
    if meta is not None:
        expected = meta.describe(attachment_id, len(data))
        hold(stored.meta == expected, f"{when}, get returned {shown(stored.meta, 400)}, not {shown(expected, 400)}")
    head = await store.head(attachment_id)
    hold(head.id == attachment_id and head.byte_len == len(data), f"{when}, head returned {shown(head)}")
    listed = [blob for blob in await entries(store) if blob.id == attachment_id]
    hold(listed == [head], f"{when}, head returned {shown(head)} and list {shown(listed)}")
    if isinstance(store, SupportsStreaming):
        streamed = await drained(store.open(attachment_id))
        hold(streamed == data, f"{when}, open gave {len(streamed)} bytes that are not the {len(data)} put")
    return stored


async def must_be_absent(store: AttachmentStore, attachment_id: AttachmentId, when: str) -> None:
    """Insist that every way of reading agrees that the attachment is not there."""
    error = await must_raise(AttachmentNotFound, store.get(attachment_id), f"get {when}")
    hold(error.attachment_id == attachment_id, f"get {when} raised an error about {shown(error.attachment_id)}")
    await must_raise(AttachmentNotFound, store.head(attachment_id), f"head {when}")
    if isinstance(store, SupportsStreaming):
        await must_raise(AttachmentNotFound, anext(store.open(attachment_id)), f"open {when}")
    meta = getattr(store, "meta", None)
    if meta is not None:
        await must_raise(AttachmentNotFound, meta(attachment_id), f"meta {when}")
    listed = [blob for blob in await entries(store) if blob.id == attachment_id]
    hold(not listed, f"list has {shown(listed)} {when}")
