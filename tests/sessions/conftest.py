"""What the tests of sessions share: a folder in memory, and processes that do what they are told."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
HANG_S = 60


@pytest.fixture
def memory_backed(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one, else on disk; gone after the test.

    For tests that ask the kernel, not the disk: killing a process loses nothing that a file system in memory has.
    """
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


class Actor:
    """A process with a workspace open; see `actor.py`. A call that hangs is a failure.

    Args:
        root: the directory that it opens.
        prefix: a command to start it through.
    """

    def __init__(self, root: Path, *prefix: str) -> None:
        command = [*prefix, sys.executable, "-W", "error", "-X", "faulthandler", str(HERE / "actor.py"), str(root)]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(REPO)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self.pid: int = self.hears()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def hears(self) -> Any:
        """What it says next."""
        line = self._lines.get(timeout=HANG_S)
        assert line, f"it ended with {self.process.wait(HANG_S)}"
        return json.loads(line)

    def begin(self, what: str, *arguments: object, **options: object) -> None:
        """Tell it something without waiting for the answer."""
        assert self.process.stdin is not None
        print(json.dumps([what, arguments, options]), file=self.process.stdin, flush=True)

    def do(self, what: str, *arguments: object, **options: object) -> Any:
        """Tell it something, and return its answer: a value, or {"error": …, "says": …}."""
        self.begin(what, *arguments, **options)
        return self.hears()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(HANG_S)

    def close(self) -> None:
        self.kill()
        self._reader.join(HANG_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


StartActor = Callable[..., Actor]


@pytest.fixture
def root(memory_backed: Path) -> Path:
    """Where the actors' workspace is; nothing is there yet."""
    return memory_backed / "root"


@pytest.fixture
def actor(root: Path) -> Iterator[StartActor]:
    """Start a process on `root`, through a prefix if any. It is killed after the test."""
    with ExitStack() as started:

        def start(*prefix: str) -> Actor:
            one = Actor(root, *prefix)
            started.callback(one.close)
            return one

        yield start


def at_once(root: Path, name: str, tasks: list[tuple[Actor, str, tuple[object, ...]]], **options: object) -> list[Any]:
    """Have each actor do its task, all at one moment; what each answered.

    Args:
        root: the directory beside which a FIFO is made.
        name: of the FIFO; another each time.
        tasks: who does what with which arguments.
        options: for all.
    """
    fifo = root.parent / f"start-{name}"
    os.mkfifo(fifo)
    for one, what, arguments in tasks:
        one.begin("at", str(fifo), what, *arguments, **options)
    for one, _, _ in tasks:
        assert one.hears() == "waiting"
    with fifo.open("w"):
        return [one.hears() for one, _, _ in tasks]
