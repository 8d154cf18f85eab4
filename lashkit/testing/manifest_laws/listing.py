"""Laws about listing and forgetting."""

from __future__ import annotations

from lashkit.testing.laws import hold, shown
from lashkit.testing.session_harness import ManifestCase
from lashkit.testing.session_samples import LONG_AGO_EPOCH_MS, MINE, YOURS, intent, must_hold_rows, ref

__all__ = ["LAWS"]


async def uncommitted_rows_are_listed_by_age(case: ManifestCase) -> None:
    """`list_uncommitted` has the intents recorded before the moment that is given, not those of that very millisecond,
    and no commits; in the order in which the rows were first recorded."""
    manifest = await case.bind(await case.make(), MINE)
    refs = [ref(f"{number}") for number in range(4)]
    for of, at in zip(refs, (3_000, 1_000, 2_000, 1_500), strict=True):
        await manifest.record_intent(intent(of=of, at=at))
    await manifest.commit_refs(MINE, [refs[3].id])
    for older_than, expected in ((1_000, []), (1_001, [1]), (3_000, [1, 2]), (3_001, [0, 1, 2])):
        found = [row.attachment_id for row in await manifest.list_uncommitted(older_than)]
        hold(
            found == [refs[number].id for number in expected],
            f"of intents at 3000, 1000 and 2000 ms, those older than {older_than} are {shown(found, 400)}",
        )


async def all_rows_are_listed_oldest_first(case: ManifestCase) -> None:
    """`list_all_refs` has every row, intent or commit, once, in the order in which they were first recorded."""
    manifest = await case.make()
    mine, yours = await case.bind(manifest, MINE), await case.bind(manifest, YOURS)
    hold(list(await mine.list_all_refs()) == [], "a fresh manifest has rows")
    refs = [ref(seed) for seed in "cabd"]
    for number, of in enumerate(refs):
        await mine.record_intent(intent(MINE, of, at=LONG_AGO_EPOCH_MS - number))
        await yours.record_intent(intent(YOURS, of))
    await mine.commit_refs(MINE, [refs[1].id])
    await mine.record_intent(intent(MINE, refs[0], at=LONG_AGO_EPOCH_MS + 500))
    await must_hold_rows(mine, MINE, [of.id for of in refs], "after four intents, a commit and a second intent")
    await must_hold_rows(yours, YOURS, [of.id for of in refs], "after four intents")


async def a_forgotten_row_is_gone(case: ManifestCase) -> None:
    """`forget` removes the session's row, intent or commit; an intent afterwards is a first one."""
    manifest = await case.bind(await case.make(), MINE)
    for of in (ref("intent"), ref("commit"), ref("kept")):
        await manifest.record_intent(intent(of=of))
    await manifest.commit_refs(MINE, [ref("commit").id])
    for of in (ref("intent"), ref("commit")):
        await manifest.forget(MINE, of.id)
        hold(not await manifest.holds_ref(MINE, of.id), "a session holds what it forgot")
    await must_hold_rows(manifest, MINE, [ref("kept").id], "after two of three rows were forgotten")
    await manifest.record_intent(intent(of=ref("commit")))
    uncommitted = [row.attachment_id for row in await manifest.list_uncommitted(LONG_AGO_EPOCH_MS + 1)]
    hold(ref("commit").id in uncommitted, "an intent after a forget is not a first one: it is committed")


async def forgetting_is_idempotent(case: ManifestCase) -> None:
    """Forgetting what is not there, never was, or is forgotten already, is fine."""
    manifest = await case.bind(await case.make(), MINE)
    await manifest.forget(MINE, ref("never").id)
    await manifest.record_intent(intent())
    await manifest.forget(MINE, ref().id)
    await manifest.forget(MINE, ref().id)
    await must_hold_rows(manifest, MINE, [], "after the only row was forgotten twice")


async def holding_is_having_a_row(case: ManifestCase) -> None:
    """A session holds what it has a row of, committed or not, and nothing else."""
    manifest = await case.bind(await case.make(), MINE)
    await manifest.record_intent(intent(of=ref("intent")))
    await manifest.record_intent(intent(of=ref("commit")))
    await manifest.commit_refs(MINE, [ref("commit").id])
    held = [await manifest.holds_ref(MINE, ref(seed).id) for seed in ("intent", "commit", "other")]
    hold(held == [True, True, False], f"of an intent, a commit and an unknown id, it holds {held}")


LAWS = (
    uncommitted_rows_are_listed_by_age,
    all_rows_are_listed_oldest_first,
    a_forgotten_row_is_gone,
    forgetting_is_idempotent,
    holding_is_having_a_row,
)
