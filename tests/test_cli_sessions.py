"""The commands on sessions and the sweep, as their user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lashkit
from lashkit import wire
from lashkit.cli.failures import outcome_of
from lashkit.cli.reclaim import seconds_of
from tests.test_cli import COMMAND, Call, blob, call, in_terminal, one_line, put, run  # noqa: F401

HOLDER = """
import sys, lashkit
session = lashkit.open("attachments").session(sys.argv[1])
session.record("Who writes?", answer="I do.")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LASHKIT_TARGET", "LASHKIT_TRACEBACK", "COLUMNS", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cats() -> str:
    """The id of the only attachment of the session `cats`, of three turns; `kittens` was forked after the first."""
    with lashkit.open("attachments") as workspace, workspace.session("cats") as session:
        diary = session.put(b"a cat's diary", label="diary.txt")
        session.record("What does it say?", diary, answer="Nothing.", turn_id="first")
        session.record("And then?", answer="Nothing again.", turn_id="second-turn")
        session.record("Go on", turn_id="second-last")
        with session.fork("first", "kittens") as fork:
            fork.record("Meow?", answer="Meow.", turn_id="meow")
        return diary.id


@pytest.fixture
def holder(cats: str) -> Iterator[subprocess.Popen[str]]:
    """A process that writes the session `cats`, until it is killed."""
    command = [sys.executable, "-c", HOLDER, "cats"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


# sessions


def test_sessions_are_listed_newest_first_with_their_origin(call: Call, cats: str) -> None:  # noqa: F811
    header, *lines = call("sessions").out.splitlines()
    assert header.split() == ["session", "began", "attachments", "forked", "from"]
    assert [[line.split()[0], *line.split()[4:]] for line in lines] == [["kittens", "1", "cats"], ["cats", "1"]]
    found = json.loads(call("sessions", "--json").out)
    assert [(one["name"], one["attachment_count"], one["forked_from"]) for one in found] == [
        ("kittens", 1, {"session": "cats", "node_id": "first"}),
        ("cats", 1, None),
    ]


def test_no_sessions_say_so_with_code_0(call: Call) -> None:  # noqa: F811
    put(b"hi\n")
    assert call("sessions").out.startswith("no sessions in ")
    assert call("sessions", "--json").out == "[]\n"


@pytest.mark.parametrize(
    "command", [["sessions"], ["session", "show", "x"], ["session", "fork", "x"], ["session", "rm", "x"], ["reclaim"]]
)
def test_a_misspelt_target_is_no_empty_one(call: Call, command: list[str]) -> None:  # noqa: F811
    called = call("--target", "atachments", *command)
    assert called.code == 1
    assert "no such directory" in one_line(called.err)
    assert not Path("atachments").exists()


# session show


def test_show_tells_the_turns_with_the_ids_that_fork_takes(call: Call, cats: str) -> None:  # noqa: F811
    lines = call("session", "show", "cats").out.splitlines()
    assert lines[0].split() == ["session", "cats"]
    assert lines[2:4] == ["holds    1 attachment, 13 bytes", "turns    3"]
    assert [line.split("  ", 1)[0] for line in lines[6:]] == ["first", "second-turn", "second-last"]
    assert lines[6].endswith("What does it say? [diary.txt] -> Nothing.")
    assert "from cats after turn first" in call("session", "show", "kittens").out


def test_show_draws_the_tree_with_its_forks(call: Call, cats: str) -> None:  # noqa: F811
    assert call("session", "show", "cats", "--tree").out.splitlines() == [
        "cats: 3 turns",
        "● first  What does it say? [diary.txt] -> Nothing.  => kittens",
        "● second-turn  And then? -> Nothing again.",
        "◉ second-last  Go on",
    ]


def test_show_gives_everything_as_json_in_ascii(call: Call, cats: str) -> None:  # noqa: F811
    out = call("session", "show", "cats", "--json").out
    assert out.isascii()
    shown = json.loads(out)
    assert (shown["name"], shown["head_node_id"], shown["forked_from"]) == ("cats", "second-last", None)
    assert [one["turn_id"] for one in shown["turns"]] == ["first", "second-turn", "second-last"]
    assert shown["turns"][0]["answer"] == "Nothing."
    assert wire.ref_from_json(shown["turns"][0]["prompt"][1]["attachment"]).id == cats
    assert [wire.ref_from_json(one).label for one in shown["attachments"]] == ["diary.txt"]
    assert shown["forks"] == [{"node_id": "first", "session": "kittens"}]
    whole = json.loads(call("session", "show", "cats", "--json", "--tree").out)
    assert whole["turns"] == shown["turns"]


def test_show_of_an_empty_session_has_no_table(call: Call) -> None:  # noqa: F811
    with lashkit.open("attachments") as workspace:
        workspace.session("empty").close()
    assert call("session", "show", "empty").out.endswith("holds    0 attachments, 0 bytes\nturns    0\n")
    assert call("session", "show", "empty", "--tree").out == "empty: no turns yet\n"


@pytest.mark.parametrize("command", [["show"], ["fork"], ["rm", "-y"]])
def test_a_misspelt_name_makes_no_session(call: Call, cats: str, command: list[str]) -> None:  # noqa: F811
    called = call("session", *command, "cast")
    assert called.code == 1
    assert "there is no session 'cast'" in one_line(called.err)
    assert len(json.loads(call("sessions", "--json").out)) == 2


def test_hostile_names_prompts_and_answers_are_printed_as_text(call: Call) -> None:  # noqa: F811
    name = "a [bold]b[/] :smile: <b>"
    with lashkit.open("attachments") as workspace, workspace.session(name) as session:
        session.record("\x1b[31mred\u202e\nrm -rf\r", answer="\x07\U000e0041")
    for command in (["sessions"], ["session", "show", name], ["session", "show", name, "--tree"]):
        called = call(*command)
        assert (called.code, called.err) == (0, "")
        assert "[bold]b[/] :smile: <b>" in called.out
        assert not set(called.out) & set("\x1b\u202e\r\x07\U000e0041")


# session fork


def test_fork_makes_a_session_of_the_turns_up_to_one(call: Call, cats: str) -> None:  # noqa: F811
    assert call("session", "fork", "cats").out == "cats-2: forked from cats, 3 turns\n"
    assert call("session", "fork", "cats", "first").out == "cats-3: forked from cats, 1 turn\n"
    assert call("session", "fork", "cats", "second-t", "--name", "short").out == "short: forked from cats, 2 turns\n"
    assert [one["id"] for one in json.loads(call("ls", "--session", "short", "--json").out)] == [cats]
    assert len(list(Path("attachments/sha256").rglob("*.json"))) == 1


@pytest.mark.parametrize(
    ("args", "fact"),
    [
        (["third"], "has no turn 'third'"),
        ([""], "has no turn ''"),
        (["second"], "2 turns of session 'cats' begin with 'second'"),
        (["--name", "kittens"], "there is a session 'kittens' already"),
        (["--name", "@mine"], "choose another name"),
    ],
)
def test_fork_refuses_what_it_cannot_do(call: Call, cats: str, args: list[str], fact: str) -> None:  # noqa: F811
    called = call("session", "fork", "cats", *args)
    assert called.code == 1
    assert fact in one_line(called.err)
    assert len(json.loads(call("sessions", "--json").out)) == 2


def test_a_session_in_use_can_be_looked_at_and_forked(call: Call, holder: subprocess.Popen[str]) -> None:  # noqa: F811
    assert "Who writes? -> I do." in call("session", "show", "cats").out
    assert call("session", "fork", "cats", "--name", "copy").out == "copy: forked from cats, 4 turns\n"


# session rm


def test_rm_removes_a_session_and_what_only_it_held_goes_at_the_next_reclaim(call: Call, cats: str) -> None:  # noqa: F811
    put(b"hi\n")
    assert "next `lashkit reclaim`" in call("session", "rm", "cats", "--yes").out
    assert call("session", "rm", "kittens", "-y").code == 0
    assert call("sessions", "--json").out == "[]\n"
    assert blob(cats).exists()
    assert call("reclaim", "--grace", "0").code == 0
    assert not blob(cats).exists()


def test_rm_of_a_session_in_use_names_its_writer_and_the_options(
    call: Call,  # noqa: F811
    holder: subprocess.Popen[str],
) -> None:
    called = call("session", "rm", "cats", "--yes")
    assert called.code == 1
    line = one_line(called.err)
    assert f"process {holder.pid} on " in line
    assert "--wait SECONDS" in line
    assert "--steal" in line
    assert "=True" not in line
    assert call("session", "rm", "cats", "--yes", "--steal").code == 0
    assert [one["name"] for one in json.loads(call("sessions", "--json").out)] == ["kittens"]


def test_rm_waits_for_a_writer_that_ends(holder: subprocess.Popen[str]) -> None:
    with subprocess.Popen([*COMMAND, "session", "rm", "cats", "-y", "--wait", "60"], stdout=subprocess.PIPE) as waiting:
        holder.kill()
        holder.wait(60)
        assert waiting.wait(60) == 0


def test_rm_of_a_session_of_a_killed_writer_needs_no_option(call: Call, holder: subprocess.Popen[str]) -> None:  # noqa: F811
    holder.kill()
    holder.wait(60)
    assert call("session", "rm", "cats", "--yes").code == 0


def test_rm_does_not_guess_where_nobody_can_be_asked(cats: str) -> None:
    refused = run("session", "rm", "cats")
    assert refused.returncode == 2
    assert "--yes" in one_line(refused.stderr)
    assert len(json.loads(run("sessions", "--json").stdout)) == 2


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_rm_asks_at_a_terminal_what_is_at_stake(cats: str, answer: bytes, code: int) -> None:
    asked = in_terminal("session", "rm", "cats", answer=answer)
    assert "Remove session 'cats' (3 turns, 1 attachment)?" in asked.out
    assert asked.code == code
    assert len(json.loads(run("sessions", "--json").stdout)) == 1 + code


# what the commands on attachments say of sessions


def test_ls_lists_what_one_session_holds(call: Call, cats: str) -> None:  # noqa: F811
    put(b"hi\n", label="note")
    assert [one["label"] for one in json.loads(call("ls", "--session", "cats", "--json").out)] == ["diary.txt"]
    assert call("ls", "--session", "cats", "--type", "image").out == "no attachments that match in session cats\n"
    assert call("ls", "--session", "cats", "-l", "DIARY*").out.splitlines()[1].endswith("diary.txt")
    assert "there is no session" in one_line(call("ls", "--session", "cast").err)


def test_rm_of_an_attachment_names_the_sessions_that_keep_it(call: Call, cats: str) -> None:  # noqa: F811
    with lashkit.open("attachments") as workspace:
        workspace.put(workspace.find(cats))
    lines = call("rm", cats, "--yes").out.splitlines()
    assert lines[0].startswith(f"removed {cats[:12]}; ")
    assert lines[1] == f"{cats[:12]} stays in session cats, session kittens"


def test_verify_names_what_is_held_and_not_there_with_code_1(call: Call, cats: str) -> None:  # noqa: F811
    blob(cats).unlink()
    called = call("verify")
    assert called.code == 1
    assert f"{cats}  held, and the bytes are not there" in called.out
    report = json.loads(call("verify", "--json").out)
    assert (report["ok"], report["missing_ids"]) == (False, [cats])


# reclaim


def test_reclaim_takes_what_nobody_holds_and_a_dry_run_only_says_so(call: Call, cats: str) -> None:  # noqa: F811
    gone = put(b"hi\n")
    call("rm", gone, "--yes")
    assert (
        call("reclaim").out
        == "0 deleted, 0 bytes; 1 kept, 13 bytes; 1 deferred to a later sweep, 3 bytes (98ea6e4f216f)\n"
    )
    assert call("reclaim", "--dry-run", "--grace", "0").out.startswith("1 would be deleted, 3 bytes (98ea6e4f216f); ")
    assert blob(gone).exists()
    report = json.loads(call("reclaim", "--grace", "0s", "--json").out)
    assert (report["ok"], report["deleted_ids"], report["kept_count"]) == (True, [gone], 1)
    assert not blob(gone).exists()


def test_reclaim_of_a_workspace_without_any_row_asks_for_a_word(call: Call) -> None:  # noqa: F811
    gone = put(b"hi\n")
    call("rm", gone, "--yes")
    refused = call("reclaim", "--grace", "0")
    assert refused.code == 1
    assert "pass --sweep-unrooted" in one_line(refused.err)
    assert blob(gone).exists()
    assert call("reclaim", "--grace", "0", "--sweep-unrooted").code == 0
    assert not blob(gone).exists()


def test_reclaim_names_what_it_could_not_delete_with_code_1(call: Call) -> None:  # noqa: F811
    put(b"kept")
    gone = put(b"hi\n")
    call("rm", gone, "--yes")
    metadata = Path(f"{blob(gone)}.json")
    metadata.unlink()
    metadata.mkdir()
    called = call("reclaim", "--grace", "0")
    assert called.code == 1
    assert called.out.startswith("0 deleted, 0 bytes; 1 kept, 4 bytes; 1 failed, 3 bytes")
    assert called.out.splitlines()[-1].startswith(f"{gone}  ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("1.5h", 5400), ("30m", 1800), ("2 d", 172_800), ("1W", 604_800)]
)
def test_a_span_of_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1y", "h", "1h30m", "inf", "nan", "1e9", "9" * 13, "٣"])
def test_what_is_no_span_of_time_is_refused_with_code_2(call: Call, text: str) -> None:  # noqa: F811
    called = call("reclaim", f"--grace={text}")
    assert called.code == 2
    assert "write seconds, or as 30m, 1h, 7d" in one_line(called.err)


# what all of them share


def test_session_alone_is_help_with_code_2(call: Call) -> None:  # noqa: F811
    called = call("session")
    assert called.code == 2
    assert [line.split()[0] for line in called.out.split("Commands:\n")[1].splitlines()] == ["show", "fork", "rm"]


def test_the_target_may_stand_before_between_and_after(call: Call, cats: str) -> None:  # noqa: F811
    os.rename("attachments", "elsewhere")
    for args in (
        ["-t", "elsewhere", "session", "show", "cats"],
        ["session", "-t", "elsewhere", "show", "cats"],
        ["session", "show", "cats", "-t", "elsewhere"],
    ):
        assert call(*args).code == 0


def test_the_shell_completes_names_and_gets_nothing_to_evaluate(cats: str) -> None:
    with lashkit.open("attachments") as workspace:
        workspace.session("cats $(touch pwned)").close()
    words = {"COMP_WORDS": "lashkit session show c", "COMP_CWORD": "3", "_LASHKIT_COMPLETE": "complete_bash"}
    assert run(env={**os.environ, **words}).stdout.split() == [b"cats"]
    os.rename("attachments", "elsewhere")
    gone = run(env={**os.environ, **words})
    assert (gone.stdout.strip(), gone.stderr) == (b"", b"")


@pytest.mark.parametrize(
    "error",
    [
        lashkit.SessionBusy("s", "process 1 on x"),
        lashkit.RootsUnknown("a"),
        lashkit.RootsUnknown("a", "b"),
        lashkit.SchemaVersionError("/x", 2, 1),
    ],
)
def test_no_remedy_of_the_command_line_is_one_of_the_library(error: Exception) -> None:
    line = outcome_of(error).line
    assert "; " in line
    assert "=" not in line
