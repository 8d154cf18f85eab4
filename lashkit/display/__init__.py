"""How attachments show themselves: values, and bytes that the caller has, become one line of text or escaped HTML.

Nothing here reads a store, and importing it does not import Pillow.
"""

from __future__ import annotations

from lashkit.display.bundles import mimebundle
from lashkit.display.cards import card, gallery
from lashkit.display.lines import plain
from lashkit.display.previews import preview_byte_len
from lashkit.display.views import View, view

__all__ = ["View", "card", "gallery", "mimebundle", "plain", "preview_byte_len", "view"]
