"""What goes along with a letter, as its faxbox has it."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.accounts import MAIL_ATTACH, MAIL_SHOWS, Account, Faxbox
from gateway.dsn import DELIVERED, report
from gateway.enclosures import EMPTY, Enclosures, discreet, wanted
from gateway.errors import NotFound
from gateway.fax import Document, Fax, LeftOut
from gateway.letters import Letterhead, failure, receipt
from gateway.messages import Known, facts, text
from gateway.sandbox import Sandbox
from gateway.storage import documents_from_url
from tests.mail.test_letters import body, read

OF_A_RECEIVED_FAX = {"pdf": {"pdf"}, "tiff": {"tiff"}, "both": {"pdf", "tiff"}, "link": set[str]()}
OF_A_SENT_FAX = {"nothing": set[str](), "text": set[str](), "picture": {"picture"}}
SECRET = "HIV test of Alice Example"


@pytest.mark.parametrize("attach", MAIL_ATTACH)
@pytest.mark.parametrize("shows", MAIL_SHOWS)
def test_what_goes_along(received: Fax, sent: Fax, faxbox: Faxbox, shows: str, attach: str) -> None:
    received, sent = replace(received, image_key="i", pdf_key="p"), replace(sent, image_key="i", pdf_key="p")
    box = replace(faxbox, mail_shows=shows, mail_attach=attach)
    assert wanted(received, box) == (set() if shows == "nothing" else OF_A_RECEIVED_FAX[attach])
    assert wanted(sent, box) == (OF_A_RECEIVED_FAX[attach] if shows == "fax" else OF_A_SENT_FAX[shows])


def test_without_an_image_there_is_nothing_to_show(sent: Fax, faxbox: Faxbox) -> None:
    assert wanted(replace(sent, image_key=""), replace(faxbox, mail_shows="fax")) == set()


async def test_a_sent_fax_whose_document_is_gone_is_told_of_without(
    sent: Fax, received: Fax, faxbox: Faxbox, tmp_path: Path
) -> None:
    gone = Enclosures(documents_from_url(f"file://{tmp_path}", tmp_path / "cache"), Sandbox())
    image, pdf, box = "2026/11/23/i.tif", "2026/11/23/p.pdf", replace(faxbox, mail_shows="fax")
    assert await gone.of(replace(sent, image_key=image, pdf_key=pdf), box) == EMPTY
    with pytest.raises(NotFound):
        await gone.of(replace(received, image_key=image, pdf_key=pdf), box)


def test_where_nothing_is_shown_no_word_of_it_leaves(
    head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account
) -> None:
    name = f"{SECRET}.pdf"
    told = replace(
        sent,
        subject=SECRET,
        message=SECRET,
        from_name=SECRET,
        to_name=SECRET,
        result=None,
        error=f"{name} cannot be opened.",
        documents=(Document(key="k", name=name, content_type="application/pdf", bytes=9),),
        left_out=(LeftOut(name=name, content_type="text/plain", bytes=9, reason=f"{name} is no fax"),),
    )
    box = replace(faxbox, mail_shows="nothing")
    kept = discreet(told, box)
    known = Known(fax=kept, account=account, box=box, calls=[])
    for letter in (receipt(head, kept, box, account), failure(head, kept, box, account)):
        message = read(letter)
        assert SECRET not in str(message["Subject"]) + body(message, "plain") + body(message, "html")
    assert SECRET not in report(head, kept, box, account, [], DELIVERED).decode().replace("=\r\n", "")
    assert SECRET not in text(known) + str(facts(known))
    assert "the document cannot be opened." in body(read(failure(head, kept, box, account)), "plain").lower()
    assert discreet(told, replace(box, mail_shows="text")) == told
