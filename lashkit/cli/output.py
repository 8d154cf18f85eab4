"""What the command line prints: tables, lines, JSON, bytes. Text from anywhere is made visible before it is printed."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from lashkit.display.escaping import visible
from lashkit.errors import LashkitWarning

__all__ = ["Column", "fitted", "own_streams", "say", "say_error", "say_json", "say_table", "send", "wants_progress"]

_GAP = 2


@contextlib.contextmanager
def own_streams() -> Iterator[None]:
    """While it lasts, a terminal without Unicode gets escapes instead of an error, and a warning is one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.simplefilter("always", LashkitWarning)
        warnings.showwarning = _show_warning
        yield


def _show_warning(message: Warning | str, *details: Any, **more: Any) -> None:
    say_error(f"warning: {message}")


def wants_progress() -> bool | None:
    """What operations take as `progress`: a bar where they take long, and none in a log file."""
    return None if sys.stderr is not None and sys.stderr.isatty() else False


def say_error(line: str) -> None:
    """One line on standard error, whatever `line` holds."""
    with contextlib.suppress(OSError, ValueError):  # nobody reads it
        print(f"lashkit: {visible(line)}", file=sys.stderr, flush=True)


def say(line: str = "") -> None:
    """One line on standard output, whatever `line` holds."""
    with _standard_output() as out:
        print(visible(line), file=out)


def say_json(value: Any) -> None:
    """One JSON document in ASCII, so that no label does anything to a terminal."""
    with _standard_output() as out:
        print(json.dumps(value, indent=2), file=out)


def send(chunks: Iterable[bytes]) -> None:
    """Raw bytes on standard output."""
    with _standard_output() as out:
        for chunk in chunks:
            out.buffer.write(chunk)  # type: ignore[attr-defined]
        out.buffer.flush()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _standard_output() -> Iterator[IO[str]]:
    """Standard output, flushed at the end. Where its reader went away, the command ends quietly."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as exc:
        # What is still buffered would be written, and fail again, when Python exits.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(exc, BrokenPipeError):
            raise
        import typer

        raise typer.Exit(141) from None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `floor` is how narrow it may become, in cells, where the terminal is; 0 means never."""

    name: str
    right: bool = False
    style: str = ""
    floor: int = 0


def say_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """A table that fits the terminal; one that is piped is as wide as it needs to be."""
    from rich.cells import cell_len
    from rich.console import Console, ConsoleDimensions
    from rich.table import Table
    from rich.text import Text

    seen = [[visible(cell) for cell in row] for row in rows]
    cells = [[column.name, *(row[index] for row in seen)] for index, column in enumerate(columns)]
    widths = [max(map(cell_len, texts)) for texts in cells]
    natural = sum(widths) + _GAP * (len(columns) - 1)
    with _standard_output() as out:
        fixed = out.isatty() or "COLUMNS" in os.environ
        console = Console(file=out, highlight=False, markup=False, emoji=False)
        if not fixed:
            # Both measures: with one, rich gives 80 columns to whatever runs with TERM=dumb.
            console.size = ConsoleDimensions(max(natural, 1), 25)
        has_header = any(column.name for column in columns)
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold", show_header=has_header)
        room = console.width - _GAP * (len(columns) - 1)
        floors = [column.floor or width for column, width in zip(columns, widths, strict=True)]
        for column, width in zip(columns, fitted(widths, floors, room), strict=True):
            table.add_column(
                Text(column.name),
                justify="right" if column.right else "left",
                style=column.style,
                no_wrap=True,
                overflow="ellipsis",
                min_width=width,
                max_width=width,
            )
        for row in seen:
            table.add_row(*map(Text, row))
        with console.capture() as drawn:
            console.print(table)
        for line in drawn.get().splitlines():
            print(line.rstrip(), file=out)


def fitted(widths: Sequence[int], floors: Sequence[int], room: int) -> list[int]:
    """`widths`, narrowed from the last on, none below its floor, until they fit into `room` or cannot be narrowed.

    >>> fitted([12, 30, 20], [12, 10, 12], 50)
    [12, 26, 12]
    """
    left = list(widths)
    for index in reversed(range(len(left))):
        excess = sum(left) - room
        left[index] -= max(0, min(excess, left[index] - floors[index]))
    return left
