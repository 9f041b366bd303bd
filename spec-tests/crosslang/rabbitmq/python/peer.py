"""The official Python SDK with pika, sending and receiving over RabbitMQ: `peer.py URL`. See the README for the lines it reads and
writes. With `plain` before the URL, it is pika by the text of the binding alone."""

import sys
from urllib.parse import unquote, urlsplit

import crosslang
import pika
import sdk
from cloudevents.core.bindings import rabbitmq

PLAIN, URL = sys.argv[1:-1] == ["plain"], urlsplit(sys.argv[-1])
PATIENCE = 30
WRITERS = {"binary": rabbitmq.to_binary_event, "structured": rabbitmq.to_structured_event}


def connect():
    login = pika.PlainCredentials(URL.username or "guest", URL.password or "guest")
    place = unquote(URL.path[1:]) or "/"
    return pika.BlockingConnection(
        pika.ConnectionParameters(URL.hostname, URL.port, place, login, blocked_connection_timeout=PATIENCE)
    )


def send(address, mode, events):
    connection, answers = connect(), []
    channel = connection.channel()
    channel.confirm_delivery()
    for tagged in events:
        try:
            properties, body = (by_hand if PLAIN else by_sdk)(mode, tagged)
            channel.basic_publish("", address, body, properties, mandatory=True)
            answers.append(None)
        except (pika.exceptions.AMQPConnectionError, pika.exceptions.AMQPChannelError):
            raise
        except Exception as error:  # a refusal is an answer
            answers.append(repr(error))
    connection.close()
    return answers


def by_sdk(mode, tagged):
    message = WRITERS[mode](sdk.build(**tagged))
    return pika.BasicProperties(headers=message.headers, content_type=message.content_type), message.body


def by_hand(mode, tagged):
    """Sections 3.1 and 3.2. `native` is binary mode with values of RabbitMQ's own types."""
    if mode == "structured":
        return pika.BasicProperties(content_type="application/cloudevents+json"), crosslang.document(**tagged)
    attributes = dict(tagged["attributes"])
    content_type = attributes.pop("datacontenttype", {}).get("value")
    value = (lambda type, value: value) if mode == "native" else crosslang.canonical
    headers = {"ce-specversion": tagged["specversion"], **{"ce-" + name: value(**typed) for name, typed in attributes.items()}}
    return pika.BasicProperties(headers=headers, content_type=content_type), crosslang.payload(tagged.get("data")) or b""


def receive(address, count):
    connection, answers = connect(), []
    channel = connection.channel()
    for method, properties, body in channel.consume(address, inactivity_timeout=PATIENCE):
        if method is None:
            break
        try:
            answers.append((read if PLAIN else read_by_sdk)(properties, body))
        except Exception as error:
            answers.append({"error": repr(error)})
        channel.basic_ack(method.delivery_tag)
        if len(answers) == count:
            break
    channel.cancel()
    connection.close()
    return answers


def read_by_sdk(properties, body):
    return sdk.plain(rabbitmq.from_rabbitmq_event(rabbitmq.RabbitMQMessage(properties.headers or {}, properties.content_type, body)))


def read(properties, body):
    if (properties.content_type or "").startswith("application/cloudevents"):
        return crosslang.read_document(body)
    attributes = {name[3:]: value for name, value in properties.headers.items() if name.startswith("ce-")}
    assert all(isinstance(value, str) for value in attributes.values()), "a value that is no text"
    if properties.content_type is not None:
        attributes["datacontenttype"] = properties.content_type
    return crosslang.read_parts(attributes, body)


crosslang.serve(send, receive)
