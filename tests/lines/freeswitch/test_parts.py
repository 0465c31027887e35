"""The pure parts of the line: messages, station ids that try to forge them, the spool, the call records."""

import json
import os
import resource
import signal
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.fax import CallResult
from gateway.lines.freeswitch import records, results
from gateway.lines.freeswitch.messages import MAX_BODY, GarbledError, read_event, read_head
from gateway.lines.freeswitch.spool import Spool, pages_in
from tests.lines.bench import draw_fax
from tests.lines.freeswitch.recordings import Kind, recording

UUID = "6112f4df-68e6-4cc9-a80c-31ae338b6503"


def test_a_station_id_cannot_forge_a_header() -> None:
    body = b"Event-Name: CUSTOM\nfax-remote-station-id: x%0Afax-success%3A%201%0A\nfax-success: 0\n\n"
    event = read_event(body)
    assert event.get("fax-success") == "0"
    assert event.get("fax-remote-station-id") == "x\nfax-success: 1\n"


def test_the_recorded_hostile_station_id_changes_nothing() -> None:
    ends = [m for m in recording("remote_ident_hostile").events if m.event == "CHANNEL_HANGUP_COMPLETE"]
    ours = [read_event(m.body) for m in ends if m.uuid == recording("remote_ident_hostile").uuid]
    result = results.sent(ours[0].variable, pages=1)
    assert (result.success, result.result_code, result.pages) == (True, 0, 1)
    assert result.remote_station_id.isprintable()


def test_the_first_of_two_lines_of_a_name_counts() -> None:
    assert read_event(b"Event-Name: CHANNEL_ANSWER\nEvent-Name: CHANNEL_DESTROY\n\n").name == "CHANNEL_ANSWER"


def test_a_job_has_its_answer_in_a_body_of_its_own() -> None:
    event = read_event(b"Event-Name: BACKGROUND_JOB\nJob-UUID: j\nContent-Length: 16\n\n-ERR USER_BUSY\n\n")
    assert (event.name, event.get("Job-UUID"), event.body.strip()) == ("BACKGROUND_JOB", "j", "-ERR USER_BUSY")


@pytest.mark.parametrize("length", [b"-1", b"1e9", b"", b" 5", b"0x10", str(MAX_BODY + 1).encode(), b"9" * 5000])
def test_a_length_that_is_none_is_garbled(length: bytes) -> None:
    with pytest.raises(GarbledError):
        _ = read_head([b"Content-Type: text/event-plain\n", b"Content-Length: " + length + b"\n"]).length


def test_a_message_of_no_type_is_garbled() -> None:
    with pytest.raises(GarbledError):
        read_head([b"Content-Length: 5\n"])


def test_every_recorded_event_is_read_as_the_recording_says() -> None:
    messages = [m for name in ("success_3pages_ecm", "busy_sofia", "t38_success_sender_reinvite_3pages") for m in
                recording(name).messages if m.kind is Kind.EVENT]  # fmt: skip
    assert messages
    for message in messages:
        event = read_event(message.body)
        assert event.name == (message.subclass if message.event == "CUSTOM" else message.event)
        assert event.uuid == message.uuid


# -- results -----------------------------------------------------------------------------------------------------------

DELIVERED = {
    "answer_epoch": "1795403733",
    "end_epoch": "1795403793",
    "billsec": "60",
    "hangup_cause": "NORMAL_CLEARING",
    "hangup_cause_q850": "16",
    "fax_success": "1",
    "fax_result_code": "0",
    "fax_result_text": "OK",
    "fax_document_transferred_pages": "3",
    "fax_document_total_pages": "3",
    "fax_transfer_rate": "14400",
    "fax_ecm_used": "on",
    "fax_t38_status": "negotiated",
    "fax_bad_rows": "0",
    "fax_remote_station_id": "+33 1 00 00 10 00",
}


def result(pages: int = 3, confirmed: int = 0, **changed: str) -> CallResult:
    variables = {**DELIVERED, **changed}
    return results.sent(lambda name: variables.get(name, ""), pages=pages, confirmed=confirmed)


def test_everything_is_in_the_result() -> None:
    found = result(billmsec="60123")
    assert (found.success, found.answered, found.pages, found.total_pages) == (True, True, 3, 3)
    assert (found.result_code, found.result_text, found.cause, found.hangup_cause) == (0, "OK", 16, "NORMAL_CLEARING")
    assert (found.rate, found.ecm, found.t38, found.seconds) == (14400, True, True, 60.123)
    assert found.answered_at == datetime.fromtimestamp(1795403733, UTC)


def test_fewer_pages_than_the_document_has_are_no_success() -> None:
    assert not result(pages=4).success


def test_a_call_that_breaks_off_after_the_last_page_has_delivered() -> None:
    found = result(fax_success="0", fax_result_code="49", fax_result_text="The call dropped prematurely")
    assert (found.success, found.result_code) == (True, 49)


def test_pages_that_the_events_told_of_count() -> None:
    assert result(pages=2, confirmed=2, fax_document_transferred_pages="", fax_result_code="48").success


def test_a_fax_result_before_the_answer_counts_for_nothing() -> None:
    """Early media can start txfax, and then the far end is busy."""
    found = result(answer_epoch="0", hangup_cause="USER_BUSY", hangup_cause_q850="17", fax_result_code="49")
    assert (found.success, found.answered, found.result_code, found.cause) == (False, False, None, 17)


@pytest.mark.parametrize("nonsense", ["", "-1", "3 ", "²", "1e3", "9" * 4000, "NaN"])
def test_numbers_that_are_none_count_for_nothing(nonsense: str) -> None:
    found = result(fax_document_transferred_pages=nonsense, fax_transfer_rate=nonsense, end_epoch=nonsense)
    assert (found.success, found.pages, found.rate) == (False, 0, 0)


def test_freeswitchs_own_causes_have_their_numbers() -> None:
    found = result(answer_epoch="0", hangup_cause="INVALID_GATEWAY", hangup_cause_q850="0")
    assert (found.cause, found.hangup_cause) == (608, "INVALID_GATEWAY")


# -- spool -------------------------------------------------------------------------------------------------------------


def test_an_image_is_put_where_freeswitch_finds_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "/srv/fax")
    image = draw_fax(tmp_path / "fax.tif", 1)
    assert spool.put(UUID, image) == f"/srv/fax/tx/{UUID}.tif"
    assert spool.sent(UUID).read_bytes() == image.read_bytes()
    assert [path.name for path in spool.sent(UUID).parent.iterdir()] == [f"{UUID}.tif"]
    spool.remove_sent(UUID)
    assert not spool.sent(UUID).exists()


@pytest.mark.parametrize("uuid", ["../../etc/passwd", "", UUID.upper(), UUID + "\n", UUID + "/x"])
def test_no_other_file_can_be_named(tmp_path: Path, uuid: str) -> None:
    with pytest.raises(ValueError, match="uuid"):
        Spool(tmp_path, "/s").sent(uuid)


OURS = [
    ("/srv/fax/rx/a.tif", "rx/a.tif"),
    ("/srv/fax/a.tif", "a.tif"),
    ("/srv/fax/../../etc/passwd", None),
    ("/srv/faxes/a.tif", None),
    ("/etc/passwd", None),
    ("rx/a.tif", None),
    ("/srv/fax/rx/a b.tif", None),
    ("", None),
]


@pytest.mark.parametrize(("node_path", "ours"), OURS)
def test_only_what_is_in_the_spool_is_ours(tmp_path: Path, node_path: str, ours: str | None) -> None:
    assert Spool(tmp_path, "/srv/fax").ours(node_path) == (tmp_path / ours if ours else None)


def test_what_the_names_of_received_images_tell(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "/s")
    spool.prepare()
    for name in (
        f"rx/15551230001.15559870002.{UUID}.tif",
        f"rx/15551230001.unknown.{UUID}.tif",
        f"rx/{UUID}.tif",
        f"{UUID}.tiff",
        "rx/15551230001.15559870002.nonsense.tif",
        f"rx/1;rm.2.{UUID}.tif",
        "rx/notes.txt",
    ):
        (tmp_path / name).touch()
    found = {(file.called, file.caller, str(file.path.relative_to(tmp_path))) for file in spool.received()}
    assert found == {
        ("15551230001", "15559870002", f"rx/15551230001.15559870002.{UUID}.tif"),
        ("15551230001", "", f"rx/15551230001.unknown.{UUID}.tif"),
        ("", "", f"rx/{UUID}.tif"),
        ("", "", f"{UUID}.tiff"),
    }


def test_pages_are_counted(tmp_path: Path) -> None:
    assert pages_in(draw_fax(tmp_path / "fax.tif", 3)) == 3
    (tmp_path / "stub.tif").write_bytes(b"II*\0\0\0\0\0")
    assert pages_in(tmp_path / "stub.tif") == 0
    assert pages_in(tmp_path / "missing.tif") == 0
    (tmp_path / "loop.tif").write_bytes(b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0")
    assert pages_in(tmp_path / "loop.tif") == 10_000
    cut = (tmp_path / "fax.tif").read_bytes()[:200]
    (tmp_path / "cut.tif").write_bytes(cut)
    assert pages_in(tmp_path / "cut.tif") <= 3


# -- call records ------------------------------------------------------------------------------------------------------


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_record_is_found_and_read(tmp_path: Path) -> None:
    variables = {name: quote(value) for name, value in DELIVERED.items()}
    profile = {"destination_number": "15551230001", "caller_id_number": "%2B15559870002"}
    applications = [{"app_name": "answer", "app_data": ""}, {"app_name": "rxfax", "app_data": "/srv/fax/rx/x.tif"}]
    content = {
        "variables": variables,
        "callflow": [{"caller_profile": profile}],
        "app_log": {"applications": applications},
    }
    write(tmp_path, f"{UUID}.cdr.json", content)
    found = records.find(tmp_path, UUID)
    assert found is not None
    assert results.received(found.variable).success
    assert found.variable("fax_remote_station_id") == "+33 1 00 00 10 00"
    assert (found.called, found.caller, found.received) == ("15551230001", "+15559870002", "/srv/fax/rx/x.tif")
    assert records.find(tmp_path, UUID.replace("6", "7")) is None
    assert [record.uuid for record in records.every(tmp_path)] == [UUID]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"variables": 5, "callflow": [7], "app_log": []}', "\0" * 9]
)
def test_a_record_that_is_none_is_harmless(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, f"{UUID}.cdr.json", content)
    found = records.find(tmp_path, UUID)
    if found is not None:
        assert (found.received, found.called, results.sent(found.variable, pages=1).answered) == (None, "", False)
    os.utime(path, (0, 0))
    list(records.every(tmp_path))
    assert found is not None or [left.suffix for left in tmp_path.iterdir()] == [".bad"]


@pytest.mark.parametrize(
    "changed",
    [{"fax_success": "0"}, {"fax_success": ""}, {"fax_result_code": "41"}, {"fax_document_transferred_pages": "0"}],
)
def test_a_received_fax_is_complete_only_when_everything_says_so(changed: dict[str, str]) -> None:
    whole = {
        "answer_epoch": "1700000000",
        "fax_success": "1",
        "fax_result_code": "0",
        "fax_document_transferred_pages": "2",
    }
    assert results.received(lambda name: whole.get(name, "")).success
    assert not results.received(lambda name: {**whole, **changed}.get(name, "")).success


def test_what_does_not_fit_into_the_spool_leaves_nothing_there(tmp_path: Path) -> None:
    """FreeSWITCH would send the half of it; the limit stands for a full disk (setrlimit(2), EFBIG)."""
    spool = Spool(tmp_path / "spool", "/spool")
    spool.prepare()
    image = draw_fax(tmp_path / "fax.tif", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (image.stat().st_size // 2, hard))
    try:
        with pytest.raises(OSError, match="large"):
            spool.put(UUID, image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert list((tmp_path / "spool" / "tx").iterdir()) == []
    assert spool.put(UUID, image) == f"/spool/tx/{UUID}.tif"


def test_a_draft_of_a_gateway_that_was_killed_is_removed_with_its_call(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "/spool")
    spool.prepare()
    draft = tmp_path / "tx" / f"{UUID}.draft"
    draft.touch()
    spool.remove_sent(UUID)
    assert not draft.exists()
