#!/usr/bin/env python3
"""Writes the report for the maintainers of an SDK: report.py FOLDER RUN.ndjson > FOLDER/report.md

RUN.ndjson is what `ce conformance run --ndjson` wrote. repairs.json says how the faults of an SDK show: a case belongs to that of which each
member of `is` that is there fits. The report fails where a case fits two, and where no case fits a fault. `op` and `via` are those of the request; `path`, `wanted` and `got` are regular expressions for the first difference,
`input` one for the request, and `raw` one for the answer. `any` is one for any difference: its path, what is wanted and what came, with a space between. Patterns of ids are none of them: a fault is what differs, not where the case stands. Nor are
decodes and encodes ever together. What belongs to no fault is listed at the end by its cause.

report.py --check [SPEC.git] reads repairs.json: each fault has one operation, clauses that there are, and the words of the SDK for the repair. With a clone of
cloudevents/spec, each line that it quotes stands in the document of release 1.0.2.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SPEC = "https://github.com/cloudevents/spec/blob"
PARTS = ("op", "via", "path", "wanted", "got", "input", "raw", "any")


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


def via(request):
    return request.get("via") or request.get("from", {}).get("via")


def told(difference):
    return " ".join(difference.get(part, "") for part in ("path", "wanted", "got"))


def belongs(one, fault, known):
    request = known[one["id"]]["request"]
    first = (one.get("differences") or [{}])[0]
    text = {"path": first.get("path", ""), "wanted": first.get("wanted", ""), "got": first.get("got", ""),
            "input": json.dumps(request, ensure_ascii=False), "raw": one.get("received") or ""}
    wanted = fault["is"]
    if wanted["op"] != request["op"] or wanted.get("via", via(request)) != via(request):
        return False
    if "any" in wanted and not any(re.search(wanted["any"], told(each)) for each in one.get("differences") or []):
        return False
    return all(re.search(wanted[part], text[part], re.DOTALL) for part in text if part in wanted)


def plain(text):
    """Words only: no markdown of links and emphasis, and no line breaks."""
    return re.sub(r"\s+", " ", re.sub(r"[`_*\\]", "", re.sub(r"\[([^\]]*)\](\[[^\]]*\]|\([^)]*\))", r"\1", text))).strip()


def short(text):
    text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return text if len(text) < 700 else text[:700] + "..."


def link(clause, revisions):
    """The address of the section, as `Requirement::link` makes it."""
    is_number = re.fullmatch(r"[\d.]+", clause["section"])
    title = clause["title"].split(" (")[0]
    heading = f"{clause['section']} {title}" if is_number else title
    fragment = "".join(c for c in heading.lower() if c.isalnum() or c in " -_").replace(" ", "-")
    has = clause.get("revisions", ["1.0.2", "main"])
    released = "1.0.2" in revisions and "1.0.2" in has and re.match(r"cloudevents/(?!working-drafts/|extensions/)", clause["document"])
    tag = "ce@v1.0.2" if released else "main"
    anchor = "" if tag == "ce@v1.0.2" and clause["id"].startswith(("CE-Naming-", "NATS-3.2-")) else f"#{fragment}"
    return f"{SPEC}/{tag}/{clause['document']}{anchor}"


def rule(clause, revisions, line=None):
    line = line and re.sub(r"\[([^\]]*)\]\[[^\]]*\]", r"\1", line)
    where = f"[{clause['document'].rsplit('/', 1)[-1]}, {clause['section']}]({link(clause, revisions)})"
    return f"- {where}: " + (f"\"{line}\"" if line else f"{clause['requirement']} ({clause['level']})")


def first_difference(one, which=""):
    """The first difference that fits the pattern."""
    found = [each for each in one.get("differences") or [] if re.search(which, told(each))]
    if not found:
        return one.get("breakdown", {}).get("detail", cause(one))
    first = found[0]
    return f"{first['path'] or 'the answer'}: expected {short(first['wanted'])}, got {short(first['got'])}"


def section(fault, found, known, rules, revisions):
    example = min(found, key=lambda one: (len(one.get("sent") or ""), one["id"]))
    case = known[example["id"]]
    print(f"## {fault['fault']}\n")
    number = "1 case" if len(found) == 1 else f"{len(found)} cases, such as"
    print(f"{number} `{example['id']}` ({case['request']['op']}): {case['title']}.\n")
    spec = fault.get("spec")
    if spec:
        for one in listed(spec):
            print(rule(rules[one["clause"]], revisions, one.get("line")))
    else:
        for clause in (rules[name] for name in case["clauses"] if set(revisions) & set(rules[name].get("revisions", revisions))):
            print(rule(clause, revisions))
    print(f"\n```text\ninput     {short(case['request'])}\ndiffers   {first_difference(example, fault['is'].get('any', ''))}\n```\n")
    print(f"*Repair:* {fault['repair']}\n")
    if len(found) > 1:
        print("<details><summary>All</summary>\n\n" + ", ".join(f"`{one['id']}`" for one in found) + "\n\n</details>\n")


def listed(spec):
    """The sentences that a fault breaks: one, or a list of them."""
    return spec if isinstance(spec, list) else [spec]


def check(clone):
    rules = clauses()
    for name, faults in json.loads((HERE / "repairs.json").read_text(encoding="utf-8")).items():
        for fault in faults:
            place = f"{name}: {fault.get('fault')}"
            assert set(fault) <= {"fault", "is", "spec", "repair"} and fault["repair"], place
            assert set(fault["is"]) <= set(PARTS) and fault["is"].get("op") in ("decode", "encode"), place
            assert set(fault["is"]) & set(PARTS[2:]), f"{place}: nothing differs"
            for one in listed(fault.get("spec", [])):
                assert one["clause"] in rules, place
                if clone and "line" in one:
                    document = subprocess.run(["git", "-C", clone, "show", f"ce@v1.0.2:{rules[one['clause']]['document']}"], check=True, capture_output=True, text=True).stdout
                    assert plain(one["line"]) in plain(document), f"{place}: release 1.0.2 has no sentence {one['line']}"
            for part in PARTS[2:]:
                re.compile(fault["is"].get(part, ""))


def main():
    if sys.argv[1] == "--check":
        return check(sys.argv[2] if len(sys.argv) > 2 else None)
    folder, run = Path(sys.argv[1]), Path(sys.argv[2])
    lines = [json.loads(line) for line in run.read_text(encoding="utf-8").split("\n") if line]
    start, known, rules = lines[0], cases(), clauses()
    wrong = [line for line in lines if line["type"] == "case" and is_wrong(line)]
    who = start["implementation"]
    number, score = len(wrong), lines[-1]["score"]
    if number != score["judged"] - score["passed"]:
        sys.exit(f"{number} failures, and {score['passed']} of {score['judged']} cases passed: a case that is declined counts as a failure, so the adapter has to name the input that its API cannot be given")
    groups = [(fault, [one for one in wrong if belongs(one, fault, known)]) for fault in json.loads((HERE / "repairs.json").read_text(encoding="utf-8"))[folder.name]]
    for one in wrong:
        fits = [fault["fault"] for fault, found in groups if one in found]
        if len(fits) > 1:
            sys.exit(f"{one['id']} fits several faults: {'; '.join(fits)}")
    for fault, found in groups:
        if not found:
            sys.exit(f"no case fits the fault: {fault['fault']}")
    wrong = [one for one in wrong if not any(one in found for _, found in groups)]
    print(f"# {who['name']} {who['version']}: what the conformance suite found\n")
    print(f"{number} cases fail, of {len(groups)} causes{f' and {len(wrong)} others' if wrong else ''}. Each cause has an input, the line of the "
          "specification, what came, and a repair. Each input is a request of the testee protocol; `ce conformance show ID` explains a case. If a case asks for "
          "more than the specification, or the adapter misuses the API, the report is wrong: tell us.\n")
    print(f"Judged by {' and '.join(start['revisions'])}, profile {start['profile']}, vectors {start['vectors']}, suite {start['suite']}, adapter "
          f"{who.get('adapter') or '-'}, on {start['date'][:10]}.\n")
    for fault, found in sorted(groups, key=lambda group: -len(group[1])):
        section(fault, found, known, rules, start["revisions"])
    if wrong:
        print("## Others\n\n| case | differs |\n|---|---|")
        for one in wrong:
            print(f"| `{one['id']}` | {first_difference(one)[:160]} |".replace("\\|", "|").replace("\n", " "))


if __name__ == "__main__":
    main()
