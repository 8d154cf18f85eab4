"""What laws about stores need of whoever brings the store: a way to make one, and, as far as there is one,
raw access.

A harness has `make`. Everything else is a capability of its own, one method each: a law that needs one which
the harness does not have reports "not applicable" and says so. Every method may be a plain one or an `async
def`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from lashkit.stores.protocols import AttachmentStore, SupportsMeta, SupportsStreaming
from lashkit.testing.laws import NotApplicable
from lashkit.values import AttachmentId

__all__ = [
    "CanClose",
    "CanCorrupt",
    "CanLose",
    "CanPlant",
    "CanPlantStale",
    "CanReopen",
    "CanSeeLeftovers",
    "CanSeeSurroundings",
    "CanSpoilMeta",
    "StoreCase",
    "StoreHarness",
    "StoreMaker",
    "harness_of",
]

T = TypeVar("T")

MaybeAwaitable: TypeAlias = T | Awaitable[T]


class StoreHarness(Protocol):
    """Where laws get their stores."""

    def make(self) -> MaybeAwaitable[AttachmentStore]:
        """A fresh, empty store that shares nothing with the ones made before."""
        ...


@runtime_checkable
class CanClose(Protocol):
    """A harness that cleans up behind its stores."""

    def close(self, store: AttachmentStore) -> MaybeAwaitable[None]:
        """Free what `store` holds, its data included; called once for each store that was made or
        reopened."""
        ...


@runtime_checkable
class CanReopen(Protocol):
    """A harness that can open the same data again."""

    def reopen(self, store: AttachmentStore) -> MaybeAwaitable[AttachmentStore]:
        """Another object over the data of `store`, as a second process would have it."""
        ...


@runtime_checkable
class CanCorrupt(Protocol):
    """A harness that can change stored bytes."""

    def corrupt(self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes) -> MaybeAwaitable[None]:
        """Replace the stored bytes of `attachment_id` by `data`, behind the store's back."""
        ...


@runtime_checkable
class CanLose(Protocol):
    """A harness that can lose stored bytes."""

    def lose(self, store: AttachmentStore, attachment_id: AttachmentId) -> MaybeAwaitable[None]:
        """Remove the bytes of `attachment_id` and leave its metadata, behind the store's back."""
        ...


@runtime_checkable
class CanSpoilMeta(Protocol):
    """A harness that can damage stored metadata."""

    def spoil_meta(
        self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes | None
    ) -> MaybeAwaitable[None]:
        """Replace the stored metadata of `attachment_id` by `data`, or remove it (`None`), behind the store's
        back."""
        ...


@runtime_checkable
class CanPlant(Protocol):
    """A harness that can put something foreign among the blobs."""

    def plant(self, store: AttachmentStore, name: str, data: bytes) -> MaybeAwaitable[None]:
        """Add an entry `name` where the store keeps its blobs. `name` is no attachment id."""
        ...


@runtime_checkable
class CanPlantStale(Protocol):
    """A harness that can leave behind what a killed writer leaves behind."""

    def plant_stale(self, store: AttachmentStore, data: bytes) -> MaybeAwaitable[None]:
        """Add staging entries of a put of `data` whose process died before it published anything."""
        ...


@runtime_checkable
class CanSeeLeftovers(Protocol):
    """A harness that can look at the staging area."""

    def leftovers(self, store: AttachmentStore) -> MaybeAwaitable[Sequence[str]]:
        """What the store keeps that is neither a published blob nor its metadata, by name."""
        ...


@runtime_checkable
class CanSeeSurroundings(Protocol):
    """A harness that can look at what lies beside the store's own data."""

    def surroundings(self, store: AttachmentStore) -> MaybeAwaitable[Mapping[str, bytes]]:
        """Everything that lies next to the store's data and is not the store's, by name."""
        ...


StoreMaker: TypeAlias = StoreHarness | Callable[[], MaybeAwaitable[AttachmentStore]]
"""What `check_attachment_store` takes: a harness, or just a callable that makes a fresh store."""


class _Maker:
    """The harness of a plain callable: it can make stores and nothing else."""

    def __init__(self, make: Callable[[], MaybeAwaitable[AttachmentStore]]) -> None:
        self.make = make

    def __repr__(self) -> str:
        return getattr(self.make, "__qualname__", repr(self.make))


def harness_of(make: StoreMaker) -> StoreHarness:
    """`make` itself where it is a harness, else the harness of a plain callable.

    Raises:
        TypeError: where it is neither.
    """
    if callable(getattr(make, "make", None)):
        return make  # type: ignore[return-value]
    if callable(make):
        return _Maker(make)
    raise TypeError(f"{make!r} makes no stores; pass a callable that returns a fresh one, or a harness with make()")


class StoreCase:
    """What one law works with: the harness, with every missing capability turned into "not applicable".

    An async context manager; at its end every store that was made or reopened is closed, in reverse order.
    """

    def __init__(self, harness: StoreHarness) -> None:
        self._harness = harness
        self._opened: list[AttachmentStore] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._harness, CanClose):
            while self._opened:
                await settle(self._harness.close(self._opened.pop()))

    async def make(self) -> AttachmentStore:
        """A fresh, empty store."""
        store = await settle(self._harness.make())
        self._opened.append(store)
        return store

    async def reopen(self, store: AttachmentStore) -> AttachmentStore:
        """Another object over the same data."""
        if not isinstance(self._harness, CanReopen):
            raise NotApplicable("the harness has no reopen(store)")
        again = await settle(self._harness.reopen(store))
        self._opened.append(again)
        return again

    @property
    def can_reopen(self) -> bool:
        """Whether `reopen` works here."""
        return isinstance(self._harness, CanReopen)

    async def corrupt(self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes) -> None:
        """Replace stored bytes behind the store's back."""
        if not isinstance(self._harness, CanCorrupt):
            raise NotApplicable("the harness has no corrupt(store, id, data)")
        await settle(self._harness.corrupt(store, attachment_id, data))

    async def lose(self, store: AttachmentStore, attachment_id: AttachmentId) -> None:
        """Remove stored bytes behind the store's back."""
        if not isinstance(self._harness, CanLose):
            raise NotApplicable("the harness has no lose(store, id)")
        await settle(self._harness.lose(store, attachment_id))

    async def spoil_meta(self, store: AttachmentStore, attachment_id: AttachmentId, data: bytes | None) -> None:
        """Replace or remove stored metadata behind the store's back."""
        if not isinstance(self._harness, CanSpoilMeta):
            raise NotApplicable("the harness has no spoil_meta(store, id, data)")
        await settle(self._harness.spoil_meta(store, attachment_id, data))

    async def plant(self, store: AttachmentStore, name: str, data: bytes) -> None:
        """Add something foreign among the blobs."""
        if not isinstance(self._harness, CanPlant):
            raise NotApplicable("the harness has no plant(store, name, data)")
        await settle(self._harness.plant(store, name, data))

    async def plant_stale(self, store: AttachmentStore, data: bytes) -> None:
        """Leave behind what a killed writer leaves behind."""
        if not isinstance(self._harness, CanPlantStale):
            raise NotApplicable("the harness has no plant_stale(store, data)")
        await settle(self._harness.plant_stale(store, data))

    async def leftovers(self, store: AttachmentStore) -> tuple[str, ...]:
        """What lies in the staging area; nothing where the harness cannot look."""
        if not isinstance(self._harness, CanSeeLeftovers):
            return ()
        return tuple(await settle(self._harness.leftovers(store)))

    async def surroundings(self, store: AttachmentStore) -> dict[str, bytes]:
        """What lies beside the store's data; nothing where the harness cannot look."""
        if not isinstance(self._harness, CanSeeSurroundings):
            return {}
        return dict(await settle(self._harness.surroundings(store)))

    @staticmethod
    def streaming(store: AttachmentStore) -> SupportsStreaming:
        """`store` as one that streams."""
        if not isinstance(store, SupportsStreaming):
            raise NotApplicable("the store has no open, stage, publish and discard")
        return store

    @staticmethod
    def with_meta(store: AttachmentStore) -> SupportsMeta | None:
        """`store` as one that has metadata without the bytes, or `None`."""
        return store if isinstance(store, SupportsMeta) else None


async def settle(result: MaybeAwaitable[T]) -> T:
    value: Any = result
    return await value if inspect.isawaitable(value) else value  # type: ignore[no-any-return]
