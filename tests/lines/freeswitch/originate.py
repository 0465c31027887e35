"""An `originate` command as FreeSWITCH reads it."""

from dataclasses import dataclass


class UsageError(Exception):
    """FreeSWITCH cannot make out what to call or what to do with the call: it answers `-USAGE: ...`."""


@dataclass(frozen=True)
class Originate:
    """A call that the switch was told to make. `variables` holds what FreeSWITCH keeps of the `{...}`, unquoted but not
    percent-decoded; `decoded` gives the text of a variable that mod_spandsp decodes."""

    uuid: str
    job_uuid: str
    variables: dict[str, str]
    endpoint: str
    """All of it: `sofia/gateway/faxtrunk/33100000000`."""
    application: str
    path: str
    """The application's argument: for txfax the file."""
    raw: str
    """The command as it came, without `bgapi originate `."""

    @property
    def number(self) -> str:
        """The dialled number: what stands last in the endpoint (or before the context of `loopback/NUMBER/CONTEXT`)."""
        raise NotImplementedError

    def decoded(self, variable: str) -> str:
        """`fax_ident` or `fax_header` as mod_spandsp decodes it; empty if unset."""
        raise NotImplementedError


def parse_originate(raw: str, job_uuid: str) -> Originate:
    """Raises UsageError."""
    raise NotImplementedError
