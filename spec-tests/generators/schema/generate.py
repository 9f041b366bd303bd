#!/usr/bin/env python3
"""Writes what the schemas say of carriers: `via`, the messages of each, and where which of them is. carriers.json says what there is.

    python3 generators/schema/generate.py           # writes them
    python3 generators/schema/generate.py --check   # fails when a schema would change
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import fair  # noqa: E402

CARRIERS = json.loads((fair.ROOT / "carriers.json").read_text(encoding="utf-8"))
FORMATS = [row["name"] for row in CARRIERS["formats"]]
BINDINGS = {row["name"]: row for row in CARRIERS["bindings"]}
TEXT = {"type": "string"}
# What messages have beside what binary mode knows.
OWN = {
    "http": {"method": {"type": "string", "minLength": 1}, "target": {"type": "string", "minLength": 1},
             "status": {"type": "integer", "minimum": 100, "maximum": 599}},
    "kafka": {"key": {"$ref": "#/$defs/bytesOrNull"}},
    "mqtt3": {"topic": TEXT},
    "mqtt5": {"topic": TEXT, "payload-format-indicator": {"enum": [0, 1]}},
    "nats": {"subject": TEXT},
    "websockets": {"frame": {"enum": ["text", "binary"]}},
}


def pairs(value):
    return {"type": "array", "items": {"type": "array", "prefixItems": [TEXT, value], "items": False, "minItems": 2}}


def headers(row):
    """The list of headers, by what its values are."""
    values = row["headers"]["values"]
    if values == "octets":
        return {"$ref": "#/$defs/headers"}
    return pairs({"$ref": f"#/$defs/{row['name']}Value"} if isinstance(values, dict) else {"bytes": {"$ref": "#/$defs/bytesOrNull"}, "text": TEXT}[values])


def body(row):
    """The body, by its form."""
    def only(name, what):
        return {"type": "object", "required": [name], "properties": {name: what}, "additionalProperties": False}

    bytes_ = {"$ref": "#/$defs/bytes"}
    sections = {"anyOf": [{"type": "null"}, only("data", {"type": "array", "items": bytes_}), only("value", {"$ref": f"#/$defs/{row['name']}Value"}),
                          only("sequence", {"type": "array"})]}
    return {"bytes": bytes_, "base64": bytes_, "nullable": {"$ref": "#/$defs/bytesOrNull"}, "sections": sections}[row["body"].get("form", "bytes")]


def message(row):
    """A message of a binding, as a case states what is to be written: most members may be left out."""
    members = dict(OWN.get(row["name"], {}))
    place = row["content-type"]
    if place == "subprotocol":
        members["subprotocol"] = TEXT
    elif "member" in place:
        members[place["member"]] = TEXT
    elif "property" in place:
        members["properties"] = {"type": "object", "properties": {place["property"]: TEXT}}
    if "headers" in row:
        members[row["headers"]["member"]] = headers(row)
    members[row["body"]["member"]] = body(row)
    # What says the mode is stated in any case: the headers, where the content type is one, or the document, where there is nothing else.
    needed = row["headers"]["member"] if "headers" in row and "header" in place else row["body"]["member"] if "headers" not in row else None
    required = {"required": [needed]} if needed in row["empty"] else {}
    return {"type": "object"} | required | {"properties": members, "additionalProperties": False}


def whole(row):
    """A message of a binding as it is read, which has every member that the protocol always has."""
    return {"allOf": [{"$ref": f"#/$defs/{row['name']}Message"}], "required": list(row["empty"])}


def shapes():
    """The bindings with messages of one shape, by the first of them, which names the shape."""
    found = []
    for row in BINDINGS.values():
        same = next((rows for rows in found if message(rows[0]) == message(row) and rows[0]["empty"] == row["empty"]), None)
        same.append(row) if same else found.append([row])
    return [(rows[0], [row["name"] for row in rows]) for rows in found]


def parts(of_vectors):
    """The definitions that come of the carriers."""
    found = {"via": {"enum": FORMATS + list(BINDINGS)}}
    for name, row in BINDINGS.items():
        types = "headers" in row and isinstance(row["headers"]["values"], dict) and row["headers"]["values"]["typed"]
        if types:
            found[f"{name}Value"] = {
                "type": "object", "required": ["type"], "additionalProperties": False,
                "properties": {"type": {"enum": [one for names in types.values() for one in names]}, "value": {"type": ["string", "boolean", "number", "null"]}}}
    for row, _ in shapes():
        found[f"{row['name']}Message"] = message(row)

    def each(branch):
        yield branch({"enum": FORMATS}, {"$ref": "#/$defs/documentMessage"}, {"$ref": "#/$defs/documentMessage"})
        for row, names in shapes():
            yield branch({"enum": names} if len(names) > 1 else {"const": names[0]}, whole(row), {"$ref": f"#/$defs/{row['name']}Message"})

    def read(via, complete, _):
        return {"if": {"required": ["via"], "properties": {"via": via}}, "then": {"properties": {"message": complete}}}

    def written(via, _, stated):
        to = {"required": ["via"], "properties": {"via": via}}
        return {"if": {"properties": {"request": {"anyOf": [to, {"required": ["to"], "properties": {"to": to}}]}}},
                "then": {"properties": {"expect": {"items": {"properties": {"result": {"properties": {"message": stated}}}}}}}}

    found["carried"] = {"description": "What a request reads: the message of its carrier.", "allOf": list(each(read))}
    if of_vectors:
        found["written"] = {"description": "What a case expects to be written: the message of its carrier.", "allOf": list(each(written))}
    return found


def main():
    stale = []
    for name in ["request", "vectors"]:
        path = fair.ROOT / "schema" / f"{name}.schema.json"
        schema = json.loads(path.read_text(encoding="utf-8"))
        schema["$defs"] |= parts(name == "vectors")
        wanted = fair.show(schema) + "\n"
        if path.read_text(encoding="utf-8") != wanted:
            stale.append(path.name)
            if "--check" not in sys.argv[1:]:
                path.write_text(wanted, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.exit("run generators/schema/generate.py; these schemas would change: " + " ".join(stale))
    print(len(stale), "schemas changed")


if __name__ == "__main__":
    main()
