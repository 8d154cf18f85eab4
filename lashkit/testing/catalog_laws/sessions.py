"""Laws about all sessions of a catalog: listing, forking, deleting, and what each one sees."""

from __future__ import annotations

from functools import partial

from lashkit.errors import SessionBusy, SessionExecutionLeaseExpired, StoreError
from lashkit.manifest import AttachmentManifestEntry
from lashkit.runtime.protocols import SessionCatalog
from lashkit.runtime.records import SessionGraph, SessionMeta, SessionReadScope
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import CatalogCase
from lashkit.testing.session_samples import (
    LONG_AGO_EPOCH_MS,
    MINE,
    YOURS,
    ada,
    append,
    bob,
    claimed,
    dead_process,
    intent,
    loaded,
    must_hold_rows,
    naming,
    node,
    node_ids,
    owner_of,
    ref,
    turn,
)

__all__ = ["LAWS"]

FORK = SessionMeta(session_id="fork", name="a fork", created_at_epoch_ms=9_000, forked_from=(MINE, "b"))


async def sessions_are_listed_newest_first(case: CatalogCase) -> None:
    """`sessions` has every session that was committed to, with its meta, or its id for a name where none was saved;
    none that only has rows, a lease or a meta."""
    catalog = await case.make()
    hold(list(await catalog.sessions()) == [], "a fresh catalog has sessions")
    metas = [
        SessionMeta(session_id=each, name=f"the {each}", created_at_epoch_ms=at) for each, at in (("b", 5), ("a", 7))
    ]
    for meta in metas:
        commit = append([node("n")], session_id=meta.session_id, meta=meta)
        await catalog.session(meta.session_id).commit_runtime_state(commit)
    await catalog.session("only a meta").save_session_meta(
        SessionMeta(session_id="only a meta", name="x", created_at_epoch_ms=8)
    )
    await catalog.record_intent(intent("only a row"))
    await claimed(catalog.session("only a lease"), ada(), session_id="only a lease")
    found = list(await catalog.sessions())
    hold(found == metas[::-1], f"the sessions are {shown(found, 600)}, not {shown(metas[::-1], 600)}")
    await catalog.session("unnamed").commit_runtime_state(append([node("n")], session_id="unnamed"))
    names = sorted(meta.name for meta in await catalog.sessions())
    hold(names == ["the a", "the b", "unnamed"], f"with a session that has no meta, the names are {names}")


async def sessions_see_only_their_own(case: CatalogCase) -> None:
    """What one session commits, marks, saves or holds shows in no other: ids of nodes and turns are its own."""
    catalog = await case.make()
    mine, yours = catalog.session(MINE), catalog.session(YOURS)
    await mine.commit_runtime_state(
        append(
            [node("n", payload={"of": MINE})],
            turn_commit=turn("t1"),
            meta=SessionMeta(session_id=MINE, name="m", created_at_epoch_ms=1),
        )
    )
    await claimed(mine, ada())
    hold(await yours.load_session(SessionReadScope.full_graph()) is None, "a commit of one session made another")
    hold(await yours.load_session_meta() is None, "one session has the meta of another")
    hold(await yours.load_node("n") is None, "one session has a node of another")
    result = await yours.commit_runtime_state(
        append([node("n", payload={"of": YOURS})], session_id=YOURS, turn_commit=turn("t1", "other", YOURS))
    )
    hold(not result.was_replay, "a turn of another session counts as one's own")
    await claimed(yours, bob(), session_id=YOURS)
    found = (await loaded(mine)).graph
    expected = SessionGraph(nodes=(node("n", payload={"of": MINE}),), leaf_node_id="n")
    hold(found == expected, f"a commit of another session made the graph {shown(found, 400)}")


async def a_session_lists_only_its_own_rows(case: CatalogCase) -> None:
    """The manifest of a bound persistence is the part of the catalog's that is this session's."""
    catalog = await case.make()
    for session_id in (MINE, YOURS, "@workspace"):
        await catalog.record_intent(intent(session_id))
    await catalog.session(YOURS).record_intent(intent(YOURS, ref("b")))
    mine, yours = catalog.session(MINE), catalog.session(YOURS)
    rows = [(row.session_id, row.attachment_id) for row in await yours.list_all_refs()]
    hold(rows == [(YOURS, ref().id), (YOURS, ref("b").id)], f"yours lists {shown(rows, 400)}")
    rows = [(row.session_id, row.attachment_id) for row in await mine.list_uncommitted(LONG_AGO_EPOCH_MS + 1)]
    hold(rows == [(MINE, ref().id)], f"mine lists the uncommitted {shown(rows, 400)}")
    hold(not await mine.holds_ref(MINE, ref("b").id), "a session holds what only another one recorded")


async def every_look_at_the_rows_agrees(case: CatalogCase) -> None:
    """`entries` (of a session), `find_entries` (of a digest) and `entry` show the rows that `list_all_refs` has, in its
    order, whatever the session is called."""
    catalog = await case.make()
    sessions, seeds = (MINE, "@workspace", "\u732b '\"%_"), ("b", "a")
    for seed in seeds:
        for session_id in sessions:
            await catalog.record_intent(intent(session_id, ref(seed, label=session_id)))
    await catalog.commit_refs("@workspace", [ref("a").id])
    rows = list(await catalog.list_all_refs())
    hold(len(rows) == 6, f"six intents of three sessions are {len(rows)} rows")
    for session_id in (*sessions, "nobody"):
        found = list(await catalog.entries(session_id))
        expected = [row for row in rows if row.session_id == session_id]
        hold(found == expected, f"the entries of {session_id!r} are {shown(found, 400)}, not {shown(expected, 400)}")
        for seed in (*seeds, "c"):
            one = await catalog.entry(session_id, ref(seed).id)
            matching: list[AttachmentManifestEntry | None] = [
                row for row in expected if row.attachment_id == ref(seed).id
            ]
            hold([one] == (matching or [None]), f"the entry of {session_id!r} and {seed!r} is {shown(one, 400)}")
    for seed in (*seeds, "c"):
        found = list(await catalog.find_entries(ref(seed).id))
        expected = [row for row in rows if row.attachment_id == ref(seed).id]
        hold(found == expected, f"the rows of {seed!r} are {shown(found, 400)}, not {shown(expected, 400)}")


async def _origin(catalog: SessionCatalog) -> None:
    """Session `mine`: a -> b -> c, and a -> d. Named and committed: a (in a), b (in b), d (in d); an intent i (in b); a
    commit x that nothing names."""
    session = catalog.session(MINE)
    for seed in "abdix":
        await session.record_intent(intent(of=ref(seed, label=f"my {seed}")))
    nodes = [
        node("a", payload=naming(ref("a"))),
        node("b", "a", naming(ref("b"), ref("i"), ref("unknown"))),
        node("d", "a", naming(ref("d"))),
        node("c", "b"),
    ]
    committed = tuple(ref(seed).id for seed in "abdx")
    await session.commit_runtime_state(append(nodes, turn_commit=turn("t1"), committed_attachment_ids=committed))


async def a_fork_copies_the_path_and_its_commits(case: CatalogCase) -> None:
    """The new session has the nodes from a root to the one that is forked at, and the committed rows that their
    payloads name, as the origin describes them; the origin is as before."""
    catalog = await case.make()
    await _origin(catalog)
    before, rows = await loaded(catalog.session(MINE)), list(await catalog.list_all_refs())
    revision = await catalog.fork(MINE, "b", FORK)
    fork = catalog.session("fork")
    read = await loaded(fork)
    path = (await loaded(catalog.session(MINE), SessionReadScope.active_path("b"))).graph
    hold(read.graph == path, f"the fork is {shown(read.graph, 600)}, not {shown(path, 600)}")
    hold(read.head_revision == revision, f"fork returned {revision}, and the head is at {read.head_revision}")
    found = await fork.load_session_meta()
    hold(found == FORK, f"the fork's meta is {shown(found)}")
    hold("fork" in [meta.session_id for meta in await catalog.sessions()], "the fork is not among the sessions")
    copies = {(row.attachment_id, row.ref.label, row.committed_at_epoch_ms) for row in await catalog.entries("fork")}
    originals = {
        (row.attachment_id, row.ref.label, row.committed_at_epoch_ms)
        for row in rows
        if row.ref.label in ("my a", "my b")
    }
    hold(copies == originals, f"the fork's rows are {shown(copies, 600)}, not {shown(originals, 600)}")
    hold(await loaded(catalog.session(MINE)) == before, "a fork changed the origin's graph")
    hold(
        [row for row in await catalog.list_all_refs() if row.session_id == MINE] == rows,
        "a fork changed the origin's rows",
    )


async def a_fork_and_its_origin_part_ways(case: CatalogCase) -> None:
    """Whatever happens to one of both later does not show in the other: commits, turns, rows, deletion."""
    catalog = await case.make()
    await _origin(catalog)
    revision = await catalog.fork(MINE, "b", FORK)
    mine, fork = catalog.session(MINE), catalog.session("fork")
    before = await loaded(mine)
    await catalog.forget("fork", ref("a").id)
    result = await fork.commit_runtime_state(
        append(
            [node("c", "b", {"says": "another c"})], revision, session_id="fork", turn_commit=turn("t1", "new", "fork")
        )
    )
    hold(not result.was_replay, "a turn of the origin counts as the fork's")
    hold(await loaded(mine) == before, "a commit to the fork changed the origin")
    hold(await catalog.holds_ref(MINE, ref("a").id), "what the fork forgot, the origin lost")
    after = await loaded(fork)
    await mine.commit_runtime_state(append([node("e", "c")], before.head_revision))
    hold(await loaded(fork) == after, "a commit to the origin changed the fork")
    await catalog.delete(MINE)
    hold(await loaded(fork) == after, "deleting the origin changed the fork")
    await must_hold_rows(catalog, "fork", [ref("b").id], "after the origin was deleted")


async def a_fork_needs_an_origin_and_a_new_name(case: CatalogCase) -> None:
    """There must be the session and the node, and no session of the new id; otherwise nothing is made."""
    catalog = await case.make()
    await _origin(catalog)
    await catalog.session(YOURS).commit_runtime_state(append([node("y")], session_id=YOURS))
    await catalog.session(MINE).tombstone_nodes(["d"])
    taken = SessionMeta(session_id=YOURS, name="yours", created_at_epoch_ms=1)
    for what, attempt in {
        "of an unknown session": partial(catalog.fork, "nobody", "b", FORK),
        "at an unknown node": partial(catalog.fork, MINE, "nowhere", FORK),
        "at a tombstoned node": partial(catalog.fork, MINE, "d", FORK),
        "into a session that is there": partial(catalog.fork, MINE, "b", taken),
        "into itself": partial(catalog.fork, MINE, "b", SessionMeta(session_id=MINE, name="m", created_at_epoch_ms=1)),
    }.items():
        await must_raise(StoreError, attempt(), f"a fork {what}")
    hold(
        await catalog.session("fork").load_session(SessionReadScope.full_graph()) is None,
        "a refused fork made a session",
    )
    await must_hold_rows(catalog, "fork", [], "after forks that were refused")
    hold(node_ids(await loaded(catalog.session(YOURS))) == ["y"], "a refused fork changed a session")


async def a_deleted_session_is_gone(case: CatalogCase) -> None:
    """`delete` removes nodes, rows, turns, meta and lease of one session, and nothing of another. A session of the same
    name afterwards is a new one. Deleting what is not there is fine."""
    catalog = await case.make()
    await catalog.delete("nobody")
    await _origin(catalog)
    await catalog.fork(MINE, "b", FORK)
    others = await loaded(catalog.session("fork")), list(await catalog.entries("fork"))
    session = catalog.session(MINE)
    await session.save_session_meta(SessionMeta(session_id=MINE, name="m", created_at_epoch_ms=1))
    fence = (await claimed(session, ada())).fence()
    await catalog.delete(MINE, fence)
    await catalog.delete(MINE)
    hold(await session.load_session(SessionReadScope.full_graph()) is None, "a deleted session loads")
    hold(await session.load_session_meta() is None, "a deleted session has a meta")
    hold(await session.load_node("a") is None, "a deleted session has nodes")
    hold([meta.session_id for meta in await catalog.sessions()] == ["fork"], "a deleted session is listed")
    await must_hold_rows(catalog, MINE, [], "after its session was deleted")
    now = await loaded(catalog.session("fork")), list(await catalog.entries("fork"))
    hold(now == others, "deleting one session changed another")
    again = await claimed(session, bob())
    hold(again.fence() != fence, "the lease of a deleted session is still good")
    result = await session.commit_runtime_state(
        append([node("a")], turn_commit=turn("t1"), session_execution_lease=again.fence())
    )
    hold(not result.was_replay, "a deleted session's turn is still known")


async def a_delete_needs_the_session_to_itself(case: CatalogCase) -> None:
    """While somebody holds the lease, only the holder's fence deletes; a stale one never does. A holder proven dead
    does not stand in the way."""
    catalog = await case.make()
    await _origin(catalog)
    session = catalog.session(MINE)
    old = (await claimed(session, bob())).fence()
    error = await must_raise(SessionBusy, catalog.delete(MINE), "deleting a session that somebody writes")
    hold(error.holder == bob().label, f"the error names {shown(error.holder)}, not the holder")
    dead = owner_of("dead", await dead_process())
    await session.reclaim_session_execution_lease(MINE, dead, old)
    stale = catalog.delete(MINE, old)
    await must_raise(SessionExecutionLeaseExpired, stale, "deleting a session with a stale fence")
    hold(len(node_ids(await loaded(session))) == 4, "a delete that was refused removed nodes")
    hold(len(await catalog.entries(MINE)) == 5, "a delete that was refused removed rows")
    await catalog.delete(MINE)
    hold(
        await session.load_session(SessionReadScope.full_graph()) is None, "a session of a dead writer was not deleted"
    )


LAWS = (
    sessions_are_listed_newest_first,
    sessions_see_only_their_own,
    a_session_lists_only_its_own_rows,
    every_look_at_the_rows_agrees,
    a_fork_copies_the_path_and_its_commits,
    a_fork_and_its_origin_part_ways,
    a_fork_needs_an_origin_and_a_new_name,
    a_deleted_session_is_gone,
    a_delete_needs_the_session_to_itself,
)
