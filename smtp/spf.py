"""SPF of an envelope sender (RFC 7208), evaluated in a worker process that has no network.

`evaluate` is given the answers that are known so far; where it needs another it says which, and is asked again with it.
So the record of a stranger, its macros and expressions are nobody's business but the worker's. The limits of RFC 7208
4.6.4 are pyspf's: ten lookups, two of them void, ten names of an MX or PTR.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import spf

from gateway.resolver import Answer
from smtp.alignment import domain_of
from smtp.evidence import Spf

MAX_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    """Without the last dot."""
    kind: str
    """`A`, `AAAA`, `MX`, `PTR` or `TXT`."""


Answers = Mapping[Question, Answer]


class _Unanswered(BaseException):
    """No Exception: pyspf would take it for an error of the DNS."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


def evaluate(host: str, sender: str, helo: str, answers: Answers) -> Spf | Question:
    """What the domain of `sender`, which is not empty, says of the peer at `host`."""
    domain = domain_of(sender)
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None)

    def look_up(
        name: str, kind: str, strict: object = True, timeout: object = 0
    ) -> list[tuple[tuple[str, str], object]]:
        question = Question(name.lower().rstrip("."), kind)
        answer = answers.get(question)
        if answer is None:
            raise _Unanswered(question)
        if answer.temporary:
            raise spf.TempError(f"{kind} of {question.name} could not be had")
        return [((question.name, kind), _as_pyspf(record, kind)) for record in answer.records]

    spf.DNSLookup = look_up
    local = sender.rpartition("@")[0]
    try:
        query = spf.query(i=str(mapped or address), s=f"{local}@{domain}", h=helo or domain, querytime=0)
        result, _, detail = query.check()
    except _Unanswered as unanswered:
        return unanswered.question
    except Exception as error:  # what pyspf does not foresee is the record's fault
        result, detail = "permerror", repr(error)
    return Spf(domain=domain, result=str(result), detail=str(detail)[:MAX_DETAIL])


def _as_pyspf(record: str, kind: str) -> object:
    if kind == "MX":
        preference, _, exchange = record.partition(" ")
        return int(preference), exchange.rstrip(".")
    return (record.encode("utf-8", "surrogateescape"),) if kind in ("TXT", "SPF") else record.rstrip(".")
