"""Which attachment, which attachments, which session: what the words of a caller name. Pure functions."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from typing import TypeGuard, TypeVar

from lashkit.attachment import AttachmentLike, HasRef
from lashkit.errors import AmbiguousAttachmentId, AttachmentNotFound, InvalidAttachmentId, StoreError
from lashkit.values import AttachmentId, AttachmentRef, StoredAttachment

__all__ = ["check_session_name", "has_ref", "is_attachment", "resolve", "selected"]

_PREFIX_LEN = 8

S = TypeVar("S", bound=HasRef)


def resolve(which: AttachmentLike, known: Iterable[AttachmentId]) -> AttachmentId:
    """The id that `which` names: itself, or the one of `known` that begins with it.

    Raises:
        AttachmentNotFound, AmbiguousAttachmentId: a prefix that names none of `known`, or several.
        InvalidAttachmentId: it cannot name any.
    """
    if not isinstance(which, str):
        if has_ref(which):
            return which.ref.id
        raise InvalidAttachmentId(which)
    if not _PREFIX_LEN <= len(which) < 64:
        return AttachmentId(which)
    if not set(which) <= set("0123456789abcdef"):
        raise InvalidAttachmentId(which)
    matches = sorted({attachment_id for attachment_id in known if attachment_id.startswith(which)})
    if not matches:
        raise AttachmentNotFound(which)
    if len(matches) > 1:
        raise AmbiguousAttachmentId(which, tuple(matches))
    return matches[0]


def selected(
    attachments: Iterable[S],
    *,
    media_type: str | None = None,
    label: str | None = None,
    min_byte_len: int | None = None,
    max_byte_len: int | None = None,
) -> Iterator[S]:
    """Those of `attachments` that `Workspace.list` is asked for, in their order."""
    kind = f"{media_type}/*" if media_type and "/" not in media_type and "*" not in media_type else media_type
    for attachment in attachments:
        ref = attachment.ref
        if (
            ref.byte_len >= (min_byte_len or 0)
            and (max_byte_len is None or ref.byte_len <= max_byte_len)
            and _matches(ref.media_type, kind)
            and _matches(ref.label or "", label)
        ):
            yield attachment


def check_session_name(name: object) -> None:
    """Refuse what cannot be a session's name.

    Raises:
        StoreError: it is no text, empty, longer than 200 characters, begins with `@`, or has control characters.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or not name.isprintable():
        raise StoreError("a session's name is 1 to 200 printable characters")
    if name.startswith("@"):
        raise StoreError("names that begin with @ are lashkit's own; choose another name for the session")


def is_attachment(source: object) -> TypeGuard[HasRef]:
    """Whether `source` stands for something that is stored already, rather than for bytes."""
    return has_ref(source) and not isinstance(source, StoredAttachment)


def has_ref(thing: object) -> TypeGuard[HasRef]:
    """Whether `thing` stands for an attachment: other packages have objects with a `ref` of another kind."""
    return isinstance(getattr(thing, "ref", None), AttachmentRef)


def _matches(text: str, pattern: str | None) -> bool:
    """Whether `text` is like `pattern`, in which `*` and `?` are the only wildcards: labels may have brackets."""
    return pattern is None or fnmatch.fnmatchcase(text.casefold(), pattern.casefold().replace("[", "[[]"))
