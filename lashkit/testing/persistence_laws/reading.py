"""Laws about reading a session, about its meta, and about the session that a persistence is bound to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from lashkit.errors import SessionBindingMismatch, UnsupportedReadScope
from lashkit.runtime.records import SessionGraph, SessionMeta, SessionReadScope
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import PersistenceCase
from lashkit.testing.session_samples import (
    MINE,
    YOURS,
    append,
    bob,
    claimed,
    intent,
    loaded,
    node,
    ref,
)

__all__ = ["LAWS"]


async def a_session_is_read_whole_or_as_a_path(case: PersistenceCase) -> None:
    """The full graph has every node, parents before children; the active path leads from a root to the head, or to the
    node that is asked for."""
    persistence = await case.make(MINE)
    nodes = {each.node_id: each for each in (node("a"), node("b", "a"), node("c", "a"), node("z"), node("d", "c"))}
    await persistence.commit_runtime_state(append(list(nodes.values())))
    whole = (await loaded(persistence)).graph
    hold(whole == SessionGraph(nodes=tuple(nodes.values()), leaf_node_id="d"), f"the full graph is {shown(whole, 600)}")
    for leaf, path in ((None, "acd"), ("b", "ab"), ("z", "z"), ("a", "a"), ("d", "acd")):
        part = (await loaded(persistence, SessionReadScope.active_path(leaf))).graph
        expected = SessionGraph(nodes=tuple(nodes[node_id] for node_id in path), leaf_node_id=path[-1])
        hold(part == expected, f"the path to {leaf} is {shown(part, 400)}, not {shown(expected, 400)}")


async def a_path_to_an_unknown_node_is_refused(case: PersistenceCase) -> None:
    """The error names the node."""
    persistence = await case.make(MINE)
    await persistence.commit_runtime_state(append([node("a")]))
    attempt = persistence.load_session(SessionReadScope.active_path("nowhere"))
    error = await must_raise(UnsupportedReadScope, attempt, "a read of the path to an unknown node")
    hold((error.session_id, error.leaf_node_id) == (MINE, "nowhere"), f"it names {shown(error.leaf_node_id)}")


async def nodes_are_loaded_by_id(case: PersistenceCase) -> None:
    """`load_node` returns the very node, and `None` for an id that is not there."""
    persistence = await case.make(MINE)
    hold(await persistence.load_node("a") is None, "a node is there before the first commit")
    nodes = [node("a"), node("b", "a", {"x": [1]})]
    await persistence.commit_runtime_state(append(nodes))
    found = [await persistence.load_node(node_id) for node_id in ("a", "b", "c")]
    hold(found == [*nodes, None], f"of two nodes and an unknown id, load_node gave {shown(found, 400)}")


async def meta_round_trips(case: PersistenceCase) -> None:
    """Name, time and origin come back as they were saved; saving again replaces them; before, there is `None`."""
    persistence = await case.make(MINE)
    hold(await persistence.load_session_meta() is None, "there is a meta before one was saved")
    for meta in (
        SessionMeta(session_id=MINE, name="\u732b \u202e'\"", created_at_epoch_ms=1, forked_from=("yours", "n")),
        SessionMeta(session_id=MINE, name="", created_at_epoch_ms=2),
    ):
        await persistence.save_session_meta(meta)
        found = await persistence.load_session_meta()
        hold(found == meta, f"{shown(meta)} came back as {shown(found)}")


async def calls_for_another_session_are_refused(case: PersistenceCase) -> None:
    """A persistence is bound to one session: a call that names another one is a `SessionBindingMismatch` and changes
    nothing."""
    persistence = await case.make(MINE)
    lease = await claimed(persistence, bob())
    await persistence.record_intent(intent())
    yours = type(lease.fence())(session_id=YOURS, owner=bob(), lease_token="t", fencing_token=1)  # noqa: S106
    meta = SessionMeta(session_id=YOURS, name="yours", created_at_epoch_ms=1)
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "record_intent": partial(persistence.record_intent, intent(YOURS)),
        "commit_refs": partial(persistence.commit_refs, YOURS, [ref().id]),
        "forget": partial(persistence.forget, YOURS, ref().id),
        "holds_ref": partial(persistence.holds_ref, YOURS, ref().id),
        "try_claim": partial(persistence.try_claim_session_execution_lease, YOURS, bob()),
        "reclaim": partial(persistence.reclaim_session_execution_lease, YOURS, bob(), yours),
        "renew": partial(persistence.renew_session_execution_lease, yours),
        "release": partial(persistence.release_session_execution_lease, yours),
        "save_session_meta": partial(persistence.save_session_meta, meta),
    }
    broken = []
    for what, attempt in attempts.items():
        try:
            error = await must_raise(SessionBindingMismatch, attempt(), f"{what} for another session")
        except AssertionError as exc:
            broken.append(str(exc))
        else:
            names = (error.bound_session_id, error.attempted_session_id)
            hold(names == (MINE, YOURS), f"the error of {what} names {names}")
    hold(not broken, "; ".join(broken))
    rows = [(row.session_id, row.attachment_id) for row in await persistence.list_all_refs()]
    hold(rows == [(MINE, ref().id)], f"calls for another session left the rows {shown(rows, 400)}")
    hold(await persistence.load_session_meta() is None, "a meta of another session was saved")


LAWS = (
    a_session_is_read_whole_or_as_a_path,
    a_path_to_an_unknown_node_is_refused,
    nodes_are_loaded_by_id,
    meta_round_trips,
    calls_for_another_session_are_refused,
)
