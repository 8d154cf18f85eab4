"""Tests for what others build on lashkit: executable laws, a clock that stands still. Needs no test runner.

A backend conforms when it keeps the laws, and nothing else decides that: no base class, no `isinstance`.

    report = await check_attachment_store(MyStore)   # raises LawsBroken, which names every law that broke
    report                                           # a table, in a notebook

With a harness (`lashkit.testing.harness`; ready ones in `lashkit.testing.harnesses`) instead of the class,
the laws that need raw access to the data are tried too; without one they are reported as not applicable. One
law alone, in a test runner of your choice:

    for law in ATTACHMENT_STORE_LAWS:
        await check_attachment_store(MyStore, laws=[law])

The same for manifests (`check_attachment_manifest`), the persistence of a session (`check_runtime_persistence`) and
catalogs (`check_session_catalog`, with the fence's laws), whose harnesses are in `lashkit.testing.session_harnesses`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lashkit.testing.catalog_laws import SESSION_CATALOG_LAWS, check_session_catalog, session_catalog_report
from lashkit.testing.clock import ManualClock
from lashkit.testing.harness import StoreCase, StoreHarness
from lashkit.testing.laws import Law, LawOutcome, LawReport, LawsBroken
from lashkit.testing.manifest_laws import MANIFEST_LAWS, attachment_manifest_report, check_attachment_manifest
from lashkit.testing.persistence_laws import (
    RUNTIME_PERSISTENCE_LAWS,
    check_runtime_persistence,
    runtime_persistence_report,
)
from lashkit.testing.session_harness import CatalogCase, ManifestCase, PersistenceCase
from lashkit.testing.store_laws import ATTACHMENT_STORE_LAWS, attachment_store_report, check_attachment_store

if TYPE_CHECKING:
    from lashkit.testing.harnesses import FileHarness, MemoryHarness
    from lashkit.testing.session_harnesses import (
        ManifestsOf,
        MemoryCatalogHarness,
        MemorySessionHarness,
        SessionsOf,
        SqliteCatalogHarness,
    )

__all__ = [
    "ATTACHMENT_STORE_LAWS",
    "MANIFEST_LAWS",
    "RUNTIME_PERSISTENCE_LAWS",
    "SESSION_CATALOG_LAWS",
    "CatalogCase",
    "FileHarness",
    "Law",
    "LawOutcome",
    "LawReport",
    "LawsBroken",
    "ManifestCase",
    "ManifestsOf",
    "ManualClock",
    "MemoryCatalogHarness",
    "MemoryHarness",
    "MemorySessionHarness",
    "PersistenceCase",
    "SessionsOf",
    "SqliteCatalogHarness",
    "StoreCase",
    "StoreHarness",
    "attachment_manifest_report",
    "attachment_store_report",
    "check_attachment_manifest",
    "check_attachment_store",
    "check_runtime_persistence",
    "check_session_catalog",
    "runtime_persistence_report",
    "session_catalog_report",
]

_HARNESSES = {
    "FileHarness": "harnesses",
    "MemoryHarness": "harnesses",
    "ManifestsOf": "session_harnesses",
    "MemoryCatalogHarness": "session_harnesses",
    "MemorySessionHarness": "session_harnesses",
    "SessionsOf": "session_harnesses",
    "SqliteCatalogHarness": "session_harnesses",
}


def __getattr__(name: str) -> Any:
    # The harnesses import the backends that they open; the laws need none.
    if name in _HARNESSES:
        from importlib import import_module

        return getattr(import_module(f"lashkit.testing.{_HARNESSES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
