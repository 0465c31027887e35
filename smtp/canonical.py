"""The canonical forms of a body that DKIM signs (RFC 6376 3.4.3, 3.4.4), in time linear in its size, whatever stands in
it. Pure."""

LINE = b"\r\n"
MANY_LINES = LINE * 4096


def relaxed(body: bytes) -> bytes:
    """Without what a server on the way may change: white space at the end of a line, how much of it there is within,
    empty lines at the end.

    >>> relaxed(b"a \\t b \\r\\n \\r\\n\\r\\n")
    b'a b\\r\\n'
    """
    # First to single spaces: to look for the end of the line behind every one of a run takes the square of its length.
    # Each turn halves the runs. An expression takes twenty times as long where there are many.
    short = body.replace(b"\t", b" ")
    while b"  " in short:
        short = short.replace(b"  ", b" ")
    ended = _ended(short.replace(b" " + LINE, LINE))
    return b"" if ended == LINE else ended


def simple(body: bytes) -> bytes:
    """With one CR LF at its end, also where it is empty.

    >>> simple(b"")
    b'\\r\\n'
    """
    return _ended(body)


def _ended(body: bytes) -> bytes:
    end = len(body)
    for lines in (MANY_LINES, LINE):
        while body.endswith(lines, 0, end):
            end -= len(lines)
    return body[:end] + LINE
