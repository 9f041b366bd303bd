"""Writes the vectors of the CBOR format. See README.md."""

import base64
import datetime
import io
import json
import pathlib
import sys

import cbor2
from cbor2 import CBORTag, undefined

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import fair
VECTORS = HERE.parent.parent / "vectors" / "cbor"

# ---- Documents


def head(major, argument, width=None):
    """The beginning of an item, in so many bytes of argument; None is an indefinite length."""
    if argument is None:
        return bytes([major << 5 | 31])
    if width is None:
        width = 0 if argument < 24 else 1 if argument < 256 else 2 if argument < 65536 else 4 if argument < 1 << 32 else 8
    if width == 0:
        return bytes([major << 5 | argument])
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + argument.to_bytes(width, "big")


BREAK = b"\xff"


def chunked(*chunks):
    """A string of indefinite length."""
    major = 3 if isinstance(chunks[0], str) else 2
    return head(major, None) + b"".join(cbor2.dumps(chunk) for chunk in chunks) + BREAK


class Raw(bytes):
    """An item that is encoded already."""


def item(value):
    return bytes(value) if isinstance(value, Raw) else cbor2.dumps(value)


def pairs(*members, indefinite=False):
    """A map of these members, which may come twice."""
    body = b"".join(item(key) + item(value) for key, value in members)
    return head(5, None) + body + BREAK if indefinite else head(5, len(members)) + body


def uri(text):
    return CBORTag(32, text)


def stamp(text):
    return CBORTag(0, text)


def members(more=(), **changes):
    """The members of a small event, and more. A change to None leaves a member out."""
    required = {"specversion": "1.0", "id": "A-1001", "source": uri("/orders"), "type": "com.example.order.placed"} | changes
    return [(key, value) for key, value in required.items() if value is not None] + list(dict(more).items() if isinstance(more, dict) else more)


def doc(more=(), **changes):
    return pairs(*members(more, **changes))


# ---- Events in the form of the vectors


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


def native(value):
    """A payload that is a CBOR item."""
    return {"cbor": b64(item(value))}


def binary(data):
    return {"binary": b64(data)}


def ct(media_type):
    return {"datacontenttype": media_type}


def loads(document):
    """What cbor2 reads."""
    return cbor2.CBORDecoder(io.BytesIO(document)).decode()


def check(document, event):
    """The runtime reads what the event says."""
    seen = loads(document)
    expected = dict(event["attributes"], specversion={"type": "String", "value": event["specversion"]})
    assert seen.keys() - {"data"} - {key for key, value in seen.items() if value is None} == expected.keys(), (seen, expected)
    for name, typed in expected.items():
        value, held = seen[name], typed["value"]
        match typed["type"]:
            case "Binary":
                held = base64.b64decode(held)
            case "URI" | "URI-reference" if isinstance(value, CBORTag):
                assert value.tag == 32
                value = value.value
            case "Timestamp" if isinstance(value, datetime.datetime):
                held = datetime.datetime.fromisoformat(held)
        assert type(value) is type(held) and value == held, (name, value, held)
    data = event.get("data")
    assert (data is None) == ("data" not in seen)
    if data is not None:
        (kind, held), = data.items()
        value = seen["data"]
        if kind == "cbor":
            held = loads(base64.b64decode(held))
            assert not isinstance(held, bytes)
        elif kind == "binary":
            held = base64.b64decode(held)
        else:
            assert kind == ("json" if is_json_type(seen.get("datacontenttype", "")) and is_json(held) else "text"), kind
        assert value == held or value != value, (value, held)


def is_json_type(media_type):
    return media_type.split(";")[0].strip().lower().endswith(("/json", "+json"))


def is_json(text):
    def refuse(_):
        raise ValueError
    try:
        json.loads(text, parse_constant=refuse)
        return True
    except ValueError:
        return False


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
REFUSED = {"error": {}}
ANY_ORDER = "The members may come in any order."


def with_any_refusal(expect):
    """An outcome that states what is at fault is followed by one of any refusal: see "How outcomes are compared"."""
    refusals = [at for at, outcome in enumerate(expect) if "error" in outcome]
    if not refusals or any(expect[at]["error"] == {} for at in refusals):
        return expect
    after = refusals[-1] + 1
    return [*expect[:after], {"error": {}}, *expect[after:]]


def untagged(expect):
    """The outcomes, and those whose source is plain text: it may be tagged or not."""
    found = list(expect)
    for outcome in expect:
        message = outcome.get("result", {}).get("message", {})
        octets = base64.b64decode(message.get("body", {}).get("base64", ""))
        plain = octets.replace(item(uri("/orders")), item("/orders"), 1)
        other = {"result": {**outcome["result"], "message": message | body(plain)}} if plain != octets else outcome
        # Losses may be left out where the source is plain: they are those of the payload.
        if other not in found and plain not in [base64.b64decode(one.get("result", {}).get("message", {}).get("body", {}).get("base64", "")) for one in found]:
            found.append(other)
    return found


class Topic:
    def __init__(self, name, title):
        self.name, self.cases = name, []
        DOCUMENTS.append({"area": "cbor", "topic": name, "title": title, "cases": self.cases})

    def add(self, name, title, cites, request, expect, policy=False, note=None, level=None, compare=None):
        strongest = max(CLAUSES[clause] for clause in cites)
        case = {"id": f"cbor/{self.name}/{name}", "title": title, "clauses": cites,
                "level": level or {2: "MUST", 1: "SHOULD", 0: "MAY"}[strongest], "revisions": ["1.0.2", "main"], "draft": True}
        if policy:
            case["policy"] = True
        case |= {"request": request, "expect": with_any_refusal(untagged(expect) if request["op"] in ("encode", "transcode") else expect)}
        if compare:
            case["compare"] = compare
        if note:
            case["note"] = note
        assert all(case["id"] != other["id"] for other in self.cases), case["id"]
        self.cases.append(case)

    def read(self, name, title, cites, document, event, others=(), **more):
        """A document that means this event. The library has to agree."""
        check(document, event)
        expect = [result(event, mode="structured", format="cbor"), *others]
        self.add(name, title, cites, decode(document), expect, policy=more.pop("policy", bool(others)), **more)

    def refuse(self, name, title, cites, document, attribute=None, others=(), broken=False, policy=False, **more):
        """A document that is refused; `broken`: the library refuses it too."""
        try:
            loads(document)
            assert not broken, name
        except (cbor2.CBORDecodeError, EOFError):
            assert broken, name
        # Who else refuses it need not name the attribute.
        expect = [{"error": {"attribute": attribute} if attribute else {}}]
        if attribute:
            expect.append(REFUSED)
        self.add(name, title, cites, decode(document), [*expect, *others], policy=bool(others) or policy, **more)

    def write(self, name, title, cites, event, more=(), losses=None, others=(), before=(), **options):
        """An event and the members it has beside the required ones. Telling the losses is optional when writing."""
        everything = members(more, **options.pop("required", {}))
        outcomes = []
        for plain in [(), (32,), (0,), (0, 32)]:
            spelled = [(key, value.value if isinstance(value, CBORTag) and value.tag in plain and key != "data" else value)
                       for key, value in everything]
            message = {"message": body(pairs(*spelled))}
            if message in outcomes:
                continue
            if losses:
                outcomes.append(message | {"losses": [{"at": at} for at in losses]})
            outcomes.append(message)
        self.add(name, title, cites, {"op": "encode", "via": "cbor", "events": [event]},
                 [*before, *({"result": outcome} for outcome in outcomes), *others], note=ANY_ORDER, **options)


def body(document):
    return {"body": {"base64": b64(document)}}


def decode(document, strictness=None):
    request = {"op": "decode", "via": "cbor", "message": body(document)}
    if strictness:
        request["strictness"] = strictness
    return request


def result(*events, **more):
    return {"result": {**more, "events": list(events)}}


def attributes_decode():
    topic = Topic("attributes-decode", "Reading attributes from the CBOR format")
    topic.read("minimal", "The required attributes are members of a map", ["CBOR-3-c", "CE-Overview-a"], doc(), tagged())
    topic.read("plain-source", "A source may be plain text", ["CBOR-2.2-b"], doc(source="/orders"), tagged())
    optional = tagged(datacontenttype=("String", "text/plain"), dataschema=("URI", "https://example.com/schemas/order"),
                      subject=("String", "orders/42"), time=("Timestamp", "2018-04-05T17:31:00Z"))
    for name, title, wrap in [("tagged", "Optional attributes are read with their tags", (uri, stamp)),
                              ("plain", "Optional attributes are read as plain text", (str, str))]:
        topic.read(f"all-optional-{name}", title, ["CBOR-3-c", "CBOR-2.2-b", "CBOR-2.2-c"],
                   doc(ct("text/plain") | {"dataschema": wrap[0]("https://example.com/schemas/order"), "subject": "orders/42",
                                           "time": wrap[1]("2018-04-05T17:31:00Z")}), optional)
    inferred = {"string-like-uri": ("URI", "URI-reference"), "string-like-time": ("Timestamp",)}
    for name, value, ty, held in [
        ("boolean-true", True, "Boolean", True),
        ("boolean-false", False, "Boolean", False),
        ("integer-zero", 0, "Integer", 0),
        ("integer-one-byte", 23, "Integer", 23),
        ("integer-two-bytes", 255, "Integer", 255),
        ("integer-three-bytes", -65536, "Integer", -65536),
        ("integer-negative", -1, "Integer", -1),
        ("integer-least", -2147483648, "Integer", -2147483648),
        ("integer-greatest", 2147483647, "Integer", 2147483647),
        ("string", "café 😀", "String", "café 😀"),
        ("string-empty", "", "String", ""),
        ("string-like-uri", "https://example.com/a", "String", "https://example.com/a"),
        ("string-like-time", "2018-04-05T17:31:00Z", "String", "2018-04-05T17:31:00Z"),
        ("binary", b"\x00\x01\xff", "Binary", "AAH/"),
        ("binary-empty", b"", "Binary", ""),
    ]:
        title = f"An extension of the type {ty} is read" if value not in ("", b"") else f"An empty extension of the type {ty} is read, or refused"
        title = f"A plain text that could be a {' or a '.join(inferred[name])} is read as a String, or as that" if name in inferred else title
        cites = ["CBOR-2.2-a", "CBOR-2-a"] + {"string-like-uri": ["CBOR-2.2-b"], "string-like-time": ["CBOR-2.2-c"]}.get(name, [])
        topic.read(f"extension-{name}", title, cites, doc({"comexampleext": value}),
                   tagged(comexampleext=(ty, held)), [result(tagged(comexampleext=(other, held))) for other in inferred.get(name, ())],
                   **({"note": "A plain text may be of that type, too: types may be inferred."} if name in inferred else {}))
    text = lambda value: [result(tagged(comexampleext=("String", value)))]
    for name, value, ty in [("uri", "https://example.com/a?b", "URI"), ("urn", "urn:example:a", "URI"), ("relative", "../a?b#c", "URI-reference")]:
        topic.read(f"extension-{name}", f"Tag 32 stands before a {ty}", ["CBOR-2.2-b"], doc({"comexampleext": uri(value)}),
                   tagged(comexampleext=(ty, value)),
                   [result(tagged(comexampleext=("URI-reference", value)))] * (ty == "URI") + text(value),
                   note="Tag 32 stands for both types; the text may tell them apart.")
    topic.read("extension-uri-with-fragment", "A URI with a fragment after tag 32 is a URI-reference", ["CBOR-2.2-b"],
               doc({"comexampleext": uri("https://example.com/a#b")}), tagged(comexampleext=("URI-reference", "https://example.com/a#b")),
               [REFUSED, result(tagged(comexampleext=("URI", "https://example.com/a#b"))), *text("https://example.com/a#b")],
               note="An absolute URI, which the type URI is, has no fragment.")
    topic.read("extension-timestamp", "Tag 0 stands before a Timestamp", ["CBOR-2.2-c"],
               doc({"comexampleext": stamp("2018-04-05T17:31:00.5+01:00")}),
               tagged(comexampleext=("Timestamp", "2018-04-05T17:31:00.5+01:00")), text("2018-04-05T17:31:00.5+01:00"))
    # What stands behind a percent sign is no separator, and no space (RFC 3986, section 2.2).
    escaped = "https://example.com/a%2Fb?c=d%26e"
    topic.read("escapes", "Percent-escapes of a URI are read as they stand", ["CBOR-2.2-b"], doc({"dataschema": uri(escaped)}), tagged(dataschema=("URI", escaped)))
    topic.read("time-offset", "A time with an offset is read as the instant that it names", ["CBOR-2.2-c"], doc({"time": stamp("2018-04-05T18:31:00+01:00")}),
               tagged(time=("Timestamp", "2018-04-05T18:31:00+01:00")))
    topic.read("any-order", "Members come in any order", ["CBOR-3-c"], pairs(*reversed(members({"subject": "a"}))), tagged(subject=("String", "a")))
    topic.read("null-subject", "A subject that is null is absent", ["CBOR-2.2-e", "CBOR-3-d", "CBOR-2.2-d"], doc({"subject": None}), tagged())
    topic.read("null-time", "A time that is null is absent", ["CBOR-2.2-e"], doc({"time": None}), tagged())
    topic.read("null-extension", "An extension that is null is absent", ["CBOR-2.2-e"], doc({"comexampleext": None}), tagged())
    for name, cite in [("id", "CE-id-a"), ("source", "CE-source-a"), ("specversion", "CE-specversion-a"), ("type", "CE-type-a")]:
        topic.refuse(f"missing-{name}", f"An event without {name} is refused", [cite], doc(**{name: None}), name)
        null = [(key, None if key == name else value) for key, value in members()]
        topic.refuse(f"null-{name}", f"An event whose {name} is null is refused", [cite, "CBOR-2.2-e"], pairs(*null), name)
    topic.refuse("empty-id", "An empty id is refused", ["CE-id-b"], doc(id=""), "id")
    topic.refuse("specversion-float", "A specversion that is a number is refused", ["CE-specversion-b", "CBOR-2.2-a"], doc(specversion=1.0),
                 "specversion")
    for name, value, what in [("float", 1.5, "A floating point number"), ("whole-float", 1.0, "A floating point number, though whole,"),
                              ("array", [1], "An array"), ("map", {"a": 1}, "A map"),
                              ("bignum", Raw(bytes.fromhex("c24101")), "A bignum, though small,"),
                              ("epoch", Raw(bytes.fromhex("c11a5ac65ee4")), "A tag 1 (time as a number)"),
                              ("encoded-item", CBORTag(24, b"\x05"), "An encoded CBOR item"),
                              ("simple", Raw(b"\xf0"), "A simple value other than true, false and null"),
                              ("uri-of-bytes", CBORTag(32, b"a"), "Tag 32 before a byte string")]:
        small = {"others": [result(tagged(comexampleext=("Integer", 1))), result(tagged(comexampleext=("Binary", "AQ==")))],
                 "note": "A bignum and the integer of the same value are equivalent (RFC 8949, section 3.4.3). A decoder need not know a tag."} if name == "bignum" else {}
        topic.refuse(f"extension-{name}", f"{what} is no attribute value", ["CBOR-2.2-b" if name == "uri-of-bytes" else "CBOR-2.2-a", "CE-Type-System-m"], doc({"comexampleext": value}),
                     "comexampleext", **small)
    topic.refuse("extension-timestamp-of-number", "Tag 0 before a number is no attribute value", ["CBOR-2.2-c", "CE-Type-System-m"],
                 doc({"comexampleext": Raw(bytes.fromhex("c01a5ac65ee4"))}), "comexampleext", broken=True)
    topic.refuse("extension-undefined", "undefined is no attribute value, or absent", ["CBOR-2.2-a"], doc({"comexampleext": undefined}),
                 "comexampleext", [result(tagged())])
    for name, number in [("above", 2147483648), ("below", -2147483649), ("64-bits", (1 << 64) - 1), ("least-of-64-bits", -(1 << 64))]:
        topic.refuse(f"integer-{name}", "A number outside the range of Integer is refused", ["CE-Type-System-d"],
                     doc({"comexampleext": number}), "comexampleext")
    for name, value, what in [("time", 1522949460, "a number"), ("time-epoch", Raw(bytes.fromhex("c11a5ac65ee4")), "a tag 1 with a number"),
                              ("time-uri", uri("2018-04-05T17:31:00Z"), "a URI"), ("dataschema", 5, "a number"),
                              ("datacontenttype", b"text/plain", "a byte string"), ("subject", True, "a boolean")]:
        attribute = name.split("-")[0]
        cite = {"time": "CBOR-2.2-c", "dataschema": "CBOR-2.2-b"}.get(attribute, "CBOR-2.2-a")
        topic.refuse(f"{name}-type", f"A {attribute} that is {what} is refused", [cite, "CE-Type-System-m"], doc({attribute: value}),
                     attribute)
    topic.refuse("subject-uri-type", "A subject that is a URI is refused, or taken as text", ["CBOR-2.2-a"], doc({"subject": uri("a")}), "subject",
                 [result(tagged(subject=("String", "a")))])
    topic.refuse("time-invalid", "A time that is no timestamp is refused", ["CE-time-b"], doc({"time": "2018-04-05T17:31Z"}), "time")
    topic.refuse("source-invalid", "A source that is no URI-reference is refused", ["CE-source-b"], doc(source=uri("a b")), "source")
    topic.refuse("control-character", "A String with a control character is refused", ["CE-Type-System-f"], doc({"subject": "a\x07"}), "subject")
    for name, key in [("upper-case-name", "MyExt"), ("empty-name", ""), ("data-base64", "data_base64")]:
        topic.refuse(name, f"`{key}` is no attribute name", ["CE-Naming-a" if key else "CE-Naming-c"], doc({key: "a"}), key or None)
    for name, key, what in [("bytes", b"comexampleext", "a byte string"), ("integer", 1, "an integer"), ("tagged", CBORTag(32, "comexampleext"), "a tagged text")]:
        read_as = "1" if key == 1 else "comexampleext"  # where keys are strings
        topic.refuse(f"key-{name}", f"A key that is {what} is refused, or read over", ["CBOR-3-c"], pairs(*members(), (key, "a")),
                     others=[result(tagged(), mode="structured", format="cbor"), result(tagged(**{read_as: ("String", "a")}), mode="structured", format="cbor")])
    one = ("Integer", 1)
    for name, member, last in [("id", ("id", "A-1002"), tagged(id="A-1002", comexampleext=one)), ("extension", ("comexampleext", 2), tagged(comexampleext=("Integer", 2))),
                               ("null", ("comexampleext", None), tagged())]:
        topic.refuse(f"duplicate-{name}", "An attribute that stands there twice is refused, or the last or the first is taken",
                     ["CE-Context-Attributes-d"], pairs(*members({"comexampleext": 1}), member), member[0], [result(last), result(tagged(comexampleext=one))])


def attributes_encode():
    topic = Topic("attributes-encode", "Writing attributes in the CBOR format")
    topic.write("minimal", "The required attributes are members of a map", ["CBOR-3-a", "CBOR-3-c"], tagged())
    topic.write("all-optional", "The optional attributes are members as well", ["CBOR-3-c", "CBOR-2.2-b", "CBOR-2.2-c"],
                tagged(datacontenttype=("String", "text/plain"), dataschema=("URI", "https://example.com/schemas/order"),
                       subject=("String", "orders/42"), time=("Timestamp", "2018-04-05T17:31:00Z")),
                ct("text/plain") | {"dataschema": uri("https://example.com/schemas/order"), "subject": "orders/42",
                                    "time": stamp("2018-04-05T17:31:00Z")})
    for name, ty, held, value in [
        ("boolean-true", "Boolean", True, True), ("boolean-false", "Boolean", False, False), ("integer", "Integer", 42, 42),
        ("integer-negative", "Integer", -500, -500), ("integer-least", "Integer", -2147483648, -2147483648),
        ("integer-greatest", "Integer", 2147483647, 2147483647), ("string", "String", "café", "café"), ("string-empty", "String", "", ""),
        ("string-long", "String", "x" * 300, "x" * 300), ("binary", "Binary", "AAH/", b"\x00\x01\xff"),
        ("uri", "URI", "https://example.com/a", uri("https://example.com/a")), ("uri-reference", "URI-reference", "../a", uri("../a")),
        ("timestamp", "Timestamp", "2018-04-05T18:31:00.25+01:00", stamp("2018-04-05T18:31:00.25+01:00")),
    ]:
        topic.write(f"extension-{name}", f"An extension of the type {ty} is a member of the map", ["CBOR-2-a", {"URI": "CBOR-2.2-b", "URI-reference": "CBOR-2.2-b", "Timestamp": "CBOR-2.2-c"}.get(ty, "CBOR-2.2-a")],
                    tagged(comexampleext=(ty, held)), {"comexampleext": value})
    topic.write("two-extensions", "Extensions are members of the map, each for itself", ["CBOR-2-a"],
                tagged(aext=("Integer", 1), bext=("Boolean", True)), {"aext": 1, "bext": True})
    lower = pairs(*members({"time": Raw(b"\xc0" + cbor2.dumps("2018-04-05t17:31:00z"))}))
    topic.write("time-lower-case", "A time with a lower-case t and z has upper-case ones after tag 0, or is written as it is, with or without the tag, or refused", ["CBOR-2.2-c"],
                tagged(time=("Timestamp", "2018-04-05t17:31:00z")), {"time": stamp("2018-04-05T17:31:00Z")},
                others=[{"result": {"message": body(pairs(*members({"time": "2018-04-05t17:31:00z"})))}}, {"result": {"message": body(lower)}}, REFUSED],
                policy=True)


def data_decode():
    topic = Topic("data-decode", "Reading the payload in the CBOR format")
    cbor, js, txt, octets = "application/cbor", "application/json", "text/plain", "application/octet-stream"
    typed = lambda media_type: {"datacontenttype": ("String", media_type)}
    case = lambda media_type, data: doc((ct(media_type) if media_type else {}) | {"data": data})
    event = lambda media_type, data: tagged(data, **(typed(media_type) if media_type else {}))
    topic.read("none", "An event without data has no payload", ["CE-Event-Data-a", "CBOR-3.1.1-j", "CBOR-3-c"], doc(ct(js)), event(js, None))
    for name, media_type in [("", cbor), ("-suffix", "application/vnd.example+cbor"), ("-parameters", "Application/CBOR; a=b"), ("-implied", None)]:
        cites = ["CBOR-3.1.2-a"] if media_type else ["CBOR-3.1.2-f", "CBOR-3.1.2-g"]
        cites += ["CE-datacontenttype-f"] * (name == "-parameters")
        topic.read(f"map{name}", "A map under a CBOR content type, or none, is a CBOR item", cites, case(media_type, {"a": [1, None]}),
                   event(media_type, native({"a": [1, None]})))
    for name, value in [("integer", 5), ("false", False), ("undefined", undefined), ("array-empty", []), ("date", Raw(bytes.fromhex("c11a5ac65ee4"))),
                        ("bignum", 1 << 70), ("float-half", Raw(bytes.fromhex("f93c00"))), ("wide-integer", Raw(bytes.fromhex("1b0000000000000005")))]:
        # A runtime may have one type of numbers, one value that is none, and one type of times, which it writes as text or as a number.
        texts = [CBORTag(0, f"2018-04-05T17:37:40{end}") for end in ("Z", ".000Z", "+00:00")]
        as_it_has = {"undefined": [None], "float-half": [1], "bignum": [float(1 << 70)], "date": [*texts, Raw(bytes.fromhex("c1fb41d6b197b9000000")), 0x5ac65ee4]}.get(name, [])
        title = {"undefined": "undefined is kept, or becomes null, or no payload", "date": "A date is kept, or becomes another item of the same time", "bignum": "A bignum is kept, or becomes a double",
                 "float-half": "A float of two bytes is the number that it says, as a float or as an integer",
                 "wide-integer": "An integer in more bytes than it needs is that integer"}.get(name, "A CBOR item is kept")
        topic.read(name, title, ["CBOR-3.1.2-a", "CBOR-3.1.1-j"], case(cbor, value), event(cbor, native(value)),
                   [result(event(cbor, native(other))) for other in as_it_has] + [result(event(cbor, None))] * (name == "undefined"))
    topic.read("nan", "A NaN is read as a NaN, in whatever width", ["CBOR-3.1.2-a"], case(cbor, Raw(bytes.fromhex("f97e00"))),
               event(cbor, native(Raw(bytes.fromhex("f97e00")))))
    for name, media_type in [("", cbor), ("-implied", None)]:
        topic.read(f"null{name}", "A null is a payload, which is not the same as none",
                   ["CBOR-3.1.1-j", "CBOR-3.1.2-a"] if media_type else ["CBOR-3.1.2-f", "CBOR-3.1.2-g"], case(media_type, None),
                   event(media_type, native(None)))
        topic.read(f"text-string{name}", "A text string under a CBOR content type, or none, is a CBOR item",
                   ["CBOR-3.1.2-b", "CBOR-3.1.2-c"] if media_type else ["CBOR-3.1.2-f"], case(media_type, "abc"), event(media_type, native("abc")),
                   [result(event(media_type, {"text": "abc"}))], policy=False,
                   note="The payload is the text string abc. Whether it is presented as text or as the item 63 61 62 63 is up to the implementation.")
        others = [result(event(media_type, native(b"\x05")))]
        topic.read(f"byte-string{name}", "A byte string is bytes, and is not decoded again",
                   ["CBOR-3.1.2-b", "CBOR-3.1.2-c", "CBOR-3.1.1-b"] if media_type else ["CBOR-3.1.2-f", "CBOR-3.1.2-g"], case(media_type, b"\x05"), event(media_type, binary(b"\x05")), others, policy=False,
                   note="The payload is the byte string 05. Whether it is presented as bytes or as the item 41 05 is up to the implementation.")
    topic.read("encoded-item", "An encoded CBOR item (tag 24) is not decoded again, and is the item or the bytes in it", ["CBOR-3.1.2-b", "CBOR-3.1.2-c"],
               case(cbor, CBORTag(24, b"\x05")), event(cbor, native(CBORTag(24, b"\x05"))), [result(event(cbor, binary(b"\x05"))), result(event(cbor, native(b"\x05")))],
               note="A decoder need not know a tag: without it, the item is the byte string 05.")
    topic.read("self-described", "Tag 55799 belongs to the item", ["CBOR-3.1.2-a"], case(cbor, Raw(bytes.fromhex("d9d9f705"))),
               event(cbor, native(Raw(bytes.fromhex("d9d9f705")))), [result(event(cbor, native(5)))],
               note="The tag adds nothing to the meaning of the item (RFC 8949, section 3.4.6).")
    for name, value in [("object", '{"a":1.10}'), ("string", '"a"'), ("null", "null"), ("number", "12345678901234567890123")]:
        topic.read(f"json-{name}", "Text under a JSON content type is read, as JSON, as characters or as bytes, or refused", ["CBOR-3.1.2-d"], case(js, value), event(js, {"json": value}),
                   **({"compare": {"json": "double"}} if name in ("object", "number") else {}))
    topic.read("json-suffix", "Text under a content type that ends in +json is read, as JSON, as characters or as bytes, or refused", ["CBOR-3.1.2-d"], case("application/vnd.example+json", "[]"),
               event("application/vnd.example+json", {"json": "[]"}))
    topic.read("json-broken", "Text under a JSON content type that is not JSON stays text, or is refused", ["CBOR-3.1.2-d", "CBOR-3.1.2-e"],
               case(js, "{oops"), event(js, {"text": "{oops"}), [REFUSED])
    topic.read("json-bytes", "A byte string under a JSON content type is bytes, or the JSON that they are, or refused", ["CBOR-3.1.1-b", "CBOR-3.1.2-d"], case(js, b'{"a":1}'),
               event(js, binary(b'{"a":1}')), [result(event(js, {"json": '{"a":1}'}))])
    topic.read("text", "Text under another content type is read, as text or as bytes, or refused", ["CBOR-3.1.2-d"], case(txt, "hi"), event(txt, {"text": "hi"}))
    topic.read("text-empty", "Empty text is a payload, as text or as bytes, or refused", ["CBOR-3.1.2-d"], case(txt, ""), event(txt, {"text": ""}))
    topic.read("text-like-json", "Text that looks like JSON is text or bytes under another content type, or refused", ["CBOR-3.1.2-d"], case(txt, "1"), event(txt, {"text": "1"}))
    topic.read("xml", "Text under an XML content type is read, as text, as bytes or as the element, or refused", ["CBOR-3.1.2-d"], case("application/xml", "<a/>"), event("application/xml", {"text": "<a/>"}))
    topic.read("octets", "A byte string is bytes, or refused", ["CBOR-3.1.2-d"], case(octets, b"\x89PNG"), event(octets, binary(b"\x89PNG")), [REFUSED])
    topic.read("bytes-empty", "An empty byte string is a payload, as bytes or as text, or refused", ["CBOR-3.1.2-d"], case(octets, b""), event(octets, binary(b"")),
               [result(event(octets, {"text": ""})), REFUSED])
    topic.read("bytes-no-base64", "A byte string that looks like base64 is not decoded, and is bytes or text, or refused", ["CBOR-3.1.2-d"], case(octets, b"AAH/"), event(octets, binary(b"AAH/")),
               [result(event(octets, {"text": "AAH/"})), REFUSED])
    topic.read("data-first", "data may come before datacontenttype: it is read, as JSON, as characters or as bytes, or refused", ["CBOR-3.1.2-d"], pairs(("data", "[1]"), *members(ct(js))), event(js, {"json": "[1]"}))
    topic.read("text-chunks", "Text that comes in chunks is read, as text or as bytes, or refused", ["CBOR-3.1.2-d"], case(txt, Raw(chunked("h", "", "i"))), event(txt, {"text": "hi"}))
    topic.read("bytes-chunks", "Bytes may come in chunks, or are refused", ["CBOR-3.1.2-d"], case(octets, Raw(chunked(b"\x00", b"\xff"))), event(octets, binary(b"\x00\xff")), [REFUSED])
    topic.read("item-indefinite", "An item of indefinite length is kept as it is, or written anew", ["CBOR-3.1.2-a"],
               case(cbor, Raw(bytes.fromhex("bf61619f01ffff"))), event(cbor, native(Raw(bytes.fromhex("bf61619f01ffff")))),
               [result(event(cbor, native({"a": [1]})))])
    for name, media_type, value in [("map-as-json", js, {"a": 1}), ("null-as-json", js, None), ("number-as-json", js, 1), ("boolean-as-text", txt, True),
                                    ("array-as-xml", "application/xml", []), ("encoded-item-as-text", txt, CBORTag(24, b"\x05"))]:
        topic.refuse(name, "An item that is neither text nor bytes, under a content type that is not CBOR, is refused or kept",
                     ["CBOR-3.1.2-e", "CBOR-3.1.2-d"], case(media_type, value),
                     others=[result(event(media_type, native(value))), result(event(media_type, {"json": json.dumps(value, separators=(",", ":"))}))]
                     if name != "encoded-item-as-text" else [result(event(media_type, some)) for some in (native(value), binary(b"\x05"), {"text": "\x05"})], level="MAY",
                     compare=None if name == "encoded-item-as-text" else {"payload": "json"})
    # Such a map is not valid (RFC 8949, section 5.6); data is no context attribute.
    topic.refuse("duplicate", "A second data is refused, or the last or the first is taken", ["CE-Overview-a", "CBOR-3-c"],
                 pairs(*members({"data": 1}), ("data", 2)), "data", [result(tagged(native(2))), result(tagged(native(1)))])


def data_encode():
    topic = Topic("data-encode", "Writing the payload in the CBOR format")
    cbor, js = "application/cbor", "application/json"
    typed = lambda media_type: {"datacontenttype": ("String", media_type)}

    def write(name, title, cites, media_type, data, value, written=None, **more):
        members = (ct(written or media_type) if written or media_type else {}) | ({"data": value} if data else {})
        topic.write(name, title, cites, tagged(data, **(typed(media_type) if media_type else {})), members, **more)

    write("none", "An event without payload has no member data", ["CE-Event-Data-a", "CBOR-3.1.1-j", "CBOR-3-c"], js, None, None)
    write("item", "A CBOR item stands in data as it is", ["CBOR-3.1.1-e", "CBOR-3.1.1-f"], cbor, native({"a": [1, 2]}), {"a": [1, 2]})
    write("item-implied", "A CBOR item needs no content type", ["CBOR-3.1.1-d"], None, native(5), 5,
          others=[{"result": {"message": body(doc(ct(cbor) | {"data": 5}))}}])
    write("item-null", "A null payload is written as null", ["CBOR-3.1.1-j", "CBOR-3.1.1-e"], cbor, native(None), None)
    write("item-text", "A text string is written as a text string", ["CBOR-3.1.1-e", "CBOR-3.1.1-f"], cbor, native("abc"), "abc")
    write("item-encoded", "An encoded CBOR item keeps its tag 24, or is the item within it, or is refused", ["CBOR-3.1.1-e", "CBOR-3.1.1-f"], cbor, native(CBORTag(24, b"\x05")), CBORTag(24, b"\x05"), policy=True,
          others=[{"result": {"message": body(doc(ct(cbor) | {"data": 5}))}}, REFUSED])  # the payload is the item, which is stored directly, or a buffer, which is not to be stored
    write("item-suffix", "A content type that ends in +cbor is CBOR", ["CBOR-3.1.1-e"], "application/vnd.example+cbor", native([1]), [1])
    write("item-wide", "An item that is not the shortest stays as it is, or is written anew", ["CBOR-3.1.1-e"], cbor,
          native(Raw(bytes.fromhex("190005"))), Raw(bytes.fromhex("190005")),
          others=[{"result": {"message": body(doc(ct(cbor) | {"data": 5}))}}], policy=True)
    write("item-byte-string", "A CBOR item that is a byte string stands in data as it is", ["CBOR-3.1.1-f"], cbor, native(b"\x01"), b"\x01", losses=["data"],
          policy=True)
    write("json", "JSON is written as text, or as its bytes, or refused", ["CBOR-3.1.1-h"], js, {"json": '{"a": 1.10}'}, '{"a": 1.10}', level="MUST",
          others=[{"result": {"message": body(doc(ct(js) | {"data": b'{"a": 1.10}'}))}}])
    # What has no content type is CBOR: a SHOULD, whatever is made of it. An implementation may hold it as bytes, which need none.
    octets = lambda media_type, data: {"result": {"message": body(doc(ct(media_type) | {"data": data}))}}
    held = lambda media_type, data: [{"result": {"message": body(doc(more | {"data": data}))}} for more in (ct(media_type), {})]
    write("json-implied", "JSON without a content type is given one, or becomes a CBOR item, or stays text or bytes without one, or is refused", ["CBOR-3.1.1-d"], None, {"json": "[1]"}, "[1]", written=js,
          others=[*({"result": {"message": body(doc(more | {"data": data}))}} for data in ([1], "[1]") for more in ({}, ct(cbor))), *held(js, b"[1]"), octets("application/octet-stream", b"[1]")], policy=True)
    write("json-string", "A JSON string keeps its quotation marks, as text or as bytes, or is refused", ["CBOR-3.1.1-h"], js, {"json": '"a"'}, '"a"', others=[octets(js, b'"a"')])
    write("text", "Text is written as text, or as its bytes, or refused", ["CBOR-3.1.1-h"], "text/plain", {"text": "café"}, "café",
          others=[octets("text/plain", "café".encode())])
    write("text-json", "Text under a JSON content type that is not JSON is written as text or bytes, as it is or as a JSON string, or refused", ["CBOR-3.1.1-h"], js, {"text": "{oops"}, "{oops",
          others=[octets(js, b"{oops"), octets(js, '"{oops"'), octets(js, b'"{oops"'), REFUSED], policy=True)
    write("text-implied", "Text without a content type becomes a CBOR item, which is a loss, or is written with its content type, or as bytes, or is refused", ["CBOR-3.1.1-d"], None, {"text": "a"}, "a", losses=["data"],
          policy=True, others=[*(octets(media_type, data) for media_type in ("text/plain", "text/plain; charset=utf-8", "text/plain;charset=utf-8", cbor) for data in ("a", b"a") if (media_type, data) != (cbor, b"a")),
                               octets("application/octet-stream", b"a"), {"result": {"message": body(doc({"data": b"a"}))}}])
    write("text-cbor", "Text under a CBOR content type becomes a CBOR item, which is a loss", ["CBOR-3.1.1-e"], cbor, {"text": "a"}, "a", losses=["data"],
          policy=True, others=[{"result": {"message": body(doc(ct(cbor) | {"data": b"a"}))}}, REFUSED])
    write("octets", "Bytes are written as a byte string", ["CBOR-3.1.1-b", "CBOR-3.1.1-c"], "application/octet-stream", binary(b"\x89PNG"), b"\x89PNG")
    write("binary-implied", "Bytes without a content type get none, or that of bytes", ["CBOR-3.1.1-b", "CBOR-3.1.1-c"], None, binary(b"\x00\xff"), b"\x00\xff",
          others=[octets("application/octet-stream", b"\x00\xff")])
    write("binary-empty", "No bytes are an empty byte string", ["CBOR-3.1.1-b"], "application/octet-stream", binary(b""), b"")
    write("binary-json", "Bytes under a JSON content type stay bytes, or are the text that they are", ["CBOR-3.1.1-b"], js, binary(b"{}"), b"{}",
          others=[{"result": {"message": body(doc(ct(js) | {"data": "{}"}))}}])
    write("binary-cbor", "Bytes under a CBOR content type stay bytes, or become the item that they are", ["CBOR-3.1.1-b"], cbor, binary(b"\x05"), b"\x05",
          others=[{"result": {"message": body(doc(ct(cbor) | {"data": 5}))}}], policy=True)
    write("xml", "An XML element is written as text, or as its bytes, or refused", ["CBOR-3.1.1-h"], "application/xml", {"xml": "<a/>"}, "<a/>",
          others=[octets("application/xml", b"<a/>")])
    write("xml-implied", "An XML element without a content type is written as text or bytes, with its content type or without, or refused", ["CBOR-3.1.1-d"], None, {"xml": "<a/>"}, "<a/>", written="application/xml",
          others=[*(octets(media_type, "<a/>") for media_type in fair.TYPES_OF_XML[1:]), *(octets(media_type, b"<a/>") for media_type in (*fair.TYPES_OF_XML, "application/octet-stream")), octets(cbor, "<a/>"), *({"result": {"message": body(doc({"data": data}))}} for data in ("<a/>", b"<a/>")), REFUSED], policy=True)
    url = "type.googleapis.com/com.example.Order"
    whole = b"\x0a" + bytes([len(url)]) + url.encode() + b"\x12\x02\x08\x01"
    write("proto", "A protobuf Any is written as bytes, its own or those of its message, whose type URL is lost, or is the dataschema, or it is refused", ["CBOR-3.1.1-b", "CBOR-3.1.1-h"], None,
          {"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": "CAE="}}, b"\x08\x01", written="application/protobuf", losses=["data"],
          others=[*({"result": {"message": body(doc(given | schema | {"data": held}))}} for held in (b"\x08\x01", whole) for schema in ({}, {"dataschema": url}, {"dataschema": uri(url)})
                    for given in (ct("application/protobuf"), {}) if (held, schema, given) != (b"\x08\x01", {}, ct("application/protobuf"))), REFUSED], policy=True)
    broken = lambda media_type, name: write(name, "A CBOR payload whose text is not UTF-8 is carried as bytes, which may be reported as a loss, or is refused",
                                            ["CBOR-3.1.1-e" if media_type else "CBOR-3.1.1-d", "CBOR-3.1.1-g", "CBOR-3.1.1-b"], media_type, {"cbor": b64(b"\x61\xff")}, b"\x61\xff", written=cbor,
                                            losses=["data"], before=[REFUSED], policy=True, level="MUST" if media_type else "SHOULD",
                                            others=[] if media_type else [{"result": {"message": body(doc({"data": b"\x61\xff"}))}}])
    broken(cbor, "item-not-utf8")
    broken(None, "item-not-utf8-implied")


def document_syntax():
    topic = Topic("document-syntax", "The syntax of documents of the CBOR format")
    minimal = doc()
    topic.read("indefinite-map", "The map may have an indefinite length", ["CBOR-3-a", "CBOR-3-c"], pairs(*members(), indefinite=True), tagged())
    topic.read("wide-map", "The length of the map may be wider than it has to be", ["CBOR-3-a", "CBOR-3-c"], head(5, 4, 8) + minimal[1:], tagged())
    topic.read("wide-string", "The length of a string may be wider than it has to be", ["CBOR-3-c"],
               pairs(*members(id=Raw(head(3, 6, 4) + b"A-1001"))), tagged())
    topic.read("wide-key", "The length of a key may be wider than it has to be", ["CBOR-3-c"],
               pairs(*members(), (Raw(head(3, 7, 1) + b"subject"), "a")), tagged(subject=("String", "a")))
    for width in (1, 2, 4, 8):
        topic.read(f"wide-integer-{width}", f"A small number may take {width} bytes more than it has to", ["CBOR-2.2-a"],
                   doc({"comexampleext": Raw(head(1, 4, width))}), tagged(comexampleext=("Integer", -5)))
    topic.read("wide-tag", "A tag may be wider than it has to be", ["CBOR-2.2-c"],
               doc({"time": Raw(head(6, 0, 2) + item("2018-04-05T17:31:00Z"))}), tagged(time=("Timestamp", "2018-04-05T17:31:00Z")))
    topic.read("text-chunks", "The text of an attribute may come in chunks, or is refused", ["CBOR-2.2-a"], doc(id=Raw(chunked("A-", "", "1001"))), tagged(), [REFUSED])
    topic.read("text-no-chunks", "A text may come in no chunks at all", ["CBOR-2.2-a"], doc({"comexampleext": Raw(b"\x7f\xff")}),
               tagged(comexampleext=("String", "")))
    topic.read("bytes-chunks", "The bytes of an attribute may come in chunks, or are refused", ["CBOR-2.2-a"], doc({"comexampleext": Raw(chunked(b"\x00", b"\x01\xff"))}),
               tagged(comexampleext=("Binary", "AAH/")), [REFUSED])
    topic.read("key-chunks", "A key may come in chunks, or is refused", ["CBOR-3-c"], pairs(*members(), (Raw(chunked("sub", "ject")), "a")), tagged(subject=("String", "a")), [REFUSED])
    topic.read("tagged-chunks", "The text after a tag may come in chunks, or is refused", ["CBOR-2.2-b"], doc(source=Raw(head(6, 32) + chunked("/", "orders"))), tagged(), [REFUSED])
    cases = [
        ("empty", "No bytes at all", b""),
        ("json", "A JSON document", b'{"specversion":"1.0","id":"A-1001","source":"/orders","type":"com.example.order.placed"}'),
        ("truncated", "A document that ends within an item", minimal[:-1]),
        ("truncated-pair", "A document that ends within a pair", doc({"subject": "a"})[:-2]),
        ("too-few-pairs", "A map that is said to have a pair more", b"\xa5" + minimal[1:]),
        ("no-break", "A map of indefinite length without a break", pairs(*members(), indefinite=True)[:-1]),
        ("break-after-key", "A break after a key", b"\xbf" + minimal[1:] + item("subject") + BREAK),
        ("huge-map", "A map that is said to have 2^64-1 pairs", head(5, (1 << 64) - 1) + minimal[1:]),
        ("huge-string", "A string that is said to have 2^63 bytes", doc({"subject": Raw(head(3, 1 << 63))})),
        ("huge-data", "A payload that is said to have 2^40 bytes", doc({"data": Raw(head(2, 1 << 40))})),
        ("huge-array", "A payload that is said to have 2^40 items", doc({"data": Raw(head(4, 1 << 40))})),
        ("reserved", "An initial byte that is reserved", doc({"subject": Raw(b"\x7c")})),
        ("simple-two-bytes", "A true in two bytes", doc({"comexampleext": Raw(b"\xf8\x15")})),
        ("not-utf8", "A text that is not UTF-8", doc({"subject": Raw(b"\x61\xff")})),
        ("key-not-utf8", "A key that is not UTF-8", pairs(*members(), (Raw(b"\x61\xff"), "a"))),
        ("surrogate", "A text with an encoded surrogate", doc({"subject": Raw(b"\x63\xed\xa0\x80")})),
        ("cut-character", "A character that is cut by chunks", doc({"subject": Raw(b"\x7f\x61\xc3\x61\xa9\xff")})),
        ("chunk-of-bytes", "A text with a chunk that is a byte string", doc({"subject": Raw(b"\x7f\x41a\xff")})),
        ("chunk-in-chunk", "A text with a chunk of indefinite length", doc({"subject": Raw(b"\x7f\x7f\x61a\xff\xff")})),
        ("data-not-utf8", "A payload that is text and not UTF-8", doc(ct("text/plain") | {"data": Raw(b"\x61\xff")})),
        ("data-truncated", "A payload that ends within an array", doc({"data": Raw(b"\x82\x01")})),
        ("data-break", "A payload that is a break", doc({"data": Raw(b"\xff")})),
    ]
    for name, what, document in cases:
        topic.refuse(name, f"{what} is refused", ["CE-Overview-a", "CBOR-3-a"], document, broken=True)
    for name, what, document in [("array", "An array", item([1])), ("text", "A text", item("a")), ("null", "A null", b"\xf6"), ("empty-map", "An empty map", b"\xa0")]:
        topic.refuse(name, f"{what} is refused", ["CE-Context-Attributes-a", "CBOR-3-a"], document)
    for name, what, document in [("array-of-events", "An array of events", b"\x81" + minimal),
                                 ("wrapped", "An event in a byte string", item(minimal)), ("encoded-item", "An event as an encoded item", item(CBORTag(24, minimal)))]:
        topic.refuse(name, f"{what} is refused" + (": there are no batches" if name == "array-of-events" else ""), ["CE-Overview-a", "CBOR-3-a"], document)
    topic.refuse("self-described", "A tag 55799 before the map is refused, or skipped", ["CBOR-3-a"], bytes.fromhex("d9d9f7") + minimal, others=[result(tagged())])
    topic.refuse("trailing", "Bytes after the map are refused", ["CE-Overview-a", "CBOR-3-a"], minimal + b"\x00")
    topic.refuse("sequence", "A second event after the first is refused", ["CE-Overview-a", "CBOR-3-a"], minimal * 2)
    # Both are well-formed. Whoever goes as deep as the payload does may read it; an extension has no such type, so that there is nothing to read.
    deep = b"\x81" * 50_000 + b"\x00"
    topic.refuse("deep-payload", "A payload of 50,000 arrays within each other is refused, or read", ["CBOR-3.1.2-a"], doc(ct("application/cbor") | {"data": Raw(deep)}), broken=True,
                 others=[result(tagged({"cbor": b64(deep)}, datacontenttype=("String", "application/cbor")), mode="structured", format="cbor")])
    topic.refuse("deep-extension", "An extension of 50,000 tags within each other is refused", ["CE-Type-System-m"], doc({"comexampleext": Raw(b"\xc1" * 50_000 + b"\x00")}), broken=True)


def lenient():
    topic = Topic("lenient", "Lenient reading of the CBOR format")

    def read(name, title, cites, document, repaired, event, others=(REFUSED,)):
        expect = [{"result": {"repairs": [{"attribute": name} if name else {"kind": "data-as-text"} for name in repaired], "events": [event]}}, *others]
        topic.add(name, title, cites, decode(document, strictness="lenient"), expect, policy=bool(others))

    read("valid", "A valid event needs no repair", ["CE-Overview-a"], doc({"subject": "a", "time": None}), [], tagged(subject=("String", "a")), ())
    for name, value in [("float", 1.5), ("undefined", undefined), ("array", [1]), ("map", {}), ("bignum", Raw(bytes.fromhex("c24101"))),
                        ("epoch", Raw(bytes.fromhex("c11a5ac65ee4"))), ("out-of-range", 1 << 31), ("timestamp-invalid", CBORTag(0, "now"))]:
        read(f"extension-{name}", "An extension whose value is none of the types is dropped and reported", ["CE-Type-System-m"],
             doc({"comexampleext": value}), ["comexampleext"], tagged(),
             # Whoever passes over tags, or reads a number as its text, has a String.
             (REFUSED, *(result(tagged(comexampleext=("String", some))) for some in {"timestamp-invalid": ["now"], "out-of-range": ["2147483648"], "float": ["1.5"]}.get(name, []))))
    read("wrong-type", "A subject that is a boolean is dropped and reported", ["CE-Type-System-m"], doc({"subject": True}), ["subject"], tagged())
    read("dataschema-fragment", "A dataschema with a fragment loses it, which is reported, or keeps it, or is refused", ["CE-dataschema-b"], doc({"dataschema": uri("https://example.com/#a")}),
         ["dataschema"], tagged(dataschema=("URI", "https://example.com/")))
    read("upper-case-name", "An upper-case name is lower-cased and reported", ["CE-Naming-a"], doc({"MyExt": 1}), ["myext"], tagged(myext=("Integer", 1)))
    read("invalid-name", "An attribute whose name is none is dropped and reported", ["CE-Naming-a"], doc({"data_base64": b""}), ["data_base64"], tagged())
    for name, value in [("map", {"a": 1}), ("null", None)]:
        read(f"json-{name}", "An item that is neither text nor bytes, under a JSON content type, is taken as bytes and reported", ["CBOR-3.1.2-e"],
             doc(ct("application/json") | {"data": value}), [None], tagged(binary(item(value)), datacontenttype=("String", "application/json")),
             (REFUSED, result(tagged(native(value), datacontenttype=("String", "application/json"))),
              result(tagged({"json": json.dumps(value, separators=(",", ":"))}, datacontenttype=("String", "application/json")))))
    for name, title, cites, document in [
        ("missing-id", "An event without id is refused by lenient reading too", ["CE-id-a"], doc(id=None)),
        ("id-type", "An id that is a number is refused by lenient reading too", ["CE-id-b"], doc(id=1)),
        ("truncated", "A document that is not well-formed is refused by lenient reading too", ["CE-Overview-a"], doc()[:-1]),
        ("not-utf8", "A text that is not UTF-8 is refused by lenient reading too", ["CE-Overview-a"], doc({"subject": Raw(b"\x61\xff")})),
    ]:
        topic.add(name, title, cites, decode(document, strictness="lenient"), [REFUSED])
    topic.add("duplicate", "A second subject is refused by lenient reading too, or the last or the first is taken", ["CE-Context-Attributes-d"],
              decode(pairs(*members({"subject": "a"}), ("subject", "b")), strictness="lenient"),
              [REFUSED, *(result(tagged(subject=("String", subject))) for subject in "ba")], policy=True)
    topic.add("bytes-key", "A key that is a byte string is refused by lenient reading too, or read over", ["CBOR-3-c"],
              decode(pairs(*members(), (b"a", 1)), strictness="lenient"), [REFUSED, result(tagged()), result(tagged(a=("Integer", 1)))], policy=True)


def transcode():
    topic = Topic("transcode", "From and to the CBOR format")
    text = lambda value: {"body": {"text": json.dumps(value, separators=(",", ":"), ensure_ascii=False)}}
    envelope = {"specversion": "1.0", "id": "A-1001", "source": "/orders", "type": "com.example.order.placed"}
    cbor = lambda document: {"via": "cbor", "message": body(document)}

    def move(name, title, cites, source, to, message, losses=(), exact=False, others=(), **more):
        request = {"op": "transcode", "from": source, "to": to} | ({"exact": True} if exact else {})
        expect = [{"result": {"message": message, "losses": [{"at": at} for at in losses]}}, *others]
        topic.add(name, title, cites, request, expect, **more)

    item_doc = doc({"data": {"a": 1}})
    anew = b"\xbf\x61a\x01\xff"  # the same item, as encoders write it that do not say how long a map is
    move("implied-to-json", "An implied CBOR content type is stated in the JSON format, or the event is refused", ["CBOR-3.1.2-h", "JSON-3.1.1-b", "JSON-3.1.1-l"], cbor(item_doc), {"via": "json"},
         text(envelope | {"datacontenttype": "application/cbor", "data_base64": b64(item({"a": 1}))}),
         others=[{"result": {"message": text(envelope | {"datacontenttype": "application/cbor", "data_base64": b64(anew)})}}, REFUSED], level="SHOULD")
    marks = [["ce-specversion", "1.0"], ["ce-id", "A-1001"], ["ce-source", "/orders"], ["ce-type", "com.example.order.placed"]]
    move("implied-to-http", "An implied CBOR content type is stated in HTTP", ["CBOR-3.1.2-h"], cbor(item_doc), {"via": "http", "mode": "binary"},
         {"headers": [["content-type", "application/cbor"], *marks], **body(item({"a": 1}))},
         others=[{"result": {"message": {"headers": [["content-type", "application/cbor"], *marks], **body(anew)}}}])
    move("bytes-to-http", "Bytes without a content type get none in HTTP, or become a CBOR item", ["CBOR-3.1.2-g", "CBOR-3.1.1-c"], cbor(doc({"data": b"\x00\xff"})), {"via": "http", "mode": "binary"},
         {"headers": marks, **body(b"\x00\xff")},
         others=[{"result": {"message": {"headers": [["content-type", "application/cbor"], *marks], **body(octets)}}} for octets in (item(b"\x00\xff"), b"\x00\xff")], level="SHOULD",
         note="Without a content type, the byte string may be taken for a CBOR item, too.")
    move("null-to-http", "A null payload is the CBOR item null in HTTP, with the implied content type", ["CBOR-3.1.2-g", "CBOR-3.1.2-h"], cbor(doc({"data": None})), {"via": "http", "mode": "binary"},
         {"headers": [["content-type", "application/cbor"], *marks], **body(b"\xf6")})
    typed, *spelled = (text(envelope | {"time": "2018-04-05T17:31:00+01:00", "aext": True, "bext": -5, "cext": "AAH/", "dext": "urn:example:b", "eext": eext})
                       for eext in fair.spelled_times("2018-04-05T17:31:00Z"))
    move("types-to-json", "Types come through as the JSON format has them", ["CBOR-2.2-a", "CBOR-2.2-b", "CBOR-2.2-c"],
         cbor(doc({"time": stamp("2018-04-05T17:31:00+01:00"), "aext": True, "bext": -5, "cext": b"\x00\x01\xff", "dext": uri("urn:example:b"), "eext": stamp("2018-04-05T17:31:00Z")})),
         {"via": "json"}, typed, losses=["cext", "dext", "eext"], others=[{"result": {"message": some}} for some in (typed, *spelled)], policy=True,
         note="That a String has taken the place of another type may be reported as a loss. Which text of the instant a native type becomes is free.")
    move("json-text-to-json", "JSON in a text string is JSON in the JSON format, or bytes, or is refused", ["CBOR-3.1.2-d"], cbor(doc(ct("application/json") | {"data": '{"a":1.10}'})),
         {"via": "json"}, {"body": {"text": json.dumps(envelope | ct("application/json"), separators=(",", ":"))[:-1] + ',"data":{"a":1.10}}'}},
         compare={"json": "double"},
         others=[{"result": {"message": {"body": {"text": json.dumps(envelope | ct("application/json") | {"data_base64": "eyJhIjoxLjEwfQ=="},
                                                                     separators=(",", ":"))}}}}])
    from_json = lambda members: {"via": "json", "message": text(envelope | members)}

    def to_cbor(name, title, cites, source, more, spelled=(), refusals=(), **options):
        plain = [{"result": {"message": body(pairs(*members(more, source="/orders")))}}] if not options.get("losses") else []
        plain += [{"result": {"message": body(doc(some, source=given))}} for some in spelled for given in (uri("/orders"), "/orders")]
        move(name, title, cites, source, {"via": "cbor"}, body(doc(more)), others=[*plain, *refusals], note=ANY_ORDER, **options)

    to_cbor("json-to-cbor", "JSON becomes text or bytes, with its implied content type stated, or is refused", ["CBOR-3.1.1-h", "CE-datacontenttype-d"], from_json({"data": {"a": 1}}),
            ct("application/json") | {"data": '{"a":1}'}, level="SHOULD",
            spelled=[ct("application/json") | {"data": b'{"a":1}'}])
    to_cbor("json-octets-to-cbor", "Bytes of the JSON format become a byte string", ["CBOR-3.1.1-b"],
            from_json(ct("application/octet-stream") | {"data_base64": "AAH/"}), ct("application/octet-stream") | {"data": b"\x00\x01\xff"})
    to_cbor("json-text-to-cbor", "Text of the JSON format becomes a text string, or its bytes, or is refused", ["CBOR-3.1.1-h"], from_json(ct("text/plain") | {"data": "hi"}),
            ct("text/plain") | {"data": "hi"}, spelled=[ct("text/plain") | {"data": b"hi"}])
    to_cbor("text-as-cbor", "Text under a CBOR content type becomes a CBOR item, which is a loss", ["CBOR-3.1.1-e"],
            from_json(ct("application/cbor") | {"data": "hi"}), ct("application/cbor") | {"data": "hi"}, losses=["data"], policy=True,
            spelled=[ct("application/cbor") | {"data": b"hi"}],
            refusals=[{"result": {"message": body(doc(ct("application/cbor") | {"data": "hi"}, source="/orders")), "losses": [{"at": "data"}]}}, REFUSED])
    topic.add("text-as-cbor-exact", "Where exactness is requested, a loss is an error", ["CBOR-3.1.1-e"],
              {"op": "transcode", "from": from_json(ct("application/cbor") | {"data": "hi"}), "to": {"via": "cbor"}, "exact": True},
              [{"error": {"kind": "inexact"}}, *({"result": {"message": body(doc(ct("application/cbor") | {"data": data})), "losses": []}} for data in ("hi", b"hi"))],
              policy=True)
    http = lambda media_type, payload: {"via": "http", "message": {"headers": [["content-type", media_type], *marks], **body(payload)}}
    to_cbor("http-cbor-to-cbor", "A CBOR body becomes the item it is, or stays bytes", ["CBOR-3.1.1-e", "CBOR-3.1.1-f"], http("application/cbor", item({"a": 1})),
            ct("application/cbor") | {"data": {"a": 1}}, spelled=[ct("application/cbor") | {"data": item({"a": 1})}])
    # What is not exactly one item is no item: put into the map as it is, it would swallow what follows, or leave something over.
    # Libraries read the first item, and look at nothing behind it.
    for name, title, octets, first in (("truncated", "A CBOR body that is cut off stays bytes", b"\x82\x01", None), ("two-items", "A CBOR body of two items stays bytes", b"\x01\x02", 1),
                                       ("item-and-break", "A CBOR body with a break behind its item stays bytes", b"\xa1\x61a\x01\xff", {"a": 1}),
                                       ("cut-text", "A CBOR body whose text is longer than the body stays bytes", b"\x78\x40abc", None)):
        spelled = [ct("application/cbor") | {"data": first}] if first is not None else []
        to_cbor(f"http-cbor-{name}-to-cbor", title + (", is its first item" if spelled else "") + ", or is refused", ["CBOR-3.1.1-b"], http("application/cbor", octets),
                ct("application/cbor") | {"data": octets}, policy=True, spelled=spelled, refusals=[REFUSED])
        held = ", or becomes characters, or is refused" if octets.isascii() else ", or is refused"
        topic.add(f"http-cbor-{name}-to-json", title + held, ["JSON-3.1.1-b"],
                  {"op": "transcode", "from": http("application/cbor", octets), "to": {"via": "json"}},
                  [{"result": {"message": text(envelope | ct("application/cbor") | {"data_base64": b64(octets)})}}, REFUSED], policy=True)
    to_cbor("http-json-to-cbor", "A JSON body becomes text, or stays bytes, or is refused", ["CBOR-3.1.1-h", "CBOR-3.1.1-i"], http("application/json", b"[1, 2]"),
            ct("application/json") | {"data": "[1, 2]"}, spelled=[ct("application/json") | {"data": b"[1, 2]"}], refusals=[REFUSED])
    octets = "application/octet-stream"
    to_cbor("http-octets-to-cbor", "A body of bytes becomes a byte string", ["CBOR-3.1.1-b"], http(octets, b"\x89PNG"), ct(octets) | {"data": b"\x89PNG"})
    passed = [("item", ct("application/cbor") | {"data": {"b": 1, "a": 1.5}}), ("bytes", {"data": b"\x00"}),
              ("attributes", {"time": stamp("2018-04-05T17:31:00Z"), "aext": 1, "bext": uri("../a")})]
    for name, more in passed:
        document = doc(more)
        plain = [{"result": {"message": body(doc({key: value.value if isinstance(value, CBORTag) and value.tag in tags else value for key, value in more.items()},
                                                 source="/orders" if 32 in tags else uri("/orders"))), "losses": []}} for tags in ((32,), (0,), (0, 32))]
        if name == "bytes":
            plain += [{"result": {"message": body(doc(ct("application/cbor") | more, source=source)), "losses": []}} for source in (uri("/orders"), "/orders")]
        title, cites = {"item": ("An item is written as the item that it was", ["CBOR-3.1.2-a", "CBOR-3.1.1-e"]),
                        "bytes": ("Bytes are written as bytes, with the implied content type or without", ["CBOR-3.1.2-g", "CBOR-3.1.1-b"]),
                        "attributes": ("Attributes are written as they were, tagged or plain", ["CBOR-2.2-a", "CBOR-2.2-b", "CBOR-2.2-c"])}[name]
        topic.add(f"cbor-to-cbor-{name}", title, [*cites, "CE-Overview-a"],
                  {"op": "transcode", "from": cbor(document), "to": {"via": "cbor"}, "exact": True},
                  [{"result": {"message": body(document), "losses": []}}, *(one for at, one in enumerate(plain) if one not in plain[:at] and one["result"]["message"] != body(document))],
                  note="Attributes may be tagged or plain, and in any order.")


def version_03():
    topic = Topic("version-0-3", "Version 0.3 and the CBOR format")
    topic.refuse("decode", "A document of version 0.3 may be refused: the draft is for 1.0", ["CE-specversion-c"], doc(specversion="0.3"), "specversion",
                 [result(tagged(version="0.3"))])
    for name, version in [("unknown", "1.1"), ("patch-level", "1.0.2"), ("empty", "")]:
        topic.refuse(f"decode-{name}", "An unknown version is refused", ["CE-specversion-c"], doc(specversion=version), "specversion")
    topic.add("encode", "An event of version 0.3 may be refused: the draft is for 1.0", ["CE-specversion-c"],
              {"op": "encode", "via": "cbor", "events": [tagged(version="0.3")]},
              [{"error": {"attribute": "specversion"}}, REFUSED, *({"result": {"message": body(doc(specversion=version))}} for version in ("0.3", "1.0"))], policy=True,
              note="The event may be brought to 1.0 before it is written.")


def media_types():
    topic = Topic("media-types", "The media type of the CBOR format, over HTTP")
    media_type = "application/cloudevents+cbor"
    http = lambda media_type, document: {"headers": [["content-type", media_type]], **body(document)}
    marks = [["ce-specversion", "1.0"], ["ce-id", "A-1001"], ["ce-source", "/orders"], ["ce-type", "com.example.order.placed"]]
    outcomes = [{"result": {"message": http(media_type, document)}} for document in [doc(), doc(source="/orders")]]
    outcomes += [{"result": {"message": {"headers": [["content-type", media_type], *marks], **body(document)}}} for document in [doc(), doc(source="/orders")]]
    topic.add("encode", "A structured message has the media type of the format", ["CBOR-3-b"],
              {"op": "encode", "via": "http", "mode": "structured", "format": "cbor", "events": [tagged()]}, outcomes,
              note="The same message with the ce- headers of binary mode beside the Content-Type is allowed. " + ANY_ORDER)
    for name, given in [("", media_type), ("-case", "Application/CloudEvents+CBOR")]:
        topic.add(f"decode{name}", "The media type of the format marks a structured message" + (", in any letter case" if name else ""), ["CBOR-3-b", "HTTP-3-c", "HTTP-3.2.2-a", *(["SDK-Encode-Decode-f"] if name else [])],
                  {"op": "decode", "via": "http", "message": http(given, doc())}, [result(tagged(), mode="structured", format="cbor")])
    topic.add("batch", "An array under the media type of a batch is refused: the format has no batches", ["CBOR-3-b", "CE-Event-Format-c"],
              {"op": "decode", "via": "http", "message": http("application/cloudevents-batch+cbor", b"\x81" + doc())}, [REFUSED])


# ---- Writing


def main():
    for topic in [attributes_decode, attributes_encode, data_decode, data_encode, document_syntax, lenient, transcode, version_03, media_types]:
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
