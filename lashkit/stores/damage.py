"""What a file store knows to be damaged, so that the next put of those bytes writes them anew.

One empty file for each such id tells every process that opens the directory, now and later.
"""

from __future__ import annotations

import contextlib
import os

from lashkit.values import AttachmentId

__all__ = ["KnownDamage"]


class KnownDamage:
    """The set of ids that are not to be trusted. Its operations block, and none raises what the file system says.

    Args:
        folder: where the marks lie; made by the first.

    Where a mark cannot be written, as on a read-only medium, this process alone remembers.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._unwritten: set[str] = set()

    def __contains__(self, attachment_id: AttachmentId) -> bool:
        return attachment_id in self._unwritten or os.path.lexists(self._mark(attachment_id))

    def note(self, attachment_id: AttachmentId) -> None:
        """Remember it."""
        mark = self._mark(attachment_id)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._folder)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except OSError:
            self._unwritten.add(attachment_id)

    def forget(self, attachment_id: AttachmentId) -> None:
        """The bytes are written anew, or gone. A mark that stays makes the next put write them once more, no worse."""
        self._unwritten.discard(attachment_id)
        with contextlib.suppress(OSError):
            os.unlink(self._mark(attachment_id))

    def _mark(self, attachment_id: str) -> str:
        return os.path.join(self._folder, AttachmentId(attachment_id))
