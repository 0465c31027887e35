"""The record that mod_json_cdr writes of a call, just before its CHANNEL_HANGUP_COMPLETE is sent.

Its form is that of FreeSWITCH's switch_ivr_generate_json_cdr with `encode-values` on: values of variables are
percent-encoded as in an event, all others are not.
"""

import json
from pathlib import Path

from tests.lines.freeswitch.event import Event, encode

_TIMES = {
    "created_time": "Caller-Channel-Created-Time",
    "profile_created_time": "Caller-Profile-Created-Time",
    "progress_time": "Caller-Channel-Progress-Time",
    "progress_media_time": "Caller-Channel-Progress-Media-Time",
    "answered_time": "Caller-Channel-Answered-Time",
    "bridged_time": "Caller-Channel-Bridged-Time",
    "last_hold_time": "Caller-Channel-Last-Hold",
    "hold_accum_time": "Caller-Channel-Hold-Accum",
    "hangup_time": "Caller-Channel-Hangup-Time",
    "resurrect_time": "Caller-Channel-Resurrect-Time",
    "transfer_time": "Caller-Channel-Transfer-Time",
}
_PROFILE = {
    "username": "Caller-Username",
    "dialplan": "Caller-Dialplan",
    "caller_id_name": "Caller-Caller-ID-Name",
    "ani": "Caller-ANI",
    "aniii": "Caller-ANI-II",
    "caller_id_number": "Caller-Caller-ID-Number",
    "network_addr": "Caller-Network-Addr",
    "rdnis": "Caller-RDNIS",
    "destination_number": "Caller-Destination-Number",
    "uuid": "Unique-ID",
    "source": "Caller-Source",
    "context": "Caller-Context",
    "chan_name": "Channel-Name",
}


def write_call_record(directory: Path, hangup: Event, executed: list[Event], core_uuid: str) -> None:
    """`hangup` is the CHANNEL_HANGUP_COMPLETE of the leg, `executed` are its CHANNEL_EXECUTE."""
    text = json.dumps(call_record(hangup, executed, core_uuid), separators=(",", ":"), ensure_ascii=False)
    directory.joinpath(f"{hangup.uuid}.cdr.json").write_text(text + "\n", encoding="utf-8", errors="surrogateescape")


def call_record(hangup: Event, executed: list[Event], core_uuid: str) -> dict[str, object]:
    record: dict[str, object] = {
        "core-uuid": core_uuid,
        "switchname": hangup.get("FreeSWITCH-Switchname"),
        "channel_data": {
            "state": hangup.get("Channel-State"),
            "direction": hangup.get("Call-Direction"),
            "state_number": hangup.get("Channel-State-Number"),
        },
        "variables": {
            name.removeprefix("variable_"): encode(value)
            for name, value in hangup.headers
            if name.startswith("variable_")
        },
    }
    if executed:
        record["app_log"] = {
            "applications": [
                {
                    "app_name": event.get("Application"),
                    "app_data": event.get("Application-Data"),
                    "app_stamp": event.get("Event-Date-Timestamp"),
                }
                for event in executed
            ]
        }
    record["callflow"] = [
        {
            "dialplan": hangup.get("Caller-Dialplan"),
            "profile_index": hangup.get("Caller-Profile-Index"),
            "caller_profile": {name: hangup.get(header) for name, header in _PROFILE.items()},
            "times": {name: hangup.get(header) for name, header in _TIMES.items()},
        }
    ]
    return record
