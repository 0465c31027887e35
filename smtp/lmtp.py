"""LMTP (RFC 2033): how a mail server on the same network hands over mails. A session like any other, but that it begins
with LHLO, and that a mail is answered once for each recipient.

All recipients of a mail share its fate, since it is stored in one transaction: the same reply for each is what became
of each.
"""

from typing import TYPE_CHECKING

from smtp import replies
from smtp.policy import Door
from smtp.session import Session
from smtp.transaction import Transaction

if TYPE_CHECKING:
    from smtp.server import Server


class LmtpSession(Session):
    protocol = "LMTP"
    no_valid_recipients = replies.RCPT_FIRST  # RFC 2033 4.2 asks for 503

    def __init__(self, server: "Server", door: Door) -> None:
        super().__init__(server, door)
        del self._smtp_methods["HELO"], self._smtp_methods["EHLO"]  # RFC 2033 4.1

    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802
        await super().smtp_EHLO(hostname)

    async def _answer_mail(self, reply: str, transaction: Transaction) -> None:
        """In the order of the recipients that were accepted, one named twice twice (RFC 2033 4.2)."""
        times = 1 if replies.is_final(reply) else transaction.promised
        await self._reply("\r\n".join([reply] * times))
