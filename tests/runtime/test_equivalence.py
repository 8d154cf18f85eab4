"""Memory and SQLite do the same: random operations give the same outcomes and leave the same durable state."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from lashkit.errors import LashkitError
from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLease, SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.runner import drive
from lashkit.runtime.memory import InMemoryCatalog
from lashkit.runtime.protocols import SessionCatalog
from lashkit.runtime.records import (
    GraphCommitDelta,
    RuntimeCommit,
    RuntimeTurnCommitStamp,
    SessionMeta,
    SessionNode,
    SessionReadScope,
)
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.testing import ManualClock
from lashkit.values import AttachmentRef, MediaType, content_id
from lashkit.wire import ref_to_json

# Few of everything, so that operations meet.
SESSIONS = ("a", "b", "@workspace")
NODES = tuple("nopq")
REFS = tuple(
    AttachmentRef(
        id=content_id(seed.encode()),
        media_type=MediaType("image/png"),
        byte_len=1,
        width=None,
        height=None,
        label=label,
    )
    for seed in "xyz"
    for label in (None, "label")
)
ME = ProcessIdentity.current()
DEAD = ProcessIdentity(ME.place, 2**31 - 1, 1)  # no system has this pid
OWNERS = (
    None,
    AttachmentOwner(kind="turn", owner_id="t"),
    AttachmentOwner(kind="process", owner_id="me", process=ME),
    AttachmentOwner(kind="turn", owner_id="dead", process=DEAD),
)
WRITERS = (
    LeaseOwnerIdentity(owner_id="ada", incarnation_id="1", process=ME, label="ada"),
    LeaseOwnerIdentity(owner_id="ada", incarnation_id="2"),
    LeaseOwnerIdentity(owner_id="dead", incarnation_id="1", process=DEAD, label="dead"),
)

session_ids = st.sampled_from(SESSIONS)
node_ids = st.sampled_from(NODES)
refs = st.sampled_from(REFS)
ids = refs.map(lambda ref: ref.id)
times = st.integers(0, 3).map(lambda step: step * 1_000)
ttls = st.sampled_from([None, None, 0, 1_500])
payloads = st.one_of(
    refs.map(lambda ref: {"attachment": ref_to_json(ref)}),
    st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.integers() | st.text(max_size=3), max_size=2),
    st.just({"bytes": b"no JSON"}),
)
BOOLS = st.booleans()
nodes = st.builds(
    SessionNode,
    node_id=node_ids,
    parent_node_id=st.none() | node_ids,
    payload=payloads,
    created_at_epoch_ms=times,
)
deltas = st.builds(
    GraphCommitDelta,
    kind=st.sampled_from(["append", "append", "append", "unchanged", "replace_full"]),
    nodes=st.lists(nodes, max_size=2).map(tuple),
    leaf_node_id=st.none() | node_ids,
)

Fences = tuple[SessionExecutionLeaseFence, SessionExecutionLeaseFence]


def without_tokens(value: Any) -> Any:
    """`value` with the random tokens of leases left out."""
    if isinstance(value, SessionExecutionLease):
        return replace(value, lease_token="")
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), tuple(without_tokens(getattr(value, field.name)) for field in fields(value))
    return tuple(value) if isinstance(value, list) else value


def outcome(operation: Coroutine[Any, Any, Any]) -> tuple[Any, Any]:
    """What came of it: a value, or which of lashkit's errors with what in it."""
    try:
        return drive(operation), None
    except LashkitError as exc:
        facts = {name: value for name, value in vars(exc).items() if not name.startswith("_")}
        return None, (type(exc), facts)


class SameOperations(RuleBasedStateMachine):
    """Every rule does one thing to both catalogs and compares what came of it."""

    fences: Bundle[Fences] = Bundle("fences")

    @initialize()
    def open_both(self) -> None:
        shared = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
        self.clock = ManualClock(start_epoch_ms=5_000)
        self.memory: SessionCatalog = InMemoryCatalog(clock=self.clock)
        self.path = Path(self.folder.name) / "lashkit.db"
        self.sqlite: SessionCatalog = SqliteCatalog(self.path, clock=self.clock)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            drive(self.sqlite.close())
            self.folder.cleanup()

    def same(self, operation: Callable[[SessionCatalog, int], Coroutine[Any, Any, Any]]) -> tuple[Any, Any]:
        """Do it to both; the number says which one of a pair of fences is whose."""
        (first, failure), (second, other) = outcome(operation(self.memory, 0)), outcome(operation(self.sqlite, 1))
        assert failure == other
        assert without_tokens(first) == without_tokens(second)
        return first, second

    # The manifest and the fence

    @rule(session_id=session_ids, ref=refs, at=times, owner=st.sampled_from(OWNERS))
    def record_intent(self, session_id: str, ref: AttachmentRef, at: int, owner: AttachmentOwner | None) -> None:
        intent = AttachmentIntent(session_id=session_id, ref=ref, intent_at_epoch_ms=at, owner=owner)
        self.same(lambda catalog, _: catalog.record_intent(intent))

    @rule(fences=fences, session_id=session_ids, ref=refs)
    def begin_write(self, fences: Fences, session_id: str, ref: AttachmentRef) -> None:
        intent = AttachmentIntent(session_id=session_id, ref=ref, intent_at_epoch_ms=4_000)
        self.same(lambda catalog, which: catalog.begin_write(replace(intent, fence=fences[which])))

    @rule(session_id=session_ids, chosen=st.lists(ids, max_size=3))
    def commit_refs(self, session_id: str, chosen: list[Any]) -> None:
        self.same(lambda catalog, _: catalog.commit_refs(session_id, chosen))

    @rule(fences=fences, session_id=session_ids, chosen=st.lists(ids, max_size=3))
    def commit_refs_with_a_fence(self, fences: Fences, session_id: str, chosen: list[Any]) -> None:
        self.same(lambda catalog, which: catalog.commit_refs(session_id, chosen, fence=fences[which]))

    @rule(session_id=session_ids, attachment_id=ids)
    def forget(self, session_id: str, attachment_id: Any) -> None:
        self.same(lambda catalog, _: catalog.session(session_id).forget(session_id, attachment_id))

    @rule(session_id=session_ids, attachment_id=ids, at=times)
    def look_at_rows(self, session_id: str, attachment_id: Any, at: int) -> None:
        self.same(lambda catalog, _: catalog.list_uncommitted(at))
        self.same(lambda catalog, _: catalog.entries(session_id))
        self.same(lambda catalog, _: catalog.entry(session_id, attachment_id))
        self.same(lambda catalog, _: catalog.find_entries(attachment_id))
        self.same(lambda catalog, _: catalog.session(session_id).list_all_refs())

    @rule(attachment_id=ids, grace_ms=times)
    def condemn(self, attachment_id: Any, grace_ms: int) -> None:
        everything = [ref.id for ref in REFS]
        self.same(lambda catalog, _: catalog.not_live(everything, grace_ms=grace_ms))
        self.same(lambda catalog, _: catalog.condemn(attachment_id, grace_ms=grace_ms))

    @rule(attachment_id=ids)
    def arm(self, attachment_id: Any) -> None:
        self.same(lambda catalog, _: catalog.arm_delete(attachment_id))

    @rule(attachment_id=ids)
    def release_digest(self, attachment_id: Any) -> None:
        self.same(lambda catalog, _: catalog.release(attachment_id))

    # Leases

    @rule(target=fences, session_id=session_ids, owner=st.sampled_from(WRITERS), ttl=ttls)
    def claim(self, session_id: str, owner: LeaseOwnerIdentity, ttl: int | None) -> Fences:
        one, two = self.same(
            lambda catalog, _: catalog.session(session_id).try_claim_session_execution_lease(session_id, owner, ttl)
        )
        return (one.acquired or one.holder).fence(), (two.acquired or two.holder).fence()

    @rule(target=fences, fences=fences, owner=st.sampled_from(WRITERS), ttl=ttls)
    def reclaim(self, fences: Fences, owner: LeaseOwnerIdentity, ttl: int | None) -> Fences:
        session_id = fences[0].session_id
        one, two = self.same(
            lambda catalog, which: catalog.session(session_id).reclaim_session_execution_lease(
                session_id, owner, fences[which], ttl
            )
        )
        return (one.acquired or one.holder).fence(), (two.acquired or two.holder).fence()

    @rule(fences=fences, ttl=ttls)
    def renew(self, fences: Fences, ttl: int | None) -> None:
        session_id = fences[0].session_id
        self.same(lambda catalog, which: catalog.session(session_id).renew_session_execution_lease(fences[which], ttl))

    @rule(fences=fences)
    def release_lease(self, fences: Fences) -> None:
        session_id = fences[0].session_id
        self.same(lambda catalog, which: catalog.session(session_id).release_session_execution_lease(fences[which]))

    # Sessions

    @rule(
        session_id=session_ids,
        graph=deltas,
        is_late=st.sampled_from([False, False, False, True]),
        turn=st.none() | st.tuples(st.sampled_from("tu"), st.sampled_from("hk")),
        committed=st.lists(ids, max_size=2).map(tuple),
        name=st.none() | st.text(max_size=2),
    )
    def commit(self, session_id: str, graph: Any, is_late: bool, turn: Any, committed: Any, name: Any) -> None:
        self._commit(session_id, graph, is_late, turn, committed, name, None, False)

    @rule(
        fences=fences, graph=deltas, turn=st.none() | st.tuples(st.sampled_from("tu"), st.just("h")), end=st.booleans()
    )
    def commit_with_a_fence(self, fences: Fences, graph: Any, turn: Any, end: bool) -> None:
        self._commit(fences[0].session_id, graph, False, turn, (REFS[0].id,), None, fences, end)

    def _commit(
        self, session_id: str, graph: Any, is_late: bool, turn: Any, ids: Any, name: Any, fences: Any, end: Any
    ) -> None:
        read = drive(self.memory.session(session_id).load_session(SessionReadScope.full_graph()))
        head = read.head_revision if read else None
        commit = RuntimeCommit(
            session_id=session_id,
            expected_head_revision=(head or 0) + 1 if is_late else head,
            graph=graph,
            release_session_execution_lease=end,
            turn_commit=turn
            and RuntimeTurnCommitStamp(session_id=session_id, turn_id=turn[0], turn_commit_hash=turn[1]),
            committed_attachment_ids=ids,
            meta=None if name is None else SessionMeta(session_id=session_id, name=name, created_at_epoch_ms=1),
        )
        self.same(
            lambda catalog, which: catalog.session(session_id).commit_runtime_state(
                replace(commit, session_execution_lease=fences and fences[which])
            )
        )

    @rule(session_id=session_ids, first=node_ids, rest=st.lists(node_ids, max_size=3))
    def grow(self, session_id: str, first: str, rest: list[str]) -> None:
        """A commit that mostly succeeds: a chain of nodes in the place of all, so that others meet a graph."""
        chain = list(dict.fromkeys([first, *rest]))
        made = tuple(
            SessionNode(
                node_id=node_id,
                parent_node_id=parent,
                payload={"attachment": ref_to_json(REFS[NODES.index(node_id) % len(REFS)])},
                created_at_epoch_ms=0,
            )
            for node_id, parent in zip(chain, [None, *chain], strict=False)
        )
        leaf = chain[len(chain) // 2]
        graph = GraphCommitDelta(kind="replace_full", nodes=made, leaf_node_id=leaf)
        self._commit(session_id, graph, False, None, (REFS[0].id, REFS[2].id), None, None, False)

    @rule(session_id=session_ids, chosen=st.lists(node_ids, max_size=3))
    def tombstone(self, session_id: str, chosen: list[str]) -> None:
        self.same(lambda catalog, _: catalog.session(session_id).tombstone_nodes(chosen))

    @rule(session_id=session_ids)
    def vacuum(self, session_id: str) -> None:
        self.same(lambda catalog, _: catalog.session(session_id).vacuum())

    @rule(session_id=session_ids)
    def collect(self, session_id: str) -> None:
        self.same(lambda catalog, _: catalog.session(session_id).gc_unreachable())

    @rule(session_id=session_ids, name=st.text(max_size=2), at=times)
    def save_meta(self, session_id: str, name: str, at: int) -> None:
        meta = SessionMeta(session_id=session_id, name=name, created_at_epoch_ms=at, forked_from=("x", name))
        self.same(lambda catalog, _: catalog.session(session_id).save_session_meta(meta))

    @rule(session_id=session_ids, node_id=node_ids, into=session_ids, at=times)
    def fork(self, session_id: str, node_id: str, into: str, at: int) -> None:
        meta = SessionMeta(session_id=into, name="fork", created_at_epoch_ms=at, forked_from=(session_id, node_id))
        self.same(lambda catalog, _: catalog.fork(session_id, node_id, meta))

    @rule(session_id=session_ids)
    def delete(self, session_id: str) -> None:
        self.same(lambda catalog, _: catalog.delete(session_id))

    @rule(fences=fences)
    def delete_with_a_fence(self, fences: Fences) -> None:
        self.same(lambda catalog, which: catalog.delete(fences[0].session_id, fences[which]))

    @rule(store_uuid=st.sampled_from("st"))
    def pair(self, store_uuid: str) -> None:
        self.same(lambda catalog, _: catalog.pair_store(store_uuid))
        self.same(lambda catalog, _: catalog.paired_store())

    # Time, and other processes

    @rule(elapsed_ms=st.sampled_from([1, 500, 1_000, -2_000]))
    def time_passes(self, elapsed_ms: int) -> None:
        self.clock.advance_ms(elapsed_ms)

    @rule()
    def reopen(self) -> None:
        """The next process goes on with what this one left."""
        drive(self.sqlite.close())
        self.sqlite = SqliteCatalog(self.path, clock=self.clock)

    @rule()
    def look_through_another_object(self) -> None:
        another = SqliteCatalog(self.path, clock=self.clock)
        assert self.state(another) == self.state(self.memory)
        drive(another.close())

    @invariant()
    def both_hold_the_same(self) -> None:
        if hasattr(self, "sqlite"):
            assert self.state(self.memory) == self.state(self.sqlite)

    @staticmethod
    def state(catalog: SessionCatalog) -> dict[str, Any]:
        """Everything durable that a reader can see. Who holds a lease shows in the outcomes of the rules."""
        state: dict[str, Any] = {
            "rows": tuple(drive(catalog.list_all_refs())),
            "sessions": tuple(drive(catalog.sessions())),
            "marked": sorted(drive(catalog.marked())),
        }
        for session_id in SESSIONS:
            session = catalog.session(session_id)
            state[session_id] = (
                drive(session.load_session(SessionReadScope.full_graph())),
                drive(session.load_session(SessionReadScope.active_path())),
                [outcome(session.load_session(SessionReadScope.active_path(node_id))) for node_id in NODES],
                [drive(session.load_node(node_id)) for node_id in NODES],
                drive(session.load_session_meta()),
            )
        return state


TestMemoryAndSqliteDoTheSame = SameOperations.TestCase
TestMemoryAndSqliteDoTheSame.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
