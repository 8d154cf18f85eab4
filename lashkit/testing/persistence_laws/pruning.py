"""Laws about tombstones, `vacuum` and `gc_unreachable`."""

from __future__ import annotations

from lashkit.errors import StoreError, UnsupportedReadScope
from lashkit.runtime.protocols import RuntimePersistence
from lashkit.runtime.records import GcReport, SessionReadScope, VacuumReport
from lashkit.testing.laws import hold, must_raise, shown
from lashkit.testing.session_harness import PersistenceCase
from lashkit.testing.session_samples import MINE, append, loaded, node, node_ids

__all__ = ["LAWS"]


async def _tree(case: PersistenceCase) -> RuntimePersistence:
    """a -> b -> c and a -> d -> e, beside a root z; the head is c."""
    persistence = await case.make(MINE)
    nodes = [node("z"), node("a"), node("d", "a"), node("e", "d"), node("b", "a"), node("c", "b")]
    await persistence.commit_runtime_state(append(nodes))
    return persistence


async def tombstoned_nodes_are_out_of_sight(case: PersistenceCase) -> None:
    """A tombstoned node is in no full graph and ends no path; `load_node` still has it and says so. The count is of
    those that were not marked before; unknown ids count for nothing."""
    persistence = await _tree(case)
    revision = (await loaded(persistence)).head_revision
    count = await persistence.tombstone_nodes(["e", "z", "nowhere", "e"])
    hold(count == 2, f"two nodes were marked, it says {count}")
    hold(await persistence.tombstone_nodes(["e"]) == 0, "a node that is marked was marked again")
    read = await loaded(persistence)
    hold(node_ids(read) == ["a", "d", "b", "c"], f"the full graph without e and z is {node_ids(read)}")
    hold(read.head_revision == revision, "marking nodes moved the head")
    attempt = persistence.load_session(SessionReadScope.active_path("e"))
    await must_raise(UnsupportedReadScope, attempt, "a read of the path to a tombstoned node")
    found = [await persistence.load_node(node_id) for node_id in "ea"]
    marked = [one.tombstoned if one else None for one in found]
    hold(marked == [True, False], f"load_node says of a tombstoned node and another {marked}")


async def the_path_to_the_head_stays(case: PersistenceCase) -> None:
    """A node that leads to the head cannot be tombstoned; nothing is marked then."""
    persistence = await _tree(case)
    for node_id in "abc":
        await must_raise(StoreError, persistence.tombstone_nodes(["e", node_id]), f"marking {node_id}, on the path")
    hold(len(node_ids(await loaded(persistence))) == 6, "a refused call marked nodes")


async def vacuum_removes_what_nobody_needs(case: PersistenceCase) -> None:
    """Tombstoned nodes go for good, but for those that a node that stays has as its ancestor; the report counts
    them."""
    persistence = await _tree(case)
    await persistence.tombstone_nodes(["d", "z"])
    report = await persistence.vacuum()
    hold(report == VacuumReport(removed_node_count=1), f"z could go, d is e's parent; the report is {shown(report)}")
    hold(await persistence.load_node("z") is None, "a vacuumed node is still there")
    hold(await persistence.load_node("d") is not None, "a node's ancestor was vacuumed away")
    path = await loaded(persistence, SessionReadScope.active_path("e"))
    hold(node_ids(path) == ["a", "d", "e"], f"the path to e is {node_ids(path)}")
    await persistence.tombstone_nodes(["e"])
    report = await persistence.vacuum()
    hold(report == VacuumReport(removed_node_count=2), f"d and e could go; the report is {shown(report)}")
    hold(await persistence.vacuum() == VacuumReport(removed_node_count=0), "a second vacuum removed something")
    hold(node_ids(await loaded(persistence)) == ["a", "b", "c"], "vacuum took what was not marked")


async def gc_keeps_the_path_to_the_head(case: PersistenceCase) -> None:
    """`gc_unreachable` removes every node that does not lead to the head, tombstoned or not; the report has the counts
    and the removed ids."""
    persistence = await _tree(case)
    await persistence.tombstone_nodes(["z"])
    report = await persistence.gc_unreachable()
    expected = GcReport(removed_node_count=3, retained_node_count=3, removed_node_ids=report.removed_node_ids)
    hold(report == expected, f"of six nodes, three lead to the head; the report is {shown(report)}")
    hold(sorted(report.removed_node_ids) == ["d", "e", "z"], f"it removed {report.removed_node_ids}")
    read = await loaded(persistence)
    hold((node_ids(read), read.graph.leaf_node_id) == (["a", "b", "c"], "c"), f"what is left is {shown(read, 400)}")
    hold(await persistence.load_node("d") is None, "a collected node is still there")
    report = await persistence.gc_unreachable()
    hold(report == GcReport(removed_node_count=0, retained_node_count=3), f"a second run says {shown(report)}")


async def an_empty_session_has_nothing_to_prune(case: PersistenceCase) -> None:
    """Before the first commit there is nothing to mark, vacuum or collect, and that is fine."""
    persistence = await case.make(MINE)
    hold(await persistence.tombstone_nodes(["a"]) == 0, "a node was marked in an empty session")
    hold(await persistence.vacuum() == VacuumReport(removed_node_count=0), "vacuum removed from an empty session")
    report = await persistence.gc_unreachable()
    hold(
        report == GcReport(removed_node_count=0, retained_node_count=0), f"of an empty session, gc says {shown(report)}"
    )
    hold(await persistence.load_session(SessionReadScope.full_graph()) is None, "pruning made a session")


LAWS = (
    tombstoned_nodes_are_out_of_sight,
    the_path_to_the_head_stays,
    vacuum_removes_what_nobody_needs,
    gc_keeps_the_path_to_the_head,
    an_empty_session_has_nothing_to_prune,
)
