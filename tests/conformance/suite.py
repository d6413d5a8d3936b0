#!/usr/bin/python3
# tests/conformance/suite.py - runs conformance tests against the agent of a bed, one process for each group, each with its time.
#
#   suite.py TESTS OUT -- E2E_TEST [OPTION...]
#
# TESTS has names of tests, one a line. OUT gets GROUP/e2e.log of each process and, as they end, results.json: {test: [state, why, group]}.
# JOBS is how many busy groups run at once (default: one a core); twice as many of those that mostly wait run beside them.
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import threading
import time

from groups import Group, groups
from report import ABSENT, FAILED, PASSED, read

tests_file, out, dash, *command = sys.argv[1:]
assert dash == "--"
jobs = int(os.environ.get("JOBS") or os.cpu_count())
results, lock = {}, threading.Lock()


def say(group, seconds, got):
    states = [state for state, _ in got.values()]
    parts = [f"{states.count(state)} {state}" for state in sorted(set(states), key=lambda s: s != PASSED)]
    print(f"   {time.strftime('%T')} {group.name:14} {seconds:4.0f} s  {', '.join(parts)}", flush=True)


def run(group):
    """One process; the tests that it had no time for get one each."""
    folder = f"{out}/{group.name}"
    os.makedirs(folder, exist_ok=True)
    focus = "|".join(re.escape(test) for test in group.tests)
    begun, late = time.monotonic(), False
    with open(f"{folder}/e2e.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([*command, "-ginkgo.focus=" + focus], stdout=log, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, cwd=folder)
        try:
            process.wait(group.seconds)
        except subprocess.TimeoutExpired:
            late = True
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    with open(f"{folder}/e2e.log", encoding="utf-8", errors="replace") as log:
        got = read(log.read(), group.tests)
    say(group, time.monotonic() - begun, got)
    left = [test for test, (state, _) in got.items() if state == ABSENT]
    with lock:
        results.update({test: [state, why, group.name] for test, (state, why) in got.items()})
        with open(f"{out}/results.json", "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    if late and len(group.tests) > 1:
        for number, test in enumerate(left, 1):
            run(Group(f"{group.name}-{number}", group.seconds, group.lane, [test]))


def run_lanes(these):
    with concurrent.futures.ThreadPoolExecutor(jobs) as busy, concurrent.futures.ThreadPoolExecutor(2 * jobs) as waiting:
        lanes = {"busy": busy, "waiting": waiting}
        for future in [lanes[group.lane].submit(run, group) for group in these if group.lane in lanes]:
            future.result()
    for group in these:
        if group.lane not in lanes:
            run(group)


with open(tests_file, encoding="utf-8") as listing:
    names = [line for line in listing.read().split("\n") if line]
run_lanes(groups(names))
# What must pass and did not, is asked again when nothing else runs: a test's own deadlines know no loaded machine.
with open(os.environ["MUST_PASS"], encoding="utf-8") as listing:
    must = set(listing.read().split("\n"))
again = [test for test in names if test in must and results[test][0] != PASSED]
if 0 < len(again) <= 20:
    print(f"   once more, alone: {len(again)}", flush=True)
    for group in groups(again):
        run(Group("again-" + group.name, group.seconds, "alone", group.tests))
states = [row[0] for row in results.values()]
print(f"   {states.count(PASSED)} of {len(names)} passed, {states.count(FAILED)} failed", flush=True)
