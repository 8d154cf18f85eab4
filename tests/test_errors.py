"""Errors: one tree, facts as attributes, pickles, one line of text with a remedy."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from lashkit import errors

ID = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
EXAMPLES = [
    errors.AttachmentNotFound(ID),
    errors.AttachmentMissingMeta(ID, "why"),
    errors.AttachmentMetadataDecodeError(ID),
    errors.AttachmentCorrupt(ID),
    errors.AttachmentBeingDeleted(ID),
    errors.AttachmentIoError.of(PermissionError(13, "Permission denied", "/x")),
    errors.InvalidAttachmentId("no id"),
    errors.AmbiguousAttachmentId("2cf24dba", (ID, ID[::-1])),
    errors.InvalidMediaType("nope"),
    errors.InvalidTarget("ftp://x", "it is not supported"),
    errors.IngestError("a fact; a remedy"),
    errors.WouldDeadlock("await it"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_pickles_with_its_facts(error: errors.LashkitError) -> None:
    error.add_note("a note")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
    assert [getattr(again, name) for name in error._fields] == [getattr(error, name) for name in error._fields]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_one_line(error: errors.LashkitError) -> None:
    assert "\n" not in str(error)


def test_errors_are_the_builtins_that_callers_expect() -> None:
    assert isinstance(EXAMPLES[0], LookupError)
    assert isinstance(EXAMPLES[5], OSError)
    assert (EXAMPLES[5].errno, EXAMPLES[5].filename) == (13, "/x")
    assert isinstance(EXAMPLES[6], ValueError)
    assert issubclass(errors.BridgeError, RuntimeError)


def test_hostile_text_in_an_error_is_quoted_and_cut() -> None:
    text = str(errors.AttachmentNotFound("\x1b[31m\n\u202e" * 100))
    assert "\x1b" not in text
    assert "\n" not in text
    assert len(text) < 200
    assert "…" in text


def test_an_os_error_without_errno_keeps_its_text() -> None:
    assert "odd" in str(errors.AttachmentIoError.of(OSError("odd")))
    assert errors.AttachmentIoError.of(OSError(5, "io", b"/bytes")).filename == "b'/bytes'"
    assert errors.AttachmentIoError.of(OSError()).strerror == "OSError"


def test_facts_of_other_types_are_shown_too() -> None:
    assert "b'x'" in str(errors.InvalidAttachmentId(b"x"))
    assert errors.InvalidMediaType(3).value == "3"
    assert errors.InvalidTarget(3.5, "why").target == "3.5"


def test_the_drawn_tree_is_the_real_tree() -> None:
    drawn = re.findall(r"[|`]-- (\w+)", errors.__doc__ or "")
    real = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LashkitError) and not name.startswith("_")
    }
    assert sorted(drawn) == sorted(real - {"LashkitError"})
    assert real | {"LashkitWarning"} == set(errors.__all__)
