#!/usr/bin/env python3
"""Writes the vectors of sizes and of values that could be changed on their way: vectors/core/{kept,sizes,text}.json

    python3 generators/sizes/generate.py           # writes them
    python3 generators/sizes/generate.py --check   # fails when a document would change

"Intermediaries MUST forward events of a size of 64 KByte or less" (spec.md, Size Limits); `main` says 64 KiB. Each binding forwards one that is as large,
less some room for the framing of its protocol. A KByte may be 1,000 bytes, so release 1.0.2 is judged by 64,000. Attributes are as long as the length fields of protocols can say: 255 and 256 characters, and in reading also 65,535 and 65,536, which
make the event larger than what has to be forwarded, so that it may be refused; it is never cut. Text that Unicode normalisation would change stays as it is.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[0]), str(HERE.parents[0] / "bindings")]
import fair  # noqa: E402
import generate as bindings  # noqa: E402

BOTH, MAIN = ["1.0.2", "main"], ["main"]
BASE = bindings.BASE
# By `main`, and by each reading of the release: the name of the case, the words of its title, the size, and the revisions.
LARGEST = [("", "64 KiB", 64 << 10, MAIN), ("64000-", "64,000 bytes", 64_000, BOTH)]
# What the protocol has beside names, values and the payload: request lines, separators, lengths, frames.
FRAMING = 1024
SIZE = "CE-Size-Limits-b"
# The time of the events in AMQP.
TIME = {"type": "timestamp", "value": 1_522_949_460_000}


class Carrier:
    """A binding: a message of it, and the clauses that say how it holds attributes and payloads."""

    def __init__(self, via, build, attributes, data, value, revisions=BOTH, draft=False):
        self.via, self.build, self.attributes, self.data, self.value = via, build, attributes, data, value
        self.revisions, self.more = revisions, {"draft": True} if draft else {}
        # A content type of MQTT is a subject of other cases.
        self.type = {} if via == "mqtt5" else {"datacontenttype": "text/plain"}

    def event(self, attributes, data):
        return bindings.event({**attributes, **self.type}, data)


# What those who read do with escapes.
UNESCAPED = {"http": ["HTTP-3.1.3.2-f"], "nats": ["NATS-3.1.3.2-f"]}


def underscored(message):
    return {**message, "application-properties": [[name.replace("cloudEvents:", "cloudEvents_"), value] for name, value in message["application-properties"]]}


def written(carrier, message):
    """The message, and in AMQP by `main` also one with the other separator."""
    if carrier.via != "amqp":
        return [{"result": {"message": message}}]
    return [{"result": {"message": underscored(message)}, "revisions": ["main"]}, {"result": {"message": message}}]


def read(carrier, attributes):
    """The event with a payload of one character, as an octet or as such."""
    return [bindings.read("binary", carrier.event(attributes, data)) for data in ({"binary": "eA=="}, {"text": "x"})]


def typed(text):
    return {"type": "string", "value": text}


def http(attributes, body):
    headers = [["ce-specversion", "1.0"]] + [["ce-" + name, bindings.percent(value)] for name, value in attributes.items() if name != "datacontenttype"]
    return {"headers": headers + [["content-type", "text/plain"]], "body": {"text": body}}


def kafka(attributes, body):
    headers = [["ce_specversion", {"text": "1.0"}]] + [["ce_" + name, {"text": value}] for name, value in attributes.items() if name != "datacontenttype"]
    return {"headers": headers + [["content-type", {"text": "text/plain"}]], "value": {"text": body}}


def amqp(attributes, body):
    names = [["cloudEvents:specversion", typed("1.0")]] + [["cloudEvents:" + name, TIME if name == "time" else typed(value)]
                                                           for name, value in attributes.items() if name != "datacontenttype"]
    return {"properties": {"content-type": "text/plain"}, "application-properties": names, "body": {"data": [{"text": body}]}}


def of_carrier(carrier):
    content_type = {} if carrier.via == "mqtt5" else {"datacontenttype": "text/plain"}
    return lambda attributes, body: carrier.binary({**attributes, **content_type}, body.encode())


def document(attributes, value):
    return json.dumps({"specversion": "1.0", **attributes, "datacontenttype": "application/json", "data": value}, ensure_ascii=False, separators=(",", ":"))


CARRIERS = [
    Carrier("http", http, "HTTP-3.1.3-a", "HTTP-3.1.2-a", "HTTP-3.1.3.2-c"),
    Carrier("kafka", kafka, "KAFKA-3.2.3-a", "KAFKA-3.2.2-a", "KAFKA-3.2.3-b"),
    Carrier("amqp", amqp, "AMQP-3.1.3-a", "AMQP-3.1.2-a", "AMQP-3.1.3.2-a"),
    Carrier("mqtt5", of_carrier(bindings.MQTT), "MQTT-3.1.3-a", "MQTT-3.1.2-a", "MQTT-3.1.3.2-a"),
    Carrier("nats", of_carrier(bindings.NATS), "NATS-3.1.2-a", "NATS-3.1.1-a", "NATS-3.1.3.2-c", MAIN),
    Carrier("rabbitmq", of_carrier(bindings.RABBIT), "RABBITMQ-3.1.3-a", "RABBITMQ-3.1.2-a", "RABBITMQ-3.1.3.2-a", MAIN, draft=True),
]


# How titles call the carriers.
PLACES = {"http": "over HTTP", "kafka": "over Kafka", "amqp": "over AMQP", "mqtt3": "over MQTT 3.1.1", "mqtt5": "over MQTT 5", "nats": "over NATS", "rabbitmq": "over RabbitMQ",
          "websockets": "over WebSockets", "json": "in the JSON format"}


class Topic(bindings.Topic):
    def add(self, name, title, clauses, request, expect, carrier, level="MUST", **more):
        self.case(name, title, clauses, request, expect, level=level, revisions=carrier.revisions, **carrier.more, **more)


def sizes():
    topic = Topic("core", "sizes", "Events of 64 KiB, and attributes of the lengths at which length fields end")
    for carrier in CARRIERS:
        for name, size, largest, revisions in LARGEST:
            if not set(revisions) <= set(carrier.revisions):
                continue
            message = carrier.build(BASE, "x" * (largest - FRAMING))
            if carrier.via == "amqp" and revisions == MAIN:
                # By `main`, no separator has to be read, and each should be.
                topic.case("forward-65536-amqp", f"An event of little less than {size} is forwarded {PLACES['amqp']}", [SIZE, carrier.data, carrier.attributes, "AMQP-3.1.3.1-e"],
                           {"op": "transcode", "from": {"via": "amqp", "message": underscored(message)}, "to": {"via": "amqp", "mode": "binary"}},
                           [outcome for one in written(carrier, message) for outcome in ({"result": one["result"]}, fair.in_strings({"result": one["result"]}))],
                           level="SHOULD", revisions=MAIN)
                continue
            topic.case(f"forward-{name}{carrier.via}", f"An event of little less than {size} is forwarded {PLACES[carrier.via]}", [SIZE, carrier.data],
                       {"op": "transcode", "from": {"via": carrier.via, "message": message}, "to": {"via": carrier.via, "mode": "binary"}},
                       written(carrier, message), revisions=revisions, **carrier.more)
        for length in (255, 256):
            long = {"subject": "y" * length}
            topic.add(f"decode-{length}-{carrier.via}", f"An attribute of {length} characters is read {PLACES[carrier.via]}", [carrier.attributes],
                      bindings.decode(carrier.via, carrier.build({**BASE, **long}, "x")), read(carrier, {**BASE, **long}), carrier)
            topic.add(f"encode-{length}-{carrier.via}", f"An attribute of {length} characters is written {PLACES[carrier.via]}", [carrier.attributes],
                      bindings.encode(carrier.via, "binary", carrier.event({**BASE, **long}, {"text": "x"})), written(carrier, carrier.build({**BASE, **long}, "x")), carrier)
    for carrier in CARRIERS[:4]:
        for length in (65_535, 65_536):
            if carrier.via == "mqtt5" and length > 65_535:
                continue  # a string of MQTT has no more octets
            attributes = {**BASE, "subject": "y" * length}
            topic.add(f"decode-{length}-{carrier.via}", f"An attribute of {length:,} characters is read {PLACES[carrier.via]} in whole, or the message refused", [carrier.attributes],
                      bindings.decode(carrier.via, carrier.build(attributes, "x")), [*read(carrier, attributes), bindings.REFUSED], carrier, policy=True)
    structured = {"mode": "structured", "format": "json"}
    for name, size, largest, revisions in LARGEST:
        held = {"text": document(BASE, "x" * (largest - FRAMING))}
        for via, message, to, clauses in (
                ("json", {"body": held}, {}, ["JSON-3.1.2-d", "JSON-3.1.1-h"]),
                ("mqtt3", {"payload": held}, structured, ["MQTT-3.2.2-a"]),
                ("websockets", {"subprotocol": "cloudevents.json", "frame": "text", "payload": held},
                 {**structured, "options": {"subprotocol": "cloudevents.json"}}, ["WS-3.1-a"])):
            topic.case(f"forward-{name}{via}", f"An event of little less than {size} is forwarded {PLACES[via]}", [SIZE, *clauses],
                       {"op": "transcode", "from": {"via": via, "message": message}, "to": {"via": via, **to}}, [{"result": {"message": message}}],
                       revisions=revisions)
    return topic


def text():
    topic = Topic("core", "text", "Text that Unicode normalisation would change stays as it is")
    # é as two characters, the Ångström sign, and Hangul in parts.
    for name, said, value in (("combining", "A letter with a combining accent", "Cafe\u0301"), ("compatible", "The Ångström sign with a ligature", "\u212b\ufb01"),
                              ("hangul", "Hangul in parts", "\u1112\u1161\u11ab")):
        attributes = {**BASE, "subject": value}
        for carrier in CARRIERS:
            topic.add(f"decode-{name}-{carrier.via}", f"{said} is read {PLACES[carrier.via]} without normalisation",
                      [carrier.attributes, *UNESCAPED.get(carrier.via, [carrier.value])],
                      bindings.decode(carrier.via, carrier.build(attributes, "x")), read(carrier, attributes), carrier)
            more = ["NATS-3.1.3.2-l"] if carrier.via == "nats" else []
            topic.add(f"encode-{name}-{carrier.via}", f"{said} is written {PLACES[carrier.via]} without normalisation", [carrier.attributes, carrier.value, *more],
                      bindings.encode(carrier.via, "binary", carrier.event(attributes, {"text": "x"})), written(carrier, carrier.build(attributes, "x")), carrier)
        held = document(attributes, value)
        topic.case(f"decode-{name}-json", f"{said} is read {PLACES['json']} without normalisation", ["JSON-2.2-a", "JSON-3.1.2-d"],
                   {"op": "decode", "via": "json", "message": {"body": {"text": held}}},
                   [bindings.read("structured", bindings.event({**attributes, "datacontenttype": "application/json"}, {"json": json.dumps(value, ensure_ascii=False)}), form="json")])
    return topic


# What stands behind a percent sign is no separator, and no space: whoever decodes it has another URI (RFC 3986, section 2.2).
ESCAPES = {"source": "/a%20b/c%2Fd?e=f%26g", "dataschema": "https://example.com/a%2Fb?c=d%26e"}
INSTANT = "2018-04-05T19:31:00.123+02:00"


def kept():
    topic = Topic("core", "kept", "URIs, times and names that software likes to change stay what they are")
    for carrier in CARRIERS:
        attributes = {**BASE, **ESCAPES}
        percent = {"http": ["HTTP-3.1.3.2-k"], "nats": ["NATS-3.1.3.2-k"]}.get(carrier.via, [])
        how = "with %25 for each percent sign" if percent else "as they stand"
        topic.add(f"decode-escapes-{carrier.via}", f"Percent-escapes of a URI are read {PLACES[carrier.via]} {how}",
                  [carrier.attributes, *UNESCAPED.get(carrier.via, [carrier.value]), "CE-source-b", "CE-dataschema-b"],
                  bindings.decode(carrier.via, carrier.build(attributes, "x")), read(carrier, attributes), carrier)
        topic.add(f"encode-escapes-{carrier.via}", f"Percent-escapes of a URI are written {PLACES[carrier.via]} {how}", [carrier.attributes, carrier.value, *percent],
                  bindings.encode(carrier.via, "binary", carrier.event(attributes, {"text": "x"})), written(carrier, carrier.build(attributes, "x")), carrier)
        # The areas of HTTP and AMQP have such a time.
        if carrier.via in ("http", "amqp"):
            continue
        attributes = {**BASE, "time": INSTANT}
        topic.add(f"decode-time-instant-{carrier.via}", f"A time with milliseconds and an offset is read {PLACES[carrier.via]} as the instant that it names", [carrier.attributes, "CE-Type-System-r"],
                  bindings.decode(carrier.via, carrier.build(attributes, "x")), read(carrier, attributes), carrier)
        # A native time of RabbitMQ has no milliseconds.
        if carrier.via != "rabbitmq":
            topic.add(f"encode-time-instant-{carrier.via}", f"A time with milliseconds and an offset is written {PLACES[carrier.via]} as the instant that it names", [carrier.attributes, "CE-Type-System-r"],
                      bindings.encode(carrier.via, "binary", carrier.event(attributes, {"text": "x"})), written(carrier, carrier.build(attributes, "x")), carrier)
    values = {"specversion": "1.0", **BASE, **ESCAPES}
    document = {"text": json.dumps(values, separators=(",", ":"))}
    topic.case("decode-escapes-json", f"Percent-escapes of a URI are read {PLACES['json']} as they stand", ["JSON-2.2-a", "CE-source-b", "CE-dataschema-b"],
               {"op": "decode", "via": "json", "message": {"body": document}}, [bindings.read("structured", bindings.event({**BASE, **ESCAPES}), form="json")])
    topic.case("encode-escapes-json", f"Percent-escapes of a URI are written {PLACES['json']} as they stand", ["JSON-2.2-a", "JSON-3-b", "JSON-3-c"],
               {"op": "encode", "via": "json", "events": [bindings.event({**BASE, **ESCAPES})]}, [{"result": {"message": {"body": document}}}])
    for name, said, attribute in (("name-of-28-characters", "A name of 28 characters, which is discouraged,", "anextensionwithaverylongname"), ("name-that-begins-with-a-digit", "A name that begins with a digit, which main discourages,", "2nd")):
        document = {"text": json.dumps({"specversion": "1.0", **BASE, attribute: "x"}, separators=(",", ":"))}
        topic.case(f"decode-{name}-json", f"{said} is read {PLACES['json']}",
                   ["JSON-2-a", "CE-Naming-a"], {"op": "decode", "via": "json", "message": {"body": document}},
                   [bindings.read("structured", bindings.event({**BASE, attribute: "x"}), form="json")])
    attributes = {**BASE, "anextensionwithaverylongname": "x"}
    amqp = CARRIERS[2]
    topic.add("decode-name-of-28-characters-amqp", f"A name of 28 characters, which is discouraged, is read {PLACES['amqp']}", [amqp.attributes, "CE-Naming-a"],
              bindings.decode("amqp", amqp.build(attributes, "x")), read(amqp, attributes), amqp)
    return topic


def main():
    documents = [topic.document for topic in (sizes(), text(), kept())]
    fair.write([(fair.path_of(document), document) for document in documents], "sizes/generate.py")


if __name__ == "__main__":
    main()
