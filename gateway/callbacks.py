"""Tells programs over HTTP, signed (`gateway.signing`), and reaches nothing internal by it.

Any 2xx is an answer that it was taken; a redirect is not followed, 410 and other
4xx are final but for those that speak of time or load; everything else is tried again.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpcore
import httpx

from gateway.fetching import TIMEOUTS, Network, NotRetrieved, PublicNetwork, Resolve, public_trust, resolve
from gateway.ports import CallbackOrder, DelayedDeliveryError, RefusedDeliveryError
from gateway.signing import signed

PASSING = frozenset({408, 409, 423, 425, 429})
"""4xx that another try may change."""
MOST_ANSWER = 4096
"""Bytes of an answer that are read."""
TOTAL_SECONDS, ANSWER_SECONDS = 30.0, 5.0
"""For all of it, and for what follows the head of the answer. Limits of single reads do not do: who sends an octet
every few seconds would hold a place for days that notices of all accounts wait for."""


class HttpCallbacks:
    """Holds nothing open between two of them. `allowed` are the internal networks that may be reached."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        resolve: Resolve = resolve,
        total_seconds: float = TOTAL_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._network = PublicNetwork(allowed, resolve)
        self._total, self._answer = total_seconds, answer_seconds
        self._tls = public_trust()

    async def close(self) -> None:
        """Nothing is kept open."""

    async def send(self, order: CallbackOrder, *, key: str) -> str:
        content_type, body = _body(order)
        headers = {
            "Host": _host(order.url),
            "User-Agent": "faxgate",
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            **_signed(key, order.secrets, body),
        }
        try:
            async with asyncio.timeout(self._total):
                return await self._send(order, headers, body)
        except NotRetrieved as error:  # the guard of the network says so
            if error.may_pass or "not found" in error.text:
                raise DelayedDeliveryError(_ours(error.text)) from error
            raise RefusedDeliveryError(_ours(error.text)) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise DelayedDeliveryError("The program did not answer in time.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise DelayedDeliveryError(f"The program cannot be reached: {error}"[:300]) from error

    async def _send(self, order: CallbackOrder, headers: dict[str, str], body: bytes) -> str:
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network) as pool,
            pool.stream(
                order.method.upper(),
                _target(order.url),
                headers=[(name.encode(), value.encode()) for name, value in headers.items()],
                content=body,
                extensions={"timeout": TIMEOUTS},
            ) as response,
        ):
            said = await self._said(response)
            answer = f"HTTP {response.status}"
            if 200 <= response.status < 300:
                return answer
            words = " ".join(said[:200].decode("utf-8", "replace").split())
            told = f"{answer}: {words}" if words else answer
            if 300 <= response.status < 500 and response.status not in PASSING:
                raise RefusedDeliveryError(told)
            raise DelayedDeliveryError(told)

    async def _said(self, response: httpcore.Response) -> bytes:
        """The words of an answer, or their beginning. Its status alone decides: however the words end, what was taken
        must not be told again."""
        said = b""
        with suppress(TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
            async with asyncio.timeout(self._answer):
                async for chunk in response.aiter_stream():
                    said += chunk
                    if len(said) >= MOST_ANSWER:
                        break
        return said


def _body(order: CallbackOrder) -> tuple[str, bytes]:
    whole: dict[str, object] = {
        "type": order.kind,
        "timestamp": order.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": dict(order.data),
    }
    if not order.form:
        return "application/json", json.dumps(whole).encode()
    flat = {"type": whole["type"], "timestamp": whole["timestamp"]}
    flat |= {name: "" if value is None else value for name, value in order.data.items()}
    return "application/x-www-form-urlencoded", urlencode(flat).encode()


def _signed(key: str, secrets: Sequence[str], body: bytes) -> dict[str, str]:
    try:
        return signed(key, secrets, body, datetime.now(UTC))
    except ValueError as error:
        raise RefusedDeliveryError(f"The callback cannot be signed: its secret {error}.") from error


def _target(url: str) -> httpcore.URL:
    parsed = _parsed(url)
    return httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path or b"/"
    )


def _host(url: str) -> str:
    return _parsed(url).netloc.decode("ascii")


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        parsed.host.encode("idna")  # raises where a label is empty or too long
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedDeliveryError(f"The URL of the callback cannot be understood: {error}") from error
    return parsed


def _ours(text: str) -> str:
    return f"The program cannot be told: {text.removeprefix('could not retrieve file, ')}."
