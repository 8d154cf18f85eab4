"""The main job in one go: files go in and are seen, go in again without a copy, and come back byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lashkit.values import AttachmentRef

if TYPE_CHECKING:
    from lashkit.ingestion import Ingested
    from lashkit.sync import SyncWorkspace

__all__ = ["DemoReport", "Holding", "run", "same_bytes"]


@dataclass(frozen=True, slots=True)
class Holding:
    """How much a workspace holds: how many blobs, and how many bytes in them."""

    blob_count: int
    byte_len: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What the demo did.

    Args:
        target: where it stored.
        refs: what it stored, in the order of the files.
        cards: one card each, as HTML that needs nothing else.
        before: what the workspace held at the start.
        after_first: what it held after everything was put.
        after_second: what it held after everything was put again.
        read_back: the attachment that was read back and compared with its source.
        read_back_is_same: whether every byte of it was the same.
    """

    target: str
    refs: tuple[AttachmentRef, ...]
    cards: tuple[str, ...]
    before: Holding
    after_first: Holding
    after_second: Holding
    read_back: AttachmentRef
    read_back_is_same: bool

    @property
    def ok(self) -> bool:
        """Whether nothing was stored twice and the bytes came back."""
        return self.after_second == self.after_first and self.read_back_is_same

    @property
    def lines(self) -> list[str]:
        """What was found, one line each."""
        new = self.after_first.blob_count - self.before.blob_count
        first, second = self.after_first, self.after_second
        more = second.blob_count - first.blob_count
        twice = "nothing is stored twice" if more == 0 else f"{more:,} MORE WERE STORED"
        name = self.read_back.label or self.read_back.id.short
        same = "the same as its source, byte for byte" if self.read_back_is_same else "NOT the same as its source"
        return [
            f"Put once:  {len(self.refs):,} files, {new:,} of them new; {_words(first)} in {self.target}",
            f"Put again: {_words(second)}, {second.byte_len - first.byte_len:,} bytes more: {twice}",
            f"Read back: {self.read_back.byte_len:,} bytes of {name}, {same}",
        ]


def run(workspace: SyncWorkspace, files: Sequence[str] = ()) -> DemoReport:
    """Do it all with `files`, or with samples where there are none.

    Raises:
        IngestError: a file cannot become an attachment; nothing was stored.
        AttachmentIoError: the medium refused.
    """
    before = _held(workspace)
    stored = workspace.put_many(_looked_at(files), progress=False)
    after_first = _held(workspace)
    # As another run would: every sample is made, and every file is read, once more.
    again = _looked_at(files)
    workspace.put_many(again, progress=False)
    after_second = _held(workspace)
    return DemoReport(
        target=workspace.target,
        refs=tuple(attachment.ref for attachment in stored),
        cards=tuple(attachment._repr_mimebundle_()["text/html"] for attachment in stored),
        before=before,
        after_first=after_first,
        after_second=after_second,
        read_back=stored[0].ref,
        read_back_is_same=same_bytes(again[0].chunks(), workspace.open_stream(stored[0])),
    )


def _looked_at(files: Sequence[str]) -> list[Ingested]:
    from lashkit.ingestion import ingest

    if files:
        return [ingest(Path(file)) for file in files]
    from lashkit.demo.samples import samples

    return [ingest(source, label=label) for label, source in samples()]


def _held(workspace: SyncWorkspace) -> Holding:
    sizes = [blob.byte_len for blob in workspace.store.list()]
    return Holding(len(sizes), sum(sizes))


def _words(holding: Holding) -> str:
    return f"{holding.blob_count:,} blobs, {holding.byte_len:,} bytes"


def same_bytes(left: Iterable[bytes], right: Iterable[bytes]) -> bool:
    """Whether two streams of chunks hold the same bytes, however they are cut. Memory stays flat.

    >>> same_bytes([b"ab", b"c"], [b"a", b"bc"]), same_bytes([b"abc"], [b"ab"])
    (True, False)
    """
    rest = iter(left)
    pending = b""
    for chunk in right:
        while len(pending) < len(chunk):
            more = next(rest, None)
            if more is None:
                return False
            pending += more
        if not pending.startswith(chunk):
            return False
        pending = pending[len(chunk) :]
    return not pending and not any(rest)
