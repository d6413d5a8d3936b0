# tests/faults/world.py - the host that faults happen to: pods under traffic, and what is counted about them before and after.
import glob
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{ROOT}/tests/bench")
import berth_api  # noqa: E402
from supervisor import Unit  # noqa: E402
from traffic import Lines, Questions, Requests, Writer  # noqa: E402

BED = os.environ["BERTH_TEST_DIR"]
BIN = os.path.abspath(os.environ.get("BERTH_BIN", f"{ROOT}/build/release/bin"))
CONTAINERD = os.environ["BERTH_TEST_CONTAINERD"]
IMAGE = os.environ.get("BERTH_TEST_IMAGE", "docker.io/library/busybox:1.35")
OUTPUT = os.environ.get("BERTH_TEST_OUTPUT", f"{BED}/output")
RUN, STATE, MANIFESTS, MARKS = (f"{BED}/{name}" for name in ("run", "state", "manifests", "marks"))
API = f"{RUN}/berthd.sock"
GATEWAY = "10.97.0.1"

# No process is made for a line: `read` waits. The file says what was written, after it was.
PROGRAM = """trap 'exit 0' TERM
h=$(hostname); mkdir -p /www; echo $h >/www/index.html; httpd -p 80 -h /www
mkfifo /tmp/never; exec 3<>/tmp/never
i=$(cat /marks/$h 2>/dev/null || echo 0)
long=$(printf %400s x)
while :; do i=$((i + 1)); echo "line $i $long"; echo $i >/marks/$h; read -t 0.25 x <&3; done
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def until(what, test, seconds=60.0, pause=0.05):
    deadline = time.monotonic() + seconds
    while not (result := test()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(pause)
    return result


def ctr(*words):
    return subprocess.run(["ctr", "-a", CONTAINERD, "-n", "k8s.io", *words], capture_output=True, text=True, check=False,
                          timeout=30).stdout


def tasks():
    """{container id: pid} of what runs, as containerd sees it."""
    rows = (line.split() for line in ctr("tasks", "ls").splitlines()[1:])
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "RUNNING"}


def template(labels, extra=""):
    program = "\n".join("        " + line for line in PROGRAM.splitlines())
    return f"""metadata: {{labels: {labels}}}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: main
    image: {IMAGE}
    command:
    - sh
    - -c
    - |
{program}
    volumeMounts: [{{name: marks, mountPath: /marks}}]
{extra}  volumes: [{{name: marks, hostPath: {{path: {MARKS}}}}}]
"""


PROBE = "    readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 3}\n"


def indent(text, by):
    return "".join(" " * by + line if line.strip() else line for line in text.splitlines(True))


def set_yaml(kind, name, replicas):
    more = f"  replicas: {replicas}\n  serviceName: {name}\n  podManagementPolicy: Parallel\n" if kind == "StatefulSet" else ""
    return f"""apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{clusterIP: None, selector: {{app: {name}}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
{more}  selector: {{matchLabels: {{app: {name}}}}}
  template:
{indent(template(f"{{app: {name}}}", PROBE), 4)}"""


def pod_yaml(name):
    return "apiVersion: v1\nkind: Pod\n" + template("{app: plain}").replace("metadata: {", f"metadata: {{name: {name}, ", 1)


def brief_yaml(name, image=IMAGE):
    """A pod that says that it runs and waits."""
    return f"""apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: brief}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: {image}
    command: [sh, -c, ": > /marks/{name}; exec sleep 1000000"]
    volumeMounts: [{{name: marks, mountPath: /marks}}]
  volumes: [{{name: marks, hostPath: {{path: {MARKS}}}}}]
"""


def put(name, text):
    with open(f"{BED}/.{name}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(f"{BED}/.{name}.new", f"{MANIFESTS}/{name}.yaml")


def drop(name):
    os.unlink(f"{MANIFESTS}/{name}.yaml")


def ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


class World:
    def __init__(self, pods, dns_rate, request_rate):
        self.count, self.new = pods, 0
        for path in (RUN, STATE, MANIFESTS, MARKS, OUTPUT):
            os.makedirs(path, exist_ok=True)
        # Disks of their own, small enough to be filled.
        for path, size, mode in ((STATE, "64m", "711"), (f"{STATE}/logs", "1g", "755")):
            os.makedirs(path, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "tmpfs", path], check=True)
        open(f"{MANIFESTS}/.berth-confirm", "w", encoding="utf-8").close()
        self.config = f"{BED}/faults.yaml"
        self.configure()
        self.meddle = f"{BED}/meddle"
        self.order()
        library = f"{BED}/meddle.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, f"{HERE}/meddle.c"], check=True)
        env = {"LD_PRELOAD": library, "BERTH_TEST_MEDDLE": self.meddle}
        self.log = open(f"{OUTPUT}/berthd.log", "ab")
        self.logd = Unit("berth-logd", f"{ROOT}/systemd/berth-logd.service",
                         [f"{BIN}/berth-logd", "--run-dir", RUN, "--state-dir", STATE], f"{BED}/notify-logd", self.log, env)
        self.agent = Unit("berthd", f"{ROOT}/systemd/berthd.service", [f"{BIN}/berthd", "--config", self.config],
                          f"{BED}/notify-berthd", self.log, env)
        self.logd.start()
        self.agent.start()
        self.connection = None
        self.containerd_pid = int(open(f"{BED}/containerd.pid", encoding="ascii").read())
        self._make_pods()
        self.lines = Lines(f"{STATE}/logs", MARKS)
        self.requests = Requests(request_rate)
        self.questions = Questions((GATEWAY, 53), dns_rate)
        self.writer = Writer(API)
        self.look_at_pods()
        self.litter_is_seen()

    def configure(self, containerd=CONTAINERD):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"""nodeName: faults
stateDir: {STATE}
runDir: {RUN}
logs: {{directory: {STATE}/logs}}
sources: [{{directory: {MANIFESTS}}}]
containerd: {{address: {containerd}}}
network: {{bridge: faults0, podCIDR: 10.97.0.0/24}}
""")

    def order(self, clock=0, no_inotify=0):
        """What the preloaded library does from now on, see meddle.c. In place: it is mapped."""
        with open(self.meddle, "r+b" if os.path.exists(self.meddle) else "wb") as file:
            file.write(clock.to_bytes(8, "little", signed=True) + no_inotify.to_bytes(8, "little", signed=True))

    def _make_pods(self):
        size = self.count // 7
        for name in ("web", "db", "queue"):
            put(name, set_yaml("StatefulSet", name, size))
        put("each", set_yaml("DaemonSet", "each", 1))
        for i in range(self.count - 3 * size - 1):
            put(f"plain-{i}", pod_yaml(f"plain-{i}"))
        until(f"{self.count} pods are ready", lambda: len(p := self.pods()) == self.count and all(map(ready, p)), 120)

    def call(self, target):
        """The parsed answer; None when the API does not answer."""
        try:
            if self.connection is None:
                self.connection = berth_api.Connection(API)
                self.connection.timeout = 5
            code, text = self.connection.call("GET", target)
            return json.loads(text) if code == 200 else None
        except Exception:  # pylint: disable=broad-except # it is away
            self.connection = None
            return None

    def pods(self):
        return (self.call("/api/v1/pods") or {}).get("items", [])

    def standing(self):
        return [p for p in self.pods() if p["metadata"].get("labels", {}).get("app") != "brief"]

    def look_at_pods(self):
        pods = self.standing()
        self.requests.addresses = [p["status"]["podIP"] for p in pods]
        names = {}
        for pod in pods:
            spec = pod["spec"]
            if "hostname" in spec and "subdomain" in spec:
                name = f"{spec['subdomain']}.default.svc.cluster.local"
                names[f"{spec['hostname']}.{name}"] = {pod["status"]["podIP"]}
                names.setdefault(name, set()).add(pod["status"]["podIP"])
        self.questions.names = names

    # What is counted.

    def objects(self):
        """Everything that lives as long as somebody wants it, by its uid."""
        found = {}
        for group, kinds in (("/api/v1", ("namespaces", "nodes", "pods", "services", "configmaps", "secrets", "serviceaccounts")),
                             ("/apis/apps/v1", ("statefulsets", "daemonsets", "controllerrevisions"))):
            for kind in kinds:
                for item in (self.call(f"{group}/{kind}") or {}).get("items", []):
                    found[item["metadata"]["uid"]] = f"{kind} {item['metadata']['name']}"
        return found

    @staticmethod
    def litter_but_of(pods):
        return subprocess.run([f"{ROOT}/tests/bed/litter", RUN, *(p["metadata"]["uid"] for p in pods)], stdout=subprocess.PIPE,
                              text=True, check=True).stdout.splitlines()

    def litter_is_seen(self):
        """The check must be able to fail: a pod that is not named is litter, in every kind."""
        found = {line.split()[0] for line in self.litter_but_of(self.standing()[1:])}
        missing = {"cgroup", "fifos", "directory", "container", "task", "snapshot", "shim", "mount", "link"} - found
        if missing:
            raise AssertionError(f"tests/bed/litter does not see: {missing}")

    def litter(self):
        found = self.litter_but_of(self.standing())
        running = tasks()
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                words = open(path, encoding="utf-8").read().split("\0")
            except OSError:
                continue
            if "containerd-shim" in words[0] and "-id" in words and words[words.index("-id") + 1] not in running:
                found.append(f"shim of a dead container {words[words.index('-id') + 1]}")
        for base, folders, _ in os.walk("/sys/fs/cgroup"):
            if "/berth-pods" in base and os.path.basename(base).startswith("pod"):
                for name in folders:
                    if name not in running and open(f"{base}/{name}/cgroup.procs", encoding="ascii").read():
                        found.append(f"process of a dead container {name}")
        return found

    def settled_litter(self, seconds=15):
        deadline = time.monotonic() + seconds
        while (left := self.litter()) and time.monotonic() < deadline:
            time.sleep(0.3)
        return left

    def descriptors(self):
        return {unit.name: unit.descriptors() for unit in (self.agent, self.logd)}

    # The parts of a fault.

    def start_containerd(self):
        self.containerd_pid = int(subprocess.run([f"{BED}/start-containerd"], capture_output=True, text=True, check=True).stdout)
        until("containerd answers", lambda: subprocess.run(["ctr", "-a", CONTAINERD, "version"], capture_output=True,
                                                           check=False).returncode == 0, 30)

    def end_containerd(self, how=signal.SIGTERM):
        os.kill(self.containerd_pid, how)
        until("containerd has ended", lambda: not os.path.exists(f"/proc/{self.containerd_pid}/cmdline")
              or open(f"/proc/{self.containerd_pid}/cmdline", "rb").read() == b"", 30)

    def well(self, began, limit):
        """Seconds since `began` until all pods are ready and answer, names are known, and a new pod runs. It is taken away."""
        self.new += 1
        name = f"new-{self.new}"
        put(name, brief_yaml(name))

        def is_well():
            if not os.path.exists(f"{MARKS}/{name}") or self.questions.ok_at < began or self.requests.down:
                return False
            pods = self.standing()
            return len(pods) == self.count and all(map(ready, pods))

        try:
            until("all is well", is_well, limit, 0.02)
        finally:
            took = time.monotonic() - began
            drop(name)
        until(f"{name} is gone", lambda: len(self.pods()) == self.count, 30)
        return took

    def measure(self, fault, limit):
        """Lets `fault()` happen (it returns when it is over, or the time at which it was) and counts. {column: number}, notes."""
        notes = []
        processes, objects = tasks(), self.objects()
        descriptors = self.descriptors()
        self.lines.lost([p["metadata"]["name"] for p in self.standing()])
        for client in (self.requests, self.questions):
            with client.lock:
                client.asked = client.failed = client.unanswered = client.refused = client.wrong = 0
        self.requests.failures, self.questions.oddities = [], []
        self.lines.twice = 0
        self.writer.acknowledged, self.writer.refused = {}, 0
        self.writer.go_on()

        ended = fault(self) or time.monotonic()
        took = self.well(ended, limit)
        self.writer.pause_writing()
        # Questions that were open at the end have their five seconds.
        now = time.monotonic()
        until("the last answers", lambda: (self.questions.oldest_open() or now + 1) > now, 10)

        after = tasks()
        restarted = [name for name, pid in processes.items() if after.get(name) != pid]
        written = {m["metadata"]["name"]: m.get("data", {}).get("number")
                   for m in (self.call("/api/v1/namespaces/default/configmaps") or {}).get("items", [])}
        gone = [name for name, number in self.writer.acknowledged.items() if written.get(name) != number]
        later = self.objects()
        gone += [what for uid, what in objects.items() if uid not in later]
        lost = self.lines.lost([p["metadata"]["name"] for p in self.standing()])
        leaked = self.settled_litter()
        for name, number in self.descriptors().items():
            if number > descriptors[name] + 3:
                leaked += [f"{number - descriptors[name]} descriptors of {name}"]
        self._forget_written(written)
        # Pods that were replaced have other addresses.
        if restarted:
            self.look_at_pods()
        for what, found in (("restarted", restarted), ("requests", self.requests.failures), ("dns", self.questions.oddities),
                            ("objects", gone), ("lines", [f"{pod}: {n}" for pod, n in lost.items()]), ("leaked", leaked)):
            if found:
                notes.append(f"{what}: {len(found)}: {'; '.join(found[:6])}")
        if self.lines.twice:
            notes.append(f"lines that are there twice: {self.lines.twice}")
        notes.append(f"asked: {self.requests.asked} requests, {self.questions.asked} DNS questions; "
                     f"{len(self.writer.acknowledged)} objects written, {self.writer.refused} refused")
        return {"restarted": len(restarted), "requests": self.requests.failed, "dns": self.questions.unanswered + self.questions.wrong, "wrong": self.questions.wrong,
                "refused": self.questions.refused, "lines": sum(lost.values()), "objects": len(gone), "leaked": len(leaked),
                "seconds": round(took, 1)}, notes

    def _forget_written(self, names):
        for name in names:
            if name.startswith("written-"):
                try:
                    if self.connection is None:
                        self.connection = berth_api.Connection(API)
                    self.connection.call("DELETE", f"/api/v1/namespaces/default/configmaps/{name}")
                except Exception:  # pylint: disable=broad-except
                    self.connection = None

    def end(self):
        for unit in (self.agent, self.logd):
            unit.stop()
