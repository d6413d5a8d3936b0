#!/usr/bin/python3
# tests/faults/table.py - the table of docs/reliability.md, from what tests/faults/faults.py printed; or checks that nobody edited it.
#
#   table.py RESULTS      puts the rows of that file (lines of JSON) between the markers
#   table.py --check      exit code 1 when what is between the markers is not what was put there
import hashlib
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = f"{ROOT}/docs/reliability.md"
END = "<!-- end of what tests/faults/table.py wrote -->"
BLOCK = re.compile(r"<!-- written by tests/faults/table.py, sum ([0-9a-f]+) -->\n(.*?)" + re.escape(END), re.S)
COLUMNS = {"restarted": "containers restarted", "requests": "requests unanswered", "dns": "DNS unanswered", "refused": "DNS refused",
           "lines": "lines lost", "objects": "objects lost", "leaked": "leaked", "seconds": "seconds to well"}


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def number(value):
    return f"{value:,.1f}" if isinstance(value, float) else f"**{value:,}**" if value else "0"


def table(lines):
    head, rows = lines[0], lines[1:]
    if any(row["bad"] for row in rows):
        sys.exit("table: rows that failed are not published: " + ", ".join(row["id"] for row in rows if row["bad"]))
    out = [f"{head['date']}, berth {head['version']}, {head['pods']} pods, {head['machine']}.", "",
           "| fault | " + " | ".join(COLUMNS.values()) + " | |", "|---" * (len(COLUMNS) + 2) + "|"]
    reasons = []
    for row in rows:
        notes = []
        for column, why in row["why"].items():
            if why not in reasons:
                reasons.append(why)
            notes.append(f"{COLUMNS.get(column, COLUMNS['dns'])}: {reasons.index(why) + 1}")
        out.append(f"| {row['what']} | " + " | ".join(number(row[column]) for column in COLUMNS) + f" | {', '.join(notes)} |")
    out += [""] + [f"{i}. {why[0].upper()}{why[1:]}." for i, why in enumerate(reasons, 1)]
    return "\n".join(out) + "\n"


def check(text):
    found = BLOCK.search(text)
    return found is not None and found[1] == digest(found[2])


def self_test():
    """The check must be able to fail."""
    body = "| a | 0 |\n"
    page = f"x\n<!-- written by tests/faults/table.py, sum {digest(body)} -->\n{body}{END}\ny\n"
    assert check(page) and not check(page.replace("| 0 |", "| 1 |")) and not check("nothing")


def main():
    self_test()
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    if sys.argv[1:] == ["--check"]:
        if check(text):
            return 0
        print("docs/reliability.md: the table is not what a run of scripts/test long faults wrote: tests/faults/table.py RESULTS")
        return 1
    with open(sys.argv[1], encoding="utf-8") as file:
        body = table([json.loads(line) for line in file])
    block = f"<!-- written by tests/faults/table.py, sum {digest(body)} -->\n{body}{END}"
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(BLOCK.sub(lambda _: block, text))
    return 0


sys.exit(main())
