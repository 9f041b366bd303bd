#!/usr/bin/env python3
"""Writes the vectors of extension attributes: what their documents say of names, types and values, as far as a carrier shows it.

    python3 generators/extensions/generate.py           # writes vectors/extensions/
    python3 generators/extensions/generate.py --check   # fails when a document would change

Support for an extension is OPTIONAL: an implementation that does not know it carries the attributes as any others (EXT-Usage-b).
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import fair  # noqa: E402
from table import EXTENSIONS  # noqa: E402

CORE = {"time": ("Timestamp", "2018-04-05T17:31:00Z"), "id": ("String", "A-1"), "source": ("URI-reference", "/sensors/7"),
        "type": ("String", "com.example.reading")}
KNOWN = {*CORE, "subject", "dataschema", "datacontenttype"}
TIMES = {"expirytime", "recordedtime", "deprecationfrom", "deprecationsunset"}
# The extension of these attributes is not the one whose events have them.
OF_OTHERS = {"recordedtime"}
# What only a document shows.
IN_JSON = {"OPCUA-General-a"}
NOTE = "A receiver that knows the extension may give it the documented type."


def event(attributes, payload=None):
    shown = {"specversion": "1.0", "attributes": {name: {"type": kind, "value": value} for name, (kind, value) in {**CORE, **attributes}.items()}}
    return {**shown, "data": {"json": payload}} if payload else shown


def header(kind, value):
    return json.dumps(value) if kind in ("Boolean", "Integer") else value


def document(attributes):
    members = {"specversion": "1.0", **{name: value for name, (_, value) in {**CORE, **attributes}.items()}}
    return {"body": {"text": json.dumps(members, ensure_ascii=False, separators=(",", ":"))}}


def headers(attributes, payload=None):
    fields = [["Content-Type" if name == "datacontenttype" else f"ce-{name}", header(kind, value)] for name, (kind, value) in {**CORE, **attributes}.items()]
    return {"headers": [["ce-specversion", "1.0"], *fields], **({"body": {"text": payload}} if payload else {})}


def readings(attributes, via, payload=None):
    """The outcomes of reading: what the carrier shows of the types, or the documented types, which is for the reader to choose."""
    shown = ("Boolean", "Integer", "String") if via == "json" else ("String",)
    mode = {"mode": "structured" if via == "json" else "binary"}
    plain = {name: (kind, value) if kind in shown or name in KNOWN else ("String", header(kind, value)) for name, (kind, value) in attributes.items()}
    typed = {name: documented(name, kind, value) for name, (kind, value) in attributes.items()}
    # OPC UA uses attributes of other extensions. Each of them may be known, or not.
    other = {name: typed[name] if name in OF_OTHERS else plain[name] for name in plain}
    outcomes = [{"result": {**mode, "events": [event(plain, payload)]}}]
    for known in (typed, other):
        if known != plain and not (known is other and other == typed):
            outcomes.append({"result": {**mode, "events": [event(known, payload)]}, "note": NOTE})
    return outcomes


def documented(name, kind, value):
    return ("Timestamp", value) if name in TIMES and fair.STAMP.fullmatch(value) else (kind, value)


def cases(topic, extension):
    def case(name, title, clauses, level, request, expect, policy=False):
        return {"id": f"extensions/{topic}/{name}", "title": title, "clauses": clauses, "level": level, "revisions": ["1.0.2", "main"],
                **({"policy": True} if policy else {}), "request": request, "expect": expect}

    carriers = extension.get("carriers", ("json", "http"))
    for name, attributes in extension["events"].items():
        named = ", ".join(sorted(attributes.keys() - KNOWN))
        clauses = [*extension["clauses"], *extension.get("more", {}).get(name, []), "EXT-Usage-b"]
        for via in carriers:
            # With a payload, what an implementation does where there is none makes no difference.
            payload = extension.get("payload", '{"value":1}') if via == "http" else None
            attributes = {**attributes, "datacontenttype": ("String", "application/json")} if payload else attributes
            where, message = ("in a JSON document", document(attributes)) if via == "json" else ("in headers", headers(attributes, payload))
            request = {"op": "encode", "via": via, **({"mode": "binary"} if via == "http" else {}), "events": [event(attributes, payload)]}
            outcomes = [{"result": {"message": message}}, *refusal(extension, "encode")]
            # That a long name is written is not said (`discouraged_names`).
            refusable = len(outcomes) > 1 or any(len(other) > 20 for other in attributes)
            yield case(f"{via}-encode-{name}", f"Written {where} as any other attribute of its type{', or refused' if refusable else ''}: {named}", clauses, "MUST", request, outcomes,
                       policy=len(outcomes) > 1)
            outcomes = [*readings(attributes, via, payload), *refusal(extension, "decode")]
            choices = [*(["as the type of its document"] if len(readings(attributes, via, payload)) > 1 else []), *(["refused"] if refusal(extension, "decode") else [])]
            yield case(f"{via}-decode-{name}", f"Read {where} as any other attribute{''.join(f', or {choice}' for choice in choices)}: {named}", clauses, "MUST",
                       {"op": "decode", "via": via, "message": message}, fair.same_payloads(outcomes, via), policy=len(outcomes) > 1)
    for kind, refusals in (("valid", refusal(extension, "decode")), ("broken", [{"error": {}}]), ("of_release", [{"error": {}}])):
        for clause, name, title, attributes, *more in extension.get(kind, ()):
            via = "json" if clause in IN_JSON else carriers[0]
            message = document(attributes) if via == "json" else headers(attributes)
            # The clause binds those who write. That readers carry the attributes follows from how all extensions are serialized.
            outcomes = [*readings(attributes, via), *refusals]
            said = f"{title}, or the event is refused" if kind == "valid" and refusals else title
            one = case(name, said, [clause, *more, "EXT-Usage-b"], "MUST", {"op": "decode", "via": via, "message": message}, outcomes, policy=len(outcomes) > 1)
            yield {**one, "revisions": ["1.0.2"]} if kind == "of_release" else one


def refusal(extension, op):
    """The outcome of an implementation that knows the extension and refuses the event, where it may."""
    note = extension.get("refusable", {}).get(op)
    return [{"error": {}, "note": note}] if note else []


def main():
    documents = [{"area": "extensions", "topic": topic, "title": extension["title"], "cases": list(cases(topic, extension))}
                 for topic, extension in EXTENSIONS.items()]
    fair.write([(fair.path_of(document), document) for document in documents], "extensions/generate.py")


if __name__ == "__main__":
    main()
