#!/usr/bin/env python3
"""Writes a text to send to the maintainers of an SDK: letters.py NAME RUN.ndjson > ../../docs/conformance/letters/NAME.md

RUN.ndjson is what `ce conformance run --ndjson` wrote. letters.json says which causes are sent: a heading, one case, the sentence of the specification
that decides it, where in the SDK it seems to be, and the threads in which it is `open` already; `differs` is a pattern for the difference that is shown, if it is not the first. Only what the run has as a failure is written. A cause is left out where the specification can be
read otherwise, and where it is a matter of security.

letters.py --check [SPEC.git]: each case is there, is judged in the base profile and fails by the list of its SDK, and each clause is there. With a clone
of cloudevents/spec, each sentence stands in the document of release 1.0.2.
"""

import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from report import ROOT, HERE, cases, clauses, link, plain, told

TAG = "ce@v1.0.2"
LETTERS = json.loads((HERE / "letters.json").read_text(encoding="utf-8"))
PLACE = "https://github.com/cloudevents-kit/cloudevents-kit/tree/main/spec-tests/adapters"


def octets(one):
    return one["text"] if "text" in one else f"(base64) {one['base64']}"


def message(via, one):
    """A message as people write it down, at most one header a line."""
    headers = [(name, value if isinstance(value, str) else octets(value) if value else "null")
               for name, value in one.get("headers", one.get("user-properties", []))]
    if "content-type" in one:
        headers.insert(0, ("Content Type", one["content-type"]))
    body = one.get("body", one.get("value", one.get("payload")))
    lines = [f"{name}: {value}" for name, value in headers]
    if body is not None and (body.get("text") or body.get("base64")):
        lines += [""] * bool(lines) + octets(body).splitlines()
    return lines


def event(one):
    attributes = {name: held["value"] for name, held in one["attributes"].items()}
    kinds = sorted({held["type"] for name, held in one["attributes"].items() if name not in ("id", "source", "type", "time", "subject")} - {"String"})
    text = json.dumps({"specversion": one["specversion"], **attributes}, ensure_ascii=False)
    data = [f"payload: {kind} {value}" for kind, value in one.get("data", {}).items()]
    return [text, *data, *([f"types: {', '.join(kinds)}"] if kinds else [])]


def given(request):
    if request["op"] == "decode":
        return message(request["via"], request["message"])
    return [line for one in request["events"] for line in event(one)]


def compact(result):
    """An event as people write it down."""
    return "; ".join(line for one in result.get("events", []) for line in event(one) if not line.startswith("types:"))


def present(text):
    """The same text in each run: what the SDK makes up differs."""
    text = re.sub(r'"time": "20(?!18)\d\d-[^"]*"', '"time": "(the present time)"', text)
    return re.sub(r'"[0-9a-f]{8}-[0-9a-f-]{27}"', '"(a new UUID)"', text)


def difference(found, case, which):
    """What came and what is right, at the first difference that fits the pattern."""
    first = next((each for each in found.get("differences") or [] if re.search(which, told(each))), {})
    received = json.loads(found["received"]) if found.get("received", "").startswith("{") else {}
    if "result" in received and first.get("wanted") == "an error":
        return present(compact(received["result"])), "an error"
    if "error" in received:
        error = received["error"]
        return f"an error: {error.get('message', error.get('kind', ''))}".strip()[:160], compact(case["expect"][0]["result"])
    leaf = re.split(r"[.\[]", first["path"])[-1]
    others = [one for one in found["differences"] if first["got"] == "nothing" and one["wanted"] == "nothing" and one["path"].endswith(leaf)]
    instead = others[0] if others else first
    return f"{instead['path']}: {instead['got']}"[:300], f"{first['path']}: {first['wanted']}"[:300]


def where(via):
    return {"http": "HTTP", "json": "JSON", "mqtt5": "MQTT 5", "kafka": "Kafka", "protobuf": "Protobuf", "amqp": "AMQP"}[via]


def write(name, path):
    letter, known, rules = LETTERS[name], cases(), clauses()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    start = lines[0]["implementation"]
    found = {one["id"]: one for one in lines if one.get("type") == "case" and one["verdict"] in ("failed", "known-failing")}
    print(f"<!-- Written by spec-tests/adapters/letters.py. To: {letter['to']} -->\n")
    print(f"# Where {letter['sdk']} {start['version']} and CloudEvents 1.0.2 differ\n")
    print(f"Hello! Thank you for {letter['sdk']}. We run the same test cases against the SDKs of CloudEvents, and found some that seem to differ from release 1.0.2 of the "
          "specification. Each heading below is one cause, with one case, and is meant to become one issue if you agree. If we misread a sentence or use your API in another "
          "way than you intend, please say so: then our case or our adapter is wrong, and we correct it. Nothing of this is published as a ranking.\n")
    print(f"{letter['measured']}\n")
    print("To see any of it:\n")
    print(f"```sh\ngit clone https://github.com/cloudevents-kit/cloudevents-kit && cd cloudevents-kit\nCE=ce spec-tests/adapters/run.sh {name}   # all of it, "
          f"against the list of what is known\nce conformance show CASE                    # a case: its rule, its input, what is allowed\n```\n")
    print(f"`ce` comes with `pipx run cloudevents-ce` or `npx cloudevents-ce` (docs/conformance). The adapter, which calls your API, is [{name}]({PLACE}/{name}).\n")
    for cause in letter["causes"]:
        one, case, rule = found.get(cause["case"]), known[cause["case"]], rules[cause["clause"]]
        if one is None:
            sys.exit(f"{name}: {cause['case']} does not fail in this run")
        got, wanted = difference(one, case, cause.get("differs", ""))
        print(f"## {cause['heading']}\n")
        print(f"> {cause['line']}\n>\n> [{rule['document'].rsplit('/', 1)[-1]}, {rule['section']}]({link(rule, ['1.0.2'])})\n")
        verb = "read from" if case["request"]["op"] == "decode" else "written to"
        block = given(case["request"])
        print(f"An event, {verb} {where(case['request']['via'])}:\n")
        print("```text\n" + "\n".join(block) + "\n```\n")
        print(f"Came: `{got}`<br>\nRight: `{cause.get('right', wanted)}`\n")
        if "place" in cause:
            print(f"{cause['place']}\n")
        if "open" in cause:
            print(f"This is open with you already, and our case is one more example: {', '.join(cause['open'])}. "
                  "We do not ask for another issue.\n")
        print(f"Case: `ce conformance show {cause['case']}`\n")


def check(spec):
    known, rules = cases(), clauses()
    for name, letter in LETTERS.items():
        listed = [line.split("#")[0].strip() for line in (HERE / name / "known-failing.txt").read_text(encoding="utf-8").splitlines()]
        patterns = [line for line in listed if line]
        page = (ROOT.parent / "docs/conformance/letters" / f"{name}.md").read_text(encoding="utf-8")
        for cause in letter["causes"]:
            place = f"{name}: {cause['heading']}"
            assert cause["case"] in known, f"{place}: there is no such case"
            case, rule = known[cause["case"]], rules[cause["clause"]]
            assert case["level"] == "MUST" and not case.get("flags") and "1.0.2" in case["revisions"], f"{place}: not judged in the base profile"
            assert any(fnmatchcase(cause["case"], pattern) for pattern in patterns), f"{place}: known-failing.txt has no {cause['case']}"
            assert f"## {cause['heading']}\n" in page and cause["case"] in page, f"{place}: not in the text"
            if spec:
                text = subprocess.run(["git", "-C", spec, "show", f"{TAG}:{rule['document']}"], check=True, capture_output=True, text=True).stdout
                assert plain(cause["line"]) in plain(text), f"{place}: {TAG} has no such sentence"


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(sys.argv[2] if len(sys.argv) > 2 else None)
    else:
        write(sys.argv[1], Path(sys.argv[2]))
