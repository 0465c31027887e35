"""Who may send: one decision, in this order, each with the reason that the smtplog keeps. Pure.

    logged in          a user of this faxbox
    scanner            an office scanner: its address and its sender belong to one faxbox
    trusted network    of the installation, the account or the faxbox, whose sender a faxbox permits
    trust_envelope     where the account asks for no proof: a permitted envelope sender
    proof              a permitted sender whose domain is proven: by SPF or DKIM, aligned as DMARC defines it, by a
                       signing domain of the account, or by a listed relay's Authentication-Results

Everything but the proof is decided at RCPT; what needs the mail itself after DATA. One identity that is proven and
permitted is enough, the envelope sender before the header From, and it alone is told of the fax: the other may be
anybody's. A refusal says the same to everybody, so that strangers do not learn who may send.

The envelope is not signed, so that who has a signed mail can bring it to other numbers. An account can have it that a
signature proves its sender for the numbers alone that the signed To and Cc name (`named_recipients`); what SPF proves
is proven of the peer, and holds for all. One number that is not named turns the mail away: one mail has one reply.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.accounts import NAMED_RECIPIENTS, TRUST_ENVELOPE, Account, Faxbox, Scanner, permitted_box
from gateway.errors import BadNumber, FaxgateError, NotPermitted, Unproven
from gateway.networks import hold, network
from gateway.numbers import to_e164
from gateway.wording import some
from smtp.alignment import aligned, domain_of
from smtp.client import Client
from smtp.evidence import NO_FROM, PASS, UNCHECKED, Claims, Evidence

TRUSTED = "trusted network"
STRANGER = f"{TRUSTED}, but no faxbox permits the sender"
NOT_PERMITTED = NotPermitted("This sender may not send faxes here; ask the administrator of this fax service.")
UNPROVEN = NotPermitted(
    "This sender may not send faxes here, or cannot be proven: sign with DKIM for the domain of From, name your server "
    "in the SPF record of the sender's domain, or have your signing domain registered by the fax account's "
    "administrator."
)
NO_SENDER = NotPermitted("A fax needs a sender: mail with the null sender <> is not faxed.")
TRY_LATER = Unproven("The DNS of the sender's domain does not answer, so that the sender cannot be proven now.")
OTHER_FROM = NotPermitted("The header From of this mail is not the address that the scanner is registered with.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who wants to send through one of these faxboxes."""

    client: Client
    sender: str
    """The envelope sender; empty for the null reverse path."""
    account: Account
    boxes: tuple[Faxbox, ...]
    trusted: bool = False
    """The peer is in a trusted network of the installation."""
    relay: bool = False
    """The peer is a listed relay, whose Authentication-Results count: it is believed, and not those who mail through
    it, wherever else it is listed."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A number that a mail is to be faxed to."""

    destination: str
    """E.164 with `+`."""
    domain: str
    """At which it was written in the envelope; lower case, A-labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    faxbox: Faxbox
    identity: str
    """Who is told of the fax; empty where nobody has been proven who could be."""
    reason: str
    login: str = ""
    """The name of the credential that was logged in with."""
    scanner: Scanner | None = None
    proven: bool = True
    """False where `identity` is only what the client says."""
    signed: frozenset[str] | None = None
    """The header fields that are proven with it; None where all are as good as the session."""

    @property
    def spender(self) -> str:
        """Who spends what each sender may: somebody, also where nobody is told."""
        return self.identity or self.login

    @property
    def actor(self) -> str:
        """Who sends, for the audit log (`gateway.audit.Actor`)."""
        if self.login:
            return f"login {self.login}"
        return self.identity if self.proven else f"unproven {self.identity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    error: FaxgateError
    reason: str
    unnamed: tuple[str, ...] = ()
    """The numbers for which alone it is, where the sender is proven for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """The mail itself is needed."""

    reason: str


def at_rcpt(asking: Asking) -> Admitted | TurnedAway | Undecided:
    """What can be decided without the mail."""
    if not asking.sender:
        return TurnedAway(error=NO_SENDER, reason="none: the null sender")
    # A relay brings strangers' mail too: where it stands says nothing of who sends.
    decided = _logged_in(asking) or (None if asking.relay else _scanner(asking) or _trusted(asking))
    if decided is not None:
        return decided
    if asking.account.sender_policy == TRUST_ENVELOPE:
        box = _permitting(asking.boxes, asking.sender)
        if box is None:
            return TurnedAway(error=NOT_PERMITTED, reason="none: no faxbox permits the envelope sender")
        reason = "none asked for by the account (trust_envelope)"
        return Admitted(faxbox=box, identity=asking.sender, reason=reason, proven=False)
    if not any(box.permits for box in asking.boxes):
        return TurnedAway(error=UNPROVEN, reason="none: no faxbox permits anybody")
    return Undecided(reason="not yet: the peer is in no trusted network, the mail has to prove its sender")


def of_nobody(asking: Asking, claimed: Claims) -> TurnedAway | None:
    """The decision that needs no proof, and costs none: no faxbox permits whom the mail could prove."""
    addresses = [asking.sender, *([claimed.header_from] if claimed.header_from else ())]
    if any(_permitting(asking.boxes, address) for address in addresses):
        return None
    unclear = f"; {claimed.unclear}" if claimed.unclear else ""
    return TurnedAway(error=UNPROVEN, reason=f"none: no faxbox permits {' or From '.join(addresses)}{unclear}")


def could_sign(asking: Asking, claimed: Claims) -> bool:
    """Whether a signature could prove somebody whom a faxbox permits."""
    return bool(claimed.header_from) and _permitting(asking.boxes, claimed.header_from) is not None


def after_data(asking: Asking, to: Sequence[Addressed], evidence: Evidence) -> Admitted | TurnedAway:
    """The decision on what was undecided."""
    lacking: tuple[str, ...] = ()
    for proven in _proven(asking, evidence):
        if (box := _permitting(asking.boxes, proven.address)) is not None:
            unnamed = _unnamed(asking, to, proven)
            if not unnamed:
                return Admitted(faxbox=box, identity=proven.address, reason=proven.reason, signed=proven.signed)
            lacking = lacking or unnamed
    told = f"none: {'; '.join(_told(asking, to, evidence))}"
    if any(_permitting(asking.boxes, address) for address in _unsettled(asking, evidence)):
        return TurnedAway(error=TRY_LATER, reason=told)
    if lacking:
        return TurnedAway(error=_not_named(lacking), reason=told, unnamed=lacking)
    return TurnedAway(error=UNPROVEN, reason=told)


def _unnamed(asking: Asking, to: Sequence[Addressed], proven: "_Proven") -> tuple[str, ...]:
    """The numbers for which this proves nothing."""
    if proven.named is None or asking.account.signature_policy != NAMED_RECIPIENTS:
        return ()
    domains = {one.domain for one in to}
    numbers = {Addressed(number, domain) for number, domain in _numbers(proven.named, domains, asking.account.country)}
    return tuple(one.destination for one in to if one not in numbers)


def _numbers(addresses: Iterable[str], domains: set[str], country: str) -> Iterator[tuple[str, str]]:
    """Those of the addresses that are numbers at these domains, read as those of the envelope are."""
    for address in addresses:
        local, _, domain = address.rpartition("@")
        if domain in domains:
            try:
                yield to_e164(local, country), domain
            except BadNumber:
                continue


def _not_named(numbers: Sequence[str]) -> NotPermitted:
    return NotPermitted(
        f"The DKIM signature of this mail does not name {some(numbers)}, and this fax account takes signed mail for "
        "numbers in its signed To or Cc alone: write each fax address into To or Cc and let your mail server sign both."
    )


def of_scanner(admitted: Admitted, claimed: Claims) -> Admitted | TurnedAway:
    """A scanner's mail has its address in From, too; scanners that write none are let pass."""
    if admitted.scanner is None or claimed.unclear == NO_FROM or _same(claimed.header_from, admitted.scanner.sender):
        return admitted
    found = f"is From {claimed.header_from}" if claimed.header_from else f"is not clear: {claimed.unclear}"
    return TurnedAway(error=OTHER_FROM, reason=f"none: the scanner's mail {found}")


# Without the mail


def _logged_in(asking: Asking) -> Admitted | TurnedAway | None:
    credential = asking.client.credential
    if credential is None or credential.account_id != asking.account.id:
        return None
    boxes = [box for box in asking.boxes if credential.faxbox_id in (None, box.id)]
    if not boxes:
        return None
    box = _permitting(boxes, asking.sender)
    if box is None and len(boxes) > 1:
        return TurnedAway(
            error=NotPermitted("You may use several faxboxes, and none of them permits this sender."),
            reason=f"none: logged in as {credential.name}, but no faxbox permits the sender",
        )
    # Who has logged in may write any sender; only one that is permitted, or the login itself, is known to be theirs.
    known = asking.sender if box is not None else credential.name if "@" in credential.name else ""
    reason = f"logged in as {credential.name}"
    return Admitted(faxbox=box or boxes[0], identity=known, reason=reason, login=credential.name)


def _scanner(asking: Asking) -> Admitted | None:
    for box in asking.boxes:
        for scanner in box.scanners:
            stands = hold([network(scanner.network)], asking.client.host) and _same(scanner.sender, asking.sender)
            if stands and (asking.client.tls or scanner.plaintext):
                return Admitted(
                    faxbox=box,
                    identity=scanner.receipts_to or scanner.sender,
                    reason=f"scanner at {scanner.network}{'' if asking.client.tls else ', without TLS'}",
                    scanner=scanner,
                )
    return None


def _trusted(asking: Asking) -> Admitted | TurnedAway | None:
    if asking.trusted:
        box = _permitting(asking.boxes, asking.sender)
        if box is not None:
            return Admitted(faxbox=box, identity=asking.sender, reason=TRUSTED)
        # The peer vouches for its senders, and is told at once, before it sends the mail.
        return TurnedAway(error=NOT_PERMITTED, reason=STRANGER)
    if _within(asking.account.trusted_networks, asking.client) and (box := _permitting(asking.boxes, asking.sender)):
        return Admitted(faxbox=box, identity=asking.sender, reason=f"{TRUSTED} of the account")
    near = [box for box in asking.boxes if _within(box.trusted_networks, asking.client)]
    if (box := _permitting(near, asking.sender)) is not None:
        return Admitted(faxbox=box, identity=asking.sender, reason=f"{TRUSTED} of the faxbox")
    return None


def _within(networks: Iterable[str], client: Client) -> bool:
    return hold((network(word) for word in networks), client.host)


def _permitting(boxes: Iterable[Faxbox], sender: str) -> Faxbox | None:
    try:
        return permitted_box(boxes, sender)
    except NotPermitted:
        return None


def _same(address: str, other: str) -> bool:
    return address.lower() == other.lower()


# With it


UNSIGNED: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Proven:
    address: str
    reason: str
    signed: frozenset[str] | None = None
    named: frozenset[str] | None = None
    """The addresses that are signed with it; None where the peer itself is proven, whatever it brings."""


def _proven(asking: Asking, evidence: Evidence) -> Iterator[_Proven]:
    """Every identity that is proven, the envelope sender first."""
    sender, header_from = asking.sender, evidence.header_from
    sender_domain, from_domain = domain_of(sender), domain_of(header_from)
    spf, relayed, asked = evidence.spf, evidence.relayed, evidence.alignment
    if spf is not None and spf.result == PASS:
        yield _Proven(sender, f"SPF of {spf.domain}")
    if relayed and (sender_domain in relayed.spf or sender.lower() in relayed.spf):
        yield _Proven(sender, f"Authentication-Results: SPF of {sender_domain}")
    if not header_from:
        return
    for one in evidence.signatures:
        why = _speaks(asking, one.domain, from_domain, None if asked is None else asked.strict_dkim)
        if one.result == PASS and why:
            yield _Proven(header_from, f"DKIM of {one.domain}, {why} {header_from}", one.signed, one.named)
    # A relay does not say which fields are signed, so that none counts but where the signature is good here, too.
    if relayed and from_domain in relayed.dmarc:
        yield _Proven(header_from, f"Authentication-Results: DMARC of {from_domain}", UNSIGNED, UNSIGNED)
    for domain in sorted(relayed.dkim if relayed else ()):
        why = _speaks(asking, domain, from_domain, None if asked is None else asked.strict_dkim)
        if why:
            reason = f"Authentication-Results: DKIM of {domain}, {why} {header_from}"
            yield _Proven(header_from, reason, UNSIGNED, UNSIGNED)
    strict = asked is None or asked.strict_spf
    if spf is not None and spf.result == PASS and aligned(spf.domain, from_domain, strict=strict):
        yield _Proven(header_from, f"SPF of {spf.domain}, aligned with From {header_from}")


def _speaks(asking: Asking, domain: str, from_domain: str, strict: bool | None) -> str:
    """As what a signature of `domain` speaks for the header From; empty where it does not. `strict` is None where the
    From's domain cannot say now what it asks for: then only the very domain does."""
    if aligned(domain, from_domain, strict=strict is not False):
        return "aligned with From"
    if domain in asking.account.signing_domains:
        return "registered by the account, for From"
    return ""


def _unsettled(asking: Asking, evidence: Evidence) -> Iterator[str]:
    """The identities that might have been proven if the DNS had answered."""
    header_from, from_domain = evidence.header_from, domain_of(evidence.header_from)
    spf = evidence.spf
    if spf is not None and spf.temporary:
        yield asking.sender
        if header_from and aligned(spf.domain, from_domain):
            yield header_from
    if any(one.temporary for one in evidence.signatures):
        yield header_from
    if evidence.alignment is None:  # asked for only where something depends on it
        yield header_from


def _told(asking: Asking, to: Sequence[Addressed], evidence: Evidence) -> Iterator[str]:
    """The evidence in words."""
    known = []
    for proven in _proven(asking, evidence):
        known.append(proven.reason)
        if _permitting(asking.boxes, proven.address) is None:
            yield f"{proven.reason}, which no faxbox permits"
        else:
            unnamed = some(_unnamed(asking, to, proven))
            yield f"{proven.reason}, whose signed To and Cc do not name {unnamed} (named_recipients)"
    if evidence.spf is not None and evidence.spf.result != PASS:
        detail = f" ({evidence.spf.detail})" if evidence.spf.result in ("temperror", "permerror") else ""
        yield f"SPF of {evidence.spf.domain}: {evidence.spf.result}{detail}"
    if evidence.unclear:
        yield evidence.unclear
    if evidence.header_from and not _permitting(asking.boxes, evidence.header_from):
        yield f"no faxbox permits From {evidence.header_from}"
        return
    for one in evidence.signatures:
        speaks = _speaks(asking, one.domain, domain_of(evidence.header_from), strict=False)
        if one.result not in (PASS, UNCHECKED) or (speaks and one.result == UNCHECKED):
            yield f"DKIM of {one.domain or '?'}: {one.result}"
        elif not any(reason.startswith(f"DKIM of {one.domain},") for reason in known):
            yield f"DKIM of {one.domain}: not aligned with From {evidence.header_from}"
    if not evidence.signatures and not evidence.unclear:
        yield "no DKIM signature"
    if evidence.alignment is None:
        yield f"the DMARC policy of {domain_of(evidence.header_from)} could not be had"
