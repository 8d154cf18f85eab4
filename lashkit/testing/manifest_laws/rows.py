"""Laws about intents and commits: what one session writes of one attachment."""

from __future__ import annotations

from dataclasses import replace

from lashkit.manifest import AttachmentManifestEntry, AttachmentOwner
from lashkit.process import ProcessIdentity
from lashkit.testing.laws import hold, shown
from lashkit.testing.session_harness import ManifestCase
from lashkit.testing.session_samples import LONG_AGO_EPOCH_MS, MINE, YOURS, intent, ref, row_of
from lashkit.values import MediaType

__all__ = ["LAWS"]


async def an_intent_is_a_row_that_is_not_committed(case: ManifestCase) -> None:
    """What an intent says is what the row says: the ref with label, media type and dimensions, the time in epoch ms,
    the owner with its process. The session holds the attachment from then on."""
    manifest = await case.bind(await case.make(), MINE)
    owners = (
        None,
        AttachmentOwner(kind="turn", owner_id="turn 1"),
        AttachmentOwner(kind="process", owner_id="me", process=ProcessIdentity("0" * 16, 123, 456)),
    )
    for number, owner in enumerate(owners):
        of = ref(f"{number}", label=(None, "", "\u732b \U0001f408 \u202e\"'")[number], width=(None, 1, 70_000)[number])
        written = intent(of=of, at=1_700_000_000_000 + number, owner=owner)
        hold(not await manifest.holds_ref(MINE, of.id), "a session holds what it has no row of")
        await manifest.record_intent(written)
        expected = AttachmentManifestEntry(
            session_id=MINE, ref=of, intent_at_epoch_ms=written.intent_at_epoch_ms, owner=owner
        )
        row = await row_of(manifest, MINE, of.id)
        hold(row == expected, f"an intent became the row {shown(row, 400)}, not {shown(expected, 400)}")
        hold(await manifest.holds_ref(MINE, of.id), "a session does not hold what it has an intent of")
        hold(
            expected in await manifest.list_uncommitted(1_800_000_000_000),
            "an intent is not listed among the uncommitted",
        )


async def an_intent_is_visible_to_every_opener(case: ManifestCase) -> None:
    """When `record_intent` returns, whoever opens the same database sees the row: a sweep must know of bytes before
    they are there."""
    manifest = await case.make()
    again = await case.reopen(manifest)
    await (await case.bind(manifest, MINE)).record_intent(intent())
    seen = await row_of(await case.bind(again, MINE), MINE, ref().id)
    hold(seen is not None, "another opener does not see an intent that was recorded")


async def a_repeated_intent_renews_the_row(case: ManifestCase) -> None:
    """While it is uncommitted, a row says what the last intent said, time and owner included, and stays one row."""
    manifest = await case.bind(await case.make(), MINE)
    await manifest.record_intent(intent())
    anew = intent(
        of=replace(ref(label="anew", width=3), media_type=MediaType("image/webp")),
        at=LONG_AGO_EPOCH_MS + 5,
        owner=AttachmentOwner(kind="turn", owner_id="turn 2"),
    )
    await manifest.record_intent(anew)
    expected = AttachmentManifestEntry(
        session_id=MINE, ref=anew.ref, intent_at_epoch_ms=anew.intent_at_epoch_ms, owner=anew.owner
    )
    rows = [row for row in await manifest.list_all_refs() if row.session_id == MINE]
    hold(rows == [expected], f"after a second intent the rows are {shown(rows, 600)}, not one, {shown(expected, 400)}")


async def a_repeated_intent_never_erases_a_commit(case: ManifestCase) -> None:
    """An intent for a committed row changes label, media type and dimensions, and nothing else: times and owner
    stay."""
    manifest = await case.bind(await case.make(), MINE)
    await manifest.record_intent(intent(owner=AttachmentOwner(kind="turn", owner_id="turn 1")))
    await manifest.commit_refs(MINE, [ref().id])
    before = await row_of(manifest, MINE, ref().id)
    assert before is not None  # noqa: S101  (for the type checker)
    hold(before.committed_at_epoch_ms is not None, f"a committed row has no time of its commit: {shown(before, 400)}")
    of = replace(ref(label=None, width=7), media_type=MediaType("image/webp"))
    await manifest.record_intent(intent(of=of, at=LONG_AGO_EPOCH_MS + 9))
    after = await row_of(manifest, MINE, of.id)
    expected = replace(before, ref=of)
    hold(after == expected, f"an intent made the commit {shown(after, 400)}, not {shown(expected, 400)}")


async def only_rows_that_exist_are_committed(case: ManifestCase) -> None:
    """`commit_refs` makes rows commits and no new rows; it returns how many it made, each counted once."""
    manifest = await case.bind(await case.make(), MINE)
    one, two, unknown = ref("one"), ref("two"), ref("unknown")
    await manifest.record_intent(intent(of=one))
    await manifest.record_intent(intent(of=two))
    count = await manifest.commit_refs(MINE, [one.id, unknown.id, one.id])
    hold(count == 1, f"one row of one intent and one unknown id became commits; it says {count}")
    hold(await row_of(manifest, MINE, unknown.id) is None, "a commit made a row of an id that had no intent")
    row, other = await row_of(manifest, MINE, one.id), await row_of(manifest, MINE, two.id)
    hold(row is not None and row.committed_at_epoch_ms is not None, f"a committed row is {shown(row, 400)}")
    hold(other is not None and other.committed_at_epoch_ms is None, "an intent that nobody committed is a commit")
    hold(await manifest.commit_refs(MINE, []) == 0, "committing nothing counts something")


async def committing_again_changes_nothing(case: ManifestCase) -> None:
    """Replaying a commit is a no-op: the row and the time of its commit stay, and it counts as none."""
    manifest = await case.make()
    mine = await case.bind(manifest, MINE)
    await mine.record_intent(intent())
    await mine.commit_refs(MINE, [ref().id])
    before = await row_of(mine, MINE, ref().id)
    await case.advance_ms(manifest, 1_000)
    count = await mine.commit_refs(MINE, [ref().id])
    hold(count == 0, f"committing again counts {count}")
    after = await row_of(mine, MINE, ref().id)
    hold(after == before, f"committing again made {shown(before, 400)} into {shown(after, 400)}")


async def commits_survive_reopening(case: ManifestCase) -> None:
    """A commit is durable before it is acknowledged: whoever opens the database later finds it, and intents too."""
    manifest = await case.make()
    mine = await case.bind(manifest, MINE)
    await mine.record_intent(intent())
    await mine.record_intent(intent(of=ref("b")))
    await mine.commit_refs(MINE, [ref().id])
    before = [await row_of(mine, MINE, attachment_id) for attachment_id in (ref().id, ref("b").id)]
    again = await case.bind(await case.reopen(manifest), MINE)
    after = [await row_of(again, MINE, attachment_id) for attachment_id in (ref().id, ref("b").id)]
    hold(after == before, f"after reopening the rows are {shown(after, 600)}, not {shown(before, 600)}")


async def sessions_never_touch_each_others_rows(case: ManifestCase) -> None:
    """Identity is (session, attachment): what one session records, commits or forgets of an attachment leaves the row
    of another session exactly as it is."""
    manifest = await case.make()
    mine, yours = await case.bind(manifest, MINE), await case.bind(manifest, YOURS)
    await mine.record_intent(intent(MINE, ref(label="mine")))
    before = await row_of(mine, MINE, ref().id)
    hold(not await yours.holds_ref(YOURS, ref().id), "a session holds what only another one recorded")
    count = await yours.commit_refs(YOURS, [ref().id])
    hold(count == 0, "a session committed a row that only another one has")
    await yours.record_intent(intent(YOURS, ref(label="yours"), at=LONG_AGO_EPOCH_MS + 1))
    hold(await row_of(mine, MINE, ref().id) == before, "another session's intent changed my row")
    await yours.commit_refs(YOURS, [ref().id])
    hold(await row_of(mine, MINE, ref().id) == before, "another session's commit changed my row")
    await yours.forget(YOURS, ref().id)
    hold(await row_of(mine, MINE, ref().id) == before, "another session's forget changed my row")
    hold(await mine.holds_ref(MINE, ref().id), "another session's forget took what I hold")
    hold(not await yours.holds_ref(YOURS, ref().id), "a session holds what it forgot")


LAWS = (
    an_intent_is_a_row_that_is_not_committed,
    an_intent_is_visible_to_every_opener,
    a_repeated_intent_renews_the_row,
    a_repeated_intent_never_erases_a_commit,
    only_rows_that_exist_are_committed,
    committing_again_changes_nothing,
    commits_survive_reopening,
    sessions_never_touch_each_others_rows,
)
