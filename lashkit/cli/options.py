"""What the commands share: their options, the target, and how an attachment looks in a row."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lashkit.cli.output import Column, say_error
from lashkit.display.escaping import cut
from lashkit.errors import AttachmentMetadataDecodeError, AttachmentMissingMeta, InvalidTarget

if TYPE_CHECKING:
    from lashkit.sync import SyncWorkspace
    from lashkit.values import AttachmentId, AttachmentRef

__all__ = [
    "FACTS",
    "Force",
    "Json",
    "Target",
    "Which",
    "bare_id",
    "chosen_target",
    "complete_id",
    "id_of",
    "opened",
    "opened_existing",
    "row",
    "usage",
]

_DEFAULT_TARGET = "./attachments"
_COMPLETIONS = 64
_LABEL_LIMIT = 200

FACTS = (
    Column("id", style="cyan"),
    Column("type", floor=10),
    Column("W x H", right=True),
    Column("bytes", right=True),
    Column("label", floor=12),
)
"""The columns that `row` fills."""


def chosen_target(ctx: typer.Context, given: str | None, default: str | None = None) -> str:
    """What the user means: the option after the command, or before it, then `default` or else the environment."""
    before = ctx.find_root().params.get("target")
    named = given or before
    if named is None and default is None:
        named = os.environ.get("LASHKIT_TARGET")
    return str(named or default or _DEFAULT_TARGET)


def opened(target: str) -> SyncWorkspace:
    """The workspace; who stores in one that does not last is told."""
    import lashkit

    workspace = lashkit.open(target)
    if workspace.persistence is lashkit.AttachmentStorePersistence.EPHEMERAL:
        say_error(f"warning: {target} is gone when this command ends; --target DIR keeps what is stored")
    return workspace


def opened_existing(target: str) -> SyncWorkspace:
    """The workspace, where there is one: a misspelt target is no empty one.

    Raises:
        InvalidTarget: there is none.
    """
    import lashkit

    workspace = lashkit.open(target)
    if workspace.persistence is lashkit.AttachmentStorePersistence.DURABLE and not os.path.isdir(workspace.target):
        raise InvalidTarget(target, "there is no such directory; `lashkit put FILE` makes it, --target names another")
    return workspace


def bare_id(text: str) -> str:
    """The id or prefix in `text`, which may be written as cards write it: sha256:… ."""
    return text.strip().removeprefix("sha256:")


def id_of(workspace: SyncWorkspace, text: str) -> AttachmentId:
    """The id of a stored attachment, whether or not its metadata can be read.

    Raises:
        AttachmentNotFound, AmbiguousAttachmentId, InvalidAttachmentId: `text` names none, or several.
    """
    try:
        return workspace.find(bare_id(text)).id
    except (AttachmentMissingMeta, AttachmentMetadataDecodeError) as exc:
        from lashkit.values import AttachmentId

        return AttachmentId(exc.attachment_id)


def row(ref: AttachmentRef) -> list[str]:
    """The cells under `FACTS`."""
    size = f"{ref.width} x {ref.height}" if ref.width and ref.height else ""
    return [ref.id.short, cut(ref.media_type, 80), size, f"{ref.byte_len:,}", cut(ref.label or "", _LABEL_LIMIT)]


def usage(ctx: typer.Context, message: str) -> typer.BadParameter:
    """The error for a command line that makes no sense."""
    return typer.BadParameter(message, ctx=ctx)


def complete_id(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids for the shell to offer. Their help holds numbers only: a shell may evaluate what it is given."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_existing(chosen_target(ctx, ctx.params.get("target"))) as workspace:
                found = [one for one in workspace.list() if one.id.startswith(bare_id(incomplete))]
    except Exception:  # noqa: BLE001  (whatever it is, it must not land in the line that somebody is typing)
        return []
    return [(one.id.short, f"{one.byte_len:,} bytes") for one in found[:_COMPLETIONS]]


Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="DIR",
        help=f"Where attachments are kept.  [env: LASHKIT_TARGET; default: {_DEFAULT_TARGET}]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace FILE where it exists.")]
Which = Annotated[
    str, typer.Argument(metavar="ID", help="An id, or its first 8 or more digits.", autocompletion=complete_id)
]
