"""The options of a FreeSWITCH line, as its URL gives them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.lines.freeswitch.spool import SAFE_PATH

DIAL = re.compile(r"[a-z_]+/[A-Za-z0-9_./@:;=+~-]*\{(?:number|digits)\}[A-Za-z0-9_./@:;=+~-]*", re.ASCII)
"""An endpoint and where the number stands in it. Anything that FreeSWITCH reads as more than one word, as variables or
as a second destination is kept out."""

EXAMPLE = "freeswitch://:PASSWORD@HOST:8021?dial=sofia/gateway/TRUNK/{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeswitchOptions:
    host: str
    port: int = 8021
    password: str = field(repr=False)
    name: str
    """Of the line: `freeswitch://host:port` unless given. Call records name it for ever."""
    dial: str
    """The dial string; `{number}` is E.164 with `+`, `{digits}` without."""
    spool: Path
    """The shared folder as we see it, and ..."""
    node_spool: str
    """... as FreeSWITCH sees it."""
    channels: int = 10
    """Calls that we may have under way on it at a time."""
    t38: str = "on"
    """`on` or `off`: what a call begins with where its faxbox leaves that open; `never`: this trunk has no T.38."""
    header: str = "freeswitch"
    """Who prints the header line: `freeswitch` (page "p.1"), or `gateway` (page "1/3"), for a FreeSWITCH whose
    spandsp.conf has no header of its own, which would come on top of it."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    country: str = ""
    """ISO 3166: in whose dialling habits the trunk writes the numbers of incoming calls. Empty: E.164, with or without
    its `+`."""


def read_options(url: str, directory: Path) -> FreeswitchOptions:
    """`freeswitch://:password@host:8021?dial=...&spool=DIR&node_spool=DIR&channels=N&t38=on|off|never&codecs=A,B&
    header=freeswitch|gateway&country=XX&name=NAME&password_file=FILE`; `directory` is the spool where none is given.
    Raises ValueError naming what is wrong, and never the password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 8021
    except ValueError:
        raise ValueError(f"freeswitch line: the address is none; expected {EXAMPLE}") from None
    if not host or parts.path.strip("/"):
        raise ValueError(f"freeswitch line: expected {EXAMPLE}")
    found: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in found:
            raise ValueError(f"freeswitch line: {name} is given twice")
        found[name] = _read(name, value)
    if "dial" not in found:
        raise ValueError(f"freeswitch line: dial is missing; expected {EXAMPLE}")
    password = unquote(parts.password or "") or found.get("password_file", "")
    found.pop("password_file", None)
    if not password or "\n" in password:
        raise ValueError("freeswitch line: a password is needed, as :PASSWORD@HOST or as password_file=FILE")
    spool = found.setdefault("spool", directory.absolute())
    found.setdefault("node_spool", str(spool))
    if not SAFE_PATH.fullmatch(found["node_spool"]):
        raise ValueError(
            f"freeswitch line: node_spool: FreeSWITCH takes no path like {found['node_spool']!r}; only letters, digits "
            "and ._/- are safe"
        )
    shown = f"[{host}]" if ":" in host else host
    return FreeswitchOptions(
        **{"name": f"freeswitch://{shown}:{port}", **found}, host=host, port=port, password=password
    )


_FORMS = {
    "dial": (DIAL, "an endpoint with {number} or {digits}, as sofia/gateway/TRUNK/{number}"),
    "t38": (re.compile("on|off|never"), "on, off or never"),
    "header": (re.compile("freeswitch|gateway"), "freeswitch or gateway"),
    "country": (re.compile("[A-Z]{2}", re.ASCII), "two capital letters, as US"),
    "name": (re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII), "a short word"),
    "codecs": (re.compile(r"[A-Za-z0-9]+(?:,[A-Za-z0-9]+)*", re.ASCII), "a list as PCMU,PCMA"),
    "channels": (re.compile("[1-9][0-9]{0,3}", re.ASCII), "a number from 1 to 9999"),
}


def _read(name: str, value: str) -> Any:
    if name in _FORMS:
        form, what = _FORMS[name]
        if not form.fullmatch(value):
            raise ValueError(f"freeswitch line: {name} is {what}, not {value!r}")
    match name:
        case "dial" | "t38" | "header" | "country" | "name":
            return value
        case "codecs":
            return tuple(value.split(","))
        case "channels":
            return int(value)
        case "spool" | "node_spool":
            path = Path(value)
            if not path.is_absolute():
                raise ValueError(f"freeswitch line: {name} is an absolute path, not {value!r}")
            return path if name == "spool" else str(path)
        case "password_file":
            try:
                return Path(value).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                # Without the name: who takes the option for the password itself would read it in the log.
                why = error.strerror if isinstance(error, OSError) else "it is no text"
                raise ValueError(f"freeswitch line: the file of password_file cannot be read: {why}") from None
        case _:
            raise ValueError(f"freeswitch line: there is no option {name!r}")
