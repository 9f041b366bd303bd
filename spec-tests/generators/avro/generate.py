"""Writes the vectors of the Avro format and of its compact form. See README.md."""

import base64
import io
import json
import struct
import sys
from pathlib import Path

import fastavro
import jsonschema

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import fair
VECTORS = HERE.parent.parent / "vectors"
BOTH = ["1.0.2", "main"]
RECORD = "io.cloudevents.AvroCloudEventData"


def schema(name):
    text = json.loads((HERE / name).read_text())
    # The default of the compact form's `data` is no value of its first branch; it is not on the wire.
    for field in text["fields"]:
        field.pop("default", None)
    return fastavro.parse_schema(text)


AVRO = schema("cloudevents.avsc")
COMPACT = schema("cloudevents-compact.avsc")

# --- the datums, by fastavro -------------------------------------------------------------------------------------------------


def encode(schema, datum):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, datum)
    return out.getvalue()


def read(schema, document):
    source = io.BytesIO(document)
    datum = fastavro.schemaless_reader(source, schema)
    assert source.read() == b"", "something follows the datum"
    return datum


def is_datum(schema, document):
    try:
        read(schema, document)
        return True
    except Exception:
        return False


REQUIRED = {"specversion": "1.0", "id": "A-1001", "source": "/orders", "type": "com.example.order.placed"}


def branch(value):
    """The branch of a union that a bare Python value means."""
    kinds = {bool: "boolean", int: "int", str: "string", bytes: "bytes", type(None): "null"}
    return value if isinstance(value, tuple) else (kinds[type(value)], value)


def avro(attributes=None, data=None, without=(), required=REQUIRED):
    """A document of the Avro format: the required attributes, others, and `data` as a branch."""
    entries = {**required, **(attributes or {})}
    entries = {name: branch(value) for name, value in entries.items() if name not in without}
    return encode(AVRO, {"attribute": entries, "data": data or ("null", None)})


FIELDS = ["id", "source", "type", "datacontenttype", "dataschema", "subject", "time"]


def compact(fields=None, extensions=None, data=None):
    datum = {name: None for name in FIELDS} | {k: v for k, v in REQUIRED.items() if k != "specversion"} | (fields or {})
    datum["extensions"] = {name: branch(value) for name, value in (extensions or {}).items()}
    datum["data"] = data
    return encode(COMPACT, datum)


# --- pieces by hand ----------------------------------------------------------------------------------------------------------


def long(number, pad=0):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(pad):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return long(len(value)) + value


def entry(name, index, value):
    return text(name) + long(index) + value


def string(name, value):
    return entry(name, 3, text(value))


ENTRIES = [string(name, value) for name, value in REQUIRED.items()]
NO_DATA = long(1)
COMPACT_HEAD = text("A-1001") + text("/orders") + text("com.example.order.placed")


def by_hand(*entries, data=NO_DATA, required=ENTRIES):
    entries = [*required, *entries]
    return long(len(entries)) + b"".join(entries) + long(0) + data


def compact_by_hand(*extensions, fields=long(0) * 4, data=NO_DATA):
    block = long(len(extensions)) + b"".join(extensions) if extensions else b""
    return COMPACT_HEAD + fields + block + long(0) + data


# --- events, as the protocol has them ----------------------------------------------------------------------------------------

TYPES = {
    "id": "String", "source": "URI-reference", "type": "String", "datacontenttype": "String", "dataschema": "URI",
    "subject": "String", "time": "Timestamp",
}


def b64(value):
    return base64.b64encode(value).decode()


def typed(name, value):
    if isinstance(value, dict):
        return value
    kind = TYPES.get(name) or {bool: "Boolean", int: "Integer", str: "String", bytes: "Binary"}[type(value)]
    return {"type": kind, "value": b64(value) if isinstance(value, bytes) else value}


def event(attributes=None, data=None, version="1.0"):
    named = {name: value for name, value in REQUIRED.items() if name != "specversion"} | (attributes or {})
    out = {"specversion": version, "attributes": {name: typed(name, value) for name, value in named.items()}}
    return out | ({"data": data} if data is not None else {})


def of(kind, value):
    return {"type": kind, "value": value}


def body(document):
    try:
        plain = document.decode()
        if not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in plain):
            return {"text": plain}
    except UnicodeDecodeError:
        pass
    return {"base64": b64(document)}


# --- cases -------------------------------------------------------------------------------------------------------------------


def with_any_refusal(expect):
    """An outcome that states what is at fault is followed by one of any refusal: see "How outcomes are compared"."""
    refusals = [at for at, outcome in enumerate(expect) if "error" in outcome]
    if not refusals or any(expect[at]["error"] == {} for at in refusals):
        return expect
    after = refusals[-1] + 1
    return [*expect[:after], {"error": {}}, *expect[after:]]


class Topic:
    def __init__(self, area, topic, title):
        self.area, self.topic, self.title, self.cases = area, topic, title, []
        self.draft = area == "avro-compact"

    def case(self, name, title, clauses, request, expect, level="MUST", revisions=None, traps=None, policy=False, note=None, compare=None):
        case = {"id": f"{self.area}/{self.topic}/{name}", "title": title, "clauses": clauses, "level": level}
        case["revisions"] = revisions or (["main"] if self.draft else BOTH)
        case |= {"draft": True} if self.draft else {}
        case |= {"traps": traps} if traps else {}
        case |= {"policy": True} if policy else {}
        case |= {"request": request, "expect": with_any_refusal(expect)}
        case |= {"compare": compare} if compare else {}
        case |= {"note": note} if note else {}
        self.cases.append(case)

    def decode(self, name, title, clauses, document, *outcomes, lenient=False, **more):
        request = {"op": "decode", "via": self.area, "message": {"body": body(document)}}
        if lenient:
            request["strictness"] = "lenient"
        self.case(name, title, clauses, request, list(outcomes), **more)

    def encode(self, name, title, clauses, given, *documents, losses=None, **more):
        request = {"op": "encode", "via": self.area, "events": [given]}
        expect = [d if isinstance(d, dict) else {"result": {"message": {"body": body(d)}}} for d in documents]
        if losses is not None:
            expect[0]["result"]["losses"] = losses
        self.case(name, title, clauses, request, expect, **more)

    def transcode(self, name, title, clauses, via, message, to, *outcomes, exact=None, **more):
        request = {"op": "transcode", "from": {"via": via, "message": message}, "to": {"via": to}}
        if exact is not None:
            request["exact"] = exact
        self.case(name, title, clauses, request, list(outcomes), **more)


# What becomes of an Any in a format that has none is not said: its octets, or those of the message in it, whose type URL may be the dataschema, as in the Protobuf format.
ANY = b"\x0a\x17type.googleapis.com/a.B\x12\x02\x08\x01"
TYPE_URL = {"dataschema": "type.googleapis.com/a.B"}
ANY_IN_BYTES = "A protobuf Any is written as bytes, its own or those of its message, whose type URL is lost, or is the dataschema, or it is refused"

NO_LOSS = "That a String has taken the place of another type may be reported as a loss, or not."

# Of a request for a batch in a format that has none.
IN_JSON = "Whether the request is refused, the batch written in JSON, or its one event without a batch, is not said."
JSON_BATCH = {"result": {"message": {"headers": [["content-type", "application/cloudevents-batch+json"]], "body": {
    "text": '[{"specversion":"1.0","id":"A-1001","source":"/orders","type":"com.example.order.placed",'
            '"datacontenttype":"application/octet-stream","data_base64":"AP8="}]'}}}}


def came(*events, **more):
    return {"result": {"events": list(events), **more}}


def refused(attribute=None, kind=None, note=None):
    error = ({"kind": kind} if kind else {}) | ({"attribute": attribute} if attribute else {})
    return {"error": error} | ({"note": note} if note else {})


CORE = {
    "datacontenttype": "application/octet-stream", "dataschema": "https://example.com/schemas/order", "subject": "orders/42",
    "time": "2018-04-05T17:31:00.120+02:00",
}
# What stands behind a percent sign is no separator, and no space (RFC 3986, section 2.2).
ESCAPES = {"source": "/a%20b/c%2Fd?e=f%26g", "dataschema": "https://example.com/a%2Fb?c=d%26e"}
EXTENSIONS = {"comexamplebinary": b"\x00\xff", "comexamplecount": -42, "comexampleflag": True, "comexampletext": "caf\u00e9"}
URI, REFERENCE, TIME = "https://example.com/a", "/a?b#c", "2018-04-05T17:31:00.1234567+02:00"


def attributes_decode():
    t = Topic("avro", "attributes-decode", "Reading attributes in the Avro format")
    t.decode("minimal", "The required attributes are entries of the map `attribute`", ["AVRO-2.4-a", "AVRO-2.4-b"],
             avro(), came(event(), mode="structured", format="avro"))
    t.decode("all-core-attributes", "Core attributes are strings and have their own types; by 1.0.2, a content type without a payload may be refused", ["AVRO-2.1-a", "AVRO-2.4-b"],
             avro(CORE), came(event(CORE)))
    t.decode("extension-types", "Boolean, Integer, String and Binary have branches of their own", ["AVRO-2.1-a"],
             avro(EXTENSIONS), came(event(EXTENSIONS)))
    t.decode("escapes", "Percent-escapes of a URI are read as they stand", ["AVRO-2.1-a"], avro(ESCAPES), came(event(ESCAPES)))
    t.decode("name-of-28-characters", "That a name has twenty characters at most is a recommendation: it is read", ["AVRO-2.4-b", "CE-Naming-a"],
             avro({"anextensionwithaverylongname": "x"}), came(event({"anextensionwithaverylongname": "x"})))
    t.decode("order-is-free", "The entries of the map come in any order", ["AVRO-2.4-a"],
             by_hand(string("subject", "s"), *reversed(ENTRIES), required=[]), came(event({"subject": "s"})))
    for name, number in [("integer-smallest", -(2**31)), ("integer-largest", 2**31 - 1), ("integer-zero", 0)]:
        t.decode(name, f"The Integer {number} is an int", ["AVRO-2.1-a", "CE-Type-System-d"], avro({"n": number}),
                 came(event({"n": number})))
    t.decode("boolean-false", "The byte 0 is false", ["AVRO-2.1-a"], avro({"b": False}), came(event({"b": False})))
    t.decode("empty-string", "An extension may be an empty String", ["AVRO-2.1-a"], avro({"s": ""}), came(event({"s": ""})))
    t.decode("empty-binary", "An extension may be an empty Binary", ["AVRO-2.1-a"], avro({"x": b""}), came(event({"x": b""})))
    t.decode("string-of-digits", "A string of digits is no Integer", ["AVRO-2.1-a"], avro({"n": "5"}), came(event({"n": "5"})))
    t.decode("null-is-unset", "An optional attribute that is null is not set", ["AVRO-2.3-a"],
             avro({"subject": None, "ext": None}), came(event()))
    t.decode("time-is-kept", "A time keeps its offset and its digits", ["AVRO-2.1-a"],
             avro({"time": "2018-04-05T17:31:00.123456789012-05:30"}),
             came(event({"time": "2018-04-05T17:31:00.123456789012-05:30"})))
    for name in ["specversion", "id", "source", "type"]:
        t.decode(f"missing-{name}", f"Without {name} there is no event", ["AVRO-2.4-b", f"CE-{name}-a"],
                 avro(without=[name]), refused(name))
    t.decode("null-id", "A required attribute is not null", ["AVRO-2.4-b", "CE-id-a"], avro({"id": None}), refused("id"))
    t.decode("empty-map", "A map without entries is no event", ["AVRO-2.4-b", "CE-Context-Attributes-a"], avro(without=REQUIRED), refused())
    t.decode("empty-subject", "A subject that is there is not empty", ["CE-subject-b"], avro({"subject": ""}), refused("subject"))
    t.decode("time-wrong", "A time is an RFC 3339 timestamp", ["CE-time-b", "CE-Type-System-l"], avro({"time": "2018-04-05"}),
             refused("time"))
    t.decode("source-wrong", "A source is a URI-reference", ["CE-source-b"], avro({"source": "a b"}), refused("source"))
    t.decode("dataschema-relative", "A dataschema is an absolute URI", ["CE-dataschema-b"], avro({"dataschema": "/a"}),
             refused("dataschema"))
    t.decode("id-as-int", "A core attribute has the branch of its type", ["AVRO-2.1-a", "CE-id-b"], avro({"id": 5}), refused("id"))
    t.decode("time-as-bytes", "A Timestamp is a string, not bytes", ["AVRO-2.1-a", "CE-time-b"],
             avro({"time": b"2018-04-05T17:31:00Z"}), refused("time"))
    t.decode("name-upper-case", "A name has no upper-case letters", ["CE-Naming-a"], avro({"myExt": "x"}), refused())
    t.decode("name-empty", "A name is not empty", ["CE-Naming-c"], avro({"": "x"}), refused())
    t.decode("name-data", "`data` names the payload and no attribute", ["CE-Naming-f"], avro({"data": "x"}), refused())
    t.decode("control-character", "A String has no control characters", ["CE-Type-System-f"], avro({"subject": "a\nb"}),
             refused("subject"))
    t.decode("noncharacter", "A String has no noncharacters", ["CE-Type-System-g"], avro({"ext": "\ufffe"}), refused("ext"))
    t.decode("duplicate-core", "An attribute stands in the map once", ["CE-Context-Attributes-d"],
             by_hand(string("id", "A-1002")), refused("id"))
    t.decode("duplicate-extension", "An extension stands in the map once", ["CE-Context-Attributes-d"],
             by_hand(string("ext", "a"), string("ext", "a")), refused("ext"))
    t.decode("duplicate-null", "An attribute that is null and comes again is refused, or has the value of the second entry", ["CE-Context-Attributes-d"],
             by_hand(entry("ext", 0, b""), string("ext", "a")), refused("ext"), came(event({"ext": "a"})), policy=True)
    t.decode("version-unknown", "A specversion that does not exist is refused", ["CE-specversion-c"],
             avro({"specversion": "2.0"}), refused("specversion"))
    t.decode("version-0-3", "There is no Avro format for specversion 0.3: the event is refused, or read as it is", ["CE-specversion-c"],
             avro({"specversion": "0.3"}), refused("specversion"), came(event(version="0.3")), policy=True)
    return t


def attributes_encode():
    t = Topic("avro", "attributes-encode", "Writing attributes in the Avro format")
    order = "The order of the entries is free: specversion, then the attributes of the specification, then extensions by name."
    t.encode("minimal", "The required attributes are strings of the map `attribute`", ["AVRO-2.4-a", "AVRO-2.4-b", "AVRO-2.1-a"],
             event(), avro(), losses=[], note=order)
    t.encode("all-core-attributes", "Every attribute that is set is an entry of the map; by 1.0.2, a content type without a payload may be refused", ["AVRO-2.4-b", "AVRO-2.1-a"],
             event(CORE), avro(CORE), losses=[], note=order)
    t.encode("extension-types", "Boolean, Integer, String and Binary are written as their own branches", ["AVRO-2.1-a"],
             event(EXTENSIONS), avro(EXTENSIONS), losses=[])
    t.encode("escapes", "Percent-escapes of a URI are written as they stand", ["AVRO-2.1-a"], event(ESCAPES), avro(ESCAPES))
    t.encode("uri-and-timestamp", "URI, URI-reference and Timestamp are written as strings: their type is lost", ["AVRO-2.1-a"],
             event({"ref": of("URI-reference", REFERENCE), "time2": of("Timestamp", TIME), "uri": of("URI", URI)}),
             *[avro({"ref": REFERENCE, "time2": TIME, "uri": URI})] * 2, note=NO_LOSS,
             losses=[{"at": "ref"}, {"at": "time2"}, {"at": "uri"}])
    for name, number in [("integer-smallest", -(2**31)), ("integer-largest", 2**31 - 1), ("integer-64", 64)]:
        t.encode(name, f"The Integer {number} is a zig-zag number of variable length", ["AVRO-2.1-a", "AVRO-2.4-a"],
                 event({"n": number}), avro({"n": number}))
    t.encode("long-string", "The length before a string has as many bytes as it needs", ["AVRO-2.4-a"],
             event({"subject": "x" * 8200}), avro({"subject": "x" * 8200}))
    t.encode("many-entries", "The count of entries has as many bytes as it needs", ["AVRO-2.4-a"],
             event({f"x{n}": n for n in range(100, 170)}), avro({f"x{n}": n for n in range(100, 170)}))
    t.encode("empty-values", "An empty String and an empty Binary are written", ["AVRO-2.1-a"],
             event({"s": "", "x": b""}), avro({"s": "", "x": b""}))
    t.encode("version-0-3", "An event of specversion 0.3 is refused, or brought to 1.0 first, or written as it is", ["CE-specversion-c"],
             event(version="0.3"), refused("specversion"), avro(required=REQUIRED | {"specversion": "0.3"}), avro(), policy=True,
             note="The document of the Avro format does not speak of 0.3. The event may be brought to 1.0 before it is written.")
    return t


def record(entries):
    """A `CloudEventData` for fastavro."""
    return (RECORD, {"value": entries})


# The document holds the JSON value in types of Avro, so that its text is the reader's choice.
FREE = {"payload": "json"}
JSON = {"datacontenttype": "application/json"}
TEXT = {"datacontenttype": "text/plain"}
UTF_8 = {"datacontenttype": "text/plain; charset=utf-8"}
BYTES = {"datacontenttype": "application/octet-stream"}


def data_decode():
    t = Topic("avro", "data-decode", "Reading the payload in the Avro format")
    t.decode("bytes", "The branch bytes is a payload of bytes", ["AVRO-3-b"], avro(BYTES, ("bytes", b"\x00\xff")),
             came(event(BYTES, {"binary": b64(b"\x00\xff")})))
    t.decode("bytes-empty", "A payload of no bytes is a payload", ["AVRO-3-b"], avro(BYTES, ("bytes", b"")),
             came(event(BYTES, {"binary": ""})))
    t.decode("bytes-json", "Bytes under a JSON content type are JSON, stay bytes, or are characters", ["AVRO-3-b"], avro(JSON, ("bytes", b'{"n": 1.10}')),
             came(event(JSON, {"json": '{"n": 1.10}'})), came(event(JSON, {"binary": b64(b'{"n": 1.10}')})),
             compare={"json": "double"})
    t.decode("bytes-not-json", "Bytes that are not the JSON they should be stay bytes or characters, or are refused", ["AVRO-3-b"],
             avro(JSON, ("bytes", b"{oops")),
             came(event(JSON, {"binary": b64(b"{oops")}), notes=[{"kind": "payload-not-json"}]), came(event(JSON, {"text": "{oops"})), refused(), policy=True)
    cbor = b"\xa1\x61a\x01"
    ct = {"datacontenttype": "application/cbor"}
    t.decode("bytes-cbor", "Bytes under a CBOR content type are a CBOR item, or stay bytes", ["AVRO-3-b"], avro(ct, ("bytes", cbor)),
             came(event(ct, {"cbor": b64(cbor)})), came(event(ct, {"binary": b64(cbor)})))
    t.decode("bytes-text", "Bytes under a text content type are bytes, or characters", ["AVRO-3-b"], avro(TEXT, ("bytes", b"hi")),
             came(event(TEXT, {"binary": b64(b"hi")})), came(event(TEXT, {"text": "hi"})))
    t.decode("bytes-without-content-type", "Bytes without a content type are bytes, or characters", ["AVRO-3-b"],
             avro(None, ("bytes", b'{"a":1}')), came(event(None, {"binary": b64(b'{"a":1}')})), came(event(None, {"text": '{"a":1}'})))
    t.decode("null", "The branch null is no payload, or the JSON null", ["AVRO-2.3-a", "AVRO-2.4-a"], avro(JSON, ("null", None)),
             came(event(JSON)), came(event(JSON, {"json": "null"})), {"error": {}, "revisions": ["1.0.2"]}, policy=True)
    t.decode("string-text-utf-8", "A string under a text content type is text, or the JSON string it represents", ["AVRO-3-a"],
             avro(UTF_8, ("string", "caf\u00e9")),
             came(event(UTF_8, {"text": "caf\u00e9"})))
    t.decode("string-empty", "An empty string is a payload", ["AVRO-3-a"], avro(TEXT, ("string", "")),
             came(event(TEXT, {"text": ""})))
    t.decode("string-without-content-type", "A string without a content type is the JSON string it represents", ["AVRO-3-c"],
             avro(None, ("string", 'say "hi"\n')), came(event(None, {"json": r'"say \"hi\"\n"'})),
             came(event(None, {"text": 'say "hi"\n'})), compare=FREE)
    t.decode("string-under-json", "A string under a JSON content type is a JSON string, or its text is JSON", ["AVRO-2.4-a"],
             avro(JSON, ("string", '{"a":1}')), came(event(JSON, {"json": r'"{\"a\":1}"'})),
             came(event(JSON, {"json": '{"a":1}'})), came(event(JSON, {"text": '{"a":1}'})), policy=True,
             note="Whether the string is the value or its text, the specification does not say.")
    for name, value in [("boolean-true", True), ("boolean-false", False)]:
        t.decode(name, "A boolean is the JSON value", ["AVRO-3-c"], avro(None, ("boolean", value)),
                 came(event(None, {"json": json.dumps(value)})), compare=FREE)
    for name, value, digits in [("double", 1.5, "1.5"), ("double-whole", 42.0, "42"), ("double-negative", -0.25, "-0.25"),
                                ("double-shortest", 0.1, "0.1"), ("double-zero", 0.0, "0"),
                                ("double-beyond-integers", 9007199254740992.0, "9007199254740992")]:
        assert float(digits) == value
        outcomes = [came(event(None, {"json": digits}))]
        if "." not in digits:
            outcomes.append(came(event(None, {"json": digits + ".0"})))
        t.decode(name, f"A double is a JSON number: {digits}", ["AVRO-3-c"], avro(None, ("double", value)), *outcomes,
                 compare={"json": "double"} | FREE)
    for name, value in [("double-nan", float("nan")), ("double-infinity", float("inf"))]:
        t.decode(name, "A double that is no number is no JSON value", ["AVRO-3-c"], avro(None, ("double", value)), refused(),
                 traps=["J33"])
    scalars = {"n": ("null", None), "b": ("boolean", True), "d": ("double", 2.5), "s": ("string", "x")}
    members = '{"n":null,"b":true,"d":2.5,"s":"x"}'
    t.decode("map", "A map is a JSON object", ["AVRO-3-c", "AVRO-2.4-a"], avro(None, ("map", scalars)),
             came(event(None, {"json": members})), compare=FREE)
    t.decode("map-empty", "A map without entries is an empty object, held as JSON, as characters or as bytes", ["AVRO-3-c"], avro(None, ("map", {})),
             came(event(None, {"json": "{}"})), compare=FREE)
    t.decode("map-under-json", "A map under a JSON content type is a JSON object", ["AVRO-2.4-a"], avro(JSON, ("map", scalars)),
             came(event(JSON, {"json": members})), compare=FREE)
    inner = {"n": ("null", None), "b": ("boolean", False), "d": ("double", 1.5), "s": ("string", "")}
    t.decode("map-nested", "A record in a map is the object that its map is", ["AVRO-3-c", "AVRO-2.4-a"],
             avro(None, ("map", {"a": record(inner)})),
             came(event(None, {"json": '{"a":{"n":null,"b":false,"d":1.5,"s":""}}'})),
             came(event(None, {"json": '{"a":{"value":{"n":null,"b":false,"d":1.5,"s":""}}}'})), policy=True, compare=FREE,
             note="That a CloudEventData stands for its map, and not for an object with a member `value`, is the reading of `Representation of a JSON Value`.")
    t.decode("map-deeply-nested", "Maps and arrays in a record are objects and arrays of objects", ["AVRO-3-c", "AVRO-2.4-a"],
             avro(None, ("map", {"a": record({"m": ("map", {"k": {"value": inner}}),
                                              "l": ("array", [{"value": {}}, {"value": inner}])})})),
             came(event(None, {"json": '{"a":{"m":{"k":{"n":null,"b":false,"d":1.5,"s":""}},"l":[{},{"n":null,"b":false,"d":1.5,"s":""}]}}'})),
             came(event(None, {"json": '{"a":{"value":{"m":{"k":{"value":{"n":null,"b":false,"d":1.5,"s":""}}},"l":[{"value":{}},{"value":{"n":null,"b":false,"d":1.5,"s":""}}]}}}'})),
             policy=True, compare=FREE)
    t.decode("array", "An array is a JSON array of objects", ["AVRO-3-c", "AVRO-2.4-a"],
             avro(None, ("array", [{"value": {"a": ("double", 1.5)}}, {"value": {}}])),
             came(event(None, {"json": '[{"a":1.5},{}]'})),
             came(event(None, {"json": '[{"value":{"a":1.5}},{"value":{}}]'})), policy=True, compare=FREE)
    t.decode("array-empty", "An array without items is an empty JSON array", ["AVRO-3-c"], avro(None, ("array", [])),
             came(event(None, {"json": "[]"})), compare=FREE)
    t.decode("strings-are-escaped", "Characters that JSON escapes make no other string", ["AVRO-3-c"],
             avro(None, ("map", {'"\\': ("string", "\u0000\b\f\n\r\t\u001f\u007f\u2028\U0001F600")})),
             came(event(None, {"json": json.dumps({'"\\': "\u0000\b\f\n\r\t\u001f\u007f\u2028\U0001F600"})})), compare=FREE)
    t.decode("map-duplicate-name", "A map that has a name twice is refused, or read with both or one of them", ["AVRO-2.4-a"],
             by_hand(data=long(3) + long(2) + entry("a", 0, b"") + entry("a", 0, b"") + long(0)), refused(),
             came(event(None, {"json": '{"a":null,"a":null}'})), came(event(None, {"json": '{"a":null}'})), policy=True, compare=FREE)
    boolean = avro(TEXT, ("boolean", True))
    for name, lenient in [("json-value-under-text", False), ("json-value-under-text-lenient", True)]:
        outcomes = [refused(), came(event(TEXT, {"text": "true"})), came(event(TEXT, {"json": "true"}))]
        if lenient:
            outcomes = [came(event(TEXT, {"text": "true"}), repairs=[{}]), refused(), came(event(TEXT, {"json": "true"}))]
        t.decode(name, "A JSON value under a text content type is refused, or read as its text or as the value", ["AVRO-3-a", "AVRO-2.4-a", "CE-Overview-a"], boolean, *outcomes, lenient=lenient,
                 policy=True, level="MUST")
    t.decode("content-type-in-any-case", "Bytes under the JSON content type in another case are read, as JSON, as characters or as bytes", ["CE-datacontenttype-f"],
             avro({"datacontenttype": "Application/Vnd.Order+JSON; charset=utf-8"}, ("bytes", b"[1]")),
             came(event({"datacontenttype": "Application/Vnd.Order+JSON; charset=utf-8"}, {"json": "[1]"})), revisions=["main"])
    return t


def data_encode():
    t = Topic("avro", "data-encode", "Writing the payload in the Avro format")
    t.encode("none", "An event without payload has the branch null; by 1.0.2, a content type without a payload may be refused", ["AVRO-2.4-a", "AVRO-2.3-a"], event(JSON), avro(JSON))
    t.encode("binary", "Bytes are written as the branch bytes", ["AVRO-3-b"], event(BYTES, {"binary": b64(b"\x00\xff")}),
             avro(BYTES, ("bytes", b"\x00\xff")), losses=[])
    t.encode("binary-empty", "A payload of no bytes is an empty bytes or an empty string, and not null", ["AVRO-3-b"], event(BYTES, {"binary": ""}),
             avro(BYTES, ("bytes", b"")), avro(BYTES, ("string", "")), note="Whoever examines \"the data for invalid UTF-8 sequences\" finds none in no bytes.")
    t.encode("binary-without-content-type", "Bytes need no content type", ["AVRO-3-b"], event(None, {"binary": b64(b"\xff")}),
             avro(None, ("bytes", b"\xff")), avro({"datacontenttype": "application/octet-stream"}, ("bytes", b"\xff")))
    t.encode("json", "JSON under a JSON content type is written as bytes, in any spelling, as a string, or as a map", ["AVRO-3-a", "AVRO-2.4-a"],
             event(JSON, {"json": '{"order": 42, "total": 1.10}'}),
             avro(JSON, ("bytes", b'{"order": 42, "total": 1.10}')),
             avro(JSON, ("map", {"order": ("double", 42.0), "total": ("double", 1.1)})),
             *(avro(JSON, ("bytes", text.encode())) for text in fair.spellings('{"order": 42, "total": 1.10}')[1:]),
             *(avro(JSON, ("string", text)) for text in fair.spellings('{"order": 42, "total": 1.10}')), losses=[], policy=True)
    explicit = "With its content type made explicit, section 3 does not ask for the JSON branches, which know neither integers nor arrays of numbers, nor for bytes."
    t.encode("json-without-content-type", "JSON without a content type is written with it, or as the branches for JSON values",
             ["AVRO-3-c"], event(None, {"json": '{"order":42}'}), avro(JSON, ("bytes", b'{"order":42}')),
             avro(None, ("map", {"order": ("double", 42.0)})), avro(JSON, ("map", {"order": ("double", 42.0)})), avro(JSON, ("string", '{"order":42}')), note=explicit)
    t.encode("json-array-without-content-type", "An array of numbers, for which the schema has no branch, is written as its text, or refused", ["AVRO-3-a", "AVRO-3-c"],
             event(None, {"json": "[1,2]"}), *(avro(given, held) for held in (("bytes", b"[1,2]"), ("string", "[1,2]")) for given in (JSON, None)), avro(BYTES, ("bytes", b"[1,2]")), refused(), policy=True)
    t.encode("json-null-without-content-type", "A JSON null is written as its text with its content type, or as the branch null", ["AVRO-3-c"], event(None, {"json": "null"}),
             avro(JSON, ("bytes", b"null")), avro(None, ("null", None)), avro(JSON, ("null", None)), avro(JSON, ("string", "null")), note=explicit)
    t.encode("json-large-integer", "A JSON integer of 23 digits is written with all of them, as a double, or refused", ["AVRO-3-a"],
             event(JSON, {"json": "12345678901234567890123"}), avro(JSON, ("bytes", b"12345678901234567890123")),
             avro(JSON, ("string", "12345678901234567890123")), *(avro(JSON, held) for text in ("1.2345678901234568e+22", "1.2345678901234568E22", "1.2345678901234568e22")
                                                                   for held in (("bytes", text.encode()), ("string", text))),
             avro(JSON, ("double", 12345678901234567890123.0)), traps=["J22"],
             policy=True)
    t.encode("text", "Text under a text content type is written as a string, or as bytes", ["AVRO-3-a"], event(UTF_8, {"text": "caf\u00e9"}),
             avro(UTF_8, ("string", "caf\u00e9")), avro(UTF_8, ("bytes", "caf\u00e9".encode())), losses=[], policy=True)
    t.encode("text-empty", "An empty text is a payload, of no characters or of no bytes", ["AVRO-3-a"], event(TEXT, {"text": ""}), avro(TEXT, ("string", "")),
             avro(TEXT, ("bytes", b"")), policy=True)
    t.encode("text-without-content-type", "Text without a content type is written as a string, the JSON value it represents, or with its content type",
             ["AVRO-3-c"], event(None, {"text": "placed"}), avro(None, ("string", "placed")),
             *[avro({"datacontenttype": media_type}, ("string", "placed")) for media_type in ("text/plain", "text/plain; charset=utf-8", "application/json")],
             *[avro({"datacontenttype": media_type}, ("bytes", b"placed")) for media_type in ("text/plain", "text/plain; charset=utf-8", "application/octet-stream")],
             avro(JSON, ("bytes", b'"placed"')), losses=[{"at": "data"}],
             note="With its content type made explicit, section 3 does not ask for the JSON branches, nor for bytes.")
    t.encode("text-under-json", "Text that is not JSON, under a JSON content type, becomes a JSON string or bytes, or is refused", ["AVRO-3-a"],
             event(JSON, {"text": "{oops"}), avro(JSON, ("string", "{oops")), avro(JSON, ("bytes", b"{oops")), avro(JSON, ("bytes", b'"{oops"')), refused(),
             losses=[{"at": "data"}], policy=True)
    t.encode("xml", "An XML element is written as text or bytes, with its content type or without, or refused", ["AVRO-3-a"], event(None, {"xml": "<a/>"}),
             *(avro(given, held) for given in (*({"datacontenttype": media_type} for media_type in fair.TYPES_OF_XML), None) for held in (("string", "<a/>"), ("bytes", b"<a/>"))),
             avro(BYTES, ("bytes", b"<a/>")), refused(), policy=True)
    ct = {"datacontenttype": "application/cbor"}
    t.encode("cbor", "The CBOR item null is written as bytes, with its content type or without, or as the branch null, or refused", ["AVRO-3-b", "AVRO-3-c"], event(None, {"cbor": b64(b"\xf6")}),
             avro(ct, ("bytes", b"\xf6")), avro(None, ("bytes", b"\xf6")), avro(), refused(), losses=[], policy=True,
             note="The item is null, which without a content type has a branch of its own (section 3).")
    ct = {"datacontenttype": "application/protobuf"}
    t.encode("proto", ANY_IN_BYTES, ["AVRO-3-b"], event(None, {"proto": {"typeurl": "type.googleapis.com/a.B", "value": b64(b"\x08\x01")}}),
             avro(ct, ("bytes", b"\x08\x01")), *(avro(given | schema, ("bytes", held)) for held in (b"\x08\x01", ANY) for schema in ({}, TYPE_URL) for given in (ct, {}) if (held, schema, given) != (b"\x08\x01", {}, ct)), refused(), losses=[{"at": "data"}], policy=True)
    return t


def document_syntax():
    t = Topic("avro", "document-syntax", "What is a datum of the schema, and what is none")
    plain = event()
    a, b, c, d = ENTRIES
    blocks = {
        "several-blocks": ("A map comes in several blocks", long(1) + a + long(2) + b + c + long(1) + d + long(0) + NO_DATA),
        "block-with-size": ("A negative count has the size of the block behind it",
                            long(-4) + long(len(b"".join(ENTRIES))) + b"".join(ENTRIES) + long(0) + NO_DATA),
        "blocks-of-both-kinds": ("Blocks with and without their size follow each other",
                                 long(-1) + long(len(a)) + a + long(3) + b + c + d + long(0) + NO_DATA),
        "number-longer-than-needed": ("A number that is longer than it has to be is read, or refused",
                                      long(4, pad=2) + b"".join(ENTRIES) + long(0) + long(1, pad=1)),
    }
    for name, (title, document) in blocks.items():
        assert read(AVRO, document) == read(AVRO, avro()), name
        # Whether a number may be longer is not said.
        t.decode(name, title, ["AVRO-2.4-a"], document, came(plain), *([{"error": {}}] if name == "number-longer-than-needed" else []))
    array = long(4) + long(-1) + long(1) + long(0) + long(1) + long(0) + long(0)
    assert read(AVRO, by_hand(data=array))["data"] == [{"value": {}}, {"value": {}}]
    t.decode("array-in-blocks", "An array comes in blocks of both kinds", ["AVRO-2.4-a"], by_hand(data=array),
             came(event(None, {"json": "[{},{}]"})), came(event(None, {"json": '[{"value":{}},{"value":{}}]'})), policy=True, compare=FREE)
    broken = {
        "empty": ("An empty document is none", b""),
        "truncated-in-name": ("A document that ends in a name is refused", avro()[:4]),
        "truncated-in-value": ("A document that ends in a value is refused", avro()[:30]),
        "truncated-before-data": ("A document without the field data is refused", avro()[:-1]),
        "truncated-in-data": ("A document that ends in its payload is refused", avro(BYTES, ("bytes", b"abc"))[:-1]),
        "truncated-in-double": ("A document that ends in a double is refused", avro(None, ("double", 1.5))[:-1]),
        "truncated-in-number": ("A document that ends in a number is refused", by_hand(entry("n", 2, b""), data=b"")[:-1] + b"\x80"),
        "branch-too-large": ("The union of the attributes has no sixth branch", by_hand(entry("n", 5, b""))),
        "branch-negative": ("A branch is not negative", by_hand(entry("n", -1, b""))),
        # Who counts from the end takes -1 for bytes or string. Behind it is what that reads, so that nothing else is wrong with the document.
        "branch-negative-from-the-end": ("A branch is not counted from the end of the union", by_hand(entry("n", -1, long(0)))),
        "data-branch-negative": ("A branch of the payload is not counted from the end of the union", by_hand(data=long(-1) + long(0))),
        "data-branch-too-large": ("The union of the payload has no eighth branch", by_hand(data=long(7))),
        "length-too-large": ("A length beyond the document is refused", by_hand(entry("s", 3, long(2**40)))),
        "length-negative": ("A length is not negative", by_hand(entry("s", 3, long(-1)))),
        "count-too-large": ("A count beyond the document is refused", long(2**62) + b"".join(ENTRIES) + long(0) + NO_DATA),
        "number-too-long": ("A number that is longer than any of 64 bits has to be is read, or refused", by_hand(data=long(1, pad=10))),
        "number-too-large": ("A number has 64 bits at most", b"\xff" * 9 + b"\x7f" + b"".join(ENTRIES) + long(0) + NO_DATA),
        "string-not-utf8": ("A string is UTF-8", by_hand(string("s", b"caf\xe9"))),
        "name-not-utf8": ("A name is UTF-8", by_hand(string(b"\xff", "x"))),
        "data-not-utf8": ("A payload that is a string is UTF-8", by_hand(string("datacontenttype", "text/plain"), data=long(6) + text(b"\xff"))),
        "string-surrogate": ("A surrogate is not UTF-8", by_hand(string("s", b"\xed\xa0\x80"))),
        "json": ("JSON text is no datum", b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}'),
    }
    for name, (title, document) in broken.items():
        # The numbers of fastavro have no end, and of branches it counts negative ones from the last.
        assert not is_datum(AVRO, document) or name in ("number-too-long", "branch-negative-from-the-end", "data-branch-negative"), name
        # Whether a number may be longer is not said: neither than it has to be, nor than any has to be.
        t.decode(name, title, ["AVRO-2.4-a"], document, refused(), *([came(plain)] if name == "number-too-long" else []))
    t.decode("int-too-large", "An int has 32 bits", ["AVRO-2.1-a", "CE-Type-System-d"],
             by_hand(entry("n", 2, long(2**31))), refused("n"))
    t.decode("boolean-not-0-or-1", "A boolean that is another byte than 0 and 1 is refused, or read as either", ["AVRO-2.4-a"], by_hand(entry("b", 1, b"\x02")), refused(),
             came(event({"b": True})), came(event({"b": False})), policy=True)
    t.decode("trailing-bytes", "Nothing follows the datum", ["AVRO-2.4-a"], avro() + b"\x00", refused())
    t.decode("two-datums", "Two datums are no batch", ["AVRO-2.4-a"], avro() + avro(), refused())
    t.decode("block-size-wrong", "A block whose size is another than it says is refused, or read without its size", ["AVRO-2.4-a"],
             long(-4) + long(1) + b"".join(ENTRIES) + long(0) + NO_DATA, refused(), came(plain), policy=True,
             note="Readers may use the size to step over a block; then they and those that do not disagree.")
    container = io.BytesIO()
    fastavro.writer(container, AVRO, [{"attribute": {k: branch(v) for k, v in REQUIRED.items()}, "data": ("null", None)}],
                    sync_marker=bytes(16), codec="null")
    t.decode("object-container", "An object container file is no datum", ["AVRO-2.4-a"], container.getvalue(), refused())
    t.decode("single-object", "A datum with its fingerprint before it is none", ["AVRO-2.4-a"],
             b"\xc3\x01" + struct.pack("<Q", 0x0123456789ABCDEF) + avro(), refused())
    return t


def lenient():
    t = Topic("avro", "lenient", "Repairs of lenient decoding in the Avro format")
    t.decode("valid", "A valid event needs no repair; by 1.0.2, a content type without a payload may be refused", ["CE-Overview-a"], avro(CORE), came(event(CORE), repairs=[]), lenient=True)
    t.decode("upper-case-name", "A name in upper case is lower-cased and reported", ["CE-Naming-a"], avro({"myExt": "x"}),
             came(event({"myext": "x"}), repairs=[{"attribute": "myext"}]), refused(), lenient=True, policy=True)
    t.decode("optional-attribute", "An optional attribute that is wrong is left out and reported", ["CE-Type-System-l"],
             avro({"time": "yesterday"}), came(event(), repairs=[{"attribute": "time"}]), refused(), lenient=True, policy=True)
    t.decode("required-attribute", "A required attribute is not repaired", ["CE-id-a"], avro(without=["id"]), refused("id"),
             lenient=True)
    t.decode("truncated", "What is no datum is not repaired", ["AVRO-2.4-a"], avro()[:-1], refused(), lenient=True)
    return t


CE_HEADERS = [["ce-" + name, value] for name, value in REQUIRED.items()]
BESIDE = "The same message with the ce- headers of binary mode beside the Content-Type is allowed."


def structured():
    t = Topic("avro", "structured", "The media type of the Avro format")
    ct = [["Content-Type", "application/cloudevents+avro"]]
    given = event(BYTES, {"binary": b64(b"\x00\xff")})
    document = body(avro(BYTES, ("bytes", b"\x00\xff")))
    t.case("encode", "A structured message has the media type of the format", ["AVRO-4-a"],
           {"op": "encode", "via": "http", "mode": "structured", "format": "avro", "events": [given]},
           [{"result": {"message": {"headers": ct + more, "body": document}}} for more in ([], CE_HEADERS)], revisions=["main"], note=BESIDE)
    t.case("decode", "The media type tells the format", ["AVRO-4-a"],
           {"op": "decode", "via": "http", "message": {"headers": ct, "body": document}},
           [came(given, mode="structured", format="avro")], revisions=["main"])
    # That a parameter which nobody knows is ignored is no sentence of CloudEvents.
    for name, title, media_type, others in (
            ("decode-any-case", "The media type is compared without regard to case; one with an unknown parameter may be refused", "Application/CloudEvents+Avro; a=b", [refused()]),
            ("decode-letter-case", "The media type is compared without regard to case", "Application/CloudEvents+Avro", [])):
        t.case(name, title, ["AVRO-4-a", "SDK-Encode-Decode-f"],
               {"op": "decode", "via": "http", "message": {"headers": [["Content-Type", media_type]], "body": document}},
               [came(given, mode="structured", format="avro"), *others], revisions=["main"])
    t.case("batch", "The format has no batches: one of one event is refused, or written in JSON, or its event alone", ["AVRO-1-a", "HTTP-3.3-a"],
           {"op": "encode", "via": "http", "mode": "batched", "format": "avro", "events": [given]},
           [refused(), JSON_BATCH, *({"result": {"message": {"headers": ct + more, "body": document}}} for more in ([], CE_HEADERS))], note=IN_JSON)
    t.case("decode-batch", "A batch in the format does not exist", ["AVRO-1-a", "HTTP-3.3-a"],
           {"op": "decode", "via": "http",
            "message": {"headers": [["Content-Type", "application/cloudevents-batch+avro"]], "body": document}}, [refused()])
    return t


ORDER = {"text": '{"specversion":"1.0","id":"A-1001","source":"/orders","type":"com.example.order.placed","comexamplecount":5,"comexampleflag":true,"time":"2018-04-05T17:31:00.1234567+02:00","data":{"total":1.10}}'}


def transcode():
    t = Topic("avro", "transcode", "Between the Avro format and others")
    kept = {"time": TIME, "comexamplecount": 5, "comexampleflag": True}
    written = avro({"datacontenttype": "application/json", **kept}, ("bytes", b'{"total":1.10}'))
    result = {"message": {"body": body(written)}}
    t.transcode("from-json", "JSON data goes into bytes, into a string or into a map, and its content type is made explicit",
                ["AVRO-2.1-a", "AVRO-3-a", "CE-datacontenttype-d"], "json", {"body": ORDER}, "avro",
                {"result": {**result, "losses": []}},
                *({"result": {"message": {"body": body(avro({"datacontenttype": "application/json", **kept}, ("bytes", text.encode())))}}}
                  for text in fair.spellings('{"total":1.10}')[1:]),
                # Nothing forbids the branches for JSON values where the content type is explicit, nor the one for text.
                *({"result": {"message": {"body": body(avro({"datacontenttype": "application/json", **kept}, held))}}}
                  for held in (("map", {"total": ("double", 1.1)}), *(("string", text) for text in fair.spellings('{"total":1.10}')))),
                exact=True, policy=True, level="SHOULD")
    stated = ORDER["text"].replace('"time"', '"datacontenttype":"application/json","time"')
    bytes_kept = stated.replace('"data":{"total":1.10}', '"data_base64":"' + b64(b'{"total":1.10}') + '"')
    t.transcode("to-json", "Bytes under a JSON content type become JSON data, or stay bytes", ["AVRO-2.1-a", "AVRO-3-b"], "avro",
                {"body": body(written)}, "json",
                *({"result": {"message": {"body": {"text": text}}}} for text in (stated, bytes_kept)), policy=True, compare={"json": "double"},
                note="An implementation that holds the payload as bytes may write it as base64.")
    texts = dict.fromkeys(text for total in ("42", "42.0") for text in fair.spellings('{"total":' + total + "}"))
    payloads = [*({"data": {"total": total}} for total in (42, 42.0)), *({"data_base64": b64(text.encode())} for text in texts), *({"data": text} for text in texts)]
    t.transcode("map-to-json", "A map becomes JSON data, or its text or bytes", ["AVRO-3-c"], "avro",
                {"body": body(avro(None, ("map", {"total": ("double", 42.0)})))}, "json",
                *({"result": {"message": {"body": {"text": json.dumps(REQUIRED | payload, separators=(",", ":"))}}}}
                  for payload in payloads), policy=True, note="A reader may hold the map as bytes or characters, of which no content type says that they are JSON.")
    t.transcode("unchanged", "A document passes through unchanged; by 1.0.2, a content type without a payload may be refused", ["AVRO-2.4-a"], "avro", {"body": body(avro(CORE))}, "avro",
                {"result": {"message": {"body": body(avro(CORE))}}}, exact=True)
    t.transcode("string-stays-string", "Text passes through as text, or as bytes", ["AVRO-3-a"], "avro",
                {"body": body(avro(TEXT, ("string", "hi")))}, "avro",
                {"result": {"message": {"body": body(avro(TEXT, ("string", "hi")))}}},
                {"result": {"message": {"body": body(avro(TEXT, ("bytes", b"hi")))}}}, policy=True)
    return t


# --- the compact form --------------------------------------------------------------------------------------------------------

MICROS = 1685121689691000  # The example of the document: 2023-05-26T17:21:29.691Z


def compact_decode():
    t = Topic("avro-compact", "decode", "Reading events in the Avro compact format")
    a, c = "AVROC-2.2-a", "AVROC-2.1-a"
    t.decode("minimal", "The required attributes are fields, and the specversion is 1.0", [a, "AVROC-1-a"], compact(),
             came(event(), mode="structured", format="avro-compact"))
    t.decode("id-and-type", "The first field is the id and the third the type", [a],
             compact({"id": "the-id", "source": "/the-source", "type": "the-type"}),
             came(event({"id": "the-id", "source": "/the-source", "type": "the-type"})), traps=["A1"])
    fields = {"datacontenttype": "application/octet-stream", "dataschema": "https://example.com/schemas/order", "subject": "orders/42"}
    t.decode("all-fields", "Every field is the attribute of its name", [a, c],
             compact(fields | {"time": MICROS}, data=b"\x00\xff"),
             came(event(fields | {"time": "2023-05-26T17:21:29.691Z"}, {"binary": b64(b"\x00\xff")})))
    times = {"whole-second": (0, "1970-01-01T00:00:00Z"), "microsecond": (1, "1970-01-01T00:00:00.000001Z"),
             "before-1970": (-1, "1969-12-31T23:59:59.999999Z"), "milliseconds": (MICROS, "2023-05-26T17:21:29.691Z"),
             "first": (-62167219200000000, "0000-01-01T00:00:00Z"), "last": (253402300799999999, "9999-12-31T23:59:59.999999Z"),
             "leap-day": (1582934400000000, "2020-02-29T00:00:00Z")}
    for name, (micros, value) in times.items():
        t.decode(f"time-{name}", f"A time is a number of microseconds in UTC: {value}{', or is refused' if name == 'first' else ''}", [c], compact({"time": micros}),
                 came(event({"time": value})), *((refused(),) if name == "first" else ()), policy=name == "first")
    for name, micros in [("too-early", -62167219200000001), ("too-late", 253402300800000000), ("far-too-late", 2**63 - 1)]:
        t.decode(f"time-{name}", "A time outside of the years 0000 to 9999 is no RFC 3339 timestamp", ["CE-Type-System-l"],
                 compact({"time": micros}), refused("time"))
    t.decode("extension-types", "Boolean, Integer, String and Binary have branches of their own", [c, a],
             compact(extensions=EXTENSIONS), came(event(EXTENSIONS)))
    t.decode("extension-timestamp", "A long in an extension is a Timestamp", [c], compact(extensions={"t": ("long", MICROS)}),
             came(event({"t": of("Timestamp", "2023-05-26T17:21:29.691Z")})))
    t.decode("extension-string", "A string is no Timestamp, whatever it looks like, and may be a URI", [c],
             compact(extensions={"t": "2018-04-05T17:31:00Z", "u": URI}),
             *(came(event({"t": "2018-04-05T17:31:00Z", "u": of(kind, URI)})) for kind in ("String", "URI", "URI-reference")),
             note="String, URI and URI-reference are written alike, and it is not said which of them a reader gives an extension.")
    for name, number in [("smallest", -(2**31)), ("largest", 2**31 - 1)]:
        t.decode(f"integer-{name}", f"The Integer {number} is an int", [c, "CE-Type-System-d"], compact(extensions={"n": number}),
                 came(event({"n": number})))
    t.decode("data-empty", "A payload of no bytes is a payload", [a], compact(BYTES, data=b""), came(event(BYTES, {"binary": ""})))
    t.decode("data-null", "The branch null is no payload", [a], compact(JSON), came(event(JSON)))
    t.decode("data-json", "Bytes under a JSON content type are JSON, stay bytes, or are characters", [a], compact(JSON, data=b'{"n": 1.10}'),
             came(event(JSON, {"json": '{"n": 1.10}'})), came(event(JSON, {"binary": b64(b'{"n": 1.10}')})),
             compare={"json": "double"})
    t.decode("data-not-json", "Bytes that are not the JSON they should be stay bytes or characters, or are refused", [a], compact(JSON, data=b"{oops"),
             came(event(JSON, {"binary": b64(b"{oops")}), notes=[{"kind": "payload-not-json"}]), refused(), policy=True)
    t.decode("data-text", "Bytes under a text content type are bytes, or characters", [a], compact(TEXT, data=b"hi"),
             came(event(TEXT, {"binary": b64(b"hi")})), came(event(TEXT, {"text": "hi"})))
    # All payloads are bytes here, JSON included, as in records of Kafka; the Avro format has branches of their own for JSON without a content type.
    t.decode("data-without-content-type", "Bytes without a content type are bytes, characters, or the JSON that they are", [a], compact(data=b"{}"),
             came(event(None, {"binary": b64(b"{}")})), came(event(None, {"text": "{}"})), came(event(None, {"json": "{}"})))
    x, y = entry("x", 0, b"\x01"), entry("y", 1, long(7))
    for name, title, blocks in [
        ("several-blocks", "The extensions come in several blocks", long(1) + x + long(1) + y + long(0)),
        ("block-with-size", "A negative count has the size of the block behind it", long(-2) + long(len(x + y)) + x + y + long(0)),
    ]:
        document = COMPACT_HEAD + long(0) * 4 + blocks + NO_DATA
        assert read(COMPACT, document)["extensions"] == {"x": True, "y": 7}
        t.decode(name, title, [a], document, came(event({"x": True, "y": 7})))
    return t


def compact_refused():
    t = Topic("avro-compact", "refused", "What is no event in the Avro compact format")
    a, c = "AVROC-2.2-a", "AVROC-2.1-a"
    for name in ["id", "source", "type"]:
        t.decode(f"empty-{name}", f"The {name} is not empty", [f"CE-{name}-b"], compact({name: ""}), refused(name))
    t.decode("empty-subject", "A subject that is there is not empty", ["CE-subject-b"], compact({"subject": ""}), refused("subject"))
    t.decode("source-wrong", "A source is a URI-reference", ["CE-source-b"], compact({"source": "a b"}), refused("source"))
    t.decode("dataschema-relative", "A dataschema is an absolute URI", ["CE-dataschema-b"], compact({"dataschema": "/a"}), refused("dataschema"))
    t.decode("content-type-wrong", "A datacontenttype is a media type", ["CE-datacontenttype-b"], compact({"datacontenttype": "xyz"}),
             refused("datacontenttype"))
    t.decode("control-character", "A String has no control characters", ["CE-Type-System-f"], compact(extensions={"e": "a\nb"}),
             refused("e"))
    t.decode("name-upper-case", "A name has no upper-case letters", ["CE-Naming-a"], compact(extensions={"myExt": "x"}), refused())
    t.decode("name-data", "`data` names the payload and no attribute", ["CE-Naming-f"], compact(extensions={"data": "x"}), refused())
    t.decode("duplicate-extension", "An extension stands in the map once", ["CE-Context-Attributes-d"],
             compact_by_hand(entry("e", 0, b"\x01"), entry("e", 0, b"\x01")), refused("e"))
    t.decode("field-as-extension", "An attribute that is a field is no extension", ["CE-Context-Attributes-d"], compact(extensions={"id": "A-1002"}),
             refused("id"))
    t.decode("unset-field-as-extension", "An attribute that is a field, which is null, is refused as an extension, read, or left out", [a],
             compact(extensions={"subject": "s"}), refused("subject"), came(event({"subject": "s"})), came(event()), policy=True)
    for version in ["1.0", "0.3"]:
        t.decode(f"specversion-as-extension-{version.replace('.', '-')}", "The specversion is not in the document: as an extension it is refused, or read over", ["AVROC-1-a", a],
                 compact(extensions={"specversion": version}), refused("specversion"), came(event()), policy=True)
    broken = {
        "empty": ("An empty document is none", b""),
        "truncated-in-string": ("A document that ends in a string is refused", compact()[:10]),
        "truncated-before-data": ("A document without the field data is refused", compact()[:-1]),
        "truncated-in-data": ("A document that ends in its payload is refused", compact(BYTES, data=b"abc")[:-1]),
        "truncated-in-time": ("A document that ends in its time is refused", compact({"time": MICROS})[:-6]),
        "optional-branch": ("A field that may be null has two branches", COMPACT_HEAD + long(2) + bytes(4) + long(1)),
        "extension-branch": ("The union of the extensions has no sixth branch", compact_by_hand(entry("e", 5, b""))),
        "data-branch": ("The union of the payload has no third branch", compact_by_hand(data=long(2))),
        # Behind each is what the branch has that is found by counting from the end.
        "optional-branch-negative": ("The branch of a field that may be null is not counted from the end of the union", COMPACT_HEAD + long(-1) + long(0) + bytes(4) + long(1)),
        "extension-branch-negative": ("A branch of the extensions is not counted from the end of the union", compact_by_hand(entry("e", -1, long(0)))),
        "data-branch-negative": ("A branch of the payload is not counted from the end of the union", compact_by_hand(data=long(-1))),
        "length-too-large": ("A length beyond the document is refused", compact_by_hand(entry("e", 3, long(2**40)))),
        "length-negative": ("A length is not negative", compact_by_hand(entry("e", 3, long(-1)))),
        "not-utf8": ("A string is UTF-8", compact_by_hand(entry("e", 3, text(b"caf\xe9")))),
        "trailing-bytes": ("Nothing follows the datum", compact() + b"\x00"),
    }
    for name, (title, document) in broken.items():
        assert not is_datum(COMPACT, document) or name.endswith("-branch-negative"), name  # fastavro counts from the end
        t.decode(name, title, [a], document, refused())
    t.decode("int-too-large", "An int has 32 bits", [c, "CE-Type-System-d"], compact_by_hand(entry("n", 1, long(2**31))), refused("n"))
    t.decode("not-compact", "A document of the other Avro format is none of this one", [a], avro(), refused())
    t.decode("lenient-extension", "An extension that is wrong is left out by lenient decoding, and reported", [c],
             compact(extensions={"t": ("long", 2**63 - 1)}), came(event(), repairs=[{"attribute": "t"}]), refused(), lenient=True,
             policy=True)
    t.decode("lenient-required", "A required attribute is not repaired", ["CE-id-b"], compact({"id": ""}), refused("id"), lenient=True)
    return t


def compact_encode():
    t = Topic("avro-compact", "encode", "Writing events in the Avro compact format")
    a, c = "AVROC-2.2-a", "AVROC-2.1-a"
    order = "The order of the extensions is free: here they are sorted by name."
    t.encode("minimal", "The required attributes are fields, and the specversion is not written", [a, "AVROC-1-a"], event(), compact(),
             losses=[])
    fields = {"datacontenttype": "application/octet-stream", "dataschema": "https://example.com/schemas/order", "subject": "orders/42"}
    t.encode("all-fields", "Every attribute of the specification is the field of its name", [a, c],
             event(fields | {"time": "2023-05-26T17:21:29.691Z"}, {"binary": b64(b"\x00\xff")}),
             compact(fields | {"time": MICROS}, data=b"\x00\xff"), losses=[])
    t.encode("extension-types", "Boolean, Integer, String and Binary are written as their own branches", [c], event(EXTENSIONS),
             compact(extensions=EXTENSIONS), losses=[], note=order)
    t.encode("extension-timestamp", "A Timestamp is written as microseconds", [c],
             event({"t": of("Timestamp", "2023-05-26T17:21:29.691Z")}), compact(extensions={"t": ("long", MICROS)}), losses=[])
    t.encode("extension-uri", "URI and URI-reference are written as strings: their type is lost", [c],
             event({"ref": of("URI-reference", REFERENCE), "uri": of("URI", URI)}), *[compact(extensions={"ref": REFERENCE, "uri": URI})] * 2, note=NO_LOSS,
             losses=[{"at": "ref"}, {"at": "uri"}])
    # Digits that do not fit are cut or rounded. A leap second becomes the second after it, or what is left of the one before.
    others = {"offset": (0,), "finer": (1,), "finer-before-1970": (1,), "leap-second": (-1_000_000, -1_000, -1)}
    for name, value, micros, losses in [
        ("microsecond", "1970-01-01T00:00:00.000001Z", 1, []), ("before-1970", "1969-12-31T23:59:59.999999Z", -1, []),
        ("offset", "2018-04-05T17:31:00+02:00", 1522942260000000, [{"at": "time"}]),
        ("zero-offset", "2018-04-05T17:31:00+00:00", 1522949460000000, []),
        ("finer", "1970-01-01T00:00:00.0000019Z", 1, [{"at": "time"}]),
        ("finer-before-1970", "1969-12-31T23:59:59.9999991Z", -1, [{"at": "time"}]),
        ("trailing-zeros", "1970-01-01T00:00:00.000001000Z", 1, []),
        ("leap-second", "1990-12-31T23:59:60Z", 662688000000000, [{"at": "time"}]),
    ]:
        t.encode(f"time-{name}", f"A time is written as microseconds since 1970: {value}{', or is refused' if losses and name != 'offset' else ''}", [c], event({"time": value}),
                 compact({"time": micros}),
                 *(compact({"time": micros + other}) for other in others.get(name, ())), *((refused(),) if losses and name != "offset" else ()),  # the instant can be held: see the Protobuf format
                 losses=losses, policy=bool(losses))
    t.encode("json", "JSON is written as bytes, in any spelling", [a], event(JSON, {"json": '{"n": 1.10}'}),
             *(compact(JSON, data=text.encode()) for text in fair.spellings('{"n": 1.10}')), losses=[])
    t.encode("json-without-content-type", "JSON without a content type is written as bytes, with its content type or without", [a], event(None, {"json": "null"}),
             compact(JSON, data=b"null"), compact(None, data=b"null"), losses=[], policy=True)
    t.encode("text", "Text is written as bytes", [a], event(UTF_8, {"text": "caf\u00e9"}), compact(UTF_8, data="caf\u00e9".encode()))
    t.encode("binary-empty", "A payload of no bytes is not the same as no payload", [a], event(BYTES, {"binary": ""}),
             compact(BYTES, data=b""))
    t.encode("none", "Without payload the branch is null", [a], event(JSON), compact(JSON))
    t.encode("cbor", "A CBOR item is written as bytes, with its content type or without, or refused", [a], event(None, {"cbor": b64(b"\x05")}),
             compact({"datacontenttype": "application/cbor"}, data=b"\x05"), compact(None, data=b"\x05"), refused(), policy=True)
    ct = {"datacontenttype": "application/protobuf"}
    t.encode("proto", ANY_IN_BYTES, [a], event(None, {"proto": {"typeurl": "type.googleapis.com/a.B", "value": b64(b"\x08\x01")}}),
             compact(ct, data=b"\x08\x01"), *(compact(given | schema, data=held) for held in (b"\x08\x01", ANY) for schema in ({}, TYPE_URL) for given in (ct, {}) if (held, schema, given) != (b"\x08\x01", {}, ct)), refused(),
             losses=[{"at": "data"}], policy=True)
    t.encode("version-0-3", "An event of another specversion than 1.0 is refused, or brought to 1.0", ["AVROC-1-a"], event(version="0.3"), refused("specversion"), compact(),
             policy=True, note="The event may be brought to 1.0 before it is written.")
    return t


def compact_structured():
    t = Topic("avro-compact", "structured", "The media type of the Avro compact format")
    ct = [["Content-Type", "application/cloudevents+avro-compact"]]
    given = event(BYTES, {"binary": b64(b"\x00\xff")})
    document = body(compact(BYTES, data=b"\x00\xff"))
    t.case("encode", "A structured message has the media type of the format", ["AVROC-3-a"],
           {"op": "encode", "via": "http", "mode": "structured", "format": "avro-compact", "events": [given]},
           [{"result": {"message": {"headers": ct + more, "body": document}}} for more in ([], CE_HEADERS)], note=BESIDE)
    t.case("decode", "The media type tells the format", ["AVROC-3-a"],
           {"op": "decode", "via": "http", "message": {"headers": ct, "body": document}},
           [came(given, mode="structured", format="avro-compact")])
    t.case("decode-misspelt", "A document under the name of the format without its hyphen is refused, or read", ["AVROC-3-a", "AVROC-2.2-a"],
           {"op": "decode", "via": "http",
            "message": {"headers": [["Content-Type", "application/cloudevents+avrocompact"]], "body": document}},
           [refused(kind="unknown-format"), came(given)], traps=["A1"], policy=True,
           note="Under which name a document travels binds who writes it.")
    t.case("batch", "The format has no batches: one of one event is refused, or written in JSON, or its event alone", ["AVROC-1-a", "HTTP-3.3-a"],
           {"op": "encode", "via": "http", "mode": "batched", "format": "avro-compact", "events": [given]},
           [refused(), JSON_BATCH, *({"result": {"message": {"headers": ct + more, "body": document}}} for more in ([], CE_HEADERS))], note=IN_JSON)
    return t


def compact_transcode():
    t = Topic("avro-compact", "transcode", "Between the Avro compact format and others")
    extensions = {"comexamplecount": 5, "comexampleflag": True}
    written = compact(JSON | {"time": 1522942260123456}, extensions, b'{"total":1.10}')
    result = {"message": {"body": body(written)}, "losses": [{"at": "time"}, {"at": "time"}]}
    t.transcode("from-json", "An offset and digits beyond the microsecond are lost, or the event is refused", ["AVROC-2.1-a"], "json", {"body": ORDER},
                "avro-compact", {"result": result},
                *({"result": {"message": {"body": body(compact(implied | {"time": 1522942260123456}, extensions, text.encode()))}}}
                  for implied in (JSON, {}) for text in fair.spellings('{"total":1.10}')[bool(implied):]),
                *({"result": {"message": {"body": body(compact(implied | {"time": micros}, extensions, text.encode()))}}}
                  for micros in (1522942260123000, 1522942260123457) for implied in (JSON, {}) for text in fair.spellings('{"total":1.10}')),
                refused(), policy=True)
    t.transcode("from-json-exactly", "What is lost is refused where it must not be, if it was there", ["AVROC-2.1-a"], "json", {"body": ORDER},
                "avro-compact", refused("time", kind="inexact"),
                *({"result": {"message": {"body": body(compact(implied | {"time": micros}, extensions, text.encode()))}}}
                  for micros in (1522942260123456, 1522942260123000) for implied in (JSON, {}) for text in fair.spellings('{"total":1.10}')),
                exact=True, policy=True, note="An implementation that never had the offset or the digits has nothing to lose.")
    t.transcode("to-avro", "A Timestamp becomes a string", ["AVROC-2.1-a", "AVRO-2.1-a"], "avro-compact",
                {"body": body(compact(extensions={"t": ("long", MICROS)}))}, "avro",
                {"result": {"message": {"body": body(avro({"t": "2023-05-26T17:21:29.691Z"}))}, "losses": [{"at": "t"}]}},
                *({"result": {"message": {"body": body(avro({"t": some}))}}} for some in fair.spelled_times("2023-05-26T17:21:29.691Z")), note=NO_LOSS)
    # The branch `null` of the source is no payload, or the JSON value, whose text is one of bytes in this format.
    nulls = [{"result": {"message": {"body": body(compact(stated, data=b"null"))}}} for stated in (None, JSON)]
    t.transcode("from-avro", "The specversion is left out", ["AVROC-1-a", "AVROC-2.2-a"], "avro", {"body": body(avro())},
                "avro-compact", {"result": {"message": {"body": body(compact())}, "losses": []}}, *nulls, exact=True,
                note="A reader that takes the branch null for the JSON value writes its text.")
    t.transcode("from-avro-0-3", "Another specversion is refused, or brought to 1.0", ["AVROC-1-a"], "avro",
                {"body": body(avro({"specversion": "0.3"}))}, "avro-compact", refused(), {"result": {"message": {"body": body(compact())}}}, *nulls, policy=True,
                note="The event may be brought to 1.0 before it is written. A reader that takes the branch null for the JSON value writes its text.")
    return t


# --- writing -----------------------------------------------------------------------------------------------------------------


TOPICS = [attributes_decode, attributes_encode, data_decode, data_encode, document_syntax, lenient, structured, transcode,
          compact_decode, compact_refused, compact_encode, compact_structured, compact_transcode]


def main():
    check = "--check" in sys.argv
    validator = jsonschema.Draft202012Validator(json.loads((HERE.parent.parent / "schema" / "vectors.schema.json").read_text()))
    stale, count = [], {}
    for topic in (make() for make in TOPICS):
        document = fair.finish({"area": topic.area, "topic": topic.topic, "title": topic.title, "cases": topic.cases})
        validator.validate(document)
        path = VECTORS / topic.area / f"{topic.topic}.json"
        new = fair.text(document)
        count[topic.area] = count.get(topic.area, 0) + len(topic.cases)
        if path.exists() and path.read_text() == new:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(new)
    print(count, "changed:" if stale else "unchanged", *(path.name for path in stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
