"""Who keeps the connection of a SQLite file open: what is closed or dropped lets it go."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from lashkit.runtime import sqlite_forks
from lashkit.runtime.sqlite_connection import SqliteFile

if TYPE_CHECKING:
    from apsw import Connection

__all__ = ["SqliteHolder"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class SqliteHolder:
    """What keeps a file's connection open: a catalog and its sessions share one. It opens at the first use.

    Args:
        path: where the file is or will be; absolute.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: SqliteFile | None = None
        # No lock here: a child could inherit it from a thread that it does not have. List and set operations are whole.
        self._finalizers: list[weakref.finalize[[object], SqliteHolder]] = []

    def read(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """See `SqliteFile.read`."""
        return (self._file or self._hold()).read(work, *args)

    def snapshot(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """See `SqliteFile.snapshot`."""
        return (self._file or self._hold()).snapshot(work, *args)

    def write(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """See `SqliteFile.write`."""
        return (self._file or self._hold()).write(work, *args)

    def write_durably(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """See `SqliteFile.write_durably`."""
        return (self._file or self._hold()).write_durably(work, *args)

    @property
    def file(self) -> SqliteFile:
        """The file, held from now on until `close` or until nobody refers to this any more. Blocks."""
        return self._file or self._hold()

    def close(self) -> None:
        """Let go of the file; the connection closes with its last holder. A later use holds it again."""
        self._file = None
        while self._finalizers:
            self._finalizers.pop()()

    def _hold(self) -> SqliteFile:
        real = os.path.realpath(self.path)
        file = sqlite_forks.files.get(real) or sqlite_forks.files.setdefault(real, SqliteFile(real))
        holder = object()  # two threads may get here; then both hold the file, and `close` lets both go
        file.holders.add(holder)
        finalizer = weakref.finalize(self, file.give_back, holder)
        finalizer.atexit = False  # at exit all connections close at once
        self._finalizers.append(finalizer)
        self._file = file
        return file
