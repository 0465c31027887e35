"""The SMTP door: takes mails from clients, refuses what cannot be faxed while they are still listening.

    server        the listener: who comes in, and how it stops
    session       the commands of one client and their replies
    lmtp          the same for mail servers, with an answer for each recipient
    connection    octets in and out, and every wait timed (aiosmtpd underneath)
    proxy         who has connected, where a load balancer says so
    tls           the certificate, read again when it is renewed
    auth          what AUTH says: PLAIN and LOGIN, a name and a password
    logins        whether they are right, and telling it no faster than the lock-out allows
    lockout       who may try a password now: failures counted, slowed down, locked out (pure)
    client        what is known of who is talking to us (pure)
    policy        what the door allows
    addresses     the arguments of MAIL and RCPT, read strictly (pure)
    parameters    the parameters of MAIL (pure)
    wishes        what a client asks to be told: the parameters of RFC 3461 (pure)
    replies       every reply, and errors as replies
    transaction   from MAIL to its end: decisions, delivery, the one smtplog entry
    recipients    the numbers of a transaction, taken or refused with their sender
    admission     who the sender of a transaction is, asked and settled
    senders       who may send: the one decision, in its order (pure)
    proving       the proof gathered: what a mail claims, checked against the DNS
    evidence      what is known of a sender: plain values
    claims        what a header says of its sender: From, signatures, a relay's results (in a worker)
    addressees    whom To and Cc name (pure)
    dkim, spf     signatures verified, SPF evaluated, without a network (in a worker)
    canonical     header and body as DKIM signs them, in time linear in them (pure)
    alignment     whether two domains are one sender's, as DMARC has it (pure)
    workers       the worker processes for these
    maildata      the octets of DATA, in large pieces, to disk if they are many
    message       a mail read in a worker process: which parts are faxed (`gateway.documents.mime`, `parts`)
    bounces       what comes to a bounce address: a report, a bounce, or neither (pure)

A mail's way: session -> maildata -> transaction -> message (in a worker) -> gateway.outbound.submit, and then the 250.
"""
