"""The laws of manifests, and the way to run them on one of your own.

    import lashkit.testing

    await lashkit.testing.check_attachment_manifest(MyManifest)

Each law is a function in one of the modules of this package; its docstring is its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from lashkit.testing.laws import Law, LawReport, LawsBroken, run_laws
from lashkit.testing.manifest_laws import listing, rows
from lashkit.testing.session_harness import ManifestCase, ManifestMaker, named_maker

__all__ = ["MANIFEST_LAWS", "attachment_manifest_report", "check_attachment_manifest"]

MANIFEST_LAWS: tuple[Law[ManifestCase], ...] = tuple(Law.of(body) for module in (rows, listing) for body in module.LAWS)
"""Every law that a manifest keeps, simplest first."""


async def attachment_manifest_report(
    make: ManifestMaker, *, laws: Sequence[Law[ManifestCase]] = MANIFEST_LAWS, hang_limit_s: float = 60.0
) -> LawReport:
    """Try the laws and report on each; a broken law is an entry in the report, not an error.

    Args:
        make: a callable that returns a fresh, empty one (or an awaitable of it), or a harness
            (`lashkit.testing.session_harness`), which lets more laws be tried.
        laws: which laws to try.
        hang_limit_s: seconds after which a law that is still running counts as broken.
    """
    harness = named_maker(make)
    return await run_laws(laws, lambda: ManifestCase(harness), subject=repr(harness), hang_limit_s=hang_limit_s)


async def check_attachment_manifest(
    make: ManifestMaker, *, laws: Sequence[Law[ManifestCase]] = MANIFEST_LAWS, hang_limit_s: float = 60.0
) -> LawReport:
    """Try the laws and insist on them. Arguments as in `attachment_manifest_report`.

    Returns:
        The report. Look at its `not_applicable`: those laws were not tried.

    Raises:
        LawsBroken: it names every law that broke, with the reason, and carries the report.
    """
    report = await attachment_manifest_report(make, laws=laws, hang_limit_s=hang_limit_s)
    if not report.ok:
        raise LawsBroken(report)
    return report
