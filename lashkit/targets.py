"""What a workspace can be opened on, and the store that goes with it."""

from __future__ import annotations

import os
import re

from lashkit.errors import InvalidTarget
from lashkit.stores.file import FileAttachmentStore
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.stores.protocols import AttachmentStore

__all__ = ["store_for"]

_scheme = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL).fullmatch

# memory://name means the same store for everybody in this process, for as long as the process lives.
_named: dict[str, InMemoryAttachmentStore] = {}


def store_for(target: str | os.PathLike[str]) -> tuple[str, AttachmentStore]:
    """The target as it is shown, and its store. Nothing is touched yet.

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
        store = FileAttachmentStore(text)
        return store.root, store
    if match[1].lower() != "memory":
        raise InvalidTarget(text, f"{match[1]}:// is not supported; a target is a directory or memory://")
    if not match[2]:
        return text, InMemoryAttachmentStore()
    return text, _named.setdefault(match[2], InMemoryAttachmentStore())
