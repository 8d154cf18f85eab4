"""A private JupyterLab on loopback, and a Chromium that looks at it.

Nothing outlives the fixtures, and no request leaves loopback.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

# As quiet as Chromium gets, so that a request to elsewhere is the page's.
CHROMIUM_FLAGS = [
    "--disable-background-networking", "--disable-component-update", "--disable-gpu", "--disable-quic",
    "--disable-sync", "--no-first-run",
]  # fmt: skip

# The news pop-up would cover the page; cells outside the window would not be in the page.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass(frozen=True)
class Lab:
    """A running server: where, with which token, and which notebooks it serves."""

    url: str
    token: str
    root: Path


@dataclass
class Watched:
    """A page in Chromium. `elsewhere` lists the requests that would have left `lab`; each was stopped."""

    page: Any
    elsewhere: list[str] = field(default_factory=list)


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@contextlib.contextmanager
def _served(root: Path, home: Path, env: dict[str, str], theme: str) -> Iterator[Lab]:
    for name, values in {**SETTINGS, "apputils-extension/themes": {"theme": theme}}.items():
        path = home / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    lab_env = {"JUPYTERLAB_SETTINGS_DIR": f"{home}/settings", "JUPYTERLAB_WORKSPACES_DIR": f"{home}/workspaces"}
    lab = Lab(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(16), root)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={lab.url.rpartition(':')[2]}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}", "--ServerApp.terminals_enabled=False", f"--IdentityProvider.token={lab.token}",
    ]  # fmt: skip
    server = subprocess.Popen(
        command, env=env | lab_env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert server.stderr is not None
    told = collections.deque[str](maxlen=50)
    ready = threading.Event()

    def listen(lines: Any) -> None:
        for line in lines:
            told.append(line)
            if "is running at" in line:
                ready.set()
        ready.set()  # it ended: whoever waits looks at `poll`

    listener = threading.Thread(target=listen, args=(server.stderr,))
    listener.start()
    try:
        assert ready.wait(120), "".join(told)
        assert server.poll() is None, "".join(told)
        yield lab
    finally:
        _stopped(server)
        listener.join(30)
        server.stderr.close()


def _stopped(server: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)  # the server shuts its kernels down
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)


@pytest.fixture
def serve_lab(tmp_path: Path, private_env: dict[str, str]) -> Iterator[Callable[..., Lab]]:
    """Start a JupyterLab over a directory: `serve_lab(root, theme="JupyterLab Dark")`."""
    with contextlib.ExitStack() as stack:
        yield lambda root, *, theme: stack.enter_context(_served(root, tmp_path / "home", private_env, theme))


@pytest.fixture
def browse(chromium: str | None) -> Iterator[Callable[[Lab], Watched]]:
    """Open an empty page in Chromium that can reach `lab` and nothing else."""
    from playwright.sync_api import sync_playwright

    flags = CHROMIUM_FLAGS + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=flags)

        def browse_to(lab: Lab) -> Watched:
            watched = Watched(browser.new_context(viewport={"width": 1100, "height": 1000}).new_page())
            own = (lab.url + "/", lab.url.replace("http:", "ws:") + "/", "data:", "blob:")

            def gate(route: Any) -> None:
                if route.request.url.startswith(own):
                    route.continue_()
                else:
                    watched.elsewhere.append(route.request.url)
                    route.abort()

            watched.page.route("**/*", gate)
            watched.page.on(
                "websocket", lambda ws: watched.elsewhere.append(ws.url) if not ws.url.startswith(own) else None
            )
            return watched

        yield browse_to
        browser.close()
