"""The parameters of MAIL: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), AUTH (RFC 4954 5). Pure."""

from smtp import replies, wishes
from smtp.addresses import Argument
from smtp.policy import Limits

ALWAYS = frozenset({"SIZE", "BODY", "SMTPUTF8"}) | wishes.OF_MAIL


def refused(argument: Argument, limits: Limits, *, extended: bool, auth: bool) -> str:
    """The reply that refuses MAIL's parameters, empty if they are good. `extended` says that the client has greeted
    with EHLO, `auth` that it was offered AUTH."""
    given = argument.parameters
    if given and not extended:
        return replies.UNKNOWN_PARAMETER
    if unknown := given.keys() - ALWAYS - ({"AUTH"} if auth else set()):
        return replies.one_line(f"{replies.UNKNOWN_PARAMETER}: {min(unknown)}")
    if "SIZE" in given:
        size = given["SIZE"] or ""
        if not (size.isascii() and size.isdigit() and len(size) <= 20):  # RFC 1870 5
            return replies.BAD_SIZE
        if int(size) > limits.size:
            return replies.TOO_LARGE
    if "BODY" in given and (given["BODY"] or "").upper() not in {"7BIT", "8BITMIME"}:
        return replies.BAD_BODY
    if given.get("SMTPUTF8") is not None:
        return replies.BAD_SMTPUTF8
    if given.get("AUTH", "<>") is None:
        return replies.BAD_AUTH  # what it says is not believed, as RFC 4954 5 allows
    if "SMTPUTF8" not in given and argument.address and not argument.address.written.isascii():
        return replies.UTF8_NOT_ASKED_FOR
    return ""
