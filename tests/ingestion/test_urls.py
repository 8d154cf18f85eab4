"""URLs are fetched on purpose, from public addresses, within limits; from real servers on this machine."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from lashkit.errors import IngestError
from lashkit.ingestion import ingest_url

_PICTURE = io.BytesIO()
Image.new("RGB", (4, 3), "teal").save(_PICTURE, "PNG")
PNG = _PICTURE.getvalue()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; `seen` on the server lists what was asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's own name)
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
        self.close_connection = True

    def do_GET(self) -> None:
        """Answer."""
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            self._answer(302, Location=self.path.removeprefix("/to/").replace("%s", path))
        elif path == "/round":
            self._answer(301, Location="/round")
        elif path == "/nowhere":
            self._answer(302, b"no place")
        elif path == "/missing":
            self._answer(404, b"<html>not here</html>")
        elif path == "/packed":
            self._answer(200, PNG, Content_Encoding="gzip")
        elif path == "/short":
            self._answer(200, PNG, Content_Length=str(len(PNG) + 7))
        elif path == "/endless":
            self._drip(b"x" * 65536, 0)
        elif path == "/dripping":
            self._drip(b"x", 0.02)
        elif path == "/unsized":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + PNG)
            self.close_connection = True
        elif path == "/nonsense":
            self.wfile.write(b"what?\r\n\r\n")
            self.close_connection = True
        else:
            self._answer(200, PNG, Content_Type="text/html")

    def _drip(self, part: bytes, pause_s: float) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.ended.wait(pause_s):  # type: ignore[attr-defined]
                self.wfile.write(part)
        self.close_connection = True


@contextlib.contextmanager
def _serving(
    host: str = "127.0.0.1", wrap: Callable[[socket.socket], socket.socket] | None = None
) -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer((host, 0), _Handler)
    server.seen, server.ended = [], threading.Event()  # type: ignore[attr-defined]
    if wrap:
        server.socket = wrap(server.socket)
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with _serving() as running:
        yield running


def _at(server: http.server.ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def _refused(url: str, *parts: str, **options: object) -> None:
    with pytest.raises(IngestError) as caught:
        ingest_url(url, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_url_gives_its_bytes_and_the_name_in_its_path(server: http.server.ThreadingHTTPServer) -> None:
    taken = ingest_url(_at(server, "/a/big%20cat.png?size=1#top"), allow_private=True)
    assert (taken.read(), taken.byte_len) == (PNG, len(PNG))
    assert (taken.meta.media_type, taken.meta.width, taken.meta.height) == ("image/png", 4, 3)
    assert taken.meta.label == "big cat.png"
    assert server.seen == ["/a/big%20cat.png?size=1"]  # type: ignore[attr-defined]


def test_a_url_without_a_path_is_named_after_its_host_unless_a_label_is_given(
    server: http.server.ThreadingHTTPServer,
) -> None:
    assert ingest_url(_at(server, ""), allow_private=True).meta.label == "127.0.0.1"
    assert ingest_url(_at(server, "/"), allow_private=True, label="mine").meta.label == "mine"


def test_characters_that_a_url_may_not_hold_are_escaped(server: http.server.ThreadingHTTPServer) -> None:
    taken = ingest_url(_at(server, "/caf\u00e9 noir.png?q=\u00fc"), allow_private=True)
    assert taken.meta.label == "caf\u00e9 noir.png"
    assert server.seen == ["/caf%C3%A9%20noir.png?q=%C3%BC"]  # type: ignore[attr-defined]


def test_an_answer_without_a_length_is_read_to_its_end(server: http.server.ThreadingHTTPServer) -> None:
    assert ingest_url(_at(server, "/unsized"), allow_private=True).read() == PNG


@pytest.mark.parametrize(
    "place", ["/cat.png", "../cat.png", "//127.0.0.1:{port}/cat.png", "http://127.0.0.1:{port}/cat.png"]
)
def test_a_redirect_is_followed(server: http.server.ThreadingHTTPServer, place: str) -> None:
    taken = ingest_url(_at(server, "/to/" + place.format(port=server.server_port)), allow_private=True)
    assert (taken.read(), taken.meta.label) == (PNG, "cat.png")


def test_redirects_end(server: http.server.ThreadingHTTPServer) -> None:
    _refused(_at(server, "/round"), "more than 5 times", allow_private=True)
    assert len(server.seen) == 6  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/to/file:///etc/passwd", "no http or https URL"),
        ("/to/http://user:secret@127.0.0.1/", "user name or password"),
        ("/to/http://[::1", "is no URL"),
        ("/nowhere", "answered 302"),
        ("/missing", "answered 404"),
        ("/packed", "encoding 'gzip'"),
        ("/short", "7 bytes early"),
        ("/nonsense", "cannot be fetched"),
    ],
)
def test_an_answer_that_is_not_the_thing_is_refused(
    server: http.server.ThreadingHTTPServer, path: str, says: str
) -> None:
    _refused(_at(server, path), says, allow_private=True)


def test_the_size_is_capped_while_reading(server: http.server.ThreadingHTTPServer) -> None:
    _refused(
        _at(server, "/endless"), "more than 1000000 bytes", "max_byte_len", allow_private=True, max_byte_len=1_000_000
    )
    _refused(_at(server, "/cat.png"), "more than", allow_private=True, max_byte_len=len(PNG) - 1)
    assert ingest_url(_at(server, "/cat.png"), allow_private=True, max_byte_len=len(PNG)).byte_len == len(PNG)


def test_the_time_is_capped_however_the_bytes_come(server: http.server.ThreadingHTTPServer) -> None:
    _refused(_at(server, "/dripping"), "too long", "timeout_s", allow_private=True, timeout_s=0.3)
    _refused(_at(server, "/cat.png"), "too long", allow_private=True, timeout_s=0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _refused(f"http://127.0.0.1:{silent.getsockname()[1]}/", "too long", allow_private=True, timeout_s=0.2)


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        _refused(f"http://127.0.0.1:{port}/cat.png", f"127.0.0.1:{port}", "ConnectionRefusedError", allow_private=True)
    _refused("http://no-such-host.invalid/", "no-such-host.invalid", "not known")
    _refused("http://" + "a" * 70 + ".invalid/", "not known")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[2001:0:7f00:1::]",
    ],
)
def test_an_address_that_is_not_public_is_refused_before_it_is_reached(host: str) -> None:
    _refused(f"http://{host}:1/", "no public address", "allow_private=True")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no http or https URL"),
        ("cat.png", "no http or https URL"),
        ("ftp://example.org/cat.png", "no http or https URL"),
        ("file:///etc/passwd", "no http or https URL"),
        ("http://", "names no host"),
        ("http:///cat.png", "names no host"),
        ("http://host:99999/", "is no URL"),
        ("http://host:port/", "is no URL"),
        ("http://[::1/", "is no URL"),
        ("https://user@example.org/", "user name or password"),
        (7, "not a int"),
    ],
)
def test_what_is_no_url_to_fetch_is_refused(url: str, says: str) -> None:
    _refused(url, says)


def test_a_label_that_is_no_text_is_refused_before_anything_is_fetched() -> None:
    _refused("http://no-such-host.invalid/", "label is a int", label=7)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of `localhost`, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", path.with_suffix(".crt")],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    wrap = functools.partial(context.wrap_socket, server_side=True, do_handshake_on_connect=False)
    with _serving(wrap=wrap) as running:
        yield running


def test_https_is_checked_against_the_hosts_name(
    secure: http.server.ThreadingHTTPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = secure.server_port
    _refused(f"https://localhost:{port}/cat.png", "CERTIFICATE_VERIFY_FAILED", allow_private=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    assert ingest_url(f"https://localhost:{port}/cat.png", allow_private=True).read() == PNG
    _refused(f"https://127.0.0.1:{port}/cat.png", "CERTIFICATE_VERIFY_FAILED", allow_private=True)
    _refused(f"https://localhost:{port}/to/http://localhost/", "from https to http", allow_private=True)


_IN_A_NET_OF_ITS_OWN = """
import http.server, socket, sys, threading
from lashkit.errors import IngestError
from lashkit.ingestion import ingest_url
PUBLIC = "93.184.216.34"
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        inside = self.path.startswith("/inside")
        self.send_response(302 if inside else 200)
        if inside: self.send_header("Location", f"http://127.0.0.1:{port}/secret")
        self.end_headers()
        self.wfile.write(self.connection.getsockname()[0].encode())
server = http.server.ThreadingHTTPServer(("", 0), Handler)
port = server.server_port
threading.Thread(target=server.serve_forever, daemon=True).start()
print(ingest_url(f"http://{PUBLIC}:{port}/").read())
try: ingest_url(f"http://{PUBLIC}:{port}/inside")
except IngestError as exc: print("no public address" in str(exc))
answers = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))] for one in (PUBLIC, "127.0.0.1", "127.0.0.1")]
socket.getaddrinfo = lambda *args, **options: answers.pop(0)
print(ingest_url(f"http://rebound.example:{port}/").read(), len(answers))
"""


def test_redirects_and_names_that_change_never_lead_inside() -> None:
    """In a network namespace where a public address is this machine's own, so that nothing leaves it."""
    enter = ["unshare", "--map-root-user", "--net", "sh", "-c"]
    setup = "ip link set lo up && ip address add 93.184.216.34/32 dev lo"
    if not sys.platform.startswith("linux") or subprocess.run([*enter, setup], capture_output=True).returncode:
        pytest.skip("this kernel has no network namespaces for this user, or iproute2 is not installed")
    run = [*enter, f'{setup} && exec "$0" -c "$1"', sys.executable, _IN_A_NET_OF_ITS_OWN]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["b'93.184.216.34'", "True", "b'93.184.216.34' 2"], done.stderr
