"""HTML on pages: what is seen, and that nothing is asked of anybody."""

import base64
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest

from gateway.documents import html
from gateway.documents.inspect import inspect
from gateway.documents.installed import taken
from gateway.documents.kinds import Kind
from gateway.documents.paper import A4, LETTER, Paper
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from tests.documents import papers
from tests.documents.papers import arrow, image_bytes


def set_in(folder: Path, document: str, parts: dict[str, bytes] | None = None, paper: Paper = A4) -> list[str]:
    """The words on each page."""
    out = folder / "html.pdf"
    html.write_pdf(html.checked(document.encode(), "page.html"), "page.html", out, paper, 20, parts)
    with pdfium.PdfDocument(out) as pdf:
        return [page.get_textpage().get_text_range().strip() for page in pdf]


def seen_in(folder: Path) -> str:
    """The words that lie on the paper, and not beside it or behind what cuts them off."""
    with pdfium.PdfDocument(folder / "html.pdf") as pdf:
        words = []
        for page in pdf:
            width, height = page.get_size()
            words.append(page.get_textpage().get_text_bounded(0, 0, width, height))
        return "\n".join(words)


def black(folder: Path, page: int = 0) -> np.ndarray:
    """What is dark on a page of what was set, at 100 pixels an inch."""
    with pdfium.PdfDocument(folder / "html.pdf") as pdf:
        return np.asarray(pdf[page].render(scale=100 / 72, grayscale=True).to_pil()) < 128


def test_it_is_taken() -> None:
    assert Kind.HTML in taken()


def test_words_tables_and_pages(tmp_path: Path) -> None:
    table = "<table><tr><td>Pears<td>3</tr><tr><td>Plums<td>12</table>"
    (page,) = set_in(
        tmp_path, f"<!doctype html><title>no</title><h1>Order</h1>{table}<script>document.write('no')</script>"
    )
    assert page.split() == ["Order", "Pears", "3", "Plums", "12"]
    assert len(set_in(tmp_path, "<p>line</p>" * 100)) > 1


@pytest.mark.parametrize("paper", [A4, LETTER])
def test_it_is_as_large_as_the_paper_whatever_it_wants(tmp_path: Path, paper: Paper) -> None:
    set_in(tmp_path, "<style>@page { size: 10mm 10mm; margin: 0 }</style><p>Hello", paper=paper)
    with pdfium.PdfDocument(tmp_path / "html.pdf") as pdf:
        assert pdf[0].get_size() == pytest.approx((paper.width, paper.height), abs=0.5)


def test_what_is_too_wide_is_reduced_and_not_cut_off(tmp_path: Path) -> None:
    block = "<div style='width:1500px;height:50px;text-align:right;white-space:nowrap'>at the right end</div>"
    (page,) = set_in(tmp_path, block)
    assert page == "at the right end"
    seen = black(tmp_path)
    _, _, right, _ = papers.inked(seen)
    assert right < seen.shape[1] - 20, "and there is a margin"
    with pdfium.PdfDocument(tmp_path / "html.pdf") as pdf:
        width, height = pdf[0].get_size()
    assert width > 1.5 * A4.width
    assert width / height == pytest.approx(A4.width / A4.height, rel=0.01)


PICTURES = [
    pytest.param(image_bytes(arrow(), "PNG"), id="PNG"),
    pytest.param(image_bytes(arrow(), "JPEG"), id="JPEG"),
    pytest.param(image_bytes(arrow(), "TIFF", compression="tiff_lzw"), id="TIFF"),
    pytest.param(image_bytes(arrow("1"), "TIFF", compression="group4"), id="TIFF G4"),
    pytest.param(image_bytes(arrow(), "WEBP"), id="WebP"),
    pytest.param(image_bytes(arrow("CMYK"), "JPEG"), id="CMYK"),
]


ROWS = "<br>".join(f"row-{n}." for n in range(80))
LAST = "row-79."


@pytest.mark.parametrize(
    "document",
    [
        f"<div style='height: 300px; overflow: auto'>{ROWS}</div>",
        f"<div style='height: 300px; overflow: scroll'><div style='height: 9000px'>{ROWS}</div></div>",
        f"<body style='height: 100px'>{ROWS}",
        f"<body style='height: 100px; overflow: hidden'>{ROWS}",
        f"<div style='height: 50px'>{ROWS}</div>",
        f"<div style='display: inline-block'>{ROWS}</div>",
        f"<div style='position: absolute; top: 0; width: 600px'>{ROWS}</div>",
        f"<p>Above<div style='position: absolute; top: 2000px'>{LAST}</div>",
        f"<p>Left<div style='position: absolute; left: 1500px'>{LAST}</div>",
    ],
)
def test_what_a_browser_scrolls_to_is_on_the_paper(tmp_path: Path, document: str) -> None:
    set_in(tmp_path, document)
    assert LAST in seen_in(tmp_path)


def test_what_a_browser_scrolls_to_aside_is_on_the_paper(tmp_path: Path) -> None:
    set_in(tmp_path, f"<div style='width: 100px; overflow: auto; white-space: nowrap'>{'word ' * 10}</div>")
    assert black(tmp_path)[:, 300:].any()


@pytest.mark.parametrize(
    "place", ["position: absolute; left: 9000px", "position: absolute; top: 9000px", "margin-left: 9000px"]
)
def test_what_fits_on_no_paper_refuses_the_document(tmp_path: Path, place: str) -> None:
    with pytest.raises(DocumentRefused, match="does not fit on the paper"):
        set_in(tmp_path, f"<p>Seen<div style='{place}'>Lost</div>")


def test_a_block_that_no_page_continues_refuses_the_document(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="does not fit on the paper"):
        set_in(tmp_path, f"<div style='position: absolute; top: 0; width: 600px'>{ROWS * 4}</div>")


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='height: 20px; overflow: hidden'>no<br>no<br><span style='margin-left: 5000px'>no</div>",
        "<div style='position: absolute; left: -9999px'>for those who listen</div>",
        "<div style='position: absolute; top: 9000px; visibility: hidden'>no</div>",
    ],
)
def test_what_a_browser_never_shows_changes_nothing(tmp_path: Path, hidden: str) -> None:
    set_in(tmp_path, "<p>Seen")
    alone = black(tmp_path)
    set_in(tmp_path, f"<p>Seen{hidden}")
    assert black(tmp_path).shape == alone.shape
    assert not black(tmp_path)[150:].any()


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_that_came_with_it_are_seen(tmp_path: Path, picture: bytes) -> None:
    inline = f"<img width=300 src='data:;base64,{base64.b64encode(picture).decode()}'>"
    for document, parts in ((inline, {}), ("<img width=300 src='cid:a%40b'>", {"a@b": picture})):
        set_in(tmp_path, document, parts)
        left, top, right, bottom = papers.inked(black(tmp_path))
        assert (right - left + 1) / (bottom - top + 1) == pytest.approx(150 / 200, abs=0.03)


def test_a_picture_that_cannot_be_opened_refuses_the_document(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match=r'"page.html" is damaged'):
        set_in(tmp_path, "<p>Hello <img src=cid:a>", {"a": image_bytes(arrow(), "PNG")[:300]})


def test_a_picture_that_did_not_come_is_its_alternative_text(tmp_path: Path) -> None:
    (page,) = set_in(
        tmp_path, "Hello <img src=cid:none alt='our logo'> <img src=http://127.0.0.1:9/x.png alt='a pixel'>"
    )
    assert page.split() == ["Hello", "our", "logo", "a", "pixel"]


@pytest.fixture
def origin() -> Iterator[tuple[str, list[str]]]:
    """A web server on this host, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


REFERENCES = """
<link rel=stylesheet href="{0}/style"><link rel=attachment href="{0}/attachment"><base href="{0}/base/">
<style>@import url("{0}/import"); @font-face {{ font-family: x; src: url({0}/font) }} body {{ font-family: x }}
div {{ background: url({0}/background); list-style: url({0}/list) }} p::before {{ content: url({0}/content) }}
@page {{ background: url({0}/page) }}</style>
<img src="{0}/img" srcset="{0}/srcset 2x"><object data="{0}/object"></object><embed src="{0}/embed">
<iframe src="{0}/frame">
</iframe><video poster="{0}/poster" src="{0}/video"></video><input type=image src="{0}/input"><p>p<div>div</div>
<svg width=9 height=9><image href="{0}/svg" width=9 height=9 /><use href="{0}/use#x" /></svg>
<img src='data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg">
<image href="{0}/inner" width="9" height="9"/></svg>'>
<img src="relative"><script src="{0}/script"></script><meta http-equiv=refresh content="0;url={0}/refresh">
<a rel=attachment href="{0}/a">a</a>
"""


def test_nothing_is_fetched_from_the_network(tmp_path: Path, origin: tuple[str, list[str]]) -> None:
    base, asked = origin
    assert set_in(tmp_path, REFERENCES.format(base))
    assert asked == []


def test_no_file_is_read(tmp_path: Path) -> None:
    secret = papers.file(
        tmp_path / "secret.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="200" height="200"/></svg>'
    )
    papers.file(tmp_path / "secret.css", b"body { background: black }")
    page = f"<link rel=stylesheet href='file://{tmp_path}/secret.css'><img src='file://{secret}'>" + REFERENCES.format(
        f"file://{secret.parent}"
    )
    set_in(tmp_path, page)
    assert black(tmp_path).mean() < 0.01
    with pdfium.PdfDocument(tmp_path / "html.pdf") as pdf:
        assert pdf.count_attachments() == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("<p>Größe</p>".encode(), "Größe"),
        ("<meta charset=iso-8859-1><p>Größe</p>".encode("latin-1"), "Größe"),
        ("<meta http-equiv=Content-Type content='text/html; charset=koi8-r'><p>Привет".encode("koi8-r"), "Привет"),
        ("\ufeff<meta charset=iso-8859-1><p>Größe</p>".encode(), "Größe"),
        ("<p>Größe".encode("utf-16"), "Größe"),
        ("<meta charset=nonsense><p>Größe".encode(), "Größe"),
    ],
)
def test_charsets(data: bytes, words: str) -> None:
    assert words in html.decoded(data)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("<table>" + "<tr><td>x" * 4500 + "<th>x" * 501, "more than 5,000 cells"),
        ("<p>x" * 20_000, "more than 10,000 elements"),
        ("<p>" + "word " * 100_000, "more than 400,000 letters"),
        ("<p>" + "x" * 21_000_000, "more than 20 MB"),
        ("<!doctype html><title>Title</title><style>p{}</style><p>&nbsp;</p>", "has no pages"),
        ("", "has no pages"),
    ],
)
def test_what_would_take_too_long_is_refused_at_a_look(document: str, why: str) -> None:
    with pytest.raises(DocumentRefused, match=f'"page.html" .*{why}'):
        inspect(document.encode(), Kind.HTML, "page.html")


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="more than 20 pages"):
        set_in(tmp_path, "<p style='break-after:page'>x" * 30)


def test_quotes_of_quotes_are_no_trouble(tmp_path: Path) -> None:
    document = "<blockquote style='margin:0'>" * 300 + "the first mail"
    assert set_in(tmp_path, document) == ["the first mail"]


def test_it_comes_out_as_a_fax(tmp_path: Path) -> None:
    source = papers.file(tmp_path / "in", b"<html><p>Hello")
    assert inspect(source, Kind.HTML, "page.html") is None
    assert prepare([(source, Kind.HTML, "page.html")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 5) == 1
    (page,) = papers.pages_of(tmp_path / "fax.tif")
    assert page.any()


def test_a_picture_cut_short_is_refused_after_html_as_before(tmp_path: Path) -> None:
    """WeasyPrint tells Pillow, for the whole process, to be content with half a picture."""
    cut = image_bytes(arrow(), "PNG")[:500]
    sources = [
        (papers.file(tmp_path / "page", b"<p>Hello"), Kind.HTML, "page.html"),
        (papers.file(tmp_path / "cut", cut), Kind.PNG, "cut.png"),
    ]
    with pytest.raises(DocumentRefused, match=r'"cut.png" is damaged'):
        prepare(sources, tmp_path / "fax.pdf", tmp_path / "fax.tif", 5)
