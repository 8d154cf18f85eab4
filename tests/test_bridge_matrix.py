"""The bridge wherever Python code can be: each case is a script, run as a process of its own on every CPython here.

A case is a file of `bridge_cases/` whose name states what holds. It begins with the lines that it prints. Anything on
its error output fails it (warnings are errors), except where a real kernel talks there. A hang is a failure: the
processes are killed, and the stacks of all their threads are shown.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parent / "bridge_cases"
SHARED = {"objects", "kernel"}
SCRIPTS = sorted(path.stem for path in CASES.glob("*.py") if path.stem not in SHARED)
UNMEASURED = {"ctrl_c_storm_inline"}  # an interrupt that strikes inside coverage leaves coverage's own lock held
HANG_S = 60


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name in SCRIPTS if not name.startswith("kernel_")])
def test_case_holds_on_every_python(
    case: str, python_version: str, environment_for: Callable[[str], Path], private_env: dict[str, str]
) -> None:
    printed, complaints = run_case(case, environment_for(python_version), private_env, ["-W", "error"])
    assert printed == promised(case), complaints
    assert complaints == ""


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name in SCRIPTS if name.startswith("kernel_")])
def test_case_holds_in_a_real_kernel(
    case: str, python_version: str, environment_for: Callable[[str], Path], private_env: dict[str, str]
) -> None:
    printed, complaints = run_case(case, environment_for(python_version), private_env, [])
    assert printed == promised(case), complaints


def test_the_running_python_is_in_the_matrix(pythons: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nbridge matrix: {len(SCRIPTS)} cases on CPython {', '.join(pythons)}")
    assert "{}.{}".format(*sys.version_info) in pythons


def promised(case: str) -> str:
    """What the case says that it prints."""
    head = (CASES / f"{case}.py").read_text().splitlines()
    mark = "# prints: "
    return "".join(f"{line.removeprefix(mark)}\n" for line in head if line.startswith(mark))


def run_case(case: str, python: Path, environment: dict[str, str], options: list[str]) -> tuple[str, str]:
    """What the case prints, and its error output."""
    script = CASES / f"{case}.py"
    if case in UNMEASURED:
        environment = {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}
    environment = environment | {"PYTHONPATH": os.pathsep.join([str(CASES.parent.parent), str(CASES)])}
    process = subprocess.Popen(
        [python, "-X", "faulthandler", *options, script],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, complaints = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # children of the case too; each dumps its stacks
        try:
            printed, complaints = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, complaints = process.communicate()
        pytest.fail(f"{case} hung for {HANG_S} s; it printed:\n{printed}\nand its stacks are:\n{complaints}")
    assert process.returncode == 0, f"exit code {process.returncode}\n{printed}{complaints}"
    return printed, complaints
