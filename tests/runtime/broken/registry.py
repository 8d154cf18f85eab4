"""Which law each broken twin exists for, and the memory that lets every law be tried on one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lashkit.runtime.memory import InMemoryCatalog
from lashkit.runtime.tables import Tables
from lashkit.testing import MemoryCatalogHarness

# Each twin's own law: the one that it exists for.
OWN_LAW: dict[type[Any], str] = {}


def breaks(law: str) -> Callable[[type[Any]], type[Any]]:
    """Say which law a twin exists for."""

    def register(twin: type[Any]) -> type[Any]:
        OWN_LAW[twin] = law
        return twin

    return register


class Shared(MemoryCatalogHarness):
    """Memory that another object can open, as `memory://name` does: with it every law can be tried on memory.

    A twin may have a method `reopened`: what a second opener finds in the place of its tables.
    """

    def reopen(self, backend: InMemoryCatalog) -> InMemoryCatalog:
        again = self._make(clock=self._clock)
        reopened = getattr(backend, "reopened", None)
        again._tables = backend._tables if reopened is None else reopened()
        return again


def apart(tables: Tables, name: str) -> Tables:
    """The same tables but for one, of which it is a copy: what is written there on one side stays there."""
    others = copy.copy(tables)
    setattr(others, name, dict(getattr(tables, name)))
    return others


def harness_for(twin: type[Any]) -> Shared:
    """The harness to try `twin` with: a broken catalog, or a good one over broken tables."""
    if issubclass(twin, InMemoryCatalog):
        return Shared(twin)

    def make(*, clock: Any) -> InMemoryCatalog:
        catalog = InMemoryCatalog(clock=clock)
        catalog._tables = twin(clock)
        return catalog

    make.__name__ = twin.__name__
    return Shared(make)
