"""The sync API: the same classes without `await`, in a script, a cell, a thread, a forked child, or at exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lashkit.sync.bridge import Bridge
from lashkit.sync.facades import SyncAttachment, SyncAttachmentStore, SyncWorkspace
from lashkit.sync.iterators import SyncIterator
from lashkit.sync.nested import enable_nested

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Bridge", "SyncAttachment", "SyncAttachmentStore", "SyncIterator", "SyncWorkspace", "enable_nested", "open"]

if TYPE_CHECKING:  # checkers infer the type of an alias differently

    def open(target: str | PathLike[str]) -> SyncWorkspace: ...  # noqa: A001  (a contract name)
else:
    open = SyncWorkspace.open  # noqa: A001
