#!/usr/bin/python3
# tests/bench/workloads.py - times a Deployment of 30 pods, its rolling update and a Job of 100, as a client sees them.
#
# Runs in a bed (tests/bed/run). The clock is a watch of the object: it ends when its status says so. Prints
# "name,value,unit,budget" lines; the story goes to stderr.
import json
import statistics
import sys
import time

import pods
from berth_api import Connection, cpu_seconds

ROUNDS = 3
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
JOBS = "/apis/batch/v1/namespaces/default/jobs"


def deployment(name, count):
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {count}
  strategy: {{rollingUpdate: {{maxSurge: 25%}}}}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: "{pods.IMAGE}", command: [sleep, "100000"]}}]
"""


def job(name, completions, parallelism):
    return f"""apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  completions: {completions}
  parallelism: {parallelism}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: "{pods.IMAGE}", command: ["true"]}}]
"""


def watch_until(collection, name, done, seconds=120):
    """The monotonic time at which the object was seen as `done` wants it, and the object."""
    api = Connection(pods.API)
    api.timeout = seconds
    api.connect()
    api.sock.settimeout(seconds)
    api.request("GET", f"{collection}?watch=1&fieldSelector=metadata.name%3D{name}")
    answer = api.getresponse()
    deadline = time.monotonic() + seconds
    seen = None
    try:
        while line := answer.readline():
            seen = json.loads(line)["object"]
            if done(seen):
                return time.monotonic(), seen
            if time.monotonic() > deadline:
                break
    except TimeoutError:
        pass
    finally:
        api.close()
    sys.exit(f"bench: {name} is not done in {seconds} s: {seen and seen.get('status')}; "
             f"agent log: {open(pods.BED + '/bench-berthd.log').read()[-3000:]}")


def rolled_out(count):
    def test(item):
        status = item.get("status", {})
        return (status.get("observedGeneration") == item["metadata"]["generation"] and
                all(status.get(key) == count for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")))
    return test


def complete(item):
    return any(c["type"] == "Complete" and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))


def bare(count, number):
    """As many pods without a set: what containerd takes for them, on this machine and now."""
    names = [f"bare{number}-{i}" for i in range(count)]
    started = time.monotonic()
    for name in names:
        pods.put(name, pods.pod_yaml(name))
    pods.settle(count)
    took = time.monotonic() - started
    for name in names:
        pods.drop(name)
    pods.settle(0)
    return took


def roll(count):
    """A Deployment from the rename of its file until all are ready, and from the patch of its template until all are new."""
    starts, updates, without = [], [], []
    api = Connection(pods.API)
    for i in range(ROUNDS):
        name = f"web{i}"
        without.append(bare(count, i))
        started = pods.put(name, deployment(name, count))
        starts.append(watch_until(DEPLOYMENTS, name, rolled_out(count))[0] - started)
        new = {"spec": {"template": {"metadata": {"annotations": {"example.com/build": "2"}}}}}
        started = time.monotonic()
        api.must("PATCH", f"{DEPLOYMENTS}/{name}", new, "application/merge-patch+json")
        updates.append(watch_until(DEPLOYMENTS, name, rolled_out(count))[0] - started)
        pods.drop(name)
        pods.settle(0)
    pods.say(f"deployment of {count}: {[round(t, 2) for t in starts]}; rolled: {[round(t, 2) for t in updates]}")
    pods.result(f"Deployment of {count} (all ready)", statistics.median(starts), "s", 2.0)
    pods.result(f"  {count} pods without a set (same run)", statistics.median(without), "s")
    pods.result(f"rolling update of {count} (maxSurge 25 %)", statistics.median(updates), "s", 6)


def count_down(completions, parallelism, agent):
    times, used = [], []
    for i in range(ROUNDS):
        name = f"sums{i}"
        before = cpu_seconds(agent.daemon.pid)
        started = pods.put(name, job(name, completions, parallelism))
        ended, item = watch_until(JOBS, name, complete)
        times.append(ended - started)
        used.append(cpu_seconds(agent.daemon.pid) - before)
        if item["status"].get("succeeded") != completions or item["status"].get("failed", 0) != 0:
            sys.exit(f"bench: {completions} pods should have succeeded: {item['status']}")
        pods.drop(name)
        pods.settle(0)
    pods.say(f"job of {completions}: {[round(t, 2) for t in times]}")
    pods.result(f"Job of {completions} pods, {parallelism} at once", statistics.median(times), "s", 12)
    pods.result("  berthd's processor time for it", statistics.median(used), "s")


def main():
    agent = pods.Agent()
    marks = pods.Marks()
    pods.put("warm-up", pods.pod_yaml("warm-up"))
    marks.wait(["warm-up"])
    pods.drop("warm-up")
    pods.settle(0)
    roll(30)
    count_down(100, 10, agent)
    agent.stop()


if __name__ == "__main__":
    main()
