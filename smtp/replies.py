"""What the server says: the fixed replies, and the one place where an error becomes a reply line (RFC 5321 4.2).

The codes stand with the errors (`gateway.errors`), here they are written down: one line, at most 512 octets with its
CRLF, ASCII unless the client asked for SMTPUTF8 (RFC 6531 3.7.4).
"""

import errno
import re
from collections.abc import Iterable

from gateway.errors import FaxgateError

MAX_OCTETS = 510

OK = "250 2.0.0 OK"
SENDER_OK = "250 2.1.0 Sender OK"
RECIPIENT_OK = "250 2.1.5 Recipient OK"
LOGGED_IN = "235 2.7.0 Authentication successful"
READY_FOR_TLS = "220 2.0.0 Ready to start TLS"
START_DATA = "354 End data with <CR><LF>.<CR><LF>"
BYE = "221 2.0.0 Bye"
CANNOT_VERIFY = "252 2.1.5 Cannot verify the address, send mail to it and see"

SHUTTING_DOWN = "421 4.3.2 The service is shutting down, try again later"
TOO_MANY_CONNECTIONS = "421 4.3.2 Too many connections, try again later"
TOO_MANY_FROM_PEER = "421 4.7.0 Too many connections from your address, try again later"
IDLE = "421 4.4.2 Nothing heard for too long, closing the connection"
TOO_MANY_ERRORS = "421 4.7.0 Too many errors, closing the connection"
TOO_MANY_REFUSED = "421 4.7.0 Too many refused recipients, closing the connection"
TOO_MANY_FRUITLESS = "421 4.7.0 Too many transactions without a mail, closing the connection"
LOCKED_OUT = "421 4.7.0 Too many failed logins, try again later"
LOGIN_ENDED = "421 4.7.0 What you have logged in with is no more, log in again"
LOGIN_TROUBLE = "454 4.7.0 Local trouble, nobody can log in now, try again later"
NO_ROOM = "452 4.3.1 No room to store the mail, try again later"
LOCAL_TROUBLE = "451 4.3.0 Local trouble, try again later"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients, send the mail again to the others"
OTHER_ACCOUNT = "452 4.5.3 This recipient needs a mail of its own, send it again"

LINE_TOO_LONG = "500 5.5.2 Line too long"
BAD_LINE_END = "500 5.5.2 A command line ends with CR LF and has no other control characters"
NOT_UTF8 = "500 5.5.2 A command is ASCII or UTF-8"
UNKNOWN_COMMAND = "500 5.5.1 Command not recognized"
NO_ARGUMENT = "501 5.5.4 This command takes no argument"
ARGUMENT_NEEDED = "501 5.5.4 This command needs an argument"
NOT_OFFERED = "502 5.5.1 Command not implemented"
HELO_FIRST = "503 5.5.1 Send HELO or EHLO (LMTP: LHLO) first"
EHLO_FIRST = "503 5.5.1 Send EHLO (LMTP: LHLO) first"
MAIL_FIRST = "503 5.5.1 Send MAIL first"
ALREADY_TLS = "503 5.5.1 This connection has TLS already"
BEHIND_STARTTLS = "421 4.7.0 Nothing may follow STARTTLS before the handshake, closing the connection"
TLS_FIRST = "530 5.7.0 Send STARTTLS first, this service takes no mail without TLS"
TLS_BEFORE_LOGIN = "538 5.7.11 Send STARTTLS first, passwords are taken under TLS only"
ALREADY_LOGGED_IN = "503 5.5.1 You have logged in already"
NO_LOGIN_NOW = "503 5.5.1 You cannot log in during a mail, send RSET first"
UNKNOWN_MECHANISM = "504 5.5.4 The mechanisms are PLAIN and LOGIN"
AUTH_LINE_TOO_LONG = "500 5.5.6 Authentication exchange line too long"
AUTH_CANCELLED = "501 5.7.0 Authentication cancelled"
BAD_BASE64 = "501 5.5.2 This is not base64"
BAD_CREDENTIALS = "501 5.5.2 This is not a name and a password"
LOGIN_FAILED = "535 5.7.8 Name or password is wrong"
BAD_AUTH = "501 5.5.4 AUTH takes a value"
NESTED_MAIL = "503 5.5.1 Sender already given, send RSET to start again"
RCPT_FIRST = "503 5.5.1 Send RCPT first"
NO_VALID_RECIPIENTS = "554 5.5.1 No valid recipients"
BAD_SIZE = "501 5.5.4 SIZE takes a number"
BAD_BODY = "501 5.5.4 BODY is 7BIT or 8BITMIME"
BAD_SMTPUTF8 = "501 5.5.4 SMTPUTF8 takes no value"
UNKNOWN_PARAMETER = "555 5.5.4 Parameter not recognized"
UTF8_NOT_ASKED_FOR = "553 5.6.7 An address that is not ASCII needs SMTPUTF8"
TOO_LARGE = "552 5.3.4 The mail is larger than this service takes"
BARE_LINE_END = "554 5.6.0 The mail has a CR or LF that is not part of a CR LF"


def of_error(error: FaxgateError, *, utf8: bool = False) -> str:
    """The reply line that `error` means, without its CRLF."""
    return one_line(f"{error.smtp} {error.text}", utf8=utf8)


def one_line(text: str, *, utf8: bool = False) -> str:
    """`text` as one reply line: what came from outside can neither start a new line nor make it too long."""
    text = re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+", " ", text).strip()
    octets = text.encode("utf-8" if utf8 else "ascii", errors="replace")[:MAX_OCTETS]
    return octets.decode("utf-8" if utf8 else "ascii", errors="ignore")


def of_help(commands: Iterable[str]) -> str:
    """What HELP tells: the commands that are offered."""
    return one_line(f"214 2.0.0 {' '.join(sorted(commands))}")


def of_unwritable(error: OSError) -> str:
    """The reply to a mail that could not be written to disk."""
    return NO_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else LOCAL_TROUBLE


def is_final(reply: str) -> bool:
    """True for 421: the connection ends with it."""
    return reply.startswith("421")
