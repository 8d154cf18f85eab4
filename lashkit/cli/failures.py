"""What ended a command, as one line and an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lashkit.display.escaping import visible
from lashkit.errors import AttachmentIoError, LashkitError, SessionBusy

__all__ = ["Outcome", "outcome_of"]


# What the library's remedies name, and what does the same on the command line.
_OPTIONS = {
    "pass allow_private=True": "pass --allow-private",
    "pass sweep_unrooted=True": "pass --sweep-unrooted",
    "pass catalog= a path on a local disk, or a Postgres URL": "choose a --target on a local disk",
    "pass catalog= a path on a local disk": "choose a --target on a local disk",
    "pass catalog= another path": "choose another --target",
    "; open the store with its own catalog": "; `lashkit doctor` says more",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: the line to print (none where it is empty), the exit code, whether lashkit is to blame."""

    line: str
    code: int
    is_bug: bool = False


def outcome_of(exc: BaseException) -> Outcome:
    """What to tell of `exc`, whatever it is."""
    if isinstance(exc, SystemExit):  # typer's own options end so
        return Outcome("", exc.code if isinstance(exc.code, int) else int(exc.code is not None))
    if isinstance(exc, KeyboardInterrupt) or isinstance(exc.__cause__, KeyboardInterrupt):
        return Outcome("interrupted", 130)
    # typer's errors and its Abort have no public name that is the same in every version of it.
    if callable(getattr(exc, "format_message", None)):
        return _usage(exc)
    if type(exc).__name__ == "Abort":
        return Outcome("no answer; nothing was done", 1)
    if isinstance(exc, FileExistsError):
        return Outcome(f"{visible(str(exc.filename))}: exists already; --force replaces it", 1)
    if isinstance(exc, OSError) and not isinstance(exc, LashkitError):
        exc = AttachmentIoError.of(exc)
    if isinstance(exc, LashkitError):
        return Outcome(_in_options(exc), 1)
    fact = f"unexpected {type(exc).__name__} ({exc})"
    return Outcome(f"{fact}; a bug in lashkit, please report it (LASHKIT_TRACEBACK=1 shows where)", 1, is_bug=True)


def _in_options(exc: LashkitError) -> str:
    """The error's text with the command line's remedies."""
    if isinstance(exc, SessionBusy):
        # Only `session rm` writes a session: its options are the way on.
        fact = f"session {exc.session_id!r} is being written by {exc.holder}"
        return f"{fact}; --wait SECONDS waits for it, --steal takes the session if the writer is gone for good"
    text = str(exc)
    for remedy, option in _OPTIONS.items():
        text = text.replace(remedy, option)
    return text


def _usage(exc: Any) -> Outcome:
    context = getattr(exc, "ctx", None)
    command = context.command_path if context is not None else "lashkit"
    fact = " ".join(exc.format_message().split()).removeprefix("Invalid value: ").rstrip(".")
    if fact[1:2].islower():
        fact = fact[:1].lower() + fact[1:]
    return Outcome(fact if "; " in fact else f"{fact}; see {command} --help", exc.exit_code)
