"""What is particular to the store in memory: it stays where it is, and large bytes do not hold up a loop."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

import pytest

from lashkit.errors import AttachmentNotFound
from lashkit.runner import ThreadRunner, drive
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.values import AttachmentCreateMeta, MediaType, content_id

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

META = AttachmentCreateMeta(MediaType("text/plain"))
LARGE = bytes(1024 * 1024 + 1)


class WatchedRunner(ThreadRunner):
    """Notes in which threads its work is done."""

    def __init__(self) -> None:
        super().__init__(workers=2)
        self.threads: list[threading.Thread] = []

    async def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        def noted() -> T:
            self.threads.append(threading.current_thread())
            return function(*args)

        return await super().run(noted)

    async def hop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        raise AssertionError("one hop for each hash is enough")


async def use(store: InMemoryAttachmentStore, data: bytes) -> None:
    ref = await store.put(data, META)
    assert (await store.get(ref.id)).bytes == data
    assert b"".join([chunk async for chunk in store.open(ref.id)]) == data
    assert await store.publish(await store.stage([data]), META) == ref
    with pytest.raises(AttachmentNotFound):
        await store.get(content_id(b"another"))


async def test_large_bytes_are_hashed_in_a_worker_and_small_ones_in_place() -> None:
    runner = WatchedRunner()
    store = InMemoryAttachmentStore(runner=runner)
    await use(store, LARGE[1:])
    assert runner.threads == []
    await use(store, LARGE)
    assert len(runner.threads) == 5
    assert threading.current_thread() not in runner.threads


def test_without_a_loop_everything_is_done_in_place() -> None:
    runner = WatchedRunner()
    drive(use(InMemoryAttachmentStore(runner=runner), LARGE))
    assert set(runner.threads) == {threading.current_thread()}


async def test_large_bytes_that_change_while_they_are_put_are_stored_as_they_were() -> None:
    store = InMemoryAttachmentStore()
    data = bytearray(LARGE)
    put = asyncio.ensure_future(store.put(data, META))
    await asyncio.sleep(0)
    data[0] = 1
    assert (await put).id == content_id(LARGE)
    assert (await store.get(content_id(LARGE))).bytes == LARGE


async def test_a_staged_blob_is_published_once_however_large() -> None:
    store = InMemoryAttachmentStore()
    staged = await store.stage([LARGE])
    results = await asyncio.gather(*(store.publish(staged, META) for _ in range(3)), return_exceptions=True)
    assert sorted(isinstance(result, AttachmentNotFound) for result in results) == [False, True, True]


def test_a_copy_is_the_store_and_a_pickle_is_refused_with_a_remedy() -> None:
    store = InMemoryAttachmentStore()
    for _ in range(2):
        assert copy.copy(store) is store
        assert copy.deepcopy([store])[0] is store
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="stays in its process; use a directory"):
                pickle.dumps(store, protocol)
        asyncio.run(use(store, LARGE))
