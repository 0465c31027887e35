"""The binding to libspandsp 0.0.6 (soname 2) by ctypes: one T.30 fax terminal, driven by sound passed in memory.

The library is chosen by soname and never by an unversioned name: spandsp 3 calls back with other arguments and fills
a longer statistics structure, so that a wrong guess would corrupt memory instead of failing. Nothing is loaded before
`load` is called; a missing library is a SpandspMissingError that names the package to install.

C code runs on documents from outside here: use it only in a process that may crash (`gateway.lines.call`).
"""

import ctypes
import sys
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_int16, c_uint8, c_void_p
from dataclasses import dataclass
from functools import cache

SONAME = "libspandsp.2.dylib" if sys.platform == "darwin" else "libspandsp.so.2"
NEWER_SONAME = "libspandsp.3.dylib" if sys.platform == "darwin" else "libspandsp.so.3"

PACKAGES = (
    "Debian 12: libspandsp2; Debian 13 and Ubuntu 24.04: libspandsp2t64; Alpine and Homebrew: spandsp, "
    "where it is a version with soname 2"
)

RATE = 8000
"""Samples a second, 16 bit, mono."""
FRAME = 160
"""Samples of one step: 20 ms."""

MODEMS = {"v27ter": 1, "v29": 2, "v17": 4}
FINEST = 0x1 | 0x2 | 0x4 | 0x20000 | 0x40000
"""Every resolution that T.30 knows."""
ALL_SIZES = 0x7 | 0x1F0000
ALL_COMPRESSIONS = 0x2 | 0x4 | 0x8
T6 = 3
"""The encoding of received files: Group 4, which a PDF can carry as it is."""
MAX_PATH = 255
"""The library cuts longer file names without a word."""
MAX_STATION_ID = 20

_CFR = 0x84
"""Confirmation to receive (T.30 5.3.6.1.4), bits in the order of the wire, its X bit left out: training succeeded."""

Frame = ctypes.Array[c_int16]


class SpandspMissingError(Exception):
    """The library is not there, or only one of another binary interface; the text says what to install."""


class Statistics(ctypes.Structure):
    """`t30_stats_t` of soname 2."""

    _fields_ = [
        ("bit_rate", c_int),
        ("error_correcting_mode", c_int),
        ("pages_tx", c_int),
        ("pages_rx", c_int),
        ("pages_in_file", c_int),
        ("x_resolution", c_int),
        ("y_resolution", c_int),
        ("width", c_int),
        ("length", c_int),
        ("image_size", c_int),
        ("encoding", c_int),
        ("bad_rows", c_int),
        ("longest_bad_row_run", c_int),
        ("error_correcting_mode_retries", c_int),
        ("current_status", c_int),
    ]
    bit_rate: int
    error_correcting_mode: int
    pages_tx: int
    pages_rx: int
    pages_in_file: int
    bad_rows: int
    error_correcting_mode_retries: int
    current_status: int


_PhaseBD = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_PhaseE = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int)
_Frames = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int, POINTER(c_uint8), c_int)


@cache
def load(soname: str = SONAME) -> ctypes.CDLL:
    """The library with its functions declared, loaded once; looked for again after a SpandspMissingError."""
    try:
        library = ctypes.CDLL(soname)
    except OSError as error:
        newer = " A newer version (soname 3) is installed, which this line cannot use yet." if _has_newer() else ""
        raise SpandspMissingError(f"{soname} is not installed.{newer} Install the package ({PACKAGES}).") from error
    text, number, state = c_char_p, c_int, c_void_p
    for name, result, arguments in (
        ("fax_init", state, (c_void_p, number)),
        ("fax_free", number, (state,)),
        ("fax_get_t30_state", state, (state,)),
        ("fax_tx", number, (state, c_void_p, number)),
        ("fax_rx", number, (state, c_void_p, number)),
        ("fax_set_transmit_on_idle", None, (state, number)),
        ("t30_set_tx_file", None, (state, text, number, number)),
        ("t30_set_rx_file", None, (state, text, number)),
        ("t30_set_tx_ident", number, (state, text)),
        ("t30_get_rx_ident", text, (state,)),
        ("t30_set_ecm_capability", number, (state, number)),
        ("t30_set_rx_encoding", number, (state, number)),
        ("t30_set_supported_modems", number, (state, number)),
        ("t30_set_supported_compressions", number, (state, number)),
        ("t30_set_supported_resolutions", number, (state, number)),
        ("t30_set_supported_image_sizes", number, (state, number)),
        ("t30_set_phase_d_handler", None, (state, _PhaseBD, c_void_p)),
        ("t30_set_phase_e_handler", None, (state, _PhaseE, c_void_p)),
        ("t30_set_real_time_frame_handler", None, (state, _Frames, c_void_p)),
        ("t30_get_transfer_statistics", None, (state, POINTER(Statistics))),
        ("t30_terminate", None, (state,)),
        ("t30_completion_code_to_str", text, (number,)),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _has_newer() -> bool:
    try:
        ctypes.CDLL(NEWER_SONAME)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """How one fax machine is set up. Texts are ASCII; `file` is read when calling and written when called."""

    calling: bool
    file: str
    station_id: str
    modems: int
    """MODEMS, added up."""
    ecm: bool = True


class FaxMachine:
    """One end of a fax call. `frame` takes turns: `transmit`, and the other end's `receive` on the same frame.

    `negotiated` is called when the modems have trained, `page` when a page is through (sender: confirmed by the far
    end; receiver: taken and about to be confirmed), both from inside `transmit` or `receive`. An exception in them
    ends the process's trust in the call: it is raised by the next `transmit`.
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        terminal: Terminal,
        negotiated: Callable[["FaxMachine"], None],
        page: Callable[["FaxMachine"], None],
    ) -> None:
        self._library = library
        self._negotiated = negotiated
        self._page = page
        self._failure: BaseException | None = None
        self.calling = terminal.calling
        self.finished = False
        self.trained = False
        """Whether the modems have ever agreed; the statistics' rate means nothing before."""
        self.pages = 0
        """Pages that are through."""
        self.bad_rows = 0
        self._fax = library.fax_init(None, int(terminal.calling))
        if not self._fax:
            raise MemoryError("libspandsp could not make a fax terminal")
        self._t30 = library.fax_get_t30_state(self._fax)
        # The library keeps bare pointers to these: they must live as long as the machine.
        self._callbacks = (_PhaseBD(self._on_page), _PhaseE(self._on_end), _Frames(self._on_frame))
        self._set_up(terminal)

    def _set_up(self, terminal: Terminal) -> None:
        library, t30 = self._library, self._t30
        file = terminal.file.encode()
        if len(file) > MAX_PATH:
            raise ValueError(f"libspandsp cannot use file names of more than {MAX_PATH} bytes: {terminal.file}")
        library.fax_set_transmit_on_idle(self._fax, 1)
        library.t30_set_tx_ident(t30, terminal.station_id.encode("ascii"))
        library.t30_set_ecm_capability(t30, int(terminal.ecm))
        library.t30_set_supported_modems(t30, terminal.modems)
        library.t30_set_supported_compressions(t30, ALL_COMPRESSIONS)
        library.t30_set_supported_resolutions(t30, FINEST)
        library.t30_set_supported_image_sizes(t30, ALL_SIZES)
        library.t30_set_rx_encoding(t30, T6)
        if terminal.calling:
            library.t30_set_tx_file(t30, file, -1, -1)
        else:
            library.t30_set_rx_file(t30, file, -1)
        on_page, on_end, on_frame = self._callbacks
        library.t30_set_phase_d_handler(t30, on_page, None)
        library.t30_set_phase_e_handler(t30, on_end, None)
        library.t30_set_real_time_frame_handler(t30, on_frame, None)

    def transmit(self, frame: Frame) -> None:
        """Fill `frame` with the next 20 ms of sound."""
        self._library.fax_tx(self._fax, frame, FRAME)
        if self._failure is not None:
            raise self._failure

    def receive(self, frame: Frame) -> None:
        """Hear 20 ms of sound."""
        self._library.fax_rx(self._fax, frame, FRAME)

    def hang_up(self) -> None:
        """The call is cut; unfinished, the machine ends with code 49."""
        self._library.t30_terminate(self._t30)

    def statistics(self) -> Statistics:
        found = Statistics()
        self._library.t30_get_transfer_statistics(self._t30, byref(found))
        return found

    @property
    def remote_station_id(self) -> str:
        ident: bytes | None = self._library.t30_get_rx_ident(self._t30)
        # T.30 5.3.6.2.4 allows digits, + and space, machines send anything.
        return (ident or b"").decode("ascii", "replace").strip()

    def close(self) -> None:
        """Give the memory back and close the file: only then is a received TIFF complete."""
        fax, self._fax = self._fax, None
        if fax:
            self._library.fax_free(fax)

    def _on_page(self, _t30: int | None, _user: int | None, _code: int) -> int:
        found = self.statistics()
        self.pages = found.pages_tx if self.calling else found.pages_rx
        self.bad_rows += found.bad_rows
        self._tell(self._page)
        return 0

    def _on_end(self, _t30: int | None, _user: int | None, _code: int) -> None:
        self.finished = True

    def _on_frame(self, _t30: int | None, _user: int | None, incoming: int, message: object, length: int) -> None:
        if length >= 3 and message[2] & 0xFE == _CFR and bool(incoming) == self.calling:  # type: ignore[index]
            self.trained = True
            self._tell(self._negotiated)

    def _tell(self, listener: Callable[["FaxMachine"], None]) -> None:
        try:
            listener(self)
        except BaseException as error:  # ctypes would print it and go on
            self._failure = error
