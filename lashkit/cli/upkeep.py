"""The commands on a whole workspace: verify, export, import, doctor, demo."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lashkit.cli.files import refuse_taken, write_file
from lashkit.cli.options import FACTS, Json, Target, chosen_target, opened, opened_existing, row
from lashkit.cli.output import Column, say, say_json, say_table, wants_progress

if TYPE_CHECKING:
    from lashkit.doctor import Diagnosis
    from lashkit.reports import ExportReport, ImportReport

__all__ = ["demo", "doctor", "export", "import_", "verify"]


def verify(ctx: typer.Context, as_json: Json = False, target: Target = None) -> None:
    """Read everything again, and say what is damaged or missing.

    Changes nothing; the exit code is 1 if anything is wrong.
    """
    with opened_existing(chosen_target(ctx, target)) as workspace:
        report = workspace.verify(progress=wants_progress())
        if as_json:
            say_json({**_as_json(report), "ok": report.ok})
        else:
            say(str(report))
            wrong = [
                *((one, "the bytes are not those of the id; put the original again") for one in report.corrupt_ids),
                *((one, "the bytes cannot be read; check the disk") for one in report.unreadable_ids),
                *((one, "the metadata cannot be read; put the original again") for one in report.metadata_ids),
                *((one, "held, and the bytes are not there; put the original again") for one in report.missing_ids),
            ]
            if wrong:
                say_table([Column("id", style="cyan"), Column("what is wrong; what helps", floor=20)], wrong)
    raise typer.Exit(0 if report.ok else 1)


def export(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="NAME.zip for one archive; else a folder.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the archive where it exists.")] = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Copy everything into one archive, or into a folder.

    Such a folder can be used as a --target itself.
    """
    if not force:
        refuse_taken(path)
    with opened_existing(chosen_target(ctx, target)) as workspace:
        _say_report(workspace.export(path, progress=wants_progress()), as_json)


def import_(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="What export wrote, or another workspace.")],
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Take in everything from an archive or folder.

    Everything is verified before the first attachment is stored.
    """
    with opened(chosen_target(ctx, target)) as workspace:
        _say_report(workspace.import_(path, progress=wants_progress()), as_json)


def _say_report(report: ExportReport | ImportReport, as_json: bool) -> None:
    if as_json:
        say_json(_as_json(report))
    else:
        say(str(report))


def _as_json(report: Any) -> dict[str, Any]:
    return dataclasses.asdict(report)


def doctor(
    ctx: typer.Context,
    place: Annotated[
        str | None, typer.Argument(metavar="TARGET", help="The target to examine.", show_default=False)
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Also read everything again, as `lashkit verify`.")] = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Say what is installed, and whether the target is healthy.

    Leaves nothing behind; the exit code is 1 if the target is not healthy.
    """
    from lashkit.doctor import examine

    diagnosis = examine(place or chosen_target(ctx, target), verify=verify)
    if as_json:
        say_json({**dataclasses.asdict(diagnosis), "healthy": diagnosis.healthy})
    else:
        _say_diagnosis(diagnosis)
    raise typer.Exit(0 if diagnosis.healthy else 1)


def _say_diagnosis(diagnosis: Diagnosis) -> None:
    columns = [Column(""), Column("", style="bold"), Column("")]
    for title, findings in (
        ("Installed", diagnosis.installed),
        ("Extras", diagnosis.extras),
        ("Pictures", diagnosis.pictures),
        (f"Target {diagnosis.target}", diagnosis.of_target),
    ):
        say(title)
        say_table(
            columns, [[f"  {finding.verdict:<7}", f"{finding.subject:<11}", finding.text] for finding in findings]
        )
        say()
    say("healthy" if diagnosis.healthy else "not healthy")


def demo(
    ctx: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Your own files, instead of samples.", show_default=False),
    ] = None,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Where the page goes.")] = "demo-out",
    as_json: Json = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="DIR",
            help="Where attachments go.  [default: OUT/attachments]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what lashkit does, with your files or samples.

    Stores them, says what they are, stores them again without a copy, gets one back byte for byte, and writes a page of
    cards that needs nothing else.
    """
    from lashkit.demo import run
    from lashkit.display.page import page
    from lashkit.stores.disk import make_directories
    from lashkit.wire import ref_to_json

    place = chosen_target(ctx, target, default=os.path.join(out, "attachments"))
    with opened(place) as workspace:
        report = run(workspace, files or [])
    rows = [row(ref) for ref in report.refs]
    document = page(
        "lashkit demo",
        report.cards,
        subtitle=f"{len(rows)} attachments, put in, seen, and got back byte for byte",
        table=[[column.name for column in FACTS], *rows],
    )
    make_directories(os.path.abspath(out))
    path = os.path.join(out, "index.html")
    write_file(path, [document.encode()], replace=True)
    if as_json:
        proved = {name: value for name, value in _as_json(report).items() if name not in ("cards", "refs", "read_back")}
        facts = {"attachments": [ref_to_json(ref) for ref in report.refs], "read_back": ref_to_json(report.read_back)}
        say_json({**facts, **proved, "ok": report.ok, "page": path})
    else:
        say_table(FACTS, rows)
        say()
        for line in [*report.lines, f"Page:      {path}"]:
            say(line)
    raise typer.Exit(0 if report.ok else 1)
