"""The public surface, pinned: a name comes or goes only together with this file (DESIGN section 4)."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import lashkit

PUBLIC = """
    AmbiguousAttachmentId Attachment AttachmentBackendError AttachmentBeingDeleted AttachmentCorrupt
    AttachmentCreateMeta AttachmentId AttachmentIntent AttachmentIoError AttachmentList AttachmentManifest
    AttachmentManifestEntry AttachmentMeta AttachmentMetadataDecodeError AttachmentMissingMeta AttachmentNotFound
    AttachmentRef AttachmentStore AttachmentStoreError AttachmentStorePersistence BridgeError Clock DecodeError
    DurabilityTier ExportReport FileAttachmentStore ForkedStoreError HeadRevisionConflict History ImageMediaType
    ImportReport InMemoryAttachmentStore InMemoryCatalog InMemorySessionStore IngestError Ingested
    InvalidAttachmentId InvalidMediaType InvalidTarget LashkitError LashkitWarning LeaseOwnerIdentity
    ManifestRecordFailed MediaType NoopAttachmentManifest PersistenceManifestAdapter PreflightError ReclaimReport
    RootsUnknown RuntimePersistence RuntimeTurnCommitConflict SchemaVersionError Session SessionBindingMismatch
    SessionBusy SessionCatalog SessionExecutionLeaseExpired SessionNameTaken SessionScopedAttachmentStore
    SessionTree SqliteCatalog
    StagedBlob StoreBackendError StoreError StoredAttachment StoredBlobRef SupportsMeta SupportsStreaming
    SyncAttachment SyncAttachmentManifest SyncAttachmentStore SyncRuntimePersistence SyncSession SyncWorkspace
    SystemClock Turn UnsupportedReadScope VerifyReport Workspace WouldDeadlock WouldSuspend __version__ content_id
    enable_nested ingest ingest_url
"""

MODULES = [module.name for module in pkgutil.walk_packages(lashkit.__path__, "lashkit.")]


def loaded(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_the_public_names_are_the_pinned_ones() -> None:
    assert sorted(lashkit.__all__) == sorted(PUBLIC.split())


def test_every_public_name_can_be_reached() -> None:
    assert [name for name in lashkit.__all__ if getattr(lashkit, name, None) is None] == []


def test_dir_lists_every_public_name_and_open() -> None:
    assert {*lashkit.__all__, "open"} <= set(dir(lashkit))


def test_a_star_import_does_not_shadow_the_builtin_open() -> None:
    code = "from lashkit import *; import builtins; assert open is builtins.open; Workspace; MediaType"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], timeout=60).returncode == 0


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        lashkit.no_such_name  # noqa: B018


def test_a_name_is_the_same_object_wherever_it_is_imported_from() -> None:
    from lashkit.errors import LashkitError
    from lashkit.stores.file import FileAttachmentStore
    from lashkit.values import MediaType

    assert lashkit.LashkitError is LashkitError
    assert lashkit.MediaType is MediaType
    assert lashkit.FileAttachmentStore is FileAttachmentStore


def test_every_error_is_exported() -> None:
    assert set(loaded("lashkit.errors").__all__) <= set(lashkit.__all__)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.rpartition(".")[2].startswith("_")])
def test_every_module_says_what_is_public(name: str) -> None:
    module = loaded(name)
    assert module.__doc__, "a module says what it is for"
    assert sorted(module.__all__) == sorted(set(module.__all__))
    assert [public for public in module.__all__ if not hasattr(module, public)] == []
