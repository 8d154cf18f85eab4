"""The laws of session persistences, and the way to run them on one of your own.

    import lashkit.testing

    await lashkit.testing.check_runtime_persistence(lambda session_id: MyPersistence(session_id))

Each law is a function in one of the modules of this package; its docstring is its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from lashkit.testing.laws import Law, LawReport, LawsBroken, run_laws
from lashkit.testing.persistence_laws import atomicity, commits, leases, pruning, reading
from lashkit.testing.session_harness import PersistenceCase, PersistenceMaker, named_maker

__all__ = ["RUNTIME_PERSISTENCE_LAWS", "check_runtime_persistence", "runtime_persistence_report"]

RUNTIME_PERSISTENCE_LAWS: tuple[Law[PersistenceCase], ...] = tuple(
    Law.of(body) for module in (commits, reading, pruning, leases, atomicity) for body in module.LAWS
)
"""Every law that the persistence of a session keeps, simplest first."""


async def runtime_persistence_report(
    make: PersistenceMaker,
    *,
    laws: Sequence[Law[PersistenceCase]] = RUNTIME_PERSISTENCE_LAWS,
    hang_limit_s: float = 60.0,
) -> LawReport:
    """Try the laws and report on each; a broken law is an entry in the report, not an error.

    Args:
        make: a callable that returns a fresh, empty one (or an awaitable of it), or a harness
            (`lashkit.testing.session_harness`), which lets more laws be tried.
        laws: which laws to try.
        hang_limit_s: seconds after which a law that is still running counts as broken.
    """
    harness = named_maker(make)
    return await run_laws(laws, lambda: PersistenceCase(harness), subject=repr(harness), hang_limit_s=hang_limit_s)


async def check_runtime_persistence(
    make: PersistenceMaker,
    *,
    laws: Sequence[Law[PersistenceCase]] = RUNTIME_PERSISTENCE_LAWS,
    hang_limit_s: float = 60.0,
) -> LawReport:
    """Try the laws and insist on them. Arguments as in `runtime_persistence_report`.

    Returns:
        The report. Look at its `not_applicable`: those laws were not tried.

    Raises:
        LawsBroken: it names every law that broke, with the reason, and carries the report.
    """
    report = await runtime_persistence_report(make, laws=laws, hang_limit_s=hang_limit_s)
    if not report.ok:
        raise LawsBroken(report)
    return report
