#!/usr/bin/python3
# scripts/lib/tidy.py - clang-tidy over our own sources, two at a time; what did not change since it was clean is skipped.
#
#   tidy.py SOURCE_DIR BUILD_DIR CACHE_DIR TALLY_FILE [FILE...]
#
# A file is clean under a key: its text, the text of every project header it reaches, .clang-tidy, clang-tidy's version
# and its compile command. With TIDY_SECONDS no file is begun after that time: what the working tree or the newest commits
# changed comes first, and the rest is counted as skipped. Appends "PASSED FAILED SKIPPED" (files) to TALLY_FILE.
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time

source, build, cache, tally = sys.argv[1:5]
only = {os.path.abspath(f) for f in sys.argv[5:]}
# Not the tests: gtest and gmock make them slow to read, and their warnings are errors in the compiler already.
ROOMS = "base model https store runtime network volumes systemd fence api agent cli".split()
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
BUDGET = float(os.environ.get("TIDY_SECONDS", "90"))  # 0: none
BEGAN = time.monotonic()


@functools.lru_cache(maxsize=None)
def text(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


@functools.lru_cache(maxsize=None)
def headers(path):
    """The project headers that `path` names itself."""
    found = []
    for name in INCLUDE.findall(text(path).decode("utf-8", "replace")):
        for base in (source, os.path.dirname(path)):
            full = os.path.normpath(os.path.join(base, name))
            if os.path.isfile(full):
                found.append(full)
                break
    return tuple(found)


def closure(path):
    seen, queue = set(), [path]
    while queue:
        at = queue.pop()
        if at not in seen:
            seen.add(at)
            queue.extend(headers(at))
    return sorted(seen)


version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout


def key(entry):
    digest = hashlib.sha256(version + text(os.path.join(source, ".clang-tidy")))
    command = entry.get("command") or " ".join(entry["arguments"])
    digest.update(command.replace(build, "BUILD").replace(source, "SOURCE").encode())
    for path in closure(entry["file"]):
        digest.update(os.path.relpath(path, source).encode() + b"\0" + text(path))
    return digest.hexdigest()


def tidy(entry):
    mark = os.path.join(cache, key(entry))
    if os.path.exists(mark):
        return entry["file"], 0, "", "unchanged"
    if BUDGET and time.monotonic() - BEGAN > BUDGET:
        return entry["file"], 0, "", "skipped"
    run = subprocess.run(["nice", "clang-tidy", "-p", build, "--quiet", "--extra-arg=-Wno-unknown-warning-option", entry["file"]],
                         capture_output=True, text=True, check=False)
    if run.returncode == 0:
        with open(mark, "w", encoding="ascii"):
            pass
    return entry["file"], run.returncode, run.stdout + (run.stderr if run.returncode else ""), "new"


def git(*words):
    return subprocess.run(["git", "-C", source, *words], capture_output=True, text=True, check=False).stdout


def changed_last():
    """File -> when it changed, the working tree's changes after all commits'. Empty without a history."""
    times, now = {}, 0
    for line in git("log", "--name-only", "--format=@%ct", "--no-renames", "-n", "2000").splitlines():
        if line.startswith("@"):
            now = int(line[1:])
        elif line:
            times.setdefault(line, now)
    for line in git("diff", "--name-only", "HEAD").splitlines() + git("ls-files", "--others", "--exclude-standard").splitlines():
        times[line] = float("inf")
    return times


os.makedirs(cache, exist_ok=True)
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as listing:
    entries = {e["file"]: e for e in json.load(listing)}
wanted = [e for f, e in sorted(entries.items())
          if os.path.relpath(f, source).split("/")[0] in ROOMS and (not only or f in only) and os.path.exists(f)]
# A source file is as new as its own header: that is where the header's warnings show.
times = changed_last()
newest = {e["file"]: max(times.get(os.path.relpath(p, source), 0) for p in (e["file"], e["file"][:-3] + "hpp")) for e in wanted}
wanted.sort(key=lambda e: -newest[e["file"]])
failed = 0
count = {"new": 0, "unchanged": 0, "skipped": 0}
with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
    for file, code, output, how in pool.map(tidy, wanted):
        if code:
            failed += 1
            print(f"   {os.path.relpath(file, source)}")
            print("\n".join(line for line in output.splitlines() if "warnings generated" not in line)[:6000], flush=True)
        else:
            count[how] += 1
passed = count["new"] + count["unchanged"]
print(f"   {passed} files clean ({count['unchanged']} unchanged since the last time), {failed} not")
if count["skipped"]:
    print(f"   {count['skipped']} files changed longest ago were not looked at in {BUDGET:g} s: TIDY_SECONDS=0 looks at all")
with open(tally, "a", encoding="ascii") as result:
    result.write(f"{passed} {failed} {count['skipped']}\n")
sys.exit(1 if failed or not wanted else 0)
