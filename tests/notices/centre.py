"""An SMS centre: a process that speaks SMPP 3.4 over TCP and answers as its script says.

`python -m tests.notices.centre STATUS...` prints its port, then each PDU it gets as a line of JSON. The statuses are
those of the answers to submit_sm, in their order; then 0. `close` closes the connection instead, `silent` says nothing.
SMPP 3.4, 3.2: a PDU is length, command id, status, sequence, body.
"""

import json
import socket
import struct
import sys

NAMES = {0x00000002: "bind_transmitter", 0x00000004: "submit_sm", 0x00000006: "unbind", 0x00000015: "enquire_link"}
ANSWER = 0x80000000
BIND_FAILED = 0x0000000D


def main(script: list[str]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    count = 0
    while True:
        connection, _ = listener.accept()
        with connection:
            while (pdu := _read(connection)) is not None:
                command, sequence, body = pdu
                name = NAMES.get(command, hex(command))
                print(json.dumps({"command": name, **_fields(name, body)}), flush=True)
                status, answer = 0, b""
                if name == "bind_transmitter":
                    status = 0 if b"\0s3cret\0" in body else BIND_FAILED
                    answer = b"centre\0"
                if name == "submit_sm":
                    told = script.pop(0) if script else "0"
                    if told == "close":
                        break
                    if told == "silent":
                        continue
                    count += 1
                    status, answer = int(told, 0), f"m{count}\0".encode()
                    _write(connection, 0x00000015, 0, 1000 + count, b"")  # the centre asks in between
                _write(connection, command | ANSWER, status, sequence, answer if status == 0 else b"")


def _read(connection: socket.socket) -> tuple[int, int, bytes] | None:
    head = _exactly(connection, 16)
    if head is None:
        return None
    length, command, _, sequence = struct.unpack(">4I", head)
    body = _exactly(connection, length - 16)
    if command & ANSWER:
        return _read(connection)
    return None if body is None else (command, sequence, body)


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        try:
            piece = connection.recv(count - len(found))
        except OSError:
            return None
        if not piece:
            return None
        found += piece
    return found


def _write(connection: socket.socket, command: int, status: int, sequence: int, body: bytes) -> None:
    connection.sendall(struct.pack(">4I", 16 + len(body), command, status, sequence) + body)


def _fields(name: str, body: bytes) -> dict[str, object]:
    """Of submit_sm, SMPP 3.4, 4.4.1."""
    if name != "submit_sm":
        return {}
    service, rest = body.split(b"\0", 1)
    source, after = rest[2:].split(b"\0", 1)
    destination, after = after[2:].split(b"\0", 1)
    esm_class = after[0]
    _schedule, after = after[3:].split(b"\0", 1)
    _validity, after = after.split(b"\0", 1)
    coding, length = after[2], after[4]
    message = after[5 : 5 + length]
    return {
        "service": service.decode(),
        "source": source.decode(),
        "source_ton": rest[0],
        "to": destination.decode(),
        "esm_class": esm_class,
        "coding": coding,
        "message": message.hex(),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
