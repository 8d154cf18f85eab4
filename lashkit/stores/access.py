"""Any store, used alike: what it cannot do in chunks or without the bytes is done with them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lashkit.stores.protocols import AttachmentStore, Chunks, SupportsMeta, SupportsStreaming, each_chunk
from lashkit.values import AttachmentCreateMeta, AttachmentId, AttachmentMeta, AttachmentRef

__all__ = ["chunks_of", "meta_of", "put_chunks"]


async def meta_of(store: AttachmentStore, attachment_id: AttachmentId) -> AttachmentMeta:
    """The metadata, as `SupportsMeta.meta`."""
    if isinstance(store, SupportsMeta):
        return await store.meta(attachment_id)
    return (await store.get(attachment_id)).meta


async def chunks_of(store: AttachmentStore, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
    """The bytes in chunks, as `SupportsStreaming.open`; a store that cannot stream gives one."""
    if isinstance(store, SupportsStreaming):
        async for chunk in store.open(attachment_id):
            yield chunk
    elif data := (await store.get(attachment_id)).bytes:
        yield data


async def put_chunks(store: AttachmentStore, chunks: Chunks, meta: AttachmentCreateMeta) -> AttachmentRef:
    """Put bytes that come in chunks: all of them or none."""
    if isinstance(store, SupportsStreaming):
        return await store.publish(await store.stage(chunks), meta)
    return await store.put(b"".join([bytes(chunk) async for chunk in each_chunk(chunks)]), meta)
