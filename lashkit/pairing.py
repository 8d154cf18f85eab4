"""Which catalog a store belongs to. Each carries the other's UUID, so that a sweep never trusts the wrong roots.

A new catalog that meets a store with attachments adopts them, from the metadata that their first puts wrote, as the
workspace's own. A catalog of another store, or a store that another catalog took over, cannot see the roots: it reads
and writes, and a sweep over it is refused.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass

from lashkit.errors import AttachmentIoError, AttachmentMetadataDecodeError, AttachmentMissingMeta, AttachmentStoreError
from lashkit.manifest import AttachmentManifestEntry
from lashkit.runner import Runner
from lashkit.runtime.protocols import SessionCatalog
from lashkit.stores.access import meta_of
from lashkit.stores.disk import NewFile, make_directories, read_all, sync_directory
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.protocols import AttachmentStore
from lashkit.values import AttachmentRef, DurabilityTier, MediaType, StoredBlobRef

__all__ = ["WORKSPACE", "Pairing", "pair", "read_pairing"]

WORKSPACE = "@workspace"
"""The session that holds what is put outside a session."""

_FILE = "store.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a store says of itself: its UUID, and that of the catalog that knows its roots."""

    store_uuid: str
    catalog_uuid: str


async def pair(store: AttachmentStore, catalog: SessionCatalog, *, runner: Runner) -> str:
    """Make sure that store and catalog know each other; a new catalog adopts what the store holds.

    Returns:
        The UUID of the catalog that the store belongs to: another than this one's where the roots cannot be seen.

    Raises:
        AttachmentIoError, StoreBackendError: a medium refused.
    """
    root = store.root if isinstance(store, FileAttachmentStore) else None
    # In this order: who pairs them writes the file first, so that nobody meets a new pair with the old file.
    paired_with = await catalog.paired_store()
    known = None if root is None else await runner.run(read_pairing, root)
    # A catalog in memory leaves no word behind, and takes over from none: it would sweep what others put.
    writes_to = root if catalog.durability_tier is DurabilityTier.DURABLE else None
    if paired_with is None:
        # Processes that open one new catalog at once come to the same name.
        store_uuid = known.store_uuid if known else uuid.uuid5(uuid.NAMESPACE_OID, catalog.catalog_uuid).hex
        adopted = [await _adopted(store, blob) async for blob in store.list()]
        if writes_to is not None:
            known = Pairing(store_uuid=store_uuid, catalog_uuid=catalog.catalog_uuid)
            await runner.run(_write, writes_to, known)
        await catalog.pair_store(store_uuid, adopted)
        paired_with = await catalog.paired_store()
    if known is None:
        # The store lost its file, or is one that cannot keep one: its catalog knows.
        known = Pairing(store_uuid=paired_with or "", catalog_uuid=catalog.catalog_uuid)
        if writes_to is not None:
            await runner.run(_write, writes_to, known)
    return known.catalog_uuid if known.store_uuid == paired_with else "another"


async def _adopted(store: AttachmentStore, blob: StoredBlobRef) -> AttachmentManifestEntry:
    try:
        ref = (await meta_of(store, blob.id)).as_ref()
    except (AttachmentMissingMeta, AttachmentMetadataDecodeError, AttachmentStoreError):
        ref = AttachmentRef(id=blob.id, media_type=MediaType("application/octet-stream"), byte_len=blob.byte_len)
    modified_ms = blob.last_modified_epoch_ms
    return AttachmentManifestEntry(
        session_id=WORKSPACE, ref=ref, intent_at_epoch_ms=modified_ms, committed_at_epoch_ms=modified_ms
    )


def read_pairing(root: str) -> Pairing | None:
    """What the store in the directory says of itself; `None` where it says nothing that can be read. Blocks.

    Raises:
        AttachmentIoError: the file system refused.
    """
    try:
        data = json.loads(read_all(os.path.join(root, _FILE), limit=4096))
        return Pairing(store_uuid=str(data["store_uuid"]), catalog_uuid=str(data["catalog_uuid"]))
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise AttachmentIoError.of(exc) from exc
    except (ValueError, TypeError, KeyError):
        return None  # garbage: as good as none


def _write(root: str, pairing: Pairing) -> None:
    text = json.dumps({"store_uuid": pairing.store_uuid, "catalog_uuid": pairing.catalog_uuid})
    path = os.path.join(root, _FILE)
    try:
        make_directories(root)
        with NewFile(f"{path}.{os.getpid()}.{os.urandom(4).hex()}") as file:
            file.write(text.encode())
            file.flush()
            file.move(path)
        sync_directory(root)
    except OSError as exc:
        raise AttachmentIoError.of(exc) from exc
