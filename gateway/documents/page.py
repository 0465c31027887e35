"""One page of a fax image as a PNG, for a browser: the pixels as they came, with their true proportions."""

import io
import warnings
from pathlib import Path

from PIL import Image

from gateway.documents.pictures import UNREADABLE
from gateway.documents.tiff import FINE_DPI, STANDARD_DPI, X_DPI
from gateway.errors import NotFound, OurTrouble


def page_png(image: Path, number: int) -> bytes:
    """Page `number`, from 1. Raises NotFound where there is no such page, OurTrouble where the image is unreadable."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(image, formats=["TIFF"]) as tiff:
            pages = getattr(tiff, "n_frames", 1)
            if not 1 <= number <= pages:
                raise NotFound(f"The document has {pages} page{'' if pages == 1 else 's'}.")
            tiff.seek(number - 1)
            dpi = round(float(tiff.info.get("dpi", (X_DPI, FINE_DPI))[1]))
            page = tiff.convert("1")
            if dpi <= STANDARD_DPI + 2:
                # A browser shows pixels as squares: those of the standard resolution are twice as high as wide.
                page = page.resize((page.width, page.height * 2))
                dpi *= 2
            file = io.BytesIO()
            page.save(file, "PNG", dpi=(X_DPI, dpi), optimize=True)
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise OurTrouble("The fax image cannot be read.", detail=repr(error)) from error
    return file.getvalue()
