"""The commands on single attachments: put, get, ls, show, rm."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lashkit.cli.files import deliver, write_file
from lashkit.cli.options import (
    FACTS,
    Force,
    Json,
    Target,
    Which,
    bare_id,
    chosen_target,
    complete_id,
    id_of,
    opened,
    opened_existing,
    row,
    usage,
)
from lashkit.cli.output import Column, say, say_json, say_table, send, wants_progress
from lashkit.cli.sessions import complete_name, meta_named
from lashkit.display.escaping import cut

if TYPE_CHECKING:
    from lashkit.ingestion import Ingested
    from lashkit.sync import SyncAttachment, SyncWorkspace
    from lashkit.values import AttachmentId

__all__ = ["get", "ls", "put", "rm", "show"]


def put(
    ctx: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Files to store; - is standard input.", show_default=False),
    ] = None,
    url: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Fetch and store this; may be repeated.", show_default=False)
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", "-l", metavar="TEXT", help="A name for people.  [default: the file's name]")
    ] = None,
    media_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="What it is.  [default: what the content says]")
    ] = None,
    trust_media_type: Annotated[
        bool, typer.Option("--trust-media-type", help="Take TYPE even where the content contradicts it.")
    ] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Let --url fetch from this machine and private networks.")
    ] = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Store files, standard input, or what is at a URL.

    Everything is looked at before the first is stored. What is stored already is not stored twice.
    """
    from lashkit.ingestion import ingest, ingest_url
    from lashkit.wire import ref_to_json

    names, urls = files or [], url or []
    _check_sources(ctx, names, urls, label=label, media_type=media_type)
    looked_at: list[Ingested] = []
    for name in names:
        source = sys.stdin.buffer if name == "-" else Path(name)
        looked_at.append(ingest(source, label=label, media_type=media_type, trust_media_type=trust_media_type))
    looked_at += [ingest_url(one, label=label, allow_private=allow_private) for one in urls]

    with opened(chosen_target(ctx, target)) as workspace:
        known = {blob.id for blob in workspace.store.list()}
        stored = workspace.put_many(looked_at, progress=wants_progress())
        is_new = []
        for attachment in stored:
            is_new.append(attachment.id not in known)
            known.add(attachment.id)
        if as_json:
            say_json([{**ref_to_json(one.ref), "new": new} for one, new in zip(stored, is_new, strict=True)])
            return
        rows = [[*row(one.ref), "new" if new else "already stored"] for one, new in zip(stored, is_new, strict=True)]
        say_table([*FACTS, Column("")], rows)


def _check_sources(
    ctx: typer.Context, names: list[str], urls: list[str], *, label: str | None, media_type: str | None
) -> None:
    count = len(names) + len(urls)
    if not count:
        raise usage(ctx, "nothing to put; name a FILE, - for standard input, or --url URL")
    if label is not None and count > 1:
        raise usage(ctx, "--label names one attachment, and there are several; put them one by one")
    if names.count("-") > 1:
        raise usage(ctx, "standard input can be read once; name - once")
    if media_type is not None and urls:
        raise usage(ctx, "--media-type is for files; what a URL gives is what its content says")
    for name in names:
        if name.lower().startswith(("http://", "https://")) and not os.path.exists(name):
            raise usage(ctx, f"URLs are fetched on purpose only; write --url {name}")


def get(
    ctx: typer.Context,
    which: Which,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE; - is standard output, even a terminal."),
    ] = None,
    force: Force = False,
    target: Target = None,
) -> None:
    """Write verified bytes to standard output or a file.

    Nothing damaged is ever written: a file appears whole or not at all, and a pipe gets bytes that were checked.
    """
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        raise usage(ctx, "standard output is a terminal; name a file with -o FILE, or insist with -o -")
    with opened_existing(chosen_target(ctx, target)) as workspace:
        attachment_id = id_of(workspace, which)
        if output is None or output == "-":
            for _ in workspace.open_stream(attachment_id):
                pass  # a pipe cannot take bytes back: they are checked before the first is written
            send(workspace.open_stream(attachment_id))
        else:
            deliver(output, lambda: workspace.open_stream(attachment_id), replace=force)


def ls(
    ctx: typer.Context,
    media_type: Annotated[
        str | None, typer.Option("--type", metavar="GLOB", help="Only these media types, as image/*.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", "-l", metavar="GLOB", help="Only these labels, as *.png.")
    ] = None,
    min_bytes: Annotated[int | None, typer.Option(min=0, metavar="N", help="Only N bytes or more.")] = None,
    max_bytes: Annotated[int | None, typer.Option(min=0, metavar="N", help="Only N bytes or less.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, metavar="N", help="The newest N.")] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", help="Only what this session holds.", autocompletion=complete_name),
    ] = None,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """List what is stored, newest first."""
    import lashkit
    from lashkit.selection import selected
    from lashkit.wire import ref_to_json

    with lashkit.open(chosen_target(ctx, target)) as workspace:
        if session is None:
            held = workspace.list()
        else:
            meta_named(workspace, session)
            with workspace.session(session, read_only=True) as opened:
                held = opened.refs()[::-1]
        wanted = selected(held, media_type=media_type, label=label, min_byte_len=min_bytes, max_byte_len=max_bytes)
        found = list(wanted)[:limit]
        if as_json:
            say_json([ref_to_json(one.ref) for one in found])
        elif found:
            say_table(FACTS, [row(one.ref) for one in found])
        else:
            asked = media_type, label, min_bytes, max_bytes
            matching = " that match" if any(part is not None for part in asked) else ""
            say(f"no attachments{matching} in {workspace.target if session is None else f'session {session}'}")


def show(
    ctx: typer.Context,
    which: Which,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write a page with its picture.", show_default=False)
    ] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open that page in a browser.")] = False,
    force: Force = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Say what an attachment is, or show it in a page."""
    from lashkit.wire import ref_to_json

    with opened_existing(chosen_target(ctx, target)) as workspace:
        attachment = workspace.find(bare_id(which))
        changed_ms = workspace.store.head(attachment.id).last_modified_epoch_ms
        if html or browse:
            _show_page(attachment, html, browse=browse, replace=force)
        elif as_json:
            say_json({**ref_to_json(attachment.ref), "last_modified_epoch_ms": changed_ms})
        else:
            for name, value in _facts(attachment, changed_ms):
                say(f"{name:<8} {value}")


def _facts(attachment: SyncAttachment, changed_ms: int) -> list[tuple[str, str]]:
    from datetime import UTC, datetime

    ref = attachment.ref
    facts = [("id", str(ref.id)), ("type", cut(ref.media_type, 200))]
    if ref.width and ref.height:
        facts.append(("W x H", f"{ref.width} x {ref.height}"))
    facts.append(("bytes", f"{ref.byte_len:,}"))
    if ref.label:
        facts.append(("label", cut(ref.label, 1000)))
    stored = datetime.fromtimestamp(changed_ms / 1000, tz=UTC)
    return [*facts, ("stored", f"{stored:%Y-%m-%d %H:%M:%S} UTC")]


def _show_page(attachment: SyncAttachment, path: str | None, *, browse: bool, replace: bool) -> None:
    import tempfile
    import webbrowser

    from lashkit.display.page import page

    # A film or archive is not read whole for the card that it gets.
    is_picture = attachment.media_type.is_image
    body = attachment.view().html if is_picture else attachment._repr_mimebundle_()["text/html"]
    data = page(attachment.label or attachment.id.short, [body]).encode()
    if path is None:
        path = os.path.join(tempfile.mkdtemp(prefix="lashkit-"), f"{attachment.id.short}.html")
    write_file(path, [data], replace=replace)
    say(path)
    if browse and not webbrowser.open(Path(path).resolve().as_uri()):
        raise OSError(f"there is no browser to open here; open {path} yourself")


def rm(
    ctx: typer.Context,
    which: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="Ids, or their first 8 or more digits.", autocompletion=complete_id),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    target: Target = None,
) -> None:
    """Remove attachments. Their bytes go at the next reclaim.

    They are all found before the first is removed. Sessions keep what they hold.
    """
    with opened_existing(chosen_target(ctx, target)) as workspace:
        ids = list(dict.fromkeys(id_of(workspace, text) for text in which))
        shown = ", ".join(attachment_id.short for attachment_id in ids)
        if not yes:
            if not sys.stdin.isatty():
                raise usage(ctx, f"nobody to ask whether to remove {shown}; --yes means it")
            typer.confirm(f"Remove {shown}?", abort=True, err=True)
        for attachment_id in ids:
            workspace.delete(attachment_id)
        say(f"removed {shown}; bytes that nobody holds go at the next `lashkit reclaim`")
        _say_who_holds(workspace, ids)


def _say_who_holds(workspace: SyncWorkspace, ids: list[AttachmentId]) -> None:
    """Name the sessions that keep some of `ids`."""
    from lashkit.sync import Bridge

    catalog = workspace.catalog
    find = Bridge(catalog)
    names = {meta.session_id: meta.name for meta in workspace.sessions()}
    for attachment_id in ids:
        holders = [names.get(row.session_id, row.session_id) for row in find(catalog.find_entries, attachment_id)]
        if holders:
            more = f" and {len(holders) - 4:,} more" if len(holders) > 4 else ""
            say(f"{attachment_id.short} stays in {', '.join(f'session {name}' for name in holders[:4])}{more}")
