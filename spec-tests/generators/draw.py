#!/usr/bin/env python3
"""Draws cases of a pack at random, for someone who wrote none of them to read against the text of the specification.

draw.py PACK SEED [--count 100]    prints them: title, level, the clauses in words, request and allowed outcomes
draw.py all SEED --count 150       the same of all packs together
draw.py --check                    checks the record, draws.json: what it says was drawn is what its seeds draw

A draw takes no case that an earlier recorded draw of the same pack took, as long as enough others are left; with --again it may. Write the result of a reading into
draws.json: the wrong and the doubtful cases, each with the reason.
"""

import argparse
import hashlib
import json
import random
import sys
from pathlib import Path

from fair import ROOT, pack

RECORD = ROOT / "draws.json"


def cases():
    """All cases by id."""
    documents = (json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "vectors").glob("*/*.json")))
    return {one["id"]: one for document in documents for one in document["cases"]}


def record():
    """The draws that were read, in order."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else []


def draw(ids, seed, count):
    """The cases of a draw, from the ids that it could take."""
    return random.Random(seed).sample(sorted(ids), count)


def read_before(name, draws):
    return {one for earlier in draws if earlier["pack"] == name for one in earlier["cases"]}


def edition(name):
    """The version and the digest of a pack. Of all packs together, the digest is that of their digests, by name."""
    packs = json.loads((ROOT / "packs.json").read_text(encoding="utf-8"))
    if name != "all":
        return {"version": packs[name]["version"], "sha256": packs[name]["sha256"]}
    digests = "".join(packs[one]["sha256"] for one in sorted(packs))
    return {"version": packs["core"]["version"], "sha256": hashlib.sha256(digests.encode()).hexdigest()}


def show(one, clauses):
    print(f"## {one['id']}  [{one['level']}; {', '.join(one['revisions'])}{'; ' + ', '.join(one['flags']) if one.get('flags') else ''}]")
    print(one["title"])
    for id in one["clauses"]:
        clause = clauses[id]
        print(f"   {id} ({clause['level']}, {clause['role']}): {clause['requirement']}")
    print("request:", json.dumps(one["request"], ensure_ascii=False))
    for outcome in one["expect"]:
        print("allowed:", json.dumps(outcome, ensure_ascii=False))
    for name in ("compare", "note", "disputed"):
        if name in one:
            print(f"{name}:", json.dumps(one[name], ensure_ascii=False))
    print()


def check():
    for number, one in enumerate(record(), 1):
        judged = set(one["wrong"]) | set(one["doubtful"])
        if not judged <= set(one["cases"]) or set(one["wrong"]) & set(one["doubtful"]):
            sys.exit(f"draws.json: draw {number} judges a case that it did not draw, or one twice")
        if len(set(one["cases"])) != len(one["cases"]):
            sys.exit(f"draws.json: draw {number} has a case twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", nargs="?")
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--again", action="store_true", help="cases of earlier draws, too")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", metavar="READER", help="add the draw to draws.json, with nothing wrong yet")
    with_ = parser.parse_args()
    if with_.check:
        return check()
    if with_.pack is None or with_.seed is None:
        parser.error("which pack, and which seed?")
    every, draws = cases(), record()
    ids = {id for id, one in every.items() if with_.pack in ("all", pack(one))}
    fresh = ids if with_.again else ids - read_before(with_.pack, draws)
    ids = fresh if len(fresh) >= with_.count else ids
    if not ids:
        sys.exit(f"there is no pack {with_.pack}")
    drawn = draw(ids, with_.seed, min(with_.count, len(ids)))
    if with_.record:
        draws.append({"pack": with_.pack, **edition(with_.pack),
                      "seed": with_.seed, "reader": with_.record, "wrong": {}, "doubtful": {}, "cases": drawn})
        RECORD.write_text(json.dumps(draws, indent=1) + "\n", encoding="utf-8")
        return
    files = sorted((ROOT / "requirements").glob("*.json"))
    clauses = {clause["id"]: clause for path in files for clause in json.loads(path.read_text(encoding="utf-8"))}
    for id in drawn:
        show(every[id], clauses)


if __name__ == "__main__":
    main()
