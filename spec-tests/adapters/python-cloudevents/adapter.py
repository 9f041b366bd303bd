"""The official Python SDK as a testee: `ce conformance run --testee "python adapter.py"`.

It answers with what the SDK does, through the SDK's public API, and decides nothing.
"""

import base64
import http.client
import json
import re
import sys
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version

from cloudevents.core.bindings import amqp, kafka
from cloudevents.core.bindings import http as ce_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v03.event import CloudEvent as CloudEventV03
from cloudevents.core.v1.event import CloudEvent

START = {
    "version": 1,
    "implementation": {"name": "cloudevents (Python SDK)", "version": version("cloudevents"), "language": "Python",
                       "adapter": "1.7"},
    "capabilities": {
        "specversions": ["1.0", "0.3"],
        "spec": ["1.0.2"],
        "formats": ["json"],
        "bindings": ["http", "kafka", "amqp"],
        "ops": ["decode", "encode"],
        "options": ["key"],
    },
}

# The SDK knows the type of these attributes by their names, and holds them as `str` all the same.
TYPES = {
    "1.0": {"source": "URI-reference", "dataschema": "URI"},
    "0.3": {"source": "URI-reference", "schemaurl": "URI-reference"},
}

EVENTS = {"0.3": CloudEventV03}
BINDINGS = {"http": ce_http, "kafka": kafka, "amqp": amqp}


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
    """The SDK's JSON format. It remembers whether it read an event or only a payload, and so the content mode, and whether that was no JSON."""

    is_text = False

    def read(self, event_factory, data):
        self.mode = "structured"
        return super().read(event_factory, data)

    def read_data(self, body, datacontenttype):
        self.mode = "binary"
        data = super().read_data(body, datacontenttype)
        # It returns what is no JSON as it stands, under a JSON content type, too.
        self.is_text = isinstance(data, str) and data.encode() == body
        return data


def decode(request):
    via, message = request["via"], request["message"]
    if request.get("strictness") == "lenient":
        raise Unsupported("the SDK has no lenient mode")
    if via not in ("json", *BINDINGS):
        raise Unsupported(f"no {via}")
    json_format = WatchedFormat()
    read = {"json": read_json, "http": read_http, "kafka": read_kafka, "amqp": read_amqp}[via]
    event = read(message, json_format)
    return {"mode": json_format.mode, "format": "json", "events": [tagged_event(event, json_format.is_text)]}


def read_json(message, json_format):
    with the_sdk():
        return json_format.read(None, octets(message["body"]))


def read_http(message, json_format):
    headers = received(message["headers"])
    try:
        with the_sdk():
            return ce_http.from_http_event(ce_http.HTTPMessage(headers, octets(message.get("body") or {"text": ""})), json_format)
    except Refused:
        if any(value.lower().startswith("application/cloudevents-batch") for value in headers.values()):
            raise Unsupported("the SDK has no batches") from None
        raise


def read_kafka(message, json_format):
    """As a client hands records over: bytes, and None for null. The SDK takes headers in a dict, which `dict` makes of the pairs that clients have."""
    headers = {name: value and octets(value) for name, value in message["headers"]}
    key, value = (message.get(name) and octets(message[name]) for name in ("key", "value"))
    with the_sdk():
        return kafka.from_kafka_event(kafka.KafkaMessage(headers, key, value), json_format)


def read_amqp(message, json_format):
    """As a client hands messages over: native values, a timestamp in milliseconds, and the data sections as one."""
    body = message.get("body") or {"data": []}
    if body.get("value", {}).get("type") == "null":
        # Clients have None for it, as for no body at all.
        body = {"data": []}
    if "data" not in body:
        raise Unsupported("the API takes data sections only", "message")
    properties = {name: native(value) for name, value in message.get("application-properties") or []}
    with the_sdk():
        data = b"".join(map(octets, body["data"]))
        return amqp.from_amqp_event(amqp.AMQPMessage(message.get("properties") or {}, properties, data), json_format)


def native(typed):
    return base64.b64decode(typed["value"]) if typed["type"] == "binary" else typed["value"]


def amqp_typed(value):
    """As clients write the values that the SDK gives them: integers are longs."""
    kinds = {bool: "boolean", int: "long", str: "string"}
    if isinstance(value, bytes):
        return {"type": "binary", "value": base64.b64encode(value).decode()}
    return {"type": kinds.get(type(value), type(value).__name__), "value": value}


def written(via, message):
    if via == "http":
        return {"headers": sendable(message.headers), "body": tagged_octets(message.body)}
    if via == "kafka":
        key = message.key.encode() if isinstance(message.key, str) else message.key
        return {"key": None if key is None else tagged_octets(key), "value": tagged_octets(message.value),
                "headers": [[name, tagged_octets(value)] for name, value in message.headers.items()]}
    return {"properties": message.properties, "body": {"data": [tagged_octets(message.application_data)]},
            "application-properties": [[name, amqp_typed(value)] for name, value in message.application_properties.items()]}


def sendable(headers):
    """Headers as `http.client` sends them, to which requests and urllib3 hand them over: it refuses line breaks, and text beyond Latin-1."""
    connection = http.client.HTTPConnection("localhost")  # it connects when the headers end, and they do not
    connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
    with the_sdk():
        for name, value in headers.items():
            connection.putheader(name, value)
    return list(headers.items())


def encode(request):
    via, mode, events = request["via"], request.get("mode") or "binary", request["events"]
    if via not in ("json", *BINDINGS) or request.get("format", "json") != "json":
        raise Unsupported("no such binding or format")
    options = {}
    if isinstance(key := request.get("options", {}).pop("key", None), dict):
        options["key_mapper"] = lambda event: octets(key)
    if request.get("options"):
        raise Unsupported("no such option")
    if mode not in ("binary", "structured"):
        raise Unsupported("the SDK has no batches", "mode")
    if len(events) != 1:
        raise Unsupported("the API takes one event", "events")
    specversion, data = events[0]["specversion"], payload(events[0].get("data"), via != "json" and mode == "binary")
    attributes = {name: attribute(name, tagged) for name, tagged in events[0]["attributes"].items()}
    with the_sdk():
        event = EVENTS.get(specversion, CloudEvent)({**attributes, "specversion": specversion}, data)
        if via == "json":
            return {"message": {"body": tagged_octets(JSONFormat().write(event))}}
        message = getattr(BINDINGS[via], f"to_{mode}_event")(event, **options)
    return {"message": written(via, message)}


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
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise Unsupported("no datetime of Python is this timestamp", name) from None
    return base64.b64decode(value) if kind == "Binary" else value


def no_json(constant):
    raise ValueError(f"{constant} is a number of Python, and no JSON")


def payload(tagged, is_body):
    """The SDK takes `dict`, `str`, `bytes` and None, which is no payload. Only a `dict` becomes JSON in a body, where a `str` is the text to be written."""
    if tagged is None:
        return None
    [(kind, value)] = tagged.items()
    if kind == "json":
        try:
            read = json.loads(value, parse_constant=no_json)
        except ValueError:
            raise Unsupported("no value of Python is this payload: it is not JSON", "data") from None
        if is_body and not isinstance(read, dict):
            return value.encode()
        if read is None:
            raise Unsupported("None is no payload", "data")
        return read
    if kind not in ("text", "binary"):
        raise Unsupported(f"no payloads of the kind {kind}")
    return base64.b64decode(value) if kind == "binary" else value


def tagged_event(event, is_text):
    attributes, data = dict(event.get_attributes()), event.get_data()
    answer = {"specversion": attributes.pop("specversion")}
    types = TYPES[answer["specversion"]]
    # None is what the SDK returns for an attribute that is not there, and what it leaves out of headers.
    answer["attributes"] = {name: tagged_attribute(types, name, value) for name, value in attributes.items() if value is not None}
    content_type = attributes.get("datacontenttype") or JSONFormat.DEFAULT_CONTENT_TYPE
    if isinstance(data, bytes):
        answer["data"] = {"binary": base64.b64encode(data).decode()}
    elif isinstance(data, str) and (is_text or not JSONFormat.JSON_CONTENT_TYPE_PATTERN.match(str(content_type))):
        answer["data"] = {"text": data}
    elif data is not None:
        answer["data"] = {"json": json_text(data)}
    return answer


def json_text(value):
    """The JSON of a value. What `json.dumps` writes as Infinity, outside of strings, is beyond the range of doubles; JSON cannot write it."""
    text = json.dumps(value, separators=(",", ":"))
    return re.sub(r'"(?:\\.|[^"\\])*"|Infinity', lambda part: "1e999" if part[0] == "Infinity" else part[0], text)


def tagged_attribute(types, name, value):
    if isinstance(value, datetime):
        return {"type": "Timestamp", "value": value.isoformat().replace("+00:00", "Z")}  # as the SDK writes it
    if isinstance(value, bytes):
        return {"type": "Binary", "value": base64.b64encode(value).decode()}
    kinds = {str: types.get(name, "String"), bool: "Boolean", int: "Integer"}
    if type(value) not in kinds:  # a fraction, a list or a map: of no type that CloudEvents has
        return {"type": "String", "value": json_text(value)}
    return {"type": kinds[type(value)], "value": value}


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
