#!/usr/bin/env python3
"""Writes the report for the maintainers of an SDK: report.py FOLDER RUN.ndjson > FOLDER/report.md

RUN.ndjson is what `ce conformance run --ndjson` wrote. Each fault has an input, the clause, what came, and a repair: repairs.json says which cases
belong to which fault. What belongs to none is listed at the end by its cause.
"""

import fnmatch
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def clauses():
    files = (ROOT / "requirements").glob("*.json")
    return {one["id"]: one for path in files for one in json.loads(path.read_text(encoding="utf-8"))}


def cases():
    files = (ROOT / "vectors").glob("*/*.json")
    return {one["id"]: one for path in files for one in json.loads(path.read_text(encoding="utf-8"))["cases"]}


def is_wrong(one):
    return one["verdict"] in ("failed", "crashed", "known-failing") and one.get("judged", True) and "declined" not in one


def cause(one):
    return one.get("cause") or one.get("breakdown", {}).get("kind", "unknown")


def belongs(one, fault):
    return any(fnmatch.fnmatchcase(one["id"], pattern) for pattern in fault["cases"]) and fault.get("cause", "") in cause(one)


def short(text):
    text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return text if len(text) < 700 else text[:700] + "..."


def section(title, found, known, rules, repair, revisions):
    example = min(found, key=lambda one: len(one.get("sent") or ""))
    case = known[example["id"]]
    print(f"## {title}\n")
    print(f"{len(found)} cases, such as `{example['id']}`: {case['title']}.\n")
    for clause in (rules[name] for name in case["clauses"] if set(revisions) & set(rules[name].get("revisions", revisions))):
        print(f"- **{clause['id']}** ({clause['document']}, section {clause['section']}): {clause['requirement']}")
    print(f"\n```text\ninput     {short(case['request'])}\nexpected  {short(case['expect'][0])}\ngot       {short(example.get('received') or 'no answer')}\n```\n")
    print(f"*Repair:* {repair}\n")
    if len(found) > 1:
        print("All: " + ", ".join(f"`{one['id']}`" for one in found) + ".\n")


def main():
    folder, run = Path(sys.argv[1]), Path(sys.argv[2])
    lines = [json.loads(line) for line in run.read_text(encoding="utf-8").split("\n") if line]
    start, known, rules = lines[0], cases(), clauses()
    wrong = [line for line in lines if line["type"] == "case" and is_wrong(line)]
    who = start["implementation"]
    print(f"# {who['name']} {who['version']}: what the conformance suite found\n")
    print(f"Judged by {' and '.join(start['revisions'])}, profile {start['profile']}, vectors {start['vectors']}, suite {start['suite']}, adapter "
          f"{who.get('adapter') or '-'}, on {start['date'][:10]}. {len(wrong)} cases fail, of few causes. Each input is a request of the testee protocol; "
          "`ce conformance show ID` explains a case. If a case asks for more than the specification, or the adapter misuses the API, the report is wrong: "
          "tell us.\n")
    for fault in json.loads((HERE / "repairs.json").read_text(encoding="utf-8"))[folder.name]:
        found = [one for one in wrong if belongs(one, fault)]
        if found:
            section(fault["fault"], found, known, rules, fault["repair"], start["revisions"])
            wrong = [one for one in wrong if one not in found]
    if wrong:
        print("## Others\n\n| case | got |\n|---|---|")
        for one in wrong:
            print(f"| `{one['id']}` | {cause(one)} |".replace("\\|", "|"))


if __name__ == "__main__":
    main()
