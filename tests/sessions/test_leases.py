"""One writer a session, among real processes: what the others see, how a session passes on, and who is fenced off."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import lashkit

from .conftest import Actor, StartActor, at_once

ROUNDS = 20


def is_busy(answer: Any, holder: Actor | int) -> bool:
    """Whether the answer is `SessionBusy` and names the process."""
    pid = holder if isinstance(holder, int) else holder.pid
    return (
        isinstance(answer, dict)
        and answer["error"] == "SessionBusy"
        and re.search(rf"\bprocess {pid} on ", answer["says"]) is not None
    )


def test_a_session_held_by_a_live_process_is_busy_and_names_it(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    answer = other.do("open", "cats")
    assert is_busy(answer, writer)
    for way in ("read_only=True", "wait=", "steal=True"):
        assert way in answer["says"]
    assert other.do("open", "dogs") == "dogs"


def test_a_session_held_by_another_process_can_be_looked_at(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    writer.do("record", "cats", "What is this?", "a cat")
    other.do("open", "cats", read_only=True)
    assert other.do("refs", "cats") == ["a cat"]
    assert other.do("prompts", "cats") == ["What is this?"]
    assert other.do("put", "cats", "a dog")["error"] == "StoreError"
    assert writer.do("refs", "cats") == ["a cat"]


def test_a_session_held_by_a_killed_process_opens_without_waiting(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    kept = writer.do("put", "cats", "kept")
    writer.kill()
    assert other.do("open", "cats", wait=0) == "cats"
    assert other.do("put", "cats", "more")
    assert other.do("refs", "cats") == ["kept", "more"]
    assert other.do("get", "cats", kept) == "kept"


def test_a_session_held_by_a_killed_and_unreaped_process_opens_without_waiting(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    os.kill(writer.pid, 9)
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{writer.pid}").exists()
    assert other.do("open", "cats") == "cats"


def test_a_session_that_is_closed_is_free_while_its_process_lives(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    writer.do("close", "cats")
    assert other.do("open", "cats") == "cats"
    assert is_busy(writer.do("open", "cats"), other)


def test_who_waits_gets_the_session_once_the_other_closes_it(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    writer.do("put", "cats", "first")
    other.begin("open", "cats", wait=50)
    writer.do("put", "cats", "second")  # it works on while the other waits
    writer.do("close", "cats")
    assert other.hears() == "cats"
    other.do("put", "cats", "third")
    assert other.do("refs", "cats") == ["first", "second", "third"]


def test_who_waits_gets_the_session_once_the_other_is_killed(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    other.begin("open", "cats", wait=50)
    writer.kill()
    assert other.hears() == "cats"


def test_who_waits_in_vain_learns_who_holds_it(actor: StartActor) -> None:
    writer, other = actor(), actor()
    writer.do("open", "cats")
    assert is_busy(other.do("open", "cats", wait=0.2), writer)


def race(root: Path, contenders: list[Actor], name: str, **options: object) -> list[Any]:
    """All open the session at one moment; what each got."""
    return at_once(root, name, [(one, "open", (name,)) for one in contenders], **options)


def test_of_two_that_race_for_a_session_exactly_one_wins(actor: StartActor, root: Path) -> None:
    contenders = [actor(), actor()]
    for number in range(ROUNDS):
        answers = race(root, contenders, f"race-{number}")
        winners = [one for one, answer in zip(contenders, answers, strict=True) if answer == f"race-{number}"]
        assert len(winners) == 1, answers
        (lost,) = [answer for answer in answers if isinstance(answer, dict)]
        assert is_busy(lost, winners[0])
        assert winners[0].do("put", f"race-{number}", "mine")
    assert contenders[0].do("verify") == "ok"


def test_of_four_that_race_for_a_dead_writers_session_exactly_one_wins(actor: StartActor, root: Path) -> None:
    contenders = [actor() for _ in range(4)]
    for number in range(5):
        name = f"inherited-{number}"
        writer = actor()
        writer.do("open", name)
        writer.do("put", name, "left behind")
        writer.kill()
        answers = race(root, contenders, name)
        winners = [one for one, answer in zip(contenders, answers, strict=True) if answer == name]
        assert len(winners) == 1, answers
        assert all(is_busy(answer, winners[0]) for answer in answers if answer != name)
        assert winners[0].do("refs", name) == ["left behind"]


def test_of_two_that_race_for_a_name_exactly_one_gets_it(actor: StartActor, root: Path) -> None:
    contenders = [actor(), actor()]
    for number in range(ROUNDS):
        tasks = []
        for index, one in enumerate(contenders):
            one.do("open", f"mine-{index}-{number}")
            tasks.append((one, "rename", (f"mine-{index}-{number}", f"same-{number}")))
        answers = at_once(root, f"rename-{number}", tasks)
        assert sum(answer is None for answer in answers) == 1, answers
        assert contenders[0].do("session_names").count(f"same-{number}") == 1


def test_of_several_thieves_the_last_one_writes_and_the_others_are_fenced_off(actor: StartActor, root: Path) -> None:
    writer, thieves = actor(), [actor() for _ in range(3)]
    writer.do("open", "cats")
    answers = race(root, thieves, "cats", steal=True)
    got_in = [thief for thief, answer in zip(thieves, answers, strict=True) if answer == "cats"]
    # Who is overtaken between the look and the theft takes nothing, and learns of the one who was quicker.
    assert all(answer == "cats" or answer["error"] == "SessionBusy" for answer in answers), answers
    wrote = [thief.do("put", "cats", "loot") for thief in got_in]
    assert sum(isinstance(answer, str) for answer in wrote) == 1, wrote
    assert all(isinstance(answer, str) or answer["error"] == "SessionExecutionLeaseExpired" for answer in wrote)
    assert writer.do("put", "cats", "late")["error"] == "SessionExecutionLeaseExpired"


def test_a_lease_stolen_under_a_sleeping_writer_fences_it_off(actor: StartActor) -> None:
    writer, thief = actor(), actor()
    writer.do("open", "cats")
    writer.do("record", "cats", "first", "one", turn_id="first")
    assert thief.do("open", "cats", steal=True) == "cats"
    thief.do("record", "cats", "second", "two", turn_id="second")
    for attempt in (
        ("put", "cats", "late"),
        ("record", "cats", "late", "later"),
        ("rename", "cats", "mine"),
        ("delete", "cats"),
    ):
        answer = writer.do(*attempt)
        assert answer["error"] == "SessionExecutionLeaseExpired", attempt
    assert f"process {thief.pid} on " in answer["says"]
    assert thief.do("refs", "cats") == ["one", "two"]
    assert thief.do("prompts", "cats") == ["first", "second"]
    assert thief.do("session_names") == ["cats"]
    report = thief.do("reclaim", grace=0)
    assert (report["kept"], report["deleted"]) == (2, [])
    writer.do("close", "cats")  # which must not give the thief's lease away
    assert is_busy(writer.do("open", "cats"), thief)
    thief.do("close", "cats")
    assert writer.do("open", "cats") == "cats"
    assert writer.do("put", "cats", "again")


def test_a_lost_session_is_taken_again_only_by_opening_it_again(actor: StartActor) -> None:
    writer, thief = actor(), actor()
    writer.do("open", "cats")
    thief.do("open", "cats", steal=True)
    assert writer.do("put", "cats", "late")["error"] == "SessionExecutionLeaseExpired"
    assert is_busy(writer.do("open", "cats"), thief)  # not closed in between
    thief.do("close", "cats")
    assert writer.do("put", "cats", "late")["error"] == "SessionExecutionLeaseExpired"
    assert writer.do("open", "cats") == "cats"
    assert writer.do("put", "cats", "again")
    assert writer.do("refs", "cats") == ["again"]


def test_a_stolen_session_can_be_stolen_back_without_closing_it(actor: StartActor) -> None:
    writer, thief = actor(), actor()
    writer.do("open", "cats")
    thief.do("open", "cats", steal=True)
    assert writer.do("open", "cats", steal=True) == "cats"  # it has not even noticed
    assert writer.do("put", "cats", "mine")
    assert thief.do("put", "cats", "loot")["error"] == "SessionExecutionLeaseExpired"


def test_a_session_deleted_under_a_sleeping_writer_fences_it_off(actor: StartActor) -> None:
    writer, thief = actor(), actor()
    writer.do("open", "cats")
    writer.do("put", "cats", "mine")
    thief.do("open", "cats", steal=True)
    thief.do("delete", "cats")
    assert writer.do("put", "cats", "late")["error"] == "SessionExecutionLeaseExpired"
    assert thief.do("session_names") == []
    assert thief.do("open", "cats") == "cats"
    assert thief.do("put", "cats", "new")
    assert writer.do("put", "cats", "later")["error"] == "SessionExecutionLeaseExpired"
    assert thief.do("refs", "cats") == ["new"]


# Another pid namespace, as another container on the same machine


@pytest.fixture
def container() -> tuple[str, ...]:
    """What starts a process in a pid namespace of its own."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare: apt-get install util-linux")
    prefix = (unshare, "--pid", "--fork", "--kill-child", "--mount-proc")
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this kernel has no pid namespace for this user: {tried.stderr.strip()}")
    return prefix


def test_from_another_pid_namespace_a_session_is_busy_and_never_stolen_by_itself(
    actor: StartActor, container: tuple[str, ...]
) -> None:
    writer, outsider = actor(), actor(*container)
    assert outsider.pid != outsider.process.pid, "it counts its own pids"
    writer.do("open", "cats")
    writer.do("put", "cats", "kept")
    assert is_busy(outsider.do("open", "cats"), writer)
    outsider.do("open", "cats", read_only=True)
    assert outsider.do("refs", "cats") == ["kept"]
    assert is_busy(outsider.do("open", "cats", wait=0.2), writer)
    assert writer.do("put", "cats", "more")


def test_from_another_pid_namespace_death_is_not_proven_and_stealing_works(
    actor: StartActor, container: tuple[str, ...]
) -> None:
    writer, outsider = actor(), actor(*container)
    writer.do("open", "cats")
    writer.do("put", "cats", "kept")
    writer.kill()
    assert is_busy(outsider.do("open", "cats"), writer)
    assert outsider.do("open", "cats", steal=True) == "cats"
    outsider.do("put", "cats", "more")
    assert outsider.do("refs", "cats") == ["kept", "more"]


def test_a_writer_whose_session_is_stolen_from_another_pid_namespace_is_fenced_off(
    actor: StartActor, container: tuple[str, ...]
) -> None:
    writer, outsider = actor(), actor(*container)
    writer.do("open", "cats")
    assert outsider.do("open", "cats", steal=True) == "cats"
    answer = writer.do("put", "cats", "late")
    assert answer["error"] == "SessionExecutionLeaseExpired"
    assert f"process {outsider.pid} on " in answer["says"]
    assert writer.do("record", "cats", "late", "later")["error"] == "SessionExecutionLeaseExpired"
    assert outsider.do("ws_list") == []
    assert outsider.do("refs", "cats") == []
    assert outsider.do("prompts", "cats") == []


def test_a_process_of_the_same_pid_in_another_namespace_is_somebody_else(
    actor: StartActor, container: tuple[str, ...]
) -> None:
    first, second = actor(*container), actor(*container)
    assert first.pid == second.pid == 1
    first.do("open", "cats")
    assert is_busy(second.do("open", "cats"), first)
    assert second.do("open", "cats", steal=True) == "cats"
    assert first.do("put", "cats", "late")["error"] == "SessionExecutionLeaseExpired"


def test_intents_of_another_pid_namespace_are_never_swept_while_their_owner_may_live(
    actor: StartActor, container: tuple[str, ...], root: Path
) -> None:
    outsider, here = actor(*container), actor()
    outsider.do("open", "cats")
    outsider.do("put", "cats", "kept")
    report = here.do("reclaim", grace=0)
    assert (report["kept"], report["deleted"]) == (1, [])
    outsider.kill()
    assert here.do("reclaim", grace=0)["kept"] == 1
    with lashkit.open(root) as ws, pytest.raises(lashkit.SessionBusy):
        ws.session("cats")
