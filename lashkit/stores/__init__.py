"""Where bytes live."""

from lashkit.stores.protocols import (
    AttachmentStore,
    Chunks,
    StagedBlob,
    SupportsMeta,
    SupportsStreaming,
    SyncMode,
)

__all__ = ["AttachmentStore", "Chunks", "StagedBlob", "SupportsMeta", "SupportsStreaming", "SyncMode"]
