"""Whatever an attachment is called and holds, its HTML has only these tags, attributes, addresses and styles."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lashkit import AttachmentMeta, MediaType, StoredAttachment, content_id
from lashkit.display import card, gallery, mimebundle, view
from lashkit.values import LABEL_LIMIT

TAGS = {
    "figure": {"style"},
    "figcaption": {"style"},
    "div": {"style"},
    "span": {"style"},
    "p": {"style"},
    "dl": {"style"},
    "dt": {"style"},
    "dd": {"style"},
    "code": {"style"},
    "pre": {"style"},
    "img": {"src", "alt", "width", "height", "style"},
    "audio": {"controls", "preload", "src", "style"},
    "video": {"controls", "preload", "src", "style"},
}
VOID = {"img"}
ADDRESS = re.compile(r"data:(?:image|audio|video)/[a-z0-9.+-]+;base64,[A-Za-z0-9+/]+=*")

# What JupyterLab's sanitiser lets through in an untrusted notebook, as far as it is used here: property -> value. Since
# JupyterLab 3; layouts by flex or grid came with 4.5, and `currentColor`, `rgba()` and `calc()` never pass.
LENGTH = r"(?:0|\d+(?:\.\d+)?(?:px|em|%))"
COLOUR = r"(?:#[0-9a-f]{6,8}|transparent)"
STOPS = rf"{COLOUR} \d+%(?:,{COLOUR} \d+%)+"
SURVIVES = {
    "background-color": COLOUR,
    "background-image": rf"linear-gradient\(45deg,{STOPS}\)(?:,linear-gradient\(45deg,{STOPS}\))*",
    "background-position": rf"{LENGTH} {LENGTH}(?:,{LENGTH} {LENGTH})*",
    "background-size": rf"{LENGTH} {LENGTH}",
    "border": rf"0|{LENGTH} solid {COLOUR}",
    "border-radius": LENGTH,
    "box-sizing": "border-box",
    "clear": "both",
    "display": "block|inline-block|table|table-row|table-cell",
    "float": "none",
    "font-size": LENGTH,
    "font-style": "normal",
    "font-weight": "400|600",
    "height": rf"{LENGTH}|auto",
    "letter-spacing": LENGTH,
    "line-height": rf"\d+(?:\.\d+)?|{LENGTH}",
    "margin": rf"{LENGTH}(?: {LENGTH}){{0,3}}",
    "max-height": LENGTH,
    "max-width": LENGTH,
    "opacity": r"0\.\d+",
    "overflow": "hidden|auto",
    "overflow-wrap": "break-word",
    "padding": rf"{LENGTH}(?: {LENGTH}){{0,3}}",
    "text-align": "left|center",
    "text-overflow": "ellipsis",
    "vertical-align": "top|middle",
    "white-space": "normal|nowrap|pre-wrap",
    "width": rf"{LENGTH}|auto",
    "word-break": "break-all",
}

LABELS = st.one_of(
    st.none(),
    st.text(st.characters(), max_size=60),
    st.sampled_from(
        [
            '"><script>alert(1)</script>',
            "' onerror='alert(1)",
            '" onload="alert(1)" x="',
            "</figcaption></figure><iframe src=javascript:alert(1)>",
            "<!--",
            "]]>",
            "&lt;script&gt;",
            "javascript:alert(1)",
            "a" * LABEL_LIMIT,
            "\u202e" * LABEL_LIMIT,
            "'\"&<" * (LABEL_LIMIT // 4),
            "\ud800",
        ]
    ),
)
NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-", min_size=1, max_size=40)
MEDIA_TYPES = st.one_of(
    st.builds("{}/{}".format, NAME, NAME),
    st.builds("image/{}".format, NAME),
    st.builds("{}; charset={}".format, st.just("text/plain"), NAME.map(lambda name: name.strip("!#$&^+"))),
    st.sampled_from(
        ["image/png", "image/jpeg", "image/svg+xml", "text/html", "text/plain; charset=utf-7", "audio/wav", "video/mp4"]
    ),
).filter(lambda name: _is_media_type(name))
CONTENTS = st.one_of(
    st.binary(max_size=400),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(str.encode),
    st.sampled_from(
        [
            b"<svg onload=alert(1)>",
            b"<svg><script>alert(1)</script></svg>",
            b"</pre><script>alert(1)</script>",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"GIF89a\xff\xff\xff\xff",
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"+ADw-script+AD4-",
            "\u202e<b>".encode("utf-16"),
        ]
    ),
)
SIZES = st.one_of(st.none(), st.integers(1, 10**12))


def _is_media_type(name: str) -> bool:
    try:
        MediaType(name)
    except ValueError:
        return False
    return True


class Checker(HTMLParser):
    """Raises at the first thing that is not on the lists above; `text` is what remains."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert set(names) <= TAGS[tag], (tag, names)
        assert len(set(names)) == len(names), names
        for name, value in attrs:
            if name == "src":
                assert value
                assert ADDRESS.fullmatch(value), value[:80]
            elif name == "style":
                assert value
                check_style(value)
            elif name in ("width", "height"):
                assert value
                assert value.isdecimal()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def check_style(style: str) -> None:
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        assert re.fullmatch(SURVIVES[name], value), declaration


def check(html: str) -> str:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    html.encode("utf-8")
    return checker.text


@settings(max_examples=200, deadline=None)
@given(label=LABELS, media_type=MEDIA_TYPES, data=CONTENTS, width=SIZES, height=SIZES)
def test_no_label_type_or_content_gets_out_of_its_place(
    label: str | None, media_type: str, data: bytes, width: int | None, height: int | None
) -> None:
    meta = AttachmentMeta(
        id=content_id(data), media_type=media_type, byte_len=len(data), width=width, height=height, label=label
    )
    assert meta.id in check(card(meta, data))
    assert meta.id in check(card(meta))
    assert meta.id in check(view(StoredAttachment(meta, data)).html)
    assert meta.id[:12] in check(gallery([(meta, data), (meta, None)], total=7))
    made = mimebundle(StoredAttachment(meta, data))
    assert made["text/html"] == card(meta, data)
    assert "\n" not in made["text/plain"]
    made["text/plain"].encode("utf-8")


@pytest.mark.parametrize(
    "style", ["display:flex", "color:currentColor", "border:1px solid rgba(1,2,3,0.5)", "position:fixed"]
)
def test_the_check_of_styles_can_fail(style: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check_style(style)


@pytest.mark.parametrize(
    "html", ["<script>", "<p onclick='x'>", "<img src='javascript:x'>", "<p><div></p>", "<!-- -->", "<p>"]
)
def test_the_check_of_tags_can_fail(html: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check(html)
