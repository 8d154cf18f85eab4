"""Laws: promises that can be run, and the report of a run. Knows nothing of stores, nor of any test runner.

A law is an async function whose name states the promise and whose docstring explains it. It gets a case
(whatever its family of laws works on), returns where the promise held, and raises where it did not. One law's
failure never hides another's: every law runs, and the report names each that broke.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from lashkit.errors import LashkitError

__all__ = [
    "BrokenLaw",
    "Law",
    "LawOutcome",
    "LawReport",
    "LawStatus",
    "LawsBroken",
    "NotApplicable",
    "hold",
    "must_raise",
    "run_laws",
    "shown",
]

CaseT = TypeVar("CaseT")
ErrorT = TypeVar("ErrorT", bound=Exception)

LawStatus = Literal["held", "broken", "not applicable"]


class BrokenLaw(AssertionError):
    """Raised inside a law: what was promised is not so. The text is the reason that the report shows."""


class NotApplicable(Exception):
    """Raised inside a law: it cannot be tried here. The text says what is missing."""


@dataclass(frozen=True, slots=True)
class Law(Generic[CaseT]):
    """One promise that every backend keeps.

    `name` states it in the present tense, `promise` is the whole text (the function's docstring), and `body`
    tries it on a case.
    """

    name: str
    promise: str
    body: Callable[[CaseT], Awaitable[None]]

    @classmethod
    def of(cls, body: Callable[[CaseT], Awaitable[None]]) -> Law[CaseT]:
        """The law that an async function states by its name and its docstring."""
        return cls(getattr(body, "__name__", repr(body)), inspect.getdoc(body) or "", body)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class LawOutcome:
    """How one law ended. `reason` says why it broke or could not be tried; it is empty where the law held."""

    law: str
    promise: str
    status: LawStatus
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.status:<14} {self.law}" + (f": {_visible(self.reason)}" if self.reason else "")


@dataclass(frozen=True, slots=True, repr=False)
class LawReport:
    """What became of every law of one run, in the order of the laws. Shows itself as a table in a
    notebook."""

    subject: str
    outcomes: tuple[LawOutcome, ...]

    @property
    def ok(self) -> bool:
        """Whether no law broke. Laws that could not be tried do not count against it: look at
        `not_applicable`."""
        return not self.broken

    @property
    def held(self) -> tuple[str, ...]:
        """The names of the laws that held."""
        return self._with("held")

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the laws that broke."""
        return self._with("broken")

    @property
    def not_applicable(self) -> tuple[str, ...]:
        """The names of the laws that could not be tried."""
        return self._with("not applicable")

    def _with(self, status: LawStatus) -> tuple[str, ...]:
        return tuple(outcome.law for outcome in self.outcomes if outcome.status == status)

    def __getitem__(self, law: str) -> LawOutcome:
        for outcome in self.outcomes:
            if outcome.law == law:
                return outcome
        raise KeyError(law)

    def __iter__(self) -> Iterator[LawOutcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __repr__(self) -> str:
        return (
            f"<LawReport on {_visible(self.subject)}: {len(self.held)} held, {len(self.broken)} broken, "
            f"{len(self.not_applicable)} not applicable>"
        )

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  {outcome}" for outcome in self.outcomes)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" title="{_escaped(outcome.promise)}">{_escaped(_spoken(outcome.law))}</th>'
            f"<td>{_MARKS[outcome.status]} {outcome.status}</td><td>{_escaped(outcome.reason)}</td></tr>"
            for outcome in self.outcomes
        )
        return (
            f"<table><caption>{_escaped(repr(self)[1:-1])}</caption>"
            '<thead><tr><th scope="col">law</th><th scope="col">outcome</th><th scope="col">reason</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


_MARKS: dict[LawStatus, str] = {"held": "&#10003;", "broken": "&#10007;", "not applicable": "&ndash;"}


class LawsBroken(LashkitError, AssertionError):
    """At least one law broke. The text names every one of them with its reason; `report` has them all."""

    _fields = ("report",)

    def __init__(self, report: LawReport) -> None:
        self.report = report
        broken = [outcome for outcome in report if outcome.status == "broken"]
        lines = [f"  {outcome.law}: {_visible(outcome.reason)}" for outcome in broken]
        super().__init__("\n".join([f"{_visible(report.subject)} breaks {len(broken)} of {len(report)} laws", *lines]))


async def run_laws(
    laws: Sequence[Law[CaseT]],
    case: Callable[[], AbstractAsyncContextManager[CaseT]],
    *,
    subject: str,
    hang_limit_s: float,
) -> LawReport:
    """Try each law on a case of its own, one after the other, and report on all of them.

    Args:
        laws: what to try, in this order.
        case: makes the fresh case that one law runs on, and cleans up behind it.
        subject: what the laws were tried on, for people.
        hang_limit_s: seconds after which a law that is still running counts as broken.
    """
    return LawReport(subject, tuple([await _outcome(law, case, hang_limit_s) for law in laws]))


async def _outcome(
    law: Law[CaseT], case: Callable[[], AbstractAsyncContextManager[CaseT]], hang_limit_s: float
) -> LawOutcome:
    import asyncio

    limit = asyncio.timeout(hang_limit_s)
    try:
        async with limit, case() as given:
            await law.body(given)
    except NotApplicable as exc:
        return LawOutcome(law.name, law.promise, "not applicable", str(exc))
    except BrokenLaw as exc:
        return LawOutcome(law.name, law.promise, "broken", str(exc))
    except Exception as exc:  # noqa: BLE001  (whatever the backend raises breaks this law, and only this one)
        first = _first(exc)
        reason = (
            f"no end after {hang_limit_s:g} s"
            if limit.expired()
            else str(first)
            if isinstance(first, BrokenLaw)
            else f"it raised {shown(first)}"
        )
        return LawOutcome(law.name, law.promise, "broken", reason)
    return LawOutcome(law.name, law.promise, "held")


def hold(condition: object, otherwise: str) -> None:
    """Go on where `condition` is true.

    Raises:
        BrokenLaw: with the text `otherwise`, where it is not. An `assert` would vanish under `python -O`.
    """
    if not condition:
        raise BrokenLaw(otherwise)


async def must_raise(error: type[ErrorT], attempt: Awaitable[object], what: str) -> ErrorT:
    """Await `attempt` and return the `error` that it raised.

    Raises:
        BrokenLaw: where it raised something else, or nothing. `what` names the attempt.
    """
    try:
        result = await attempt
    except error as exc:
        return exc
    except Exception as exc:
        raise BrokenLaw(f"{what} raised {shown(exc)} instead of {error.__name__}") from exc
    raise BrokenLaw(f"{what} returned {shown(result)} instead of raising {error.__name__}")


def shown(value: object, limit: int = 160) -> str:
    """`value` on one short line, for a reason."""
    text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _first(error: BaseException) -> BaseException:
    """The first error in a group of them (a law's tasks fail together), or `error` itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _visible(text: str) -> str:
    """`text` with control, bidi and other unprintable characters as escapes: a reason may quote hostile
    input."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text
    )


def _escaped(text: str) -> str:
    return html.escape(_visible(text), quote=True)
