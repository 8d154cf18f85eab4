"""The errors that lashkit raises, as one tree.

    LashkitError
    |-- AttachmentStoreError            a store or manifest operation failed
    |   |-- AttachmentNotFound          (LookupError) no such attachment, or not yours
    |   |-- AttachmentIoError           (OSError) the file system said no
    |   |-- AttachmentMissingMeta       bytes without metadata
    |   |-- AttachmentMetadataDecodeError  metadata that cannot be read
    |   |-- AttachmentCorrupt           bytes whose hash is not the id
    |   |-- AttachmentBackendError      a backend broke its contract
    |   |-- AttachmentBeingDeleted      a sweep is deleting these bytes right now
    |   `-- ManifestRecordFailed        the intent could not be recorded; no bytes were written
    |-- InvalidAttachmentId             (ValueError)
    |-- AmbiguousAttachmentId           (ValueError) a prefix that fits several ids
    |-- InvalidMediaType                (ValueError)
    |-- InvalidTarget                   (ValueError) nothing that a workspace can be opened on
    |-- StoreError                      a session, lease or commit failed
    |   |-- SessionBindingMismatch      a commit for another session
    |   |-- UnsupportedReadScope
    |   |-- HeadRevisionConflict        somebody committed first
    |   |-- RuntimeTurnCommitConflict   one turn id, two contents
    |   |-- SessionExecutionLeaseExpired  the right to write was lost
    |   |-- SessionNameTaken            another session has that name
    |   |-- SessionBusy                 another live process writes this session
    |   |-- RootsUnknown                a sweep cannot tell what is still needed; nothing was deleted
    |   |-- SchemaVersionError          a database of another version
    |   `-- StoreBackendError           the database failed
    |-- IngestError                     (ValueError) a source that cannot become an attachment
    |-- DecodeError                     (ValueError) stored bytes that cannot be decoded, or must not be
    |-- PreflightError                  (ValueError) a prompt that a provider would refuse
    `-- BridgeError                     (RuntimeError) sync code met async code
        |-- WouldSuspend                an inline coroutine awaited something real
        |-- WouldDeadlock               a sync call on the loop that has to run it: await it
        `-- ForkedStoreError            an object with sockets or threads, used in a forked child

Every error carries its facts as attributes, pickles with them, and says the fact first, the remedy second.
The first two branches keep the names of lash's `AttachmentStoreError` and `StoreError` (lash-core).
"""

from __future__ import annotations

from errno import errorcode
from typing import Any, ClassVar

__all__ = [
    "AmbiguousAttachmentId",
    "AttachmentBackendError",
    "AttachmentBeingDeleted",
    "AttachmentCorrupt",
    "AttachmentIoError",
    "AttachmentMetadataDecodeError",
    "AttachmentMissingMeta",
    "AttachmentNotFound",
    "AttachmentStoreError",
    "BridgeError",
    "DecodeError",
    "ForkedStoreError",
    "HeadRevisionConflict",
    "IngestError",
    "InvalidAttachmentId",
    "InvalidMediaType",
    "InvalidTarget",
    "LashkitError",
    "LashkitWarning",
    "ManifestRecordFailed",
    "PreflightError",
    "RootsUnknown",
    "RuntimeTurnCommitConflict",
    "SchemaVersionError",
    "SessionBindingMismatch",
    "SessionBusy",
    "SessionExecutionLeaseExpired",
    "SessionNameTaken",
    "StoreBackendError",
    "StoreError",
    "UnsupportedReadScope",
    "WouldDeadlock",
    "WouldSuspend",
]


def _shown(text: str, limit: int = 80) -> str:
    """`text` as a quoted literal on one line, cut to `limit` characters: it may be hostile."""
    literal = repr(text[: limit + 1])
    return literal if len(literal) <= limit else literal[: limit - 1] + "…" + literal[0]


def _named(value: object) -> str:
    """Text as it is; of anything else its type's name, since it may be whole files of bytes, or secret."""
    return value if isinstance(value, str) else type(value).__name__


def _as_subject(value: object) -> str:
    """`value`, as the subject of a sentence."""
    return _shown(value) if isinstance(value, str) else f"a value of the type {type(value).__name__}"


class LashkitError(Exception):
    """Root of everything that lashkit raises on purpose."""

    # The attributes that a subclass's constructor takes, in order: what pickle and copy rebuild it from.
    _fields: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._fields:
            return super().__reduce__()  # type: ignore[return-value]
        # The text may tell of what was not kept as a field.
        state = {"args": self.args, **self.__dict__}
        return type(self), tuple(getattr(self, name) for name in self._fields), state


class AttachmentStoreError(LashkitError):
    """A store or manifest operation failed."""


class _OfAttachment(AttachmentStoreError):
    """An error about one attachment; `attachment_id` names it, `detail` says more where there is more."""

    _fields = ("attachment_id", "detail")
    _fact: ClassVar[str]
    _remedy: ClassVar[str]

    def __init__(self, attachment_id: str, detail: str | None = None) -> None:
        self.attachment_id: str = _named(attachment_id)
        self.detail = detail
        fact = self._fact.format(_shown(self.attachment_id)) + (f" ({detail})" if detail else "")
        super().__init__(f"{fact}; {self._remedy}")


class AttachmentNotFound(_OfAttachment, LookupError):
    """No such attachment here, or this session does not hold it. Both look the same, on purpose."""

    _fact = "no attachment {} here"
    _remedy = "list() shows what is stored"


class AttachmentMissingMeta(_OfAttachment):
    """The bytes are there and their metadata is not. Putting the same bytes again writes it."""

    _fact = "attachment {} has no metadata"
    _remedy = "put the same bytes again to write it"


class AttachmentMetadataDecodeError(_OfAttachment):
    """The metadata is there and cannot be read. Putting the same bytes again rewrites it."""

    _fact = "the metadata of attachment {} cannot be read"
    _remedy = "put the same bytes again to rewrite it"


class AttachmentCorrupt(_OfAttachment):
    """The stored bytes are not the ones that the id names. Putting the right bytes again repairs it."""

    _fact = "the stored bytes of attachment {} do not match their id"
    _remedy = "put the original bytes again to repair it"


class AttachmentBeingDeleted(_OfAttachment):
    """A sweep is deleting these bytes right now and did not finish in time."""

    _fact = "attachment {} is being deleted by a sweep"
    _remedy = "try the put again"


_FREE_SPACE = "free some space, or move the target to a larger file system"
_CHECK_RIGHTS = "check who may use the directory"
_CLOSE_FILES = "close files, or raise the limit on open ones"
_IO_REMEDIES = {
    "EACCES": _CHECK_RIGHTS,
    "EPERM": _CHECK_RIGHTS,
    "EROFS": "the file system is read-only: choose another target, or have it mounted for writing",
    "ENOSPC": _FREE_SPACE,
    "EDQUOT": _FREE_SPACE,
    "EFBIG": _FREE_SPACE,
    "ENOENT": "check the path: a folder of it is gone",
    "ENOTDIR": "check the path: a file stands where a folder should be",
    "EISDIR": "name a file",
    "ENAMETOOLONG": "choose a target with a shorter path",
    "EMFILE": _CLOSE_FILES,
    "ENFILE": _CLOSE_FILES,
    "EIO": "the device failed: `lashkit verify` says what is damaged",
}


class AttachmentIoError(AttachmentStoreError, OSError):
    """The file system refused. `errno`, `strerror` and `filename` are those of the `OSError` beneath."""

    _fields = ("errno", "strerror", "filename")

    def __init__(self, errno: int | None, strerror: str | None, filename: str | None = None) -> None:
        OSError.__init__(self, errno, strerror, filename)

    def __str__(self) -> str:
        number = "" if self.errno is None else f"[Errno {self.errno}] "
        # An error text is shown bare, so what a terminal would act on is spelled out as `repr` does.
        told = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(self.strerror)[:200])
        about = "" if self.filename is None else f": {_shown(str(self.filename), 300)}"
        remedy = _IO_REMEDIES.get(errorcode.get(self.errno or 0, ""), "try again; `lashkit doctor` looks for the cause")
        return f"{number}{told}{about}; {remedy}"

    @classmethod
    def of(cls, error: OSError) -> AttachmentIoError:
        """The same fact as `error`, as an error of this tree."""
        name = error.filename
        text = None if name is None else name if isinstance(name, str) else repr(name)
        return cls(error.errno, error.strerror or str(error) or type(error).__name__, text)


class AttachmentBackendError(AttachmentStoreError):
    """A backend broke its contract or failed in a way that it does not name."""


class ManifestRecordFailed(AttachmentStoreError):
    """The write-ahead intent could not be recorded, so no bytes were written."""


class InvalidAttachmentId(LashkitError, ValueError):
    """Not 64 lower-case hex digits. `value` is the text, or the type's name of what is no text."""

    _fields = ("value",)

    def __init__(self, value: object) -> None:
        self.value: str = _named(value)
        super().__init__(
            f"{_as_subject(value)} is no attachment id; an id is the SHA-256 of the bytes, 64 lower-case hex digits, "
            "of which a workspace takes the first 8 or more"
        )


class AmbiguousAttachmentId(LashkitError, ValueError):
    """An id prefix that fits several attachments; `matches` holds some of them."""

    _fields = ("prefix", "matches")

    def __init__(self, prefix: str, matches: tuple[str, ...]) -> None:
        self.prefix = prefix
        self.matches = matches
        shown = ", ".join(match[:16] for match in matches[:4])
        super().__init__(f"{len(matches)} attachments begin with {_shown(prefix)} ({shown}); give more digits")


class InvalidMediaType(LashkitError, ValueError):
    """Not a media type of the form `type/subtype`. `value` is the text, or the type's name of what is no text."""

    _fields = ("value",)

    def __init__(self, value: object) -> None:
        self.value: str = _named(value)
        super().__init__(f"{_as_subject(value)} is no media type; one looks like image/png")


class InvalidTarget(LashkitError, ValueError):
    """Nothing that a workspace can be opened on. `target` is the text, or the type's name of what is no text."""

    _fields = ("target", "reason")

    def __init__(self, target: object, reason: str) -> None:
        self.target: str = _named(target)
        self.reason = reason
        super().__init__(f"cannot open {_as_subject(target)}: {reason}")


class StoreError(LashkitError):
    """A session, lease or commit operation failed."""


class SessionBindingMismatch(StoreError):
    """A commit or read for another session than the one this persistence is bound to. Use that session's own."""

    _fields = ("bound_session_id", "attempted_session_id")

    def __init__(self, bound_session_id: str, attempted_session_id: str) -> None:
        self.bound_session_id = bound_session_id
        self.attempted_session_id = attempted_session_id
        super().__init__(
            f"this persistence is bound to session {_shown(bound_session_id)}, not to {_shown(attempted_session_id)}; "
            "ask the catalog for session(id)"
        )


class UnsupportedReadScope(StoreError):
    """The session cannot be loaded in the asked scope: it has no such leaf."""

    _fields = ("session_id", "leaf_node_id")

    def __init__(self, session_id: str, leaf_node_id: str) -> None:
        self.session_id = session_id
        self.leaf_node_id = leaf_node_id
        super().__init__(f"session {_shown(session_id)} has no node {_shown(leaf_node_id)}; load the full graph")


class HeadRevisionConflict(StoreError):
    """The head moved since it was read: somebody committed first. Load the session again and retry."""

    _fields = ("session_id", "expected", "actual")

    def __init__(self, session_id: str, expected: int | None, actual: int | None) -> None:
        self.session_id = session_id
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"session {_shown(session_id)} is at revision {actual}, not {expected}: somebody committed first; "
            "load it again"
        )


class RuntimeTurnCommitConflict(StoreError):
    """The turn id is committed already, with another content. Give the new turn another id."""

    _fields = ("session_id", "turn_id")

    def __init__(self, session_id: str, turn_id: str) -> None:
        self.session_id = session_id
        self.turn_id = turn_id
        super().__init__(
            f"turn {_shown(turn_id)} of session {_shown(session_id)} is committed already, with another content; "
            "use another turn id"
        )


class SessionExecutionLeaseExpired(StoreError):
    """The lease was released, stolen or fenced off; nothing was written. Open the session again."""

    _fields = ("session_id", "holder")

    def __init__(self, session_id: str, holder: str | None = None) -> None:
        self.session_id = session_id
        self.holder = holder
        taken = f": {holder} holds it now" if holder else ""
        super().__init__(
            f"the right to write session {_shown(session_id)} is lost{taken}; nothing was written; open it again"
        )


class SessionBusy(StoreError):
    """Another process writes this session and is not proven dead."""

    _fields = ("session_id", "holder")

    def __init__(self, session_id: str, holder: str) -> None:
        self.session_id = session_id
        self.holder = holder
        super().__init__(
            f"session {_shown(session_id)} is being written by {holder}; "
            "pass read_only=True to look, wait=seconds to wait for it, or steal=True if it is gone for good"
        )


class RootsUnknown(StoreError):
    """A sweep cannot tell which attachments are still needed; it deleted nothing.

    `expected_catalog_uuid` is the catalog that the store belongs to, where that is another one; `None` where the
    catalog is the right one as far as is known, and holds no rows at all.
    """

    _fields = ("catalog_uuid", "expected_catalog_uuid")

    def __init__(self, catalog_uuid: str, expected_catalog_uuid: str | None = None) -> None:
        self.catalog_uuid = catalog_uuid
        self.expected_catalog_uuid = expected_catalog_uuid
        if expected_catalog_uuid is None:
            text = (
                "the catalog has no rows at all, and the store has attachments; nothing was deleted; "
                "pass sweep_unrooted=True if none of them is needed"
            )
        else:
            text = (
                f"the store belongs to catalog {_shown(expected_catalog_uuid)}, not to {_shown(catalog_uuid)}, "
                "which cannot tell what is needed; nothing was deleted; open the store with its own catalog"
            )
        super().__init__(text)


class SessionNameTaken(StoreError):
    """Another session has that name; nothing was written."""

    _fields = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is a session {_shown(name)} already; choose another name")


class SchemaVersionError(StoreError):
    """The database was written by another version of lashkit; it was not touched."""

    _fields = ("path", "found", "known")

    def __init__(self, path: str, found: int, known: int) -> None:
        self.path = path
        self.found = found
        self.known = known
        way = "upgrade lashkit" if found > known else "export with the lashkit that wrote it, and import here"
        super().__init__(f"{path} has schema version {found}, this lashkit knows {known}; {way}")


class StoreBackendError(StoreError):
    """The database failed; what was asked for did not happen."""


class IngestError(LashkitError, ValueError):
    """A source that cannot become an attachment; nothing was stored."""


class DecodeError(LashkitError, ValueError):
    """Stored bytes that cannot be decoded into what was asked for, or are too large to be decoded safely."""


class PreflightError(LashkitError, ValueError):
    """A prompt that a provider would refuse; nothing was sent."""


class BridgeError(LashkitError, RuntimeError):
    """A sync call met async code in a way that cannot work."""


class WouldSuspend(BridgeError):
    """A coroutine that was declared `inline` awaited something real; declare it `portal`."""


class WouldDeadlock(BridgeError):
    """A sync call on the very event loop that would have to run it. Await the async twin (`.aio`) instead."""


class ForkedStoreError(BridgeError):
    """An object that holds sockets, threads or a transaction was used across a fork. Open it again in the child."""


class LashkitWarning(UserWarning):
    """Something that lashkit works around and that a person should know."""
