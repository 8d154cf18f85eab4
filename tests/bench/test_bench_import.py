"""What `import lashkit; lashkit.open` costs, as whole processes, interleaved (DESIGN section 10: target 1.5x)."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

CODES = {
    "bare Python": "",
    "the stdlib beside it": "import asyncio, dataclasses, hashlib, json",
    "lashkit": "import lashkit; lashkit.open",
}


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)
    return time.perf_counter() - started


def test_import_lashkit(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    taken: dict[str, list[float]] = {name: [] for name in CODES}

    def one_round() -> None:
        for name, code in CODES.items():
            taken[name].append(seconds(code))

    benchmark.pedantic(one_round, rounds=15, warmup_rounds=1)
    times = {name: statistics.median(values) for name, values in taken.items()}
    bare, peers, ours = times.values()
    with capsys.disabled():
        print()
        for name, value in times.items():
            print(f"  {name:22} {value * 1000:6.1f} ms a process")
        print(f"  whole processes {ours / peers:.2f}x; over bare Python {(ours - bare) / (peers - bare):.2f}x")
