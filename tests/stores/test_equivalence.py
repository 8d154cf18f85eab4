"""Memory and files do the same: random operations give the same outcomes and leave the same state."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from lashkit.errors import LashkitError
from lashkit.runner import drive
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import StagedBlob
from lashkit.values import AttachmentCreateMeta, AttachmentId, MediaType, content_id

# Few contents, so that operations meet; one is longer than a chunk.
CONTENTS = (b"", b"a", b"b", b"\x00" * 100, bytes(range(256)) * 1_200)
METAS = st.builds(
    AttachmentCreateMeta,
    st.sampled_from(["text/plain", "image/png", "text/plain; charset=utf-8"]).map(MediaType),
    width=st.none() | st.integers(1, 5),
    height=st.none() | st.integers(1, 5),
    label=st.none() | st.text(max_size=5),
)
IDS = st.sampled_from([*(content_id(data) for data in CONTENTS), AttachmentId("0" * 64)])
DATA = st.sampled_from(CONTENTS)

Store = InMemoryAttachmentStore | FileAttachmentStore


def outcome(operation: Coroutine[Any, Any, Any]) -> object:
    """What came of it: a value, or which of lashkit's errors."""
    try:
        return drive(operation)
    except LashkitError as exc:
        return type(exc)


async def drained(iterator: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in iterator]


async def in_async_pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 70_000):
        yield data[start : start + 70_000]


class SameOperations(RuleBasedStateMachine):
    """Every rule does one thing to both stores and compares what came of it."""

    staged: Bundle[tuple[StagedBlob, StagedBlob]] = Bundle("staged")

    @initialize()
    def open_both(self) -> None:
        shared = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        self.memory = InMemoryAttachmentStore()
        self.files = FileAttachmentStore(Path(self.folder.name) / "root")

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def same(self, memory: Coroutine[Any, Any, Any], files: Coroutine[Any, Any, Any]) -> object:
        first, second = outcome(memory), outcome(files)
        assert first == second
        return first

    @rule(data=DATA, meta=METAS)
    def put(self, data: bytes, meta: AttachmentCreateMeta) -> None:
        self.same(self.memory.put(data, meta), self.files.put(data, meta))

    @rule(target=staged, data=DATA, is_async=st.booleans())
    def stage(self, data: bytes, is_async: bool) -> tuple[StagedBlob, StagedBlob]:
        one, two = (
            drive(store.stage(in_async_pieces(data) if is_async else [data[:1], data[1:]]))
            for store in (self.memory, self.files)
        )
        assert (one.id, one.byte_len) == (two.id, two.byte_len)
        return one, two

    @rule(staged=staged, meta=METAS)
    def publish_perhaps_again(self, staged: tuple[StagedBlob, StagedBlob], meta: AttachmentCreateMeta) -> None:
        self.same(self.memory.publish(staged[0], meta), self.files.publish(staged[1], meta))

    @rule(staged=consumes(staged))
    def discard(self, staged: tuple[StagedBlob, StagedBlob]) -> None:
        self.same(self.memory.discard(staged[0]), self.files.discard(staged[1]))

    @rule(attachment_id=IDS)
    def delete(self, attachment_id: AttachmentId) -> None:
        self.same(self.memory.delete(attachment_id), self.files.delete(attachment_id))

    @rule(attachment_id=IDS)
    def read(self, attachment_id: AttachmentId) -> None:
        self.same(self.memory.get(attachment_id), self.files.get(attachment_id))
        self.same(self.memory.meta(attachment_id), self.files.meta(attachment_id))
        self.same(drained(self.memory.open(attachment_id)), drained(self.files.open(attachment_id)))

    @rule()
    def look_through_another_object(self) -> None:
        """What the next process would find, beside the store that goes on."""
        assert self.state(FileAttachmentStore(self.files.root)) == self.state(self.memory)

    @invariant()
    def both_hold_the_same(self) -> None:
        if hasattr(self, "files"):
            assert self.state(self.memory) == self.state(self.files)

    @staticmethod
    def state(store: Store) -> dict[str, object]:
        """Everything that a store holds, but for the times."""
        blobs = drive(drained(store.list()))
        assert len({blob.id for blob in blobs}) == len(blobs)
        heads = {blob.id: drive(store.head(blob.id)) for blob in blobs}
        assert heads == {blob.id: blob for blob in blobs}
        return {blob.id: (blob.byte_len, drive(store.get(blob.id))) for blob in blobs}


TestMemoryAndFilesDoTheSame = pytest.mark.slow(SameOperations.TestCase)
TestMemoryAndFilesDoTheSame.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
