"""The sync twin of an async iterator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import AsyncGeneratorType
from typing import Any, Generic, Protocol, Self, TypeVar

from lashkit.runner import drive

__all__ = ["InPlace", "Source", "SyncIterator"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """Where a `SyncIterator` gets its items from."""

    def step(self) -> T_co:
        """The next item; `StopIteration` after the last."""
        ...

    def close(self) -> None:
        """End it, and wait for its clean-up."""
        ...

    def abandon(self) -> None:
        """End it from a `__del__`: never wait for another thread."""
        ...


class SyncIterator(Generic[T]):
    """The sync twin of an async iterator.

    Its end, `close`, the end of its `with` block, or its garbage collection ends the async iterator, whose `finally`
    blocks then run. Exceptions arrive after the items before them.
    """

    __slots__ = ("__weakref__", "_source")

    def __init__(self, source: Source[T]) -> None:
        self._source = source

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return self._source.step()

    def close(self) -> None:
        """End the async iterator now, and wait for its clean-up. Closing twice is fine.

        Raises:
            BridgeError: its clean-up was not done after 5 s, and goes on in the background.
        """
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._source.abandon()


class InPlace(Generic[T]):
    """Items made in the thread that asks for them.

    Args:
        iterator: what to iterate; owned from now on.
        run: runs one coroutine to its end in this thread.
        finish: runs once, when the iterator has ended and cleaned up.
    """

    __slots__ = ("_finish", "_is_native", "_iterator", "_run")

    def __init__(
        self,
        iterator: AsyncIterator[T],
        run: Callable[[Coroutine[Any, Any, Any]], Any] = drive,
        finish: Callable[[], object] | None = None,
    ) -> None:
        self._iterator: AsyncIterator[T] | None = iterator
        self._run = run
        self._finish = finish
        # A step of a native async generator has all that `drive` needs of a coroutine.
        self._is_native = run is drive and isinstance(iterator, AsyncGeneratorType)

    def step(self) -> T:
        """The next item; `StopIteration` after the last."""
        iterator = self._iterator
        if iterator is None:
            raise StopIteration
        step: Any = iterator.__anext__() if self._is_native else _settle(iterator.__anext__)
        try:
            item: T = self._run(step)
        except StopAsyncIteration:
            self.close()
            raise StopIteration from None
        return item

    def close(self) -> None:
        """End it here."""
        iterator, self._iterator = self._iterator, None
        if iterator is None:
            return
        try:
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                self._run(_settle(aclose))
        finally:
            if self._finish is not None:
                self._finish()

    def abandon(self) -> None:
        """The same as `close`: nobody else is needed."""
        self.close()


async def _settle(method: Callable[[], Awaitable[T]]) -> T:
    return await method()
