"""What a call of the SQLite catalog costs through a facade's bridge, beside the very same statements through apsw
(DESIGN section 10: target 1.5x), and what 10,000 appends to one session cost.

The statements are those that SQLite was asked for, replayed with their values on a connection to a copy of the file.
Everything is measured in turn in one run, so that a busy machine slows all of it down alike.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from lashkit.manifest import AttachmentIntent
from lashkit.runtime.records import GraphCommitDelta, RuntimeCommit, SessionNode
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.sync.bridge import Bridge
from lashkit.values import AttachmentRef, MediaType, content_id

REFS = [
    AttachmentRef(
        id=content_id(str(number).encode()), media_type=MediaType("image/png"), byte_len=1, width=640, height=480
    )
    for number in range(1_000)
]


NEW_IDS: dict[str, AttachmentRef] = {}


def new_ref(number: int) -> AttachmentRef:
    ref = AttachmentRef(
        id=content_id(f"new {number}".encode()), media_type=MediaType("image/png"), byte_len=1, width=640, height=480
    )
    return NEW_IDS.setdefault(ref.id, ref)


def intend(catalog: SqliteCatalog, run: Bridge, session_id: str, ref: AttachmentRef) -> None:
    run(catalog.record_intent, AttachmentIntent(session_id=session_id, ref=ref, intent_at_epoch_ms=1_000))


def recorded(catalog: SqliteCatalog, call: Callable[[], object]) -> list[tuple[str, Any]]:
    """The statements of one call, with their values."""
    connection = catalog._holder.file.connection
    assert connection is not None
    statements: list[tuple[str, Any]] = []

    def remember(_: object, sql: str, bindings: Any) -> bool:
        statements.append((sql, bindings))
        return True

    connection.exec_trace = remember
    try:
        call()
    finally:
        connection.exec_trace = None
    return statements


def replay(connection: apsw.Connection, statements: list[tuple[str, Any]]) -> Callable[[], object]:
    """The statements again, each time about a new attachment where they wrote about one."""
    numbers = itertools.count()
    old = {value for _, bindings in statements for value in bindings or () if value in NEW_IDS}

    def as_before() -> None:
        for sql, bindings in statements:
            connection.execute(sql, bindings).fetchall()

    def anew() -> None:
        new = new_ref(next(numbers)).id
        for sql, bindings in statements:
            values = bindings and [new if value in old else value for value in bindings]
            connection.execute(sql, values, can_cache=not sql.startswith("PRAGMA")).fetchall()

    return anew if old else as_before


def test_calls_beside_their_statements(
    benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = SqliteCatalog(tmp_path / "lashkit.db")
    run = Bridge(catalog)
    for ref in REFS:
        intend(catalog, run, "s", ref)
    numbers = itertools.count()
    calls: dict[str, tuple[Callable[[], object], int]] = {
        "holds_ref": (lambda: run(catalog.holds_ref, "s", REFS[5].id), 500),
        "entry": (lambda: run(catalog.entry, "s", REFS[5].id), 500),
        "record_intent": (lambda: intend(catalog, run, "s", new_ref(next(numbers))), 100),
        "intent + commit": (lambda: _intent_and_commit(catalog, run, next(numbers)), 5),
    }
    # Of two calls the second, which finds the connection as the one before left it.
    statements = {name: (call(), recorded(catalog, call))[1] for name, (call, _) in calls.items()}
    run(catalog.close)
    copies = {}
    for name in calls:
        shutil.copy(tmp_path / "lashkit.db", tmp_path / f"{name}.db")
        copies[name] = apsw.Connection(str(tmp_path / f"{name}.db"))
        copies[name].execute("PRAGMA synchronous=NORMAL")
    replays = {name: replay(copies[name], statements[name]) for name in calls}
    taken: dict[tuple[str, str], list[float]] = {}

    def one_round() -> None:
        for name, (call, repeat) in calls.items():
            for who, way in (("lashkit", call), ("apsw", replays[name])):
                started = time.perf_counter()
                for _ in range(repeat):
                    way()
                taken.setdefault((name, who), []).append((time.perf_counter() - started) / repeat)

    benchmark.pedantic(one_round, rounds=25, warmup_rounds=2)
    for connection in copies.values():
        connection.close()
    with capsys.disabled():
        print()
        for name in calls:
            ours, theirs = (statistics.median(taken[name, who]) * 1e6 for who in ("lashkit", "apsw"))
            print(f"  {name:16} {ours:8.1f} us, its statements {theirs:8.1f} us: {ours / theirs:.2f}x")


def _intent_and_commit(catalog: SqliteCatalog, run: Bridge, number: int) -> None:
    intend(catalog, run, "t", new_ref(number))
    run(catalog.commit_refs, "t", [new_ref(number).id])


def test_10_000_appends(benchmark: BenchmarkFixture, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = SqliteCatalog(tmp_path / "lashkit.db")
    session = catalog.session("s")
    run = Bridge(session)
    revisions = itertools.count()
    taken: list[float] = []

    def append_100() -> None:
        started = time.perf_counter()
        for revision in itertools.islice(revisions, 100):
            node = SessionNode(
                node_id=f"n{revision}",
                parent_node_id=f"n{revision - 1}" if revision else None,
                payload={"text": "x" * 1_000},
                created_at_epoch_ms=1,
            )
            delta = GraphCommitDelta.append((node,), node.node_id)
            commit = RuntimeCommit(session_id="s", expected_head_revision=revision or None, graph=delta)
            run(session.commit_runtime_state, commit)
        taken.append((time.perf_counter() - started) / 100)

    benchmark.pedantic(append_100, rounds=100)
    with capsys.disabled():
        first, last = (statistics.median(part) * 1e6 for part in (taken[:20], taken[-20:]))
        print(f"\n  an append: {first:.0f} us to a short session, {last:.0f} us to a long one: {last / first:.2f}x")
