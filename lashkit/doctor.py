"""What is installed, and whether a target is healthy. Examining leaves nothing behind."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lashkit._version import __version__
from lashkit.errors import AttachmentMetadataDecodeError, AttachmentMissingMeta, LashkitError, LashkitWarning
from lashkit.pairing import Pairing, read_pairing
from lashkit.runtime.mounts import network_filesystem
from lashkit.runtime.sqlite_report import CatalogReport, report_on
from lashkit.targets import CATALOG_FILE

if TYPE_CHECKING:
    from lashkit.reports import VerifyReport
    from lashkit.sync import SyncWorkspace

__all__ = ["Diagnosis", "Finding", "examine", "file_system_type"]

Verdict = Literal["ok", "missing", "note", "bad"]

# extra: what it gives, and its packages
_EXTRAS = {
    "notebook": ("widgets in notebooks", ("anywidget", "ipython", "ipywidgets", "nest-asyncio2")),
    "s3": ("stores on S3, GCS and Azure", ("obstore",)),
    "postgres": ("a catalog on a server", ("psycopg", "psycopg-pool")),
    "openai": ("calls to OpenAI", ("openai",)),
    "anthropic": ("calls to Anthropic", ("anthropic",)),
    "gemini": ("calls to Gemini", ("google-genai",)),
    "heif": ("HEIC and HEIF pictures", ("pillow-heif",)),
}
# Pillow's name of a feature: what it opens
_FEATURES = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "avif": "AVIF", "jpg_2000": "JPEG 2000", "libtiff": "TIFF"}
_IN_MEMORY = {"tmpfs", "ramfs"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `bad` is unhealthy; `missing` and `note` are for information."""

    verdict: Verdict
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that `examine` found, by section."""

    target: str
    installed: tuple[Finding, ...]
    extras: tuple[Finding, ...]
    pictures: tuple[Finding, ...]
    of_target: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is bad."""
        sections = (self.installed, self.extras, self.pictures, self.of_target)
        return not any(finding.verdict == "bad" for section in sections for finding in section)


def examine(target: str | os.PathLike[str], *, verify: bool = False) -> Diagnosis:
    """Look at this installation and at `target`. Raises nothing that is the target's fault: it becomes a finding.

    Args:
        target: what a workspace can be opened on.
        verify: also read and re-hash everything that is stored there.
    """
    return Diagnosis(
        target=str(target),
        installed=tuple(_installed()),
        extras=tuple(_extras()),
        pictures=tuple(_pictures()),
        of_target=tuple(_of_target(target, verify)),
    )


def _installed() -> Iterator[Finding]:
    yield Finding("ok", "lashkit", __version__)
    yield Finding("ok", "Python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("ok", "system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    yield Finding("ok", "Pillow", _version("Pillow") or "unknown")


def _extras() -> Iterator[Finding]:
    for extra, (gives, packages) in _EXTRAS.items():
        found = {package: _version(package) for package in packages}
        if all(found.values()):
            versions = ", ".join(f"{package} {version}" for package, version in found.items())
            yield Finding("ok", extra, f"{gives}: {versions}")
        else:
            missing = ", ".join(package for package, version in found.items() if version is None)
            yield Finding("missing", extra, f"{gives}: needs {missing}; pip install 'lashkit[{extra}]'")


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _pictures() -> Iterator[Finding]:
    from PIL import features

    for feature, name in _FEATURES.items():
        if features.check(feature):
            yield Finding("ok", name, "")
        else:
            yield Finding("missing", name, "this Pillow was built without it; pip install --upgrade Pillow")
    if _version("pillow-heif"):
        yield Finding("ok", "HEIC", "through pillow-heif")
    else:
        yield Finding("missing", "HEIC", "pip install 'lashkit[heif]'")


def _of_target(target: str | os.PathLike[str], verify: bool) -> Iterator[Finding]:
    import lashkit

    try:
        workspace = lashkit.open(target)
    except LashkitError as exc:
        yield Finding("bad", "place", str(exc))
        return
    with workspace:
        if workspace.persistence is lashkit.AttachmentStorePersistence.EPHEMERAL:
            yield Finding("note", "place", "in memory: gone when the process ends")
            return
        yield from _of_directory(workspace.target)
        if os.path.isdir(workspace.target):
            yield from _of_catalog(workspace.target, verify)
            yield from _of_content(workspace, verify)


def _of_directory(root: str) -> Iterator[Finding]:
    place = root
    while not os.path.isdir(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if place == root:
        yield Finding("ok", "place", f"{root} is a directory")
    else:
        yield Finding("note", "place", f"{root} does not exist yet; the first put makes it")
    yield _round_trip(place)
    yield from _medium(place)


def _round_trip(place: str) -> Finding:
    """Put, get and delete for real, in a store of its own beside the attachments, which is removed then."""
    import lashkit

    data = os.urandom(1024)
    try:
        with tempfile.TemporaryDirectory(prefix=".lashkit-doctor-", dir=place) as folder:
            store = lashkit.FileAttachmentStore(folder).sync
            ref = store.put(data, lashkit.AttachmentCreateMeta(lashkit.MediaType("application/octet-stream")))
            intact = store.get(ref.id).bytes == data
            store.delete(ref.id)
            gone = list(store.list()) == []
    except (OSError, LashkitError) as exc:
        return Finding("bad", "writing", f"{exc}; check the permissions, the free space and the disk")
    if not (intact and gone):
        return Finding("bad", "writing", "what was read back is not what was written; do not trust this disk")
    return Finding("ok", "writing", "a put was flushed to the device, read back and removed")


def _medium(place: str) -> Iterator[Finding]:
    kind = file_system_type(_mounts(), os.path.realpath(place))
    free = shutil.disk_usage(place).free
    if kind in _IN_MEMORY:
        yield Finding("note", "medium", f"{kind}: kept in memory, gone when the machine restarts")
    elif (network := network_filesystem(place)) is not None:
        text = f"{network}: a network file system, where SQLite loses commits; choose a target on a local disk"
        yield Finding("bad", "medium", text)
    elif kind is not None:
        yield Finding("ok", "medium", kind)
    yield Finding("ok" if free else "bad", "free space", f"{free // 1024**2:,} MiB")


def _mounts() -> str:
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def file_system_type(mountinfo: str, path: str) -> str | None:
    """The type of the file system that holds `path`, such as ext4; `None` where it is not known.

    Args:
        mountinfo: the text of Linux's /proc/self/mountinfo; later lines hide earlier ones.
        path: absolute, without links.
    """
    best, found = "", None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:
            continue
        point = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape", "replace")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, kinds[0]
    return found


def _of_catalog(root: str, verify: bool) -> Iterator[Finding]:
    path = os.path.join(root, CATALOG_FILE)
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        yield Finding("note", "catalog", "none yet; the first use makes it, and adopts what is stored")
        return
    try:
        report = report_on(path, verify=verify)
        pairing = read_pairing(root)
    except LashkitError as exc:
        yield Finding("bad", "catalog", str(exc))
        return
    facts = f"schema version {report.schema_version}, journal mode {report.journal_mode}"
    count = report.session_count
    yield Finding("ok", "catalog", f"{facts}, {count:,} session{'' if count == 1 else 's'}")
    if report.damage:
        remedy = "put a copy of the file back, or export what can be read"
        yield Finding("bad", "catalog", f"damaged ({report.damage[0][:200]}); {remedy}")
    yield _of_pairing(report, pairing)
    if report.uncommitted_count:
        text = "without a commit, of writers at work or dead; `lashkit reclaim` ends those of the dead"
        yield Finding("note", "intents", f"{report.uncommitted_count:,} {text}")
    else:
        yield Finding("ok", "intents", "none without a commit")
    if report.being_deleted_count:
        text = "marked by a sweep at work or dead; `lashkit reclaim` ends what the dead began"
        yield Finding("note", "sweeps", f"{report.being_deleted_count:,} {text}")


def _of_pairing(report: CatalogReport, pairing: Pairing | None) -> Finding:
    """Whether store and catalog know each other: without that, nothing is ever reclaimed."""
    if report.store_uuid is None:
        return Finding("note", "pairing", "not paired yet; the next use does it")
    if pairing is None:
        return Finding("note", "pairing", "the store's half is missing; the next use writes it")
    if (pairing.store_uuid, pairing.catalog_uuid) == (report.store_uuid, report.catalog_uuid):
        return Finding("ok", "pairing", "store and catalog belong together")
    fact = f"the store belongs to catalog {pairing.catalog_uuid[:80]!r}, and this is {report.catalog_uuid!r}"
    return Finding("bad", "pairing", f"{fact}: nothing can be reclaimed; put the store's own catalog back")


def _of_content(workspace: SyncWorkspace, verify: bool) -> Iterator[Finding]:
    count, byte_len = 0, 0
    damaged: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", LashkitWarning)
            for blob in workspace.store.list():
                count += 1
                byte_len += blob.byte_len
                try:
                    workspace.store.meta(blob.id)
                except (AttachmentMissingMeta, AttachmentMetadataDecodeError):
                    damaged.append(blob.id.short)
            report = _verified(workspace) if verify else None
    except LashkitError as exc:
        yield Finding("bad", "attachments", f"{exc}; check the permissions and the disk")
        return
    yield Finding("ok", "attachments", f"{count:,}, {byte_len:,} bytes")
    yield from (Finding("note", "foreign", str(warning.message)) for warning in told)
    if damaged:
        shown = ", ".join(damaged[:4]) + (", …" if len(damaged) > 4 else "")
        yield Finding("bad", "metadata", f"{len(damaged)} cannot be read ({shown}); put the original files again")
    if report is None:
        yield Finding("note", "content", "not read; `lashkit verify` reads everything and says what is damaged")
    else:
        yield Finding("ok" if report.ok else "bad", "content", str(report))
    yield from _leftovers(workspace.target)


def _verified(workspace: SyncWorkspace) -> VerifyReport:
    """What verifying finds, without making a catalog where there is none."""
    if os.path.exists(os.path.join(workspace.target, CATALOG_FILE)):
        return workspace.verify(progress=False)
    from lashkit.sync import Bridge
    from lashkit.transfer import verify_all

    store = workspace.aio.store
    return Bridge(store)(verify_all, store, progress=False)


def _leftovers(root: str) -> Iterator[Finding]:
    """What was on its way in: of writers that are at work now, or that died."""
    try:
        with os.scandir(os.path.join(root, ".staging")) as entries:
            sizes = [entry.stat(follow_symlinks=False).st_size for entry in entries]
    except FileNotFoundError:
        sizes = []
    except OSError as exc:
        yield Finding("bad", "leftovers", f"{exc}; check the permissions")
        return
    if sizes:
        text = f"{len(sizes):,} files, {sum(sizes):,} bytes on their way in; the next put removes those of dead writers"
        yield Finding("note", "leftovers", text)
    else:
        yield Finding("ok", "leftovers", "none")
