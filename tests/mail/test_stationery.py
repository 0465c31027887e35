"""Templates of an installation's and an account's own: each goes before ours by itself, and none loses a mail."""

import email
import logging
import os
from dataclasses import replace
from email import policy
from pathlib import Path

import pytest

from gateway.accounts import Account, Faxbox
from gateway.fax import Fax
from gateway.languages import OWN
from gateway.letters import Letterhead, receipt
from gateway.samples import LETTERS, samples
from gateway.stationery import MAX_FILE, BadTemplateError, Templates


def parts(raw: bytes) -> tuple[str, str]:
    """Text and HTML."""
    message = email.message_from_bytes(raw, policy=policy.default)
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    return str(plain.get_content()).replace("\r\n", "\n"), str(page.get_content()).replace("\r\n", "\n")


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def letter(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, tmp_path: Path) -> "Letter":
    return Letter(head, sent, faxbox, account, Templates(override=tmp_path))


class Letter:
    """A receipt, read, as templates below `tmp_path` have it."""

    def __init__(self, head: Letterhead, fax: Fax, box: Faxbox, account: Account, templates: Templates) -> None:
        self._parts, self._templates = (fax, box, account), templates
        self._head = head

    def read(self, account_id: str = "a1") -> tuple[str, str]:
        return parts(receipt(replace(self._head, stationery=self._templates.mail(account_id)), *self._parts))


def test_an_account_goes_before_the_installation_and_that_before_ours(letter: Letter, tmp_path: Path) -> None:
    put(tmp_path, "mail/receipt.txt", "Through: {{ to }}\n")
    put(tmp_path, "mail/receipt.html", "<p>Through: {{ subject }}</p>\n")
    put(tmp_path, "accounts/a1/mail/receipt.txt", "Hooray: {{ to }}\n")
    assert letter.read("a1") == ("Hooray: +1 202-555-0190\n", "<p>Through: Contract, signed</p>\n")
    assert letter.read("a2") == ("Through: +1 202-555-0190\n", "<p>Through: Contract, signed</p>\n")
    (tmp_path / "mail/receipt.html").unlink()
    assert "Your fax to +1 202-555-0190 was delivered" in letter.read("a1")[1]


def test_a_changed_template_is_seen_at_once(letter: Letter, tmp_path: Path) -> None:
    put(tmp_path, "mail/receipt.html", "<p>one</p>")
    assert letter.read()[1].strip() == "<p>one</p>"
    put(tmp_path, "mail/receipt.html", "<p>three</p>")
    assert letter.read()[1].strip() == "<p>three</p>"
    put(tmp_path, "accounts/a1/mail/receipt.html", "<p>mine</p>")
    assert letter.read()[1].strip() == "<p>mine</p>"


def test_an_override_builds_on_ours(letter: Letter, tmp_path: Path) -> None:
    put(tmp_path, "mail/receipt.html", '{% extends "own/receipt.html" %}{% block mark %}Hooray{% endblock %}')
    page = letter.read()[1]
    assert ">Hooray</p>" in page
    assert "contract.pdf" in page
    put(tmp_path, "mail/receipt.html", '{% extends "_letter.html" %}{% block body %}{{ fact("To", to) }}{% endblock %}')
    page = letter.read()[1]
    assert "Written by the fax service of Example &amp; Sons" in page
    assert "contract.pdf" not in page


BAD = {
    "{% if %}": "line 1: TemplateSyntaxError",
    "\n{{ nobody }}": "line 2: UndefinedError: 'nobody' is undefined",
    "\n\n{{ 1 / 0 }}": "line 3: ZeroDivisionError",
    "{{ ''.__class__.__mro__ }}": "SecurityError",
    "{% for one in range(10000000) %}{% endfor %}": "OverflowError",
    "{% for a in range(2000) %}{% for b in range(2000) %}{{ title }}{% endfor %}{% endfor %}": "more than 1000000 c",
    "{{ call.update({'speed': 1}) }}": "SecurityError",
    '{% extends "receipt.html" %}': "RecursionError",
    '{% include "../../../etc/passwd" %}': "TemplateNotFound",
    "{{ '\\ud800' }}": "UnicodeEncodeError",
    " " * (MAX_FILE + 1): f"line 1: TemplateSyntaxError: more than {MAX_FILE} characters",
}


@pytest.mark.parametrize("source", BAD, ids=range(len(BAD)))
def test_what_cannot_be_used_is_named_and_ours_is_taken(
    source: str, letter: Letter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = letter.read()
    file = put(tmp_path, "accounts/a1/mail/receipt.html", source)
    with caplog.at_level(logging.ERROR):
        assert letter.read() == ours
    [record] = caplog.records
    assert BAD[source] in record.getMessage()
    assert str(file) in record.getMessage() or "receipt.html" in record.getMessage()


def test_bytes_that_are_no_text(letter: Letter, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ours = letter.read()
    file = put(tmp_path, "mail/receipt.txt", "")
    file.write_bytes(b"\xff\xfe")
    assert letter.read() == ours
    assert f"{file}, line 1" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(letter: Letter, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ours = letter.read()
    file = put(tmp_path, "mail/receipt.txt", "x")
    file.chmod(0)
    assert letter.read() == ours
    assert str(file) in caplog.text


def test_facts_are_escaped_in_foreign_templates_too(
    head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, tmp_path: Path
) -> None:
    put(tmp_path, "mail/receipt.html", "<p>{{ subject }}</p>")
    fax = replace(sent, subject="<script>")
    head = replace(head, stationery=Templates(override=tmp_path).mail("a1"))
    assert "<p>&lt;script&gt;</p>" in parts(receipt(head, fax, faxbox, account))[1]


def test_every_template_of_ours_has_a_sample() -> None:
    ours = {file.stem for file in (OWN / "mail").iterdir() if not file.name.startswith("_")}
    assert {letter.split("-")[0] for letter in LETTERS} == ours - {"operator_alert", "operator_limit"}
    made = samples(Templates())
    assert [one.letter for one in made] == list(LETTERS)
    assert all(one.subject and one.text and not one.error for one in made)


def test_a_sample_tells_what_is_wrong(tmp_path: Path) -> None:
    file = put(tmp_path, "mail/receipt.html", "\n{{ nobody }}")
    [one] = samples(Templates(override=tmp_path), template="receipt")
    assert one.error == f"{file}, line 2: UndefinedError: 'nobody' is undefined"
    with pytest.raises(BadTemplateError):
        Templates(override=tmp_path).mail(strict=True).fill("receipt.html", {})
