"""The official Python SDK, sending and receiving over Kafka: `peer.py HOST:PORT`. See the README for the lines it reads and writes."""

import sys
import time

import crosslang
import sdk
from cloudevents.core.bindings import kafka
from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING

SERVERS = sys.argv[1]
PATIENCE = 30
WRITERS = {"binary": kafka.to_binary_event, "structured": kafka.to_structured_event}


def send(address, mode, events):
    producer, answers = Producer({"bootstrap.servers": SERVERS}), []
    for tagged in events:
        try:
            message = WRITERS[mode](sdk.build(**tagged))
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
            answers.append(sdk.plain(kafka.from_kafka_event(kafka.KafkaMessage(headers, message.key(), message.value()))))
        except Exception as error:
            answers.append({"error": repr(error)})
    consumer.close()
    return answers


crosslang.serve(send, receive)
