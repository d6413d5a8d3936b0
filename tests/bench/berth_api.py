# tests/bench/berth_api.py - what the API benchmarks share: requests over the unix socket, a pod as real ones are, /proc.
import http.client
import json
import os
import socket


class Connection(http.client.HTTPConnection):
    """HTTP/1.1 over a unix socket, kept alive."""

    def __init__(self, path):
        super().__init__("berth")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def call(self, method, target, body=None, content_type="application/json", accept="application/json"):
        """The code and the body's bytes."""
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        self.request(method, target, None if body is None else json.dumps(body), headers)
        answer = self.getresponse()
        return answer.status, answer.read()

    def must(self, method, target, body=None, content_type="application/json"):
        code, text = self.call(method, target, body, content_type)
        if code not in (200, 201):
            raise SystemExit(f"{method} {target}: {code} {text[:500]!r}")
        return text


def pod(name, namespace):
    """Bound to a node that is not there, so that no agent runs it; nor ends it: throw the agent's state away afterwards."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10, "timeoutSeconds": 1}
    container = {
        "name": "server", "image": "registry.example/shop/server:2026.11.3", "args": ["--listen=:8080", "--log=json"],
        "env": [{"name": f"SETTING_{i}", "value": f"value number {i}"} for i in range(8)] +
               [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "web", "containerPort": 8080}], "livenessProbe": probe, "readinessProbe": probe,
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "conf", "mountPath": "/etc/shop"}]}
    helper = {"name": "helper", "image": "registry.example/shop/helper:1.4", "command": ["helper", "--every=30s"],
              "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}]}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace,
                     "labels": {"app": "shop", "tier": "web", "statefulset.kubernetes.io/pod-name": name,
                                "controller-revision-hash": "shop-7bd9c6f4d8"},
                     "annotations": {"example.com/config-hash": "3f7a0c19e2d4b58a6f90c1de", "seq": "start"}},
        "spec": {"nodeName": "elsewhere", "containers": [container, helper], "terminationGracePeriodSeconds": 0,
                 "volumes": [{"name": "data", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "shop"}}]}}


def pod_status(index):
    when = "2026-11-21T10:00:00Z"
    state = {"state": {"running": {"startedAt": when}}, "lastState": {}, "ready": True, "started": True, "restartCount": 0}
    digest = "sha256:" + "0123456789abcdef" * 4
    return {"status": {
        "phase": "Running", "hostIP": "192.0.2.7", "podIP": f"10.9.{index // 250}.{index % 250}", "startTime": when,
        "podIPs": [{"ip": f"10.9.{index // 250}.{index % 250}"}], "hostIPs": [{"ip": "192.0.2.7"}], "qosClass": "Burstable",
        "conditions": [{"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": when}
                       for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
        "containerStatuses": [
            {"name": name, "image": f"registry.example/shop/{name}:1", "imageID": f"registry.example/shop/{name}@{digest}",
             "containerID": f"containerd://{digest[7:]}", **state} for name in ("server", "helper")]}}


def make_pods(api, namespace, count):
    api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    base = f"/api/v1/namespaces/{namespace}/pods"
    for i in range(count):
        api.must("POST", base, pod(f"shop-{i}", namespace))
        api.must("PATCH", f"{base}/shop-{i}/status", pod_status(i), "application/merge-patch+json")


def memory_mb(pid):
    for line in open(f"/proc/{pid}/status", encoding="utf-8"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
