"""The way of a fax out, as a straight line:

submit      a mail's documents, its faxes and its smtplog entry become durable; then the client hears 250
prepare     the documents become one PDF and the fax image: attaching_files -> pending
attempt     one call, and what follows from its result: pending -> processing -> completed, failed or pending again
cancel      what has not begun ends, a live call is hung up
"""
