"""Settings: one frozen object, read once at the start from the environment and `faxgate.toml`.

What builds and runs a gateway knows it (`building`, `app`), and what the command line does (`commands`, `cli`,
`dryrun`, the doctor with `safety`); everything else is given what it needs, as import-linter holds. A bad value stops
the start, and names the variable.
"""

import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.networks import Network, is_loopback

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


ROLES = ("smtp", "api", "worker")
"""What a gateway process can do; all of it, unless it is told otherwise."""


class BadSettingsError(Exception):
    """A setting that cannot be used; the text names the variable and says what it takes."""


class Settings(BaseSettings):
    """All settings. Each is `FAXGATE_NAME` in the environment and `name` in `faxgate.toml`; the environment wins."""

    model_config = SettingsConfigDict(
        env_prefix="FAXGATE_", toml_file="faxgate.toml", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    data_dir: Path = Path("var")
    """Everything on disk."""
    database_url: str = Field("", repr=False)
    """`sqlite:///PATH` or `postgresql://...`, which may hold a password; SQLite in the data dir if empty."""
    documents_url: str = Field("", repr=False)
    """`file://PATH` or `s3://bucket/prefix?endpoint=...&region=...`; `documents/` in the data dir if empty."""
    documents_keys: SecretStr = SecretStr("")
    """Keys with which documents are encrypted at rest, the first one new ones; not encrypted if empty."""
    documents_clear_dir: Path | None = None
    """Where encrypted documents lie in the clear while they are worked on: memory (`/dev/shm`) if not given."""
    smtp_listen: str = "127.0.0.1:2525"
    smtp_tls_cert: Path | None = None
    """The listener's certificate with its chain, PEM; without it there is no TLS."""
    smtp_tls_key: Path | None = None
    """Its key, where that is not in the certificate's file."""
    smtp_tls: Literal["offer", "require"] = "offer"
    """Whether mail is taken without TLS."""
    smtps_listen: str = ""
    """Where TLS comes first (RFC 8314), as `0.0.0.0:465`; nowhere if empty."""
    lmtp_listen: str = ""
    """Where LMTP is spoken (RFC 2033), as `127.0.0.1:2424`; nowhere if empty."""
    api_listen: str = "127.0.0.1:8000"
    mail_url: SecretStr = SecretStr("")
    """`smtp[s]://user:pass@host:port` or `maildir:PATH`; a Maildir in the data dir if empty."""
    mail_from: str = ""
    """Header and envelope sender of our own mails; `faxgate@` the host's name if empty."""
    bounce_domain: str = ""
    """The domain of the envelope senders of our mails, whose MX is this listener: each mail has one of its own, and
    what comes back to it is known. If empty, `mail_from` is the envelope sender of all."""
    lines: Annotated[tuple[str, ...], NoDecode] = Field(("loopback://",), repr=False)
    """They hold passwords."""
    trusted_networks: Annotated[tuple[Network, ...] | None, NoDecode] = None
    """Peers whose permitted senders need no further proof."""
    trusted_relays: Annotated[tuple[tuple[Network, str], ...], NoDecode] = ()
    """`network=authserv-id`, space-separated: our own relays, whose Authentication-Results count (RFC 8601)."""
    proxy_protocol_from: Annotated[tuple[Network, ...], NoDecode] = ()
    """Load balancers before the SMTP listeners, which begin each connection with the PROXY protocol."""
    dns: Annotated[tuple[tuple[str, int], ...], NoDecode] = ()
    """Resolvers, `address[:port]`, space-separated; those of the system if empty."""
    fetch_allow: Annotated[tuple[Network, ...], NoDecode] = ()
    """Internal networks that document URLs and callbacks may reach."""
    sms_url: SecretStr = SecretStr("")
    """`smpp[s]://user:pass@host:port?source=FAX` or `https://...`; without it nobody is told by SMS."""
    sms_template: str = '{"to": "{to}", "text": "{text}"}'
    """What an HTTPS service is sent: JSON with `{to}`, `{text}` and, if it likes, `{id}`."""
    sms_header: SecretStr = SecretStr("")
    """A header for it, as `Authorization: Bearer ...`."""
    public_url: str = ""
    """Where the API is for people who read our mails, as `https://fax.example.com`: mails say by it where a fax is that
    is not attached."""
    admin_token: SecretStr = SecretStr("")
    operator: str = "postmaster@localhost"
    """Where mail to `postmaster@` of the served domains goes, and what only an operator can mend."""

    smtp_hostname: str = ""
    """The name in the greeting and in Message-IDs; the host's own if empty."""
    smtp_max_size: int = Field(35 * 1024 * 1024, ge=1024)
    """Bytes of one mail: RFC 1870 SIZE."""
    smtp_max_recipients: int = Field(100, ge=1)
    smtp_max_connections: int = Field(500, ge=1)
    smtp_max_connections_per_peer: int = Field(100, ge=1)
    smtp_idle_seconds: float = Field(300, gt=0)
    """RFC 5321 4.5.3.2.7 asks for at least five minutes."""
    api_max_connections: int = Field(1000, ge=1)
    api_max_connections_per_peer: int = Field(500, ge=1)
    """A proxy in front of the API is one peer."""
    api_idle_seconds: float = Field(30, gt=0)
    """For the head of a request, for each piece of its body, and for reading 48 KiB of an answer."""
    max_pages: int = Field(500, ge=1)
    """Pages of one fax."""
    templates_dir: Path | None = None
    """Templates that go before our own."""
    tell_after_seconds: float = Field(3600, ge=0)
    """When it is told that a fax is not through yet; 0 is never."""
    lease_seconds: float = Field(15, ge=1)
    """How long a worker that has stopped answering keeps what it claimed."""
    drain_seconds: float = Field(600, ge=0)
    """How long SIGTERM waits for running calls."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("lines", "trusted_networks", "proxy_protocol_from", "fetch_allow", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("trusted_networks", "proxy_protocol_from", "fetch_allow", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        for word in value if isinstance(value, tuple) else ():
            try:
                ipaddress.ip_network(word)
            except ValueError as error:
                raise ValueError(f"{word}: {error}; a network is written like 10.1.0.0/16 or 192.0.2.7") from error
        return value

    @field_validator("trusted_relays", mode="before")
    @classmethod
    def _relays(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        relays = []
        for word in value.split():
            where, sign, name = word.partition("=")
            try:
                relays.append((ipaddress.ip_network(where), name))
            except ValueError as error:
                raise ValueError(f"{word}: {error}; a relay is written like 192.0.2.7=mx.example.com") from error
            if not sign or not name:
                raise ValueError(f"{word}: a relay is written like 192.0.2.7=mx.example.com")
        return tuple(relays)

    @field_validator("dns", mode="before")
    @classmethod
    def _resolvers(cls, value: object) -> object:
        return tuple(_resolver(word) for word in value.split()) if isinstance(value, str) else value

    @field_validator("mail_from", "operator")
    @classmethod
    def _address(cls, value: str) -> str:
        # On a single host `@localhost` is a fine address, which the validator keeps for nobody.
        checked = f"{value}.test" if value.endswith("@localhost") else value
        try:
            if value:
                validate_email(checked, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise ValueError(f"{value!r} is no mail address: {error}") from error
        return value

    @field_validator("bounce_domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        if not value:
            return ""
        try:
            checked = validate_email(f"bounces@{value}", check_deliverability=False, test_environment=True)
            return checked.ascii_domain.lower()
        except EmailNotValidError as error:
            raise ValueError(f"{value!r} is no domain: {error}") from error

    @field_validator("smtp_listen", "smtps_listen", "lmtp_listen", "api_listen")
    @classmethod
    def _host_and_port(cls, value: str, info: ValidationInfo) -> str:
        if value or info.field_name not in {"smtps_listen", "lmtp_listen"}:
            host_and_port(value)
        return value

    @field_validator("smtps_listen", "smtp_tls")
    @classmethod
    def _nothing_without_certificate(cls, value: str, info: ValidationInfo) -> str:
        if value not in {"", "offer"} and not info.data.get("smtp_tls_cert"):
            raise ValueError("this needs a certificate, FAXGATE_SMTP_TLS_CERT")
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("expected the address of the API, as https://fax.example.com")
        return value.rstrip("/")

    @field_validator("lines")
    @classmethod
    def _loopback_alone(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        if not lines:
            raise ValueError("at least one line is needed, for example loopback://")
        if len(lines) > 1 and any(line.startswith("loopback:") for line in lines):
            raise ValueError("loopback:// stands alone, it cannot share the faxes with other lines")
        return lines

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute()}/faxgate.db"

    @property
    def documents(self) -> str:
        return self.documents_url or f"file://{self.data_dir.absolute()}/documents"

    @property
    def clear_dir(self) -> Path:
        """Where encrypted documents lie in the clear while they are worked on: in memory, where the system has that."""
        memory = Path("/dev/shm")  # noqa: S108  # a folder of ours alone (0700) is made in it
        return self.documents_clear_dir or (memory if memory.is_dir() else self.data_dir)

    @property
    def mail(self) -> str:
        return self.mail_url.get_secret_value() or f"maildir:{self.data_dir.absolute()}/mail"

    @property
    def sms(self) -> str:
        return self.sms_url.get_secret_value()

    @property
    def trusted(self) -> tuple[Network, ...]:
        """The trusted networks: loopback while the listener is on loopback, unless set."""
        if self.trusted_networks is not None:
            return self.trusted_networks
        host, _ = host_and_port(self.smtp_listen)
        return LOOPBACK if is_loopback(host) else ()


def _resolver(word: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. Raises ValueError."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(word.strip("[]"))), 53
    try:
        host, port = host_and_port(word)
        return str(ipaddress.ip_address(host)), port
    except ValueError as error:
        raise ValueError(f"{word}: a resolver is written like 192.0.2.1 or 192.0.2.1:53") from error


def host_and_port(value: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` taken apart. Raises ValueError."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("expected host:port, for example 127.0.0.1:2525")
    return host.strip("[]"), int(port)


def read(**overrides: object) -> Settings:
    """Read the settings. Raises BadSettingsError naming every variable that is wrong."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic validates
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"][:1])
            variable = f"FAXGATE_{name.upper()}: " if name else "FAXGATE_"
            problems.append(f"{variable}{problem['msg'].removeprefix('Value error, ')}")
        raise BadSettingsError("\n".join(problems)) from error
