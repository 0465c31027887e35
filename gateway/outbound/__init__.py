"""The way of a fax out, as a straight line:

order       what a program asks for, checked against the account: a new fax, one sent again, one sent on
submission  what is submitted, and the faxes that it makes
submit      documents, faxes and the smtplog entry of a mail become durable; then the client hears 250 or 202
prepare     the documents become one PDF and the fax image: attaching_files -> pending
paper       how the pages are made: rendering and cover page, as the faxbox has it
fetch       a document at a URL is fetched and rendered, in processing, before the first call
preview     an order as it would be faxed: made the same way, shown, and not kept
attempt     one call: pending -> processing; plan says how it is made, progress how far it has got
conclusion  what follows from its result: completed, failed, or pending again, and who is told
cancel      what has not begun ends, a live call is hung up
"""
