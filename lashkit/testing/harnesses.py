"""Ready harnesses for the stores that lashkit brings, and models for your own.

report = await lashkit.testing.check_attachment_store(lashkit.testing.harnesses.FileHarness())
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import AttachmentStore
from lashkit.testing.store_laws.identity import CANARY
from lashkit.values import AttachmentId

__all__ = ["FileHarness", "MemoryHarness"]

SelfT = TypeVar("SelfT")
ArgsT = ParamSpec("ArgsT")
ResultT = TypeVar("ResultT")

_is_id = re.compile(r"[0-9a-f]{64}").fullmatch
# What a process that cannot be alive (no system has this pid) leaves in the staging folder.
_DEAD_PID = 2**31 - 1


class MemoryHarness:
    """Raw access to `InMemoryAttachmentStore`, and to what derives from it.

    Args:
        make: makes a fresh store.

    Nothing outlives the store, and metadata and bytes are one there: it has no `reopen`, `spoil_meta` or
    `plant`.
    """

    def __init__(self, make: Callable[[], InMemoryAttachmentStore] = InMemoryAttachmentStore) -> None:
        self.make = make

    def __repr__(self) -> str:
        return f"MemoryHarness({self.make.__name__})"

    def corrupt(self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes) -> None:
        """See `CanCorrupt`."""
        blobs = _of_memory(store)._blobs
        blobs[attachment_id] = dataclasses.replace(blobs[attachment_id], data=data)

    def lose(self, store: AttachmentStore, attachment_id: AttachmentId) -> None:
        """See `CanLose`. The metadata goes with the bytes."""
        del _of_memory(store)._blobs[attachment_id]

    def leftovers(self, store: AttachmentStore) -> list[str]:
        """See `CanSeeLeftovers`."""
        return [f"{staged.byte_len} staged bytes" for staged in _of_memory(store)._staged]


def _of_memory(store: AttachmentStore) -> InMemoryAttachmentStore:
    if not isinstance(store, InMemoryAttachmentStore):
        raise TypeError(f"{store!r} is no InMemoryAttachmentStore")
    return store


def _in_a_thread(
    blocking: Callable[Concatenate[SelfT, ArgsT], ResultT],
) -> Callable[Concatenate[SelfT, ArgsT], Awaitable[ResultT]]:
    """The same method, awaited: file work does not belong on the loop that the laws run on."""

    @functools.wraps(blocking)
    async def awaited(self: SelfT, /, *args: ArgsT.args, **kwargs: ArgsT.kwargs) -> ResultT:
        import asyncio

        return await asyncio.to_thread(blocking, self, *args, **kwargs)

    return awaited


class FileHarness:
    """Raw access to `FileAttachmentStore`, and to what derives from it, each in a temporary directory of its
    own.

    Args:
        make_at: makes a store on a root that does not exist yet.
        under: where the temporary directories go; by default where `tempfile` puts them.

    A directory is removed when the last store on it is closed.
    """

    def __init__(
        self,
        make_at: Callable[[Path], FileAttachmentStore] = FileAttachmentStore,
        *,
        under: str | os.PathLike[str] | None = None,
    ) -> None:
        self._make_at = make_at
        self._under = under
        self._users: dict[Path, int] = {}

    def __repr__(self) -> str:
        return f"FileHarness({self._make_at.__name__})"

    @_in_a_thread
    def make(self) -> FileAttachmentStore:
        """See `StoreHarness`."""
        home = Path(tempfile.mkdtemp(prefix="lashkit-laws-", dir=self._under))
        (home / CANARY).write_bytes(b"beside the root")
        return self._open(home / "root")

    def reopen(self, store: AttachmentStore) -> FileAttachmentStore:
        """See `CanReopen`."""
        return self._open(_root(store))

    def _open(self, root: Path) -> FileAttachmentStore:
        self._users[root] = self._users.get(root, 0) + 1
        return self._make_at(root)

    @_in_a_thread
    def close(self, store: AttachmentStore) -> None:
        """See `CanClose`."""
        root = _root(store)
        self._users[root] -= 1
        if not self._users[root]:
            del self._users[root]
            shutil.rmtree(root.parent)

    @_in_a_thread
    def corrupt(self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes) -> None:
        """See `CanCorrupt`."""
        self._blob(store, attachment_id).write_bytes(data)

    @_in_a_thread
    def lose(self, store: AttachmentStore, attachment_id: AttachmentId) -> None:
        """See `CanLose`."""
        self._blob(store, attachment_id).unlink()

    @_in_a_thread
    def spoil_meta(self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes | None) -> None:
        """See `CanSpoilMeta`."""
        sidecar = self._blob(store, attachment_id).with_suffix(".json")
        if data is None:
            sidecar.unlink()
        else:
            sidecar.write_bytes(data)

    @_in_a_thread
    def plant(self, store: AttachmentStore, name: str, data: bytes) -> None:
        """See `CanPlant`. Among the shards, and in each shard that is there."""
        shards = _root(store) / "sha256"
        for folder in (shards, *(child for child in shards.iterdir() if child.is_dir())):
            (folder / name).write_bytes(data)

    @_in_a_thread
    def plant_stale(self, store: AttachmentStore, data: bytes) -> None:
        """See `CanPlantStale`. Whole and cut short, of a dead process and of one that nobody knows."""
        staging = _root(store) / ".staging"
        staging.mkdir(parents=True, exist_ok=True)
        for writer in (f"{'0' * 16}-1-1", f"{'0' * 16}-{_DEAD_PID}-1"):
            (staging / f"{writer}-0-{'a' * 12}").write_bytes(data[: len(data) // 2])
            (staging / f"{writer}-1-{'b' * 12}").write_bytes(data)

    @_in_a_thread
    def leftovers(self, store: AttachmentStore) -> list[str]:
        """See `CanSeeLeftovers`."""
        files = _files_below(_root(store))
        return sorted(name for name, path in files.items() if not _is_published(path, files))

    @_in_a_thread
    def surroundings(self, store: AttachmentStore) -> dict[str, bytes]:
        """See `CanSeeSurroundings`. The directory that the root is in, and what was planted."""
        files = _files_below(_root(store).parent)
        beside = (name for name, path in files.items() if not _is_published(path, files))
        return {name: files[name].read_bytes() for name in beside if ".staging" not in name}

    @staticmethod
    def _blob(store: AttachmentStore, attachment_id: AttachmentId) -> Path:
        return _root(store) / "sha256" / attachment_id[:2] / attachment_id


def _root(store: AttachmentStore) -> Path:
    if not isinstance(store, FileAttachmentStore):
        raise TypeError(f"{store!r} is no FileAttachmentStore")
    return Path(store.root)


def _files_below(folder: Path) -> dict[str, Path]:
    """Every file below `folder`, by its path from there."""
    found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return {str(path.relative_to(folder)): path for path in found}


def _is_published(path: Path, files: dict[str, Path]) -> bool:
    """Whether the file is a blob, or the metadata of one that is there too."""
    blob = path.with_name(path.name.removesuffix(".json"))
    return _is_id(blob.name) is not None and blob.parent.name == blob.name[:2] and blob in files.values()
