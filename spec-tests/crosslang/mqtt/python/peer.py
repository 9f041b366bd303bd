"""Eclipse Paho, with no SDK: messages by the text of the binding alone. `peer.py URL`; see the README for the lines it reads and
writes."""

import queue
import sys
import threading
from urllib.parse import urlsplit

import crosslang
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

URL = urlsplit(sys.argv[1])
PATIENCE = 30


def connect(mode):
    version = mqtt.MQTTv311 if mode == "v3" else mqtt.MQTTv5
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=version)
    client.connect(URL.hostname, URL.port)
    client.loop_start()
    return client


def send(address, mode, events):
    client, answers = connect(mode), []
    for tagged in events:
        try:
            body, properties = {"binary": binary, "structured": structured, "v3": document}[mode](tagged)
            client.publish(address, body, qos=1, properties=properties).wait_for_publish(PATIENCE)
            answers.append(None)
        except ValueError as error:  # a refusal is an answer
            answers.append(repr(error))
    client.disconnect()
    client.loop_stop()
    return answers


def binary(tagged):
    """Section 3.1: user properties without a prefix."""
    properties = Properties(PacketTypes.PUBLISH)
    attributes = dict(tagged["attributes"])
    if "datacontenttype" in attributes:
        properties.ContentType = attributes.pop("datacontenttype")["value"]
    properties.UserProperty = [
        ("specversion", tagged["specversion"]),
        *((name, crosslang.canonical(**typed)) for name, typed in attributes.items()),
    ]
    return crosslang.payload(tagged.get("data")) or b"", properties


def structured(tagged):
    """Section 3.2."""
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/cloudevents+json"
    return crosslang.document(**tagged), properties


def document(tagged):
    """MQTT 3.1.1 has structured mode alone, and no properties."""
    return crosslang.document(**tagged), None


def receive(address, count, mode):
    client, arrived, ready = connect(mode), queue.Queue(), threading.Event()
    client.on_message = lambda client, data, message: arrived.put(message)
    client.on_subscribe = lambda *rest: ready.set()
    client.subscribe(address, qos=1)
    assert ready.wait(PATIENCE)
    crosslang.subscribed()
    answers = []
    while len(answers) < count:
        try:
            answers.append(read(mode, arrived.get(timeout=PATIENCE)))
        except Exception as error:
            answers.append({"error": repr(error)})
    client.disconnect()
    client.loop_stop()
    return answers


def read(mode, message):
    content_type = getattr(message.properties, "ContentType", None)
    if mode == "v3" or (content_type or "").startswith("application/cloudevents"):
        return crosslang.read_document(message.payload)
    attributes = dict(message.properties.UserProperty)
    assert len(attributes) == len(message.properties.UserProperty), "a property twice"
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    return crosslang.read_parts(attributes, message.payload)


crosslang.serve(send, receive)
