"""The command line, as its user meets it: real processes, real pipes, a real terminal; `main` in place for the rest."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lashkit
from lashkit import wire
from lashkit.cli import main
from lashkit.cli.failures import outcome_of
from lashkit.cli.files import write_file
from lashkit.cli.output import fitted
from lashkit.doctor import examine

COMMAND = [sys.executable, "-m", "lashkit"]
HOSTILE = "a\x1b[31m[bold red]x[/]\u202egpj.exe\nrm -rf\r:smile:"
TEXT_ID = "98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4"  # of b"hi\n"


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LASHKIT_TARGET", "LASHKIT_TRACEBACK", "COLUMNS", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)


def run(*args: str | os.PathLike[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """One command line in a process of its own."""
    options.setdefault("input", b"")
    options.setdefault("env", dict(os.environ))  # said, because readline plants COLUMNS in the one that is inherited
    return subprocess.run([*COMMAND, *args], capture_output=True, timeout=120, **options)


class Called:
    """What a command line that ran in this process left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Call = Callable[..., Called]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    def called(*args: str | os.PathLike[str]) -> Called:
        capfd.readouterr()
        code = main([os.fspath(arg) for arg in args])
        captured = capfd.readouterr()
        return Called(code, captured.out, captured.err)

    return called


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    Image.new("RGB", (64, 48), "teal").save(path)
    return path


def put(data: bytes, target: str = "attachments", **more: Any) -> str:
    with lashkit.open(target) as workspace:
        return workspace.put(data, **more).id


def blob(attachment_id: str, target: str = "attachments") -> Path:
    return Path(target, "sha256", attachment_id[:2], attachment_id)


def one_line(text: str | bytes) -> str:
    """The text of an error, which is one line that names the program, and no traceback."""
    shown = text.decode() if isinstance(text, bytes) else text
    assert shown.startswith("lashkit: ")
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert "Traceback" not in shown
    return shown


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# put and get


def test_what_is_put_comes_back_byte_for_byte_through_pipes() -> None:
    data = bytes(range(256)) * 5000
    stored = run("put", "-", "--json", input=data)
    assert (stored.returncode, stored.stderr) == (0, b"")
    (facts,) = json.loads(stored.stdout)
    got = run("get", facts["id"])
    assert (got.returncode, got.stdout, got.stderr) == (0, data, b"")


def test_put_says_what_each_file_is_and_what_was_stored_already(cat: Path) -> None:
    first = run("put", cat)
    assert first.returncode == 0
    header, line = first.stdout.decode().splitlines()
    assert header.split() == ["id", "type", "W", "x", "H", "bytes", "label"]
    assert line.split()[1:] == ["image/png", "64", "x", "48", f"{cat.stat().st_size}", "cat.png", "new"]
    assert run("put", cat).stdout.decode().splitlines()[1].endswith("cat.png  already stored")


def test_one_file_named_twice_is_new_once(call: Call, cat: Path) -> None:
    assert [one["new"] for one in json.loads(call("put", cat, cat, "--json").out)] == [True, False]


def test_put_prints_refs_that_can_be_read_back(call: Call, cat: Path) -> None:
    (facts,) = json.loads(call("put", cat, "--label", "my cat", "--json").out)
    with lashkit.open("attachments") as workspace:
        assert [wire.ref_from_json(facts)] == [one.ref for one in workspace.list(label="my cat")]


def test_nothing_is_stored_where_one_of_the_files_is_missing(call: Call, cat: Path) -> None:
    called = call("put", cat, "missing.png")
    assert (called.code, called.out) == (1, "")
    assert "missing.png" in one_line(called.err)
    assert not Path("attachments").exists()


@pytest.mark.parametrize(
    ("args", "remedy"),
    [
        ([], "name a FILE"),
        (["-", "-"], "name - once"),
        (["cat.png", "cat.png", "--label", "two"], "put them one by one"),
        (["https://example.org/cat.png"], "--url https://example.org/cat.png"),
        (["--url", "https://example.org/cat.png", "--media-type", "image/png"], "what its content says"),
        (["cat.png", "--frobnicate"], "lashkit put --help"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused_with_code_2(
    call: Call, cat: Path, args: list[str], remedy: str
) -> None:
    called = call("put", *args)
    assert called.code == 2
    assert remedy in one_line(called.err)
    assert not Path("attachments").exists()


def test_a_declared_type_must_fit_the_content_unless_it_is_trusted(call: Call, cat: Path) -> None:
    refused = call("put", cat, "--media-type", "image/gif")
    assert refused.code == 1
    assert "image/gif" in one_line(refused.err)
    trusted = call("put", cat, "--media-type", "image/gif", "--trust-media-type", "--json")
    assert json.loads(trusted.out)[0]["media_type"] == "image/gif"


@pytest.fixture
def local_url(cat: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/cat.png"
        server.shutdown()
        thread.join()


def test_a_url_is_fetched_where_it_is_asked_for(call: Call, local_url: str) -> None:
    refused = call("put", "--url", local_url)
    assert refused.code == 1
    assert "--allow-private" in one_line(refused.err)
    stored = call("put", "--url", local_url, "--allow-private", "--json")
    assert stored.err == ""
    assert [(one["label"], one["width"], one["height"]) for one in json.loads(stored.out)] == [("cat.png", 64, 48)]


def test_get_writes_a_file_and_never_over_another_one_unasked(call: Call) -> None:
    attachment_id = put(b"hi\n")
    assert attachment_id == TEXT_ID
    assert call("get", f"sha256:{attachment_id[:12]}", "-o", "out.txt").code == 0
    assert Path("out.txt").read_bytes() == b"hi\n"
    Path("out.txt").write_bytes(b"mine")
    called = call("get", attachment_id, "-o", "out.txt")
    assert called.code == 1
    assert one_line(called.err) == "lashkit: out.txt: exists already; --force replaces it\n"
    assert Path("out.txt").read_bytes() == b"mine"
    assert call("get", attachment_id, "-o", "out.txt", "--force").code == 0
    assert Path("out.txt").read_bytes() == b"hi\n"


def test_get_writes_through_a_link_and_into_a_device(call: Call) -> None:
    attachment_id = put(b"hi\n")
    Path("real").write_bytes(b"")
    Path("link").symlink_to("real")
    assert call("get", attachment_id, "-o", "link", "--force").code == 0
    assert Path("link").is_symlink()
    assert Path("real").read_bytes() == b"hi\n"
    assert call("get", attachment_id, "-o", "/dev/stdout").out == "hi\n"
    assert call("get", attachment_id, "-o", "/dev/null", "--force").code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(("place", "fact"), [("no/such/out", "no such folder"), (".", "name a file")])
def test_get_says_where_it_cannot_write(call: Call, place: str, fact: str) -> None:
    called = call("get", put(b"hi\n"), "-o", place)
    assert called.code == 1
    assert fact in one_line(called.err)


@pytest.mark.parametrize("output", [["-o", "out.txt"], [], ["-o", "/dev/stdout"]])
def test_nothing_of_a_damaged_attachment_is_written(call: Call, tmp_path: Path, output: list[str]) -> None:
    attachment_id = put(b"hello, hello")
    blob(attachment_id).write_bytes(b"HELLO, hello")
    before = files_in(tmp_path)
    called = call("get", attachment_id, *output)
    assert (called.code, called.out) == (1, "")
    assert "do not match their id" in one_line(called.err)
    # The workspace itself marks what it found.
    assert {name for name in files_in(tmp_path) if "/.damaged/" not in name} == before


@pytest.mark.parametrize(
    ("which", "fact"),
    [("0" * 64, "no attachment"), ("00000000", "no attachment"), ("../../etc/passwd", "is no attachment id")],
)
def test_an_id_that_names_nothing_is_one_line(call: Call, which: str, fact: str) -> None:
    put(b"hi\n")
    called = call("get", which)
    assert (called.code, called.out) == (1, "")
    assert fact in one_line(called.err)


def test_bytes_go_to_a_terminal_only_when_that_is_said() -> None:
    attachment_id = put(b"hi\n")
    refused = in_terminal("get", attachment_id)
    assert refused.code == 2
    assert "-o -" in refused.out
    assert in_terminal("get", attachment_id, "-o", "-").out == "hi\r\n"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"ours"
        Path("out").write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        write_file("out", chunks(), replace=False)
    assert files_in(tmp_path) == {"out"}
    assert Path("out").read_bytes() == b"theirs"


# ls, show, rm


def test_ls_lists_the_newest_first_and_filters(call: Call, cat: Path) -> None:
    put(b"hi\n", label="note.txt")
    os.utime(blob(TEXT_ID), (1, 1))
    call("put", cat)

    def labels(*args: str) -> list[str | None]:
        return [one.get("label") for one in json.loads(call("ls", "--json", *args).out)]

    assert labels() == ["cat.png", "note.txt"]
    assert labels("--limit", "1") == ["cat.png"]
    assert labels("--type", "text/*") == ["note.txt"]
    assert labels("--label", "C*") == ["cat.png"]
    assert labels("--max-bytes", "3") == ["note.txt"]
    assert labels("--min-bytes", "4") == ["cat.png"]


def test_ls_of_nothing_says_so(call: Call) -> None:
    assert call("ls").out == f"no attachments in {Path('attachments').resolve()}\n"
    assert "no attachments that match" in call("ls", "--type", "image/*").out
    assert json.loads(call("ls", "--json").out) == []
    assert not Path("attachments").exists()


@pytest.mark.parametrize("command", [["put", "-", "--label", HOSTILE], ["ls"], ["show", TEXT_ID]])
def test_a_hostile_label_is_shown_and_does_nothing(command: list[str]) -> None:
    put(b"hi\n", label=HOSTILE)
    done = run(*command, input=b"hi\n")
    assert done.returncode == 0
    shown = done.stdout.decode()
    assert r"a\x1b[31m[bold red]x[/]\u202egpj.exe\nrm -rf\r:smile:" in shown
    assert not set(shown) & set("\x1b\u202e\r")


def test_a_hostile_label_is_plain_ascii_in_json(call: Call) -> None:
    put(b"hi\n", label=HOSTILE)
    out = call("ls", "--json").out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out)[0]["label"] == HOSTILE


def test_a_hostile_file_name_is_visible_in_an_error() -> None:
    done = run("put", "no\x1b[31m\u202esuch\nfile")
    assert done.returncode == 1
    assert not set(one_line(done.stderr)) & set("\x1b\u202e")


def test_a_table_is_as_wide_as_its_terminal_and_no_wider(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    put(b"hi\n", label="a long label " * 10)
    put(b"ho\n", label="猫" * 60)
    for columns in ("80", "60"):
        monkeypatch.setenv("COLUMNS", columns)
        from rich.cells import cell_len

        lines = call("ls").out.splitlines()
        assert len(lines) == 3
        assert max(map(cell_len, lines)) <= int(columns)
    monkeypatch.delenv("COLUMNS")
    assert "猫" * 60 in call("ls").out


def test_columns_are_narrowed_from_the_last_and_no_further_than_their_floor() -> None:
    assert fitted([12, 30, 20], [12, 10, 12], 62) == [12, 30, 20]
    assert fitted([12, 30, 20], [12, 10, 12], 50) == [12, 26, 12]
    assert fitted([12, 30, 20], [12, 10, 12], 1) == [12, 10, 12]


def test_a_foreign_file_is_a_warning_of_one_line(call: Call) -> None:
    put(b"hi\n")
    Path("attachments/sha256/holi\x1bday.jpg").write_bytes(b"x")
    called = call("verify")
    assert called.code == 0
    assert "\x1b" not in called.err
    assert one_line(called.err).startswith("lashkit: warning: ")


def test_what_is_listed_is_described_by_the_catalog_though_the_metadata_file_is_damaged(call: Call) -> None:
    put(b"hi\n", label="note")
    Path(f"{blob(TEXT_ID)}.json").write_text("{}")
    called = call("ls")
    assert (called.code, called.err) == (0, "")
    assert called.out.splitlines()[1].endswith("note")


def test_show_says_what_an_attachment_is(call: Call, cat: Path) -> None:
    (facts,) = json.loads(call("put", cat, "--json").out)
    out = call("show", facts["id"][:8]).out
    assert [line[9:] for line in out.splitlines()[:5]] == [
        facts["id"],
        "image/png",
        "64 x 48",
        str(facts["byte_len"]),
        "cat.png",
    ]
    shown = json.loads(call("show", facts["id"], "--json").out)
    assert wire.ref_from_json(shown) == wire.ref_from_json(facts)
    assert shown["last_modified_epoch_ms"] == int(blob(facts["id"]).stat().st_mtime_ns // 1_000_000)
    assert "label" not in call("show", put(b"no label")).out


def test_show_writes_a_page_of_a_picture_and_of_a_text(call: Call, cat: Path) -> None:
    (facts,) = json.loads(call("put", cat, "--json").out)
    assert call("show", facts["id"], "--html", "page.html").out == "page.html\n"
    assert '<img src="data:image/' in Path("page.html").read_text()
    assert call("show", put(b"<script>alert(1)</script> text"), "--html", "page.html").code == 1
    assert call("show", put(b"<script>alert(1)</script> text"), "--html", "page.html", "--force").code == 0
    assert "<script>" not in Path("page.html").read_text()


def test_show_opens_the_page_in_the_browser_that_is_there(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
    browser.chmod(0o755)
    attachment_id = put(b"hi\n", label="note")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    opened = run("show", attachment_id, "--open", env={**environment, "BROWSER": f"{browser} %s"})
    assert (opened.returncode, opened.stderr) == (0, b"")
    page = Path(opened.stdout.decode().strip())
    assert "note" in page.read_text()
    assert (tmp_path / "opened").read_text().strip() == page.as_uri()
    bare = {"BROWSER": "/bin/false %s", "PATH": str(tmp_path / "empty"), "DISPLAY": ""}
    failed = run("show", attachment_id, "--open", env={**environment, **bare})
    assert failed.returncode == 1
    assert "no browser" in one_line(failed.stderr)


def test_rm_removes_what_it_found_and_nothing_where_one_is_missing(call: Call) -> None:
    first, second, kept = put(b"first file"), put(b"second file"), put(b"kept file")
    missing = call("rm", first, "0" * 64, "--yes")
    assert missing.code == 1
    assert blob(first).exists()
    assert call("rm", first, second[:8], second, "-y").out == (
        f"removed {first[:12]}, {second[:12]}; bytes that nobody holds go at the next `lashkit reclaim`\n"
    )
    assert [one["id"] for one in json.loads(call("ls", "--json").out)] == [kept]
    assert call("reclaim", "--grace", "0").code == 0
    assert [blob(one).exists() for one in (first, second, kept)] == [False, False, True]


def test_what_was_removed_is_not_there_to_be_removed_again(call: Call) -> None:
    put(b"hi\n")
    assert call("rm", TEXT_ID, "--yes").code == 0
    for name in (TEXT_ID, TEXT_ID[:8]):
        again = call("rm", name, "--yes")
        assert again.code == 1
        assert "no attachment" in one_line(again.err)


def test_rm_removes_what_has_no_readable_metadata(call: Call) -> None:
    attachment_id = put(b"hi\n")
    Path(f"{blob(attachment_id)}.json").unlink()
    assert call("rm", attachment_id, "--yes").code == 0
    assert call("ls", "--json").out == "[]\n"


def test_rm_does_not_guess_where_nobody_can_be_asked() -> None:
    attachment_id = put(b"hi\n")
    refused = run("rm", attachment_id)
    assert refused.returncode == 2
    assert "--yes" in one_line(refused.stderr)
    assert blob(attachment_id).exists()


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"\x04", 1), (b"y\n", 0)])
def test_rm_asks_at_a_terminal(answer: bytes, code: int) -> None:
    attachment_id = put(b"hi\n")
    asked = in_terminal("rm", attachment_id, answer=answer)
    assert "Remove 98ea6e4f216f?" in asked.out
    assert asked.code == code
    with lashkit.open("attachments") as workspace:
        assert [one.id for one in workspace.list()] == [attachment_id] * code


# verify, export, import


def test_verify_names_what_is_damaged_with_code_1(call: Call) -> None:
    good, bad = put(b"good file"), put(b"bad file!")
    assert call("verify").out == "2 attachments, 18 bytes: all intact\n"
    blob(bad).write_bytes(b"BAD file!")
    lost = put(b"lost metadata")
    Path(f"{blob(lost)}.json").unlink()
    called = call("verify")
    assert called.code == 1
    assert bad in called.out
    assert lost in called.out
    assert good not in called.out
    report = json.loads(call("verify", "--json").out)
    assert (report["ok"], report["corrupt_ids"], report["metadata_ids"]) == (False, [bad], [lost])


@pytest.mark.parametrize("command", [["verify"], ["export", "all.zip"], ["rm", TEXT_ID, "-y"], ["get", TEXT_ID]])
def test_a_misspelt_target_is_no_empty_one(call: Call, command: list[str]) -> None:
    called = call(*command, "--target", "atachments")
    assert called.code == 1
    assert "no such directory" in one_line(called.err)
    assert not Path("atachments").exists()
    assert not Path("all.zip").exists()


def test_everything_goes_from_one_target_to_another_through_an_archive(call: Call, cat: Path) -> None:
    call("put", cat)
    put(b"hi\n", label="note")
    exported = json.loads(call("export", "all.zip", "--json").out)
    assert exported["attachment_count"] == 2
    refused = call("export", "all.zip")
    assert refused.code == 1
    assert "--force" in one_line(refused.err)
    assert call("export", "all.zip", "--force").code == 0
    assert call("-t", "other", "import", "all.zip").out.startswith("2 new attachments")
    assert json.loads(call("import", "all.zip", "-t", "other", "--json").out)["already_stored_count"] == 2
    assert sorted(one["id"] for one in json.loads(call("-t", "other", "ls", "--json").out)) == sorted(
        one["id"] for one in json.loads(call("ls", "--json").out)
    )


# the target, and what every command shares


def test_the_target_is_named_after_or_before_the_command_or_in_the_environment(
    call: Call, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASHKIT_TARGET", "of-environment")
    call("put", cat)
    call("-t", "before", "put", cat)
    call("-t", "before-but", "put", cat, "--target", "after")
    monkeypatch.setenv("LASHKIT_TARGET", "")
    call("put", cat)
    assert {path.name for path in Path().iterdir() if path.is_dir()} == {
        "of-environment",
        "before",
        "after",
        "attachments",
    }


def test_a_target_that_does_not_last_is_announced(call: Call, cat: Path) -> None:
    called = call("-t", "memory://", "put", cat)
    assert called.code == 0
    assert "is gone when this command ends" in one_line(called.err)


def test_a_target_that_is_a_file_is_one_line(call: Call, cat: Path) -> None:
    called = call("-t", cat, "ls")
    assert called.code == 1
    assert "it is not a directory" in one_line(called.err)


def test_the_version_is_that_of_the_package(call: Call) -> None:
    assert call("--version").out == f"lashkit {lashkit.__version__}\n"


def test_help_fits_a_terminal_and_shows_every_command_and_examples() -> None:
    shown = run("--help", env={**os.environ, "COLUMNS": "80"})
    lines = shown.stdout.decode().splitlines()
    assert shown.returncode == 0
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("...") for line in lines[1:])
    commands = lines[lines.index("Commands:") + 1 : lines.index("  Examples:") - 1]
    assert [line.split()[0] for line in commands] == [
        *("put", "get", "ls", "show", "rm", "sessions", "verify", "reclaim", "export", "import", "doctor", "demo"),
        "session",
    ]


def test_no_command_is_help_with_code_2(call: Call) -> None:
    called = call()
    assert called.code == 2
    assert called.out.startswith("Usage: lashkit ")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from lashkit.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    heavy = {"PIL", "numpy", "rich", "asyncio", "IPython", "puremagic", "zipfile", "tqdm"}
    assert not heavy & set(done.stderr.split())


def test_an_unknown_command_is_one_line_with_code_2() -> None:
    done = run("frobnicate")
    assert done.returncode == 2
    assert one_line(done.stderr) == "lashkit: no such command 'frobnicate'; see lashkit --help\n"


def test_the_shell_completes_ids_and_gets_nothing_to_evaluate() -> None:
    first = put(b"hi\n", label="$(touch pwned)")
    put(b"other bytes", label="`touch pwned`")
    words = {"COMP_WORDS": "lashkit get 98ea", "COMP_CWORD": "2", "_LASHKIT_COMPLETE": "complete_bash"}
    done = run(env={**os.environ, **words})
    assert done.stdout.decode().split() == [first[:12]]
    zsh = {"_TYPER_COMPLETE_ARGS": "lashkit get ", "_LASHKIT_COMPLETE": "complete_zsh"}
    assert b"pwned" not in run(env={**os.environ, **zsh}).stdout
    shutil.rmtree("attachments")
    gone = run(env={**os.environ, **words})
    assert (gone.stdout.strip(), gone.stderr) == (b"", b"")


def test_the_completion_script_is_printed() -> None:
    shown = run("--show-completion", "bash", env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert shown.returncode == 0
    assert b"_LASHKIT_COMPLETE" in shown.stdout


def test_an_output_without_unicode_gets_escapes() -> None:
    put(b"hi\n", label="猫")
    done = run("ls", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u732b" in done.stdout


# endings


def test_an_interrupted_put_says_so_with_code_130_and_leaves_nothing() -> None:
    with subprocess.Popen([*COMMAND, "put", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # A pipe holds 64 KiB: once this much went in, the put is under way.
        process.stdin.write(b"x" * 8 * 1024 * 1024)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"lashkit: interrupted\n"
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        assert process.wait(60) == 130
    # What the first put makes may be there, and nothing else: no bytes, no intent, no write-ahead log.
    assert files_in(Path()) <= {"attachments/lashkit.db", "attachments/store.json"}
    diagnosis = examine("attachments")
    assert diagnosis.healthy
    assert "intents" not in [finding.subject for finding in diagnosis.of_target if finding.verdict != "ok"]


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    attachment_id = put(b"x" * 4_000_000)
    with subprocess.Popen([*COMMAND, "get", attachment_id], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this kernel has no /dev/full")
def test_a_full_disk_behind_the_output_is_one_line() -> None:
    put(b"hi\n")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "ls"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert "No space left on device; free some space" in one_line(done.stderr)


def test_a_closed_output_is_one_line() -> None:
    put(b"hi\n")
    done = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "ls"], stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert "standard output is closed" in one_line(done.stderr)


def test_a_target_below_a_file_is_one_line_with_a_remedy(call: Call, cat: Path) -> None:
    called = call("-t", cat / "below", "put", cat)
    assert called.code == 1
    assert "it is not a directory; " in one_line(called.err)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this kernel has no /proc")
def test_a_refusing_file_system_is_one_line_with_a_remedy(call: Call, cat: Path) -> None:
    called = call("-t", "/proc/self/attachments", "put", cat)
    assert called.code == 1
    assert "; " in one_line(called.err)


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device; free some space", 1),
        (OSError("odd"), "odd; try again; `lashkit doctor`", 1),
        (
            lashkit.AttachmentIoError(30, "Read-only file system", "/x"),
            "[Errno 30] Read-only file system: '/x'; the file",
            1,
        ),
        (SystemExit("text"), "", 1),
        (SystemExit(None), "", 0),
        (ZeroDivisionError("x"), "unexpected ZeroDivisionError (x); a bug in lashkit, please report it", 1),
    ],
)
def test_every_ending_has_its_line_and_its_code(error: BaseException, line: str, code: int) -> None:
    outcome = outcome_of(error)
    assert outcome.line.startswith(line)
    assert outcome.code == code
    assert outcome.is_bug == isinstance(error, ZeroDivisionError)


class Exploding(io.RawIOBase):
    """A standard input with a bug."""

    @property
    def buffer(self) -> object:
        raise ZeroDivisionError("exploded")


def test_a_bug_is_one_line_unless_its_traceback_is_asked_for(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Exploding())
    called = call("put", "-")
    assert called.code == 1
    assert "please report it" in one_line(called.err)
    monkeypatch.setenv("LASHKIT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        call("put", "-")


# a real terminal


def in_terminal(*args: str, answer: bytes = b"") -> Called:
    """Run a command at a terminal of its own; `out` is all that it showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *args], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as p:
        os.close(theirs)
        os.write(ours, answer)
        shown = b""
        # On Linux the end of a terminal reads as an error.
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                shown += data
        code = p.wait(60)
    os.close(ours)
    return Called(code, shown.decode(), "")


def test_a_terminal_gets_colours_and_a_pipe_does_not() -> None:
    put(b"hi\n")
    assert "\x1b[36m98ea6e4f216f" in in_terminal("ls").out
    assert b"\x1b" not in run("ls").stdout
