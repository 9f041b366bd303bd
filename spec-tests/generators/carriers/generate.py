#!/usr/bin/env python3
"""Writes the vectors of the rows: the carriers of carriers.json whose area is `carriers`.

    python3 generators/carriers/generate.py           # writes vectors/carriers/
    python3 generators/carriers/generate.py --check   # fails when a document would change

The messages are those of crates/cloudevents-carriers/tests/it/vectors, which are written by hand or copied from the document of a row. The
limits are written here, by the pages of the vendors. No implementation is used.
"""

import base64
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import fair  # noqa: E402

MESSAGES = fair.ROOT.parent / "crates" / "cloudevents-carriers" / "tests" / "it" / "vectors"
TYPES = {"source": "URI-reference", "dataschema": "URI", "schemaurl": "URI-reference", "time": "Timestamp"}
REFUSED = {"error": {}}
# The repairs that concern an attribute, and which. Repairs that guess at the writer are no part of lenient reading.
CONCERNS = {"lower-cased-name": "ext"}
GUESSES = {"assumed-json", "content-type-name", "foreign-prefix", "unprefixed-extension"}
# The attribute at fault, and the clause that demands it.
FAULTS = {"missing-attribute": ["CE-type-a"], "unsupported-specversion": ["CE-specversion-a"], "duplicate-attribute": ["CE-Context-Attributes-d"],
          "invalid-document": ["CE-Context-Attributes-a"]}


def clauses(*letters):
    return [f"CARRIERS-Rows-{letter}" for letter in letters]


def octets(message):
    """The bytes of the body of a message, as the crate's files have it."""
    return bytes.fromhex(message["hex"]) if "hex" in message else message.get("body", "").encode()


def shown(data):
    """Bytes as the protocol writes them."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    control = any(ord(one) < 32 and one not in "\t\r\n" or ord(one) == 127 for one in text)
    return {"base64": base64.b64encode(data).decode()} if control else {"text": text}


def wire(row, message):
    """A message as the protocol has it, or None if the row has no place for a part of it."""
    found = {}
    if "headers" in row:
        found["headers"] = message.get("headers", [])
    elif "headers" in message:
        return None
    if "content-type" in message:
        if "member" not in row["content-type"]:
            return None
        found["content-type"] = message["content-type"]
    return {**found, "body": shown(octets(message))}


def document(row, message):
    """The text of the document in a message, without Base64."""
    text = octets(message).decode()
    return base64.b64decode(text).decode() if row["body"].get("form") == "base64" and not text.strip().startswith("{") else text


def tagged(row, stated, message, mode):
    """The event of a case, as it is read of the message. In binary mode, each extension is a String."""
    attributes = {}
    for name, value in stated.items():
        if name in ("specversion", "data", "data_base64") or value is None:
            continue
        kind = TYPES.get(name, "Integer" if isinstance(value, int) else "String")
        attributes[name] = {"type": kind, "value": value}
    data = payload(row, stated, message, mode)
    return {"specversion": stated["specversion"], "attributes": attributes, **({"data": data} if data else {})}


def payload(row, stated, message, mode):
    """The payload of the event of a case."""
    if "data_base64" in stated:
        return {"binary": stated["data_base64"]}
    if "data" not in stated:
        return None
    if mode == "binary" and isinstance(stated["data"], str):
        return {"binary": base64.b64encode(octets(message)).decode()}
    if mode == "binary":
        return {"json": octets(message).decode()}
    if isinstance(stated["data"], str):
        return {"text": stated["data"]}
    return {"json": json.dumps(stated["data"], ensure_ascii=False, separators=(",", ":"))}


def mode_of(row, message):
    """The mode that the message of a case is in."""
    if "headers" not in row:
        return "structured"
    types = [value for name, value in message["headers"] if name.lower() == row["content-type"]["header"].lower()]
    is_document = any(value.startswith("application/cloudevents") for value in types)
    return "structured" if is_document or not any("specversion" in name for name, _ in message["headers"]) else "binary"


def places(row, mode):
    """The clauses on where the parts of a message are."""
    if mode == "binary":
        return clauses("a", "b", "c", "d")
    return [*clauses("e"), *(clauses("f") if "always" in row["content-type"] else []), *(clauses("i") if row["body"].get("form") == "base64" else [])]


class Topic:
    """The document of a row."""

    def __init__(self, row):
        self.row, self.via, self.prefix = row, row["name"], f"carriers/{row['name']}/"
        self.document = {"area": "carriers", "topic": row["name"], "title": f"Messages of the row {row['name']}", "cases": []}

    def case(self, name, title, cited, request, expect, **more):
        name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        self.document["cases"].append({"id": self.prefix + name, "title": title, "clauses": list(dict.fromkeys(cited)), "level": "MUST", "revisions": ["main"],
                                       "draft": True, **more, "request": request, "expect": expect if isinstance(expect, list) else [expect]})

    def encode(self, name, title, cited, mode, event, expect, **more):
        self.case(name, title, cited, {"op": "encode", "via": self.via, "mode": mode, "format": more.pop("format", "json"), "events": [event]}, expect, **more)

    def of(self, case):
        """The cases of a message of the crate's file: it is read, and written if it states its mode."""
        message = wire(self.row, case["message"])
        if message is None:
            return
        title, mode = case["case"][0].upper() + case["case"][1:], mode_of(self.row, message)
        request = {"op": "decode", "via": self.via, "message": message}
        if "error" in case:
            return self.refused(case, title, request)
        event = tagged(self.row, case["event"], case["message"], mode)
        result = {"mode": mode, **({"format": "json"} if mode == "structured" else {}), "events": [event]}
        if "allow" in case:
            if case["allow"] in GUESSES:
                return
            repair = {"kind": case["allow"], "attribute": CONCERNS[case["allow"]]}
            return self.case(case["case"], f"{title}, leniently", places(self.row, mode), {**request, "strictness": "lenient"},
                             [{"result": {**result, "repairs": [repair]}}, REFUSED], policy=True)
        nothing = clauses("h") if mode == "binary" and "data" not in event else []
        self.case(case["case"], f"{title}: read", [*places(self.row, mode), *nothing], request, {"result": result})
        # An event of version 0.3 may be written as one of 1.0.
        if "mode" in case and event["specversion"] == "1.0":
            self.encode(f"write {case['case']}", f"{title}: written", [*places(self.row, mode), *nothing], mode, event, {"result": {"message": message}})

    def refused(self, case, title, request):
        kind = case["error"]
        if kind in ("not-a-cloudevent", "unknown-format"):
            cited = clauses("g") if kind == "not-a-cloudevent" else clauses("e")
            return self.case(case["case"], f"{title}: refused", cited, request, [{"error": {"kind": kind}}, REFUSED])
        if kind == "batched":
            text = document(self.row, case["message"])
            events = [tagged(self.row, one, case["message"], "structured") for one in json.loads(text)]
            read = {"result": {"mode": "batched", "format": "json", "events": events}}
            if "batched" in self.row["modes"]:
                return self.case(case["case"], "A batch: read", clauses("e"), request, read)
            return self.case(case["case"], "A batch: refused, or read, for the row has no batches", clauses("e"), request, [REFUSED, read], policy=True)
        self.case(case["case"], f"{title}: refused", FAULTS[kind], request, REFUSED)


EVENT = {"specversion": "1.0", "attributes": {"id": {"type": "String", "value": "A-1"}, "source": {"type": "URI-reference", "value": "/sensors/7"},
                                              "type": {"type": "String", "value": "com.example.reading"},
                                              "time": {"type": "Timestamp", "value": "2018-04-05T17:31:00Z"}}}


def with_attribute(name, value, data=None):
    return {**EVENT, "attributes": {**EVENT["attributes"], name: {"type": "String", "value": value}}, **({"data": data} if data else {})}


def binary(row, event, body=None):
    """The message of an event in binary mode."""
    prefix = row["headers"]["prefixes"][0]
    headers = [[prefix + "specversion", "1.0"], *([prefix + name, one["value"]] for name, one in event["attributes"].items())]
    return {"headers": headers, "body": body or ({"base64": "AA=="} if row["name"] == "rocketmq" else {"text": ""})}


def limits(topic):
    """Messages of the largest size, and messages of one byte or one header more: of Pub/Sub by its page of quotas, of RocketMQ by its page of limits."""
    row, refuse = topic.row, {"error": {}}

    def both(name, what, most, make):
        fits, exceeds = make(most), make(most + 1)
        topic.encode(f"{name} at its limit", f"{what} of the largest size is written", clauses("a", "b"), "binary", fits, {"result": {"message": binary(row, fits)}})
        topic.encode(f"{name} beyond its limit", f"{what} beyond the largest size is refused", clauses("j"), "binary", exceeds, refuse)

    if row["name"] == "google-pubsub":
        both("value", "The value of an attribute", 1024, lambda size: with_attribute("subject", "x" * size))
        both("name", "The name of an attribute", 256 - len("ce-"), lambda size: with_attribute("x" * size, "x"))
        # Beside specversion and the four others.
        both("number", "A number of attributes", 100 - 5, lambda count: {**EVENT, "attributes": EVENT["attributes"] | {f"ext{one}": {"type": "String", "value": "x"} for one in range(count)}})
    if row["name"] == "rocketmq":
        taken = sum(len(name) + len(value) for name, value in binary(row, with_attribute("subject", ""))["headers"])
        both("properties", "A text of properties", 16_384 - taken, lambda size: with_attribute("subject", "x" * size))
        topic.encode("one byte of zero", "A payload of one byte of value zero is refused, because it would be read as none", clauses("h"), "binary",
                     with_attribute("datacontenttype", "application/octet-stream", {"binary": "AA=="}), refuse)


def modes(topic):
    """Modes and formats that the row does not have, and messages that are passed on."""
    row = topic.row
    if "binary" not in row["modes"]:
        topic.encode("binary mode", "Binary mode is refused, for the row has none", clauses("k"), "binary", EVENT, REFUSED)
    if "always" in row["content-type"]:
        topic.encode("another format", "Another format than JSON is refused, for nothing states its media type", clauses("f"), "structured", EVENT, REFUSED, format="xml")
    attributes = {name: one["value"] for name, one in EVENT["attributes"].items()}
    text = json.dumps({"specversion": "1.0", **attributes, "subject": "Größe 42", "datacontenttype": "application/json", "data": {"a": 1}}, ensure_ascii=False, separators=(",", ":"))
    plain = {"via": "json", "message": {"body": {"text": text}}}
    body = {"text": base64.b64encode(text.encode()).decode() if row["body"].get("form") == "base64" else text}
    if "headers" in row:
        event = with_attribute("subject", "Größe 42")
        own = binary(row, event, {"text": '{"a":1}'})
        media_type = [row["content-type"]["header"], "application/json"]
        others = {**own, "headers": [*(["CE-" + name.removeprefix(row["headers"]["prefixes"][0]), value] for name, value in own["headers"]), media_type]}
        own["headers"].append(media_type)
        topic.case("another prefix", "Headers with another prefix are no mark of an event", clauses("a", "g"), {"op": "decode", "via": topic.via, "message": others},
                   [{"error": {"kind": "not-a-cloudevent"}}, REFUSED])
    else:
        own = {**({"content-type": "application/cloudevents+json"} if "member" in row["content-type"] else {}), "body": body}
    mode = row["modes"][0]
    to = {"via": topic.via, "mode": mode, **({"format": "json"} if mode == "structured" else {})}
    topic.case("from json", "A document of the JSON format is passed on as a message", [*places(row, mode), "JSON-2.2-a"],
               {"op": "transcode", "from": plain, "to": to}, {"result": {"message": own}})
    topic.case("to json", "A message is passed on as a document of the JSON format", [*places(row, mode), "JSON-3-b", "JSON-3-c"],
               {"op": "transcode", "from": {"via": topic.via, "message": own}, "to": {"via": "json"}}, {"result": {"message": plain["message"]}})


def documents():
    for row in fair.ROWS.values():
        topic = Topic(row)
        for case in json.loads((MESSAGES / f"{row['name']}.json").read_text(encoding="utf-8")):
            topic.of(case)
        limits(topic)
        modes(topic)
        yield fair.path_of(topic.document), topic.document


if __name__ == "__main__":
    fair.write(documents(), "carriers/generate.py")
