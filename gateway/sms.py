"""Sends short messages: over SMPP to a message centre, or over HTTPS to a service.

    smpp://user:password@host:2775?source=FAX        SMPP 3.4, bound as a transmitter (smpps:// with TLS)
    https://host/path                                JSON of `FAXGATE_SMS_TEMPLATE`, with `FAXGATE_SMS_HEADER`

Both say truly what became of a message: what will never be taken raises RefusedDeliveryError, anything that may pass
DelayedDeliveryError. A message whose answer was lost is sent again, and may arrive twice.
"""

import asyncio
import json
import logging
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import smpplib.client
import smpplib.exceptions
from smpplib import consts, gsm, smpp

from gateway.ports import DelayedDeliveryError, RefusedDeliveryError, Texter

log = logging.getLogger(__name__)

DEFAULT_TEMPLATE = '{"to": "{to}", "text": "{text}"}'
SECONDS = 15.0
"""How long a service may take to answer."""
ENQUIRE_SECONDS = 25.0
"""How often an idle connection is asked whether it lives: centres close those that say nothing."""
PASSING = frozenset({408, 425, 429})
"""HTTP 4xx that another try may change."""

_MAY_PASS = frozenset(
    {
        consts.SMPP_ESME_RSYSERR,
        consts.SMPP_ESME_RMSGQFUL,
        consts.SMPP_ESME_RTHROTTLED,
        consts.SMPP_ESME_RX_T_APPN,
        consts.SMPP_ESME_RINVBNDSTS,
    }
)
"""SMPP 3.4, 5.1.3: statuses that speak of the centre's state, not of the message."""
_INTERNATIONAL, _ALPHANUMERIC, _ISDN = consts.SMPP_TON_INTL, consts.SMPP_TON_ALNUM, consts.SMPP_NPI_ISDN


def texter_from_url(url: str, *, template: str = DEFAULT_TEMPLATE, header: str = "") -> Texter | None:
    """The sender of a `FAXGATE_SMS_URL`; None where that is empty. Raises ValueError, which never shows a password."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("expected smpp://user:password@host:2775 or https://host/path") from None
    if parts.scheme in ("smpp", "smpps") and host and not parts.path.strip("/"):
        options = dict(parse_qsl(parts.query))
        source = options.pop("source", "")
        if options:
            raise ValueError(f"unknown option {min(options)}; there is source, the number or name of the sender")
        return SmppTexter(
            Centre(
                host=host,
                port=port or (3550 if parts.scheme == "smpps" else 2775),
                user=unquote(parts.username or ""),
                password=unquote(parts.password or ""),
                source=source,
                tls=parts.scheme == "smpps",
            )
        )
    if parts.scheme in ("https", "http") and host:
        if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("http:// is for a service on this host; take https://")
        return HttpTexter(url, template, header)
    raise ValueError("expected smpp://user:password@host:2775 or https://host/path")


class HttpTexter:
    """A service that takes JSON by POST."""

    def __init__(self, url: str, template: str = DEFAULT_TEMPLATE, header: str = "") -> None:
        if "{to}" not in template or "{text}" not in template:
            raise ValueError("the template needs {to} and {text}")
        try:
            json.loads(_filled(template, "+1", "x", "k"))
        except ValueError:
            raise ValueError(f"the template is no JSON, such as {DEFAULT_TEMPLATE}") from None
        name, colon, value = header.partition(":")
        if header and (not colon or not name.strip() or "\n" in header):
            raise ValueError("the header is written as Name: value")
        self._url, self._template = url, template
        self._headers = {"Content-Type": "application/json", "User-Agent": "faxgate"}
        if header:
            self._headers[name.strip()] = value.strip()
        self._client = httpx.AsyncClient(timeout=SECONDS)

    async def send(self, *, recipient: str, text: str, key: str) -> str:
        body = _filled(self._template, recipient, text, key)
        headers = {**self._headers, "Idempotency-Key": key}
        try:
            response = await self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx.HTTPError as error:
            raise DelayedDeliveryError(f"The SMS service cannot be reached: {error!r}"[:300]) from error
        words = " ".join(response.text[:200].split())
        answer = f"HTTP {response.status_code}: {words}" if words else f"HTTP {response.status_code}"
        if response.is_success:
            return answer
        # 401 and 403 speak of our access: the operator mends it, and the message goes.
        if 400 <= response.status_code < 500 and response.status_code not in {*PASSING, 401, 403}:
            raise RefusedDeliveryError(answer)
        raise DelayedDeliveryError(answer)

    async def close(self) -> None:
        await self._client.aclose()


def _filled(template: str, to: str, text: str, key: str) -> str:
    """
    >>> _filled('{"to": "{to}", "text": "{text}"}', "+1555", 'He said "hi"', "k")
    '{"to": "+1555", "text": "He said \\\\"hi\\\\""}'
    """
    values = {"{to}": to, "{text}": text, "{id}": key}
    for place, value in values.items():
        template = template.replace(place, json.dumps(value)[1:-1].replace("{", "\\u007b"))
    return template


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """A message centre, as its URL says."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    source: str = ""
    """The sender: a number with its `+`, or a name of up to 11 characters."""
    tls: bool = False


class SmppTexter:
    """One connection, in a thread of its own: bound when it is first needed, kept alive, made again when it breaks."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smpp")
        self._client: smpplib.client.Client | None = None
        self._used_at = 0.0
        self._rest: dict[str, tuple[list[bytes], int, int]] = {}
        """Of a message that was taken in part: what follows at the next try, its coding and class. The parts as they
        are: made again they would bear another number, by which a telephone joins them (3GPP TS 23.040 9.2.3.24.1)."""
        self._alive: asyncio.Task[None] | None = None

    async def send(self, *, recipient: str, text: str, key: str) -> str:
        if self._alive is None:
            self._alive = asyncio.create_task(self._keep_alive(), name="smpp")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._deliver, recipient, text, key)

    async def close(self) -> None:
        if self._alive is not None:
            self._alive.cancel()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._leave)
        self._thread.shutdown()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(ENQUIRE_SECONDS)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._enquire)

    # In the thread

    def _deliver(self, recipient: str, text: str, key: str) -> str:
        text = "".join(c if ord(c) <= 0xFFFF else "?" for c in text)  # UCS-2 ends there (ISO/IEC 10646)
        begun = self._rest.pop(key, None)
        parts, coding, esm_class = begun or gsm.make_parts(text, coding_of(text))
        answers: list[str] = []
        try:
            for part in parts:
                answers.append(self._submitted(recipient, part, coding, esm_class))  # noqa: PERF401  # those before a failure count
        except DelayedDeliveryError:
            if begun or answers:
                self._rest[key] = parts[len(answers) :], coding, esm_class
            raise
        return f"taken as {', '.join(answers)}"

    def _submitted(self, recipient: str, part: bytes, coding: int, esm_class: int) -> str:
        """Hand a part over; the centre's id for it."""
        named = self._centre.source
        is_number = named.removeprefix("+").isdigit()
        try:
            client = self._bound()
            pdu = client.send_message(
                source_addr_ton=_INTERNATIONAL if is_number else _ALPHANUMERIC,
                source_addr_npi=_ISDN if is_number else consts.SMPP_NPI_UNK,
                source_addr=named.removeprefix("+"),
                dest_addr_ton=_INTERNATIONAL,
                dest_addr_npi=_ISDN,
                destination_addr=recipient.removeprefix("+"),
                short_message=part,
                data_coding=coding,
                esm_class=esm_class,
            )
            answer = self._answer(client, pdu.sequence)
        except _BROKEN as error:
            self._drop()
            raise DelayedDeliveryError(f"The SMS centre went away: {error or type(error).__name__}") from error
        self._used_at = time.monotonic()
        status = int(answer.status)
        if status == consts.SMPP_ESME_ROK:
            return str(getattr(answer, "message_id", b"") or b"", "ascii", "replace") or "?"
        told = f"SMPP {status:#x}: {consts.DESCRIPTIONS.get(status, 'unknown status')}"
        if status in _MAY_PASS:
            raise DelayedDeliveryError(told)
        raise RefusedDeliveryError(told)

    def _answer(self, client: smpplib.client.Client, sequence: int) -> Any:
        """The answer to what was sent under this number; what comes between is answered too."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            pdu = client.read_pdu()
            if pdu.command == "enquire_link":
                client._enquire_link_received(pdu)  # noqa: SLF001  # as its own loop does
            elif pdu.command == "unbind":
                raise smpplib.exceptions.ConnectionError("it has unbound us")
            elif pdu.sequence == sequence:
                return pdu
        raise smpplib.exceptions.ConnectionError("no answer in time")

    def _bound(self) -> smpplib.client.Client:
        """The connection, alive. Raises what `_BROKEN` names; DelayedDeliveryError where the centre lets us not in."""
        if self._client is not None:
            if time.monotonic() - self._used_at > ENQUIRE_SECONDS:
                self._ask()
            return self._client
        centre = self._centre
        context = ssl.create_default_context() if centre.tls else None
        client = smpplib.client.Client(
            centre.host, centre.port, timeout=SECONDS, ssl_context=context, allow_unknown_opt_params=True
        )
        client.logger.setLevel(logging.WARNING)  # its debugging would show the password
        self._client = client
        try:
            client.connect()
            client.bind_transmitter(system_id=centre.user, password=centre.password)
        except smpplib.exceptions.PDUError as error:
            self._drop()
            raise DelayedDeliveryError(f"The SMS centre does not let us in: {error.args[0]}") from error
        self._used_at = time.monotonic()
        return client

    def _ask(self) -> None:
        """Whether the connection lives. Raises what `_BROKEN` names."""
        client = self._client
        if client is not None:
            pdu = smpp.make_pdu("enquire_link", client=client)
            client.send_pdu(pdu)
            self._answer(client, pdu.sequence)
            self._used_at = time.monotonic()

    def _enquire(self) -> None:
        try:
            self._ask()
        except _BROKEN as error:
            log.warning("the SMS centre went away: %s", error or type(error).__name__)
            self._drop()

    def _leave(self) -> None:
        if self._client is not None:
            with suppress(*_BROKEN):
                self._client.unbind()
        self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            with suppress(OSError):
                self._client.disconnect()
        self._client = None


_BROKEN = (smpplib.exceptions.ConnectionError, smpplib.exceptions.PDUError, OSError, ValueError, struct.error)
"""What the library raises when the connection is of no more use, or the centre sends what is no PDU."""


def coding_of(text: str) -> int:
    """GSM's alphabet where the text has no more than its basic characters (3GPP TS 23.038, 6.2.1), else UCS-2.

    >>> coding_of("Fax delivered"), coding_of("Привет"), coding_of("5 €")
    (0, 8, 8)
    """
    basic = gsm.GSM_CHARACTER_TABLE[:128].replace("\x1b", "")
    return int(consts.SMPP_ENCODING_DEFAULT if all(c in basic for c in text) else consts.SMPP_ENCODING_ISO10646)
