"""Operations on a warm workspace, each behind a marker of its own (a failing `access`). Run by `test_flushes.py`.

python flush_child.py ROOT
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import lashkit

MARKER = "/lashkit-flush-marker/"


@contextmanager
def marked(name: str) -> Iterator[None]:
    """What happens inside is this operation's."""
    os.access(MARKER + name, os.F_OK)
    yield
    os.access(MARKER, os.F_OK)


def main(root: str) -> None:
    """Warm up, then do each operation once."""
    ws = lashkit.open(root)
    with ws.session("cats") as session:
        session.record("warm", b"warm", answer="up")
        ws.delete(ws.put(b"warm too"))
        with marked("put new bytes"):
            new = session.put(b"new to the session")
        with marked("put large new bytes"):
            session.put(bytes(range(256)) * 5_000)
        with marked("put the same bytes again"):
            session.put(b"new to the session")
        with marked("workspace put new bytes"):
            own = ws.put(b"new to the workspace")
        with marked("give"):
            session.put(own)
        with marked("record text"):
            session.record("What?", answer="That")
        with marked("record what is held"):
            session.record("What?", new, answer="That")
        with marked("record two new"):
            session.record("What?", b"left", b"right", answer="That")
        with marked("put under another label"):
            session.put(b"new to the session", label="another")
        with marked("workspace delete"):
            ws.delete(own)
        with marked("read"):
            session.get(new)
            session.refs()
            session.history()
            session.tree()
            ws.list()
        with marked("open and close"), ws.session("dogs"):
            pass
        with marked("open and close again"), ws.session("dogs"):
            pass


if __name__ == "__main__":
    main(sys.argv[1])
