"""What a session records for people: turns, a history of them, and the tree that they form.

A turn is one node of the session's graph. Its payload is JSON: the prompt's parts, text or refs, and the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lashkit import wire
from lashkit.errors import StoreBackendError
from lashkit.runtime.records import SessionGraph, SessionMeta, SessionNode
from lashkit.values import AttachmentRef

__all__ = ["History", "SessionList", "SessionTree", "Turn", "tree_of", "turn_of", "turn_payload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One committed step of a session: the prompt, the answer, the attachments they name.

    Args:
        session_id: the session that committed it.
        node_id: where it stands in the session's graph; what `fork` takes.
        parent_node_id: the turn before; `None` for the first.
        turn_id: names the turn: recording it again under this id is a no-op.
        prompt: the parts in order, text or refs.
        answer: what came back; `None` where there was none.
        created_at_epoch_ms: when it was recorded.
    """

    session_id: str
    node_id: str
    parent_node_id: str | None
    turn_id: str
    prompt: tuple[str | AttachmentRef, ...]
    answer: str | None
    created_at_epoch_ms: int

    @property
    def attachments(self) -> tuple[AttachmentRef, ...]:
        """The attachments of the prompt, in order."""
        return tuple(part for part in self.prompt if isinstance(part, AttachmentRef))

    def __str__(self) -> str:
        from lashkit.display.turns import turn_text

        return turn_text(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display.bundles import bundle
        from lashkit.display.turns import turn_html, turn_text

        return bundle(turn_text(self), lambda: turn_html(self), include=include, exclude=exclude)


class History(list[Turn]):
    """The turns that led to a session's head, oldest first. It shows itself."""

    __slots__ = ()

    def __init__(self, turns: Iterable[Turn] = ()) -> None:
        super().__init__(turns)

    def __str__(self) -> str:
        from lashkit.display.turns import history_text

        return history_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # For IPython a list is a list, whatever its bundle says.
        printer.text(str(self))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display.bundles import bundle
        from lashkit.display.turns import history_html, history_text

        return bundle(history_text(self), lambda: history_html(self), include=include, exclude=exclude)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTree:
    """All turns of a session as a tree, with its head and the sessions that were forked from it. It shows itself.

    Args:
        name: the session's name.
        turns: all turns, parents before children.
        head_node_id: the turn that the next one follows.
        forks: (node id, name) of each session forked from here.
        forked_from: (name, node id) of the session that this one was forked from.
    """

    name: str
    turns: tuple[Turn, ...]
    head_node_id: str | None
    forks: tuple[tuple[str, str], ...] = ()
    forked_from: tuple[str, str] | None = None

    def __str__(self) -> str:
        from lashkit.display.turns import tree_text

        return tree_text(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display.bundles import bundle
        from lashkit.display.turns import tree_html, tree_text

        return bundle(tree_text(self), lambda: tree_html(self), include=include, exclude=exclude)


class SessionList(list[SessionMeta]):
    """Sessions, newest first. It shows itself."""

    __slots__ = ()

    def __init__(self, sessions: Iterable[SessionMeta] = ()) -> None:
        super().__init__(sessions)

    def __str__(self) -> str:
        from lashkit.display.turns import sessions_text

        return sessions_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # For IPython a list is a list, whatever its bundle says.
        printer.text(str(self))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from lashkit.display.bundles import bundle
        from lashkit.display.turns import sessions_html, sessions_text

        return bundle(sessions_text(self), lambda: sessions_html(self), include=include, exclude=exclude)


def turn_payload(turn_id: str, prompt: Sequence[str | AttachmentRef], answer: str | None) -> dict[str, Any]:
    """A turn as JSON data: what a node carries."""
    parts = [{"text": part} if isinstance(part, str) else {"attachment": wire.ref_to_json(part)} for part in prompt]
    return {"kind": "turn", "turn_id": turn_id, "prompt": parts, "answer": answer}


def turn_of(session_id: str, node: SessionNode) -> Turn | None:
    """The turn that a node carries; `None` where it carries something else.

    Raises:
        StoreBackendError: it says that it is a turn and is not.
    """
    payload = node.payload
    if payload.get("kind") != "turn":
        return None
    try:
        return Turn(
            session_id=session_id,
            node_id=node.node_id,
            parent_node_id=node.parent_node_id,
            turn_id=str(payload["turn_id"]),
            prompt=tuple(_part_of(part) for part in payload["prompt"]),
            answer=payload.get("answer"),
            created_at_epoch_ms=node.created_at_epoch_ms,
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise StoreBackendError(f"node {node.node_id!r} of session {session_id!r} is damaged ({exc!r})") from exc


def _part_of(part: Mapping[str, Any]) -> str | AttachmentRef:
    return wire.ref_from_json(part["attachment"]) if "attachment" in part else str(part["text"])


def tree_of(meta: SessionMeta, graph: SessionGraph | None, sessions: Sequence[SessionMeta]) -> SessionTree:
    """The tree of a session, of its graph and of what all sessions say of their origin."""
    names = {other.session_id: other.name for other in sessions}
    origin = meta.forked_from
    graph = graph or SessionGraph()
    turns = (turn_of(meta.session_id, node) for node in graph.nodes)
    return SessionTree(
        name=meta.name,
        turns=tuple(turn for turn in turns if turn is not None),
        head_node_id=graph.leaf_node_id,
        forks=tuple(
            (other.forked_from[1], other.name)
            for other in sessions
            if other.forked_from is not None and other.forked_from[0] == meta.session_id
        ),
        forked_from=None if origin is None else (names.get(origin[0], origin[0]), origin[1]),
    )
