"""One connection for each SQLite file of this process: its transactions, and what happens to it when others wait, when
Ctrl-C strikes, and when the process forks.

A transaction holds the connection's lock from its begin to its end, in one thread, and never across an await. SQLite
alone opens the file: closing any other descriptor of it would drop the locks that SQLite holds.

Waiting for another process is Python's: a pause with jitter, then another try, so that Ctrl-C and cancellation arrive
at the next step.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from lashkit.errors import LashkitError, StoreBackendError
from lashkit.runner import checkpoint, loading
from lashkit.runtime import sqlite_errors, sqlite_forks
from lashkit.runtime.mounts import require_local
from lashkit.runtime.sqlite_schema import prepare
from lashkit.stores.disk import make_directories

if TYPE_CHECKING:
    from apsw import Connection

__all__ = ["SqliteFile"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_package: Any = None
_NORMAL, _FULL = "PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL"
_LOG_PAGES = 1_000
"""From this many pages of 4 KiB on, a commit moves the log into the file."""

_PROGRESS_STEPS = 2_000
"""How many steps of SQLite's machine, tens of microseconds, may pass before Python's signal handlers run."""


class SqliteFile:
    """A database file as this process sees it: one connection at most, shared by everyone who holds the file.

    Every method blocks, is safe in any thread, and runs `work` once, with the connection as its first argument. What
    `work` raises comes out, after a rollback; SQLite's own errors come out as `StoreBackendError`. A call from inside
    `work` (a signal handler, a finalizer) is refused with `StoreBackendError`.

    Args:
        path: the real path of the file. It, and its folder, are made by the first use.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock: threading.RLock = threading.RLock()
        self.connection: Connection | None = None
        self.refused = False  # in a child that was forked inside a transaction
        self.is_busy: bool = False  # a thread that holds the lock is at work
        self.holders: set[object] = set()
        self._is_local = False
        self._pid = 0
        self._inode: tuple[int, int] | None = None
        self._synchronous: str | None = None
        self._log_pages = 0
        self._log_in_doubt = False
        self._deadline = 0.0

    def read(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """Run `work` without a transaction: each of its statements reads what is there at that moment."""
        try:
            with self.lock:
                if self.is_busy:
                    raise self._reentered()
                try:
                    self.is_busy = True
                    return work(self._ready(), *args)
                except BaseException as exc:
                    self._undo(exc)
                    raise
                finally:
                    self.is_busy = False
        finally:
            if not self.holders:
                self.settle()

    def snapshot(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """Run `work` over the database as it is at one moment."""
        return self._run("BEGIN", None, work, *args)

    def write(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """Run `work` as one transaction. All processes see it when this returns; a power cut may undo it."""
        return self._run("BEGIN IMMEDIATE", _NORMAL, work, *args)

    def write_durably(self, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        """Run `work` as one transaction. It, and all before it, is on the disk when this returns."""
        return self._run("BEGIN IMMEDIATE", _FULL, work, *args)

    def _run(self, begin: str, synchronous: str | None, work: Callable[[Connection, *Ts], T], *args: *Ts) -> T:
        try:
            with self.lock:
                if self.is_busy:
                    raise self._reentered()
                try:
                    self.is_busy = True
                    connection = self._ready()
                    if synchronous is not None:
                        self._require_in_place()
                        if self._log_in_doubt:
                            self._renew_log(connection)
                        if synchronous != self._synchronous:
                            self._synchronous = None  # unknown, should the next line be interrupted
                            # SQLite applies this while it prepares the statement: a cached one would do nothing.
                            connection.execute(synchronous, can_cache=False)
                            self._synchronous = synchronous
                    connection.execute(begin)
                    result = work(connection, *args)
                    connection.execute("COMMIT")
                    if self._log_pages >= _LOG_PAGES:
                        self._shorten_log(connection)
                    return result
                except BaseException as exc:
                    self._undo(exc)
                    raise
                finally:
                    self.is_busy = False
        finally:
            if not self.holders:
                self.settle()

    def _reentered(self) -> StoreBackendError:
        return StoreBackendError(
            f"{self.path} is in the middle of a transaction of this very thread; call it when that is done"
            " (not from a signal handler or a finalizer)"
        )

    def _undo(self, exc: BaseException) -> None:
        """Roll back, and turn SQLite's error into one of ours."""
        self._require_own_process()
        connection, apsw = self.connection, _apsw()
        self._log_in_doubt = self._log_in_doubt or isinstance(exc, apsw.IOError)
        if connection is not None and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                self.close()  # which forgets the transaction too
        if isinstance(exc, Exception) and not isinstance(exc, LashkitError):
            sqlite_errors.raise_as_ours(exc, self.path)

    def _shorten_log(self, connection: Connection) -> None:
        """Move the log into the file, as far as readers allow. Not by SQLite itself: it would report a failure here as
        one of the commit before, which stands."""
        self._log_pages = 0
        try:
            connection.wal_checkpoint(mode=_apsw().SQLITE_CHECKPOINT_PASSIVE)
        except _apsw().Error as exc:  # the log stays and grows; the next commits try again
            self._log_in_doubt = self._log_in_doubt or isinstance(exc, _apsw().IOError)

    def _renew_log(self, connection: Connection) -> None:
        """Begin the log anew. After a failed flush the system takes its pages for written, whether they are or not, and
        a later flush that succeeds says nothing about them: what follows in the same log could not be read back."""
        connection.wal_checkpoint(mode=_apsw().SQLITE_CHECKPOINT_TRUNCATE)
        self._log_in_doubt = False

    def _note_log(self, _connection: object, _database: str, pages: int) -> int:
        self._log_pages = pages
        return 0

    def _ready(self) -> Connection:
        connection = self.connection
        if connection is None or self.refused or self._pid != os.getpid():
            return self._open()
        if connection.in_transaction:  # a second Ctrl-C came before the rollback
            connection.execute("ROLLBACK")
        return connection

    def _require_in_place(self) -> None:
        """What is written to a file without a name is lost."""
        if self._inode != _inode_of(self.path):
            self.close()
            raise StoreBackendError(
                f"{self.path} was moved, replaced or deleted while it was open; nothing was written;"
                " open the workspace again"
            )

    def _open(self) -> Connection:
        self._require_own_process()
        apsw = _apsw()
        if not self._is_local:
            require_local(self.path)
            self._is_local = True
        make_directories(os.path.dirname(self.path))
        with sqlite_forks.opening:
            connection: Connection = apsw.Connection(self.path)
            self._pid = os.getpid()
            self.connection = connection
        try:
            connection.set_busy_handler(self._wait)
            connection.set_wal_hook(self._note_log)
            connection.set_progress_handler(self._progress, _PROGRESS_STEPS)
            self._synchronous = None
            deadline = time.monotonic() + sqlite_errors.BUSY_LIMIT_S
            while True:
                try:
                    prepare(connection, self.path)
                    break
                except apsw.BusyError:  # SQLite does not ask the busy handler while others create or recover the file
                    if time.monotonic() > deadline:
                        raise
                    self._pause(4)
            self._inode = _inode_of(self.path)
        except BaseException:
            self.close()
            raise
        return connection

    def close(self, *, checkpoint: bool = True) -> None:
        """Close the connection; for whoever holds the lock. The next use opens another.

        Args:
            checkpoint: whether to move the log into the file, where no other process has it open.
        """
        connection = self.connection
        if connection is not None:
            try:
                if not checkpoint:
                    connection.config(_apsw().SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                connection.close(True)
            finally:
                self.connection = None

    def give_back(self, holder: object) -> None:
        """Note that a holder is gone. The connection closes with the last one. Never waits: finalizers call it."""
        self.holders.discard(holder)
        self.settle()

    def settle(self) -> None:
        """Close the connection if nobody holds the file. Where it is in use, its user does this afterwards."""
        while not self.holders and self.connection is not None and not self.refused:
            if not self.lock.acquire(blocking=False):
                return
            try:
                if self.is_busy:
                    return
                if not self.holders and self._pid == os.getpid():
                    self.close()
            finally:
                self.lock.release()

    def _wait(self, tries: int) -> bool:
        """SQLite's busy handler: whether to try again."""
        now = time.monotonic()
        if tries == 0:
            self._deadline = now + sqlite_errors.BUSY_LIMIT_S
        if now > self._deadline:
            return False
        self._pause(tries)
        return True

    def _pause(self, tries: int) -> None:
        self._progress()
        # Longer from try to try, up to 8 ms; by chance between a quarter and the whole, so that nobody is always late.
        time.sleep(0.0005 * 2 ** min(tries, 4) * (64 + os.urandom(1)[0] % 193) / 256)

    def _progress(self) -> bool:
        """SQLite's progress handler. That Python runs at all lets Ctrl-C in."""
        self._require_own_process()
        checkpoint()
        return False

    def _require_own_process(self) -> None:
        if self.refused or (self.connection is not None and self._pid != os.getpid()):
            sqlite_forks.abandon(self)
            raise sqlite_errors.forked(self.path)


def _apsw() -> Any:
    """The package, imported once: at exit nothing can be imported any more."""
    global _package
    if _package is None:
        with loading:
            import apsw
        _package = apsw
    return _package


def _inode_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
