#!/usr/bin/python3
# tests/conformance/table.py - keeps the record of the conformance tests, and writes docs/conformance.md from it.
#
#   table.py --record NAMES RESULTS BUILD DATE   takes results (suite.py's results.json) into the record, and writes the page
#   table.py --judge RESULTS                     prints what does not pass; exit code 1 when the record says of one that it passes
#   table.py --passed                            prints the tests that the record says pass
#   table.py --write                             writes the page (after a change of the reasons)
#   table.py --check                             exit code 1 when the page is not what the record and the reasons give
#
# The record is tests/conformance/record.tsv: test, state, date and build of its last run, the first words of its failure.
import collections
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs/conformance.md")
RECORD, REASONS = f"{HERE}/record.tsv", f"{HERE}/reasons"
PASSED, ABSENT = "passed", "not run"
WORDS = {"later": "does not pass yet", "never": "cannot pass", "absent": "was not run"}


def load():
    """{test: [state, date, build, why]}, in the record's order, which is the suite's."""
    if not os.path.exists(RECORD):
        return {}
    with open(RECORD, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file.read().split("\n") if line]
    return {row[0]: row[1:] for row in rows}


def reasons():
    result = []
    with open(REASONS, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                kind, pattern, why = [part.strip() for part in line.split(" | ", 2)]
                result.append((kind, re.compile(pattern), why))
    return result


def cell(text):
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


def short(test):
    """A test's name without what all have: its group, and words for whom it is."""
    return cell(re.sub(r"\[(Conformance|NodeConformance|LinuxOnly|sig-[a-z-]+|k8s\.io|Privileged:ClusterAdmin)\]", "", test))


def group_of(test):
    found = re.search(r"\[(sig-[a-z-]+)\]", test)
    return found[1] if found else "k8s.io"


def page(record, rules):
    """The page's text, and which rules nobody needed."""
    why, used = {}, set()
    for test, (state, _, _, words) in record.items():
        number = next((i for i, (_, pattern, _) in enumerate(rules) if pattern.search(test)), None)
        if state == ABSENT:
            used.add(number)  # Nobody knows whether it is needed.
            why[test] = ("absent", "", None)
        elif state != PASSED:
            used.add(number)
            why[test] = (*rules[number][::2], number) if number is not None else ("later", f"not looked at: {words or state}", None)
    sigs = collections.defaultdict(list)
    for test in record:
        sigs[group_of(test)].append(test)
    passed = len(record) - len(why)
    run = [row for row in record.values() if row[0] != ABSENT]
    dates = sorted({row[1] for row in run}) or ["never"]
    builds = sorted({row[2] for row in run})
    out = ["# Conformance", "",
           "The conformance tests of Kubernetes 1.20, unchanged, against berth: the newest whose sources Debian has complete.",
           "Written by `scripts/conformance --record`; do not edit.", "",
           f"**{passed} of {len(record)} pass** ({dates[0]}{' to ' + dates[-1] if len(dates) > 1 else ''}, berth {', '.join(builds)}).", "",
           "| | tests | pass | do not pass yet | cannot pass | were not run |", "|---|---|---|---|---|---|"]

    def row(name, tests):
        kinds = [why[test][0] for test in tests if test in why]
        counts = [len(tests), len(tests) - len(kinds), *(kinds.count(kind) for kind in WORDS)]
        out.append(f"| {name} | " + " | ".join(str(count) for count in counts) + " |")

    for sig in sorted(sigs):
        row(sig, sigs[sig])
    row("all", list(record))
    out += ["",
            "## How it is run", "",
            "    scripts/conformance                      # all of them: about an hour on two cores; exit code 1 when one that passed does not",
            "    scripts/conformance 'sig-apps.*Deploy'   # those whose name matches",
            "    scripts/conformance --record [...]       # and write what came out here", "",
            "It builds `e2e.test` from Debian's source package (once, and for long), makes stand-ins for the images from Debian packages and the",
            "suite's own agnhost, and starts an agent in a bed ([testing.md](testing.md)). Nothing stands between the suite and the agent. One",
            "option of the suite is set for it: it does not wait for token secrets of service accounts, which no Kubernetes has had since 1.24.", "",
            "## What does not pass, and why", "", "| tests | | |", "|---|---|---|"]
    for kind, word in list(WORDS.items())[:2]:
        texts = list(dict.fromkeys(text for k, text, _ in why.values() if k == kind))
        for text in sorted(texts, key=lambda t: -sum(1 for _, other, _ in why.values() if other == t)):
            mine = [test for test in why if why[test][:2] == (kind, text)]
            out.append(f"| {len(mine)} | {word.replace('does', 'do') if len(mine) > 1 else word} | {cell(text)} |")
    out += ["", "## Every test"]
    for sig in sorted(sigs):
        out += ["", f"### {sig}", "", "| test | |", "|---|---|"]
        for test in sorted(sigs[sig]):
            kind, text, _ = why.get(test, ("", "", None))
            state = f"**{WORDS[kind]}**" + (f": {cell(text)}" if text else "") if kind else "passes"
            out.append(f"| {short(test)} | {state} |")
    return "\n".join(out) + "\n", [rule for i, rule in enumerate(rules) if i not in used]


def write(record):
    text, idle = page(record, reasons())
    for kind, pattern, why in idle:
        print(f"tests/conformance/reasons: nothing needs '{kind} | {pattern.pattern} | {why}'")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)


def check():
    text, idle = page(load(), reasons())
    with open(PAGE, encoding="utf-8") as file:
        same = file.read() == text
    if not same:
        print("docs/conformance.md is not what the record and the reasons give: tests/conformance/table.py --write")
    for _, pattern, why in idle:
        print(f"tests/conformance/reasons: no failed test needs '{pattern.pattern} | {why}'")
    return 0 if same and not idle else 1


def take(names_file, results_file, build, date):
    with open(names_file, encoding="utf-8") as file:
        names = [line for line in file.read().split("\n") if line]
    with open(results_file, encoding="utf-8") as file:
        results = json.load(file)
    old, record = load(), {}
    for name in names:
        if name in results:
            state, why, _ = results[name]
            record[name] = [state, date, build, re.sub(r"\s+", " ", why)[:300]]
        else:
            record[name] = old.get(name, ["not run", date, build, ""])
    with open(RECORD, "w", encoding="utf-8") as file:
        file.write("".join("\t".join([name, *row]) + "\n" for name, row in record.items()))
    write(record)


def judge(results_file):
    with open(results_file, encoding="utf-8") as file:
        results = json.load(file)
    record, worse = load(), 0
    for test, (state, why, group) in results.items():
        before = record.get(test, [""])[0]
        if state == PASSED:
            if before != PASSED:
                print(f"   new     {test}")
            continue
        worse += before == PASSED
        print(f"   {'WORSE' if before == PASSED else state:7} {test}\n           {group}: {why}")
    return 1 if worse else 0


def self_test():
    """A reason must find its test, and one that nobody needs must be seen."""
    record = {"[sig-a] x [Conformance]": ["failed", "d", "b", "words"], "[sig-a] y [Conformance]": [PASSED, "d", "b", ""],
              "[sig-b] z [Conformance]": [ABSENT, "", "", ""]}
    text, idle = page(record, [("never", re.compile("x"), "because"), ("later", re.compile("y"), "idle")])
    assert "| x | **cannot pass**: because |" in text and "| y | passes |" in text and "| z | **was not run** |" in text
    assert "**1 of 3 pass**" in text and "| all | 3 | 1 | 0 | 1 | 1 |" in text and len(idle) == 1
    assert "not looked at: words" in page(record, [])[0]


def main():
    self_test()
    match sys.argv[1:]:
        case ["--record", names, results, build, date]:
            take(names, results, build, date)
        case ["--judge", results]:
            return judge(results)
        case ["--passed"]:
            print(*(test for test, row in load().items() if row[0] == PASSED), sep="\n")
        case ["--write"]:
            write(load())
        case ["--check"]:
            return check()
        case _:
            sys.exit("see the head of tests/conformance/table.py")
    return 0


sys.exit(main())
