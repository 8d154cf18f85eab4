"""What operations over many attachments report: plain values that show themselves."""

from __future__ import annotations

from dataclasses import dataclass

from lashkit.values import AttachmentId

__all__ = ["ExportReport", "ImportReport", "VerifyReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What re-hashing everything found.

    Args:
        checked_count: attachments that were read whole.
        byte_len: bytes that were read.
        corrupt_ids: attachments whose bytes are not those of their id.
        unreadable_ids: attachments whose bytes could not be read at all.
        metadata_ids: attachments whose metadata is missing or cannot be read; their bytes may be fine.
    """

    checked_count: int
    byte_len: int
    corrupt_ids: tuple[AttachmentId, ...] = ()
    unreadable_ids: tuple[AttachmentId, ...] = ()
    metadata_ids: tuple[AttachmentId, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.corrupt_ids or self.unreadable_ids or self.metadata_ids)

    def __str__(self) -> str:
        head = f"{self.checked_count:,} attachments, {self.byte_len:,} bytes: "
        if self.ok:
            return head + "all intact"
        wrong = {
            "corrupt": self.corrupt_ids,
            "unreadable": self.unreadable_ids,
            "without readable metadata": self.metadata_ids,
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
