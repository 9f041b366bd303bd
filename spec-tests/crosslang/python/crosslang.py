"""What peers in Python share: lines of JSON in, lines of JSON out, and events by the text of the bindings, without an SDK."""

import base64
import json
import sys


def serve(send, receive):
    """Answers each line of the standard input."""
    for line in sys.stdin:
        request = json.loads(line)
        answer(send(**request) if "events" in request else receive(**request))


def answer(value):
    print(json.dumps(value), flush=True)


def subscribed():
    """Announces that messages from now on are read."""
    answer("subscribed")


def canonical(type, value):
    """The canonical string of an attribute."""
    return str(value).lower() if type == "Boolean" else str(value)


def document(specversion, attributes, data=None):
    """The JSON format. The text of JSON payloads stays as it is."""
    rendered = json.dumps(
        {"specversion": specversion, **{name: typed["value"] for name, typed in attributes.items()}}, ensure_ascii=False
    )
    if data:
        [(kind, value)] = data.items()
        if kind == "binary":
            rendered = f'{rendered[:-1]}, "data_base64": {json.dumps(value)}}}'
        else:
            rendered = f'{rendered[:-1]}, "data": {value if kind == "json" else json.dumps(value, ensure_ascii=False)}}}'
    return rendered.encode()


def payload(data):
    """The payload of binary mode."""
    if data is None:
        return None
    [(kind, value)] = data.items()
    return base64.b64decode(value) if kind == "binary" else value.encode()


def read_document(body):
    """The answer for a document."""
    document, data = json.loads(body), None
    if "data_base64" in document:
        data = document.pop("data_base64")
    elif "data" in document:
        value = document.pop("data")
        is_json = "json" in document.get("datacontenttype", "application/json")
        rendered = json.dumps(value, separators=(",", ":"), ensure_ascii=False) if is_json or not isinstance(value, str) else value
        data = base64.b64encode(rendered.encode()).decode()
    attributes = {name: canonical("Boolean" if isinstance(value, bool) else "", value) for name, value in document.items()}
    return {"attributes": attributes, "data": data}


def read_parts(attributes, data):
    """The answer for attributes and a payload."""
    return {"attributes": attributes, "data": None if data is None else base64.b64encode(data).decode()}
