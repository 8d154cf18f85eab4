"""What is particular to the file store: its layout, its leftovers, and what others put into its directory."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pytest

from lashkit import (
    AttachmentCorrupt,
    AttachmentCreateMeta,
    AttachmentIoError,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    AttachmentStorePersistence,
    FileAttachmentStore,
    LashkitWarning,
    MediaType,
    SyncAttachmentStore,
    content_id,
)

PNG = AttachmentCreateMeta(MediaType("image/png"), width=4, height=3, label="cat")
HELLO = content_id(b"hello")


@pytest.fixture
def store(tmp_path: Path) -> SyncAttachmentStore:
    return FileAttachmentStore(tmp_path / "store").sync


def blob(root: Path, attachment_id: str = HELLO) -> Path:
    return root / "store" / "sha256" / attachment_id[:2] / attachment_id


def _plain() -> dict[str, str]:
    """This environment, in which no coverage is measured: nobody may not write down what it was."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def test_files_lie_where_lash_puts_them(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"hello", PNG)
    assert blob(tmp_path).read_bytes() == b"hello"
    sidecar = json.loads(Path(f"{blob(tmp_path)}.json").read_bytes())
    assert sidecar == {
        "id": HELLO, "media_type": "image/png", "byte_len": 5, "width": 4, "height": 3, "label": "cat"
    }  # fmt: skip
    assert sorted(os.listdir(tmp_path / "store")) == [".staging", "sha256"]
    assert os.listdir(tmp_path / "store" / ".staging") == []


def test_nothing_is_made_before_the_first_put(store: SyncAttachmentStore, tmp_path: Path) -> None:
    assert list(store.list()) == []
    store.delete(HELLO)
    with pytest.raises(AttachmentNotFound):
        store.get(HELLO)
    assert os.listdir(tmp_path) == []


def test_what_lash_wrote_is_read(store: SyncAttachmentStore, tmp_path: Path) -> None:
    blob(tmp_path).parent.mkdir(parents=True)
    blob(tmp_path).write_bytes(b"hello")
    lash = {"id": HELLO, "media_type": {"kind": "image", "type": "webp"}, "byte_len": 5, "label": "from lash"}
    Path(f"{blob(tmp_path)}.json").write_text(json.dumps(lash, indent=2))
    assert store.get(HELLO).meta.media_type == "image/webp"
    assert store.meta(HELLO).label == "from lash"
    assert [listed.id for listed in store.list()] == [HELLO]


def test_the_store_says_what_it_is(store: SyncAttachmentStore, tmp_path: Path) -> None:
    assert store.persistence is AttachmentStorePersistence.DURABLE
    assert isinstance(store.aio, FileAttachmentStore)
    assert store.aio.root == str(tmp_path / "store")
    assert repr(store) == f"SyncAttachmentStore(FileAttachmentStore({store.aio.root!r}))"


def test_metadata_that_is_gone_or_garbled_is_named_and_written_again(
    store: SyncAttachmentStore, tmp_path: Path
) -> None:
    store.put(b"hello", PNG)
    sidecar = Path(f"{blob(tmp_path)}.json")
    sidecar.unlink()
    with pytest.raises(AttachmentMissingMeta):
        store.get(HELLO)
    store.put(b"hello", PNG)
    assert store.meta(HELLO).label == "cat"
    for garbled in ("{", json.dumps({"id": HELLO, "media_type": "image/png", "byte_len": 7})):
        sidecar.write_text(garbled)
        with pytest.raises(AttachmentMetadataDecodeError):
            store.get(HELLO)
        store.put(b"hello", PNG)
        assert store.get(HELLO).bytes == b"hello"


_PUT_HELLO = """
import sys, lashkit
lashkit.FileAttachmentStore(sys.argv[1]).sync.put(b"hello", lashkit.AttachmentCreateMeta("image/png"))
"""


def test_damage_that_a_read_finds_is_marked_for_every_process_until_a_put_or_a_delete(
    store: SyncAttachmentStore, tmp_path: Path
) -> None:
    marks = tmp_path / "store" / ".damaged"
    for end in ("put", "delete"):
        store.put(b"hello", PNG)
        blob(tmp_path).write_bytes(b"jello")
        with pytest.raises(AttachmentCorrupt):
            b"".join(FileAttachmentStore(tmp_path / "store").sync.open(HELLO))
        assert [(mark.name, mark.stat().st_size) for mark in marks.iterdir()] == [(HELLO, 0)]
        if end == "put":
            subprocess.run([sys.executable, "-c", _PUT_HELLO, tmp_path / "store"], check=True)
            assert store.get(HELLO).bytes == b"hello"
        else:
            store.delete(HELLO)
        assert list(marks.iterdir()) == []


def test_a_mark_that_cannot_be_written_changes_no_error_and_this_store_still_repairs(
    store: SyncAttachmentStore, tmp_path: Path
) -> None:
    store.put(b"hello", PNG)
    (tmp_path / "store" / ".damaged").write_text("in the way")
    blob(tmp_path).write_bytes(b"jello")
    for _ in range(2):
        with pytest.raises(AttachmentCorrupt):
            store.get(HELLO)
    store.put(b"hello", PNG)
    assert store.get(HELLO).bytes == b"hello"
    first = blob(tmp_path).stat().st_mtime_ns
    store.put(b"hello", PNG)
    assert blob(tmp_path).stat().st_mtime_ns == first


def test_a_store_that_may_only_be_read_says_what_is_corrupt() -> None:
    tell = """
import os, sys, lashkit
store = lashkit.FileAttachmentStore(sys.argv[1]).sync
list(store.list())
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    store.get(lashkit.content_id(b"hello"))
except lashkit.AttachmentCorrupt:
    print("corrupt")
"""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "store")
        FileAttachmentStore(root).sync.put(b"hello", PNG)
        blob(Path(folder)).write_bytes(b"jello")
        Path(folder).chmod(0o755)
        root.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", tell, root], env=_plain(), capture_output=True, text=True, check=False
        )
        root.chmod(0o755)
        assert (done.stdout, done.stderr) == ("corrupt\n", "")
        assert not (root / ".damaged").exists()


def test_a_copy_of_a_store_is_the_store_and_a_pickle_opens_its_directory(tmp_path: Path) -> None:
    store = FileAttachmentStore(tmp_path / "store")
    store.sync.put(b"hello", PNG)
    _must_copy_and_pickle(store)

    async def use() -> None:
        assert (await store.get(HELLO)).bytes == b"hello"

    asyncio.run(use())
    _must_copy_and_pickle(store)


def _must_copy_and_pickle(store: FileAttachmentStore) -> None:
    assert copy.copy(store) is store
    assert copy.deepcopy({"store": store})["store"] is store
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(store, protocol))  # noqa: S301
        assert type(again) is FileAttachmentStore
        assert again.root == store.root
        assert again.sync.get(HELLO).bytes == b"hello"


def test_a_blob_of_another_length_is_repaired_by_the_next_put(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"hello", PNG)
    blob(tmp_path).write_bytes(b"hell")
    FileAttachmentStore(tmp_path / "store").sync.put(b"hello", PNG)
    assert store.get(HELLO).bytes == b"hello"


def test_a_link_in_a_blobs_place_is_never_followed(store: SyncAttachmentStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"hello")
    store.put(b"other", PNG)
    blob(tmp_path).symlink_to(tmp_path / "secret")
    with pytest.raises(AttachmentCorrupt):
        store.get(HELLO)
    with pytest.raises(AttachmentNotFound):
        store.head(HELLO)
    with pytest.warns(LashkitWarning, match="was skipped"):
        assert len(list(store.list())) == 1
    store.put(b"hello", PNG)
    assert not blob(tmp_path).is_symlink()
    assert store.get(HELLO).bytes == b"hello"
    assert (tmp_path / "secret").read_bytes() == b"hello"


def test_a_directory_or_pipe_in_a_blobs_place_is_a_typed_error(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"other", PNG)
    os.mkfifo(blob(tmp_path))
    with pytest.raises(AttachmentCorrupt):
        store.get(HELLO)
    blob(tmp_path).unlink()
    blob(tmp_path).mkdir()
    with pytest.raises(AttachmentCorrupt):
        store.get(HELLO)
    with pytest.raises(AttachmentIoError):
        store.put(b"hello", PNG)
    assert os.listdir(tmp_path / "store" / ".staging") == []


def test_a_shard_that_is_a_file_is_a_typed_error(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"other", PNG)
    blob(tmp_path).parent.rmdir()
    blob(tmp_path).parent.write_bytes(b"")
    with pytest.raises(AttachmentNotFound):
        store.get(HELLO)
    with pytest.raises(AttachmentIoError):
        store.put(b"hello", PNG)
    assert len(list(store.list())) == 1
    store.delete(HELLO)


def test_a_shard_that_cannot_be_listed_is_a_typed_error(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"other", PNG)
    blob(tmp_path).parent.rmdir()
    blob(tmp_path).parent.symlink_to(blob(tmp_path).parent)
    with pytest.raises(AttachmentIoError):
        list(store.list())


_PUT_AS_NOBODY = """
import os, sys, lashkit
meta = lashkit.AttachmentCreateMeta("text/plain")
lashkit.FileAttachmentStore(sys.argv[1] + "/warm-up").sync.put(b"hello", meta)
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
print(lashkit.FileAttachmentStore(sys.argv[1] + "/closed/mine").sync.put(b"hello", meta).id)
"""


def test_a_parent_that_may_not_be_read_is_no_obstacle() -> None:
    """As `/home` is on many shared machines."""
    with tempfile.TemporaryDirectory() as folder:
        mine = Path(folder, "closed", "mine")
        mine.mkdir(parents=True)
        for path, mode in ((mine, 0o777), (mine.parent, 0o311), (Path(folder), 0o755)):
            path.chmod(mode)
        try:
            command = [sys.executable, "-c", _PUT_AS_NOBODY, folder]
            done = subprocess.run(command, env=_plain(), capture_output=True, text=True)
        finally:
            mine.parent.chmod(0o755)
        assert (done.stdout.strip(), done.stderr) == (HELLO, "")


def test_a_root_that_is_a_file_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    store = FileAttachmentStore(tmp_path / "store").sync
    with pytest.raises(AttachmentIoError):
        store.put(b"hello", PNG)
    with pytest.raises(AttachmentIoError):
        list(store.list())


def test_foreign_names_are_skipped_and_named_once(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"hello", PNG)
    base = tmp_path / "store" / "sha256"
    for name in ("notes.txt", f"{HELLO[:2]}/README", f"00/{HELLO}", f"{HELLO[:2]}/{HELLO.upper()}"):
        (base / name).write_bytes(b"x")
    with pytest.warns(LashkitWarning) as caught:
        assert [listed.id for listed in store.list()] == [HELLO]
    assert len(caught) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(store.list())) == 1


def test_metadata_without_bytes_is_not_listed(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"hello", PNG)
    blob(tmp_path).unlink()
    assert list(store.list()) == []
    with pytest.raises(AttachmentNotFound):
        store.meta(HELLO)


def test_what_dead_writers_left_is_swept_and_what_others_may_need_is_not(tmp_path: Path) -> None:
    store = FileAttachmentStore(tmp_path / "store")
    store.sync.put(b"hello", PNG)
    staging = tmp_path / "store" / ".staging"
    tell = "from lashkit.process import ProcessIdentity as P; p = P.current(); print(p.place, p.pid, p.start_time)"
    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True)
    dead = "-".join([*done.stdout.split(), "0", "abcdef"])
    mine = store.sync.stage([b"on its way"])
    elsewhere, long_ago = f"{'0' * 16}-1-1-0-abcdef", f"{'1' * 16}-1-1-0-abcdef"
    for name in (dead, elsewhere, long_ago, "not-ours"):
        (staging / name).write_bytes(b"x")
    week_ago_s = time.time() - 8 * 24 * 3600
    os.utime(staging / long_ago, (week_ago_s, week_ago_s))
    FileAttachmentStore(tmp_path / "store").sync.put(b"more", PNG)
    assert sorted(os.listdir(staging)) == sorted([elsewhere, mine.token, "not-ours"])
    assert store.sync.publish(mine, PNG).byte_len == 10


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FileAttachmentStore("~/store").root == str(tmp_path / "store")


def test_a_source_that_is_no_iterable_of_bytes_is_refused(store: SyncAttachmentStore, tmp_path: Path) -> None:
    for wrong in (b"hello", "hello", [b"ok", 3]):
        with pytest.raises(TypeError, match="a chunk is bytes"):
            store.stage(wrong)  # type: ignore[arg-type]
    assert os.listdir(tmp_path / "store" / ".staging") == []


async def test_a_cancelled_stage_leaves_nothing_behind(tmp_path: Path) -> None:
    store = FileAttachmentStore(tmp_path / "store")
    begun = asyncio.Event()

    async def endless() -> object:
        while True:
            yield b"x" * 1000
            begun.set()

    task = asyncio.create_task(store.stage(endless()))  # type: ignore[arg-type]
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(tmp_path / "store" / ".staging") == []


async def test_a_cancelled_put_of_a_long_file_ends_soon(tmp_path: Path) -> None:
    store = FileAttachmentStore(tmp_path / "store")
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def endless() -> object:
        while True:
            yield b"x" * 1000
            loop.call_soon_threadsafe(begun.set)

    task = asyncio.create_task(store.stage(endless()))  # type: ignore[arg-type]
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(tmp_path / "store" / ".staging") == []


async def test_a_cancelled_read_gives_its_descriptor_back(tmp_path: Path) -> None:
    store = FileAttachmentStore(tmp_path / "store")
    ref = await store.put(bytes(3_000_000), PNG)
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        task = asyncio.create_task(anext(store.open(ref.id)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(os.listdir("/dev/fd")) <= before


def test_a_dedup_hit_writes_nothing(store: SyncAttachmentStore, tmp_path: Path) -> None:
    store.put(b"hello", PNG)
    first = blob(tmp_path).stat()
    for again in (store, FileAttachmentStore(tmp_path / "store").sync):
        again.put(b"hello", PNG)
        again.publish(again.stage([b"hel", b"lo"]), PNG)
        now = blob(tmp_path).stat()
        assert (now.st_ino, now.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert os.listdir(tmp_path / "store" / ".staging") == []
