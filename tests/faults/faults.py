#!/usr/bin/python3
# tests/faults/faults.py - what can go wrong goes wrong, on a host with pods under traffic: what was lost, and how long it took.
#
#   tests/bed/run --images "busybox" --containerd-size 512m tests/faults/faults.py [REGEX]
#
# A row of the table is one function below, with the numbers that may be other than zero and why ("wrong" are the answers
# among "dns" that were false, not missing). Any other number that is not
# zero fails. A line of JSON for each row goes to the file FAULTS_RESULTS or stdout (tests/faults/table.py makes
# docs/reliability.md of them), the story to stderr. With LONG=1 everything at full length; otherwise the rows marked short, in about two minutes. PODS is how many.
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback

import grpc_proxy
import world
from world import berth_api
from world import API, BED, BIN, CONTAINERD, MANIFESTS, MARKS, RUN, STATE, say, until

LONG = bool(os.environ.get("LONG"))
PODS = int(os.environ.get("PODS", "50" if LONG else "20"))
ROWS = []

AWAY = ("berthd is its own DNS server: while it is away the port is closed, and a question is refused at once, so that a resolver "
        "can ask again or go on to its next server")
KILLED = AWAY + "; after it was killed systemd waits for a second (RestartSec) before it starts it again"
CAUGHT = "what berthd had read and not answered when it ended"
WAITS = "until berthd can start nobody reads its socket, which systemd keeps: a question waits there for its five seconds"
NONE = {}
ENDS = {"refused": AWAY, "dns": CAUGHT}  # of every fault in which berthd ends


def times(short, long):
    return long if LONG else short


def row(what, reasons=NONE, short=True, limit=30):
    """`what` may hold {n}, filled from what the fault returns; reasons: {column: why it may not be zero}."""
    def keep(fault):
        ROWS.append({"id": fault.__name__, "what": what, "fault": fault, "reasons": reasons, "short": short, "limit": limit})
        return fault
    return keep


# The agent.


@row("berthd restarted (SIGTERM) {n} times", ENDS)
def agent_restarted(w):
    n = times(2, 20)
    for _ in range(n):
        w.agent.restart()
        time.sleep(random.uniform(0, 0.5))
    return n


@row("berthd killed (SIGKILL) {n} times, at any moment", {**ENDS, "refused": KILLED})
def agent_killed(w):
    n = times(8, int(os.environ.get("KILLS", "200")))
    for _ in range(n):
        w.agent.kill()
        w.agent.wait_ready()
        time.sleep(random.uniform(0, 0.3))
    return n


@row("berthd and berth-logd replaced by other files of theirs, and back: {n} times", ENDS)
def agent_upgraded(w):
    # FAULTS_OLD names older programs; the package itself is upgraded and downgraded in tests/nspawn.
    old = os.environ.get("FAULTS_OLD", f"{BED}/old")
    if not os.path.exists(old):
        os.makedirs(old)
        for name in ("berthd", "berth-logd", "berth-volume", "berth-https.so", "berth-tls.so"):
            if os.path.exists(f"{BIN}/{name}"):
                shutil.copy(f"{BIN}/{name}", old)
    n = times(1, 5)
    for _ in range(n):
        for folder in (old, BIN):
            for unit in (w.logd, w.agent):
                unit.command[0] = f"{folder}/{unit.name}"
                unit.restart()
    return n


@row("berthd hangs (SIGSTOP) until the watchdog ends it, after {n} s",
     {"refused": KILLED, "dns": "a berthd that hangs answers nobody until the watchdog has noticed (WatchdogSec of berthd.service)"}, limit=20)
def watchdog_expired(w):
    before = w.agent.watchdog_ends
    patience = w.agent.watchdog
    if not LONG:  # the unit's half minute is for the long form
        patience = w.agent.watchdog = 4
        w.agent.restart()
    os.kill(w.agent.pid, signal.SIGSTOP)
    until("the watchdog has ended it", lambda: w.agent.watchdog_ends > before, patience + 20)
    return round(patience)


@row("berth-logd killed {n} times")
def collector_killed(w):
    n = times(3, 50)
    for _ in range(n):
        w.logd.kill()
        w.logd.wait_ready()
        time.sleep(random.uniform(0, 0.3))
    return n


# containerd.


AGAIN = {"seconds": "berthd looks for containerd about once a second, and goes on when it hears its events again"}
PATIENCE = {"seconds": "what failed is tried again after a pause that grows, here to that of the last try before the end"}


@row("containerd restarted", AGAIN)
def containerd_restarted(w):
    w.end_containerd()
    w.start_containerd()


@row("containerd killed (SIGKILL) {n} times", AGAIN)
def containerd_killed(w):
    n = times(1, 10)
    for _ in range(n):
        w.end_containerd(signal.SIGKILL)
        w.start_containerd()
    return n


@row("containerd stopped for {n} s", AGAIN, short=False)
def containerd_stopped(w):
    n = times(4, 20)
    w.end_containerd()
    time.sleep(n)
    w.start_containerd()
    return n


@row("containerd hangs (SIGSTOP) for {n} s", AGAIN, limit=60)
def containerd_hangs(w):
    n = times(4, 20)
    os.kill(w.containerd_pid, signal.SIGSTOP)
    time.sleep(n)
    os.kill(w.containerd_pid, signal.SIGCONT)
    return n


def shim_of(uid):
    rows = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(int(line.split()[0]) for line in rows if "containerd-shim" in line and uid in line)


def why_not_ready(w):
    """The reason on the node's Ready condition."""
    node = w.call("/api/v1/nodes/faults") or {}
    return next((c["reason"] for c in node.get("status", {}).get("conditions", []) if c["type"] == "Ready"), None)


@row("the shim of one container hangs (SIGSTOP) for {n} s", {"seconds": "what failed is tried again after a pause that grows"}, limit=60)
def shim_hangs(w):
    pod = random.choice(w.standing())["metadata"]
    pid = shim_of(pod["uid"])
    began = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        # Whoever is settled is not looked at.
        berth_api.Connection(API).must("PATCH", f"/api/v1/namespaces/default/pods/{pod['name']}",
                                       {"metadata": {"annotations": {"noted": "yes"}}}, "application/merge-patch+json")
        if LONG:
            until("the node says so", lambda: why_not_ready(w) == "ShimsNotAnswering", 240, 1)
        else:
            time.sleep(4)
        n = round(time.monotonic() - began)
    finally:
        os.kill(pid, signal.SIGCONT)
    until("the node is ready", lambda: why_not_ready(w) == "AgentReady", 40)
    return n


@row("the shim of one container killed",
     {"restarted": "one: nobody can wait for a process whose shim is gone; containerd ends it, and it is started again",
      "requests": "of that one pod, while its container is started again",
      "wrong": "the names of that one pod are not there while it is not ready, as in Kubernetes",
      "lines": "what that one process wrote after its shim was gone and before it was ended"})
def shim_killed(w):
    name = random.choice([p["metadata"]["uid"] for p in w.standing()])
    pid = shim_of(name)
    before = {container: pid for container, pid in world.tasks().items() if name in container}
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    until("its container was started again", lambda: (now := {c: p for c, p in world.tasks().items() if name in c}) and now != before, 30)
    return None, began


# Every call of containerd, in turn.


class Lives:
    """Pods that come, are ready, and go, with berthd behind a proxy; `met` are the calls that a fault was put into."""

    def __init__(self, w, fate):
        self.w, self.fate, self.met, self.count = w, fate, [], 0
        self.last_call = time.monotonic()
        self.lock = threading.Lock()
        path = f"{BED}/proxy.sock"
        self.proxy = grpc_proxy.Proxy(path, CONTAINERD)
        w.configure(containerd=path)

    def each_method_once(self):
        """The first call of each method while berthd starts and adopts what runs; then a call of each over some pods' lives."""
        def first(method):
            if method in self.met:
                return None
            self.met.append(method)
            return self.fate
        self._decide(first)
        self.w.agent.restart()
        self._quiet()

        calls, pods = {}, 5

        def spread(method):  # not all in the same pod: it would wait longer after each
            calls[method] = calls.get(method, 0) + 1
            if calls[method] != list(calls).index(method) % pods + 1:
                return None
            self.met.append(method)
            return self.fate
        self._decide(spread)
        self._lives(pods)
        self._quiet()

    def each_call_once(self):
        """One life for each call of a life."""
        seen = []
        self._decide(seen.append)
        self._lives(1)
        self._quiet()
        say(f"   a pod's life: {len(seen)} calls: {' '.join('/'.join(m.split('.')[-1].split('/')) for m in seen)}")
        for index in range(len(seen)):
            calls = []

            def nth(method, index=index, calls=calls):
                calls.append(method)
                if len(calls) != index + 1:
                    return None
                self.met.append(method)
                return self.fate
            self._decide(nth)
            self._lives(1)
            self._quiet()

    def end(self):
        self.proxy.decide = lambda method: None
        self.w.configure()
        self.w.agent.restart()
        return len(self.met)

    def _decide(self, how):
        def decide(method):
            with self.lock:
                self.last_call = time.monotonic()
                return how(method)
        self.proxy.decide = decide

    def _quiet(self):
        until("no more calls", lambda: time.monotonic() - self.last_call > 0.4, 30)

    def _lives(self, pods):
        w, names = self.w, [f"life-{self.count + i}" for i in range(pods)]
        self.count += pods
        for name in names:
            world.put(name, world.brief_yaml(name))
        try:
            until("all run", lambda: all(os.path.exists(f"{MARKS}/{name}") for name in names), 60)
            until("all are ready", lambda: len(found := w.pods()) == w.count + pods and all(map(world.ready, found)), 30)
            for name in names:
                world.drop(name)
            until("all are gone", lambda: len(w.pods()) == w.count, 60)
        except TimeoutError as error:
            raise TimeoutError(f"{names}, {self.met[-1:]} {self.fate}: {error}") from error
        for name in names:
            os.unlink(f"{MARKS}/{name}")


def lives(w, fate):
    all_lives = Lives(w, fate)
    try:
        all_lives.each_method_once()
        if LONG:
            all_lives.each_call_once()
    finally:
        count = all_lives.end()
    return count


@row("each of {n} calls of containerd refused once, over a pod's life", ENDS)
def calls_refused(w):
    return lives(w, grpc_proxy.REFUSE)


@row("each of {n} calls of containerd carried out and its answer lost once", ENDS, short=False)
def calls_lost(w):
    return lives(w, grpc_proxy.LOSE)


@row("each of {n} calls of containerd answered 3 s late once", ENDS, short=False)
def calls_late(w):
    return lives(w, grpc_proxy.DELAY)


# Disks.


class Full:
    """A disk without a byte of room, for a time."""

    def __init__(self, folder):
        self.path = f"{folder}/filler"

    def __enter__(self):
        subprocess.run(["dd", "if=/dev/zero", f"of={self.path}", "bs=64k"], check=False, capture_output=True)
        subprocess.run(["dd", "if=/dev/zero", f"of={self.path}", "bs=1", "oflag=append", "conv=notrunc"], check=False, capture_output=True)

    def __exit__(self, *_):
        os.unlink(self.path)


@row("the disk of the objects (stateDir) full for {n} s, berthd killed meanwhile", {"refused": AWAY, "dns": WAITS + ". It waits for room before it answers"})
def state_full(w):
    n = times(4, 20)
    with Full(STATE):
        time.sleep(n / 2)
        w.agent.kill()
        time.sleep(n / 2)
    w.agent.wait_ready()
    return n


@row("the disk of the logs full for {n} s")
def logs_full(w):
    n = times(3, 20)
    with Full(f"{STATE}/logs"):
        time.sleep(n)
    return n


@row("the disk of the images and snapshots (containerd) full for {n} s, a pod wanted meanwhile", PATIENCE)
def images_full(w):
    n = times(3, 20)
    with Full(f"{BED}/containerd"):
        world.put("held", world.brief_yaml("held"))
        time.sleep(n)
        if os.path.exists(f"{MARKS}/held"):
            raise AssertionError("a pod started on a full disk: the fault is none")
    began = time.monotonic()
    until("the pod that waited for room runs", lambda: os.path.exists(f"{MARKS}/held"), 60)
    world.drop("held")
    until("it is gone", lambda: len(w.pods()) == w.count, 30)
    return n, began


# Limits.


@row("berthd may open no further descriptor for {n} s", PATIENCE)
def descriptors_out(w):
    n = times(4, 20)
    now = max(map(int, os.listdir(f"/proc/{w.agent.pid}/fd"))) + 1
    usual, hard = resource.prlimit(w.agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(w.agent.pid, resource.RLIMIT_NOFILE, (now, hard))
    world.put("held", world.brief_yaml("held"))
    time.sleep(n)
    resource.prlimit(w.agent.pid, resource.RLIMIT_NOFILE, (usual, hard))
    began = time.monotonic()
    until("the pod that was wanted meanwhile runs", lambda: os.path.exists(f"{MARKS}/held"), 60)
    world.drop("held")
    until("it is gone", lambda: len(w.pods()) == w.count, 30)
    os.unlink(f"{MARKS}/held")
    return n, began


@row("berthd started with 12 descriptors, again and again for {n} s, then with enough", {**ENDS, "dns": WAITS})
def descriptors_few(w):
    n = times(4, 10)
    w.agent.stop()
    w.agent.wrapper = ["prlimit", "--nofile=12:12"]
    w.agent.start(wait=0)
    time.sleep(n)
    w.agent.wrapper = []
    w.agent.wait_ready()
    return n


@row("no inotify instance to be had, both daemons restarted; and had again", ENDS)
def no_inotify(w):
    w.order(no_inotify=1)
    w.agent.restart()
    w.logd.kill()
    time.sleep(times(2, 5))
    w.order()
    w.logd.wait_ready()
    w.agent.restart()


# Time.


@row("the clock set {n} h forward, and back again")
def clock_jumps(w):
    n = 26
    w.order(clock=n * 3600)
    time.sleep(times(4, 40))
    w.order()
    time.sleep(times(2, 20))
    return n


@row("the clock set {n} h back, berthd restarted, and forward again", ENDS, short=False)
def clock_jumps_back(w):
    n = 26
    w.order(clock=-n * 3600)
    time.sleep(times(2, 20))
    w.agent.restart()
    time.sleep(times(2, 20))
    w.order()
    return n


# The store.

STORE_AWAY = {"refused": AWAY, "dns": WAITS + ". On a store that it cannot read it ends at once"}


def store_fault(w, damage):
    """berthd ends; its store is damaged; it is started, and judges; then the copy is put back as docs/operations.md says."""
    w.writer.pause_writing()
    w.agent.stop()
    database = f"{STATE}/berth.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    good = f"{BED}/good.db"
    shutil.copy(database, good)
    for rest in ("-wal", "-shm"):
        if os.path.exists(database + rest):
            os.unlink(database + rest)
    damage(database)
    before = world.tasks()
    w.agent.start(wait=0)
    time.sleep(times(2.5, 6))
    w.agent.stop()
    after = world.tasks()
    if any(after.get(name) != pid for name, pid in before.items()):
        raise AssertionError("a container was touched while the store was damaged")
    for rest in ("", "-wal", "-shm"):
        if os.path.exists(database + rest):
            os.unlink(database + rest)
    shutil.copy(good, database)
    os.chmod(database, 0o600)
    w.agent.start()
    w.writer.go_on()


def store_row(what, short=False):
    def keep(damage):
        def fault(w):
            store_fault(w, damage)
        fault.__name__ = damage.__name__
        row(f"the store {what}; then its copy put back", STORE_AWAY, short)(fault)
        return damage
    return keep


@store_row("removed", short=True)
def store_removed(database):
    os.unlink(database)


@store_row("emptied")
def store_emptied(database):
    open(database, "w", encoding="ascii").close()


@store_row("cut short", short=True)
def store_cut(database):
    os.truncate(database, 9000)


@store_row("overwritten: no database any more")
def store_garbage(database):
    with open(database, "wb") as file:
        file.write(os.urandom(20000))


def edit(database, *statements):
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@store_row("written by a newer version")
def store_newer(database):
    edit(database, "PRAGMA user_version=99")


@store_row("with a row that is no JSON and a pod without spec")
def store_bad_rows(database):
    edit(database, "UPDATE objects SET json='{\"apiVersion\":' WHERE name='plain-0' AND kind='Pod'",
         "UPDATE objects SET json='{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"plain-1\",\"namespace\":\"default\"}}' "
         "WHERE name='plain-1' AND kind='Pod'")


@store_row("replaced by that of another host")
def store_of_another(database):
    other = f"{BED}/other"
    for name in ("state", "run", "manifests"):
        os.makedirs(f"{other}/{name}", exist_ok=True)
    with open(f"{other}/config", "w", encoding="utf-8") as file:
        file.write(f"nodeName: other\nstateDir: {other}/state\nrunDir: {other}/run\nsources: [{{directory: {other}/manifests}}]\n"
                   f"containerd: {{address: {CONTAINERD}}}\nnetwork: {{bridge: other0, podCIDR: 10.96.0.0/24}}\n")
    with open(f"{other}/manifests/pod.yaml", "w", encoding="utf-8") as file:
        file.write(world.pod_yaml("plain-0").replace(MARKS, f"{other}/marks"))
    process = subprocess.Popen([f"{BIN}/berthd", "--config", f"{other}/config"], stderr=subprocess.DEVNULL)
    try:
        until("the other host's agent answers", lambda: os.path.exists(f"{other}/run/berthd.sock"), 20)
        os.unlink(f"{other}/manifests/pod.yaml")
        time.sleep(1)
    finally:
        process.terminate()
        process.wait()
    subprocess.run(["ip", "link", "del", "other0"], check=False, capture_output=True)
    edit(f"{other}/state/berth.db", "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(f"{other}/state/berth.db", database)


def happen(w, entry):
    """The row's numbers; `bad` says what is not as it must be."""
    filled = {}

    def fault(host):
        said = entry["fault"](host)
        said, ended = said if isinstance(said, tuple) else (said, None)
        filled["n"] = said
        return ended

    began = time.monotonic()
    try:
        numbers, notes = w.measure(fault, entry["limit"])
    except Exception as error:  # pylint: disable=broad-except # the next rows may still be told
        traceback.print_exc()
        return {"id": entry["id"], "bad": [f"{type(error).__name__}: {error}"]}
    for note in notes:
        say(f"   {note}")
    reasons = entry["reasons"]
    silent = numbers["dns"] - numbers["wrong"]
    bad = [f"{column} is {number}" for column, number in {**numbers, "dns": silent}.items()
           if column != "seconds" and number and column not in reasons]
    if entry["id"] == "shim_killed" and numbers["restarted"] != 1:
        bad.append("one container, and no other, is started again")
    say(f"   {numbers}  ({time.monotonic() - began:.1f} s)")
    return {"id": entry["id"], "what": entry["what"].format(n=filled["n"]), **numbers, "bad": bad,
            "why": {column: reasons[column] for column, number in {**numbers, "dns": silent}.items()
                    if number > (2 if column == "seconds" else 0) and column in reasons}}


def main():
    chosen = [entry for entry in ROWS if re.search(sys.argv[1] if len(sys.argv) > 1 else "", entry["id"])]
    if not LONG and len(sys.argv) < 2:
        chosen = [entry for entry in chosen if entry["short"]]
    results = open(os.environ["FAULTS_RESULTS"], "w", encoding="utf-8") if "FAULTS_RESULTS" in os.environ else sys.stdout
    random.seed(os.environ.get("SEED", time.time_ns()))
    began = time.monotonic()
    w = world.World(PODS, dns_rate=300, request_rate=PODS * 1.5)
    version = subprocess.run([f"{BIN}/berthd", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name"))
    print(json.dumps({"version": version, "date": time.strftime("%Y-%m-%d"), "pods": PODS, "long": LONG,
                      "machine": f"{os.cpu_count()} cores ({cpu}), Linux {os.uname().release}"}), file=results, flush=True)
    say(f"{PODS} pods are ready after {time.monotonic() - began:.1f} s")
    failed = 0
    for entry in chosen:
        say(f"\n-- {entry['id']}  ({time.monotonic() - began:.0f} s)")
        result = happen(w, entry)
        print(json.dumps(result), file=results, flush=True)
        if result["bad"]:
            failed += 1
            say(f"FAILED: {entry['id']}: {'; '.join(result['bad'])}")
            if "what" not in result:
                say(subprocess.run(["tail", "-n", "60", f"{world.OUTPUT}/berthd.log"], capture_output=True, text=True, check=False).stdout)
                break  # the host is not well: what came after would say nothing
    w.end()
    say(f"\n{len(chosen)} rows, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
