"""What operations over many attachments report: plain values that show themselves."""

from __future__ import annotations

from dataclasses import dataclass

from lashkit.values import AttachmentId

__all__ = ["ExportReport", "ImportReport", "ReclaimReport", "VerifyReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What re-hashing everything found.

    Args:
        checked_count: attachments that were read whole.
        byte_len: bytes that were read.
        corrupt_ids: attachments whose bytes are not those of their id.
        unreadable_ids: attachments whose bytes could not be read at all.
        metadata_ids: attachments whose metadata is missing or cannot be read; their bytes may be fine.
        missing_ids: attachments that somebody holds and whose bytes are not there.
    """

    checked_count: int
    byte_len: int
    corrupt_ids: tuple[AttachmentId, ...] = ()
    unreadable_ids: tuple[AttachmentId, ...] = ()
    metadata_ids: tuple[AttachmentId, ...] = ()
    missing_ids: tuple[AttachmentId, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.corrupt_ids or self.unreadable_ids or self.metadata_ids or self.missing_ids)

    def __str__(self) -> str:
        head = f"{self.checked_count:,} attachments, {self.byte_len:,} bytes: "
        if self.ok:
            return head + "all intact"
        wrong = {
            "corrupt": self.corrupt_ids,
            "unreadable": self.unreadable_ids,
            "without readable metadata": self.metadata_ids,
            "held but not there": self.missing_ids,
        }
        return head + "; ".join(
            f"{len(ids)} {what} ({', '.join(i.short for i in ids[:4])}{', …' if len(ids) > 4 else ''})"
            for what, ids in wrong.items()
            if ids
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written: how many attachments, how many bytes, and where."""

    path: str
    attachment_count: int
    byte_len: int

    def __str__(self) -> str:
        return f"{self.attachment_count:,} attachments, {self.byte_len:,} bytes written to {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was read in: how many attachments are new here, how many were stored already, and the new bytes."""

    path: str
    new_count: int
    already_stored_count: int
    byte_len: int

    def __str__(self) -> str:
        return (
            f"{self.new_count:,} new attachments, {self.byte_len:,} bytes, read from {self.path}; "
            f"{self.already_stored_count:,} were stored already"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimReport:
    """What a sweep kept, deleted, deferred and failed to delete. Lengths are in bytes.

    Args:
        dry_run: nothing was changed: `deleted_ids` and `expired_ids` are what would go.
        kept_count: attachments that somebody holds.
        kept_byte_len: their bytes.
        deleted_ids: attachments that nobody held.
        deleted_byte_len: their bytes.
        deferred_ids: attachments that nobody holds, left to a later sweep: they are younger than the grace period, or
            another sweep has them.
        deferred_byte_len: their bytes.
        failed_ids: attachments that nobody holds and that could not be deleted.
        failed_byte_len: their bytes.
        failed_reasons: why, one for each of `failed_ids`.
        expired_ids: attachments with intents that nobody can commit any more and that were removed, while no bytes
            were: none had come, or others hold them.
    """

    dry_run: bool
    kept_count: int
    kept_byte_len: int
    deleted_ids: tuple[AttachmentId, ...] = ()
    deleted_byte_len: int = 0
    deferred_ids: tuple[AttachmentId, ...] = ()
    deferred_byte_len: int = 0
    failed_ids: tuple[AttachmentId, ...] = ()
    failed_byte_len: int = 0
    failed_reasons: tuple[str, ...] = ()
    expired_ids: tuple[AttachmentId, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no delete failed."""
        return not self.failed_ids

    def __str__(self) -> str:
        deleted = "would be deleted" if self.dry_run else "deleted"
        expired = "would expire" if self.dry_run else "expired"
        groups = [
            (len(self.deleted_ids), self.deleted_byte_len, deleted, self.deleted_ids),
            (self.kept_count, self.kept_byte_len, "kept", ()),
            (len(self.deferred_ids), self.deferred_byte_len, "deferred to a later sweep", self.deferred_ids),
            (len(self.failed_ids), self.failed_byte_len, "failed", self.failed_ids),
        ]
        lines = [
            f"{count:,} {what}, {byte_len:,} bytes{_some(ids)}"
            for count, byte_len, what, ids in groups
            if count or what in ("kept", deleted)
        ]
        if self.failed_reasons:
            lines[-1] += f": {self.failed_reasons[0]}"
        if self.expired_ids:
            lines.append(f"{len(self.expired_ids):,} intents without a writer {expired}{_some(self.expired_ids)}")
        return "; ".join(lines)


def _some(ids: tuple[AttachmentId, ...]) -> str:
    """The first few ids in brackets, for people."""
    if not ids:
        return ""
    return f" ({', '.join(i.short for i in ids[:4])}{', …' if len(ids) > 4 else ''})"
