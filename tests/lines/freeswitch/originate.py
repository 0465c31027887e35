"""An `originate` command as FreeSWITCH reads it.

It reads it in passes, and each takes away a layer of quotes and backslashes: the command is cut at its spaces, what
stands in the `{...}` at its commas, each of these at its `=`. Hence what surprises: single quotes keep the spaces of a
value together but do not protect its comma (they are gone when the commas are looked for), an escaped comma survives,
and two apostrophes that were escaped once become a pair of quotes in the next pass.
"""

import re
from dataclasses import dataclass

from tests.lines.freeswitch.event import decode

USAGE = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) "
    "[<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n"
)
OUT_OF_ORDER = "-ERR DESTINATION_OUT_OF_ORDER\n"

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " "}
_MAX_ARGUMENTS = 10


class OriginateError(Exception):
    """FreeSWITCH cannot make out what to call; it says `answer` in the BACKGROUND_JOB."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True)
class Originate:
    """A call that the switch was told to make. `variables` holds what FreeSWITCH keeps of the `{...}`, unquoted but not
    percent-decoded; `decoded` gives the text of a variable that mod_spandsp decodes."""

    uuid: str
    """Of the call. It is not its `origination_uuid` if that was in use."""
    job_uuid: str
    variables: dict[str, str]
    endpoint: str
    """All of it: `sofia/gateway/faxtrunk/33100000000`."""
    application: str
    path: str
    """The application's argument: for txfax the file."""
    raw: str
    """The command as it came, without `bgapi originate `."""

    @property
    def number(self) -> str:
        """The dialled number: what stands last in the endpoint (or before the context of `loopback/NUMBER/CONTEXT`)."""
        parts = self.endpoint.split("/")
        number = parts[1] if parts[0] == "loopback" and len(parts) > 1 else parts[-1]
        return number.partition("@")[0]

    def decoded(self, variable: str) -> str:
        """`fax_ident` or `fax_header` as mod_spandsp decodes it; empty if unset."""
        return decode(self.variables.get(variable, ""))


def parse_originate(raw: str, job_uuid: str = "") -> Originate:
    """Raises OriginateError. `uuid` is the `origination_uuid`, or empty."""
    arguments = split(raw, " ", _MAX_ARGUMENTS)
    if len(arguments) < 2:
        raise OriginateError(USAGE)
    endpoint, variables = _take_variables(arguments[0])
    # `&txfax(/a.tif)`: up to the first `)`, so a path cannot have one.
    application, _, argument = arguments[1].removeprefix("&").partition(")")[0].partition("(")
    return Originate(
        uuid=variables.get("origination_uuid", ""),
        job_uuid=job_uuid,
        variables=variables,
        endpoint=endpoint,
        application=application,
        path=argument,
        raw=raw,
    )


def split(text: str, delimiter: str, limit: int) -> list[str]:
    """One pass of FreeSWITCH (`switch_separate_string`): cut where the delimiter is neither quoted nor escaped, then
    take one layer of quotes and backslashes off each part. The last of `limit` parts keeps its delimiters."""
    parts: list[str] = []
    start = index = 0
    quoted = False
    while index < len(text) and len(parts) < limit - 1:
        character = text[index]
        if character == "\\":
            index += 1
        elif character == "'" and (quoted or delimiter == " " or "'" in text[index + 1 :]):
            quoted = not quoted
        elif character == delimiter and not quoted:
            parts.append(text[start:index])
            if delimiter == " ":
                index += len(re.match(" *", text[index + 1 :])[0])  # type: ignore[index]
            start = index + 1
        index += 1
    if start < len(text):
        parts.append(text[start:])
    return [_clean(part, delimiter) for part in parts]


def _clean(text: str, delimiter: str) -> str:
    """Without its quotes, escapes and the spaces around it. Of `\\,` the backslash goes only where commas are cut."""
    text = text.lstrip(" ")
    kept: list[str] = []
    end = index = 0
    quoted = False
    while index < len(text):
        character = text[index]
        following = text[index + 1 : index + 2]
        if character == "\\" and following and (following in "'\"\\" or following == delimiter != " "):
            kept.append(following)
            index += 1
            end = len(kept)
        elif character == "\\" and following in _ESCAPES:
            kept.append(_ESCAPES[following])
            index += 1
            end = len(kept)
        elif character == "'" and (quoted or "'" in text[index + 1 :]):
            quoted = not quoted
            end = len(kept) if quoted else end
        else:
            kept.append(character)
            if character != " " or quoted:
                end = len(kept)
        index += 1
    return "".join(kept[:end])


def _take_variables(text: str) -> tuple[str, dict[str, str]]:
    """What follows the `{...}`, and what is in it. More than one may stand there."""
    variables: dict[str, str] = {}
    while text.startswith("{"):
        end = _closing_brace(text)
        inside, text = text[1:end], text[end + 1 :].lstrip(" ")
        delimiter = ","
        if inside.startswith("^^"):
            delimiter, inside = inside[2:3], inside[3:]
        for assignment in split(inside, delimiter, 1024):
            name, *value = split(assignment, "=", 2)
            if value:
                variables[name] = value[0]
    return text, variables


def _closing_brace(text: str) -> int:
    """Braces are counted, quoted or not."""
    depth = 0
    for index, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return index
    raise OriginateError(OUT_OF_ORDER)
