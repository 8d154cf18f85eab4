"""The rules of a session's graph, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lashkit.errors import (
    HeadRevisionConflict,
    RuntimeTurnCommitConflict,
    SessionBindingMismatch,
    StoreError,
    UnsupportedReadScope,
)
from lashkit.runtime.graph import (
    apply_delta,
    attachment_ids_in,
    canonical_json,
    is_replay,
    path_to,
    removable_tombstones,
    require_head,
    require_off_path,
    require_session,
    scoped,
    turn_commit_hash,
    unreachable_nodes,
)
from lashkit.runtime.records import (
    GraphCommitDelta,
    RuntimeCommit,
    RuntimeTurnCommitStamp,
    SessionGraph,
    SessionMeta,
    SessionNode,
    SessionReadScope,
)
from lashkit.values import AttachmentId, AttachmentRef, MediaType, content_id
from lashkit.wire import ref_to_json


def node(node_id: str, parent: str | None = None, *, tombstoned: bool = False, **payload: Any) -> SessionNode:
    return SessionNode(
        node_id=node_id, parent_node_id=parent, payload=payload, created_at_epoch_ms=1, tombstoned=tombstoned
    )


def graph(leaf: str | None, *nodes: SessionNode) -> SessionGraph:
    return SessionGraph(nodes=nodes, leaf_node_id=leaf)


def commit(*nodes: SessionNode, **fields: Any) -> RuntimeCommit:
    delta = GraphCommitDelta.append(nodes, nodes[-1].node_id if nodes else None)
    return RuntimeCommit(**{"session_id": "s", "expected_head_revision": None, "graph": delta} | fields)


# a -> b -> c, a -> d -> e, and z alone; the head is c.
TREE = graph("c", node("z"), node("a"), node("d", "a"), node("e", "d"), node("b", "a"), node("c", "b"))


def marked(*node_ids: str) -> SessionGraph:
    return replace(TREE, nodes=tuple(replace(each, tombstoned=each.node_id in node_ids) for each in TREE.nodes))


def names(of: SessionGraph) -> str:
    return "".join(each.node_id for each in of.nodes)


# Turns


def test_the_hash_of_a_turn_is_of_what_it_means() -> None:
    one = commit(node("a", text="hi", n=1), committed_attachment_ids=(content_id(b"1"), content_id(b"2")))
    same = replace(
        one,
        expected_head_revision=7,
        graph=GraphCommitDelta.append((replace(node("other", n=1, text="hi"), created_at_epoch_ms=9),), "other"),
        committed_attachment_ids=(content_id(b"2"), content_id(b"1")),
    )
    assert turn_commit_hash(one) == turn_commit_hash(same)
    assert len(turn_commit_hash(one)) == 64


def test_the_hash_of_a_turn_differs_where_its_meaning_does() -> None:
    one = commit(node("a", text="hi"), node("b", "a", text="ho"))
    others = [
        replace(one, session_id="t"),
        replace(one, graph=replace(one.graph, kind="replace_full")),
        replace(one, graph=replace(one.graph, nodes=one.graph.nodes[::-1])),
        replace(one, graph=replace(one.graph, nodes=one.graph.nodes[:1])),
        replace(one, committed_attachment_ids=(content_id(b"1"),)),
    ]
    assert len({turn_commit_hash(each) for each in [one, *others]}) == 6


def test_a_lone_surrogate_has_a_hash() -> None:
    assert turn_commit_hash(commit(node("a", text="\ud800"))) != turn_commit_hash(commit(node("a", text="\ud801")))


@pytest.mark.parametrize(
    "payload",
    [
        {"x": b"bytes"},
        {"x": b""},
        {"x": {1}},
        {"x": {("a", 1)}},
        {"x": set()},
        {"x": float("nan")},
        {"x": object()},
        {1: 1, "a": 1},
    ],
)
def test_what_is_no_json_is_refused(payload: Any) -> None:
    with pytest.raises(StoreError, match="name them by ref"):
        canonical_json(payload)


def test_a_payload_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(StoreError):
        canonical_json(loop)


def test_any_mapping_and_any_sequence_is_json() -> None:
    assert canonical_json(MappingProxyType({"b": (1, [2]), "a": None})) == '{"a":null,"b":[1,[2]]}'


def test_a_turn_is_a_replay_where_its_hash_is_the_committed_one() -> None:
    stamp = RuntimeTurnCommitStamp(session_id="s", turn_id="t", turn_commit_hash="h")
    assert is_replay(commit(node("a"), turn_commit=stamp), "h")
    assert not is_replay(commit(node("a"), turn_commit=stamp), None)
    assert not is_replay(commit(node("a")), None)
    with pytest.raises(RuntimeTurnCommitConflict) as caught:
        is_replay(commit(node("a"), turn_commit=stamp), "another")
    assert (caught.value.session_id, caught.value.turn_id) == ("s", "t")


# The session and the head


def test_a_commit_its_turn_and_its_meta_are_for_one_session() -> None:
    meta = SessionMeta(session_id="s", name="", created_at_epoch_ms=1)
    stamp = RuntimeTurnCommitStamp(session_id="s", turn_id="t", turn_commit_hash="h")
    good = commit(node("a"), meta=meta, turn_commit=stamp)
    require_session("s", good)
    require_session("s", commit(node("a")))
    for bad in (
        replace(good, session_id="t"),
        replace(good, meta=replace(meta, session_id="t")),
        replace(good, turn_commit=replace(stamp, session_id="t")),
    ):
        with pytest.raises(SessionBindingMismatch) as caught:
            require_session("s", bad)
        assert (caught.value.bound_session_id, caught.value.attempted_session_id) == ("s", "t")


@pytest.mark.parametrize(
    ("expected", "actual", "agrees"),
    [(None, None, True), (3, 3, True), (None, 1, False), (1, None, False), (1, 2, False)],
)
def test_the_head_is_compared_exactly(expected: int | None, actual: int | None, agrees: bool) -> None:
    attempt = commit(node("a"), expected_head_revision=expected)
    if agrees:
        require_head(attempt, actual)
    else:
        with pytest.raises(HeadRevisionConflict) as caught:
            require_head(attempt, actual)
        assert (caught.value.expected, caught.value.actual) == (expected, actual)


# Deltas


def test_append_adds_unchanged_moves_and_replace_replaces() -> None:
    added = apply_delta(TREE, GraphCommitDelta.append((node("f", "e"), node("g", "f")), "g"))
    assert (names(added), added.leaf_node_id) == ("zadebcfg", "g")
    moved = apply_delta(TREE, GraphCommitDelta.unchanged("e"))
    assert (moved.nodes, moved.leaf_node_id) == (TREE.nodes, "e")
    other = graph("y", node("a"), node("y", "a"))
    assert apply_delta(TREE, GraphCommitDelta.replace_full(other)) == other
    assert apply_delta(TREE, GraphCommitDelta.replace_full(graph(None))) == graph(None)
    assert apply_delta(graph(None), GraphCommitDelta.unchanged(None)) == graph(None)


@pytest.mark.parametrize(
    ("delta", "reason"),
    [
        (GraphCommitDelta.append((node("f", "nowhere"),), "f"), "no parent"),
        (GraphCommitDelta.append((node("f", "g"), node("g")), "g"), "no parent"),
        (GraphCommitDelta.append((node("f", "f"),), "f"), "no parent"),
        (GraphCommitDelta.append((node("f", "e"),), "f"), "no parent"),  # e is tombstoned
        (GraphCommitDelta.append((node("a"),), "a"), "already"),
        (GraphCommitDelta.append((node("e", "a"),), "e"), "already"),  # its id is still taken
        (GraphCommitDelta.append((node("f"), node("f")), "f"), "already"),
        (GraphCommitDelta.append((node("f"),), None), "has a leaf"),
        (GraphCommitDelta.unchanged("nowhere"), "not in the graph"),
        (GraphCommitDelta.unchanged("e"), "not in the graph"),
        (GraphCommitDelta.replace_full(graph("a", node("b"))), "not in the graph"),
        (GraphCommitDelta(kind="unchanged", nodes=(node("f"),), leaf_node_id="f"), "use append"),
        (GraphCommitDelta.append((node("f", x=b""),), "f"), "must be JSON"),
    ],
)
def test_a_graph_that_makes_no_sense_is_refused(delta: GraphCommitDelta, reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        apply_delta(marked("e"), delta)


# Reading


def test_a_full_read_leaves_tombstones_out() -> None:
    assert names(scoped("s", marked("e", "z"), SessionReadScope.full_graph())) == "adbc"


def test_a_path_leads_from_a_root_to_the_leaf() -> None:
    for leaf, path in ((None, "abc"), ("e", "ade"), ("z", "z")):
        part = scoped("s", TREE, SessionReadScope.active_path(leaf))
        assert (names(part), part.leaf_node_id) == (path, path[-1])
    assert scoped("s", graph(None), SessionReadScope.active_path()) == graph(None)


@pytest.mark.parametrize("leaf", ["nowhere", "e"])
def test_a_path_ends_at_a_node_that_is_there(leaf: str) -> None:
    with pytest.raises(UnsupportedReadScope):
        scoped("s", marked("e"), SessionReadScope.active_path(leaf))


# Pruning


def test_the_path_to_the_head_stays() -> None:
    require_off_path(TREE, ["d", "e", "z", "nowhere"])
    with pytest.raises(StoreError, match="'b'"):
        require_off_path(TREE, ["e", "b"])


def test_a_tombstone_goes_once_nobody_needs_it() -> None:
    assert removable_tombstones(marked("z", "d")) == {"z"}
    assert removable_tombstones(marked("d", "e")) == {"d", "e"}
    assert removable_tombstones(TREE) == set()


def test_what_does_not_lead_to_the_head_is_unreachable() -> None:
    assert unreachable_nodes(TREE) == {"d", "e", "z"}
    assert unreachable_nodes(graph(None)) == set()


@st.composite
def graphs(draw: st.DrawFn) -> SessionGraph:
    """Any graph: each node's parent is an earlier one or none."""
    nodes: list[SessionNode] = []
    for number in range(draw(st.integers(1, 12))):
        parents = st.sampled_from([None, *(each.node_id for each in nodes)])
        nodes.append(node(f"{number}", draw(parents)))
    leaf = draw(st.sampled_from(nodes)).node_id
    on_path = path_to({each.node_id: each for each in nodes}, leaf)
    dead = {each.node_id for each in nodes if each.node_id not in on_path and draw(st.booleans())}
    return graph(leaf, *(replace(each, tombstoned=each.node_id in dead) for each in nodes))


def without(of: SessionGraph, node_ids: set[str]) -> SessionGraph:
    return replace(of, nodes=tuple(each for each in of.nodes if each.node_id not in node_ids))


@given(graphs())
def test_pruning_leaves_a_graph_that_makes_sense(before: SessionGraph) -> None:
    alive = {each.node_id for each in before.nodes if not each.tombstoned}
    vacuumed = without(before, removable_tombstones(before))
    left = {each.node_id: each for each in vacuumed.nodes}
    assert alive <= set(left)
    assert all(each.parent_node_id is None or each.parent_node_id in left for each in vacuumed.nodes)
    assert removable_tombstones(vacuumed) == set()
    collected = without(before, unreachable_nodes(before))
    assert [each.node_id for each in collected.nodes] == path_to(left, before.leaf_node_id)
    assert apply_delta(graph(None), GraphCommitDelta.replace_full(collected)) == collected


@given(graphs(), st.data())
def test_every_path_is_a_graph_of_its_own(whole: SessionGraph, data: st.DataObject) -> None:
    alive = [each.node_id for each in whole.nodes if not each.tombstoned]
    leaf = data.draw(st.sampled_from(alive))
    part = scoped("s", whole, SessionReadScope.active_path(leaf))
    assert [each.parent_node_id for each in part.nodes] == [None, *(each.node_id for each in part.nodes[:-1])]
    assert part.nodes[-1].node_id == leaf
    assert all(each in whole.nodes for each in part.nodes)


# Attachments in payloads


def ref_json(seed: str) -> dict[str, Any]:
    return ref_to_json(
        AttachmentRef(
            id=content_id(seed.encode()),
            media_type=MediaType("image/png"),
            byte_len=1,
            width=None,
            height=None,
            label=None,
        )
    )


def test_attachments_are_found_wherever_a_ref_stands() -> None:
    payload = {"parts": [{"deep": (ref_json("a"), [ref_json("b")])}, "text"], "answer": ref_json("a"), "n": None}
    assert attachment_ids_in(payload) == {content_id(b"a"), content_id(b"b")}
    assert attachment_ids_in(MappingProxyType({"x": ref_json("c")})) == {content_id(b"c")}


@pytest.mark.parametrize("payload", [None, 1, "id", [], {"id": "x"}, {"id": 1, "media_type": "a/b", "byte_len": 1}])
def test_what_looks_like_no_ref_names_nothing(payload: object) -> None:
    assert attachment_ids_in(payload) == set()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.lists(st.sampled_from("abc"), max_size=3))
def test_around_a_ref_anything_may_stand(around: object, seeds: list[str]) -> None:
    payload: Mapping[str, object] = {"around": around, "refs": [[ref_json(seed), around] for seed in seeds]}
    assert attachment_ids_in(payload) == {AttachmentId(content_id(seed.encode())) for seed in seeds}
