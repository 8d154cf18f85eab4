"""A store as one session sees it: what it puts is recorded before it is published, and it reads only what it holds.

    put      copy, hash, record the intent, publish the bytes
    stage    bytes in, nothing recorded, nothing visible;  publish: record the intent, publish the bytes
    read     the session's row first; without one the store beneath is not asked

A put leaves an intent. It becomes a commit with the session's next commit, which takes `pending_manifest_commit_ids`
and afterwards calls `mark_manifest_committed`. Ported from lash-core `attachments.rs` (`SessionScopedAttachmentStore`);
the guarded reads are ours.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from lashkit.clock import Clock, SystemClock
from lashkit.errors import (
    AttachmentBackendError,
    AttachmentBeingDeleted,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    ManifestRecordFailed,
    SessionExecutionLeaseExpired,
)
from lashkit.hops import one_hop
from lashkit.lease import SessionExecutionLeaseFence
from lashkit.manifest import (
    AttachmentFence,
    AttachmentIntent,
    AttachmentManifest,
    AttachmentManifestEntry,
    AttachmentOwner,
    NoopAttachmentManifest,
    SupportsEntries,
)
from lashkit.runner import Runner, default_runner, must_finish
from lashkit.stores.access import chunks_of, meta_of
from lashkit.stores.protocols import (
    AttachmentStore,
    Chunks,
    StagedBlob,
    SupportsStreaming,
    SyncMode,
    each_chunk,
    sync_mode_of,
)
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

if TYPE_CHECKING:
    from lashkit.sync.facades import SyncAttachmentStore

__all__ = ["SessionScopedAttachmentStore"]

_WAIT_LIMIT_S = 5.0
"""How long a writer waits for a sweep that is deleting the same bytes."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.25
_HEADS_PER_HOP = 64


class SessionScopedAttachmentStore:
    """An `AttachmentStore` that writes ahead into a manifest and shows one session's attachments only.

    Args:
        inner: where the bytes go, unscoped.
        manifest: where the session's rows are. With `SupportsEntries` its rows are the truth for label, media type and
            dimensions; otherwise reads describe an attachment as its first put did. With `AttachmentFence` a put waits
            up to 5 seconds for a sweep that is deleting the same bytes. `NoopAttachmentManifest` makes every
            attachment the session's, and `delete` that of the store itself.
        session_id: whose view it is.
        clock: where intent times come from.
        owner: who can still commit the intents; `None` lets their age alone decide.
        fence: the session's lease; a stale one refuses every put.
        runner: where hashing and waiting go.

    Threads may share it. An object of its own kind is the sessions' boundary, not a security boundary: whoever has
    `inner` or `manifest` reads everything.
    """

    def __init__(
        self,
        inner: AttachmentStore,
        manifest: AttachmentManifest,
        session_id: str,
        *,
        clock: Clock | None = None,
        owner: AttachmentOwner | None = None,
        fence: SessionExecutionLeaseFence | None = None,
        runner: Runner = default_runner,
    ) -> None:
        self._inner = inner
        self._manifest = manifest
        self._entries = manifest if isinstance(manifest, SupportsEntries) else None
        self._session_id = session_id
        self._clock = clock or SystemClock()
        self._owner = owner
        self._fence = fence
        self._runner = runner
        self._lock = threading.Lock()
        self._pending: dict[AttachmentId, None] = {}
        # What was staged here: nothing else can be published, or an id alone would be enough to hold its bytes.
        self._staged: dict[StagedBlob, bytes | None] = {}
        self._tokens = itertools.count()

    def __repr__(self) -> str:
        return f"SessionScopedAttachmentStore({self._inner!r}, session {self._session_id!r})"

    @property
    def session_id(self) -> str:
        """Whose view it is."""
        return self._session_id

    @property
    def sync_mode(self) -> SyncMode:
        """The most demanding of store and manifest."""
        return sync_mode_of(self._inner, self._manifest)

    @property
    def sync(self) -> SyncAttachmentStore:
        """The same store without `await`."""
        from lashkit.sync.facades import SyncAttachmentStore

        return SyncAttachmentStore(self)

    @property
    def persistence(self) -> AttachmentStorePersistence:
        """That of the store beneath."""
        return self._inner.persistence

    # Which puts wait for a commit

    def pending_manifest_commit_ids(self) -> tuple[AttachmentId, ...]:
        """What was put through this object and not marked as committed since, in the order of the first puts.

        After a restart the manifest's `list_uncommitted` knows them.
        """
        with self._lock:
            return tuple(self._pending)

    def mark_manifest_committed(self, ids: Iterable[AttachmentId]) -> None:
        """Drop ids from the pending ones: the session's state that names them is committed. Others are ignored."""
        with self._lock:
            for attachment_id in ids:
                self._pending.pop(attachment_id, None)

    def _await_commit(self, attachment_id: AttachmentId) -> None:
        with self._lock:
            self._pending[attachment_id] = None

    # Writing

    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Record the intent, then store all of `data`. Another put describes the attachment anew, for this session.

        Returns:
            The ref of these bytes as `meta` describes them.

        Raises:
            ManifestRecordFailed: the intent could not be recorded; its cause says why. No bytes were written.
            SessionExecutionLeaseExpired: the session's lease is lost. No bytes were written.
            AttachmentBeingDeleted: a sweep was still deleting these bytes after 5 s; no bytes were written. Try again.
            AttachmentBackendError: the store gave the bytes another id.
            AttachmentIoError: the medium refused; nothing was acknowledged. Put again.
        """
        ref = await self._put(bytes(data), meta)
        # Here and not in the worker: a put whose caller was cancelled stays an intent, and no commit takes it along.
        self._await_commit(ref.id)
        return ref

    @one_hop
    async def _put(self, data: bytes, meta: AttachmentCreateMeta) -> AttachmentRef:
        ref = meta.describe(await self._runner.run(content_id, data), len(data)).as_ref()
        await self._record(ref)
        return _checked(ref, await self._inner.put(data, meta))

    async def stage(self, chunks: Chunks) -> StagedBlob:
        """As `SupportsStreaming.stage`; nothing is recorded. A store that cannot stream stages in memory."""
        if isinstance(self._inner, SupportsStreaming):
            staged, held = await self._inner.stage(chunks), None
        else:
            held = b"".join([bytes(chunk) async for chunk in each_chunk(chunks)])
            staged = StagedBlob(await self._runner.run(content_id, held), len(held), f"scoped-{next(self._tokens)}")
        self._staged[staged] = held
        return staged

    async def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Record the intent, then make staged bytes visible. Where that fails before the store beneath was asked,
        `staged` is not used up: publish again or discard.

        Raises:
            AttachmentNotFound: `staged` was published, discarded, or was not staged here.
            ManifestRecordFailed, SessionExecutionLeaseExpired, AttachmentBeingDeleted, AttachmentBackendError,
            AttachmentIoError: as `put`.
        """
        ref = await self._publish(staged, meta)
        self._await_commit(ref.id)
        return ref

    @one_hop
    async def _publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        if staged not in self._staged:
            raise AttachmentNotFound(staged.id, "it is not staged here")
        ref = meta.describe(staged.id, staged.byte_len).as_ref()
        await self._record(ref)
        held = self._staged.pop(staged, None)
        if isinstance(self._inner, SupportsStreaming):
            return _checked(ref, await self._inner.publish(staged, meta))
        if held is None:
            raise AttachmentNotFound(staged.id, "it was published or discarded meanwhile")
        return _checked(ref, await self._inner.put(held, meta))

    async def discard(self, staged: StagedBlob) -> None:
        """As `SupportsStreaming.discard`."""
        self._staged.pop(staged, None)
        if isinstance(self._inner, SupportsStreaming):
            await self._inner.discard(staged)

    async def hold(self, ref: AttachmentRef) -> AttachmentRef:
        """Record the intent for bytes that the store has already, described as `ref` says: a put without the bytes.

        Raises:
            AttachmentNotFound: the store does not have them; nothing was recorded (unless a sweep took them at this
                very moment: then an intent stays, as of a put whose bytes never came).
            ManifestRecordFailed, SessionExecutionLeaseExpired, AttachmentBeingDeleted, AttachmentIoError: as `put`.
        """
        await self._hold(ref)
        self._await_commit(ref.id)
        return ref

    @one_hop
    async def _hold(self, ref: AttachmentRef) -> None:
        # No row is taken back afterwards: another put of this session may be counting on it by then.
        await self._inner.head(ref.id)
        await self._record(ref)
        await self._inner.head(ref.id)  # a sweep may have taken the bytes before the row was there

    async def _record(self, ref: AttachmentRef) -> None:
        """Write the intent, waiting for a sweep that is in the way."""
        write = self._manifest.begin_write if isinstance(self._manifest, AttachmentFence) else None
        pause_s, left_s = _FIRST_PAUSE_S, _WAIT_LIMIT_S
        while True:
            intent = AttachmentIntent(
                session_id=self._session_id,
                ref=ref,
                intent_at_epoch_ms=self._clock.timestamp_ms(),
                owner=self._owner,
                fence=self._fence,
            )
            try:
                await (write or self._manifest.record_intent)(intent)
            except AttachmentBeingDeleted:
                if left_s <= 0:
                    raise
            except SessionExecutionLeaseExpired:
                raise
            except Exception as exc:
                raise ManifestRecordFailed(
                    f"the intent of session {self._session_id!r} to store {ref.id.short} could not be recorded "
                    f"({type(exc).__name__}: {exc}); no bytes were written; put again"
                ) from exc
            else:
                must_finish()  # until the commit: an intent alone would outlive a call that was cancelled
                return
            await self._runner.sleep(pause_s)
            left_s -= pause_s
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S, max(left_s, 0.0))

    @one_hop
    async def delete(self, attachment_id: AttachmentId) -> None:
        """Drop the session's row; the bytes stay until a sweep finds that nobody holds them. Deleting what is not held
        is fine. Over `NoopAttachmentManifest`, where nobody holds anything, the bytes go at once."""
        await self._manifest.forget(self._session_id, attachment_id)
        self.mark_manifest_committed((attachment_id,))
        if isinstance(self._manifest, NoopAttachmentManifest):
            await self._inner.delete(attachment_id)

    # Reading

    async def _held(self, attachment_id: AttachmentId) -> AttachmentManifestEntry | None:
        """The session's row, where the manifest can give it.

        Raises:
            AttachmentNotFound: the session does not hold it.
        """
        if self._entries is not None:
            row = await self._entries.entry(self._session_id, attachment_id)
            if row is not None:
                return row
        elif await self._manifest.holds_ref(self._session_id, attachment_id):
            return None
        raise AttachmentNotFound(attachment_id)

    @one_hop
    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """As `AttachmentStore.get`, described as this session did; what it does not hold is `AttachmentNotFound`."""
        row = await self._held(attachment_id)
        if row is None:
            return await self._inner.get(attachment_id)
        try:
            data = (await self._inner.get(attachment_id)).bytes
        except (AttachmentMissingMeta, AttachmentMetadataDecodeError):
            # The row is the truth, the store's metadata a copy that can be done without.
            data = b"".join([chunk async for chunk in chunks_of(self._inner, attachment_id)])
        return StoredAttachment(_described(row, len(data)), data)

    @one_hop
    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """As `SupportsMeta.meta`, described as this session did; what it does not hold is `AttachmentNotFound`."""
        row = await self._held(attachment_id)
        if row is None:
            return await meta_of(self._inner, attachment_id)
        return _described(row, (await self._inner.head(attachment_id)).byte_len)

    @one_hop
    async def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        """As `AttachmentStore.head`; what the session does not hold is `AttachmentNotFound`."""
        await self._held(attachment_id)
        return await self._inner.head(attachment_id)

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        """As `SupportsStreaming.open`; what the session does not hold is `AttachmentNotFound` before the first chunk.
        A store that cannot stream gives one chunk."""
        await self._held(attachment_id)
        async for chunk in chunks_of(self._inner, attachment_id):
            yield chunk

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        """As `AttachmentStore.list`: what the session holds and the store has. Where the manifest gives rows, the order
        is that of the first puts."""
        if self._entries is None:
            async for blob in self._inner.list():
                if await self._manifest.holds_ref(self._session_id, blob.id):
                    yield blob
            return
        rows = await self._entries.entries(self._session_id)
        for start in range(0, len(rows), _HEADS_PER_HOP):
            for blob in await self._heads([row.attachment_id for row in rows[start : start + _HEADS_PER_HOP]]):
                yield blob

    @one_hop
    async def _heads(self, ids: Iterable[AttachmentId]) -> tuple[StoredBlobRef, ...]:
        """Those of the ids whose bytes are there."""
        found = []
        for attachment_id in ids:
            try:
                found.append(await self._inner.head(attachment_id))
            except AttachmentNotFound:  # an intent whose bytes never came
                continue
        return tuple(found)


def _described(row: AttachmentManifestEntry, byte_len: int) -> AttachmentMeta:
    return row.ref.facts().describe(row.attachment_id, byte_len)


def _checked(ref: AttachmentRef, returned: AttachmentRef) -> AttachmentRef:
    """`ref`, if the store gave the bytes its id."""
    if returned.id != ref.id:
        raise AttachmentBackendError(
            f"the store returned id {returned.id} for bytes whose content id is {ref.id}; "
            "check it with lashkit.testing.check_attachment_store"
        )
    return ref
