"""Tests for what others build on lashkit: executable laws, a clock that stands still. Needs no test runner.

A backend conforms when it keeps the laws, and nothing else decides that: no base class, no `isinstance`.

    report = await check_attachment_store(MyStore)   # raises LawsBroken, which names every law that broke
    report                                           # a table, in a notebook

With a harness (`lashkit.testing.harness`; ready ones in `lashkit.testing.harnesses`) instead of the class,
the laws that need raw access to the data are tried too; without one they are reported as not applicable. One
law alone, in a test runner of your choice:

    for law in ATTACHMENT_STORE_LAWS:
        await check_attachment_store(MyStore, laws=[law])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lashkit.testing.clock import ManualClock
from lashkit.testing.harness import StoreCase, StoreHarness
from lashkit.testing.laws import Law, LawOutcome, LawReport, LawsBroken
from lashkit.testing.store_laws import ATTACHMENT_STORE_LAWS, attachment_store_report, check_attachment_store

if TYPE_CHECKING:
    from lashkit.testing.harnesses import FileHarness, MemoryHarness

__all__ = [
    "ATTACHMENT_STORE_LAWS",
    "FileHarness",
    "Law",
    "LawOutcome",
    "LawReport",
    "LawsBroken",
    "ManualClock",
    "MemoryHarness",
    "StoreCase",
    "StoreHarness",
    "attachment_store_report",
    "check_attachment_store",
]


def __getattr__(name: str) -> Any:
    # The harnesses import the stores that they open; the laws need none.
    if name in ("FileHarness", "MemoryHarness"):
        from lashkit.testing import harnesses

        return getattr(harnesses, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
