#!/usr/bin/python3
# scripts/lib/run_ctest.py - runs the GoogleTest executables of a build that carry a CTest label, and counts their cases.
#
#   run_ctest.py BUILD_DIR LABEL TALLY_FILE [--jobs N] [--match REGEX] [--list]
#
# CTest counts executables; people ask how many tests there are. Appends "PASSED FAILED SKIPPED" to TALLY_FILE.
# An executable that is killed, times out or dies without a summary counts as one failed test.
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("build")
arguments.add_argument("label")
arguments.add_argument("tally")
arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
arguments.add_argument("--match", default="")
arguments.add_argument("--list", action="store_true", help="print the executables' names only")
options = arguments.parse_args()
SUPPRESSIONS = pathlib.Path(__file__).resolve().parents[2] / "tests/tsan.suppressions"


def tests():
    listing = subprocess.run(["ctest", "--test-dir", options.build, "--show-only=json-v1"], check=True, capture_output=True)
    for test in json.loads(listing.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if options.label in properties.get("LABELS", []) and re.search(options.match, test["name"]) and "command" in test:
            yield test["name"], test["command"], properties


def run(name, command, properties):
    # `scripts/test long`: the same tests with more rounds.
    patience = float(properties.get("TIMEOUT", 120)) * (60 if os.environ.get("LONG") else 1)
    environment = dict(os.environ)
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    environment.setdefault("TSAN_OPTIONS", f"halt_on_error=1 suppressions={SUPPRESSIONS}")
    for pair in properties.get("ENVIRONMENT", []):
        key, _, value = pair.partition("=")
        environment[key] = value
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               cwd=properties.get("WORKING_DIRECTORY"), env=environment, start_new_session=True)
    late = ""
    try:
        text, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        late = f" (killed after {patience:g} s)"
        os.killpg(process.pid, signal.SIGABRT)
        try:
            text, _ = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
    text = text.decode("utf-8", "replace")

    def count(word):
        found = re.search(r"\[  %s  \] (\d+) tests?" % word, text)
        return int(found.group(1)) if found else 0

    passed, failed, skipped = count("PASSED"), count("FAILED"), count("SKIPPED")
    if process.returncode != 0 and failed == 0:
        passed, failed = 0, 1
    if process.returncode == 0 and passed + skipped == 0:
        failed, late = 1, " (ran no test)"
    return name, passed, failed, skipped, time.monotonic() - start, text, late


def main():
    chosen = sorted(tests(), key=lambda t: t[0])
    if options.list:
        print("\n".join(name for name, _, _ in chosen))
        return 0
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, passed, failed, skipped, seconds, text, late in pool.map(lambda t: run(*t), chosen):
            total = [total[0] + passed, total[1] + failed, total[2] + skipped]
            note = f", {skipped} skipped" if skipped else ""
            print(f"   {name}: {passed} passed, {failed} failed{note}  ({seconds:.1f} s){late}", flush=True)
            if failed:
                lines = text.splitlines()
                print("\n".join(lines if len(lines) <= 200 else lines[:60] + ["..."] + lines[-140:]), flush=True)
            elif skipped:
                for line in sorted(set(re.findall(r"^.*: Skipped\n(.+)$", text, re.M))):
                    print(f"      skipped: {line.strip()}")
    with open(options.tally, "a", encoding="ascii") as tally:
        tally.write("%d %d %d\n" % tuple(total))
    return 1 if total[1] else 0


sys.exit(main())
