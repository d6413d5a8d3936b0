#!/usr/bin/python3
# tests/e2e/monitoring_names.py - is every metric and label that our dashboard and alerts name in a scrape of an agent?
#
#   monitoring_names.py SCRAPE FILE...     FILE: rules (.yml) or a dashboard (.json); SCRAPE: /metrics and /metrics/resource
#
# A family without a sample at the moment (nobody waits, say) has to be in the scrape with its TYPE all the same.
import json
import re
import sys

import yaml

WORDS = {"and", "or", "unless", "by", "on", "without", "ignoring", "group_left", "group_right", "bool", "offset"}
PROMETHEUS_OWN = {"up"}
SCRAPE_LABELS = {"job", "instance"}  # Prometheus adds them


def expressions(path):
    with open(path) as file:
        if path.endswith(".json"):
            board = json.load(file)
            for variable in board["templating"]["list"]:
                found = re.match(r"label_values\((\w+),", str(variable["query"]["query"])) if variable["type"] == "query" else None
                if found:
                    yield found.group(1)
            for panel in board["panels"]:
                for target in panel.get("targets", []):
                    yield target["expr"]
        else:
            for group in yaml.safe_load(file)["groups"]:
                for rule in group["rules"]:
                    yield rule["expr"]


def named(expression):
    """Pairs of a metric and the labels that are asked of it."""
    text = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    for name, after in re.findall(r"\b([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?", text):
        if after == "(" or name in WORDS:
            continue
        labels = re.findall(r"(\w+)\s*[=!]", after)
        # What stands inside of braces or is an argument's number was no name.
        if not re.search(r"[{,]\s*" + name + r"\s*[=!]", text) or after.startswith("{"):
            yield name, labels


def read_scrape(path):
    families, labels = set(), {}
    with open(path) as file:
        for line in file:
            if typed := re.match(r"# TYPE (\w+) (\w+)", line):
                families.add(typed.group(1))
                if typed.group(2) == "histogram":
                    families.update(typed.group(1) + suffix for suffix in ("_bucket", "_sum", "_count"))
            elif sample := re.match(r"(\w+)(\{.*\})? ", line):
                labels.setdefault(sample.group(1), set()).update(re.findall(r'(\w+)="', sample.group(2) or ""))
    return families, labels


def self_test():
    got = sorted(named('sum by (a, b) (rate(x_total{c="d_e",f=~"$g"}[5m])) > 3 and on (h) y_bucket unless z'))
    if got != [("x_total", ["c", "f"]), ("y_bucket", []), ("z", [])]:
        sys.exit(f"monitoring_names: self test failed: {got}")


def main():
    self_test()
    families, labels = read_scrape(sys.argv[1])
    checked, bad = 0, 0
    for path in sys.argv[2:]:
        for expression in expressions(path):
            for name, asked in named(expression):
                checked += 1
                if name in PROMETHEUS_OWN:
                    continue
                if name not in families:
                    print(f"{path}: no agent has {name}: {expression}")
                    bad += 1
                for label in asked:
                    if label not in SCRAPE_LABELS and name in labels and label not in labels[name]:
                        print(f"{path}: {name} has no label {label}: {expression}")
                        bad += 1
    print(f"{checked} names, {bad} wrong")
    return 1 if bad or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
