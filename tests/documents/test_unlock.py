"""PDFs with passwords become such without."""

from pathlib import Path
from typing import Literal

import pikepdf
import pytest

from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind
from gateway.documents.unlock import unlock, unlocked
from gateway.errors import DocumentRefused
from tests.documents import papers


@pytest.mark.parametrize("R", [4, 6])
@pytest.mark.parametrize("password", ["secret", "Käse", "owner"])
def test_the_password_opens(tmp_path: Path, R: Literal[4, 6], password: str) -> None:  # noqa: N803  # as PDF calls it
    users = "secret" if password == "owner" else password
    locked = papers.saved(papers.pdf(papers.line_of("Hello")), pikepdf.Encryption(user=users, owner="owner", R=R))
    with pytest.raises(DocumentRefused):
        inspect(locked, Kind.PDF, "a.pdf")
    assert inspect(unlocked(locked, "a.pdf", password), Kind.PDF, "a.pdf") == 1
    source = papers.file(tmp_path / "locked", locked)
    unlock(source, "a.pdf", password)
    assert inspect(source, Kind.PDF, "a.pdf") == 1


def test_a_wrong_password_is_named_and_not_told() -> None:
    locked = papers.saved(papers.pdf(b""), pikepdf.Encryption(user="secret", owner="owner", R=6))
    with pytest.raises(DocumentRefused, match="a password, which is not the one that was given") as caught:
        unlocked(locked, "a.pdf", "wr0ng")
    assert "wr0ng" not in caught.value.text + caught.value.detail


@pytest.mark.parametrize("document", [papers.letter(), b"%PDF-1.7 nothing more"])
def test_a_document_without_a_password_stays_as_it_is(document: bytes) -> None:
    assert unlocked(document, "a.pdf", "secret") == document
