"""What peers with the official Python SDK share: events of the SDK, made and shown."""

import base64
import json
from datetime import datetime

from cloudevents.core.v1.event import CloudEvent


def build(specversion, attributes, data=None):
    """An event of the SDK, with what it has for each type."""
    made = {name: attribute(**typed) for name, typed in attributes.items()}
    return CloudEvent({**made, "specversion": specversion}, payload(data))


def attribute(type, value):
    if type == "Timestamp":
        return datetime.fromisoformat(value)  # what the SDK takes
    return base64.b64decode(value) if type == "Binary" else value


def payload(tagged):
    if tagged is None:
        return None
    [(kind, value)] = tagged.items()
    return {"json": json.loads, "binary": base64.b64decode}.get(kind, str)(value)


def plain(event):
    """The answer for an event of the SDK."""
    attributes, data = event.get_attributes(), event.get_data()
    if data is not None and not isinstance(data, bytes):
        content_type = attributes.get("datacontenttype") or "application/json"
        text = isinstance(data, str) and "json" not in content_type
        data = (data if text else json.dumps(data, separators=(",", ":"), ensure_ascii=False)).encode()
    return {
        "attributes": {name: text_of(value) for name, value in attributes.items() if value is not None},
        "data": None if data is None else base64.b64encode(data).decode(),
    }


def text_of(value):
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
