"""Every example in the README and in a docstring runs, in an empty directory that holds one picture, `cat.png`."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from PIL import Image

import lashkit

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
README_BLOCKS = FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def documented() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = ["lashkit", *(module.name for module in pkgutil.walk_packages(lashkit.__path__, "lashkit."))]
    tests = [
        test for name in names if name != "lashkit.__main__" for test in finder.find(importlib.import_module(name))
    ]
    return [test for test in tests if test.examples]


@pytest.fixture(autouse=True)
def _directory_with_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48), "teal").save("cat.png")


@pytest.mark.parametrize("example", documented(), ids=lambda test: test.name)
def test_docstring_example_runs(example: doctest.DocTest) -> None:
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    told: list[str] = []
    runner.run(example, out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_the_readme_shows_code() -> None:
    assert README_BLOCKS


def test_the_readme_runs_top_to_bottom() -> None:
    """As in a notebook: one namespace, and `await` at the top level."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    flags = importlib.import_module("ast").PyCF_ALLOW_TOP_LEVEL_AWAIT
    for number, block in enumerate(README_BLOCKS, 1):
        code = compile(block, f"README.md, block {number}", "exec", flags=flags)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, namespace))  # noqa: S307
        else:
            exec(code, namespace)  # noqa: S102
