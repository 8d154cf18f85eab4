"""What is particular to the SQLite catalog, in one process. What every catalog keeps is a law (`test_laws.py`)."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from lashkit.errors import AttachmentBeingDeleted, SchemaVersionError, StoreBackendError, StoreError
from lashkit.manifest import AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.runner import drive
from lashkit.runtime import mounts, sqlite_forks
from lashkit.runtime import sqlite_rows as rows
from lashkit.runtime.protocols import RuntimePersistence, SessionCatalog
from lashkit.runtime.records import SessionMeta, SessionReadScope
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.runtime.sqlite_schema import APPLICATION_ID, SCHEMA_VERSION
from lashkit.values import DurabilityTier

CASES = Path(__file__).resolve().parent / "sqlite_cases"
_spec = importlib.util.spec_from_file_location("sqlite_samples", CASES / "samples.py")
assert _spec is not None
assert _spec.loader is not None
samples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(samples)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lashkit.db")


@pytest.fixture
def catalog(path: str) -> Iterator[SqliteCatalog]:
    catalog = SqliteCatalog(path)
    yield catalog
    drive(catalog.close())


def labels(catalog: SqliteCatalog, session_id: str = "s") -> list[str | None]:
    return [row.ref.label for row in drive(catalog.entries(session_id))]


# What it is


def test_it_is_a_durable_catalog_of_durable_sessions(catalog: SqliteCatalog) -> None:
    session = catalog.session("s")
    assert isinstance(catalog, SessionCatalog)
    assert isinstance(session, RuntimePersistence)
    assert catalog.durability_tier == session.durability_tier == DurabilityTier.DURABLE
    assert repr(session) == f"SqliteSession({catalog.path!r}, 's')"
    assert repr(catalog) == f"SqliteCatalog({catalog.path!r})"


def test_nothing_is_made_before_the_first_use_and_the_folder_with_it(tmp_path: Path) -> None:
    catalog = SqliteCatalog(tmp_path / "a" / "b" / "lashkit.db")
    catalog.session("s")
    assert list(tmp_path.iterdir()) == []
    assert drive(catalog.sessions()) == ()
    assert os.path.exists(catalog.path)


async def test_awaited_it_never_blocks_the_loop(path: str) -> None:
    catalog = SqliteCatalog(path)
    await catalog.record_intent(samples.intent("s", "cat"))
    assert await catalog.holds_ref("s", samples.ref("cat").id)
    assert catalog.catalog_uuid == catalog.catalog_uuid
    await catalog.close()


def test_a_row_comes_back_as_it_was_written(catalog: SqliteCatalog) -> None:
    owners = [
        None,
        AttachmentOwner(kind="turn", owner_id="t1"),
        AttachmentOwner(kind="process", owner_id="me", process=ProcessIdentity.current()),
    ]
    intents = [samples.intent("ses'sion", f'"ä {n}"', at=2**40 + n, owner=o) for n, o in enumerate(owners)]
    for intent in intents:
        drive(catalog.record_intent(intent))
    found = drive(catalog.entries("ses'sion"))
    assert [(row.session_id, row.ref, row.intent_at_epoch_ms, row.owner) for row in found] == [
        (intent.session_id, intent.ref, intent.intent_at_epoch_ms, intent.owner) for intent in intents
    ]
    assert all(row.committed_at_epoch_ms is None for row in found)


def test_what_sqlite_cannot_hold_is_a_store_error_and_changes_nothing(catalog: SqliteCatalog) -> None:
    for intent in (samples.intent("\ud800", "cat"), samples.intent("s", "cat", at=2**63)):
        with pytest.raises(StoreError, match="cannot be stored"):
            drive(catalog.record_intent(intent))
    assert drive(catalog.list_all_refs()) == ()
    assert drive(catalog.list_uncommitted(2**80)) == ()


# What a file is


@pytest.mark.parametrize(("version", "remedy"), [(SCHEMA_VERSION + 1, "upgrade lashkit"), (-1, "export")])
def test_another_schema_version_is_refused_with_the_way_out_and_not_touched(
    path: str, version: int, remedy: str
) -> None:
    assert SqliteCatalog(path).catalog_uuid
    connection = apsw.Connection(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = Path(path).read_bytes()
    with pytest.raises(SchemaVersionError, match=remedy) as caught:
        drive(SqliteCatalog(path).sessions())
    assert (caught.value.path, caught.value.found, caught.value.known) == (path, version, SCHEMA_VERSION)
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
)
def test_the_database_of_another_program_is_refused_and_not_touched(path: str, statement: str) -> None:
    connection = apsw.Connection(path)
    connection.execute(statement)
    connection.close()
    before = Path(path).read_bytes()
    with pytest.raises(StoreBackendError, match="another program's") as caught:
        drive(SqliteCatalog(path).sessions())
    assert path in str(caught.value)
    assert Path(path).read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_not_touched(path: str) -> None:
    Path(path).write_bytes(b"a shopping list " * 100)
    with pytest.raises(StoreBackendError, match="no SQLite database") as caught:
        drive(SqliteCatalog(path).sessions())
    assert path in str(caught.value)
    assert Path(path).read_bytes() == b"a shopping list " * 100


def test_an_empty_file_becomes_a_catalog(path: str) -> None:
    Path(path).touch()
    samples.record_and_commit(SqliteCatalog(path), "s", "cat")
    assert samples.committed(path, "s") == ["cat"]
    connection = apsw.Connection(path)
    assert connection.pragma("application_id") == APPLICATION_ID
    assert connection.pragma("journal_mode") == "wal"


def test_a_damaged_file_is_an_error_that_names_it(path: str) -> None:
    catalog = SqliteCatalog(path)
    for number in range(300):
        drive(catalog.record_intent(samples.intent("s", str(number))))
    drive(catalog.close())
    data = bytearray(Path(path).read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    Path(path).write_bytes(data)
    with pytest.raises(StoreBackendError, match="damaged") as caught:
        drive(SqliteCatalog(path).list_all_refs())
    assert path in str(caught.value)


def test_a_file_that_was_deleted_or_replaced_takes_no_more_writes_until_it_is_opened_again(path: str) -> None:
    catalog = SqliteCatalog(path)
    samples.record_and_commit(catalog, "s", "lost with its file")
    for suffix in ("", "-wal", "-shm"):
        os.unlink(path + suffix)
    with pytest.raises(StoreBackendError, match="was moved, replaced or deleted"):
        samples.record_and_commit(catalog, "s", "never")
    samples.record_and_commit(catalog, "s", "in a new file")
    assert samples.committed(path, "s") == ["in a new file"]


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreBackendError, match="cannot be opened"):
        drive(SqliteCatalog(tmp_path).sessions())
    (tmp_path / "file").touch()
    with pytest.raises(StoreBackendError, match="folder must be one"):
        drive(SqliteCatalog(tmp_path / "file" / "lashkit.db").sessions())


def test_a_file_that_may_only_be_read_can_be_read_and_says_so_when_written(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    path = str(folder / "lashkit.db")
    keeper = SqliteCatalog(path)
    samples.record_and_commit(keeper, "s", "cat")  # its connection stays open: -wal and -shm are there
    for file in folder.iterdir():
        file.chmod(0o444)
    code = (
        "import os, sys\n"
        "from samples import committed, record_and_commit, say\n"
        "from lashkit.runtime.sqlite import SqliteCatalog\n"
        "from lashkit.errors import StoreBackendError\n"
        "import apsw\n"
        "os.chdir(sys.argv[1])\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"  # permissions do not bind root
        "say(committed('lashkit.db', 's'))\n"
        "try: record_and_commit(SqliteCatalog('lashkit.db'), 's', 'dog')\n"
        "except StoreBackendError as exc: say(exc)\n"
    )
    for place in (folder, *folder.parents):
        if os.getuid() == 0 and place != place.parent and place.stat().st_uid == 0:
            place.chmod(place.stat().st_mode | 0o055)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CASES.parent.parent.parent), str(CASES)])}
    env = {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run([sys.executable, "-c", code, folder], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    read, refused = ended.stdout.splitlines()
    assert read == "['cat']"
    assert "it cannot be written; change its permissions" in refused


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "lashkit-tiny", str(place)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"this kernel has no tmpfs that this user may mount: {exc}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_an_error_that_says_so_and_what_was_acknowledged_stays(tiny_disk: Path) -> None:
    catalog = SqliteCatalog(tiny_disk / "lashkit.db")
    session = catalog.session("s")
    revision = 0
    refused = None
    while refused is None and revision < 1_000:
        commit = samples.appending("s", revision or None, samples.node(f"n{revision}", text="x" * 20_000))
        try:
            revision = drive(session.commit_runtime_state(commit)).head_revision
        except StoreBackendError as exc:
            refused = exc
    assert "the disk is full" in str(refused)
    read = drive(session.load_session(SessionReadScope.full_graph()))
    assert read is not None
    assert read.head_revision == revision == len(read.graph.nodes)
    drive(catalog.close())
    again = SqliteCatalog(tiny_disk / "lashkit.db")
    assert drive(again.session("s").load_session(SessionReadScope.full_graph())) == read
    drive(again.close())


# Where a file lies


def test_a_network_file_system_is_refused_at_open_naming_the_way_out(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("1 0 0:1 / / rw - nfs4 server:/export rw")
    monkeypatch.setattr(mounts, "MOUNT_TABLE", str(table))
    with pytest.raises(StoreBackendError, match=r"network file system \(nfs4\).*catalog="):
        drive(SqliteCatalog(path).sessions())
    assert not os.path.exists(path)
    monkeypatch.setattr(mounts, "MOUNT_TABLE", str(tmp_path / "no such table"))
    assert drive(SqliteCatalog(path).sessions()) == ()


# One connection


def test_all_catalogs_on_a_file_share_one_connection_and_the_last_one_closes_it(path: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    first, second = SqliteCatalog(path), SqliteCatalog(link / "lashkit.db")
    session = second.session("s")
    assert first.catalog_uuid == second.catalog_uuid
    assert first._holder.file is second._holder.file
    drive(first.close())
    drive(first.close())
    assert os.path.exists(path + "-wal")
    del second
    gc.collect()
    assert drive(session.load_session_meta()) is None
    assert os.path.exists(path + "-wal")
    del session
    gc.collect()
    assert not os.path.exists(path + "-wal")
    assert drive(first.sessions()) == ()  # opens it again
    assert os.path.exists(path + "-wal")


def test_a_catalog_closed_while_another_thread_works_closes_when_that_is_done(path: str) -> None:
    catalog = SqliteCatalog(path)
    file = catalog._holder.file
    inside, closed = threading.Event(), threading.Event()

    def work(connection: Any) -> None:
        rows.begin_write(connection, samples.intent("s", "cat"))
        inside.set()
        closed.wait()

    thread = threading.Thread(target=file.write, args=(work,))
    thread.start()
    inside.wait()
    drive(catalog.close())
    assert os.path.exists(path + "-wal")
    closed.set()
    thread.join()
    assert not os.path.exists(path + "-wal")
    assert labels(catalog) == ["cat"]


def test_a_reader_whose_catalog_is_closed_meanwhile_closes_when_it_is_done(path: str) -> None:
    catalog = SqliteCatalog(path)
    file = catalog._holder.file
    file.read(lambda _: drive(catalog.close()))
    assert not os.path.exists(path + "-wal")


def test_threads_at_work_on_one_file_lose_nothing(path: str) -> None:
    catalogs = [SqliteCatalog(path) for _ in range(4)]

    def work(index: int) -> None:
        for number in range(50):
            samples.record_and_commit(catalogs[index], "s", f"{index}-{number}")
            if number % 10 == 0:
                drive(catalogs[index].close())

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(samples.committed(path, "s")) == 200


# Transactions


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, StoreError])
def test_whatever_ends_a_transaction_early_undoes_it_and_comes_out(
    catalog: SqliteCatalog, error: type[BaseException]
) -> None:
    samples.record_and_commit(catalog, "s", "before")

    def fail(connection: Any) -> None:
        rows.begin_write(connection, samples.intent("s", "never"))
        raise error("stop")

    for way in (catalog._holder.write, catalog._holder.write_durably):
        with pytest.raises(error, match="stop"):
            way(fail)
    with pytest.raises(error, match="stop"):
        catalog._holder.snapshot(lambda _: (_ for _ in ()).throw(error("stop")))
    samples.record_and_commit(catalog, "s", "after")
    assert labels(catalog) == ["before", "after"]


def test_an_interrupted_rollback_is_made_up_for(catalog: SqliteCatalog) -> None:
    samples.record_and_commit(catalog, "s", "before")
    file = catalog._holder.file
    connection = file.connection
    assert connection is not None
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM manifest")
    assert labels(catalog) == ["before"]
    assert not connection.in_transaction


def test_a_call_from_inside_a_transaction_of_the_same_thread_is_refused_and_does_not_hang(
    catalog: SqliteCatalog,
) -> None:
    refused: list[str] = []

    def handler(*_: object) -> None:
        for call in (catalog.holds_ref("s", samples.ref("x").id), catalog.record_intent(samples.intent("s", "x"))):
            try:
                drive(call)
            except StoreBackendError as exc:
                refused.append(str(exc))

    def interrupted(connection: Any) -> None:
        rows.begin_write(connection, samples.intent("s", "cat"))
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        catalog._holder.write(interrupted)
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(refused) == 2
    assert all("this very thread" in text for text in refused)
    assert labels(catalog) == ["cat", "x"]


def test_an_unknown_error_of_sqlite_is_an_error_of_the_backend(catalog: SqliteCatalog) -> None:
    with pytest.raises(StoreBackendError, match="no such table: nowhere") as caught:
        catalog._holder.read(lambda connection: connection.execute("SELECT * FROM nowhere"))
    assert isinstance(caught.value.__cause__, apsw.SQLError)


# The fence


def test_a_delete_of_a_process_that_lives_is_left_alone(catalog: SqliteCatalog) -> None:
    attachment_id = samples.ref("cat").id
    elsewhere = subprocess.Popen(["sleep", "60"])  # any other process
    try:
        own = ProcessIdentity.current()
        with open(f"/proc/{elsewhere.pid}/stat", "rb") as file:
            started = int(file.read().rpartition(b")")[2].split()[19])
        deleter = (attachment_id, own.place, elsewhere.pid, started)
        insert = "INSERT INTO digests VALUES (?, ?, ?, ?)"
        catalog._holder.write(lambda connection: connection.execute(insert, deleter))
        drive(catalog.release(attachment_id))
        assert not drive(catalog.condemn(attachment_id, grace_ms=0))
        assert not drive(catalog.arm_delete(attachment_id))
        with pytest.raises(AttachmentBeingDeleted):
            drive(catalog.begin_write(samples.intent("s", "cat")))
    finally:
        elsewhere.kill()
        elsewhere.wait()
    drive(catalog.begin_write(samples.intent("s", "cat")))
    assert labels(catalog) == ["cat"]


def test_a_condemned_digest_that_a_row_names_all_the_same_is_not_armed(catalog: SqliteCatalog) -> None:
    attachment_id = samples.ref("cat").id
    drive(catalog.record_intent(samples.intent("s", "cat")))
    condemn = "INSERT INTO digests (attachment_id) VALUES (?)"
    catalog._holder.write(lambda connection: connection.execute(condemn, (attachment_id,)))
    assert not drive(catalog.arm_delete(attachment_id))


# What it costs


def test_no_call_on_one_row_reads_a_whole_table(catalog: SqliteCatalog) -> None:
    session = catalog.session("s")
    assert catalog.catalog_uuid
    connection = catalog._holder.file.connection
    assert connection is not None
    statements: dict[str, Any] = {}

    def remember(_: object, sql: str, bindings: Any) -> bool:
        statements[sql] = bindings
        return True

    connection.exec_trace = remember
    attachment_id = samples.ref("cat").id
    samples.record_and_commit(catalog, "s", "cat")
    drive(catalog.begin_write(samples.intent("s", "cat")))
    drive(catalog.entry("s", attachment_id))
    drive(catalog.holds_ref("s", attachment_id))
    drive(catalog.find_entries(attachment_id))
    drive(catalog.entries("s"))
    drive(catalog.not_live([attachment_id, samples.ref("dog").id], grace_ms=0))
    for name in ("cat", "dog"):
        drive(catalog.condemn(samples.ref(name).id, grace_ms=0))
        drive(catalog.arm_delete(samples.ref(name).id))
        drive(catalog.release(samples.ref(name).id))
    lease = drive(session.try_claim_session_execution_lease("s", samples.owner("me"))).acquired
    assert lease is not None
    drive(
        session.commit_runtime_state(
            samples.appending("s", None, samples.node("a"), session_execution_lease=lease.fence())
        )
    )
    drive(session.load_session(SessionReadScope.full_graph()))
    drive(session.load_session(SessionReadScope.active_path()))
    drive(session.load_node("a"))
    drive(session.tombstone_nodes(["b"]))
    drive(session.vacuum())
    drive(session.gc_unreachable())
    drive(session.save_session_meta(SessionMeta(session_id="s", name="cats", created_at_epoch_ms=1)))
    drive(session.load_session_meta())
    drive(catalog.fork("s", "a", SessionMeta(session_id="t", name="t", created_at_epoch_ms=1)))
    drive(session.release_session_execution_lease(lease.fence()))
    drive(catalog.forget("s", attachment_id))
    drive(catalog.delete("s"))
    connection.exec_trace = None
    assert len(statements) > 30
    scans = {}
    for sql, bindings in statements.items():
        if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "\nWITH")):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]
            harmless = ("SCAN path", "SCAN CONSTANT ROW")  # a path that was found, step by step
            found = [step for step in plan if step.startswith("SCAN") and step not in harmless]
            if found:
                scans[sql] = found
    assert scans == {}


def test_an_append_writes_as_much_to_a_long_session_as_to_a_short_one(catalog: SqliteCatalog, path: str) -> None:
    session = catalog.session("s")

    assert catalog.catalog_uuid
    connection = catalog._holder.file.connection
    assert connection is not None
    names = (f"n{number}" for number in itertools.count())
    head: list[Any] = [None, None]

    def append(count: int) -> None:
        new = []
        for name in itertools.islice(names, count):
            new.append(samples.node(name, head[1], text="x" * 500))
            head[1] = name
        head[0] = drive(session.commit_runtime_state(samples.appending("s", head[0], *new))).head_revision

    def written_by_20_appends() -> int:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        for _ in range(20):
            append(1)
        return os.path.getsize(path + "-wal")

    append(20)
    short = written_by_20_appends()
    append(10_000)
    assert written_by_20_appends() <= 1.5 * short


def test_apsw_is_imported_by_the_first_use_and_asyncio_never(path: str) -> None:
    code = (
        "import sys\n"
        "from lashkit.runtime.sqlite import SqliteCatalog\n"
        "assert 'apsw' not in sys.modules\n"
        "SqliteCatalog(sys.argv[1]).catalog_uuid\n"
        "assert 'apsw' in sys.modules\n"
        "assert 'asyncio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, path], check=True)


def test_the_files_known_to_a_process_keep_no_connection_open(path: str) -> None:
    real = os.path.realpath(path)
    catalog = SqliteCatalog(path)
    assert catalog.catalog_uuid
    assert sqlite_forks.files[real].connection is not None
    del catalog
    gc.collect()
    assert sqlite_forks.files[real].connection is None
    shutil.rmtree(os.path.dirname(path))
