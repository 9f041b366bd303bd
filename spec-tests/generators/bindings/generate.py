#!/usr/bin/env python3
"""Writes the vectors of the bindings that share a shape: MQTT, NATS, RabbitMQ and WebSockets.

    python3 generators/bindings/generate.py           # writes vectors/{mqtt,nats,rabbitmq,websockets}/
    python3 generators/bindings/generate.py --check   # fails when a document would change

A case says what an event is and how it looks on the wire. `Carrier` knows how each binding spells a header, by the binding's own
words; no implementation of the bindings is used.
"""

import base64
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import fair  # noqa: E402

BASE = {"id": "A-1", "source": "/sensors/7", "type": "com.example.reading", "time": "2018-04-05T17:31:00Z"}
TYPES = {"source": "URI-reference", "dataschema": "URI", "schemaurl": "URI-reference", "time": "Timestamp"}
BOTH, MAIN = ["1.0.2", "main"], ["main"]


# Of a message in a mode that the binding does not have.
NO_BATCHES = "That the binding has no batches binds those who write: whoever reads the events of one invents nothing."

# Of a request for what the binding does not have.
NOT_ASKED = "Whether the request is refused, or the event written as the binding has it, is not said."


def octets(data):
    """Bytes as the protocol writes them."""
    try:
        text = data.decode()
        if all(ord(character) >= 32 and ord(character) != 127 for character in text):
            return {"text": text}
    except UnicodeDecodeError:
        pass
    return {"base64": base64.b64encode(data).decode()}


def event(attributes, data=None, version="1.0"):
    """A tagged event. A value that is a pair has its type first."""
    tagged = {}
    for name, value in attributes.items():
        kind, value = value if isinstance(value, tuple) else (TYPES.get(name, "String"), value)
        tagged[name] = {"type": kind, "value": value}
    return {"specversion": version, "attributes": tagged, **({"data": data} if data else {})}


def percent(text):
    """NATS binding, section 3.1.3.2."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte not in b'"%' else f"%{byte:02X}" for byte in text.encode())


def canonical(value):
    return value[2] if isinstance(value, tuple) and len(value) == 3 else value[1] if isinstance(value, tuple) else value


class Carrier:
    """A binding with a binary mode."""

    def __init__(self, area, via, prefix, revisions, clauses):
        self.area, self.via, self.prefix, self.revisions, self.clause = area, via, prefix, revisions, clauses

    @property
    def headers(self):
        """What the binding calls that which holds attributes."""
        return "User Properties" if self.via == "mqtt5" else "headers"

    def value(self, text):
        return {"nats": percent}.get(self.via, lambda same: same)(text)

    def header(self, name, text):
        text = self.value(text)
        return [self.prefix + name, {"type": "longstr", "value": text} if self.via == "rabbitmq" else text]

    def escapes(self, *parts):
        """The clauses on these escapes, of a binding that has escapes."""
        return [self.clause[part] for part in parts if part in self.clause]

    def raw(self, name, value):
        """A header as it is given."""
        return [name, {"type": "longstr", "value": value} if self.via == "rabbitmq" and isinstance(value, str) else value]

    def message(self, headers, content_type=None, body=b""):
        """A message. NATS carries `datacontenttype` among the attributes: `binary` has it there."""
        body = octets(body)
        if self.via == "nats":
            typed = [] if content_type is None else [["Content-Type", content_type]]
            return {"headers": headers + typed, "payload": body}
        if self.via == "mqtt5":
            typed = {} if content_type is None else {"content-type": content_type}
            return {**typed, "user-properties": headers, "payload": body}
        return {"properties": {} if content_type is None else {"content-type": content_type}, "headers": headers, "body": body}

    def binary(self, attributes, body=b"", extra=(), version="1.0"):
        """The message of an event in binary mode."""
        headers = [self.header("specversion", version)]
        content_type = None
        for name, value in attributes.items():
            if name == "datacontenttype" and self.via != "nats":
                content_type = canonical(value)
            else:
                headers.append(self.header(name, canonical(value)))
        return self.message(headers + [list(one) for one in extra], content_type, body)

    def document(self, text, media_type="application/cloudevents+json", extra=()):
        """A message in structured mode."""
        return self.message([list(one) for one in extra], media_type, text.encode())

    def documents(self, text, headers):
        """The messages that a document in structured mode may become. No sentence about NATS asks the sender for a header, and its example
        (section 3.2.1) has none."""
        bare = [{"payload": {"text": text}}] if self.via == "nats" else []
        return [self.document(text), self.document(text, extra=headers), *bare]


MQTT = Carrier("mqtt", "mqtt5", "", BOTH, {
    "mode": "MQTT-3-a", "type": "MQTT-3.1.1-a", "data": "MQTT-3.1.2-a", "attributes": "MQTT-3.1.3-a", "name": "MQTT-3.1.3.1-a",
    "value": "MQTT-3.1.3.2-a", "media": "MQTT-3.2.1-a", "document": "MQTT-3.2.2-a", "beside": "MQTT-3.2.3-a", "batch": "MQTT-1.3-a"})
NATS = Carrier("nats", "nats", "ce-", MAIN, {
    "mode": "NATS-3-a", "type": "NATS-3.1.2-a", "data": "NATS-3.1.1-a", "attributes": "NATS-3.1.2-a", "name": "NATS-3.1.3.1-a",
    "value": "NATS-3.1.3.2-a", "decoded": "NATS-3.1.3.2-f",
    "space": "NATS-3.1.3.2-i", "quote": "NATS-3.1.3.2-j", "percent": "NATS-3.1.3.2-k", "other": "NATS-3.1.3.2-l", "pair": "NATS-3.1.3.2-h",
    "media": "NATS-3-a", "document": "NATS-3.2-a", "beside": "NATS-3.2-a", "batch": "NATS-1.3-a"})
RABBIT = Carrier("rabbitmq", "rabbitmq", "ce-", MAIN, {
    "mode": "RABBITMQ-3-a", "type": "RABBITMQ-3.1.1-a", "data": "RABBITMQ-3.1.2-a", "attributes": "RABBITMQ-3.1.3-a",
    "name": "RABBITMQ-3.1.3.1-a", "value": "RABBITMQ-3.1.3.2-a", "media": "RABBITMQ-3.2.1-a", "document": "RABBITMQ-3.2.2-a",
    "beside": "RABBITMQ-3.2.3-a", "batch": "RABBITMQ-1.3-a"})


# Titles of cases, those of one binding by their ids.
TITLES = {
    "binary-encode/required-attributes": "The required attributes are written, and no others but a time that the producer may set",
    "mqtt/binary-encode/percent-sign": "A percent sign in a value is written as it is",
    "mqtt/binary-encode/quotation-marks": "Quotation marks and spaces in a value are written as they are",
    "rabbitmq/binary-encode/percent-sign": "A percent sign in a value is written as it is",
    "rabbitmq/binary-encode/quotation-marks": "Quotation marks and spaces in a value are written as they are",
    "content-type/decode-json": "A JSON payload is read as JSON, as text or as bytes",
    "content-type/encode-json": "A JSON payload is written as JSON text",
    "content-type/decode-json-string": "A JSON string comes with its quotation marks, and is read as JSON, as text or as bytes",
    "content-type/encode-json-string": "A JSON string is written with its quotation marks",
    "content-type/decode-json-null": "The JSON text null is a payload, and is read as JSON, as text or as bytes",
    "content-type/encode-json-null": "The JSON value null is written as the JSON text null",
    "content-type/decode-bytes": "The bytes of the payload are read as they are",
    "content-type/encode-bytes": "Bytes are written as they are",
    "content-type/decode-parameters": "The parameters of a media type are read, and its spelling may be an equivalent one",
    "content-type/encode-parameters": "The parameters of a media type are written, and its spelling may be an equivalent one",
    "content-type/decode-no-payload": "A message with an empty payload is an event without data",
    "content-type/encode-no-payload": "An event without data is written as a message with an empty payload",
    "content-type/decode-no-payload-but-a-type": "An empty payload under the media type of JSON is no data, or the message is refused",
    "content-type/encode-no-payload-but-a-type": "A media type without a payload is written",
    "mqtt/content-type/encode-no-payload-but-a-type": "A media type without a payload is written; by 1.0.2, it may be refused",
    "content-type/decode-no-type": "A payload without a media type is read as bytes without one",
    "content-type/encode-no-type": "Bytes without a media type are written without one",
    "content-type/decode-text-that-looks-like-json": "Digits under text/plain are read as bytes or as text, and not as a number",
    "content-type/encode-text-that-looks-like-json": "Bytes that are digits are written under text/plain as they are",
    "rabbitmq/structured/encode-batch-of-one": "A batch of one is refused, or written, or its event alone",
    "structured/encode-batch-of-one": "A batch of one is not written as a batch: it is refused, or its event is written alone",
}


class Topic:
    """A document of vectors."""

    def __init__(self, area, topic, title):
        self.document = {"area": area, "topic": topic, "title": title, "cases": []}
        self.prefix, self.topic = f"{area}/{topic}/", f"{topic}/"
        # "This document is a working draft", says the binding of RabbitMQ.
        self.status = {"draft": True} if area == "rabbitmq" else {}

    def case(self, name, title, clauses, request, expect, level="MUST", revisions=BOTH, **more):
        expect = expect if isinstance(expect, list) else [expect]
        title = TITLES.get(self.prefix + name) or TITLES.get(self.topic + name) or title
        self.document["cases"].append({"id": self.prefix + name, "title": title, "clauses": list(dict.fromkeys(clauses)), "level": level,
                                       "revisions": list(revisions), **self.status, **more, "request": request, "expect": expect})


REFUSED = {"error": {}}
FOREIGN = [{"error": {"kind": "not-a-cloudevent"}}, REFUSED]


def read(mode, *events, form=None):
    return {"result": {"mode": mode, **({"format": form} if form else {}), "events": list(events)}}


def decode(via, message):
    return {"op": "decode", "via": via, "message": message}


def encode(via, mode, *events, **more):
    return {"op": "encode", "via": via, "mode": mode, **more, "events": list(events)}


def without(*names):
    return {name: value for name, value in BASE.items() if name not in names}


def binary_decode(carrier):
    c, topic = carrier.clause, Topic(carrier.area, "binary-decode", "Reading messages in binary mode: which header is which attribute")

    def case(name, title, clauses, message, expect, **more):
        topic.case(name, title, [c.get(clause, clause) for clause in clauses], decode(carrier.via, message), expect,
                   revisions=more.pop("revisions", carrier.revisions), **more)

    def reads(name, title, clauses, attributes, body=b"", data=None, **more):
        case(name, title, clauses, carrier.binary(attributes, body), read("binary", event(attributes, data)), **more)

    required = without("time")
    reads("required-attributes", "The required attributes are read", ["attributes", "name", "CE-Context-Attributes-a"], required)
    full = {**BASE, "subject": "door", "dataschema": "https://example.com/schemas/reading", "datacontenttype": "application/octet-stream"}
    reads("every-core-attribute", "Every core attribute is read", ["attributes", "name", "type"],
          full, b"\0\xff", {"binary": "AP8="})
    reads("extension", "Any other attribute is an extension", ["attributes", "CE-Extension-d"], {**BASE, "comexampleextension1": "value"})
    reads("extension-number-is-string", "An extension that looks like a number is a String, or the Integer whose canonical string it is",
          ["attributes", "value", "CE-Type-System-n"], {**BASE, "count": "42"})
    reads("extension-boolean-is-string", "An extension that reads true is a String, or the Boolean whose canonical string it is",
          ["attributes", "value", "CE-Type-System-n"], {**BASE, "flag": "true"})
    reads("many-extensions", "An event may have many extensions", ["attributes", "CE-Extension-a"],
          {**BASE, **{f"ext{number}": str(number) for number in range(12)}})
    reads("long-extension-name", "An attribute name of more than twenty characters is accepted", ["attributes", "CE-Naming-a"],
          {**BASE, "anextensionwithaverylongname": "x"})
    reads("utf-8-value", "A value may hold characters outside of ASCII", ["value", *carrier.escapes("decoded")], {**BASE, "subject": "Größe € 😀"})
    reads("quotation-marks", "Quotation marks and backslashes are part of a value", ["value", *carrier.escapes("decoded")],
          {**BASE, "subject": 'a "quoted" \\ text'})
    reads("percent-sign", "A percent sign is part of a value", ["value", *carrier.escapes("decoded")], {**BASE, "subject": "100% of %41"})
    reads("value-case-kept", "The letter case of a value is kept", ["attributes"], {**BASE, "subject": "MixedCase"})
    reads("time-with-offset", "A time with an offset is read", ["attributes", "value"], {**BASE, "time": "2018-04-05T19:31:00+02:00"})
    reads("time-with-fraction", "A time with nine digits of a second is read", ["attributes", "value"],
          {**BASE, "time": "2018-04-05T17:31:00.123456789Z"})
    shuffled = dict(reversed(list(BASE.items())))
    reads("any-order", f"The order of {carrier.headers} carries no meaning", ["attributes"], shuffled)
    for name in ("id", "source", "type"):
        case(f"missing-{name}", f"A message without {name} is refused, and nothing is invented in its place", ["attributes", f"CE-{name}-a"],
             carrier.binary(without(name)), REFUSED)
        case(f"empty-{name}", f"An empty {name} is refused", ["attributes", f"CE-{name}-b"], carrier.binary({**BASE, name: ""}), REFUSED)
    message = carrier.binary(BASE)
    headers = message["user-properties" if carrier.via == "mqtt5" else "headers"]
    headers[:] = [one for one in headers if not one[0].endswith("specversion")]
    case("missing-specversion", "A message without specversion is refused, and nothing is invented in its place",
         ["attributes", "CE-specversion-a"], message, REFUSED)
    for name, value, clause in (("time", "yesterday", "CE-time-b"), ("time", "2018-02-30T10:00:00Z", "CE-time-b"),
                                ("dataschema", "#part", "CE-dataschema-b"), ("source", "a b|c", "CE-source-b")):
        if clause in fair.REQUIREMENTS:
            case(f"invalid-{name}-{''.join(ch for ch in value.lower() if ch.isalnum())}", f"The {name} {value} is refused", ["attributes", clause],
                 carrier.binary({**BASE, name: value}), REFUSED)
    for name, extra in (("subject", "two"), ("id", "A-1"), ("comexampleextension1", "two")):
        first = {**BASE, "comexampleextension1": "one", "subject": "one"}
        case(f"duplicate-{name}", f"Two {carrier.headers} of the attribute {name} are refused", ["CE-Context-Attributes-d", "attributes"],
             carrier.binary(first, extra=[carrier.header(name, extra)]), REFUSED, revisions=MAIN)
    return topic, case, reads


def content_type(carrier):
    c, topic = carrier.clause, Topic(carrier.area, "content-type", "datacontenttype and the payload in binary mode")

    def both(name, title, clauses, attributes, body, data, **more):
        clauses = [c.get(clause, clause) for clause in clauses]
        message = carrier.binary(attributes, body)
        topic.case(f"decode-{name}", title, clauses, decode(carrier.via, message), read("binary", event(attributes, data)),
                   revisions=carrier.revisions, **more)
        topic.case(f"encode-{name}", title + ", written", clauses, encode(carrier.via, "binary", event(attributes, data)),
                   {"result": {"message": message}}, revisions=carrier.revisions)

    both("json", "A JSON payload travels as it is", ["type", "data"], {**BASE, "datacontenttype": "application/json"}, b'{"a":1.10}',
         {"json": '{"a":1.10}'}, compare={"json": "double"})
    both("json-string", "A JSON string travels with its quotation marks", ["data"], {**BASE, "datacontenttype": "application/json"}, b'"on"',
         {"json": '"on"'})
    both("json-null", "The JSON value null is a payload", ["data"], {**BASE, "datacontenttype": "application/json"}, b"null", {"json": "null"})
    both("bytes", "Bytes travel as they are", ["type", "data"], {**BASE, "datacontenttype": "image/png"}, b"\0\xff\x80", {"binary": "AP+A"})
    both("parameters", "Parameters and letter case of a media type are kept", ["type"],
         {**BASE, "datacontenttype": "Application/X-Thing; Charset=\"utf-8\"; q=1"}, b"x", {"binary": "eA=="})
    both("no-payload", "An event without data is a message with an empty payload", ["data"], BASE, b"", None)
    # That it may is a sentence of `main`.
    both("no-payload-but-a-type", "A media type may stand there without a payload", ["type", *(["CE-datacontenttype-e"] if carrier.revisions == MAIN else [])], {**BASE, "datacontenttype": "application/json"}, b"", None)
    both("no-type", "A payload may have no media type", ["data", "type"], BASE, b"\xff", {"binary": "/w=="})
    both("text-that-looks-like-json", "Without a JSON media type, digits are bytes or text", ["data"], {**BASE, "datacontenttype": "text/plain"}, b"21.5",
         {"binary": base64.b64encode(b"21.5").decode()})
    return topic


def binary_encode(carrier):
    c, topic = carrier.clause, Topic(carrier.area, "binary-encode", "Writing messages in binary mode")

    def writes(name, title, clauses, attributes, body=b"", data=None):
        topic.case(name, title, [c.get(clause, clause) for clause in clauses], encode(carrier.via, "binary", event(attributes, data)),
                   {"result": {"message": carrier.binary(attributes, body)}}, revisions=carrier.revisions)

    escaped = carrier is NATS
    writes("required-attributes", "The required attributes are written", ["attributes", "name"], without("time"))
    full = {**BASE, "subject": "door", "dataschema": "https://example.com/schemas/reading", "datacontenttype": "application/octet-stream"}
    writes("every-core-attribute", "Every core attribute is written", ["attributes", "name", "type"], full, b"\0\xff", {"binary": "AP8="})
    for name, value in (("string", "value"), ("integer", ("Integer", -7, "-7")), ("boolean", ("Boolean", True, "true")),
                        ("binary", ("Binary", "AP8=")), ("uri", ("URI", "https://example.com/a")),
                        ("uri-reference", ("URI-reference", "../a")), ("timestamp", ("Timestamp", "2018-04-05T17:31:00Z"))):
        attributes = {**BASE, "comexampleextension1": value}
        tagged = {**BASE, "comexampleextension1": value[:2] if isinstance(value, tuple) else value}
        typed = ", or in a type of RabbitMQ" if carrier is RABBIT and name in ("integer", "boolean", "binary", "timestamp") else ""
        topic.case(f"extension-{name}", f"An extension of type {name} is written in its canonical form{typed}", [c["attributes"], c["value"]],
                   encode(carrier.via, "binary", event(tagged)), {"result": {"message": carrier.binary(attributes)}}, revisions=carrier.revisions)
    writes("utf-8-value", "A value may hold characters outside of ASCII", ["value", *carrier.escapes("space", "other", "pair")], {**BASE, "subject": "Größe € 😀"})
    writes("percent-sign", "A percent sign in a value" + (" is percent-encoded" if escaped else ""), ["value", *carrier.escapes("space", "percent")], {**BASE, "subject": "100% of %41"})
    writes("quotation-marks", "Quotation marks and spaces in a value" + (" are percent-encoded" if escaped else ""), ["value", *carrier.escapes("space", "quote")],
           {**BASE, "subject": 'a "quoted" text'})
    writes("spelling-kept", "A time is written as it was given", ["value"], {**BASE, "time": "2018-04-05T19:31:00.500+02:00"})
    for name in ("id", "source", "type"):
        topic.case(f"missing-{name}", f"An event without {name} is refused", [c["attributes"], f"CE-{name}-a"],
                   encode(carrier.via, "binary", event(without(name))), REFUSED, revisions=carrier.revisions)
    return topic


DOCUMENT = {**BASE, "subject": "door", "datacontenttype": "application/json"}
JSON_TEXT = json.dumps({"specversion": "1.0", **DOCUMENT, "data": {"a": 1}}, separators=(",", ":"))
JSON_EVENT = event(DOCUMENT, {"json": '{"a":1}'})


def held_as_bytes(text):
    """The document of an event whose payload is bytes: JSON format, section 3.1.1."""
    start = text.index('"data":')
    return f'{text[:start]}"data_base64":"{base64.b64encode(text[start + 7:-1].encode()).decode()}"}}'


def structured(carrier):
    c, topic = carrier.clause, Topic(carrier.area, "structured", "Messages in structured mode")

    def case(name, title, clauses, message, expect, **more):
        topic.case(name, title, [c.get(clause, clause) for clause in clauses], decode(carrier.via, message), expect,
                   revisions=more.pop("revisions", carrier.revisions), **more)

    good = read("structured", JSON_EVENT, form="json")
    case("json", "A JSON document is read", ["mode", "media", "document"], carrier.document(JSON_TEXT), good)
    case("charset", "The media type may have a charset", ["mode", "media"], carrier.document(JSON_TEXT, "application/cloudevents+json; charset=utf-8"), good)
    case("letter-case", "The letter case of the media type carries no meaning", ["mode", "SDK-Encode-Decode-f"], carrier.document(JSON_TEXT, "Application/CloudEvents+JSON"), good,
         revisions=MAIN)
    beside = [carrier.header(name, value) for name, value in {"specversion": "1.0", **BASE}.items()]
    case("headers-beside", f"The {carrier.headers} of binary mode beside a document do not change the mode", ["mode", "beside"],
         carrier.document(JSON_TEXT, extra=beside), good)
    base = json.dumps({"specversion": "1.0", **BASE}, separators=(",", ":"))
    of_the_document = [read("structured", event(BASE), form="json"), REFUSED]
    for name, title, extra, note in (
            ("contradicting-headers", f"Where {carrier.headers} contradict the document, the document decides", [carrier.header("id", "other"), carrier.header("type", "com.example.other")],
             "A receiver may refuse the contradiction; it may not follow the headers."),
            ("header-attribute-not-in-the-document", f"{carrier.headers[0].upper()}{carrier.headers[1:]} beside a document add no attribute", [*beside, carrier.header("myext", "x")],
             "A receiver may refuse the contradiction; it may not follow the headers."),
            ("malformed-header-beside", f"Malformed {carrier.headers} beside a document are not read", [carrier.header("time", "yesterday"), carrier.header("my-ext", "x")],
             "Whether the headers beside a document are checked is not said.")):
        case(name, title, ["mode", "beside"], carrier.document(base, extra=extra), of_the_document, policy=True, note=note)
    case("not-json", "A payload that is not JSON is refused", ["document", "CE-Context-Attributes-a"], carrier.document("hello"), REFUSED)
    case("empty", "An empty payload is refused", ["document", "CE-Context-Attributes-a"], carrier.document(""), REFUSED)
    case("array", "An array under the media type of one event is refused", ["document", "CE-Context-Attributes-a"], carrier.document(f"[{JSON_TEXT}]"), REFUSED)
    case("missing-id", "A document without id is refused", ["document", "CE-id-a"],
         carrier.document(json.dumps({"specversion": "1.0", **without("id")})), REFUSED)
    case("unknown-format", "A document of an unknown format cannot be read, and is refused", ["mode"],
         carrier.document("?", "application/cloudevents+nobody"), [{"error": {"kind": "unknown-format"}}, REFUSED])
    batch = carrier.document(f"[{JSON_TEXT}]", "application/cloudevents-batch+json")
    # The document of RabbitMQ has no word about batches. In `main`, the others do not support them.
    unsaid = carrier is RABBIT
    silent = {"policy": True, "note": "The document does not speak of batches."} if unsaid else {}
    case("batch", "A batch is refused, or its events are read: the document does not speak of batches" if unsaid else "A batch is refused, for the binding has no batched mode, or its events are read",
         ["batch"], batch, [REFUSED, read("batched", JSON_EVENT, form="json")], level="SHOULD", **(silent or {"note": NO_BATCHES}))
    case("foreign", "A message without any mark of CloudEvents is refused", ["mode"], carrier.message([], "application/json", b"{}"), FOREIGN)
    case("foreign-headers", f"{carrier.headers[0].upper() + carrier.headers[1:]} of others are no mark of CloudEvents", ["mode", "name"],
         carrier.message([carrier.raw("x-request-id", "7"), carrier.raw("ce_id", "A-1")], "application/json", b"{}"), FOREIGN)
    headers = [carrier.header(name, value) for name, value in {"specversion": "1.0", **without(), "subject": "door"}.items()]
    written = [{"result": {"message": one}} for one in carrier.documents(JSON_TEXT, headers)]
    topic.case("encode", "An event is written as a document under its media type", [c["media"], c["document"]],
               encode(carrier.via, "structured", JSON_EVENT, format="json"), written, revisions=carrier.revisions)
    alone = {"result": {"message": carrier.binary({**BASE, "subject": "door", "datacontenttype": "application/json"}, b'{"a":1}')}}
    second = {**BASE, "id": "A-2"}
    both = carrier.document(f"[{JSON_TEXT},{json.dumps({'specversion': '1.0', **second}, separators=(',', ':'))}]", "application/cloudevents-batch+json")
    topic.case("encode-batch-of-one", "A batch of one is refused, or written, or its event alone" if unsaid else "A batch of one is not written", [c["batch"]], encode(carrier.via, "batched", JSON_EVENT, format="json"),
               [REFUSED, *written, alone, *([{"result": {"message": batch}}] if unsaid else [])], level="SHOULD", revisions=carrier.revisions,
               **{"note": NOT_ASKED, **({"policy": True} if unsaid else {})})
    topic.case("encode-batch-of-two-events", "A batch of two is refused, or written: its document does not speak of batches" if unsaid else "A batch of two is not written",
               [c["batch"]], encode(carrier.via, "batched", JSON_EVENT, event(second), format="json"),
               [REFUSED, *([{"result": {"message": both}}] if unsaid else [])], level="SHOULD", revisions=carrier.revisions, **silent)
    return topic


def transcode(carrier):
    c, topic = carrier.clause, Topic(carrier.area, "transcode", "To and from other messages")
    attributes = {**BASE, "subject": "Größe 1%", "myext": "x", "datacontenttype": "application/json"}
    text = json.dumps({"specversion": "1.0", **attributes, "data": {"a": 1}}, ensure_ascii=False, separators=(",", ":"))
    # A payload that is held as bytes, and headers beside the document, are allowed.
    texts = [text, held_as_bytes(text)]
    beside = [carrier.header(name, value) for name, value in {"specversion": "1.0", **attributes}.items() if name != "datacontenttype"]
    binary = carrier.binary(attributes, b'{"a":1}')
    http = {"headers": [["ce-specversion", "1.0"]] + [["ce-" + name, percent(value)] for name, value in attributes.items() if name != "datacontenttype"]
            + [["content-type", "application/json"]], "body": {"text": '{"a":1}'}}

    def case(name, title, clauses, source, message, via, mode, expect):
        to = {"via": via, **({"mode": mode} if mode else {})}
        if mode == "structured":
            to["format"] = "json"
        topic.case(name, title, [c.get(clause, clause) for clause in clauses],
                   {"op": "transcode", "from": {"via": source, "message": message}, "to": to},
                   [{"result": {"message": one}} for one in (expect if isinstance(expect, list) else [expect])], revisions=carrier.revisions)

    case("binary-to-structured", "Attributes and payload go into the document", ["attributes", "document"], carrier.via, binary,
         carrier.via, "structured", [message for one in texts for message in carrier.documents(one, beside)])
    case("structured-to-binary", "Attributes and payload of the document go into the message", ["attributes", "data"], carrier.via,
         carrier.document(text), carrier.via, "binary", carrier.binary(attributes, b'{"a":1}'))
    case("binary-to-binary", "A message is forwarded as it came", ["attributes", "data"], carrier.via, binary, carrier.via, "binary", binary)
    case("to-http", "A message becomes an HTTP message", ["attributes", "value"], carrier.via, binary, "http", "binary", http)
    case("from-http", "An HTTP message becomes a message", ["attributes", "value"], "http", http, carrier.via, "binary", binary)
    case("to-json", "A message becomes a JSON document", ["attributes", "data"], carrier.via, binary, "json", None,
         [{"body": {"text": one}} for one in texts])
    return topic


def version_0_3(carrier):
    topic = Topic(carrier.area, "version-0-3", "Events of version 0.3")
    attributes = {**BASE, "schemaurl": "schemas/a.json", "datacontenttype": "image/png"}
    old = event(attributes, {"binary": "AP8="}, "0.3")
    message = carrier.binary(attributes, b"\0\xff", version="0.3")
    # Release 0.3 has a binary mode of MQTT. It has none of NATS, and no binding for RabbitMQ: what is not written down, nobody should support.
    how = {"level": "SHOULD"} if carrier is MQTT else {"level": "MAY", "policy": True, "note": "Release 0.3 of the specification has no such message."}
    refused = [] if carrier is MQTT else [REFUSED]
    topic.case("decode", "A 0.3 event is read, schemaurl as a URI-reference", ["SDK-Acceptance-a"], decode(carrier.via, message),
               [read("binary", old), *refused], revisions=carrier.revisions, **how)
    topic.case("encode", "A 0.3 event is written, as it is or as one of 1.0, or is refused", ["SDK-Acceptance-a"], encode(carrier.via, "binary", old), [{"result": {"message": message}}, *refused],
               revisions=carrier.revisions, **how)
    return topic


def mqtt():
    topic, case, reads = binary_decode(MQTT)
    case("names-that-are-no-attributes", "A user property whose name is not that of an attribute is none, or the message is refused", ["CE-Naming-a"],
         MQTT.binary(BASE, extra=[["x-mqtt-client-id", "7"], ["Subject", "door"], ["größe", "1"]]),
         [read("binary", event(BASE)), REFUSED], note="What names consist of binds producers: who keeps such attributes conforms.")
    case("prefixed-names", "A user property with the prefix of another binding is no attribute of that name", ["name"],
         MQTT.message([["ce-specversion", "1.0"]] + [["ce-" + name, value] for name, value in BASE.items()]), FOREIGN, traps=["M1"])
    case("content-type-twice", "A user property datacontenttype beside an equal Content Type says the same, or is refused", ["type"],
         MQTT.binary({**BASE, "datacontenttype": "image/png"}, b"\xff", extra=[["datacontenttype", "image/png"]]),
         [read("binary", event({**BASE, "datacontenttype": "image/png"}, {"binary": "/w=="})), REFUSED], policy=True)
    case("content-types-that-differ", "A user property datacontenttype that contradicts the Content Type is refused, or one of the two is taken", ["type"],
         MQTT.binary({**BASE, "datacontenttype": "image/png"}, b"\xff", extra=[["datacontenttype", "image/gif"]]),
         [REFUSED, *(read("binary", event({**BASE, "datacontenttype": f"image/{said}"}, {"binary": "/w=="})) for said in ("png", "gif"))], policy=True)
    yield topic
    for make in (content_type, binary_encode, structured, transcode, version_0_3):
        yield make(MQTT)
    old = Topic("mqtt", "version-3", "Messages of MQTT 3.1.1")
    wire = {"payload": {"text": JSON_TEXT}}
    old.case("json", "The payload is a JSON document", ["MQTT-3-c", "MQTT-3.2.1-b"], decode("mqtt3", wire), read("structured", JSON_EVENT, form="json"))
    for name, what, payload in (("empty", "An empty payload", b""), ("text", "A number", b"21.5"), ("object", "An object without attributes", b"{}"),
                                ("array", "An array that holds an event", f"[{JSON_TEXT}]".encode()), ("bytes", "A payload that is not UTF-8", b"\xff\0")):
        old.case(f"not-an-event-{name}", f"{what} is no JSON document of an event, and is refused", ["MQTT-3-c"],
                 decode("mqtt3", {"payload": octets(payload)}), FOREIGN)
    old.case("missing-id", "A document without id is refused", ["MQTT-3-c", "CE-id-a"],
             decode("mqtt3", {"payload": {"text": json.dumps({"specversion": "1.0", **without("id")})}}), REFUSED)
    old.case("encode", "An event is written as a JSON document", ["MQTT-3-c", "MQTT-3.2.2-a"], encode("mqtt3", "structured", JSON_EVENT, format="json"),
             {"result": {"message": wire}})
    old.case("encode-binary", "No event is written in binary mode, in which attributes have no place: it is refused, or becomes a JSON document", ["MQTT-1.3-b"], encode("mqtt3", "binary", JSON_EVENT),
             [REFUSED, {"result": {"message": wire}}], note=NOT_ASKED)
    old.case("encode-other-format", "No format other than JSON is written: the request is refused, or the event becomes a JSON document", ["MQTT-3-c"], encode("mqtt3", "structured", JSON_EVENT, format="xml"),
             [REFUSED, {"result": {"message": wire}}], note=NOT_ASKED)
    old.case("from-version-5", "A message of MQTT 5 in binary mode becomes a JSON document", ["MQTT-3-c", "MQTT-3.1.3-a"],
             {"op": "transcode", "from": {"via": "mqtt5", "message": MQTT.binary(DOCUMENT, b'{"a":1}')}, "to": {"via": "mqtt3", "mode": "structured", "format": "json"}},
             [{"result": {"message": wire}}, {"result": {"message": {"payload": {"text": held_as_bytes(JSON_TEXT)}}}}])
    yield old


def nats():
    topic, case, reads = binary_decode(NATS)
    case("names-in-any-case", "The letter case of header names carries no meaning", ["NATS-3.1.3.1-b"],
         NATS.message([["CE-SpecVersion", "1.0"]] + [["Ce-" + name.upper(), value] for name, value in BASE.items()]), read("binary", event(BASE)), level="SHOULD")
    case("content-type-is-no-attribute", "Content-Type is not datacontenttype in binary mode", ["NATS-3.1.2-a", "NATS-3-a"],
         NATS.binary(BASE, b"\xff", extra=[["Content-Type", "text/plain"]]), read("binary", event(BASE, {"binary": "/w=="})), traps=["N1"])
    case("headers-of-others", "Headers without the prefix are no attributes", ["NATS-3.1.3.1-a"],
         NATS.binary(BASE, extra=[["Nats-Msg-Id", "7"], ["Nats-Msg-Id", "8"]]), read("binary", event(BASE)))
    yield topic
    values = Topic("nats", "header-values", "Percent-encoding and quoted strings in header values")
    for name, title, clauses, value, result in (
            ("lower-case-hex", "Lower-case hexadecimal digits are accepted", "NATS-3.1.3.2-o", "%e2%82%ac", "€"),
            ("unnecessary", "Characters that need no encoding may be encoded", "NATS-3.1.3.2-p", "%41%42", "AB"),
            ("once", "One round of decoding is done, and no more", "NATS-3.1.3.2-f", "a%2520b", "a%20b"),
            ("quoted", "A quoted value is unquoted, and percent-escapes in it are decoded", "NATS-3.1.3.2-e NATS-3.1.3.2-f NATS-3.1.3.2-g", '"Euro%20x"', "Euro x"),
            ("quoted-escapes", "Backslashes in a quoted value are undone, and percent-escapes in it are decoded", "NATS-3.1.3.2-e NATS-3.1.3.2-f NATS-3.1.3.2-g", '"a \\"b\\" %25"', 'a "b" %'),
            # Whoever decodes before the value is unescaped reads these otherwise.
            ("percent-escaped-quotes", "Quotation marks that come out of percent-escapes are not taken off", "NATS-3.1.3.2-e NATS-3.1.3.2-f", "%22a%22", '"a"'),
            ("quoted-percent-escaped-quotes", "A backslash and a quotation mark that come out of percent-escapes inside a quoted value stay", "NATS-3.1.3.2-e NATS-3.1.3.2-f",
             '"a%5C%22b"', 'a\\"b'),
            ("surrogates", "A character beyond the basic plane is four octets", "NATS-3.1.3.2-f", "%F0%9F%98%80", "😀")):
        values.case(name, title, clauses.split(), decode("nats", NATS.binary(BASE, extra=[["ce-subject", value]])),
                    read("binary", event({**BASE, "subject": result})), revisions=MAIN)
    for name, title, value in (("overlong", "An overlong form is refused", "%C0%A0"), ("lone-continuation", "A continuation alone is refused", "%80"),
                               ("cut", "A sequence that is cut is refused", "%E2%82"), ("surrogate", "An encoded surrogate is refused", "%ED%A0%80")):
        values.case(name, title, ["NATS-3.1.3.2-q"], decode("nats", NATS.binary(BASE, extra=[["ce-subject", value]])), REFUSED, revisions=MAIN)
    for name, title, clause, text, written in (
            ("encode-space", "A space is encoded", "NATS-3.1.3.2-i", "a b", "a%20b"), ("encode-quote", "A quotation mark is encoded", "NATS-3.1.3.2-j", 'a"b', "a%22b"),
            ("encode-percent", "A percent sign is encoded", "NATS-3.1.3.2-k", "a%b", "a%25b"),
            ("encode-once", "What looks encoded is encoded once, and no more", "NATS-3.1.3.2-d", "%41", "%2541"),
            ("encode-other", "Everything outside printable ASCII is encoded, in upper-case digits", "NATS-3.1.3.2-l", "é", "%C3%A9"),
            ("encode-printable", "Printable ASCII need not be encoded", "NATS-3.1.3.2-b", "!#$&'()*+,-./:;<=>?@[]^_`{|}~\\", "!#$&'()*+,-./:;<=>?@[]^_`{|}~\\")):
        values.case(name, title, [clause, "NATS-3.1.3.2-c", *{"encode-other": ["NATS-3.1.3.2-n"], "encode-once": ["NATS-3.1.3.2-k"]}.get(name, [])],
                    encode("nats", "binary", event({**BASE, "subject": text})),
                    {"result": {"message": NATS.message([["ce-specversion", "1.0"]] + [["ce-" + key, value] for key, value in BASE.items()] + [["ce-subject", written]])}},
                    revisions=MAIN, **({"level": "SHOULD"} if name == "encode-other" else {}))
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    message = NATS.binary({**BASE, "traceparent": trace})
    values.case("encode-secondary-mapping", "An extension that may have a header of its own is written with the prefix all the same",
                ["NATS-3.1.2-c"], encode("nats", "binary", event({**BASE, "traceparent": trace})),
                [{"result": {"message": message}}, {"result": {"message": {**message, "headers": message["headers"] + [["traceparent", trace]]}}}],
                revisions=MAIN)
    yield values
    for make in (content_type, binary_encode, structured, transcode, version_0_3):
        yield make(NATS)
    bare = Topic("nats", "without-headers", "Messages without headers, as servers before NATS 2.2 have them")
    # By `main`, a message without headers is in structured mode where the server is older than NATS 2.2, and in binary mode elsewhere.
    bare.case("json", "The payload is a JSON document", ["NATS-3-a", "NATS-3-b"], decode("nats", {"payload": {"text": JSON_TEXT}}),
              read("structured", JSON_EVENT, form="json"), revisions=["1.0.2"], note="main has binary mode, in which a message without headers is no event.")
    bare.case("json-by-main", "A JSON document is read, or refused by those who know no server without headers", ["NATS-3-a"], decode("nats", {"payload": {"text": JSON_TEXT}}),
              [read("structured", JSON_EVENT, form="json"), REFUSED], revisions=MAIN,
              note="Without the header Content-Type, a message is in binary mode if the server is version 2.2 or above, and no message says which server it came from.")
    for name, what, payload in (("empty", "of no bytes", b""), ("text", "that is a number", b"21.5"), ("object", "that is an empty object", b"{}"), ("bytes", "that is no text", b"\xff\0")):
        bare.case(f"not-an-event-{name}", f"A payload {what} is no document of an event, and is refused", ["NATS-3-a"], decode("nats", {"payload": octets(payload)}), FOREIGN)
    bare.case("missing-id", "A document without id is refused", ["NATS-3-b", "CE-id-a"],
              decode("nats", {"payload": {"text": json.dumps({"specversion": "1.0", **without("id")})}}), REFUSED)
    headed = [{"result": {"message": NATS.document(JSON_TEXT, extra=extra)}, "revisions": MAIN} for extra in ((), [
        NATS.header(name, value) for name, value in {"specversion": "1.0", **BASE, "subject": "door"}.items()])]
    bare.case("encode-other-format", "No structured message is written in a format other than JSON", ["NATS-3-b"],
              encode("nats", "structured", JSON_EVENT, format="xml"),
              [REFUSED, {"result": {"message": {"payload": {"text": JSON_TEXT}}}}, *headed], note=NOT_ASKED)
    yield bare


def rabbitmq():
    topic, case, reads = binary_decode(RABBIT)
    case("headers-of-others", "Headers without the prefix are no attributes, or are read as such", ["name"],
         RABBIT.binary(BASE, extra=[RABBIT.raw("x-death", "1"), RABBIT.raw("subject", "door")]),
         [read("binary", event(BASE)), read("binary", event({**BASE, "subject": "door"}))], policy=True,
         note="The prefix is named without a key word (section 3.1.3.1), and the publisher's own reader takes names without it, too.")
    case("content-type-twice", "A header ce-datacontenttype beside an equal content-type says the same, or is refused", ["type"],
         RABBIT.binary({**BASE, "datacontenttype": "image/png"}, b"\xff", extra=[RABBIT.raw("ce-datacontenttype", "image/png")]),
         [read("binary", event({**BASE, "datacontenttype": "image/png"}, {"binary": "/w=="})), REFUSED], policy=True)
    yield topic
    # The document has no table of types, so that a reader may know strings alone.
    native = Topic("rabbitmq", "native-values", "Header values of other types, as other protocols' producers leave them")
    for name, title, typed, value in (
            ("boolean", "A boolean is a Boolean, or its canonical string, or refused", {"type": "boolean", "value": True}, ("Boolean", True)),
            ("integer", "An integer is an Integer, or its canonical string, or refused", {"type": "long-int", "value": -7}, ("Integer", -7)),
            ("long-integer", "A wide integer that fits is an Integer, or its canonical string, or refused", {"type": "long-long-int", "value": 2147483647}, ("Integer", 2147483647)),
            ("short-string", "A short string, which tables of RabbitMQ do not have, is a String, or refused", {"type": "shortstr", "value": "x"}, ("String", "x"))):
        texts = read("binary", event({**BASE, "myext": str(value[1]).lower()}))
        native.case(name, title, ["RABBITMQ-3.1.3.2-a"], decode("rabbitmq", RABBIT.binary(BASE, extra=[["ce-myext", typed]])),
                    [read("binary", event({**BASE, "myext": value})), *([texts] if value[0] != "String" else []), REFUSED], revisions=MAIN, policy=True)
    native.case("timestamp", "A native timestamp is a Timestamp in UTC, or its canonical string, or refused", ["RABBITMQ-3.1.3.2-a"],
                decode("rabbitmq", RABBIT.binary(without("time"), extra=[["ce-time", {"type": "timestamp", "value": 1522949460}]])),
                [read("binary", event({**BASE})), REFUSED], revisions=MAIN, policy=True)
    native.case("void", "A header without a value is an absent attribute, or refused", ["RABBITMQ-3.1.3.2-a"],
                decode("rabbitmq", RABBIT.binary(BASE, extra=[["ce-myext", {"type": "void", "value": None}]])), [read("binary", event(BASE)), REFUSED],
                revisions=MAIN, policy=True)
    for name, title, typed in (("too-large", "An integer beyond 32 bits never becomes an Integer", {"type": "long-long-int", "value": 2147483648}),
                               ("float", "A float is no attribute", {"type": "double", "value": 1.5})):
        native.case(name, title, ["RABBITMQ-3.1.3.2-a", "CE-Type-System-m" if name == "float" else "CE-Type-System-d"], decode("rabbitmq", RABBIT.binary(BASE, extra=[["ce-myext", typed]])),
                    [REFUSED, read("binary", event({**BASE, "myext": str(typed["value"])}))], revisions=MAIN, policy=True)
    yield native
    others = Topic("rabbitmq", "other-protocols", "Messages whose producers speak another protocol: the broker keeps their names")
    for name, prefix, bind in (("amqp-underscore", "cloudEvents_", "AMQP 1.0"), ("amqp-colon", "cloudEvents:", "AMQP 1.0"), ("mqtt", "", "MQTT 5")):
        headers = [RABBIT.raw(prefix + key, value) for key, value in {"specversion": "1.0", **BASE}.items()]
        others.case(name, f"Names with the prefix {prefix} of {bind} are read, or none" if prefix else f"The names of {bind} are read, or none", ["RABBITMQ-3.1.3.1-a"], decode("rabbitmq", RABBIT.message(headers, "image/png", b"\xff")),
                    [read("binary", event({**BASE, "datacontenttype": "image/png"}, {"binary": "/w=="})), REFUSED], revisions=MAIN, policy=True)
    yield others
    for make in (content_type, binary_encode, structured, transcode, version_0_3):
        yield make(RABBIT)


def sample(area, topic, name):
    """The message and the events of a case that another area has."""
    path = fair.ROOT / "vectors" / area / f"{topic}.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    found = next(case for case in cases if case["id"] == f"{area}/{topic}/{name}")
    return found["request"]["message"]["body"], found["expect"]


def websockets():
    topic = Topic("websockets", "frames", "One event per message, in the frame of its subprotocol")

    def frame(payload, kind="text", subprotocol="cloudevents.json"):
        return {"subprotocol": subprotocol, "frame": kind, "payload": octets(payload) if isinstance(payload, bytes) else payload}

    good = frame(JSON_TEXT.encode())
    topic.case("json", "A text frame of cloudevents.json is a JSON document", ["WS-1.5-a", "WS-3.1-a"], decode("websockets", good),
               read("structured", JSON_EVENT, form="json"))
    topic.case("encode-json", "An event is written as a text frame of cloudevents.json", ["WS-1.5-a", "WS-3.1-a"],
               encode("websockets", "structured", JSON_EVENT, format="json", options={"subprotocol": "cloudevents.json"}), {"result": {"message": good}})
    topic.case("encode-json-without-data", "An event without data is written as a document", ["WS-1.5-a", "WS-3.1-a"],
               encode("websockets", "structured", event(BASE), format="json", options={"subprotocol": "cloudevents.json"}),
               {"result": {"message": frame(json.dumps({"specversion": "1.0", **BASE}).encode())}})
    for area, subprotocol in (("avro", "cloudevents.avro"), ("protobuf", "cloudevents.proto")):
        body, expect = sample(area, "attributes-decode", "minimal") if area == "avro" else sample(area, *PROTOBUF)
        topic.case(area, f"A binary frame of {subprotocol} is a document of that format", ["WS-1.5-a", "WS-3.1-a"],
                   decode("websockets", frame(body, "binary", subprotocol)),
                   [{"result": {**outcome["result"], "mode": "structured", "format": area}} for outcome in expect if "result" in outcome])
        topic.case(f"{area}-in-a-text-frame", f"JSON in a text frame of {subprotocol}, whose documents come in binary frames, is refused", ["WS-1.5-a", "WS-3.1-a"],
                   decode("websockets", frame(JSON_TEXT.encode(), "text", subprotocol)), REFUSED)
    topic.case("json-in-a-binary-frame", "A binary frame of cloudevents.json is refused, or read as it is meant", ["WS-1.5-a"],
               decode("websockets", frame(JSON_TEXT.encode(), "binary")), [REFUSED, read("structured", JSON_EVENT, form="json")], policy=True)
    topic.case("empty", "An empty message is refused", ["WS-3.1-a", "CE-Context-Attributes-a"], decode("websockets", frame(b"")), REFUSED)
    topic.case("not-json", "A message that is not JSON is refused", ["WS-3.1-a", "CE-Context-Attributes-a"], decode("websockets", frame(b"hello")), REFUSED)
    topic.case("batch", "A batch in a text frame of cloudevents.json is refused", ["WS-1.5-c"], decode("websockets", frame(f"[{JSON_TEXT}]".encode())), REFUSED, level="SHOULD")
    topic.case("two-documents", "Two documents in one message are refused", ["WS-3.1-a"], decode("websockets", frame((JSON_TEXT + JSON_TEXT).encode())), REFUSED)
    for name in ("id", "source", "type", "specversion"):
        document = {key: value for key, value in {"specversion": "1.0", **BASE}.items() if key != name}
        topic.case(f"missing-{name}", f"A document without {name} is refused", ["WS-3.1-a", f"CE-{name}-a"],
                   decode("websockets", frame(json.dumps(document).encode())), REFUSED)
    for name, subprotocol in (("unknown", "cloudevents.xml"), ("batch", "cloudevents.json-batch"), ("upper-case", "CloudEvents.JSON"), ("absent", "")):
        what = f"the subprotocol {subprotocol}, which the binding does not have," if subprotocol else "no subprotocol"
        topic.case(f"subprotocol-{name}", f"A message of {what} is refused, or read by its content", ["WS-1.5-a"],
                   decode("websockets", frame(JSON_TEXT.encode(), "text", subprotocol)), [REFUSED, read("structured", JSON_EVENT, form="json")],
                   policy=True)
    # That a request is refused which the binding has no mode for is not said: nothing else than what it has may be written.
    written = {"result": {"message": frame(JSON_TEXT.encode())}}
    topic.case("encode-binary-mode", "No event is written in binary mode, which the binding does not have: it is refused, or becomes a document", ["WS-1.3-a", "WS-1.5-a"], encode("websockets", "binary", JSON_EVENT), [REFUSED, written])
    topic.case("encode-batch-of-one", "A batch of one is not written as a batch: it is refused, or its event becomes a document", ["WS-1.5-c", "WS-1.5-a"], encode("websockets", "batched", JSON_EVENT, format="json"), [REFUSED, written], level="SHOULD")
    other = event({**{name: attribute["value"] for name, attribute in JSON_EVENT["attributes"].items()}, "id": "A-2"}, JSON_EVENT["data"])
    topic.case("encode-batch-of-two-events", "A batch of two is not written", ["WS-1.5-c"], encode("websockets", "batched", JSON_EVENT, other, format="json"), REFUSED, level="SHOULD")
    yield topic
    way = Topic("websockets", "transcode", "To and from other messages")
    http = {"headers": [["ce-specversion", "1.0"]] + [["ce-" + name, value] for name, value in DOCUMENT.items() if name != "datacontenttype"]
            + [["content-type", "application/json"]], "body": {"text": '{"a":1}'}}
    to = {"via": "websockets", "mode": "structured", "format": "json", "options": {"subprotocol": "cloudevents.json"}}
    written = [good, frame(held_as_bytes(JSON_TEXT).encode())]
    # What a WebSocket message becomes is said by its target.
    of_target = {"to-http": ["HTTP-3.1.1-a", "HTTP-3.1.2-a", "HTTP-3.1.3-a"], "to-json": ["JSON-2.2-a"],
                         "to-mqtt": ["MQTT-3.1.1-a", "MQTT-3.1.2-a", "MQTT-3.1.3.2-a"]}
    titles = {"to-http": "A message of WebSockets becomes an HTTP message in binary mode", "from-http": "An HTTP message in binary mode becomes a text frame",
              "to-json": "A message of WebSockets becomes a JSON document", "from-json": "A JSON document becomes a text frame",
              "to-mqtt": "A message of WebSockets becomes an MQTT message in binary mode", "from-nats": "A NATS message in binary mode becomes a text frame"}
    for name, source, message, target, expect in (
            ("to-http", "websockets", good, {"via": "http", "mode": "binary"}, [http]),
            ("from-http", "http", http, to, written),
            ("to-json", "websockets", good, {"via": "json"}, [{"body": {"text": JSON_TEXT}}]),
            ("from-json", "json", {"body": {"text": JSON_TEXT}}, to, [good]),
            ("to-mqtt", "websockets", good, {"via": "mqtt5", "mode": "binary"}, [MQTT.binary(DOCUMENT, b'{"a":1}')]),
            ("from-nats", "nats", NATS.binary(DOCUMENT, b'{"a":1}'), to, written)):
        way.case(name, titles[name], ["WS-3.1-a", *of_target.get(name, [])], {"op": "transcode", "from": {"via": source, "message": message}, "to": target},
                 [{"result": {"message": one}} for one in expect], revisions=MAIN if source == "nats" else BOTH)
    yield way
    values = Topic("websockets", "data", "Payloads of JSON documents")
    # What a document holds without a content type is JSON, says the JSON format with a SHOULD.
    implied = {"number": "SHOULD", "null": "SHOULD"}
    # What each payload is read as and written as, and the clauses that say it.
    said = {"text": ("A string under text/plain is read as text, as bytes or as a JSON string, or is refused", "Text is written as a string or as bytes, or is refused", [],
                     ["JSON-3.1.1-k"]),
            "number": ("A number without a content type is JSON data", "A JSON number without a content type is written as a number", ["JSON-3.1.2-j"], ["JSON-3.1.1-g"]),
            "null": ("A null without a content type is an explicit payload", "An explicit null without a content type is written as null", ["JSON-3.1.2-j"], ["JSON-3.1.1-g"]),
            "octets": ("The member data_base64 holds the bytes of the payload", "Bytes are written as data_base64", ["JSON-3.1.2-a"], ["JSON-3.1.1-b"])}
    for name, member, data, more in (
            ("text", '"hello"', {"text": "hello"}, {"datacontenttype": "text/plain"}), ("number", "1.10", {"json": "1.10"}, {}),
            ("null", "null", {"json": "null"}, {}), ("octets", None, {"binary": "AP8="}, {"datacontenttype": "application/octet-stream"})):
        attributes, same = {**BASE, **more}, {"compare": {"json": "double"}} if name == "number" else {}
        members = json.dumps({"specversion": "1.0", **attributes})[:-1] + (f',"data":{member}}}' if member else ',"data_base64":"AP8="}')
        level = implied.get(name, "MUST")
        read_title, written_title, reads, writes = said[name]
        values.case(f"decode-{name}", read_title, [*reads, "WS-3.1-a"],
                    decode("websockets", frame(members.encode())), read("structured", event(attributes, data), form="json"), level=level, **same)
        values.case(f"encode-{name}", written_title, [*writes, "WS-1.5-a", "WS-3.1-a"],
                    encode("websockets", "structured", event(attributes, data), format="json"), {"result": {"message": frame(members.encode())}},
                    level=level, **same)
    yield values


PROTOBUF = ("attributes-decode", "minimal")


def main():
    documents = [topic.document for topic in [*mqtt(), *nats(), *rabbitmq(), *websockets()]]
    fair.write([(fair.path_of(document), document) for document in documents], "bindings/generate.py")


if __name__ == "__main__":
    main()
