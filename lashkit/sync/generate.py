"""Writes `facades.py`: the sync twins of the async classes, as plain typed source.

    python lashkit/sync/generate.py            write it
    python lashkit/sync/generate.py --check    exit 1 where the committed file is not what would be written

The async classes are read as source and never imported, and this file imports nothing of the package: it runs whatever
state the facades are in. Each public method becomes one that hands the async method to the facade's bridge; signatures
and docstrings are kept, and the async classes named in signatures become their twins.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

__all__ = ["generate", "main"]

_PACKAGE = Path(__file__).resolve().parent.parent
_FACADES = _PACKAGE / "sync" / "facades.py"


@dataclass(frozen=True, slots=True)
class _Twin:
    """A facade: its name, and the async classes (module, class) whose methods it has. The first is its type."""

    facade: str
    sources: tuple[tuple[str, str], ...]


_TWINS = (
    _Twin(
        "SyncAttachmentStore",
        (
            ("stores.protocols", "AttachmentStore"),
            ("stores.protocols", "SupportsStreaming"),
            ("stores.protocols", "SupportsMeta"),
        ),
    ),
    _Twin("SyncAttachmentManifest", (("manifest", "AttachmentManifest"),)),
    _Twin("SyncRuntimePersistence", (("runtime.protocols", "RuntimePersistence"), ("manifest", "AttachmentManifest"))),
    _Twin("SyncAttachment", (("attachment", "Attachment"),)),
    _Twin("SyncSession", (("session", "Session"),)),
    _Twin("SyncWorkspace", (("workspace", "Workspace"),)),
)
_TWIN_OF = {source[1]: twin.facade for twin in _TWINS for source in twin.sources[:1]}
_SYNC_TYPES = {"Chunks": "Iterable[bytes]"}
_DELEGATED = {"__eq__", "__hash__", "_repr_mimebundle_"}
_OF_VALUES = {"Attachment"}  # pickled as the value that they stand for; other facades as themselves
_HEADER = '''"""The sync twins of the async classes, written by `lashkit/sync/generate.py`: change them there.

Every method does what its async twin does, without `await`; `.aio` is the async object beneath, and both see one state.
"""
'''

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def generate() -> str:
    """The source of `facades.py`, formatted."""
    modules = sorted({module for twin in _TWINS for module, _ in twin.sources})
    trees = {module: ast.parse(_source_path(module).read_text("utf-8")) for module in modules}
    classes = [_facade(twin, trees) for twin in _TWINS]
    body = "\n\n\n".join(classes)
    text = f"{_HEADER}\n{_imports(body, trees)}\n\n__all__ = {sorted(t.facade for t in _TWINS)!r}\n\n\n{body}\n"
    return _formatted(text)


def _source_path(module: str) -> Path:
    return _PACKAGE / (module.replace(".", "/") + ".py")


def _facade(twin: _Twin, trees: dict[str, ast.Module]) -> str:
    aio = twin.sources[0][1]
    classes = [(name, _class_named(trees[module], name)) for module, name in twin.sources]
    members = [_member(member, name, twin) for name, tree in classes for member in tree.body]
    shows_itself = any(
        isinstance(m, _Function) and m.name == "_repr_mimebundle_" for _, tree in classes for m in tree.body
    )
    is_protocol = any(ast.unparse(base) == "Protocol" for base in classes[0][1].bases)
    named = f'f"{twin.facade}({{self._aio!r}})"' if is_protocol else 'f"Sync{self._aio!r}"'
    shown = "repr(self._aio)" if shows_itself else named
    pickled = "self._aio.__reduce__()" if aio in _OF_VALUES else "type(self), (self._aio,)"
    start = f'''
        class {twin.facade}:
            """{_class_doc(classes[0][1], aio)}"""

            __slots__ = ("_aio", "_run")

            def __init__(self, aio: {aio}) -> None:
                self._aio = aio
                self._run = Bridge(aio)

            @property
            def aio(self) -> {aio}:
                """The async object under this facade."""
                return self._aio

            def __repr__(self) -> str:
                return {shown}

            def __reduce__(self) -> tuple[Any, ...]:
                return {pickled}

            def __copy__(self) -> Self:
                return self

            def __deepcopy__(self, memo: object) -> Self:
                return self
    '''
    parts = [textwrap.dedent(start).strip()]
    parts += [textwrap.indent(member, "    ") for member in members if member]
    return "\n\n".join(parts)


def _class_named(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def _class_doc(tree: ast.ClassDef, aio: str) -> str:
    """What the class promises, without the constructor's arguments: a facade's are not those of its async class."""
    doc = re.sub(r"\n*Args:\n(?:[ ]+.*\n?|\n)*", "\n", ast.get_docstring(tree) or "").strip()
    return textwrap.indent(f"{doc}\n\nThe sync twin of `{aio}`.", " " * 12).strip() + "\n" + " " * 12


def _member(member: ast.stmt, owner: str, twin: _Twin) -> str:
    """The facade's version of one member of the async class; empty where it has none."""
    if not isinstance(member, _Function):
        return ""
    name = member.name
    decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
    if name == "__aenter__":
        return "def __enter__(self) -> Self:\n    self._run(self._aio.__aenter__)\n    return self"
    if name == "__aexit__":
        return f"def __exit__({_parameters(member)}) -> None:\n    self._run(self._aio.__aexit__, exc_type, exc, tb)"
    if name in ("sync", "sync_mode") or (name.startswith("_") and name not in _DELEGATED):
        return ""
    header = f"def {name}({_parameters(member)}) -> {{}}:\n{_doc(member)}"
    aio = "self._aio" if owner == twin.sources[0][1] else f"cast({owner}, self._aio)"
    target = f"{aio}.{name}"
    if "property" in decorators:
        return f"@property\n{header.format(_annotation(member.returns))}    return {_wrapped(target, member.returns)}"
    if "classmethod" in decorators:
        return _opener(member, owner, header.format("Self"))
    called = _call_arguments(member)
    kind = ast.unparse(member.returns.value) if isinstance(member.returns, ast.Subscript) else ""
    if isinstance(member.returns, ast.Subscript) and kind == "Opening":
        facade = _TWIN_OF[ast.unparse(member.returns.slice)]
        return f"{header.format(facade)}    return {facade}(self._run({target}({', '.join(called)}).start))"
    if isinstance(member.returns, ast.Subscript) and kind == "AsyncIterator":
        item = _annotation(member.returns.slice)
        return f"{header.format(f'SyncIterator[{item}]')}    return self._run.iterate({', '.join([target, *called])})"
    if isinstance(member, ast.AsyncFunctionDef):
        call = f"self._run({', '.join([target, *called])})"
    elif name == "__eq__":
        call = f"{aio} == other"
    elif name == "__hash__":
        call = f"hash({aio})"
    else:
        call = f"{target}({', '.join(called)})"
    result = _annotation(member.returns)
    ending = f"    {call}" if result == "None" else f"    return {_wrapped(call, member.returns)}"
    return header.format(result) + ending


def _opener(member: _Function, owner: str, header: str) -> str:
    """A class method that returns an `Opening`: start it as its subject is driven, and wrap what it opens."""
    lines = [
        f"opening = {owner}.{member.name}({', '.join(_call_arguments(member))})",
        "return cls(Bridge(opening.subject)(opening.start))",
    ]
    return f"@classmethod\n{header}" + "\n".join(f"    {line}" for line in lines)


def _doc(member: _Function) -> str:
    doc = ast.get_docstring(member)
    return "" if doc is None else f'    """{textwrap.indent(doc, "    ").strip()}{_closing(doc)}"""\n'


def _closing(doc: str) -> str:
    return "\n    " if "\n" in doc else ""


class _Twinned(ast.NodeTransformer):
    """Async types in an annotation become their sync twins."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = _TWIN_OF.get(node.id, node.id)
        return ast.parse(_SYNC_TYPES.get(name, name), mode="eval").body


def _annotation(annotation: ast.expr | None) -> str:
    if annotation is None:
        return "None"
    return ast.unparse(_Twinned().visit(ast.parse(ast.unparse(annotation), mode="eval").body))


def _parameters(member: _Function) -> str:
    arguments = ast.parse(f"def _({ast.unparse(member.args)}): ...").body[0]
    assert isinstance(arguments, ast.FunctionDef)  # noqa: S101  (what was just written)
    for argument in ast.walk(arguments.args):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            argument.annotation = ast.parse(_annotation(argument.annotation), mode="eval").body
    return ast.unparse(arguments.args)


def _call_arguments(member: _Function) -> list[str]:
    arguments = member.args
    positional = [a.arg for a in [*arguments.posonlyargs, *arguments.args][1:]]
    starred = [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    return [*positional, *starred, *(f"{a.arg}={a.arg}" for a in arguments.kwonlyargs)]


def _wrapped(expression: str, returns: ast.expr | None) -> str:
    """`expression`, whose async results become facades."""
    if isinstance(returns, ast.Name) and returns.id in _TWIN_OF:
        return f"{_TWIN_OF[returns.id]}({expression})"
    if isinstance(returns, ast.Subscript) and ast.unparse(returns.slice) in _TWIN_OF:
        facade = _TWIN_OF[ast.unparse(returns.slice)]
        return f"{ast.unparse(returns.value)}({facade}(item) for item in {expression})"
    return expression


def _imports(body: str, trees: dict[str, ast.Module]) -> str:
    """Import what `body` names, from where the async modules have it; for type checkers only where they do so too."""
    used = set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"""[\s\S]*?"""', "", body)))
    eager: dict[str, set[str]] = {
        "typing": {"Self", "cast"} & used,
        "collections.abc": {"Iterable"} & used,
        "lashkit.sync.bridge": {"Bridge"},
        "lashkit.sync.iterators": {"SyncIterator"},
    }
    lazy: dict[str, set[str]] = {"types": {"TracebackType"}}
    for module, tree in trees.items():
        for statement in tree.body:
            guarded = isinstance(statement, ast.If)
            for node in statement.body if isinstance(statement, ast.If) else [statement]:
                if isinstance(node, ast.ImportFrom):
                    names = {alias.name for alias in node.names if alias.asname is None} & used
                    names -= {"TYPE_CHECKING", *_TWIN_OF.values(), *(n for group in eager.values() for n in group)}
                    (lazy if guarded else eager).setdefault(str(node.module), set()).update(names)
                elif isinstance(node, ast.Import):
                    eager.update({alias.name: set() for alias in node.names if f"{alias.name}." in body})
            if isinstance(statement, ast.ClassDef) and statement.name in used:
                eager.setdefault(f"lashkit.{module}", set()).add(statement.name)
    plain = [
        f"import {module}" for module in eager if not eager[module] and f"{module}." in body and module != "typing"
    ]
    eager["typing"].add("TYPE_CHECKING")
    seen = {name for names in eager.values() for name in names}
    lines = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(eager.items()) if names]
    later = [(module, sorted(names - seen)) for module, names in sorted(lazy.items())]
    guarded_lines = [f"    from {module} import {', '.join(names)}" for module, names in later if names]
    return "\n".join(["from __future__ import annotations", *plain, *lines, "if TYPE_CHECKING:", *guarded_lines])


def _formatted(text: str) -> str:
    """In the project's own format, so that what is written and what is committed compare as a whole."""
    for arguments in (["check", "--fix", "--quiet", "--select", "I,F401"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(_FACADES), "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)  # noqa: S603
        if not done.stdout:
            raise RuntimeError(f"ruff could not format the facades: {done.stderr.strip()}")
        text = done.stdout
    return text


def main(arguments: list[str]) -> int:
    """Write the facades, or compare them. Returns the exit status."""
    text = generate()
    if "--check" in arguments:
        current = _FACADES.read_text("utf-8") if _FACADES.exists() else ""
        if current != text:
            print("lashkit/sync/facades.py is stale: run python lashkit/sync/generate.py", file=sys.stderr)
        return int(current != text)
    _FACADES.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
