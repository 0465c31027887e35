"""One loopback call, in a process of its own: `python -m gateway.lines.call`.

Two T.30 machines hear each other in memory. The order (a `Plan` as JSON) is the first line of stdin; a second line
`hangup`, or the end of stdin, hangs up, so that a killed gateway leaves no call behind. Progress goes to stdout as
JSON lines. What the call brought is in its record file, written before the process ends and before anything else can
know it; a process that dies without one has delivered nothing.

Imports are few: this is started for every call. A crash of the C library ends this process and nothing else.
"""

import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from ctypes import c_int16
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.fax import CallResult
from gateway.lines.callfiles import CallFiles, Record
from gateway.lines.causes import CAUSE_NAMES, CAUSES, T30_CALL_DROPPED, T30_OK, T30_TEXTS
from gateway.lines.farends import FarEnd
from gateway.lines.spandsp import FRAME, MODEMS, RATE, FaxMachine, Frame, Terminal, load

SECOND = RATE // FRAME
"""Frames in a second."""
LINGER = SECOND
"""How long the other end is heard out when one has finished."""
LAST_WORDS = 5 * SECOND
"""How long a hang-up waits for a confirmation of the last page that is already on its way."""
RINGING_SPEED = 100
"""How much faster than real time a telephone rings in the fast pace."""

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the process is told: the call, this line's options, and who is at the far end."""

    call_id: str
    directory: str
    soname: str
    realtime: bool
    image: str
    pages: int
    station_id: str
    modems: tuple[str, ...]
    ecm: bool
    snr: float | None
    ring_seconds: float
    call_seconds: float
    far: FarEnd
    keep_image: bool
    """A faxbox answers: the pages received are kept, and its end of the call is recorded."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        fields = json.loads(text)
        return cls(**{**fields, "far": FarEnd(**fields["far"]), "modems": tuple(fields["modems"])})


class Control:
    """The gateway's end of stdin: anything more from there, its end included, is a hang-up."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._asked = False

    def hangup(self, wait: float = 0.0) -> bool:
        """Whether a hang-up was asked for; waits for it as long as told."""
        if not self._asked:
            readable, _, _ = select.select([self._descriptor], [], [], max(wait, 0.0))
            self._asked = bool(readable)
        elif wait > 0:
            time.sleep(wait)
        return self._asked


class Noise:
    """White noise on the way, only where there is sound: noise in the pauses would never let a receiver rest."""

    def __init__(self, snr: float, seed: str) -> None:
        from random import Random  # few calls are noisy, and every call pays for its imports

        source = Random(seed)  # noqa: S311  # the same call is noisy in the same way
        self._noise = [source.gauss(0.0, 1.0) for _ in range(RATE + 7)]
        self._factor = 10 ** (-snr / 20)
        self._at = 0

    def add(self, frame: Frame) -> None:
        sound = frame[:]
        level = math.sqrt(sum(sample * sample for sample in sound) / FRAME) * self._factor
        if level < 1:
            return
        if self._at + FRAME > len(self._noise):
            self._at = (self._at + FRAME) % 97
        noise = self._noise[self._at : self._at + FRAME]
        self._at += FRAME
        frame[:] = [
            max(-32768, min(32767, int(sample + level * unit))) for sample, unit in zip(sound, noise, strict=True)
        ]


def voice() -> list[int]:
    """A second of something like a spoken vowel: three formants in syllables, nothing that a modem knows."""
    return [
        int(
            3000
            * abs(math.sin(math.pi * 4 * at / RATE))
            * sum(math.sin(2 * math.pi * pitch * at / RATE) for pitch in (140, 420, 730))
            / 3
        )
        for at in range(RATE)
    ]


class Call:
    """The call from the answer to the hang-up."""

    def __init__(self, plan: Plan, control: Control, report: Report, image: Path) -> None:
        library = load(plan.soname)
        modems = sum(MODEMS[name] for name in plan.modems)
        snr = min((level for level in (plan.snr, plan.far.snr) if level is not None), default=None)
        if snr is not None:
            # V.17's short training fails at random under noise in this version of the library.
            modems = modems & ~MODEMS["v17"] or MODEMS["v29"] | MODEMS["v27ter"]
        self._plan = plan
        self._control = control
        self._report = report
        self._noise = Noise(snr, plan.call_id) if snr is not None else None
        self._frames = 0
        self._started = time.monotonic()
        self._answered_at = datetime.now(UTC)
        self._cause = CAUSES["NORMAL_CLEARING"]
        self._sender = FaxMachine(
            library,
            Terminal(
                calling=True,
                file=os.path.relpath(plan.image),
                station_id=plan.station_id,
                modems=modems,
                ecm=plan.ecm,
            ),
            self._on_negotiated,
            self._on_page,
        )
        self._receiver: FaxMachine | None = None
        if not plan.far.voice:
            called = Terminal(
                calling=False,
                file=os.path.relpath(image),
                station_id=plan.far.station_id,
                modems=modems,
                ecm=plan.far.ecm,
            )
            self._receiver = FaxMachine(library, called, self._on_negotiated, self._on_page)
        self._machines = [machine for machine in (self._sender, self._receiver) if machine]

    def run(self) -> Record:
        """Let the two talk until the call is over."""
        if self._receiver is not None:
            self._talk(self._sender, self._receiver)
        else:
            self._bore(self._sender)
        for machine in self._machines:
            if not machine.finished:
                machine.hang_up()
        ended_at = datetime.now(UTC)
        outgoing = self._result(self._sender, ended_at)
        incoming = self._result(self._receiver, ended_at) if self._receiver and self._plan.keep_image else None
        for machine in self._machines:
            machine.close()
        return Record(outgoing, incoming)

    def _talk(self, sender: FaxMachine, receiver: FaxMachine) -> None:
        from_sender, from_receiver = _frame(), _frame()
        lingered = 0
        cut_at: int | None = None
        while not (sender.finished and receiver.finished) and lingered <= LINGER:
            sender.transmit(from_sender)
            receiver.transmit(from_receiver)
            if self._noise is not None:
                self._noise.add(from_sender)
                self._noise.add(from_receiver)
            sender.receive(from_receiver)
            receiver.receive(from_sender)
            lingered += sender.finished or receiver.finished
            if self._tick():
                return
            if cut_at is None and self._to_be_cut():
                # The receiver has taken the last page and is saying so: cut now, the two ends would disagree about
                # whether the fax arrived, and it would be sent again. No telephone line is so kind.
                confirming = receiver.pages == self._plan.pages and not sender.finished
                cut_at = self._frames + (LAST_WORDS if confirming else 0)
            if cut_at is not None and self._frames >= cut_at:
                return

    def _bore(self, sender: FaxMachine) -> None:
        """A person picks up. The sender waits for a fax machine and gives up by itself (T.30 timer T1)."""
        said, heard = voice(), _frame()
        ignored = _frame()
        while not sender.finished:
            at = self._frames % SECOND * FRAME
            heard[:] = [*said[at : at + FRAME]]
            sender.transmit(ignored)
            sender.receive(heard)
            if self._tick() or self._control.hangup():
                return

    def _tick(self) -> bool:
        """20 ms have passed; whether the whole call's time is over."""
        self._frames += 1
        if self._plan.realtime:
            self._control.hangup(self._started + self._frames / SECOND - time.monotonic())
        if self._frames < self._plan.call_seconds * SECOND:
            return False
        self._cause = CAUSES["ALLOTTED_TIMEOUT"]
        return True

    def _to_be_cut(self) -> bool:
        after = self._plan.far.hangs_up_after
        if after and self._sender.pages >= after and not self._sender.finished:
            return self._sender.pages < self._plan.pages
        # Asking is a system call, so ask every fifth of a second.
        return self._frames % 10 == 0 and self._control.hangup()

    def _on_negotiated(self, machine: FaxMachine) -> None:
        self._tell(machine, "negotiated")

    def _on_page(self, machine: FaxMachine) -> None:
        self._tell(machine, "page")

    def _tell(self, machine: FaxMachine, stage: str) -> None:
        found = machine.statistics()
        self._report(
            {
                "side": "outgoing" if machine.calling else "incoming",
                "stage": stage,
                "rate": found.bit_rate,
                "ecm": bool(found.error_correcting_mode),
                "page": machine.pages,
                "pages": self._plan.pages if machine.calling else 0,
                "remote_station_id": machine.remote_station_id,
            }
        )

    def _result(self, machine: FaxMachine, ended_at: datetime) -> CallResult:
        found = machine.statistics()
        code = found.current_status
        if not machine.finished and code == T30_OK:
            code = T30_CALL_DROPPED
        pages = found.pages_tx if machine.calling else found.pages_rx
        # A TIFF that is cut short is sent "successfully" with the pages that could be read (only the sender knows).
        total = self._plan.pages if machine.calling else pages if code == T30_OK else 0
        return CallResult(
            success=code == T30_OK and pages == total and pages > 0,
            answered=True,
            pages=pages,
            total_pages=total,
            result_code=code,
            result_text=T30_TEXTS.get(code, ""),
            cause=self._cause,
            hangup_cause=CAUSE_NAMES[self._cause],
            rate=found.bit_rate if machine.trained else 0,
            ecm=machine.trained and bool(found.error_correcting_mode),
            bad_rows=machine.bad_rows,
            local_station_id=self._plan.station_id if machine.calling else self._plan.far.station_id,
            remote_station_id=machine.remote_station_id,
            answered_at=self._answered_at,
            ended_at=ended_at,
            seconds=round(self._frames / SECOND, 2),
        )


def _frame() -> Frame:
    return (c_int16 * FRAME)()


def refused(cause: int, plan: Plan) -> CallResult:
    """A call that nobody answered."""
    return CallResult(
        success=False,
        answered=False,
        total_pages=plan.pages,
        cause=cause,
        hangup_cause=CAUSE_NAMES[cause],
        local_station_id=plan.station_id,
        ended_at=datetime.now(UTC),
    )


def place(plan: Plan, control: Control, report: Report, image: Path) -> Record:
    """Dial, and if it is answered let the machines talk."""
    outgoing = {"side": "outgoing", "pages": plan.pages}
    report({**outgoing, "stage": "dialling"})
    if plan.far.rings_out:
        ringing = plan.ring_seconds if plan.realtime else plan.ring_seconds / RINGING_SPEED
        if control.hangup(ringing):
            return Record(refused(CAUSES["ORIGINATOR_CANCEL"], plan), None)
    if plan.far.refuses:
        return Record(refused(plan.far.refuses, plan), None)
    call = Call(plan, control, report, image)
    report({**outgoing, "stage": "answered"})
    report({"side": "incoming", "stage": "answered"})
    return call.run()


def main() -> None:
    # A service manager signals every process of the service; when this call hangs up is the gateway's to say.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unbuffered: what comes after the order must stay in the pipe, where `select` sees it.
    text = b""
    while not text.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return  # the gateway died before it had said what to do: nothing was dialled
        text += byte
    plan = Plan.from_json(text.decode())
    files = CallFiles(Path(plan.directory), plan.call_id)
    os.chdir(plan.directory)  # file names relative to it stay within the library's limit

    def report(progress: dict[str, Any]) -> None:
        try:
            print(json.dumps(progress), flush=True)
        except BrokenPipeError:
            # Nobody listens any more; stdin has ended too, and that is what ends the call.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123

    record = place(plan, Control(0), report, files.image)
    if not plan.keep_image:
        files.image.unlink(missing_ok=True)
    files.finish(record)


if __name__ == "__main__":
    main()
