# tests/ui/fake_agent.py - the agent's API as the page sees it, with whatever a test puts there: many, strange and hostile objects.
#
# What the API really says is shown by tests/ui/dashboard.sh with a real agent; this one is for what no host should need to show.
import http.server
import json
import os
import queue
import re
import threading
import time

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../api/ui/page")
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
COLUMNS = {
    "pods": ["Name", "Ready", "Status", "Restarts", "Age", "IP"],
    "statefulsets": ["Name", "Ready", "Age"],
    "events": ["Last Seen", "Type", "Reason", "Object", "Message"],
}


def now(ago=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))


def pod(name, ns="default", owner=None, word="Running", ready=True, ip="10.98.0.2", restarts=0, claims=(), image="busybox:1.35", ago=3600, phase="Running"):
    state = {"running": {"startedAt": now(ago)}} if phase == "Running" and (ready or word == "Running") else {"waiting": {"reason": word}}
    return {
        "metadata": {"name": name, "namespace": ns, "uid": f"uid-{ns}-{name}", "creationTimestamp": now(ago),
                     **({"ownerReferences": [{**owner, "controller": True}]} if owner else {})},
        "spec": {"nodeName": "worker1", "containers": [{"name": "main", "image": image}],
                 "volumes": [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]},
        "status": {"phase": phase, "podIP": ip, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                   "containerStatuses": [{"name": "main", "ready": ready, "restartCount": restarts, "state": state}]},
        "_cells": [name, f"{int(ready)}/1", word, str(restarts), "1h", ip],
    }


def stateful_set(name, replicas, ns="default", templates=("data",), image="busybox:1.35"):
    return {
        "metadata": {"name": name, "namespace": ns, "uid": f"uid-set-{ns}-{name}"},
        "spec": {"replicas": replicas, "serviceName": name, "template": {"spec": {"containers": [{"name": "main", "image": image}]}},
                 "volumeClaimTemplates": [{"metadata": {"name": each}} for each in templates]},
        "status": {}, "_cells": [name, "", "1h"],
    }


def owner_of(owner, kind="StatefulSet"):
    return {"kind": kind, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}


def claim(name, ns="default", size="10Gi", phase="Bound"):
    return {"metadata": {"name": name, "namespace": ns}, "spec": {"resources": {"requests": {"storage": size}}},
            "status": {"phase": phase, **({"capacity": {"storage": size}} if phase == "Bound" else {})}}


def event(number, about, reason, message, warning=False, ago=60, times=1, kind="Pod"):
    return {"metadata": {"name": f"e{number}", "namespace": about["metadata"]["namespace"], "uid": f"event-{number}", "creationTimestamp": now(ago)},
            "involvedObject": {"kind": kind, "name": about["metadata"]["name"], "namespace": about["metadata"]["namespace"], "uid": about["metadata"]["uid"]},
            "type": "Warning" if warning else "Normal", "reason": reason, "message": message, "count": times, "lastTimestamp": now(ago),
            "_cells": ["", "", reason, "", message]}


class FakeAgent:
    """Serves on a free port of 127.0.0.1 as long as it is entered."""

    def __init__(self):
        self.objects = {"pods": {}, "statefulsets": {}, "events": {}}
        self.claims, self.ailments, self.logs = [], [], {}
        self.usage = {}
        self.memory = 0
        self.watchers = {kind: [] for kind in self.objects}
        self.lock = threading.Lock()
        self.away = False

    def put(self, kind, object, type_=None):
        meta = object["metadata"]
        key = (meta["namespace"], meta["name"])
        with self.lock:
            type_ = type_ or ("MODIFIED" if key in self.objects[kind] else "ADDED")
            self.objects[kind].pop(key, None) if type_ == "DELETED" else self.objects[kind].__setitem__(key, object)
            for watcher in self.watchers[kind]:
                watcher.put({"type": type_, "object": table(kind, [object])})

    def remove(self, kind, object):
        self.put(kind, object, "DELETED")

    def leave(self):
        """The agent goes away: every stream ends, nothing new is answered."""
        with self.lock:
            self.away = True
            for watchers in self.watchers.values():
                for watcher in watchers:
                    watcher.put(None)

    def __enter__(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                try:
                    fake.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # browsers hang up as they like
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/ui/"
        return self

    def __exit__(self, *_):
        self.leave()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        path, _, query = request.path.partition("?")
        if path.startswith("/ui"):
            return self.file(request, path[4:] or "index.html")
        if self.away:
            return send(request, 502, "text/plain", b"The agent does not answer\n")
        for kind, at in (("pods", "/api/v1/pods"), ("statefulsets", "/apis/apps/v1/statefulsets"), ("events", "/api/v1/events")):
            if path == at:
                return self.watch(request, kind) if "watch=true" in query else self.list(request, kind, query)
        if path == "/api/v1/persistentvolumeclaims":
            return send_json(request, {"items": self.claims})
        if path == "/berth/v1/ailments":
            return send_json(request, {"items": self.ailments})
        if path == "/berth/v1/status":
            return send_json(request, {"version": "0.2.0", "node": "worker1", "startedAt": now(97200), "containerd": {"version": "containerd://1.6.20"},
                                       "disks": [{"path": "/var/lib/berth", "totalBytes": 200 << 30, "freeBytes": (121 << 30) - self.memory * 40},
                                                 {"path": "/run/berth", "totalBytes": 3 << 30, "freeBytes": 3_200_000_000}]})
        if path == "/api/v1/nodes":
            return send_json(request, {"items": [{"metadata": {"name": "worker1"}, "status": {"capacity": {"cpu": "8", "memory": "32768Mi"}}}]})
        if path.endswith("/nodes"):
            self.memory = (self.memory + 37_000_000) % 900_000_000
            return send_json(request, {"items": [{"metadata": {"name": "worker1"}, "usage": {"cpu": f"{900 + self.memory // 2_000_000}m",
                                                                                             "memory": f"{(6_400_000_000 + self.memory) // 1024}Ki"}}]})
        if path == "/apis/metrics.k8s.io/v1beta1/pods":
            return send_json(request, {"items": [{"metadata": {"namespace": ns, "name": name}, "containers": [{"usage": {"memory": text}}]}
                                                 for (ns, name), text in self.usage.items()]})
        if found := re.fullmatch(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/log", path):
            return self.log(request, self.logs.get(found[2], []), "follow=true" in query)
        send(request, 404, "text/plain", b"404 page not found\n")

    def file(self, request, name):
        if name not in os.listdir(PAGE):
            return send(request, 404, "text/plain", b"404 page not found\n")
        with open(os.path.join(PAGE, name), "rb") as file:
            send(request, 200, TYPES[name.rsplit(".", 1)[1]], file.read(), {"Content-Security-Policy": POLICY})

    def list(self, request, kind, query):
        with self.lock:
            everything = list(self.objects[kind].values())
        start = int((re.search(r"continue=(\d+)", query) or [0, "0"])[1])
        size = int((re.search(r"limit=(\d+)", query) or [0, "500"])[1])
        answer = table(kind, everything[start:start + size])
        answer["metadata"] = {"resourceVersion": "7", **({"continue": str(start + size)} if len(everything) > start + size else {})}
        send_json(request, answer)

    def watch(self, request, kind):
        changes = queue.Queue()
        with self.lock:
            self.watchers[kind].append(changes)
        try:
            begin_chunks(request, "application/json")
            while (change := changes.get()) is not None:
                chunk(request, json.dumps(change).encode() + b"\n")
            chunk(request, b"")
        finally:
            with self.lock:
                self.watchers[kind].remove(changes)

    def log(self, request, lines, follow):
        begin_chunks(request, "text/plain")
        at = 0
        while True:
            while at < len(lines):
                chunk(request, "".join(f"{line}\n" for line in lines[at:at + 1000]).encode())
                at += 1000 if at + 1000 <= len(lines) else len(lines) - at
            if not follow or self.away:
                return chunk(request, b"")
            time.sleep(0.05)


def table(kind, objects):
    return {"kind": "Table", "columnDefinitions": [{"name": name} for name in COLUMNS[kind]],
            "rows": [{"cells": each["_cells"], "object": {key: value for key, value in each.items() if key != "_cells"}} for each in objects]}


def send(request, code, type_, body, headers=None):
    request.send_response(code)
    for name, value in {"Content-Type": type_, "Content-Length": str(len(body)), "X-Content-Type-Options": "nosniff", **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def send_json(request, document):
    send(request, 200, "application/json", json.dumps(document).encode())


def begin_chunks(request, type_):
    request.send_response(200)
    request.send_header("Content-Type", type_)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()


def chunk(request, data):
    request.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    request.wfile.flush()
