"""The commands on sessions: sessions, session show, session fork, session rm."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lashkit.cli.options import Json, Target, chosen_target, opened_existing, usage
from lashkit.cli.output import Column, say, say_json, say_table
from lashkit.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lashkit.runtime.records import SessionMeta
    from lashkit.sync import SyncSession, SyncWorkspace
    from lashkit.turns import Turn

__all__ = ["app", "complete_name", "meta_named", "sessions"]

_COMPLETIONS = 64


def sessions(ctx: typer.Context, as_json: Json = False, target: Target = None) -> None:
    """List the sessions, newest first."""
    from lashkit.display.lines import date_of
    from lashkit.sync import Bridge

    with opened_existing(chosen_target(ctx, target)) as workspace:
        metas = workspace.sessions()
        names = {meta.session_id: meta.name for meta in metas}
        catalog = workspace.catalog
        held = Counter(row.session_id for row in (Bridge(catalog)(catalog.list_all_refs) if metas else ()))
        if as_json:
            say_json([{**_meta_as_json(meta, names), "attachment_count": held[meta.session_id]} for meta in metas])
        elif not metas:
            say(f"no sessions in {workspace.target}")
        else:
            columns = [Column("session", style="cyan", floor=12), Column("began"), Column("attachments", right=True)]
            rows = [
                [
                    meta.name,
                    date_of(meta.created_at_epoch_ms),
                    f"{held[meta.session_id]:,}",
                    names.get(meta.forked_from[0], meta.forked_from[0]) if meta.forked_from else "",
                ]
                for meta in metas
            ]
            say_table([*columns, Column("forked from", floor=12)], rows)


def complete_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of sessions for the shell to offer: plain ones only, since a shell may evaluate what it is given."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_existing(chosen_target(ctx, ctx.params.get("target"))) as workspace:
                names = [meta.name for meta in workspace.sessions()]
    except Exception:  # noqa: BLE001  (whatever it is, it must not land in the line that somebody is typing)
        return []
    plain = (name for name in names if name.replace("-", "").replace("_", "").replace(".", "").isalnum())
    return [name for name in plain if name.startswith(incomplete)][:_COMPLETIONS]


Name = Annotated[str, typer.Argument(metavar="NAME", help="What the session is called.", autocompletion=complete_name)]

app: typer.Typer = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def session(ctx: typer.Context, target: Target = None) -> None:
    """Look at one session, fork it or remove it."""
    if target is not None:
        ctx.find_root().params["target"] = target
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(2)


@app.command("show")
def show(
    ctx: typer.Context,
    name: Name,
    tree: Annotated[bool, typer.Option("--tree", help="All turns, as a tree; not only those up to the head.")] = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Say what is in a session: its turns, with their ids, oldest first.

    `lashkit ls --session NAME` lists its attachments.
    """
    with opened_existing(chosen_target(ctx, target)) as workspace:
        meta = meta_named(workspace, name)
        with workspace.session(name, read_only=True) as opened:
            if as_json:
                _say_as_json(workspace, opened, meta, whole=tree)
            elif tree:
                from lashkit.display.turns import tree_lines

                for line in tree_lines(opened.tree(), whole=True):
                    say(line)
            else:
                _say_history(workspace, opened, meta)


def _say_history(workspace: SyncWorkspace, opened: SyncSession, meta: SessionMeta) -> None:
    from lashkit.display.lines import bytes_in_words, date_of
    from lashkit.display.turns import short_node_id, turn_text

    turns, held = opened.history(), opened.refs()
    facts = [("session", meta.name), ("began", date_of(meta.created_at_epoch_ms))]
    if meta.forked_from is not None:
        names = {other.session_id: other.name for other in workspace.sessions()}
        origin, node_id = meta.forked_from
        facts.append(("forked", f"from {names.get(origin, origin)} after turn {short_node_id(node_id)}"))
    byte_len = sum(attachment.byte_len for attachment in held)
    facts.append(("holds", f"{_count(len(held), 'attachment')}, {bytes_in_words(byte_len)}"))
    for fact, value in [*facts, ("turns", f"{len(turns):,}")]:
        say(f"{fact:<8} {value}")
    if turns:
        say()
        columns = [Column("turn", style="cyan", floor=12), Column("prompt -> answer", floor=20)]
        say_table(columns, [[short_node_id(turn.node_id), turn_text(turn)] for turn in turns])


def _say_as_json(workspace: SyncWorkspace, opened: SyncSession, meta: SessionMeta, *, whole: bool) -> None:
    from lashkit.wire import ref_to_json

    tree = opened.tree()
    turns = tree.turns if whole else opened.history()
    names = {other.session_id: other.name for other in workspace.sessions()}
    say_json(
        {
            **_meta_as_json(meta, names),
            "head_node_id": tree.head_node_id,
            "turns": [_turn_as_json(turn) for turn in turns],
            "forks": [{"node_id": node_id, "session": fork} for node_id, fork in tree.forks],
            "attachments": [ref_to_json(attachment.ref) for attachment in opened.refs()],
        }
    )


def _meta_as_json(meta: SessionMeta, names: dict[str, str]) -> dict[str, Any]:
    origin = meta.forked_from
    return {
        "session_id": meta.session_id,
        "name": meta.name,
        "created_at_epoch_ms": meta.created_at_epoch_ms,
        "forked_from": None if origin is None else {"session": names.get(origin[0], origin[0]), "node_id": origin[1]},
    }


def _turn_as_json(turn: Turn) -> dict[str, Any]:
    from lashkit.turns import turn_payload

    place = {"node_id": turn.node_id, "parent_node_id": turn.parent_node_id}
    content = turn_payload(turn.turn_id, turn.prompt, turn.answer)
    del content["kind"]
    return {**place, **content, "created_at_epoch_ms": turn.created_at_epoch_ms}


@app.command("fork")
def fork(
    ctx: typer.Context,
    name: Name,
    node: Annotated[
        str | None,
        typer.Argument(
            metavar="TURN",
            help="The last turn to take along, or how its id begins.  [default: the head]",
            show_default=False,
        ),
    ] = None,
    new_name: Annotated[
        str | None, typer.Option("--name", metavar="NEW", help="What to call it.  [default: NAME-2, NAME-3, …]")
    ] = None,
    target: Target = None,
) -> None:
    """Make a new session of the turns up to one, and their attachments.

    No bytes are copied, and the session may be in use meanwhile.
    """
    with opened_existing(chosen_target(ctx, target)) as workspace:
        meta_named(workspace, name)
        with workspace.session(name, read_only=True) as opened:
            node_id = None if node is None else _node_of(name, [turn.node_id for turn in opened.tree().turns], node)
            with opened.fork(node_id, new_name) as made:
                say(f"{made.name}: forked from {name}, {_count(len(made.history()), 'turn')}")


def _node_of(name: str, node_ids: Sequence[str], text: str) -> str:
    """The turn that `text` names: by its id, or by how that begins."""
    matches = [text] if text in node_ids else [node_id for node_id in node_ids if node_id.startswith(text)]
    if not matches or not text:
        raise StoreError(f"session {name!r} has no turn {text!r}; `lashkit session show NAME --tree` lists its turns")
    if len(matches) > 1:
        raise StoreError(f"{len(matches)} turns of session {name!r} begin with {text!r}; give more of the id")
    return matches[0]


@app.command("rm")
def rm(
    ctx: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for its writer.", show_default=False)
    ] = 0,
    steal: Annotated[
        bool, typer.Option("--steal", help="Take it from a writer that is gone for good and cannot be proven dead.")
    ] = False,
    target: Target = None,
) -> None:
    """Remove a session with its turns.

    Bytes that nobody else holds go at the next reclaim.
    """
    with opened_existing(chosen_target(ctx, target)) as workspace:
        meta_named(workspace, name)
        if not yes:
            if not sys.stdin.isatty():
                raise usage(ctx, f"nobody to ask whether to remove session {name!r}; --yes means it")
            with workspace.session(name, read_only=True) as seen:
                turns, held = len(seen.tree().turns), len(seen.refs())
            what = f"{_count(turns, 'turn')}, {_count(held, 'attachment')}"
            typer.confirm(f"Remove session {name!r} ({what})?", abort=True, err=True)
        workspace.session(name, wait=wait, steal=steal).delete()
        say(f"removed session {name}; bytes that nobody else holds go at the next `lashkit reclaim`")


def meta_named(workspace: SyncWorkspace, name: str) -> SessionMeta:
    """What the workspace knows of the session called `name`.

    Raises:
        StoreError: there is none: opening a misspelt name must not make a session.
    """
    for meta in workspace.sessions():
        if meta.name == name:
            return meta
    raise StoreError(f"there is no session {name!r} in {workspace.target}; `lashkit sessions` lists them")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
