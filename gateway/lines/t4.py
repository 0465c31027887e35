"""Fax images with the eyes of libspandsp: which pages it reads from a file, and the code that it makes of them.

What it cannot read it finds out only in a call, when it comes to that page. C code runs on a document's pixels here:
use it only in a process that may crash. Raises SpandspMissingError where the library is not there.
"""

import ctypes
from collections.abc import Iterator
from contextlib import closing
from ctypes import c_char_p, c_int, c_void_p
from dataclasses import dataclass
from functools import cache

from gateway.lines.spandsp import MAX_PATH, SONAME, T6, load

_CHUNK = 1 << 16
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""The library's codes are in the order of the wire, least significant bit first; those of a TIFF are not."""


@dataclass(frozen=True, slots=True)
class SentPage:
    """A page as it would be sent."""

    pages: int
    """In the file, as the library counts them."""
    width: int
    x_resolution: int
    """Pixels a metre, and the nearest of those that T.30 knows."""
    y_resolution: int
    code: bytes
    """T.6, most significant bit first."""


class _Sender:
    """The library's reader of a file to be sent."""

    def __init__(self, library: ctypes.CDLL, path: str) -> None:
        self._library = library
        name = path.encode()
        if len(name) > MAX_PATH:
            raise ValueError(f"libspandsp cannot use file names of more than {MAX_PATH} bytes: {path}")
        self._state = library.t4_tx_init(None, name, -1, -1)
        if not self._state:
            raise ValueError("libspandsp cannot open the fax image")
        library.t4_tx_set_tx_encoding(self._state, T6)
        self._buffer = ctypes.create_string_buffer(_CHUNK)

    def page(self) -> SentPage | None:
        """The next page; None where the library finds no more that it can read."""
        library, state = self._library, self._state
        if library.t4_tx_start_page(state):
            return None
        code = bytearray()
        while count := library.t4_tx_get_chunk(state, self._buffer, _CHUNK):
            code += self._buffer.raw[:count]
            if count < _CHUNK:
                break
        page = SentPage(
            library.t4_tx_get_pages_in_file(state),
            library.t4_tx_get_image_width(state),
            library.t4_tx_get_x_resolution(state),
            library.t4_tx_get_y_resolution(state),
            _filled_with_zeros(code.translate(_REVERSED)),
        )
        library.t4_tx_end_page(state)
        return page

    def close(self) -> None:
        state, self._state = self._state, None
        if state:
            self._library.t4_tx_free(state)


def _filled_with_zeros(code: bytearray) -> bytes:
    """T.6 ends with a one (EOFB); the library fills the last byte with more of them, others with zeros."""
    if code:
        ones = (~code[-1] & (code[-1] + 1)).bit_length() - 1
        code[-1] &= ~((1 << max(ones - 1, 0)) - 1)
    return bytes(code)


def sent_pages(path: str, soname: str = SONAME) -> Iterator[SentPage]:
    """The pages of a fax image, in order, as they would be sent. Raises ValueError where it cannot be opened."""
    with closing(_Sender(_load(soname), path)) as sender:
        while page := sender.page():
            yield page


@cache
def _load(soname: str) -> ctypes.CDLL:
    library = load(soname)
    number, state = c_int, c_void_p
    for name, result, arguments in (
        ("t4_tx_init", state, (c_void_p, c_char_p, number, number)),
        ("t4_tx_free", number, (state,)),
        ("t4_tx_set_tx_encoding", None, (state, number)),
        ("t4_tx_start_page", number, (state,)),
        ("t4_tx_end_page", number, (state,)),
        ("t4_tx_get_chunk", number, (state, c_void_p, number)),
        ("t4_tx_get_pages_in_file", number, (state,)),
        ("t4_tx_get_image_width", number, (state,)),
        ("t4_tx_get_x_resolution", number, (state,)),
        ("t4_tx_get_y_resolution", number, (state,)),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
