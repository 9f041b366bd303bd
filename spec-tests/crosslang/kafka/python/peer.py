"""The official Python SDK, sending and receiving over Kafka: `peer.py HOST:PORT`. See the README for the lines it reads and writes."""

import base64
import json
import sys
import time
from datetime import datetime

from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING

SERVERS = sys.argv[1]
PATIENCE = 30
WRITERS = {"binary": kafka.to_binary_event, "structured": kafka.to_structured_event}


def send(address, mode, events):
    producer, answers = Producer({"bootstrap.servers": SERVERS}), []
    for tagged in events:
        try:
            attributes = {name: attribute(**typed) for name, typed in tagged["attributes"].items()}
            event = CloudEvent({**attributes, "specversion": tagged["specversion"]}, payload(tagged.get("data")))
            message = WRITERS[mode](event)
            producer.produce(address, message.value, message.key, headers=list(message.headers.items()))
            answers.append(None)
        except Exception as error:  # a refusal is an answer
            answers.append(repr(error))
    if producer.flush(PATIENCE):
        raise TimeoutError("not everything was delivered")
    return answers


def receive(address, count):
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": "python", "enable.auto.commit": False})
    consumer.assign([TopicPartition(address, 0, OFFSET_BEGINNING)])
    answers, end = [], time.monotonic() + PATIENCE
    while len(answers) < count and time.monotonic() < end:
        message = consumer.poll(1)
        if message is None or message.error():
            continue
        try:
            # As the SDK's own documentation does it.
            headers = dict(message.headers() or [])
            answers.append(plain(kafka.from_kafka_event(kafka.KafkaMessage(headers, message.key(), message.value()))))
        except Exception as error:
            answers.append({"error": repr(error)})
    consumer.close()
    return answers


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


for line in sys.stdin:
    request = json.loads(line)
    answer = (send if "events" in request else receive)(**request)
    print(json.dumps(answer), flush=True)
