"""One process at work on a workspace: it does what it reads, line by line, and says what came of it.

    python actor.py ROOT

Reads `[what, arguments, options]` as JSON, and answers with JSON: a value, or `{"error": its type, "says": its text}`.
The first line that it says is its pid.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import lashkit
from lashkit.errors import LashkitError


class Actor:
    """What it can be told to do. Contents are text, attachments are ids."""

    def __init__(self, root: str) -> None:
        self.ws = lashkit.open(root)
        self.sessions: dict[str, Any] = {}

    def open(self, name: str, **options: Any) -> str:
        self.sessions[name] = self.ws.session(name, **options)
        return name

    def open_new(self, root: str, name: str) -> str:
        """Open another directory, and a session there; answers with the catalog's UUID."""
        self.ws = lashkit.open(root)
        self.open(name)
        return str(self.ws.aio.catalog.catalog_uuid)

    def at(self, fifo: str, what: str, *arguments: Any, **options: Any) -> Any:
        """Do something once somebody opens the FIFO for writing."""
        say("waiting")
        with open(fifo, encoding="utf-8"):
            return getattr(self, what)(*arguments, **options)

    def close(self, name: str) -> None:
        self.sessions[name].close()

    def put(self, name: str, text: str) -> str:
        return str(self.sessions[name].put(text.encode(), label=text).id)

    def put_many_texts(self, name: str, count: int) -> int:
        """Many puts in a row, into a session of that name."""
        with self.ws.session(name) as session:
            for number in range(count):
                session.put(f"{name} {number}".encode())
        return count

    def record(self, name: str, *texts: str, **options: Any) -> str:
        """The first text is the prompt, each other an attachment."""
        return str(self.sessions[name].record(texts[0], *(text.encode() for text in texts[1:]), **options).node_id)

    def get(self, name: str, attachment_id: str) -> str:
        with self.ws.session(name, read_only=True) as session:
            return str(session.get(attachment_id).bytes.decode())

    def refs(self, name: str) -> list[str]:
        """What the session holds, as text, in order; the rows whose bytes never came as `None`."""
        with self.ws.session(name, read_only=True) as session:
            return [session.get(attachment).bytes.decode() for attachment in session.refs()]

    def prompts(self, name: str) -> list[str]:
        with self.ws.session(name, read_only=True) as session:
            return [str(turn.prompt[0]) for turn in session.history()]

    def fork(self, name: str, new: str) -> str:
        self.sessions[new] = self.sessions[name].fork(name=new)
        return new

    def rename(self, name: str, new: str) -> None:
        self.sessions[name].rename(new)

    def delete(self, name: str) -> None:
        self.sessions[name].delete()

    def ws_put(self, text: str) -> str:
        return str(self.ws.put(text.encode(), label=text).id)

    def ws_get(self, attachment_id: str) -> str:
        return str(self.ws.get(attachment_id).bytes.decode())

    def ws_delete(self, attachment_id: str) -> None:
        self.ws.delete(attachment_id)

    def ws_list(self) -> list[str]:
        return sorted(str(attachment.id) for attachment in self.ws.list())

    def reclaim(self, **options: Any) -> dict[str, Any]:
        report = self.ws.reclaim(**options)
        return {
            "kept": report.kept_count,
            "deleted": sorted(report.deleted_ids),
            "deferred": sorted(report.deferred_ids),
            "failed": list(report.failed_reasons),
        }

    def verify(self) -> str:
        report = self.ws.verify()
        return "ok" if report.ok else str(report)

    def session_names(self) -> list[str]:
        return sorted(meta.name for meta in self.ws.sessions())


def say(what: object) -> None:
    """One line of JSON."""
    print(json.dumps(what), flush=True)


def main(root: str) -> None:
    """Do what is read, until there is no more."""
    actor = Actor(root)
    say(os.getpid())
    for line in sys.stdin:
        what, arguments, options = json.loads(line)
        try:
            answer = getattr(actor, what)(*arguments, **options)
        except LashkitError as exc:
            answer = {"error": type(exc).__name__, "says": str(exc)}
        say(answer)


if __name__ == "__main__":
    main(sys.argv[1])
