"""Stores that break one promise each, to prove that the laws can fail. Never an example of how to do it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import hashlib
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from lashkit.errors import (
    AttachmentCorrupt,
    AttachmentIoError,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
)
from lashkit.stores.damage import KnownDamage
from lashkit.stores.directory import StoreDirectory
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import AttachmentStore, StagedBlob, each_chunk
from lashkit.testing.harness import StoreHarness
from lashkit.testing.harnesses import FileHarness, MemoryHarness
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    AttachmentStorePersistence,
    BytesLike,
    StoredAttachment,
    StoredBlobRef,
    content_id,
)

FALLBACK = AttachmentCreateMeta("application/octet-stream")  # type: ignore[arg-type]

# Each twin's own law: the one that it exists for.
OWN_LAW: dict[type[AttachmentStore], str] = {}


def breaks(law: str) -> Callable[[type[Any]], type[Any]]:
    """Say which law a twin exists for."""

    def register(twin: type[Any]) -> type[Any]:
        OWN_LAW[twin] = law
        return twin

    return register


def breaks_on_disk(law: str) -> Callable[[type[StoreDirectory]], type[StoreDirectory]]:
    """The same for a twin of the file store, of which only the blocking half is broken."""

    def register(directory: type[StoreDirectory]) -> type[StoreDirectory]:
        class Twin(FileAttachmentStore):
            def __init__(self, root: Path) -> None:
                super().__init__(root)
                self._directory = directory(self.root)

        Twin.__name__ = directory.__name__
        breaks(law)(Twin)
        return directory

    return register


def harness_for(twin: type[AttachmentStore], under: Path) -> StoreHarness:
    """The harness to try `twin` with; `under` is where files go."""
    if issubclass(twin, FileAttachmentStore):
        return FileHarness(twin, under=under)
    if twin is ClaimsToBeDurable:
        return _ReopensEmpty(twin)
    assert issubclass(twin, InMemoryAttachmentStore)
    return MemoryHarness(twin)


class _ReopensEmpty(MemoryHarness):
    def reopen(self, store: AttachmentStore) -> AttachmentStore:
        return self.make()


# ------------------------------------------------------------------------------------------------- content


@breaks("bytes_round_trip")
class StripsPadding(InMemoryAttachmentStore):
    """Takes NUL bytes at the end for padding."""

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        stored = await super().get(attachment_id)
        return StoredAttachment(stored.meta, stored.bytes.rstrip(b"\x00"))


@breaks("every_kind_of_buffer_is_taken")
class CountsItems(InMemoryAttachmentStore):
    """Takes the number of a view's items for its length in bytes."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        return dataclasses.replace(await super().put(data, meta), byte_len=len(data))


@breaks("later_changes_of_a_buffer_change_nothing")
class KeepsTheCallersBuffer(InMemoryAttachmentStore):
    """Saves a copy, and with it the promise."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        ref = await super().put(data, meta)
        if isinstance(data, bytearray):
            self._blobs[ref.id] = dataclasses.replace(self._blobs[ref.id], data=data)  # type: ignore[arg-type]
        return ref

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        stored = await super().get(attachment_id)
        return StoredAttachment(stored.meta, bytes(stored.bytes))


@breaks("later_changes_of_a_buffer_change_nothing")
class HoldsAView(InMemoryAttachmentStore):
    """Copies the bytes and still holds a view of the caller's buffer, which cannot grow meanwhile."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        self._view = memoryview(data)
        return await super().put(data, meta)


@breaks("metadata_round_trips")
class DropsEmptyLabels(InMemoryAttachmentStore):
    """Takes an empty label for none."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        return await super().put(data, dataclasses.replace(meta, label=meta.label or None))


@breaks("the_first_put_keeps_its_metadata")
class LastPutWins(InMemoryAttachmentStore):
    """Overwrites the metadata on every put."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        self._blobs.pop(content_id(data), None)
        return await super().put(data, meta)


# ------------------------------------------------------------------------------------------------- identity


@breaks("the_id_is_the_sha256_of_the_bytes")
class NamesByAnotherHash(InMemoryAttachmentStore):
    """Returns refs that name the bytes by BLAKE2."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        ref = await super().put(data, meta)
        return dataclasses.replace(ref, id=AttachmentId(hashlib.blake2s(data).hexdigest()))


@breaks("identical_bytes_share_one_id")
class ListsEveryPut(InMemoryAttachmentStore):
    """Has an entry for each put, not for each attachment."""

    def __init__(self) -> None:
        super().__init__()
        self._puts: Counter[AttachmentId] = Counter()

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        self._puts[content_id(data)] += 1
        return await super().put(data, meta)

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        async for blob in super().list():
            for _ in range(self._puts[blob.id] or 1):
                yield blob


@breaks("ids_that_are_given_out_are_safe")
class GivesOutPlainStrings(InMemoryAttachmentStore):
    """Lists ids that nobody checked."""

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        async for blob in super().list():
            yield dataclasses.replace(blob, id=str(blob.id))  # type: ignore[arg-type]


@breaks("unknown_ids_are_not_found")
class FindsByPrefix(InMemoryAttachmentStore):
    """Takes two equal digits for the same id."""

    def _blob(self, attachment_id: AttachmentId) -> Any:
        near = (known for known in self._blobs if known[:2] == attachment_id[:2] and attachment_id)
        return super()._blob(attachment_id if attachment_id in self._blobs else next(near, attachment_id))


@breaks("unknown_ids_are_not_found")
class RaisesKeyError(InMemoryAttachmentStore):
    """Lets the dictionary's own error out."""

    def _blob(self, attachment_id: AttachmentId) -> Any:
        return self._blobs[attachment_id]


@breaks_on_disk("hostile_ids_touch_nothing")
class TrustsPaths(StoreDirectory):
    """Joins whatever it is handed to its root."""

    def _path(self, attachment_id: str) -> str:
        return os.path.join(self._shards, attachment_id[:2], attachment_id)


@breaks("hostile_ids_touch_nothing")
class ForgivesCase(InMemoryAttachmentStore):
    """Trims and lowers ids before it looks, so that one attachment has many names."""

    def _blob(self, attachment_id: AttachmentId) -> Any:
        return super()._blob(attachment_id.strip().lower())  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- deletion and listing


@breaks("head_agrees_with_list")
class TakesEmptyForMissing(InMemoryAttachmentStore):
    """Asks `if data`, where it means `if data is not None`."""

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        if not self._blob(attachment_id).data:
            raise AttachmentNotFound(attachment_id)
        return await super().head(attachment_id)


@breaks("head_agrees_with_list")
class TellsTimeInFloats(InMemoryAttachmentStore):
    """Gives times in fractions of a millisecond."""

    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        blob = await super().head(attachment_id)
        return dataclasses.replace(blob, last_modified_epoch_ms=float(blob.last_modified_epoch_ms))  # type: ignore[arg-type]


@breaks("deletes_are_complete")
class ForgetsToUnlist(InMemoryAttachmentStore):
    """Lists what was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self._listing: dict[AttachmentId, StoredBlobRef] = {}

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        for blob in tuple((self._listing | {b.id: b async for b in InMemoryAttachmentStore.list(self)}).values()):
            yield blob

    async def delete(self, attachment_id: AttachmentId) -> None:
        if attachment_id in self._blobs:
            self._listing[attachment_id] = await self.head(attachment_id)
        await super().delete(attachment_id)


@breaks("deletes_are_idempotent")
class DeletesOnlyWhatIsThere(InMemoryAttachmentStore):
    """Complains about deletes of what is gone."""

    async def delete(self, attachment_id: AttachmentId) -> None:
        self._blob(attachment_id)
        await super().delete(attachment_id)


@breaks("deleted_attachments_can_be_put_again")
class RemembersTheDead(InMemoryAttachmentStore):
    """Gives what comes back its old metadata."""

    def __init__(self) -> None:
        super().__init__()
        self._dead: dict[AttachmentId, Any] = {}

    async def delete(self, attachment_id: AttachmentId) -> None:
        if attachment_id in self._blobs:
            self._dead[attachment_id] = self._blobs[attachment_id]
        await super().delete(attachment_id)

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        dead = self._dead.pop(content_id(data), None)
        if dead is not None:
            self._blobs[dead.meta.id] = dead
        return await super().put(data, meta)


# ------------------------------------------------------------------------------------------------- simultaneity


@breaks("readers_never_see_part_of_a_put")
class WritesInPlace(InMemoryAttachmentStore):
    """Writes where readers look, in two steps."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        attachment_id = content_id(data)
        if attachment_id not in self._blobs:
            await super().put(data, meta)
            whole = self._blobs[attachment_id]
            try:
                self._blobs[attachment_id] = dataclasses.replace(whole, data=whole.data[: len(whole.data) // 2])
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            finally:
                self._blobs[attachment_id] = whole
        return await super().put(data, meta)


@breaks("simultaneous_puts_of_the_same_bytes_are_one")
class SharesAStagingName(InMemoryAttachmentStore):
    """Stages every put of the same bytes under the same name, which must not exist."""

    def __init__(self) -> None:
        super().__init__()
        self._writing: set[AttachmentId] = set()

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        attachment_id = content_id(data)
        if attachment_id in self._writing:
            raise AttachmentIoError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._writing.add(attachment_id)
        try:
            await asyncio.sleep(0)
            return await super().put(data, meta)
        finally:
            self._writing.discard(attachment_id)


@breaks("simultaneous_puts_all_land")
class HasOneSlot(InMemoryAttachmentStore):
    """Keeps what comes in where the next put finds it too."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        self._incoming = data, meta
        await asyncio.sleep(0)
        return await super().put(*self._incoming)


@breaks("puts_and_deletes_at_once_leave_the_whole_or_nothing")
class LetsADeleteComeBetween(InMemoryAttachmentStore):
    """Lands in two steps, and a delete between them takes the first away."""

    def __init__(self) -> None:
        super().__init__()
        self._landing: Counter[AttachmentId] = Counter()
        self._bare: set[AttachmentId] = set()

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        attachment_id = content_id(data)
        self._bare.discard(attachment_id)
        self._landing[attachment_id] += 1
        try:
            await asyncio.sleep(0)
            return await super().put(data, meta)
        finally:
            self._landing[attachment_id] -= 1

    async def delete(self, attachment_id: AttachmentId) -> None:
        await super().delete(attachment_id)
        if self._landing[attachment_id]:
            self._bare.add(attachment_id)

    def _blob(self, attachment_id: AttachmentId) -> Any:
        if attachment_id in self._bare and attachment_id in self._blobs:
            raise AttachmentMissingMeta(attachment_id)
        return super()._blob(attachment_id)


@breaks("cancelled_puts_are_all_or_nothing")
class LeavesHalfWhenCancelled(InMemoryAttachmentStore):
    """Publishes what it has when it is told to stop."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            ref = await super().put(data, meta)
            self._blobs[ref.id] = dataclasses.replace(self._blobs[ref.id], data=bytes(data)[:100])
            raise
        return await super().put(data, meta)


# ------------------------------------------------------------------------------------------------- survival


@breaks_on_disk("acknowledged_changes_survive_reopening")
class DeletesForItselfOnly(StoreDirectory):
    """Remembers deletes in memory."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._gone: set[str] = set()
        self._one_at_a_time = threading.RLock()

    def _path(self, attachment_id: str) -> str:
        return super()._path(attachment_id) + (".gone" if attachment_id in self._gone else "")

    def blobs_in(self, shards: Iterable[str]) -> list[StoredBlobRef]:
        return [blob for blob in super().blobs_in(shards) if blob.id not in self._gone]

    def delete(self, attachment_id: AttachmentId) -> None:
        with self._one_at_a_time:
            self._gone.add(attachment_id)

    def put(self, data: bytes, meta: AttachmentCreateMeta) -> AttachmentRef:
        with self._one_at_a_time:
            return super().put(data, meta)

    def _hit(self, described: AttachmentMeta) -> bool:
        self._gone.discard(described.id)
        return super()._hit(described)


@breaks("persistence_is_honest")
class ClaimsToBeDurable(InMemoryAttachmentStore):
    """Says that memory lasts."""

    @property
    def persistence(self) -> AttachmentStorePersistence:
        return AttachmentStorePersistence.DURABLE


@breaks("persistence_is_honest")
class SaysNothingOfPersistence(InMemoryAttachmentStore):
    """Answers with a word of its own."""

    @property
    def persistence(self) -> Any:
        return "mostly"


@breaks_on_disk("stale_staging_never_blocks")
class StumblesOverStaleFiles(StoreDirectory):
    """Takes what a dead writer left for a lock."""

    def _sweep_staging(self) -> None:
        for name in os.listdir(self._staging):
            if name.startswith("0" * 16):  # of no machine that there is
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


@breaks_on_disk("foreign_entries_are_skipped_with_a_warning")
class SkipsSilently(StoreDirectory):
    """Does not say that something is there that it does not know."""

    def _warn_of_foreign(self, path: str) -> None:
        pass


@breaks_on_disk("foreign_entries_are_skipped_with_a_warning")
class RemovesForeignFiles(StoreDirectory):
    """Tidies up what is not its own."""

    def _warn_of_foreign(self, path: str) -> None:
        super()._warn_of_foreign(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


# ------------------------------------------------------------------------------------------------- damage


@breaks("lost_bytes_are_rewritten")
class TrustsItsMemory(InMemoryAttachmentStore):
    """Believes that what it once wrote is still there."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[AttachmentId] = set()

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        attachment_id = content_id(data)
        if attachment_id in self._seen:
            return meta.describe(attachment_id, memoryview(data).nbytes).as_ref()
        self._seen.add(attachment_id)
        return await super().put(data, meta)

    async def delete(self, attachment_id: AttachmentId) -> None:
        self._seen.discard(attachment_id)
        await super().delete(attachment_id)


@breaks("corrupt_bytes_are_never_returned")
class NeverHashes(InMemoryAttachmentStore):
    """Returns what is there."""

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        blob = self._blob(attachment_id)
        return StoredAttachment(blob.meta, blob.data)


@breaks("corrupt_bytes_are_never_returned")
class ComparesLengthsOnly(InMemoryAttachmentStore):
    """Takes bytes of the right length for the right bytes."""

    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        blob = self._blob(attachment_id)
        if len(blob.data) != blob.meta.byte_len:
            raise AttachmentCorrupt(attachment_id)
        return StoredAttachment(blob.meta, blob.data)


@breaks("open_raises_before_the_end_of_corrupt_bytes")
class StreamsUnverified(InMemoryAttachmentStore):
    """Streams what is there."""

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        with contextlib.suppress(AttachmentCorrupt):
            async for chunk in super().open(attachment_id):
                yield chunk


@breaks("a_put_repairs_what_is_known_corrupt")
class NeverRepairs(InMemoryAttachmentStore):
    """Takes an id that it has for bytes that it has."""

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        known = self._blobs.get(content_id(data))
        ref = await super().put(data, meta)
        if known is not None:
            self._blobs[ref.id] = known
        return ref


@breaks_on_disk("known_damage_outlives_who_found_it")
class TellsNobodyOfDamage(StoreDirectory):
    """Remembers in memory what it found."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._damage = _PrivateKnowledge("")


class _PrivateKnowledge(KnownDamage):
    def __contains__(self, attachment_id: AttachmentId) -> bool:
        return attachment_id in self._unwritten

    def note(self, attachment_id: AttachmentId) -> None:
        self._unwritten.add(attachment_id)

    def forget(self, attachment_id: AttachmentId) -> None:
        self._unwritten.discard(attachment_id)


@breaks_on_disk("lost_metadata_is_said_and_rewritten")
class InventsMetadata(StoreDirectory):
    """Makes up what it does not have."""

    def _read_sidecar(self, attachment_id: AttachmentId, byte_len: int) -> AttachmentMeta:
        try:
            return super()._read_sidecar(attachment_id, byte_len)
        except AttachmentMissingMeta:
            return FALLBACK.describe(attachment_id, byte_len)


@breaks_on_disk("unreadable_metadata_is_said_and_rewritten")
class TakesGarbageForNothing(StoreDirectory):
    """Says that metadata is missing, where it is damaged."""

    def _read_sidecar(self, attachment_id: AttachmentId, byte_len: int) -> AttachmentMeta:
        try:
            return super()._read_sidecar(attachment_id, byte_len)
        except AttachmentMetadataDecodeError:
            raise AttachmentMissingMeta(attachment_id) from None


# ------------------------------------------------------------------------------------------------- streams


@breaks("streams_come_in_small_chunks")
class GivesOneBigChunk(InMemoryAttachmentStore):
    """Streams everything at once."""

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        yield b"".join([chunk async for chunk in super().open(attachment_id)])


@breaks("stage_and_publish_are_a_put")
class PublishesOverTheFirst(InMemoryAttachmentStore):
    """Overwrites the metadata of the first put when it publishes."""

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        if staged in self._staged:
            self._blobs.pop(staged.id, None)
        return await super().publish(staged, meta)


@breaks("sync_and_async_chunks_are_alike")
class StopsAtAnEmptyChunk(InMemoryAttachmentStore):
    """Takes an empty chunk for the end."""

    async def stage(self, chunks: Any) -> StagedBlob:
        taken = []
        async for chunk in each_chunk(chunks):
            if not chunk:
                break
            taken.append(chunk)
        return await super().stage(taken)


@breaks("staged_bytes_are_invisible")
class ListsWhatIsStaged(InMemoryAttachmentStore):
    """Shows what is not published yet."""

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        async for blob in super().list():
            yield blob
        for staged in self._staged:
            if staged.id not in self._blobs:
                yield StoredBlobRef(staged.id, staged.byte_len, 0)


@breaks("discards_are_idempotent")
class DiscardsThePublished(InMemoryAttachmentStore):
    """Drops by id what was staged, wherever it is by now."""

    async def discard(self, staged: StagedBlob) -> None:
        await super().discard(staged)
        await self.delete(staged.id)


@breaks("discards_are_idempotent")
class DiscardsOnce(InMemoryAttachmentStore):
    """Complains about discards of what is gone."""

    async def discard(self, staged: StagedBlob) -> None:
        del self._staged[staged]


@breaks("staged_blobs_are_used_once")
class PublishesTwice(InMemoryAttachmentStore):
    """Publishes what it published before."""

    def __init__(self) -> None:
        super().__init__()
        self._used: dict[StagedBlob, bytes] = {}

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        self._used.setdefault(staged, self._staged.get(staged, b""))
        self._staged[staged] = self._used[staged]
        return await super().publish(staged, meta)


@breaks("a_failing_source_leaves_nothing")
class KeepsWhatCameBeforeTheFailure(InMemoryAttachmentStore):
    """Leaves a part in the staging area where the source fails."""

    async def stage(self, chunks: Any) -> StagedBlob:
        taken = []
        try:
            async for chunk in each_chunk(chunks):
                taken.append(chunk)
        except Exception:
            await super().stage(taken)
            raise
        return await super().stage(taken)


@breaks("a_failing_source_leaves_nothing")
class TranslatesTheSourcesError(InMemoryAttachmentStore):
    """Tells the caller's own error as one of the store's."""

    async def stage(self, chunks: Any) -> StagedBlob:
        try:
            return await super().stage(chunks)
        except Exception as exc:
            raise AttachmentIoError(errno.EIO, str(exc)) from exc


@breaks("a_cancelled_stage_leaves_nothing")
class SwallowsCancellation(InMemoryAttachmentStore):
    """Stages what it has when it is told to stop."""

    async def stage(self, chunks: Any) -> StagedBlob:
        taken = []
        with contextlib.suppress(asyncio.CancelledError):
            async for chunk in each_chunk(chunks):
                taken.append(chunk)
        return await super().stage(taken)


@breaks("a_cancelled_stage_leaves_nothing")
class StagesForNobody(InMemoryAttachmentStore):
    """Keeps what it staged for a caller who is gone."""

    async def stage(self, chunks: Any) -> StagedBlob:
        staged = await super().stage(chunks)
        await asyncio.sleep(0)
        return staged


@breaks("an_abandoned_stream_lets_go")
class LeaksDescriptors(InMemoryAttachmentStore):
    """Opens a file for each stream and closes it when the store goes."""

    def __init__(self) -> None:
        super().__init__()
        self._fds: list[int] = []

    def __del__(self) -> None:
        for fd in self._fds:
            os.close(fd)

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        self._fds.append(os.open(os.devnull, os.O_RDONLY))
        async for chunk in super().open(attachment_id):
            yield chunk


@breaks("an_abandoned_stream_lets_go")
class LeavesItToTheCollector(InMemoryAttachmentStore):
    """Closes its file at the end of the stream, and forgets that not everyone reads that far."""

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        chunks = [chunk async for chunk in super().open(attachment_id)]
        file = open(os.devnull, "rb")  # noqa: SIM115
        for chunk in chunks:
            yield chunk
        file.close()
