"""lashkit: attach anything in a cell, see what it is, get it back byte for byte. With or without `await`.

    import lashkit

    ws = lashkit.open("./attachments")
    cat = ws.put("cat.png", label="my cat")
    ws.get(cat).image()

Names are imported when they are first used, so that `import lashkit` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lashkit._version import __version__

if TYPE_CHECKING:
    from lashkit.attachment import Attachment, AttachmentList
    from lashkit.clock import Clock, SystemClock
    from lashkit.errors import (
        AmbiguousAttachmentId,
        AttachmentBackendError,
        AttachmentBeingDeleted,
        AttachmentCorrupt,
        AttachmentIoError,
        AttachmentMetadataDecodeError,
        AttachmentMissingMeta,
        AttachmentNotFound,
        AttachmentStoreError,
        BridgeError,
        DecodeError,
        ForkedStoreError,
        HeadRevisionConflict,
        IngestError,
        InvalidAttachmentId,
        InvalidMediaType,
        InvalidTarget,
        LashkitError,
        LashkitWarning,
        ManifestRecordFailed,
        PreflightError,
        RootsUnknown,
        RuntimeTurnCommitConflict,
        SchemaVersionError,
        SessionBindingMismatch,
        SessionBusy,
        SessionExecutionLeaseExpired,
        SessionNameTaken,
        StoreBackendError,
        StoreError,
        UnsupportedReadScope,
        WouldDeadlock,
        WouldSuspend,
    )
    from lashkit.ingestion import Ingested, ingest, ingest_url
    from lashkit.lease import LeaseOwnerIdentity
    from lashkit.manifest import AttachmentIntent, AttachmentManifest, AttachmentManifestEntry, NoopAttachmentManifest
    from lashkit.reports import ExportReport, ImportReport, ReclaimReport, VerifyReport
    from lashkit.runtime import RuntimePersistence, SessionCatalog
    from lashkit.runtime.adapter import PersistenceManifestAdapter
    from lashkit.runtime.memory import InMemoryCatalog, InMemorySessionStore
    from lashkit.runtime.sqlite import SqliteCatalog
    from lashkit.scoped import SessionScopedAttachmentStore
    from lashkit.session import Session
    from lashkit.stores import AttachmentStore, StagedBlob, SupportsMeta, SupportsStreaming
    from lashkit.stores.file import FileAttachmentStore
    from lashkit.stores.memory import InMemoryAttachmentStore
    from lashkit.sync import (
        SyncAttachment,
        SyncAttachmentManifest,
        SyncAttachmentStore,
        SyncRuntimePersistence,
        SyncSession,
        SyncWorkspace,
        enable_nested,
    )
    from lashkit.sync import open as open  # noqa: A004  (a contract name)
    from lashkit.turns import History, SessionTree, Turn
    from lashkit.values import (
        AttachmentCreateMeta,
        AttachmentId,
        AttachmentMeta,
        AttachmentRef,
        AttachmentStorePersistence,
        DurabilityTier,
        ImageMediaType,
        MediaType,
        StoredAttachment,
        StoredBlobRef,
        content_id,
    )
    from lashkit.workspace import Workspace

# `open` is public too; in `__all__` it would shadow the builtin for whoever imports everything.
__all__ = [
    "AmbiguousAttachmentId",
    "Attachment",
    "AttachmentBackendError",
    "AttachmentBeingDeleted",
    "AttachmentCorrupt",
    "AttachmentCreateMeta",
    "AttachmentId",
    "AttachmentIntent",
    "AttachmentIoError",
    "AttachmentList",
    "AttachmentManifest",
    "AttachmentManifestEntry",
    "AttachmentMeta",
    "AttachmentMetadataDecodeError",
    "AttachmentMissingMeta",
    "AttachmentNotFound",
    "AttachmentRef",
    "AttachmentStore",
    "AttachmentStoreError",
    "AttachmentStorePersistence",
    "BridgeError",
    "Clock",
    "DecodeError",
    "DurabilityTier",
    "ExportReport",
    "FileAttachmentStore",
    "ForkedStoreError",
    "HeadRevisionConflict",
    "History",
    "ImageMediaType",
    "ImportReport",
    "InMemoryAttachmentStore",
    "InMemoryCatalog",
    "InMemorySessionStore",
    "IngestError",
    "Ingested",
    "InvalidAttachmentId",
    "InvalidMediaType",
    "InvalidTarget",
    "LashkitError",
    "LashkitWarning",
    "LeaseOwnerIdentity",
    "ManifestRecordFailed",
    "MediaType",
    "NoopAttachmentManifest",
    "PersistenceManifestAdapter",
    "PreflightError",
    "ReclaimReport",
    "RootsUnknown",
    "RuntimePersistence",
    "RuntimeTurnCommitConflict",
    "SchemaVersionError",
    "Session",
    "SessionBindingMismatch",
    "SessionBusy",
    "SessionCatalog",
    "SessionExecutionLeaseExpired",
    "SessionNameTaken",
    "SessionScopedAttachmentStore",
    "SessionTree",
    "SqliteCatalog",
    "StagedBlob",
    "StoreBackendError",
    "StoreError",
    "StoredAttachment",
    "StoredBlobRef",
    "SupportsMeta",
    "SupportsStreaming",
    "SyncAttachment",
    "SyncAttachmentManifest",
    "SyncAttachmentStore",
    "SyncRuntimePersistence",
    "SyncSession",
    "SyncWorkspace",
    "SystemClock",
    "Turn",
    "UnsupportedReadScope",
    "VerifyReport",
    "Workspace",
    "WouldDeadlock",
    "WouldSuspend",
    "__version__",
    "content_id",
    "enable_nested",
    "ingest",
    "ingest_url",
]

_HOMES = {
    "attachment": "Attachment AttachmentList",
    "clock": "Clock SystemClock",
    "ingestion": "Ingested ingest ingest_url",
    "lease": "LeaseOwnerIdentity",
    "manifest": "AttachmentIntent AttachmentManifest AttachmentManifestEntry NoopAttachmentManifest",
    "reports": "ExportReport ImportReport ReclaimReport VerifyReport",
    "runtime": "RuntimePersistence SessionCatalog",
    "runtime.adapter": "PersistenceManifestAdapter",
    "runtime.memory": "InMemoryCatalog InMemorySessionStore",
    "runtime.sqlite": "SqliteCatalog",
    "scoped": "SessionScopedAttachmentStore",
    "session": "Session",
    "stores": "AttachmentStore StagedBlob SupportsMeta SupportsStreaming",
    "stores.file": "FileAttachmentStore",
    "stores.memory": "InMemoryAttachmentStore",
    "sync": (
        "SyncAttachment SyncAttachmentManifest SyncAttachmentStore SyncRuntimePersistence SyncSession SyncWorkspace "
        "enable_nested open"
    ),
    "turns": "History SessionTree Turn",
    "values": (
        "AttachmentCreateMeta AttachmentId AttachmentMeta AttachmentRef AttachmentStorePersistence DurabilityTier "
        "ImageMediaType MediaType StoredAttachment StoredBlobRef content_id"
    ),
    "workspace": "Workspace",
}
_HOME_OF = {name: f"lashkit.{module}" for module, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:  # a checker that saw this would believe in any name

    def __getattr__(name: str) -> Any:
        if name.startswith("__") or (name not in _HOME_OF and name not in __all__):
            raise AttributeError(f"module 'lashkit' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOME_OF.get(name, "lashkit.errors")), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, "open", *globals()})
