"""A large look at one attachment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lashkit.display.bundles import bundle
from lashkit.display.cards import render_view
from lashkit.display.lines import Facts, plain
from lashkit.display.previews import preview, view_budget
from lashkit.values import BytesLike, StoredAttachment

__all__ = ["View", "view"]


@dataclass(frozen=True, slots=True)
class View:
    """What `view` made: shows itself in a notebook, and holds no more than its HTML and its line of text."""

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(self.text, lambda: self.html, include=include, exclude=exclude)


def view(stored: StoredAttachment | tuple[Facts, BytesLike | None], *, max_px: int = 1024) -> View:
    """A look at an attachment as large as 120 KB of HTML allow; a drawing, sound or film of up to 85,000 bytes fits.

    Args:
        stored: the attachment as read back, or its facts and its bytes.
        max_px: the longest side of the picture in pixels; a smaller picture is not enlarged.

    Raises:
        ValueError: `max_px` is not a whole number from 1 to 4096.
    """
    if type(max_px) is not int or not 1 <= max_px <= 4096:
        raise ValueError(f"max_px is {max_px!r}; it is a whole number of pixels from 1 to 4096")
    facts, data = (stored.meta, stored.bytes) if isinstance(stored, StoredAttachment) else stored
    budget = view_budget(max_px)
    return View(render_view(facts, preview(facts, data, budget), budget), plain(facts))
