"""A report names every law, tells held from broken from not applicable, and shows itself without being fooled."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest

from lashkit.errors import LashkitError
from lashkit.stores.memory import InMemoryAttachmentStore
from lashkit.testing import (
    ATTACHMENT_STORE_LAWS,
    Law,
    LawOutcome,
    LawReport,
    LawsBroken,
    StoreCase,
    attachment_store_report,
    check_attachment_store,
)
from lashkit.testing.laws import BrokenLaw, NotApplicable, hold, must_raise, shown
from lashkit.values import AttachmentId, StoredAttachment

HOSTILE = "<script>alert('1')</script> & \"quoted\" \u202egnp.exe \x00 \udcff"


class Hangs(InMemoryAttachmentStore):
    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        await asyncio.Event().wait()
        raise AssertionError


class Fails(InMemoryAttachmentStore):
    async def get(self, attachment_id: AttachmentId) -> StoredAttachment:
        raise ZeroDivisionError(HOSTILE)


def law_named(name: str) -> Law[StoreCase]:
    return next(law for law in ATTACHMENT_STORE_LAWS if law.name == name)


def a_report() -> LawReport:
    return LawReport(
        "MyStore",
        (
            LawOutcome("what_is_put_is_kept", "A promise.", "held"),
            LawOutcome("what_is_gone_is_gone", "Another <promise>.", "broken", HOSTILE),
            LawOutcome("what_cannot_be_tried", "A third.", "not applicable", "no harness"),
        ),
    )


def test_every_law_has_a_name_of_its_own_and_a_promise_in_words() -> None:
    assert len({law.name for law in ATTACHMENT_STORE_LAWS}) == len(ATTACHMENT_STORE_LAWS)
    for law in ATTACHMENT_STORE_LAWS:
        assert str(law) == law.name
        assert law.name.islower()
        assert len(law.promise) > 60


def test_a_report_sorts_laws_by_how_they_ended_and_finds_each_by_name() -> None:
    report = a_report()
    assert not report.ok
    assert report.held == ("what_is_put_is_kept",)
    assert report.broken == ("what_is_gone_is_gone",)
    assert report.not_applicable == ("what_cannot_be_tried",)
    assert len(report) == 3
    assert report["what_cannot_be_tried"].reason == "no harness"
    with pytest.raises(KeyError):
        report["unheard_of"]


def test_laws_that_cannot_be_tried_are_not_broken_and_are_visible() -> None:
    report = LawReport("MyStore", (a_report()["what_cannot_be_tried"],))
    assert report.ok
    assert "not applicable what_cannot_be_tried: no harness" in str(report)
    assert repr(report) == "<LawReport on MyStore: 0 held, 0 broken, 1 not applicable>"


def test_a_reports_table_escapes_what_a_backend_says() -> None:
    bundle = a_report()._repr_mimebundle_()
    page = bundle["text/html"]
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; &quot;quoted&quot;" in page
    assert "Another &lt;promise&gt;." in page
    assert "<style" not in page
    for text in (page, bundle["text/plain"]):
        assert "\\u202egnp.exe \\x00 \\udcff" in text
        assert text.isprintable() or text.replace("\n", "").isprintable()
    assert page.count("<tr>") == 4


def test_broken_laws_are_one_error_that_names_each_with_its_reason() -> None:
    error = LawsBroken(a_report())
    assert isinstance(error, LashkitError)
    assert isinstance(error, AssertionError)
    assert str(error).startswith("MyStore breaks 1 of 3 laws\n  what_is_gone_is_gone: <script>")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert twin.report == error.report
        assert str(twin) == str(error)


async def test_the_check_raises_and_the_report_does_not() -> None:
    report = await attachment_store_report(Fails)
    assert "bytes_round_trip" in report.broken
    assert "every_kind_of_buffer_is_taken" in report.broken
    assert "the_id_is_the_sha256_of_the_bytes" in report.broken
    assert "discards_are_idempotent" in report.broken
    with pytest.raises(LawsBroken) as caught:
        await check_attachment_store(Fails)
    assert caught.value.report.broken == report.broken
    assert all(name in str(caught.value) for name in report.broken)


async def test_an_error_inside_a_laws_tasks_is_told_as_itself() -> None:
    report = await attachment_store_report(Fails, laws=[law_named("readers_never_see_part_of_a_put")])
    assert report.outcomes[0].reason.startswith("it raised ZeroDivisionError: ")


async def test_a_law_that_hangs_is_broken_and_the_next_one_runs() -> None:
    laws = [law_named("bytes_round_trip"), law_named("head_agrees_with_list")]
    report = await attachment_store_report(Hangs, laws=laws, hang_limit_s=0.5)
    assert report.broken == ("bytes_round_trip",)
    assert report.held == ("head_agrees_with_list",)
    assert report["bytes_round_trip"].reason == "no end after 0.5 s"


async def test_cancelling_a_check_cancels_it() -> None:
    task = asyncio.ensure_future(attachment_store_report(Hangs))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_what_makes_no_stores_is_refused() -> None:
    nonsense: Any = 5
    with pytest.raises(TypeError, match="5 makes no stores; pass a callable"):
        await attachment_store_report(nonsense)


async def test_a_law_may_be_ones_own() -> None:
    async def stores_are_truthy(case: StoreCase) -> None:
        """A store is not false."""
        hold(await case.make(), "it is false")

    async def nothing_can_be_tried(case: StoreCase) -> None:
        """Never mind."""
        raise NotApplicable("no reason")

    report = await check_attachment_store(
        InMemoryAttachmentStore, laws=[Law.of(stores_are_truthy), Law.of(nothing_can_be_tried)]
    )
    assert [str(outcome) for outcome in report] == [
        "held           stores_are_truthy",
        "not applicable nothing_can_be_tried: no reason",
    ]
    assert report["stores_are_truthy"].promise == "A store is not false."


async def test_an_expected_error_is_returned_and_anything_else_breaks_the_law() -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def succeed() -> str:
        return "x" * 500

    error = KeyError("k")
    assert await must_raise(KeyError, fail(error), "a look") is error
    with pytest.raises(BrokenLaw, match="a look raised ValueError: v instead of KeyError"):
        await must_raise(KeyError, fail(ValueError("v")), "a look")
    with pytest.raises(BrokenLaw, match=r"a look returned 'x+… instead of raising KeyError") as caught:
        await must_raise(KeyError, succeed(), "a look")
    assert len(str(caught.value)) < 220
    assert len(shown("y" * 500)) == 160


def test_the_laws_need_no_test_runner_and_open_no_store_on_import() -> None:
    code = (
        "import sys, lashkit.testing; "
        "wanted = {'pytest', '_pytest', 'unittest', 'hypothesis', 'asyncio', 'lashkit.stores.file'}; "
        "print(sorted(wanted & set(sys.modules)))"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert asked.stdout == "[]\n"
