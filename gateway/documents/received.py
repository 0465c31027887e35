"""The TIFF that a line received to a PDF for people: the pixels as they came, on pages of their true size.

Lines write what the sender sent: Group 3 or 4, standard resolution with its flat pixels, either bit order.
"""

import warnings
from pathlib import Path

import img2pdf
from PIL import Image, TiffImagePlugin

from gateway.documents.pictures import UNREADABLE
from gateway.errors import OurTrouble


def received(image: Path, pdf: Path) -> int:
    """Write `pdf`; the number of pages. Raises OurTrouble where the line left no readable image."""
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow's, of what it then raises an error for or not
            with Image.open(image, formats=["TIFF"]) as tiff:
                assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
                pages = tiff.n_frames
            with pdf.open("wb") as file:
                img2pdf.convert(image.read_bytes(), outputstream=file)
    except (*UNREADABLE, Image.DecompressionBombError, img2pdf.ImageOpenError) as error:
        raise OurTrouble("The received fax cannot be read.", detail=repr(error)) from error
    return pages
