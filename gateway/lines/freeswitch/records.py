"""FreeSWITCH's call records on disk: how calls ended that nobody was listening to.

mod_json_cdr writes one file for every channel, when it has ended: `UUID.cdr.json` (`a_UUID.cdr.json` for one leg of two
where it is set up so). Values are percent-encoded (its `encode-values`). It writes in place, so a file that is no JSON
yet may be one in a moment.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gateway.lines.freeswitch.spool import UUID

log = logging.getLogger(__name__)

WRITTEN_SECONDS = 3.0
"""How long a record may take to be there after its call has ended."""
SETTLED_SECONDS = 60.0
"""After this time a file is not being written any more."""
KEPT_SECONDS = 14 * 86_400.0
"""How long the records of calls that are none of ours stay."""
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A record, taken apart no further than needed."""

    path: Path
    uuid: str
    _variables: dict[str, str]
    _profile: dict[str, str]
    """The caller's profile, as the channel had it first."""
    _application: tuple[str, str]
    """The last application and its argument."""

    def variable(self, name: str) -> str:
        """A channel variable, decoded; empty where there is none."""
        return unquote(self._variables.get(name, ""), errors="replace")

    @property
    def received(self) -> str | None:
        """The path into which it received a fax, as FreeSWITCH sees it; None where it did not try."""
        application, argument = self._application
        if application != "rxfax":
            return None
        return self.variable("fax_filename") or unquote(argument, errors="replace")

    @property
    def called(self) -> str:
        return unquote(self._profile.get("destination_number", ""), errors="replace")

    @property
    def caller(self) -> str:
        return unquote(self._profile.get("caller_id_number", ""), errors="replace")


def find(folder: Path, uuid: str) -> CallRecord | None:
    """The record of a channel. Blocks."""
    for prefix in ("", "a_"):
        record = _read(folder / f"{prefix}{uuid}.cdr.json", uuid)
        if record is not None:
            return record
    return None


async def wait_for(folder: Path, uuid: str, seconds: float) -> CallRecord | None:
    """The record of a channel; `seconds` is how long it may still take to be written."""
    until = time.monotonic() + seconds
    while (record := await asyncio.to_thread(find, folder, uuid)) is None and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # another program writes it: there is nothing to be woken by
    return record


def every(folder: Path) -> Iterator[CallRecord]:
    """All records. Blocks. What cannot be read, and is not being written, is set aside and named in the log."""
    for path in sorted(folder.glob("*.cdr.json")):
        uuid = path.name.removesuffix(".cdr.json").removeprefix("a_")
        if UUID.fullmatch(uuid) and (record := _read(path, uuid)) is not None:
            yield record


def remove_old(folder: Path) -> None:
    """Remove what nobody has asked for: the records of calls that were never ours. Blocks."""
    for path in folder.glob("*.cdr.json*"):
        if age(path) > KEPT_SECONDS:
            path.unlink(missing_ok=True)


def _read(path: Path, uuid: str) -> CallRecord | None:
    if not path.is_file():
        return None  # not there, or a pipe that would never end
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        if age(path) > SETTLED_SECONDS:
            log.error("call record %s cannot be read and is set aside: %s", path.name, error)
            with suppress(OSError):
                path.rename(path.with_name(path.name + ".bad"))
        return None
    variables = _texts(_of(content, "variables"))
    flows = content.get("callflow") if isinstance(content, dict) else None
    first = flows[-1] if isinstance(flows, list) and flows else None
    applications = _of(_of(content, "app_log"), "applications")
    applications = applications if isinstance(applications, list) else []
    last = applications[-1] if applications else None
    fallback = (variables.get("current_application", ""), variables.get("current_application_data", ""))
    named = _texts(last)
    application = (named.get("app_name", ""), named.get("app_data", "")) if named else fallback
    rxfax = next((one for one in map(_texts, applications) if one.get("app_name") == "rxfax"), None)
    if rxfax is not None:
        application = ("rxfax", rxfax.get("app_data", ""))
    return CallRecord(path, uuid, variables, _texts(_of(first, "caller_profile")), application)


def _of(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _texts(value: Any) -> dict[str, str]:
    return {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def age(path: Path) -> float:
    """Seconds since it was written; 0 where it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
