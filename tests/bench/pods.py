#!/usr/bin/python3
# tests/bench/pods.py - times pods from the rename of a manifest to the running process, and weighs the agent.
#
# Runs in a bed (tests/bed/run). A pod's process writes a file into a hostPath directory; inotify on that directory is the
# clock, so that measuring costs nothing while it waits. Prints "name,value,unit,budget" lines; the story goes to stderr.
import csv
import ctypes
import json
import os
import select
import signal
import statistics
import struct
import subprocess
import sys
import time

BED = os.environ["BERTH_TEST_DIR"]
BIN = os.environ.get("BERTH_BIN", "build/release/bin")
SOCKET = os.environ["BERTH_TEST_CONTAINERD"]
IMAGE = os.environ.get("BERTH_TEST_IMAGE", "docker.io/library/busybox:1.35")
ROUNDS = int(os.environ.get("ROUNDS", "15"))
RUN = f"{BED}/bench-run"
STATE = f"{BED}/bench-state"
MANIFESTS = f"{BED}/bench-manifests"
MARKS = f"{BED}/bench-marks"
API = f"{RUN}/berthd.sock"


def say(text):
    print(text, file=sys.stderr, flush=True)


def result(name, value, unit, budget=""):
    csv.writer(sys.stdout, lineterminator="\n").writerow([name, f"{value:.4g}", unit, budget])
    sys.stdout.flush()


class Marks:
    """Files that appear in MARKS, as they appear."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.libc.inotify_add_watch(self.fd, MARKS.encode(), 0x100)  # IN_CREATE

    def wait(self, wanted, seconds=60):
        """Returns the monotonic time at which the last of `wanted` names appeared."""
        wanted = set(wanted)
        deadline = time.monotonic() + seconds
        while wanted:
            left = deadline - time.monotonic()
            if left <= 0:
                sys.exit(f"bench: not in {seconds} s: {sorted(wanted)[:5]}; agent log: {open(BED + '/bench-berthd.log').read()[-3000:]}")
            if not select.select([self.fd], [], [], left)[0]:
                continue
            now = time.monotonic()
            data = os.read(self.fd, 65536)
            at = 0
            while at < len(data):
                _, _, _, size = struct.unpack_from("iIII", data, at)
                wanted.discard(data[at + 16:at + 16 + size].rstrip(b"\0").decode())
                at += 16 + size
        return now


def pod_yaml(name, command=None):
    command = command or f": > /marks/{name}; exec sleep 100000"
    return f"""apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: bench}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: {IMAGE}
    command: [sh, -c, "{command}"]
    volumeMounts: [{{name: marks, mountPath: /marks}}]
  volumes: [{{name: marks, hostPath: {{path: {MARKS}}}}}]
"""


def put(name, text):
    hidden = f"{BED}/.{name}.new"
    with open(hidden, "w", encoding="utf-8") as file:
        file.write(text)
    started = time.monotonic()
    os.rename(hidden, f"{MANIFESTS}/{name}.yaml")
    return started


def drop(name):
    os.unlink(f"{MANIFESTS}/{name}.yaml")


def api(*words):
    out = subprocess.run([f"{BIN}/berth", "--socket", API, *words], capture_output=True, text=True, timeout=30, check=False)
    return out.stdout


def pods():
    text = api("get", "pods", "-A", "-o", "json")
    return json.loads(text)["items"] if text else []


def ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def wait_for(what, test, seconds=60):
    deadline = time.monotonic() + seconds
    while not test():
        if time.monotonic() > deadline:
            sys.exit(f"bench: not in {seconds} s: {what}; agent log: {open(BED + '/bench-berthd.log').read()[-3000:]}")
        time.sleep(0.02)


def memory(pid, key="VmRSS"):
    for line in open(f"/proc/{pid}/status", encoding="utf-8"):
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Agent:
    def __init__(self):
        for path in (RUN, STATE, MANIFESTS, MARKS):
            os.makedirs(path, exist_ok=True)
        open(f"{MANIFESTS}/.berth-confirm", "w", encoding="utf-8").close()  # all manifests may go at once
        self.config = f"{BED}/bench.yaml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"""nodeName: bench
stateDir: {STATE}
runDir: {RUN}
sources: [{{directory: {MANIFESTS}}}]
containerd: {{address: {SOCKET}}}
network: {{bridge: bench0, podCIDR: 10.97.0.0/24}}
""")
        self.log = open(f"{BED}/bench-berthd.log", "ab")
        self.logd = subprocess.Popen([f"{BIN}/berth-logd", "--run-dir", RUN, "--state-dir", STATE], stderr=self.log)
        self.start()

    def start(self):
        self.daemon = subprocess.Popen([f"{BIN}/berthd", "--config", self.config], stderr=self.log, stdout=self.log)
        wait_for("the API answers", lambda: os.path.exists(API) and api("get", "nodes") != "", 20)

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def rss(self):
        return memory(self.daemon.pid) + memory(self.logd.pid)

    def stop(self):
        for process in (self.daemon, self.logd):
            process.terminate()
            process.wait()


def settle(count):
    wait_for(f"{count} pods ready", lambda: sum(map(ready, pods())) == count and len(pods()) == count)


def one_at_a_time(marks):
    times = []
    for i in range(ROUNDS):
        name = f"solo-{i}"
        started = put(name, pod_yaml(name))
        times.append((marks.wait([name]) - started) * 1000)
        drop(name)
        settle(0)
    say(f"pod start ms: {sorted(round(t) for t in times)}")
    result("pod start (manifest renamed to process runs)", statistics.median(times), "ms", 100)


def ctr_run():
    times = []
    for i in range(ROUNDS):
        name = f"ctr-{i}"
        started = time.monotonic()
        subprocess.run(["ctr", "-a", SOCKET, "-n", "k8s.io", "run", "--rm", "--null-io", IMAGE, name, "true"],
                       check=False, capture_output=True)
        times.append((time.monotonic() - started) * 1000)
    result("  ctr run --rm (same machine)", statistics.median(times), "ms")


def podman_play():
    """podman kube play of the same pod, with its network, from call to running process."""
    if subprocess.run(["which", "podman"], capture_output=True, check=False).returncode != 0:
        return
    root = f"{BED}/podman"
    base = ["podman", "--root", f"{root}/root", "--runroot", f"{root}/run", "--tmpdir", f"{root}/tmp", "--runtime", "runc",
            "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    archive = f"{BED}/bench-image.tar"
    subprocess.run(["ctr", "-a", SOCKET, "-n", "k8s.io", "images", "export", archive, IMAGE], check=False, capture_output=True)
    loaded = subprocess.run([*base, "load", "-i", archive], capture_output=True, text=True, check=False)
    if loaded.returncode != 0:
        say(f"podman left out: {loaded.stderr.strip()[-300:]}")
        return
    marks = Marks()
    times = []
    for i in range(max(3, ROUNDS // 3)):
        name = f"podman-{i}"
        path = f"{BED}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(pod_yaml(name))
        started = time.monotonic()
        played = subprocess.run([*base, "kube", "play", "--network", "none", path], capture_output=True, text=True, check=False)
        if played.returncode != 0:
            say(f"podman left out: {played.stderr.strip()[-300:]}")
            return
        times.append((marks.wait([name]) - started) * 1000)
        subprocess.run([*base, "kube", "down", path], capture_output=True, check=False)
    result("  podman kube play (without network)", statistics.median(times), "ms")


def thirty_at_once(marks, agent):
    names = [f"burst-{i}" for i in range(30)]
    for name in names:
        hidden = f"{BED}/.{name}.new"
        with open(hidden, "w", encoding="utf-8") as file:
            file.write(pod_yaml(name))
    started = time.monotonic()
    for name in names:
        os.rename(f"{BED}/.{name}.new", f"{MANIFESTS}/{name}.yaml")
    result("30 pods at once (the last runs)", marks.wait(names) - started, "s", 2.0)
    settle(30)
    time.sleep(3)
    result("RSS berthd + berth-logd with 30 pods", agent.rss(), "MB", 28)
    before, at = cpu_seconds(agent.daemon.pid) + cpu_seconds(agent.logd.pid), time.monotonic()
    idle = float(os.environ.get("IDLE_SECONDS", "30"))
    time.sleep(idle)
    used = cpu_seconds(agent.daemon.pid) + cpu_seconds(agent.logd.pid) - before
    result("CPU at rest with 30 pods", used / (time.monotonic() - at) * 100, "%", 0.3)


def many(marks, agent, count):
    names = [f"burst-{i}" for i in range(30, count)]
    for name in names:
        put(name, pod_yaml(name))
    marks.wait(names, 120)
    settle(count)
    time.sleep(3)
    result(f"RSS berthd + berth-logd with {count} pods", agent.rss(), "MB", 34)


def readopt(agent, count):
    tasks = lambda: subprocess.run(["ctr", "-a", SOCKET, "-n", "k8s.io", "tasks", "ls"], capture_output=True, text=True, check=False).stdout
    before = sorted(line.split()[:2] for line in tasks().splitlines()[1:])
    agent.kill()
    started = time.monotonic()
    agent.daemon = subprocess.Popen([f"{BIN}/berthd", "--config", agent.config], stderr=agent.log, stdout=agent.log)
    log = f"{BED}/bench-berthd.log"
    offset = os.path.getsize(log)

    def adopted():
        return "pods adopted" in open(log, "rb").read()[offset:].decode(errors="replace")

    deadline = time.monotonic() + 30
    while not adopted():
        if time.monotonic() > deadline:
            sys.exit("bench: not re-adopted in 30 s")
        time.sleep(0.005)
    result(f"re-adoption of {count} pods after kill -9", time.monotonic() - started, "s", 1.0)
    after = sorted(line.split()[:2] for line in tasks().splitlines()[1:])
    if before != after:
        sys.exit("bench: a container restarted over the kill")


def ordered_set():
    times = []
    for i in range(5):
        name = f"web{i}"
        text = f"""apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{clusterIP: None, selector: {{app: {name}}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {name}}}
spec:
  serviceName: {name}
  replicas: 3
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: "{IMAGE}", command: [sleep, "100000"]}}]
"""
        started = put(name, text)
        wait_for(f"{name} has 3 ready pods", lambda: sum(1 for p in pods() if p["metadata"]["name"].startswith(name) and ready(p)) == 3)
        times.append(time.monotonic() - started)
        drop(name)
        settle(0)
    say(f"set of 3: {[round(t, 3) for t in times]}")
    result("StatefulSet of 3, ordered (3 ready)", statistics.median(times), "s", 0.5)


def main():
    agent = Agent()
    marks = Marks()
    time.sleep(2)
    result("RSS berthd + berth-logd without pods", agent.rss(), "MB", 24)
    put("warm-up", pod_yaml("warm-up"))
    marks.wait(["warm-up"])
    drop("warm-up")
    settle(0)
    one_at_a_time(marks)
    ctr_run()
    podman_play()
    ordered_set()
    thirty_at_once(marks, agent)
    many(marks, agent, 110)
    readopt(agent, 110)
    for entry in os.listdir(MANIFESTS):
        if entry.endswith(".yaml"):
            os.unlink(f"{MANIFESTS}/{entry}")
    settle(0)
    agent.stop()


if __name__ == "__main__":
    main()
