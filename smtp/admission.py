"""A transaction's sender, admitted or not: `smtp.senders` decides, here it is told what there is to know.

How it fails: as a decision that turns the sender away; trouble of ours is OurTrouble.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gateway.accounts import Scanner
from gateway.errors import DocumentRefused
from gateway.routing import FaxTarget
from smtp import senders
from smtp.alignment import aligned, domain_of
from smtp.client import Client
from smtp.evidence import Claims
from smtp.message import FAXED, Message
from smtp.policy import Policy
from smtp.proving import Prover
from smtp.senders import Addressed, Admitted, Asking, TurnedAway


def asking(policy: Policy, client: Client, sender: str, target: FaxTarget) -> Asking:
    """Who asks to send there."""
    return Asking(
        client=client,
        sender=sender,
        account=target.account,
        boxes=target.boxes,
        trusted=policy.trusts(client.host),
        relay=bool(policy.relay(client.host)),
    )


async def claims(prover: Prover, policy: Policy, asking: Asking, content: bytes | Path) -> Claims:
    """What the mail says of its sender."""
    return await prover.claims(content, policy.relay(asking.client.host))


async def proven(
    prover: Prover, asking: Asking, to: Sequence[Addressed], claimed: Claims, content: bytes | Path
) -> Admitted | TurnedAway:
    """The decision on these recipients, put off until the mail was there. What strangers mail costs no DNS and no
    hash."""
    if (turned_away := senders.of_nobody(asking, claimed)) is not None:
        return turned_away
    signing = asking.account.signing_domains
    enveloped = _enveloped(asking, claimed)
    evidence = await prover.evidence(
        claimed,
        content,
        asking.client,
        asking.sender,
        signing,
        enveloped=enveloped,
        signers=senders.could_sign(asking, claimed),
    )
    decided = senders.after_data(asking, to, evidence)
    if isinstance(decided, TurnedAway) and not enveloped and not asking.relay:
        return replace(decided, reason=f"{decided.reason}; no faxbox permits {asking.sender}, so SPF is not asked for")
    return decided


def _enveloped(asking: Asking, claimed: Claims) -> bool:
    """Whether SPF could prove somebody whom a faxbox permits. Else the envelope sender's domain is not asked: it may be
    a stranger's, whose DNS is silent to learn from the time of the refusal that From is permitted. Through a relay the
    peer says nothing of the envelope."""
    if asking.relay:
        return False
    near = aligned(domain_of(asking.sender), domain_of(claimed.header_from))
    return senders.of_nobody(asking, Claims()) is None or (near and senders.could_sign(asking, claimed))


async def of_scanner(
    prover: Prover, admitted: Admitted, message: Message, content: bytes | Path
) -> Admitted | TurnedAway:
    """Whether the mail is what its scanner, if it is one, is registered for."""
    if admitted.scanner is None:
        return admitted
    decided = senders.of_scanner(admitted, await prover.claims(content))
    if isinstance(decided, Admitted) and (error := _too_many(admitted.scanner, message)):
        return TurnedAway(error=error, reason=f"{admitted.reason}, with too many pages")
    return decided


def _too_many(scanner: Scanner, message: Message) -> DocumentRefused | None:
    pages = [part.pages for part in message.parts if part.outcome == FAXED]
    counted = [count for count in pages if count is not None]
    if scanner.max_pages is None or (len(counted) == len(pages) and sum(counted) <= scanner.max_pages):
        return None
    found = f"{sum(counted)} pages" if counted else "pages that could not be counted"
    return DocumentRefused(f"This scanner may send {scanner.max_pages} pages; the mail has {found}.")
