"""Settings: what may be given, and that a bad value names its variable."""

import ipaddress
from pathlib import Path

import pytest

from gateway.settings import BadSettingsError, read


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_the_contract() -> None:
    settings = read()
    assert settings.data_dir == Path("var")
    assert settings.smtp_listen == "127.0.0.1:2525"
    assert settings.api_listen == "127.0.0.1:8000"
    assert settings.lines == ("loopback://",)
    assert settings.database.endswith("/var/faxgate.db")
    assert settings.documents.endswith("/var/documents")
    assert settings.mail.startswith("maildir:")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("faxgate.toml").write_text('smtp_listen = "127.0.0.1:25"\napi_listen = "127.0.0.1:80"\n')
    monkeypatch.setenv("FAXGATE_API_LISTEN", "127.0.0.1:81")
    settings = read()
    assert (settings.smtp_listen, settings.api_listen) == ("127.0.0.1:25", "127.0.0.1:81")


BAD = [
    ("FAXGATE_SMTP_LISTEN", "2525"),
    ("FAXGATE_API_LISTEN", "127.0.0.1:99999"),
    ("FAXGATE_LMTP_LISTEN", "2424"),
    ("FAXGATE_PROXY_PROTOCOL_FROM", "10.0.0.1/24"),
    ("FAXGATE_TRUSTED_NETWORKS", "10.0.0.0/8 nonsense"),
    ("FAXGATE_TRUSTED_NETWORKS", "10.0.0.1/24"),
    ("FAXGATE_MAIL_FROM", "no address"),
    ("FAXGATE_OPERATOR", "not@an@address"),
    ("FAXGATE_BOUNCE_DOMAIN", "no domain"),
    ("FAXGATE_BOUNCE_DOMAIN", "a@b.example"),
    ("FAXGATE_TELL_AFTER_SECONDS", "-1"),
    ("FAXGATE_LINES", ""),
    ("FAXGATE_LINES", "loopback:// freeswitch://x"),
    ("FAXGATE_SMTP_MAX_SIZE", "-1"),
    ("FAXGATE_LEASE_SECONDS", "soon"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_names_its_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettingsError) as error:
        read()
    assert name in str(error.value)


def test_an_unknown_name_in_the_file_is_refused() -> None:
    Path("faxgate.toml").write_text("smtp_lisen = 1\n")
    with pytest.raises(BadSettingsError, match="SMTP_LISEN"):
        read()


@pytest.mark.parametrize(
    ("listen", "given", "trusted"),
    [
        ("127.0.0.1:25", None, ["127.0.0.0/8", "::1/128"]),
        ("[::1]:25", None, ["127.0.0.0/8", "::1/128"]),
        ("0.0.0.0:25", None, []),
        ("192.0.2.1:25", None, []),
        ("127.0.0.1:25", "10.1.0.0/16", ["10.1.0.0/16"]),
        ("127.0.0.1:25", "", []),
    ],
)
def test_loopback_is_trusted_only_while_smtp_listens_there(
    listen: str, given: str | None, trusted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAXGATE_SMTP_LISTEN", listen)
    if given is not None:
        monkeypatch.setenv("FAXGATE_TRUSTED_NETWORKS", given)
    assert list(read().trusted) == [ipaddress.ip_network(network) for network in trusted]


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAXGATE_ADMIN_TOKEN", "s3cret-token")
    monkeypatch.setenv("FAXGATE_MAIL_URL", "smtp://user:s3cret@relay.example")
    assert "s3cret" not in repr(read())
