"""Calls that come in through FreeSWITCH: its dialplan answers them and receives the fax into the spool.

A call is followed by its events; its end is told to the gateway until the gateway has it (`IncomingCalls.ended`), and
then image and record are removed. What ended while nobody listened is found by a sweep: in its call record, or, where
there is none, in the image itself. A call has one id for ever (its channel's uuid), so that whatever is told twice, by
this process or by another that hears the same FreeSWITCH, is stored once.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.errors import BadNumber
from gateway.fax import CallResult, Progress
from gateway.lines.freeswitch import records, results
from gateway.lines.freeswitch.messages import Event
from gateway.lines.freeswitch.options import FreeswitchOptions
from gateway.lines.freeswitch.spool import UUID, Spool, pages_in
from gateway.numbers import to_e164
from gateway.ports import IncomingCall, IncomingCalls
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

BEGINNINGS = ("CHANNEL_ANSWER", "spandsp::rxfaxnegociateresult", "spandsp::rxfaxpageresult", "spandsp::rxfaxresult")
ABANDONED_SECONDS = 60.0
"""An image without a call and without a record is delivered when it has not changed for so long."""
SILENT_SECONDS = 60.0
"""After this time without an event FreeSWITCH is asked whether the call still lives."""
IMAGE_SECONDS = 10.0
"""How long the image of an ended call may take to be seen in the spool, which may lie on another machine."""
LONGEST_PAUSE = 30.0
"""Seconds between two tries to have an ended call stored."""
GRACE_SECONDS = 15.0
"""How long a stop waits for what is being stored."""


@dataclass(slots=True, kw_only=True)
class _Incoming:
    """A call that is being followed."""

    uuid: str
    called: str
    caller: str
    started_at: datetime
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    """None: it is lost."""
    pages: int = 0
    file: str = ""
    """Where it is received into, as FreeSWITCH sees it."""
    heard_at: float = field(default_factory=time.monotonic)
    lost: bool = False

    def lose(self) -> None:
        """It is gone, say those who were asked, and how it ended was not heard."""
        if not self.lost:
            self.lost = True
            self.events.put_nowait(None)


class Receiving:
    """The incoming calls of one node. `alive` tells whether any FreeSWITCH on this spool has the channel; None where
    one of them cannot be asked."""

    def __init__(
        self,
        options: FreeswitchOptions,
        spool: Spool,
        incoming: IncomingCalls,
        alive: Callable[[str], Awaitable[bool | None]],
    ) -> None:
        self._options = options
        self._spool = spool
        self._incoming = incoming
        self._alive = alive
        self._calls: dict[str, _Incoming] = {}
        self._following = Tasks("incoming calls")
        self._telling = Tasks("ended incoming calls")
        self._homeless: set[str] = set()
        """Files that belong to no number of ours, and have been named in the log."""

    @property
    def active(self) -> int:
        return len(self._calls)

    async def stop(self) -> None:
        await self._following.cancel()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._telling.finish()
        except TimeoutError:
            await self._telling.cancel()  # it is told at the next start

    def hear(self, event: Event) -> None:
        """Take note of an event of a channel that is none of our calls."""
        call = self._calls.get(event.uuid)
        if call is not None:
            call.heard_at = time.monotonic()
            call.events.put_nowait(event)
        elif _begins(event):
            call = self._calls[event.uuid] = _Incoming(
                uuid=event.uuid,
                called=event.get("Caller-Destination-Number"),
                caller=event.get("Caller-Caller-ID-Number"),
                started_at=_microseconds(event.get("Caller-Channel-Created-Time")),
            )
            call.events.put_nowait(event)
            self._following.start(self._follow(call))

    async def reconcile(self) -> None:
        """After a new connection: events were lost, so ask which of the calls have ended meanwhile."""
        for call in list(self._calls.values()):
            if await self._alive(call.uuid) is False:
                call.lose()

    async def give_up(self) -> None:
        """FreeSWITCH has been away for too long: no call of it lives."""
        for call in list(self._calls.values()):
            image = await self._image(call.uuid, call.file)
            if image is None or _is_quiet(image):  # else it is being received, and it is we who are cut off
                call.lose()

    async def _follow(self, call: _Incoming) -> None:
        number = await self._ours(call.called)
        if number is None:
            del self._calls[call.uuid]
            return
        told = self._told(call, number)
        log.info("call %s: from %s to %s", told.call_id, told.from_number or "unknown", number)
        try:
            await self._incoming.began(told)
        except Exception:  # its end, which counts, is told until it is taken
            log.exception("the beginning of incoming call %s could not be told", told.call_id)
        result = await self._to_its_end(call, told)
        self._telling.start(self._tell(told, result, await self._image(call.uuid, call.file), call.uuid))

    async def _to_its_end(self, call: _Incoming, told: IncomingCall) -> CallResult:
        while True:
            event = await call.events.get()
            if event is None:
                record = await records.wait_for(self._spool.records, call.uuid, records.WRITTEN_SECONDS)
                if record is not None:
                    call.file = record.received or call.file
                    return results.received(record.variable)
                if call.events.empty():
                    break
                call.lost = False
                continue  # its last events came behind the answer that it is gone
            call.file = _file(event) or call.file
            if event.name == "CHANNEL_HANGUP_COMPLETE":
                return results.received(event.variable)
            progress = _progress(event, told.call_id)
            if progress is None:
                continue
            call.pages = progress.page
            try:
                await self._incoming.progressed(progress)
            except Exception:
                log.exception("the progress of incoming call %s could not be told", told.call_id)
        image = await self._image(call.uuid, call.file)
        pages = await asyncio.to_thread(pages_in, image) if image else 0
        return results.broken_off(pages, "FreeSWITCH stopped during the call.")

    async def _image(self, uuid: str, node_path: str) -> Path | None:
        return await asyncio.to_thread(self._spool.image, uuid, node_path)

    async def _tell(self, call: IncomingCall, result: CallResult, image: Path | None, uuid: str) -> None:
        """Have the end stored, however long it takes; then remove what FreeSWITCH has left."""
        until = time.monotonic() + IMAGE_SECONDS
        while result.pages and image is None and time.monotonic() < until:
            await asyncio.sleep(0.5)
            image = await self._image(uuid, "")
        if result.pages and image is None:
            log.error("the image of incoming call %s is not in the spool: does rxfax write into it?", call.call_id)
            result = replace(result, success=False, pages=0, result_text="The received image was not in the spool.")
        pause = 0.5
        kept = True
        while True:
            try:
                kept = await self._incoming.ended(call, result, image if result.pages else None)
                break
            except Exception:
                if image is not None and not await asyncio.to_thread(image.exists):
                    break  # another process has stored it and removed the image
                log.exception("incoming call %s could not be stored, it will be told again", call.call_id)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        try:
            if image is not None and not kept:
                late = await asyncio.to_thread(image.rename, image.with_name(f"{image.name}.late"))
                log.error("the image of call %s came after its end was stored without it, see %s", call.call_id, late)
            await asyncio.to_thread(self._remove, uuid, image)
        except OSError as error:
            log.error("call %s is stored, but its files cannot be removed: %s", call.call_id, error)
        finally:
            self._calls.pop(uuid, None)

    def _remove(self, uuid: str, image: Path | None) -> None:
        record = records.find(self._spool.records, uuid)
        for path in (image, record.path if record else None):
            if path is not None:
                path.unlink(missing_ok=True)

    async def sweep(self) -> None:
        """Deliver what nobody has followed to its end, and what has ended without a word."""
        for call in list(self._calls.values()):
            silent = time.monotonic() - call.heard_at > SILENT_SECONDS
            if silent and await self._alive(call.uuid) is False:
                call.heard_at = time.monotonic()
                call.lose()
        images = await asyncio.to_thread(self._spool.received)
        lying = {file.uuid: file.path for file in images}
        for record in await asyncio.to_thread(lambda: list(records.every(self._spool.records))):
            path = record.received
            if path is None or record.uuid in self._calls:
                continue
            image = lying.get(record.uuid) or await self._image(record.uuid, path)
            started_at = _microseconds(f"{record.variable('start_epoch')}000000")
            await self._found(
                record.uuid, record.called, record.caller, started_at, results.received(record.variable), image
            )
        self._homeless &= lying.keys()
        for file in images:
            if file.uuid in self._calls or not file.called or not _is_quiet(file.path):
                continue
            if await self._alive(file.uuid) is not False:
                continue
            pages = await asyncio.to_thread(pages_in, file.path)
            result = results.broken_off(pages, "Nothing is known of how the call ended.")
            started_at = datetime.fromtimestamp(time.time() - records.age(file.path), UTC)
            await self._found(file.uuid, file.called, file.caller, started_at, result, file.path)
        await asyncio.to_thread(records.remove_old, self._spool.records)

    async def _found(
        self, uuid: str, called: str, caller: str, started_at: datetime, result: CallResult, image: Path | None
    ) -> None:
        call = self._calls[uuid] = _Incoming(uuid=uuid, called=called, caller=caller, started_at=started_at)
        number = await self._ours(called)
        if number is None:
            del self._calls[uuid]
            if uuid not in self._homeless:
                self._homeless.add(uuid)
                log.warning("a fax for %s lies in the spool and no faxbox has that number: %s", called, image)
            return
        log.info("call %s: found in the spool", call.uuid)
        self._telling.start(self._tell(self._told(call, number), result, image, uuid))

    async def _ours(self, called: str) -> str | None:
        """The number of ours that was called, E.164; None where it is nobody's."""
        pause = 0.5
        while True:
            try:
                for number in _readings(called, self._options.country):
                    if await self._incoming.answers(number) is not None:
                        return number
                return None
            except Exception:
                log.exception("cannot tell whose number %s is; it will be asked again", called)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _told(self, call: _Incoming, number: str) -> IncomingCall:
        caller = next(iter(_readings(call.caller, self._options.country)), results.printable(call.caller)[:32])
        return IncomingCall(
            call_id=call.uuid.replace("-", ""),
            line=self._options.name,
            from_number=caller,
            to_number=number,
            started_at=call.started_at,
        )


def _begins(event: Event) -> bool:
    """Whether the event is the first we hear of a fax that comes in."""
    if not UUID.fullmatch(event.uuid) or event.get("Call-Direction") != "inbound":
        return False
    if event.name == "CHANNEL_HANGUP_COMPLETE":
        return bool(event.variable("fax_result_code"))
    return event.name in BEGINNINGS


def _file(event: Event) -> str:
    if event.name == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application") == "rxfax":
        return event.get("Application-Data")
    return event.variable("fax_filename")


def _progress(event: Event, call_id: str) -> Progress | None:
    match event.name:
        case "spandsp::rxfaxnegociateresult":
            return Progress(
                call_id=call_id,
                stage="negotiated",
                rate=results.number(event.get("fax-transfer-rate")),
                ecm=event.get("fax-ecm-used") == "on",
                remote_station_id=results.printable(event.get("fax-remote-station-id")),
            )
        case "spandsp::rxfaxpageresult":
            page = results.number(event.get("fax-document-transferred-pages"))
            return Progress(call_id=call_id, stage="page", page=page)
        case _:
            return None


def _readings(written: str, country: str) -> list[str]:
    """What a number may be in E.164, as a trunk writes it: with its plus, without, or as people of the country do.

    >>> _readings("+15551230001", ""), _readings("15551230001", ""), _readings("030 1234567", "DE")
    (['+15551230001'], ['+15551230001'], ['+49301234567'])
    >>> _readings("anonymous", "US")
    []
    """
    if not re.fullmatch(r"\+?[0-9 ().-]{1,40}", written):
        return []
    digits = re.sub("[^0-9]", "", written)
    found = [f"+{digits}"] if digits and not digits.startswith("0") and len(digits) <= 15 else []
    if country and not written.startswith("+"):
        try:
            national = to_e164(written, country)
        except BadNumber:
            return found
        return [national, *(number for number in found if number != national)]
    return found


def _microseconds(text: str) -> datetime:
    """FreeSWITCH's clock; now where it tells none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 17 else 0
    return datetime.fromtimestamp(number / 1e6, UTC) if number else datetime.now(UTC)


def _is_quiet(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except OSError:
        return False
