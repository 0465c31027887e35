"""Documents: what people mail -> one normalised PDF -> the fax image; and a received fax image -> PDF.

    kinds       what the bytes are
    installed   which kinds can be faxed here
    inspect     page count or refusal, quick enough for the SMTP session
    prepare     the worker's one entry: normalise, render, check
      normalise   documents in their order -> one PDF without scripts and attachments
        pictures    images of any sort -> upright, opaque, 8 bit, fitted on paper
        text        plain text -> PDF
        html        HTML -> PDF, on paper wide enough (`extent`)
        office      Office documents -> PDF, by LibreOffice
        mail        an attached mail -> its documents (`mime` its parts, `parts` what becomes of each, `tnef` Outlook's)
      unlock      a PDF with a password -> one without
      forms       what is filled into a form is drawn
      cover       the cover page, put before the others
      render      PDF -> pages in grey -> black and white -> the fax image, as `rendering` has it chosen
        ranges      the pages of one document, by several processes
        drawing     a page -> grey, by pdfium, as it will lie on paper (`fitting`, `paper`)
        bilevel     grey -> black and white: even `areas`, `photographs` found and screened (`screen`), no `specks`
        raster      pages as arrays
        header      the header line
        tiff        the file format of the fax image; `group4` its code
      native      a TIFF that is a fax image already -> the fax image
      check       is the fax image one that a line can send, whole?
    received    the TIFF that a line received -> PDF
    page        a page of a fax image -> PNG, or a thumbnail
    preview     a fax image before it is sent: its line time (`linetime`), pages of it
    comparison  a fax image beside what Ghostscript makes of the same document
    refusals    how a document is refused, in words
    warm        what the first document costs, paid before the first

All of it takes hostile input, so all but `kinds` belongs into `gateway.sandbox`: `inspect` by `quick`, the others
by `run`. Documents that cannot be faxed are DocumentRefused and name the document.
"""
