"""Checks the table of differences in README.md against the lists of differences and the vectors.

Every clause of a differences.txt has a row. Every vector of a row exists, and is about one of the clauses of the row.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent


def rows():
    text = (HERE / "README.md").read_text()
    for line in text.split("## The vectors behind the differences")[1].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[0] not in ("difference", "---"):
            yield cells[0], set(cells[1].split(", ")), re.findall("`([^`]+)`", cells[2])


def differences():
    for path in sorted(HERE.glob("*/differences.txt")):
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                yield path.parent.name, line.split("|")[5].strip()


def main():
    wrong, table = [], list(rows())
    cases = {
        case["id"]: set(case["clauses"])
        for path in (HERE.parent / "vectors").rglob("*.json")
        for case in json.loads(path.read_text())["cases"]
    }
    for what, clauses, ids in table:
        if not ids:
            wrong.append(f"no vector: {what}")
        for one in ids:
            if one not in cases:
                wrong.append(f"no such vector: {one}")
            elif not cases[one] & clauses:
                wrong.append(f"{one} is about {sorted(cases[one])}, and not about {sorted(clauses)}")
    known = set().union(*(clauses for _, clauses, _ in table))
    wrong += sorted({f"{folder}: no row for {clause}" for folder, clause in differences() if clause not in known})
    print("\n".join(wrong) or f"{len(table)} differences have vectors")
    return bool(wrong)


sys.exit(main())
