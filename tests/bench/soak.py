#!/usr/bin/python3
# tests/bench/soak.py - pods come and go for SOAK_SECONDS (default 3600); memory and descriptors of both daemons stay flat.
#
# Runs in a bed: `tests/bed/run tests/bench/soak.py`. Every PACE seconds (default 1) a manifest is put and the oldest of the
# KEEP (default 10) is taken away. Takes about sixty samples. The first 30 % is warm-up: caches fill, the 1,000 events that are kept come
# together, the heap finds its size.
# What is left is cut in three: the median of the last third may be above that of the first by no more than
#
#   memory       GROWTH_KIB (default 2048) for each of the two processes: noise of a heap that is trimmed now and then
#   descriptors  GROWTH_FDS (default 8): pods that come and go in the moment of a sample hold some
#
# Medians, because one sample may meet a burst. Prints every sample and the verdicts; exit code 1 when something has grown,
# or a process has ended, or too little was done to say anything.
import os
import statistics
import subprocess
import sys
import time

BED = os.environ["BERTH_TEST_DIR"]
BIN = os.environ.get("BERTH_BIN", "build/release/bin")
IMAGE = os.environ.get("BERTH_TEST_IMAGE", "docker.io/library/busybox:1.35")
SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
PACE = float(os.environ.get("PACE", "1"))
KEEP = int(os.environ.get("KEEP", "10"))
GROWTH_KIB = int(os.environ.get("GROWTH_KIB", "2048"))
GROWTH_FDS = int(os.environ.get("GROWTH_FDS", "8"))
SAMPLES = 60
WARM_UP = 0.3
FEWEST = 9  # after the warm-up: three for each median


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def grown(values, allowance):
    """By how much the last third is above the first, and whether that is too much."""
    third = len(values) // 3
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return first, last, last - first > allowance


def judge(samples):
    """The verdicts on {"berthd KiB": [..], ..}, a line each, and whether all is well."""
    lines, well = [], True
    for name, values in samples.items():
        settled = values[int(len(values) * WARM_UP):]
        if len(settled) < FEWEST:
            return lines + [f"FAILED: {len(settled)} samples after the warm-up, {FEWEST} are needed: raise SOAK_SECONDS"], False
        allowance = GROWTH_KIB if name.endswith("KiB") else GROWTH_FDS
        first, last, bad = grown(settled, allowance)
        well = well and not bad
        lines.append(f"{'FAILED' if bad else 'ok'}: {name}: {first:.0f} after the warm-up, {last:.0f} at the end, "
                     f"{allowance} more are allowed")
    return lines, well


def self_test():
    """The judge itself: what is flat passes, what grows does not, however the warm-up was."""
    flat = [9000] * 5 + [20000 + 100 * (i % 7) for i in range(40)]
    assert judge({"x KiB": flat})[1]
    assert not judge({"x KiB": [20000 + 100 * i for i in range(45)]})[1]
    assert judge({"x descriptors": [30 + i % 3 for i in range(45)]})[1]
    assert not judge({"x descriptors": [30 + i for i in range(45)]})[1]
    assert not judge({"x KiB": flat[:8]})[1]


def soak():
    run, state, manifests = f"{BED}/soak-run", f"{BED}/soak-state", f"{BED}/soak-manifests"
    for path in (run, state, manifests):
        os.makedirs(path, exist_ok=True)
    config = f"{BED}/soak.yaml"
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"nodeName: soak\nstateDir: {state}\nrunDir: {run}\nsources: [{{directory: {manifests}}}]\n"
                   f"containerd: {{address: {os.environ['BERTH_TEST_CONTAINERD']}}}\n"
                   "network: {bridge: soak0, podCIDR: 10.96.0.0/24}\n")
    samples = {}
    with open(f"{BED}/soak.log", "wb") as log:
        processes = {
            "berth-logd": subprocess.Popen([f"{BIN}/berth-logd", "--run-dir", run, "--state-dir", state], stderr=log),
            "berthd": subprocess.Popen([f"{BIN}/berthd", "--config", config], stderr=log)}
        began = time.monotonic()
        names, count, taken = [], 0, 0
        while time.monotonic() - began < SECONDS:
            name = f"soak-{count}"
            with open(f"{BED}/.new", "w", encoding="utf-8") as file:
                file.write(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  terminationGracePeriodSeconds: 0\n"
                           f"  containers: [{{name: main, image: {IMAGE}, command: [sh, -c, 'echo hello; exec sleep 100000']}}]\n")
            os.rename(f"{BED}/.new", f"{manifests}/{name}.yaml")
            names.append(name)
            count += 1
            if len(names) > KEEP:
                os.unlink(f"{manifests}/{names.pop(0)}.yaml")
            time.sleep(PACE)
            for which, process in processes.items():
                if process.poll() is not None:
                    sys.exit(f"FAILED: {which} ended with {process.returncode} after {count} pods: "
                             + open(f"{BED}/soak.log", encoding="utf-8").read()[-2000:])
            passed = time.monotonic() - began
            if passed * SAMPLES / SECONDS <= taken:
                continue
            taken += 1
            line = []
            for which, process in processes.items():
                for what, value in (("KiB", rss(process.pid)), ("descriptors", descriptors(process.pid))):
                    samples.setdefault(f"{which} {what}", []).append(value)
                    line.append(f"{which} {value} {what}")
            print(f"{passed:6.0f} s, {count} pods so far: " + ", ".join(line), flush=True)
        for process in reversed(processes.values()):
            process.terminate()
            process.wait()
    lines, well = judge(samples)
    print("\n".join(lines))
    return 0 if well else 1


self_test()
sys.exit(soak())
