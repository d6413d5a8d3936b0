#!/usr/bin/python3
# tests/bench/soak.py - pods come and go for SOAK_SECONDS (default 3600); memory of the agent and its collector must be flat.
#
# Runs in a bed: `tests/bed/run tests/bench/soak.py`. Every PACE seconds (default 1) a manifest is put and the oldest of the
# KEEP (default 10) is taken away. Prints a sample a minute, then first and last RSS after a warm-up of a fifth.
import os
import subprocess
import time

BED = os.environ["BERTH_TEST_DIR"]
BIN = os.environ.get("BERTH_BIN", "build/release/bin")
IMAGE = os.environ.get("BERTH_TEST_IMAGE", "docker.io/library/busybox:1.35")
SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
PACE = float(os.environ.get("PACE", "1"))
KEEP = int(os.environ.get("KEEP", "10"))


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def main():
    run, state, manifests = f"{BED}/soak-run", f"{BED}/soak-state", f"{BED}/soak-manifests"
    for path in (run, state, manifests):
        os.makedirs(path, exist_ok=True)
    config = f"{BED}/soak.yaml"
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"nodeName: soak\nstateDir: {state}\nrunDir: {run}\nsources: [{{directory: {manifests}}}]\n"
                   f"containerd: {{address: {os.environ['BERTH_TEST_CONTAINERD']}}}\n"
                   "network: {bridge: soak0, podCIDR: 10.96.0.0/24}\n")
    with open(f"{BED}/soak.log", "wb") as log:
        collector = subprocess.Popen([f"{BIN}/berth-logd", "--run-dir", run, "--state-dir", state], stderr=log)
        daemon = subprocess.Popen([f"{BIN}/berthd", "--config", config], stderr=log)
        began = time.monotonic()
        samples, names, count, minute = [], [], 0, 0
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
            if int((time.monotonic() - began) / 60) > minute:
                minute += 1
                samples.append((count, rss(daemon.pid), rss(collector.pid)))
                print(f"minute {minute}: {count} pods so far, berthd {samples[-1][1]} KiB, berth-logd {samples[-1][2]} KiB", flush=True)
        for process in (daemon, collector):
            process.terminate()
            process.wait()
    settled = samples[len(samples) // 5:]
    if settled:
        first, last = settled[0], settled[-1]
        print(f"after {first[0]} pods {first[1] + first[2]} KiB, after {last[0]} pods {last[1] + last[2]} KiB")


main()
