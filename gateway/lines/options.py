"""The options of the embedded line, as its URL gives them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.lines.spandsp import MODEMS


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopbackOptions:
    realtime: bool = False
    modems: tuple[str, ...] = tuple(MODEMS)
    ecm: bool = True
    snr: float | None = None
    """dB; None is a line without noise."""
    channels: int = 30


def read_options(url: str) -> LoopbackOptions:
    """`loopback://?pace=fast|realtime&modems=v27ter,v29,v17&ecm=on|off&snr=DB&channels=N`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "loopback" or parts.netloc or parts.path.strip("/"):
        raise ValueError(f"expected loopback://?option=value&..., not {url!r}")
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for name, value in parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)):
        if name in seen:
            raise ValueError(f"loopback line: {name} is given twice")
        seen.add(name)
        match name:
            case "pace":
                found["realtime"] = _one_of(name, value, {"fast": False, "realtime": True})
            case "ecm":
                found["ecm"] = _one_of(name, value, {"on": True, "off": False})
            case "modems":
                found["modems"] = tuple(value.split(","))
                if not set(found["modems"]) <= set(MODEMS):
                    raise ValueError(f"loopback line: modems is a list of {', '.join(MODEMS)}, not {value!r}")
            case "snr":
                found["snr"] = _number(name, float(value) if _is_number(value) else None, value)
            case "channels":
                found["channels"] = int(_number(name, int(value) if value.isdigit() else None, value))
            case _:
                raise ValueError(f"loopback line: there is no option {name!r}")
    if found.get("channels") == 0:
        raise ValueError("loopback line: channels is at least 1")
    return LoopbackOptions(**found)


def _one_of(name: str, value: str, choices: dict[str, bool]) -> bool:
    if value not in choices:
        raise ValueError(f"loopback line: {name} is {' or '.join(choices)}, not {value!r}")
    return choices[value]


def _is_number(value: str) -> bool:
    return value.removeprefix("-").replace(".", "", 1).isdigit()


def _number(name: str, number: float | None, value: str) -> float:
    if number is None:
        raise ValueError(f"loopback line: {name} is a number, not {value!r}")
    return number
