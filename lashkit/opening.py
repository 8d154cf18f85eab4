"""`Opening`: something that is opened by `await` or by `async with`, whichever the caller prefers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from lashkit.errors import BridgeError

__all__ = ["Opening"]


class _Closable(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class Opening(Generic[C]):
    """What an async `open` returns: `await` it to get the opened object, or enter it to have it closed afterwards.

    Args:
        subject: the object that is opened, or that tells how sync code may drive the opening.
        start: opens, and returns what was opened.
    """

    __slots__ = ("_opened", "start", "subject")

    def __init__(self, subject: object, start: Callable[[], Coroutine[Any, Any, C]]) -> None:
        self.subject: object = subject
        self.start: Callable[[], Coroutine[Any, Any, C]] = start
        self._opened: C | None = None

    def __repr__(self) -> str:
        return f"<{self.subject!r}, not yet opened: {_REMEDY}>"

    def __await__(self) -> Generator[Any, None, C]:
        return self.start().__await__()

    async def __aenter__(self) -> C:
        self._opened = await self.start()
        return self._opened

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.close()

    def __enter__(self) -> NoReturn:
        raise BridgeError(f"{self.subject!r} is opened asynchronously: {_REMEDY}")

    def __exit__(self, *exc_info: object) -> None:
        """Never reached: entering raises."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_") or not hasattr(self.subject, name):
            raise AttributeError(f"'Opening' object has no attribute {name!r}")
        raise BridgeError(f"{self.subject!r} is not yet opened: {_REMEDY}")


_REMEDY = "await it, enter it with `async with`, or use lashkit.open"
