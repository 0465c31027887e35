"""FreeSWITCH as a telephone line: `freeswitch://:password@host:8021?dial=sofia/gateway/trunk/{number}&...`.

    line          what the gateway sees: a `gateway.ports.Line`, one a node
    node          one FreeSWITCH: keeps its event socket connected, carries commands and events
    eventsocket   the only module that knows greenswitch and gevent: one thread with a hub of its own
    calls         our calls on a node, each watched to its end; settled after a crash
    outgoing      one call of ours, from its events: what is known of it, what it brought (pure)
    receiving     calls that come in: followed by their events, found in the spool where nobody followed them
    originate     the command that dials, safe whatever a sender has written (pure)
    results       the variables of a channel -> `CallResult` (pure)
    messages      the event socket's messages, taken apart (pure)
    records       what mod_json_cdr has written of calls that have ended
    spool         the folder that FreeSWITCH and we share
    options       the line's URL
    clock         the time zone of the header line that FreeSWITCH prints (pure)

A call's end is decided by CHANNEL_HANGUP_COMPLETE; where that never reached us, FreeSWITCH is asked whether the call
lives (`uuid_exists`), then its record is looked for, and what neither can say is unknown.
"""
