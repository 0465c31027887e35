"""The database: what is durable is here, and nowhere else.

    engine      opens SQLite or PostgreSQL; `begin()` is the one way to write, `read()` the one way to read
    tables      the schema, equal to what `migrations/` builds
    accounts    accounts, faxboxes, domains, numbers, tokens
    faxes       faxes and their states: the only module that changes a status
    attempts    the call records
    queue       claims, leases and the slots that hold the limits
    smtplog     one entry for every SMTP transaction
    notices     the outbox of our own mails
    keys        secrets that the installation makes for itself
    lateness    which faxes take long and have not been told of
    expiry      what of an account is old enough to go
    audit       who read, sent, changed and removed what
    wake        tells other flows and processes that there is something to do

The modules hold functions that take an open connection, so that a flow can put several of them into one transaction
and a reader sees in the flow where it commits.
"""
