"""Qpid Proton: messages by the text of the binding alone, or with `sdk` before the URL, those of the official Python SDK. `peer.py URL`; see
the README for the lines it reads and writes."""

import base64
import sys
from datetime import datetime, timedelta, timezone

import crosslang
import sdk
from cloudevents.core.bindings import amqp
from proton import Message, symbol, timestamp
from proton.utils import BlockingConnection

SDK, URL = sys.argv[1:-1] == ["sdk"], sys.argv[-1]
PATIENCE = 30
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def send(address, mode, events):
    connection = BlockingConnection(URL, timeout=PATIENCE)
    sender, answers = connection.create_sender(address), []
    for tagged in events:
        try:
            sender.send(by_sdk(mode, tagged) if SDK else by_hand(mode, tagged))
            answers.append(None)
        except Exception as error:  # a refusal is an answer
            answers.append(repr(error))
    connection.close()
    return answers


def receive(address, count):
    connection = BlockingConnection(URL, timeout=PATIENCE)
    receiver, answers = connection.create_receiver(address, credit=count), []
    for _ in range(count):
        message = receiver.receive()
        try:
            answers.append(read_by_sdk(message) if SDK else read(message))
        except Exception as error:
            answers.append({"error": repr(error)})
        receiver.accept()
    connection.close()
    return answers


def by_hand(mode, tagged):
    return {"binary": binary, "text": text, "structured": structured}[mode](**tagged)


def by_sdk(mode, tagged):
    write = {"binary": amqp.to_binary_event, "structured": amqp.to_structured_event}[mode]
    wrote = write(sdk.build(**tagged))
    made = Message(body=wrote.application_data, properties=wrote.application_properties, inferred=True)
    if "content-type" in wrote.properties:
        made.content_type = symbol(wrote.properties["content-type"])
    return made


def read_by_sdk(message):
    properties = {"content-type": str(message.content_type)} if message.content_type else {}
    body = message.body
    body = bytes(body) if isinstance(body, memoryview) else body
    return sdk.plain(amqp.from_amqp_event(amqp.AMQPMessage(properties, message.properties or {}, body)))


def binary(specversion, attributes, data=None):
    """Section 3.1, with native types and underscores."""
    properties = {"cloudEvents_specversion": specversion}
    for name, typed in attributes.items():
        if name != "datacontenttype":
            properties["cloudEvents_" + name] = native(**typed)
    return message(attributes, properties, crosslang.payload(data))


def text(specversion, attributes, data=None):
    """Section 3.1, with canonical strings and colons, and text as an amqp-value, as some producers write it."""
    properties = {"cloudEvents:specversion": specversion}
    for name, typed in attributes.items():
        if name != "datacontenttype":
            properties["cloudEvents:" + name] = crosslang.canonical(**typed)
    body = data["text"] if data and "text" in data else crosslang.payload(data)
    return message(attributes, properties, body, isinstance(body, bytes) or body is None)


def message(attributes, properties, body, inferred=True):
    made = Message(body=body, properties=properties, inferred=inferred)
    if "datacontenttype" in attributes:
        made.content_type = symbol(attributes["datacontenttype"]["value"])
    return made


def structured(**tagged):
    """Section 3.2, with the JSON format."""
    made = Message(body=crosslang.document(**tagged), inferred=True)
    made.content_type = symbol("application/cloudevents+json")
    return made


def native(type, value):
    if type == "Binary":
        return base64.b64decode(value)
    if type == "Timestamp":
        return timestamp((datetime.fromisoformat(value) - EPOCH) // timedelta(milliseconds=1))
    return value  # str is string, int is long, bool is boolean


def read(message):
    """What the binding says of each type, and nothing else."""
    if (message.content_type or "").lower().startswith("application/cloudevents"):
        return crosslang.read_document(bytes(message.body))
    names = [name for name in message.properties if name.startswith(("cloudEvents_", "cloudEvents:"))]
    assert len({name[11] for name in names}) == 1, "both separators in one message"
    attributes = {name[12:]: string_of(message.properties[name]) for name in names}
    if message.content_type:
        attributes["datacontenttype"] = message.content_type
    assert message.inferred or message.body is None, "the body is no data section"
    return crosslang.read_parts(attributes, message.body)


def string_of(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timestamp):
        return (EPOCH + timedelta(milliseconds=int(value))).isoformat().replace("+00:00", "Z")
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(value).decode()
    assert type(value) in (str, int), f"a value of type {type(value)}, which is none of the binding's"
    return str(value)


crosslang.serve(send, receive)
