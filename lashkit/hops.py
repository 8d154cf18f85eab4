"""One operation, one hop: what is made of several inline steps runs in one worker as a whole."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from lashkit.runner import Runner

__all__ = ["one_hop"]


class _Hopping(Protocol):
    """What has operations: a mode, and a runner for those that are inline."""

    @property
    def _runner(self) -> Runner: ...

    @property
    def sync_mode(self) -> str: ...


S = TypeVar("S", bound=_Hopping)
P = ParamSpec("P")
T = TypeVar("T")


def one_hop(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Run an async method in one worker as a whole where its object is inline: no cancel falls between its steps."""

    @functools.wraps(method)
    async def operation(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps = method(self, *args, **kwargs)
        return await (self._runner.hop(steps) if self.sync_mode == "inline" else steps)

    return operation
