"""The sync API: the same classes without `await`, in a script, a cell, a thread, a forked child, or at exit."""

from lashkit.sync.bridge import Bridge
from lashkit.sync.facades import SyncAttachment, SyncAttachmentStore, SyncWorkspace
from lashkit.sync.iterators import SyncIterator
from lashkit.sync.nested import enable_nested

__all__ = ["Bridge", "SyncAttachment", "SyncAttachmentStore", "SyncIterator", "SyncWorkspace", "enable_nested", "open"]

open = SyncWorkspace.open  # noqa: A001  (a contract name)
