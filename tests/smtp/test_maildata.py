"""The octets of DATA, in any pieces."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp import replies
from smtp.maildata import MailData
from smtp.policy import Limits

SMALL = Limits(size=2000, memory=200, text_line=100, drained=100_000)
lines = st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b".")), max_size=40)
cuts = st.lists(st.integers(1, 50), min_size=1, max_size=20)


def feed(mail: MailData, octets: bytes, pieces: list[int]) -> bytes | None:
    """Feed `octets` in pieces of these sizes, over and over, as the session does."""
    place = number = 0
    while place < len(octets):
        size = pieces[number % len(pieces)]
        rest = mail.feed(octets[place : place + size])
        place, number = place + size, number + 1
        if rest is not None:
            return rest + octets[place:]
        if mail.overflows:
            mail.spill()
    return None


def content(mail: MailData) -> bytes:
    finished = mail.finish()
    assert finished is not None
    return finished.read_bytes() if isinstance(finished, Path) else finished


@given(lines, cuts, st.binary(max_size=30))
def test_a_mail_arrives_as_it_was_whatever_the_pieces(
    tmp_path_factory: pytest.TempPathFactory, mail_lines: list[bytes], pieces: list[int], behind: bytes
) -> None:
    sent = b"".join(line + b"\r\n" for line in mail_lines)
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in mail_lines)
    mail = MailData(Limits(size=5000, memory=200), tmp_path_factory.mktemp("spool") / "1")
    assert feed(mail, stuffed + b".\r\n" + behind, pieces) == behind
    assert not mail.refusal
    assert content(mail) == sent
    assert mail.size == len(sent)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n"]), max_size=40).map(b"".join), cuts)
def test_every_bare_line_end_is_seen(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, pieces: list[int]
) -> None:
    mail = MailData(SMALL, tmp_path_factory.mktemp("spool") / "1")
    end = (b"\r\n" + octets + b"\r\n.\r\n").find(b"\r\n.\r\n")
    before = (b"\r\n" + octets)[: end + 2]
    bare = before.replace(b"\r\n", b"")
    feed(mail, octets + b"\r\n.\r\n", pieces)
    assert (mail.refusal == replies.BARE_LINE_END) == (b"\r" in bare or b"\n" in bare)


def test_an_empty_mail(tmp_path: Path) -> None:
    mail = MailData(SMALL, tmp_path / "1")
    assert mail.feed(b".\r\nQUIT\r\n") == b"QUIT\r\n"
    assert content(mail) == b""


@pytest.mark.parametrize("over", [0, 1])
def test_the_size_is_counted_exactly(tmp_path: Path, over: int) -> None:
    mail = MailData(SMALL, tmp_path / "1")
    octets = b"..x\r\n" + b"y" * 94 + b"\r\n"  # one hundred octets, a stuffed dot not counted
    rest = feed(mail, octets * 20 + b"z" * over + b"\r\n" * over + b".\r\n", [7])
    assert rest == b""
    assert mail.refusal == (replies.TOO_LARGE if over else "")
    mail.discard()


def test_a_large_mail_is_not_kept_in_memory_and_an_endless_one_is_noticed(tmp_path: Path) -> None:
    mail = MailData(SMALL, tmp_path / "1")
    for _ in range(10_000):
        assert mail.feed(b"x" * 50 + b"\r\n") is None
        if mail.overflows:
            mail.spill()
        assert len(mail._piece) <= 300
    assert mail.refusal == replies.TOO_LARGE
    assert mail.endless
    assert not (tmp_path / "1").exists()


def full_disk(directory: Path) -> Path:
    """A spool directory in which the mail goes to a device without room."""
    directory.mkdir()
    (directory / "mail").symlink_to("/dev/full")
    return directory


def test_a_full_disk_refuses_the_mail_for_now_and_it_is_read_to_its_end(tmp_path: Path) -> None:
    mail = MailData(SMALL, full_disk(tmp_path / "1"))
    assert feed(mail, b"y" * 50 + b"\r\n" * 1 + (b"x" * 50 + b"\r\n") * 20 + b".\r\nNOOP", [70]) == b"NOOP"
    assert mail.refusal == replies.NO_ROOM
    assert "No space left on device" in mail.trouble
    assert mail.finish() is None
    assert not mail.spooled
    assert not (tmp_path / "1").exists()


def test_a_disk_that_is_full_at_the_last_octets_refuses_the_mail_too(tmp_path: Path) -> None:
    mail = MailData(SMALL, tmp_path / "1")
    assert feed(mail, (b"x" * 50 + b"\r\n") * 5, [70]) is None
    assert mail.spooled
    with Path("/dev/full").open("wb", buffering=0) as full:
        os.dup2(full.fileno(), mail._file.fileno())  # type: ignore[union-attr]
    assert feed(mail, b"y\r\n.\r\nNOOP", [70]) == b"NOOP"
    assert not mail.refusal
    assert mail.finish() is None
    assert mail.refusal == replies.NO_ROOM
    assert not (tmp_path / "1").exists()


def test_a_line_without_end_is_refused_and_not_kept(tmp_path: Path) -> None:
    mail = MailData(SMALL, tmp_path / "1")
    assert feed(mail, b"x" * 1500 + b"\r\n.\r\nNOOP", [100]) == b"NOOP"
    assert mail.refusal == replies.LINE_TOO_LONG


@pytest.mark.parametrize(("length", "refused"), [(98, False), (99, True)])
def test_the_longest_line(tmp_path: Path, length: int, refused: bool) -> None:
    for place in (0, 1, 30):
        mail = MailData(SMALL, tmp_path / "1")
        mail.feed(b"y\r\n" * place + b"x" * length + b"\r\n.\r\n")
        assert bool(mail.refusal) == refused
