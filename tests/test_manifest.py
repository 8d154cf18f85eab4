"""Manifest values and rules, the manifest that records nothing, and the one of a session's persistence."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading

import pytest

from lashkit.errors import SessionBindingMismatch
from lashkit.manifest import (
    AttachmentFence,
    AttachmentIntent,
    AttachmentManifest,
    AttachmentManifestEntry,
    AttachmentOwner,
    NoopAttachmentManifest,
    recorded,
    unique,
)
from lashkit.process import ProcessIdentity
from lashkit.runner import drive
from lashkit.runtime.adapter import PersistenceManifestAdapter
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
from lashkit.runtime.protocols import RuntimePersistence, SessionCatalog
from lashkit.runtime.records import GraphCommitDelta, RuntimeCommit, SessionMeta, SessionNode, SessionReadScope
from lashkit.testing import ManualClock
from lashkit.values import AttachmentRef, MediaType, content_id

ME = ProcessIdentity.current()
DEAD = ProcessIdentity(ME.place, 2**31 - 1, 1)  # no system has this pid
ELSEWHERE = ProcessIdentity("0" * 16, 2**31 - 1, 1)


def ref(seed: str = "a", label: str | None = None) -> AttachmentRef:
    return AttachmentRef(
        id=content_id(seed.encode()),
        media_type=MediaType("image/png"),
        byte_len=1,
        width=None,
        height=None,
        label=label,
    )


def intent(session_id: str = "s", of: AttachmentRef | None = None, at: int = 1_000) -> AttachmentIntent:
    return AttachmentIntent(session_id=session_id, ref=of or ref(), intent_at_epoch_ms=at)


def row(
    owner: AttachmentOwner | None = None, *, committed: int | None = None, at: int = 1_000
) -> AttachmentManifestEntry:
    return AttachmentManifestEntry(
        session_id="s", ref=ref(), intent_at_epoch_ms=at, committed_at_epoch_ms=committed, owner=owner
    )


def test_the_canonical_uri_names_the_hash_and_the_id() -> None:
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert intent().attachment_id == row().attachment_id == digest
    assert intent().canonical_uri == row().canonical_uri == f"sha256:{digest}"


def test_intents_and_rows_are_values() -> None:
    for value in (intent(), row(AttachmentOwner(kind="turn", owner_id="t", process=ME))):
        again = pickle.loads(pickle.dumps(value))  # noqa: S301
        assert (again, hash(again)) == (value, hash(value))


def owner(process: ProcessIdentity | None) -> AttachmentOwner:
    return AttachmentOwner(kind="turn", owner_id="t", process=process)


@pytest.mark.parametrize(
    ("kept", "now", "grace_ms", "is_live"),
    [
        (row(committed=2_000), 10**15, 0, True),
        (row(), 1_999, 1_000, True),
        (row(), 2_000, 1_000, False),
        (row(), 1_000, 0, False),
        (row(at=5_000), 1_000, 0, True),  # the clock jumped back
        (row(owner(None)), 10**15, 0, True),
        (row(owner(ME)), 10**15, 0, True),
        (row(owner(ELSEWHERE)), 10**15, 0, True),
        (row(owner(DEAD)), 10**15, 0, False),
        (row(owner(DEAD)), 1_999, 1_000, True),
    ],
)
def test_a_row_is_live_while_it_is_committed_or_young_or_its_owner_is_not_proven_dead(
    kept: AttachmentManifestEntry, now: int, grace_ms: int, is_live: bool
) -> None:
    assert kept.is_live(now_epoch_ms=now, grace_ms=grace_ms) is is_live


def test_an_intent_makes_a_row_renews_an_intent_and_only_describes_a_commit() -> None:
    anew = AttachmentIntent(session_id="s", ref=ref(label="anew"), intent_at_epoch_ms=9_000, owner=owner(ME))
    fresh = AttachmentManifestEntry(session_id="s", ref=anew.ref, intent_at_epoch_ms=9_000, owner=owner(ME))
    assert recorded(None, anew) == fresh
    assert recorded(row(owner(DEAD)), anew) == fresh
    committed = recorded(row(owner(DEAD), committed=2_000), anew)
    assert (committed.ref.label, committed.owner) == ("anew", owner(DEAD))
    assert (committed.intent_at_epoch_ms, committed.committed_at_epoch_ms) == (1_000, 2_000)


def test_ids_are_made_unique_in_their_order() -> None:
    one, two = content_id(b"1"), content_id(b"2")
    assert unique([two, one, two]) == (two, one)


def test_the_noop_manifest_records_nothing_and_holds_everything() -> None:
    manifest = NoopAttachmentManifest()
    assert isinstance(manifest, AttachmentManifest)
    drive(manifest.record_intent(intent()))
    assert drive(manifest.commit_refs("s", [ref().id])) == 0
    drive(manifest.forget("s", ref().id))
    assert drive(manifest.holds_ref("anybody", ref("never").id))
    assert (drive(manifest.list_all_refs()), drive(manifest.list_uncommitted(10**15))) == ((), ())


def test_the_adapter_is_the_manifest_of_the_persistence_and_nothing_else() -> None:
    persistence = InMemorySessionStore(clock=ManualClock(7_000))
    manifest = PersistenceManifestAdapter(persistence)
    assert isinstance(manifest, AttachmentManifest)
    assert not isinstance(manifest, RuntimePersistence)
    assert manifest.sync_mode == "inline"
    drive(manifest.record_intent(intent()))
    assert drive(persistence.holds_ref("s", ref().id))
    assert drive(manifest.holds_ref("s", ref().id))
    assert [each.intent_at_epoch_ms for each in drive(manifest.list_uncommitted(2_000))] == [1_000]
    assert drive(manifest.commit_refs("s", [ref().id])) == 1
    assert [each.committed_at_epoch_ms for each in drive(manifest.list_all_refs())] == [7_000]
    drive(manifest.forget("s", ref().id))
    assert drive(persistence.list_all_refs()) == ()
    with pytest.raises(SessionBindingMismatch):
        drive(manifest.record_intent(intent("another")))
    assert repr(manifest) == "PersistenceManifestAdapter(InMemorySessionStore('s'))"


def test_an_adapter_over_what_declares_nothing_needs_the_portal() -> None:
    assert PersistenceManifestAdapter(object()).sync_mode == "portal"  # type: ignore[arg-type]


def test_the_memory_backends_have_all_that_the_protocols_ask_for() -> None:
    catalog = InMemoryCatalog()
    assert isinstance(catalog, SessionCatalog)
    assert isinstance(catalog, AttachmentFence)
    assert isinstance(catalog.session("s"), RuntimePersistence)
    assert isinstance(InMemorySessionStore(), RuntimePersistence)
    assert (repr(catalog), repr(InMemorySessionStore())) == ("InMemoryCatalog(0 sessions)", "InMemorySessionStore()")


def first_commit(session_id: str) -> RuntimeCommit:
    step = SessionNode(node_id="n", parent_node_id=None, payload={}, created_at_epoch_ms=1)
    return RuntimeCommit(
        session_id=session_id, expected_head_revision=None, graph=GraphCommitDelta.append((step,), "n")
    )


def test_a_session_store_binds_at_its_first_write_that_succeeds() -> None:
    store = InMemorySessionStore()
    assert not drive(store.holds_ref("looked at", ref().id))
    assert drive(store.load_session(SessionReadScope.full_graph())) is None
    assert drive(store.list_all_refs()) == ()
    with pytest.raises(Exception, match="revision"):
        drive(
            store.commit_runtime_state(
                RuntimeCommit(session_id="failed", expected_head_revision=3, graph=GraphCommitDelta.unchanged(None))
            )
        )
    drive(store.commit_runtime_state(first_commit("bound")))
    with pytest.raises(SessionBindingMismatch) as caught:
        drive(store.commit_runtime_state(first_commit("failed")))
    assert (caught.value.bound_session_id, caught.value.attempted_session_id) == ("bound", "failed")


def test_a_session_store_is_one_for_all_threads_that_bind_it_at_once() -> None:
    store, together, bound = InMemorySessionStore(), threading.Barrier(8), []

    def write(session_id: str) -> None:
        together.wait()
        meta = SessionMeta(session_id=session_id, name="", created_at_epoch_ms=1)
        try:
            drive(store.save_session_meta(meta))
        except SessionBindingMismatch as exc:
            bound.append(exc.bound_session_id)
        else:
            bound.append(session_id)

    threads = [threading.Thread(target=write, args=(f"{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(bound)) == 1
    assert len(bound) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this kernel has no fork")
def test_a_forked_child_works_on_a_copy_of_its_own_while_other_threads_write() -> None:
    catalog, stop = InMemoryCatalog(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            drive(catalog.record_intent(intent(of=ref(f"{number % 50}"))))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(10):
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:  # pragma: no cover  (another process)
                signal.alarm(30)
                drive(catalog.record_intent(intent("child")))
                os.write(writing, json.dumps(len(drive(catalog.entries("child")))).encode())
                os._exit(0)
            os.close(writing)
            with open(reading, "rb") as answer:
                assert answer.read() == b"1"
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()
    assert drive(catalog.entries("child")) == ()
