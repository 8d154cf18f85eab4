"""`os.fork` with a workspace and a session open: both sides commit, and a third process has it all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .conftest import HANG_S, HERE, REPO, StartActor


def test_both_sides_of_a_fork_commit_and_a_third_process_has_it_all(actor: StartActor, root: Path) -> None:
    script = HERE / "forked_child.py"
    command = [sys.executable, "-W", "error", "-X", "faulthandler", str(script), str(root)]
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    sides = dict(line.split(":", 1) for line in ended.stdout.splitlines())
    assert sides.keys() == {"parent", "child"}
    third = actor()
    for side, acked in sides.items():
        numbers = [int(number) for number in acked.split()]
        assert numbers == list(range(20))
        name = "cats" if side == "parent" else "kittens"
        expected = [f"{side} {number}" for number in numbers]
        before = ["before the fork"] if side == "parent" else []
        assert third.do("refs", name) == before + expected
        assert third.do("prompts", name) == expected
    assert third.do("verify") == "ok"
    report = third.do("reclaim", grace=0)
    assert (report["kept"], report["deleted"]) == (41, [])
    for name in ("cats", "kittens"):
        assert third.do("open", name) == name
