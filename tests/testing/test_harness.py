"""A harness gives what it can; what it cannot give is said, and everything that was made is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lashkit.testing
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import AttachmentStore
from lashkit.testing import FileHarness, MemoryHarness, StoreCase, attachment_store_report, check_attachment_store
from lashkit.testing.harness import harness_of
from lashkit.testing.laws import NotApplicable
from lashkit.testing.store_laws.samples import META
from lashkit.values import AttachmentId

SOME_ID = AttachmentId("0" * 64)


class Recording:
    """A harness with async methods that remembers what was opened and closed."""

    def __init__(self) -> None:
        self.opened: list[AttachmentStore] = []
        self.closed: list[AttachmentStore] = []

    async def make(self) -> AttachmentStore:
        self.opened.append(InMemoryAttachmentStore())
        return self.opened[-1]

    async def reopen(self, store: AttachmentStore) -> AttachmentStore:
        return await self.make()

    async def close(self, store: AttachmentStore) -> None:
        self.closed.append(store)


async def test_whatever_was_made_or_reopened_is_closed_last_first_also_when_a_law_breaks() -> None:
    harness = Recording()

    async def work_and_fail() -> None:
        async with StoreCase(harness) as case:
            await case.reopen(await case.make())
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await work_and_fail()
    assert harness.closed == harness.opened[::-1]
    assert len(harness.closed) == 2
    await attachment_store_report(harness)
    assert len(harness.closed) == len(harness.opened)


async def test_a_plain_callable_or_a_coroutine_function_is_harness_enough() -> None:
    async def make() -> InMemoryAttachmentStore:
        return InMemoryAttachmentStore()

    by_class = await check_attachment_store(InMemoryAttachmentStore)
    by_function = await check_attachment_store(make)
    assert by_class.subject == "InMemoryAttachmentStore"
    assert by_function.subject.endswith("make")
    assert by_class.held == by_function.held


async def test_each_capability_that_is_missing_is_named() -> None:
    async with StoreCase(harness_of(InMemoryAttachmentStore)) as case:
        store = await case.make()
        missing = {
            "reopen(store)": case.reopen(store),
            "corrupt(store, id, data)": case.corrupt(store, SOME_ID, b""),
            "lose(store, id)": case.lose(store, SOME_ID),
            "spoil_meta(store, id, data)": case.spoil_meta(store, SOME_ID, None),
            "plant(store, name, data)": case.plant(store, "x", b""),
            "plant_stale(store, data)": case.plant_stale(store, b""),
        }
        for name, attempt in missing.items():
            with pytest.raises(NotApplicable) as caught:
                await attempt
            assert str(caught.value) == f"the harness has no {name}"
        assert await case.leftovers(store) == ()
        assert await case.surroundings(store) == {}
        assert not case.can_reopen


async def test_a_durable_store_that_cannot_be_reopened_is_not_taken_at_its_word() -> None:
    def make() -> FileAttachmentStore:
        return FileAttachmentStore(folder)

    async with StoreCase(FileHarness()) as case:
        made: Any = await case.make()
        folder = made.root
        law = next(law for law in lashkit.testing.ATTACHMENT_STORE_LAWS if law.name == "persistence_is_honest")
        report = await check_attachment_store(make, laws=[law])
    assert report.not_applicable == ("persistence_is_honest",)
    assert "reopen" in report["persistence_is_honest"].reason


async def test_a_file_harness_sees_what_is_left_and_what_lies_beside(tmp_path: Path) -> None:
    harness = FileHarness(under=tmp_path)
    async with StoreCase(harness) as case:
        store = await case.make()
        await store.put(b"published", META)
        assert await case.leftovers(store) == ()
        await case.plant(store, "foreign.txt", b"foreign")
        beside = await case.surroundings(store)
        assert beside["lashkit-law-canary"] == b"beside the root"
        assert beside["root/sha256/foreign.txt"] == b"foreign"
        await case.plant_stale(store, b"stale")
        assert len([name for name in await case.leftovers(store) if name.startswith(".staging")]) == 4
    assert list(tmp_path.iterdir()) == []


async def test_harnesses_refuse_the_stores_of_others(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="is no InMemoryAttachmentStore"):
        MemoryHarness().leftovers(FileAttachmentStore(tmp_path))
    with pytest.raises(TypeError, match="is no FileAttachmentStore"):
        await FileHarness().leftovers(InMemoryAttachmentStore())
    assert repr(MemoryHarness()) == "MemoryHarness(InMemoryAttachmentStore)"
    assert repr(FileHarness()) == "FileHarness(FileAttachmentStore)"


def test_the_module_offers_its_names_and_no_others() -> None:
    assert {name for name in lashkit.testing.__all__ if not hasattr(lashkit.testing, name)} == set()
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        lashkit.testing.unheard_of  # noqa: B018
