"""What the SMTP door allows: plain values, given by the composition root."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gateway.networks import Network, hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    size: int = 35 * 1024 * 1024
    """Octets of one mail (RFC 1870)."""
    recipients: int = 100
    """RCPT commands of one mail, refused ones too (RFC 5321 4.5.3.1.8)."""
    pages: int = 500
    """Pages of one document, and of all of them together."""
    connections: int = 500
    connections_per_peer: int = 100
    idle_seconds: float = 300.0
    """RFC 5321 4.5.3.2.7 asks for at least five minutes."""
    proxy_seconds: float = 5.0
    """From the connection of a proxy to the end of its header, which is the first that it sends."""
    handshake_seconds: float = 30.0
    """From STARTTLS (or the first octet, where TLS comes first) to the end of the handshake."""
    data_seconds: float = 3600.0
    """From 354 to the end of the mail: a drip of octets does not hold a connection for ever."""
    errors: int = 20
    """Commands that cannot be obeyed before the connection is closed."""
    refused: int = 100
    """Recipients of a connection that are answered 5xx, before it is closed: each of them is stored."""
    fruitless: int = 100
    """Transactions of a connection that brought nothing, before it is closed. Of accepted mails there may be any
    number."""
    logged_refusals: int = 20
    """Refused recipients that one smtplog entry names; the others it counts."""
    command_line: int = 512
    """Octets with CRLF (RFC 5321 4.5.3.1.4)."""
    text_line: int = 2048
    """Octets with CRLF. RFC 5321 4.5.3.1.6 allows 1000, many programs write more, Postfix stops here too."""
    drained: int = 256 * 1024 * 1024
    """Octets of a refused mail that are read before the connection is closed."""
    memory: int = 1024 * 1024
    """Octets of a mail that are held in memory; what is beyond goes to the spool directory."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A server of the operator that adds Authentication-Results (RFC 8601) to what it passes on."""

    network: Network
    authserv_id: str


class Door(StrEnum):
    """How a listener speaks."""

    SMTP = "SMTP"
    SMTPS = "SMTPS"
    """TLS comes first (RFC 8314 3.3)."""
    LMTP = "LMTP"
    """For mail servers (RFC 2033)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    hostname: str
    spool_directory: Path
    trusted_networks: tuple[Network, ...] = ()
    """Peers whose permitted senders need no further proof."""
    trusted_relays: tuple[Relay, ...] = ()
    """Peers that say in the mail what they have found out of its sender."""
    proxies: tuple[Network, ...] = ()
    """Peers that say by the PROXY protocol for whom they speak, and nothing without it."""
    tls_required: bool = False
    """Whether no mail is taken without TLS."""
    limits: Limits = field(default_factory=Limits)

    def trusts(self, host: str) -> bool:
        """Whether the peer at the IP address `host` is in a trusted network."""
        return hold(self.trusted_networks, host)

    def is_proxy(self, host: str) -> bool:
        return hold(self.proxies, host)

    def relay(self, host: str) -> str:
        """The authserv-id whose Authentication-Results count from the peer at `host`; empty if none do."""
        return next((one.authserv_id for one in self.trusted_relays if hold([one.network], host)), "")
