"""A service in Django behind `ce webhook serve --to`. It prints its port, and a line for each delivery that it accepts."""

import base64
import hmac
import json
import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

PASSWORDS = os.environ["GATE_PASSWORD"].split()
GATES = [b"Basic " + base64.b64encode(b"gate:" + password.encode()) for password in PASSWORDS]


def is_of_gate(request):
    given = request.headers.get("Authorization", "").encode()
    return any([hmac.compare_digest(given, gate) for gate in GATES])


@csrf_exempt
def hook(request):
    verified = request.headers.get("Webhook-Verified", "")
    if not is_of_gate(request) or not verified.startswith("signature="):
        return HttpResponse(status=503)
    try:
        delivery = json.loads(request.body)
    except ValueError:
        return HttpResponse(status=422)
    if delivery.get("fails"):
        raise ValueError("it fails")
    seen = {"event": request.headers.get("X-GitHub-Event"), "verified": verified, "body": request.body.decode()}
    print(json.dumps(seen), flush=True)
    return HttpResponse(status=204)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


urlpatterns = [path("hook", hook)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="of no session")
server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
