"""Facades: generated, committed, and the twins of their async classes."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from lashkit import AttachmentIntent, AttachmentRef, InMemoryCatalog, content_id
from lashkit.attachment import Attachment
from lashkit.manifest import AttachmentManifest
from lashkit.runtime import RuntimePersistence, SessionReadScope
from lashkit.session import Session
from lashkit.stores.protocols import AttachmentStore, SupportsMeta, SupportsStreaming
from lashkit.sync.facades import (
    SyncAttachment,
    SyncAttachmentManifest,
    SyncAttachmentStore,
    SyncRuntimePersistence,
    SyncSession,
    SyncWorkspace,
)
from lashkit.workspace import Workspace

GENERATE = Path("lashkit", "sync", "generate.py")
PAIRS = [
    (SyncAttachmentStore, AttachmentStore),
    (SyncAttachmentStore, SupportsStreaming),
    (SyncAttachmentStore, SupportsMeta),
    (SyncAttachmentManifest, AttachmentManifest),
    (SyncRuntimePersistence, RuntimePersistence),
    (SyncRuntimePersistence, AttachmentManifest),
    (SyncAttachment, Attachment),
    (SyncSession, Session),
    (SyncWorkspace, Workspace),
]
OWN = {"sync", "sync_mode"}


def test_the_committed_facades_are_what_the_generator_writes(repo: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate_facades", repo / GENERATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert (repo / "lashkit" / "sync" / "facades.py").read_text("utf-8") == module.generate()


def test_stale_facades_are_reported(repo: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(repo / "lashkit", tmp_path / "lashkit")
    shutil.copy(repo / "pyproject.toml", tmp_path)
    run = [sys.executable, str(tmp_path / GENERATE)]
    assert subprocess.run([*run, "--check"], check=False).returncode == 0
    facades = tmp_path / "lashkit" / "sync" / "facades.py"
    good = facades.read_text()
    facades.write_text("syntax error(")
    done = subprocess.run([*run, "--check"], check=False, capture_output=True, text=True)
    assert (done.returncode, "stale" in done.stderr) == (1, True)
    subprocess.run(run, check=True)
    assert facades.read_text() == good


@pytest.mark.parametrize(("facade", "aio"), PAIRS, ids=lambda cls: cls.__name__)
def test_every_public_method_has_its_twin_with_the_same_signature_and_docstring(facade: type, aio: type) -> None:
    for name, member in vars(aio).items():
        if name.startswith("_") or name in OWN:
            continue
        twin = inspect.getattr_static(facade, name)
        if isinstance(member, property):
            assert twin.fget.__doc__ == member.fget.__doc__, name
            continue
        function, twin_function = getattr(member, "__func__", member), getattr(twin, "__func__", twin)
        assert inspect.getdoc(twin_function) == inspect.getdoc(function), name
        expected = inspect.signature(function).parameters.values()
        got = inspect.signature(twin_function).parameters.values()
        assert [(p.name, p.kind, p.default) for p in got] == [(p.name, p.kind, p.default) for p in expected], name


def test_a_facade_adds_nothing_but_aio() -> None:
    for facade in {facade for facade, _ in PAIRS}:
        known = {name for twin, aio in PAIRS if twin is facade for name in vars(aio)}
        assert {name for name in vars(facade) if not name.startswith("_")} - known == {"aio"}


def test_a_store_that_cannot_stream_says_so() -> None:
    class Bare:
        sync_mode = "inline"

    with pytest.raises(AttributeError, match="open"):
        SyncAttachmentStore(Bare()).open("x")  # type: ignore[arg-type]


def test_a_catalog_and_a_persistence_are_used_without_await() -> None:
    catalog = InMemoryCatalog()
    manifest = SyncAttachmentManifest(catalog)
    ref = AttachmentRef(id=content_id(b"x"), media_type="a/b", byte_len=1)  # type: ignore[arg-type]
    manifest.record_intent(AttachmentIntent(session_id="s", ref=ref, intent_at_epoch_ms=1))
    persistence = SyncRuntimePersistence(catalog.session("s"))
    assert persistence.holds_ref("s", ref.id)
    assert persistence.load_session(SessionReadScope.full_graph()) is None
    assert manifest.commit_refs("s", [ref.id]) == 1
    assert [entry.attachment_id for entry in persistence.list_all_refs()] == [ref.id]
