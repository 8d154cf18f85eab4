"""Session persistence: graph, commits, leases, and the catalog of all sessions."""

from lashkit.runtime.protocols import RuntimePersistence, SessionCatalog
from lashkit.runtime.records import (
    GcReport,
    GraphCommitDelta,
    PersistedSessionRead,
    RuntimeCommit,
    RuntimeCommitResult,
    RuntimeTurnCommitStamp,
    SessionGraph,
    SessionMeta,
    SessionNode,
    SessionReadScope,
    VacuumReport,
)

__all__ = [
    "GcReport",
    "GraphCommitDelta",
    "PersistedSessionRead",
    "RuntimeCommit",
    "RuntimeCommitResult",
    "RuntimePersistence",
    "RuntimeTurnCommitStamp",
    "SessionCatalog",
    "SessionGraph",
    "SessionMeta",
    "SessionNode",
    "SessionReadScope",
    "VacuumReport",
]
