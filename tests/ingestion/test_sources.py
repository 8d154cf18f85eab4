"""Each kind of source becomes bytes and facts, or an error that names the fact and the remedy."""

from __future__ import annotations

import array
import hashlib
import io
import mmap
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from lashkit.errors import IngestError, InvalidMediaType
from lashkit.ingestion import Ingested, ingest
from lashkit.stores.protocols import CHUNK_BYTE_LEN
from lashkit.values import AttachmentMeta, MediaType, StoredAttachment, content_id


def _png_bytes(width: int = 4, height: int = 3) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(output, "PNG")
    return output.getvalue()


PNG = _png_bytes()


def _refused(source: object, *parts: str, **options: object) -> None:
    """`source` is refused in one line that has all of `parts`."""
    with pytest.raises(IngestError) as caught:
        ingest(source, **options).read()  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def _facts(taken: Ingested) -> tuple[str, int | None, int | None, str | None]:
    return taken.meta.media_type, taken.meta.width, taken.meta.height, taken.meta.label


def test_a_path_gives_its_bytes_its_size_and_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    for source in (path, str(path), _NamedByBytes(path)):
        taken = ingest(source)
        assert _facts(taken) == ("image/png", 4, 3, "cat.png")
        assert (taken.byte_len, taken.read(), taken.read()) == (len(PNG), PNG, PNG)


class _NamedByBytes:
    """A path-like object of the bytes kind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self._path)


def test_a_relative_path_means_the_same_file_after_the_working_directory_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    taken = ingest("cat.png")
    monkeypatch.chdir("/")
    assert taken.read() == PNG


def test_chunks_are_short_whole_and_can_be_had_again(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    for source in (path, data, io.BytesIO(data)):
        taken = ingest(source)
        chunks = list(taken.chunks())
        assert {type(chunk) for chunk in chunks} == {bytes}
        assert max(map(len, chunks)) <= CHUNK_BYTE_LEN
        assert b"".join(chunks) == b"".join(taken.chunks()) == data


@pytest.mark.parametrize(
    "source",
    [
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        array.array("B", PNG),
        memoryview(b"-".join(PNG[n : n + 1] for n in range(len(PNG))))[::2],
    ],
)
def test_every_buffer_gives_its_bytes(source: object) -> None:
    taken = ingest(source)
    assert _facts(taken) == ("image/png", 4, 3, None)
    assert taken.read() == PNG


def test_a_buffer_is_copied_when_it_is_taken() -> None:
    source = bytearray(PNG)
    taken = ingest(source)
    source[:] = bytes(len(source))
    assert taken.read() == PNG


def test_a_memory_map_gives_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert ingest(mapped).read() == PNG


def test_zero_bytes_are_stored_as_an_octet_stream(tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.touch()
    assert _facts(ingest(path)) == ("application/octet-stream", None, None, "empty.txt")
    for source in (b"", "data:,", io.BytesIO()):
        taken = ingest(source)
        assert _facts(taken) == ("application/octet-stream", None, None, None)
        assert (taken.byte_len, taken.read(), list(taken.chunks())) == (0, b"", [])


def test_an_open_file_is_read_from_its_position_and_left_there_open(tmp_path: Path) -> None:
    path = tmp_path / "cat.bin"
    path.write_bytes(b"header" + PNG)
    with path.open("rb") as file:
        file.seek(6)
        taken = ingest(file)
        assert file.tell() == 6
        assert _facts(taken) == ("image/png", 4, 3, "cat.bin")
        assert (taken.byte_len, taken.read(), taken.read()) == (len(PNG), PNG, PNG)


@pytest.mark.parametrize("behind", [0, 1000])
def test_an_open_file_with_nothing_left_to_read_is_refused_and_stays_where_it_is(behind: int, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        for source in (file, io.BytesIO(PNG)):
            source.seek(behind, os.SEEK_END)
            _refused(source, "at its end, nothing is left to read", "seek(0) first")
            assert source.tell() == len(PNG) + behind
            source.seek(0)
            assert ingest(source).read() == PNG


def test_a_buffer_that_was_just_written_is_refused_until_it_is_rewound() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3)).save(buffer, "PNG")
    _refused(buffer, "at its end", "seek(0) first")
    buffer.seek(0)
    assert _facts(ingest(buffer)) == ("image/png", 4, 3, None)


def test_an_empty_open_file_gives_zero_bytes_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "empty.bin"
    path.touch()
    with path.open("rb") as file:
        for source in (file, io.BytesIO()):
            for position in (0, 10):
                source.seek(position)
                assert (ingest(source).byte_len, ingest(source).read()) == (0, b"")


def test_an_unbuffered_file_and_bytes_io_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    with path.open("rb", buffering=0) as file:
        assert ingest(file).read() == ingest(io.BytesIO(PNG)).read() == PNG


def test_a_file_that_is_closed_or_shrinks_before_its_bytes_are_wanted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    with path.open("rb", buffering=0) as file:
        taken = ingest(file)
        os.truncate(path, 10)
        with pytest.raises(IngestError, match="changed since it was looked at"):
            taken.read()
    with pytest.raises(IngestError, match="keep it open until the put is done"):
        taken.read()
    _refused(file, "closed", "open it again")


def _pipe_of(data: bytes) -> io.BufferedReader:
    reader, writer = os.pipe()

    def pour() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(data)

    threading.Thread(target=pour).start()
    return os.fdopen(reader, "rb")


def test_a_short_pipe_is_taken_whole() -> None:
    with _pipe_of(PNG) as pipe:
        taken = ingest(pipe, label="from a pipe")
        assert _facts(taken) == ("image/png", 4, 3, "from a pipe")
        assert (taken.byte_len, taken.read(), taken.read()) == (len(PNG), PNG, PNG)


def test_a_long_pipe_is_read_once() -> None:
    data = b"%PDF-1.7\n" + bytes(3_000_000)
    with _pipe_of(data) as pipe:
        taken = ingest(pipe)
        assert _facts(taken) == ("application/pdf", None, None, None)
        assert taken.byte_len is None
        assert hashlib.sha256(taken.read()).digest() == hashlib.sha256(data).digest()
        with pytest.raises(IngestError, match="only once"):
            taken.read()


def test_a_picture_in_a_long_pipe_has_its_size() -> None:
    data = PNG + bytes(3_000_000)
    with _pipe_of(data) as pipe:
        taken = ingest(pipe)
        assert (taken.meta.width, taken.byte_len, taken.read()) == (4, len(data), data)


class _Odd:
    """A file-like object that can only be read, and gives what it is told."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)

    def read(self, size: int = -1) -> object:
        answer = self._answers.pop(0) if self._answers else b""
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_an_object_that_can_only_be_read_is_a_pipe() -> None:
    assert ingest(_Odd(PNG[:5], bytearray(PNG[5:]))).read() == PNG
    assert ingest(_Odd(b"a" * (2 * CHUNK_BYTE_LEN + 1))).byte_len == 2 * CHUNK_BYTE_LEN + 1


@pytest.mark.parametrize("answer", ["text", None, 7])
def test_a_file_that_gives_no_bytes_is_refused(answer: object) -> None:
    _refused(_Odd(answer), f"gave {type(answer).__name__}, not bytes", "open(path, 'rb')")


def test_a_file_that_fails_is_refused() -> None:
    _refused(_Odd(OSError(5, "Input/output error")), "Input/output error", "open it again")
    _refused(_Odd(PNG, OSError(5, "Input/output error")), "Input/output error")


class _Seekable(io.BytesIO):
    """A seekable file whose reads go wrong."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_seekable_file_that_fails_is_refused() -> None:
    _refused(_Seekable(PNG), "Input/output error", "give one that can")


def test_a_text_file_is_refused_with_the_way_to_open_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    with path.open() as file:
        _refused(file, "text mode", "open(path, 'rb')")
    _refused(io.StringIO("hello"), "text mode", "open(path, 'rb')")


def test_standard_input_has_no_label() -> None:
    script = (
        "import sys; from lashkit.ingestion import ingest\n"
        "taken = ingest(sys.stdin.buffer); print(taken.meta.label, taken.read())"
    )
    done = subprocess.run([sys.executable, "-c", script], input=b"hello", capture_output=True, check=True)
    assert done.stdout == b"None b'hello'\n"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    _refused(tmp_path / "no such cat.png", "no such cat.png", "check its name")
    _refused("~/no such cat.png", "~ is not expanded")


def test_what_is_no_regular_file_is_refused_by_its_kind(tmp_path: Path) -> None:
    _refused(tmp_path, "is a directory", "one by one")
    _refused(str(tmp_path) + "/", "is a directory")
    os.mkfifo(tmp_path / "pipe")
    _refused(tmp_path / "pipe", "a named pipe", "open it")
    _refused("/dev/null", "is a device", "open it")
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's path is at most 107 bytes long
        try:
            bound.bind("socket")
        finally:
            os.chdir(here)
        _refused(tmp_path / "socket", "socket")


def test_paths_that_are_none_are_refused(tmp_path: Path) -> None:
    _refused("", "empty", "give the path")
    _refused("a\0b", "no path", "give the path")
    _refused("x" * 5000, "too long", "text.encode()")
    (tmp_path / "file").touch()
    _refused(tmp_path / "file" / "below", "a file, not a directory")
    (tmp_path / "loop").symlink_to("loop")
    _refused(tmp_path / "loop", "leads to itself")


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs a system with user ids")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)
    path.chmod(0)
    # The child opens the folder first: a plain user may not walk down to it. Then it drops root's rights.
    script = (
        "import os, sys\n"
        "from lashkit.errors import IngestError\n"
        "from lashkit.ingestion import ingest\n"
        "os.chdir(sys.argv[1])\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n    ingest('secret.png')\n"
        "except IngestError as exc:\n    print(exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "Permission denied" in done.stdout
    assert "check its permissions" in done.stdout


@pytest.mark.parametrize("change", ["content", "length", "replaced", "gone"])
def test_a_file_that_changed_since_it_was_looked_at_is_refused(change: str, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    os.utime(path, ns=(1, 1))
    taken = ingest(path)
    if change == "content":
        path.write_bytes(PNG[::-1])
    elif change == "length":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "replaced":
        (tmp_path / "other").write_bytes(PNG)
        os.replace(tmp_path / "other", path)
    else:
        path.unlink()
    with pytest.raises(IngestError, match=r"changed since it was looked at|no such file"):
        taken.read()


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing.bin"
    path.write_bytes(bytes(2 * CHUNK_BYTE_LEN))
    chunks = ingest(path).chunks()
    next(chunks)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(IngestError, match="changed since"):
        list(chunks)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' proc file system")
def test_a_file_that_the_kernel_makes_up_is_read_whole() -> None:
    taken = ingest("/proc/self/status")
    assert taken.meta.media_type == "text/plain"
    assert taken.byte_len == len(taken.read()) > 100
    _refused("/proc/self/mem", "cannot be read")


def test_a_label_is_the_last_component_as_text_or_the_one_given(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9 \xf0\x9f\x90\xb1.png"
    Path(os.fsdecode(odd)).write_bytes(PNG)
    assert ingest(os.fsdecode(odd)).meta.label == "caf\ufffd \U0001f431.png"
    assert ingest(PNG, label="my cat").meta.label == "my cat"
    assert ingest(os.fsdecode(odd), label="").meta.label is None
    for label in ("\udcff.png", "\ud800", "a\n\udcff"):
        cleaned = ingest(PNG, label=label).meta.label
        assert cleaned is not None
        cleaned.encode()
    _refused(PNG, "label is a int", label=7)


def test_a_url_is_refused_with_the_way_to_fetch_it() -> None:
    _refused("https://example.org/cat.png", "fetched on purpose", "ingest_url")
    _refused("HTTP://example.org/cat.png", "ingest_url")
    _refused("file:///etc/hosts", "is a URL", "local file")
    _refused("s3://bucket/cat.png", "is a URL")


@pytest.mark.parametrize("source", [None, 7, 3.5, ["cat.png"], {"a": 1}, object(), io.BytesIO, len])
def test_other_objects_are_refused_by_their_type(source: object) -> None:
    _refused(source, type(source).__qualname__, "give a path, bytes")


def test_hostile_names_make_short_ascii_messages(tmp_path: Path) -> None:
    for name in ("\x1b[31mred" + "\u202e" * 50, "a\nb", "x" * 200):
        with pytest.raises(IngestError) as caught:
            ingest(tmp_path.name + name)
        assert re.fullmatch(r"[ -~]{10,400}", str(caught.value))


def test_a_stored_attachment_keeps_its_metadata() -> None:
    meta = AttachmentMeta(
        id=content_id(b"bytes"), media_type=MediaType("image/x-own"), byte_len=5, width=7, height=9, label="own"
    )
    stored = StoredAttachment(meta, b"bytes")
    taken = ingest(stored)
    assert _facts(taken) == ("image/x-own", 7, 9, "own")
    assert (taken.byte_len, taken.read()) == (5, b"bytes")
    assert _facts(ingest(stored, label="new")) == ("image/x-own", 7, 9, "new")
    assert _facts(ingest(stored, media_type="text/plain")) == ("text/plain", None, None, "own")
    assert _facts(ingest(stored, media_type="image/x-own")) == ("image/x-own", 7, 9, "own")
    _refused(stored, "image/png", "text/plain", media_type="image/png")


def test_a_media_type_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidMediaType):
        ingest(b"hello", media_type="no type")


def test_a_repr_shows_facts_and_no_bytes() -> None:
    assert repr(ingest(b"secret bytes")) == (
        "Ingested(AttachmentCreateMeta(media_type='text/plain', width=None, height=None, label=None), byte_len=12)"
    )


def test_importing_ingest_and_taking_text_imports_nothing_heavy() -> None:
    script = (
        "import sys, lashkit.ingestion as i\n"
        "i.ingest(b'{}'); i.ingest(b'hello'); i.ingest('data:,a'); i.ingest(b'%PDF-1.7')\n"
        "heavy = {'PIL', 'numpy', 'IPython', 'matplotlib', 'puremagic', 'asyncio', 'ssl', 'http'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_file_of_one_gibibyte_takes_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.write(b"\x7fELF")
        file.truncate(1024**3)
    script = (
        "import resource, sys, hashlib\n"
        "from lashkit.ingestion import ingest\n"
        "ingest(b'warm'); idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "taken = ingest(sys.argv[1]); digest = hashlib.sha256(); count = 0\n"
        "for chunk in taken.chunks(): digest.update(chunk); count += len(chunk)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(count, peak - idle)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    count, grown_kib = map(int, done.stdout.split())
    assert count == 1024**3
    assert grown_kib / (1024 if sys.platform == "darwin" else 1) <= 64 * 1024
