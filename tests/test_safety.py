"""What the doctor warns of, setting by setting; and that the defaults are not among it."""

from pathlib import Path

import pytest

from gateway.safety import Warned, warnings
from gateway.settings import read
from gateway.urls import shown


def warned(tmp_path: Path, **settings: object) -> list[Warned]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    return [one for one in warnings(read(data_dir=data, **settings)) if one.name != "user"]


def test_the_defaults_are_safe(tmp_path: Path) -> None:
    assert warned(tmp_path) == []


TOKEN, KEY = "x" * 40, "A" * 43 + "="
UNSAFE = {
    "API in the open": ({"api_listen": "0.0.0.0:8000"}, "FAXGATE_API_LISTEN", "no TLS"),
    "API in the open, IPv6": ({"api_listen": "[::]:8000"}, "FAXGATE_API_LISTEN", "no TLS"),
    "http in mails": ({"public_url": "http://fax.example.com"}, "FAXGATE_PUBLIC_URL", "http://"),
    "a short token": ({"admin_token": "0123456789"}, "FAXGATE_ADMIN_TOKEN", "10 characters"),
    "a known password": (
        {"lines": "freeswitch://:ClueCon@192.0.2.1:8021?dial=x/{number}&spool=/s"}, "FAXGATE_LINES", "everybody knows",
    ),
    "S3 by http": (
        {"documents_url": "s3://b?endpoint=http://s3.example.com&region=x"}, "FAXGATE_DOCUMENTS_URL", "https://",
    ),
    "SMS by http": ({"sms_url": "http://sms.example.com/"}, "FAXGATE_SMS_URL", "https://"),
    "SMS by smpp": ({"sms_url": "smpp://a:b@sms.example.com:2775"}, "FAXGATE_SMS_URL", "smpps://"),
    "PostgreSQL": ({"database_url": "postgresql://a:b@db.example.com/x"}, "FAXGATE_DATABASE_URL", "verify-full"),
    "everything inside": ({"fetch_allow": "0.0.0.0/0"}, "FAXGATE_FETCH_ALLOW", "this machine"),
    "this machine": ({"fetch_allow": "127.0.0.0/8"}, "FAXGATE_FETCH_ALLOW", "this machine"),
    "credentials of a cloud": ({"fetch_allow": "169.254.0.0/16"}, "FAXGATE_FETCH_ALLOW", "credentials"),
    "alerts to nobody": (
        {"mail_url": "smtp://a:b@relay.example.com:587"}, "FAXGATE_OPERATOR", "relay.example.com cannot deliver",
    ),
    "all connections": (
        {"smtp_listen": "0.0.0.0:25", "smtp_max_connections": 5, "smtp_max_connections_per_peer": 5},
        "FAXGATE_SMTP_MAX_CONNECTIONS_PER_PEER", "one peer",
    ),
    "what was encrypted in the clear on a disk": (
        {"documents_keys": KEY, "documents_clear_dir": "/usr"}, "FAXGATE_DOCUMENTS_CLEAR_DIR", "on a disk",
    ),
}  # fmt: skip
SAFE: list[dict[str, object]] = [
    {"api_listen": "[::1]:8000", "public_url": "https://fax.example.com", "admin_token": TOKEN},
    {"documents_keys": KEY, "documents_clear_dir": "/dev/shm/faxgate"},
    {"documents_clear_dir": "/usr"},
    {"mail_url": "smtp://localhost:25"},
    {"mail_url": "smtp://relay.example.com", "operator": "ops@example.com"},
    {"documents_url": "s3://b?endpoint=http://localhost:9000&region=x", "fetch_allow": "10.1.2.3"},
    {"database_url": "postgresql://a:b@db.example.com/x?sslmode=verify-full"},
    {"database_url": "postgresql://a:b@127.0.0.1/x", "sms_url": "smpps://a:b@sms.example.com:3550"},
    {"lines": "freeswitch://:ClueCon@127.0.0.1:8021?dial=x/{number}&spool=/s"},
]


@pytest.mark.parametrize(("settings", "name", "why"), UNSAFE.values(), ids=UNSAFE.keys())
def test_what_is_unsafe(tmp_path: Path, settings: dict[str, object], name: str, why: str) -> None:
    (found,) = warned(tmp_path, **settings)
    assert found.name == name
    assert why in found.text


@pytest.mark.parametrize("settings", SAFE)
def test_what_is_not(tmp_path: Path, settings: dict[str, object]) -> None:
    assert warned(tmp_path, **settings) == []


def test_files_that_all_can_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    documents = tmp_path / "documents"
    documents.mkdir()
    for one in (data, documents):
        one.chmod(0o755)
    hidden = any(not parent.stat().st_mode & 0o001 for parent in tmp_path.parents)
    found = warned(tmp_path, documents_url=f"file://{documents}")
    assert {one.name for one in found} == (set() if hidden else {str(data), str(documents)})
    data.chmod(0o700)
    documents.chmod(0o750)
    assert warned(tmp_path, documents_url=f"file://{documents}") == []


def test_root_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for user, expected in ((0, ["user"]), (1000, [])):
        monkeypatch.setattr("os.geteuid", lambda user=user: user)
        (tmp_path / "data").mkdir(mode=0o700, exist_ok=True)
        assert [one.name for one in warnings(read(data_dir=tmp_path / "data"))] == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:p@ss@example.com:1/in?key=1#x", "https://...@example.com:1/in?..."),
        ("smtp://user:pa/ss@example.com", "smtp://...@example.com"),
        ("https://example.com/a@b", "https://...@b"),
        ("https://example.com/in", "https://example.com/in"),
        ("maildir:/var/mail", "maildir:/var/mail"),
        ("alice@example.com", "alice@example.com"),
        ("", ""),
    ],
)
def test_urls_are_shown_without_what_opens_doors(url: str, expected: str) -> None:
    assert shown(url) == expected
