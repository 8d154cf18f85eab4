"""A cancelled put or record leaves all of it or nothing, whenever the cancel comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lashkit.session import Session
from lashkit.values import content_id
from lashkit.workspace import Workspace

from .conftest import StartActor

ROUNDS = 60
LARGE = bytes(3 * 1024 * 1024)


def content(side: str, number: int) -> bytes:
    """Of every third round it is large: it is written in chunks, between which a cancel ends the work."""
    return f"{side} {number}".encode() + (LARGE if number % 3 == 0 else b"")


async def cancelled(work: Awaitable[object], after_s: float) -> bool:
    """Cancel the work after a while; whether that ended it."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(after_s)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def rows_of(ws: Workspace) -> dict[str, bool]:
    """Every row: id -> whether it is committed."""
    rows = await ws.catalog.list_all_refs()
    return {row.attachment_id: row.committed_at_epoch_ms is not None for row in rows}


async def duration_of(work: Awaitable[object]) -> float:
    begun = asyncio.get_running_loop().time()
    await work
    return asyncio.get_running_loop().time() - begun


PUTS: dict[str, Callable[[Workspace, Session, bytes], Awaitable[Any]]] = {
    "session": lambda ws, session, data: session.put(data),
    "workspace": lambda ws, session, data: ws.put(data),
}


@pytest.mark.parametrize("where", PUTS)
async def test_a_cancelled_put_leaves_the_whole_attachment_or_no_row(root: Path, where: str) -> None:
    chance = random.Random(0)
    outcomes = set()
    async with Workspace.open(root) as ws, ws.session("cats") as session:
        await PUTS[where](ws, session, b"first")
        usual_s = await duration_of(PUTS[where](ws, session, b"second"))
        for number in range(ROUNDS):
            data = content("text", number)
            was_cancelled = await cancelled(PUTS[where](ws, session, data), chance.uniform(0, 1.5 * usual_s))
            rows = await rows_of(ws)
            assert all(rows.values()), "an intent outlives the call"
            is_there = content_id(data) in rows
            assert is_there or was_cancelled
            if is_there:
                assert (await ws.get(content_id(data))).bytes == data
            outcomes.add((was_cancelled, is_there))
        assert (True, False) in outcomes, "none was cancelled early"
        rows = await rows_of(ws)
        await ws.reclaim(grace=0, progress=False)
        assert {blob.id async for blob in ws.store.list()} == rows.keys()
        assert (await ws.verify(progress=False)).ok


@pytest.mark.parametrize("has_neighbour", [False, True], ids=["alone", "beside a busy process"])
async def test_a_cancelled_record_leaves_the_turn_with_its_attachments_or_neither(
    root: Path, actor: StartActor, has_neighbour: bool
) -> None:
    chance = random.Random(0)
    outcomes = set()
    async with Workspace.open(root) as ws, ws.session("cats") as session:
        await session.record("first", b"one", b"two", turn_id="first")
        usual_s = await duration_of(session.record("second", b"three", b"four", turn_id="second"))
        if has_neighbour:
            neighbours = [await asyncio.to_thread(actor) for _ in range(2)]
            for index, one in enumerate(neighbours):
                await asyncio.to_thread(one.begin, "put_many_texts", f"neighbour-{index}", 300)
        for number in range(ROUNDS):
            texts = content("left", number), content("right", number)
            work = session.record("Look", *texts, turn_id=f"turn-{number}")
            was_cancelled = await cancelled(work, chance.uniform(0, 1.5 * usual_s))
            is_there = f"turn-{number}" in [turn.turn_id for turn in await session.history()]
            assert is_there or was_cancelled
            rows = await rows_of(ws)
            assert {rows.get(content_id(text), False) for text in texts} == {is_there}
            held = {attachment.id for attachment in await session.refs()}
            assert {content_id(text) in held for text in texts} == {is_there}
            outcomes.add((was_cancelled, is_there))
        assert (True, False) in outcomes, "none was cancelled early"
        if has_neighbour:
            for one in neighbours:
                assert await asyncio.to_thread(one.hears) == 300
        await session.record("last", turn_id="last")
        assert (await session.history())[-1].turn_id == "last"
        assert (await ws.verify(progress=False)).ok


async def test_a_cancelled_wait_for_a_session_gives_up_and_takes_nothing(root: Path, actor: StartActor) -> None:
    writer = await asyncio.to_thread(actor)
    await asyncio.to_thread(writer.do, "open", "cats")
    async with Workspace.open(root) as ws:
        assert await cancelled(ws.session("cats", wait=60).start(), 0.2)
        await asyncio.to_thread(writer.do, "close", "cats")
        assert await asyncio.to_thread(writer.do, "open", "cats") == "cats"
        assert await asyncio.to_thread(writer.do, "put", "cats", "mine")
