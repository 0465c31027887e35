"""Forms with fields that were filled in, and pages with annotations, as PDF programs write them."""

import io
from collections.abc import Sequence
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from benchmarks.sheets import Sheet, pdf, sentences

Made = tuple[bytes, tuple[str, ...]]
LABELS = ("Name", "Street", "City", "Telephone", "Date of birth", "Reference", "Insurance", "Number", "Employer")


def filled_form() -> Made:
    """Text fields with and without an appearance of their own, boxes ticked, a choice."""
    sheet = Sheet()
    sheet.write("Request for treatment", 60, 780, 18, "bold")
    values = [sentences(500 + number, 4)[:38] for number in range(len(LABELS))]
    for row, label in enumerate(LABELS):
        sheet.write(label, 60, 735 - row * 55, 9, colour=(0.35,))
    for box, label in enumerate(("Urgent", "Private", "Call back")):
        sheet.write(label, 84 + box * 130, 223, 10)
    with pikepdf.open(io.BytesIO(pdf([sheet]))) as made:
        font = made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        fields = []
        for row, value in enumerate(values):
            place = (60.0, 705.0 - row * 55, 520.0, 727.0 - row * 55)
            field = _widget(
                place, FT=Name.Tx, T=String(f"field{row}"), V=String(value), DA=String("/Helv 12 Tf 0 0 0.5 rg")
            )
            field.MK = Dictionary(BC=Array([0.6, 0.6, 0.6]), BG=Array([0.92, 0.95, 1]))
            if row % 2:
                content = f"0.92 0.95 1 rg 0 0 460 22 re f BT /Helv 12 Tf 0 0 0.5 rg 4 6 Td ({value}) Tj ET"
                field.AP = Dictionary(N=_form(made, content, (460, 22), font))
            fields.append(field)
        for box in range(3):
            on = _form(made, "0 G 1 w 0.5 0.5 13 13 re S 2 w 3 3 m 11 11 l S 3 11 m 11 3 l S", (14, 14), font)
            off = _form(made, "0 G 1 w 0.5 0.5 13 13 re S", (14, 14), font)
            state = Name.Yes if box != 1 else Name.Off
            field = _widget((60 + box * 130, 219, 74 + box * 130, 233), FT=Name.Btn, T=String(f"box{box}"), V=state)
            field.AS, field.AP = state, Dictionary(N=Dictionary(Yes=on, Off=off))
            fields.append(field)
        _annotate(made, fields)
        made.Root.AcroForm = Dictionary(
            Fields=made.pages[0].Annots, NeedAppearances=True, DA=String("/Helv 12 Tf 0 g"),
            DR=Dictionary(Font=Dictionary(Helv=font)),
        )  # fmt: skip
        return _saved(made), (f"{sheet.truth} {' '.join(values)}",)


def annotated() -> Made:
    """Words highlighted and struck out, a note written beside, a drawing, a stamp."""
    sheet = Sheet()
    for row in range(22):
        sheet.write(sentences(520 + row, 7)[:66], 60, 770 - row * 26, 12, "serif")
    with pikepdf.open(io.BytesIO(pdf([sheet]))) as made:
        font = made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        multiply = Dictionary(ExtGState=Dictionary(M=Dictionary(BM=Name.Multiply)))
        marks = []
        for row, colour in ((2, "1 1 0"), (6, "0.4 1 0.4"), (10, "1 0.6 0.7")):
            box = (60, 766 - row * 26, 300, 782 - row * 26)
            mark = _form(made, f"/M gs {colour} rg 0 0 240 16 re f", (240, 16), font)
            mark.Resources.ExtGState = multiply.ExtGState
            marks.append(_mark(Name.Highlight, box, mark))
        note = "Please call me about this"
        content = (
            f"1 1 0.8 rg 0 0 200 40 re f 1 0 0 RG 0.5 0.5 199 39 re S BT /Helv 13 Tf 0.8 0 0 rg 8 14 Td ({note}) Tj ET"
        )
        marks.append(_mark(Name.FreeText, (340, 120, 540, 160), _form(made, content, (200, 40), font)))
        wave = "0 0 1 RG 1.5 w 2 20 m 40 60 80 -20 120 20 c 160 60 170 0 198 30 c S"
        marks.append(_mark(Name.Ink, (60, 100, 260, 160), _form(made, wave, (200, 60), font)))
        stamp = "0.8 0 0 RG 2.5 w 2 2 196 46 re S BT /Helv 28 Tf 0.8 0 0 rg 22 15 Td (APPROVED) Tj ET"
        marks.append(_mark(Name.Stamp, (60, 40, 260, 90), _form(made, stamp, (200, 50), font)))
        _annotate(made, marks)
        return _saved(made), (f"{sheet.truth} {note} APPROVED",)


def _widget(box: Sequence[float], **entries: Any) -> Dictionary:
    return Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=Array(list(box)), F=4, **entries)


def _mark(kind: Name, box: Sequence[float], look: pikepdf.Stream) -> Dictionary:
    return Dictionary(Type=Name.Annot, Subtype=kind, Rect=Array(list(box)), F=4, AP=Dictionary(N=look))


def _form(made: pikepdf.Pdf, content: str, size: tuple[int, int], font: pikepdf.Object) -> pikepdf.Stream:
    form = made.make_stream(content.encode("latin-1"))
    form.Type, form.Subtype, form.BBox = Name.XObject, Name.Form, Array([0, 0, *size])
    form.Resources = Dictionary(Font=Dictionary(Helv=font))
    return form


def _annotate(made: pikepdf.Pdf, annotations: Sequence[Dictionary]) -> None:
    made.pages[0].Annots = Array([made.make_indirect(annotation) for annotation in annotations])


def _saved(made: pikepdf.Pdf) -> bytes:
    file = io.BytesIO()
    made.save(file, deterministic_id=True)
    return file.getvalue()
