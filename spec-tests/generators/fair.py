#!/usr/bin/env python3
"""Brings vectors into the form that README.md describes, and keeps them fair.

    python3 generators/fair.py           # rewrites the documents under vectors/
    python3 generators/fair.py --check   # fails when one would change

It works out `validity` and the flags, adds the outcomes that siblings allow too, limits cases to the revisions that have their
clauses, and writes every member of a message that the protocol always has. Running it twice changes nothing. The generators
call `finish` on each document that they write.
"""

import base64
import datetime
import decimal
import functools
import gzip
import hashlib
import itertools
import json
import pathlib
import re
import sys
import zlib
from xml.etree import ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from inputs import INPUTS  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
REQUIREMENTS = {clause["id"]: clause for path in sorted((ROOT / "requirements").glob("*.json"))
                for clause in json.loads(path.read_text(encoding="utf-8"))}
RANK = {"MAY": 0, "SHOULD": 1, "MUST": 2}
# The carriers that are rows of data: those of this area.
ROWS = {row["name"]: row for row in json.loads((ROOT / "carriers.json").read_text(encoding="utf-8"))["bindings"] if row.get("area") == "carriers"}

# Clauses that say where something is or that all rules hold. Whether a document that breaks a rule is refused depends on the
# other clauses that a case cites.
GENERAL = {"HTTP-3-e", "CE-Overview-a", "HTTP-3-c", "KAFKA-3-a", "AMQP-3-a", "HTTP-3.1.3-a", "KAFKA-3.2.3-a", "KAFKA-3.2.1-a", "HTTP-3.1.1-a",
           "HTTP-3.1.3.1-a", "KAFKA-3.2.3.1-a", "PROTO-2.3-a", "PROTO-2.4-a", "PROTO-2.4-b", "AMQP-3.1.3-a", "AMQP-3.1.3.1-a", "AMQP-3.1.3.1-g", "JSON-3-b", "JSON-3-c",
           "AVRO-2.4-b", "AMQP-3.1.1-a", "XML-2-a", "JSON-4.1-a", "PROTO-5-a", "AMQP-3.1.3.2-c",
           "MQTT-3.1.3-a", "NATS-3.1.2-a", "RABBITMQ-3.1.3-a", "HTTP-3.3.2-a", "HTTP-3.1.3.1-b", "SDK-Acceptance-a", "CARRIERS-Rows-a", "CARRIERS-Rows-e"}

# Input that attacks whoever reads it: nested levels, entities. A reference to an entity that nothing declares is not well-formed, and no more than that.
HOSTILE = re.compile(r"xml/security/(?!undefined-entity$|entity-in-)|/(?:deep|nested-too|too-deep)|billion|-deep$|unclosed-nesting$|beyond-the-(?:input|document)")

# What an attribute is called and how often it stands there binds producers: a consumer that keeps such an attribute conforms,
# whatever else a case allows.
NAMES = re.compile(r"CE-(?:Naming-[a-z]|Extension-b|Context-Attributes-d)$")

# What an event to be written lacks, or has empty. That an API refuses it is not said: one that fills in an id of its own writes a valid event, and to an API an empty text may be none.
REQUIRED = {"id", "source", "type"}

# "SDKs SHOULD validate" what users supply.
VALIDATES = "SDK-Validation-c"

# That a record without a payload has a null value, so that one of no bytes is something else.
NULL_VALUE = "KAFKA-3.2.2-b"

# Which content modes a binding has. That it "does not currently support the batch content mode" is a sentence of `main`: release 1.0.2 has two modes there, and does not
# speak of a third.
MODES = {"AMQP-1.3-a", "KAFKA-1.3-a", "MQTT-1.3-a", "NATS-1.3-a"}

# Text that is not UTF-8. "A decoder might or might not want to verify" it (RFC 8949, section 5.3.1); Avro and Protobuf say how text is encoded, and not that
# readers must verify it. The same holds for headers of Kafka, which is what the role of KAFKA-3.2.3-b says: no other clause of these formats is about text alone.
UNVERIFIED = re.compile(r"(?:cbor|avro|avro-compact|protobuf)/.*(?:not-utf-?8|surrogate|cut-character)$")

# Bytes after a datum of Avro: the schema says what is encoded, and readers of datums do not look behind them. And a branch below zero, which some count from the end.
BEHIND = re.compile(r"avro(?:-compact)?/.*/(?:trailing-bytes|two-datums)$|avro(?:-compact)?/.*branch-negative(?:-from-the-end)?$")

# What parsers of Protobuf skip without a close look: a group that is not well-formed, for proto3 has none, and that its parsers skip them is a "should" of
# descriptor.proto; and a field of a number that no schema has.
SKIPPED = re.compile(r"protobuf/document-syntax/(?:group-not-begun|group-not-ended|groups-crossed|field-number-zero)$")

# An integer, or a Timestamp of Protobuf, out of range that comes in a native type: the range binds those who write it.
BEYOND = re.compile(r"rabbitmq/native-values/too-large$|protobuf/timestamps/decode-(?:seconds-(?:above|below)|nanos-(?:above|negative))$")

# "Implementations MUST include appropriate pad characters at the end of encoded data" (RFC 4648, section 3.2): those who encode.
# What those who decode do without them is left open. A number of JSON is such a text for parsers that give scalars as text.
UNPADDED = re.compile(r"core/types-binary/(?:unpadded|too-little-padding)$|json/data-decode/base64-number$")

# A URI that native types may write in another way (RFC 3986, section 6.2.2): with a host in lower case, with the path that it does not have, without dot
# segments, or with escapes in upper case.
NORMALISED = re.compile(r'"(?!http)[Hh][Tt][Tt][Pp][Ss]?://|"https?://(?:[^/"\\?#]*[A-Z][^"\\]*|[^/"\\?#]+)\\*"'
                        r'|"https?://[^"\\?#]*/\.{1,2}(?:[/?#][^"\\]*)?\\*"|"(?:https?://|urn:)[^"\\]*%(?:[a-f][0-9a-fA-F]|[0-9A-F][a-f])')

# Clauses that say where something stands. That a message in which it does not is refused follows from what every event has.
PLACES = re.compile(r"XML-1\.2-a$|(?:AMQP|KAFKA|MQTT|NATS|RABBITMQ)-3-[a-c]$|(?:AMQP|KAFKA|MQTT|RABBITMQ)-3\.1\.3(?:\.1)?-a$|NATS-3\.1\.(?:2|3\.1)-a$|KAFKA-3\.2\.3(?:\.1)?-a$|AMQP-3\.1\.3\.1-g$"
                    r"|(?:AMQP|MQTT|RABBITMQ)-3\.2\.[23]-a$|NATS-3\.2-a$|KAFKA-3\.3\.[23]-a$|HTTP-3-c$|HTTP-3\.2\.2-a$|HTTP-3\.2\.3-[ab]$|HTTP-3\.3\.2-a$")

# Parsed media types are written in another spelling, which means the same (RFC 7231, section 3.1.1.1), and so are parsed references with dot segments.
SPELLED = re.compile(r"http/(content-type/(?:de|en)code-spelling-kept|transcode/binary-to-structured-media-type-kept)$|core/types-uri/reference-dot-segments$")

# A core attribute in another type of its carrier whose canonical string it could have, or that breaks rules of producers alone: "Attribute values MAY be presented as ...
# canonical strings" (CE-Type-System-n). An object or an array has none.
OTHER_TYPE = re.compile(r"cbor/attributes-decode/specversion-float$|core/required-attributes/(?:number-id|boolean-type|number-specversion)$|core/optional-attributes/(?:subject|datacontenttype|dataschema|time)-not-a-string$"
                        r"|avro/attributes-decode/(?:id-as-int|time-as-bytes)$|(?:protobuf|cbor)/attributes-decode/(?:dataschema|datacontenttype|subject|time(?:-epoch|-uri)?)-type$")

# An int of Avro beyond 32 bits, which a reader can take apart: the range binds producers.
WIDE = re.compile(r"avro/document-syntax/int-too-large$|avro-compact/refused/int-too-large$")

# A required attribute that stands in another place of the message alone, in the map of Protobuf or beside a structured document: where it stands binds those who write.
ELSEWHERE = re.compile(r"xml/attributes-decode/specversion-(?:as-element|in-a-namespace)$|protobuf/attributes-decode/(?:id|specversion)-only-in-map$|(?:http|kafka)/structured/required-attribute-only-in-header$"
                       r"|amqp/mode-detection/structured-attribute-only-in-properties$|http/structured/body-missing$|kafka/structured/null-value-with-headers$")

# A document of Protobuf without a required attribute: its fields are strings of proto3, which have no presence, so that an absent one is the empty one, as in
# `protobuf/attributes-decode/empty-id`.
ABSENT = re.compile(r"protobuf/attributes-decode/(?:missing-(?:id|source|specversion|type)|empty-document)$|protobuf/document-syntax/(?:batch|id-as-number)$"
                    r"|protobuf/batch-decode/(?:second-invalid|empty-element)$")

# A header of Kafka whose value is null: that values are UTF-8 strings binds producers, and clients without null for values hand over no bytes.
NO_VALUE = re.compile(r"kafka/binary-decode/null-(?:id|source|specversion|type)$")

# A header value of Kafka that is not UTF-8, which a reader may know how to undo: that values are UTF-8 binds producers.
NOT_UTF8 = re.compile(r"kafka/binary-decode/value-amqp-encoded$")

# The order of the members of a case.
ORDER = ["id", "title", "clauses", "level", "revisions", "draft", "validity", "flags", "traps", "policy", "disputed", "request", "expect", "compare", "note"]


def finish(document):
    """The document with each of its cases in order, and behind those that read the colon of AMQP the same with the underscore of `main`."""
    cases = []
    for one in told_apart(document)["cases"]:
        if one["id"].endswith(UNDERSCORED):
            continue  # made again of its original
        one = case(one, document["area"])
        cases += [one, *([underscored(one)] if needs_the_colon(one) else [])]
    titles = [one["title"] for one in cases]
    assert len(set(titles)) == len(titles), (document["topic"], "one title for several cases: say their inputs", {title for title in titles if titles.count(title) > 1})
    return {**document, "cases": cases}


def told_apart(document):
    """The document, with what is the input behind a title that several cases have: behind a colon, and in parentheses where there is one already."""
    titles = [one["title"] for one in document["cases"]]
    inputs = INPUTS.get(f"{document['area']}/{document['topic']}", {})

    def named(one):
        title, word = one["title"], inputs.get(one["id"].split("/")[-1])
        if titles.count(title) == 1 or word is None:
            return title
        return f"{title} ({word})" if ": " in title else f"{title}: {word}"

    return {**document, "cases": [{**one, "title": named(one)} for one in document["cases"]]}


# What a payload may be presented as, how titles say that, and by which words they have said it.
KINDS = {"json": ("as JSON", r"JSON"), "xml": ("as an element", r"\belement"), "cbor": ("as a CBOR item", r"\bitem"), "text": ("as characters", r"\btext\b|\bcharacter|\bstring\b"),
         "binary": ("as bytes", r"\bbytes|octets")}
ON_PAYLOADS = re.compile(r".*/(?:payload|data-decode)/|avro-compact/decode/data-|\w+/content-type/decode-|websockets/data/decode-|.*/spec(?:ification)?-example")


def with_kinds(one):
    """The title of a case on a payload, with what it may be presented as, where the title says a part of that only."""
    held = [(kind, value) for outcome in one["expect"] for event in outcome.get("result", {}).get("events", []) for kind, value in event.get("data", {}).items()]
    # No bytes are a payload that the title tells from the other one, if there is one.
    shown = {kind for kind, value in held if value} or {kind for kind, _ in held}
    # What compares as JSON may be characters or bytes, too.
    shown |= {"text", "binary"} if one.get("compare", {}).get("payload") == "json" and "json" in shown else set()
    title, area_and_topic, name = one["title"], *one["id"].rsplit("/", 1)
    said = {kind for kind, (_, words) in KINDS.items() if re.search(words, title, re.IGNORECASE)}
    if one["request"]["op"] != "decode" or len(shown) < 2 or not said and "XML" not in title and "-example" not in name or shown <= said or not ON_PAYLOADS.match(one["id"]):
        return title
    words = [KINDS[kind][0] for kind in KINDS if kind in shown]
    held = ", held " + ", ".join(words[:-1]) + " or " + words[-1]
    word = INPUTS.get(area_and_topic, {}).get(name)
    told = next((tail for tail in (f": {word}", f" ({word})") if title.endswith(tail)), "")
    title = title.removesuffix(told)
    refusal = re.search(r",? or (?:(?:is |the [\w ]+ (?:is )?)?refused)[^,]*$", title)
    at = refusal.start() if refusal else len(title)
    start = re.sub(r" as bytes$", "", title[:at])
    held = ", or one of no characters or bytes" if start.endswith("no payload") else held
    return start + held + (title[at:] if title[at:].startswith(",") else "," + title[at:] if refusal else "") + told


def with_refusal(title, one):
    """The title of a case whose input may be refused by a rule for many cases, with these words."""
    may = len({is_refusal(outcome) for outcome in one["expect"]}) == 2
    return title + ", or is refused" if may and not one.get("policy") and not SAYS_REFUSED.search(title) else title


def case(one, area):
    one = dict(one)
    present(one["request"])
    if one["request"]["op"] == "decode":
        free = one.get("compare", {}).get("payload") == "json"
        one["expect"] = same_payloads(one["expect"], area, free)
        one["expect"] = string_of_protobuf(one, area)
        one["expect"] = implied_content_type(one["request"], one["expect"])
        one["expect"] = populated_content_type(one)
        one["expect"] = assumed_content_type(one)
        one["expect"] = text_as_octets(one)
        one["expect"] = string_of_avro(one, area)
        one["expect"] = content_encoding_kept(one)
        one["expect"] = reported_as_it_stood(one)
        one["expect"] = name_left_out(one)
        one["expect"] = text_kept(one)
        one["expect"] = key_as_attribute(one)
        one["expect"] = duplicates_left_out(one["expect"])
    one["expect"] = value_left_out(one)
    one["expect"] = nothing_to_write(one)
    one["expect"] = written_as_1_0(one)
    one["expect"] = empty_payload_written(one)
    one["expect"] = either_case_of_hexadecimals(one)
    one["expect"] = native_values(one)
    one["expect"] = batch_not_written(one)
    one["expect"] = implied_content_type_written(one)
    one["expect"] = content_type_without_payload(one)
    one["expect"] = content_type_beside(one)
    one["expect"] = content_type_omitted(one)
    one["expect"] = limits_of_parsers(one)
    one["expect"] = infinite(one)
    one["expect"] = nothing_that_is_json(one)
    one["expect"] = payload_of_other_types(one)
    one["expect"] = begins_as_json(one)
    one["expect"] = octets_as_text(one)
    if passes_on_text(one) and not any(map(is_refusal, one["expect"])):
        one["expect"] = [*one["expect"], {"error": {}}]
    one["expect"] = xml_shown(one)
    one["expect"] = string_of_other_types_written(one)
    one["expect"] = untyped_text_as_octets(one)
    one["expect"] = content_encoding_written(one)
    one["expect"] = text_beyond_its_charset(one)
    one["expect"] = payload_of_cbor(one)
    one["expect"] = fragment_kept(one)
    one["expect"] = rate_not_requested(one)
    one["expect"] = scheme_in_lower_case(one)
    one["expect"] = discouraged_names(one)
    one["expect"] = valid_events_of_batch(one)
    one["expect"] = fingerprint_expected(one)
    one["expect"] = json_assumed(one)
    one["expect"] = batches_not_written(one)
    one["expect"] = as_strictly(one)
    if has_empty_extension(one):
        one["policy"] = True
        one["expect"] = one["expect"] if any(is_refusal(outcome) for outcome in one["expect"]) else [*one["expect"], {"error": {}}]
    if writes_invalid_event(one):
        # What the clause says of values that users supply. In 1.0.2 it must be possible to validate an event, not more.
        one["clauses"], one["level"] = [*(clause for clause in one["clauses"] if clause != VALIDATES), VALIDATES], "SHOULD"
    one["clauses"] = cited(one, area)
    one["revisions"] = revisions(one)
    if needs_the_colon(one):
        one["clauses"] = [clause for clause in one["clauses"] if has(clause, "1.0.2")]
    one["expect"] = [outcome for outcome in one["expect"] if set(outcome.get("revisions", one["revisions"])) & set(one["revisions"])]
    one["expect"] = written_underscored(one)
    one["clauses"] = of_both_sides(one)
    one["clauses"] = cited(one, area)
    for more in (of_payload_in_json, of_binary_message, of_types_in_json, of_escapes):
        one["clauses"] = [*one["clauses"], *more(one)]
    one["expect"] = typed_without_data(one)
    if "CE-datacontenttype-d" in one["clauses"] and one["level"] == "MUST" and len(one["expect"]) == 1:
        one["level"] = "SHOULD"  # what the clause says
    if "CE-datacontenttype-d" in one["clauses"] and one["level"] == "SHOULD" and one["request"]["op"] == "encode":
        one["level"] = "MAY"  # "when translating an event": what an API is given comes from no format, so that none implies a type
    one["flags"] = flags(one)
    one["expect"] = texts_kept(one)
    one["validity"] = validity(one)
    one["title"] = with_refusal(with_kinds(one), one)
    if not one["flags"]:
        del one["flags"]
    # Where the specification is silent, a refusal is not all that is allowed.
    assert not (one.get("policy") and all("error" in outcome for outcome in one["expect"])), one["id"]
    assert not one.keys() - set(ORDER), (one["id"], one.keys())
    for fault in faults(one):
        raise AssertionError(f"{one['id']}: {fault}")
    return {name: one[name] for name in ORDER if name in one}


# ---- The key of a record


def key_as_attribute(one):
    """The outcomes, and those of a reader of Kafka that makes `partitionkey` of the key where no header says it: 3.1 is about keys that are written, and that attributes are
    "mapped to and from" headers (3.2.3) does not say what a reader does with a key. Octets that are no text may stay octets, or stand in the way (CE-Type-System-f)."""
    request, found = one["request"], one["expect"]
    key = request["message"].get("key") if request["via"] == "kafka" and isinstance(request["message"], dict) else None
    if not key or is_lenient(request):
        return found
    if any("partitionkey" in event["attributes"] for outcome in found for event in outcome.get("result", {}).get("events", [])):
        return found  # a header says it, or the outcomes are here
    added = {"type": "String", "value": key["text"]} if "text" in key else {"type": "Binary", "value": key["base64"]}
    more = []
    for outcome in found:
        events = outcome.get("result", {}).get("events", [])
        if events:
            events = [{**event, "attributes": {**event["attributes"], "partitionkey": added}} for event in events]
            more.append({**outcome, "result": {**outcome["result"], "events": events}})
    refusal = [{"error": {}}] if more and "base64" in key and not any(map(is_refusal, found)) else []
    if more:
        one["policy"] = True
    return [*found, *more, *refusal]


# ---- What only one revision says


def typed_without_data(one):
    """The outcomes, and a refusal by 1.0.2 where an event has a content type and no data: that it may is a sentence of `main` (CE-datacontenttype-e)."""
    results = one["expect"][0].get("result", {}).get("events", [])
    events = [*one["request"].get("events", []), *results]
    typed = any("datacontenttype" in event["attributes"] and "data" not in event for event in events if isinstance(event, dict) and "attributes" in event)
    typed = typed or one["request"]["op"] == "transcode" and states_type_without_data(one["request"]["from"])
    by_release = {"error": {}, "revisions": ["1.0.2"]}
    allowed = any(is_refusal(outcome) for outcome in one["expect"])
    released = one["request"]["op"] in ("decode", "encode", "transcode") and "1.0.2" in one["revisions"] and not one.get("policy") and not is_lenient(one["request"])
    return [*one["expect"], by_release] if typed and released and not allowed else one["expect"]


def states_type_without_data(side):
    """Whether a document has a content type and no payload."""
    octets = json_document(side)
    if octets is not None:
        try:
            document = json.loads(octets)
        except (ValueError, RecursionError):
            return False
        events = [event for event in (document if isinstance(document, list) else [document]) if isinstance(event, dict)]
        return any(event.get("datacontenttype") is not None and not event.keys() & {"data", "data_base64"} for event in events)
    if side["via"] not in ("avro", "protobuf") or "base64" not in side["message"].get("body", {}):
        return False
    octets = base64.b64decode(side["message"]["body"]["base64"])
    if b"datacontenttype" not in octets:
        return False
    # In Avro, the end of the map of attributes, and then the branch `null`. In Protobuf, no field of data.
    return octets.endswith(b"\0\x02") if side["via"] == "avro" else not {6, 7, 8} & {number for number, _ in fields(octets)}


def fields(octets):
    """The fields of a document of Protobuf, by number, that have a length. What cannot be taken apart ends them."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            value |= (octets[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if octets[at - 1] < 0x80:
                return value

    try:
        while at < len(octets):
            tag = number()
            if tag & 7 != 2:
                return
            length = number()
            if at + length > len(octets):
                return
            yield tag >> 3, octets[at:at + length]
            at += length
    except IndexError:
        return


# ---- Version 0.3


def written_as_1_0(one):
    """The outcomes, and those of a writer that brings an event of 0.3 to 1.0 first: that 0.3 is supported is recommended, and not that an event keeps its version. A
    `schemaurl` that is no absolute URI stays as an extension, goes, or stands in the way, as in `core/upgrade-0-3`."""
    request, found = one["request"], list(one["expect"])
    given = request.get("events") or []
    if request["op"] != "encode" or not given or any(event["specversion"] != "0.3" for event in given) or request["via"] in ("avro", "avro-compact", "protobuf", "cbor", "xml"):
        return found
    if any("dataschema" in event["attributes"] for event in given):
        return found  # 1.0 has an attribute of this name, and of another type
    urls = [event["attributes"]["schemaurl"]["value"] for event in given if "schemaurl" in event["attributes"]]
    relative = any(not re.fullmatch(r"[A-Za-z][\w+.-]*:[^#]*", url) for url in urls)
    for outcome in one["expect"]:
        for name in (["schemaurl", None] if relative else ["dataschema"]):
            other = as_1_0(outcome, name)
            if other is not None and other not in found:
                found.append(other)
    return found if not relative or any(map(is_refusal, found)) else [*found, {"error": {}}]


def as_1_0(outcome, schema):
    """The outcome with the event of a message of 0.3 as one of 1.0, its `schemaurl` under another name, or left out; None where the message has none of 0.3."""
    other = json.loads(json.dumps({name: value for name, value in outcome.items() if name != "note"}))
    message, changed = other.get("result", {}).get("message", {}), False
    for member in ("headers", "application-properties", "user-properties"):
        headers = []
        for name, value in message.get(member, []):
            if name.endswith("specversion"):
                changed |= "0.3" in json.dumps(value)
                value = json.loads(json.dumps(value).replace('"0.3"', '"1.0"'))
            if name.endswith("schemaurl"):
                name = name.removesuffix("schemaurl") + schema if schema else None
            headers += [[name, value]] if name else []
        if member in message:
            message[member] = headers
    for holder, member in bodies(other.get("result", {})):
        [part] = holder[member]["data"] if "data" in holder[member] else [holder[member]]
        text = part.get("text", "")
        if '"specversion":"0.3"' not in text:
            continue
        changed, text = True, text.replace('"specversion":"0.3"', '"specversion":"1.0"')
        if '"datacontentencoding":' in text:
            text = re.sub(r'"datacontentencoding":"\w+",', "", text).replace('"data":', '"data_base64":')
        part["text"] = text.replace('"schemaurl":', f'"{schema}":') if schema else re.sub(r',"schemaurl":"[^"]*"', "", text)
    absent = [name for name in other.pop("absent-headers", []) if not name.endswith("dataschema")]
    return {**other, **({"absent-headers": absent} if absent else {})} if changed else None


# ---- Lenient reading


def is_lenient(request):
    return "lenient" in (request.get("strictness"), request.get("from", {}).get("strictness"))


# The time that most messages have.
TIMED = re.compile(r', \["(?:ce[-_]|cloudEvents[:_])?time", (?:"2018-04-05T17:31:00Z"|\{[^{}]*"2018-04-05T17:31:00Z"\})\]')


def strictly(request):
    """The same request without leniency and without its time, and with its headers by their names, as text."""
    sides = {name: {**side, "strictness": None} if name == "from" else side for name, side in request.items() if name != "strictness"}
    if "from" in sides:
        del sides["from"]["strictness"]
    if isinstance(sides.get("message"), dict) and "headers" in sides["message"]:
        sides["message"] = {**sides["message"], "headers": sorted(sides["message"]["headers"], key=lambda header: header[0].lower())}
    return TIMED.sub("", json.dumps(sides, sort_keys=True))


def as_timed(outcome, request, sibling):
    """The outcome of the sibling, without a time where the sibling alone has one."""
    if TIMED.search(json.dumps(request)) or not TIMED.search(json.dumps(sibling)):
        return outcome
    other = json.loads(json.dumps(outcome))
    for event in other.get("result", {}).get("events", []):
        if event["attributes"].get("time", {}).get("value") == "2018-04-05T17:31:00Z":
            del event["attributes"]["time"]
    return other


@functools.cache
def strict_siblings():
    """The published cases that are not lenient, by their requests."""
    documents = (json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "vectors").rglob("*.json")))
    return {strictly(one["request"]): one for document in documents for one in document["cases"] if not is_lenient(one["request"])}


def strict_sibling(one):
    return strict_siblings().get(strictly(one["request"])) if is_lenient(one["request"]) else None


def as_strictly(one):
    """The outcomes, and those that the strict sibling allows: no document says that a reader has to be lenient."""
    sibling = strict_sibling(one)
    plain = lambda outcome: {name: value for name, value in outcome.items() if name != "note"}
    # That there is nothing to repair is no repair that a reader may leave out.
    known = [plain(outcome) for outcome in one["expect"]]
    known += [{**outcome, "result": {name: value for name, value in outcome["result"].items() if name != "repairs"}} for outcome in known if outcome.get("result", {}).get("repairs") == []]
    more = [as_timed(plain(outcome), one["request"], sibling["request"]) for outcome in sibling["expect"]] if sibling else []
    # What a refusal is called is another thing in lenient reading.
    more = [{**outcome, "error": {}} if "error" in outcome else outcome for outcome in more]
    found = list(one["expect"])
    for outcome in more:
        if outcome not in known:
            known.append(outcome)
            found.append(outcome)
    return found


def fragment_kept(one):
    """The outcomes, and a schema as it came, with a fragment or without a scheme: that it has none, and is absolute, binds producers."""
    found = list(one["expect"])
    repaired = found[0].get("result", {})
    if not is_lenient(one["request"]) or {"attribute": "dataschema"} not in repaired.get("repairs", []):
        return found
    message = json.dumps(one["request"]["message"])
    octets = "".join(base64.b64decode(body).decode("latin-1") for body in re.findall(r'"base64": "([^"]*)"', message))
    whole = re.search(r"https?://[\w./]+#\w+", message + octets) or re.search(r'(?<=dataschema\\":\\")[^"\\]*(?=\\")', message) or re.search(r"(?<=dataschema\x12.\x1a.)[\w./]+", octets)
    if whole and len(repaired["repairs"]) == 1:
        event = repaired["events"][0]
        kept = {**event, "attributes": {**event["attributes"], "dataschema": {"type": "URI", "value": whole[0].removesuffix("B") if "googleapis" in whole[0] else whole[0]}}}
        other = {"result": {**{name: value for name, value in repaired.items() if name != "repairs"}, "events": [kept]}}
        return found if other in found else [*found, other]
    return found


# ---- Messages


ALWAYS = {"kafka": {"key": None, "headers": [], "value": None}, "amqp": {"properties": {}, "application-properties": [], "body": None},
          "rabbitmq": {"properties": {}, "headers": [], "body": {"text": ""}}, "mqtt3": {"payload": {"text": ""}},
          "mqtt5": {"user-properties": [], "payload": {"text": ""}}, "nats": {"payload": {"text": ""}},
          **{name: row["empty"] for name, row in ROWS.items()}}


def present(request):
    """Writes the members of messages that are always there."""
    for holder in (request, request.get("from", {})):
        message = holder.get("message")
        if isinstance(message, dict):
            always = ALWAYS.get(holder.get("via"), {})
            if always.keys() - message.keys():
                holder["message"] = {**{name: message.get(name, value) for name, value in always.items()},
                                     **{name: value for name, value in message.items() if name not in always}}


# ---- Payloads


# Carriers on which a payload is bytes or characters and no more: what an implementation calls it is its own choice.
PLAIN = {"amqp", "avro", "avro-compact", "protobuf", "xml", "cbor", "http", "kafka", "rabbitmq", "mqtt", "nats", "carriers"}
# Of these, the ones that cannot tell characters from bytes.
BYTES_ONLY = {"amqp", "avro-compact", "rabbitmq", "mqtt", "nats", "carriers"}
# Where octets that are characters may be presented as these, too: nothing says the kind of what is read. In the JSON format, they are bytes (JSON-3.1.2-a).
OCTETS = BYTES_ONLY | {"kafka", "http", "avro", "protobuf"}


def same_payloads(expect, area, free=False):
    """The outcomes, and those that present the same payload as another kind. `free`: the comparison takes any text of a JSON value."""
    if area not in PLAIN:
        return expect
    found = list(expect)
    # Characters of another charset are not the bytes that came: where a body is bytes and these are stated, there are no others.
    stated = area in ("http", "kafka") and any("binary" in event.get("data", {}) for outcome in expect for event in outcome.get("result", {}).get("events", []))
    for outcome in expect:
        result = outcome.get("result", {})
        if not result or result.get("format") == "json" or result.get("mode") != "binary" and area in ("http", "kafka", "amqp", "rabbitmq", "mqtt", "nats", "carriers"):
            continue
        taken = {"json", "text"} - ({"json"} if free else set()) | ({"binary"} if area in OCTETS else set())
        for kind in ("text",) if stated else ("text", "binary"):
            events = [(as_kind(event, kind) or event) if event.get("data", {}).keys() & taken else event for event in result.get("events", [])]
            other = {**outcome, "result": {**result, "events": events}}
            other.pop("note", None)
            plain = [{name: value for name, value in one.items() if name != "note"} for one in found]
            if other["result"] != result and other not in plain:
                refusals = [at for at, one in enumerate(found) if "error" in one]
                found.insert(refusals[0] if refusals and refusals[0] > 0 else len(found), other)
    return found


def as_kind(event, kind):
    """The event with its payload as characters, as bytes, or as the JSON string of its characters; None where it is no text."""
    if "data" not in event:
        return event
    [(was, value)] = event["data"].items()
    octets = base64.b64decode(value) if was == "binary" else value.encode("utf-8", "surrogatepass")
    if kind == "binary":
        return {**event, "data": {"binary": base64.b64encode(octets).decode()}}
    if kind == "json":
        return {**event, "data": {"json": json.dumps(value, ensure_ascii=False)}}
    try:
        return {**event, "data": {"text": octets.decode()}}
    except UnicodeDecodeError:
        return None


def spellings(text):
    """A JSON text and others that say the same: white space between tokens is free, and so are zeros at the end of a fraction."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', text)
    shorter = [re.sub(r"^(-?\d+\.\d*?[1-9])0+$", r"\1", token) for token in tokens]
    spaced = [[token + " " if token in (",", ":") else token for token in some] for some in (tokens, shorter)]
    return list(dict.fromkeys("".join(some) for some in ([text], tokens, spaced[0], shorter, spaced[1])))


def spelled_times(text):
    """A time in UTC and others that name the same instant, as native types write them: with zeros at the end of the fraction, and with the offset that is none."""
    start, fraction = re.fullmatch(r"([^.Z]+)(?:\.(\d+))?Z", text).groups(default="")
    fractions = dict.fromkeys([fraction, *(fraction.ljust(digits, "0") for digits in (3, 6, 7, 9))])
    return [start + ("." + some if some else "") + offset for offset in ("Z", "+00:00") for some in fractions]


def implied_content_type(request, expect):
    """The outcomes, and those in which the content type that the JSON format or that of CBOR implies is explicit: JSON-3.1.2-i, CE-datacontenttype-d, CBOR-3.1.2-f. The sentences of the two are
    the same, but that JSON has one about bytes in `main`."""
    if request.get("strictness") == "lenient":
        return expect
    found = list(expect)
    for outcome in expect:
        result = outcome.get("result", {})
        of_cbor = request["via"] == "cbor" or result.get("format") == "cbor"
        if request["via"] not in ("json", "json-batch") and result.get("format") != "json" and not of_cbor:
            continue
        implied = lambda event: (of_cbor and "data" in event or "json" in event.get("data", {})) and "datacontenttype" not in event["attributes"]
        if not any(implied(event) for event in result.get("events", [])):
            continue
        explicit = {"type": "String", "value": "application/cbor" if of_cbor else "application/json"}
        events = [{**event, "attributes": {**event["attributes"], "datacontenttype": explicit}} if implied(event) else event
                  for event in result["events"]]
        other = {**outcome, "result": {**result, "events": events}}
        other.pop("note", None)
        if other not in [{name: value for name, value in one.items() if name != "note"} for one in found]:
            found.append(other)
    return found


# The content types of the payloads of Protobuf, by their fields, where a document has none.
POPULATED = {6: ("application/octet-stream",), 7: ("text/plain", "text/plain; charset=utf-8"), 8: ("application/protobuf",)}


# The media types that an element of XML may be populated with.
TYPES_OF_XML = ("application/xml", "text/xml", *(f"{media_type};{space}charset=utf-8" for media_type in ("application/xml", "text/xml") for space in (" ", "")))


def populated_content_type(one):
    """The outcomes, and those with the content type and the schema of a payload that a document of Protobuf has without them: "`datacontenttype` SHOULD be populated with the
    appropriate media-type" (Protobuf format, section 3), and it is not said by whom."""
    request, found = one["request"], list(one["expect"])
    if request["via"] != "protobuf" or is_lenient(request):
        return found
    payloads = [(number, octets) for number, octets in fields(base64.b64decode(request["message"]["body"].get("base64", ""))) if number in POPULATED]
    number, octets = payloads[-1] if payloads else (0, b"")
    try:
        json.loads(octets) if number == 7 else None
        media_types = POPULATED.get(number, ()) + (("application/json",) if number == 7 else ())
    except ValueError:
        media_types = POPULATED[number]
    for outcome, media_type in itertools.product(one["expect"], media_types):
        result = outcome.get("result", {})
        if any("data" in event and "datacontenttype" not in event["attributes"] for event in result.get("events", [])):
            stated = {"datacontenttype": {"type": "String", "value": media_type}}
            events = [{**event, "attributes": {**event["attributes"], **stated}} for event in result["events"]]
            other = {**outcome, "result": {**result, "events": events}}
            other.pop("note", None)
            if other not in found:
                found.append(other)
    # "`dataschema` SHOULD be populated with the type URL of the protobuf data message": the same passive.
    for outcome in list(found) if number == 8 else []:
        result = outcome.get("result", {})
        typed = [event for event in result.get("events", []) if event.get("data", {}).get("proto", {}).get("typeurl") and "dataschema" not in event["attributes"]]
        if typed:
            events = [{**event, "attributes": {**event["attributes"], "dataschema": {"type": "URI", "value": event["data"]["proto"]["typeurl"]}}} for event in typed]
            other = {**outcome, "result": {**result, "events": events}}
            if other not in found:
                found.append(other)
    return found


def assumed_content_type(one):
    """The outcomes, and those with the content type that a recipient may assume where a message in binary mode has a body and no content type: "the recipient MAY
    ... assume a media type of "application/octet-stream"" (RFC 7231, section 3.1.1.5), and without one, it has "the opportunity to determine the actual type" (AMQP 1.0,
    section 3.2.4)."""
    request, found = one["request"], list(one["expect"])
    message = request["message"]
    empty = ({"text": ""}, {"base64": ""})
    body = message.get("body")
    of_http = request["via"] == "http" and not any(name.lower() == "content-type" for name, _ in message["headers"]) and body not in (None, *empty)
    of_amqp = request["via"] == "amqp" and "content-type" not in (message.get("properties") or {}) and isinstance(body, dict) and any(part not in empty for part in body.get("data", []))
    if not of_http and not of_amqp:
        return found
    for outcome in one["expect"]:
        result = outcome.get("result", {})
        events = result.get("events", [])
        if result.get("mode") != "binary" or any("datacontenttype" in event["attributes"] or event.get("data", {}).keys() & {"json"} for event in events):
            continue
        assumed = {"datacontenttype": {"type": "String", "value": "application/octet-stream"}}
        other = {"result": {**result, "events": [{**event, "attributes": {**event["attributes"], **assumed}} for event in events]}}
        if other not in found:
            found.append(other)
    return found


def text_as_octets(one):
    """The outcomes, and those that present a string of the JSON format as octets, or as the JSON string that it is written as: that it is
    encoded content under a content type that is not JSON is a SHOULD (JSON-3.1.2-g), which names no type."""
    found = list(one["expect"])
    if one["request"].get("strictness") == "lenient":
        return found
    as_json = one["level"] == "MUST" and any("text" in event.get("data", {}) for event in found[0].get("result", {}).get("events", []))
    kinds = ("binary", "json") if as_json else ("binary",)
    for outcome, kind in itertools.product(one["expect"], kinds):
        result = outcome.get("result", {})
        is_json = one["request"]["via"] in ("json", "json-batch") or result.get("format") == "json"
        if is_json and any("text" in event.get("data", {}) for event in result.get("events", [])):
            events = [as_kind(event, kind) if "text" in event.get("data", {}) else event for event in result["events"]]
            other = {**outcome, "result": {**result, "events": events}}
            other.pop("note", None)
            if other not in found:
                found.append(other)
    return found


def string_of_avro(one, area):
    """The outcomes, and those that present the branch `string` of Avro as a JSON value, which this branch is the representation of (Avro, section 3), whatever
    the content type: that it is text under one of text is not said."""
    found = list(one["expect"])
    result = found[0].get("result", {})
    if area == "avro" and any("text" in event.get("data", {}) for event in result.get("events", [])):
        other = {**found[0], "result": {**result, "events": [as_kind(event, "json") for event in result["events"]]}}
        other.pop("note", None)
        if other not in found:
            found.append(other)
    return found


def string_of_protobuf(one, area):
    """The outcomes, and those that take the text of Protobuf under JSON, or under no content type, for a value, which is a JSON string then: the format says in which field text
    stands (Protobuf format, section 3). Whether the text is the value or its JSON text is not said."""
    found = list(one["expect"])
    if area != "protobuf" or "PROTO-3-d" not in one["clauses"]:
        return found
    texts = [[event.get("data", {}).get("text") for event in outcome.get("result", {}).get("events", [])] for outcome in found]
    as_it_stands = next((some for some in texts if some and None not in some), None)
    for outcome in one["expect"] if as_it_stands else []:
        events = outcome.get("result", {}).get("events", [])
        if [event.get("data", {}).get("text") for event in events] != as_it_stands or not all(map(is_json_or_none, events)):
            continue
        values = [{**event, "data": {"text": json.dumps(event["data"]["text"], ensure_ascii=False)}} for event in events]
        for kind in ("json", "text", "binary"):
            other = {**outcome, "result": {**outcome["result"], "events": [as_kind(event, "json") for event in events] if kind == "json" else [as_kind(value, kind) for value in values]}}
            other.pop("note", None)
            if other not in found:
                found.append(other)
    return found


def is_json_or_none(event):
    stated = event["attributes"].get("datacontenttype", {}).get("value", "application/json")
    return re.search(r"[/+]json *(?:;|$)", stated, re.IGNORECASE) is not None


def fingerprint_expected(one):
    """The outcomes, and a refusal of a datum of Avro compact without a fingerprint: "a message whose binary encoding is identical to the one described by the schema" may be meant of the
    single-object encoding, which begins with one; the draft speaks of "the fingerprint"."""
    source = one["request"].get("from", one["request"])
    reads = source.get("message") is not None and "avro-compact" in json.dumps([source.get("via"), source.get("message")])
    if not reads or any(map(is_refusal, one["expect"])):
        return one["expect"]
    return [*one["expect"], {"error": {}}]


# Octets that no content type names.
UNNAMED = re.compile(r"(?:mqtt|nats|rabbitmq)/content-type/decode-no-type$")


def json_assumed(one):
    """The outcomes, and a refusal by whoever takes a payload without a content type for JSON, which the octets are not."""
    if not UNNAMED.match(one["id"]) or any(map(is_refusal, one["expect"])):
        return one["expect"]
    return [*one["expect"], {"error": {}}]


def batches_not_written(one):
    """The outcomes, and a refusal by whoever writes no batches: no sentence asks for them."""
    request = one["request"]
    target = request.get("to", request)
    writes = request["op"] in ("encode", "transcode") and (target.get("mode") == "batched" or target.get("via", "").endswith("-batch"))
    if not writes or is_lenient(request) or any(map(is_refusal, one["expect"])):
        return one["expect"]
    return [*one["expect"], {"error": {}}]


def content_encoding_kept(one):
    """The outcomes, and those that keep `datacontentencoding`, which is an attribute of version 0.3, with the payload decoded or as it came."""
    found = list(one["expect"])
    name = "datacontentencoding"
    stated = re.search(rf'"{name}\\*":\\*"([^"\\]*)', json.dumps(one["request"]["message"])) \
        or re.search(rf'{name}", (?:\{{"type": "\w+", "value": |\{{"text": )?"([^"]*)"', json.dumps(one["request"]["message"]))
    if not stated:
        return found
    raw = re.search(r'\\"data\\":\\"([^"\\]*)', json.dumps(one["request"]["message"]))
    body = text_of_body(one["request"]["message"])
    is_json = lambda event: re.search(r"[/+]json *(?:;|$)", event["attributes"].get("datacontenttype", {}).get("value", "application/json"), re.IGNORECASE)
    for outcome in one["expect"]:
        result = outcome.get("result", {})
        events = result.get("events", [])
        if not events or any(event["specversion"] != "0.3" or name in event["attributes"] for event in events):
            continue
        kept = [{**event, "attributes": {**event["attributes"], name: {"type": "String", "value": stated[1]}}} for event in events]
        as_came = [{**event, "data": {"text": raw[1]}} for event in kept] if raw else kept
        # Under a content type that is JSON, or none, what came is a JSON string.
        as_string = [as_kind(event, "json") if is_json(event) else event for event in as_came] if raw else kept
        # The payload of a message in binary mode is its body, as characters or as bytes.
        of_body = [[{**event, "data": {"text": body}} for event in kept], [as_kind({**event, "data": {"text": body}}, "binary") for event in kept]] if body else []
        for events in (kept, as_came, as_string, *of_body):
            other = {**outcome, "result": {**result, "events": events}}
            other.pop("note", None)
            if other not in found:
                found.append(other)
    return found


def text_of_body(message):
    """The text that is the body of a message in binary mode, or the one string in it; None where it is neither."""
    body = message.get("body") or message.get("value") or message.get("payload")
    if not isinstance(body, dict) or "application/cloudevents" in json.dumps({**message, "body": None, "value": None, "payload": None}) or not message.keys() & {
            "headers", "application-properties", "user-properties"}:
        return None
    parts = body.get("data", [body])
    string = body.get("value") if isinstance(body.get("value"), dict) and body["value"].get("type") == "string" else None
    return string["value"] if string else parts[0].get("text") if len(parts) == 1 else None


def reported_as_it_stood(one):
    """The outcomes of lenient reading, and those that report the repair of a name by the name as it stood: what a repair concerns is said by either."""
    found = list(one["expect"])
    if not is_lenient(one["request"]):
        return found
    words = re.findall("[A-Za-z0-9]+", readable(one["request"]["message"]))
    for outcome in one["expect"]:
        result = outcome.get("result", {})
        for at, repair in enumerate(result.get("repairs", [])):
            name = repair.get("attribute", "")
            # In CBOR, the length of a name may look like a letter before it.
            stood = {word[-len(name):] for word in words if name and word.lower().endswith(name)} - {name}
            for other_name in sorted(stood):
                repairs = [{**some, "attribute": other_name} if number == at else some for number, some in enumerate(result["repairs"])]
                other = {**outcome, "result": {**result, "repairs": repairs}}
                other.pop("note", None)
                if other not in found:
                    found.insert(found.index(outcome) + 1, other)
    return found


def name_left_out(one):
    """The outcomes of lenient reading, and those that leave out an extension whose name is none, where the repair is to write it in lower case: it is the repair of each other name that is none."""
    request, found = one["request"], list(one["expect"])
    result = found[0].get("result", {})
    names = [repair.get("attribute") for repair in result.get("repairs", [])]
    if not is_lenient(request) or request["op"] != "decode" or len(names) != 1 or len(result["events"]) != 1 or names[0] in SPECIFIED or names[0] not in result["events"][0]["attributes"]:
        return found
    [event] = result["events"]
    rest = {**event, "attributes": {name: value for name, value in event["attributes"].items() if name != names[0]}}
    for repair in dict.fromkeys(repair["attribute"] for outcome in one["expect"] for repair in outcome.get("result", {}).get("repairs", [])):
        other = {"result": {**result, "repairs": [{"attribute": repair}], "events": [rest]}}
        if other not in found:
            found.append(other)
    return found


def text_kept(one):
    """The outcomes of lenient reading, and those that keep a `subject` or a content type as text where the repair is to leave it out: what breaks a rule of producers may
    be accepted, and "attribute values MAY be presented as native types or canonical strings" (CE-Type-System-n)."""
    request, found = one["request"], list(one["expect"])
    result = found[0].get("result", {})
    names = [repair.get("attribute") for repair in result.get("repairs", [])]
    if not is_lenient(request) or len(names) != 1 or names[0] not in ("subject", "datacontenttype") or len(result["events"]) != 1 or names[0] in result["events"][0]["attributes"]:
        return found
    value = given_as(names[0], request)
    if value is None:
        return found
    [event] = result["events"]
    kept = {**event, "attributes": {**event["attributes"], names[0]: {"type": "String", "value": value if isinstance(value, str) else json.dumps(value)}}}
    other = {"result": {**{name: some for name, some in result.items() if name != "repairs"}, "events": [kept]}}
    return found if other in found else [*found, other]


def given_as(name, request):
    """What an attribute is in a document of the JSON format, in a message in binary mode, or, if it is true, in a document of CBOR or Protobuf; None where it is not found."""
    octets = json_document(request)
    if octets is not None:
        value = json.loads(octets).get(name)
        return None if isinstance(value, (dict, list)) else value
    message = request["message"]
    headers = [pair for member in ("headers", "application-properties", "user-properties") for pair in message.get(member) or []]
    for header, value in headers:
        if header.endswith(name):
            return value.get("value", value.get("text")) if isinstance(value, dict) else value
    octets = base64.b64decode((message.get("body") or {}).get("base64", ""))
    return True if octets.find(name.encode() + b"\xf5") > 0 or octets.find(name.encode() + b"\x12\x02\x08\x01") > 0 else None


def duplicates_left_out(expect):
    """The outcomes, and those without the events of a batch that repeat another: consumers "MAY assume that Events with identical `source` and `id` are
    duplicates" (CE-id-f)."""
    found = list(expect)
    for outcome in expect:
        events = outcome.get("result", {}).get("events", [])
        identities = [tuple(event["attributes"].get(name, {}).get("value") for name in ("source", "id")) for event in events]
        firsts = [event for at, event in enumerate(events) if identities[at] not in identities[:at]]
        other = {**outcome, "result": {**outcome.get("result", {}), "events": firsts}}
        other.pop("note", None)
        if len(firsts) < len(events) and other not in found:
            found.append(other)
    return found


def nothing_to_write(one):
    """The outcomes, and a refusal to write a batch of no events: that it may be empty (HTTP, section 3.3.2) does not say that an API has to take it. What is passed on is
    written, too."""
    request = one["request"]
    nothing = request["op"] == "encode" and request.get("events") == [] or request["op"] == "transcode" and elements(request["from"]) == []
    declined = any("error" in outcome for outcome in one["expect"])
    return one["expect"] if declined or not nothing else [*one["expect"], {"error": {}}]


def implied_content_type_written(one):
    """The outcomes, and those that state the content type that the JSON format implies: the two are "exactly equivalent" (spec.md)."""
    request, found = one["request"], list(one["expect"])
    via = {"encode": request.get("via"), "transcode": request.get("to", {}).get("via")}.get(request["op"])
    if via is None:
        return found
    for outcome in one["expect"]:
        message = outcome.get("result", {}).get("message", {})
        kind = next((name for name in ("body", "value", "payload") if isinstance(message.get(name), dict)), None)
        if kind is None or json_document({"via": via, "message": message}) is None:
            continue
        [holder] = message[kind]["data"] if "data" in message[kind] else [message[kind]]
        stated = stating(holder.get("text"))
        if stated is None:
            continue
        body = {"data": [{"text": stated}]} if "data" in message[kind] else {"text": stated}
        other = {**outcome, "result": {**outcome["result"], "message": {**message, kind: body}}}
        other.pop("note", None)
        if other["result"]["message"] not in [one.get("result", {}).get("message") for one in found]:
            found.append(other)
    return found


def batch_not_written(one):
    """The outcomes, and a refusal to write a batch in the JSON format: "a valid implementation of the JSON Format doesn't need to support it" (section 4), so that who reads batches may write none. In a
    binding, a mode is what an API may be without."""
    request = one["request"]
    declined = any(is_refusal(outcome) for outcome in one["expect"])
    return one["expect"] if declined or request["op"] != "encode" or request["via"] != "json-batch" else [*one["expect"], {"error": {}}]


def bodies(value):
    """The bodies of messages in a value, each with the message that it is in."""
    if isinstance(value, list):
        for some in value:
            yield from bodies(some)
    elif isinstance(value, dict):
        for name, some in value.items():
            if name in ("body", "value", "payload") and isinstance(some, dict) and ("text" in some or "data" in some):
                yield value, name
            else:
                yield from bodies(some)


# Bindings whose messages in binary mode always have a body.
ALWAYS_A_BODY = {"http", "amqp", "rabbitmq", "mqtt5", "nats"}


def empty_payload_written(one):
    """The outcomes, and those that take a body of no bytes for a payload of no bytes: the binding cannot distinguish that from no payload. That
    a record of Kafka without a value has no payload stands in `main` only (KAFKA-3.2.2-b)."""
    request, found = one["request"], list(one["expect"])
    source = request.get("from", {})
    message = source.get("message", {})
    body = message.get("body", message.get("payload"))
    parts = body["data"] if isinstance(body, dict) and "data" in body else [body or {"text": ""}]
    null = has_null_value(source) and "1.0.2" in one["revisions"]
    empty = source.get("via") in ALWAYS_A_BODY and all(some == {"text": ""} for some in parts)
    if not null and not empty or "application/cloudevents" in json.dumps(message):
        return found
    # Held as characters, it is a string. By `main`, what has no content type is bytes in the JSON format.
    for outcome, member in itertools.product(one["expect"], ("data_base64", "data")):
        other = json.loads(json.dumps(outcome))
        other.pop("note", None)
        of_release, held = null or member == "data", f'"{member}":""'
        for message, name in bodies(other.get("result", {})):
            [holder] = message[name]["data"] if "data" in message[name] else [message[name]]
            text = holder.get("text", "")
            if '"specversion":"0.3"' in text:
                # Version 0.3 has no member of its own for octets, and no sentence of `main` is about it.
                held, of_release = ('"datacontentencoding":"base64","data":""' if member == "data_base64" else held), null
            if re.search(r'^\[?\{.*"specversion":"(?:1.0|0.3)"', text) and '"data' not in text.replace('"dataschema', "").replace('"datacontenttype', ""):
                of_release = null or of_release and not is_foreign(json.loads(text))
                end = text.rindex("}")
                holder["text"] = f'{text[:end]},{held}{text[end:]}'
        if of_release:
            other["revisions"] = ["1.0.2"]
        if other not in found and json.dumps(held)[1:-1] in json.dumps(other) and ("1.0.2" in one["revisions"] or not of_release):
            found.append(other)
    # A record of Kafka has another form for no payload. Whoever takes no octets for a payload of none writes a value of none.
    for outcome in one["expect"] if empty and request["to"]["via"] == "kafka" else []:
        other = json.loads(json.dumps(outcome))
        other.pop("note", None)
        message = other.get("result", {}).get("message", {"value": {}})
        message["value"] = message.get("value") or {"text": ""}
        if "result" in other and other not in found and message["value"] == {"text": ""}:
            found.append(other)
    return found


def value_left_out(one):
    """The outcomes, and those without a payload, of a message of AMQP in binary mode whose body is an amqp-value. "The byte sequence is used as the AMQP
    application-data section" (AMQP, section 3.1.2): no sentence says that another section is the payload, so who reads data sections alone finds none."""
    side, found = one["request"].get("from", one["request"]), list(one["expect"])
    message = side.get("message")
    if side.get("via") != "amqp" or not isinstance(message, dict) or "value" not in (message.get("body") or {}) or "application/cloudevents" in json.dumps(message["properties"]):
        return found
    for outcome, body in itertools.product(one["expect"], (None, {"data": [{"text": ""}]})):
        other = json.loads(json.dumps(outcome))
        other.pop("note", None)
        for event in other.get("result", {}).get("events", []):
            event.pop("data", None)
        if "message" in other.get("result", {}) and one["request"]["to"]["via"] == "amqp":
            other["result"]["message"]["body"] = body
        if other not in found:
            found.append(other)
    return found


def has_null_value(side):
    """Whether a record of Kafka has no value."""
    return side.get("via") == "kafka" and "message" in side and side["message"].get("value") is None


def content_type_without_payload(one):
    """The outcomes, and those that state `application/json` for an event of the JSON format that has neither a content type nor a payload.

    "If a JSON-formatted event with no `datacontenttype` attribute is deserialized and then re-serialized using a different format or protocol
    binding", it "SHOULD be set explicitly" (JSON format, 3.1.2), and that sentence names no payload. For one of bytes, `main` forbids it (JSON-3.1.2-c).
    """
    request, found = one["request"], list(one["expect"])
    octets = json_document(request["from"]) if request["op"] == "transcode" else None
    try:
        document = json.loads(octets or b"")
    except ValueError:
        return found
    events = document if isinstance(document, list) else [document]
    silent = [event for event in events if isinstance(event, dict) and event.get("specversion") == "1.0"
              and event.get("datacontenttype") is None and "data" not in event]
    octets_only = any("data_base64" in event for event in silent)
    source, to = request["from"], request["to"]
    batched = "cloudevents-batch" in json.dumps(source["message"])
    unchanged = source["via"] == to["via"] and to.get("mode", "structured") == ("batched" if batched else "structured")
    if not silent or unchanged or octets_only and "1.0.2" not in one["revisions"]:
        return found
    for outcome in one["expect"]:
        message = outcome.get("result", {}).get("message")
        stated = None if message is None else stating_without_payload(message, to)
        if stated is None:
            continue
        other = {**outcome, "result": {**outcome["result"], "message": stated}}
        other.pop("note", None)
        if "absent-headers" in other:
            other["absent-headers"] = [name for name in other["absent-headers"] if name != "content-type"]
        if octets_only:
            other["revisions"] = ["1.0.2"]
        if other["result"] not in [one.get("result") for one in found]:
            found.append(other)
    return found


# The header of the attribute `datacontenttype`, where the binding does not forbid it, and the list that it stands in.
BESIDE = {"kafka": ("headers", "ce_datacontenttype"), "mqtt5": ("user-properties", "datacontenttype")}


def content_type_beside(one):
    """The outcomes, and those that write `datacontenttype` as the other attributes, too.

    The binding for HTTP forbids it. The one for AMQP excepts the attribute from what "MUST be individually mapped", which forbids nothing (the comparison). The one
    for Kafka excepts `data` alone, and the message that the one for MQTT shows has it.
    """
    request, found = one["request"], []
    via = {"encode": request.get("via"), "transcode": request.get("to", {}).get("via")}.get(request["op"])
    if via not in BESIDE:
        return one["expect"]
    member, name = BESIDE[via]
    for outcome in one["expect"]:
        absent = [other for other in outcome.get("absent-headers", []) if other != name]
        found.append({part: absent if part == "absent-headers" else value for part, value in outcome.items() if part != "absent-headers" or absent})
    for outcome in list(found):
        message = outcome.get("result", {}).get("message", {})
        headers = message.get(member, [])
        stated = message.get("content-type") or next((value["text"] for header, value in headers if header == "content-type"), None)
        if stated is None or stated.startswith("application/cloudevents") and not any(header.endswith("specversion") for header, _ in headers):
            continue
        if stated.startswith("application/cloudevents"):
            # The headers may be those of binary mode.
            octets = json_document({"via": via, "message": message})
            stated = json.loads(octets).get("datacontenttype") if octets else None
        beside = [name, {"text": stated} if via == "kafka" else stated]
        if stated is None or any(header == name for header, _ in headers):
            continue
        other = {**outcome, "result": {**outcome["result"], "message": {**message, member: headers + [beside]}}}
        other.pop("note", None)
        if other not in found:
            found.append(other)
    return found


def content_type_omitted(one):
    """The outcomes, and those in which a structured record of Kafka has no header: "If present, the Kafka message header property `content-type` MUST be set to
    the media type of an event format" (section 3.3.1), and Kafka before 0.11 has none."""
    request, found = one["request"], list(one["expect"])
    via = {"encode": request.get("via"), "transcode": request.get("to", {}).get("via")}.get(request["op"])
    for outcome in one["expect"] if via == "kafka" else []:
        message = outcome.get("result", {}).get("message", {})
        if [name for name, _ in message.get("headers", [])] != ["content-type"] or "application/cloudevents+json" not in json.dumps(message["headers"]):
            continue
        other = {**outcome, "result": {**outcome["result"], "message": {**message, "headers": []}}}
        other.pop("note", None)
        if other not in found:
            found.append(other)
    return found


NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')


def limits_of_parsers(one):
    """The outcomes, and a refusal of what parsers of JSON may limit (RFC 8259, section 9): "the range and precision of numbers", and "the character contents
    of strings", of which control characters and noncharacters are those that some do not take."""
    request, found = one["request"], list(one["expect"])
    if request["op"] not in ("decode", "encode", "transcode") or any("error" in outcome for outcome in found) or one.get("compare", {}).get("payload") == "json":
        return found  # values of Avro are read by no parser of JSON
    given = [event["data"].get("json", "") for event in request.get("events", []) if "data" in event]
    # JSON that a payload of text or bytes is may be parsed, too.
    given += [event["data"].get("json", "") for outcome in found for event in outcome.get("result", {}).get("events", []) if "data" in event]
    octets = json_document(request.get("from", request))
    documents = [octets.decode("utf-8", "replace")] if octets is not None else given
    written = found[0].get("result", {}).get("message")
    if written is not None and (octets := json_document({"via": request.get("to", request).get("via"), "message": written})) is not None:
        documents.append(octets.decode("utf-8", "replace"))
    tokens = [token for document in documents for token in NUMBER.findall(document)]
    if any(beyond_limits(token) for token in tokens):
        found.append({"error": {}})
    return found


def infinite(one):
    """The outcomes, and the text of infinity in place of a number beyond the range of doubles, as libraries write it that take such a number for null or for the largest double."""
    found = list(one["expect"])
    for outcome in one["expect"] if one["request"]["op"] == "decode" else []:
        for event in outcome.get("result", {}).get("events", []):
            held = event.get("data", {}).get("json", "")
            if re.fullmatch(r'(?:\{"e":)?-?1\.7976931348623157e308\}?', held):
                other = json.loads(json.dumps(outcome).replace("1.7976931348623157e308", "Infinity"))
                for some in other["result"]["events"]:
                    some["data"]["json"] = re.sub(r"-?Infinity", lambda match: f'"{match[0]}"', some["data"]["json"])
                other.pop("note", None)
                if other not in found:
                    found.append(other)
    return found


def nothing_that_is_json(one):
    """The outcomes, and a refusal of a message in binary mode whose payload of no bytes is stated to be JSON, which it is not. Where the binding has another form
    for no payload, that is one of no bytes in 1.0.2 alone."""
    source, found = one["request"].get("from", one["request"]), list(one["expect"])
    message = source.get("message")
    if one["request"]["op"] not in ("decode", "transcode") or not isinstance(message, dict) or any("error" in outcome for outcome in found):
        return found
    body = next((message[name] for name in ("body", "value", "payload") if message.get(name)), None)
    parts = body.get("data", [body]) if isinstance(body, dict) else [{"text": ""}]
    empty = all(part in ({"text": ""}, {"base64": ""}) for part in parts) and source["via"] in ALWAYS_A_BODY | {"kafka"}
    is_json = re.search(r'"(?:content-type|ce-datacontenttype)"(?:: |, |, \{"\w+": )"[\w.+-]+/(?:[\w.-]+\+)?json *[;"]', json.dumps(message), re.IGNORECASE)
    if empty and is_json and not "application/cloudevents" in json.dumps(message):
        found.append({"error": {}, **({"revisions": ["1.0.2"]} if has_null_value(source) else {})})
    return found


def passes_on_text(one):
    """Whether a message in another format or mode becomes a document of the JSON format with a string under a content type that is not JSON, which an implementation "MAY fail"
    to write (section 3.1.1)."""
    request = one["request"]
    if request["op"] != "transcode" or request.get("exact"):
        return False
    found = []
    for outcome in one["expect"]:
        message = outcome.get("result", {}).get("message")
        octets = json_document({"via": request["to"]["via"], "message": message}) if message is not None else None
        try:
            document = json.loads(octets or b"[]")
        except (ValueError, RecursionError):
            document = []
        found += [event for event in (document if isinstance(document, list) else [document]) if isinstance(event, dict)]
    return json_document(request["from"]) is None and any(event.get("specversion") == "1.0" and event.get("data") and isinstance(event["data"], str) and is_foreign(event) for event in found)


def begins_as_json(one):
    """The outcomes, and those with the value that the payload of a message in binary mode begins with, where it is stated to be JSON and is none, and may be written as a
    string: "A JSON parser MAY accept non-JSON forms or extensions" (RFC 8259, section 9), and some do not look behind the value."""
    request, found = one["request"], list(one["expect"])
    if request["op"] != "transcode" or not payload_extends_json(request["from"]):
        return found
    message = request["from"]["message"]
    body = message.get("body") or message.get("value") or message.get("payload")
    body = body["data"][0] if "data" in body else body
    text = body["text"] if "text" in body else base64.b64decode(body["base64"]).decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder(parse_constant=no_constant).raw_decode(text)
    except (ValueError, RecursionError):
        return found
    member = '"data":' + json.dumps(text, ensure_ascii=False)
    for outcome in one["expect"]:
        other = json.loads(json.dumps(outcome))
        other.pop("note", None)
        for holder, name in bodies(other.get("result", {})):
            [part] = holder[name]["data"] if "data" in holder[name] else [holder[name]]
            part["text"] = part.get("text", "").replace(member, '"data":' + text[:end])
        if other not in found and json.dumps(other) != json.dumps({name: value for name, value in outcome.items() if name != "note"}):
            found.append(other)
    return found


def octets_as_text(one):
    """The outcomes of a message in binary mode that becomes a document of the JSON format, and those in which the octets of its payload are a string, where they are UTF-8
    and their content type says neither that they are JSON nor that they are octets: whether the body is held as characters is the implementation's own choice, and these are text then (section 3.1.1)."""
    request, found = one["request"], list(one["expect"])
    octets = json_document(request["from"]) if request["op"] == "transcode" else b""
    if octets is not None or request["from"]["via"] in FORMATS or request.get("exact"):
        return found
    for outcome in one["expect"]:
        other = json.loads(json.dumps({name: value for name, value in outcome.items() if name != "note"}))
        for holder, name in bodies(other.get("result", {})):
            if json_document({"via": request["to"]["via"], "message": holder}) is None:
                continue
            [part] = holder[name]["data"] if "data" in holder[name] else [holder[name]]
            document = json.loads(part["text"])
            if not isinstance(document, dict) or not document.get("data_base64") or not document.get("datacontenttype") or not is_foreign(document) \
                    or document["datacontenttype"] == "application/octet-stream":
                continue
            try:
                text = base64.b64decode(document["data_base64"]).decode()
            except UnicodeDecodeError:
                continue
            kept = {member: value for member, value in document.items() if member != "data_base64"}
            part["text"] = json.dumps({**kept, "data": text}, ensure_ascii=False, separators=(",", ":"))
        if other not in found and "message" in other.get("result", {}) and other["result"]["message"] != outcome["result"]["message"]:
            found.append(other)
    return found


def payload_of_other_types(one):
    """The outcomes, and a refusal of a document whose `data` is not of a JSON media type: an implementation "MAY fail to deserialize the event ... if it is
    unable to interpret the `data` with the `datacontenttype`" (JSON, section 3.1.2), and which types it has to know is not said. Of a batch, its other events
    may be read."""
    request, found = one["request"], list(one["expect"])
    octets = json_document(request.get("from", request))
    if request["op"] not in ("decode", "transcode") or octets is None or not any("result" in outcome for outcome in found):
        return found
    try:
        document = json.loads(octets.decode("utf-8"))
    except ValueError:
        return found
    events = [event for event in (document if isinstance(document, list) else [document]) if isinstance(event, dict)]
    foreign = [event for event in events if isinstance(event.get("data"), str) and is_foreign(event)]
    read = next(outcome["result"] for outcome in found if "result" in outcome)
    others = [event for event, given in zip(read.get("events", []), events) if given not in foreign] if len(read.get("events", [])) == len(events) else []
    rest = {"result": {**read, "events": others}}
    if foreign and others and request["op"] == "decode" and rest not in found:
        found.append(rest)
    if foreign and not any("error" in outcome for outcome in found):
        found.append({"error": {}})
    return found


def xml_shown(one):
    """The outcomes, and those of a reader that shows text under a content type of XML as the element that it is: which payloads are looked into, in which carrier, is
    not said."""
    found = list(one["expect"])
    shown = any("xml" in event.get("data", {}) for outcome in found for event in outcome.get("result", {}).get("events", []))
    for outcome in [outcome for outcome in found if "result" in outcome and one["request"]["op"] == "decode" and not shown]:
        other = json.loads(json.dumps(outcome))
        for event in other["result"].get("events", []):
            text = event.get("data", {}).get("text", "")
            if IS_XML.match(event["attributes"].get("datacontenttype", {}).get("value", "")) and is_element(text):
                event["data"] = {"xml": text}
        if other not in found:
            found.append(other)
    return found


# A media type of XML.
IS_XML = re.compile(r"(?:application|text)/(?:[\w.-]+\+)?xml *(?:;|$)", re.IGNORECASE)


def is_element(text):
    """Whether a text is an element of XML."""
    try:
        return text.startswith("<") and ElementTree.fromstring(text) is not None
    except ElementTree.ParseError:
        return False


def string_of_other_types_written(one):
    """The outcomes, and those of a writer of the JSON format that does not know what text under a content type that is not JSON has to be: it "MAY fail to serialize
    the event if it is unable to represent the runtime value as a properly encoded string" (section 3.1.1), or hold the text as bytes."""
    request, found = one["request"], list(one["expect"])
    message = found[0].get("result", {}).get("message") if request["op"] == "encode" else None
    octets = json_document({"via": request["via"], "message": message}) if message is not None else None
    texts = [event.get("data", {}).get("text", event.get("data", {}).get("xml")) for event in request.get("events", [])]
    types = [event["attributes"].get("datacontenttype", {}).get("value", "") for event in request.get("events", [])]
    foreign = [text is not None and re.match(r"[\w.+-]+/(?!(?:[\w.-]+\+)?json *(?:;|$))", media_type, re.IGNORECASE) is not None
               for text, media_type in zip(texts, types)]
    if octets is None or not any(foreign):
        return found
    for outcome in [outcome for outcome in found if "message" in outcome.get("result", {})]:
        other = json.loads(json.dumps(outcome))
        other.pop("note", None)
        for message, name in bodies(other["result"]):
            [holder] = message[name]["data"] if "data" in message[name] else [message[name]]
            document = json.loads(holder["text"])
            events = document if isinstance(document, list) else [document]
            written = [(event, text) for event, text, is_foreign in zip(events, texts, foreign) if is_foreign and "data" in event]
            for event, text in written:
                del event["data"]
                # Version 0.3 has no member of its own for octets.
                member = {"datacontentencoding": "base64"} if event["specversion"] == "0.3" else {}
                event.update(member, **{"data" if member else "data_base64": base64.b64encode(text.encode()).decode()})
            if written:
                holder["text"] = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        if other not in found and other["result"] != outcome["result"]:
            found.append(other)
    return found if any("error" in outcome for outcome in found) else [*found, {"error": {}}]


def content_encoding_written(one):
    """The outcomes, and those with the spelling of the content encoding that version 0.3 has: "The "Base64" value". By RFC 2045, section 6.1, its letter case is free."""
    found, lower, named = list(one["expect"]), r'\"datacontentencoding\":\"base64\"', r'\"datacontentencoding\":\"Base64\"'
    if one["request"]["op"] not in ("encode", "transcode"):
        return found
    for outcome in one["expect"]:
        other = json.loads(json.dumps({name: value for name, value in outcome.items() if name != "note"}).replace(lower, named))
        if lower in json.dumps(outcome) and other not in found:
            found.append(other)
    return found


def untyped_text_as_octets(one):
    """The outcomes, and those of a writer of the JSON format that holds text without a content type as bytes, as it may hold text with one: no sentence says what an API
    makes of characters, and that data without a content type is processed as JSON is said of what is not Binary (JSON-3.1.1-g)."""
    request, found = one["request"], list(one["expect"])
    message = found[0].get("result", {}).get("message") if request["op"] == "encode" else None
    octets = json_document({"via": request["via"], "message": message}) if message is not None else None
    texts = [event.get("data", {}).get("text") if "datacontenttype" not in event["attributes"] and event["specversion"] == "1.0" else None
             for event in request.get("events", [])]
    if octets is None or not any(text is not None for text in texts):
        return found
    for outcome in [outcome for outcome in found if "message" in outcome.get("result", {})]:
        other = json.loads(json.dumps(outcome))
        other.pop("note", None)
        for message, name in bodies(other["result"]):
            [holder] = message[name]["data"] if "data" in message[name] else [message[name]]
            document = json.loads(holder["text"])
            for event, text in zip(document if isinstance(document, list) else [document], texts):
                if text is not None and "data" in event and "datacontenttype" not in event:
                    del event["data"]
                    event["data_base64"] = base64.b64encode(text.encode()).decode()
            holder["text"] = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        if other not in found and "data_base64" in json.dumps(other):
            found.append(other)
    return found


def payload_of_cbor(one):
    """The outcomes, and a refusal of a document of the CBOR format whose `data` is not of a CBOR media type, or to write one: an implementation "MAY fail to decode the
    event if ... it is unable to interpret the `data` with the `datacontenttype`" (section 3.1.2), and to encode it "if it is unable to represent the runtime value as a
    properly encoded CBOR data item" (section 3.1.1). Octets that are called no more than these need neither."""
    request, found = one["request"], list(one["expect"])
    if any("error" in outcome for outcome in found) or request["op"] not in ("decode", "encode", "transcode") or is_lenient(request):
        return found
    source, to = request.get("from", request), request.get("to", request)
    read = source.get("message") and stated_by_cbor(source)
    foreign = bool(read) and read[0] not in ("", "application/octet-stream") and not re.search(r"[/+]cbor$", read[0])
    given = [event["attributes"].get("datacontenttype", {}).get("value", "") for event in request.get("events", [])
             if event.get("data", {}).keys() & {"text", "json", "xml"} and to["via"] == "cbor"]
    values = b'"data":' in (json_document(source) or b"") if request["op"] == "transcode" and to["via"] == "cbor" else False
    return [*found, {"error": {}}] if foreign or values or any(not re.search(r"[/+]cbor *(?:;|$)", media_type) for media_type in given) else found


def stated_by_cbor(side):
    """The media type, in lower case and without its parameters, and the octets of the payload of a document of the CBOR format, which is text or bytes; None for others."""
    octets = base64.b64decode(side["message"].get("body", {}).get("base64", "")) if isinstance(side["message"].get("body"), dict) else b""
    if side.get("via") != "cbor" and "application/cloudevents+cbor" not in json.dumps(side["message"]):
        return None
    payload = re.search(rb"ddata([\x40-\x7f])", octets)
    if payload is None:
        return None
    stated = re.search(rb"odatacontenttype(?:[\x60-\x77]|\x78.)([\w/+.-]+)", octets, re.DOTALL)
    # The text ends where its length says: the name of the next member may follow.
    length = octets[stated.start(1) - 1] & 0x1F if stated and octets[stated.start(1) - 2] != 0x78 else octets[stated.start(1) - 1] if stated else 0
    media_type = octets[stated.start(1):stated.start(1) + length].decode().split(";")[0].strip().lower() if stated else ""
    return media_type, octets[payload.end():]


def text_beyond_its_charset(one):
    """The outcomes, and a refusal of text beyond ASCII whose media type says no charset: that of `text/plain` is US-ASCII then (RFC 2046, section 4.1.2)."""
    request, found = one["request"], list(one["expect"])
    given = [*request.get("events", []), *(event for outcome in found for event in outcome.get("result", {}).get("events", []))]
    for event in given:
        media_type = event.get("attributes", {}).get("datacontenttype", {}).get("value")
        data = event.get("data", {})
        octets = base64.b64decode(data["binary"]) if "binary" in data else str(data.get("text", "")).encode("utf-8", "surrogatepass")
        if str(media_type).lower().startswith("text/plain") and "charset" not in media_type.lower() and not octets.isascii():
            return found if any("error" in outcome for outcome in found) else [*found, {"error": {}}]
    return found


def has_empty_extension(one):
    """Whether an event of the case has an extension that is an empty String or Binary, in whatever carrier. That only core attributes are non-empty is said; whoever
    checks all attributes alike refuses the event."""
    if one["request"]["op"] not in ("decode", "encode", "transcode") or one["id"].startswith("extensions/"):
        return False
    given = [*one["request"].get("events", []), *(event for outcome in one["expect"] for event in outcome.get("result", {}).get("events", []))]
    return any(event["specversion"] == "1.0" and name not in SPECIFIED and value["type"] in ("String", "Binary") and value["value"] == ""
               for event in given for name, value in event["attributes"].items())


def is_foreign(event):
    """Whether an event of the JSON format states a media type that is not JSON."""
    media_type = event.get("datacontenttype")
    essence = media_type.split(";")[0].strip().lower() if isinstance(media_type, str) else "application/json"
    return event.get("specversion") == "1.0" and re.fullmatch(r"[^/]+/(?:json|[^/]*\+json)", essence) is None


def beyond_limits(token):
    """Whether a token of JSON is an integer beyond what is interoperable (RFC 8259, section 6) or a number beyond the digits and exponents of every double, or a string with a character that is none of text."""
    if token == '"__proto__"':
        return True  # parsers that guard the prototypes of objects refuse this name
    if token.startswith('"'):
        escaped = re.sub(r"\\(?:u([0-9a-fA-F]{4})|.)", lambda escape: chr(int(escape[1], 16)) if escape[1] else {"\\b": "\b", "\\f": "\f"}.get(escape[0], ""), token)
        return re.search("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", escaped) is not None
    if re.fullmatch(r"-?\d+", token):
        return not -2**53 < int(token) < 2**53
    digits = re.sub(r"[eE].*|\D", "", token).strip("0")
    return len(digits) > 17 or float(token) != 0 and not 1e-300 < abs(float(token)) < 1e300


# How each binding carries the content type of a payload: the member of the message, and what is added to it.
STATED = {"http": ("headers", [["content-type", "application/json"]]), "kafka": ("headers", [["content-type", {"text": "application/json"}]]),
          "amqp": ("properties", {"content-type": "application/json"})}


def stating_without_payload(message, to):
    """The message with the content type of an event that has no payload; None where it states one, or cannot."""
    if to.get("mode") == "binary":
        if to["via"] not in STATED or "content-type" in json.dumps(message):
            return None
        member, added = STATED[to["via"]]
        return {**message, member: message.get(member, type(added)()) | added if isinstance(added, dict) else message.get(member, []) + added}
    octets = json_document({"via": to["via"], "message": message})
    if octets is None:
        return None
    document = json.loads(octets)
    events = document if isinstance(document, list) else [document]
    if all("datacontenttype" in event for event in events):
        return None
    explicit = [{**event, "datacontenttype": event.get("datacontenttype", "application/json")} for event in events]
    text = json.dumps(explicit if isinstance(document, list) else explicit[0], ensure_ascii=False, separators=(",", ":"))
    kind = next(name for name in ("body", "value", "payload") if isinstance(message.get(name), dict))
    return {**message, kind: {"data": [{"text": text}]} if "data" in message[kind] else {"text": text}}


def stating(text):
    """A document of the JSON format whose events state the content type of their payload; None where nothing is to be stated."""
    try:
        document = json.loads(text)
    except (TypeError, ValueError):
        return None
    events = document if isinstance(document, list) else [document]
    if not all(isinstance(event, dict) for event in events):
        return None
    silent = [event for event in events if "data" in event and "datacontenttype" not in event and event.get("specversion") == "1.0"]
    if not silent:
        return None
    if len(events) > 1:
        stated = [{**event, "datacontenttype": "application/json"} if event in silent else event for event in events]
        return json.dumps(stated, ensure_ascii=False, separators=(",", ":"))
    start = text.index('"data":')
    return text[:start] + '"datacontenttype":"application/json",' + text[start:]


# ---- Batches


# What a batch has more than events, and what an outcome without some of them means.
PARTLY = "Whether one invalid event makes the whole batch invalid is not said: its valid events may be read."


def elements(side):
    """The elements of a batch of the JSON format or of Protobuf that is read; None where it is no batch."""
    if side.get("via") == "protobuf-batch":
        body = side["message"]["body"]
        return [octets for number, octets in fields(base64.b64decode(body["base64"]) if "base64" in body else body["text"].encode()) if number == 1]
    try:
        document = json.loads(json_document(side) or b"")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, list) else None


def is_partial(one, outcome):
    """Whether an outcome has some events of a batch and not all."""
    request = one["request"]
    given = elements(request.get("from", request)) if request["op"] in ("decode", "transcode") else None
    result = outcome.get("result", {})
    events = elements({**request["to"], **result}) if request["op"] == "transcode" and "message" in result else result.get("events")
    return events is not None and given is not None and 0 < len(events) < len(given)


def valid_events_of_batch(one):
    """The outcomes, and the other events of a batch that may be refused for one of them: whether one invalid event makes the whole batch invalid is not said."""
    request, found = one["request"], list(one["expect"])
    given = elements(request) if request["op"] == "decode" and request["via"] != "protobuf-batch" else None
    refused_for = {outcome["error"]["index"] for outcome in found if "index" in outcome.get("error", {})}
    versions = {event.get("specversion") for event in given or [] if isinstance(event, dict)}
    if refused(one) and versions == {"0.3", "1.0"}:
        refused_for |= {at for at, event in enumerate(given) if event.get("specversion") == "0.3"}
    valid = [event for at, event in enumerate(given or []) if at not in refused_for]
    if not refused_for or not valid or any(is_partial(one, outcome) for outcome in found):
        return found
    named = {} if request["via"] == "json-batch" else {"mode": "batched", "format": "json"}
    return [*found, {"result": {**named, "events": [plain_event(event) for event in valid]}, "note": PARTLY}]


def plain_event(event):
    """An event of the JSON format that has no extensions, and whose payload is a JSON value, as the protocol has it."""
    types = {"source": "URI-reference", "time": "Timestamp", "dataschema": "URI"}
    assert not event.keys() - SPECIFIED and "data_base64" not in event, event
    attributes = {name: {"type": types.get(name, "String"), "value": value} for name, value in event.items() if name not in ("specversion", "data")}
    payload = {"data": {"json": json.dumps(event["data"], ensure_ascii=False)}} if "data" in event else {}
    return {"specversion": event["specversion"], "attributes": attributes, **payload}


# ---- Names


def discouraged_names(one):
    """The outcomes, and a refusal to write an attribute, or to take its name, that has more than twenty characters or begins with a digit: "SHOULD begin with a letter",
    "SHOULD NOT exceed 20 characters" (CE-Naming-b and -d). No clause asks an API to take such a name. Whoever reads it has to."""
    request, found = one["request"], list(one["expect"])
    names = [request["text"]] if request["op"] == "name" else [name for event in request.get("events", []) for name in event["attributes"]]
    taken = request["op"] in ("name", "encode", "send") and any(len(name) > 20 or name[:1].isdigit() for name in names)
    return found if not taken or any("error" in outcome for outcome in found) else [*found, {"error": {}}]


# ---- Webhooks


def rate_not_requested(one):
    """The outcomes, and those that consent without a rate where none was requested: by section 4.2.2 it "SHOULD be returned", by section 4.2 it MUST."""
    request, found = one["request"], list(one["expect"])
    if request["op"] != "handshake" or "WEBHOOK-4.2.2-b" in one["clauses"] or "webhook-request-rate" in (name.lower() for name, _ in request["request"]["headers"]):
        return found
    for outcome in one["expect"]:
        response = outcome["result"]["response"]
        other = {**outcome, "result": {"response": {**response, "headers": [header for header in response["headers"] if header[0] != "WebHook-Allowed-Rate"]}}}
        if other not in found:
            found.append(other)
    return found


def scheme_in_lower_case(one):
    """The outcomes, and those whose scheme of authorization is in lower case: the case of its name says nothing (RFC 7235, section 2.1)."""
    found = list(one["expect"])
    for outcome in one["expect"] if one["request"]["op"] == "send" else []:
        other = json.loads(json.dumps(outcome).replace('["Authorization", "Bearer ', '["Authorization", "bearer '))
        other.pop("note", None)
        if '"bearer ' in json.dumps(other) and other not in found:
            found.append(other)
    return found


# ---- Values of headers


def either_case_of_hexadecimals(one):
    """The outcomes, and those whose percent-escapes are in lower case: that they are in upper case is a SHOULD (HTTP-3.1.3.2-o)."""
    via = {"encode": one["request"].get("via"), "transcode": one["request"].get("to", {}).get("via")}.get(one["request"]["op"])
    if via not in ("http", "nats") or one["level"] != "MUST":
        return one["expect"]
    found = list(one["expect"])
    for outcome in one["expect"]:
        headers = outcome.get("result", {}).get("message", {}).get("headers", [])
        lower = [[name, re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), value)] for name, value in headers]
        other = {**outcome, "result": {**outcome["result"], "message": {**outcome["result"]["message"], "headers": lower}}} if headers else outcome
        other.pop("note", None) if headers else None
        if lower != headers and other not in found:
            found.append(other)
    return found


NATIVE = {"Boolean": "boolean", "Binary": "byte-array"}

# The integers of tables of RabbitMQ, by their bits. Clients of languages with one type of number take the narrowest that has room.
WIDTHS = {"long-int": 32, "long-long-int": 64, "short-int": 16, "short-short-int": 8}


def native_values(one):
    """The outcomes, and those that carry attributes of other types than String in types of RabbitMQ: RABBITMQ-3.1.3.2-a."""
    request, found = one["request"], list(one["expect"])
    via = {"encode": request.get("via"), "transcode": request.get("to", {}).get("via")}.get(request["op"])
    if via != "rabbitmq":
        return found
    types = {name: attribute for event in request.get("events", []) for name, attribute in event["attributes"].items()}
    for outcome in one["expect"]:
        message = outcome.get("result", {}).get("message", {})
        headers = message.get("headers", [])
        if any(value["type"] != "longstr" for _, value in headers):
            continue
        for times, integers in itertools.product((False, True), WIDTHS):
            typed = [[name, native(types.get(name.removeprefix("ce-"), {"type": "Timestamp" if name == "ce-time" else "String", "value": value["value"]}),
                                   value, times, integers)] for name, value in headers]
            other = {**outcome, "result": {**outcome["result"], "message": {**message, "headers": typed}}} if headers else outcome
            other.pop("note", None) if headers else None
            if other not in found:
                found.append(other)
    return found


def native(attribute, value, times, integers):
    kind = attribute.get("type")
    if kind == "Integer":
        fits = -2 ** (WIDTHS[integers] - 1) <= attribute["value"] < 2 ** (WIDTHS[integers] - 1)
        return {"type": integers if fits else "long-int", "value": attribute["value"]}
    if kind == "Timestamp" and times and re.fullmatch(r"[^.]*(Z|[+]00:00)", attribute["value"]):
        return {"type": "timestamp", "value": int(datetime.datetime.fromisoformat(attribute["value"]).timestamp())}
    return {"type": NATIVE[kind], "value": attribute["value"]} if kind in NATIVE else value


# ---- Clauses and revisions


def has(clause, revision):
    return revision in REQUIREMENTS[clause].get("revisions", ["1.0.2", "main"])


def cited(one, area):
    """The clauses, with those of the release where main has moved a sentence."""
    clauses = list(one["clauses"])
    if area == "http" and "1.0.2" in one["revisions"]:
        for main, release in (("CE-Message-a", "HTTP-3.3.2-c"), ("CE-Message-b", "HTTP-3.3.2-b")):
            if main in clauses and release not in clauses:
                clauses.append(release)
    # The release has one prefix, and main two.
    if "AMQP-3.1.3.1-a" in clauses and "1.0.2" in one["revisions"] and "AMQP-3.1.3.1-g" not in clauses:
        clauses.append("AMQP-3.1.3.1-g")
    given = one["request"].get("events") or []
    # The format of release 0.3 has neither sentence.
    of_1_0 = any(event["specversion"] == "1.0" for event in given)
    if one["request"]["op"] == "encode" and of_1_0 and string_of_other_types_written({**one, "expect": one["expect"][:1]}) != one["expect"][:1]:
        clauses += [clause for clause in ("JSON-3.1.1-k", "JSON-3.1.1-l", "JSON-3.1.1-b") if clause not in clauses]
    if passes_on_text(one):
        clauses += [clause for clause in ("JSON-3.1.1-k", "JSON-3.1.1-l") if clause not in clauses]
    if "CE-Naming-b" in clauses and "CE-Naming-a" not in clauses:
        clauses.append("CE-Naming-a")
    clauses += escaping_of_nats(one)
    several = one["request"]["op"] == "transcode" and ("cloudevents-batch" in json.dumps(one["request"]["from"]) or one["request"]["from"]["via"].endswith("-batch"))
    reads = one["request"]["op"] in ("decode", "transcode") and not several
    if reads and refused(one) and one["level"] == "MUST" and all(map(PLACES.match, clauses)):
        clauses.append("CE-Context-Attributes-a")
    of_main = any(not has(clause, "1.0.2") for clause in clauses) and not any(has(clause, "1.0.2") and strong(clause, "MUST") for clause in clauses)
    # What has to be read is demanded by something, whatever is free in how it is presented.
    silent = one.get("policy") and (one["request"]["op"] != "decode" or any(map(is_refusal, one["expect"])))
    if one["level"] == "MUST" and not refused(one) and not silent and not of_main:
        if one["request"]["op"] == "decode" and not any(binds_readers(clause) for clause in clauses):
            clauses += READS.get(area if area != "core" or one["request"]["via"] in ("json", "json-batch") else "", [])
        if one["request"]["op"] == "transcode" and "message" in one["expect"][0].get("result", {}):
            clauses += [clause for clause in passing_on(one) if clause not in clauses]
    return clauses


def of_payload_in_json(one):
    """The clause on what a payload becomes in a document of the JSON format that a message is passed on as, where none of its section is cited."""
    request = one["request"]
    if request["op"] not in ("encode", "transcode") or is_lenient(request) or refused(one) or any(clause.startswith("JSON-3.1.1-") for clause in one["clauses"]):
        return []
    if request["op"] == "encode" and is_refusal(one["expect"][0]):
        return []
    message = next((outcome["result"].get("message") for outcome in one["expect"] if "result" in outcome), None)
    try:
        document = json.loads(json_document({"via": request.get("to", request)["via"], "message": message}) or b"[]")
    except (ValueError, RecursionError):
        return []
    found = []
    for event in document if isinstance(document, list) else [document]:
        if request["op"] == "encode" and not (isinstance(event, dict) and "data_base64" in event):
            continue  # what is written of JSON and text is cited where a case is about it
        if isinstance(event, dict) and event.get("specversion") == "1.0" and event.keys() & {"data", "data_base64"}:
            found.append("JSON-3.1.1-b" if "data_base64" in event else "JSON-3.1.1-k" if is_foreign(event) else "JSON-3.1.1-h" if "datacontenttype" in event else "JSON-3.1.1-g")
    return list(dict.fromkeys(found))


def of_binary_message(one):
    """The clauses by which the content type and the payload of a message in binary mode are read that is passed on, where none of their sections is cited."""
    request = one["request"]
    if request["op"] != "transcode" or is_lenient(request) or is_refusal(one["expect"][0]):
        return []
    via, message = request["from"]["via"], request["from"]["message"]
    parts = PARTS.get((via, "binary"))
    if parts is None or json_document(request["from"]) is not None or "application/cloudevents" in json.dumps(message):
        return []
    body = next((message[name] for name in ("body", "value", "payload") if message.get(name)), None)
    has_type = re.search(r'"content-type"(?:: |, |, \{"text": )"[^"]', json.dumps({**message, "body": None, "value": None, "payload": None}), re.IGNORECASE)
    has_payload = body not in (None, {"text": ""}, {"base64": ""}, {"data": [{"text": ""}]})
    # In NATS, the content type is an attribute like the others.
    found = [clause for clause, there in zip(parts, (has_payload,) if via == "nats" else (has_type, has_payload)) if there]
    return [clause for clause in found if not any(cited.rpartition("-")[0] == clause.rpartition("-")[0] for cited in one["clauses"]) and all(has(clause, revision) for revision in one["revisions"])]


def of_types_in_json(one):
    """The clause on the types of attributes in the JSON format, where a document of it in a message of a binding has a number, a boolean or a time, and no clause on attributes in the format is cited."""
    request = one["request"]
    about = re.search("type[sd]", one["id"]) or re.match(r"amqp/transcode/(?:structured-to-binary|binary-to-structured)(?:-underscored)?$|amqp/structured-encode/time$", one["id"])
    if not about or request["op"] not in ("decode", "encode", "transcode") or is_lenient(request) or refused(one) or any(re.match("JSON-2", clause) for clause in one["clauses"]):
        return []
    sides = [request.get("from", request), *({"via": request.get("to", request)["via"], **outcome["result"]} for outcome in one["expect"] if "message" in outcome.get("result", {}))]
    bound = [side for side in sides if side.get("via") not in FORMATS and json_document(side) is not None]
    typed = any(re.search(rb'"[a-z0-9]+":(?:true|false|-?\d)|"time":', json_document(side)) for side in bound)
    return ["JSON-2.2-a"] if typed else []


# Clauses by which those who read undo how a value is written: escapes, quotation marks, and CDATA sections. That it is refused for what it is then follows from others.
UNDONE = re.compile(r"(?:HTTP|NATS)-3\.1\.3\.2-[efg]$|XML-1\.2-f$")


def of_escapes(one):
    """The clauses by which percent-escapes and quotation marks in a header of an attribute are undone, where a message of HTTP or NATS has some and none is cited. Version 0.3 has documents of its own."""
    request = one["request"]
    source = request.get("from", request)
    message = source.get("message")
    if request["op"] not in ("decode", "transcode") or source["via"] not in ("http", "nats") or not isinstance(message, dict) or request.get("exact"):
        return []
    headers = {name.lower(): value for name, value in message.get("headers") or [] if name.lower().startswith("ce-")}
    start = f"{source['via'].upper()}-3.1.3.2-"
    if headers.get("ce-specversion") != "1.0" or "application/cloudevents" in json.dumps(message["headers"]).lower():
        return []
    cites = lambda letters: any(clause.startswith(start) and clause[-1] in letters for clause in one["clauses"])
    found = [start + "e"] if has_quoted_value(request) and not cites("eg") else []
    escaped = any(re.search("%[0-9A-Fa-f]{2}", value) for value in headers.values())
    found += [start + "f"] if escaped and not cites("efgpqr" if source["via"] == "http" else "efgopq") else []
    return [clause for clause in found if all(has(clause, revision) for revision in one["revisions"])]


def escaping_of_nats(one):
    """The clauses on what is percent-encoded in a message of NATS, and decoded in one that is read, where its headers of attributes have escapes and none
    is cited for that side."""
    request = one["request"]
    source, to = request.get("from", request), request.get("to", request)
    headers = lambda message: [value for name, value in (message or {}).get("headers") or [] if name.lower().startswith("ce-")]
    if refused(one) or request["op"] not in ("decode", "encode", "transcode"):
        return []
    found = []
    cites = lambda letters: any(re.match(f"NATS-3\\.1\\.3\\.2-[{letters}]$", clause) for clause in one["clauses"])
    if source["via"] == "nats" and request["op"] != "encode" and not cites("efgopq") and any("%" in value for value in headers(source["message"])):
        found.append("NATS-3.1.3.2-f")
    written = headers(one["expect"][0].get("result", {}).get("message")) if to["via"] == "nats" and request["op"] != "decode" and not cites("cd") else []
    escapes = {escape for value in written for escape in re.findall("%[0-9A-F]{2}", value)}
    if escapes:
        found += ["NATS-3.1.3.2-c", *({"%20": "NATS-3.1.3.2-i", "%22": "NATS-3.1.3.2-j", "%25": "NATS-3.1.3.2-k"}.get(escape, "NATS-3.1.3.2-l") for escape in sorted(escapes))]
    return [clause for clause in dict.fromkeys(found) if clause not in one["clauses"]]


# What demands that an event is written in each format, and that it is read.
FORMATS = {"json": (["JSON-3-b", "JSON-3-c"], ["JSON-2.2-a"]), "json-batch": (["JSON-4.1-a"], ["JSON-2.2-a", "JSON-4.1-a"]),
           "xml": (["XML-2-a", "XML-4-a"], ["XML-4-e"]), "xml-batch": (["XML-2-a", "XML-4-a"], ["XML-4-e"]), "cbor": (["CBOR-3-c"], ["CBOR-3-c"]),
           "avro": (["AVRO-2.4-a"], ["AVRO-2.4-a"]), "avro-compact": (["AVROC-2.2-a"], ["AVROC-2.2-a"]),
           "protobuf": (["PROTO-2.3-a", "PROTO-2.4-a"], ["PROTO-2.3-a", "PROTO-2.4-a"]), "protobuf-batch": (["PROTO-5-a"], ["PROTO-5-a"])}


def of_both_sides(one):
    """The clauses, and one at least for each side that is judged: of those who write, and of those who read."""
    op, request, clauses = one["request"]["op"], one["request"], list(one["clauses"])
    may_be_refused = one.get("policy") or any(is_refusal(outcome) for outcome in one["expect"])
    # Where a message is refused, or may be read after all, the clauses say for whom its rule is: see `flags`. What is read, or may be refused, is read by something.
    silent = may_be_refused and (is_refusal(one["expect"][0]) or all(map(NAMES.match, clauses))) if op == "decode" else refused(one) or op == "transcode" and all(map(NAMES.match, clauses))
    if is_lenient(request) or op not in ("decode", "encode", "transcode") or silent:
        return clauses
    written = next((outcome["result"].get("message") for outcome in one["expect"] if "result" in outcome), None)
    sides = [(request.get("from", request), 1, {"consumer", "both", "server"})] if op != "encode" else []
    sides += [({**request.get("to", request), "message": written}, 0, {"producer", "both", "sender"})] if op != "decode" else []
    for side, reads, roles in sides:
        demanded = [clause for clause in demands(side, reads) if all(has(clause, revision) for revision in one["revisions"])]
        if b'"specversion":"0.3"' in (json_document(side) or b""):
            demanded = [clause for clause in demanded if clause != "JSON-2.2-a"]  # the types of version 1.0
        if op == "transcode":
            # Of a binding, those of the mode in question count.
            # What is passed on untouched is read as far as the clause on the mode goes.
            untouched = re.compile(r"(?:HTTP-3-[cd]|(?:AMQP|KAFKA|MQTT|NATS|RABBITMQ)-3-[a-c])$" if reads else r"(?:HTTP-3-d|(?:AMQP|KAFKA|MQTT|NATS|RABBITMQ)-3-b)$")
            of_side = re.compile("|".join({re.escape(clause.split("-")[0]) + "-" if side["via"] in FORMATS else re.escape(re.match(r"\w+-\d+(?:\.\d+)?", clause)[0]) + r"\b" for clause in demanded}))
            # What may be refused need not be read.
            free = any(map(is_refusal, one["expect"]))
            lacks = demanded and not any((of_side.match(clause) or untouched.match(clause) and clause.split("-")[0] == demanded[0].split("-")[0]) and (free or REQUIREMENTS[clause]["role"] in roles) for clause in clauses)
            if side["via"] not in FORMATS:
                demanded = [clause for clause in demanded if REQUIREMENTS[clause]["role"] in roles]
        else:
            lacks = not any(REQUIREMENTS[clause]["role"] in roles for clause in clauses)
        clauses += [clause for clause in demanded if lacks and clause not in clauses]
    return clauses


def demands(side, reads):
    """What demands that a message is written, or read."""
    if side["via"] in FORMATS:
        return FORMATS[side["via"]][reads]
    named = re.search(r"application/cloudevents(-batch)?", json.dumps(side["message"]))
    mode = "binary" if not named and (side["via"], "binary") in PARTS else "batched" if named and named[1] else "structured"
    return (READ_AS if reads else PARTS).get((side["via"], mode), [])


# What demands that a message or a document is read, where a case cites only how it is written.
READS = {"amqp": ["AMQP-3.1.3-a"], "avro": ["AVRO-2.4-a", "CE-Overview-a"], "protobuf": ["CE-Overview-a"], "json": ["CE-Overview-a"],
         "core": ["CE-Overview-a", "JSON-2.2-a"]}

# What demands the parts of a message or a document, by how it travels and in which mode.
PARTS = {
    ("http", "binary"): ["HTTP-3.1.1-a", "HTTP-3.1.2-a", "HTTP-3.1.3-a"], ("http", "structured"): ["HTTP-3.2.1-a", "HTTP-3.2.2-a"],
    ("http", "batched"): ["HTTP-3.3.1-a", "HTTP-3.3.2-a"],
    ("kafka", "binary"): ["KAFKA-3.2.1-a", "KAFKA-3.2.2-a", "KAFKA-3.2.3-a"], ("kafka", "structured"): ["KAFKA-3.3.1-a", "KAFKA-3.3.2-a"],
    ("amqp", "binary"): ["AMQP-3.1.1-a", "AMQP-3.1.2-a", "AMQP-3.1.3-a"], ("amqp", "structured"): ["AMQP-3.2.1-a", "AMQP-3.2.2-a"],
    ("mqtt5", "binary"): ["MQTT-3.1.1-a", "MQTT-3.1.2-a", "MQTT-3.1.3-a"], ("mqtt5", "structured"): ["MQTT-3.2.1-a", "MQTT-3.2.2-a"],
    ("mqtt3", "structured"): ["MQTT-3-c", "MQTT-3.2.2-a"], ("websockets", "structured"): ["WS-1.5-a", "WS-3.1-a"],
    ("nats", "binary"): ["NATS-3.1.1-a", "NATS-3.1.2-a"], ("nats", "structured"): ["NATS-3-b", "NATS-3.2-a"],
    ("rabbitmq", "binary"): ["RABBITMQ-3.1.1-a", "RABBITMQ-3.1.2-a", "RABBITMQ-3.1.3-a"], ("rabbitmq", "structured"): ["RABBITMQ-3.2.1-a", "RABBITMQ-3.2.2-a"],
    ("json", "structured"): ["JSON-3-b", "JSON-3-c"], ("json-batch", "structured"): ["JSON-4.1-a"],
}

# What demands that these parts are read.
READ_AS = PARTS | {("json", "structured"): ["JSON-2.2-a"], ("json-batch", "structured"): ["JSON-2.2-a", "JSON-4.1-a"],
                   ("websockets", "structured"): ["WS-3.1-a"]}


def binds_readers(clause):
    """Whether a clause of the release is a MUST for those who read."""
    return has(clause, "1.0.2") and strong(clause, "MUST") and REQUIREMENTS[clause]["role"] in ("both", "consumer")


def passing_on(one):
    """The clauses that demand what is written of a message that is passed on: those of its target, and those of a payload in JSON."""
    to, message = one["request"]["to"], one["expect"][0]["result"]["message"]
    octets = json_document({"via": to["via"], "message": message})
    mode = "binary" if octets is None and to["via"] not in ("json", "json-batch") else "batched" if to.get("mode") == "batched" else "structured"
    found = list(PARTS.get((to["via"], mode), []))
    source = one["request"]["from"]
    kind = "binary" if json_document(source) is None else "batched" if "cloudevents-batch" in json.dumps(source["message"]) else "structured"
    of_source = [clause for clause in READ_AS.get((source["via"], kind), []) if binds_readers(clause)]
    if not any(clause.split("-")[0] == of.split("-")[0] and binds_readers(clause) for clause in one["clauses"] for of in of_source[:1]):
        found += of_source
    if octets is not None and to["via"] == "websockets":
        found += ["JSON-3-b", "JSON-3-c"]
    # What is escaped in a header is read, or written, as the text that it stands for.
    escaped = lambda some, sign: any(name.lower().startswith("ce-") and sign in value for name, value in some.get("headers", []))
    if source["via"] == "http" and escaped(source["message"], "%"):
        found.append("HTTP-3.1.3.2-f")
    if to["via"] == "http" and escaped(message, "%"):
        found += ["HTTP-3.1.3.2-c", *(["HTTP-3.1.3.2-k"] if escaped(message, "%25") else [])]
    foreign = re.search(rb'"datacontenttype":"(?![\w.+-]+/(?:[\w.-]+\+)?json[;" ])', octets or json_document(source) or b"", re.IGNORECASE)
    given = json_document(source) or b""
    if b'"data":' in given and not foreign:
        found.append("JSON-3.1.2-d")
    if b'"data_base64":' in given:
        found.append("JSON-3.1.2-a")
    if octets is not None and b'"data":' in octets:
        found.append("JSON-3.1.1-k" if foreign else "JSON-3.1.1-h")
    if octets is not None and b'"data_base64":' in octets:
        found.append("JSON-3.1.1-b")
    return found


def is_refusal(outcome):
    """Whether the input is refused: by an error, or by the response to a delivery."""
    return "error" in outcome or outcome.get("result", {}).get("delivered") == 0 and "response" in outcome["result"]


def refused(one):
    return all(is_refusal(outcome) for outcome in one["expect"])


def writes_invalid_event(one):
    """Whether an event that is to be written breaks a rule for its attributes, or there is none that could have any, and a refusal is all that is allowed."""
    rules = [clause for clause in one["clauses"] if re.match(r"CE-(?!Message|Event-Data)|JSON-2\.2-b$|SDK-Validation", clause)]
    return one["request"]["op"] in ("encode", "send") and refused(one) and bool(rules)


def revisions(one):
    """The revisions whose text has the rule."""
    if NULL_VALUE in one["clauses"] and "empty" in one["id"] or leans_on_main(one["request"]) or MODES & set(one["clauses"]):
        return ["main"]
    if one.get("draft"):
        return ["main"]
    if one["revisions"] == ["main"]:
        return ["main"]
    if needs_the_colon(one):
        return ["1.0.2"]
    only_main = [clause for clause in one["clauses"] if not has(clause, "1.0.2")]
    only_release = [clause for clause in one["clauses"] if not has(clause, "main")]
    states_refusal = any("error" in outcome for outcome in one["expect"][:1])
    if only_main and not only_release and (states_refusal or not any(has(clause, "1.0.2") and strong(clause, one["level"]) for clause in one["clauses"])):
        return ["main"]
    return ["main"] if cased_media_type(one["request"]) else one["revisions"]


def strong(clause, level):
    return RANK[REQUIREMENTS[clause]["level"].split()[0]] >= RANK[level]


def leans_on_main(request):
    """Whether what is read is an event by a sentence that only `main` has, whatever clauses the case cites: a record of Kafka in binary mode without a value,
    properties of AMQP with an underscore behind their prefix, and headers of NATS."""
    for holder in (request, request.get("from", {})):
        via, message = holder.get("via"), holder.get("message")
        if not isinstance(message, dict):
            continue
        names = [name for name, _ in message.get("headers") or message.get("application-properties") or []]
        if via == "kafka" and message["value"] is None and "ce_specversion" in names and "application/cloudevents" not in json.dumps(message["headers"]):
            return True
        if via == "amqp" and "cloudEvents_specversion" in names and "application/cloudevents" not in json.dumps(message["properties"]):
            return True
        if via == "nats" and any(name.lower() == "ce-specversion" for name in names):
            return True
    return False


# The end of the ids of cases that are made of another, with the underscore of AMQP.
UNDERSCORED = "-underscored"


def needs_the_colon(one):
    """Whether whoever cannot read the colon of AMQP fails by a MUST. Release 1.0.2 has it alone. By `main`, consumers "SHOULD understand" it, and the underscore likewise
    (AMQP-3.1.3.1-e). The cases about the colon itself have siblings of their own."""
    source = one["request"].get("from", one["request"])
    message = source.get("message")
    if source.get("via") != "amqp" or not isinstance(message, dict) or one["request"]["op"] not in ("decode", "transcode") or is_lenient(one["request"]):
        return False
    names = [name for name, _ in message["application-properties"]]
    binary = "cloudEvents:specversion" in names and "application/cloudevents" not in json.dumps(message["properties"])
    may_be_refused = any(is_refusal(outcome) and "main" in outcome.get("revisions", ["main"]) for outcome in one["expect"])
    return binary and one["level"] == "MUST" and not may_be_refused and not re.search(r"^amqp/names/.*colon$", one["id"])


def underscored(one):
    """The case with the underscore of `main`. That a consumer understands it is a SHOULD, so that the message may be refused; what is read of it is read rightly. Whoever
    writes has either separator."""
    request = json.loads(json.dumps(one["request"]).replace('"cloudEvents:', '"cloudEvents_'))
    found = []
    for outcome in one["expect"]:
        if "revisions" in outcome:
            continue  # of 1.0.2, or another's with the underscore
        outcome = {name: value for name, value in outcome.items() if name != "revisions"}
        for separator in "_:":
            other = json.loads(re.sub('"cloudEvents[:_]', f'"cloudEvents{separator}', json.dumps(outcome)))
            found += [other] if "verbatim" in one.get("flags", []) else [other, in_strings(other)]
    clauses = [{"AMQP-3.1.3.1-g": "AMQP-3.1.3.1-a"}.get(clause, clause) for clause in one["clauses"]]
    found.append({"error": {}})
    copy = {**one, "id": one["id"] + UNDERSCORED, "title": f"{one['title']}, with the underscore of main, or the message is refused",
            "clauses": list(dict.fromkeys([*clauses, "AMQP-3.1.3.1-e"])), "revisions": ["main"], "request": request, "expect": distinct(found)}
    copy["validity"] = validity(copy)
    for fault in faults(copy):
        raise AssertionError(f"{copy['id']}: {fault}")
    return copy


def distinct(outcomes):
    """The outcomes, each once."""
    return [outcome for at, outcome in enumerate(outcomes) if outcome not in outcomes[:at]]


def written_underscored(one):
    """The outcomes of a case that holds for 1.0.2 alone, because it has to be read with the colon, and those with the underscore of whoever has `main`, too, and writes as that prefers."""
    found = []
    for outcome in one["expect"] if needs_the_colon(one) else []:
        if '"cloudEvents:' in json.dumps(outcome):
            other = {**json.loads(json.dumps(outcome).replace('"cloudEvents:', '"cloudEvents_')), "revisions": ["main"]}
            other.pop("note", None)
            found.append(other)
    return [*found, *one["expect"]] if "cloudEvents" in json.dumps(one["expect"][0]) else [*one["expect"], *found]


def in_strings(outcome):
    """The outcome with the attributes of a message of AMQP in the strings that are their canonical texts (AMQP-3.1.3.2-g)."""
    other = json.loads(json.dumps(outcome))
    for pair in other.get("result", {}).get("message", {}).get("application-properties", []):
        kind, value = pair[1]["type"], pair[1]["value"]
        if kind == "timestamp":
            pair[1] = {"type": "string", "value": plain_utc(datetime.datetime.fromtimestamp(value / 1000, datetime.timezone.utc))}
        elif kind in ("long", "boolean"):
            pair[1] = {"type": "string", "value": json.dumps(value)}
        elif kind == "binary":
            pair[1] = {"type": "string", "value": value}
    return other


def cased_media_type(request):
    """Whether a media type of CloudEvents comes in upper case where no document of 1.0.2 says that its case is free."""
    via = request.get("via") or request.get("from", {}).get("via")
    text = json.dumps((request.get("message") or request.get("from", {}).get("message")) or {})
    found = re.findall(r"(?i)application/cloudevents[a-z+-]*", text)
    return via in ("kafka", "amqp") and any(media_type != media_type.lower() for media_type in found) or \
        via == "http" and any(media_type != media_type.lower() and not media_type.lower().endswith("json") for media_type in found)


# ---- What no case may have


# A URN with a namespace of one character, in JSON or in a document of bytes.
NO_URN = re.compile(r"urn:[A-Za-z0-9]:")

# Media types whose bytes begin in one way.
BEGINNINGS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/gif": b"GIF8", "image/jpeg": b"\xff\xd8\xff", "application/pdf": b"%PDF-", "application/gzip": b"\x1f\x8b\x08"}


def faults(one):
    """What is wrong with a case whatever its subject, as far as that can be found."""
    request = one["request"]
    if request["op"] == "upgrade" and request["event"]["specversion"] != "0.3" and not any(map(is_refusal, one["expect"])):
        yield "an event that is to be upgraded and is not of version 0.3, which may not be refused"
    if request["op"] == "send" and "token" not in request:
        yield "a delivery without a token, which no sender may make (WEBHOOK-3-a)"
    given = request.get("events") or []
    passed = elements(request["from"]) if request["op"] == "transcode" else None
    identities = [(event["attributes"].get("source", {}).get("value"), event["attributes"].get("id", {}).get("value")) for event in given]
    identities += [(event.get("source"), event.get("id")) for event in passed or [] if isinstance(event, dict)]
    if len(set(identities)) < len(identities):
        yield "one event is written twice, which whoever drops duplicates does not do (CE-id-f)"
    batch = elements(request) if request["op"] == "decode" else None
    whole = any(len(outcome.get("result", {}).get("events", [])) == len(batch or []) for outcome in one["expect"]) and not is_lenient(request)
    if len(batch or []) > 1 and not whole and any(map(is_refusal, one["expect"])) and not any(is_partial(one, outcome) for outcome in one["expect"]):
        yield "a batch that may be refused, and of which no event may be read (erratum 6)"
    if one.get("policy") and len(one["expect"]) == 1:
        yield "a mark of policy, and one outcome: then nothing is free"
    if one.get("policy") and is_kept_in_any_kind(one):
        yield "a mark of policy where the octets of the payload are prescribed, and no more than their kind is free"
    for octets in compressed_bodies(request.get("from", request).get("message")):
        try:
            gzip.decompress(octets)
        except (OSError, EOFError, zlib.error):
            yield "a body that is said to be compressed, and cannot be inflated"
    if not refused(one) and "CE-datacontenttype-f" not in one["clauses"] and cased_json(request):
        yield "a media type in upper case, whose letter case says nothing by another clause than the cited ones (CE-datacontenttype-f)"
    if one["level"] == "MUST" and any(re.match(r"(?:AMQP|KAFKA|MQTT|NATS|RABBITMQ)-1\.3-a$|AMQP-1\.3-b$|WS-1\.5-c$", clause) for clause in one["clauses"]):
        yield "that a binding has no batches, and that it has two modes, is a SHOULD (section 1.3, and of WebSockets 1.5)"
    to = request.get("to", request)
    if request["op"] in ("encode", "transcode") and to.get("mode") != "batched" and max(len(given), len(passed or [])) > 1 and refused(one) and all(re.fullmatch(r"\w+-1\.[35]-\w", clause) for clause in one["clauses"]):
        yield "several events for one message, which the clauses on what a message of its mode is keep apart, and not those on which modes there are (section 1.3)"
    for clause in of_escapes(one):
        yield f"a header value with escapes or in quotation marks, without a clause by which those who read undo them ({clause})"
    if request["op"] in ("decode", "encode", "transcode", "send", "deliver", "sql", "filter") and not one["id"].startswith("extensions/") and "opcua" in readable(request):
        yield "an attribute of OPC UA that is about something else: its messages are in binary mode, and have more attributes"
    if re.search(r"is no .* not written$", one["title"]) and any("message" in outcome.get("result", {}) for outcome in one["expect"]):
        yield "a title by which something is not written, and a message that may be"
    if any(is_partial(one, outcome) for outcome in one["expect"]) and re.search(r"makes? (?:the|a) batch invalid", one["title"]):
        yield "a title by which one event makes a batch invalid, whose other events may be read (erratum 6)"
    for clause in one["clauses"]:
        if not any(has(clause, revision) for revision in one["revisions"]):
            yield f"a clause of no revision that the case holds for ({clause})"
    for clause in of_other_carriers(one):
        yield f"a clause of a binding or a format that is not in the case ({clause})"
    names = attribute_names(request)
    if "CE-Naming-d" in one["clauses"] and names and max(map(len, names)) < 20:
        yield "a clause on long names (CE-Naming-d), and no name is long"
    if "CE-Naming-b" in one["clauses"] and names and not any(name[:1].isdigit() for name in names):
        yield "a clause on how names begin (CE-Naming-b), and none begins with a digit"
    if NO_URN.search(readable(request)):
        yield "a URN whose namespace has one character (RFC 8141, section 2: two at least), which a native type may refuse"
    if re.search(r"\d\d:\d\d:60", json.dumps(request)) and request["op"] in ("decode", "encode", "transcode", "parse") and not any(map(is_refusal, one["expect"])):
        yield "a leap second that may not be refused, which many native types do not have"
    if re.search(r"\d\d:\d\d:60", json.dumps(request)) and re.search(r":59\.999[Z+-]", json.dumps(one["expect"])) and ":59.999999999" not in json.dumps(one["expect"]):
        yield "a leap second that may be the last millisecond before it, and not the last nanosecond, as other native types have it"
    if is_of_no_format(request.get("from", request)) and request["op"] == "decode" and "producer-rule" not in one.get("flags", []) \
            and not any(outcome.get("result", {}).get("mode") == "structured" for outcome in one["expect"]):
        yield "a JSON event under a media type of no format that may not be read in structured mode (erratum 16)"
    if request["op"] == "encode" and all(event["specversion"] == "0.3" for event in given) and given and not brought_to_1_0(one):
        yield "an event of 0.3 to be written that may not be brought to 1.0 first"
    if request["op"] == "decode" and one.get("compare", {}).get("json") != "double" and any(map(is_beyond_doubles, presented(one))):
        yield "a JSON number that no double is, which is not compared as one: runtimes with doubles only have another, or infinity, which is shown as 1e999"
    if request["op"] == "decode" and not refused(one) and has_value_of_no_json(request) and not any(True for _ in presented(one)):
        yield "data that is no string under a content type that is not JSON, which may not stay a JSON value (JSON, section 3.1.2: to fail is a MAY, to take it for encoded content a SHOULD)"
    if OF_JSON_CONTENT & set(one["clauses"]) and has_text_alone(one):
        yield "a clause on JSON content, and no document of the JSON format has any"
    presenting = [event for outcome in one["expect"] for event in outcome.get("result", {}).get("events", [])]
    if request["op"] == "decode" and "AVRO-3-c" in one["clauses"] and presenting and all("datacontenttype" in event["attributes"] for event in presenting):
        yield "a clause on data without a content type (AVRO-3-c), and no event is without one"
    if any(b"\x1e" not in octets for octets in sequences(request.get("from", request))):
        yield "a JSON text sequence without the character that each text begins with (RFC 7464, section 2.2)"
    of_0_3 = given and all(event["specversion"] == "0.3" for event in given)
    if not refused(one) and not of_0_3 and any(is_no(*stated) for stated in typed_octets(one)):
        yield "a content type that is not that of the bytes, in a format that requires it (JSON and CBOR, section 3.1.1)"
    if not one.get("policy") and not SAYS_REFUSED.search(one["title"]) and len({is_refusal(outcome) for outcome in one["expect"]}) == 2:
        yield "a title that does not say that the input may be refused"
    if one["level"] == "SHOULD" and one["clauses"] and all(strong(clause, "MUST") for clause in one["clauses"]) and not RECOMMENDED.search(one.get("note", "")):
        yield "a case of SHOULD whose clauses are all of MUST: its level is MUST, or another document recommends it, which the note says"
    if one["level"] == "MUST" and one["clauses"] and not any(strong(clause, "MUST") for clause in one["clauses"]):
        yield "a case of MUST that cites no MUST"
    if request["op"] == "decode" and request["via"] == "http" and "HTTP-3.1.3.2-f" in one["clauses"] and all(re.fullmatch(r'"[^%]*"|[^"%+]*', value) for _, value in request["message"]["headers"]):
        yield "a clause on percent-decoding (HTTP-3.1.3.2-f), and nothing is escaped: of quotation marks is HTTP-3.1.3.2-e"
    # What is implied of a content type is a SHOULD: a case of MUST proves another clause, and does not fail by this one.
    if one["level"] == "MUST" and {"JSON-3.1.2-i", "CE-datacontenttype-d"} & set(one["clauses"]) and not any(is_refusal(outcome) for outcome in one["expect"]):
        yield "a case of MUST that cites what a JSON content type is implied by, which is a SHOULD"
    # The SHOULD of an opt-in mapper is about the one for partitionkey. Another may be there by default: that there is no key is never more than a MAY.
    if not any(side.get("options", {}).get("key") for side in (request, request.get("to", {}))) and (one["level"] != "MAY" or not any(clause.startswith("KAFKA-3.1-") for clause in one["clauses"])) and has_key(one):
        yield "a key of Kafka in what is written, which a key mapper may take from anywhere (section 3.1)"
    if distinct(one["expect"]) != one["expect"]:
        yield "an outcome that is listed twice"
    if needs_the_colon(one) and "main" in one["revisions"]:
        yield "a message of AMQP that has to be read with the colon: no sentence of main asks every consumer for it"
    if separators(one) == {":"} and "main" in one["revisions"] and one["level"] == "MUST":
        yield "properties of AMQP that may have the colon alone: no sentence of main asks for it"
    if "verbatim" in one.get("flags", []) and has_fewer_digits(one):
        yield "a time with fewer digits than it was given, in the profile in which each of them counts"
    if times_in_xml(one) and not times_in_xml(one) <= {time for outcome in one["expect"] for time in written_in_xml(outcome)}:
        yield "a time in a document of XML that not every native type may write as it does"
    yield from {"sql": faults_of_expression, "filter": faults_of_filters, "send": faults_of_exchange, "deliver": faults_of_exchange}.get(request["op"], lambda _: ())(one)


# What a note says where the recommendation is that of another document.
RECOMMENDED = re.compile(r"recommend", re.IGNORECASE)


def has_key(one):
    """Whether an outcome has the key of a record that is written."""
    via = {"encode": one["request"].get("via"), "transcode": one["request"].get("to", {}).get("via")}.get(one["request"]["op"])
    return via == "kafka" and any("key" in outcome.get("result", {}).get("message", {}) for outcome in one["expect"])


def is_kept_in_any_kind(one):
    """Whether an event is read, and all that its outcomes differ in is whether the payload is octets, characters, an element, an item or JSON of the same octets."""
    results = [outcome.get("result", {}) for outcome in one["expect"]]
    as_doubles = one.get("compare") == {"json": "double"} and not any(map(is_beyond_doubles, presented(one)))
    if one["request"]["op"] != "decode" or "compare" in one and not as_doubles or len(results) < 2 or any(not {"events"} <= set(result) <= {"mode", "format", "events"} for result in results):
        return False
    shown = {json.dumps([[{**event, "data": None}, octets_of(event)] for event in result["events"]], sort_keys=True) for result in results}
    return len(shown) == 1 and all(octets_of(event) for event in results[0]["events"])


def octets_of(event):
    """The octets of a payload, in hexadecimal; those of the string, where it is an item of CBOR that is one; None where there are none."""
    [(kind, value)] = event.get("data", {"": ""}).items()
    if kind not in ("binary", "cbor"):
        return value.encode("utf-8", "surrogatepass").hex() if kind in ("json", "text", "xml") else None
    octets = base64.b64decode(value)
    is_string = kind == "cbor" and octets and octets[0] >> 5 in (2, 3) and octets[0] & 0x1F == len(octets) - 1
    return (octets[1:] if is_string else octets).hex()


# Titles say, of what may be accepted or refused, both. Where that is a policy, a title may name the question alone.
SAYS_REFUSED = re.compile(r"refus|declin|may be|deeper|consent|(?:is|are) not (?:written|used|embedded|passed)|^No structured message is|gets Retry-After", re.IGNORECASE)


def separators(one):
    """The separators of the properties that a message of AMQP may be written with."""
    via = {"encode": one["request"].get("via"), "transcode": one["request"].get("to", {}).get("via")}.get(one["request"]["op"])
    messages = [outcome.get("result", {}).get("message", {}) for outcome in one["expect"]] if via == "amqp" else []
    return {name[len("cloudEvents")] for message in messages for name, _ in message.get("application-properties", []) if name.startswith("cloudEvents")}


def has_fewer_digits(one):
    """Whether an outcome has a time of the first one with fewer digits, of those beyond milliseconds."""
    fractions = [{match[1] for match in STAMP.finditer(readable(outcome.get("result", {}))) if len(match[1] or "") >= 4} for outcome in one["expect"]]
    whole = {fraction for fraction in fractions[0] if len(fraction) > 4}
    return any(len(some) < len(kept) and some.startswith(kept[:4]) for kept in whole for others in fractions[1:] for some in others - fractions[0])


IN_XML = re.compile(r"<(?:\w+:)?(\w+)(?: [^<>]*)?>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))</")


def written_in_xml(outcome):
    """The times of elements, by their names, that a document of XML has."""
    message = outcome.get("result", {}).get("message", {})
    return IN_XML.findall(readable(message).replace('\\"', '"')) if "http://cloudevents.io/xmlformat/V1" in readable(message) else []


def times_in_xml(one):
    """The times of elements, by their names, that native types write where the first outcome has another spelling."""
    if one["request"]["op"] not in ("encode", "transcode") or one.get("compare", {}).get("timestamp") == "text":
        return set()
    at = {(name, datetime.datetime.fromisoformat(time).astimezone(datetime.timezone.utc)) for name, time in written_in_xml(one["expect"][0])}
    return {(name, spelled) for name, instant in at for spelled in spelled_times(plain_utc(instant))}


def plain_utc(instant):
    """An instant as text, without zeros at the end of its fraction."""
    start, _, fraction = instant.strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    return start + ("." + fraction.rstrip("0") if fraction.strip("0") else "") + "Z"


# How the clauses of each binding and format begin, and what names it in a message or in a request.
OF_CARRIERS = {"HTTP": "http", "KAFKA": "kafka", "AMQP": "amqp", "MQTT": "mqtt[35]", "NATS": "nats", "WS": "websockets", "RABBITMQ": "rabbitmq", "JSON": "json(?:-batch)?|mqtt3",
               "PROTO": "protobuf(?:-batch)?", "AVRO": "avro", "AVROC": "avro-?compact", "XML": "xml(?:-batch)?", "CBOR": "cbor"}


def of_other_carriers(one):
    """The clauses of a binding or a format that a case has nothing of, neither as what is read or written, nor as the format of a message."""
    if one["request"]["op"] not in ("decode", "encode", "transcode"):
        return
    shown = json.dumps([one["request"], one["expect"]]).lower()
    for clause in one["clauses"]:
        carrier = OF_CARRIERS.get(clause.split("-")[0])
        if carrier and not re.search(rf'"(?:via|format)": "(?:{carrier})"|application/(?:cloudevents(?:-batch)?\+)?(?:{carrier})|cloudevents\.(?:{carrier})|\+(?:{carrier})', shown):
            yield clause


def attribute_names(request):
    """The names of attributes in a request, as far as they stand in it as text."""
    found = [request["text"]] if request["op"] == "name" else [name for event in request.get("events", []) for name in event.get("attributes", {})]
    source = request.get("from", request)
    try:
        document = json.loads(json_document(source) or b"")
    except (ValueError, RecursionError):
        document = []
    found += [name for event in (document if isinstance(document, list) else [document]) if isinstance(event, dict) for name in event]
    message = source.get("message")
    headers = [name for member in ("headers", "application-properties", "user-properties") for name, _ in (message or {}).get(member) or []] if isinstance(message, dict) else []
    return found + [re.sub(r"^(?:ce[-_]|cloudEvents[:_])", "", name) for name in headers]


# The functions that section 3.5 of CESQL lists, and what is followed by a parenthesis and is none.
FUNCTIONS = {"LENGTH", "CONCAT", "CONCAT_WS", "LOWER", "UPPER", "TRIM", "LEFT", "RIGHT", "SUBSTRING", "ABS"}
NO_FUNCTIONS = {"NOT", "AND", "OR", "XOR", "LIKE", "IN", "EXISTS"}

# What an expression has for a clause to say something of it.
ABOUT = {"CESQL-3.4.3-": r"\bLIKE\b", "CESQL-3.4.4-a": r"\bEXISTS (?:id|source|type|specversion)\b", "CESQL-3.4.4-b": r"\bEXISTS (?!id\b|source\b|type\b|specversion\b)", "CESQL-3.4.5-": r"\bIN\b",
         "CESQL-3.5.1-a": r"\b(?:LENGTH|CONCAT|CONCAT_WS|LOWER|UPPER|TRIM)\b", "CESQL-3.5.1-b": r"\b(?:LEFT|RIGHT)\b", "CESQL-3.5.1-c": r"\bSUBSTRING\b", "CESQL-3.5.2-": r"\bABS\b",
         "CESQL-3.7-f": r"\bIN\b"}


# A name of an attribute in an expression: a word that is no keyword, and that no arguments follow.
ATTRIBUTE = re.compile(r"\b(?!(?:TRUE|FALSE|AND|OR|XOR|NOT|LIKE|IN|EXISTS)\b)(?=[0-9]*[a-z])[a-z0-9]+\b(?! *\()", re.IGNORECASE)


def faults_of_expression(one):
    """What is wrong with a case of CESQL."""
    plain = re.sub(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", "''", one["request"]["expression"])
    called = {name.upper() for name in re.findall(r"([A-Za-z_]+)\s*\(", plain)}
    if called - FUNCTIONS - NO_FUNCTIONS and not one.get("policy") and "CESQL-3.5-f" not in one["clauses"]:
        yield "a function that section 3.5 of CESQL does not list"
    for clause in one["clauses"]:
        for about, pattern in ABOUT.items():
            if clause.startswith(about) and not re.search(pattern, plain, re.IGNORECASE):
                yield f"{clause} is about something that the expression does not have"
    errs = one["expect"][0].get("result", {}).get("error") in ("cast", "math", "function-evaluation")
    if (errs and not ATTRIBUTE.search(plain) or re.search(r"[/%] *0\b", plain)) and not any(map(is_refusal, one["expect"])):
        yield "an error of literals alone, which a check at compile time finds (CESQL-3.3-a), in an expression that may not be refused"


# The dialects that the document of subscriptions has.
DIALECTS = {"exact", "prefix", "suffix", "all", "any", "not", "sql"}


def faults_of_filters(one):
    """What is wrong with a case of filters."""
    named = set(re.findall(r'"([\w-]+)": ', json.dumps(one["request"]["filters"])))
    spelled = {name for name in named if name.lower() in DIALECTS} - DIALECTS
    if (named & {"cesql", "like", "regex"} or spelled) and not one.get("policy"):
        yield "a dialect that a subscription manager may have, beyond those of the document"


def faults_of_exchange(one):
    """What is wrong with a case of webhooks."""
    request = one["request"]
    for response in request.get("responses", []):
        if response["status"] == 200 and not response.get("body"):
            yield "a response with 200 that has no payload (WEBHOOK-2.2-f)"
    statuses = [outcome["result"]["response"]["status"] for outcome in one["expect"]] if request["op"] == "deliver" else []
    if 415 in statuses and not {202, "2xx"} & set(statuses):
        yield "a format that is not understood, of which 202 may say that nothing was looked at yet (WEBHOOK-2.2-g)"
    accepted = [outcome["result"]["delivered"] for outcome in one["expect"] if request["op"] == "deliver" and str(outcome["result"]["response"]["status"]).startswith("2")]
    if "earlier" in request and 1 in accepted and 0 not in accepted:
        yield "an event that was delivered before, which may not be dropped as a duplicate (CE-id-f)"
    if "WEBHOOK-3.2-c" in one["clauses"] and "&" not in request.get("target", request.get("request", {}).get("target", "")) and "?" not in request.get("target", ""):
        yield "a clause on other parameters, of which the target has none (WEBHOOK-3.2-c)"


# A media type that decides what a payload is.
DECIDES = re.compile(r"\b[A-Za-z]{1,20}/(?!cloudevents)[A-Za-z.]{0,40}\+?(?:json|cbor)\b", re.IGNORECASE)


def cased_json(request):
    """Whether what is read or written has a media type of JSON or CBOR that is not in lower case."""
    shown = readable(request)
    return len(shown) < 20_000 and any(media_type != media_type.lower() for media_type in DECIDES.findall(shown))


def is_of_no_format(side):
    """Whether a message has a media type of CloudEvents that is that of no format, and holds an event of the JSON format."""
    message = side.get("message")
    if not isinstance(message, dict) or side.get("strictness") == "lenient":
        return False
    found = re.findall(r"(?i)application/cloudevents[\w+.-]*", json.dumps({name: value for name, value in message.items() if name not in ("body", "value", "payload")}))
    if not found or any(re.fullmatch(r"(?i)application/cloudevents(?:-batch)?\+(?:json|xml|protobuf|avro|avro-compact|cbor)", media_type) for media_type in found):
        return False
    named = {name: value for name, value in message.items() if name in ("body", "value", "payload")}
    try:
        event = json.loads(json_document({"via": "json", "message": named}) or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("specversion") == "1.0" and all(isinstance(event.get(name), str) for name in REQUIRED)


def brought_to_1_0(one):
    """Whether an event of 0.3 may be written as one of 1.0."""
    octets = [base64.b64decode(octets) if octets else text.encode() for outcome in one["expect"]
              for text, octets in re.findall(r'"(?:text": "((?:[^"\\]|\\.)*)|base64": "([^"]*))"', json.dumps(outcome.get("result", {}).get("message", {})))]
    if one["request"]["via"] == "avro-compact" or any("dataschema" in event["attributes"] for event in one["request"]["events"]):
        return True  # a format that has one version, and an extension that 1.0 has as an attribute of another type
    return '"1.0"' in json.dumps(one["expect"]) or any(b"1.0" in some.replace(b"<?xml version='1.0'", b"") for some in octets)


def presented(one):
    """The JSON payloads of the outcomes."""
    for outcome in one["expect"]:
        for shown in outcome.get("result", {}).get("events", []):
            if "json" in shown.get("data", {}):
                yield shown["data"]["json"]


def is_beyond_doubles(text):
    """Whether a JSON text has a number with more digits than the shortest of its double, or one that is out of the range."""
    numbers = []
    try:
        json.loads(text, parse_float=numbers.append, parse_int=numbers.append)
    except (ValueError, RecursionError):
        return False
    return any(decimal.Decimal(number) != decimal.Decimal(repr(float(number))) for number in numbers)


def has_value_of_no_json(side):
    """Whether an event of the JSON format that is read has data that is no string, and a content type that is not JSON."""
    try:
        shown = json.loads(json_document(side) or b"")
    except (ValueError, RecursionError):
        return False
    return any(isinstance(event, dict) and isinstance(event.get("datacontenttype"), str) and not re.search(r"[/+]json\s*(?:;|$)", event["datacontenttype"].lower())
               and not isinstance(event.get("data", ""), str) for event in (shown if isinstance(shown, list) else [shown]))


# Clauses on `data` under a content type that is JSON.
OF_JSON_CONTENT = {"JSON-3.1.1-h", "JSON-3.1.1-i", "JSON-3.1.2-d", "JSON-3.1.2-e", "JSON-3.1.2-f"}


def has_text_alone(one):
    """Whether each payload in the documents of the JSON format that a case reads and writes is a string under a content type that is not JSON."""
    request, found = one["request"], []
    for side in [request.get("from", request), *({**request.get("to", request), **outcome.get("result", {})} for outcome in one["expect"])]:
        try:
            document = json.loads(json_document(side) or b"[]")
        except (ValueError, RecursionError):
            return False
        found += [event for event in (document if isinstance(document, list) else [document]) if isinstance(event, dict) and event.keys() & {"data", "data_base64"}]
    return bool(found) and all(isinstance(event.get("data", ""), str) and is_foreign(event) for event in found)


def sequences(side):
    """The octets of payloads that are JSON text sequences, in messages in binary mode."""
    message = side.get("message")
    if isinstance(message, dict) and "application/json-seq" in json.dumps([message.get("headers"), message.get("properties"), message.get("content-type")]):
        body = message.get("body") or message.get("value") or message.get("payload") or {}
        for part in body.get("data", [body]) if isinstance(body, dict) else []:
            yield base64.b64decode(part["base64"]) if "base64" in part else part.get("text", "").encode()


def has_quoted_value(request):
    """Whether an attribute stands in quotation marks in the headers of a message that is read."""
    message = request.get("from", request).get("message") if request["op"] in ("decode", "transcode") else None
    return isinstance(message, dict) and any(name.lower().startswith("ce-") and re.fullmatch('[ \t]*".*"[ \t]*', value) for name, value in message.get("headers") or [])


def compressed_bodies(message):
    """The octets of a body that has the content encoding gzip."""
    if isinstance(message, dict) and "gzip" in json.dumps(message.get("properties", message.get("headers", {}))):
        body = message.get("body") or message.get("value") or message.get("payload") or {}
        for part in body.get("data", [body]) if isinstance(body, dict) else []:
            yield base64.b64decode(part["base64"]) if "base64" in part else part.get("text", "").encode()


def typed_octets(one):
    """The content types and the octets of the payloads of an event of version 1.0 that is read from a document of the JSON or the CBOR format, or written as one."""
    request = one["request"]
    sides = [request.get("from", request), *({**request.get("to", request), **outcome.get("result", {})} for outcome in one["expect"])]
    for side in sides:
        try:
            document = json.loads(json_document(side) or b"")
        except (ValueError, RecursionError):
            document = []
        for event in document if isinstance(document, list) else [document]:
            if isinstance(event, dict) and event.get("specversion") == "1.0" and isinstance(event.get("data_base64"), str):
                yield event.get("datacontenttype"), event["data_base64"]
        stated = stated_by_cbor(side) if isinstance(side.get("message"), dict) else None
        if stated:
            yield stated[0], base64.b64encode(stated[1]).decode()


def is_no(media_type, text):
    """Whether octets are certainly not of this media type."""
    beginning = BEGINNINGS.get((media_type or "").split(";")[0].strip().lower())
    try:
        octets = base64.b64decode(text, validate=True)
        return beginning is not None and (not octets.startswith(beginning) or octets == beginning)
    except ValueError:
        return False


# ---- Validity


def validity(one):
    """`valid`: accepted. `invalid`: refused. `acceptable`: either."""
    kinds = {is_refusal(outcome) for outcome in one["expect"]}
    if kinds == {False}:
        return "valid"
    return "acceptable" if len(kinds) == 2 or {"producer-rule", "hostile"} & set(one.get("flags", [])) else "invalid"


# Cases about the instant of a time, however it is spelled: without its text.
INSTANT = re.compile(r".*/(?:(?:de|en)code-)?time-instant(?:-\w+)?$")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


# A type of the element of data that is none of the three, or of an extension that is none of the seven, or none at all: which there are binds those who write. So is one whose prefix
# is not declared, and one that is there twice by its namespace: XML 1.0 has names with colons, and knows nothing of namespaces.
# That a payload of an element has exactly one binds them, too, as that it has no text beside it does.
NO_TYPE_OF_DATA = re.compile(r"xml/(?:data-decode/(?:type-of-the-format|unknown-type|type-unbound|without-type|xml-empty|xml-two-elements)|attributes-decode/extension-(?:without-type|type-[\w-]+)"
                             r"|namespaces/(?:other-type-attribute|xsi-undeclared|children-without-namespace)|document-syntax/duplicate-by-namespace)$")

# An extension in a type of CBOR that no attribute has: "Extension specifications MAY define secondary mapping rules" (CBOR format, section 2.2), as in the JSON format.
MAPPED_IN_CBOR = re.compile(r"cbor/attributes-decode/extension-(?:float|whole-float|array|map|epoch|encoded-item|simple|uri-of-bytes|timestamp-of-number)$")

# A document of CBOR in another place than a document has to be, or with something behind it, which "is only an error if the application assumed that the input bytes would
# span exactly one data item" (RFC 8949, appendix F); a batch of XML that is called an event, an event of Avro or Protobuf that is called a batch, and a datum of Avro in a file of them, or behind a
# fingerprint; and JSON in a text frame of a subprotocol that has another format. Where events stand, and what they are called, binds those who write.
WRAPPED = re.compile(r"cbor/document-syntax/(?:array-of-events|wrapped|encoded-item|trailing|sequence)$|xml/document-syntax/batch$|xml/batch-decode/event$|avro/structured/decode-batch$|avro/document-syntax/(?:object-container|single-object)$|protobuf/batch-decode/single-event$|websockets/frames/(?:avro|protobuf)-in-a-text-frame$")


# An event of JSON under a media type that is no format of CloudEvents. That a receiver "can distinguish" the modes by the media type has no key word, and which media type
# a document has binds those who write.
UNTYPED = re.compile(r"(?:http|kafka)/not-a-cloudevent/(?:event-under-plain-json|batch-under-plain-json|similar-media-type|text-cloudevents-media-type|media-type-in-accept)$"
                     r"|(?:http|kafka)/lenient/not-a-cloudevent-still-told$|http/transcode/not-a-cloudevent-to-structured$|amqp/mode-detection/(?:event-under-plain-json|similar-media-type)$")

# Names in an expression of CESQL that break the rule for names, which binds those who write it; a payload of JSON in another type than it is written in; and one of XML in the alphabet of
# base64 for URLs, which some readers know: that it is "encoded appropriately" binds those who write.
MISNAMED = re.compile(r"xml/data-decode/binary-not-base64$|cesql/literals/identifier-(?:underscore|dot|non-ascii)$|json/data-decode/base64-(?:array|object)$")


def flags(one):
    whole = {**one, "expect": [outcome for outcome in one["expect"] if not is_partial(one, outcome)]}
    one = whole if whole["expect"] else one
    found = set(one.get("flags", [])) - {"producer-rule", "hostile", "verbatim", "lenient"}
    op = one["request"]["op"]
    reads = op in ("decode", "transcode", "upgrade", "filter", "deliver")
    clauses = [clause for clause in one["clauses"] if clause not in GENERAL and strong(clause, one["level"])]
    clauses = [clause for clause in clauses if not UNDONE.match(clause)] or clauses
    roles = {REQUIREMENTS[clause]["role"] for clause in clauses}
    # Texts and names come from others, too: that a value has one canonical text says what is written, and nothing of other texts.
    takes = reads or op in ("parse", "name")
    if takes and refused(one) and not one["request"].get("exact") and roles and roles <= {"producer", "sender", "intermediary"}:
        found.add("producer-rule")
    if reads and any("error" in outcome for outcome in one["expect"]) and clauses and all(NAMES.match(clause) for clause in clauses):
        found.add("producer-rule")
    if refused(one) and any(REQUIRED - {name for name, stated in event["attributes"].items() if stated["value"] != ""} for event in one["request"].get("events", [])):
        found.add("producer-rule")
    if reads and refused(one) and (UNVERIFIED.match(one["id"]) or BEHIND.match(one["id"]) or SKIPPED.match(one["id"])) or BEYOND.match(one["id"]) or UNPADDED.match(one["id"]):
        found.add("producer-rule")
    if reads and refused(one) and any(some.match(one["id"]) for some in (NO_TYPE_OF_DATA, MAPPED_IN_CBOR, WRAPPED)):
        found.add("producer-rule")
    if reads and refused(one) and set(one["clauses"]) == {"AMQP-3.1.2-a"}:
        found.add("producer-rule")  # which section holds the payload; what a reader does with another is not said
    if reads and refused(one) and set(one["clauses"]) == {"SDK-Acceptance-a"}:
        found.add("producer-rule")  # that events of version 0.3 are supported is recommended; what is refused of them is not said
    if reads and refused(one) and extends_json(one["request"].get("from", one["request"])):
        found.add("producer-rule")
    if refused(one) and (UNTYPED.match(one["id"]) or MISNAMED.match(one["id"])):
        found.add("producer-rule")
    source = one["request"].get("from", one["request"])
    if reads and refused(one) and any(some.match(one["id"]) for some in (NO_VALUE, OTHER_TYPE, WIDE, ELSEWHERE, ABSENT)):
        found.add("producer-rule")
    if reads and refused(one) and (is_of_another_name(source) or is_no_batch(source)):
        found.add("producer-rule")
    if reads and one["expect"] and is_refusal(one["expect"][0]) and (has_a_mapping_of_its_own(source) or NOT_UTF8.match(one["id"])):
        found.add("producer-rule")
    if op == "decode" and any(is_refusal(outcome) for outcome in one["expect"]) and payload_extends_json(source):
        found.add("producer-rule")
    if HOSTILE.search(one["id"]) and refused(one):
        found.add("hostile")
    sibling = strict_sibling(one)
    if sibling and refused(one):
        found |= {"producer-rule", "hostile"} & set(sibling.get("flags", []))
    if any(unusual(match) for match in times_kept(one)) and not INSTANT.match(one["id"]):
        found.add("verbatim")
    if one["request"]["op"] in ("decode", "encode", "transcode", "parse", "upgrade") and not refused(one) and NORMALISED.search(json.dumps(one["request"])):
        found.add("verbatim")
    no_time = any(name.endswith("time") for outcome in one["expect"] for name in outcome.get("absent-headers", []))
    if no_time or SPELLED.match(one["id"]):
        found.add("verbatim")
    if is_lenient(one["request"]) and one.get("policy"):
        # Which repairs there are, and what they are called, is a convention of those who repair, and no more.
        found = found - {"producer-rule"} | {"lenient"}
    return sorted(found)


# A time, and a URI, as texts stand in outcomes.
EXACT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)|(?:https?|HTTPS?|Https?|urn)://?[^\"\\<]*")


def texts_kept(one):
    """The outcomes of a case that needs exact texts. One that has another text of a time or a URI than the first is not allowed in the profile `verbatim`."""
    def texts(outcome):
        return set(EXACT.findall(json.dumps(outcome.get("result"), ensure_ascii=False)))

    found = [{name: value for name, value in outcome.items() if name != "verbatim"} for outcome in one["expect"]]
    if "verbatim" not in one["flags"]:
        return found
    return [outcome if is_refusal(outcome) or texts(found[0]) <= texts(outcome) else {**outcome, "verbatim": False} for outcome in found]


# The members of the JSON format whose type the specification says.
SPECIFIED = {"specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype", "data", "data_base64"}


def has_a_mapping_of_its_own(side):
    """Whether the message is a document of the JSON format, an extension of which is an object, an array or a fraction, and that has the required attributes.

    "Extension specifications MAY define secondary mapping rules" (JSON, section 2.2), which a reader need not know.
    """
    try:
        document = json.loads(json_document(side) or b"")
    except (ValueError, RecursionError):
        return False
    for event in document if isinstance(document, list) else [document]:
        if isinstance(event, dict) and event.get("specversion") == "1.0" and all(isinstance(event.get(name), str) for name in REQUIRED):
            if any(isinstance(value, (dict, list, float)) for name, value in event.items() if name not in SPECIFIED):
                return True
    return False


def payload_extends_json(side):
    """Whether the payload of a message in binary mode is declared to be JSON, and is none: a parser that takes it for some value extends JSON, as it may."""
    message = side.get("message")
    if not isinstance(message, dict) or side.get("via") not in ("http", "kafka", "amqp", "mqtt5", "nats", "rabbitmq"):
        return False
    declared = [value["text"] if isinstance(value, dict) else value for name, value in message.get("headers") or [] if name.lower() == "content-type"
                and (isinstance(value, str) or isinstance(value, dict) and "text" in value)]
    declared += [value for name, value in (message.get("properties") or {}).items() if name == "content-type" and isinstance(value, str)]
    if "content-encoding" in (message.get("properties") or {}):
        return False
    if not any(re.fullmatch(r"application/(?!cloudevents)(?:[a-z.]+\+)?json(?:;.*)?", media_type) for media_type in declared):
        return False
    body = message.get("body") or message.get("value") or message.get("payload")
    body = body["data"][0] if isinstance(body, dict) and isinstance(body.get("data"), list) and len(body["data"]) == 1 else body
    if not isinstance(body, dict) or not body.keys() & {"text", "base64"} or body in ({"text": ""}, {"base64": ""}):
        return False
    octets = body["text"].encode() if "text" in body else base64.b64decode(body["base64"])
    try:
        json.loads(octets.decode("utf-8"), parse_constant=no_constant)
        return False
    except (ValueError, RecursionError):
        return True


def names_a_batch(side):
    """Whether a document of the JSON format is called a batch."""
    return side.get("via") == "json-batch" or "cloudevents-batch" in json.dumps(side.get("message")).lower()


def is_of_another_name(side):
    """Whether the message is one event that is called a batch, or a batch that is called an event. By which name JSON travels binds producers: a receiver that
    finds the events invents nothing."""
    try:
        document = json.loads(json_document(side) or b"")
    except (ValueError, RecursionError):
        return False
    events = document if isinstance(document, list) else [document]
    has_all = all(isinstance(event, dict) and all(isinstance(event.get(name), str) for name in REQUIRED) for event in events)
    return bool(events) and has_all and isinstance(document, list) != names_a_batch(side)


def is_no_batch(side):
    """Whether the message is called a batch, and is null, or no JSON. Whoever reads that as no events, of which there may be none in a batch, invents nothing."""
    octets = json_document(side)
    if octets is None or not names_a_batch(side):
        return False
    try:
        return json.loads(octets) is None
    except (ValueError, RecursionError):
        return True


def extends_json(side):
    """Whether the message is a document of the JSON format whose text is not JSON, and that names the required attributes all the same.

    "A JSON parser MAY accept non-JSON forms or extensions" (RFC 8259, section 9), and CloudEvents says no other; that a text
    is JSON binds generators (section 10). A text in which no attributes can be found is no event, however it is parsed.
    """
    octets = json_document(side)
    if octets is None or not all(name.encode() in octets.replace(b"\0", b"") for name in ("specversion", "id", "source", "type")):
        return False
    try:
        json.loads(octets.decode("utf-8"), parse_constant=no_constant)
        return False
    except RecursionError:
        return False
    except ValueError:
        return True


def no_constant(name):
    raise ValueError(name)


def json_document(side):
    """The octets of a document of the JSON format; None for other messages."""
    message = side.get("message")
    if not isinstance(message, dict):
        return None
    if side.get("via") not in ("json", "json-batch", "mqtt3"):
        media_type = r"application/cloudevents(-batch)?\+json|cloudevents\.json"
        if not re.search(rf'"(content-type|subprotocol)"(: |, |, \{{"\w+": )"({media_type})', json.dumps(message), re.IGNORECASE):
            return None
    body = next((message[name] for name in ("body", "value", "payload") if message.get(name)), None)
    parts = body.get("data", [body]) if isinstance(body, dict) else []
    if not all(isinstance(part, dict) and ("text" in part or "base64" in part) for part in parts):
        return None
    return b"".join(part["text"].encode("utf-8", "surrogatepass") if "text" in part else base64.b64decode(part["base64"]) for part in parts)


def times_kept(one):
    """The times that the first outcome keeps as they were given, and those of its events, which may come from native types."""
    result = one["expect"][0].get("result", {})
    events = json.dumps([result.get("events", []), result.get("event", {})])
    yield from (match for match in STAMP.finditer(events) if len(match[1] or "") > 4)
    if one["request"]["op"] == "encode":
        yield from (match for match in STAMP.finditer(json.dumps(one["request"])) if len(match[1] or "") > 4)
    shown = json.dumps(result)
    yield from (match for match in STAMP.finditer(readable(result.get("message", {}))) if len(match[1] or "") > 4)
    yield from (match for match in STAMP.finditer(json.dumps(one["request"])) if match[0] in shown)


def readable(message):
    """What is written in a message, with what its bytes say."""
    shown = json.dumps(message)
    octets = re.findall(r'"base64": "([^"]*)"', shown)
    return shown + "".join(base64.b64decode(some).decode("latin-1") for some in octets)


def unusual(match):
    """Whether a time has an offset, more digits than milliseconds, or zeros at the end: few native types keep these."""
    return match[2] != "Z" or len(match[1] or "") > 4 or (match[1] or "").endswith("0")


# ---- Files


def show(value, indent=0, width=140):
    """JSON with short things on one line."""
    line = json.dumps(value, ensure_ascii=False)
    line = re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda match: f"\\u{ord(match[0]):04x}", line)
    if len(line) + indent <= width or not isinstance(value, (dict, list)) or not value:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{pad}{json.dumps(key)}: {show(item, indent + 2, width - len(key) - 4)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    items = [f"{pad}{show(item, indent + 2, width)}" for item in value]
    return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"


def text(document):
    """A document as it stands in its file."""
    shown = show(finish(document)) + "\n"
    assert json.loads(shown) == finish(document)
    return shown


def write(documents, script):
    """Writes documents, each to its path, where they differ from what is there. With --check, fails instead, and names the script to run."""
    check, stale = "--check" in sys.argv[1:], []
    for path, document in documents:
        wanted = text(document)
        if path.exists() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
    if stale and check:
        sys.exit(f"run generators/{script}; these documents would change: " + " ".join(stale))
    print(len(stale), "documents changed")


def path_of(document):
    """The file of a document, by its area and topic."""
    return ROOT / "vectors" / document["area"] / f"{document['topic']}.json"


def pack(one):
    """The pack that a case is in; `src/pack.rs` says the same."""
    area, request = one["id"].split("/")[0], one["request"]
    named = {area, request.get("via"), request.get("from", {}).get("via"), request.get("to", {}).get("via")}
    for binding, names in (("rabbitmq", {"rabbitmq"}), ("carriers", {"carriers", *ROWS})):
        if named & names:
            return binding
    if one.get("draft"):
        return "drafts"
    if area == "extensions":
        return "extensions"
    if is_lenient(request):
        return "lenient"
    if one.get("policy") or request.get("exact"):
        return "policy"
    if area in ("cesql", "subscriptions", "webhook"):
        return "companions"
    if "1.0.2" not in one["revisions"]:
        return "main"
    return "recommended" if one["level"] != "MUST" or one.get("flags") else "core"


def record_packs(documents):
    """Records how many cases each pack has, and what they are. Versions are raised by hand, before a release."""
    path, found = ROOT / "packs.json", {}
    for one in sorted((one for document in documents for one in document["cases"]), key=lambda one: one["id"]):
        found.setdefault(pack(one), []).append(one)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    packs = {name: {"version": known.get(name, {}).get("version", "0.1.0"), "cases": len(cases),
                    "sha256": hashlib.sha256(json.dumps(cases, sort_keys=True).encode()).hexdigest()} for name, cases in sorted(found.items())}
    wanted = "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(record)}" for name, record in packs.items()) + "\n}\n"
    if wanted != (path.read_text(encoding="utf-8") if path.exists() else ""):
        if "--check" in sys.argv[1:]:
            sys.exit("run generators/fair.py; packs.json would change")
        path.write_text(wanted, encoding="utf-8")


def main():
    paths = sorted((ROOT / "vectors").glob("*/*.json"))
    write([(path, json.loads(path.read_text(encoding="utf-8"))) for path in paths], "fair.py")
    record_packs([json.loads(path.read_text(encoding="utf-8")) for path in paths])


if __name__ == "__main__":
    main()
