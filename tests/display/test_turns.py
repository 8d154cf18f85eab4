"""Turns, histories, trees and lists of sessions: whatever they hold, what they show is short and safe."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lashkit import AttachmentRef, content_id
from lashkit.display.turns import (
    HISTORY_LIMIT,
    history_html,
    history_text,
    sessions_html,
    sessions_text,
    short_node_id,
    tree_html,
    tree_lines,
    tree_text,
    turn_html,
    turn_text,
)
from lashkit.runtime.records import SessionMeta
from lashkit.turns import History, SessionList, SessionTree, Turn
from lashkit.values import LABEL_LIMIT
from tests.display.test_hostile import CONTENTS, LABELS, check

HOSTILE = '</div><script>alert(1)</script>"\x1b[31m\u202egpj.exe\r\n&amp;\ud800'
CAT = AttachmentRef(
    id=content_id(b"cat"), media_type="image/png", byte_len=12_345, width=640, height=480, label="my cat"
)
BARE = AttachmentRef(id=content_id(b"bare"), media_type="application/pdf", byte_len=1)


def turn(node_id: str, parent: str | None = None, *prompt: str | AttachmentRef, answer: str | None = None) -> Turn:
    return Turn(
        session_id="s",
        node_id=node_id,
        parent_node_id=parent,
        turn_id=node_id,
        prompt=prompt or (f"prompt {node_id}",),
        answer=answer,
        created_at_epoch_ms=1_700_000_000_000,
    )


def tree(*turns: Turn, head: str | None = None, **more: Any) -> SessionTree:
    return SessionTree(name="cats", turns=turns, head_node_id=head or (turns[-1].node_id if turns else None), **more)


def chain(count: int, **more: Any) -> SessionTree:
    return tree(*(turn(f"n{n}", f"n{n - 1}" if n else None) for n in range(count)), **more)


def meta(name: str, origin: tuple[str, str] | None = None, created: int = 1_700_000_000_000) -> SessionMeta:
    return SessionMeta(session_id=name, name=name, created_at_epoch_ms=created, forked_from=origin)


# one turn


def test_a_turn_is_one_line_of_prompt_attachments_and_answer() -> None:
    shown = turn_text(turn("a", None, "What is\n this?", CAT, BARE, answer=" A\tcat. "))
    assert shown == "What is this? [my cat] [application/pdf] -> A cat."


@pytest.mark.parametrize(
    ("prompt", "answer", "line"),
    [
        ((CAT,), None, "[my cat]"),
        (("",), None, "(no prompt)"),
        (("a",), "", "a -> (no text)"),
        (("a", "b"), None, "a b"),
        ((CAT,) * 5, "yes", "[my cat] [my cat] [my cat] [2 more] -> yes"),
        (("x" * 61, CAT), None, "x" * 59 + "… [my cat]"),
        (("\n" * 240 + "late",), None, "…"),
    ],
)
def test_a_line_names_what_there_is_and_cuts_what_is_long(prompt: Any, answer: str | None, line: str) -> None:
    assert turn_text(turn("a", None, *prompt, answer=answer)) == line


def test_a_turn_in_html_has_all_parts_in_order() -> None:
    text = check(turn_html(turn("a", None, "first", CAT, "second", answer="third")))
    places = [text.index(word) for word in ("prompt", "first", "my cat", "640 x 480", "second", "answer", "third")]
    assert places == sorted(places)
    assert CAT.id.short in text


def test_the_lines_of_a_prompt_stay_lines_in_html() -> None:
    assert "one\ntwo\n\tthree" in check(turn_html(turn("a", None, "one\r\ntwo\n\tthree")))


def test_a_turn_of_nothing_says_so_in_html() -> None:
    text = check(turn_html(turn("a", None, "", answer="")))
    assert "(no prompt)" in text
    assert "(no text)" in text


def test_what_is_left_out_of_a_turn_is_counted() -> None:
    text = check(turn_html(turn("a", None, *(["word"] * 100), *([CAT] * 30), answer="y" * 5_000)))
    assert "… and 56 more parts" in text  # 50 texts and 24 attachments are shown
    assert "… (5,000 characters)" in text
    assert "… and 1 more part" in check(turn_html(turn("a", None, *([CAT] * 25))))


# histories


def test_a_history_shows_the_last_turns_and_counts_the_earlier() -> None:
    turns = chain(HISTORY_LIMIT + 3).turns
    lines = history_text(turns).splitlines()
    assert lines[:2] == ["… 3 earlier turns", "prompt n3"]
    assert len(lines) == HISTORY_LIMIT + 1
    shown = check(history_html(turns))
    assert "… 3 earlier turns" in shown
    assert "prompt n3" in shown
    assert "prompt n2p" not in shown
    assert history_text(turns[:-2]).startswith("… 1 earlier turn\n")


def test_an_empty_history_says_so() -> None:
    assert history_text([]) == check(history_html([])) == str(History()) == "no turns yet"


def test_the_worst_history_keeps_within_250_kb() -> None:
    worst = dataclasses.replace(CAT, label="'" * LABEL_LIMIT)
    turns = [turn(f"{n}", None, *(["'" * 40, worst] * 100), answer='"' * 10_000_000) for n in range(100)]
    assert len(history_html(turns).encode()) <= 250_000
    assert len(history_text(turns)) <= 10_000


# trees


def test_a_chain_stays_in_one_column_and_its_head_is_marked() -> None:
    assert tree_text(chain(3)) == "cats: 3 turns\n● prompt n0\n● prompt n1\n◉ prompt n2"


def test_the_head_is_marked_where_it_is_not_the_last() -> None:
    assert tree_text(chain(2, head="n0")) == "cats: 2 turns\n◉ prompt n0\n● prompt n1"


def test_branches_are_drawn_under_their_turn() -> None:
    shown = tree(turn("a"), turn("b", "a"), turn("c", "a"), turn("d", "b"), turn("e", "b"), turn("f", "d"), head="c")
    assert tree_text(shown).splitlines()[1:] == [
        "● prompt a",
        "├─● prompt b",
        "│ ├─● prompt d",
        "│ │ ● prompt f",
        "│ └─● prompt e",
        "└─◉ prompt c",
    ]


def test_turns_whose_parent_was_removed_are_roots() -> None:
    shown = tree_text(tree(turn("a", "gone"), turn("b", "lost"), turn("c", "b")))
    assert shown.splitlines()[1:] == ["├─● prompt a", "└─● prompt b", "  ◉ prompt c"]


def test_forks_are_named_at_their_turn_and_origins_in_the_title() -> None:
    forks = (("a", "one"), ("a", "two"), ("b", "three"), ("elsewhere", "four"))
    shown = tree(turn("a"), turn("b", "a"), forks=forks, forked_from=("dogs", "x"))
    assert tree_text(shown).splitlines() == [
        "cats: 2 turns, forked from dogs",
        "● prompt a  => one  => two",
        "◉ prompt b  => three",
    ]
    assert "=> one" in check(tree_html(shown))
    many = tree(turn("a"), forks=tuple(("a", f"f{n}") for n in range(9)))
    assert tree_text(many).endswith("◉ prompt a  => f0  => f1  => f2  => 6 more")


def test_an_empty_tree_says_so() -> None:
    assert tree_text(tree()) == check(tree_html(tree())) == "cats: no turns yet"
    assert tree_text(chain(1)).startswith("cats: 1 turn\n")


def test_a_long_chain_is_folded_except_for_what_is_special_in_it() -> None:
    lines = tree_text(chain(5_000, forks=(("n2500", "twig"),))).splitlines()
    assert lines[0] == "cats: 5,000 turns"
    assert lines[1:6] == ["● prompt n0", "● prompt n1", "● prompt n2", "● prompt n3", "┆ 2,492 turns"]
    assert "● prompt n2500  => twig" in lines
    assert lines[-1] == "◉ prompt n4999"
    assert len(lines) == 21
    assert len(tree_html(chain(5_000))) < 5_000


def test_a_short_stretch_is_not_folded() -> None:
    assert "┆" not in tree_text(chain(12))
    assert "┆ 5 turns" in tree_text(chain(14))


def test_the_whole_tree_has_every_turn_with_its_id() -> None:
    lines = list(tree_lines(chain(5_000), whole=True))
    assert len(lines) == 5_001
    assert lines[1] == "● n0  prompt n0"
    assert lines[-1] == "◉ n4999  prompt n4999"


def test_a_tree_of_many_branches_is_as_long_as_a_page() -> None:
    comb = [turn("n0")]
    for n in range(1, 5_000):
        comb += [turn(f"n{n}", f"n{n - 1}"), turn(f"m{n}", f"n{n - 1}")]
    shown = tree(*comb)
    assert tree_text(shown).splitlines()[-1] == "… 9,799 more turns"
    assert len(tree_html(shown).encode()) <= 250_000


def test_ids_that_were_made_up_are_short_and_others_whole() -> None:
    assert short_node_id("0123456789abcdef" * 2) == "0123456789ab"
    assert short_node_id("turn-of-the-screw-number-1234567") == "turn-of-the-screw-number-1234567"
    assert short_node_id("x\x1b") == r"x\x1b"


# lists of sessions


def test_sessions_are_lines_with_aligned_columns() -> None:
    shown = [meta("dogs-2", ("dogs", "n")), meta("orphan", ("gone", "n")), meta("dogs", created=10**18)]
    assert sessions_text(shown).splitlines() == [
        "dogs-2  2023-11-14 22:13:20 UTC  forked from dogs",
        "orphan  2023-11-14 22:13:20 UTC  forked from gone",
        "dogs    1000000000000000000 ms after 1970",
    ]
    assert "forked from dogs" in check(sessions_html(shown))


def test_no_sessions_say_so() -> None:
    assert sessions_text([]) == check(sessions_html([])) == str(SessionList()) == "no sessions yet"


# everything


@pytest.mark.parametrize("shown", [turn("a", None, HOSTILE, answer=HOSTILE), chain(3), History(chain(3).turns)])
def test_what_is_shown_is_the_same_every_time(shown: Any) -> None:
    made = shown._repr_mimebundle_()
    assert made == shown._repr_mimebundle_()
    assert made["text/plain"] == str(shown)
    assert "2023" not in str(made)


@pytest.mark.parametrize("shown", [History(chain(2).turns), SessionList([meta("a")])])
def test_ipython_shows_a_list_as_it_shows_itself(shown: Any) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    formats, _ = InteractiveShell().display_formatter.format(shown)
    assert formats["text/plain"] == str(shown)
    assert formats["text/html"] == shown._repr_mimebundle_()["text/html"]


TEXTS = st.one_of(LABELS.map(lambda label: label or ""), CONTENTS.map(lambda data: data.decode("latin-1")))
REFS = st.builds(
    AttachmentRef,
    id=st.just(CAT.id),
    media_type=st.sampled_from(["image/png", "text/html", "application/octet-stream"]),
    byte_len=st.integers(0, 10**15),
    label=LABELS,
)


@settings(max_examples=150, deadline=None)
@given(prompt=st.lists(st.one_of(TEXTS, REFS), max_size=6), answer=st.none() | TEXTS, name=TEXTS, node_id=TEXTS)
def test_no_prompt_answer_or_name_gets_out_of_its_place(
    prompt: list[str | AttachmentRef], answer: str | None, name: str, node_id: str
) -> None:
    one = dataclasses.replace(turn(node_id, None, "x", answer=answer), prompt=tuple(prompt))
    shown = tree(one, head=node_id, forks=((node_id, name),), forked_from=(name, node_id))
    shown = dataclasses.replace(shown, name=name)
    check(turn_html(one))
    check(history_html([one, one]))
    metas = [meta(name), meta("b", (name, node_id))]
    check(sessions_html(metas))
    assert check(tree_html(shown)) == tree_text(shown)
    for text in (turn_text(one), *tree_lines(shown), *tree_lines(shown, whole=True)):
        assert "\n" not in text
        assert not set(text) & set("\x1b\u202e\r\ud800")
        assert len(text) <= 600
    assert len(sessions_text(metas).splitlines()) == 2
