"""What peers in Python share over HTTP: requests are sent with `requests`, and received with Python's own server."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import crosslang
import requests

PATIENCE = 30


def send(url, events, write):
    """Posts what `write` makes of each event: headers and body."""
    answers = []
    for tagged in events:
        try:
            headers, body = write(tagged)
            response = requests.post(url, headers=headers, data=body, timeout=PATIENCE)
            answers.append(None if response.ok else f"refused with {response.status_code}")
        except Exception as error:  # a refusal is an answer
            answers.append(repr(error))
    return answers


def receive(url, count, read):
    """Shows what `read` makes of so many requests."""
    arrived = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                arrived.put(read({name.lower(): value for name, value in self.headers.items()}, body))
            except Exception as error:
                arrived.put({"error": repr(error)})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", urlsplit(url).port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    crosslang.subscribed()
    answers = []
    try:
        while len(answers) < count:
            answers.append(arrived.get(timeout=PATIENCE))
    except queue.Empty:
        pass
    server.shutdown()
    server.server_close()
    return answers
