"""Attachments as HTML: one card, and a gallery of many.

Pure functions from values, and bytes that the caller has, to escaped HTML. Everything survives the sanitiser of an
untrusted JupyterLab notebook, old ones included: plain tags, inline styles (no flex, no variables), no script, style
tag, class or id. Text takes the notebook's own colour; lines and backdrops are translucent grey, which fits any theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lashkit.display.escaping import cut, escaped, visible
from lashkit.display.lines import LABEL_LIMIT, TYPE_LIMIT, Facts, bytes_in_words, dimensions
from lashkit.display.previews import (
    CARD,
    GALLERY,
    Budget,
    Excerpt,
    Nothing,
    Picture,
    Player,
    Preview,
    preview,
)
from lashkit.values import BytesLike

__all__ = ["GALLERY_LIMIT", "blob_card", "card", "facts_card", "gallery", "render_card", "render_view"]

GALLERY_LIMIT = 24
"""How many attachments a gallery shows."""

_CARD_LABEL_LIMIT = 200
_TILE_LABEL_LIMIT = 60

_LINE = "border:1px solid #80808066;border-radius:8px"
_FRAME = f"display:inline-block;box-sizing:border-box;max-width:100%;margin:4px 0;padding:12px 12px 2px 12px;{_LINE}"
_BESIDE = "display:inline-block;vertical-align:top;margin:0 16px 10px 0"
_FACTS = "display:inline-block;vertical-align:top;max-width:100%;margin:0 0 10px 0;text-align:left;line-height:1.45"
_TITLE = (
    "max-width:24em;margin:0 0 6px 0;padding:0;font-weight:600;overflow:hidden;overflow-wrap:break-word;"
    "text-align:left;font-style:normal"
)
_TABLE = "display:table;width:auto;margin:0;padding:0;border:0"
_ROW = "display:table-row"
_TERM = (
    "display:table-cell;float:none;width:auto;margin:0;padding:0 14px 0 0;font-weight:400;opacity:0.7;"
    "white-space:nowrap;vertical-align:top"
)
_VALUE = "display:table-cell;float:none;width:auto;margin:0;padding:0;vertical-align:top"
_LONG_WORD = "word-break:break-all"
_ID = (
    "display:block;max-width:19.6em;padding:0;margin:0;background-color:transparent;font-size:0.88em;line-height:1.65;"
    "word-break:break-all;white-space:normal"
)
_IMAGE = "max-width:100%;height:auto;margin:0;border-radius:4px"
# Grey checks of middle brightness, on which both black and white strokes can be seen, in a light and in a dark theme.
_CHECKS = (
    "background-color:#d6d6d6;"
    "background-image:linear-gradient(45deg,#bebebe 25%,transparent 25%,transparent 75%,#bebebe 75%),"
    "linear-gradient(45deg,#bebebe 25%,transparent 25%,transparent 75%,#bebebe 75%);"
    "background-position:0 0,8px 8px;background-size:16px 16px"
)
_BADGE = (
    f"{_LINE};box-sizing:border-box;background-color:#8080801f;text-align:center;font-weight:600;letter-spacing:1px;"
    "overflow:hidden;white-space:nowrap"
)
_PRE = (
    "box-sizing:border-box;max-width:52em;max-height:18em;margin:0 0 10px 0;padding:8px 10px;overflow:auto;border:0;"
    "border-radius:4px;background-color:#8080801f;font-size:0.88em;line-height:1.4;white-space:pre-wrap;overflow-wrap:break-word;"
    "text-align:left"
)
_NOTE = "margin:0 0 10px 0;font-size:0.88em;opacity:0.7"

_TILE = (
    "display:inline-block;box-sizing:border-box;vertical-align:top;width:178px;max-width:100%;margin:0 10px 10px 0;"
    f"padding:8px;overflow:hidden;text-align:left;line-height:1.4;{_LINE}"
)
_STAGE = (
    "display:table-cell;box-sizing:border-box;width:160px;height:160px;padding:0;overflow:hidden;"
    "border-radius:4px;text-align:center;vertical-align:middle;background-color:#8080801f"
)
_TILE_TITLE = (
    "margin:6px 0 0 0;padding:0;font-weight:600;font-style:normal;overflow:hidden;text-overflow:ellipsis;"
    "white-space:nowrap;text-align:left"
)
_TILE_FACTS = (
    "margin:0;padding:0;font-size:0.85em;opacity:0.75;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
)
_TILE_REASON = "max-height:56px;margin:6px 6px 0 6px;overflow:hidden;font-size:11px;line-height:1.3;opacity:0.75"
_TILE_PRE = (
    "box-sizing:border-box;width:160px;height:160px;margin:0;padding:8px;overflow:hidden;border:0;background-color:transparent;"
    "font-size:10px;line-height:1.35;white-space:pre-wrap;overflow-wrap:break-word;text-align:left"
)

# Names that people know better than the subtype; others are the subtype itself, in capitals.
_BADGES = {
    "application/octet-stream": "BIN",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOCX",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "XLSX",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PPTX",
    "audio/mpeg": "MP3",
    "image/svg+xml": "SVG",
    "image/vnd.adobe.photoshop": "PSD",
    "image/vnd.microsoft.icon": "ICO",
    "text/markdown": "MD",
    "text/plain": "TXT",
    "video/quicktime": "MOV",
}


def card(facts: Facts, data: BytesLike | None = None) -> str:
    """One attachment as a `<figure>`: its picture, sound or first lines, its facts, its full id.

    Args:
        data: the leading bytes that `preview_byte_len(facts, size="card")` asks for. `None` gives the facts, and the
            thumbnail where it is still cached.

    Returns:
        HTML of at most 25 KB, unless a sound or film of up to 1 MB plays in it. What cannot be shown is said.
    """
    return render_card(facts, preview(facts, data, CARD))


def facts_card(facts: Facts) -> str:
    """The card of a bare ref: facts only. What happens to be cached never shows to somebody who only knows an id."""
    return render_card(facts, Nothing())


def gallery(items: Sequence[tuple[Facts, BytesLike | None]], *, total: int) -> str:
    """Many attachments as tiles that flow with the width, at most 250 KB of HTML.

    Args:
        items: facts, and the bytes that `preview_byte_len(facts, size="gallery")` asks for. The first 24 are shown.
        total: how many there are in all; those not shown are counted as "+N more".
    """
    shown = items[:GALLERY_LIMIT]
    total = max(total, len(items))
    if total == 0:
        return _element("p", "no attachments", "margin:4px 0;opacity:0.7")
    tiles = "".join(_tile(facts, preview(facts, data, GALLERY)) for facts, data in shown)
    more = total - len(shown)
    rest = _element("p", f"+{more:,} more", f"{_NOTE};clear:both") if more else ""
    return _element("div", tiles + rest, "margin:4px 0;line-height:1.4")


def blob_card(attachment_id: str, byte_len: int, changed: str) -> str:
    """The card of a listed blob, of which a store knows no more than this. `changed` is a date."""
    rows = [("size", bytes_in_words(byte_len)), ("changed", changed)]
    return _figure(_element("div", _facts_list(rows, attachment_id), _FACTS))


def render_card(facts: Facts, shown: Preview, budget: Budget = CARD) -> str:
    """The card around a preview."""
    caption = _element("figcaption", escaped(_title(facts, _CARD_LABEL_LIMIT)), _TITLE)
    details = _element("div", caption + _facts_list(_rows(facts, shown), facts.id), _FACTS)
    if isinstance(shown, Picture):
        beside = _element("div", _image(facts, shown, budget), f"{_BESIDE};max-width:100%")
    else:
        beside = _badge(facts, "width:84px;height:84px;line-height:82px;font-size:18px;" + _BESIDE)
    below = ""
    if isinstance(shown, Excerpt):
        below = _excerpt(shown)
    elif isinstance(shown, Player):
        below = _player(shown)
    return _figure(beside + details + below)


def render_view(facts: Facts, shown: Preview, budget: Budget) -> str:
    """A large picture over one line of facts; what is no picture, as its card."""
    if not isinstance(shown, Picture):
        return render_card(facts, shown, budget)
    title = _element("span", escaped(_title(facts, _CARD_LABEL_LIMIT)), "font-weight:600")
    words = " · ".join(escaped(value) for _, value in _rows(facts, shown))
    name = _element("code", escaped(facts.id), _ID.replace("19.6em", "100%"))
    lines = _element("div", title, "overflow:hidden;overflow-wrap:break-word")
    lines += _element("div", words, "opacity:0.75") + _element("div", name)
    caption = _element(
        "figcaption", lines, "margin:8px 0 0 0;padding:0;text-align:left;font-style:normal;line-height:1.45"
    )
    return _element("figure", _image(facts, shown, budget) + caption, "margin:4px 0;padding:0;max-width:100%")


def _tile(facts: Facts, shown: Preview) -> str:
    if isinstance(shown, Picture):
        stage = _image(facts, shown, GALLERY)
    elif isinstance(shown, Excerpt):
        stage = _element("pre", escaped(visible(shown.text, multiline=True)), _TILE_PRE)
    else:
        stage = _badge(facts, "display:inline-block;width:84px;height:84px;line-height:82px;font-size:18px")
        if isinstance(shown, Nothing) and shown.reason:
            stage += _element("div", escaped(shown.reason), _TILE_REASON)
    size = _known_size(facts, shown)
    kind = f"{_badge_text(facts)} · {_by(size)}" if size else cut(facts.media_type.essence, _TILE_LABEL_LIMIT)
    lines = [kind, bytes_in_words(facts.byte_len)]
    return _element(
        "figure",
        _element("div", stage, _STAGE)
        + _element("figcaption", escaped(_title(facts, _TILE_LABEL_LIMIT)), _TILE_TITLE)
        + "".join(_element("div", escaped(line), _TILE_FACTS) for line in lines)
        + _element(
            "div",
            _element("code", escaped(facts.id[:12]), "padding:0;background-color:transparent;font-size:0.95em"),
            _TILE_FACTS,
        ),
        _TILE,
    )


def _title(facts: Facts, limit: int) -> str:
    return cut(facts.label, limit) if facts.label else f"{_badge_text(facts)} attachment"


def _known_size(facts: Facts, shown: Preview) -> tuple[int, int] | None:
    return dimensions(facts) or (shown.source_size if isinstance(shown, Picture) else None)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]:,} \u00d7 {size[1]:,}"


def _rows(facts: Facts, shown: Preview) -> list[tuple[str, str]]:
    rows = [("type", cut(facts.media_type, TYPE_LIMIT))]
    size = _known_size(facts, shown)
    if size:
        rows.append(("pixels", _by(size)))
    elif facts.media_type.is_image:
        rows.append(("pixels", "unknown"))
    rows.append(("size", bytes_in_words(facts.byte_len)))
    if isinstance(shown, Nothing) and shown.reason:
        rows.append(("preview", shown.reason))
    return rows


def _facts_list(rows: Iterable[tuple[str, str]], attachment_id: str) -> str:
    pairs = [(term, escaped(value)) for term, value in rows]
    pairs.append(("id", _element("code", escaped(attachment_id), _ID)))
    lines = (_element("div", _element("dt", term, _TERM) + _value(value), _ROW) for term, value in pairs)
    return _element("dl", "".join(lines), _TABLE)


def _value(value: str) -> str:
    # A table cell is as wide as its longest word, which would push a card beyond a narrow notebook.
    longest = max(map(len, value.split()), default=0)
    return _element("dd", value, f"{_VALUE};{_LONG_WORD}" if longest > 24 else _VALUE)


def _image(facts: Facts, shown: Picture, budget: Budget) -> str:
    label = cut(facts.label, LABEL_LIMIT) if facts.label else _title(facts, LABEL_LIMIT)
    size = _known_size(facts, shown)
    alt = f"{label}, {size[0]} by {size[1]} pixels" if size else label
    style = _IMAGE + (f";{_CHECKS}" if shown.transparent else "")
    if shown.size:
        measures = f' width="{shown.size[0]}" height="{shown.size[1]}"'
    else:
        measures, style = "", f"{style};width:{budget.box_px}px"
    return f'<img src="{escaped(shown.src)}" alt="{escaped(alt)}"{measures} style="{style};vertical-align:middle">'


def _badge_text(facts: Facts) -> str:
    essence = facts.media_type.essence
    subtype = essence.partition("/")[2].removeprefix("x-").partition("+")[0].rpartition(".")[2]
    family = "file" if essence.startswith("application/") else facts.media_type.family[:6]
    return _BADGES.get(essence) or (subtype if 0 < len(subtype) <= 6 else family).upper()


def _badge(facts: Facts, style: str) -> str:
    return _element("div", escaped(_badge_text(facts)), f"{_BADGE};{style}")


def _excerpt(shown: Excerpt) -> str:
    rest = ""
    if shown.rest_byte_len:
        rest = _element("p", f"… {bytes_in_words(shown.rest_byte_len)} more", _NOTE)
    return _element("pre", escaped(visible(shown.text, multiline=True)), _PRE) + rest


def _player(shown: Player) -> str:
    size = "width:100%;max-width:480px"
    return (
        f'<{shown.tag} controls preload="metadata" src="{escaped(shown.src)}" '
        f'style="display:block;margin:0 0 10px 0;{size}"></{shown.tag}>'
    )


def _figure(inner: str) -> str:
    return _element("figure", inner, _FRAME)


def _element(tag: str, inner: str, style: str | None = None) -> str:
    """A tag around `inner`, which is HTML already."""
    return f'<{tag} style="{style}">{inner}</{tag}>' if style else f"<{tag}>{inner}</{tag}>"
