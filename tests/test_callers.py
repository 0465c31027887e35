"""Whose faxes are junk, as a table; and what may stand on the lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts import Account, Faxbox
from gateway.callers import checked, why_junk
from gateway.errors import BadField
from gateway.samples import NOW

LONDON, LONDON_TOO, LEEDS = "+442079460000", "+442079461111", "+441134960000"
BERLIN, SATELLITE, NOWHERE = "+493023125000", "+881612345678", "+15551230001"
ONLY_LISTED = "The faxbox takes faxes of the callers on its list alone."
ONLY_LISTED_HERE = "The account takes faxes of the callers on its list alone."


def judged(
    caller: str,
    blocked: str = "",
    allowed: str = "",
    account_blocked: str = "",
    account_allowed: str = "",
    country: str = "US",
) -> str:
    account = Account(
        id="a",
        name="A",
        created_at=NOW,
        country=country,
        blocked_callers=tuple(account_blocked.split()),
        allowed_callers=tuple(account_allowed.split()),
    )
    box = Faxbox(
        id="b",
        account_id="a",
        name="B",
        created_at=NOW,
        blocked_callers=tuple(blocked.split()),
        allowed_callers=tuple(allowed.split()),
    )
    return why_junk(caller, box, account, account.country)


@pytest.mark.parametrize(
    ("caller", "blocked", "allowed", "why"),
    [
        # No lists: off.
        (LONDON, "", "", ""),
        ("", "", "", ""),
        # A block list.
        (LONDON, LONDON, "", f"The faxbox blocks {LONDON}."),
        (LONDON_TOO, LONDON, "", ""),
        (LONDON + "1", LONDON, "", ""),
        (BERLIN, BERLIN[:-2], "", ""),  # a number itself, and not those that begin so
        (BERLIN, f"{BERLIN}*", BERLIN, ""),
        (LONDON, "+4420*", "", "The faxbox blocks +4420*."),
        (LEEDS, "+4420*", "", ""),
        (LEEDS, "GB", "", "The faxbox blocks GB."),
        (BERLIN, "GB", "", ""),
        (SATELLITE, "satellite", "", "The faxbox blocks satellite."),
        (BERLIN, "*", "", "The faxbox blocks *."),
        (BERLIN, "anonymous", "", ""),
        # An allow list: whoever is not on it is not wanted.
        (LONDON, "", LONDON, ""),
        (LONDON_TOO, "", LONDON, ONLY_LISTED),
        ("", "", LONDON, ONLY_LISTED),
        ("", "", "anonymous", ""),
        (BERLIN, "", "GB", ONLY_LISTED),
        # Both: what says more of the caller decides, of equals the block.
        (LONDON, "+4420*", LONDON, ""),
        (LONDON_TOO, "+4420*", LONDON, "The faxbox blocks +4420*."),
        (BERLIN, "+4420*", LONDON, ONLY_LISTED),
        (LONDON, LONDON, LONDON, f"The faxbox blocks {LONDON}."),
        (LONDON, LONDON, f"+4420* {LONDON}", f"The faxbox blocks {LONDON}."),
        (LONDON, "+44*", "+4420*", ""),
        (LONDON, "+4420*", "+44*", "The faxbox blocks +4420*."),
        (LONDON, "GB", "+44*", ""),
        (LONDON, "*", "GB", ""),
        # `*` on the list of the allowed lets in whoever is not blocked.
        (BERLIN, "+4420*", "*", ""),
        (LONDON, "+4420*", "*", "The faxbox blocks +4420*."),
        ("", "anonymous", "*", "The faxbox blocks callers without a number."),
        # A number of which nobody knows where in its plan it is: in doubt it is blocked, and not allowed.
        (NOWHERE, "CA", "", "The faxbox blocks CA."),
        (NOWHERE, "", "CA", ONLY_LISTED),
        # Nobody's number.
        ("", "anonymous", "", "The faxbox blocks callers without a number."),
        ("anonymous", "anonymous", "", "The faxbox blocks callers without a number."),
        ("Unavailable", "anonymous", "", "The faxbox blocks callers without a number."),
        ("0", "anonymous", "", "The faxbox blocks callers without a number."),
        ("", "*", "", "The faxbox blocks *."),
        ("", "*", "anonymous", ""),
        ("", "GB +4420* satellite", "", ""),
        # As the line writes it.
        ("(202) 555-0190", "+12025550190", "", "The faxbox blocks +12025550190."),
        ("2025550190", "+1202*", "", "The faxbox blocks +1202*."),
    ],
)
def test_a_faxbox_decides(caller: str, blocked: str, allowed: str, why: str) -> None:
    assert judged(caller, blocked, allowed) == why
    # An account that decides so decides the same, where the faxbox leaves it to it.
    assert judged(caller, "", "", blocked, allowed) == why.replace("faxbox", "account")


@pytest.mark.parametrize(
    ("caller", "blocked", "allowed", "account_blocked", "account_allowed", "why"),
    [
        (LONDON, "", LONDON, LONDON, "", ""),
        (LONDON, "", "*", "GB", "", ""),
        (LONDON, "GB", "", "", LONDON, "The faxbox blocks GB."),
        (LONDON, BERLIN, "", LONDON, "", f"The account blocks {LONDON}."),
        (LONDON, BERLIN, "", "", BERLIN, ONLY_LISTED_HERE),
        (BERLIN, "", LONDON, "", BERLIN, ONLY_LISTED),
        (LONDON, "anonymous", "", "anonymous", "", ""),
    ],
)
def test_the_faxbox_goes_before_its_account(
    caller: str, blocked: str, allowed: str, account_blocked: str, account_allowed: str, why: str
) -> None:
    assert judged(caller, blocked, allowed, account_blocked, account_allowed) == why


@given(st.text(max_size=40), st.sampled_from(["", "*", "GB", "+4420*", "anonymous"]))
def test_no_caller_id_is_too_strange(caller: str, blocked: str) -> None:
    assert judged(caller, blocked) in {
        "",
        "The faxbox blocks *.",
        "The faxbox blocks GB.",
        "The faxbox blocks +4420*.",
        "The faxbox blocks callers without a number.",
    }


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("+44 20 7946 0000", LONDON),
        ("020 7946 0000", LONDON),
        ("+44 (20) *", "+4420*"),
        ("Anonymous", "anonymous"),
        ("GB", "GB"),
        ("premium", "premium"),
        ("*", "*"),
    ],
)
def test_an_entry_is_kept_in_one_way(written: str, kept: str) -> None:
    assert checked("blocked_callers", written, "GB") == kept


@pytest.mark.parametrize(
    "written", ["", "+", "+4420", "4420*", "+44*20", "XX", "gb", "nobody", "+*", "999", "+" + "1" * 17 + "*"]
)
def test_what_fits_nobody_is_no_entry(written: str) -> None:
    with pytest.raises(BadField, match=r"no beginning of numbers like \+4420\*") as caught:
        checked("blocked_callers", written, "GB")
    assert caught.value.field == "blocked_callers"
