"""`ingest_url`: the one place that fetches, and only when it is called by name."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from lashkit.errors import IngestError
from lashkit.ingestion.files import Opened
from lashkit.ingestion.reading import shown, told
from lashkit.ingestion.sources import check_label, describe

if TYPE_CHECKING:
    import http.client
    import ipaddress
    import socket
    from urllib.parse import SplitResult

    from lashkit.ingestion.ingested import Ingested

__all__ = ["MAX_URL_BYTE_LEN", "ingest_url"]

MAX_URL_BYTE_LEN = 64 * 1024 * 1024
"""How many bytes a URL may give, unless `max_byte_len` says otherwise."""

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_SAFE_IN_URL = "/%:=&?~#+!$,;'@()*[]-._"


def ingest_url(
    url: str,
    *,
    max_byte_len: int = MAX_URL_BYTE_LEN,
    allow_private: bool = False,
    timeout_s: float = 30.0,
    label: str | None = None,
) -> Ingested:
    """Fetch `url` into memory and make it ready to be stored. Blocking.

    Only http and https. Every address that the host has must be public, each redirect (at most 5, and never from https
    to http) is checked again, and the connection goes to the very address that was checked. Proxies, credentials and
    cookies are not used. The content decides the media type; what the server says is not asked.

    Args:
        url: with a host; user names and passwords in it are refused.
        max_byte_len: bytes; a longer answer is refused while it is read.
        allow_private: also fetch from loopback, private and link-local addresses.
        timeout_s: seconds for all of it, apart from the look-up of the host's name.
        label: a name for people; by default the last part of the URL's path, else the host.

    Raises:
        IngestError: anything that went wrong; nothing was stored.
    """
    check_label(label)
    deadline = time.monotonic() + timeout_s
    at = _checked(url)
    for _ in range(_MAX_REDIRECTS + 1):
        answer = _get(at, allow_private, max_byte_len, deadline)
        if isinstance(answer, bytes):
            name = unquote(at.path.rstrip("/").rpartition("/")[2]) or at.hostname or ""
            return describe(Opened.of_bytes(answer, name), label=label, declared=None, trusted=False)
        following = _checked(answer, at.geturl())
        if at.scheme == "https" and following.scheme == "http":
            raise IngestError(
                f"{shown(url)} redirects from https to http; fetch {shown(following.geturl())} on purpose"
            )
        at = following
    raise IngestError(f"{shown(url)} redirects more than {_MAX_REDIRECTS} times; give the address that it ends at")


def _checked(url: object, base: str = "") -> SplitResult:
    if not isinstance(url, str):
        raise IngestError(f"a URL is a str, not a {type(url).__name__}; give one such as https://host/cat.png")
    try:
        parts = urlsplit(urljoin(base, url))
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise IngestError(f"{shown(url)} is no URL ({told(exc)}); give one such as https://host/cat.png") from exc
    if parts.scheme not in ("http", "https"):
        raise IngestError(f"{shown(url)} is no http or https URL; for a local file, give its path to ingest")
    if not host:
        raise IngestError(f"{shown(url)} names no host; give one such as https://host/cat.png")
    if parts.username is not None or parts.password is not None:
        raise IngestError("the URL holds a user name or password; fetch it with your own client, and put the bytes")
    return parts


def _get(at: SplitResult, allow_private: bool, max_byte_len: int, deadline: float) -> bytes | str:
    """The body at `at`, or the place that it redirects to."""
    import http.client

    where = shown(at.geturl())
    addresses = _resolved(at, allow_private)
    try:
        with _reached(addresses, deadline) as plain, _secured(plain, at, deadline) as sock:
            return _asked(at, sock, max_byte_len, deadline, where)
    except TimeoutError as exc:
        raise IngestError(f"{where} took too long; raise timeout_s") from exc
    except (OSError, http.client.HTTPException, UnicodeError) as exc:
        raise IngestError(f"{where} cannot be fetched ({type(exc).__name__}: {told(exc)}); try again later") from exc


def _asked(at: SplitResult, sock: socket.socket, max_byte_len: int, deadline: float, where: str) -> bytes | str:
    """The answer on a connected socket, which the caller closes."""
    import http.client

    connection = http.client.HTTPConnection(at.hostname or "", at.port or _PORTS[at.scheme])
    connection.default_port = _PORTS[at.scheme]
    connection.sock = _Deadlined(sock, deadline)
    target = quote(at.path or "/", safe=_SAFE_IN_URL) + (f"?{quote(at.query, safe=_SAFE_IN_URL)}" if at.query else "")
    connection.request("GET", target, headers={"Accept-Encoding": "identity", "User-Agent": "lashkit"})
    with connection.getresponse() as response:
        if response.status in _REDIRECTS and (place := response.getheader("Location")):
            return place
        if response.status != 200:
            raise IngestError(f"{where} answered {response.status} {shown(response.reason)}; check the URL")
        if (coding := response.getheader("Content-Encoding", "identity").lower()) != "identity":
            raise IngestError(f"{where} answered in the encoding {shown(coding)}, unasked; download it another way")
        return _body(response, max_byte_len, where)


def _body(response: http.client.HTTPResponse, max_byte_len: int, where: str) -> bytes:
    output = io.BytesIO()
    while data := response.read(min(64 * 1024, max_byte_len + 1 - output.tell())):
        output.write(data)
        if output.tell() > max_byte_len:
            raise IngestError(f"{where} gives more than {max_byte_len} bytes; raise max_byte_len to take it")
    if response.length:
        raise IngestError(f"{where} ended {response.length} bytes early; try again")
    return output.getvalue()


def _resolved(at: SplitResult, allow_private: bool) -> list[tuple[Any, ...]]:
    """The addresses of the host, as `getaddrinfo` gives them; all of them public, unless that does not matter."""
    import ipaddress
    import socket

    host = at.hostname or ""
    try:
        found = socket.getaddrinfo(host, at.port or _PORTS[at.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise IngestError(f"the host {shown(host)} is not known ({told(exc)}); check the URL") from exc
    for *_, address in found:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        if not allow_private and not _is_public(ip):
            raise IngestError(
                f"the host {shown(host)} is at {ip}, which is no public address; pass allow_private=True if you mean it"
            )
    return list(found)


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether `ip` is reachable by everybody. An IPv6 address that carries an IPv4 one is judged by both."""
    import ipaddress

    if isinstance(ip, ipaddress.IPv6Address):
        carried = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.ipv4_mapped is not None:
            return _is_public(ip.ipv4_mapped)
        if not all(_is_public(one) for one in carried if one is not None):
            return False
    return ip.is_global and not ip.is_multicast


def _reached(addresses: list[tuple[Any, ...]], deadline: float) -> socket.socket:
    import socket

    failure: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.settimeout(_left(deadline))
            candidate.connect(address)
        except OSError as exc:
            candidate.close()
            failure = exc
        else:
            return candidate
    raise failure or OSError("the host has no address")


def _secured(plain: socket.socket, at: SplitResult, deadline: float) -> socket.socket:
    """`plain` under TLS, its certificate checked against the host's name; itself where the URL is http."""
    if at.scheme == "http":
        return plain
    import ssl

    plain.settimeout(_left(deadline))
    return ssl.create_default_context().wrap_socket(plain, server_hostname=at.hostname)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left


class _Deadlined:
    """What `http.client` needs of a socket, with only the time that is left for each read and write."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """The reading side."""
        return io.BufferedReader(_Reading(self._sock, self._deadline))

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def close(self) -> None:
        """Nothing: `http.client` closes as soon as it has the headers, and who connected closes for good."""


class _Reading(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)
