"""What a workspace can be opened on, and the store that goes with it."""

from __future__ import annotations

import os
import re

from lashkit.errors import InvalidTarget
from lashkit.runtime.memory import InMemoryCatalog
from lashkit.runtime.protocols import SessionCatalog
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import AttachmentStore

__all__ = ["CATALOG_FILE", "has_attachments", "is_no_directory", "parts_for"]

CATALOG_FILE = "lashkit.db"
"""The catalog of a directory, beside its attachments."""

_scheme = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL).fullmatch

# memory://name means the same store for everybody in this process, for as long as the process lives.
_named: dict[str, tuple[InMemoryAttachmentStore, InMemoryCatalog]] = {}


def parts_for(
    target: str | os.PathLike[str], catalog: str | os.PathLike[str] | None = None
) -> tuple[str, AttachmentStore, SessionCatalog]:
    """The target as it is shown, its store and its catalog. Nothing is touched yet.

    Args:
        catalog: the file of the catalog; by default it lies in the directory, or in memory for `memory://`.

    Raises:
        InvalidTarget: where the target is empty, of an unknown kind, or not text.
    """
    try:
        text = os.fspath(target)
    except TypeError:
        raise InvalidTarget(target, "a target is a directory or memory://") from None
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidTarget(target, "a target is a directory or memory://")
    match = _scheme(text) if isinstance(target, str) else None
    if match is None:
        store = FileAttachmentStore(text, flush_sidecars=False)  # the catalog has what they say
        return store.root, store, SqliteCatalog(catalog or os.path.join(store.root, CATALOG_FILE))
    if match[1].lower() != "memory":
        raise InvalidTarget(text, f"{match[1]}:// is not supported; a target is a directory or memory://")
    if catalog is not None:
        raise InvalidTarget(text, "a target in memory keeps its catalog in memory; leave catalog= out")
    fresh = (InMemoryAttachmentStore(), InMemoryCatalog())
    return (text, *(_named.setdefault(match[2], fresh) if match[2] else fresh))


def has_attachments(root: str) -> bool:
    """Whether a workspace, or a store of lashkit's or lash's, is in the directory."""
    return any(os.path.lexists(os.path.join(root, name)) for name in (CATALOG_FILE, "sha256"))


def is_no_directory(path: str) -> bool:
    """Whether the path, or one that it lies under, is there and is something else."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return not os.path.isdir(path)
