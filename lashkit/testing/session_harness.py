"""What laws about manifests, persistences and catalogs need of whoever brings one.

As for stores (`lashkit.testing.harness`): `make`, and one method for each further capability. A law that needs one
which the harness does not have reports "not applicable" and says so. Every method may be a plain one or an `async
def`."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from lashkit.manifest import AttachmentManifest
from lashkit.process import ProcessIdentity
from lashkit.runtime.protocols import RuntimePersistence, SessionCatalog
from lashkit.testing.harness import MaybeAwaitable, settle
from lashkit.testing.laws import NotApplicable
from lashkit.values import AttachmentId

__all__ = [
    "CanAdvance",
    "CanBind",
    "CanCloseBackend",
    "CanLeaveADeadDeleter",
    "CanReopenBackend",
    "CatalogCase",
    "CatalogMaker",
    "ManifestCase",
    "ManifestMaker",
    "PersistenceCase",
    "PersistenceMaker",
    "named_maker",
]

BackendT = TypeVar("BackendT")


class ManifestHarness(Protocol):
    """Where laws get their manifests."""

    def make(self) -> MaybeAwaitable[AttachmentManifest]:
        """A fresh, empty manifest that shares nothing with the ones made before."""
        ...


class PersistenceHarness(Protocol):
    """Where laws get their persistences."""

    def make(self, session_id: str, /) -> MaybeAwaitable[RuntimePersistence]:
        """The persistence of the session `session_id`, fresh and empty; it may also bind to it at its first commit."""
        ...


class CatalogHarness(Protocol):
    """Where laws get their catalogs."""

    def make(self) -> MaybeAwaitable[SessionCatalog]:
        """A fresh, empty catalog that shares nothing with the ones made before."""
        ...


@runtime_checkable
class CanCloseBackend(Protocol):
    """A harness that cleans up behind what it made."""

    def close(self, backend: Any) -> MaybeAwaitable[None]:
        """Free what `backend` holds, its data included; called once for each one that was made or reopened."""
        ...


@runtime_checkable
class CanReopenBackend(Protocol):
    """A harness that can open the same data again."""

    def reopen(self, backend: Any) -> MaybeAwaitable[Any]:
        """Another object over the data of `backend`, as a second process would have it."""
        ...


@runtime_checkable
class CanAdvance(Protocol):
    """A harness that owns the clock of what it made."""

    def advance_ms(self, backend: Any, elapsed_ms: int) -> MaybeAwaitable[None]:
        """Move the clock of `backend` by `elapsed_ms` milliseconds."""
        ...


@runtime_checkable
class CanBind(Protocol):
    """A harness whose manifests are made for one session each."""

    def bind(self, manifest: Any, session_id: str) -> MaybeAwaitable[AttachmentManifest]:
        """The manifest of `session_id` in the database of `manifest`."""
        ...


@runtime_checkable
class CanLeaveADeadDeleter(Protocol):
    """A harness that can leave behind what a killed sweep leaves behind."""

    def leave_a_dead_deleter(self, catalog: Any, attachment_id: AttachmentId) -> MaybeAwaitable[None]:
        """Let a process condemn `attachment_id`, arm its delete, and die."""
        ...


ManifestMaker = ManifestHarness | Callable[[], MaybeAwaitable[AttachmentManifest]]
"""What `check_attachment_manifest` takes: a harness, or a callable that makes a fresh manifest of all sessions."""

PersistenceMaker = PersistenceHarness | Callable[[str], MaybeAwaitable[RuntimePersistence]]
"""What `check_runtime_persistence` takes: a harness, or a callable that makes the fresh persistence of a session."""

CatalogMaker = CatalogHarness | Callable[[], MaybeAwaitable[SessionCatalog]]
"""What `check_session_catalog` takes: a harness, or a callable that makes a fresh catalog."""


class _Maker:
    """The harness of a plain callable: it can make and nothing else."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make

    def __repr__(self) -> str:
        return getattr(self.make, "__qualname__", repr(self.make))


def named_maker(make: Any) -> Any:
    """`make` itself where it is a harness, else the harness of a plain callable.

    Raises:
        TypeError: where it is neither.
    """
    if callable(getattr(make, "make", None)):
        return make
    if callable(make):
        return _Maker(make)
    raise TypeError(f"{make!r} makes nothing; pass a callable that returns a fresh backend, or a harness with make()")


class _Case(Generic[BackendT]):
    """What one law works with: the harness, with every missing capability turned into "not applicable".

    An async context manager; at its end everything that was made or reopened is closed, in reverse order.
    """

    def __init__(self, harness: Any) -> None:
        self._harness = harness
        self._opened: list[BackendT] = []

    async def __aenter__(self) -> Self:
        import asyncio

        # The laws name this process; finding out who it is reads files, once.
        await asyncio.to_thread(ProcessIdentity.current)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._harness, CanCloseBackend):
            while self._opened:
                await settle(self._harness.close(self._opened.pop()))

    async def _keep(self, made: MaybeAwaitable[BackendT]) -> BackendT:
        backend = await settle(made)
        self._opened.append(backend)
        return backend

    @property
    def can_reopen(self) -> bool:
        """Whether `reopen` works here."""
        return isinstance(self._harness, CanReopenBackend)

    async def reopen(self, backend: BackendT) -> BackendT:
        """Another object over the same data."""
        if not isinstance(self._harness, CanReopenBackend):
            raise NotApplicable("the harness has no reopen(backend)")
        return await self._keep(self._harness.reopen(backend))

    async def advance_ms(self, backend: BackendT, elapsed_ms: int) -> None:
        """Move the clock."""
        if not isinstance(self._harness, CanAdvance):
            raise NotApplicable("the harness has no advance_ms(backend, elapsed_ms)")
        await settle(self._harness.advance_ms(backend, elapsed_ms))


class ManifestCase(_Case[AttachmentManifest]):
    """What a law about manifests works with."""

    async def make(self) -> AttachmentManifest:
        """A fresh, empty manifest."""
        return await self._keep(self._harness.make())

    async def bind(self, manifest: AttachmentManifest, session_id: str) -> AttachmentManifest:
        """The manifest to use for `session_id`: mostly `manifest` itself."""
        if not isinstance(self._harness, CanBind):
            return manifest
        return await settle(self._harness.bind(manifest, session_id))


class PersistenceCase(_Case[RuntimePersistence]):
    """What a law about the persistence of a session works with."""

    async def make(self, session_id: str) -> RuntimePersistence:
        """A fresh, empty persistence."""
        return await self._keep(self._harness.make(session_id))


class CatalogCase(_Case[SessionCatalog]):
    """What a law about catalogs works with."""

    async def make(self) -> SessionCatalog:
        """A fresh, empty catalog."""
        return await self._keep(self._harness.make())

    async def leave_a_dead_deleter(self, catalog: SessionCatalog, attachment_id: AttachmentId) -> None:
        """Leave behind what a killed sweep leaves behind."""
        if not isinstance(self._harness, CanLeaveADeadDeleter):
            raise NotApplicable("the harness has no leave_a_dead_deleter(catalog, id)")
        await settle(self._harness.leave_a_dead_deleter(catalog, attachment_id))
