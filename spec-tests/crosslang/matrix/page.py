"""Makes the page and the reports of a run: `page.py RESULTS PAGE REPORTS`. Fails for differences that explained.txt does not explain, and for
explanations without a difference; then it writes nothing."""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import matrix

CARRIERS = {"http": "HTTP", "kafka": "Kafka", "amqp": "AMQP 1.0", "mqtt": "MQTT 5", "nats": "NATS", "jetstream": "JetStream"}
FILES = {"Go 2.16": "go.md", "Java 4.0": "java.md", "JavaScript 10": "javascript.md", "Python 1.12": "python-1.md", "Python 2.2": "python-2.md"}


class Reason:
    """A line of explained.txt."""

    def __init__(self, line):
        fields = [field.strip() for field in line.split("|")]
        self.peer, self.carriers, self.ways, self.modes, self.differences, self.clause, self.repair, self.why = fields
        self.found = []

    def fits(self, cell, difference):
        has = lambda field, value: field == "*" or value in field.split(", ")
        wanted = "any" if self.repair == "none" else self.repair
        return (
            has(self.peer, cell["peer"])
            and has(self.carriers, cell["carrier"])
            and has(self.ways, cell["way"])
            and has(self.modes, cell["mode"])
            # What a name repairs is not there with the name.
            and (cell["strict"] or wanted in ("any", "partly"))
            and any(self.is_one(one, cell, difference) for one in self.differences.split(" ; "))
        )

    @staticmethod
    def is_one(expression, cell, difference):
        expression, _, events = expression.partition(" @ ")
        return bool(re.fullmatch(expression, difference)) and (not events or cell["event"] in events.split(" "))


def main(results, page, reports):
    cells, bridges = read(results)
    reasons = [Reason(line) for line in (matrix.HERE / "explained.txt").read_text().splitlines() if line and not line.startswith("#")]
    known = "".join(path.read_text() for path in (matrix.HERE / "../../requirements").glob("*.json"))
    clauses = {clause for reason in reasons for clause in reason.clause.split(", ")}
    wrong = [f"there is no clause {clause}" for clause in clauses if f'"id": "{clause}"' not in known]
    for cell in cells.values():
        for difference in cell["differences"]:
            fitting = [reason for reason in reasons if reason.fits(cell, difference)]
            if not fitting:
                wrong.append("not explained: " + " | ".join([*(cell[key] for key in ("peer", "carrier", "way", "mode")), "strict" if cell["strict"] else cell["dialect"], cell["event"], difference]))
            for reason in fitting[:1]:
                reason.found.append((cell, difference))
    wrong += [f"explains nothing: {reason.peer} | {reason.carriers} | {reason.ways} | {reason.differences}" for reason in reasons if not reason.found]
    for bridge in bridges:
        if bridge["moved"] != bridge["sent"]:
            wrong.append(f"{bridge['moved']} of {bridge['sent']} events have passed the bridge in {bridge['bridge']} mode")
    if wrong:
        raise SystemExit("\n".join(sorted(set(wrong))))
    Path(page).write_text(write_page(cells, bridges, reasons))
    Path(reports).mkdir(exist_ok=True)
    for peer, name in FILES.items():
        (Path(reports) / name).write_text(write_report(peer, reasons))


def read(results):
    cells, bridges = {}, []
    for line in Path(results).read_text().splitlines():
        one = json.loads(line)
        if "bridge" in one:
            bridges.append(one)
        else:
            cells[tuple(one[key] for key in ("peer", "carrier", "mode", "way", "strict", "event"))] = one
    return cells, bridges


def write_page(cells, bridges, reasons):
    total = len({key[5] for key in cells})
    counts = defaultdict(int)
    for (*cell, _), one in cells.items():
        counts[tuple(cell)] += not one["differences"]
    left = [reason for reason in reasons if any(not cell["strict"] for cell, _ in reason.found)]
    lines = [
        "# The matrix of peers",
        "",
        "Written by [`spec-tests/crosslang/matrix/run.sh`](../spec-tests/crosslang/matrix/run.sh), which `.ci/long peers-matrix` runs: the transports of",
        f"these SDKs and `ce` sent each other {total} events over real brokers (Apache Kafka, ActiveMQ Artemis, Mosquitto, nats-server) and over HTTP, strictly",
        "and with the peer's name. A number counts the events that arrived the same: attributes by their canonical strings, times by their instant, JSON by its",
        "value. The remaining differences are explained below, by their numbers. [Other implementations](peers.md) explains the names.",
        "",
        "| peer | over | mode | writer | strictly | with its name | remaining differences |",
        "|---|---|---|---|---|---|---|",
    ]
    for peer, carrier, mode, way, strict in sorted(counts, key=lambda cell: (cell[0], list(CARRIERS).index(cell[1]), cell[2:])):
        if strict:
            continue
        key = (peer, carrier, mode, way)
        numbers = [
            str(number)
            for number, reason in enumerate(left, 1)
            if any(not cell["strict"] and tuple(cell[part] for part in ("peer", "carrier", "mode", "way")) == key for cell, _ in reason.found)
        ]
        who = "it" if way == "they write" else "`ce`"
        lines.append(f"| {peer} | {CARRIERS[carrier]} | {mode} | {who} | {counts[*key, True]} | {same(counts[*key, False], total)} | {', '.join(numbers)} |")
    lines += ["", "`ce bridge` from the Python SDK to the Java SDK over AMQP, with the names of both:", ""]
    lines += [f"- {one['bridge']} mode: {one['moved']} of {one['sent']} events that the Python SDK writes arrive, and the Java SDK reads {one['read']}." for one in bridges]
    lines += ["", "## Differences without a repair", "", "| | peer | writer | events | clause | reason |", "|---|---|---|---|---|---|"]
    for number, reason in enumerate(left, 1):
        events = sorted({cell["event"] for cell, _ in reason.found if not cell["strict"]})
        shown = ", ".join(events[:6]) + (f" and {len(events) - 6} more" if len(events) > 6 else "")
        who = {"they write": "it", "we write": "`ce`"}.get(reason.ways, "both")
        lines.append(f"| {number} | {reason.peer} | {who} | {shown} | {reason.clause} | {reason.why} |")
    return "\n".join(lines) + "\n"


def same(count, total):
    return "same" if count == total else str(count)


def write_report(peer, reasons):
    events = {event["name"]: event for event in matrix.samples()}
    lines = [
        f"# {peer}: what differs from the specification over its transports",
        "",
        "For the maintainers of this SDK. Written by `spec-tests/crosslang/matrix/run.sh` from a run of its transports against another implementation over real",
        "brokers; events are type-tagged, as in the [vectors](../../../README.md). `spec-tests/crosslang/README.md` says how to run it.",
    ]
    number = 0
    for reason in reasons:
        found = [(cell, difference) for cell, difference in reason.found if cell["peer"] == peer]
        if not found:
            continue
        number += 1
        carriers = sorted({f"{CARRIERS[cell['carrier']]}, {cell['mode']} mode" for cell, _ in found})
        ways = sorted({"written" if cell["way"] == "they write" else "read" for cell, _ in found})
        names = sorted({cell["event"] for cell, _ in found})
        cell, difference = found[0]
        event = events[cell["event"]]
        shown = {key: event[key] for key in ("specversion", "attributes", "data") if key in event}
        lines += [
            "",
            f"## {number}. {reason.why[:1].upper()}{reason.why[1:]}",
            "",
            f"- Where: {'; '.join(carriers)}; when {' and '.join(ways)} by the SDK",
            f"- Clause: {reason.clause}",
            f"- Events: {', '.join(names)}",
            f"- What was found, with `{cell['event']}`: `{difference}`",
            f"- Repair: {repair(reason)}",
            "",
            "```json",
            cut(json.dumps(shown, ensure_ascii=False)),
            "```",
        ]
    if number == 0:
        lines += ["", "Nothing differs."]
    return "\n".join(lines) + "\n"


def repair(reason):
    if reason.repair == "none":
        return "in the SDK only"
    return f"in the SDK; meanwhile, others have to use `{reason.repair}`" if reason.repair != "partly" else "in the SDK; a part can be repaired by others"


def cut(text):
    return text if len(text) < 1500 else text[:1500] + " ..."


if __name__ == "__main__":
    main(*sys.argv[1:])
