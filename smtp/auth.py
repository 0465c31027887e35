"""What AUTH says (RFC 4954): the name and the password that a client presents by PLAIN (RFC 4616) or LOGIN, which many
office scanners know alone. Whether they are right is `smtp.logins`'s to say.

No password is in an error, a reply or a representation.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from smtp import replies

MECHANISMS = ("PLAIN", "LOGIN")
LINE = 12288
"""Octets of a line of the exchange, the command too, with CRLF (RFC 4954 4)."""
COMMAND_OCTETS = LINE - 512
"""How much longer the command may be than others."""
MAIL_OCTETS = 500
"""How much longer MAIL may be (RFC 4954 3)."""

Ask = Callable[[str], Awaitable[bytes | None]]
"""Writes a reply and reads the line that answers it, with its end; None where that is too long."""


@dataclass(frozen=True, slots=True)
class Presented:
    """As the client wrote them."""

    name: str
    password: str = field(repr=False)


class NotPresentedError(Exception):
    """Nothing was presented that could be right or wrong; the text is the reply."""


class BareLineFeedError(NotPresentedError):
    """A line of the exchange ends in LF alone: what follows it is not obeyed."""


async def presented(argument: str, ask: Ask) -> Presented:
    """Hear the client out, of whose AUTH this is the argument. Raises NotPresentedError."""
    mechanism, _, initial = argument.partition(" ")
    if not mechanism:
        raise NotPresentedError(replies.ARGUMENT_NEEDED)
    if mechanism.upper() == "PLAIN":
        return _plain(_initial(initial) if initial else await _answer(ask, ""))
    if mechanism.upper() == "LOGIN":
        name = _initial(initial) if initial else await _answer(ask, "Username:")
        return Presented(_text(name), _text(await _answer(ask, "Password:")))
    raise NotPresentedError(replies.UNKNOWN_MECHANISM)


async def _answer(ask: Ask, challenge: str) -> bytes:
    line = await ask(f"334 {base64.b64encode(challenge.encode()).decode()}")
    if line is None or len(line) > LINE:
        raise NotPresentedError(replies.AUTH_LINE_TOO_LONG)
    if not line.endswith(b"\r\n"):
        raise BareLineFeedError(replies.BAD_LINE_END)
    if line == b"*\r\n":
        raise NotPresentedError(replies.AUTH_CANCELLED)
    return _decoded(line[:-2])


def _initial(text: str) -> bytes:
    """An initial response; one that is empty is written `=` (RFC 4954 4)."""
    return b"" if text == "=" else _decoded(text.encode())


def _decoded(octets: bytes) -> bytes:
    """Base64, strictly."""
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        # Not `from`: the error would carry what it could not read, which is a password.
        raise NotPresentedError(replies.BAD_BASE64) from None


def _plain(message: bytes) -> Presented:
    """`[authzid] NUL authcid NUL password` (RFC 4616 2)."""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise NotPresentedError(replies.BAD_CREDENTIALS)
    acting_as, name, password = map(_text, parts)
    # Nobody acts for another: that is as if there were no such name.
    return Presented(name if acting_as in {"", name} else "", password)


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise NotPresentedError(replies.BAD_CREDENTIALS) from None
