from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lashkit import AttachmentId, StoredAttachment, StoredBlobRef
from lashkit.display import mimebundle, plain
from lashkit.display.bundles import bundle

Store = Callable[..., StoredAttachment]
TEXT, HTML = "text/plain", "text/html"


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        (None, None, {TEXT, HTML}),
        ([], (), {TEXT, HTML}),
        ({HTML}, None, {HTML}),
        ((TEXT,), None, {TEXT}),
        (["image/png"], None, set()),
        (None, [HTML], {TEXT}),
        (None, {"image/png"}, {TEXT, HTML}),
        ([TEXT, HTML], [TEXT], {HTML}),
    ],
)
def test_include_and_exclude_are_honoured(include: Any, exclude: Any, kept: set[str], stored: Store) -> None:
    item = stored(b"words", "text/plain")
    for one in (item, item.meta, item.ref, StoredBlobRef(item.meta.id, 5, 0)):
        assert set(mimebundle(one, include=include, exclude=exclude)) == kept


def test_html_that_nobody_wants_is_not_made() -> None:
    def fail() -> str:
        raise AssertionError

    assert bundle("line", fail, exclude={HTML}) == {TEXT: "line"}


def test_a_stored_attachment_shows_its_content_and_a_ref_its_facts(stored: Store) -> None:
    item = stored(b"words to show", "text/plain")
    assert "words to show" in mimebundle(item)[HTML]
    for one in (item.meta, item.ref):
        made = mimebundle(one)
        assert made[TEXT] == plain(item.meta)
        assert "words to show" not in made[HTML]
        assert item.meta.id in made[HTML]


def test_values_show_themselves(stored: Store) -> None:
    item = stored(b"words", "text/plain")
    assert item._repr_mimebundle_() == mimebundle(item)
    assert item.ref._repr_mimebundle_(include={TEXT}) == mimebundle(item.ref, include={TEXT})


def test_a_blob_shows_its_length_and_its_date() -> None:
    blob = StoredBlobRef(AttachmentId("cd" * 32), 1_234, 1_700_000_000_123)
    made = mimebundle(blob)
    assert made[TEXT] == "1,234 bytes  2023-11-14 22:13:20 UTC  sha256:cdcdcdcdcdcd"
    assert "2023-11-14 22:13:20 UTC" in made[HTML]
    assert "cd" * 32 in made[HTML]


def test_a_date_beyond_the_calendar_is_a_number() -> None:
    blob = StoredBlobRef(AttachmentId("cd" * 32), 1, 10**18)
    assert f"{10**18} ms after 1970" in mimebundle(blob)[TEXT]


def test_importing_display_and_making_cards_of_facts_imports_no_pillow() -> None:
    code = (
        "import sys; from lashkit import AttachmentRef; from lashkit.display import *\n"
        "ref = AttachmentRef(id='a' * 64, media_type='image/png', byte_len=4)\n"
        "mimebundle(ref); preview_byte_len(ref, size='card'); gallery([(ref, None)], total=1)\n"
        "bad = {'PIL', 'numpy', 'IPython', 'asyncio', 'lashkit.stores', 'lashkit.ingestion'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
