"""Filled forms: each value is on the page once, and as it is now."""

from io import BytesIO
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from gateway.documents.forms import draw_values
from tests.documents import papers

OLD = "OLD OLD OLD"


def form(*, flags: int = 0, inherited: bool = False, needed: bool = True) -> bytes:
    """A text field whose picture is older than its value."""
    made = papers.pdf(b"")
    font = made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    picture = made.make_stream(f"BT /Helv 18 Tf 4 6 Td ({OLD}) Tj ET".encode())
    picture.Type, picture.Subtype, picture.BBox = Name.XObject, Name.Form, Array([0, 0, 328, 40])
    picture.Resources = Dictionary(Font=Dictionary(Helv=font))
    value: dict[str, Any] = {"FT": Name.Tx, "Ff": flags, "V": String("NEW")}
    widget = made.make_indirect(
        Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, T=String("name"), F=4, Rect=Array([72, 600, 400, 640]),
            DA=String("/Helv 18 Tf 0 g"), AP=Dictionary(N=picture), **({} if inherited else value),
        )
    )  # fmt: skip
    top = widget
    if inherited:
        top = made.make_indirect(Dictionary(T=String("above"), Kids=Array([widget]), **value))
        widget.Parent = top
    made.pages[0].Annots = Array([widget])
    made.Root.AcroForm = Dictionary(
        Fields=Array([top]), DR=Dictionary(Font=Dictionary(Helv=font)), NeedAppearances=needed
    )
    return papers.saved(made)


def drawn(document: bytes) -> bytes:
    """The picture of the one field."""
    with pikepdf.open(BytesIO(document)) as pdf:
        draw_values(pdf)
        picture = pdf.pages[0].Annots[0].AP.N
        assert isinstance(picture, pikepdf.Stream)
        return picture.read_bytes()


@pytest.mark.parametrize("inherited", [False, True])
def test_a_value_is_drawn_once_and_as_it_is(inherited: bool) -> None:
    picture = drawn(form(inherited=inherited))
    assert picture.count(b"NEW") == 1
    assert OLD.encode() not in picture


def test_of_several_lines_the_picture_that_is_there_stays() -> None:
    picture = drawn(form(flags=1 << 12))
    assert picture.count(OLD.encode()) == 1
    assert b"NEW" not in picture


def test_where_the_pictures_are_right_they_stay() -> None:
    assert OLD.encode() in drawn(form(needed=False))
