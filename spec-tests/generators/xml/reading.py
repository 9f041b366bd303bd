"""Reads documents of the XML format by lxml, to the letter of the specification."""

import base64
import binascii
import json
import re

from lxml import etree

CE = "http://cloudevents.io/xmlformat/V1"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = "http://www.w3.org/2001/XMLSchema"
CORE = {
    "id": "string",
    "source": "uriRef",
    "type": "string",
    "datacontenttype": "string",
    "dataschema": "uri",
    "subject": "string",
    "time": "timestamp",
}
TYPES = {
    "boolean": "Boolean",
    "integer": "Integer",
    "string": "String",
    "binary": "Binary",
    "uri": "URI",
    "uriRef": "URI-reference",
    "timestamp": "Timestamp",
}
WHITE = " \t\r\n"


class Refused(Exception):
    """The document is none of the format."""


def refuse(condition, reason):
    if condition:
        raise Refused(reason)


def tree(document):
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, strip_cdata=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise Refused(f"not well-formed: {error}") from error
    refuse(root.getroottree().docinfo.doctype, "a document type declaration")
    return root


def read_event(document, xml=None):
    """The event of a document, type-tagged. `xml`: the payload's text as it is expected, which is checked against the tree."""
    root = tree(document)
    refuse(root.tag != f"{{{CE}}}event", "not an event")
    return event(root, xml)


def read_batch(document):
    root = tree(document)
    refuse(root.tag != f"{{{CE}}}batch", "not a batch")
    blank(root)
    events = []
    for child in elements(root):
        namespace = etree.QName(child).namespace
        refuse(namespace == CE and child.tag != f"{{{CE}}}event", "another element in a batch")
        if namespace == CE:
            events.append(event(child, None))
    return events


def event(root, xml):
    blank(root)
    refuse(root.get("specversion") != "1.0", "specversion")
    attributes, data = {}, None
    for child in elements(root):
        name = etree.QName(child)
        if name.namespace != CE:
            continue
        if name.localname == "data":
            refuse(data is not None, "data twice")
            data = payload(child, xml)
            continue
        refuse(name.localname in attributes or name.localname == "specversion", "an attribute twice")
        refuse(not re.fullmatch("[a-z0-9]+", name.localname), "a name that is none")
        attributes[name.localname] = attribute(child, name.localname)
    refuse(not {"id", "source", "type"} <= attributes.keys(), "a required attribute is missing")
    tagged = {"specversion": "1.0", "attributes": attributes}
    if data is not None:
        tagged["data"] = decided(data, attributes.get("datacontenttype"))
    return tagged


def decided(data, content_type):
    """Character data is JSON under a JSON content type when it is JSON."""
    if "text" in data and content_type and re.match(r"[^;]*[/+]json\s*(;|$)", content_type["value"], re.I):
        try:
            json.loads(data["text"])
            return {"json": data["text"]}
        except ValueError:
            pass
    return data


def attribute(element, name):
    text = characters(element)
    refuse("\n" in text or "\r" in text, "a line break")
    namespace, local = type_of(element)
    if name in CORE:
        refuse(local is not None and (namespace, local) != (CE, CORE[name]), "not the type of this attribute")
        refuse(text == "", "an empty attribute")
        local = CORE[name]
    else:
        refuse(local is None, "an extension without a type")
        refuse(namespace != CE or local not in TYPES, "an unknown type")
    return {"type": TYPES[local], "value": value(local, text)}


def value(kind, text):
    if kind == "boolean":
        refuse(text not in ("true", "false"), "not a boolean")
        return text == "true"
    if kind == "integer":
        refuse(not re.fullmatch("-?(0|[1-9][0-9]*)", text), "not an integer")
        refuse(not -(2**31) <= int(text) < 2**31, "not 32 bits")
        return int(text)
    if kind == "binary":
        binary(text)
    elif kind == "uri":
        refuse(not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*", text) or "#" in text, "not an absolute URI")
    elif kind == "uriRef":
        refuse(not re.fullmatch(r"[!-~]*", text), "not a URI-reference")
    elif kind == "timestamp":
        pattern = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
        refuse(not re.fullmatch(pattern, text, re.A), "not a timestamp")
    else:
        refuse(re.search("[\0-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", text), "a character no String has")
    return text


def payload(element, xml):
    namespace, local = type_of(element)
    refuse(namespace != XS, "data without a type of XML Schema")
    if local == "string":
        return {"text": characters(element)}
    if local == "base64Binary":
        packed = "".join(c for c in characters(element) if c not in WHITE)
        return {"binary": base64.b64encode(binary(packed)).decode()}
    refuse(local != "any", "an unknown type of data")
    blank(element)
    children = list(elements(element))
    refuse(len(children) != 1, "not one element")
    if xml is not None:
        same_element(children[0], xml)
    return {"xml": xml}


def same_element(element, xml):
    """The text is that element: with all namespaces in scope, comments, and as many CDATA sections."""
    alone = tree(xml.encode())
    written = etree.tostring(element, with_tail=False, encoding="unicode")
    canonical = [etree.tostring(tree(text.encode()), method="c14n", with_comments=True) for text in (xml, written)]
    assert canonical[0] == canonical[1], canonical
    assert alone.nsmap == element.nsmap, (alone.nsmap, element.nsmap)
    assert xml.count("<![CDATA[") == written.count("<![CDATA["), written


def binary(text):
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Refused("not base64") from error
    refuse(base64.b64encode(found).decode() != text, "not base64 of RFC 4648")
    return found


def type_of(element):
    """The type as a qualified name; `ce` stands for the format's namespace where it is not declared."""
    written = element.get(f"{{{XSI}}}type")
    if written is None:
        return None, None
    prefix, colon, local = written.strip(WHITE).rpartition(":")
    if colon and not prefix:
        raise Refused(f"{written} is no qualified name")
    namespace = element.nsmap.get(prefix or None)
    if namespace is None and prefix == "ce":
        namespace = CE
    return namespace, local


def elements(parent):
    return (child for child in parent if isinstance(child.tag, str))


def characters(element):
    refuse(next(elements(element), None) is not None, "a child element")
    refuse(any(child.tag is etree.Entity for child in element), "an entity")
    return (element.text or "") + "".join(child.tail or "" for child in element)


def blank(element):
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    refuse(text.strip(WHITE) != "", "text where only elements belong")
