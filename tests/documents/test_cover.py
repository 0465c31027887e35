"""The cover page: right in its numbers, whole with any message, and no way out for a template."""

from io import BytesIO
from pathlib import Path

import pypdf
import pytest

from gateway.documents.cover import MAX_MESSAGE, Cover, add_cover, filled
from gateway.errors import DocumentRefused
from tests.documents import papers

TEMPLATE = (Path(__file__).parents[2] / "templates" / "cover" / "cover.html").read_text()


def cover(**details: str) -> Cover:
    fields = {
        "template": TEMPLATE,
        "to_name": "Dr. Bob",
        "to_number": "+12025550190",
        "from_name": "Practice Alice",
        "from_number": "+12025550101",
        "subject": "The minutes",
        "date": "1 December 2026, 09:00 CET",
    }
    return Cover(**{**fields, **details})  # type: ignore[arg-type]


def covered(tmp_path: Path, what: Cover, pages: int = 2) -> tuple[int, list[str]]:
    """How many pages the cover has, and the text of all pages."""
    pdf = papers.file(tmp_path / "fax.pdf", papers.letter(pages=pages))
    own = add_cover(what, pdf)
    return own, [page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf.read_bytes())).pages]


def test_it_says_who_faxes_what_to_whom(tmp_path: Path) -> None:
    own, texts = covered(tmp_path, cover(message="Please read page 2.", confidentiality="For Dr. Bob alone."))
    assert (own, len(texts)) == (1, 3)
    for said in ("Dr. Bob", "+12025550190", "Practice Alice", "+12025550101", "The minutes", "09:00 CET"):
        assert said in texts[0]
    for said in ("Please read page 2.", "For Dr. Bob alone.", "3 with this cover"):
        assert said in texts[0]
    assert texts[1] == "Page 1 of 2"
    assert not (tmp_path / "fax.cover.pdf").exists()


def test_what_is_not_given_is_left_out(tmp_path: Path) -> None:
    _, texts = covered(tmp_path, cover(to_name="", subject=""))
    assert "Subject" not in texts[0]
    assert "+12025550190" in texts[0]


def test_a_long_message_is_whole_and_counted(tmp_path: Path) -> None:
    message = "\n".join(f"Line {number} of the message." for number in range(1, 121))
    own, texts = covered(tmp_path, cover(message=message), pages=8)
    assert own > 1
    assert f"{8 + own} with this cover" in texts[0]
    together = "\n".join(texts[:own])
    assert all(f"Line {number} of" in together for number in range(1, 121))


def test_a_message_without_end_is_cut_and_says_so(tmp_path: Path) -> None:
    own, texts = covered(tmp_path, cover(message="word " * MAX_MESSAGE))
    assert own <= 10
    assert "[...]" in texts[own - 1]


def test_lines_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="too long"):
        covered(tmp_path, cover(message="x\n" * 5_000))


def test_what_a_sender_writes_is_text() -> None:
    html = filled(cover(message="<script>alert(1)</script> {{ 7 * 7 }}", subject="a < b & c"), 1)
    assert "<script>" not in html
    assert "{{ 7 * 7 }}" in html
    assert "a &lt; b &amp; c" in html


HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for x in range(10**9) %}x{% endfor %}",
    "{{ nothing }}",
    "{% include '/etc/passwd' %}",
    "{{ words.update(fax='x') }}",
    "{% if %}",
]


@pytest.mark.parametrize("template", HOSTILE)
def test_a_template_cannot_get_out(template: str) -> None:
    with pytest.raises(DocumentRefused, match="template"):
        filled(cover(template=template), 1)


def test_nothing_is_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(papers.image_bytes(papers.arrow(), "PNG"))
    template = f'<img src="{secret.as_uri()}"><img src="http://127.0.0.1:9/x.png"><p>{{{{ pages }}}}</p>'
    _, texts = covered(tmp_path, cover(template=template))
    assert texts[0].strip() == "3"


@pytest.mark.parametrize("logo", ["file:///etc/passwd", "http://example.com/x.png", "javascript:x", "data:text/html,x"])
def test_a_logo_is_a_picture_that_we_hold(logo: str) -> None:
    assert "<img" not in filled(cover(logo=logo), 1)


@pytest.mark.parametrize("message", ["您好请查收", "مرحبا بكم في هذا الفاكس", "שלום", "नमस्ते"])
def test_every_script_can_be_written(tmp_path: Path, message: str) -> None:
    own, texts = covered(tmp_path, cover(message=message))
    assert (own, len(texts)) == (1, 3)
