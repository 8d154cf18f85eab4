"""What `import lashkit` leaves alone. Times are in tests/bench/test_bench_import.py; here, what is not imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {
    "PIL", "numpy", "matplotlib", "IPython", "ipywidgets", "anywidget", "traitlets", "jupyter_client", "typer", "click",
    "rich", "tqdm", "puremagic", "anyio", "httpx", "requests", "nest_asyncio2", "obstore", "psycopg", "openai",
    "anthropic", "asyncio", "concurrent", "multiprocessing", "ssl", "sqlite3", "http", "urllib.request",
    "xml", "importlib.metadata",
}  # fmt: skip


def imported_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    code += "\nimport sys; print(*sorted(sys.modules))"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-I", "-c", code]
    asked = subprocess.run(command, env=unmeasured, capture_output=True, text=True, check=True, timeout=60)
    return set(asked.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import lashkit; lashkit.open",
        "import lashkit; lashkit.open('memory://')",
        "import lashkit; lashkit.Workspace, lashkit.AttachmentStore, lashkit.LashkitError",
    ],
)
def test_importing_lashkit_leaves_heavy_packages_alone(code: str) -> None:
    assert imported_by(code) & HEAVY == set()


def test_putting_bytes_needs_no_picture_library() -> None:
    code = "import lashkit; lashkit.open('memory://').put(b'plain text, long enough')"
    assert imported_by(code) & {"PIL", "numpy", "IPython", "asyncio"} == set()


def test_every_command_does_not_pay_for_notebooks() -> None:
    assert imported_by("import lashkit.cli") & {"PIL", "numpy", "IPython", "ipywidgets", "asyncio"} == set()
