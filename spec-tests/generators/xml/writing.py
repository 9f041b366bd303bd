"""Writes events as documents of the XML format by lxml."""

from lxml import etree

from reading import CE, CORE, TYPES, XS, XSI

PREFIXES = {"ce": CE, "xsi": XSI, "xs": XS}


def write_event(event):
    return serialized(element(event, None))


def write_batch(events):
    batch = etree.Element(f"{{{CE}}}batch", nsmap=PREFIXES)
    for event in events:
        element(event, batch)
    return serialized(batch)


def element(event, parent):
    tag = f"{{{CE}}}event"
    node = etree.Element(tag, nsmap=PREFIXES) if parent is None else etree.SubElement(parent, tag)
    node.set("specversion", event["specversion"])
    for name, typed in event["attributes"].items():
        child = etree.SubElement(node, f"{{{CE}}}{name}")
        if name not in CORE:
            designator = next(key for key, value in TYPES.items() if value == typed["type"])
            child.set(f"{{{XSI}}}type", f"ce:{designator}")
        value = typed["value"]
        child.text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    for kind, value in event.get("data", {}).items():
        child = etree.SubElement(node, f"{{{CE}}}data")
        child.set(f"{{{XSI}}}type", {"xml": "xs:any", "binary": "xs:base64Binary"}.get(kind, "xs:string"))
        if kind == "xml":
            child.append(etree.fromstring(value, etree.XMLParser(strip_cdata=False)))
        else:
            child.text = value
    return node


def serialized(node):
    return etree.tostring(node, encoding="UTF-8", xml_declaration=True).decode()
