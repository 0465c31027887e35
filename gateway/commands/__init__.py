"""The commands of `faxgate`, each with its arguments: `register` declares them.

    running      serve, doctor, demo
    tenants      account, faxbox, credential
    faxing       send, check, compare, letters
    operating    status, line, explain, audit, purge, key

Each command imports what it needs: whoever asks for help, or makes a faxbox, does not wait for a web server.
"""
