"""Writes the vectors of the Protobuf format. See README.md."""

import base64
import importlib.resources
import json
import pathlib
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from grpc_tools import protoc

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import fair
VECTORS = HERE.parent.parent / "vectors" / "protobuf"


def schema():
    """The message classes of cloudevents.proto."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "set.pb"
        include = importlib.resources.files(grpc_tools) / "_proto"
        failed = protoc.main(["protoc", f"-I{HERE}", f"-I{include}", "--include_imports",
                              f"--descriptor_set_out={out}", "cloudevents.proto"])
        assert failed == 0
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name for file in files.file], pool)
    return classes["io.cloudevents.v1.CloudEvent"], classes["io.cloudevents.v1.CloudEventBatch"]


CloudEvent, CloudEventBatch = schema()

# ---- Documents


def proto(fill=None, id="A-1001", source="/orders", spec_version="1.0", type="com.example.order.placed"):
    """An event as a message. `fill` adds to it."""
    message = CloudEvent(id=id, source=source, spec_version=spec_version, type=type)
    if fill:
        fill(message)
    return message


def attr(**values):
    """Fills in attributes: name=(branch, value)."""
    def fill(message):
        for name, (branch, value) in values.items():
            target = message.attributes[name]
            if branch == "ce_timestamp":
                target.ce_timestamp.SetInParent()
                target.ce_timestamp.seconds, target.ce_timestamp.nanos = value
            else:
                setattr(target, branch, value)
    return fill


def both(*fills):
    def fill(message):
        for part in fills:
            part(message)
    return fill


def text_data(text):
    def fill(message):
        message.text_data = text
    return fill


def binary_data(data):
    def fill(message):
        message.binary_data = data
    return fill


def proto_data(type_url, value):
    def fill(message):
        message.proto_data.SetInParent()
        message.proto_data.type_url, message.proto_data.value = type_url, value
    return fill


def wire(message):
    return message.SerializeToString(deterministic=True)


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    """A field with a length, or a number as a varint."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(name, value):
    """An entry of the attributes map; the value is a message."""
    return field(5, field(1, name.encode()) + field(2, value))


MINIMAL = wire(proto())

# ---- Events in the form of the vectors

TYPES = {"ce_boolean": "Boolean", "ce_integer": "Integer", "ce_string": "String", "ce_bytes": "Binary", "ce_uri": "URI",
         "ce_uri_ref": "URI-reference", "ce_timestamp": "Timestamp"}
CORE = {"time": "Timestamp", "dataschema": "URI"}


def b64(data):
    return base64.b64encode(data).decode()


def tagged(data=None, id="A-1001", source="/orders", type="com.example.order.placed", version="1.0", **attributes):
    """An event; attributes are name=(type, value)."""
    event = {"specversion": version, "attributes": {
        "id": {"type": "String", "value": id},
        "source": {"type": "URI-reference", "value": source},
        "type": {"type": "String", "value": type},
    }}
    for name, (ty, value) in attributes.items():
        event["attributes"][name] = {"type": ty, "value": value}
    if data is not None:
        event["data"] = data
    return event


def is_json(text):
    def refuse(_):
        raise ValueError
    try:
        json.loads(text, parse_constant=refuse)
        return True
    except ValueError:
        return False


def meaning(message):
    """The event that a message means, by the specification: what the runtime read, told in the form of the vectors."""
    attributes = {}
    for name, value in message.attributes.items():
        branch = value.WhichOneof("attr")
        held = getattr(value, branch)
        if branch == "ce_bytes":
            held = b64(held)
        if branch == "ce_timestamp":
            held = held.ToJsonString()
        attributes[name] = (CORE.get(name, TYPES[branch]), held)
    data, branch = None, message.WhichOneof("data")
    if branch == "binary_data":
        data = {"binary": b64(message.binary_data)}
    elif branch == "proto_data":
        data = {"proto": {"typeurl": message.proto_data.type_url, "value": b64(message.proto_data.value)}}
    elif branch == "text_data":
        essence = attributes.get("datacontenttype", ("", ""))[1].split(";")[0].strip().lower()
        kind = "json" if (essence.endswith(("/json", "+json"))) and is_json(message.text_data) else "text"
        data = {kind: message.text_data}
    event = tagged(data, message.id, message.source, message.type, message.spec_version)
    event["attributes"].update({name: {"type": ty, "value": value} for name, (ty, value) in attributes.items()})
    return event


# ---- Cases

LEVELS = {"MUST": 2, "MUST NOT": 2, "SHOULD": 1, "SHOULD NOT": 1, "MAY": 0}


def clauses():
    known = {}
    for path in (HERE.parent.parent / "requirements").glob("*.json"):
        for clause in json.loads(path.read_text()):
            known[clause["id"]] = LEVELS[clause["level"]]
    return known


CLAUSES = clauses()
DOCUMENTS = []


def with_any_refusal(expect):
    """An outcome that states what is at fault is followed by one of any refusal: see "How outcomes are compared"."""
    refusals = [at for at, outcome in enumerate(expect) if "error" in outcome]
    if not refusals or any(expect[at]["error"] == {} for at in refusals):
        return expect
    after = refusals[-1] + 1
    return [*expect[:after], {"error": {}}, *expect[after:]]


class Topic:
    def __init__(self, name, title):
        self.name, self.cases = name, []
        DOCUMENTS.append({"area": "protobuf", "topic": name, "title": title, "cases": self.cases})

    def add(self, name, title, cites, request, expect, policy=False, traps=None, note=None, level=None, compare=None):
        strongest = max(CLAUSES[clause] for clause in cites)
        case = {"id": f"protobuf/{self.name}/{name}", "title": title, "clauses": cites,
                "level": level or {2: "MUST", 1: "SHOULD", 0: "MAY"}[strongest], "revisions": ["1.0.2", "main"]}
        if traps:
            case["traps"] = traps
        if policy:
            case["policy"] = True
        case |= {"request": request, "expect": with_any_refusal(expect)}
        if compare:
            case["compare"] = compare
        if note:
            case["note"] = note
        self.cases.append(case)

    def read(self, name, title, cites, document, event, others=(), **more):
        """A document that means this event. The runtime has to agree."""
        document = document if isinstance(document, bytes) else wire(document)
        assert meaning(CloudEvent.FromString(document)) == event, (name, meaning(CloudEvent.FromString(document)), event)
        expect = [{"result": {"mode": "structured", "format": "protobuf", "events": [event]}}, *others]
        self.add(name, title, cites, decode(document), expect, **more)

    def refuse(self, name, title, cites, document, attribute=None, others=(), broken=False, **more):
        """A document that is refused; `broken`: the runtime refuses it too."""
        document = document if isinstance(document, bytes) else wire(document)
        try:
            CloudEvent.FromString(document)
            assert not broken, name
        except DecodeError:
            assert broken, name
        # Who else refuses it need not name the attribute.
        expect = [{"error": {"attribute": attribute} if attribute else {}}, *others]
        self.add(name, title, cites, decode(document), expect, **more)

    def write(self, name, title, cites, event, message, losses=None, others=(), **more):
        """An event and the document it becomes. Losses are compared for those who claim to report them."""
        result = {"message": body(wire(message))}
        if losses is not None:
            result["losses"] = [{"at": at} for at in losses]
        if len(message.attributes) > 1:
            more["note"] = " ".join(filter(None, [more.get("note"), ANY_ORDER]))
        self.add(name, title, cites, {"op": "encode", "via": "protobuf", "events": [event]},
                 [{"result": result}, *others], **more)


BEFORE_A_LEAP_SECOND = [(662687999, 0), (662687999, 999000000), (662687999, 999999000), (662687999, 999999999)]
ANY_ORDER = "The entries of the map may come in any order."
REFUSED = {"error": {}}


def body(document):
    return {"body": {"base64": b64(document)}}


def decode(document, via="protobuf", strictness=None):
    request = {"op": "decode", "via": via, "message": body(document)}
    if strictness:
        request["strictness"] = strictness
    return request


def result(*events, **more):
    return {"result": {**more, "events": list(events)}}


ESCAPES, ESCAPED = "/a%20b/c%2Fd?e=f%26g", "https://example.com/a%2Fb?c=d%26e"


def attributes_decode():
    topic = Topic("attributes-decode", "Reading attributes from the Protobuf format")
    topic.read("minimal", "The required attributes are fields 1 to 4", ["PROTO-2.3-a", "CE-Overview-a"], proto(), tagged())
    topic.read("all-optional", "The optional attributes are entries of the map; by 1.0.2, a content type without a payload may be refused", ["PROTO-2.4-a", "PROTO-2.4-b"],
               proto(attr(datacontenttype=("ce_string", "text/plain"), dataschema=("ce_uri", "https://example.com/schemas/order"),
                          subject=("ce_string", "orders/42"), time=("ce_timestamp", (1522949460, 0)))),
               tagged(datacontenttype=("String", "text/plain"), dataschema=("URI", "https://example.com/schemas/order"),
                      subject=("String", "orders/42"), time=("Timestamp", "2018-04-05T17:31:00Z")))
    # What stands behind a percent sign is no separator, and no space (RFC 3986, section 2.2).
    topic.read("escapes", "Percent-escapes of a URI are read as they stand", ["PROTO-2.1-a", "PROTO-2.3-a"], proto(attr(dataschema=("ce_uri", ESCAPED)), source=ESCAPES),
               tagged(source=ESCAPES, dataschema=("URI", ESCAPED)))
    topic.read("name-of-28-characters", "That a name has twenty characters at most is a recommendation: it is read", ["PROTO-2.4-a", "CE-Naming-a"],
               proto(attr(anextensionwithaverylongname=("ce_string", "x"))), tagged(anextensionwithaverylongname=("String", "x")))
    for name, branch, value, ty, held in [
        ("boolean-true", "ce_boolean", True, "Boolean", True),
        ("boolean-false", "ce_boolean", False, "Boolean", False),
        ("integer", "ce_integer", 42, "Integer", 42),
        ("integer-zero", "ce_integer", 0, "Integer", 0),
        ("integer-negative", "ce_integer", -1, "Integer", -1),
        ("integer-least", "ce_integer", -2147483648, "Integer", -2147483648),
        ("integer-greatest", "ce_integer", 2147483647, "Integer", 2147483647),
        ("string", "ce_string", "café 😀", "String", "café 😀"),
        ("string-empty", "ce_string", "", "String", ""),
        ("binary", "ce_bytes", b"\x00\x01\xff", "Binary", "AAH/"),
        ("binary-empty", "ce_bytes", b"", "Binary", ""),
        ("uri", "ce_uri", "https://example.com/a?b", "URI", "https://example.com/a?b"),
        ("uri-reference", "ce_uri_ref", "../a#b", "URI-reference", "../a#b"),
        ("timestamp", "ce_timestamp", (1522949460, 0), "Timestamp", "2018-04-05T17:31:00Z"),
    ]:
        topic.read(f"extension-{name}", f"An extension in the branch {branch} has the type {ty}", ["PROTO-2.1-a", "PROTO-2.4-b"],
                   proto(attr(comexampleext=(branch, value))), tagged(comexampleext=(ty, held)))
    topic.read("string-time", "A time in the branch ce_string is a Timestamp all the same, is refused, or left out", ["PROTO-2.1-a"],
               proto(attr(time=("ce_string", "2018-04-05T18:31:00.5+01:00"))),
               tagged(time=("Timestamp", "2018-04-05T18:31:00.5+01:00")), [REFUSED, {"result": {"events": [tagged()]}}], policy=True)
    topic.read("string-dataschema", "A dataschema in the branch ce_string is a URI all the same, is refused, or left out", ["PROTO-2.1-a"],
               proto(attr(dataschema=("ce_string", "https://example.com/schemas/order"))),
               tagged(dataschema=("URI", "https://example.com/schemas/order")), [REFUSED, {"result": {"events": [tagged()]}}], policy=True)
    document = field(4, b"com.example.order.placed") + field(5, field(2, field(3, b"orders/42")) + field(1, b"subject"))
    document += field(3, b"1.0") + field(2, b"/orders") + field(1, b"A-1001")
    topic.read("any-order", "Fields come in any order", ["PROTO-2.3-a", "PROTO-2.4-a"], document,
               tagged(subject=("String", "orders/42")))
    for name, left_out, cite in [("id", 1, "CE-id-a"), ("source", 2, "CE-source-a"), ("specversion", 3, "CE-specversion-a"),
                                 ("type", 4, "CE-type-a")]:
        fields = [b"A-1001", b"/orders", b"1.0", b"com.example.order.placed"]
        document = b"".join(field(at, text) for at, text in enumerate(fields, 1) if at != left_out)
        topic.refuse(f"missing-{name}", f"An event without {name} is refused", ["PROTO-2.3-a", cite], document, name)
    topic.refuse("empty-id", "An empty id is refused", ["CE-id-b"], MINIMAL.replace(field(1, b"A-1001"), field(1, b"")), "id")
    topic.refuse("empty-document", "No bytes at all are a message without attributes, and refused", ["CE-Context-Attributes-a"], b"")
    for name in ["id", "source", "type", "specversion"]:
        topic.refuse(f"{name}-in-map", f"{name} in the map beside its field is refused", ["PROTO-2.3-a", "CE-Context-Attributes-d"],
                     MINIMAL + entry(name, field(3, b"1.0")), name, traps=["P4"])
    topic.refuse("id-only-in-map", "An id in the map does not stand for the field", ["PROTO-2.3-a", "CE-id-a"],
                 proto(attr(id=("ce_string", "A-1001")), id=""), "id", traps=["P4"])
    topic.refuse("specversion-only-in-map", "A specversion in the map does not stand for the field", ["PROTO-2.3-a", "CE-specversion-a"],
                 proto(attr(specversion=("ce_string", "1.0")), spec_version=""), "specversion", traps=["P4"])
    for name, number, text in [("id", 1, b"A-1002"), ("source", 2, b"/others"), ("specversion", 3, b"1.0"), ("type", 4, b"other")]:
        event = tagged(**({name: text.decode()} if name != "specversion" else {}))
        # There is one version, so that the second specversion has to be the same.
        read = "it is read" if name == "specversion" else "the last one wins by the rules of protobuf"
        topic.refuse(f"duplicate-{name}", f"A second {name} is refused, or {read}",
                     ["CE-Context-Attributes-d"], MINIMAL + field(number, text), name, [result(event)], policy=True)
    document = MINIMAL + entry("subject", field(3, b"a")) + entry("subject", field(3, b"b"))
    topic.refuse("duplicate-key", "A name that stands in the map twice is refused, or the last one wins by the rules of protobuf",
                 ["CE-Context-Attributes-d"], document, "subject", [result(tagged(subject=("String", "b")))], policy=True)
    topic.refuse("two-values", "An attribute with two values is refused, or the last one wins by the rules of protobuf",
                 ["CE-Type-System-m"], MINIMAL + entry("comexampleext", field(1, 1) + field(3, b"a")),
                 "comexampleext", [result(tagged(comexampleext=("String", "a")))], policy=True)
    topic.refuse("unset-value", "An attribute without a value is refused, or absent", ["CE-Type-System-m"],
                 MINIMAL + entry("comexampleext", b""), "comexampleext", [result(tagged())], policy=True, traps=["P4"])
    topic.refuse("absent-value", "An entry of the map without its value is refused, or the attribute is absent", ["CE-Type-System-m"],
                 MINIMAL + field(5, field(1, b"subject")), "subject", [result(tagged())], policy=True, traps=["P4"])
    for name, value, held in [("dataschema", ("ce_integer", 5), "an Integer"), ("datacontenttype", ("ce_boolean", True), "a Boolean"),
                              ("subject", ("ce_bytes", b"a"), "a Binary"), ("time", ("ce_integer", 1522949460), "an Integer"),
                              ("subject-uri", ("ce_uri", "https://example.com/"), "a URI")]:
        attribute = name.split("-")[0]
        own = {"dataschema": "CE-dataschema-b", "datacontenttype": "CE-datacontenttype-b", "subject": "CE-subject-b", "time": "CE-time-b"}
        topic.refuse(f"{name}-type", f"A {attribute} that is {held} is refused{', read as a String, or left out' if name == 'subject-uri' else ''}", ["PROTO-2.4-b", "CE-Type-System-m", own[attribute]],
                     proto(attr(**{attribute: value})), attribute,
                     **({"others": [result(tagged(subject=("String", value[1]))), result(tagged())], "policy": True} if name == "subject-uri" else {}), traps=["P4"])
    for name, value in [("above", 2147483648), ("below", (1 << 64) - 2147483649), ("32-bits", 4294967295), ("wraps-to-zero", 4294967296)]:
        cut = (value + (1 << 31)) % (1 << 32) - (1 << 31)
        topic.refuse(f"integer-{name}", "A number outside the range of Integer is refused, or cut to 32 bits as protobuf has it",
                     ["PROTO-2.1-a", "CE-Type-System-d"], MINIMAL + entry("comexampleext", field(2, value)), "comexampleext",
                     [result(tagged(comexampleext=("Integer", cut)))], policy=True)
    topic.read("boolean-two", "A bool is true whatever number other than 0 it is, or is refused", ["PROTO-2.1-a"],
               MINIMAL + entry("comexampleext", field(1, 2)), tagged(comexampleext=("Boolean", True)), [REFUSED], policy=True)
    topic.refuse("uri-relative", "A URI without a scheme is refused", ["PROTO-2.1-b", "CE-Type-System-j"],
                 proto(attr(comexampleext=("ce_uri", "/relative"))), "comexampleext")
    topic.refuse("uri-fragment", "A URI with a fragment is refused", ["PROTO-2.1-b", "CE-Type-System-j"],
                 proto(attr(comexampleext=("ce_uri", "https://example.com/#a"))), "comexampleext")
    topic.refuse("uri-reference-space", "A URI-reference with a space is refused", ["PROTO-2.1-b", "CE-Type-System-k"],
                 proto(attr(comexampleext=("ce_uri_ref", "a b"))), "comexampleext")
    topic.refuse("source-no-reference", "A source that is no URI-reference is refused", ["PROTO-2.1-b", "CE-source-b"],
                 proto(source="a b"), "source")
    topic.refuse("string-control", "A control character in a String is refused", ["CE-Type-System-f"],
                 proto(attr(comexampleext=("ce_string", "a\x07"))), "comexampleext")
    topic.refuse("string-noncharacter", "A noncharacter in a String is refused", ["CE-Type-System-g"],
                 proto(attr(subject=("ce_string", "a\ufffe"))), "subject")
    topic.refuse("datacontenttype-invalid", "A datacontenttype that is no media type is refused", ["CE-datacontenttype-b"],
                 proto(attr(datacontenttype=("ce_string", "xyz"))), "datacontenttype")
    topic.refuse("upper-case-name", "An upper-case name in the map is refused", ["CE-Naming-a", "CE-Extension-b"],
                 proto(attr(MyExt=("ce_string", "a"))), "MyExt")
    topic.refuse("empty-name", "An empty name in the map is refused", ["CE-Naming-c"], MINIMAL + entry("", field(3, b"a")))
    topic.refuse("underscore-name", "The field's name spec_version is no attribute name", ["CE-Naming-a", "CE-Extension-b"],
                 proto(attr(spec_version=("ce_string", "1.0"))), "spec_version")
    topic.refuse("data-name", "No attribute is called data", ["CE-Naming-f"], proto(attr(data=("ce_string", "a"))), "data")


def timestamps():
    topic = Topic("timestamps", "Timestamps of the Protobuf format")
    for name, value, text in [
        ("epoch", (0, 0), "1970-01-01T00:00:00Z"),
        ("before-epoch", (-1, 0), "1969-12-31T23:59:59Z"),
        ("before-epoch-fraction", (-1, 500000000), "1969-12-31T23:59:59.500Z"),
        ("milliseconds", (1522949460, 120000000), "2018-04-05T17:31:00.120Z"),
        ("microseconds", (1522949460, 123456000), "2018-04-05T17:31:00.123456Z"),
        ("nanoseconds", (1522949460, 1), "2018-04-05T17:31:00.000000001Z"),
        ("leap-day", (951782400, 0), "2000-02-29T00:00:00Z"),
        ("least", (-62135596800, 0), "0001-01-01T00:00:00Z"),
        ("greatest", (253402300799, 999999999), "9999-12-31T23:59:59.999999999Z"),
    ]:
        topic.read(f"decode-{name}", f"{value[0]} seconds and {value[1]} nanoseconds are {text}", ["PROTO-2.1-a", "CE-Type-System-r"],
                   proto(attr(time=("ce_timestamp", value))), tagged(time=("Timestamp", text)))
        topic.write(f"encode-{name}", f"{text} is {value[0]} seconds and {value[1]} nanoseconds", ["PROTO-2.1-a", "CE-Type-System-r"],
                    tagged(time=("Timestamp", text)), proto(attr(time=("ce_timestamp", value))), losses=[])
    for name, value in [("seconds-above", field(1, 253402300800)), ("seconds-below", field(1, (1 << 64) - 62135596801)),
                        ("nanos-negative", field(2, (1 << 64) - 1)), ("nanos-above", field(2, 1000000000))]:
        topic.refuse(f"decode-{name}", "A Timestamp out of its range is refused", ["PROTO-2.1-a"],
                     MINIMAL + entry("time", field(7, value)), "time")
    for name, text, value in [
        ("offset", "2018-04-05T18:31:00+01:00", (1522949460, 0)),
        ("offset-west", "2018-04-05T17:01:00.5-00:30", (1522949460, 500000000)),
        ("ten-digits", "2018-04-05T17:31:00.1234567891Z", (1522949460, 123456789)),
        ("leap-second", "1990-12-31T23:59:60Z", (662688000, 0)),
    ]:
        topic.write(f"encode-{name}", f"What a Timestamp cannot hold is a loss, and the instant stays{'' if name.startswith('offset') else ', or the event is refused'}",
                    ["PROTO-2.1-a", "CE-Type-System-r"], tagged(time=("Timestamp", text)), proto(attr(time=("ce_timestamp", value))),
                    losses=["time"], policy=True, others=[
                        *({"result": {"message": body(wire(proto(attr(time=("ce_timestamp", other)))))}} for other in BEFORE_A_LEAP_SECOND if name == "leap-second"),
                        # The instant stays: whoever sees nothing lost but a spelling conforms. It may not be refused: a format "MUST likewise be able to convert from
                        # and to the canonical string-encoding" (CE-Type-System-r), in which a time has any offset, and a Timestamp holds its instant.
                        *([{"result": {"message": body(wire(proto(attr(time=("ce_timestamp", value)))))}}] if name.startswith("offset") else [REFUSED])])
    for name, text in [("zero-offset", "2018-04-05T17:31:00+00:00"), ("lower-case", "2018-04-05t17:31:00z"),
                       ("trailing-zeros", "2018-04-05T17:31:00.00000000000Z")]:
        topic.write(f"encode-{name}", f"Another spelling of the same time is no loss{', or is refused' if name == 'lower-case' else ''}", ["PROTO-2.1-a", "CE-Type-System-r"],
                    tagged(time=("Timestamp", text)), proto(attr(time=("ce_timestamp", (1522949460, 0)))), losses=[],
                    # That RFC 3339 allows lower-case letters is no reason for an API to take them.
                    others=[REFUSED] if name == "lower-case" else [])
    topic.write("encode-extension-offset", "The loss of an offset may be reported at the extension", ["PROTO-2.1-a", "CE-Type-System-r"],
                tagged(comexampleext=("Timestamp", "2018-04-05T18:31:00+01:00")),
                proto(attr(comexampleext=("ce_timestamp", (1522949460, 0)))), losses=["comexampleext"], policy=True,
                others=[{"result": {"message": body(wire(proto(attr(comexampleext=("ce_timestamp", (1522949460, 0))))))}}])
    for name, text in [("year-zero", "0000-12-31T23:59:59Z"), ("offset-to-year-zero", "0001-01-01T00:00:00+00:01"),
                       ("leap-second-at-the-end", "9999-12-31T23:59:60Z")]:
        # The second before a leap second, where it ends.
        before = [(253402300799, nanos) for nanos in (0, 999000000, 999999000, 999999999)] if name == "leap-second-at-the-end" else []
        topic.write(f"encode-{name}", f"A time that a Timestamp has no room for is left out, which is a loss, {'held as the second before, ' if before else ''}or refused",
                    ["PROTO-2.1-a"], tagged(time=("Timestamp", text)), proto(), losses=["time"], policy=True,
                    others=[*({"result": {"message": body(wire(proto(attr(time=("ce_timestamp", other)))))}} for other in before), REFUSED])


def attributes_encode():
    topic = Topic("attributes-encode", "Writing attributes to the Protobuf format")
    topic.write("minimal", "The required attributes are fields 1 to 4", ["PROTO-2.3-a", "CE-Overview-a", "CE-specversion-c"],
                tagged(), proto(), losses=[])
    topic.write("escapes", "Percent-escapes of a URI are written as they stand", ["PROTO-2.1-a", "PROTO-2.3-a"], tagged(source=ESCAPES, dataschema=("URI", ESCAPED)),
                proto(attr(dataschema=("ce_uri", ESCAPED)), source=ESCAPES), losses=[])
    for name, branch, value, ty, held in [
        ("boolean-true", "ce_boolean", True, "Boolean", True),
        ("boolean-false", "ce_boolean", False, "Boolean", False),
        ("integer", "ce_integer", 42, "Integer", 42),
        ("integer-zero", "ce_integer", 0, "Integer", 0),
        ("integer-negative", "ce_integer", -1, "Integer", -1),
        ("integer-least", "ce_integer", -2147483648, "Integer", -2147483648),
        ("string", "ce_string", "café 😀", "String", "café 😀"),
        ("string-empty", "ce_string", "", "String", ""),
        ("string-long", "ce_string", "x" * 200, "String", "x" * 200),
        ("binary", "ce_bytes", b"\x00\x01\xff", "Binary", "AAH/"),
        ("uri", "ce_uri", "https://example.com/a?b", "URI", "https://example.com/a?b"),
        ("uri-reference", "ce_uri_ref", "../a#b", "URI-reference", "../a#b"),
        ("timestamp", "ce_timestamp", (1522949460, 0), "Timestamp", "2018-04-05T17:31:00Z"),
    ]:
        topic.write(f"extension-{name}", f"An extension of type {ty} is in the branch {branch}", ["PROTO-2.1-a", "PROTO-2.4-b"],
                    tagged(comexampleext=(ty, held)), proto(attr(comexampleext=(branch, value))), losses=[],
                    # Native types are of URIs and URI-references alike, and every URI is a URI-reference.
                    others=[{"result": {"message": body(wire(proto(attr(comexampleext=("ce_uri_ref", value)))))}}] if name == "uri" else ())
    for name, branch, value, ty, held in [
        ("subject", "ce_string", "orders/42", "String", "orders/42"),
        ("datacontenttype", "ce_string", "text/plain", "String", "text/plain"),
        ("dataschema", "ce_uri", "https://example.com/schemas/order", "URI", "https://example.com/schemas/order"),
    ]:
        refused = "; by 1.0.2, a content type without a payload may be refused" if name == "datacontenttype" else ""
        topic.write(name, f"{name} is an entry of the map in the branch {branch}{refused}", ["PROTO-2.4-a", "PROTO-2.1-a"],
                    tagged(**{name: (ty, held)}), proto(attr(**{name: (branch, value)})), losses=[])
    topic.write("many-attributes", "Many attributes of many types are entries of one map; by 1.0.2, a content type without a payload may be refused", ["PROTO-2.4-a", "PROTO-2.4-b"],
                tagged(datacontenttype=("String", "text/plain"), dataschema=("URI", "urn:example:y"), subject=("String", "orders/42"),
                       time=("Timestamp", "2018-04-05T17:31:00Z"), abc=("Boolean", False), datab=("Integer", -5), zz=("Binary", "AA=="),
                       sum=("String", "a")),
                proto(attr(datacontenttype=("ce_string", "text/plain"), dataschema=("ce_uri", "urn:example:y"), subject=("ce_string", "orders/42"),
                           time=("ce_timestamp", (1522949460, 0)), abc=("ce_boolean", False), datab=("ce_integer", -5),
                           zz=("ce_bytes", b"\0"), sum=("ce_string", "a"))), losses=[])


def data_decode():
    topic = Topic("data-decode", "Reading payloads from the Protobuf format")
    ct = lambda media_type: attr(datacontenttype=("ce_string", media_type))
    held = lambda media_type: {"datacontenttype": ("String", media_type)}
    topic.read("none", "A oneof that is not set is no payload", ["CE-Event-Data-a", "PROTO-2.3-a", "CE-Overview-a"], proto(), tagged(), traps=["P2"])
    topic.read("none-with-content-type", "A content type does not make a payload; by 1.0.2, a content type without a payload may be refused", ["PROTO-2.4-a", "CE-datacontenttype-e"],
               proto(ct("application/json")), tagged(**held("application/json")), traps=["P2"])
    topic.read("binary", "binary_data is bytes", ["PROTO-3-f"], proto(both(ct("image/png"), binary_data(b"\x00\x01\xff"))),
               tagged({"binary": "AAH/"}, **held("image/png")))
    # No bytes may be those of any content type: see fair.populated_content_type.
    topic.read("binary-empty", "An empty binary_data is a payload of no bytes", ["PROTO-3-f"], proto(binary_data(b"")), tagged({"binary": ""}),
               [result(tagged({"binary": ""}, **held(media_type)), mode="structured", format="protobuf") for media_type in ("text/plain", "text/plain; charset=utf-8")], traps=["P2"])
    topic.read("octets-without-content-type", "binary_data without a content type is bytes", ["PROTO-3-f"],
               proto(binary_data(b"\xff\x00")), tagged({"binary": "/wA="}))
    topic.read("binary-under-json", "binary_data under a JSON content type is bytes, or the JSON that they are", ["PROTO-3-f"],
               proto(both(ct("application/json"), binary_data(b'{"a":1}'))), tagged({"binary": "eyJhIjoxfQ=="}, **held("application/json")),
               [result(tagged({"json": '{"a":1}'}, **held("application/json")))])
    topic.read("binary-under-cbor", "binary_data under a CBOR content type is bytes, or the item that they are", ["PROTO-3-f"],
               proto(both(ct("application/cbor"), binary_data(b"\x81\x01"))), tagged({"binary": "gQE="}, **held("application/cbor")),
               [result(tagged({"cbor": "gQE="}, **held("application/cbor")))])
    topic.read("text-utf-8", "text_data is read", ["PROTO-3-d"], proto(both(ct("text/plain; charset=utf-8"), text_data("café\n"))),
               tagged({"text": "café\n"}, **held("text/plain; charset=utf-8")))
    topic.read("text-empty", "An empty text_data is a payload of no characters", ["PROTO-3-d"], proto(both(ct("text/plain"), text_data(""))),
               tagged({"text": ""}, **held("text/plain")))
    topic.read("text-without-content-type", "text_data without a content type is text, or the JSON that it is", ["PROTO-3-d"], proto(text_data('{"a":1}')),
               tagged({"text": '{"a":1}'}), [result(tagged({"json": '{"a":1}'}))])
    for name, media_type in [("json", "application/json"), ("json-suffix", "Application/Vnd.Order+JSON; charset=utf-8")]:
        topic.read(name, "text_data under a JSON content type is that JSON text, which may be refused for its number of 23 digits", ["PROTO-3-d", *["CE-datacontenttype-f"] * (media_type != media_type.lower())],
                   proto(both(ct(media_type), text_data('{"price": 1.10, "n": 12345678901234567890123}'))),
                   tagged({"json": '{"price": 1.10, "n": 12345678901234567890123}'}, **held(media_type)), traps=["P1"],
                   compare={"json": "double"})
    topic.read("json-null", "text_data null under a JSON content type is the JSON null", ["PROTO-3-d"],
               proto(both(ct("application/json"), text_data("null"))), tagged({"json": "null"}, **held("application/json")), traps=["P1"])
    topic.read("json-string", "text_data that is a JSON string is that JSON string", ["PROTO-3-d"],
               proto(both(ct("application/json"), text_data('"a"'))), tagged({"json": '"a"'}, **held("application/json")), traps=["P1"])
    topic.read("not-json", "text_data that is no JSON stays text under a JSON content type, or is refused", ["PROTO-3-d"],
               proto(both(ct("application/json"), text_data("{oops"))), tagged({"text": "{oops"}, **held("application/json")),
               [REFUSED], policy=True)
    topic.read("xml", "text_data under an XML content type is text, or the element that it is", ["PROTO-3-d"],
               proto(both(ct("application/xml"), text_data("<a/>"))), tagged({"text": "<a/>"}, **held("application/xml")),
               [result(tagged({"xml": "<a/>"}, **held("application/xml")))])
    topic.read("any", "proto_data keeps its type URL and its bytes", ["PROTO-3-a", "PROTO-3-b"],
               proto(both(ct("application/protobuf"), proto_data("type.googleapis.com/com.example.Order", b"\x0a\x0242"))),
               tagged({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": "CgI0Mg=="}}, **held("application/protobuf")),
               traps=["P3"])
    topic.read("any-without-content-type", "proto_data needs no content type", ["PROTO-3-a", "PROTO-3-b"],
               proto(proto_data("type.googleapis.com/com.example.Order", b"\x0a\x0242")),
               tagged({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": "CgI0Mg=="}}), traps=["P3"])
    topic.read("any-dataschema", "A dataschema stands beside the type URL", ["PROTO-3-a", "PROTO-3-c"],
               proto(both(attr(dataschema=("ce_uri", "https://type.example.com/com.example.Order")),
                          proto_data("type.googleapis.com/com.example.Order", b""))),
               tagged({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": ""}},
                      dataschema=("URI", "https://type.example.com/com.example.Order")), traps=["P3"])
    topic.read("any-empty", "An empty Any is a payload, or is refused", ["PROTO-3-a"], proto(proto_data("", b"")),
               tagged({"proto": {"typeurl": "", "value": ""}}), others=[REFUSED], policy=True, traps=["P3"],
               note="The schema of Any wants a type URL with a slash, and binds those who write it.")
    topic.refuse("any-type-url-as-dataschema", "A type URL without a scheme is no dataschema: it is refused, left out, or kept",
                 ["PROTO-3-c", "CE-dataschema-b", "PROTO-2.4-a"],
                 proto(both(attr(dataschema=("ce_uri", "type.googleapis.com/com.example.Order")),
                            proto_data("type.googleapis.com/com.example.Order", b""))), "dataschema",
                 [REFUSED, result(tagged({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": ""}})),
                  result(tagged({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": ""}},
                                dataschema=("URI", "type.googleapis.com/com.example.Order")))], policy=True,
                 note="The specification's example writes such a dataschema, though dataschema is a URI.")
    topic.refuse("two-payloads", "Two payloads are refused, or the last one wins by the rules of protobuf", ["PROTO-3-d", "PROTO-3-f"],
                 MINIMAL + field(6, b"a") + field(7, b"b"), others=[result(tagged({"text": "b"}))], policy=True)
    topic.refuse("text-twice", "A payload that comes twice is refused, or the last one wins by the rules of protobuf", ["PROTO-3-d"],
                 MINIMAL + field(7, b"a") + field(7, b"b"), others=[result(tagged({"text": "b"}))], policy=True)
    topic.refuse("text-not-utf8", "A text_data that is not UTF-8 is refused", ["PROTO-3-d"], MINIMAL + field(7, b"caf\xe9"), broken=True)


def data_encode():
    topic = Topic("data-encode", "Writing payloads to the Protobuf format")
    ct = lambda media_type: attr(datacontenttype=("ce_string", media_type))
    held = lambda media_type: {"datacontenttype": ("String", media_type)}
    topic.write("none", "No payload leaves the oneof unset; by 1.0.2, a content type without a payload may be refused", ["CE-Event-Data-a", "PROTO-2.3-a", "CE-Overview-a"], tagged(**held("application/json")),
                proto(ct("application/json")), losses=[], traps=["P2"])
    # An implementation may hold characters as bytes.
    as_bytes = lambda text, *more: [{"result": {"message": body(wire(proto(both(*more, binary_data(text.encode())))))}}]
    topic.write("text-utf-8", "Text is text_data, or binary_data", ["PROTO-3-d", "PROTO-3-e"], tagged({"text": "café"}, **held("text/plain; charset=utf-8")),
                proto(both(ct("text/plain; charset=utf-8"), text_data("café"))), losses=[],
                others=as_bytes("café", ct("text/plain; charset=utf-8")))
    topic.write("text-empty", "Text of no characters is an empty text_data, or an empty binary_data", ["PROTO-3-d"], tagged({"text": ""}, **held("text/plain")),
                proto(both(ct("text/plain"), text_data(""))), losses=[], others=as_bytes("", ct("text/plain")))
    # "`datacontenttype` SHOULD be populated with the appropriate media-type": PROTO-3-e and PROTO-3-g.
    stating = lambda some, *media_types: [{"result": {"message": body(wire(proto(both(ct(one), some))))}} for one in media_types]
    topic.write("text-without-content-type", "Text without a content type is text_data or binary_data, and need get none", ["PROTO-3-d"], tagged({"text": "a"}),
                proto(text_data("a")), losses=[], 
                others=[*stating(text_data("a"), "text/plain", "text/plain; charset=utf-8", "text/plain;charset=utf-8"),
                        *as_bytes("a"), *stating(binary_data(b"a"), "application/octet-stream", "text/plain", "text/plain; charset=utf-8", "text/plain;charset=utf-8")])
    topic.write("binary", "Bytes are binary_data", ["PROTO-3-f", "PROTO-3-g"], tagged({"binary": "AAH/"}, **held("image/png")),
                proto(both(ct("image/png"), binary_data(b"\x00\x01\xff"))), losses=[])
    topic.write("binary-empty", "A payload of no bytes is an empty binary_data", ["PROTO-3-f"], tagged({"binary": ""}),
                proto(binary_data(b"")), losses=[], others=stating(binary_data(b""), "application/octet-stream"), traps=["P2"])
    topic.write("json", "JSON is text_data, or binary_data, in any spelling", ["PROTO-3-d", "PROTO-3-e"],
                tagged({"json": '{"price": 1.10}'}, **held("application/json")),
                proto(both(ct("application/json"), text_data('{"price": 1.10}'))), losses=[], traps=["P1"],
                others=[{"result": {"message": body(wire(proto(both(ct("application/json"), some))))}} for some in
                        (binary_data(b'{"price": 1.10}'), *(text_data(text) for text in fair.spellings('{"price": 1.10}')[1:]))],
                policy=True, note="Whether JSON is text or bytes is not said.")
    topic.write("json-without-content-type", "JSON without a content type is text_data or binary_data, and its content type is made explicit", ["PROTO-3-d", "PROTO-3-e"],
                tagged({"json": "null"}), proto(both(ct("application/json"), text_data("null"))), losses=[], others=as_bytes("null", ct("application/json")),
                traps=["P1"], level="SHOULD")
    topic.write("json-string", "A JSON string is text_data with its quotes or without, or binary_data", ["PROTO-3-d"], tagged({"json": '"a"'}, **held("application/json")),
                proto(both(ct("application/json"), text_data('"a"'))), losses=[], traps=["P1"],
                others=[{"result": {"message": body(wire(proto(both(ct("application/json"), held))))}} for held in (binary_data(b'"a"'), text_data("a"))], policy=True)
    topic.write("xml", "An XML element is text_data or binary_data, and its content type is made explicit", ["PROTO-3-d", "PROTO-3-e"],
                tagged({"xml": "<a/>"}), proto(both(ct("application/xml"), text_data("<a/>"))), losses=[], level="SHOULD",
                others=[*stating(text_data("<a/>"), *fair.TYPES_OF_XML[1:]), *stating(binary_data(b"<a/>"), *fair.TYPES_OF_XML, "application/octet-stream")])
    topic.write("cbor", "A CBOR item is binary_data, and its content type is made explicit", ["PROTO-3-f", "PROTO-3-g"],
                tagged({"cbor": "gQE="}), proto(both(ct("application/cbor"), binary_data(b"\x81\x01"))), losses=[], level="SHOULD",
                others=[{"result": {"message": body(wire(proto(both(ct("application/cbor"), binary_data(b"\x9f\x01\xff")))))}}])  # the same item, written anew
    order = {"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": "CgI0Mg=="}}
    fill = proto_data("type.googleapis.com/com.example.Order", b"\x0a\x0242")
    # "`dataschema` SHOULD be populated with the type URL": PROTO-3-c.
    # A type URL is no absolute URI; the text's own example writes it as it does `datacontenttype`.
    urls = [attr(dataschema=(branch, "type.googleapis.com/com.example.Order")) for branch in ("ce_uri", "ce_string", "ce_uri_ref")]
    topic.write("any", "A protobuf message is proto_data, with its type URL", ["PROTO-3-a", "PROTO-3-b"],
                tagged(order, **held("application/protobuf")), proto(both(ct("application/protobuf"), fill)), losses=[],
                others=[{"result": {"message": body(wire(proto(both(ct("application/protobuf"), url, fill))))}} for url in urls], traps=["P3"])
    topic.write("any-without-content-type", "A protobuf message needs no content type", ["PROTO-3-a", "PROTO-3-b"], tagged(order), proto(fill),
                losses=[], others=[{"result": {"message": body(wire(proto(both(*some, fill))))}}
                                   for some in ([ct("application/protobuf")], *[some for url in urls for some in ([url], [ct("application/protobuf"), url])])], traps=["P3"])
    schema = attr(dataschema=("ce_uri", "https://type.example.com/com.example.Order"))
    topic.write("any-dataschema", "A dataschema stands beside the type URL and does not replace it", ["PROTO-3-a", "PROTO-3-c"],
                tagged(order, dataschema=("URI", "https://type.example.com/com.example.Order")), proto(both(schema, fill)), losses=[],
                others=[{"result": {"message": body(wire(proto(both(ct("application/protobuf"), schema, fill))))}}], traps=["P3"])
    topic.write("any-empty", "An Any with neither type URL nor value is written, with its content type or without, or refused", ["PROTO-3-a", "PROTO-3-b"],
                tagged({"proto": {"typeurl": "", "value": ""}}), proto(proto_data("", b"")), losses=[], others=[*stating(proto_data("", b""), "application/protobuf"), REFUSED], policy=True)
    topic.write("text-that-is-json", "Text that happens to be JSON is text_data under a JSON content type, which is a loss, or bytes, or a JSON string, or is refused", ["PROTO-3-d"],
                tagged({"text": "{}"}, **held("application/json")), proto(both(ct("application/json"), text_data("{}"))), losses=["data"],
                others=[REFUSED, *({"result": {"message": body(wire(proto(both(ct("application/json"), held))))}} for held in (binary_data(b"{}"), text_data('"{}"'), binary_data(b'"{}"')))], policy=True)


def document_syntax():
    topic = Topic("document-syntax", "The wire format of protobuf")
    unknown = ["CE-Overview-a"]
    for name, extra in [
        ("varint", field(9, 5)),
        ("bytes", field(15, b"abc")),
        ("fixed64", varint(9 << 3 | 1) + bytes(8)),
        ("fixed32", varint(9 << 3 | 5) + bytes(4)),
        ("group", varint(9 << 3 | 3) + field(1, 5) + varint(9 << 3 | 4)),
        ("nested-groups", b"\x4b\x53\x08\x01\x54\x4c"),
        ("greatest-number", field(536870911, 1)),
    ]:
        # "Proto3 implementations should still be able to parse the group wire format" (descriptor.proto, TYPE_GROUP).
        more = {"level": "SHOULD", "note": "Proto3 has no groups. That its parsers skip them is a recommendation of descriptor.proto."} if "group" in name else {}
        topic.read(f"unknown-{name}", "An unknown field is skipped", unknown, MINIMAL + extra, tagged(), **more)
    topic.read("unknown-first", "An unknown field before all others is skipped", unknown, field(100, b"\xff") + MINIMAL, tagged())
    topic.read("unknown-in-value", "Unknown fields of a value and of a Timestamp are skipped", [*unknown, "PROTO-2.4-a"],
               MINIMAL + entry("time", field(9, b"x") + field(7, field(1, 1522949460) + field(9, 1))),
               tagged(time=("Timestamp", "2018-04-05T17:31:00Z")))
    document = MINIMAL + field(5, field(1, b"subject") + field(9, 1) + field(2, field(3, b"orders/42")))
    topic.add("unknown-in-entry", "An unknown field of an entry is skipped, or the entry is refused", ["PROTO-2.4-a"], decode(document),
              [result(tagged(subject=("String", "orders/42"))), REFUSED, result(tagged())], policy=True,
              note="Some runtimes take an entry with an unknown field for an unknown field itself.")
    topic.read("long-length", "A length may be written with more bytes than it takes, or is refused", unknown,
               MINIMAL.replace(field(1, b"A-1001"), b"\x0a\x86\x80\x00A-1001"), tagged(), [REFUSED], policy=True)
    topic.read("last-wins-in-timestamp", "Within a Timestamp the last one of two fields wins, or the document is refused", ["PROTO-2.1-a"],
               MINIMAL + entry("time", field(7, field(1, 5) + field(1, 1522949460))),
               tagged(time=("Timestamp", "2018-04-05T17:31:00Z")), [REFUSED], policy=True)
    for name, title, document in [
        ("truncated-length", "A document that ends within a length is refused", MINIMAL + b"\x32\x80"),
        ("truncated-value", "A document that ends within a value is refused", MINIMAL + b"\x32\x05abc"),
        ("truncated-fixed", "A document that ends within a number is refused", MINIMAL + b"\x49\x00\x00"),
        ("huge-length", "A length far beyond the document is refused", MINIMAL + b"\x32\xff\xff\xff\xff\x07"),
        ("length-of-64-bits", "A length of 64 bits is refused", MINIMAL + b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("length-beyond-message", "A length beyond the message it is in is refused", MINIMAL + b"\x2a\x04\x0a\x05x\x12\x02\x08\x01"),
        ("number-of-65-bits", "A number of more than 64 bits in an unknown field is refused, or skipped", MINIMAL + b"\x48" + b"\xff" * 10 + b"\x01"),
        ("field-number-zero", "The field number 0 is refused", MINIMAL + b"\x00\x00"),
        ("wire-type-6", "The wire type 6 is refused", MINIMAL + b"\x4e"),
        ("wire-type-7", "The wire type 7 is refused", MINIMAL + b"\x4f"),
        ("group-not-begun", "The end of a group that did not begin is refused", MINIMAL + b"\x4c"),
        ("group-not-ended", "A group that does not end is refused", MINIMAL + b"\x4b\x08\x01"),
        ("groups-crossed", "Groups that cross are refused", MINIMAL + b"\x4b\x53\x4c\x54"),
        ("id-not-utf8", "An id that is not UTF-8 is refused", MINIMAL.replace(b"A-1001", b"A-100\xff")),
        ("name-not-utf8", "A name that is not UTF-8 is refused", MINIMAL + field(5, field(1, b"\xff") + field(2, field(3, b"a")))),
        ("value-not-utf8", "A String that is not UTF-8 is refused", MINIMAL + entry("subject", field(3, b"\xc3("))),
        ("text-surrogate", "A surrogate in UTF-8 is refused", MINIMAL + entry("subject", field(3, b"\xed\xa0\x80"))),
        ("deep-groups", "A thousand groups within each other may be refused", MINIMAL + b"\x4b" * 1000 + b"\x4c" * 1000),
        ("json", "A JSON document is refused", b'{"specversion":"1.0","id":"A-1001","source":"/orders","type":"com.example.order.placed"}'),
    ]:
        more = {"policy": True, "others": [result(tagged())]} if name == "deep-groups" else {}
        if name == "number-of-65-bits":  # a number has ten bytes at most; what a parser that only looks for its end does with more is not said
            more = {"others": [result(tagged())]}
        # A text that is not of the format at all has no attributes. The others have them.
        clauses = ["CE-Overview-a", *(["CE-Context-Attributes-a"] if name == "json" else [])]
        topic.refuse(name, title, clauses, document, broken=True, **more)
    skipped = [result(tagged())]
    for name, title, document, cite, more, others in [
        ("id-as-number", "An id in another wire type is refused", field(1, 5) + MINIMAL[8:], "PROTO-2.3-a", ["CE-id-a"], []),
        ("attributes-as-number", "A map in another wire type is refused, or skipped as unknown", MINIMAL + field(5, 1), "PROTO-2.4-a", [], skipped),
        ("payload-as-number", "A payload in another wire type is refused, or skipped as unknown", MINIMAL + field(6, 1), "PROTO-3-f", ["CE-Overview-a"], skipped),
        ("value-as-number", "A value in another wire type is refused, or absent", MINIMAL + entry("subject", field(3, 1)), "PROTO-2.1-a", [], skipped),
        ("boolean-as-bytes", "A Boolean in another wire type is refused, or absent", MINIMAL + entry("comexampleext", field(1, b"\1")),
         "PROTO-2.1-a", [], skipped),
    ]:
        topic.refuse(name, title, [cite, *more], document, others=others, policy=bool(others))
    topic.refuse("batch", "A batch is no event", ["CE-Context-Attributes-a", "PROTO-5-a"], wire(CloudEventBatch(events=[proto()])))


def batch():
    one, two = proto(id="A-1"), proto(both(attr(datacontenttype=("ce_string", "text/plain")), text_data("a")), id="A-2", source="/other")
    events = [tagged(id="A-1"), tagged({"text": "a"}, id="A-2", source="/other", datacontenttype=("String", "text/plain"))]
    batched = lambda *messages: wire(CloudEventBatch(events=list(messages)))
    topic = Topic("batch-decode", "Reading batches in the Protobuf format")

    def read(name, title, cites, document, *expected, **more):
        assert [meaning(event) for event in CloudEventBatch.FromString(document).events] == list(expected)
        topic.add(name, title, cites, decode(document, "protobuf-batch"),
                  [result(*expected, mode="batched", format="protobuf")], **more)

    def refuse(name, title, cites, document, error, *others, **more):
        topic.add(name, title, cites, decode(document, "protobuf-batch"), [{"error": error}, *others], **more)

    # 1.0.2 says of JSON and of HTTP that a batch may be empty.
    read("empty", "No bytes are an empty batch", ["CE-Message-b"], b"")
    read("one", "A batch of one event is one event", ["PROTO-5-a"], batched(one), events[0])
    read("two", "A batch of two events is two events in their order", ["PROTO-5-a"], batched(one, two), *events)
    read("same-id", "Events of a batch may be duplicates", ["PROTO-5-a"], batched(one, one), events[0], events[0])
    read("unknown-field", "An unknown field of the batch is skipped", ["PROTO-5-a", "CE-Overview-a"],
         field(2, b"x") + batched(one) + field(3, 7) + batched(two), *events)
    others = result(events[0], mode="batched", format="protobuf")
    unsaid = "Whether one invalid event makes the whole batch invalid is not said: its valid events may be read."
    refuse("second-invalid", "A batch in which one event has no id is refused, with its index, or its valid events are read", ["CE-id-a", "PROTO-5-a"],
           batched(one, proto(id="")), {"index": 1, "attribute": "id"}, others, policy=True, note=unsaid)
    refuse("empty-element", "An empty element is an event without attributes: the batch is refused, or its valid events are read",
           ["CE-Context-Attributes-a"], batched(CloudEvent(), one), {"index": 0}, others, policy=True, note=unsaid)
    refuse("version-0-3", "An event of version 0.3 in a batch is refused, or the others are read", ["CE-Message-a"], batched(one, proto(spec_version="0.3")),
           {"index": 1}, {"error": {}}, others, note=unsaid)
    refuse("truncated", "A batch that ends within an event is refused", ["PROTO-5-a"], batched(one, two)[:-1], {})
    refuse("single-event", "An event is no batch", ["PROTO-5-a"], wire(one), {})
    refuse("element-as-number", "An element in another wire type is refused, or skipped as unknown", ["PROTO-5-a"], batched(one) + field(1, 5), {},
           result(events[0]), policy=True)
    topic.add("lenient", "A repair in one event keeps the batch", ["PROTO-5-a"],
              decode(batched(one, proto(attr(time=("ce_string", "yesterday")))), "protobuf-batch", "lenient"),
              [{"result": {"repairs": [{"attribute": "time"}], "mode": "batched", "events": [events[0], tagged()]}}, REFUSED, others], policy=True, note=unsaid)

    topic = Topic("batch-encode", "Writing batches in the Protobuf format")

    def write(name, title, cites, given, expect):
        topic.add(name, title, cites, {"op": "encode", "via": "protobuf-batch", "events": given}, expect)

    write("empty", "An empty batch has no bytes, or is refused", ["CE-Message-b"], [], [{"result": {"message": body(b"")}}])
    write("one", "A batch of one event is one element", ["PROTO-5-a"], events[:1], [{"result": {"message": body(batched(one))}}])
    held_as_bytes = proto(both(attr(datacontenttype=("ce_string", "text/plain")), binary_data(b"a")), id="A-2", source="/other")
    write("two", "A batch of two events is two elements in their order", ["PROTO-5-a"], events,
          [{"result": {"message": body(batched(one, two))}}, {"result": {"message": body(batched(one, held_as_bytes))}}])
    write("long-event", "An event of more than 127 bytes has a length of two bytes", ["PROTO-5-a"], [tagged(id="x" * 300)],
          [{"result": {"message": body(batched(proto(id="x" * 300)))}}])
    # Whether the event of 0.3 is brought to 1.0 first, or the batch refused, is not said.
    write("mixed-versions", "Events of two versions do not share a batch: they are refused, or one is brought to 1.0", ["CE-Message-a"], [events[0], tagged(version="0.3")],
          [{"error": {}}, {"result": {"message": body(batched(one, proto()))}}])


def lenient():
    topic = Topic("lenient", "Lenient reading of the Protobuf format")

    def read(name, title, cites, document, repaired, event, others=(REFUSED,)):
        document = document if isinstance(document, bytes) else wire(document)
        expect = [{"result": {"repairs": [{"attribute": name} for name in repaired], "events": [event]}}, *others]
        topic.add(name, title, cites, decode(document, strictness="lenient"), expect, policy=bool(others))

    read("valid", "A valid event needs no repair", ["CE-Overview-a"], proto(attr(subject=("ce_string", "orders/42"))), [],
         tagged(subject=("String", "orders/42")), ())
    read("unset-value", "An attribute without a value is dropped and reported", ["CE-Type-System-m"], MINIMAL + entry("comexampleext", b""),
         ["comexampleext"], tagged())
    read("two-values", "An attribute with two values is dropped and reported", ["CE-Type-System-m"],
         MINIMAL + entry("comexampleext", field(1, 1) + field(3, b"a")), ["comexampleext"], tagged(),
         (result(tagged(comexampleext=("String", "a"))), REFUSED))
    read("integer-out-of-range", "An Integer out of range is dropped and reported", ["CE-Type-System-d"],
         MINIMAL + entry("comexampleext", field(2, 2147483648)), ["comexampleext"], tagged())
    read("timestamp-out-of-range", "A Timestamp out of range is dropped and reported, refused, or read as libraries of Protobuf carry it", ["PROTO-2.1-a"],
         MINIMAL + entry("time", field(7, field(2, 1000000000))), ["time"], tagged(),
         # As libraries of Protobuf carry what is beyond a second.
         (REFUSED, result(tagged(time=("Timestamp", "1970-01-01T00:00:01Z")))))
    read("wrong-type", "A subject that is a Boolean is dropped and reported", ["CE-Type-System-m"],
         proto(attr(subject=("ce_boolean", True))), ["subject"], tagged())
    read("type-url-as-dataschema", "A type URL without a scheme as dataschema is dropped and reported, kept, or refused", ["PROTO-3-c", "CE-dataschema-b"],
         proto(both(attr(dataschema=("ce_string", "type.googleapis.com/com.example.Order")),
                    proto_data("type.googleapis.com/com.example.Order", b""))), ["dataschema"],
         tagged({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": ""}}))
    read("dataschema-fragment", "A dataschema with a fragment loses it, which is reported, or keeps it, or is refused", ["CE-dataschema-b"],
         proto(attr(dataschema=("ce_uri", "https://example.com/#a"))), ["dataschema"], tagged(dataschema=("URI", "https://example.com/")))
    read("upper-case-name", "An upper-case name is lower-cased and reported", ["CE-Naming-a"], proto(attr(MyExt=("ce_string", "a"))),
         ["myext"], tagged(myext=("String", "a")))
    read("invalid-name", "An attribute whose name is no attribute name is dropped and reported", ["CE-Naming-a"],
         proto(attr(spec_version=("ce_string", "1.0"))), ["spec_version"], tagged())
    for name, title, cites, document in [
        ("id-in-map", "A second id in the map, under its name in upper case, may be refused by lenient reading too", ["PROTO-2.3-a"],
         MINIMAL + entry("ID", field(3, b"A-1001"))),
        ("duplicate-id", "A second id may be refused by lenient reading too", ["CE-Context-Attributes-d"], MINIMAL + field(1, b"A-1002")),
        ("wire-type", "A document that is not well-formed is refused by lenient reading too", ["CE-Overview-a"], MINIMAL + b"\x32\x05"),
    ]:
        policy = {} if name == "wire-type" else {"policy": True}
        others = {"id-in-map": [result(tagged())], "duplicate-id": [result(tagged(id="A-1002"))], "wire-type": []}[name]
        topic.add(name, title, cites, decode(document, strictness="lenient"), [{"error": {}}, *others], **policy)


def transcode():
    topic = Topic("transcode", "From and to the JSON format")
    head = '"specversion":"1.0","id":"A-1001","source":"/orders","type":"com.example.order.placed"'

    def translate(name, title, cites, source, target, losses=None, exact=False, others=(), **more):
        request = {"op": "transcode", "from": source, "to": {"via": "json" if source["via"] == "protobuf" else "protobuf"}}
        if exact:
            request["exact"] = True
        if losses is not None and isinstance(target, dict):
            target = {"result": {**target["result"], "losses": [{"at": at} for at in losses]}}
        topic.add(name, title, cites, request, [target, *others], **more)

    text = lambda members: {"via": "json", "message": {"body": {"text": "{" + head + members + "}"}}}
    document = lambda message: {"via": "protobuf", "message": body(wire(message))}
    to_json = lambda members: {"result": {"message": {"body": {"text": "{" + head + members + "}"}}}}
    to_proto = lambda message: {"result": {"message": body(wire(message))}}
    json_ct = attr(datacontenttype=("ce_string", "application/json"))
    translate("json-data-to-text", "A JSON payload without a content type becomes text_data or binary_data under application/json",
              ["PROTO-3-d", "PROTO-3-e", "CE-datacontenttype-d"], text(',"data":{"order": 42}'),
              to_proto(proto(both(json_ct, text_data('{"order": 42}')))), [], exact=True, traps=["P1"], level="SHOULD",
              others=[to_proto(proto(both(json_ct, other))) for other in [*map(text_data, fair.spellings('{"order": 42}')[1:]),
                                                                              *(binary_data(some.encode()) for some in fair.spellings('{"order": 42}'))]])
    translate("text-to-json-data", "text_data under a JSON content type becomes a JSON payload, bytes, or a string", ["PROTO-3-d"],
              document(proto(both(json_ct, text_data('{"order":42}')))), to_json(',"datacontenttype":"application/json","data":{"order":42}'), [],
              exact=True, traps=["P1"], others=[to_json(f',"datacontenttype":"application/json",{held}') for held in
                                                ('"data_base64":"eyJvcmRlciI6NDJ9"', '"data":"{\\"order\\":42}"')])
    translate("no-data-to-json", "An unset payload is no data member; by 1.0.2, a content type without a payload may be refused", ["CE-Event-Data-a", "PROTO-2.4-a", "JSON-3-b"], document(proto(json_ct)),
              to_json(',"datacontenttype":"application/json"'), [], traps=["P2"])
    translate("octets-to-json", "binary_data becomes data_base64", ["PROTO-3-f"],
              document(proto(both(attr(datacontenttype=("ce_string", "application/octet-stream")), binary_data(b"\0\1\xff")))),
              to_json(',"datacontenttype":"application/octet-stream","data_base64":"AAH/"'), [], exact=True)
    translate("base64-to-binary", "data_base64 becomes binary_data", ["PROTO-3-f"], text(',"data_base64":"AAH/"'),
              to_proto(proto(binary_data(b"\0\1\xff"))), [], exact=True,
              others=[{**to_proto(proto(both(attr(datacontenttype=("ce_string", media_type)), binary_data(b"\0\1\xff")))), **held}
                      for media_type, held in (("application/json", {"revisions": ["1.0.2"]}), ("application/octet-stream", {}))])
    # "`dataschema` SHOULD be populated with the type URL of the protobuf data message", it is not said by whom: see fair.populated_content_type.
    with_schema = [to_json(typed + ',"dataschema":"type.googleapis.com/com.example.Order","data_base64":"CgI0Mg=="')
                   for typed in (',"datacontenttype":"application/protobuf"', "")]
    # Or the octets are those of the whole Any.
    with_schema += [to_json(typed + schema + ',"data_base64":"' + base64.b64encode(b"\x0a\x25type.googleapis.com/com.example.Order\x12\x04\x0a\x0242").decode() + '"')
                    for schema in ("", ',"dataschema":"type.googleapis.com/com.example.Order"') for typed in (',"datacontenttype":"application/protobuf"', "")]
    as_objects = [to_json(f'{typed},"data":{{"{name}":"type.googleapis.com/com.example.Order","{value}":"CgI0Mg=="}}') for typed in ("", ',"datacontenttype":"application/json"')
                  for name, value in (("@type", "value"), ("typeUrl", "value"), ("type_url", "value"), ("TypeUrl", "Value"))]
    translate("any-to-json", "proto_data becomes bytes, its own or those of the whole Any, or an object, and the type URL is a loss, or becomes the dataschema, or the event is refused", ["PROTO-3-a", "PROTO-2.4-a"],
              document(proto(proto_data("type.googleapis.com/com.example.Order", b"\x0a\x0242"))),
              to_json(',"datacontenttype":"application/protobuf","data_base64":"CgI0Mg=="'), ["data"],
              others=[to_json(',"data_base64":"CgI0Mg=="'), *with_schema, REFUSED, *as_objects], policy=True, traps=["P3"],
              note="An implementation for which the message is an object writes it as one.")
    translate("any-to-json-exact", "A lost type URL is refused where exactness is requested, if it was there and does not become the dataschema", ["PROTO-3-a", "PROTO-2.4-a"],
              document(proto(proto_data("type.googleapis.com/com.example.Order", b"\x0a\x0242"))), {"error": {"kind": "inexact"}}, exact=True,
              others=[REFUSED, to_json(',"datacontenttype":"application/protobuf","data_base64":"CgI0Mg=="'), to_json(',"data_base64":"CgI0Mg=="'), *with_schema],
              policy=True, traps=["P3"])
    # An event without a payload may state the content type that JSON implies: see fair.content_type_without_payload.
    instant = attr(time=("ce_timestamp", (1522949460, 0)))
    translate("time-offset-exact", "A lost offset is refused where exactness is requested, if it was there", ["PROTO-2.1-a"],
              text(',"time":"2018-04-05T18:31:00+01:00"'), {"error": {"kind": "inexact"}}, exact=True,
              others=[REFUSED, to_proto(proto(instant)), to_proto(proto(both(json_ct, instant)))], policy=True)
    translate("time-offset", "The instant of a time with an offset stays", ["PROTO-2.1-a", "CE-Type-System-r"], text(',"time":"2018-04-05T18:31:00+01:00"'),
              to_proto(proto(instant)), ["time"], others=[to_proto(proto(instant)), to_proto(proto(both(json_ct, instant)))], policy=True)
    number = attr(comexampleext=("ce_integer", -5))
    translate("integer-to-protobuf", "A JSON number is an Integer", ["PROTO-2.4-b"], text(',"comexampleext":-5'),
              to_proto(proto(number)), [], exact=True, others=[to_proto(proto(both(json_ct, number)))])
    # RFC 3339 does not say how many digits a fraction has, or how UTC is spelled, and a Timestamp of Protobuf has no text that could be kept.
    translate("types-to-json", "The types that JSON does not tell apart become strings", ["PROTO-2.4-b", "CE-Type-System-r"],
              document(proto(attr(exta=("ce_boolean", True), extb=("ce_bytes", b"\0\1\xff"), extc=("ce_uri", "urn:example:y"),
                                  extd=("ce_timestamp", (0, 1000000))))),
              to_json(',"exta":true,"extb":"AAH/","extc":"urn:example:y","extd":"1970-01-01T00:00:00.001Z"'), ["extb", "extc", "extd"],
              others=[to_json(f',"exta":true,"extb":"AAH/","extc":"urn:example:y","extd":"{extd}"') for extd in fair.spelled_times("1970-01-01T00:00:00.001Z")], policy=True,
              note="That a String has taken the place of another type may be reported as a loss. Which text of the instant a native type becomes is free.")


def version_03():
    topic = Topic("version-0-3", "Version 0.3 and the Protobuf format")
    topic.refuse("decode", "A document of version 0.3 may be refused: the format has 1.0 only", ["CE-specversion-c"], proto(spec_version="0.3"),
                 "specversion", [REFUSED, result(tagged(version="0.3"))], policy=True)
    topic.refuse("decode-unknown", "An unknown version is refused", ["CE-specversion-c"], proto(spec_version="1.1"), "specversion")
    topic.refuse("decode-patch-level", "A version with a patch level is refused", ["CE-specversion-c"], proto(spec_version="1.0.2"), "specversion")
    topic.add("encode", "An event of version 0.3 is refused, or brought to 1.0 first, or written as it is", ["CE-specversion-c"],
              {"op": "encode", "via": "protobuf", "events": [tagged(version="0.3")]},
              [{"error": {"attribute": "specversion"}}, REFUSED, *({"result": {"message": body(wire(proto(spec_version=version)))}} for version in ("0.3", "1.0"))],
              policy=True, note="The event may be brought to 1.0 before it is written.")


def media_types():
    topic = Topic("media-types", "The media types of the Protobuf format, over HTTP")
    one, two = proto(id="A-1"), proto(id="A-2")
    events = [tagged(id="A-1"), tagged(id="A-2")]
    batched = wire(CloudEventBatch(events=[one, two]))
    single, batch_type = "application/cloudevents+protobuf", "application/cloudevents-batch+protobuf"
    http = lambda media_type, document: {"headers": [["content-type", media_type]], **body(document)}
    mark = [["ce-specversion", "1.0"], ["ce-id", "A-1"], ["ce-source", "/orders"], ["ce-type", "com.example.order.placed"]]
    topic.add("encode", "A structured message has the media type of the format", ["PROTO-4-a"],
              {"op": "encode", "via": "http", "mode": "structured", "format": "protobuf", "events": events[:1]},
              [{"result": {"message": http(single, wire(one))}},
               {"result": {"message": {"headers": [["content-type", single], *mark], **body(wire(one))}}}],
              note="The same message with the ce- headers of binary mode beside the Content-Type is allowed.")
    topic.add("encode-batch", "A batched message has the batch media type", ["PROTO-5.2-a"],
              {"op": "encode", "via": "http", "mode": "batched", "format": "protobuf", "events": events},
              [{"result": {"message": http(batch_type, batched)}}])
    decode = lambda media_type, document: {"op": "decode", "via": "http", "message": http(media_type, document)}
    found = lambda mode, *events: [result(*events, mode=mode, format="protobuf")]
    topic.add("decode", "The media type of the format marks a structured message", ["PROTO-4-a", "HTTP-3-c"], decode(single, wire(one)),
              found("structured", events[0]))
    topic.add("decode-case", "Letter case of the media type does not matter", ["PROTO-4-a", "HTTP-3-c", "SDK-Encode-Decode-f"],
              decode("Application/CloudEvents+Protobuf", wire(one)), found("structured", events[0]))
    topic.add("decode-batch", "The batch media type marks a batched message", ["PROTO-5.2-a", "PROTO-5-a", "HTTP-3-c"], decode(batch_type, batched),
              found("batched", *events))


# ---- Writing


def main():
    for topic in [attributes_decode, attributes_encode, timestamps, data_decode, data_encode, document_syntax, batch, lenient, transcode,
                  version_03, media_types]:
        topic()
    check = "--check" in sys.argv[1:]
    texts = {f"{document['topic']}.json": fair.text(document) for document in DOCUMENTS}
    VECTORS.mkdir(parents=True, exist_ok=True)
    there = {path.name: path.read_text(encoding="utf-8") for path in VECTORS.glob("*.json")}
    if check:
        sys.exit(there != texts and "the vectors are not what this script writes")
    for name in there.keys() - texts.keys():
        (VECTORS / name).unlink()
    for name, text in texts.items():
        (VECTORS / name).write_text(text, encoding="utf-8")
    print(sum(len(document["cases"]) for document in DOCUMENTS), "cases")


if __name__ == "__main__":
    main()
