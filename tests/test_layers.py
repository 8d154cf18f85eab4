"""Imports point down (DESIGN section 3). Read from the source, so that a branch that no test takes counts too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "lashkit"

# From the bottom to the top. A unit is a module or a package; units of one line do not import each other.
LAYERS = (
    ("_version", "errors", "clock", "process"),
    ("values",),
    ("wire", "reports"),
    ("runner",),
    ("workers", "stores.protocols", "hops"),
    ("stores",),
    ("ingestion", "progress", "opening"),
    ("lease",),
    ("manifest",),
    ("scoped",),
    ("reclaim",),
    ("runtime",),
    ("turns",),
    ("display",),
    ("attachment", "targets", "archive", "pairing"),
    ("holdings", "transfer", "selection"),
    ("workspace",),
    ("session",),
    ("sync",),
    ("testing",),
    ("widgets", "magics"),
    ("",),  # lashkit/__init__.py, the public face
    ("doctor", "samples"),
    ("demo",),
    ("cli",),
    ("__main__",),
)
RANK = {unit: rank for rank, units in enumerate(LAYERS) for unit in units}

# Imports inside a function that point up, each with its reason. TYPE_CHECKING imports do not run and are free.
LAZY_UPWARD: dict[tuple[str, str], str] = {
    ("attachment", "sync"): "`.sync`",
    ("runner", "workers"): "a pool is made when the first worker is needed",
    ("stores", "sync"): "`.sync`",
    ("values", "display"): "`_repr_mimebundle_`",
    ("values", "ingestion"): "`StoredAttachment.image()` decodes",
    ("scoped", "sync"): "`.sync`",
    ("session", "sync"): "`.sync`",
    ("turns", "display"): "turns show themselves",
    ("workspace", "session"): "`Workspace.session`",
    ("workspace", "sync"): "`.sync`",
}

# Third-party packages that a unit may import when it is imported itself: those whose only job they serve.
EAGER_PACKAGES: dict[str, set[str]] = {"cli": {"typer"}}

# Where asyncio may be imported. Everything else is inline-capable (DESIGN section 5).
MAY_USE_ASYNCIO = {"runner", "workers", "sync", "testing", "cli"}


@dataclass(frozen=True)
class Import:
    """One import of `target` (a dotted name) in the module `module` ("" is lashkit itself)."""

    module: str
    target: str
    lazy: bool
    line: int

    @property
    def where(self) -> str:
        return f"lashkit.{self.module}:{self.line} imports {self.target}".replace("lashkit.:", "lashkit:")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def unit_of(module: str) -> str:
    """The longest unit that `module` belongs to; itself where the table knows none."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in RANK), module)


def imports_of(module: str, source: str) -> Iterator[Import]:
    """Every import that can run, TYPE_CHECKING blocks left out."""

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            children: list[ast.stmt] = node.orelse
            for child in children:
                yield from walk(child, lazy)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, lazy, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                is_module = full.removeprefix("lashkit.") in MODULES
                yield Import(module, full if is_module else base, lazy, node.lineno)
        inner = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child_node in ast.iter_child_nodes(node):
            yield from walk(child_node, inner)

    yield from walk(ast.parse(source), False)


IMPORTS = [found for name, path in MODULES.items() for found in imports_of(name, path.read_text(encoding="utf-8"))]
OWN = [found for found in IMPORTS if found.target.split(".")[0] == "lashkit"]
FOREIGN = [found for found in IMPORTS if found.target.split(".")[0] not in {"lashkit", "__future__"}]


def target_unit(found: Import) -> str:
    return unit_of(found.target.removeprefix("lashkit").removeprefix("."))


def points_up(found: Import) -> bool:
    source, target = unit_of(found.module), target_unit(found)
    return source != target and RANK[target] >= RANK[source]


def test_every_module_has_its_layer() -> None:
    assert {unit_of(module) for module in MODULES} <= set(RANK), "give a new module its line in LAYERS"


def test_imports_are_absolute() -> None:
    assert [found.where for found in IMPORTS if found.target.startswith(".")] == []


def test_module_level_imports_point_down() -> None:
    assert [found.where for found in OWN if not found.lazy and points_up(found)] == []


def test_the_lazy_upward_imports_are_the_pinned_ones() -> None:
    upward = {(unit_of(found.module), target_unit(found)) for found in OWN if found.lazy and points_up(found)}
    assert upward == set(LAZY_UPWARD)


def test_display_never_reads_a_store() -> None:
    units = {target_unit(found) for found in OWN if unit_of(found.module) == "display"}
    assert not units & {"stores", "stores.protocols", "workspace", "sync"}


def test_importing_a_module_imports_only_the_standard_library() -> None:
    eager = [found for found in FOREIGN if not found.lazy]
    assert [
        found.where
        for found in eager
        if (top := found.target.split(".")[0]) not in sys.stdlib_module_names
        and top not in EAGER_PACKAGES.get(unit_of(found.module), set())
    ] == []


def test_inline_capable_modules_do_not_import_asyncio() -> None:
    users = [found for found in FOREIGN if found.target.split(".")[0] == "asyncio"]
    assert [found.where for found in users if unit_of(found.module) not in MAY_USE_ASYNCIO] == []


@pytest.mark.parametrize(
    ("source", "target", "lazy"),
    [
        ("import asyncio.events", "asyncio.events", False),
        ("from lashkit import values", "lashkit.values", False),
        ("from lashkit import open", "lashkit", False),
        ("def f():\n    from lashkit.values import MediaType", "lashkit.values", True),
        ("class C:\n    import json", "json", False),
        ("try:\n    import numpy\nexcept ImportError:\n    numpy = None", "numpy", False),
        ("if TYPE_CHECKING:\n    import PIL\nelse:\n    import json", "json", False),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, target: str, lazy: bool) -> None:
    assert [(found.target, found.lazy) for found in imports_of("values", source)] == [(target, lazy)]
