"""The SMTP door, tried from outside: real sockets against the real listener."""
