"""One call of ours, from the events of its channel. Pure: events go in, progress and in the end a result come out.

Events come in a loose order (FreeSWITCH sends from several threads): the job's answer before the hang-up or after it, a
hang-up before the channel's creation. What holds is that the fax's result comes before CHANNEL_HANGUP_COMPLETE, and so
that event decides. A call that never became a channel has none: then the job's answer does, after a pause in which the
event may still come.
"""

from dataclasses import dataclass

from gateway.fax import CallResult, Progress
from gateway.lines.freeswitch import results
from gateway.lines.freeswitch.messages import Event

SETUP_SECONDS = 120.0
"""From the answer to the first page: T.30 gives up after 60 s of silence, after 3 trainings of each speed."""
HANG_UP_SECONDS = 60.0
"""After the last page: a T.38 call has been seen to hang on for ten minutes there."""
PAGE_SECONDS = 120.0
"""For the turn between two pages, on top of what the bits of a page take."""
SLOWEST = 2400
"""bit/s: V.27ter's lower rate, where nothing was told of a rate."""


@dataclass(slots=True, kw_only=True)
class OutgoingCall:
    """What is known of a call by now."""

    call_id: str
    """The attempt's."""
    uuid: str
    """The channel's: the same as UUID."""
    job: str = ""
    """The Job-UUID of its `bgapi`; empty for a call that was begun by another process."""
    pages: int
    image_bytes: int = 0
    missed: bool = False
    """Events may have been missed: what is known of it is the least that has happened."""
    answered: bool = False
    confirmed: int = 0
    """Pages that the far end has confirmed."""
    rate: int = 0
    ecm: bool = False
    remote_station_id: str = ""
    response: str = ""
    """What txfax said."""
    refused: str = ""
    """Why the job failed: a cause's name."""
    gone: bool = False
    """The channel is destroyed."""
    result: CallResult | None = None
    replaced_by: str = ""
    """The channel that FreeSWITCH made instead, because one of our uuid was alive already."""

    @property
    def ending(self) -> bool:
        """The job has failed, or the channel is gone, and no hang-up was heard of yet."""
        return self.result is None and bool(self.refused or self.gone)

    def hear(self, event: Event) -> Progress | None:
        """Take note of an event of its channel or its job."""
        match event.name:
            case "BACKGROUND_JOB":
                self._job(event.body.strip())
            case "CHANNEL_ANSWER":
                self.answered = True
                return self._progress("answered")
            case "spandsp::txfaxnegociateresult":
                self.answered = True
                self._negotiated(event)
                return self._progress("negotiated")
            case "spandsp::txfaxpageresult":
                self.answered = True
                self.confirmed = max(
                    self.confirmed, min(results.number(event.get("fax-document-transferred-pages")), self.pages)
                )
                return self._progress("page")
            case "CHANNEL_EXECUTE_COMPLETE" if event.get("Application") == "txfax":
                self.response = event.get("Application-Response")
            case "CHANNEL_HANGUP_COMPLETE":
                self.result = results.sent(
                    event.variable, pages=self.pages, confirmed=self.confirmed, response=self.response
                )
            case "CHANNEL_DESTROY":
                self.gone = True
        return None

    def _job(self, answer: str) -> None:
        """`+OK UUID`, `-ERR CAUSE` or `-USAGE: ...`"""
        said, _, rest = answer.partition(" ")
        if said == "+OK":
            if rest and rest != self.uuid:
                self.replaced_by = rest
        elif said == "-ERR":
            self.refused = results.printable(rest) or "NORMAL_UNSPECIFIED"
        else:
            self.refused = "FACILITY_REJECTED"  # -USAGE: our command was none

    def _negotiated(self, event: Event) -> None:
        self.rate = results.number(event.get("fax-transfer-rate"))
        self.ecm = event.get("fax-ecm-used") == "on"
        self.remote_station_id = results.printable(event.get("fax-remote-station-id"))

    def _progress(self, stage: str) -> Progress:
        return Progress(
            call_id=self.call_id,
            stage=stage,
            rate=self.rate,
            ecm=self.ecm,
            page=self.confirmed,
            pages=self.pages,
            remote_station_id=self.remote_station_id,
        )

    def without_hang_up(self) -> CallResult:
        """The result of a call that is `ending`, and of which no hang-up will be told any more."""
        cause = self.refused or "NORMAL_TEMPORARY_FAILURE"
        text = "" if self.refused else "FreeSWITCH ended the call before it was dialled."
        return results.not_dialled(cause, text, pages=self.pages)

    def patience(self) -> float | None:
        """Seconds that may pass until the next event; None before the answer, where the ringing has its own limit."""
        if self.pages and self.confirmed >= self.pages:
            return HANG_UP_SECONDS
        if not self.missed and not self.answered:
            return None
        if not self.missed and not self.rate and not self.confirmed:
            return SETUP_SECONDS
        # A page may be much of the whole, and be sent again, and slower each time.
        return PAGE_SECONDS + 3 * self.image_bytes * 8 / (self.rate or SLOWEST)
