"""SQLite's errors as lashkit's: the fact, then the remedy."""

from __future__ import annotations

from typing import NoReturn

from lashkit.errors import ForkedStoreError, StoreBackendError, StoreError

__all__ = ["BUSY_LIMIT_S", "forked", "raise_as_ours"]

BUSY_LIMIT_S = 30.0
"""How long one statement waits for other processes, in seconds."""

_REMEDIES = {
    "BusyError": "other processes kept it locked for {limit:.0f} s; close the program that holds it, then try again",
    "CantOpenError": "it cannot be opened; its folder must be one that you may write to",
    "CorruptError": "it is damaged; put a copy of it back, or move it away, and the next open adopts what is stored",
    "FullError": "the disk is full; nothing was written; make room, then try again",
    "IOError": "the disk refused; nothing was acknowledged; see the system's log",
    "NotADBError": "it is no SQLite database; move it away, or pass catalog= another path",
    "ReadOnlyError": "it cannot be written; change its permissions, or pass catalog= another path",
}


def forked(path: str) -> ForkedStoreError:
    """What a child is told that was forked while its parent's own thread was in a transaction."""
    return ForkedStoreError(
        f"this process was forked in the middle of a transaction on {path}, or without Python's knowledge, and cannot"
        " use it; fork outside of transactions, or start the process another way"
    )


def raise_as_ours(exc: Exception, path: str) -> NoReturn:
    """Raise SQLite's error, or that of the way to it, as one of ours; anything else as it is.

    Raises:
        StoreBackendError: the database failed.
        StoreError: a value that cannot be stored.
    """
    if isinstance(exc, UnicodeEncodeError | OverflowError):
        raise StoreError(
            f"a value cannot be stored ({exc}); text must be Unicode, numbers must fit into 64 bits"
        ) from exc
    if isinstance(exc, OSError):
        raise StoreBackendError(f"{path}: {exc}; its folder must be one that you may write to") from exc
    kinds = _kinds_of(exc)
    for kind in kinds:
        if kind in _REMEDIES:
            raise StoreBackendError(f"{path}: {_REMEDIES[kind].format(limit=BUSY_LIMIT_S)} ({exc})") from exc
    if "Error" in kinds:
        raise StoreBackendError(f"{path}: the database failed ({exc}); what was asked for did not happen") from exc
    raise exc


def _kinds_of(exc: Exception) -> list[str]:
    """The names of the error's classes that are SQLite's."""
    return [kind.__name__ for kind in type(exc).__mro__ if kind.__module__ == "apsw"]
