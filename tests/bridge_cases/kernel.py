"""A real kernel of this Python, and its cells' outcomes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

TIMEOUT_S = 60


class Kernel:
    """One running kernel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def send(self, code: str) -> str:
        """Queue a cell."""
        return str(self._client.execute(code))

    def outcome(self, cell: str) -> str:
        """What the cell said in lines that begin with "> ", and what it raised."""
        reply: dict[str, Any] = {"parent_header": {}}
        while reply["parent_header"].get("msg_id") != cell:
            reply = self._client.get_shell_msg(timeout=TIMEOUT_S)
        text = self._stream(cell, "")
        content = reply["content"]
        words = [line[2:] for line in text.splitlines() if line.startswith("> ")]
        return " | ".join([*words, content["status"] if content["status"] == "ok" else content["ename"]])

    def run(self, code: str) -> str:
        """Queue a cell and wait for its outcome."""
        return self.outcome(self.send(code))

    def interrupt_once_it_says(self, cell: str, word: str) -> str:
        """What the cell comes to when it is interrupted at that point."""
        self._stream(cell, word)
        self._manager.interrupt_kernel()
        return self.outcome(cell)

    def _stream(self, cell: str, word: str) -> str:
        """What the cell prints until it says `word`, or else until it is idle."""
        text = ""
        while True:
            message = self._client.get_iopub_msg(timeout=TIMEOUT_S)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                text += content["text"]
            if (word and word in text) or content.get("execution_state") == "idle":
                return text


@contextmanager
def kernel() -> Iterator[Kernel]:
    """A fresh kernel, gone afterwards."""
    manager, client = start_new_kernel(startup_timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
