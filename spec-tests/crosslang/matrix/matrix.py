"""Lets the transports of other implementations send to `ce` and receive from it: `matrix.py PEERS RESULTS CARRIER...`.

PEERS has a line for each peer: `NAME | PEER | CARRIER | PROGRAM`. The program is a peer as in ../README.md, PEER the name of `--peer`. CE is the
program `ce`; brokers are where .ci/brokers says. Each cell (peer, carrier, mode, direction) is run strictly and with the peer's name; RESULTS gets a
line of JSON for each event of each cell."""

import base64
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).resolve().parent
CE = os.environ.get("CE", "ce")
PATIENCE = 40
RUN = os.getpid()


def main(peers, results, carriers):
    events = samples()
    with tempfile.TemporaryDirectory() as folder, open(results, "a") as out:
        files = [write_event(Path(folder), number, event) for number, event in enumerate(events)]
        for line in Path(peers).read_text().splitlines():
            name, dialect, carrier, program = (field.strip() for field in line.split("|"))
            if carrier not in carriers:
                continue
            place = PLACES[carrier]()
            peer = Peer(shlex.split(program) + [place.address])
            for mode in ("binary", "structured"):
                for way in ("they write", "we write"):
                    for strict in (True, False):
                        run = they_write if way == "they write" else we_write
                        differing = run(peer, place, mode, None if strict else dialect, events, files)
                        same = sum(1 for items in differing if not items)
                        print(f"{name} {carrier} {mode} {way} {'strict' if strict else dialect}: {same} of {len(events)}", flush=True)
                        for event, items in zip(events, differing):
                            cell = {"peer": name, "dialect": dialect, "carrier": carrier, "mode": mode, "way": way, "strict": strict}
                            out.write(json.dumps({**cell, "event": event["name"], "differences": items}) + "\n")
            peer.end()
        if "bridge" in carriers:
            bridge(Path(peers).read_text().splitlines(), events, out)


def bridge(peers, events, out):
    """`ce bridge` moves what the Python SDK sends over AMQP to the Java SDK, with the names of both."""
    programs = {tuple(field.strip() for field in line.split("|")[1:3]): line.split("|")[3].strip() for line in peers}
    place = Amqp()
    producer, consumer = (Peer(shlex.split(programs[name, "amqp"]) + [place.address]) for name in ("python-2", "java-4"))
    for mode in ("binary", "structured"):
        source, target = place.new(), place.new()
        producer.ask(address=source, mode=mode, events=[plain(event) for event in events])
        sent = sum(1 for refusal in producer.answer() if refusal is None)
        urls = [f"{place.url(source)}?peer=python-2&dead-letter={source}-rejected", f"{place.url(target)}?peer=java-4"]
        subprocess.run([CE, "bridge", *urls, "--losses", "allow", "--idle", "3"], capture_output=True, timeout=PATIENCE * 2, check=True)
        consumer.ask(address=target, count=sent)
        answers = consumer.answer()
        read = sum(1 for one in answers if not one.get("error"))
        print(f"bridge, {mode}: {len(answers)} of {sent} events from Python to Java over AMQP, which reads {read}", flush=True)
        out.write(json.dumps({"bridge": mode, "sent": sent, "moved": len(answers), "read": read}) + "\n")
    producer.end()
    consumer.end()


def plain(event):
    return {key: event[key] for key in ("specversion", "attributes", "data") if key in event}


def samples():
    known = json.loads((HERE / "../../samples/events.json").read_text())
    return [{"name": one["name"], **one["event"]} for one in known + json.loads((HERE / "events.json").read_text())]


class Peer:
    """A program that answers lines of JSON."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} has ended")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


def they_write(peer, place, mode, dialect, events, _):
    """The peer sends, and `ce listen` prints what it reads."""
    name = place.new()
    url = place.url(name)
    options = ["-o", f"peer={dialect}"] if dialect else []
    listen = [CE, "listen", url, *options, "--idle", str(PATIENCE)]
    # Its output goes to files: nobody reads a pipe while the peer sends, and a full one would stop it.
    printed, reports = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
    start = lambda *count: subprocess.Popen([*listen, *count], stdout=printed, stderr=reports)
    if not place.keeps:
        listening = start()
        while "listening" not in said(reports):
            assert listening.poll() is None, "ce listen has ended"
            time.sleep(0.01)
    peer.ask(address=place.peer_address(name), mode=mode, events=[plain(event) for event in events])
    sent = peer.answer()
    written = sum(1 for refusal in sent if refusal is None)
    if place.keeps:
        # What is not read does not count, so that the end is silence.
        listen[-1] = "12"
        listening = start("--count", str(max(written, 1)))
    else:
        time.sleep(place.delay)
        listening.send_signal(signal.SIGINT)
    listening.wait(timeout=PATIENCE * 3)
    printed.seek(0)
    got = {}
    for line in printed:
        document = json.loads(line)
        got[document["id"]] = from_document(document)
    answers = []
    for event, refusal in zip(events, sent):
        identity = event["attributes"]["id"]["value"]
        if refusal is not None:
            answers.append([f"does not write it: {refusal[:120]}"])
        elif identity not in got:
            answers.append(["is not read"])
        else:
            answers.append(differences(event, *got[identity]))
    return answers


def said(reports):
    return os.pread(reports.fileno(), 1 << 16, 0).decode(errors="replace")


def we_write(peer, place, mode, dialect, events, files):
    """`ce send` sends, and the peer shows what it reads."""
    name = place.new()
    if not place.keeps:
        peer.ask(address=place.peer_address(name), count=len(events), mode=mode)
        peer.answer()
        time.sleep(0.3)  # peers of MQTT and NATS have subscribed; servers listen
    options = ["--peer", dialect] if dialect else []
    modes = [] if place.own_mode(mode, dialect) else ["--mode", mode]
    send = [CE, "send", place.target(name), *files, *modes, *options, *place.losses, "--keep-going", "--parallel", "1"]
    sent = subprocess.run(send, capture_output=True, text=True, timeout=PATIENCE * 3)
    refused = sent.stderr
    count = len(events) - refused.count("\nerror") - (1 if refused.startswith("error") else 0)
    if place.keeps:
        peer.ask(address=place.peer_address(name), count=max(count, 1))
        answers = peer.answer()
        if answers == "subscribed":
            answers = peer.answer()
    else:
        answers = peer.answer()
    got, broken = {}, []
    for one in answers:
        if "error" in one and one["error"]:
            broken.append(one["error"])
        else:
            data = one.get("data")
            got[one["attributes"].get("id")] = (one["attributes"], None if data is None else base64.b64decode(data))
    return [
        differences(event, *got[identity]) if (identity := event["attributes"]["id"]["value"]) in got else ["is not read"]
        for event in events
    ]


def from_document(document):
    """Attributes as canonical strings, and the payload, of a document that `ce` has printed."""
    data = None
    if "data_base64" in document:
        data = base64.b64decode(document.pop("data_base64"))
    elif "data" in document:
        value = document.pop("data")
        is_json = "json" in document.get("datacontenttype", "application/json")
        data = (json.dumps(value, ensure_ascii=False) if is_json or not isinstance(value, str) else value).encode()
    return {name: text(value) for name, value in document.items() if value is not None}, data


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def differences(event, attributes, data):
    """What is not the same. Times are, if they are the same instant, and JSON, if it is the same value."""
    expected = {"specversion": event["specversion"]}
    expected.update({name: text(typed["value"]) for name, typed in event["attributes"].items()})
    times = {name for name, typed in event["attributes"].items() if typed["type"] == "Timestamp"}
    items = []
    for name in sorted(expected.keys() | attributes.keys()):
        sent, got = expected.get(name), attributes.get(name)
        if sent is None:
            # What binary mode of JSON payloads says anyway.
            items += [] if name == "datacontenttype" and "json" in event.get("data", {}) and got == "application/json" else [f"+{name}"]
        elif got is None:
            items.append(f"-{name}")
        elif sent != got and not (name in times and instant(sent) == instant(got)):
            items.append(f"~{name}")
    payload = event.get("data")
    wanted = None
    if payload:
        [(kind, value)] = payload.items()
        wanted = base64.b64decode(value) if kind == "binary" else value.encode()
    # Most carriers have no absent body.
    if (wanted or None) != (data or None) and parsed(wanted) != parsed(data):
        items.append("-data" if not data else "+data" if not wanted else "~data")
    return items


def parsed(data):
    try:
        return json.loads(data)
    except (TypeError, ValueError):
        return data or b""


def instant(value):
    """Nanoseconds since 1970; the text, if it is no time."""
    try:
        whole, _, rest = value.replace("z", "Z").replace("Z", "+00:00").partition(".")
        if not rest:
            return int(datetime.fromisoformat(whole).timestamp()) * 10**9
        digits = rest[: next((at for at, char in enumerate(rest) if not char.isdigit()), len(rest))]
        seconds = int(datetime.fromisoformat(whole + rest[len(digits) :]).timestamp())
        return seconds * 10**9 + int(digits.ljust(9, "0")[:9])
    except ValueError:
        return value


def write_event(folder, number, event):
    """A file with the event: XML, which has the types of attributes, or JSON for payloads that are JSON without a content type."""
    attributes, data = event["attributes"], event.get("data")
    if data and "json" in data and "datacontenttype" not in attributes:
        path = folder / f"{number:02}.json"
        members = {name: typed["value"] for name, typed in attributes.items()}
        body = json.dumps({"specversion": "1.0", **members}, ensure_ascii=False)
        path.write_text(f'{body[:-1]}, "data": {data["json"]}}}')
        return str(path)
    names = {"String": "string", "Boolean": "boolean", "Integer": "integer", "Binary": "binary", "URI": "uri", "URI-reference": "uriRef", "Timestamp": "timestamp"}
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<event xmlns="http://cloudevents.io/xmlformat/V1" xmlns:xs="http://www.w3.org/2001/XMLSchema"',
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" specversion={quoteattr(event["specversion"])}>',
    ]
    for name, typed in attributes.items():
        value = base64.b64encode(base64.b64decode(typed["value"])).decode() if typed["type"] == "Binary" else text(typed["value"])
        parts.append(f'<{name} xsi:type="ce:{names[typed["type"]]}">{escape(value)}</{name}>')
    if data:
        [(kind, value)] = data.items()
        kind = "xs:base64Binary" if kind == "binary" else "xs:string"
        parts.append(f'<data xsi:type="{kind}">{escape(value)}</data>')
    path = folder / f"{number:02}.xml"
    path.write_text("".join(parts) + "</event>", newline="")
    return str(path)


class Place:
    """Where both meet."""

    keeps = True
    # How long messages may be on their way after the peer has sent them, where there are no outcomes.
    delay = 1
    losses = ("-o", "losses=allow")
    numbers = iter(range(10**6))

    def __init__(self):
        self.address = self.base = ""

    def new(self):
        return f"matrix-{RUN}-{next(self.numbers)}"

    def url(self, name):
        return f"{self.base}{name}"

    def target(self, name):
        return self.url(name)

    def peer_address(self, name):
        return name

    def own_mode(self, mode, dialect):
        """Whether the peer's name decides the mode."""
        return False


class Kafka(Place):
    def __init__(self):
        self.address = os.environ["CE_TEST_KAFKA_URL"].removeprefix("kafka://")
        self.base = f"kafka://{self.address}/"

    def new(self):
        from confluent_kafka.admin import AdminClient, NewTopic

        name = super().new()
        admin = AdminClient({"bootstrap.servers": self.address})  # to be held until the topic is there
        [made] = admin.create_topics([NewTopic(name, 1, 1)]).values()
        made.result(PATIENCE)
        return name


class Amqp(Place):
    def __init__(self):
        self.address = self.base = os.environ["CE_TEST_AMQP_URL"]


class Mqtt(Place):
    keeps = False

    def __init__(self):
        self.address = self.base = os.environ["CE_TEST_MQTT_URL"]

    def url(self, name):
        return f"{self.base}{name}"


class Nats(Place):
    keeps = False

    def __init__(self):
        self.address = os.environ["CE_TEST_NATS_URL"]
        self.base = self.address + "/"

    def own_mode(self, mode, dialect):
        return dialect == "go-2"


class JetStream(Place):
    def __init__(self):
        self.address = os.environ["CE_TEST_NATS_URL"]
        self.base = self.address.replace("nats:", "nats+jetstream:") + "/"

    def new(self):
        import asyncio

        import nats

        name = super().new()

        async def make():
            connection = await nats.connect(self.address)
            await connection.jetstream().add_stream(name=name, subjects=[f"{name}.>"])
            await connection.close()

        asyncio.run(make())
        return f"{name}.events"


class Http(Place):
    keeps = False
    delay = 0
    losses = ()

    def new(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return str(free.getsockname()[1])

    def url(self, name):
        return f"http://127.0.0.1:{name}/"

    def peer_address(self, name):
        return self.url(name)


PLACES = {"kafka": Kafka, "amqp": Amqp, "mqtt": Mqtt, "nats": Nats, "jetstream": JetStream, "http": Http}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
