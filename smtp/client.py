"""The client of a session: what is known of who is talking to us. What it proves is decided elsewhere."""

from dataclasses import dataclass

from gateway.accounts import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    host: str
    """Its IP address; `local` on a Unix socket."""
    peer: str
    """`address:port`."""
    helo: str = ""
    """What it calls itself, which proves nothing."""
    tls: str = ""
    """Protocol and cipher, empty without TLS."""
    credential: Credential | None = None
    """With which it has logged in."""
