"""The HTTP door: the Faxes API in Kazoo's spelling. It has no logic of its own.

    server          the listening socket
    impatience      how long it waits for a client, and for how many
    heads, browsers the most that a request's head may be; what every answer tells a browser
    app             the addresses, and what stands behind each
    operations      what can be done: routes, checks and description come from this one list
    openapi         the description: /openapi.json, and /docs to read it
    bodies          what the description says of bodies
    answers         the shapes of the answers
    tracing         request ids, the access log, the last resort
    auth            who is calling, and for which account
    throttle        failed tries are slowed down
    accounts, faxboxes, numbers, tokens, credentials                what is administrated
    faxbox_fields, spending, callers        what some of it is made of
    changes         POST replaces, PATCH merges, null clears
    revisions       ETag, If-Match, If-None-Match
    envelope        answers and errors in the one shape that clients know
    paging          page_size, start_key, next_start_key
    faxes           outgoing, outbox, incoming, inbox
    sending         new faxes, sent again, sent on, cancelled; fax_fields: what they are ordered with
    junk            received faxes taken out of junk
    multipart       documents that come with a request, streamed to the spool
    removing        DELETE of faxes and of their documents
    attachments     documents handed out: PDF or TIFF, ranges
    negotiation     the Accept header
    smtplog         what became of each mail
    calls           the call records, for billing
    audit           who read, sent, changed and removed what
    notifications   what was told to whom; telling it again
    events          live events
    representation  faxes and smtplog entries as the API shows them (pure)
    health          /healthz
    ids             ids in addresses and keys

Everything below `/v2/accounts/{account_id}` is reached through `auth.WithinAccount`, so a new address cannot forget to
ask whose it is, and every query names the account once more.
"""
