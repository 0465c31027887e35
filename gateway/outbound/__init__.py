"""The way of a fax out, as a straight line:

order       what a program asks for, checked against the account: a new fax, one sent again, one sent on
submit      documents, faxes and the smtplog entry of a mail become durable; then the client hears 250 or 202
prepare     the documents become one PDF and the fax image: attaching_files -> pending
paper       how the pages are made: rendering and cover page, as the faxbox has it
fetch       a document at a URL is fetched and rendered, in processing, before the first call
preview     an order as it would be faxed: made the same way, shown, and not kept
attempt     one call, and what follows from its result: pending -> processing -> completed, failed or pending again
cancel      what has not begun ends, a live call is hung up
telling     who hears how it ended
"""
