"""The numbers that a mail is to be faxed to, and whether its sender may: decided at RCPT, or when the mail is there.

What is decided, and why, is written into the transaction's smtplog entry. How it fails: a refusal is a FaxgateError;
what has to come in a mail of its own is a reply.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway import options
from gateway.errors import FaxgateError
from gateway.fax import DsnRequest
from gateway.outbound.submission import Origin
from gateway.routing import FaxRoute, FaxTarget
from gateway.smtplog import RecipientLog, SmtplogEntry
from smtp import admission, replies, senders
from smtp.client import Client
from smtp.message import Message
from smtp.policy import Policy
from smtp.proving import Prover
from smtp.senders import Addressed, Admitted, Asking, TurnedAway

NOT_PROVEN_YET = "none: the mail that should prove its sender did not come"

CheckRoom = Callable[[FaxRoute, str], Awaitable[None]]
"""`gateway.outbound.submit.Submissions.check_room`."""


@dataclass(frozen=True, slots=True)
class _Provisional:
    """Recipients that are decided when the mail is there: numbers that the same faxboxes may call."""

    asking: Asking
    targets: dict[str, tuple[FaxTarget, DsnRequest | None, RecipientLog]]
    """By the number as dialled."""
    addressed: dict[str, Addressed]
    """The same numbers, each as it was first written in the envelope."""


class FaxRecipients:
    """Those of one transaction; `entry` is its smtplog entry."""

    def __init__(
        self, prover: Prover, policy: Policy, client: Client, entry: SmtplogEntry, check_room: CheckRoom
    ) -> None:
        self._prover = prover
        self._policy = policy
        self._client = client
        self._entry = entry
        self._room = check_room
        self._routes: dict[tuple[str, str], FaxRoute] = {}
        self._provisional: _Provisional | None = None
        self._admitted: Admitted | None = None

    def __bool__(self) -> bool:
        return bool(self._routes or self._provisional)

    @property
    def undecided(self) -> bool:
        """Whether the mail itself decides."""
        return self._provisional is not None

    @property
    def routes(self) -> tuple[FaxRoute, ...]:
        """What is decided, without the options of the mail."""
        return tuple(self._routes.values())

    @property
    def identity(self) -> str:
        """Who is told of the faxes; the envelope sender before anything is decided."""
        return self._admitted.identity if self._admitted else self._entry.sender

    @property
    def signed(self) -> frozenset[str] | None:
        """As `smtp.senders.Admitted.signed`."""
        return self._admitted.signed if self._admitted else None

    def origin(self) -> Origin:
        """Where the faxes come from."""
        admitted = self._admitted
        if admitted is None:  # there are none
            return Origin.of_mail(self._entry, self.identity)
        return Origin.of_mail(self._entry, admitted.identity, spender=admitted.spender, actor=admitted.actor)

    async def take(
        self,
        target: FaxTarget,
        domain: str,
        line: RecipientLog,
        dsn: DsnRequest | None,
        *,
        alone: bool,
        bounce: bool,
    ) -> str:
        """A number at a domain of ours: decided at once, or when the mail is there. One mail has one reply, so what may
        yet be refused comes in a mail of its own. `alone` says that the mail has no recipient yet, `bounce` that one is
        a bounce address. Returns the reply. Raises FaxgateError."""
        line.destination = target.destination
        asking = admission.asking(self._policy, self._client, self._entry.sender, target)
        decided = senders.at_rcpt(asking)
        if isinstance(decided, TurnedAway):
            self._entry.authentication = decided.reason
            raise decided.error
        if isinstance(decided, Admitted):
            if bounce or self._provisional or not self._same_as_before(decided):
                return replies.OTHER_ACCOUNT
            if alone:  # of several numbers that are too many the mail's reply tells
                self._entry.authentication = decided.reason
                self._entry.faxbox_id = line.faxbox_id = decided.faxbox.id
                await self._check_room(target, decided)
            self._add(target, decided, dsn, line)
            self._admit(decided)
            return replies.RECIPIENT_OK
        if self._provisional is None:
            if not alone:
                return replies.OTHER_ACCOUNT
            self._provisional = _Provisional(asking, {}, {})
            self._entry.authentication = NOT_PROVEN_YET
        elif self._provisional.asking.boxes != asking.boxes:
            return replies.OTHER_ACCOUNT
        self._provisional.targets.setdefault(target.destination, (target, dsn, line))
        self._provisional.addressed.setdefault(target.destination, Addressed(target.destination, domain))
        return replies.RECIPIENT_OK

    async def prove(self, content: bytes | Path) -> None:
        """Decide what was put off until the mail was there. Raises FaxgateError."""
        if self._provisional is None:
            return
        asking = self._provisional.asking
        try:
            claimed = await admission.claims(self._prover, self._policy, asking, content)
            self._entry.subject, self._entry.message_id = options.without_secrets(claimed.subject), claimed.message_id
            to = tuple(self._provisional.addressed.values())
            decided = await admission.proven(self._prover, asking, to, claimed, content)
        except FaxgateError as error:
            self._entry.authentication = f"none: {error}"
            raise
        if isinstance(decided, TurnedAway):
            self._entry.authentication = decided.reason
            for destination in decided.unnamed:  # one mail has one reply, and these are why
                self._provisional.targets[destination][2].reply = replies.of_error(decided.error)
            raise decided.error
        self._entry.authentication = ""
        self._admit(decided)
        for target, dsn, line in self._provisional.targets.values():
            self._add(target, decided, dsn, line)
            if dsn is not None and self.identity.lower() != asking.sender.lower():
                self._entry.errors.append(
                    f"{target.destination}: what the envelope sender asks to be told is not heeded"
                )

    async def check_scanner(self, message: Message, content: bytes | Path) -> None:
        """Raises FaxgateError where the mail is not what its scanner is registered for."""
        if self._admitted is not None:
            decided = await admission.of_scanner(self._prover, self._admitted, message, content)
            if isinstance(decided, TurnedAway):
                self._entry.authentication = decided.reason
                raise decided.error

    async def _check_room(self, target: FaxTarget, decided: Admitted) -> None:
        """Raises FaxgateError where a limit leaves no room: told before a large mail is sent."""
        route = target.through(decided.faxbox)
        if route.limited:
            await self._room(route, decided.spender)

    def _same_as_before(self, decided: Admitted) -> bool:
        """Whether who sends, who is told, and what a scanner may, is what it is for the recipients before."""
        before = self._admitted
        now = decided.identity, decided.actor, decided.scanner
        return before is None or (before.identity, before.actor, before.scanner) == now

    def _admit(self, decided: Admitted) -> None:
        if decided.reason not in self._entry.authentication:
            already = f"{self._entry.authentication}; " if self._admitted else ""
            self._entry.authentication = f"{already}{decided.reason}"
        self._admitted = self._admitted or decided

    def _add(self, target: FaxTarget, decided: Admitted, dsn: DsnRequest | None, line: RecipientLog) -> None:
        """Raises NotPermitted where the faxbox may not dial the number."""
        line.faxbox_id = decided.faxbox.id
        self._entry.faxbox_id = self._entry.faxbox_id or decided.faxbox.id
        # Reports go to the sender of the envelope: only where that is who has been proven (RFC 3461 4.1).
        wanted = dsn if decided.identity.lower() == self._entry.sender.lower() else None
        # The same recipient twice is one fax: a mail that names a person in To and in Cc must not be sent twice.
        self._routes.setdefault((decided.faxbox.id, target.destination), target.through(decided.faxbox, wanted))
