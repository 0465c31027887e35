"""The database: what is durable is here, and nowhere else.

    engine          opens SQLite or PostgreSQL; `begin()` is the one way to write, `read()` the one way to read
    tables/         the schema, equal to what `migrations/` builds; `columns` what they hold
    listing         the windows of all lists

    accounts        accounts, faxboxes, domains, numbers
    tokens          those of the API; `credentials` to log in with
    faxes           faxes and their states: the only module that changes a status
    attempts        the call records
    queue           claims, leases and the slots that hold the limits; `lines` what is drained and how busy
    ledger          what has been spent of the limits, and who pays
    destinations    with what means faxes get through to a number
    idempotency     requests that clients have named; `repeats` mails that were faxed already

    notices         the outbox of our own mails; `stranded` follows one that a received fax does not leave by
    lateness, junk  which faxes take long, which are not wanted, and have not been told of
    alerts          when the operator was last told of a trouble
    smtplog         one entry for every SMTP transaction
    events          live events, in the order of the commits; `history` all that is known of one fax
    audit           who read, sent, changed and removed what

    expiry          what of an account is old enough to go
    erasures        documents that are still to be erased; `references` which ones rows name
    keys            secrets that the installation makes for itself
    wake            tells other flows and processes that there is something to do

The modules hold functions that take an open connection, so that a flow can put several of them into one transaction
and a reader sees in the flow where it commits.
"""
