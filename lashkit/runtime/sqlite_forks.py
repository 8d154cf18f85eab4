"""SQLite files across a fork, and at exit.

A child that inherits an open connection is a danger to its parent: SQLite's locks are not inherited, though the child's
SQLite believes that they are, and the parent's next commit then silently drops what the child wrote. So every
connection is closed before a fork, after the transaction that may run, and both sides open their own at the next use.

A fork inside a transaction of the forking thread itself cannot close the connection and cannot be refused, since
Python ignores what a hook raises. The parent goes on; in the child, the file is refused for good with
`ForkedStoreError`, from the very next statement on, and the inherited connection is neither used nor closed.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from lashkit.runtime.sqlite_errors import forked

if TYPE_CHECKING:
    from lashkit.runtime.sqlite_connection import SqliteFile

__all__ = ["abandon", "files", "opening"]

files: dict[str, SqliteFile] = {}
"""The files that this process has used, by real path. They stay: without a connection they are small."""

opening: threading.RLock = threading.RLock()
"""Held while a connection is opened; taken inside a file's lock. No fork happens meanwhile."""

_PATIENCE_S = 2.0
_held: dict[int, list[SqliteFile]] = {}  # by forking thread


def abandon(file: SqliteFile) -> None:
    """Refuse the file for good, and see to it that its inherited connection, if any, is not used and never closed."""
    file.refused = True
    connection, file.connection = file.connection, None
    if connection is not None:
        import ctypes

        def refuse(*_: object) -> bool:
            raise forked(file.path)

        connection.exec_trace = refuse
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _before() -> None:
    mine: list[SqliteFile] = []
    _held[threading.get_ident()] = mine
    # Two threads that fork inside transactions of their own would wait for each other.
    inside = any(map(_is_in_own_transaction, list(files.values())))
    wait_s = _PATIENCE_S if inside else -1
    while True:
        for file in list(files.values()):
            if file not in mine and file.lock.acquire(timeout=wait_s):
                mine.append(file)
                if not file.is_busy:
                    file.close(checkpoint=False)
        if inside:
            break
        opening.acquire()
        if len(mine) == len(files):
            break
        opening.release()  # another thread used a new file meanwhile


def _is_in_own_transaction(file: SqliteFile) -> bool:
    if not file.lock.acquire(blocking=False):
        return False
    try:
        return file.is_busy
    finally:
        file.lock.release()


def _in_parent() -> None:
    mine = _held.pop(threading.get_ident())
    if not any(file.is_busy for file in mine):
        opening.release()
    for file in mine:
        file.lock.release()


def _in_child() -> None:
    global opening
    opening = threading.RLock()
    mine = _held.pop(threading.get_ident())
    _held.clear()
    for file in files.values():
        if file in mine:
            if file.is_busy and file.connection is not None:
                abandon(file)
            file.lock.release()
        else:  # a thread that is not in this child had it
            file.lock = threading.RLock()
            file.is_busy = False
            if file.connection is not None:
                abandon(file)


def _close_all() -> None:
    for file in list(files.values()):
        if file.lock.acquire(timeout=_PATIENCE_S):
            try:
                if not file.is_busy and not file.refused:
                    file.close()
            finally:
                file.lock.release()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
