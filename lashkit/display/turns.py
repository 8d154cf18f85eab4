"""Turns, histories, trees and lists of sessions, as plain text and as HTML. All that they hold is hostile text.

Whatever a session holds, what it shows is short: long texts are cut, long stretches of a tree are folded, and of a long
history the last turns are shown. What was left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lashkit.display.escaping import escaped, visible
from lashkit.display.lines import bytes_in_words, date_of, dimensions
from lashkit.values import AttachmentRef

if TYPE_CHECKING:
    from lashkit.runtime.records import SessionMeta
    from lashkit.turns import SessionTree, Turn

__all__ = [
    "HISTORY_LIMIT",
    "history_html",
    "history_text",
    "sessions_html",
    "sessions_text",
    "short_node_id",
    "tree_html",
    "tree_lines",
    "tree_text",
    "turn_html",
    "turn_text",
]

HISTORY_LIMIT = 20
"""How many turns a history shows: the last ones."""

_LINE_LIMIT = 60
"""Characters of a prompt, or of an answer, that stand on a line."""
_LABEL_LIMIT = 32
_NAME_LIMIT = 60
_TREE_LIMIT = 200
"""Lines of a tree."""
_FOLD_FROM = 12
"""A stretch of a tree without anything special is folded when it has this many turns or more."""
_FOLD_KEEPS = 4

_LINE = "border:1px solid #80808066;border-radius:8px"
_BOX = (
    "box-sizing:border-box;max-width:52em;margin:4px 0;padding:8px 12px 2px 12px;text-align:left;line-height:1.45;"
    + _LINE
)
_ROLE = "margin:0;font-size:0.85em;opacity:0.7"
_TEXT = "margin:0 0 6px 0;white-space:pre-wrap;overflow-wrap:break-word"
_CHIP = (
    "display:inline-block;box-sizing:border-box;vertical-align:middle;max-width:100%;margin:0 6px 6px 0;padding:0 8px;"
    "overflow:hidden;text-overflow:ellipsis;white-space:nowrap;background-color:#8080801f;" + _LINE
)
_NOTE = "margin:4px 0;font-size:0.88em;opacity:0.7"
_TREE = "margin:4px 0;padding:0;border:0;overflow:auto;background-color:transparent;line-height:1.35;text-align:left"
_CODE = "padding:0;border:0;background-color:transparent"
_TITLE = "font-weight:600"
_FAINT = "opacity:0.7"
_FORK = "padding:0 6px;background-color:#8080801f;border-radius:8px"
_TABLE = "display:table;margin:4px 0;padding:0;border:0;text-align:left;line-height:1.45"
_ROW = "display:table-row"
_CELL = "display:table-cell;padding:0 16px 0 0"


@dataclass(frozen=True, slots=True)
class _Size:
    """How much of a turn is shown."""

    text_len: int
    chip_count: int


_ALONE = _Size(text_len=2_000, chip_count=24)
_IN_HISTORY = _Size(text_len=400, chip_count=5)


def turn_text(turn: Turn) -> str:
    """`prompt [attachment] -> answer`, on one line."""
    prompt, answer = _line_of(turn)
    return f"{prompt}{answer}"


def _line_of(turn: Turn) -> tuple[str, str]:
    """The prompt, and the answer with its arrow. The attachments are named even where the text is too long."""
    text = _one_line(" ".join(islice((part for part in turn.prompt if isinstance(part, str)), _LINE_LIMIT)))
    refs = turn.attachments
    names = [f"[{_name(ref)}]" for ref in refs[:3]] + ([f"[{len(refs) - 3:,} more]"] if len(refs) > 3 else [])
    prompt = " ".join(([text] if text else []) + names) or "(no prompt)"
    return prompt, "" if turn.answer is None else f" -> {_one_line(turn.answer) or '(no text)'}"


def turn_html(turn: Turn) -> str:
    """The prompt with its attachments as chips, and the answer under it."""
    return _turn_html(turn, _ALONE)


def _turn_html(turn: Turn, size: _Size) -> str:
    pieces = []
    room, chips, left_out = size.text_len, size.chip_count, 0
    for part in filter(None, turn.prompt):
        if isinstance(part, AttachmentRef) and chips:
            pieces.append(f'<span style="{_CHIP}">{_chip_html(part)}</span>')
            chips -= 1
        elif isinstance(part, str) and room:
            pieces.append(f'<div style="{_TEXT}">{_html_text(part, room)}</div>')
            # A piece costs something itself: of thousands of short ones, some are shown.
            room -= min(room, max(len(part), 40))
        else:
            left_out += 1
    if left_out:
        pieces.append(f'<div style="{_NOTE}">… and {left_out:,} more part{"s" if left_out > 1 else ""}</div>')
    prompt = "".join(pieces) or f'<div style="{_TEXT}">(no prompt)</div>'
    answer = ""
    if turn.answer is not None:
        said = _html_text(turn.answer, size.text_len) or "(no text)"
        answer = f'<div style="{_ROLE}">answer</div><div style="{_TEXT}">{said}</div>'
    return f'<div style="{_BOX}"><div style="{_ROLE}">prompt</div>{prompt}{answer}</div>'


def history_text(turns: Sequence[Turn]) -> str:
    """A line for each of the last turns."""
    earlier = _earlier(turns)
    lines = ([earlier] if earlier else []) + [turn_text(turn) for turn in turns[-HISTORY_LIMIT:]]
    return "\n".join(lines) or "no turns yet"


def history_html(turns: Sequence[Turn]) -> str:
    """The last turns, one under the other, in at most 250 KB."""
    earlier = _earlier(turns)
    note = f'<div style="{_NOTE}">{earlier or "no turns yet"}</div>' if earlier or not turns else ""
    return note + "".join(_turn_html(turn, _IN_HISTORY) for turn in turns[-HISTORY_LIMIT:])


def _earlier(turns: Sequence[Turn]) -> str:
    hidden = len(turns) - HISTORY_LIMIT
    return f"… {hidden:,} earlier turn{'s' if hidden > 1 else ''}" if hidden > 0 else ""


# Trees


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a drawn tree: what stands before its turn, and whether it may be folded."""

    turn: Turn
    lead: str
    is_plain: bool


def tree_text(tree: SessionTree) -> str:
    """The tree drawn with lines, a turn a line: `◉` is the head, `=>` names sessions that were forked from a turn."""
    return "\n".join(tree_lines(tree))


def tree_lines(tree: SessionTree, *, whole: bool = False) -> Iterator[str]:
    """The lines of `tree_text`; those of the `whole` tree are not folded, and tell the ids of its turns."""
    yield _title_of(tree)
    for item in _rows(tree) if whole else _folded(tree):
        if isinstance(item, str):
            yield item
            continue
        prompt, answer = _line_of(item.turn)
        node_id = f"{short_node_id(item.turn.node_id)}  " if whole else ""
        forks = "".join(f"  => {name}" for name in _forks_of(tree, item.turn))
        yield f"{item.lead}{_mark(tree, item.turn)} {node_id}{prompt}{answer}{forks}"


def tree_html(tree: SessionTree) -> str:
    """The same drawing, as preformatted text."""
    lines = [f'<span style="{_TITLE}">{escaped(_title_of(tree))}</span>']
    for item in _folded(tree):
        if isinstance(item, str):
            lines.append(f'<span style="{_FAINT}">{escaped(item)}</span>')
            continue
        prompt, answer = _line_of(item.turn)
        faint = f'<span style="{_FAINT}">{escaped(answer)}</span>' if answer else ""
        forks = "".join(
            f'  <span style="{_FORK}">{escaped(f"=> {name}")}</span>' for name in _forks_of(tree, item.turn)
        )
        lines.append(f"{escaped(f'{item.lead}{_mark(tree, item.turn)} {prompt}')}{faint}{forks}")
    drawing = "\n".join(lines)
    # Notebooks give `pre` the font of prose, and `code` one in which columns meet.
    return f'<pre style="{_TREE}"><code style="{_CODE}">{drawing}</code></pre>'


def short_node_id(node_id: str) -> str:
    """How people name a turn: the first 12 digits of an id that was made up, all of one that was given."""
    is_made_up = len(node_id) == 32 and set(node_id) <= set("0123456789abcdef")
    return node_id[:12] if is_made_up else _cut(visible(node_id), _NAME_LIMIT)


def _title_of(tree: SessionTree) -> str:
    count = len(tree.turns)
    facts = "no turns yet" if not count else "1 turn" if count == 1 else f"{count:,} turns"
    origin = "" if tree.forked_from is None else f", forked from {_session_name(tree.forked_from[0])}"
    return f"{_session_name(tree.name)}: {facts}{origin}"


def _mark(tree: SessionTree, turn: Turn) -> str:
    return "◉" if turn.node_id == tree.head_node_id else "●"


def _forks_of(tree: SessionTree, turn: Turn) -> list[str]:
    """The names of the sessions that begin here, a few of them."""
    names = [_session_name(name) for node_id, name in tree.forks if node_id == turn.node_id]
    return names[:3] + ([f"{len(names) - 3:,} more"] if len(names) > 3 else [])


def _rows(tree: SessionTree) -> Iterator[_Row]:
    """The turns in the order in which they are drawn. An only child stays in its parent's column."""
    known = {turn.node_id for turn in tree.turns}
    children: dict[str | None, list[Turn]] = {}
    for turn in tree.turns:
        children.setdefault(turn.parent_node_id if turn.parent_node_id in known else None, []).append(turn)
    special = {tree.head_node_id, *(node_id for node_id, _ in tree.forks)}
    # A stack, not recursion: a session may be longer than Python's stack is deep.
    waiting = _drawn(children.get(None, []), "")
    while waiting:
        turn, lead, indent = waiting.pop()
        below = children.get(turn.node_id, [])
        yield _Row(turn, lead, lead == indent and len(below) == 1 and turn.node_id not in special)
        waiting.extend(_drawn(below, indent))


def _drawn(turns: list[Turn], indent: str) -> list[tuple[Turn, str, str]]:
    """Each turn with what stands before it and before its children, last first."""
    if len(turns) == 1:
        return [(turns[0], indent, indent)]
    last = len(turns) - 1
    branches = [
        (indent + ("└─" if n == last else "├─"), indent + ("  " if n == last else "│ ")) for n in range(last + 1)
    ]
    return [(turn, lead, below) for turn, (lead, below) in zip(turns, branches, strict=True)][::-1]


def _folded(tree: SessionTree) -> Iterator[_Row | str]:
    """The rows, long plain stretches folded into a line that counts them, and no more lines than a page takes."""
    drawn = 0
    for line_count, item in enumerate(_stretches(tree)):
        if line_count == _TREE_LIMIT:
            yield f"… {len(tree.turns) - drawn:,} more turns"
            return
        stands_for, shown = item
        drawn += stands_for
        yield shown


def _stretches(tree: SessionTree) -> Iterator[tuple[int, _Row | str]]:
    """Rows and fold lines, each with how many turns it stands for."""
    stretch: list[_Row] = []
    for row in _rows(tree):
        if row.is_plain:
            stretch.append(row)
            continue
        yield from _fold(stretch)
        stretch = []
        yield 1, row
    yield from _fold(stretch)


def _fold(stretch: list[_Row]) -> Iterator[tuple[int, _Row | str]]:
    hidden = len(stretch) - 2 * _FOLD_KEEPS
    if len(stretch) < _FOLD_FROM:
        yield from ((1, row) for row in stretch)
        return
    yield from ((1, row) for row in stretch[:_FOLD_KEEPS])
    yield hidden, f"{stretch[0].lead}┆ {hidden:,} turns"
    yield from ((1, row) for row in stretch[-_FOLD_KEEPS:])


# Lists of sessions


def sessions_text(sessions: Sequence[SessionMeta]) -> str:
    """A line for each session: its name, when it began, what it was forked from."""
    rows = _session_rows(sessions)
    width = max((len(name) for name, _, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {began}  {origin}".rstrip() for name, began, origin in rows) or _NO_SESSIONS


def sessions_html(sessions: Sequence[SessionMeta]) -> str:
    """The same facts as a table."""
    rows = "".join(
        f'<div style="{_ROW}"><div style="{_CELL};{_TITLE}">{escaped(name)}</div><div style="{_CELL}">{began}</div>'
        f'<div style="{_CELL};{_FAINT}">{escaped(origin)}</div></div>'
        for name, began, origin in _session_rows(sessions)
    )
    return f'<div style="{_TABLE}">{rows}</div>' if rows else f'<div style="{_NOTE}">{_NO_SESSIONS}</div>'


_NO_SESSIONS = "no sessions yet"


def _session_rows(sessions: Sequence[SessionMeta]) -> list[tuple[str, str, str]]:
    names = {meta.session_id: meta.name for meta in sessions}
    return [
        (
            _session_name(meta.name),
            date_of(meta.created_at_epoch_ms),
            f"forked from {_session_name(names.get(origin[0], origin[0]))}" if (origin := meta.forked_from) else "",
        )
        for meta in sessions
    ]


# Text


def _chip_html(ref: AttachmentRef) -> str:
    """As a gallery's tile, with the digits that `get` takes."""
    size = dimensions(ref)
    facts = [f"{size[0]} x {size[1]}" if size else "", bytes_in_words(ref.byte_len), ref.id.short]
    told = " · ".join(fact for fact in facts if fact)
    return f'<span style="{_TITLE}">{escaped(_name(ref))}</span> <span style="{_FAINT}">{escaped(told)}</span>'


def _name(ref: AttachmentRef) -> str:
    return _one_line(ref.label or "", _LABEL_LIMIT) or _one_line(ref.media_type, _LABEL_LIMIT)


def _session_name(name: str) -> str:
    return _one_line(name, _NAME_LIMIT) or "(no name)"


def _html_text(text: str, limit: int) -> str:
    shown = visible(text[:limit], multiline=True).strip("\n")
    if len(text) <= limit and len(shown) <= limit:
        return escaped(shown)
    return escaped(shown[:limit]) + f"… ({len(text):,} characters)"


def _one_line(text: str, limit: int = _LINE_LIMIT) -> str:
    # Of a text of megabytes, only what may be shown is looked at.
    return _cut(visible(" ".join(text[: 4 * limit].split())), limit, is_longer=len(text) > 4 * limit)


def _cut(text: str, limit: int, *, is_longer: bool = False) -> str:
    if len(text) > limit:
        return text[: limit - 1] + "…"
    return f"{text}…" if is_longer else text
