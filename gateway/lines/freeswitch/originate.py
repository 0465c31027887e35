"""The command that dials. Pure.

`bgapi originate {variables}DIALSTRING &txfax(PATH)` is one line that FreeSWITCH takes apart by commas, spaces, quotes
and braces, and there is no way of writing some characters at all. So nothing that a sender has written reaches it as it
is: station id and header line are percent-encoded (mod_spandsp decodes them), a caller's name keeps letters, digits and
a few signs, numbers keep digits, and paths and uuids are ours.
"""

import re
import unicodedata
from urllib.parse import quote

from gateway.lines.freeswitch.options import FreeswitchOptions
from gateway.lines.spandsp import MAX_STATION_ID
from gateway.ports import CallOrder
from gateway.wording import plain

NUMBER = re.compile(r"\+[0-9]{1,19}", re.ASCII)
MAX_HEADER = 50
"""Characters of a header line; libspandsp cuts a longer one."""
MAX_NAME = 40
"""Characters of a caller's name; networks show fifteen."""


def originate(order: CallOrder, options: FreeswitchOptions, *, uuid: str, path: str, records: str, zone: str) -> str:
    """The command without its `Job-UUID` line. `path` is the image and `records` the folder of call records, as
    FreeSWITCH sees them; `zone` is the clock of the header line, as a POSIX TZ. Raises ValueError for an order that
    cannot be dialled."""
    if not NUMBER.fullmatch(order.number):
        raise ValueError(f"{order.number!r} is no E.164 number")
    if not order.local_station_id.isascii() or len(order.local_station_id) > MAX_STATION_ID:
        # FreeSWITCH would drop it whole, and send its own.
        raise ValueError(f"a station id is {MAX_STATION_ID} ASCII characters at most: {order.local_station_id!r}")
    t38 = uses_t38(order, options)
    variables = {
        "origination_uuid": uuid,
        "originate_timeout": str(max(1, round(order.ring_seconds))),
        "ignore_early_media": "true",
        "absolute_codec_string": r"\,".join(options.codecs),
        **_caller(order),
        "fax_ident": _encoded(order.local_station_id),
        "fax_header": _encoded(plain(order.header_line)[:MAX_HEADER]),
        "fax_timezone": zone,
        "fax_use_ecm": _flag(order.ecm),
        "fax_enable_t38": _flag(t38),
        "fax_enable_t38_request": _flag(t38),
        "fax_disable_v17": "" if order.v17 else "true",
        "fax_verbose": "false",
        "execute_on_answer": f"'sched_hangup +{max(1, round(order.call_seconds))} ALLOTTED_TIMEOUT'",
        "json_cdr_base": records,
        "faxgate_pages": str(order.pages),
    }
    written = ",".join(f"{name}={value}" for name, value in variables.items() if value)
    dialled = options.dial.replace("{number}", order.number).replace("{digits}", order.number[1:])
    return f"originate {{{written}}}{dialled} &txfax({path})"


def uses_t38(order: CallOrder, options: FreeswitchOptions) -> bool:
    if options.t38 == "never":
        return False
    return options.t38 == "on" if order.t38 is None else order.t38


def _caller(order: CallOrder) -> dict[str, str]:
    number = order.caller_id_number
    if not NUMBER.fullmatch(number if number.startswith("+") else f"+{number}"):
        return {}  # nothing that could be shown as a number: the trunk has one of its own
    # Without a name FreeSWITCH would show its own.
    name = plain_name(order.caller_id_name) or number
    return {
        "origination_caller_id_number": number,
        "origination_caller_id_name": f"'{name}'" if " " in name else name,
    }


def plain_name(name: str) -> str:
    """What of a name can be said safely: accents go, other signs become spaces.

    >>> plain_name("Zoë's Café, Ltd. {x}"), plain_name("()")
    ('Zoe s Cafe Ltd. x', '')
    """
    letters = unicodedata.normalize("NFKD", name[: 4 * MAX_NAME])
    letters = "".join(character for character in letters if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^A-Za-z0-9_.+-]", " ", letters).split())[:MAX_NAME].strip()


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _flag(value: bool) -> str:
    return "true" if value else "false"
