#!/usr/bin/env python3
"""Writes the vectors of the XML format."""

import base64
import json
import pathlib
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "generators"))
import fair
from reading import Refused, read_batch, read_event
from writing import write_batch, write_event

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
DEFAULT = 'xmlns="http://cloudevents.io/xmlformat/V1"'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
CE = 'xmlns:ce="http://cloudevents.io/xmlformat/V1"'
ALL = f"{DEFAULT} {CE} {XSI} {XS}"
BASE = "<id>A-1</id><source>/sensors/7</source><type>com.example.reading</type>"
PNG = "iVBORw0KGgo="

documents = {}


def topic(name, title):
    documents[name] = {"area": "xml", "topic": name, "title": title, "cases": []}
    return documents[name]["cases"]


def document(children="", namespaces=ALL, version=' specversion="1.0"', head=HEAD):
    return f"{head}<event {namespaces}{version}>{BASE}{children}</event>"


def body(text):
    return {"text": text} if isinstance(text, str) else {"base64": base64.b64encode(text).decode()}


def with_any_refusal(expect):
    """An outcome that states what is at fault is followed by one of any refusal: see "How outcomes are compared"."""
    refusals = [at for at, outcome in enumerate(expect) if "error" in outcome]
    if not refusals or any(expect[at]["error"] == {} for at in refusals):
        return expect
    after = refusals[-1] + 1
    return [*expect[:after], {"error": {}}, *expect[after:]]


def case(cases, name, title, clauses, request, expect, level="MUST", **more):
    area = next(key for key, value in documents.items() if value["cases"] is cases)
    found = {"id": f"xml/{area}/{name}", "title": title, "clauses": clauses, "level": level, "revisions": ["main"], "draft": True}
    note = more.pop("note", None)
    found |= more | {"request": request, "expect": with_any_refusal(expect)}
    if note:
        found["note"] = note
    cases.append(found)


def reads(cases, name, title, clauses, text, has=None, xml=None, also=(), **more):
    """A document with an event, as lxml reads it. `has`: what the reading must say of it."""
    event = read_event(text if isinstance(text, bytes) else text.encode(), xml)
    for key, wanted in (has or {}).items():
        found = event.get("data") if key == "data" else event["attributes"][key]
        assert found == wanted, (name, key, found, wanted)
    expect = [{"result": {"mode": "structured", "format": "xml", "events": [event]}}, *also]
    case(cases, name, title, clauses, {"op": "decode", "via": "xml", "message": {"body": body(text)}}, expect, **more)


def refused(cases, name, title, clauses, text, error=None, lxml=True, also=(), **more):
    """A document with no event. `lxml`: whether lxml, with the rules of the format, refuses it too."""
    try:
        read_event(text if isinstance(text, bytes) else text.encode())
        assert not lxml, name
    except Refused:
        assert lxml, name
    request = {"op": "decode", "via": "xml", "message": {"body": body(text)}}
    case(cases, name, title, clauses, request, [{"error": error or {}}, *also], **more)


def reads_batch(cases, name, title, clauses, text, count, **more):
    events = read_batch(text.encode())
    assert len(events) == count, name
    expect = [{"result": {"mode": "batched", "format": "xml", "events": events}}]
    case(cases, name, title, clauses, {"op": "decode", "via": "xml-batch", "message": {"body": body(text)}}, expect, **more)


def refused_batch(cases, name, title, clauses, text, error=None, also=(), **more):
    try:
        read_batch(text.encode())
        raise AssertionError(name)
    except Refused:
        pass
    request = {"op": "decode", "via": "xml-batch", "message": {"body": body(text)}}
    case(cases, name, title, clauses, request, [{"error": error or {}}, *also], **more)


def event(data=None, **attributes):
    typed = {
        "id": string("A-1"),
        "source": {"type": "URI-reference", "value": "/sensors/7"},
        "type": string("com.example.reading"),
    }
    return {"specversion": "1.0", "attributes": typed | attributes} | ({"data": data} if data else {})


def octets(text):
    return {"binary": base64.b64encode(text.encode()).decode()}


def string(text):
    return {"type": "String", "value": text}


def writes(cases, name, title, clauses, given, losses=None, carried=None, also=(), **more):
    """An event as lxml writes it. `carried`: the event that the document holds, where that is another."""
    result = {"message": {"body": body(write_event(carried or given))}}
    if losses is not None:
        result["losses"] = losses
    case(cases, name, title, clauses, {"op": "encode", "via": "xml", "events": [given]}, [{"result": result}, *also], **more)


def spelled(given, name, *times):
    """Outcomes with a time as a native type of another language writes it: the instant counts."""
    return [{"result": {"message": {"body": body(write_event({**given, "attributes": {**given["attributes"], name: {"type": "Timestamp", "value": time}}}))}}} for time in times]


def at_two(time):
    """The spellings of a time in UTC, two hours east of it."""
    start, hour, rest = time[:11], int(time[11:13]), time[13:]
    return [f"{start}{hour + 2:02}{some[13:-1]}+02:00" for some in fair.spelled_times(time) if some.endswith("Z")]


# Attributes.
cases = topic("attributes-decode", "Reading attributes from the XML format")
EXAMPLE = """<event {0} specversion="1.0">
    <time>2020-03-19T12:54:00-07:00</time>
    <datacontenttype>text/plain</datacontenttype>
    <id>000-1111-2222</id>
    <source>urn:uuid:123e4567-e89b-12d3-a456-426614174000</source>
    <type>SOME.EVENT.TYPE</type>
    <myboolean xsi:type="ce:boolean">false</myboolean>
    <data xsi:type="xs:string">Now is the winter of our discount tents...</data>
</event>
"""
reads(cases, "spec-example-envelope", "The example of an envelope reads as it is described", ["XML-4-a", "XML-2-a", "XML-2-b", "XML-3.2-a"],
      HEAD + EXAMPLE.format(ALL), {"myboolean": {"type": "Boolean", "value": False}, "data": {"text": "Now is the winter of our discount tents..."}})
reads(cases, "minimal", "The required attributes are enough", ["CE-Context-Attributes-a", "XML-4-c"], document(), level="MUST")
reads(cases, "all-types", "Each type of extension keeps its type", ["XML-2-i", "XML-2-b", "CE-Extension-c"], document(
    '<b xsi:type="ce:boolean">true</b><i xsi:type="ce:integer">-42</i><s xsi:type="ce:string">x</s><y xsi:type="ce:binary">AAEC</y>'
    '<u xsi:type="ce:uri">urn:example:y</u><r xsi:type="ce:uriRef">../a?b#c</r><t xsi:type="ce:timestamp">2018-04-05T17:31:00.5+02:00</t>'),
    {"i": {"type": "Integer", "value": -42}, "y": {"type": "Binary", "value": "AAEC"}})
# What stands behind a percent sign is no separator, and no space (RFC 3986, section 2.2).
ESCAPED = "https://example.com/a%2Fb?c=d%26e"
reads(cases, "escapes", "Percent-escapes of a URI are read as they stand", ["XML-2-a"], document(f'<dataschema>{ESCAPED}</dataschema>'),
      {"dataschema": {"type": "URI", "value": ESCAPED}})
reads(cases, "time-instant", "A time with milliseconds and an offset is read as the instant that it names", ["XML-2-a", "CE-Type-System-r"],
      document("<time>2018-04-05T19:31:00.123+02:00</time>"), {"time": {"type": "Timestamp", "value": "2018-04-05T19:31:00.123+02:00"}})
reads(cases, "types-without-time", "Extensions of the types Binary, URI and URI-reference are read", ["XML-2-i", "XML-2-b", "CE-Extension-c"], document(
    '<y xsi:type="ce:binary">AAEC</y><u xsi:type="ce:uri">urn:example:y</u><r xsi:type="ce:uriRef">../a?b#c</r>'),
    {"y": {"type": "Binary", "value": "AAEC"}, "u": {"type": "URI", "value": "urn:example:y"}})
reads(cases, "typed-core", "Core attributes may say their type", ["XML-2-c", "XML-2-d"],
      f'{HEAD}<event {ALL} specversion="1.0"><id xsi:type="ce:string">A-1</id><source xsi:type="ce:uriRef">/s</source><type xsi:type="ce:string">t</type>'
      '<datacontenttype xsi:type="ce:string">text/plain</datacontenttype><dataschema xsi:type="ce:uri">urn:example:y</dataschema>'
      '<subject xsi:type="ce:string">x</subject><time xsi:type="ce:timestamp">2018-04-05T17:31:00Z</time></event>')
for attribute, designator, value in [("time", "string", "2018-04-05T17:31:00Z"), ("subject", "uri", "urn:example:x"), ("dataschema", "uriRef", "urn:example:y")]:
    refused(cases, f"typed-core-wrong-{attribute}", f"A type that is not that of {attribute} is refused", ["XML-2-d"],
            document(f'<{attribute} xsi:type="ce:{designator}">{value}</{attribute}>'), {"attribute": attribute}, traps=["X6"])
refused(cases, "typed-core-wrong-source", "A type that is not that of source is refused: it is a URI-reference, not a URI", ["XML-2-d"],
        f'{HEAD}<event {ALL} specversion="1.0"><id>1</id><source xsi:type="ce:uri">urn:example:x</source><type>t</type></event>', {"attribute": "source"}, traps=["X6"])
refused(cases, "extension-without-type", "An extension without a type is refused", ["XML-2-b"], document("<e>x</e>"), {"attribute": "e"}, traps=["X3"])
for name, designator in [("unknown", "ce:text"), ("xml-schema", "xs:string"), ("unprefixed-spelling", "uriReference"), ("case", "ce:String"), ("empty", ""), ("empty-prefix", ":string")]:
    refused(cases, f"extension-type-{name}", "A type the format does not have is refused", ["XML-2-i"],
            document(f'<e xsi:type="{designator}">x</e>'), {"attribute": "e"}, traps=["X3"])
# What is none of its type is invalid, which binds those who write. Those who read have to keep the white space, whatever they take the value for.
KEPT = "The element is invalid, which binds those who write it. Whoever takes it for text has to keep the white space (XML-2-g)."


def kept(text):
    """What a reader makes of a value that is none of its type, who takes it for text."""
    return {"also": [{"result": {"mode": "structured", "format": "xml", "events": [event(e=string(text))]}}], "note": KEPT}


for name, text in [("yes", "yes"), ("upper-case", "TRUE"), ("number", "1"), ("space", " true"), ("empty", "")]:
    refused(cases, f"boolean-{name}", f"{f'The text {text}' if text else 'An empty text'} is refused as a boolean, which is true or false" if name != "space" else
            "White space before a boolean makes it none: it is refused, or kept as text with the white space", ["CE-Type-System-c", *(["XML-2-g"] if name == "space" else [])],
            document(f'<e xsi:type="ce:boolean">{text}</e>'), {"attribute": "e"}, traps=["X4"], **(kept(text) if name == "space" else {}))
# The format maps Integer to xs:int and Binary to xs:base64Binary, which have more spellings than the canonical one.
SCHEMA_SPELLING = "The type of XML Schema that the format names has this spelling, and the type system of CloudEvents has not."


def as_schema(kind, value, text):
    """What a reader makes of it that follows XML Schema, and one that holds its text."""
    events = [read_event(document(f'<e xsi:type="ce:{of}">{held}</e>').encode()) for of, held in ((kind, value), ("string", text))]
    return {"also": [{"result": {"mode": "structured", "format": "xml", "events": [event]}} for event in events], "policy": True, "note": SCHEMA_SPELLING}


for name, text in [("white-space", "  10  "), ("plus", "+1"), ("leading-zero", "01"), ("fraction", "1.0"), ("too-large", "2147483648"), ("empty", "")]:
    refused(cases, f"integer-{name}", "White space around an integer makes it none: it is refused, or kept as text with the white space" if name == "white-space" else
            f"{f'The text {text}' if text else 'An empty text'} is refused as an integer, which is digits after an optional minus, within 32 bits" if name not in ("plus", "leading-zero") else
            "An integer in a spelling of XML Schema alone is refused, read as XML Schema reads it, or kept as text",
            ["CE-Type-System-d" if name == "too-large" else "CE-Type-System-e", *(["XML-2-g"] if name == "white-space" else [])],
            document(f'<e xsi:type="ce:integer">{text}</e>'), {"attribute": "e"}, **(as_schema("integer", "1", text) if name in ("plus", "leading-zero") else kept(text) if name == "white-space" else {}))
refused(cases, "binary-white-space", "White space within base64 is refused, read as XML Schema reads it, or kept as text", ["CE-Type-System-i"],
        document('<e xsi:type="ce:binary">AA EC</e>'), {"attribute": "e"}, **as_schema("binary", "AAEC", "AA EC"))
for name, kind, text, clause in [("binary-unpadded", "binary", "AA", "CE-Type-System-i"),
                                 ("uri-relative", "uri", "/x", "CE-Type-System-j"), ("uri-reference-space", "uriRef", "a b", "CE-Type-System-k"),
                                 ("timestamp-without-zone", "timestamp", "2018-04-05T17:31:00", "CE-Type-System-l")]:
    refused(cases, name, "A value that is none of its type is refused", [clause], document(f'<e xsi:type="ce:{kind}">{text}</e>'), {"attribute": "e"})
refused(cases, "time-without-zone", "A time without a zone is refused, though XML Schema has such", ["CE-time-b"],
        document("<time>2018-04-05T17:31:00</time>"), {"attribute": "time"})
reads(cases, "string-white-space", "White space around a string is part of it", ["XML-2-g"], document('<e xsi:type="ce:string">  text  </e>'), {"e": string("  text  ")})
reads(cases, "string-empty", "An extension may be the empty string", ["XML-2-g", "CE-Extension-c"], document('<e xsi:type="ce:string"/><f xsi:type="ce:string"></f>'), {"e": string(""), "f": string("")})
reads(cases, "string-escapes", "References in text are resolved", ["XML-2-g", "XML-1-a"],
      document('<e xsi:type="ce:string">&lt;&amp;&gt;&quot;&apos;&#233;&#x1F600;</e>'), {"e": string("<&>\"'é😀")})
reads(cases, "comment-in-text", "Comments are not part of a value", ["XML-1.2-d"], document('<e xsi:type="ce:string">a<!-- not this -->b</e>'), {"e": string("ab")})
reads(cases, "cdata-in-text", "CDATA sections are text like any other", ["XML-1.2-f"], document('<e xsi:type="ce:string">a<![CDATA[<&]]>b</e>'), {"e": string("a<&b")})
for name, text in [("line-feed", "a\nb"), ("carriage-return", "a\rb"), ("reference", "a&#10;b"), ("in-cdata", "<![CDATA[a\nb]]>")]:
    refused(cases, f"line-break-{name}", "A line break in an attribute is refused", ["XML-2-f", *(["XML-1.2-f"] if name == "in-cdata" else [])], document(f'<e xsi:type="ce:string">{text}</e>'), {"attribute": "e"}, traps=["X6"])
refused(cases, "tab", "A tab in a String is refused", ["CE-Type-System-f"], document('<e xsi:type="ce:string">a\tb</e>'), {"attribute": "e"})
refused(cases, "child-element", "A child element in an attribute is refused", ["XML-2-e"], document('<e xsi:type="ce:string">a<b/></e>'), {"attribute": "e"})
refused(cases, "foreign-child-element", "A child element of another namespace in an attribute is refused, or ignored", ["XML-2-e", "XML-1.2-i"], document('<subject>a<x:b xmlns:x="urn:x"/></subject>'),
        {"attribute": "subject"}, also=[{"result": {"events": [event(subject=string("a"))]}}], policy=True,
        note="Elements of other namespaces may appear and should be ignored (section 1.2); an attribute has no child elements (section 2).")
reads(cases, "unexpected-xml-attributes", "XML attributes of an attribute that the format does not know are ignored", ["XML-2-h", "XML-1.2-h"],
      document('<e xsi:type="ce:string" lang="en" xml:space="preserve" x:y="z" xmlns:x="urn:x">v</e>'), {"e": string("v")})
reads(cases, "unexpected-xml-attribute-of-the-event", "An XML attribute of the event that the format does not know is ignored", ["XML-1.2-i", "XML-1.2-h"],
      document('<e xsi:type="ce:string">v</e>', version=' specversion="1.0" other="1"'), {"e": string("v")}, level="SHOULD")
reads(cases, "foreign-elements", "Elements of other namespaces are ignored, whatever is in them", ["XML-1.2-i", "XML-1.2-h"],
      document('<x:id xmlns:x="urn:x">B</x:id><x:y xmlns:x="urn:x"><event xmlns="http://cloudevents.io/xmlformat/V1"/>text<!-- c --></x:y>'),
      {"id": string("A-1")}, level="SHOULD", traps=["X5"])
refused(cases, "duplicate", "An attribute that comes twice is refused", ["CE-Context-Attributes-d"], document("<id>A-2</id>"), {"attribute": "id"})
refused(cases, "duplicate-extension", "An extension that comes twice is refused, even with the same value", ["CE-Context-Attributes-d"],
        document('<e xsi:type="ce:string">x</e><e xsi:type="ce:string">x</e>'), {"attribute": "e"})
refused(cases, "bad-name", "An element whose name is no attribute name is refused", ["CE-Naming-a", "XML-2-a"], document('<my-ext xsi:type="ce:string">x</my-ext>'))
refused(cases, "upper-case-name", "Upper case is refused in names", ["CE-Naming-a", "XML-2-a"], document('<Ext xsi:type="ce:string">x</Ext>'))
for name in ["id", "source", "type"]:
    without = document().replace(f"<{name}>" + {"id": "A-1", "source": "/sensors/7", "type": "com.example.reading"}[name], f"<{name}>")
    refused(cases, f"empty-{name}", f"An empty {name} is refused", [f"CE-{name}-b"], without, {"attribute": name}, traps=["X6"])
refused(cases, "missing-id", "A missing id is refused", ["CE-Context-Attributes-a"], document().replace("<id>A-1</id>", ""), {"attribute": "id"})
refused(cases, "missing-specversion", "A missing specversion is refused", ["XML-4-a", "CE-specversion-a"], document(version=""), {"attribute": "specversion"})
refused(cases, "specversion-as-element", "An event whose specversion is an element, not an XML attribute, is refused", ["XML-4-a"], document("<specversion>1.0</specversion>", version=""))
refused(cases, "specversion-twice", "An element specversion beside the XML attribute is refused", ["CE-Context-Attributes-d"], document("<specversion>1.0</specversion>"))
refused(cases, "specversion-in-a-namespace", "An event whose XML attribute specversion is in a namespace is refused", ["XML-4-a"], document(version=' ce:specversion="1.0"'))
refused(cases, "specversion-unknown", "An unknown specversion is refused", ["CE-specversion-c"], document(version=' specversion="1.0.2"'), {"attribute": "specversion"})

# Types and names by namespaces.
cases = topic("namespaces", "Namespaces of elements and of types")
reads(cases, "spec-example-explicit", "The example with explicit namespaces reads as it is described", ["XML-1.2-a", "XML-1.2-b", "XML-3.3-a"], HEAD + """<ce:event xmlns:ce="http://cloudevents.io/xmlformat/V1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
          xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:geo="http://someauthority.example/"
          specversion="1.0" >
    <ce:time>2020-03-19T12:54:00-07:00</ce:time>
    <ce:datacontenttype>application/xml</ce:datacontenttype>
    <ce:id>000-1111-2222</ce:id>
    <ce:source>urn:uuid:123e4567-e89b-12d3-a456-426614174000</ce:source>
    <ce:type>SOME.EVENT.TYPE</ce:type>
    <ce:data xsi:type="xs:any">
        <geo:Location>
            <geo:Latitude>51.509865</geo:Latitude>
            <geo:Longitude>-0.118092</geo:Longitude>
        </geo:Location>
    </ce:data>
</ce:event>
""", xml='<geo:Location xmlns:ce="http://cloudevents.io/xmlformat/V1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:geo="http://someauthority.example/">'
     "\n            <geo:Latitude>51.509865</geo:Latitude>\n            <geo:Longitude>-0.118092</geo:Longitude>\n        </geo:Location>")
OTHER = 'xmlns:p="http://cloudevents.io/xmlformat/V1" xmlns:q="http://www.w3.org/2001/XMLSchema-instance" xmlns:r="http://www.w3.org/2001/XMLSchema"'
reads(cases, "other-prefixes", "Prefixes may be any: names and types are resolved", ["XML-1.2-b", "XML-2-i"],
      f'<p:event {OTHER} specversion="1.0"><p:id>A-1</p:id><p:source>/s</p:source><p:type>t</p:type><p:n q:type="p:integer">1</p:n><p:data q:type="r:string">x</p:data></p:event>',
      {"n": {"type": "Integer", "value": 1}, "data": {"text": "x"}}, traps=["X2"])
reads(cases, "type-by-default-namespace", "A type without a prefix is in the default namespace", ["XML-1.2-b", "XML-2-i"],
      document('<n xsi:type="integer">1</n>'), {"n": {"type": "Integer", "value": 1}}, traps=["X2"])
reads(cases, "type-declared-in-place", "A prefix may be declared where it is used", ["XML-1.2-b"],
      f'<event {DEFAULT} specversion="1.0">{BASE}<n xmlns:a="http://www.w3.org/2001/XMLSchema-instance" a:type="b:integer" xmlns:b="http://cloudevents.io/xmlformat/V1">1</n></event>',
      {"n": {"type": "Integer", "value": 1}}, traps=["X2"])
reads(cases, "type-with-white-space", "White space around a qualified name is not part of it, or the document is refused", ["XML-2-i"], document('<n xsi:type=" ce:integer\n">1</n>'),
      {"n": {"type": "Integer", "value": 1}}, also=[{"error": {}}], policy=True, note="The white space is that of XML Schema, of which the specification names the types alone.")
reads(cases, "namespace-by-reference", "References in namespace names are resolved", ["XML-1.2-a", "XML-1-a"],
      document(namespaces='xmlns="http://cloudevents.io/xmlformat/V&#49;"'))
reads(cases, "ce-prefix-unbound", "The designators of the specification are understood where the prefix ce is not declared", ["XML-2-i"],
      document('<n xsi:type="ce:integer">1</n>', namespaces=f"{DEFAULT} {XSI} {XS}"), {"n": {"type": "Integer", "value": 1}}, also=[{"error": {}}], policy=True,
      note="The examples of the specification declare no such prefix, and write the designators with it.")
refused(cases, "ce-prefix-bound-otherwise", "A type whose prefix ce is that of another namespace is none of the format: it is refused, or the extension is text or left out", ["XML-1.2-b"],
        document('<n xmlns:ce="urn:x" xsi:type="ce:integer">1</n>'), {"attribute": "n"}, traps=["X2"],
        also=[{"result": {"mode": "structured", "format": "xml", "events": [given]}} for given in (event(n=string("1")), event())],
        note="Which types there are binds those who write (XML-2-i). What a reader makes of an unknown one is not said, only that the prefix does not tell it.")
refused(cases, "missing-namespace", "An event without the namespace is refused", ["XML-1.2-a", "XML-4-e"], document(namespaces=f"{XSI} {XS}"))
refused(cases, "other-namespace", "An event of another namespace is refused", ["XML-1.2-a", "XML-4-e"], document(namespaces=ALL.replace("/V1", "/V2")))
refused(cases, "children-without-namespace", "An event whose children are without the namespace is refused", ["XML-1.2-a"],
        f'<ce:event {CE} specversion="1.0">{BASE}</ce:event>')
refused(cases, "xsi-undeclared", "A prefix that is not declared is refused", ["XML-2-b"], document('<n xsi:type="ce:integer">1</n>', namespaces=f"{DEFAULT} {CE}"), lxml=True)
refused(cases, "other-type-attribute", "An attribute `type` without the namespace is not xsi:type: the extension is refused", ["XML-2-b"], document('<n type="ce:integer">1</n>'), {"attribute": "n"})

# Documents.
cases = topic("document-syntax", "What is a document of the XML format, and what is none")
reads(cases, "no-declaration", "The XML declaration may be absent", ["XML-1-a", "XML-1.2-c"], document(head=""), level="MUST")
reads(cases, "byte-order-mark", "A byte order mark is part of the encoding", ["XML-1-a"], "\ufeff" + document())
reads(cases, "comments-between-elements", "Comments are ignored before, in and after an event", ["XML-1.2-d"],
      f"<!-- a -->{document('<!-- b --><subject>s<!-- c --></subject>', head='')}<!-- d -->\n", {"subject": string("s")})
reads(cases, "processing-instructions", "Processing instructions before and in an event are ignored, or the document is refused", ["XML-1-a"],
      f"<?p i?>{document('<?p i?><subject>s</subject>', head='')}\n", {"subject": string("s")}, also=[{"error": {}}], policy=True,
      note="The format permits comments, and has no word for processing instructions.")
reads(cases, "white-space", "White space between elements means nothing", ["XML-4-d"], document("\r\n\t <subject>s</subject > "), {"subject": string("s")})
reads(cases, "quotes", "Values may stand in either kind of quotation marks", ["XML-1-a"], document(version=" specversion = '1.0'"))
reads(cases, "any-order", "Elements come in any order", ["XML-2-a"],
      f'<event {ALL} specversion="1.0"><data xsi:type="xs:string">{{"a":1}}</data><type>t</type><datacontenttype>application/json</datacontenttype><source>/s</source><id>1</id></event>',
      {"data": {"json": '{"a":1}'}})
for name, title, text in [
    ("text-in-event", "Text in an event is refused", document("stray")),
    ("cdata-in-event", "Text in an event is refused in a CDATA section too", document("<![CDATA[x]]>")),
    ("text-by-reference-in-event", "Text in an event is refused as a reference too", document("&#120;")),
]:
    refused(cases, name, title, ["XML-4-d", *(["XML-1.2-f"] if name.startswith("cdata") else [])], text, traps=["X6"])
for name, title, text in [
    ("second-root", "A second element after the event is refused", document() + "<a/>"),
    ("second-event", "A second event after the event is refused", document() + document(head="")),
    ("text-after", "Text after the event is refused", document() + "x"),
    ("text-before", "Text before the event is refused", "x" + document(head="")),
    ("empty", "An empty document is refused", ""),
    ("truncated", "A truncated document is refused", document()[:-3]),
    ("end-tag-mismatch", "An end tag of another name is refused", document("<subject>s</subjekt>")),
    ("declaration-not-first", "An XML declaration that is not first is refused", " " + document()),
    ("duplicate-xml-attribute", "An XML attribute that comes twice is refused", document(version=' specversion="1.0" specversion="1.0"')),
    ("duplicate-by-namespace", "An XML attribute that comes twice by its namespace is refused", document('<n xsi:type="ce:string" b:type="ce:string" xmlns:b="http://www.w3.org/2001/XMLSchema-instance">1</n>')),
    ("control-character", "A control character is refused", document("<subject>a\x01b</subject>")),
    ("control-character-reference", "A reference to a control character is refused", document("<subject>a&#1;b</subject>")),
    ("noncharacter", "U+FFFE is refused", document("<subject>a\ufffeb</subject>")),
    ("less-than-in-value", "An unescaped `<` in a value is refused", document(version=' specversion="1.0" a="<"')),
    ("cdata-end-in-text", "An unescaped `]]>` in text is refused", document("<subject>a]]>b</subject>")),
    ("double-hyphen", "Two hyphens in a comment are refused", document("<!-- a -- b -->")),
    ("ill-formed-foreign-element", "An element that is ignored and not well-formed is refused", document('<x:y xmlns:x="urn:x"><a></b></x:y>')),
    ("invalid-utf8", "Bytes that are not UTF-8 are refused", document("<subject>a?</subject>").encode().replace(b"?</subject>", b"\xff</subject>")),
]:
    # XML 1.0 knows nothing of namespaces.
    more = {"note": "That no element has two attributes of one name in one namespace is a rule of Namespaces in XML 1.0 (section 6.3), which the format has no sentence for; nearest is that an extension "
                    "has its type in xsi:type."} if name == "duplicate-by-namespace" else {}
    refused(cases, name, title, ["XML-2-b" if more else "XML-1-a"], text, **more)
refused(cases, "json", "A JSON document is refused", ["XML-4-e"], '{"specversion":"1.0","id":"1","source":"/s","type":"t"}')
refused(cases, "batch", "A batch is refused where one event is expected", ["XML-4-e"], f"<batch {ALL}>{document(head='')}</batch>")

# Security.
cases = topic("security", "Documents that mean harm")
LAUGHS = "<!DOCTYPE event [<!ENTITY a0 \"lol\">" + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
for name, title, text, clauses in [
    ("internal-entity", "An entity of the document's own is refused", HEAD + '<!DOCTYPE event [<!ENTITY e "x">]>' + document('<subject>&e;</subject>', head=""), ["XML-1-a"]),
    ("external-entity", "An external entity is refused", HEAD + '<!DOCTYPE event [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + document('<subject>&e;</subject>', head=""), ["XML-1-a"]),
    ("billion-laughs", "A billion laughs are refused", HEAD + LAUGHS + document("<subject>&a9;</subject>", head=""), ["XML-1-a"]),
]:
    refused(cases, name, title, clauses, text, traps=["X7"])
# Without entities, a declaration is well-formed and does no harm: a processor that does not validate need not read an external subset (XML 1.0, section 5.1).
for name, title, declaration in [("doctype", "A document type declaration is refused, or read over", "<!DOCTYPE event>"),
                                 ("external-subset", "An external subset is refused, or not read", '<!DOCTYPE event SYSTEM "http://127.0.0.1:9/e.dtd">')]:
    refused(cases, name, title, ["XML-1-a"], HEAD + declaration + document(head=""), traps=["X7"], policy=True,
            also=[{"result": {"events": [event()]}}])
refused(cases, "undefined-entity", "An entity that XML does not predefine is refused", ["XML-1-a"], document("<subject>&nbsp;</subject>"), traps=["X7"])
refused(cases, "entity-in-ignored-element", "An entity that XML does not predefine is refused in an element that is ignored, too", ["XML-1-a"], document('<x:y xmlns:x="urn:x">&nbsp;</x:y>'), traps=["X7"])
refused(cases, "entity-in-payload", "An entity that XML does not predefine is refused in a payload, too", ["XML-1-a"], document('<data xsi:type="xs:any"><a>&nbsp;</a></data>'), traps=["X7"])

# Payloads.
cases = topic("data-decode", "Reading payloads from the XML format")
reads(cases, "spec-example-json", "The example of a JSON payload reads as it is described", ["XML-3-a", "XML-3-b", "XML-3.2-a"], HEAD + f"""<event {DEFAULT} {XSI}
       {XS} specversion="1.0" >
    <time>2020-03-19T12:54:00-07:00</time>
    <datacontenttype>application/json</datacontenttype>
    <id>000-1111-2222</id>
    <source>urn:uuid:123e4567-e89b-12d3-a456-426614174000</source>
    <type>SOME.EVENT.TYPE</type>
    <data xsi:type="xs:string">{{ "salutation": "Good Morning", "text": "hello world" }}</data>
</event>
""", {"data": {"json": '{ "salutation": "Good Morning", "text": "hello world" }'}})
TYPE = "<datacontenttype>{}</datacontenttype>"
reads(cases, "text", "Text is read", ["XML-3.2-a", "XML-4-e", "XML-1-a"], document(TYPE.format("text/plain") + '<data xsi:type="xs:string"> a &lt; b\n</data>'), {"data": {"text": " a < b\n"}})
reads(cases, "text-without-content-type", "Text without a content type is text, though it be JSON", ["XML-3.2-a"], document('<data xsi:type="xs:string">{}</data>'), {"data": {"text": "{}"}})
reads(cases, "text-not-json", "Text that is no JSON under a JSON content type is text, or the document is refused", ["XML-3.2-a"], document(TYPE.format("application/json") + '<data xsi:type="xs:string">{</data>'),
      {"data": {"text": "{"}}, also=[{"error": {}}], policy=True)
reads(cases, "json-suffix", "Text under a content type with the suffix +json is read, as JSON, as characters or as bytes, or refused for its numbers", ["XML-3.2-a"], document(TYPE.format("application/vnd.x+json; charset=utf-8") + '<data xsi:type="xs:string">[1.10, 12345678901234567890123]</data>'),
      {"data": {"json": "[1.10, 12345678901234567890123]"}}, compare={"json": "double"})
reads(cases, "xml-as-text", "XML may come as text", ["XML-3.2-a", "XML-4-e", "XML-1-a"], document(TYPE.format("application/xml") + '<data xsi:type="xs:string">&lt;a/&gt;</data>'), {"data": {"text": "<a/>"}})
reads(cases, "text-empty", "An empty payload of text is a payload", ["XML-3.2-a"], document('<data xsi:type="xs:string"/>'), {"data": {"text": ""}})
reads(cases, "text-cdata", "CDATA sections and comments are not told apart from text", ["XML-1.2-f", "XML-1.2-d"],
      document(TYPE.format("text/plain") + '<data xsi:type="xs:string">a<![CDATA[<b>&amp;]]><!-- c -->d</data>'), {"data": {"text": "a<b>&amp;d"}})
reads(cases, "text-line-ends", "Line ends are read as line feeds, but for those that are references", ["XML-1-a", "XML-3.2-a"],
      document(TYPE.format("text/plain") + '<data xsi:type="xs:string">a\r\nb\rc&#13;d&#13;&#10;e<![CDATA[\r\n]]></data>').encode(), {"data": {"text": "a\nb\nc\rd\r\ne\n"}})
reads(cases, "text-carriage-returns", "Carriage returns that stand for themselves are line ends", ["XML-1-a", "XML-3.2-a"],
      document(TYPE.format("text/plain") + '<data xsi:type="xs:string">a\r\nb\rc</data>').encode(), {"data": {"text": "a\nb\nc"}})
reads(cases, "binary", "Bytes are base64", ["XML-3.1-a"], document(TYPE.format("image/png") + f'<data xsi:type="xs:base64Binary">{PNG}</data>'), {"data": {"binary": PNG}})
reads(cases, "binary-white-space", "The base64 of XML Schema may have white space, or is refused with it", ["XML-3.1-a"], document(f'<data xsi:type="xs:base64Binary">\n  {PNG[:4]}\n  {PNG[4:]}\n</data>'), {"data": {"binary": PNG}},
      also=[{"error": {}}], policy=True, note="That the bytes are encoded appropriately binds those who write. Not every reader of base64 passes over white space.")
reads(cases, "binary-empty", "An empty payload of bytes is a payload", ["XML-3.1-a"], document('<data xsi:type="xs:base64Binary"></data>'), {"data": {"binary": ""}},
      also=[{"result": {"mode": "structured", "format": "xml", "events": [event({"text": ""})]}}])
reads(cases, "binary-under-json", "Bytes under a JSON content type are bytes, characters, or the JSON that they are", ["XML-3.1-a"], document(TYPE.format("application/json") + '<data xsi:type="xs:base64Binary">e30=</data>'), {"data": {"binary": "e30="}},
      also=[{"result": {"events": [{"specversion": "1.0", "attributes": event(datacontenttype=string("application/json"))["attributes"], "data": {"json": "{}"}}]}}])
SCOPE = f" {DEFAULT} {CE} {XSI} {XS}"
PREFIXED = f'<ce:event {CE} {XSI} {XS} specversion="1.0"><ce:id>A-1</ce:id><ce:source>/s</ce:source><ce:type>t</ce:type><ce:data xsi:type="xs:any">{{}}</ce:data></ce:event>'
INNER = f" {CE} {XSI} {XS}"
ANY = ["XML-3.3-a", "XML-3.3-b"]
MUCH = "<much{} wow='xml'>hi<b/>there</much>"
reads(cases, "xml-verbatim", "An element stays as it is, with its attributes and its mixed content", [*ANY, "XML-1.2-e"], PREFIXED.format(MUCH.format("")), xml=MUCH.format(INNER), traps=["X1"])
reads(cases, "xml-default-namespace", "An element without a declaration of its own is in the namespace around it", ANY, document('<data xsi:type="xs:any"><a><b/></a></data>'), xml=f"<a{SCOPE}><b/></a>")
NODES = '<x:a xmlns:x="urn:x"{}><!-- kept --><![CDATA[<kept>]]><?kept too?>&amp;&#233;<x:b x:c="1"  d = \'2\' /></x:a >'
reads(cases, "xml-nodes-kept", "Comments, CDATA sections and processing instructions in the element are kept", [*ANY, "XML-1.2-e", "XML-1.2-g", "XML-1.2-j"],
      PREFIXED.format(NODES.format("")), xml=NODES.format("").replace("<x:a ", f"<x:a{INNER} ", 1), traps=["X1"])
reads(cases, "xml-foreign-and-own", "Elements of any namespace in the element are kept, those of the format too", [*ANY, "XML-1.2-j"],
      PREFIXED.format('<ce:event specversion="9"><y xmlns="urn:y"/></ce:event>'), xml=f'<ce:event{INNER} specversion="9"><y xmlns="urn:y"/></ce:event>')
reads(cases, "xml-prefix-from-event", "A prefix that is declared on the event is declared on the element", ANY,
      PREFIXED.replace("<ce:event ", '<ce:event xmlns:g="urn:g" ').format('<g:a k="g:v"/>'), xml=f'<g:a xmlns:g="urn:g"{INNER} k="g:v"/>')
reads(cases, "xml-own-declarations-win", "A declaration of the element's own is not declared again", ANY,
      PREFIXED.replace("<ce:event ", '<ce:event xmlns:g="urn:g" ').format('<g:a xmlns:g="urn:h" xmlns:xs="urn:i"/>'), xml=f'<g:a {CE} {XSI} xmlns:g="urn:h" xmlns:xs="urn:i"/>')
reads(cases, "xml-no-namespace-kept", "An element may undo the default namespace", ANY, document('<data xsi:type="xs:any"><a xmlns=""/></data>'), xml=f'<a{INNER} xmlns=""/>')
reads(cases, "xml-white-space-and-a-comment-around", "White space and a comment around the element are not part of it", [*ANY, "XML-1.2-d"],
      PREFIXED.format("\n  <!-- c -->\n  <a/>\n"), xml=f"<a{INNER}/>")
reads(cases, "xml-under-json", "The content type does not change what an element is, or the document is refused", ANY,
      PREFIXED.replace("</ce:type>", "</ce:type><ce:datacontenttype>application/json</ce:datacontenttype>").format("<a/>"), xml=f"<a{INNER}/>", policy=True, also=[{"error": {}}])
TYPES = ["XML-3.1-a", "XML-3.2-a", "XML-3.3-a"]
for name, title, clauses, text in [
    ("without-type", "A payload without a type is refused", ["XML-3-b"], "<data>x</data>"),
    ("unknown-type", "A payload of an unknown type is refused", TYPES, '<data xsi:type="xs:int">1</data>'),
    ("type-of-the-format", "A payload whose type is one of attributes is refused", TYPES, '<data xsi:type="ce:string">1</data>'),
    ("type-unbound", "A payload whose type has a prefix that is not declared is refused", TYPES, '<data xsi:type="xsd:string">1</data>'),
    ("twice", "A second payload is refused", ["XML-3-c"], '<data xsi:type="xs:string">1</data><data xsi:type="xs:string">1</data>'),
    ("text-with-child", "A payload of text with a child element is refused", ["XML-3.2-b"], '<data xsi:type="xs:string">1<b/></data>'),
    ("binary-with-child", "A payload of bytes with a child element is refused", ["XML-3.1-b"], '<data xsi:type="xs:base64Binary"><b/></data>'),
    ("binary-not-base64", "A payload of bytes that is not base64 is refused", ["XML-3.1-a"], '<data xsi:type="xs:base64Binary">A-_=</data>'),
    ("xml-empty", "A payload of an element that has none is refused", ["XML-3.3-a"], '<data xsi:type="xs:any"> </data>'),
    ("xml-two-elements", "A payload of an element that has two is refused", ["XML-3.3-a"], '<data xsi:type="xs:any"><a/><b/></data>'),
    ("xml-with-text", "A payload of an element with text before it is refused", ["XML-3.3-c"], '<data xsi:type="xs:any">x<a/></data>'),
    ("xml-with-text-after", "A payload of an element with text behind it is refused", ["XML-3.3-c"], '<data xsi:type="xs:any"><a/> x </data>'),
    ("xml-ill-formed", "A payload of an element that is not well-formed is refused", ["XML-1-a"], '<data xsi:type="xs:any"><a><b></a></b></data>'),
]:
    refused(cases, name, title, clauses, document(text), traps=["X3"] if "type" in name else [])
for found in cases:
    if found.get("traps") == []:
        del found["traps"]

# Writing.
cases = topic("attributes-encode", "Writing attributes in the XML format")
writes(cases, "minimal", "An event without payload has no data element", ["XML-1.2-a", "XML-2-a", "XML-4-a", "XML-4-c"], event())
TYPED = event(
    b={"type": "Boolean", "value": True}, i={"type": "Integer", "value": -42}, s=string(" x "), y={"type": "Binary", "value": "AAEC"},
    u={"type": "URI", "value": "urn:example:y"}, r={"type": "URI-reference", "value": "../a?b#c"}, t={"type": "Timestamp", "value": "2018-04-05T17:31:00.5+02:00"})
writes(cases, "all-types", "Each extension says its type", ["XML-2-b", "XML-2-i", "CE-Extension-c"], TYPED, losses=[],
       also=spelled(TYPED, "t", *at_two("2018-04-05T15:31:00.5Z")[1:], *fair.spelled_times("2018-04-05T15:31:00.5Z")))
CORE = event(subject=string("s"), datacontenttype=string("text/plain"), dataschema={"type": "URI", "value": "https://example.com/s?a=1&b=2"}, time={"type": "Timestamp", "value": "2018-04-05T17:31:00Z"})
writes(cases, "core", "All core attributes are elements, the time in a spelling of its instant", ["XML-2-a", "CE-Context-Attributes-b"], CORE,
       also=spelled(CORE, "time", *fair.spelled_times("2018-04-05T17:31:00Z")[1:]))
writes(cases, "percent-escapes", "Percent-escapes of a URI are written as they stand", ["XML-2-a"], event(dataschema={"type": "URI", "value": ESCAPED}), losses=[])
INSTANT = event(time={"type": "Timestamp", "value": "2018-04-05T19:31:00.123+02:00"})
writes(cases, "time-instant", "A time with milliseconds and an offset is written as the instant that it names", ["XML-2-a", "CE-Type-System-r"],
       INSTANT, losses=[], also=spelled(INSTANT, "time", *at_two("2018-04-05T17:31:00.123Z")[1:], *fair.spelled_times("2018-04-05T17:31:00.123Z")))
writes(cases, "escapes", "What has a meaning in XML is escaped", ["XML-1-a", "XML-2-a", "XML-2-b"], event(subject=string("a<b>&\"c'é]]>"), e=string("<!-- -->")), losses=[])
writes(cases, "white-space", "White space around a string is kept", ["XML-2-a", "XML-2-b"], event(e=string("  text  ")), losses=[])
writes(cases, "name-with-leading-digit", "A name that begins with a digit is no name of XML: the attribute is lost, which is reported as a loss, or the event is refused", ["XML-2-a"],
       event(**{"1st": string("x"), "e": string("y")}), losses=[{"at": "1st"}], carried=event(e=string("y")), also=[{"error": {}}], policy=True)
for name, attribute, typed in [("missing-id", "id", None), ("empty-source", "source", {"type": "URI-reference", "value": ""}), ("control-character", "subject", string("a\u0001"))]:
    broken = event()
    broken["attributes"].pop(attribute, None)
    if typed:
        broken["attributes"][attribute] = typed
    clause = {"id": "CE-Context-Attributes-a", "source": "CE-source-b", "subject": "CE-Type-System-f"}[attribute]
    title = {"id": "An event without id is not written", "source": "An event with an empty source is not written", "subject": "An event with a control character in a String is not written"}[attribute]
    case(cases, name, title, [clause], {"op": "encode", "via": "xml", "events": [broken]}, [{"error": {"attribute": attribute}}])

cases = topic("data-encode", "Writing payloads in the XML format")
JSON, PLAIN = string("application/json"), string("text/plain")


def in_octets(text, media_type):
    """Text that an implementation holds as bytes."""
    return {"result": {"message": {"body": body(write_event(event(octets(text), datacontenttype=media_type)))}}}


writes(cases, "json", "JSON is written as text, or as its bytes", ["XML-3-a", "XML-3-b", "XML-3.2-a"], event({"json": '{"a": [1.10, "<&>"]}'}, datacontenttype=JSON), losses=[],
       also=[{"result": {"message": {"body": body(write_event(event(octets('{"a": [1.10, "<&>"]}'), datacontenttype=JSON)))}}}])
writes(cases, "json-without-content-type", "The content type of JSON is made explicit", ["XML-3.2-a", "CE-datacontenttype-d"], event({"json": "null"}), carried=event({"json": "null"}, datacontenttype=JSON), level="SHOULD",
       also=[{"result": {"message": {"body": body(write_event(event(octets("null"), datacontenttype=JSON)))}}}])
writes(cases, "text", "Text is written as text, with its line ends, or as its bytes", ["XML-3.2-a"], event({"text": " a\nb\tc \r\n<&>]]>"}, datacontenttype=PLAIN), losses=[],
       also=[in_octets(" a\nb\tc \r\n<&>]]>", PLAIN)])
writes(cases, "text-empty", "An empty text is a payload, as text or as bytes", ["XML-3-a", "XML-3.2-a"], event({"text": ""}, datacontenttype=PLAIN), losses=[], also=[in_octets("", PLAIN)])
for name, text in [("nul", "a\0b"), ("escape", "\x1b[0m"), ("noncharacter", "\uffff")]:
    writes(cases, f"text-with-{name}", "Text with characters that XML does not have travels as bytes, which may be reported as a loss, or is refused", ["XML-3.1-a", "XML-1-a"], event({"text": text}, datacontenttype=PLAIN), losses=[{"at": "data"}],
           carried=event({"binary": base64.b64encode(text.encode()).decode()}, datacontenttype=PLAIN), also=[in_octets(text, PLAIN), {"error": {}}], policy=True)
writes(cases, "binary", "Bytes are base64", ["XML-3-b", "XML-3.1-a"], event({"binary": PNG}, datacontenttype=string("image/png")), losses=[])
writes(cases, "binary-empty", "No bytes are a payload, without a content type or with that of bytes", ["XML-3-a", "XML-3.1-a"], event({"binary": ""}), losses=[],
       also=[in_octets("", string("application/octet-stream"))])
writes(cases, "binary-under-json", "Bytes under a JSON content type are written as bytes, or as the text that they are", ["XML-3.1-a"], event({"binary": "e30="}, datacontenttype=JSON), losses=[],
       also=[{"result": {"message": {"body": body(write_event(event({"text": "{}"}, datacontenttype=JSON)))}}}])
XML = string("application/xml")
writes(cases, "xml", "An element is written as an element", ["XML-3.3-a", "XML-3.3-b"], event({"xml": "<a><b c='1'/></a>"}, datacontenttype=XML), losses=[])
writes(cases, "xml-nodes-kept", "Comments and CDATA sections in it are kept", ["XML-1.2-e", "XML-1.2-g", "XML-3.3-b"],
       event({"xml": '<x:a xmlns:x="urn:x"><!-- kept --><![CDATA[<kept>]]>&amp;<y xmlns="urn:y"/></x:a>'}, datacontenttype=XML), losses=[], traps=["X1"])
writes(cases, "xml-names-not-ascii", "The names of its elements may have characters outside ASCII", ["XML-3.3-a", "XML-3.3-b"],
       event({"xml": '<é:日本語 xmlns:é="urn:x"><é/></é:日本語>'}, datacontenttype=XML), losses=[])
writes(cases, "xml-without-content-type", "An element needs no content type", ["XML-3.3-a"], event({"xml": "<a/>"}), also=[{"result": {"message": {"body": body(write_event(event({"xml": "<a/>"}, datacontenttype=string(media_type))))}}} for media_type in fair.TYPES_OF_XML], policy=True)
for name, text in [("ill-formed", "<a>"), ("two", "<a/><b/>"), ("unbound", "<p:a/>"), ("closing-the-document", "</data><id>2</id>"), ("with-doctype", "<!DOCTYPE a><a/>")]:
    writes(cases, f"xml-that-is-none-{name}", "What is no element is not spliced into the document: it travels as text, which is reported as a loss, or as bytes, or is refused", ["XML-3.3-a", "XML-3.2-a"], event({"xml": text}, datacontenttype=XML),
           losses=[{"at": "data"}], carried=event({"text": text}, datacontenttype=XML), policy=True,
           also=[{"result": {"message": {"body": body(write_event(event(held, datacontenttype=XML)))}}}
                 for held in ({"binary": base64.b64encode(text.encode()).decode()}, *([{"xml": "<a/>"}] if name == "with-doctype" else []))] + [{"error": {}}])
writes(cases, "cbor", "A CBOR item travels as bytes, with its content type or without, or is refused", ["XML-3.1-a", "CE-datacontenttype-d"], event({"cbor": "gwECAw=="}), level="MAY", policy=True, carried=event({"binary": "gwECAw=="}, datacontenttype=string("application/cbor")),
       # The same item, written anew, and either without its content type, which no sentence asks for.
       also=[*({"result": {"message": {"body": body(write_event(event({"binary": item}, **of)))}}} for item in ("nwECA/8=", "gwECAw==")
               for of in ({"datacontenttype": string("application/cbor")}, {}) if (item, of) != ("gwECAw==", {"datacontenttype": string("application/cbor")})), {"error": {}}])
ANY, PROTOBUF = b"\x0a\x17type.googleapis.com/x.Y\x12\x02\x08\x01", {"datacontenttype": string("application/protobuf")}
TYPE_URL = {"dataschema": {"type": "URI", "value": "type.googleapis.com/x.Y"}}
writes(cases, "protobuf", "A protobuf message travels as bytes, its own or those of the whole Any, with its content type or without; the type URL is lost, or is the dataschema; or it is refused", ["XML-3.1-a"],
       event({"proto": {"typeurl": "type.googleapis.com/x.Y", "value": "CAE="}}), carried=event({"binary": "CAE="}, **PROTOBUF), losses=[{"at": "data"}], policy=True,
       also=[*({"result": {"message": {"body": body(write_event(event({"binary": base64.b64encode(held).decode()}, **typed, **schema)))}}}
               for held in (b"\x08\x01", ANY) for schema in ({}, TYPE_URL) for typed in (PROTOBUF, {}) if (held, schema, typed) != (b"\x08\x01", {}, PROTOBUF)), {"error": {}}])

# Batches.
cases = topic("batch-decode", "Reading batches in the XML format")
ONE, TWO = document(head="", namespaces=""), document(head="", namespaces="").replace("A-1", "A-2")
reads_batch(cases, "two", "A batch of two events has two", ["XML-5-d"], f"{HEAD}<batch {ALL}>\n  {ONE}\n  {TWO}\n</batch>", 2)
reads_batch(cases, "empty", "A batch may be empty", ["CE-Message-b"], f"{HEAD}<batch {ALL}/>", 0)
reads_batch(cases, "prefixed", "The prefix is any", ["XML-1.2-b"], f'<p:batch xmlns:p="http://cloudevents.io/xmlformat/V1">{document(head="", namespaces=DEFAULT)}</p:batch>', 1)
reads_batch(cases, "foreign-elements", "Elements of other namespaces and comments are ignored", ["XML-1.2-i", "XML-1.2-d"],
            f'<batch {ALL}><x:event xmlns:x="urn:x"/><!-- c -->{ONE}<event xmlns="urn:x"/></batch>', 1, level="SHOULD", traps=["X5"])
refused_batch(cases, "text", "Text in a batch is refused", ["XML-5-a"], f"<batch {ALL}>{ONE}x</batch>", traps=["X6"])
refused_batch(cases, "other-element", "Another element of the format is refused", ["XML-5-b"], f"<batch {ALL}>{ONE}<id>1</id></batch>")
refused_batch(cases, "nested", "A batch in a batch is refused", ["XML-5-b"], f"<batch {ALL}><batch>{ONE}</batch></batch>")
refused_batch(cases, "event", "An event where a batch is expected is refused", ["XML-5-d"], document())
refused_batch(cases, "missing-namespace", "A batch without the namespace is refused", ["XML-1.2-a", "CE-Overview-a"], f"<batch>{document(head='')}</batch>")
refused_batch(cases, "bad-event", "A batch with an invalid event is refused, with its index, or its valid events are read", ["CE-Context-Attributes-a"],
              f"<batch {ALL}>{ONE}<event specversion='1.0'/></batch>", {"index": 1, "attribute": "id"},
              also=[{"result": {"mode": "batched", "format": "xml", "events": [event()]}}], policy=True,
              note="Whether one invalid event makes the whole batch invalid is not said: its valid events may be read.")
refused_batch(cases, "doctype", "A document type declaration is refused, or read over", ["XML-1-a"], f"<!DOCTYPE batch><batch {ALL}>{ONE}</batch>", traps=["X7"],
              also=[{"result": {"mode": "batched", "format": "xml", "events": [event()]}}], policy=True)

cases = topic("batch-encode", "Writing batches in the XML format")
for name, title, events in [("empty", "A batch of no events is an empty element, or is refused", []), ("one", "A batch of one event has one", [event()]),
                            ("two-events", "A batch of two events has two", [event(e=string("x")), event({"xml": "<a/>"}, id=string("A-2"), datacontenttype=XML)])]:
    case(cases, name, title, ["XML-5-d" if events else "CE-Message-b"], {"op": "encode", "via": "xml-batch", "events": events}, [{"result": {"message": {"body": body(write_batch(events))}, "losses": []}}])

# Lenient decoding.
cases = topic("lenient", "Lenient decoding: what is repaired, and what is still refused")


def lenient(name, title, clauses, text, repairs, given, also=()):
    request = {"op": "decode", "via": "xml", "message": {"body": body(text)}, "strictness": "lenient"}
    if given is None:
        expect = [{"error": {}}, *also]
    else:
        expect = [{"result": {"events": [given], "repairs": [{"kind": kind, "attribute": name} for kind, name in repairs]}}, {"error": {}}]
    case(cases, name, title, clauses, request, expect, **({"policy": True} if given or also else {}))


lenient("upper-case-name", "An upper-case name is lower-cased and reported", ["CE-Naming-a"], document('<Ext xsi:type="ce:string">x</Ext>'), [("lower-cased-name", "ext")], event(ext=string("x")))
lenient("bad-name", "An attribute without a valid name is left out and reported", ["CE-Naming-a"], document('<my-ext xsi:type="ce:string">x</my-ext>'), [("dropped-name", "my-ext")], event())
lenient("extension-without-type", "An extension without a type is left out and reported", ["XML-2-b"], document("<e>x</e>"), [("dropped-attribute", "e")], event())
lenient("bad-value", "An optional attribute that is none is left out and reported", ["CE-time-b"], document("<time>now</time>"), [("dropped-attribute", "time")], event())
lenient("doctype", "A document type declaration is refused all the same, or read over", ["XML-1-a"], HEAD + "<!DOCTYPE event>" + document(head=""), [], None,
        also=[{"result": {"events": [event()]}}])
lenient("not-well-formed", "A document that is not well-formed is refused all the same", ["XML-1-a"], document("<subject>s"), [], None)
lenient("data-twice", "Two payloads are refused all the same", ["XML-3-c"], document('<data xsi:type="xs:string">1</data><data xsi:type="xs:string">1</data>'), [], None)

# Other formats, media types, other versions.
cases = topic("transcode", "From JSON to XML and back")


def transcode(name, title, clauses, source, target, message, expected, losses, level="MUST", spelled=()):
    request = {"op": "transcode", "from": {"via": source, "message": {"body": body(message)}}, "to": {"via": target}}
    case(cases, name, title, clauses, request, [{"result": {"message": {"body": body(one)}, "losses": losses}} for one in (expected, *spelled)], level=level)


PLAIN_JSON = '{{"specversion":"1.0","id":"A-1","source":"/sensors/7","type":"com.example.reading"{}}}'
FIRST, *OTHERS = (write_event(event(data, n={"type": "Integer", "value": 5}, b={"type": "Boolean", "value": True}, datacontenttype=JSON))
                  for data in ({"json": '{"a":1}'}, octets('{"a":1}')))
transcode("json-to-xml", "A JSON event becomes an XML event with the same attributes", ["XML-2-b", "XML-3.2-a"], "json", "xml", PLAIN_JSON.format(',"n":5,"b":true,"datacontenttype":"application/json","data":{"a":1}'),
          FIRST, [], spelled=OTHERS)
transcode("json-without-content-type-to-xml", "The content type that JSON implies is made explicit", ["CE-datacontenttype-d", "XML-3.2-a"], "json", "xml", PLAIN_JSON.format(',"data":[1]'),
          write_event(event({"json": "[1]"}, datacontenttype=JSON)), [], level="SHOULD", spelled=[write_event(event(octets("[1]"), datacontenttype=JSON))])
transcode("json-octets-to-xml", "Bytes stay bytes", ["XML-3.1-a"], "json", "xml", PLAIN_JSON.format(f',"datacontenttype":"application/octet-stream","data_base64":"{PNG}"'),
          write_event(event({"binary": PNG}, datacontenttype=string("application/octet-stream"))), [])
transcode("xml-to-json", "An XML event becomes a JSON event with the same attributes", ["XML-2-b", "XML-3.2-a"], "xml", "json",
          document('<n xsi:type="ce:integer">5</n>' + TYPE.format("application/json") + '<data xsi:type="xs:string">{"a":1}</data>'), PLAIN_JSON.format(',"n":5,"datacontenttype":"application/json","data":{"a":1}'), [],
          spelled=[PLAIN_JSON.format(',"n":5,"datacontenttype":"application/json","data_base64":"eyJhIjoxfQ=="')])
# That a content type is stated is not said, nor that declarations that nothing uses come along.
# Nor is it said which text an element becomes: in some libraries with a declaration of XML before it, or with its namespaces by their names.
SPELLED = [f"<a{INNER}>&amp;</a>", "<a>&amp;</a>", f"<a{' '.join(['', *sorted(INNER.split())])}>&amp;</a>",
           *(f'<?xml version="1.0" encoding="UTF-8"{alone}?>{line}<a>&amp;</a>' for alone, line in (("", ""), ("", "\n"), (' standalone="no"', "")))]
ELEMENTS = [(implied, element) for implied in (*(f',"datacontenttype":"{media_type}"' for media_type in fair.TYPES_OF_XML), "") for element in SPELLED]
HELD = '{{"specversion":"1.0","id":"A-1","source":"/s","type":"t"{},"{}":{}}}'
SHOWN = [HELD.format(implied, "data", json.dumps(element)) for implied, element in ELEMENTS]
# An implementation may hold the element as bytes.
SHOWN += [HELD.format(implied, "data_base64", json.dumps(base64.b64encode(element.encode()).decode())) for implied, element in [*ELEMENTS, *((',"datacontenttype":"application/octet-stream"', element) for element in SPELLED)]]
transcode("xml-element-to-json", "An element becomes a string, under its content type, or is refused", ["XML-3.3-b"], "xml", "json", PREFIXED.format("<a>&amp;</a>"),
          SHOWN[0], [], spelled=SHOWN[1:])

cases = topic("media-types", "Media types of the XML format")
for name, mode, media_type, clause, text in [("event", "structured", "application/cloudevents+xml", "XML-4-b", write_event(event())), ("batch", "batched", "application/cloudevents-batch+xml", "XML-5-c", write_batch([event()]))]:
    expected = {"message": {"headers": [["content-type", media_type]], "body": body(text)}}
    stated = {"message": {"headers": [["content-type", f"{media_type}; charset=utf-8"]], "body": body(text)}}
    # HTTP binding, section 3.2.3: the headers of binary mode may stand beside one event.
    marks = [["ce-specversion", "1.0"], ["ce-id", "A-1"], ["ce-source", "/sensors/7"], ["ce-type", "com.example.reading"]]
    beside = [{"result": {"message": {"headers": [["content-type", media_type + charset], *marks], "body": body(text)}}} for charset in ("", "; charset=utf-8")] if mode == "structured" else []
    case(cases, f"{name}-encode", f"The media type is {media_type}", [clause], {"op": "encode", "via": "http", "mode": mode, "format": "xml", "events": [event()]},
         [{"result": expected}, {"result": stated}, *beside])
    case(cases, f"{name}-decode", f"A message of the media type {media_type} is read as such", [clause, "HTTP-3-c", "HTTP-3.2.2-a" if mode == "structured" else "HTTP-3.3.2-a"],
         {"op": "decode", "via": "http", "message": {"headers": [["content-type", media_type]], "body": body(text)}}, [{"result": {"mode": mode, "format": "xml", "events": [event()]}}])

cases = topic("version-0-3", "Specversion 0.3, which has no XML format")
OLD = event() | {"specversion": "0.3"}
refused(cases, "decode", "A document of specversion 0.3 may be refused: the draft is for 1.0", ["CE-specversion-c"], document(version=' specversion="0.3"'), {"attribute": "specversion"}, policy=True,
        also=[{"result": {"events": [OLD]}}])
case(cases, "encode", "An event of specversion 0.3 may be refused: the draft is for 1.0", ["CE-specversion-c"], {"op": "encode", "via": "xml", "events": [OLD]}, [{"error": {"attribute": "specversion"}}, {"result": {"message": {"body": body(write_event(event()).replace('specversion="1.0"', 'specversion="0.3"'))}}},
      {"result": {"message": {"body": body(write_event(event()))}}}], policy=True, note="The event may be brought to 1.0 before it is written.")
OTHER = event(id=string("A-2"))
case(cases, "encode-batch-of-two-versions", "A batch of two versions is refused, or its event of 0.3 is brought to 1.0", ["CE-Message-a"],
     {"op": "encode", "via": "xml-batch", "events": [event(), {**OTHER, "specversion": "0.3"}]},
     [{"error": {"index": 1}}, {"error": {}}, {"result": {"message": {"body": body(write_batch([event(), OTHER]))}}}],
     note="Whether the event of 0.3 is brought to 1.0 first, or the batch refused, is not said.")

validator = jsonschema.Draft202012Validator(json.loads((ROOT / "schema/vectors.schema.json").read_text()))
requirements = [json.loads(path.read_text()) for path in sorted((ROOT / "requirements").glob("*.json"))]
levels = {clause["id"]: clause["level"].split()[0] for part in requirements for clause in part}
RANK = {"MAY": 0, "SHOULD": 1, "MUST": 2}
folder = ROOT / "vectors/xml"
folder.mkdir(exist_ok=True)
cited, count, stale = set(), 0, []
check = "--check" in sys.argv[1:]
for name, found in documents.items():
    found = fair.finish(found)
    for error in validator.iter_errors(found):
        raise SystemExit(f"{name}: {error.json_path}: {error.message}")
    for one in found["cases"]:
        unknown = [clause for clause in one["clauses"] if clause not in levels]
        assert not unknown, (one["id"], unknown)
        strongest = max(RANK[levels[clause]] for clause in one["clauses"])
        if RANK[one["level"]] > strongest:
            one["level"] = next(level for level, rank in RANK.items() if rank == strongest)
        cited |= set(one["clauses"])
        count += 1
    path, text = folder / f"{name}.json", fair.text(found)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        stale.append(path.name)
        if not check:
            path.write_text(text, encoding="utf-8")
ids = [one["id"] for found in documents.values() for one in found["cases"]]
assert len(ids) == len(set(ids))
missing = [clause["id"] for part in requirements for clause in part if clause["id"].startswith("XML-") and clause["testable"] == "wire" and clause["id"] not in cited]
print(f"{count} cases; clauses of the XML format without a case: {missing or 'none'}")
if stale and check:
    sys.exit("the vectors are not what this script writes: " + " ".join(stale))
