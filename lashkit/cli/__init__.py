"""The command `lashkit`. What goes wrong is one line on standard error: the fact, then the remedy.

Exit codes: 0 done; 1 a lashkit error, or something wrong was found; 2 a command line that makes no sense;
130 interrupted; 141 the reader of the output went away.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the arguments after the command's name; by default the process's own.

    Returns:
        The exit code. Nothing is raised, unless LASHKIT_TRACEBACK is set in the environment and lashkit has a bug.
    """
    from lashkit.cli.failures import outcome_of
    from lashkit.cli.output import own_streams, say_error

    with own_streams():
        try:
            from lashkit.cli.commands import app

            arguments = None if argv is None else list(argv)
            code = app(args=arguments, prog_name="lashkit", standalone_mode=False)
            if code == 130:  # what typer makes of an interrupt
                raise KeyboardInterrupt
            return code if isinstance(code, int) else 0
        except BaseException as exc:
            outcome = outcome_of(exc)
            if outcome.line:
                say_error(outcome.line)
            if outcome.is_bug and _wants_traceback():
                raise
            return outcome.code


def _wants_traceback() -> bool:
    import os

    return bool(os.environ.get("LASHKIT_TRACEBACK"))
