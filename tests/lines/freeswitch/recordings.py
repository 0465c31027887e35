"""The recorded event socket sessions of a FreeSWITCH 1.11.1, read from the package's archive.

It holds for each scenario NAME.esl, the bytes that FreeSWITCH sent; NAME.sent, the bytes that the client sent; and
NAME.timeline.jsonl, when which part of them came. Both legs of a call were in that one FreeSWITCH, so a recording has
the events of both. `inbound_rxfax_success_3pages` was heard as `event json`; it is read as if it had been plain.
"""

import json
import re
import tarfile
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from pathlib import Path

from tests.lines.freeswitch.event import Event, from_pairs

_ARCHIVE = Path(__file__).with_name("recordings.tar.xz")


class Kind(Enum):
    """What a message is, by its Content-Type."""

    AUTH_REQUEST = "auth/request"
    COMMAND_REPLY = "command/reply"
    API_RESPONSE = "api/response"
    EVENT = "text/event-plain"
    DISCONNECT_NOTICE = "text/disconnect-notice"
    RUDE_REJECTION = "text/rude-rejection"
    LOG = "log/data"


@dataclass(frozen=True)
class Message:
    """One message, in the bytes in which it came."""

    at: float
    """Seconds since the connection was made."""
    kind: Kind
    head: bytes
    """Its header block with the empty line that ends it."""
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def text(self) -> str:
        """The Reply-Text, or what a response or a notice says."""
        return _header(self.head, "Reply-Text") or self.body.decode()

    @cached_property
    def parsed(self) -> Event:
        """What an event says."""
        return Event.parse(self.body) if self.kind is Kind.EVENT else Event(())

    @property
    def event(self) -> str:
        return self.parsed.name

    @property
    def subclass(self) -> str:
        return self.parsed.subclass

    @property
    def uuid(self) -> str:
        return self.parsed.uuid

    @property
    def job_uuid(self) -> str:
        return self.parsed.job_uuid or _header(self.head, "Job-UUID")


@dataclass(frozen=True)
class Sent:
    """A command of the client."""

    at: float
    text: str
    """Without the empty line that ends it."""


@dataclass(frozen=True)
class Recording:
    name: str
    messages: tuple[Message, ...]
    sent: tuple[Sent, ...]
    eof: float | None
    """When FreeSWITCH closed the connection."""

    @cached_property
    def originate(self) -> Sent | None:
        """The first call that the client had made."""
        calls = (sent for sent in self.sent if sent.text.startswith("bgapi originate {") and "}" in sent.text)
        return next(calls, None)

    @cached_property
    def uuid(self) -> str:
        """Of our leg: the one that was originated or asked for, or that receives a call; empty if there is no call."""
        seen = {message.uuid for message in self.messages}
        for sent in self.sent:
            found = re.search(r"origination_uuid=([^,}]+)", sent.text) or re.search(r"uuid_\w+ (\S+)", sent.text)
            if found and (found[1] in seen or sent is self.originate):
                return found[1]
        legs = (message.parsed for message in self.messages if message.event == "CHANNEL_CREATE")
        return next((leg.uuid for leg in legs if leg.get("Call-Direction") == "inbound"), "")

    @cached_property
    def other_uuids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.uuid for m in self.messages if m.uuid and m.uuid != self.uuid))

    @cached_property
    def job_uuids(self) -> tuple[str, ...]:
        """Of the client's own jobs, in the order of its commands."""
        return tuple(m.job_uuid for m in self.messages if m.kind is Kind.COMMAND_REPLY and m.job_uuid)

    @cached_property
    def job_uuid(self) -> str:
        """Of the originate."""
        jobs = [sent for sent in self.sent if sent.text.startswith("bgapi ")]
        return self.job_uuids[jobs.index(self.originate)] if self.originate else ""

    @cached_property
    def core_uuid(self) -> str:
        return next((core for m in self.messages if (core := m.parsed.get("Core-UUID"))), "")

    @cached_property
    def start(self) -> float:
        """When the call began for the client: at its originate; without one, when it had subscribed."""
        if self.originate:
            return self.originate.at
        return next((sent.at for sent in self.sent if sent.text.startswith("event ")), 0.0)

    @cached_property
    def events(self) -> tuple[Message, ...]:
        """What happened in the call, without the ends of jobs that the client had done later."""
        later_jobs = set(self.job_uuids) - {self.job_uuid}
        heard = [m for m in self.messages if m.kind is Kind.EVENT and m.at >= self.start]
        return tuple(m for m in heard if m.event != "BACKGROUND_JOB" or m.job_uuid not in later_jobs)

    def after(self, command: str) -> tuple[float, tuple[Message, ...]]:
        """When the client sent the command that begins so, and the events since."""
        at = next(sent.at for sent in self.sent if sent.text.startswith(command))
        return at, tuple(m for m in self.events if m.at >= at)

    def since(self, event: str) -> tuple[float, tuple[Message, ...]]:
        """The same from the first event of this name on, itself included."""
        first = next(index for index, m in enumerate(self.events) if m.event == event)
        return self.events[first].at, self.events[first:]


@cache
def recording(name: str) -> Recording:
    """Raises KeyError for a scenario that is not in the archive."""
    files = _archive()
    rows = [json.loads(line) for line in files[f"{name}.timeline.jsonl"].splitlines()]
    arrivals = [(row["t"], row["off"] + row["len"]) for row in rows if row["dir"] == "recv"]
    commands = files[f"{name}.sent"].decode()
    return Recording(
        name=name,
        messages=_messages(files[f"{name}.esl"], arrivals),
        sent=tuple(
            Sent(row["t"], commands[row["off"] : row["off"] + row["len"]].rstrip("\n"))
            for row in rows
            if row["dir"] == "sent"
        ),
        eof=next((row["t"] for row in rows if row["dir"] == "eof"), None),
    )


def recording_names() -> tuple[str, ...]:
    return tuple(sorted(name.removesuffix(".esl") for name in _archive() if name.endswith(".esl")))


@cache
def _archive() -> dict[str, bytes]:
    files = {}
    with tarfile.open(_ARCHIVE) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            files[member.name] = content.read()
    return files


def _messages(data: bytes, arrivals: list[tuple[float, int]]) -> tuple[Message, ...]:
    """`arrivals` say when the bytes up to an offset had come."""
    messages = []
    start = 0
    while start < len(data):
        body_start = data.index(b"\n\n", start) + 2
        head = data[start:body_start]
        end = body_start + int(_header(head, "Content-Length") or 0)
        at = next(at for at, offset in arrivals if offset >= end)
        messages.append(_message(at, head, data[body_start:end]))
        start = end
    return tuple(messages)


def _message(at: float, head: bytes, body: bytes) -> Message:
    content_type = _header(head, "Content-Type")
    if content_type == "text/event-json":
        content_type = Kind.EVENT.value
        head, _, body = from_pairs(json.loads(body, object_pairs_hook=list)).render().partition(b"\n\n")
        head += b"\n\n"
    return Message(at, Kind(content_type), head, body)


def _header(head: bytes, name: str) -> str:
    found = re.search(rb"^%s: (.*)$" % name.encode(), head, re.MULTILINE)
    return found[1].decode() if found else ""
