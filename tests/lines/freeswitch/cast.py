"""Who plays in a recording: ids, numbers, variables and file of a call, and how they take the place of the recorded.

Everything else of an event stays as it was recorded, its times too. A text of another length is no trouble: an event
counts its length when it is rendered.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from tests.lines.freeswitch.event import Event
from tests.lines.freeswitch.originate import Originate, parse_originate
from tests.lines.freeswitch.recordings import Recording

_PEOPLE = re.compile(
    r"Channel-Name|Channel-Presence-ID|Caller-(?!.*-Time$).*|Other-Leg-.*"
    r"|variable_(channel_name|presence_id|caller_id|pre_transfer_.*|DP_MATCH|loopback_.*|effective_.*)"
    r"|variable_sip_(?!.*_port$|cseq$|call_id$|.*_tag$).*"
)
"""The headers in which a number is somebody's telephone number."""

_STATION_IDS = re.compile(r"(variable_)?fax[-_](local|remote)[-_]station[-_]id")
_CAUSES = ("Hangup-Cause", "variable_hangup_cause")
_MAX_STATION_ID = 20
_NO_STATION_ID = "SpanDSP Fax Ident"
"""What spandsp.conf says, if there is no fax_ident or one that is too long for T.30."""


def fresh_uuid() -> str:
    return str(uuid4())


@dataclass(frozen=True)
class Cast:
    """The call as one sees it from our leg."""

    uuid: str
    far_uuids: tuple[str, ...] = ()
    job_uuid: str = ""
    command: str = ""
    """What stood after `bgapi originate `."""
    variables: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    called: str = ""
    caller: str = ""
    caller_name: str = ""
    station_id: str = ""
    """Of the sender of the fax."""

    @classmethod
    def of_originate(cls, originate: Originate, far_uuid: str) -> "Cast":
        ident = originate.decoded("fax_ident")
        caller = originate.variables.get("origination_caller_id_number", "0000000000")
        return cls(
            uuid=originate.uuid,
            far_uuids=(far_uuid,),
            job_uuid=originate.job_uuid,
            command=originate.raw,
            variables=originate.variables,
            path=originate.path,
            called=originate.number,
            caller=caller,
            caller_name=originate.variables.get("origination_caller_id_name", caller),
            station_id=ident if 0 < len(ident) <= _MAX_STATION_ID else _NO_STATION_ID,
        )

    @classmethod
    def of_recording(cls, recording: Recording) -> "Cast":
        if recording.originate is not None:
            job_uuid = recording.job_uuid
            originate = parse_originate(recording.originate.text.removeprefix("bgapi originate "), job_uuid)
            cast = cls.of_originate(originate, "")
            return cls(**{**cast.__dict__, "uuid": recording.uuid, "far_uuids": recording.other_uuids})
        ours = next(message.parsed for message in recording.events if message.uuid == recording.uuid)
        results = (message.parsed for message in recording.events if message.subclass == "spandsp::rxfaxresult")
        return cls(
            uuid=recording.uuid,
            far_uuids=recording.other_uuids,
            path=f"/srv/fs-rx/{recording.uuid}.tif",
            called=ours.get("Caller-Destination-Number"),
            caller=ours.get("Caller-Caller-ID-Number"),
            caller_name=ours.get("Caller-Caller-ID-Name"),
            station_id=next((result.get("fax-remote-station-id") for result in results), ""),
        )


class Recast:
    """Puts `now` in the place of those who were recorded."""

    def __init__(self, then: Cast, now: Cast) -> None:
        self._then = then
        self._now = now
        self._ids = {then.uuid: now.uuid} | dict(zip(then.far_uuids, now.far_uuids, strict=False))
        for uuid in then.far_uuids[len(now.far_uuids) :]:
            self._ids[uuid] = fresh_uuid()
        if then.job_uuid:
            self._ids[then.job_uuid] = now.job_uuid
        self._any_id = _any_of(self._ids)
        self._people = {then.called: now.called, then.caller: now.caller}
        if then.caller_name not in self._people:
            self._people[then.caller_name] = now.caller_name
        self._any_person = _any_of(self._people)

    def event(self, event: Event, *, cause: str = "", values: Mapping[str, str] | None = None) -> Event:
        """The event as of the call that is played now. `cause` is why our leg ended, if it did not end as recorded;
        `values` are put into the headers of our leg that have these names."""
        ours = event.uuid == self._then.uuid
        job = event.name == "BACKGROUND_JOB"
        our_job = job and event.job_uuid == self._then.job_uuid
        headers: list[tuple[str, str]] = []
        spot = 0
        for name, recorded in event.headers:
            value: str | None
            if job:
                value = self._of_job(name, recorded, ours=our_job)
            elif self._is_variable(name, recorded):
                value = self._now.variables.get(name.removeprefix("variable_"))
            else:
                value = self._replaced(name, recorded)
            if ours and cause and name in _CAUSES:
                value = cause
            if ours and values:
                value = values.get(name, value)
            if value is not None:
                headers.append((name, value))
            if self._is_variable(name, recorded) or (not self._then.variables and name.startswith("variable_")):
                spot = len(headers)
        if ours and spot:
            headers[spot:spot] = self._added(headers)
        body = self._any_id.sub(lambda found: self._ids[found[0]], event.body)
        if our_job and cause and body.startswith("-ERR"):
            body = f"-ERR {cause}\n"
        return Event(tuple(headers), body)

    def _is_variable(self, name: str, value: str) -> bool:
        """Is it one of the recorded originate's `{...}`, unchanged? The far leg of a loopback call inherits them."""
        return name.startswith("variable_") and self._then.variables.get(name.removeprefix("variable_")) == value

    def _replaced(self, name: str, value: str) -> str:
        if self._then.path and self._then.path in value:
            return value.replace(self._then.path, self._now.path)
        if _STATION_IDS.fullmatch(name) and value == self._then.station_id:
            return self._now.station_id
        if name.endswith("-ID-Name") and value == self._then.caller_name:
            return self._now.caller_name
        if _PEOPLE.fullmatch(name):
            value = self._any_person.sub(lambda found: self._people[found[0]], value)
        return self._any_id.sub(lambda found: self._ids[found[0]], value)

    def _of_job(self, name: str, value: str, *, ours: bool) -> str:
        if name == "Job-UUID" and not ours:
            # Somebody else's, who does not say whose it is: a new one each time.
            return self._ids.setdefault(value, fresh_uuid())
        if name == "Job-Command-Arg" and ours:
            return self._now.command
        return self._any_id.sub(lambda found: self._ids[found[0]], value)

    def _added(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The variables that the recorded call did not have: every event that has variables has them."""
        there = {name for name, _ in headers}
        added = ((f"variable_{name}", value) for name, value in self._now.variables.items())
        return [(name, value) for name, value in added if name not in there]


def _any_of(texts: Mapping[str, str]) -> re.Pattern[str]:
    """None of them where it is a part of a longer number or word."""
    alternatives = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True) if text)
    return re.compile(rf"(?<![0-9A-Za-z])(?:{alternatives or '(?!)'})(?![0-9A-Za-z])")
