"""An event in the form `event plain` prints: header lines whose values are percent-encoded, then perhaps a body."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

_NOT_ENCODED = "!$'()*,/"
"""What FreeSWITCH leaves as it is, beside letters, digits and `-._~`."""

NOTICE = "The system is being shut down.\n"
"""A reload of mod_event_socket says it too."""
GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


def encode(text: str) -> str:
    return quote(text, _NOT_ENCODED, "utf-8", "surrogateescape")


def decode(text: str) -> str:
    return unquote(text, "utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Event:
    headers: tuple[tuple[str, str], ...]
    """Decoded. A name may come twice: CHANNEL_HANGUP_COMPLETE says its Hangup-Cause two times."""
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> "Event":
        head, _, body = data.decode("utf-8", "surrogateescape").partition("\n\n")
        lines = [line.partition(": ") for line in head.split("\n")]
        return cls(tuple((name, decode(value)) for name, _, value in lines if name != "Content-Length"), body)

    def get(self, name: str) -> str:
        """Its first value; empty if there is none."""
        return next((value for header, value in self.headers if header == name), "")

    @property
    def name(self) -> str:
        """Event-Name."""
        return self.get("Event-Name")

    @property
    def subclass(self) -> str:
        """Event-Subclass: `spandsp::txfaxresult`."""
        return self.get("Event-Subclass")

    @property
    def uuid(self) -> str:
        """Unique-ID: of the channel."""
        return self.get("Unique-ID")

    @property
    def job_uuid(self) -> str:
        return self.get("Job-UUID")

    def changed(self, values: dict[str, str]) -> "Event":
        """With these values in place of those that it has."""
        return Event(tuple((name, values.get(name, value)) for name, value in self.headers), self.body)

    def render(self) -> bytes:
        """As a message on the wire. Its length is counted here, so a text of any length may stand in the event."""
        lines = [f"{name}: {encode(value)}\n" for name, value in self.headers]
        body = self.body.encode("utf-8", "surrogateescape")
        if body:
            lines.append(f"Content-Length: {len(body)}\n")
        data = "".join(lines).encode() + b"\n" + body
        return f"Content-Length: {len(data)}\nContent-Type: text/event-plain\n\n".encode() + data


def from_pairs(pairs: Iterable[tuple[str, str]]) -> Event:
    """From the members of an `event json` object, which come in the order of the plain headers."""
    headers = tuple((name, value) for name, value in pairs if name not in ("Content-Length", "_body"))
    return Event(headers, next((value for name, value in pairs if name == "_body"), ""))


def reply(text: str, **headers: str) -> bytes:
    """`command/reply`."""
    lines = ["Content-Type: command/reply", f"Reply-Text: {text}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\n".join(lines) + "\n\n").encode()


def response(text: str) -> bytes:
    """`api/response`."""
    return _with_body("api/response", text)


def notice(text: str) -> bytes:
    """`text/disconnect-notice`: the connection is closed after it."""
    return _with_body("text/disconnect-notice", text)


def rejection() -> bytes:
    return _with_body("text/rude-rejection", "Access Denied, go away.\n")


def _with_body(content_type: str, text: str) -> bytes:
    body = text.encode("utf-8", "surrogateescape")
    return f"Content-Type: {content_type}\nContent-Length: {len(body)}\n\n".encode() + body
