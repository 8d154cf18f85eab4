"""What all tests share.

Async tests: an `async def` test is run with `asyncio.run`, one fresh loop a test. There is nothing to mark and no
plugin. While it runs, lashkit may not block that loop: file work or sleeping on it raises `blockbuster.BlockingError`
(the test's own code may block). A test that drives a loop of its own choosing is a plain `def`.

Property tests have no deadline, since a slow machine is no fault; where `CI` is set they are the same in each run.

Skips: a skip says what to install. Where `CI` is set a skip is a failure, unless its reason begins with "this kernel
has no".
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import blockbuster
import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
CI = bool(os.environ.get("CI"))
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico", ".jp2", ".avif"}
SUPPORTED = ("3.11", "3.12", "3.13")

hypothesis.settings.register_profile("lashkit", deadline=None, derandomize=CI)
hypothesis.settings.load_profile("lashkit")


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C work in tests and in what they start: a shell that starts us in the background makes it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests; see the module's docstring."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}
    with _no_blocking():
        asyncio.run(pyfuncitem.obj(**arguments), debug=False)
    return True


@contextlib.contextmanager
def _no_blocking() -> Iterator[None]:
    """Blocking calls from lashkit's modules on a running loop raise.

    Locks may wait: none is held across an await. `abspath` asks the kernel for nothing that could take long.
    """
    import lashkit

    detector = blockbuster.BlockBuster(scanned_modules=[lashkit])
    for name in [n for n in detector.functions if n.startswith("threading.") or n == "os.path.abspath"]:
        del detector.functions[name]
    detector.activate()
    try:
        yield
    finally:
        detector.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    return _refused_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    return _refused_skip((yield))


def _refused_skip(report: Any) -> Any:
    """`report`, failed where it is a skip that CI does not allow."""
    if not CI or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith("this kernel has no"):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nnothing is skipped where CI is set"
    return report


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture
def private_env(tmp_path: Path) -> dict[str, str]:
    """An environment for kernels and servers that sees nothing of the user's: an empty home, fixed zone and locale."""
    return private_environment(tmp_path / "home")


def private_environment(home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "XDG_"))
    }
    places = {f"JUPYTER_{name}_DIR": f"{home}/jupyter-{name.lower()}" for name in ("CONFIG", "DATA", "RUNTIME")}
    fixed = {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "COLUMNS": "80"}
    return environment | places | fixed | {"HOME": str(home), "IPYTHONDIR": f"{home}/ipython"}


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """The Chromium to start: a path, or `None` for Playwright's own."""
    path = shutil.which("chromium")
    if path is None:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as p:
            if not Path(p.chromium.executable_path).exists():
                pytest.skip("no Chromium: apt-get install chromium, or python -m playwright install chromium")
    return path


@pytest.fixture(scope="session")
def strace() -> str:
    """The path of strace."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("no strace: apt-get install strace")
    return path


@pytest.fixture(scope="session")
def installed_pictures() -> list[Path]:
    """Every raster picture that the installed packages ship, in a stable order."""
    found = Path(sysconfig.get_path("purelib")).rglob("*")
    return sorted(path for path in found if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())


@functools.cache
def found_pythons() -> dict[str, Path]:
    found = {"{}.{}".format(*sys.version_info): Path(sys.executable)}
    for version in SUPPORTED:
        for candidate in _candidates(version):
            if version not in found and _is_usable(candidate, version):
                found[version] = candidate
    return dict(sorted(found.items()))


@pytest.fixture(scope="session")
def pythons() -> dict[str, Path]:
    """Each supported CPython on this machine: "3.12" -> its executable. That of the tests is always among them."""
    return found_pythons()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `python_version` runs once for each supported CPython on this machine."""
    if "python_version" in metafunc.fixturenames:
        metafunc.parametrize("python_version", list(found_pythons()), scope="session")


def _candidates(version: str) -> Iterator[Path]:
    """Where a Python may be: on the PATH, and where pyenv and uv keep theirs (pyenv's shims may be unusable)."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    yield from (place / f"python{version}" for place in places)
    roots = [place.parent for place in places if place.name == "shims"]
    roots += [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
    for root in roots:
        yield from sorted(root.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    yield from sorted((Path.home() / ".local/share/uv/python").glob(f"cpython-{version}.*/bin/python{version}"))


def _is_usable(python: Path, version: str) -> bool:
    code = "import sys, ctypes, ssl, venv; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    try:
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except OSError:
        return False
    return asked.stdout.split() == ["cpython", version]


@pytest.fixture(scope="session")
def environment_for(pythons: dict[str, Path]) -> Callable[[str], Path]:
    """From a Python version to the `python` of an environment with lashkit, uvloop, ipykernel and nest-asyncio2.

    The version that runs the tests has its own. Others are kept in `.venv-X.Y`, made again when the pins change.
    """

    def environment(version: str) -> Path:
        if pythons[version] == Path(sys.executable):
            return pythons[version]
        place = ROOT / f".venv-{version}"
        python, stamp = place / "bin/python", place / ".made-from"
        pins = [ROOT / "pyproject.toml", ROOT / ".ci/constraints.txt"]
        wanted = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            subprocess.run([pythons[version], "-m", "venv", "--clear", "--without-pip", place], check=True)
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "-c", pins[1]]
            subprocess.run(
                [*pip, "uvloop", "ipykernel", "coverage", "-e", f"{ROOT}[notebook]"], check=True, timeout=280
            )
            stamp.write_text(wanted)
        return python

    return environment
