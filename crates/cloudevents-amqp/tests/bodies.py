"""Bodies of every kind, by Qpid Proton: bodies.py SERVER ADDRESS send | bodies.py SERVER ADDRESS read COUNT

Prints the bodies that were sent or read, one in a line, with their types and whether they are data or a sequence (`inferred`). Names those
that the broker does not take: RabbitMQ 3 ends the connection at some.
"""

import sys
import uuid

from proton import ProtonException, Array, Data, Described, Message, UNDESCRIBED, byte, char, int32, symbol, timestamp, ubyte, uint, ulong
from proton.utils import BlockingConnection

BODIES = [
    (False, {"a": 1}),
    (False, {"a": {"b": [1, "x", None, True]}, symbol("s"): b"\x00\xff"}),
    (False, {1: "one", "list": [], "map": {}}),
    (False, [1, "x", {"a": [1.5]}]),
    (False, []),
    (False, Array(UNDESCRIBED, Data.INT, 1, 2, 3)),
    (False, Array(UNDESCRIBED, Data.STRING, "a", "b")),
    (False, Described(symbol("example:point"), [1, 2])),
    (False, Described(ulong(77), {"a": Described(symbol("inner"), "x")})),
    (False, "text"),
    (False, b"\x00\xff"),
    (False, 5),
    (False, int32(5)),
    (False, ubyte(5)),
    (False, uint(5)),
    (False, byte(-5)),
    (False, 1.5),
    (False, True),
    (False, char("ä")),
    (False, symbol("s")),
    (False, timestamp(1500)),
    (False, uuid.UUID(int=7)),
    (False, None),
    (True, b"data"),
    (True, [1, {"a": 2}]),
]


def shown(inferred, body):
    return f"{bool(inferred)} {plain(body)}"


def plain(value):
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, dict):
        inner = sorted(f"{plain(key)}: {plain(value)}" for key, value in value.items())
    elif isinstance(value, (list, Array)):
        inner = [plain(element) for element in (value.elements if isinstance(value, Array) else value)]
    elif isinstance(value, Described):
        inner = [plain(value.descriptor), plain(value.value)]
    else:
        inner = value
    return f"{type(value).__name__} {inner}"


def main(server, address, what, count=0):
    user = {} if "@" in server else {"allowed_mechs": "ANONYMOUS"}
    connect = lambda: BlockingConnection(server, timeout=30, allow_insecure_mechs=True, **user)
    connection = connect()
    if what == "send":
        sender = connection.create_sender(address)
        for inferred, body in BODIES:
            try:
                sender.send(Message(body=body, inferred=inferred))
                print(shown(inferred, body))
            except ProtonException as error:
                print(f"the broker does not take {shown(inferred, body)}: {error}", file=sys.stderr)
                connection = connect()
                sender = connection.create_sender(address)
    else:
        receiver = connection.create_receiver(address, credit=int(count))
        for _ in range(int(count)):
            message = receiver.receive(timeout=30)
            receiver.accept()
            print(shown(message.inferred, message.body))
    connection.close()


main(*sys.argv[1:])
