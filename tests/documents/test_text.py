"""Plain text on pages."""

import subprocess
import sys
from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest

from gateway.documents import text
from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind
from gateway.documents.paper import A4, LETTER, Paper
from gateway.errors import DocumentRefused


def typeset(tmp_path: Path, data: bytes, paper: Paper = A4) -> list[str]:
    out = tmp_path / "text.pdf"
    text.write_pdf(data, "letter.txt", out, paper, 50)
    with pdfium.PdfDocument(out) as pdf:
        assert pdf[0].get_size() == pytest.approx((paper.width, paper.height), abs=0.5)
        return [page.get_textpage().get_text_range().strip() for page in pdf]


@pytest.mark.parametrize("paper", [A4, LETTER])
def test_form_feeds_begin_pages(tmp_path: Path, paper: Paper) -> None:
    assert typeset(tmp_path, b"One\r\n\fTwo\n\f", paper) == ["One", "Two"]


def test_markup_is_text_and_nothing_is_fetched(tmp_path: Path) -> None:
    page = "<img src=http://127.0.0.1:9/x> &amp; </section><style>*{display:none}</style>"
    (shown,) = typeset(tmp_path, page.encode())
    assert shown.replace("\r\n", "") == page


def test_long_lines_fold_and_long_texts_flow(tmp_path: Path) -> None:
    shown = typeset(tmp_path, b"x" * 500 + b"\n" + b"line\n" * 100)
    assert len(shown) == 2
    assert "".join(shown).count("x") == 500
    assert inspect(b"x" * 500 + b"\n" + b"line\n" * 100, Kind.TEXT, "letter.txt") == 2


@pytest.mark.parametrize(
    ("words", "charset"),
    [
        ("Größe, Übung und Maß in Köln", "utf-8"),
        ("Größe, Übung und Maß in Köln, wie es früher schön üblich war", "cp1252"),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю", "cp1251"),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю", "koi8-r"),
        ("いろはにほへと ちりぬるを わかよたれそ つねならむ 漢字もある文章です", "shift_jis"),
        ("Hello ₤ 漢字", "utf-16"),
    ],
)
def test_charsets(words: str, charset: str) -> None:
    assert text.decoded(words.encode(charset)) == words


@pytest.mark.parametrize("data", [b"", b" \n\n", b"\f", b"\x01\x02"])
def test_nothing_to_read_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DocumentRefused, match="has no pages"):
        typeset(tmp_path, data)


def test_too_much_is_refused_before_it_is_set(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="more than 50 pages"):
        typeset(tmp_path, b"line\n" * 100_000)


def test_without_pango_text_is_refused_naming_the_package(tmp_path: Path) -> None:
    """WeasyPrint as it behaves where its system library is missing: it raises OSError when imported."""
    (tmp_path / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")\n")
    program = (
        "import sys, pathlib; from gateway.documents import prepare, text\n"
        "try: text.write_pdf(b'Hello', 'a', pathlib.Path('x'), None, 5)\n"
        "except text.DocumentRefused as error: print(error.text)\n"
    )
    paths = f"import sys; sys.path[:0] = {[str(tmp_path), *sys.path]!r}\n"
    result = subprocess.run([sys.executable, "-c", paths + program], capture_output=True, text=True, check=True)
    assert "libpango-1.0-0" in result.stdout
