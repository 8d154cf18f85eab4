"""The laws of attachment stores, and the way to run them on a store of your own.

    import lashkit.testing

    await lashkit.testing.check_attachment_store(MyStore)

Each law is a function in one of the modules of this package; its docstring is its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from lashkit.testing.harness import StoreCase, StoreMaker, harness_of
from lashkit.testing.laws import Law, LawReport, LawsBroken, run_laws
from lashkit.testing.store_laws import content, damage, deletion, identity, simultaneity, streams, survival

__all__ = ["ATTACHMENT_STORE_LAWS", "attachment_store_report", "check_attachment_store"]

ATTACHMENT_STORE_LAWS: tuple[Law[StoreCase], ...] = tuple(
    Law.of(body)
    for module in (content, identity, deletion, simultaneity, survival, damage, streams)
    for body in module.LAWS
)
"""Every law that a store keeps, simplest first."""


async def attachment_store_report(
    make: StoreMaker,
    *,
    laws: Sequence[Law[StoreCase]] = ATTACHMENT_STORE_LAWS,
    hang_limit_s: float = 60.0,
) -> LawReport:
    """Try the laws and report on each; a broken law is an entry in the report, not an error.

    Args:
        make: a callable that returns a fresh, empty store (or an awaitable of one), such as the store's class;
            or a harness (`lashkit.testing.harness`), which lets more laws be tried.
        laws: which laws to try.
        hang_limit_s: seconds after which a law that is still running counts as broken.
    """
    harness = harness_of(make)
    return await run_laws(laws, lambda: StoreCase(harness), subject=repr(harness), hang_limit_s=hang_limit_s)


async def check_attachment_store(
    make: StoreMaker,
    *,
    laws: Sequence[Law[StoreCase]] = ATTACHMENT_STORE_LAWS,
    hang_limit_s: float = 60.0,
) -> LawReport:
    """Try the laws and insist on them. Arguments as in `attachment_store_report`.

    Returns:
        The report. Look at its `not_applicable`: those laws were not tried.

    Raises:
        LawsBroken: it names every law that broke, with the reason, and carries the report.
    """
    report = await attachment_store_report(make, laws=laws, hang_limit_s=hang_limit_s)
    if not report.ok:
        raise LawsBroken(report)
    return report
