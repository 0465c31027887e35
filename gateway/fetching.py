"""Fetches a document from a URL that somebody outside has chosen, and reaches nothing internal by it.

The address is checked where the connection is made: a name is resolved once, every address that is not public is left
out, and the connection goes to a checked address as such, so that a name that is answered differently the next time
(DNS rebinding) gains nothing. The same holds for every redirect. No proxy of the environment is asked. How it fails:
NotRetrieved, with words for the person who sent the fax; `may_pass` where the next try could succeed.
"""

import asyncio
import base64
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import httpcore
import httpx

from gateway.errors import Refused
from gateway.fax import DocumentRequest
from gateway.languages import said

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> its addresses, as text."""

MOST_BYTES = 35 << 20
MOST_REDIRECTS = 3
CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10.0, 30.0, 60.0
TIMEOUTS = {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS, "pool": CONNECT_SECONDS}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429, 502, 503, 504})
"""Answers that another try may change."""
MOST_NAME = 120

_MAPPED = tuple(ipaddress.IPv6Network(prefix) for prefix in ("::ffff:0:0/96", "::/96", "64:ff9b::/96"))
"""IPv6 addresses that end in the IPv4 address they stand for: mapped (RFC 4291), compatible, NAT64 (RFC 6052)."""
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # the metadata service of Azure: a public address that leads inside
        "100.64.0.0/10",  # carriers' NAT (RFC 6598); Alibaba's metadata service
        "192.0.0.0/24",  # of protocols (RFC 6890), of which Python calls some public; Oracle's metadata service
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "64:ff9b:1::/48",  # NAT64 of one's own network (RFC 8215)
        "2001::/32",  # Teredo: an IPv4 address in disguise
        "3fff::/20",  # for examples (RFC 9637)
        "fec0::/10",  # site-local (RFC 3879)
    )
)


class NotRetrieved(Refused):
    """The document could not be had."""

    code = "not_retrieved"

    def __init__(self, text: str, *, may_pass: bool = False, detail: str = "") -> None:
        super().__init__(text, detail=detail)
        self.may_pass = may_pass


class InternalAddress(NotRetrieved):
    """The URL leads into a network that documents are not fetched from."""


def is_internal(address: Address) -> bool:
    """Whether an address is anything but public, in whatever form it is written.

    >>> [is_internal(ipaddress.ip_address(a)) for a in ("169.254.169.254", "::ffff:10.0.0.1", "93.184.215.14")]
    [True, True, False]
    """
    embedded = _embedded(address)
    if embedded is not None:
        return is_internal(embedded)
    unusual = address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global
    return unusual or _within(address, _NEVER_PUBLIC)


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if _within(address, _MAPPED):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF) if address in _SIX_TO_FOUR else None


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The system's answer. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public addresses, and to those in `allowed`; to nothing else."""

    def __init__(self, allowed: Sequence[Network] = (), resolve: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = [ipaddress.ip_address(text) for text in await self._resolve(host, port)]
        except (OSError, UnicodeError, OverflowError) as error:  # no such name; a name or port that none can have
            raise NotRetrieved(
                said("could not retrieve file, the host {host} was not found", host=host), detail=str(error)
            ) from error
        permitted = [address for address in addresses if self._permits(address)]
        if not permitted:
            raise InternalAddress(f"could not retrieve file, {host} is an internal address that may not be reached")
        *others, last = permitted
        for address in others:
            try:
                return await self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._connect(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise InternalAddress("could not retrieve file, it is on this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _connect(
        self,
        address: Address,
        port: int,
        timeout: float | None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)
        peer = stream.get_extra_info("server_addr")
        if not self._permits(ipaddress.ip_address(peer[0])):  # what counts is where we are
            await stream.aclose()
            raise InternalAddress("could not retrieve file, it is at an internal address that may not be reached")
        return stream

    def _permits(self, address: Address) -> bool:
        forms = [address, embedded] if (embedded := _embedded(address)) is not None else [address]
        return any(_within(form, self._allowed) for form in forms) or not is_internal(address)


@cache
def public_trust() -> ssl.SSLContext:
    """For HTTPS to whoever the system's certificates vouch for. Read once in a process: it takes longer than most
    requests."""
    return ssl.create_default_context()


class Fetcher:
    """Fetches documents. Holds nothing open between two of them."""

    def __init__(
        self, allowed: Sequence[Network] = (), *, resolve: Resolve = resolve, most_bytes: int = MOST_BYTES
    ) -> None:
        self._network = PublicNetwork(allowed, resolve)
        self._most = most_bytes
        self._tls = public_trust()

    async def fetch(self, request: DocumentRequest, into: Path) -> str:
        """Write the document to the file `into`; returns its name, made from the URL. Raises NotRetrieved."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._fetch(request, into)
        except (TimeoutError, httpcore.TimeoutException) as error:
            text = "could not retrieve file, the server did not answer in time"
            raise NotRetrieved(text, may_pass=True, detail=repr(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _unreachable(error) from error

    async def _fetch(self, request: DocumentRequest, into: Path) -> str:
        url, method, body = _url(request.url), request.method.upper(), request.content.encode()
        headers = _headers(request, url)
        async with httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network) as pool:
            for _ in range(MOST_REDIRECTS + 1):
                target = httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path or b"/"
                )
                sent = {**headers, "Content-Length": str(len(body))} if method == "POST" else headers
                async with pool.stream(
                    method,
                    target,
                    headers=[(name.encode(), value.encode()) for name, value in sent.items()],
                    content=body if method == "POST" else None,
                    extensions={"timeout": TIMEOUTS},
                ) as response:
                    location = _header(response, b"location")
                    if response.status not in REDIRECTS or not location:
                        await self._receive(response, into)
                        return _name(url)
                url = _url(location, url)
                headers = {**headers, "Host": _host(url)}
                headers.pop("Authorization", None)  # was for the server that we were sent to
                if response.status == 303 or (response.status in {301, 302} and method == "POST"):
                    method = "GET"
        raise NotRetrieved(f"could not retrieve file, more than {MOST_REDIRECTS} redirects")

    async def _receive(self, response: httpcore.Response, into: Path) -> None:
        status = response.status
        if not 200 <= status < 300:
            raise NotRetrieved(
                said("could not retrieve file, http response {status}", status=status), may_pass=status in PASSING
            )
        if (encoding := _header(response, b"content-encoding").lower()) not in ("", "identity"):
            raise NotRetrieved(f"could not retrieve file, it came compressed ({encoding[:20]}) though not asked to be")
        announced = _header(response, b"content-length")
        received = int(announced) if announced.isdigit() and len(announced) < 18 else 0
        with into.open("wb") as file:
            if received <= self._most:
                received = 0
                async for chunk in response.aiter_stream():
                    received += len(chunk)
                    if received > self._most:
                        break
                    file.write(chunk)
        if received > self._most:
            raise NotRetrieved(said("could not retrieve file, it is larger than {size} MB", size=self._most >> 20))
        if not received:
            raise NotRetrieved(said("could not retrieve file, it is empty"))


def _url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        url = httpx.URL(text) if base is None else base.join(text)
        url.host.encode("idna")  # raises where a label is empty or too long
        if url.scheme in ("http", "https") and url.host and (url.port is None or 0 < url.port < 65536):
            return url
    except (httpx.InvalidURL, ValueError) as error:
        raise NotRetrieved("could not retrieve file, its URL cannot be understood", detail=str(error)) from error
    raise NotRetrieved("could not retrieve file, its URL is neither http nor https, or names no port that there is")


def _headers(request: DocumentRequest, url: httpx.URL) -> dict[str, str]:
    headers = {"Host": request.host or _host(url), "User-Agent": "faxgate", "Accept": "*/*"}
    headers["Accept-Encoding"] = "identity"
    if request.referer:
        headers["Referer"] = request.referer
    if request.method == "post":
        headers["Content-Type"] = request.content_type or "application/x-www-form-urlencoded"
    if url.userinfo:
        headers["Authorization"] = f"Basic {base64.b64encode(unquote(url.userinfo.decode()).encode()).decode()}"
    return headers


def _host(url: httpx.URL) -> str:
    return url.netloc.decode("ascii")


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in response.headers if key.lower() == name), "")


def _name(url: httpx.URL) -> str:
    """The last part of the path: for people, never used as a path."""
    return re.sub(r"[\x00-\x1f\x7f]", "", PurePosixPath(url.path).name)[:MOST_NAME]


def _unreachable(error: Any) -> NotRetrieved:
    if isinstance(error, httpcore.ConnectError) and "certificate" in str(error).lower():
        return NotRetrieved(
            said("could not retrieve file, the server's certificate cannot be trusted"), detail=str(error)
        )
    if isinstance(error, httpcore.ConnectError):
        text = said("could not retrieve file, no connection to the server")
    elif isinstance(error, httpcore.LocalProtocolError):
        return NotRetrieved("could not retrieve file, the request cannot be sent as it is given", detail=str(error))
    else:
        text = said("could not retrieve file, the connection broke off")
    return NotRetrieved(text, may_pass=True, detail=str(error))
