"""The official Python SDK over HTTP: `peer2.py URL`. See ../../README.md for the lines that it reads and writes."""

import crosslang
import sdk
import web
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat

FORMAT = JSONFormat()
WRITERS = {"binary": http.to_binary, "structured": http.to_structured}


def send(address, mode, events):
    def write(tagged):
        message = WRITERS[mode](sdk.build(**tagged), FORMAT)
        return message.headers, message.body

    return web.send(address, events, write)


def receive(address, count, mode=None):
    return web.receive(address, count, lambda headers, body: sdk.plain(http.from_http(http.HTTPMessage(headers, body), FORMAT)))


crosslang.serve(send, receive)
