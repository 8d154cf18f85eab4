"""Write `.ci/constraints.txt`: every package that the demo and the tests install, at one version for all Pythons.

Usage: `python .ci/pin.py PYTHON...`, with one interpreter for each supported Python version (`make constraints`).
Each resolves what `pyproject.toml` asks for; where they differ, a line carries an environment marker.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASKED = ["--group", "dev", "--group", "bench", "pip", "hatchling", "-e", ".[notebook,heif]"]
HEADER = "# Made by `make constraints` from pyproject.toml. Notebook outputs and thumbnails depend on these versions.\n"


def resolved(python: str) -> dict[str, str]:
    """What a fresh environment of `python` would get: normalised name -> version."""
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", *ASKED]
    report = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    found = (item["metadata"] for item in report["install"])
    pins = {re.sub(r"[-_.]+", "-", meta["name"]).lower(): meta["version"] for meta in found}
    del pins["lashkit"]
    return pins


def python_version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def merged(pins: dict[str, dict[str, str]]) -> list[str]:
    """Constraint lines of `pins` (Python version -> name -> version); a marker only where the versions differ."""
    lines = []
    for name in sorted(set().union(*pins.values())):
        wanted = {python: found[name] for python, found in pins.items() if name in found}
        versions = sorted(set(wanted.values()))
        for version in versions:
            pythons = [python for python in wanted if wanted[python] == version]
            marker = " or ".join(f'python_version == "{python}"' for python in pythons)
            lines.append(f"{name}=={version}" + (f" ; {marker}" if len(versions) > 1 else ""))
    return lines


def main() -> None:
    pins = {python_version(python): resolved(python) for python in sys.argv[1:]}
    text = HEADER + "\n".join(merged(pins)) + "\n"
    (ROOT / ".ci/constraints.txt").write_text(text, encoding="utf-8")
    print(f"pinned {len(text.splitlines()) - 1} lines for Python {', '.join(pins)}")


if __name__ == "__main__":
    main()
