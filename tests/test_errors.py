"""Errors: one tree, facts as attributes, pickles, one line of text with a remedy."""

from __future__ import annotations

import errno
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
    errors.InvalidAttachmentId(b"bytes"),
    errors.InvalidTarget(3.5, "it is no text"),
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
    assert str(errors.AttachmentIoError.of(OSError("odd"))) == "odd; try again; `lashkit doctor` looks for the cause"
    assert errors.AttachmentIoError.of(OSError(5, "io", b"/bytes")).filename == "b'/bytes'"
    assert errors.AttachmentIoError.of(OSError()).strerror == "OSError"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("EACCES", "check who may use the directory"),
        ("EPERM", "check who may use the directory"),
        ("EROFS", "the file system is read-only: choose another target, or have it mounted for writing"),
        ("ENOSPC", "free some space, or move the target to a larger file system"),
        ("EDQUOT", "free some space, or move the target to a larger file system"),
        ("EFBIG", "free some space, or move the target to a larger file system"),
        ("ENOENT", "check the path: a folder of it is gone"),
        ("ENOTDIR", "check the path: a file stands where a folder should be"),
        ("ENAMETOOLONG", "choose a target with a shorter path"),
        ("EMFILE", "close files, or raise the limit on open ones"),
        ("ENFILE", "close files, or raise the limit on open ones"),
        ("EIO", "the device failed: `lashkit verify` says what is damaged"),
        ("EBUSY", "try again; `lashkit doctor` looks for the cause"),
    ],
)
def test_an_io_error_says_what_the_system_said_and_what_helps(name: str, remedy: str) -> None:
    number = getattr(errno, name)
    error = errors.AttachmentIoError.of(OSError(number, "The fact", "/x/y"))
    assert str(error) == f"[Errno {number}] The fact: '/x/y'; {remedy}"
    assert (error.errno, error.strerror, error.filename, error.args) == (
        number,
        "The fact",
        "/x/y",
        (number, "The fact"),
    )


def test_an_io_error_about_a_hostile_name_is_one_harmless_line() -> None:
    error = errors.AttachmentIoError.of(OSError(2, "no\x1b[31m\n\u202e" * 100, "/x\x1b]0;\n\u202e\udcff" * 100))
    assert str(error).isprintable()
    assert len(str(error)) < 1500
    assert error.filename == "/x\x1b]0;\n\u202e\udcff" * 100


def test_what_is_no_text_is_named_by_its_type_and_neither_kept_nor_shown() -> None:
    secret = b"secret" * 100_000
    examples: list[tuple[errors.LashkitError, str]] = [
        (error, getattr(error, error._fields[0]))
        for error in (
            errors.InvalidAttachmentId(secret),
            errors.InvalidMediaType(secret),
            errors.InvalidTarget(secret, "it is no text"),
            errors.AttachmentNotFound(secret),  # type: ignore[arg-type]
        )
    ]
    for error, value in examples:
        assert value == "bytes"
        assert "bytes" in str(error)
        assert len(pickle.dumps(error)) < 1000
        assert "secret" not in str(error)
    assert str(errors.InvalidMediaType(3)) == "a value of the type int is no media type; one looks like image/png"
    assert errors.InvalidTarget(3.5, "why").target == "float"


def test_the_drawn_tree_is_the_real_tree() -> None:
    drawn = re.findall(r"[|`]-- (\w+)", errors.__doc__ or "")
    real = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LashkitError) and not name.startswith("_")
    }
    assert sorted(drawn) == sorted(real - {"LashkitError"})
    assert real | {"LashkitWarning"} == set(errors.__all__)
