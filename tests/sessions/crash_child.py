"""A session's work in a process of its own, step by step, to be killed from outside. Run by `test_crash.py`.

    python crash_child.py ROOT

Opens the workspace that `prepare` made, and says the name of each step once it is done. Everything before the marker (a
failing `access`, easy to find in a trace) is start-up.
"""

import os
import sys
from typing import Any

import lashkit

MARKER = "/lashkit-crash-marker"
TEXT = {
    "alone": b"put into the session",
    "left": b"recorded on the left",
    "right": bytes(range(256)) * 1_200,
    "shared": b"put into the workspace and given to the session",
    "doomed": b"held by the workspace, then by nobody, then by the session",
    "last": b"recorded at last",
    "kept": b"held by the workspace all the time",
    "foreign": b"held by the dogs",
    "orphan": b"held by nobody",
}
STEPS = ("put", "record", "put-shared", "give", "delete", "reclaim", "put-again", "record-again", "fork", "close")


def prepare(root: str, plant: Any) -> None:
    """Make the workspace: dogs hold something, the workspace two things, and one blob is nobody's.

    Args:
        plant: puts bytes into the bare store.
    """
    with lashkit.open(root) as ws:
        with ws.session("dogs") as dogs:
            dogs.record("Who is this?", TEXT["foreign"], answer="Rex", turn_id="dogs-first")
        ws.put(TEXT["kept"])
        ws.put(TEXT["doomed"])
        plant(TEXT["orphan"])


def main(root: str) -> None:
    """Do all steps, and say so after each."""
    ws = lashkit.open(root)
    shared: Any = None
    session = ws.session("cats")
    doomed = lashkit.content_id(TEXT["doomed"])
    os.access(MARKER, os.F_OK)
    for step in STEPS:
        match step:
            case "put":
                session.put(TEXT["alone"], label="alone")
            case "record":
                session.record("What are these?", TEXT["left"], TEXT["right"], answer="two", turn_id="first")
            case "put-shared":
                shared = ws.put(TEXT["shared"])
            case "give":
                session.put(shared)
            case "delete":
                ws.delete(doomed)
            case "reclaim":
                ws.reclaim(grace=0, progress=False)
            case "put-again":
                session.put(TEXT["doomed"])
            case "record-again":
                session.record("And these?", shared, TEXT["last"], answer="too", turn_id="second")
            case "fork":
                session.fork(name="kittens").close()
            case "close":
                session.close()
        os.write(1, f"{step}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1])
