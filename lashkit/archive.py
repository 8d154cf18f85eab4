"""One zip file that holds attachments: the layout of a directory store, uncompressed, the same bytes for the same
content.

Members are `sha256/<first two digits>/<id>` and the same with `.json`. Reading trusts nothing: only names of that
form are looked at and none is ever used as a path, sizes are checked before and while bytes are read, and every hash
is verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import IO, ClassVar, Self

from lashkit import wire
from lashkit.errors import (
    AttachmentCorrupt,
    AttachmentIoError,
    AttachmentMetadataDecodeError,
    AttachmentMissingMeta,
    AttachmentNotFound,
    IngestError,
    LashkitWarning,
)
from lashkit.runner import Runner, checkpoint, default_runner
from lashkit.stores.disk import sync_directory, unlink
from lashkit.stores.protocols import CHUNK_BYTE_LEN, SyncMode
from lashkit.values import AttachmentId, AttachmentMeta, StoredBlobRef

__all__ = ["ArchiveReader", "ArchiveWriter"]

_is_member = re.compile(r"sha256/([0-9a-f]{2})/(\1[0-9a-f]{62})(\.json)?").fullmatch
_EPOCH = (1980, 1, 1, 0, 0, 0)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _member(attachment_id: AttachmentId) -> str:
    return f"sha256/{attachment_id[:2]}/{attachment_id}"


class ArchiveReader:
    """The attachments in a zip file, as an async context manager. It reads like a store: `list`, `meta` and `open`.

    Raises:
        IngestError: on entering, where the file is missing, or is no zip file.
    """

    sync_mode: ClassVar[SyncMode] = "inline"

    def __init__(self, path: str, *, runner: Runner = default_runner) -> None:
        self._path = path
        self._runner = runner
        self._held = contextlib.ExitStack()
        self._zip: zipfile.ZipFile
        self._members: dict[str, zipfile.ZipInfo] = {}

    async def __aenter__(self) -> Self:
        await self._runner.run(self._enter)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.run(self._held.close)

    def _enter(self) -> None:
        try:
            self._zip = self._held.enter_context(zipfile.ZipFile(self._path))
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeError, struct.error) as exc:
            raise IngestError(f"{self._path!r} is no archive that can be read ({exc}); export() writes one") from exc
        foreign = 0
        for info in self._zip.infolist():
            if _is_member(info.filename) and info.compress_type in _METHODS and not info.flag_bits & 1:
                self._members[info.filename] = info
            elif not info.is_dir():
                foreign += 1
        if foreign:
            text = f"{foreign} members of {self._path!r} are not attachments and were skipped"
            warnings.warn(text, LashkitWarning, stacklevel=2)

    async def list(self) -> AsyncIterator[StoredBlobRef]:
        """Every attachment in the archive, in the archive's order."""
        for name, info in self._members.items():
            if not name.endswith(".json"):
                yield StoredBlobRef(AttachmentId(name[-64:]), info.file_size, 0)

    async def meta(self, attachment_id: AttachmentId) -> AttachmentMeta:
        """The metadata of one attachment.

        Raises:
            AttachmentMissingMeta, AttachmentMetadataDecodeError: there is none that can be read, or it is not true.
            AttachmentCorrupt: the archive is damaged there.
        """
        blob = self._members.get(_member(attachment_id))
        sidecar = self._members.get(_member(attachment_id) + ".json")
        if sidecar is None or blob is None:
            raise AttachmentMissingMeta(attachment_id)
        meta = wire.load_sidecar(await self._runner.run(self._read_sidecar, attachment_id, sidecar), attachment_id)
        if meta.byte_len != blob.file_size:
            detail = f"it says {meta.byte_len} bytes, the archive holds {blob.file_size}"
            raise AttachmentMetadataDecodeError(attachment_id, detail)
        return meta

    def _read_sidecar(self, attachment_id: AttachmentId, sidecar: zipfile.ZipInfo) -> bytes:
        with _zip_errors(attachment_id), self._zip.open(sidecar) as file:
            return file.read(wire.SIDECAR_LIMIT + 1)

    async def open(self, attachment_id: AttachmentId) -> AsyncIterator[bytes]:
        """The bytes of one attachment in chunks; only after the last one are they known to be right.

        Raises:
            AttachmentNotFound: the archive does not hold it.
            AttachmentCorrupt: at the end at the latest, where the bytes are not those of the id.
        """
        info = self._members.get(_member(attachment_id))
        if info is None:
            raise AttachmentNotFound(attachment_id)
        digest = hashlib.sha256()
        with _zip_errors(attachment_id), contextlib.ExitStack() as held:
            file = await self._runner.run(lambda: held.enter_context(self._zip.open(info)))
            while chunk := await self._runner.run(_next_chunk, file):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != attachment_id:
            raise AttachmentCorrupt(attachment_id)


def _next_chunk(file: IO[bytes]) -> bytes:
    checkpoint()
    return file.read(CHUNK_BYTE_LEN)


@contextlib.contextmanager
def _zip_errors(attachment_id: AttachmentId) -> Iterator[None]:
    """Whatever the zip module stumbles over is a damaged archive: offsets that lead nowhere are OSErrors too."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error, NotImplementedError, RuntimeError, struct.error) as exc:
        raise AttachmentCorrupt(attachment_id, f"{type(exc).__name__} in the archive") from exc


class ArchiveWriter:
    """Writes such a file, as an async context manager: it appears under its name, whole and flushed, at the end of a
    block that raised nothing.

    Raises:
        AttachmentIoError: the medium refused; what stood under the name before stands there still.
    """

    def __init__(self, path: str, *, runner: Runner = default_runner) -> None:
        self._path = path
        self._temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.part"
        self._runner = runner
        self._zip: zipfile.ZipFile | None = None

    async def __aenter__(self) -> Self:
        await self._runner.run(self._enter)
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, *rest: object) -> None:
        await self._runner.run(self._exit, exc_type is None)

    def _enter(self) -> None:
        with _file_errors():
            self._zip = zipfile.ZipFile(self._temporary, "x", zipfile.ZIP_STORED)

    def _exit(self, succeeded: bool) -> None:
        try:
            with _file_errors():
                self._opened.close()
                if succeeded:
                    with open(self._temporary, "rb+") as file:
                        os.fsync(file.fileno())
                    os.replace(self._temporary, self._path)
                    sync_directory(os.path.dirname(os.path.abspath(self._path)))
        finally:
            unlink(self._temporary)

    @property
    def _opened(self) -> zipfile.ZipFile:
        assert self._zip is not None, "use it in an `async with` block"  # noqa: S101
        return self._zip

    async def add(self, meta: AttachmentMeta, chunks: AsyncIterator[bytes]) -> None:
        """Write the metadata, and the bytes as they come."""
        member = await self._runner.run(self._begin, meta)
        try:
            async for chunk in chunks:
                await self._runner.run(_write, member, chunk)
        finally:
            await self._runner.run(_close, member)

    def _begin(self, meta: AttachmentMeta) -> IO[bytes]:
        info = zipfile.ZipInfo(_member(meta.id), _EPOCH)
        info.file_size = meta.byte_len
        with _file_errors():
            self._opened.writestr(zipfile.ZipInfo(_member(meta.id) + ".json", _EPOCH), wire.dump_sidecar(meta))
            return self._opened.open(info, "w", force_zip64=meta.byte_len > zipfile.ZIP64_LIMIT)


def _write(member: IO[bytes], chunk: bytes) -> None:
    checkpoint()
    with _file_errors():
        member.write(chunk)


def _close(member: IO[bytes]) -> None:
    with _file_errors():
        member.close()


@contextlib.contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise AttachmentIoError.of(exc) from exc
