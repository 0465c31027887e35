"""faxgate: the map of the house.

    mail in:  smtp.server -> smtp.message (MIME -> parts) -> outbound.submit      [commit, then 250]
    prepare:  dispatcher -> outbound.prepare -> documents (worker process) -> the fax image, checked -> pending
    send:     dispatcher (claims what is due) -> outbound.attempt -> a line -> retry decides (pure)
              -> store -> notices -> postman -> mail, SMS, callback
    fax in:   a line -> inbound (live progress, then stored) -> notices -> mail
    API:      admin_api -> outbound.order -> outbound.submit, removal, administration: it has no logic of its own
    preview:  admin_api -> outbound.preview: order and prepare as for a fax, which is never stored

Which file for what:

    fax, accounts, smtplog, audit, errors    the nouns, and the one tree of errors
    numbers, options, spending, callers      pure: what number, what may be chosen, what spent; whose faxes are wanted
    retry, means, resuming                   pure: what next, how, which pages
    alerts, explanations, wording            pure: whether the operator is called, in what words
    ports                                    protocols where something crosses a process
    routing, outbound/, inbound, dispatcher  the flows of faxes
    notices, postman, places                 who is told; telling them, until it is taken or refused; in what turn
    lateness, waiting                        telling, once, that a fax takes long; in what words
    junk                                     telling, once a day, of faxes that are not wanted; taking one out
    credentials, passwords                   with which mail programs log in; how they are hashed and compared
    administration, tokens, checks, history  what is done to and told of what is stored
    acting, ownership                        on whose behalf, for the audit log; what an account may call its own
    removal, retention                       what goes: when asked for, and in time (`store.expiry`)
    erasure, orphans, housekeeping           its documents; those that nobody names; what goes by itself
    store/                                   the database: every query, and every change of a status
    documents/                               documents, opened only in the sandbox
    sandbox, sandboxed, isolation            its worker processes: this side, the far side, what is taken from them
    unpickling                               reading what they answer, without running anything
    lines/                                   telephone lines: loopback (T.30 in memory), freeswitch/ (its event socket)
    enclosures, filenames                    what of the fax goes along with a mail; the names it is handed out under
    letters, messages, signing               what is told: mails; short messages and facts; the latter's signature
    languages                                what is said to people, in another language than English
    stationery, samples                      the templates of mails and covers; every mail of made-up faxes
    bounces                                  the envelope senders of mails, by which what comes back is known
    dsn, xtext                               delivery status notifications, for senders who have asked for them
    mail, maildir, sms, callbacks            how it leaves: to a relay or a folder, to an SMS service, to programs
    operator_mail, hops                      mails to the operator, passed on; a mail that goes round and round
    fetching, urls                           document URLs, never from inside; URLs as they may be logged and shown
    storage, storage_s3, encryption          the documents store; encrypted at rest
    copies, spool                            what of it lies here for a while; what is on its way in and through
    settings, building, app                  reading the settings, building and running it all
    cli, commands/, desk, sending            what an operator does by hand: on the database, and sending files
    compare, demo                            line times beside Ghostscript's; the whole way in a minute
    doctor, doctor_smtp, doctor_trust        what is missing or unsafe; at the SMTP door; who is believed
    finding, safety                          what it has found; settings that work and are not safe
    dryrun, trust                            what would become of a mail; whom the installation believes too easily
    resolver, networks, organizations        the DNS; whether a peer is in a network; whose a domain is
    clock, ids, tasks                        the time, given to every flow; names; what runs beside a loop

Imports run one way: nouns and pure decisions <- ports <- flows <- doors (`smtp`, `admin_api`) <- `app` <- `cli`.
Adapters (`lines`, `mail`, `storage`) know nouns and ports only. import-linter holds it (see pyproject.toml).

The states of a fax, and who moves it (the table is `fax.TRANSITIONS`, the only writer `store.faxes`):

    outbound   attaching_files --prepare--> pending --dispatcher--> processing --attempt--> completed
                     |                        |  ^                      |
                     v                        v  +------- retry --------+--> failed, cancelled
               failed, cancelled          cancelled

    inbound    receiving --inbound--> received (all pages) | partial (some) | failed (none)
"""
