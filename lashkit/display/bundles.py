"""MIME bundles: what IPython asks an object for when a cell ends in it."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from lashkit.display.cards import blob_card, card, facts_card
from lashkit.display.lines import bytes_in_words, date_of, plain
from lashkit.values import AttachmentMeta, AttachmentRef, StoredAttachment, StoredBlobRef

__all__ = ["bundle", "mimebundle"]


def bundle(
    text: str,
    html: Callable[[], str],
    *,
    include: Container[str] | None = None,
    exclude: Container[str] | None = None,
) -> dict[str, Any]:
    """`text/plain` and `text/html`, less what the caller does not want; `html` is called only where it is wanted.

    Args:
        include: the only types wanted; empty or `None` means all.
        exclude: types not wanted.
    """

    def wanted(mime: str) -> bool:
        return (not include or mime in include) and not (exclude and mime in exclude)

    made = {"text/plain": text} if wanted("text/plain") else {}
    if wanted("text/html"):
        made["text/html"] = html()
    return made


def mimebundle(
    item: AttachmentRef | AttachmentMeta | StoredAttachment | StoredBlobRef,
    *,
    include: Container[str] | None = None,
    exclude: Container[str] | None = None,
) -> dict[str, Any]:
    """How a plain value shows itself: one line of text, and a card. Only a stored attachment has a picture."""
    if isinstance(item, StoredAttachment):
        return bundle(plain(item.meta), lambda: card(item.meta, item.bytes), include=include, exclude=exclude)
    if isinstance(item, StoredBlobRef):
        return _of_blob(item, include, exclude)
    return bundle(plain(item), lambda: facts_card(item), include=include, exclude=exclude)


def _of_blob(item: StoredBlobRef, include: Container[str] | None, exclude: Container[str] | None) -> dict[str, Any]:
    changed = date_of(item.last_modified_epoch_ms)
    text = f"{bytes_in_words(item.byte_len)}  {changed}  sha256:{item.id[:12]}"
    return bundle(text, lambda: blob_card(item.id, item.byte_len, changed), include=include, exclude=exclude)
