"""The official Python SDK as a testee: `ce conformance run --testee "python adapter.py"`.

It answers with what the SDK does, through the SDK's public API, and decides nothing.
"""

import base64
import json
import re
import sys
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version

from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v03.event import CloudEvent as CloudEventV03
from cloudevents.core.v1.event import CloudEvent

START = {
    "version": 1,
    "implementation": {"name": "cloudevents (Python SDK)", "version": version("cloudevents"), "language": "Python",
                       "adapter": "1.1"},
    "capabilities": {
        "specversions": ["1.0", "0.3"],
        "spec": ["1.0.2"],
        "formats": ["json"],
        "bindings": ["http"],
        "ops": ["decode", "encode"],
        "uncovered": ["kafka", "amqp", "rabbitmq"],
    },
}

# The SDK knows the type of these attributes by their names, and holds them as `str` all the same.
TYPES = {
    "1.0": {"source": "URI-reference", "dataschema": "URI"},
    "0.3": {"source": "URI-reference", "schemaurl": "URI-reference"},
}

EVENTS = {"0.3": CloudEventV03}
WRITERS = {None: http.to_binary_event, "binary": http.to_binary_event, "structured": http.to_structured_event}


class Unsupported(Exception):
    """The SDK has nothing of the kind; with `input`, it has no way to be given this part of the request."""

    def __init__(self, reason, input=None):
        super().__init__(reason)
        self.input = input


class Refused(Exception):
    """The SDK raised the exception that is the cause of this one."""


@contextmanager
def the_sdk():
    try:
        yield
    except Exception as error:
        raise Refused from error


class WatchedFormat(JSONFormat):
    """The SDK's JSON format. It remembers whether it read an event or only a payload, and so the content mode."""

    def read(self, event_factory, data):
        self.mode = "structured"
        return super().read(event_factory, data)

    def read_data(self, body, datacontenttype):
        self.mode = "binary"
        return super().read_data(body, datacontenttype)


def decode(request):
    via, message = request["via"], request["message"]
    if request.get("strictness") == "lenient":
        raise Unsupported("the SDK has no lenient mode")
    if via not in ("json", "http"):
        raise Unsupported(f"no {via}")
    body, json_format = octets(message.get("body", {"text": ""})), WatchedFormat()
    headers = received(message.get("headers", []))
    try:
        with the_sdk():
            if via == "json":
                event = json_format.read(None, body)
            else:
                event = http.from_http_event(http.HTTPMessage(headers, body), json_format)
    except Refused:
        if any(value.lower().startswith("application/cloudevents-batch") for value in headers.values()):
            raise Unsupported("the SDK has no batches") from None
        raise
    return {"mode": json_format.mode, "format": "json", "events": [tagged_event(event)]}


def encode(request):
    via, mode, events = request["via"], request.get("mode"), request["events"]
    if via not in ("json", "http") or request.get("format", "json") != "json" or request.get("options"):
        raise Unsupported("no such binding, format or option")
    if mode not in WRITERS or len(events) != 1:
        raise Unsupported("the SDK has no batches", "events")
    specversion, data = events[0]["specversion"], payload(events[0].get("data"))
    attributes = {name: attribute(name, tagged) for name, tagged in events[0]["attributes"].items()}
    with the_sdk():
        event = EVENTS.get(specversion, CloudEvent)({**attributes, "specversion": specversion}, data)
        if via == "json":
            return {"message": {"body": tagged_octets(JSONFormat().write(event))}}
        message = WRITERS[mode](event)
    return {"message": {"headers": list(message.headers.items()), "body": tagged_octets(message.body)}}


def octets(tagged):
    return tagged["text"].encode() if "text" in tagged else base64.b64decode(tagged["base64"])


def tagged_octets(value):
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text):
        return {"base64": base64.b64encode(value).decode()}
    return {"text": text}


def received(headers):
    """Headers as an HTTP library hands them over: trimmed, and one field with a comma for one that is there twice."""
    fields = {}
    for name, value in headers:
        name = next((known for known in fields if known.lower() == name.lower()), name)
        value = value.strip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def attribute(name, tagged):
    kind, value = tagged["type"], tagged["value"]
    if kind == "Timestamp":
        # The SDK takes datetimes.
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", value):
            raise Unsupported("no datetime of Python is this timestamp", name)
        return datetime.fromisoformat(value)
    return base64.b64decode(value) if kind == "Binary" else value


def payload(tagged):
    [(kind, value)] = (tagged or {"json": "null"}).items()  # the SDK has None for `null` and for no payload
    if kind == "json":
        # The SDK takes values.
        try:
            return json.loads(value)
        except ValueError:
            raise Unsupported("no value of Python is this payload: it is not JSON", "data") from None
    if kind not in ("text", "binary"):
        raise Unsupported(f"no payloads of the kind {kind}")
    return base64.b64decode(value) if kind == "binary" else value


def tagged_event(event):
    attributes, data = dict(event.get_attributes()), event.get_data()
    answer = {"specversion": attributes.pop("specversion")}
    types = TYPES[answer["specversion"]]
    answer["attributes"] = {name: tagged_attribute(types, name, value) for name, value in attributes.items()}
    content_type = attributes.get("datacontenttype") or JSONFormat.DEFAULT_CONTENT_TYPE
    if isinstance(data, bytes):
        answer["data"] = {"binary": base64.b64encode(data).decode()}
    elif isinstance(data, str) and not JSONFormat.JSON_CONTENT_TYPE_PATTERN.match(str(content_type)):
        answer["data"] = {"text": data}
    elif data is not None:
        answer["data"] = {"json": json.dumps(data, separators=(",", ":"))}
    return answer


def tagged_attribute(types, name, value):
    if isinstance(value, datetime):
        return {"type": "Timestamp", "value": value.isoformat().replace("+00:00", "Z")}  # as the SDK writes it
    kinds = {str: types.get(name, "String"), bool: "Boolean", int: "Integer"}
    return {"type": kinds.get(type(value), type(value).__name__), "value": value}


def refusal(error):
    """`CloudEventValidationError` is `cloud-event-validation-error`."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(error).__name__).lower()
    names = list(getattr(error, "errors", {}))
    return {"kind": kind, "message": str(error), **({"attribute": names[0]} if names else {})}


def run(request):
    operation = {"decode": decode, "encode": encode}.get(request["op"])
    try:
        if operation is None:
            raise Unsupported(f"no operation {request['op']}")
        return {"result": operation(request)}
    except Unsupported as reason:
        return {"unsupported": str(reason), **({"input": reason.input} if reason.input else {})}
    except Refused as refused:
        return {"error": refusal(refused.__cause__)}


for line in sys.stdin.buffer:
    request = json.loads(line)
    if request["cmd"] == "stop":
        break
    answer = START if request["cmd"] == "start" else {"seq": request["seq"], **run(request)}
    print(json.dumps(answer), flush=True)
