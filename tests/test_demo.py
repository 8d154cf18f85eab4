"""The demo, end to end: what it says is what is there."""

from __future__ import annotations

import base64
import html.parser
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageOps

import lashkit
from lashkit.demo import DemoReport, Holding, run, same_bytes
from lashkit.demo.samples import drawn_plot, real_pictures, samples

COMMAND = [sys.executable, "-m", "lashkit", "demo"]


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LASHKIT_TARGET", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def demo(*args: str | os.PathLike[str], **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, timeout=240, env=env)


class Page(html.parser.HTMLParser):
    """What a page of cards holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cards = 0
        self.pictures: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.cards += tag == "figure"
        facts = {name: value or "" for name, value in attrs}
        self.links += [facts[name] for name in ("src", "href") if name in facts]
        if tag == "img":
            self.pictures.append((facts["alt"], facts["src"]))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One run of the demo without files."""
    place = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if name not in ("LASHKIT_TARGET", "COLUMNS")}
    return place, subprocess.run(
        COMMAND, cwd=place, capture_output=True, text=True, timeout=240, env={**environment, "LASHKIT_TARGET": "mine"}
    )


def test_the_demo_prints_a_line_for_each_kind_and_its_page_last(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    place, process = done
    assert (process.returncode, process.stderr) == (0, "")
    lines = process.stdout.splitlines()
    assert lines[0].split() == ["id", "type", "W", "x", "H", "bytes", "label"]
    table = lines[1 : lines.index("")]
    types = {line.split()[1] for line in table}
    assert {"image/jpeg", "image/png", "image/gif", "image/svg+xml", "application/pdf", "audio/wav"} <= types
    assert any(kind.startswith("text/") for kind in types)
    assert lines[-1].endswith(os.path.join("demo-out", "index.html"))
    assert {path.name for path in place.iterdir()} == {"demo-out"}, "the user's own target is left alone"
    assert sorted(os.listdir(place / "demo-out")) == ["attachments", "index.html"]


def test_the_demo_proves_that_nothing_is_stored_twice(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    place, process = done
    with lashkit.open(place / "demo-out/attachments") as workspace:
        blobs = list(workspace.store.list())
        assert workspace.verify(progress=False).ok
    held = f"{len(blobs)} blobs, {sum(blob.byte_len for blob in blobs):,} bytes"
    once, again, back = process.stdout.splitlines()[-4:-1]
    assert f"{len(blobs)} files, {len(blobs)} of them new; {held} in" in once
    assert again == f"Put again: {held}, 0 bytes more: nothing is stored twice"
    assert back.endswith("the same as its source, byte for byte")


def test_the_page_holds_every_card_and_loads_nothing(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    place, process = done
    page = Page((place / "demo-out/index.html").read_text(encoding="utf-8"))
    count = process.stdout.splitlines().index("") - 1
    assert page.cards == count
    assert len(page.pictures) == count - 3, "all but the PDF, the sound and the text have a picture"
    assert all(link.startswith("data:") for link in page.links)
    assert "script" not in page.tags
    assert "audio" in page.tags
    for alt, source in page.pictures:
        kind, _, data = source.partition(";base64,")
        if kind == "data:image/svg+xml":
            assert base64.b64decode(data).lstrip().startswith(b"<svg")
        else:
            with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
                picture.load()
                width, height = map(int, alt.replace(",", "").split(" pixels")[0].split()[-3::2])
                assert abs(picture.width / picture.height - width / height) < 0.02, f"{alt} is shown upright"


def test_the_demo_takes_files_of_ones_own(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "teal").save("a.jpg")
    Path("notes.txt").write_text("some notes\n")
    process = demo("a.jpg", "notes.txt", "--out", "out", "--target", "store", "--json")
    assert (process.returncode, process.stderr) == (0, "")
    report = json.loads(process.stdout)
    assert [(one["label"], one.get("width")) for one in report["attachments"]] == [("a.jpg", 30), ("notes.txt", None)]
    assert (report["ok"], report["read_back_is_same"], report["page"]) == (
        True,
        True,
        os.path.join("out", "index.html"),
    )
    assert report["before"] == {"blob_count": 0, "byte_len": 0}
    assert report["after_first"] == report["after_second"] != report["before"]
    assert os.listdir("out") == ["index.html"]
    assert Page(Path("out/index.html").read_text(encoding="utf-8")).cards == 2


def test_a_second_demo_finds_everything_stored(tmp_path: Path) -> None:
    Path("notes.txt").write_text("some notes\n")
    assert "1 of them new" in demo("notes.txt").stdout
    assert "0 of them new" in demo("notes.txt").stdout


def test_a_missing_file_is_one_line_and_nothing_is_stored(tmp_path: Path) -> None:
    Path("notes.txt").write_text("some notes\n")
    process = demo("notes.txt", "missing.jpg")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.count("\n") == 1
    assert "missing.jpg" in process.stderr
    assert os.listdir() == ["notes.txt"]


def test_samples_are_the_same_bytes_every_time() -> None:
    def ids() -> dict[str, str]:
        found = {}
        for label, source in samples():
            found[label] = lashkit.content_id(b"".join(lashkit.ingest(source, label=label).chunks()))
        return found

    first = ids()
    assert first == ids()
    assert len(set(first.values())) == len(first)


def test_the_turned_picture_is_stored_sideways_and_shown_upright() -> None:
    data = dict(samples())["turned-by-exif.jpg"]
    with Image.open(io.BytesIO(data)) as stored:
        assert stored.size == (480, 360)
        upright = ImageOps.exif_transpose(stored)
    assert upright.size == (360, 480)
    # The sky is above the hills.
    assert upright.convert("RGB").getpixel((180, 10))[2] > 150 > upright.convert("RGB").getpixel((180, 470))[2]  # type: ignore[index]
    facts = lashkit.ingest(data).meta
    assert (facts.width, facts.height) == (360, 480)


def test_the_gif_moves_and_the_pdf_is_one() -> None:
    made = dict(samples())
    with Image.open(io.BytesIO(made["orbit.gif"])) as gif:
        assert gif.n_frames == 24  # type: ignore[attr-defined]
    assert made["report.pdf"].startswith(b"%PDF-")


def test_real_pictures_are_those_of_installed_packages() -> None:
    found = real_pictures()
    assert any(path.name == "grace_hopper.jpg" for path in found)
    assert all(path.is_file() for path in found)


def test_without_those_packages_everything_is_drawn(tmp_path: Path) -> None:
    """As in an installation that has neither matplotlib nor pictures: their import is refused."""
    code = (
        "import sys, runpy\n"
        "for name in ('matplotlib', 'skimage', 'networkx'): sys.modules[name] = None\n"
        "sys.argv = ['lashkit', 'demo', '--json']\n"
        "runpy.run_module('lashkit', run_name='__main__')\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert (process.returncode, process.stderr) == (0, "")
    report = json.loads(process.stdout)
    sizes = {one["label"]: (one.get("width"), one.get("height")) for one in report["attachments"]}
    assert (sizes["hills.png"], sizes["plot.png"]) == ((360, 480), (640, 480))
    assert report["ok"]


def test_the_drawn_plot_is_a_picture() -> None:
    with Image.open(io.BytesIO(drawn_plot())) as plot:
        assert plot.size == (640, 480)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([], [], True),
        ([b"ab", b"", b"c"], [b"a", b"bc"], True),
        ([b"a", b"bc"], [b"abc"], True),
        ([b"abc"], [b"ab"], False),
        ([b"ab"], [b"abc"], False),
        ([b"ab", b"c"], [b"ab"], False),
        ([b"ab"], [b"aB"], False),
    ],
)
def test_streams_are_the_same_however_they_are_cut(left: list[bytes], right: list[bytes], same: bool) -> None:
    assert same_bytes(left, right) is same


def test_a_report_does_not_hide_a_failure(tmp_path: Path) -> None:
    Path("notes.txt").write_text("some notes\n")
    with lashkit.open("memory://") as workspace:
        good = run(workspace, ["notes.txt"])
    assert good.ok
    facts = {name: getattr(good, name) for name in DemoReport.__dataclass_fields__}
    twice = DemoReport(**{**facts, "after_second": Holding(2, 22)})
    assert not twice.ok
    assert "1 MORE WERE STORED" in twice.lines[1]
    other = DemoReport(**{**facts, "read_back_is_same": False})
    assert not other.ok
    assert "NOT the same" in other.lines[2]
