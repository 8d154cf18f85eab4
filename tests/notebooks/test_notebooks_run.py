"""Every notebook runs top to bottom in a fresh kernel, and gives the outputs that are saved in it (nbval, strict).

Runs on a copy, in an environment that knows nothing of the user, so that neither can change the other.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(str(path.relative_to(NOTEBOOKS)) for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_" not in str(path))
QUICKSTART = "01-first-attachment.ipynb"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """A copy of `notebooks/` that a run may write into."""
    place = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, place, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (place / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return place


def run(notebook: Path, place: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=120", "-q", "-p", "no:cacheprovider"]
    command += ["-c", str(place / "pytest.ini"), str(notebook)]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=280)


def test_the_quickstart_is_there() -> None:
    assert QUICKSTART in NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_gives_its_saved_outputs(name: str, copies: Path, private_env: dict[str, str]) -> None:
    told = run(copies / name, copies, private_env)
    assert told.returncode == 0, told.stdout + told.stderr


def changed(notebook: dict[str, Any], mime: str) -> bool:
    """Change one character of the first saved output of type `mime`, within a text that a reader sees or an image."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            lines = output.get("data", {}).get(mime)
            if lines:
                text = "".join(lines)
                at = text.find("base64,") + 20 if "base64," in text else len(text) // 2
                output["data"][mime] = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
                return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("mime", ["text/plain", "text/html"])
def test_one_changed_character_of_a_saved_output_is_caught(
    mime: str, copies: Path, private_env: dict[str, str]
) -> None:
    path = copies / QUICKSTART
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert changed(notebook, mime), f"the quickstart shows no {mime}"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    told = run(path, copies, private_env)
    assert told.returncode == 1, told.stdout + told.stderr
    assert f"mismatch '{mime}'" in told.stdout
