"""Forks with a workspace and a session open; both sides record turn by turn, in step with each other.

    python forked_child.py ROOT

Says for each side what it recorded. Run by `test_forks.py`.
"""

import os
import sys
from typing import Any

import lashkit

TURN_COUNT = 20


def record(side: str, session: Any, own: int, others: int) -> None:
    """Record turns, each after the other side's last one; acknowledge them all at the end."""
    acked = []
    for number in range(TURN_COUNT):
        text = f"{side} {number}"
        session.record(text, text.encode(), answer="so", turn_id=f"{side}-{number}")
        acked.append(number)
        os.write(own, b".")
        assert os.read(others, 1) == b"."
    assert [turn.prompt[0] for turn in session.history()] == [f"{side} {number}" for number in range(TURN_COUNT)]
    os.write(1, f"{side}:{' '.join(map(str, acked))}\n".encode())


def main(root: str) -> None:
    """Fork, and work on both sides."""
    ws = lashkit.open(root)
    session = ws.session("cats")
    session.put(b"before the fork")
    (from_parent, to_child), (from_child, to_parent) = os.pipe(), os.pipe()
    pid = os.fork()
    for end in (to_child, from_child) if pid == 0 else (from_parent, to_parent):
        os.close(end)
    if pid == 0:
        holders: list[str] = []
        for write in (lambda: session.put(b"stowaway"), lambda: session.record("stowaway"), lambda: ws.session("cats")):
            try:
                write()
            except lashkit.SessionBusy as exc:
                holders.append(exc.holder)
        assert [holder.split(" on ")[0] for holder in holders] == [f"process {os.getppid()}"] * 3
        held = [attachment.id for attachment in session.refs()]
        assert held[0] == lashkit.content_id(b"before the fork")
        assert lashkit.content_id(b"stowaway") not in held
        session.close()  # which must not give the parent's lease away
        with ws.session("kittens") as own:
            record("child", own, to_parent, from_parent)
        ws.close()
        sys.exit(0)
    record("parent", session, to_child, from_child)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    session.close()
    ws.close()


if __name__ == "__main__":
    main(sys.argv[1])
