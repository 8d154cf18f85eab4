"""The sync API: the same classes without `await`, in a script, a cell, a thread, a forked child, or at exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lashkit.sync.bridge import Bridge
from lashkit.sync.facades import (
    SyncAttachment,
    SyncAttachmentManifest,
    SyncAttachmentStore,
    SyncRuntimePersistence,
    SyncSession,
    SyncWorkspace,
)
from lashkit.sync.iterators import SyncIterator
from lashkit.sync.nested import enable_nested

if TYPE_CHECKING:
    from os import PathLike

__all__ = [
    "Bridge",
    "SyncAttachment",
    "SyncAttachmentManifest",
    "SyncAttachmentStore",
    "SyncIterator",
    "SyncRuntimePersistence",
    "SyncSession",
    "SyncWorkspace",
    "enable_nested",
    "open",
]

if TYPE_CHECKING:  # checkers infer the type of an alias differently

    def open(  # noqa: A001  (a contract name)
        target: str | PathLike[str], *, catalog: str | PathLike[str] | None = None
    ) -> SyncWorkspace: ...
else:
    open = SyncWorkspace.open  # noqa: A001
