"""Laws about the database as a whole: its name, the store that it belongs to, closing."""

from __future__ import annotations

from lashkit.manifest import AttachmentManifestEntry
from lashkit.testing.laws import hold, shown
from lashkit.testing.session_harness import CatalogCase
from lashkit.testing.session_samples import MINE, append, intent, loaded, must_hold_rows, node, node_ids, ref
from lashkit.values import DurabilityTier

__all__ = ["LAWS"]


async def the_uuid_names_the_database(case: CatalogCase) -> None:
    """Two databases have two UUIDs; one has the same one each time, whoever opens it."""
    one, two = await case.make(), await case.make()
    await one.list_all_refs()
    await two.list_all_refs()
    hold(len(one.catalog_uuid) >= 32, f"{shown(one.catalog_uuid)} is no UUID")
    hold(one.catalog_uuid != two.catalog_uuid, "two databases have one UUID")
    hold(one.catalog_uuid == one.catalog_uuid, "a database has another UUID each time")
    if case.can_reopen:
        again = await case.reopen(one)
        await again.list_all_refs()
        hold(again.catalog_uuid == one.catalog_uuid, "a reopened database has another UUID")


async def a_catalog_is_paired_once(case: CatalogCase) -> None:
    """A new catalog has no store; the first pairing takes the store's UUID and the adopted rows, a second changes
    nothing."""
    catalog = await case.make()
    hold(await catalog.paired_store() is None, "a fresh catalog is paired")
    row = AttachmentManifestEntry(
        session_id="@workspace", ref=ref("old"), intent_at_epoch_ms=1_000, committed_at_epoch_ms=2_000
    )
    hold(await catalog.pair_store("a-store", [row]), "a new catalog could not be paired")
    again = await catalog.pair_store(
        "another", [AttachmentManifestEntry(session_id=MINE, ref=ref(), intent_at_epoch_ms=1)]
    )
    hold(not again, "a catalog was paired twice")
    hold(await catalog.paired_store() == "a-store", f"the catalog is paired with {shown(await catalog.paired_store())}")
    rows = list(await catalog.list_all_refs())
    hold(rows == [row], f"after the adoption of one row there are {shown(rows, 600)}")
    if case.can_reopen:
        found = await (await case.reopen(catalog)).paired_store()
        hold(found == "a-store", f"another opener finds it paired with {shown(found)}")


async def of_simultaneous_pairings_one_wins(case: CatalogCase) -> None:
    """However many openers pair at once, one pairs, and everybody sees its store."""
    import asyncio

    catalog = await case.make()
    won = await asyncio.gather(*(catalog.pair_store(f"store-{number}") for number in range(6)))
    hold(sum(won) == 1, f"of six pairings at once, {sum(won)} won")
    hold(await catalog.paired_store() == f"store-{won.index(True)}", "the winner's store is not the catalog's")


async def a_closed_catalog_opens_again(case: CatalogCase) -> None:
    """Closing twice is fine, and a later call opens the database again, with everything that was acknowledged."""
    catalog = await case.make()
    await catalog.session(MINE).commit_runtime_state(append([node("a")]))
    await catalog.record_intent(intent())
    await catalog.close()
    await catalog.close()
    await must_hold_rows(catalog, MINE, [ref().id], "after close")
    hold(node_ids(await loaded(catalog.session(MINE))) == ["a"], "a session is gone after close")


async def the_catalogs_tier_is_that_of_its_sessions(case: CatalogCase) -> None:
    """Catalog and sessions say the same of durability; who says `DURABLE` keeps rows and sessions over reopening."""
    catalog = await case.make()
    tier = catalog.durability_tier
    hold(isinstance(tier, DurabilityTier), f"durability_tier is {shown(tier)}")
    hold(catalog.session(MINE).durability_tier is tier, "a session's tier is not the catalog's")
    if tier is DurabilityTier.DURABLE:
        await catalog.session(MINE).commit_runtime_state(append([node("a")]))
        await catalog.close()
        again = await case.reopen(catalog)
        hold([meta.session_id for meta in await again.sessions()] == [MINE], "a durable session is gone")


LAWS = (
    the_uuid_names_the_database,
    a_catalog_is_paired_once,
    of_simultaneous_pairings_one_wins,
    a_closed_catalog_opens_again,
    the_catalogs_tier_is_that_of_its_sessions,
)
