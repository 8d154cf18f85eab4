"""The command reclaim."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated

import typer

from lashkit.cli.options import Json, Target, chosen_target, opened_existing, usage
from lashkit.cli.output import Column, say, say_json, say_table, wants_progress

__all__ = ["reclaim", "seconds_of"]

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_span = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", re.ASCII).fullmatch


def seconds_of(text: str) -> float | None:
    """A span of time as people write it, in seconds; `None` where it is none.

    >>> seconds_of("90"), seconds_of("30m"), seconds_of("7d")
    (90.0, 1800.0, 604800.0)
    """
    match = _span(text.strip().lower())
    return None if match is None or len(text) > 12 else float(match[1]) * _UNITS[match[2]]


def reclaim(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and say what would go.")] = False,
    grace: Annotated[
        str, typer.Option(metavar="SPAN", help="Leave alone what is younger: seconds, or as 30m, 1h, 7d.")
    ] = "24h",
    sweep_unrooted: Annotated[
        bool, typer.Option("--sweep-unrooted", help="Sweep even where nobody holds anything, which deletes everything.")
    ] = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Delete the bytes that nobody holds any more.

    What was put and not removed since is always held. Safe while others work; the exit code is 1 if a delete failed.
    """
    seconds = seconds_of(grace)
    if seconds is None:
        raise usage(ctx, f"--grace: {grace!r} is no span of time; write seconds, or as 30m, 1h, 7d")
    with opened_existing(chosen_target(ctx, target)) as workspace:
        report = workspace.reclaim(
            grace=seconds, dry_run=dry_run, sweep_unrooted=sweep_unrooted, progress=wants_progress()
        )
    if as_json:
        say_json({**dataclasses.asdict(report), "ok": report.ok})
    else:
        say(str(report))
        if report.failed_ids:
            columns = [Column("id", style="cyan"), Column("why it could not be deleted", floor=20)]
            say_table(columns, [list(pair) for pair in zip(report.failed_ids, report.failed_reasons, strict=True)])
    raise typer.Exit(0 if report.ok else 1)
