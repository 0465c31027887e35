"""The arguments of MAIL and RCPT (RFC 5321 4.1.2): path and parameters, read strictly from the raw text.

Pure. Comments are no part of an SMTP path, so an unquoted `(555)1234567@` is a syntax error here; a parser made for
header fields would drop the comment and leave another number.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import idna
from email_validator import EmailNotValidError, validate_email

from gateway.errors import BadAddress

ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]"
LOCAL = rf'(?P<local>{ATEXT}+(?:\.{ATEXT}+)*|"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*")'
LABEL = r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\-\u0080-\U0010ffff]*[A-Za-z0-9_\u0080-\U0010ffff])?"
DOMAIN = rf"{LABEL}(?:\.{LABEL})*"
MAILBOX = re.compile(rf"{LOCAL}@(?P<domain>{DOMAIN}|\[[!-Z^-~]+\])")
SOURCE_ROUTE = re.compile(rf"@{DOMAIN}(?:,@{DOMAIN})*:")
"""Accepted and ignored (RFC 5321 4.1.1.3, appendix C)."""

BRACKETED = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>])*)>(.*)', re.DOTALL)
PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?")

MAX_PATH = 256
"""Octets (RFC 5321 4.5.3.1.3)."""


class BadSyntaxError(Exception):
    """The argument is not what RFC 5321 asks for. `in_path` tells a malformed address from a malformed parameter."""

    def __init__(self, text: str, *, in_path: bool) -> None:
        super().__init__(text)
        self.in_path = in_path


@dataclass(frozen=True, slots=True)
class Address:
    local: str
    """Unquoted."""
    domain: str
    """Lower case, A-labels; empty for the bare `postmaster` of RFC 5321 4.5.1; with brackets, an address literal."""
    written: str
    """As it stood between the angle brackets, without a source route."""


@dataclass(frozen=True, slots=True)
class Argument:
    """The argument of MAIL or RCPT. `address` is None for the null reverse path `<>`."""

    address: Address | None
    parameters: dict[str, str | None]
    """Keywords in upper case; None where there was no `=`."""


def read_argument(keyword: str, text: str) -> Argument:
    """Take `FROM:<path> parameters` (or `TO:`, as `keyword` says) apart. Raises BadSyntaxError."""
    if text[: len(keyword)].upper() != keyword:
        raise BadSyntaxError(f"Expected {keyword}<address>.", in_path=False)
    # The space that many clients put behind the colon is not allowed, and harmless.
    found = BRACKETED.fullmatch(text[len(keyword) :].lstrip(" "))
    if not found:
        raise BadSyntaxError(f"Expected {keyword}<address>, the address in angle brackets.", in_path=True)
    path, rest = found.groups()
    if rest and not rest.startswith(" "):
        raise BadSyntaxError("Expected a space behind the address.", in_path=False)
    return Argument(_address(path, keyword), _parameters(rest))


def _address(path: str, keyword: str) -> Address | None:
    if not path and keyword == "FROM:":
        return None
    if len(path.encode()) > MAX_PATH:
        raise BadSyntaxError("The address is too long.", in_path=True)
    if keyword == "TO:" and path.lower() == "postmaster":
        return Address("postmaster", "", path)
    if route := SOURCE_ROUTE.match(path):
        path = path[route.end() :]
    found = MAILBOX.fullmatch(path)
    if not found:
        raise BadSyntaxError("Malformed address; spaces and parentheses must stand in quotes.", in_path=True)
    local, domain = found["local"], found["domain"]
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return Address(local, _normalised(domain), path)


def _normalised(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise BadSyntaxError("The domain is not a valid international domain name.", in_path=True) from error


def _parameters(text: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for word in text.split():
        found = PARAMETER.fullmatch(word)
        if not found:
            raise BadSyntaxError("Malformed parameter.", in_path=False)
        keyword = found[1].upper()
        if keyword in parameters:
            raise BadSyntaxError(f"{keyword} is given twice.", in_path=False)
        parameters[keyword] = found[2]
    return parameters


@lru_cache(maxsize=1024)
def check_sender(written: str) -> str:
    """The sender's address in its normal form. Raises BadAddress where no mail could be answered to it.

    No DNS is asked, and internal names (`root@localhost`, `scanner@office.local`) are addresses too: email-validator
    refuses those whatever it is told, unless they are not at the end.
    """
    end = "" if written.endswith("]") else ".example"
    try:
        checked = validate_email(
            written + end,
            allow_smtputf8=True,
            allow_quoted_local=True,
            allow_domain_literal=True,
            check_deliverability=False,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise BadAddress("The sender address is malformed.", detail=str(error)) from error
    return checked.normalized.removesuffix(end)
