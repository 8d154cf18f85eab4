"""One of several processes that work at random on one workspace. Run by `test_crowd.py`.

    python crowd_child.py ROOT NAME SEED OPERATION_COUNT LOG

Each line of LOG is what was acknowledged, written after it: `[operation, session, what, …]` as JSON. The shared texts
are the same for all. Waits for a line before it begins.
"""

from __future__ import annotations

import json
import random
import sys
import traceback
from typing import Any

import lashkit

SHARED_COUNT = 40


def shared_text(number: int) -> str:
    """A text that all processes put."""
    return f"the same text number {number} for everybody " * 40


class Member:
    """A process of the crowd, its sessions and what it knows to hold."""

    def __init__(self, root: str, name: str, seed: int, log: Any) -> None:
        self.ws = lashkit.open(root)
        self.name = name
        self.random = random.Random(seed)
        self.log = log
        self.sessions: dict[str, Any] = {name: self.ws.session(name)}
        self.held: dict[str, dict[str, bytes]] = {name: {}}  # session -> id -> bytes
        self.count = 0

    def acknowledge(self, *words: object) -> None:
        self.log.write(json.dumps(words) + "\n")
        self.log.flush()

    def some_text(self) -> str:
        if self.random.random() < 0.5:
            return shared_text(self.random.randrange(SHARED_COUNT))
        return f"{self.name} {self.random.randrange(100)}"

    def some_session(self) -> str:
        return self.random.choice(sorted(self.sessions))

    def step(self) -> None:
        """One operation, at random, acknowledged afterwards."""
        self.count += 1
        operations = {
            self.put: 30,
            self.record: 15,
            self.get: 20,
            self.list_all: 4,
            self.ws_put: 12,
            self.ws_delete: 8,
            self.reclaim: 4,
            self.fork: 2,
            self.delete_session: 2,
            self.verify: 1,
            self.reopen: 2,
        }
        self.random.choices(list(operations), list(operations.values()))[0]()

    def put(self) -> None:
        name, text = self.some_session(), self.some_text()
        attachment = self.sessions[name].put(text.encode(), label=self.name)
        self.held[name][attachment.id] = text.encode()
        self.acknowledge("put", name, text)

    def record(self) -> None:
        name, texts = self.some_session(), [self.some_text(), self.some_text()]
        turn = self.sessions[name].record(f"turn {self.count}", *(text.encode() for text in texts), answer="so")
        for text in texts:
            self.held[name][lashkit.content_id(text.encode())] = text.encode()
        self.acknowledge("record", name, *texts, turn.node_id)

    def get(self) -> None:
        name = self.some_session()
        if not self.held[name]:
            self.acknowledge("get")
            return
        attachment_id = self.random.choice(sorted(self.held[name]))
        assert self.sessions[name].get(attachment_id).bytes == self.held[name][attachment_id]
        self.acknowledge("get")

    def list_all(self) -> None:
        name = self.some_session()
        assert {attachment.id for attachment in self.sessions[name].refs()} == self.held[name].keys()
        self.ws.list()
        self.ws.sessions()
        self.acknowledge("list")

    def ws_put(self) -> None:
        text = self.some_text()
        self.ws.put(text.encode())
        self.acknowledge("ws_put", "@workspace", text)

    def ws_delete(self) -> None:
        text = self.some_text()
        self.ws.delete(lashkit.content_id(text.encode()))
        self.acknowledge("ws_delete", "@workspace", text)

    def reclaim(self) -> None:
        report = self.ws.reclaim(grace=0, progress=False)
        assert report.failed_ids == (), report.failed_reasons
        self.acknowledge("reclaim")

    def fork(self) -> None:
        name = self.some_session()
        if not self.sessions[name].history():
            self.acknowledge("nothing to fork")
            return
        new = f"{self.name}-{self.count}"
        self.sessions[new] = self.sessions[name].fork(name=new)
        named = [part.id for turn in self.sessions[new].history() for part in turn.attachments]
        self.held[new] = {attachment_id: self.held[name][attachment_id] for attachment_id in named}
        self.acknowledge("fork", new, *(data.decode() for data in self.held[new].values()))

    def delete_session(self) -> None:
        name = self.some_session()
        if name == self.name:
            self.acknowledge("not that one")
            return
        self.sessions.pop(name).delete()
        del self.held[name]
        self.acknowledge("delete", name)

    def verify(self) -> None:
        """Look at what others do at the same time; only damage is wrong."""
        report = self.ws.verify(progress=False)
        assert report.corrupt_ids == (), str(report)
        self.acknowledge("verify")

    def reopen(self) -> None:
        name = self.some_session()
        self.sessions[name].close()
        self.sessions[name] = self.ws.session(name)
        self.acknowledge("reopen")


def main(root: str, name: str, seed: int, count: int, log_path: str) -> None:
    """Work, and say that it is done."""
    with open(log_path, "w", encoding="utf-8") as log:
        print("ready", flush=True)
        sys.stdin.readline()
        member = Member(root, name, seed, log)
        for number in range(count):
            try:
                member.step()
            except BaseException:
                print(f"operation {number} of {name} with seed {seed}:", file=sys.stderr)
                traceback.print_exc()
                raise SystemExit(1) from None
        for session in member.sessions.values():
            session.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
