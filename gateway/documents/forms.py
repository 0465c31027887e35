"""What is filled into a form is drawn, where the document leaves that to the viewer (NeedAppearances, ISO 32000-2,
12.7.3): the fields' own pictures may be missing, or older than their values."""

from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

_MULTILINE = 1 << 12
"""Of the flags of a text field (ISO 32000-2, table 231)."""
_DEPTH = 20


def draw_values(pdf: pikepdf.Pdf) -> None:
    """Give the text and choice fields of `pdf` pictures of their values. Raises what pikepdf does."""
    form = pdf.Root.get(Name.AcroForm)
    if not (isinstance(form, Dictionary) and form.get(Name.NeedAppearances, False)):
        return
    # qpdf writes into a picture that is there, beside what it shows already, and knows one line only: single lines are
    # drawn anew, and of several lines a picture that is there stays.
    kept = []
    for widget in _text_widgets(pdf):
        if int(_inherited(widget, Name.Ff) or 0) & _MULTILINE:
            kept.append((widget, widget.AP))
        del widget.AP
    pdf.generate_appearance_streams()
    for widget, picture in kept:
        widget.AP = picture


def _text_widgets(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    """Those that have a picture and a value."""
    for page in pdf.pages:
        annotations: Any = page.obj.get(Name.Annots, [])
        for annotation in annotations if isinstance(annotations, pikepdf.Array) else []:
            if (
                isinstance(annotation, Dictionary)
                and Name.AP in annotation
                and _inherited(annotation, Name.FT) in (Name.Tx, Name.Ch)
                and _inherited(annotation, Name.V) is not None
            ):
                yield annotation


def _inherited(field: Dictionary, name: Name) -> Any:
    """An entry of a field, or of those above it."""
    for _ in range(_DEPTH):
        if name in field:
            return field[name]
        parent = field.get(Name.Parent)
        if not isinstance(parent, Dictionary):
            return None
        field = parent
    return None
