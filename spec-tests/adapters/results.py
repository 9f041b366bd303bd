"""Tells what came of a run: `python results.py AS-IT-IS.ndjson IGNORING-INVENTED-TIME.ndjson`, as a table in Markdown.

The arguments are what `ce conformance run --output json` wrote. Standard library only.
"""

import json
import sys
from collections import Counter
from datetime import date


def read(path):
    with open(path, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    start = next(record for record in records if record["type"] == "start")
    return start["implementation"], {record["id"]: record for record in records if record["type"] == "case"}


def fails(case):
    return case["verdict"] in ("failed", "crashed", "warning")


implementation, cases = read(sys.argv[1])
_, but_for_time = read(sys.argv[2])
counts = Counter()
for id, case in cases.items():
    verdict = {"crashed": "failed"}.get(case["verdict"], case["verdict"])
    for area in (id.split("/")[0], "all"):
        counts[area, verdict] += 1
        counts[area, "cases"] += 1
        counts[area, "time"] += verdict == "failed" and not fails(but_for_time[id])

print(f"{implementation['name']} {implementation['version']}, {date.today()}\n")
print("| area | cases | passed | failed | of these by an invented `time` alone | warnings | unsupported |")
print("|---|---:|---:|---:|---:|---:|---:|")
for area in sorted({area for area, _ in counts} - {"all"}) + ["all"]:
    row = (counts[area, column] for column in ("cases", "passed", "failed", "time", "warning", "skipped"))
    print(f"| {area} | {' | '.join(map(str, row))} |")
