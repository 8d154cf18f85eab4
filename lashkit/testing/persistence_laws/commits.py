"""Laws about commits: the graph, the head and the turn."""

from __future__ import annotations

from dataclasses import replace

from lashkit.errors import HeadRevisionConflict, RuntimeTurnCommitConflict, SessionBindingMismatch, StoreError
from lashkit.runtime.records import (
    GraphCommitDelta,
    RuntimeCommit,
    RuntimeCommitResult,
    SessionGraph,
    SessionMeta,
    SessionReadScope,
)
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import PersistenceCase
from lashkit.testing.session_samples import MINE, YOURS, append, loaded, node, node_ids, turn
from lashkit.values import DurabilityTier

__all__ = ["LAWS"]


async def the_first_commit_makes_the_session(case: PersistenceCase) -> None:
    """Before it the session loads as `None`; after it the session is what was committed, at the revision returned."""
    persistence = await case.make(MINE)
    before = await persistence.load_session(SessionReadScope.full_graph())
    hold(before is None, f"a session that nobody committed to loads as {shown(before, 400)}")
    nodes = (node("a"), node("b", "a"))
    result = await persistence.commit_runtime_state(append(nodes))
    hold(not result.was_replay, "a first commit says that it was a replay")
    read = await loaded(persistence)
    hold(
        (read.session_id, read.head_revision) == (MINE, result.head_revision),
        f"a commit returned {shown(result)} and the session is {shown(read, 400)}",
    )
    expected = SessionGraph(nodes=nodes, leaf_node_id="b")
    hold(read.graph == expected, f"the graph is {shown(read.graph, 600)}, not {shown(expected, 600)}")


async def the_head_is_compared_and_swapped(case: PersistenceCase) -> None:
    """A commit that read another revision than the head's is refused with both; each commit raises the revision."""
    persistence = await case.make(MINE)
    early = persistence.commit_runtime_state(append([node("a")], 1))
    error = await must_raise(HeadRevisionConflict, early, "a first commit that expects revision 1")
    hold((error.expected, error.actual) == (1, None), f"it says expected {error.expected}, actual {error.actual}")
    first = await persistence.commit_runtime_state(append([node("a")]))
    second = await persistence.commit_runtime_state(append([node("b", "a")], first.head_revision))
    hold(second.head_revision > first.head_revision, f"two commits have the revisions {shown((first, second))}")
    for expected in (None, first.head_revision, second.head_revision + 1):
        late = persistence.commit_runtime_state(append([node("c", "b")], expected))
        error = await must_raise(HeadRevisionConflict, late, f"a commit that expects revision {expected}")
        hold(
            (error.expected, error.actual) == (expected, second.head_revision),
            f"it says expected {error.expected}, actual {error.actual}",
        )
    hold(node_ids(await loaded(persistence)) == ["a", "b"], "a refused commit changed the graph")


async def simultaneous_commits_have_one_winner(case: PersistenceCase) -> None:
    """Of many commits at once from the same head, one lands whole and the others hear that the head moved."""
    import asyncio

    persistence = await case.make(MINE)
    head = (await persistence.commit_runtime_state(append([node("root")]))).head_revision
    commits = [append([node(f"{number}", "root")], head) for number in range(8)]
    results = await asyncio.gather(*map(persistence.commit_runtime_state, commits), return_exceptions=True)
    landed = [number for number, result in enumerate(results) if isinstance(result, RuntimeCommitResult)]
    conflicts = [result for result in results if isinstance(result, HeadRevisionConflict)]
    hold((len(landed), len(conflicts)) == (1, 7), f"eight commits at once ended as {shown(results, 600)}")
    found = node_ids(await loaded(persistence))
    hold(found == ["root", f"{landed[0]}"], f"commit {landed[0]} won and the graph has {found}")


async def a_turn_is_committed_once(case: PersistenceCase) -> None:
    """The same turn id with the same hash is a no-op, even when the head moved since: nothing is added, and the result
    says so, with the head's revision as it is."""
    persistence = await case.make(MINE)
    first = append([node("a")], turn_commit=turn("t1"))
    await persistence.commit_runtime_state(first)
    await persistence.commit_runtime_state(append([node("b", "a")], 1, turn_commit=turn("t2")))
    before = await loaded(persistence)
    again = replace(first, meta=SessionMeta(session_id=MINE, name="from a replay", created_at_epoch_ms=1))
    result = await persistence.commit_runtime_state(again)
    expected = RuntimeCommitResult(head_revision=before.head_revision, was_replay=True)
    hold(result == expected, f"a replay returned {shown(result)}, not {shown(expected)}")
    hold(await loaded(persistence) == before, "a replay changed the session")
    hold(await persistence.load_session_meta() is None, "a replay changed the session's meta")


async def a_turn_with_another_content_is_a_conflict(case: PersistenceCase) -> None:
    """The same turn id with another hash is refused, whatever the head is, and changes nothing."""
    persistence = await case.make(MINE)
    result = await persistence.commit_runtime_state(append([node("a")], turn_commit=turn("t1")))
    before = await loaded(persistence)
    for head in (None, result.head_revision):
        other = append([node("b", "a")], head, turn_commit=turn("t1", "another content"))
        error = await must_raise(
            RuntimeTurnCommitConflict, persistence.commit_runtime_state(other), "one turn with two contents"
        )
        hold((error.session_id, error.turn_id) == (MINE, "t1"), f"it names {error.session_id}, {error.turn_id}")
    hold(await loaded(persistence) == before, "a turn that was refused changed the session")


async def graphs_are_appended_kept_and_replaced(case: PersistenceCase) -> None:
    """`append` adds nodes to those that are there, `unchanged` moves the leaf alone, `replace_full` puts others in the
    place of all."""
    persistence = await case.make(MINE)
    await persistence.commit_runtime_state(append([node("a"), node("b", "a")]))
    await persistence.commit_runtime_state(append([node("c", "a")], 1))
    read = await loaded(persistence)
    hold((node_ids(read), read.graph.leaf_node_id) == (["a", "b", "c"], "c"), f"after an append: {shown(read, 400)}")
    back = RuntimeCommit(session_id=MINE, expected_head_revision=2, graph=GraphCommitDelta.unchanged("b"))
    await persistence.commit_runtime_state(back)
    read = await loaded(persistence)
    hold((node_ids(read), read.graph.leaf_node_id) == (["a", "b", "c"], "b"), f"after a move: {shown(read, 400)}")
    graph = SessionGraph(nodes=(node("c"), node("d", "c")), leaf_node_id="d")
    anew = RuntimeCommit(session_id=MINE, expected_head_revision=3, graph=GraphCommitDelta.replace_full(graph))
    await persistence.commit_runtime_state(anew)
    read = await loaded(persistence)
    hold(read.graph == graph, f"after a replacement the graph is {shown(read.graph, 400)}, not {shown(graph, 400)}")
    hold(await persistence.load_node("a") is None, "a node that was replaced away is still there")


async def a_graph_that_makes_no_sense_is_refused(case: PersistenceCase) -> None:
    """Parents stand before their children, ids are unique, the leaf is there, and payloads are JSON."""
    persistence = await case.make(MINE)
    await persistence.commit_runtime_state(append([node("a"), node("b", "a")]))
    before = await loaded(persistence)
    nonsense = {
        "a parent that is missing": GraphCommitDelta.append((node("c", "nowhere"),), "c"),
        "a parent that comes later": GraphCommitDelta.append((node("c", "d"), node("d", "a")), "d"),
        "an id that is taken": GraphCommitDelta.append((node("a"),), "a"),
        "an id that stands twice": GraphCommitDelta.append((node("c", "a"), node("c", "b")), "c"),
        "a leaf that is not there": GraphCommitDelta.unchanged("nowhere"),
        "no leaf": GraphCommitDelta.unchanged(None),
        "new nodes in an unchanged graph": GraphCommitDelta(
            kind="unchanged", nodes=(node("c", "b"),), leaf_node_id="c"
        ),
        "a payload of bytes": GraphCommitDelta.append((node("c", "b", {"data": b"bytes"}),), "c"),
        "a payload of no bytes": GraphCommitDelta.append((node("c", "b", {"data": b""}),), "c"),
        "a payload that is not a number": GraphCommitDelta.append((node("c", "b", {"x": float("nan")}),), "c"),
    }
    for what, graph in nonsense.items():
        commit = RuntimeCommit(session_id=MINE, expected_head_revision=before.head_revision, graph=graph)
        await must_raise(StoreError, persistence.commit_runtime_state(commit), f"a commit of {what}")
    hold(await loaded(persistence) == before, "a graph that was refused changed the session")


async def a_commit_for_another_session_is_refused(case: PersistenceCase) -> None:
    """A persistence is bound to one session. A commit for another one is refused, also where only its turn or its meta
    is for another."""
    persistence = await case.make(MINE)
    await persistence.commit_runtime_state(append([node("a")]))
    before = await loaded(persistence)
    meta = SessionMeta(session_id=YOURS, name="yours", created_at_epoch_ms=1)
    for commit in (
        append([node("b", "a")], 1, session_id=YOURS),
        append([node("b")], session_id=YOURS),
        append([node("b", "a")], 1, turn_commit=turn("t1", session_id=YOURS)),
        append([node("b", "a")], 1, meta=meta),
    ):
        error = await must_raise(
            SessionBindingMismatch, persistence.commit_runtime_state(commit), f"the commit {shown(commit, 400)}"
        )
        hold(
            (error.bound_session_id, error.attempted_session_id) == (MINE, YOURS),
            f"it names {error.bound_session_id} and {error.attempted_session_id}",
        )
    hold(await loaded(persistence) == before, "a commit for another session changed this one")


async def payloads_stand_alone(case: PersistenceCase) -> None:
    """A payload comes back as the JSON data that it was: later changes of the caller's objects, and of what was read,
    change nothing."""
    persistence = await case.make(MINE)
    inner: list[object] = [1, 1.5, None, True, "\u732b \U0001f408", {"": []}]
    payload: dict[str, object] = {"list": inner, "empty": {}, "deep": {"tuple": (1, 2)}}
    await persistence.commit_runtime_state(append([node("a", payload=payload)]))
    inner.append("later")
    payload["later"] = True
    expected: dict[str, object] = {
        "list": [1, 1.5, None, True, "\u732b \U0001f408", {"": []}],
        "empty": {},
        "deep": {"tuple": [1, 2]},
    }
    for _ in range(2):
        found = (await loaded(persistence)).graph.nodes[0].payload
        hold(found == expected, f"a payload came back as {shown(found, 400)}, not {shown(expected, 400)}")
        found["list"].append("from a reader")
        one = await persistence.load_node("a")
        hold(one is not None and one.payload == expected, f"load_node gave {shown(one, 400)}")


async def a_committed_session_survives_reopening(case: PersistenceCase) -> None:
    """A commit is durable before it is acknowledged: whoever opens the session later finds graph, head, turn and
    meta."""
    persistence = await case.make(MINE)
    meta = SessionMeta(session_id=MINE, name="a name", created_at_epoch_ms=5, forked_from=("other", "node"))
    commit = append([node("a"), node("b", "a")], turn_commit=turn("t1"), meta=meta)
    await persistence.commit_runtime_state(commit)
    before = await loaded(persistence)
    again = await case.reopen(persistence)
    hold(await loaded(again) == before, "after reopening, the session is another one")
    hold(await again.load_session_meta() == meta, "after reopening, the session's meta is another one")
    result = await again.commit_runtime_state(commit)
    hold(result.was_replay, "after reopening, a turn that was committed is new")


async def the_durability_tier_is_honest(case: PersistenceCase) -> None:
    """Who says `DURABLE` still has a commit after reopening; `INLINE` promises nothing and is a tier all the same."""
    persistence = await case.make(MINE)
    tier = persistence.durability_tier
    hold(isinstance(tier, DurabilityTier), f"durability_tier is {shown(tier)}")
    if tier is DurabilityTier.DURABLE:
        await persistence.commit_runtime_state(append([node("a")]))
        again = await case.reopen(persistence)
        found = await again.load_session(SessionReadScope.full_graph())
        hold(found is not None, "it says that commits are durable, and after reopening there is none")


LAWS = (
    the_first_commit_makes_the_session,
    the_head_is_compared_and_swapped,
    simultaneous_commits_have_one_winner,
    a_turn_is_committed_once,
    a_turn_with_another_content_is_a_conflict,
    graphs_are_appended_kept_and_replaced,
    a_graph_that_makes_no_sense_is_refused,
    a_commit_for_another_session_is_refused,
    payloads_stand_alone,
    a_committed_session_survives_reopening,
    the_durability_tier_is_honest,
)
