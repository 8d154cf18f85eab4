"""What nbval would wave through, refused: a notebook is saved as it runs, small, and knows no machine."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PATHS = sorted(path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
MAX_BYTE_LEN = 300_000
NOT_COMPARED = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")
SKIPPING = re.compile(r"nbval[-_](skip|ignore[-_]output)", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w./:~-])(?:/(?:home|root|tmp|Users|work|private|opt|var|mnt)/|[A-Z]:\\\\)\w")
DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]*")

Notebook = dict[str, Any]


def complaints(text: str) -> Iterator[str]:
    """What is wrong with the notebook whose file holds `text`."""
    notebook: Notebook = json.loads(text)
    if len(text.encode()) > MAX_BYTE_LEN:
        yield f"{len(text.encode())} bytes, more than {MAX_BYTE_LEN}"
    if "widgets" in notebook["metadata"]:
        yield "metadata.widgets is present"
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if [cell["execution_count"] for cell in code] != list(range(1, len(code) + 1)):
        yield "execution counts are not 1 to n: unrun, run twice or out of order"
    if code and not any(cell["outputs"] for cell in code):
        yield "no cell has an output: they were cleared"
    for number, cell in enumerate(code, 1):
        yield from (f"code cell {number} {what}" for what in cell_complaints(cell))
    if MACHINE_PATH.search(DATA_URI.sub("", json.dumps([cell_text(cell) for cell in notebook["cells"]]))):
        yield "it names a path of the machine that ran it"


def cell_complaints(cell: Notebook) -> Iterator[str]:
    source, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
    if not source.strip():
        yield "is empty"
    if SKIPPING.search(source) or any(SKIPPING.search(tag) for tag in tags):
        yield "is not compared"
    shown = {mime for output in cell["outputs"] for mime in output.get("data", {})}
    yield from (f"shows {mime}, which nbval does not compare" for mime in sorted(shown & set(NOT_COMPARED)))
    wanted = {tag.removeprefix("shows:") for tag in tags if tag.startswith("shows:")}
    yield from (f"lost its {mime} output" for mime in sorted(wanted - shown))
    kinds = {output.get("name") or output["output_type"] for output in cell["outputs"]}
    if "stderr" in kinds:
        yield "writes to stderr"
    if "error" in kinds and "raises-exception" not in tags:
        yield "fails"


def cell_text(cell: Notebook) -> list[Any]:
    """What a reader sees of a cell: its source and the text of its outputs."""
    outputs = cell.get("outputs", [])
    return ["".join(cell["source"]), [["".join(output.get("text", "")), output.get("data", {})] for output in outputs]]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(NOTEBOOKS)))
def test_a_notebook_is_saved_as_it_runs(path: Path) -> None:
    assert list(complaints(path.read_text(encoding="utf-8"))) == []


SOUND: Notebook = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["Put a picture in, see `./attachments/`."]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {"tags": ["shows:text/html"]},
            "outputs": [
                {
                    "data": {"text/html": ['<img src="data:image/webp;base64,AA/tmp/x=">'], "text/plain": ["cat.png"]},
                    "execution_count": 1,
                    "metadata": {},
                    "output_type": "execute_result",
                }
            ],
            "source": ["ws.put('cat.png')"],
        },
        {
            "cell_type": "code",
            "execution_count": 2,
            "metadata": {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["https://example.org/home/x\n"]}],
            "source": ["print(url)"],
        },
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def set_to(*path: str | int, value: object) -> Callable[[Notebook], None]:
    def plant(notebook: Any) -> None:
        for step in path[:-1]:
            notebook = notebook[step]
        notebook[path[-1]] = value

    return plant


def cleared(notebook: Notebook) -> None:
    for cell in notebook["cells"][1:]:
        cell["outputs"] = []


PLANTED: dict[str, tuple[Callable[[Notebook], None], str]] = {
    "unrun": (set_to("cells", 1, "execution_count", value=None), "execution counts"),
    "out of order": (set_to("cells", 2, "execution_count", value=7), "execution counts"),
    "cleared": (cleared, "they were cleared"),
    "a lost picture": (set_to("cells", 1, "outputs", value=[]), "lost its text/html output"),
    "a skipped cell": (set_to("cells", 2, "source", value=["# NBVAL_SKIP\nprint(url)"]), "is not compared"),
    "an uncompared cell": (set_to("cells", 2, "metadata", "tags", value=["nbval-ignore-output"]), "is not compared"),
    "a raster output": (set_to("cells", 1, "outputs", 0, "data", "image/png", value="iVBO"), "nbval does not compare"),
    "a warning": (set_to("cells", 2, "outputs", 0, "name", value="stderr"), "writes to stderr"),
    "an error": (set_to("cells", 2, "outputs", value=[{"output_type": "error", "ename": "KeyError"}]), "fails"),
    "an empty cell": (set_to("cells", 2, "source", value=[]), "is empty"),
    "widget state": (set_to("metadata", "widgets", value={}), "metadata.widgets"),
    "another kernel": (set_to("metadata", "kernelspec", "name", value="venv"), "not python3"),
    "a home directory": (set_to("cells", 2, "outputs", 0, "text", value=["in /home/me/cat.png"]), "names a path"),
    "a temporary directory": (set_to("cells", 2, "source", value=["open('/tmp/abc/cat.png')"]), "names a path"),
    "a Windows path": (set_to("cells", 2, "outputs", 0, "text", value=["C:\\Users\\me"]), "names a path"),
    "a large output": (set_to("cells", 2, "outputs", 0, "text", value=["x" * MAX_BYTE_LEN]), "more than 300000"),
}


def test_a_sound_notebook_passes() -> None:
    assert list(complaints(json.dumps(SOUND))) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_refused(name: str) -> None:
    plant, complaint = PLANTED[name]
    notebook = copy.deepcopy(SOUND)
    plant(notebook)
    found = list(complaints(json.dumps(notebook)))
    assert [text for text in found if complaint in text] != [], found
