"""What the product costs and how well it does, as ratios against a named alternative in the same run.

`make bench` (`__main__`), each shown as a `table`:

    smtp_accept   mails a second at the SMTP door, beside aiosmtpd and Postfix's smtpd
    accept        mails a second through the whole gateway, durably
    crowd         fifty busy sessions alone, and among five hundred idle and some slow ones
    latency       how long a fax waits for nothing, beside `polling`
    lines         two hundred calls at once through one FreeSWITCH
    requests      requests a second of a list, beside a bare Starlette route
    listing       a page of a list of 100,000 faxes, beside one of 1,000
    pages         pages a second made into fax images, beside Ghostscript
    gateway, postgres   the servers that are measured

`make bench-documents` (`documents`): line time and legibility beside `ghostscript`.

    corpus        what is faxed, drawn on `sheets`, seen by `scanners`, with `forms`
    airtime       seconds on the line
    reading       what Tesseract reads; `likeness` of photographs
    goals         what is to be reached
    contact_sheet both, side by side, for people

`make prove-crash` (`crash`): killed at random, and what became of each mail and fax.
"""
