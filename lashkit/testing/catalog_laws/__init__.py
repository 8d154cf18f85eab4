"""The laws of catalogs, and the way to run them on one of your own.

    import lashkit.testing

    await lashkit.testing.check_session_catalog(MyCatalog)

Each law is a function in one of the modules of this package; its docstring is its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from lashkit.testing.catalog_laws import databases, fence, sessions
from lashkit.testing.laws import Law, LawReport, LawsBroken, run_laws
from lashkit.testing.session_harness import CatalogCase, CatalogMaker, named_maker

__all__ = ["SESSION_CATALOG_LAWS", "check_session_catalog", "session_catalog_report"]

SESSION_CATALOG_LAWS: tuple[Law[CatalogCase], ...] = tuple(
    Law.of(body) for module in (databases, sessions, fence) for body in module.LAWS
)
"""Every law that a catalog keeps, simplest first."""


async def session_catalog_report(
    make: CatalogMaker, *, laws: Sequence[Law[CatalogCase]] = SESSION_CATALOG_LAWS, hang_limit_s: float = 60.0
) -> LawReport:
    """Try the laws and report on each; a broken law is an entry in the report, not an error.

    Args:
        make: a callable that returns a fresh, empty one (or an awaitable of it), or a harness
            (`lashkit.testing.session_harness`), which lets more laws be tried.
        laws: which laws to try.
        hang_limit_s: seconds after which a law that is still running counts as broken.
    """
    harness = named_maker(make)
    return await run_laws(laws, lambda: CatalogCase(harness), subject=repr(harness), hang_limit_s=hang_limit_s)


async def check_session_catalog(
    make: CatalogMaker, *, laws: Sequence[Law[CatalogCase]] = SESSION_CATALOG_LAWS, hang_limit_s: float = 60.0
) -> LawReport:
    """Try the laws and insist on them. Arguments as in `session_catalog_report`.

    Returns:
        The report. Look at its `not_applicable`: those laws were not tried.

    Raises:
        LawsBroken: it names every law that broke, with the reason, and carries the report.
    """
    report = await session_catalog_report(make, laws=laws, hang_limit_s=hang_limit_s)
    if not report.ok:
        raise LawsBroken(report)
    return report
