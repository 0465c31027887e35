"""xtext, the encoding of ENVID and ORCPT (RFC 3461 4): `+` and two capital hexadecimal digits are an octet. Pure."""

import re

_XTEXT = re.compile(r"(?:[!-*,-<>-~\u0080-\U0010ffff]|\+[0-9A-F]{2})*")
"""From `!` to `~` but for `+` and `=`; beyond ASCII as RFC 6533 3 adds it for addresses of type `utf-8`."""
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")


def decode(text: str) -> str:
    """What `text` stands for. Raises ValueError where it is no xtext, or stands for anything but printable characters:
    the fields of a report could not hold that (RFC 3461 4.2, 4.4).

    >>> decode("rock+2Band+2Broll")
    'rock+and+roll'
    """
    if not _XTEXT.fullmatch(text):
        raise ValueError("is not encoded as xtext: + and = are written +2B and +3D")
    decoded = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), text)
    # What was written beyond ASCII stays; an octet beyond it has no meaning.
    octets = [int(code, 16) for code in _HEXCHAR.findall(text)]
    if any(octet > 126 or (octet < 32 and octet != 9) for octet in octets):
        raise ValueError("stands for characters that are not printable")
    return decoded
