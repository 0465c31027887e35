"""Several processes for one document: the same pages in the same order, and no way for one to be lost unnoticed."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.documents.ranges import CodedPage, coded
from gateway.documents.render import render
from gateway.documents.rendering import Rendering
from gateway.errors import DocumentRefused, OurTrouble
from tests.documents import papers


def numbered(first: int, end: int) -> Iterator[CodedPage]:
    for number in range(first, end):
        yield CodedPage(f"{number}:{os.getpid()}".encode(), (number + 1, 1728), number % 2 == 0)


@pytest.mark.parametrize("total", [0, 1, 2, 6, 7, 50])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_order_and_number(tmp_path: Path, total: int, processes: int) -> None:
    with coded(total, numbered, tmp_path, processes) as pages:
        told = [page.code().decode().split(":") for page in pages]
        assert [int(number) for number, _ in told] == list(range(total))
        assert [(page.shape[0], page.blank) for page in pages] == [(n + 1, n % 2 == 0) for n in range(total)]
        assert len({pid for _, pid in told}) == min(processes, max(total // 3, min(total, 1)))
    assert not list(tmp_path.iterdir())


def test_a_refusal_comes_through(tmp_path: Path) -> None:
    def work(first: int, end: int) -> Iterator[CodedPage]:
        if first:
            raise DocumentRefused("page 5 is damaged")
        yield from numbered(first, end)

    with pytest.raises(DocumentRefused, match="page 5"), coded(8, work, tmp_path, 2):
        pass


@pytest.mark.parametrize(("deadly", "error"), [(signal.SIGXCPU, DocumentRefused), (signal.SIGKILL, OurTrouble)])
def test_a_death_is_no_success(tmp_path: Path, deadly: signal.Signals, error: type[Exception]) -> None:
    def work(first: int, end: int) -> Iterator[CodedPage]:
        if first:
            os.kill(os.getpid(), deadly)
        yield from numbered(first, end)

    with pytest.raises(error), coded(8, work, tmp_path, 2):
        pass


def test_an_end_here_ends_the_others(tmp_path: Path) -> None:
    told = tmp_path / "pid"

    def work(first: int, end: int) -> Iterator[CodedPage]:
        if first:
            told.write_text(str(os.getpid()))
            time.sleep(60)
        while not told.exists() or not told.read_text():
            time.sleep(0.01)
        raise DocumentRefused("page 1 is damaged")
        yield

    with pytest.raises(DocumentRefused), coded(8, work, tmp_path, 2):
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_who_is_killed_takes_the_others_along(tmp_path: Path) -> None:
    told = tmp_path / "pid"

    def work(first: int, end: int) -> Iterator[CodedPage]:
        if first:
            told.write_text(str(os.getpid()))
        time.sleep(60)
        yield from ()

    child = os.fork()
    if child == 0:
        try:
            with coded(8, work, tmp_path, 2):
                pass
        finally:
            os._exit(0)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (told.exists() and told.read_text()):
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while time.monotonic() < deadline and _lives(int(told.read_text())):
        time.sleep(0.01)
    assert not _lives(int(told.read_text()))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_blank_pages_at_the_end_are_left_out_if_so_wanted(tmp_path: Path) -> None:
    line = papers.line_of("Hello")
    for contents, kept in (([line, b"", line, b"", b""], 3), ([b"", b""], 1), ([line], 1)):
        source = papers.file(tmp_path / "in.pdf", papers.saved(papers.pdf(*contents)))
        found = render(source, tmp_path / "fax.tif", rendering=Rendering(drop_blank_end=True))
        assert (found.pages, found.dropped) == (len(contents), len(contents) - kept)
        pages = papers.pages_of(tmp_path / "fax.tif")
        assert [page.any() for page in pages] == [bool(content) for content in contents[:kept]]
        assert render(source, tmp_path / "fax.tif").dropped == 0
        assert len(papers.pages_of(tmp_path / "fax.tif")) == len(contents)
