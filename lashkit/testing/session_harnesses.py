"""Ready harnesses for the catalogs that lashkit brings, and models for your own.

report = await lashkit.testing.check_session_catalog(lashkit.testing.SqliteCatalogHarness())
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from lashkit.clock import Clock
from lashkit.manifest import AttachmentManifest
from lashkit.runtime.adapter import PersistenceManifestAdapter
from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
from lashkit.runtime.protocols import RuntimePersistence, SessionCatalog
from lashkit.testing.clock import ManualClock
from lashkit.testing.harness import MaybeAwaitable, settle
from lashkit.testing.session_samples import dead_process, run_python
from lashkit.values import AttachmentId

__all__ = [
    "ManifestsOf",
    "MemoryCatalogHarness",
    "MemorySessionHarness",
    "SessionsOf",
    "SqliteCatalogHarness",
]

_START_EPOCH_MS = 1_700_000_000_000


class MemoryCatalogHarness:
    """Raw access to `InMemoryCatalog`, and to what derives from it. Nothing outlives one: there is no `reopen`.

    Args:
        make: makes a fresh catalog on the clock that it is given.
    """

    def __init__(self, make: Callable[..., InMemoryCatalog] = InMemoryCatalog) -> None:
        self._make = make
        self._clock = ManualClock(_START_EPOCH_MS)

    def __repr__(self) -> str:
        return f"MemoryCatalogHarness({self._make.__name__})"

    def make(self) -> InMemoryCatalog:
        """See `CatalogHarness`."""
        return self._make(clock=self._clock)

    def advance_ms(self, backend: Any, elapsed_ms: int) -> None:
        """See `CanAdvance`. The clock of all catalogs that this harness made."""
        self._clock.advance_ms(elapsed_ms)

    async def leave_a_dead_deleter(self, catalog: InMemoryCatalog, attachment_id: AttachmentId) -> None:
        """See `CanLeaveADeadDeleter`. The process is real; it wrote nothing, since it cannot reach this memory."""
        catalog._tables.digests[attachment_id] = await dead_process()


class MemorySessionHarness:
    """Access to `InMemorySessionStore`, and to what derives from it.

    Args:
        make: makes a fresh store on the clock that it is given.
    """

    def __init__(self, make: Callable[..., InMemorySessionStore] = InMemorySessionStore) -> None:
        self._make = make
        self._clock = ManualClock(_START_EPOCH_MS)

    def __repr__(self) -> str:
        return f"MemorySessionHarness({self._make.__name__})"

    def make(self, session_id: str) -> InMemorySessionStore:
        """See `PersistenceHarness`. It binds at its first write."""
        return self._make(clock=self._clock)

    def advance_ms(self, backend: Any, elapsed_ms: int) -> None:
        """See `CanAdvance`."""
        self._clock.advance_ms(elapsed_ms)


class _OpensAPath(Protocol):
    def __call__(self, path: Path, *, clock: Clock | None = None) -> SessionCatalog: ...


_ARM_AND_DIE = """
import sys
from lashkit.runner import drive
from lashkit.runtime.sqlite import SqliteCatalog
catalog = SqliteCatalog(sys.argv[1])
assert drive(catalog.condemn(sys.argv[2], grace_ms=0)) and drive(catalog.arm_delete(sys.argv[2]))
"""


class SqliteCatalogHarness:
    """Raw access to `SqliteCatalog`, and to what derives from it, each in a temporary directory of its own.

    Args:
        make_at: makes a catalog on a database file that does not exist yet.
        under: where the temporary directories go; by default where `tempfile` puts them.

    A directory is removed when the last catalog on it is closed.
    """

    def __init__(self, make_at: _OpensAPath | None = None, *, under: str | os.PathLike[str] | None = None) -> None:
        if make_at is None:
            from lashkit.runtime.sqlite import SqliteCatalog

            make_at = SqliteCatalog
        self._make_at = make_at
        self._under = under
        self._clock = ManualClock(_START_EPOCH_MS)
        self._paths: dict[int, Path] = {}

    def __repr__(self) -> str:
        return f"SqliteCatalogHarness({getattr(self._make_at, '__name__', self._make_at)})"

    async def make(self) -> SessionCatalog:
        """See `CatalogHarness`."""
        home = await asyncio.to_thread(tempfile.mkdtemp, prefix="lashkit-laws-", dir=self._under)
        return await self._open(Path(home) / "lashkit.db")

    async def reopen(self, backend: SessionCatalog) -> SessionCatalog:
        """See `CanReopenBackend`."""
        return await self._open(self._paths[id(backend)])

    async def _open(self, path: Path) -> SessionCatalog:
        catalog = await asyncio.to_thread(lambda: self._make_at(path, clock=self._clock))
        self._paths[id(catalog)] = path
        return catalog

    async def close(self, backend: SessionCatalog) -> None:
        """See `CanCloseBackend`."""
        path = self._paths.pop(id(backend))
        await backend.close()
        if path not in self._paths.values():
            await asyncio.to_thread(shutil.rmtree, path.parent)

    def advance_ms(self, backend: Any, elapsed_ms: int) -> None:
        """See `CanAdvance`."""
        self._clock.advance_ms(elapsed_ms)

    async def leave_a_dead_deleter(self, catalog: SessionCatalog, attachment_id: AttachmentId) -> None:
        """See `CanLeaveADeadDeleter`. A real process opens the same file, arms, and ends."""
        await asyncio.to_thread(run_python, _ARM_AND_DIE, str(self._paths[id(catalog)]), attachment_id)


class ManifestsOf:
    """The manifests of a catalog's sessions, each through its bound persistence and `PersistenceManifestAdapter`.

    Args:
        catalogs: the harness of the catalog, whose capabilities this one has.
    """

    def __init__(self, catalogs: MemoryCatalogHarness | SqliteCatalogHarness) -> None:
        self._catalogs = catalogs
        self.make: Callable[[], Any] = catalogs.make
        self.advance_ms: Callable[..., None] = catalogs.advance_ms
        _lend(self, catalogs, "reopen", "close")

    def __repr__(self) -> str:
        return f"ManifestsOf({self._catalogs!r})"

    def bind(self, manifest: SessionCatalog, session_id: str) -> AttachmentManifest:
        """See `CanBind`."""
        return PersistenceManifestAdapter(manifest.session(session_id))


class SessionsOf:
    """The persistences of a catalog's sessions.

    Args:
        catalogs: the harness of the catalog, whose capabilities this one has.
    """

    def __init__(self, catalogs: MemoryCatalogHarness | SqliteCatalogHarness) -> None:
        self._catalogs = catalogs
        self.advance_ms: Callable[..., None] = catalogs.advance_ms
        self._opened: dict[int, tuple[Any, str]] = {}
        if hasattr(catalogs, "reopen"):
            self.reopen: Callable[..., Any] = self._reopen

    def __repr__(self) -> str:
        return f"SessionsOf({self._catalogs!r})"

    async def make(self, session_id: str) -> RuntimePersistence:
        """See `PersistenceHarness`."""
        return await self._session(self._catalogs.make(), session_id)

    async def _reopen(self, backend: RuntimePersistence) -> RuntimePersistence:
        catalog, session_id = self._opened[id(backend)]
        return await self._session(self._catalogs.reopen(catalog), session_id)  # type: ignore[union-attr]

    async def _session(self, catalog: MaybeAwaitable[SessionCatalog], session_id: str) -> RuntimePersistence:
        opened = await settle(catalog)
        persistence = opened.session(session_id)
        self._opened[id(persistence)] = (opened, session_id)
        return persistence

    async def close(self, backend: RuntimePersistence) -> None:
        """See `CanCloseBackend`."""
        catalog, _ = self._opened.pop(id(backend))
        if hasattr(self._catalogs, "close"):
            await settle(self._catalogs.close(catalog))


def _lend(borrower: object, lender: object, *names: str) -> None:
    """Give `borrower` those of the methods that `lender` has."""
    for name in names:
        if hasattr(lender, name):
            setattr(borrower, name, getattr(lender, name))
