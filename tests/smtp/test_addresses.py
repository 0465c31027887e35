"""The arguments of MAIL and RCPT."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadAddress
from smtp.addresses import Address, BadSyntaxError, check_sender, read_argument

PATHS = [
    ("+1555@fax.example.com", "+1555", "fax.example.com"),
    ("FAX=+1555/T33S=1@fax.example.com", "FAX=+1555/T33S=1", "fax.example.com"),
    ('"(555) 123 4567"@fax.example.com', "(555) 123 4567", "fax.example.com"),
    (r'"\(555\) 1\"2\\"@fax.example.com', '(555) 1"2\\', "fax.example.com"),
    ('"a@b>c"@Fax.Example.COM', "a@b>c", "fax.example.com"),
    ("x@[192.0.2.1]", "x", "[192.0.2.1]"),
    ("x@faks.bücher.example", "x", "faks.xn--bcher-kva.example"),
    ("x@localhost", "x", "localhost"),
    ("@relay.example,@other.example:x@fax.example.com", "x", "fax.example.com"),
    ("PostMaster", "postmaster", ""),
]

MALFORMED = [
    "(555)1234567@fax.example.com", "+1(a)555@fax.example.com", "555 123@fax.example.com", "a..b@x.example",
    ".a@x.example", "a.@x.example", "a@", "@x.example", "a@x..example", "a@-x.example", "a@x.example.", "a", "",
    '"a@x.example', 'a"b"@x.example', '"a\x01"@x.example', "a@x.example>", "a@b@c", "a@x.example (c)", "<a@x.example>",
    "a,b@x.example", "a;b@x.example", "a:b@x.example", "a\\b@x.example", "a@[]", "a@xn--\u00fc.example",
    "a" * 250 + "@x.example",
]  # fmt: skip


@pytest.mark.parametrize(("path", "local", "domain"), PATHS)
def test_paths(path: str, local: str, domain: str) -> None:
    address = read_argument("TO:", f"TO:<{path}>").address
    assert address == Address(local, domain, path.rpartition(":")[2] if path.startswith("@") else path)


@pytest.mark.parametrize("path", MALFORMED)
def test_malformed_paths(path: str) -> None:
    with pytest.raises(BadSyntaxError):
        read_argument("TO:", f"TO:<{path}>")


def test_the_null_reverse_path() -> None:
    assert read_argument("FROM:", "FROM:<>").address is None


def test_parameters() -> None:
    argument = read_argument("FROM:", "from: <a@x.example>  size=12 BODY=8BITMIME SMTPUTF8")
    assert argument.parameters == {"SIZE": "12", "BODY": "8BITMIME", "SMTPUTF8": None}


@pytest.mark.parametrize("rest", ["SIZE=1", " SIZE=1 SIZE=2", " =", " A=", " A=b=c", " -A", " \u00e4=1"])
def test_malformed_parameters(rest: str) -> None:
    with pytest.raises(BadSyntaxError) as refused:
        read_argument("FROM:", f"FROM:<a@x.example>{rest}")
    assert not refused.value.in_path


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_a_quoted_local_part_comes_back_as_it_was_meant(local: str) -> None:
    quoted = "".join("\\" + letter if letter in '"\\' else letter for letter in local)
    address = read_argument("TO:", f'TO:<"{quoted}"@fax.example.com>').address
    assert address is not None
    assert address.local == local


@given(st.text(max_size=80))
def test_any_argument_is_read_or_refused(text: str) -> None:
    for keyword in ("FROM:", "TO:"):
        for argument in (text, keyword + text, f"{keyword}<{text}>", f"{keyword}<{text}@x.example>"):
            try:
                address = read_argument(keyword, argument).address
            except BadSyntaxError:
                continue
            # What was not quoted is taken letter by letter: nothing is dropped.
            if address and not address.written.startswith('"') and "@" in address.written:
                assert address.written.startswith(address.local + "@")


@pytest.mark.parametrize(
    "sender", ["alice@example.com", "root@localhost", "a@b.local", "a@example", '"a b"@example.com', "a@[192.0.2.1]"]
)
def test_senders(sender: str) -> None:
    assert check_sender(sender) == sender


def test_a_sender_is_normalised() -> None:
    assert check_sender("Alice@EXAMPLE.com") == "Alice@example.com"


@pytest.mark.parametrize("sender", ["a@exam_ple.com", "a@[300.1.1.1]"])
def test_impossible_senders(sender: str) -> None:
    with pytest.raises(BadAddress):
        check_sender(sender)
