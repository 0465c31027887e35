"""The HTTP door: the Faxes API in Kazoo's spelling. It has no logic of its own.

    server          the listening socket
    app             the addresses, and what stands behind each
    tracing         request ids, the access log, the last resort
    auth            who is calling, and for which account
    envelope        answers and errors in the one shape that clients know
    paging          page_size, start_key, next_start_key
    faxes           outgoing, outbox, incoming, inbox
    sending         new faxes, sent again, sent on, cancelled
    multipart       documents that come with a request, streamed to the spool
    removing        DELETE of faxes and of their documents
    attachments     documents handed out: PDF or TIFF, ranges
    negotiation     the Accept header
    smtplog         what became of each mail
    representation  faxes and smtplog entries as the API shows them (pure)
    health          /healthz
    ids             ids in addresses and keys

Everything below `/v2/accounts/{account_id}` is reached through `auth.WithinAccount`, so a new address cannot forget to
ask whose it is, and every query names the account once more.
"""
