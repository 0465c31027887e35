"""Whom the To and Cc fields of a mail name (RFC 5322 3.4), read strictly, in time linear in the mail. Pure.

What stands beside an address (a display name, a comment, the name of a group) may be anybody's words, repeated by who
answers: it names nobody. Where it cannot be told where these end, the whole field names nobody.
"""

import re
from collections.abc import Iterator, Sequence

from smtp.addresses import BadSyntaxError, read_argument

MAX_OCTETS = 64 * 1024
"""Of all fields."""
MOST = 500
"""Addresses of all fields."""

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
ANGLE = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>])*)>')
PLAIN = re.compile(r'[^"(),:;<>\\]+')
IN_COMMENT = re.compile(r"[^()\\]+|\\.|[()]")


def named(values: Sequence[bytes]) -> list[frozenset[str]]:
    """The addresses in each of these fields as `local@domain`, the local part unquoted, the domain in A-labels. Of what
    is beyond the bounds, counted from the last field, which nobody can have added, there are none."""
    found: list[frozenset[str]] = []
    octets, addresses = 0, 0
    for value in reversed(values):
        octets += len(value)
        written = _written(value.decode("utf-8", "replace").replace("\r\n", "")) if octets <= MAX_OCTETS else []
        some = [address for one in written[: MOST - addresses] if (address := _address(one))]
        addresses += len(some)
        found.append(frozenset(some))
    return found[::-1]


def _address(written: str) -> str:
    """The address as RCPT reads it; empty where that would not take it."""
    try:
        found = read_argument("TO:", f"TO:<{written}>")
    except BadSyntaxError:
        return ""
    return f"{found.address.local}@{found.address.domain}" if found.address and found.address.domain else ""


class _Unclear(Exception):
    """Two programs could see two lists."""


def _written(text: str) -> list[str]:
    """The addresses as they stand there; none where it is unclear."""
    try:
        return list(_listed(text))
    except _Unclear:
        return []


def _listed(text: str) -> Iterator[str]:
    place, group = 0, False
    beside: list[str] = []
    angles: list[str] = []
    while place < len(text):
        sign = text[place]
        if sign in ",;":
            yield from _one(beside, angles)
            beside, angles = [], []
            if sign == ";" and not group:
                raise _Unclear
            group = group and sign != ";"
            place += 1
        elif sign == ":":
            if group or angles or "@" in "".join(beside):
                raise _Unclear
            beside, group = [], True
            place += 1
        elif sign == "(":
            place = _behind_comment(text, place)
            beside.append(" ")
        elif sign == "<":
            found = _matched(ANGLE, text, place)
            angles.append(found[1])
            place = found.end()
        else:
            found = _matched(QUOTED if sign == '"' else PLAIN, text, place)
            # An address that something stands behind is none.
            (angles if angles and found[0].strip() else beside).append(found[0])
            place = found.end()
    if group:
        raise _Unclear
    yield from _one(beside, angles)


def _one(beside: list[str], angles: list[str]) -> Iterator[str]:
    if len(angles) == 1:
        yield angles[0]
    elif not angles and (bare := "".join(beside).strip()):
        yield bare


def _matched(pattern: re.Pattern[str], text: str, place: int) -> re.Match[str]:
    found = pattern.match(text, place)
    if found is None:
        raise _Unclear
    return found


def _behind_comment(text: str, place: int) -> int:
    depth = 0
    while True:
        found = _matched(IN_COMMENT, text, place)
        place = found.end()
        depth += (found[0] == "(") - (found[0] == ")")
        if not depth:
            return place
