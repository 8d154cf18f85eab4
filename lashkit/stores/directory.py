"""The blocking half of the file store: one directory, its layout, and the order of operations that makes puts durable.

    <root>/sha256/<first two digits>/<id>         the bytes
    <root>/sha256/<first two digits>/<id>.json    the metadata that the first put wrote
    <root>/.staging/<who>-<counter>-<random>      bytes on their way in; nobody lists them
    <root>/.damaged/<id>                          empty: what is stored under this id was found damaged

A put writes and flushes both files under staging names, renames the metadata and then the bytes, and flushes the
folder: the rename of the bytes is the moment at which the attachment exists, and everything it needs is on the disk
by then. A crash before it leaves staging files at most, which the next opener of a dead process's leftovers removes.
A repeated put finds the bytes by name and length; it flushes the folder unless this process published them, because
the first writer may have crashed between its rename and its own flush.

A read that finds damage, and a flush that fails after the rename, mark the id: the next put of those bytes, by
whichever process, writes them anew instead of taking them for stored, and removes the mark. Renames into a shard's
folder and deletes from it exclude each other (`lashkit.stores.locking`): a delete between the two renames of a put
would take the metadata of bytes that are about to be there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import stat
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Literal

from lashkit import wire
from lashkit.errors import (
    AttachmentCorrupt,
    AttachmentIoError,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    InvalidAttachmentId,
    LashkitWarning,
)
from lashkit.process import ProcessIdentity
from lashkit.runner import checkpoint
from lashkit.stores.damage import KnownDamage
from lashkit.stores.disk import (
    NewFile,
    lstat_regular,
    make_directories,
    open_regular,
    read_all,
    sync_directory,
    unlink,
)
from lashkit.stores.locking import LockedDirectory
from lashkit.stores.protocols import CHUNK_BYTE_LEN, StagedBlob, checked_chunk
from lashkit.values import (
    AttachmentCreateMeta,
    AttachmentId,
    AttachmentMeta,
    AttachmentRef,
    BytesLike,
    StoredAttachment,
    StoredBlobRef,
    content_id,
)

__all__ = ["StoreDirectory", "append", "read_chunk"]

_SIDECAR = ".json"
_is_shard = re.compile(r"[0-9a-f]{2}").fullmatch
_is_ours = re.compile(r"([0-9a-f]{64})(\.json)?").fullmatch
_staging_name = re.compile(r"([0-9a-f]{16})-(\d+)-(\d+)-\d+-[0-9a-f]+").fullmatch
_UNKNOWN_WRITER_MS = 7 * 24 * 3600 * 1000
"""Staging files of writers on other boots or machines, whose death nobody can prove, are kept this long."""


class StoreDirectory:
    """The operations of a store on one directory; every one blocks. Threads and processes may share the directory.

    Args:
        root: an absolute path; made, with its parents, by the first write.
        flush_sidecars: whether metadata must outlive a power cut; where a catalog has it too, it need not.
    """

    def __init__(self, root: str, *, flush_sidecars: bool = True) -> None:
        self.root = root
        self._shards = os.path.join(root, "sha256")
        self._staging = os.path.join(root, ".staging")
        self._flushes_sidecars = flush_sidecars
        self._ready = False
        self._counter = itertools.count()
        self._staged: set[StagedBlob] = set()
        self._damage = KnownDamage(os.path.join(root, ".damaged"))
        # Ids whose folder this process has flushed since their rename. Changed under the lock of their shard only.
        self._published: set[AttachmentId] = set()
        self._warned: set[str] = set()

    def _path(self, attachment_id: str) -> str:
        """Where the bytes are, or would be. Only 64 hex digits map to a path: no id leads out of the root."""
        if type(attachment_id) is not AttachmentId:
            try:
                attachment_id = AttachmentId(attachment_id)
            except InvalidAttachmentId as exc:
                raise AttachmentNotFound(exc.value, "not an id") from exc
        return f"{self._shards}{os.sep}{attachment_id[:2]}{os.sep}{attachment_id}"

    def _prepare(self) -> None:
        """Make the folders, durably, and remove what dead writers left. Racing another process here is harmless."""
        make_directories(self.root)
        for folder in (
            self._staging,
            self._shards,
            *(os.path.join(self._shards, f"{n:02x}") for n in range(256)),
        ):
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
        for folder in (self._shards, self.root):
            sync_directory(folder)
        # A parent that others own may be closed to us, as /home is on shared machines; then we did not make the root.
        with contextlib.suppress(PermissionError):
            sync_directory(os.path.dirname(self.root))
        self._sweep_staging()
        self._ready = True

    def _sweep_staging(self) -> None:
        oldest_unknown_s = time.time() - _UNKNOWN_WRITER_MS / 1000
        with os.scandir(self._staging) as entries:
            for entry in entries:
                match = _staging_name(entry.name)
                if match is None:
                    continue
                writer = ProcessIdentity(match[1], int(match[2]), int(match[3]))
                # Another process may sweep the same leftovers at this moment.
                with contextlib.suppress(FileNotFoundError):
                    if writer.is_proven_dead() or entry.stat(follow_symlinks=False).st_mtime < oldest_unknown_s:
                        os.unlink(entry.path)

    def new_file(self) -> NewFile:
        """A file in the staging folder, which is made where it is missing."""
        with _io_errors():
            if not self._ready:
                self._prepare()
            try:
                return NewFile(self._staging_path())
            except FileNotFoundError:
                # Somebody removed the directory under us, as people do in notebooks.
                self._prepare()
                return NewFile(self._staging_path())

    def _staging_path(self) -> str:
        me = ProcessIdentity.current()
        name = f"{me.place}-{me.pid}-{me.start_time}-{next(self._counter)}-{os.urandom(6).hex()}"
        return os.path.join(self._staging, name)

    def put(self, data: bytes, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Hash first: bytes that are stored already are not written again."""
        described = meta.describe(content_id(data), len(data))
        if not self._hit(described):
            with self.new_file() as blob, _io_errors():
                blob.write(data)
                blob.flush()
                self._land(blob.path, described)
                blob.keep()
        return described.as_ref()

    def _hit(self, described: AttachmentMeta) -> bool:
        """Whether these bytes are stored, durably and as far as known intact. A lost sidecar is written again."""
        sidecar_path = self._path(described.id) + _SIDECAR
        with _io_errors(), contextlib.ExitStack() as held:
            if not self._has_bytes(described):
                return False
            lost = lstat_regular(sidecar_path) is None
            if not lost and described.id in self._published:
                return True
            sidecar = held.enter_context(self._new_sidecar(described)) if lost else None
            shard = held.enter_context(self._shard(described.id, "shared"))
            # A delete may have come before the lock.
            if not self._has_bytes(described):
                return False
            if sidecar is not None:
                sidecar.move(sidecar_path)
            self._flush_names(shard, described.id)
        return True

    def _has_bytes(self, described: AttachmentMeta) -> bool:
        facts = lstat_regular(self._path(described.id))
        return facts is not None and facts.st_size == described.byte_len and described.id not in self._damage

    def _shard(self, attachment_id: AttachmentId, lock: Literal["shared", "exclusive"]) -> LockedDirectory:
        return LockedDirectory(os.path.dirname(self._path(attachment_id)), lock)

    def _land(self, staged_path: str, described: AttachmentMeta) -> None:
        """Publish a flushed file: metadata first, so that no blob is ever seen without it."""
        path = self._path(described.id)
        make_directories(os.path.dirname(path))
        with self._new_sidecar(described) as sidecar, self._shard(described.id, "shared") as shard:
            sidecar.move(path + _SIDECAR)
            os.replace(staged_path, path)
            self._flush_names(shard, described.id)
        self._damage.forget(described.id)

    def _flush_names(self, shard: LockedDirectory, attachment_id: AttachmentId) -> None:
        """Make the folder's names durable. A flush that failed is never tried again: the next put writes anew."""
        try:
            shard.flush()
        except OSError:
            self._published.discard(attachment_id)
            self._damage.note(attachment_id)
            raise
        self._published.add(attachment_id)

    @contextlib.contextmanager
    def _new_sidecar(self, described: AttachmentMeta) -> Iterator[NewFile]:
        """The metadata, flushed under a staging name; removed unless it was moved."""
        with self.new_file() as sidecar:
            sidecar.write(wire.dump_sidecar(described))
            if self._flushes_sidecars:
                sidecar.flush()
            yield sidecar

    def new_staging_file(self, held: contextlib.ExitStack) -> NewFile:
        """A new file that `held` closes and removes, unless it was kept."""
        return held.enter_context(self.new_file())

    def stage(self, chunks: Iterable[bytes], held: contextlib.ExitStack) -> tuple[NewFile, StagedBlob]:
        """Write, hash and flush the chunks under a staging name, for `keep`."""
        digest = hashlib.sha256()
        file = self.new_staging_file(held)
        for chunk in chunks:
            checkpoint()
            append(file, digest, checked_chunk(chunk))
        return file, self.finish_stage(file, digest)

    def finish_stage(self, file: NewFile, digest: hashlib._Hash) -> StagedBlob:
        """Flush what was appended, for `keep`."""
        with _io_errors():
            file.flush()
        return StagedBlob(AttachmentId(digest.hexdigest()), file.byte_len, os.path.basename(file.path))

    def keep(self, file: NewFile, staged: StagedBlob) -> None:
        """Hold a staged file until `publish` or `discard`. The one operation here that does not block."""
        file.keep()
        self._staged.add(staged)

    def publish(self, staged: StagedBlob, meta: AttachmentCreateMeta) -> AttachmentRef:
        """Give staged bytes their name, unless they are stored already. The staging file is gone either way."""
        try:
            self._staged.remove(staged)
        except KeyError:
            raise AttachmentNotFound(staged.id, "it is not staged here") from None
        path = os.path.join(self._staging, staged.token)
        described = meta.describe(staged.id, staged.byte_len)
        try:
            with _io_errors():
                if not self._hit(described):
                    self._land(path, described)
        finally:
            # What cannot be removed is swept once this process is gone.
            with contextlib.suppress(OSError):
                unlink(path)
        return described.as_ref()

    def discard(self, staged: StagedBlob) -> None:
        """Remove the staging file."""
        if staged in self._staged:
            self._staged.discard(staged)
            with _io_errors():
                unlink(os.path.join(self._staging, staged.token))

    def require(self, intact: bool, attachment_id: AttachmentId) -> None:
        """Raise where the bytes are not the id's, and mark it, so that the next put rewrites them."""
        if not intact:
            self._damage.note(attachment_id)
            raise AttachmentCorrupt(attachment_id)

    def open_blob(self, attachment_id: AttachmentId, held: contextlib.ExitStack) -> int:
        """A descriptor to read with; `held` closes it, since the caller may be gone when a worker opens it."""
        path = self._path(attachment_id)
        try:
            fd = open_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            raise AttachmentNotFound(attachment_id) from None
        except OSError as exc:
            self.require(exc.errno not in (errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENXIO), attachment_id)
            raise AttachmentIoError.of(exc) from exc
        held.callback(os.close, fd)
        return fd

    def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        """Read, verify, describe."""
        with contextlib.ExitStack() as held, _io_errors():
            fd = self.open_blob(attachment_id, held)
            with open(fd, "rb", buffering=0, closefd=False) as file:
                data = file.readall()
        self.require(content_id(data) == attachment_id, attachment_id)
        return StoredAttachment(self._read_sidecar(attachment_id, len(data)), data)

    def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """What the sidecar says of bytes that are there."""
        return self._read_sidecar(attachment_id, self.head(attachment_id).byte_len)

    def _read_sidecar(self, attachment_id: AttachmentId, byte_len: int) -> AttachmentMeta:
        try:
            return self._load_sidecar(attachment_id, byte_len)
        except AttachmentMissingMeta:
            # A delete may have come between the two files. Are the bytes still there, or there again, then so is it.
            self.head(attachment_id)
            return self._load_sidecar(attachment_id, byte_len)

    def _load_sidecar(self, attachment_id: AttachmentId, byte_len: int) -> AttachmentMeta:
        try:
            meta = wire.load_sidecar(
                read_all(self._path(attachment_id) + _SIDECAR, limit=wire.SIDECAR_LIMIT + 1), attachment_id
            )
            if meta.byte_len != byte_len:
                detail = f"it says {meta.byte_len} bytes, the blob has {byte_len}"
                raise AttachmentMetadataDecodeError(attachment_id, detail)
        except FileNotFoundError:
            raise AttachmentMissingMeta(attachment_id) from None
        except OSError as exc:
            raise AttachmentIoError.of(exc) from exc
        except AttachmentMetadataDecodeError:
            self._damage.note(attachment_id)
            raise
        return meta

    def head(self, attachment_id: AttachmentId) -> StoredBlobRef:
        """What the file system says of the blob."""
        path = self._path(attachment_id)
        try:
            facts = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise AttachmentNotFound(attachment_id) from None
        except OSError as exc:
            raise AttachmentIoError.of(exc) from exc
        if not stat.S_ISREG(facts.st_mode):
            raise AttachmentNotFound(attachment_id, "something else stands in its place")
        return StoredBlobRef(AttachmentId(attachment_id), facts.st_size, facts.st_mtime_ns // 1_000_000)

    def delete(self, attachment_id: AttachmentId) -> None:
        """Remove both files, durably."""
        try:
            path = self._path(attachment_id)
        except AttachmentNotFound:
            return
        no_shard = contextlib.suppress(FileNotFoundError, NotADirectoryError)
        with _io_errors(), no_shard, self._shard(attachment_id, "exclusive") as shard:
            self._published.discard(attachment_id)
            # Bytes first: metadata without bytes is never listed, bytes without metadata would be.
            removed = [unlink(path), unlink(path + _SIDECAR)]
            if any(removed):
                shard.flush()
        self._damage.forget(attachment_id)

    def shard_names(self) -> list[str]:
        """The folders that hold blobs, in order."""
        with _io_errors():
            try:
                names = sorted(os.listdir(self._shards))
            except FileNotFoundError:
                return []
        for name in names:
            if _is_shard(name) is None:
                self._warn_of_foreign(os.path.join(self._shards, name))
        return [name for name in names if _is_shard(name)]

    def blobs_in(self, shards: Iterable[str]) -> list[StoredBlobRef]:
        """The blobs in some folders."""
        return [blob for shard in shards for blob in self._shard_blobs(shard)]

    def _shard_blobs(self, shard: str) -> list[StoredBlobRef]:
        found = []
        with _io_errors():
            try:
                entries = os.scandir(os.path.join(self._shards, shard))
            except (FileNotFoundError, NotADirectoryError):
                return []
        with _io_errors(), entries:
            for entry in entries:
                match = _is_ours(entry.name)
                if match is None or not entry.is_file(follow_symlinks=False) or match[1][:2] != shard:
                    self._warn_of_foreign(entry.path)
                elif match[2] is None:
                    # It may be deleted at this very moment.
                    with contextlib.suppress(FileNotFoundError):
                        facts = entry.stat(follow_symlinks=False)
                        modified_ms = facts.st_mtime_ns // 1_000_000
                        found.append(StoredBlobRef(AttachmentId(match[1]), facts.st_size, modified_ms))
        return found

    def _warn_of_foreign(self, path: str) -> None:
        if path not in self._warned:
            self._warned.add(path)
            text = f"{path!r} is not the store's own and was skipped; move it out of sha256/ if it is yours"
            warnings.warn(text, LashkitWarning, stacklevel=2)


def read_chunk(fd: int, digest: hashlib._Hash) -> bytes:
    """The next chunk of an open blob, hashed; empty at its end."""
    with _io_errors():
        chunk = os.read(fd, CHUNK_BYTE_LEN)
    digest.update(chunk)
    return chunk


def append(file: NewFile, digest: hashlib._Hash, chunk: BytesLike) -> None:
    """Hash a chunk and write it."""
    digest.update(chunk)
    with _io_errors():
        file.write(chunk)


@contextlib.contextmanager
def _io_errors() -> Iterator[None]:
    """Name what the file system refuses as this tree's error."""
    try:
        yield
    except AttachmentIoError:
        raise
    except OSError as exc:
        raise AttachmentIoError.of(exc) from exc
