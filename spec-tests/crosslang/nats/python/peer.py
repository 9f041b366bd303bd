"""nats-py, with no SDK: messages by the text of the binding alone. `peer.py URL`; see the README for the lines it reads and writes."""

import asyncio
import re
import sys
from urllib.parse import quote, unquote

import crosslang
import nats

URL = sys.argv[1]
PATIENCE = 30
# Section 3.1.3.2: what is not printable ASCII, and spaces, quotation marks and percent signs.
PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def send(address, mode, events):
    return asyncio.run(sending(address, mode, events))


async def sending(address, mode, events):
    client, answers = await nats.connect(URL, connect_timeout=PATIENCE), []
    for tagged in events:
        try:
            headers, body = {"binary": binary, "structured": structured, "bare": bare}[mode](tagged)
            await client.publish(address, body, headers=headers)
            answers.append(None)
        except Exception as error:  # a refusal is an answer
            answers.append(repr(error))
    await client.drain()
    return answers


def binary(tagged):
    attributes = {name: crosslang.canonical(**typed) for name, typed in tagged["attributes"].items()}
    attributes["specversion"] = tagged["specversion"]
    headers = {"ce-" + name: quote(value, safe=PRINTABLE) for name, value in attributes.items()}
    return headers, crosslang.payload(tagged.get("data")) or b""


def structured(tagged):
    return {"Content-Type": "application/cloudevents+json"}, crosslang.document(**tagged)


def bare(tagged):
    """As over servers without headers."""
    return None, crosslang.document(**tagged)


def receive(address, count, mode):
    return asyncio.run(receiving(address, count))


async def receiving(address, count):
    client, answers = await nats.connect(URL, connect_timeout=PATIENCE), []
    subscription = await client.subscribe(address)
    await client.flush()
    crosslang.subscribed()
    while len(answers) < count:
        try:
            answers.append(read(await subscription.next_msg(PATIENCE)))
        except Exception as error:
            answers.append({"error": repr(error)})
    await client.close()
    return answers


def read(message):
    headers = message.headers or {}
    names = {name.lower(): value for name, value in headers.items()}
    if not headers or names.get("content-type", "").lower().startswith("application/cloudevents"):
        return crosslang.read_document(message.data)
    attributes = {}
    for name, value in names.items():
        if name.startswith("ce-"):
            assert re.fullmatch('[!#-~]*', value), "a value that is not escaped"
            attributes[name[3:]] = unquote(value, errors="strict")
    return crosslang.read_parts(attributes, message.data)


crosslang.serve(send, receive)
