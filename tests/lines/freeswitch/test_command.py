"""What is dialled: no text that a sender has chosen becomes a part of the command.

The command is read back by a parser that takes it apart as FreeSWITCH was measured to.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.lines.freeswitch.options import FreeswitchOptions, read_options
from gateway.lines.freeswitch.originate import originate
from tests.lines.bench import order
from tests.lines.freeswitch.originate import Originate, parse_originate

UUID = "0193643a-7b5c-7d2e-8f00-000000000001"
PATH = f"/spool/tx/{UUID}.tif"
URL = "freeswitch://:secret@switch:8021?dial=sofia/gateway/trunk/{number}"

TEXTS = ("local_station_id", "header_line", "caller_id_name", "caller_id_number")

NAMES = {
    "origination_uuid",
    "originate_timeout",
    "ignore_early_media",
    "absolute_codec_string",
    "origination_caller_id_number",
    "origination_caller_id_name",
    "fax_ident",
    "fax_header",
    "fax_timezone",
    "fax_use_ecm",
    "fax_enable_t38",
    "fax_enable_t38_request",
    "fax_disable_v17",
    "fax_verbose",
    "execute_on_answer",
    "json_cdr_base",
    "faxgate_pages",
}


def options(more: str = "") -> FreeswitchOptions:
    return read_options(URL + more, Path("/var/spool"))


def command(more: str = "", **details: object) -> str:
    return originate(
        order("+15551234567", Path("fax.tif"), 2, **details),
        options(more),
        uuid=UUID,
        path=PATH,
        records="/spool/cdr",
        zone="FAX-01:00",
    )


def read(more: str = "", **details: object) -> Originate:
    return parse_originate(command(more, **details).removeprefix("originate "))


def test_everything_that_was_ordered_is_in_the_command() -> None:
    made = read(
        local_station_id="+1 555 123 0001", header_line="Alice & Sons, Ltd.", caller_id_name="Zoë", ring_seconds=42
    )
    assert made.endpoint == "sofia/gateway/trunk/+15551234567"
    assert (made.application, made.path) == ("txfax", PATH)
    assert made.decoded("fax_ident") == "+1 555 123 0001"
    assert made.decoded("fax_header") == "Alice & Sons, Ltd."
    expected = {
        "origination_uuid": UUID,
        "originate_timeout": "42",
        "ignore_early_media": "true",
        "absolute_codec_string": "PCMU,PCMA",
        "origination_caller_id_number": "+15551230001",
        "origination_caller_id_name": "Zoe",
        "fax_timezone": "FAX-01:00",
        "fax_use_ecm": "true",
        "fax_enable_t38": "true",
        "fax_enable_t38_request": "true",
        "fax_verbose": "false",
        "execute_on_answer": "sched_hangup +3600 ALLOTTED_TIMEOUT",
        "json_cdr_base": "/spool/cdr",
        "faxgate_pages": "2",
    }
    assert {name: made.variables.get(name) for name in expected} == expected


MEANS: list[tuple[str, dict[str, Any], tuple[str, str | None, str]]] = [
    ("", {}, ("true", None, "true")),
    ("", {"t38": False}, ("false", None, "true")),
    ("", {"v17": False}, ("true", "true", "true")),
    ("", {"ecm": False}, ("true", None, "false")),
    ("&t38=off", {}, ("false", None, "true")),
    ("&t38=off", {"t38": True}, ("true", None, "true")),
    ("&t38=never", {"t38": True}, ("false", None, "true")),
]


@pytest.mark.parametrize(("more", "details", "expected"), MEANS)
def test_how_the_call_is_to_be_made(more: str, details: dict[str, Any], expected: tuple[str, str | None, str]) -> None:
    variables = read(more, **details).variables
    t38 = variables["fax_enable_t38"]
    assert (t38, variables.get("fax_disable_v17"), variables["fax_use_ecm"]) == expected
    assert variables["fax_enable_t38_request"] == t38


HOSTILE = [
    *(chr(code) for code in range(0x20, 0x100)),
    *("\0", "\n", "\r", "\t", "\x1b", "\u2028", "\u2019", "\uff0c", "\u202e", "\U0001f4a9", "\ud800"),
    "}loopback/666/default &system(rm -rf /)",
    ",origination_uuid=x",
    "',fax_ident=evil,x='",
    "\\',fax_ident=evil",
    "%2Cfax_ident=evil",
    "${system id}",
    "\n\nbgapi hupall",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_becomes_a_part_of_the_command(text: str) -> None:
    for hostile in HOSTILE:
        for value in (hostile, f"a{hostile}b", f"{hostile}{hostile}"):
            _check(text, value)


def _check(text: str, value: str) -> None:
    try:
        written = command(**{"header_line": "Alice & Sons", text: value})
    except ValueError:
        assert text == "local_station_id", ascii(value)  # FreeSWITCH would drop it whole: refused before it is dialled
        return
    assert written.isascii(), ascii(value)
    assert written.isprintable(), ascii(value)
    made = parse_originate(written.removeprefix("originate "))
    assert made.endpoint == "sofia/gateway/trunk/+15551234567", ascii(value)
    assert (made.application, made.path) == ("txfax", PATH), ascii(value)
    assert set(made.variables) <= NAMES, ascii(value)
    assert made.variables["origination_uuid"] == UUID, ascii(value)
    assert made.variables["json_cdr_base"] == "/spool/cdr", ascii(value)
    if text != "local_station_id":
        assert made.decoded("fax_ident") == "+1 555 123 0001", ascii(value)
    if text != "header_line":
        assert made.decoded("fax_header") == "Alice & Sons", ascii(value)
    assert re.fullmatch(r"[A-Za-z0-9_.+ -]*", made.variables.get("origination_caller_id_name", "")), ascii(value)
    assert re.fullmatch(r"\+?[0-9]*", made.variables.get("origination_caller_id_number", "")), ascii(value)


@pytest.mark.parametrize("ident", ["x" * 21, "é", "+1 555 123 0001 ext. 22"])
def test_a_station_id_that_freeswitch_would_drop_is_refused(ident: str) -> None:
    with pytest.raises(ValueError, match="station id"):
        command(local_station_id=ident)


@pytest.mark.parametrize("number", ["", "15551234567", "+1555,x", "+", "+1555 1234", "+15551234567\n", "911}"])
def test_a_number_that_is_no_e164_is_not_dialled(number: str) -> None:
    placed = order(number, Path("fax.tif"), 1)
    with pytest.raises(ValueError, match=r"E\.164"):
        originate(placed, options(), uuid=UUID, path=PATH, records="", zone="")


def test_digits_stand_in_the_dial_string_where_it_wants_them() -> None:
    url = "freeswitch://:x@h?dial=sofia/external/{digits}@sbc.example.com:5060;transport=tcp"
    made = originate(
        order("+15551234567", Path("f"), 1), read_options(url, Path("/s")), uuid=UUID, path=PATH, records="/r", zone=""
    )
    assert "}sofia/external/15551234567@sbc.example.com:5060;transport=tcp &txfax(" in made
