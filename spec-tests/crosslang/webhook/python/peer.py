"""A target of webhooks on the Python library `standardwebhooks`: `peer.py ORIGIN`. The key is in HOOK_SECRET. It prints its port."""

import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ORIGIN = sys.argv[1]
WEBHOOK = Webhook(os.environ["HOOK_SECRET"])
LONGEST = 512 << 10
DEADLINE = 5
REQUIRED = ("specversion", "id", "source", "type")
processed = set()


class Refused(Exception):
    pass


class Target(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = DEADLINE

    def respond(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", "0")
        if status >= 400:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def do_OPTIONS(self):
        if self.headers.get("WebHook-Request-Origin") != ORIGIN:
            return self.respond(403)
        rate = self.headers.get("WebHook-Request-Rate", "")
        rate = rate if re.fullmatch("[1-9][0-9]{0,5}", rate) else "600"
        self.respond(200, Allow="OPTIONS, POST", WebHook_Allowed_Origin=ORIGIN, WebHook_Allowed_Rate=rate)

    def do_GET(self):
        self.respond(405, Allow="OPTIONS, POST")

    def do_POST(self):
        try:
            self.deliver()
        except Refused as refused:
            return self.respond(refused.args[0])
        self.respond(204)

    def deliver(self):
        if self.headers.get("WebHook-Request-Origin") != ORIGIN:
            raise Refused(403)
        media_type = self.headers.get("Content-Type")
        if media_type is None:
            raise Refused(400)
        if media_type.split(";")[0].strip().lower() != "application/cloudevents+json":
            raise Refused(415)
        body = self.body()
        try:
            event = WEBHOOK.verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            raise Refused(403) from None
        except ValueError:
            raise Refused(400) from None
        if not isinstance(event, dict) or not all(isinstance(event.get(name), str) and event[name] for name in REQUIRED):
            raise Refused(400)
        processed.add((event["source"], event["id"]))

    def body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise Refused(411)
        if int(length) > LONGEST:
            raise Refused(413)
        body, latest = b"", time.monotonic() + DEADLINE
        while len(body) < int(length):
            self.connection.settimeout(max(0.01, latest - time.monotonic()))
            try:
                read = self.rfile.read1(int(length) - len(body))
            except TimeoutError:
                raise Refused(408) from None
            if not read:
                raise Refused(400)
            body += read
            if time.monotonic() > latest:
                raise Refused(408)
        if not body:
            raise Refused(400)
        return body

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
