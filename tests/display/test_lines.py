from __future__ import annotations

import pytest

from lashkit import AttachmentMeta, AttachmentRef
from lashkit.display import plain
from lashkit.display.lines import bytes_in_words
from lashkit.values import LABEL_LIMIT

ID = "0123456789abcdef" * 4


def test_a_line_has_label_type_size_length_and_short_id() -> None:
    ref = AttachmentRef(id=ID, media_type="image/png", byte_len=12345, width=640, height=480, label="my cat")
    assert plain(ref) == "my cat  image/png  640x480  12,345 bytes  sha256:0123456789ab"


def test_metadata_and_ref_read_the_same() -> None:
    meta = AttachmentMeta(id=ID, media_type="text/plain", byte_len=1, label="a.txt")
    assert plain(meta) == plain(meta.as_ref()) == "a.txt  text/plain  1 byte  sha256:0123456789ab"


@pytest.mark.parametrize("size", [{}, {"width": 3}, {"height": 3}])
def test_what_is_unknown_is_left_out(size: dict[str, int]) -> None:
    line = plain(AttachmentRef(id=ID, media_type="image/png", byte_len=0, **size))
    assert line == "image/png  0 bytes  sha256:0123456789ab"


def test_a_hostile_label_stays_one_short_line() -> None:
    line = plain(AttachmentRef(id=ID, media_type="text/plain", byte_len=2, label="a\nb\u202e".ljust(LABEL_LIMIT, "c")))
    assert "\n" not in line
    assert "\u202e" not in line
    assert "\u2026 (4,096 characters)" in line
    assert len(line) < 160


def test_lengths_are_exact() -> None:
    assert [bytes_in_words(n) for n in (0, 1, 999, 1_234_567)] == ["0 bytes", "1 byte", "999 bytes", "1,234,567 bytes"]
