"""One process at work on a store and a catalog: it does what it reads, line by line, and says what came of it.

    python actor.py ROOT [STEP ...]

At each STEP named (intent, bytes, condemned, armed, deleted, waiting) it says `at STEP`, once, and goes on after an
empty line. With `impatient` among them it waits for no sweep.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from lashkit.errors import LashkitError
from lashkit.lease import LeaseOwnerIdentity, SessionExecutionLeaseFence
from lashkit.manifest import AttachmentIntent, AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.reclaim import reclaim_unreferenced_attachments
from lashkit.runner import ThreadRunner, drive
from lashkit.runtime.sqlite import SqliteCatalog
from lashkit.scoped import SessionScopedAttachmentStore
from lashkit.stores.file import FileAttachmentStore
from lashkit.values import AttachmentCreateMeta, AttachmentId, AttachmentRef, BytesLike, MediaType

META = AttachmentCreateMeta(MediaType("text/plain"))
ME = ProcessIdentity.current()
STEPS = set(sys.argv[2:])


def say(*words: object) -> None:
    print(*words, flush=True)


def step(name: str) -> None:
    if name in STEPS:
        STEPS.discard(name)
        say("at", name)
        sys.stdin.readline()


class Catalog(SqliteCatalog):
    async def begin_write(self, intent: AttachmentIntent) -> None:
        await super().begin_write(intent)
        step("intent")

    async def condemn(self, attachment_id: AttachmentId, *, grace_ms: int) -> bool:
        condemned = await super().condemn(attachment_id, grace_ms=grace_ms)
        step("condemned")
        return condemned


class Store(FileAttachmentStore):
    async def put(self, data: BytesLike, meta: AttachmentCreateMeta) -> AttachmentRef:
        ref = await super().put(data, meta)
        step("bytes")
        return ref

    async def delete(self, attachment_id: AttachmentId) -> None:
        step("armed")
        await super().delete(attachment_id)
        step("deleted")


class Waiting(ThreadRunner):
    """Says when it waits."""

    async def sleep(self, seconds: float) -> None:
        step("waiting")
        await super().sleep(0 if "impatient" in STEPS else seconds)


class Actor:
    def __init__(self, root: str) -> None:
        self.catalog, self.store = Catalog(f"{root}/lashkit.db"), Store(root)
        self.fences: dict[str, SessionExecutionLeaseFence] = {}

    def session(self, session_id: str) -> SessionScopedAttachmentStore:
        return SessionScopedAttachmentStore(
            self.store,
            self.catalog,
            session_id,
            owner=AttachmentOwner(kind="process", owner_id=str(ME.pid), process=ME),
            fence=self.fences.get(session_id),
            runner=Waiting(),
        )

    def orphan(self, text: str) -> object:
        """Bytes without a row."""
        return drive(FileAttachmentStore.put(self.store, text.encode(), META)).id

    def put(self, session_id: str, text: str) -> object:
        return drive(self.session(session_id).put(text.encode(), META)).id

    def commit(self, session_id: str, attachment_id: str) -> object:
        return drive(self.catalog.commit_refs(session_id, [AttachmentId(attachment_id)]))

    def keep(self, session_id: str, *texts: str) -> object:
        """Put and commit one after the other."""
        return [self.commit(session_id, drive(self.session(session_id).put(t.encode(), META)).id) for t in texts]

    def get(self, session_id: str, attachment_id: str) -> object:
        return drive(self.session(session_id).get(AttachmentId(attachment_id))).bytes.decode()

    def sweep(self, grace_ms: str) -> object:
        report = drive(
            reclaim_unreferenced_attachments(self.catalog, self.store, grace_ms=int(grace_ms), progress=False)
        )
        return {
            "kept": report.kept_count,
            "deleted": report.deleted_ids,
            "deferred": report.deferred_ids,
            "failed": report.failed_reasons,
            "expired": report.expired_ids,
        }

    def marks(self) -> object:
        """How many digests are not free."""
        return len(drive(self.catalog.marked()))

    def take(self, session_id: str) -> object:
        """Claim the session's lease, from whoever has it."""
        me = LeaseOwnerIdentity(owner_id=str(ME.pid), incarnation_id=str(ME.start_time), process=ME, label="actor")
        persistence = self.catalog.session(session_id)
        outcome = drive(persistence.try_claim_session_execution_lease(session_id, me))
        if outcome.holder is not None:
            outcome = drive(persistence.reclaim_session_execution_lease(session_id, me, outcome.holder.fence()))
        assert outcome.acquired is not None
        self.fences[session_id] = outcome.acquired.fence()
        return outcome.acquired.fencing_token


def main() -> None:
    actor: Any = Actor(sys.argv[1])
    say("ready")
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            say(json.dumps(getattr(actor, command)(*arguments)))
        except LashkitError as exc:
            print(f"{line.strip()}: {exc!r}", file=sys.stderr)
            say(json.dumps(type(exc).__name__))


main()
