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
        RuntimeTurnCommitConflict,
        SchemaVersionError,
        SessionBindingMismatch,
        SessionBusy,
        SessionExecutionLeaseExpired,
        StoreBackendError,
        StoreError,
        UnsupportedReadScope,
        WouldDeadlock,
        WouldSuspend,
    )
    from lashkit.ingestion import Ingested, ingest, ingest_url
    from lashkit.reports import ExportReport, ImportReport, VerifyReport
    from lashkit.stores import AttachmentStore, StagedBlob, SupportsMeta, SupportsStreaming
    from lashkit.stores.file import FileAttachmentStore
    from lashkit.stores.memory import InMemoryAttachmentStore
    from lashkit.sync import SyncAttachment, SyncAttachmentStore, SyncWorkspace, enable_nested
    from lashkit.sync import open as open  # noqa: A004  (a contract name)
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
    "AttachmentIoError",
    "AttachmentList",
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
    "ImageMediaType",
    "ImportReport",
    "InMemoryAttachmentStore",
    "IngestError",
    "Ingested",
    "InvalidAttachmentId",
    "InvalidMediaType",
    "InvalidTarget",
    "LashkitError",
    "LashkitWarning",
    "ManifestRecordFailed",
    "MediaType",
    "PreflightError",
    "RuntimeTurnCommitConflict",
    "SchemaVersionError",
    "SessionBindingMismatch",
    "SessionBusy",
    "SessionExecutionLeaseExpired",
    "StagedBlob",
    "StoreBackendError",
    "StoreError",
    "StoredAttachment",
    "StoredBlobRef",
    "SupportsMeta",
    "SupportsStreaming",
    "SyncAttachment",
    "SyncAttachmentStore",
    "SyncWorkspace",
    "SystemClock",
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
    "reports": "ExportReport ImportReport VerifyReport",
    "stores": "AttachmentStore StagedBlob SupportsMeta SupportsStreaming",
    "stores.file": "FileAttachmentStore",
    "stores.memory": "InMemoryAttachmentStore",
    "sync": "SyncAttachment SyncAttachmentStore SyncWorkspace enable_nested open",
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
