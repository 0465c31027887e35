"""How FreeSWITCH reads an originate: what of a text arrives, and what of it does harm."""

import pytest

from tests.lines.freeswitch.originate import OUT_OF_ORDER, USAGE, OriginateError, parse_originate
from tests.lines.freeswitch.recordings import Kind, recording

READ = [
    # a comma parts the variables unless it is escaped
    ("a=1,b=2", {"a": "1", "b": "2"}),
    ("a=1\\, 2", None),
    ("'a=1\\, 2'", {"a": "1, 2"}),
    ("a='1\\, 2'", {"a": "1, 2"}),
    ("a='1, 2',b=3", {"a": "1", "b": "3"}),
    # spaces need single quotes, and those around a value are lost
    ("a='b c'", {"a": "b c"}),
    ("a='  b  ',c=d", {"a": "b", "c": "d"}),
    ("a=b\\sc", {"a": "b c"}),
    # an apostrophe needs its backslash, and a second one is a pair of quotes all the same
    ("a=O\\'Brien,b=c", {"a": "O'Brien", "b": "c"}),
    ("a=O\\'Brien,b=O\\'Hara,c=d", {"a": "OBrien,b=OHara", "c": "d"}),
    # double quotes do nothing, percent-encoding is left for mod_spandsp
    ('a="b",c=d', {"a": '"b"', "c": "d"}),
    ("a=%2B33%20%2C%27%7D", {"a": "%2B33%20%2C%27%7D"}),
    # an empty value is none; only the first = counts
    ("a=,b=c=d", {"b": "c=d"}),
    # the last of two wins
    ("a=1,a=2", {"a": "2"}),
]


@pytest.mark.parametrize(("text", "variables"), READ)
def test_what_arrives_of_the_variables(text: str, variables: dict[str, str] | None) -> None:
    command = f"{{{text}}}sofia/gateway/faxtrunk/1000 &txfax(/a.tif)"
    if variables is None:
        # Cut at the space, it has no closing brace any more.
        with pytest.raises(OriginateError) as failure:
            parse_originate(command)
        assert failure.value.answer == OUT_OF_ORDER
    else:
        assert parse_originate(command).variables == variables


@pytest.mark.parametrize(
    ("command", "application", "path"),
    [
        ("loopback/1000/far &txfax(/a.tif)", "txfax", "/a.tif"),
        ("loopback/1000/far '&txfax(/a b.tif)'", "txfax", "/a b.tif"),
        ("loopback/1000/far &txfax(/a b.tif)", "txfax", "/a"),
        ("loopback/1000/far &txfax(/a(1).tif)", "txfax", "/a(1"),
        ("loopback/1000/far &txfax()", "txfax", ""),
        ("loopback/1000/far &park", "park", ""),
    ],
)
def test_what_arrives_of_the_path(command: str, application: str, path: str) -> None:
    originate = parse_originate("{a=b}" + command)
    assert (originate.application, originate.path) == (application, path)


@pytest.mark.parametrize(
    ("endpoint", "number"),
    [
        ("sofia/gateway/faxtrunk/33100000000", "33100000000"),
        ("sofia/external/1000@127.0.0.1", "1000"),
        ("loopback/1000/far", "1000"),
        ("loopback/1000", "1000"),
    ],
)
def test_the_dialled_number(endpoint: str, number: str) -> None:
    assert parse_originate(f"{endpoint} &park").number == number


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("", USAGE),
        ("{a=b", USAGE),
        ("loopback/1000/far", USAGE),
        ("{a='b}loopback/1000/far &park", USAGE),
        ("{a=b loopback/1000/far &park", OUT_OF_ORDER),
        ("{a={}loopback/1000/far &park", OUT_OF_ORDER),
    ],
)
def test_what_cannot_be_read(command: str, answer: str) -> None:
    with pytest.raises(OriginateError) as failure:
        parse_originate(command)
    assert failure.value.answer == answer


def test_the_usage_is_the_recorded_one() -> None:
    messages = recording("originate_syntax_errors").messages
    assert USAGE in {message.parsed.body for message in messages if message.kind is Kind.EVENT}


def test_the_recorded_header_loses_what_follows_its_comma() -> None:
    source = recording("success_1page_sofia_audio")
    assert source.originate is not None
    originate = parse_originate(source.originate.text.removeprefix("bgapi originate "))
    assert originate.uuid == source.uuid
    assert originate.variables["fax_header"] == "ACME Fax"
    hangup = next(m.parsed for m in source.events if m.event == "CHANNEL_HANGUP_COMPLETE" and m.uuid == source.uuid)
    for name, value in originate.variables.items():
        assert hangup.get(f"variable_{name}") == value
