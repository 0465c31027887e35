"""What a mail's header says of its sender: From, the DKIM signatures there are, the results of a relay.

`read` and `fields` open hostile input and run in a worker process. They do not fail: what cannot be understood is
`Claims.unclear`, and proves nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from email.errors import HeaderParseError
from email.utils import parsedate_to_datetime
from pathlib import Path

from authres import FeatureContext, dmarc
from authres.core import AuthenticationResultsHeader, AuthResError

from gateway.documents import mime
from gateway.errors import BadAddress, DocumentRefused
from smtp import addressees
from smtp.addresses import check_sender
from smtp.alignment import aligned
from smtp.evidence import NO_FROM, UNCHECKED, Claims, Relayed, Signature

Field = tuple[bytes, bytes]
"""Name, and value as it stands behind the colon, with the CR LF."""

MAX_SIGNATURES = 10
"""Signatures that are looked at; of these `smtp.proving` checks fewer."""
MAX_FIELD = 16 * 1024
"""Octets of a field that is looked into."""
MAX_FROM = 2 * 1024
"""The same of From: the time of its expressions grows with the square."""
MAX_BLANKS = 128
"""White space in a row in a signature: the time of the expressions that read it grows with the square of this."""
MAX_RESULTS = 100
"""Of one Authentication-Results field."""
MAX_SHOWN = 998

ALGORITHMS = ("rsa-sha256", "ed25519-sha256")
"""RFC 8301 3.1, RFC 8463 3."""
MAX_AGE = 6 * 86400
"""Seconds. Whoever has a signed mail can send it again, to another number (RFC 6376 8.6): for so long. Mail servers try
for five days (RFC 5321 4.5.4.1), and what they bring last is still to be faxed."""
MAX_AHEAD = 86400

NAME = re.compile(rb"[!-9;-~]+:")
DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
BLANKS = re.compile(rb"\s{%d}" % (MAX_BLANKS + 1))
PLAIN_COMMENT = re.compile(r'(?<=\s)\([^()"\\;]*\)')
ANGLE = re.compile(r"([^<>]*)<\s*([^<>\s]+)\s*>\s*")

_results = FeatureContext(dmarc)


def read(content: bytes | Path, now: float, authserv_id: str = "") -> Claims:
    """`now` is in seconds of Unix; `authserv_id` is that of the relay that has brought the mail, empty where none
    has."""
    octets = _head(content)
    try:
        header, _ = mime.split_header(octets)
    except DocumentRefused as error:
        return Claims(unclear=error.text)
    shown = Claims(
        subject=mime.readable(mime.text_of(header, "Subject"))[:MAX_SHOWN],
        message_id=mime.readable(mime.text_of(header, "Message-ID"))[:MAX_SHOWN],
    )
    found = fields(octets)
    if found is None:
        return replace(shown, unclear="the header has a line that is no field")
    address, unclear = _one_from([value for name, value in found if name.lower() == b"from"])
    relayed = _relayed(found, authserv_id, now) if authserv_id else None
    if unclear:
        return replace(shown, unclear=unclear, relayed=relayed)
    return replace(shown, header_from=address, signatures=tuple(_signatures(found, now)), relayed=relayed)


def _head(content: bytes | Path) -> bytes:
    most = mime.MAX_HEADER + 4
    if isinstance(content, Path):
        with content.open("rb") as file:
            return file.read(most)
    return content[:most]


def body_of(content: bytes) -> int:
    """Where the body begins."""
    end = content.find(b"\r\n\r\n", 0, mime.MAX_HEADER + 4)
    return 2 if content.startswith(b"\r\n") else len(content) if end < 0 else end + 4


def fields(content: bytes) -> list[Field] | None:
    """The header fields as they stand, which is what is signed; None where a line is no field."""
    found: list[tuple[bytes, list[bytes]]] = []
    for line in content[: body_of(content)].split(b"\r\n"):
        if not line:
            continue
        if line[:1] in (b" ", b"\t"):
            if not found:
                return None
            found[-1][1].append(line)
        elif name := NAME.match(line):
            found.append((line[: name.end() - 1], [line[name.end() :]]))
        else:
            return None
    return [(name, b"\r\n".join(lines) + b"\r\n") for name, lines in found]


def _unfolded(value: bytes) -> str:
    return value[:MAX_FIELD].decode("utf-8", "replace").replace("\r\n", "").strip()


def _one_from(values: list[bytes]) -> tuple[str, str]:
    """The one address of the one From, or why there is none. Read strictly: where two programs could see two senders,
    nothing is proven."""
    if len(values) != 1:
        return "", f"the mail has {len(values)} From fields" if values else NO_FROM
    if len(values[0]) > MAX_FROM:
        return "", "the From field is too long"
    text = _unfolded(values[0])
    bare = COMMENT.sub(" ", QUOTED.sub('""', text)).strip()
    if "<" in bare or ">" in bare:
        found = ANGLE.fullmatch(bare)
        if found is None or any(sign in found[1] for sign in ",;:"):
            return "", "the From field has not exactly one address"
        address = found[2]
    else:
        address = bare
    if any(sign in address for sign in ' ,;:"<>()'):
        return "", "the From field has not exactly one address"
    try:
        return check_sender(address), ""
    except (BadAddress, ValueError):
        return "", "the From field has not exactly one address"


def tags_of(value: bytes) -> dict[str, str] | None:
    """The tags of a signature (RFC 6376 3.2); None where it is no list of them, or has one twice."""
    found: dict[str, str] = {}
    for pair in _unfolded(value).strip("; \t").split(";"):
        name, sign, tag = pair.partition("=")
        if not sign or name.strip() in found:
            return None
        found[name.strip()] = tag.strip()
    return found


def signatures_of(found: list[Field]) -> list[Field]:
    """The signatures, in the order that `Claims.signatures` has."""
    return [one for one in found if one[0].lower() == b"dkim-signature"][:MAX_SIGNATURES]


def _signatures(found: list[Field], now: float) -> Iterator[Signature]:
    addressed = _addressed(found)
    for _, value in signatures_of(found):
        sane = len(value) <= MAX_FIELD and not BLANKS.search(value)
        tags = (tags_of(value) if sane else None) or {}
        domain, selector = tags.get("d", "").rstrip(".").lower(), tags.get("s", "").lower()
        named = len(domain) < 250 and DOMAIN.fullmatch(domain) and DOMAIN.fullmatch(f"{selector}.x")
        names = _signed(tags)
        yield Signature(
            domain=domain if named else "",
            selector=selector if named else "",
            result=(_unsound(tags, found, now) if named else "it is no signature as RFC 6376 has them") or UNCHECKED,
            signed=frozenset(names),
            named=_covered(addressed, "to", names) | _covered(addressed, "cc", names),
        )


def _addressed(found: list[Field]) -> list[tuple[str, frozenset[str]]]:
    """The To and Cc fields: the name, and whom each names."""
    written = [(name.decode().lower(), value) for name, value in found if name.lower() in (b"to", b"cc")]
    named = addressees.named([value for _, value in written])
    return [(name, addresses) for (name, _), addresses in zip(written, named, strict=True)]


def _covered(addressed: list[tuple[str, frozenset[str]]], name: str, signed: list[str]) -> frozenset[str]:
    """Whom those fields of this name name that are signed: of several the last, as many as the signature says (RFC 6376
    5.4.2), as `smtp.dkim` hashes them."""
    fields_ = [addresses for field, addresses in addressed if field == name]
    return frozenset[str]().union(*fields_[-signed.count(name) :]) if name in signed else frozenset()


def _signed(tags: dict[str, str]) -> list[str]:
    return [name.strip().lower() for name in tags.get("h", "").split(":")]


def _unsound(tags: dict[str, str], found: list[Field], now: float) -> str:
    """Why this signature proves nothing, whatever its key says; empty if it may."""
    if tags.get("a", "").lower() not in ALGORITHMS:
        return f"{tags.get('a', 'no algorithm')[:20]} is not strong enough (RFC 8301)"
    if "l" in tags:
        return "l= leaves the end of the body to anybody (RFC 6376 8.2)"
    if "from" not in _signed(tags):
        return "From is not signed"
    return _aged(tags, found, now)


def _aged(tags: dict[str, str], found: list[Field], now: float) -> str:
    """Why it is of no time at which it proves anything; empty if it may."""
    expires, signed_at = tags.get("x", ""), tags.get("t", "")
    if any(word and not (word.isascii() and word.isdigit() and len(word) < 13) for word in (expires, signed_at)):
        return "t= or x= is no time"
    if expires and int(expires) < now:
        return "it has expired (x=)"
    at = float(signed_at) if signed_at else _date(found) if "date" in _signed(tags) else None
    if at is None:
        return "neither t= nor a signed Date says how old it is"
    if at < now - MAX_AGE:
        return f"it is older than {MAX_AGE // 86400} days, as one that is sent again to another number would be"
    return "it is of a day to come" if at > now + MAX_AHEAD else ""


def _date(found: list[Field]) -> float | None:
    dates = [value for name, value in found if name.lower() == b"date"]
    try:
        return parsedate_to_datetime(_unfolded(dates[0])).timestamp() if len(dates) == 1 else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _relayed(found: list[Field], authserv_id: str, now: float) -> Relayed | None:
    """What the relay says: in what it has put above everything that came in. Any field below may be a stranger's,
    whatever name it bears: so that also where the topmost is another server's, or makes no sense, nothing is said."""
    passed = _said(found, authserv_id)
    if passed is None:
        return None
    # A relay asks no signature for its age; what would prove nothing here proves nothing through it.
    aged = _aged_domains(found, now)
    return replace(
        passed,
        dkim=passed.dkim - aged,
        dmarc=frozenset(one for one in passed.dmarc if not any(aligned(domain, one) for domain in aged)),
    )


def _aged_domains(found: list[Field], now: float) -> frozenset[str]:
    """The domains of all signatures that are too old: also of those that many others stand above, or much white space
    stands in, which anybody may add to it (RFC 6376 3.4.2)."""
    values = (b" ".join(value.split()) for name, value in found if name.lower() == b"dkim-signature")
    read = [tags for value in values if (tags := tags_of(value))]
    dates = [(name, value) for name, value in found if name.lower() == b"date"]
    return frozenset(tags["d"].rstrip(".").lower() for tags in read if "d" in tags and _aged(tags, dates, now))


def _said(found: list[Field], authserv_id: str) -> Relayed | None:
    written: list[str] = []
    values = list(_topmost(found))
    for place, value in enumerate(values):
        server, *results = _split(_unfolded(value)) or [""] if len(value) <= MAX_FIELD else [""]
        named = _parsed(f"{server}; none")
        if named is None or str(named.authserv_id or "").lower() != authserv_id.lower():
            values = values[:place]
            break
        written += results
    if not values or len(written) > MAX_RESULTS:
        return None
    return _passed(_results_of(written))


def _topmost(found: list[Field]) -> Iterator[bytes]:
    """The results that are the relay's own. Each filter of a Postfix writes a field (OpenDMARC above OpenDKIM above the
    checker of SPF), all above the Received that Postfix writes, as every relay has to (RFC 5321 4.4): nothing that has
    come in can stand there. rspamd writes one below it: of those only the topmost is not a stranger's."""
    names = [name.lower() for name, _ in found]
    results = [place for place, name in enumerate(names) if name == b"authentication-results"]
    end = names.index(b"received") if b"received" in names else 0
    above = [place for place in results if place < end][:MAX_RESULTS]
    yield from (found[place][1] for place in above or results[:1])


def _split(text: str) -> list[str]:
    """At each semicolon that stands in no quotes and no comment; without the last piece where one of those is open."""
    pieces, start, depth, quoted, escaped = [], 0, 0, False, False
    for place, sign in enumerate(text):
        if escaped:
            escaped = False
        elif sign == "\\" and (quoted or depth):
            escaped = True
        elif sign == '"' and not depth:
            quoted = not quoted
        elif sign in "()" and not quoted:
            depth = max(0, depth + (1 if sign == "(" else -1))
        elif sign == ";" and not quoted and not depth:
            pieces.append(text[start:place])
            start = place + 1
    return pieces if quoted or depth else [*pieces, text[start:]]


def _results_of(written: list[str]) -> Iterator[object]:
    """Each result by itself, so that one with a property that RFC 8601 does not have (smtp.helo=[192.0.2.1]) says
    nothing, and the others what they say. Not those behind one that has quotes or brackets in unheard-of places: where
    they end depends on who reads them, and what is within is a stranger's word, as the relay repeats it."""
    for one in written:
        header = _parsed(f"x; {one}")
        if header is not None:
            yield from header.results
        elif any(sign in PLAIN_COMMENT.sub("", one) for sign in '"()\\'):
            return


def _passed(results: Iterable[object]) -> Relayed:
    passed: dict[str, set[str]] = {"dmarc": set(), "dkim": set(), "spf": set()}
    for one in results:
        method, result = str(getattr(one, "method", "")).lower(), str(getattr(one, "result", "")).lower()
        if result == "pass" and method in passed:
            passed[method].update(_of_result(method, one))
    return Relayed(**{name: frozenset(values) for name, values in passed.items()})


def _parsed(text: str) -> AuthenticationResultsHeader | None:
    try:
        return _results.parse(f"Authentication-Results: {text}")
    except (AuthResError, HeaderParseError, ValueError, AttributeError, IndexError, TypeError, RecursionError):
        return None  # not what RFC 8601 has: it says nothing


_PROPERTIES = {"dmarc": ("header", "from"), "dkim": ("header", "d"), "spf": ("smtp", "mailfrom")}


def _of_result(method: str, result: object) -> set[str]:
    wanted = _PROPERTIES[method]
    values = {
        str(one.value).strip().lower()
        for one in getattr(result, "properties", ())
        if (str(one.type).lower(), str(one.name).lower()) == wanted
    }
    # Two of a kind say two things: none counts.
    return {value for value in values if value} if len(values) == 1 else set()
