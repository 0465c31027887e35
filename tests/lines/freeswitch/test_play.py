"""The calls of the scripted FreeSWITCH: what of a recording is kept, and what is replaced."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.lines.freeswitch.call import STUB
from tests.lines.freeswitch.cast import Cast, Recast
from tests.lines.freeswitch.client import SUBSCRIBE, Connect, clients, job, named, over
from tests.lines.freeswitch.recordings import Kind, recording, recording_names
from tests.lines.freeswitch.switch import Moment, Play, Switch

IMAGE = b"the bytes of two pages"


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[Switch]:
    async with Switch(pace=0.002, cdr_directory=tmp_path) as switch:
        yield switch


@pytest.fixture
async def connect(switch: Switch) -> AsyncIterator[Connect]:
    async with clients(switch) as connect:
        yield connect


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "out.tif"
    file.write_bytes(b"the bytes of a page")
    return file


@pytest.mark.parametrize("name", recording_names())
def test_a_recorded_event_is_rendered_in_the_bytes_in_which_it_came(name: str) -> None:
    for message in recording(name).messages:
        if message.kind is Kind.EVENT:
            assert message.parsed.render() == message.raw


def test_a_call_recast_as_itself_is_the_recorded_call() -> None:
    source = recording("success_3pages_ecm")
    cast = Cast.of_recording(source)
    recast = Recast(cast, cast)
    for message in source.events:
        assert recast.event(message.parsed).render() == message.raw


async def test_a_fax_is_played_as_the_call_that_was_asked_for(
    switch: Switch, connect: Connect, file: Path, tmp_path: Path
) -> None:
    switch.chop = 700
    client = await connect()
    uuid = await client.dial(file, "+33987654321", more=",colour='blue\\, or red'")
    await client.until(over(uuid))
    [originate] = switch.originates
    assert originate.uuid == uuid
    assert originate.number == "+33987654321"
    assert originate.decoded("fax_ident") == "+33123456789"
    recorded = recording("success_1page_sofia_audio")
    text = "".join(f"{name}: {value}\n" for event in client.events for name, value in event.headers)
    for gone in (
        recorded.uuid,
        *recorded.other_uuids,
        recorded.job_uuid,
        recorded.core_uuid,
        "33100000000",
        "/srv/fs-tx",
    ):
        assert gone not in text
    ours = [event for event in client.events if event.uuid == uuid]
    assert {event.get("variable_gw_job_id") for event in ours} == {"7"}
    assert {event.get("variable_colour") for event in ours} == {"blue, or red"}
    assert {event.get("Core-UUID") for event in client.events} == {switch.core_uuid}
    result = await client.until(named("spandsp::txfaxresult", uuid))
    assert result.get("fax-success") == "1"
    assert result.get("fax-local-station-id") == "+33123456789"
    assert (await client.until(job(uuid))).body == f"+OK {uuid}\n"
    sequence = [int(event.get("Event-Sequence")) for event in client.events]
    assert sequence == sorted(set(sequence))
    record = json.loads((tmp_path / f"{uuid}.cdr.json").read_text())
    assert record["core-uuid"] == switch.core_uuid
    assert record["variables"]["fax_success"] == "1"
    assert record["variables"]["fax_remote_station_id"] == "%2B33%201%2000%2000%2010%2000"
    assert unquote(record["variables"]["colour"]) == "blue, or red"
    assert record["app_log"]["applications"][0]["app_data"] == str(file)
    assert record["callflow"][0]["caller_profile"]["destination_number"] == "+33987654321"


async def test_two_calls_at_once_have_nothing_in_common(switch: Switch, connect: Connect, file: Path) -> None:
    client, other = await connect(), await connect()
    first, second = await client.dial(file), await client.dial(file, "33100002000")
    for each in (client, other):
        await each.until(over(first))
        await each.until(over(second))
        assert (await each.until(job(second))).body == "-ERR USER_BUSY\n"
        created = [event.uuid for event in each.events if event.name == "CHANNEL_CREATE"]
        assert len(set(created)) == len(created) == 4
    assert switch.live == ()


@pytest.mark.parametrize("name", [name for name in recording_names() if recording(name).originate])
async def test_every_recorded_call_can_be_played(switch: Switch, connect: Connect, file: Path, name: str) -> None:
    switch.script = lambda _: Play(name)
    switch.pace = 0
    client = await connect()
    await client.dial(file)
    last = [message.parsed for message in recording(name).events if message.event in SUBSCRIBE][-1]
    await client.until(lambda event: (event.name, event.subclass) == (last.name, last.subclass))


async def test_a_file_that_is_not_there_is_found_out_after_the_answer(connect: Connect, tmp_path: Path) -> None:
    client = await connect()
    uuid = await client.dial(tmp_path / "nothing.tif")
    await client.until(over(uuid))
    assert not [event for event in client.events if event.subclass == "spandsp::txfaxresult"]
    responses = [event.get("Application-Response") for event in client.events if event.uuid == uuid]
    assert "Cannot send non-existant fax file" in responses


async def test_a_killed_call_ends_as_recorded(switch: Switch, connect: Connect, file: Path) -> None:
    switch.script = lambda _: Play("success_3pages_ecm", hold_page=2)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(lambda event: event.get("fax-document-transferred-pages") == "2" and event.uuid == uuid)
    assert await client.ask(f"api uuid_exists {uuid}") == "true"
    assert await client.ask(f"api uuid_getvar {uuid} gw_job_id") == "7"
    assert await client.ask(f"api uuid_kill {uuid} MANAGER_REQUEST") == "+OK\n"
    assert await client.ask(f"api uuid_exists {uuid}") == "false"
    assert await client.ask(f"api uuid_kill {uuid}") == "-ERR No such channel!\n"
    await client.until(over(uuid))
    result = await client.until(named("spandsp::txfaxresult", uuid))
    assert result.get("fax-result-code") == "49"
    assert result.get("fax-document-transferred-pages") == "2"
    assert result.get("fax-document-total-pages") == "3"
    hangup = await client.until(named("CHANNEL_HANGUP_COMPLETE", uuid))
    assert hangup.get("variable_hangup_cause") == "MANAGER_REQUEST"
    assert len([event for event in client.events if job(uuid)(event)]) == 1


async def test_a_call_killed_while_it_rings_was_never_answered(switch: Switch, connect: Connect, file: Path) -> None:
    switch.script = lambda _: Play("noanswer_timeout_sofia", hold=Moment.RINGING)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(named("CHANNEL_PROGRESS", uuid))
    assert await client.ask(f"api uuid_kill {uuid}") == "+OK\n"
    await client.until(over(uuid))
    assert (await client.until(job(uuid))).body == "-ERR NORMAL_CLEARING\n"
    assert not [event for event in client.events if event.subclass]


async def test_a_far_end_hangs_up_after_a_page(switch: Switch, connect: Connect, file: Path) -> None:
    switch.script = lambda _: Play("success_3pages_ecm", break_after_page=2, job="last", far_leg=False)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(job(uuid))
    assert {event.uuid for event in client.events} == {uuid, ""}
    assert over(uuid)(client.events[-2])
    result = await client.until(named("spandsp::txfaxresult", uuid))
    assert result.get("fax-success") == "0"
    assert result.get("fax-document-transferred-pages") == "2"


async def test_a_uuid_in_use_is_replaced_in_silence(switch: Switch, connect: Connect, file: Path) -> None:
    switch.script = lambda _: Play("success_1page_sofia_audio", hold=Moment.ANSWERED)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(named("CHANNEL_ANSWER", uuid))
    switch.script = lambda _: Play("busy_sofia")
    await client.dial(file, uuid=uuid)
    second = switch.originates[1].uuid
    assert second != uuid
    await client.until(over(second))


async def test_an_incoming_fax_leaves_its_file(switch: Switch, connect: Connect, tmp_path: Path) -> None:
    client = await connect()
    path = tmp_path / "in/a long name of a file.tif"
    path.parent.mkdir()
    uuid = await switch.ring(
        Play("inbound_rxfax_success", hold=Moment.NEGOTIATED),
        to="+15551230002",
        from_="+15557654321",
        path=path,
        image=IMAGE,
        name="Ann & Bob",
        variables={"box": "desk: 2"},
    )
    created = await client.until(named("CHANNEL_CREATE", uuid))
    assert created.get("Caller-Caller-ID-Number") == "+15557654321"
    assert created.get("Caller-Caller-ID-Name") == "Ann & Bob"
    assert created.get("Caller-Destination-Number") == "+15551230002"
    assert created.get("Channel-Name") == "sofia/external/+15557654321@127.0.0.1"
    assert created.get("variable_box") == "desk: 2"
    await client.until(named("spandsp::rxfaxnegociateresult", uuid))
    assert path.read_bytes() == STUB
    switch.release(uuid)
    result = await client.until(named("spandsp::rxfaxresult", uuid))
    assert result.get("variable_fax_filename") == str(path)
    assert path.read_bytes() == IMAGE
    await client.until(over(uuid))
    await switch.ended(uuid)
    record = json.loads((tmp_path / f"{uuid}.cdr.json").read_text())
    assert record["app_log"]["applications"][2] | {"app_stamp": ""} == {
        "app_name": "rxfax",
        "app_data": str(path),
        "app_stamp": "",
    }
    assert record["callflow"][0]["caller_profile"]["caller_id_number"] == "+15557654321"


@pytest.mark.parametrize(("pages", "left"), [(0, False), (2, True)])
async def test_a_broken_incoming_fax_leaves_the_pages_that_came(
    switch: Switch, connect: Connect, tmp_path: Path, pages: int, left: bool
) -> None:
    client = await connect()
    path = tmp_path / "in.tif"
    play = Play("inbound_rxfax_success_3pages", break_after_page=pages)
    if not pages:
        play = Play("inbound_rxfax_caller_hangs_up_mid_page")
    uuid = await switch.ring(play, to="1", from_="2", path=path, image=IMAGE)
    result = await client.until(named("spandsp::rxfaxresult", uuid))
    assert result.get("fax-success") == "0"
    assert result.get("fax-document-transferred-pages") == str(pages)
    assert path.exists() is left
    await switch.ended(uuid)


@pytest.mark.parametrize("moment", [Moment.ANSWERED, Moment.NEGOTIATED, Moment.PAGE, Moment.RESULT])
async def test_a_killed_incoming_call_tells_one_result(
    switch: Switch, connect: Connect, tmp_path: Path, moment: Moment
) -> None:
    client = await connect()
    path = tmp_path / "in.tif"
    uuid = await switch.ring(Play("inbound_rxfax_success", hold=moment), to="1", from_="2", path=path, image=IMAGE)
    await client.until(lambda event: event.uuid == uuid and {event.name, event.subclass} & set(moment.value) != set())
    assert switch.hang_up(uuid, "MANAGER_REQUEST")
    hangup = await client.until(named("CHANNEL_HANGUP_COMPLETE", uuid))
    await switch.ended(uuid)
    assert hangup.get("variable_hangup_cause") == "MANAGER_REQUEST"
    [result] = [event for event in client.events if named("spandsp::rxfaxresult", uuid)(event)]
    assert result.get("fax-success") == ("1" if moment is Moment.RESULT else "0")
    assert path.exists() is (moment in (Moment.PAGE, Moment.RESULT))


async def test_a_call_that_hangs_up_does_not_exist_though_its_result_is_to_come(
    switch: Switch, connect: Connect, file: Path
) -> None:
    switch.script = lambda _: Play("success_1page_sofia_audio", hold=Moment.HANGING_UP)
    client = await connect()
    uuid = await client.dial(file)
    await client.until(named("CHANNEL_HANGUP", uuid))
    assert await client.ask(f"api uuid_exists {uuid}") == "false"
    switch.release(uuid)
    assert (await client.until(named("spandsp::txfaxresult", uuid))).get("fax-success") == "1"
