"""Telephone lines: each a `gateway.ports.Line`, adapters that know nouns and ports only.

loopback    the embedded line: true T.30 between two fax machines in memory, a process (`call`) for each call
  options     its URL
  farends     who is at the other end: a faxbox, or a scripted number
  callfiles   its traces on disk, by which a call's outcome survives a crash
freeswitch/ real telephones, by a FreeSWITCH

spandsp     the binding to libspandsp: one T.30 terminal
t4          fax images with the eyes of libspandsp
causes      why calls end: Q.850, T.30
"""
