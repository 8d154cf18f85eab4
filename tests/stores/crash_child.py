"""One put in a process of its own, to be killed, starved or watched from outside. Run by `test_crash.py`.

    python crash_child.py HOW ROOT ATTEMPTS [FILE_SIZE_LIMIT]

Says `acked` when the put returned, or which error it raised; after an error it tries again, ATTEMPTS times in all, from
the second time on without the limit.
Everything before the marker (a failing `access`, easy to find in a trace) is start-up.
"""

import os
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from lashkit.errors import AttachmentIoError
from lashkit.runner import drive
from lashkit.stores.file import FileAttachmentStore
from lashkit.values import AttachmentCreateMeta, MediaType

MARKER = "/lashkit-crash-marker"
META = AttachmentCreateMeta(MediaType("text/plain"), label="what is put")
WARM = b"put before the marker"


def payload(how: str) -> bytes:
    """What this kind of put stores."""
    return b"small" if how in ("small", "first") else bytes(range(256)) * 2_600


def put(store: FileAttachmentStore, how: str) -> Coroutine[Any, Any, object]:
    """The put itself, as a coroutine that never suspends."""
    data = payload(how)
    if how == "stream":
        return _stream(store, [data[start : start + 200_000] for start in range(0, len(data), 200_000)])
    if how == "async-stream":
        return _stream(store, _pieces(data))
    return store.put(data, META)


async def _stream(store: FileAttachmentStore, chunks: Any) -> object:
    return await store.publish(await store.stage(chunks), META)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 200_000):
        yield data[start : start + 200_000]


def main(how: str, root: str, attempts: int, file_size_limit: int | None) -> None:
    """Put, and say how it ended."""
    store = FileAttachmentStore(root)
    if how != "first":
        drive(store.put(WARM, META))
    if file_size_limit is not None:
        limit_files(file_size_limit)
    os.access(MARKER, os.F_OK)
    for _ in range(attempts):
        try:
            drive(put(store, how))
        except AttachmentIoError as exc:
            os.write(1, f"AttachmentIoError {exc.errno}\n".encode())
            if file_size_limit is not None:
                limit_files(-1)
        else:
            os.write(1, b"acked\n")
            break


def limit_files(byte_len: int) -> None:
    """Let no file of this process grow beyond `byte_len` bytes; -1: any length."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_len, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if sys.argv[4:] else None)
