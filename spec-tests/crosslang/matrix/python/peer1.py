"""Version 1 of the official Python SDK, over Kafka and HTTP: `peer1.py kafka|http URL`. See ../../README.md for the lines that it reads and
writes."""

import base64
import json
import sys
import time

import crosslang
import web
from cloudevents.http import CloudEvent, from_http, to_binary, to_structured
from cloudevents.kafka import KafkaMessage, from_binary, from_structured
from cloudevents.kafka import to_binary as to_binary_record
from cloudevents.kafka import to_structured as to_structured_record

CARRIER, URL = sys.argv[1:]
PATIENCE = 30


def build(specversion, attributes, data=None):
    made = {name: text(**typed) for name, typed in attributes.items()}
    return CloudEvent({**made, "specversion": specversion}, payload(data))


def text(type, value):
    # Its attributes are text.
    return crosslang.canonical(type, value)


def payload(tagged):
    if tagged is None:
        return None
    [(kind, value)] = tagged.items()
    return {"json": json.loads, "binary": base64.b64decode}.get(kind, str)(value)


def plain(event):
    attributes, data = event.get_attributes(), event.get_data()
    if data is not None and not isinstance(data, bytes):
        content_type = attributes.get("datacontenttype") or "application/json"
        is_text = isinstance(data, str) and "json" not in content_type
        data = (data if is_text else json.dumps(data, separators=(",", ":"), ensure_ascii=False)).encode()
    attributes = {name: str(value) for name, value in attributes.items() if value is not None}
    return crosslang.read_parts(attributes, data)


def send_records(address, mode, events):
    from confluent_kafka import Producer

    write = {"binary": to_binary_record, "structured": to_structured_record}[mode]
    producer, answers = Producer({"bootstrap.servers": URL}), []
    for tagged in events:
        try:
            record = write(build(**tagged))
            producer.produce(address, record.value, record.key, headers=list(record.headers.items()))
            answers.append(None)
        except Exception as error:  # a refusal is an answer
            answers.append(repr(error))
    if producer.flush(PATIENCE):
        raise TimeoutError("not everything was delivered")
    return answers


def receive_records(address, count, mode=None):
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": URL, "group.id": "python1", "enable.auto.commit": False})
    consumer.assign([TopicPartition(address, 0, OFFSET_BEGINNING)])
    answers, end = [], time.monotonic() + PATIENCE
    while len(answers) < count and time.monotonic() < end:
        record = consumer.poll(1)
        if record is None or record.error():
            continue
        headers = dict(record.headers() or [])
        # Its documentation: a content type of CloudEvents says that it is structured.
        structured = headers.get("content-type", b"").startswith(b"application/cloudevents")
        read = from_structured if structured else from_binary
        try:
            answers.append(plain(read(KafkaMessage(headers, record.key(), record.value()))))
        except Exception as error:
            answers.append({"error": repr(error)})
    consumer.close()
    return answers


def send_requests(address, mode, events):
    return web.send(address, events, lambda tagged: {"binary": to_binary, "structured": to_structured}[mode](build(**tagged)))


def receive_requests(address, count, mode=None):
    return web.receive(address, count, lambda headers, body: plain(from_http(headers, body)))


if CARRIER == "kafka":
    crosslang.serve(send_records, receive_records)
else:
    crosslang.serve(send_requests, receive_requests)
