#!/usr/bin/python3
# tests/bench/volumes.py - times pods with claims from the rename of a manifest to the running process.
#
# Runs in a bed, like pods.py, whose agent and clock it uses. NFS: this host's kernel has none, so mount.nfs is a stand-in that
# mounts a tmpfs; what is measured is all that berth does around it.
import os
import statistics
import subprocess
import time

import pods as bench

ROUNDS = int(os.environ.get("ROUNDS", "10"))

CLASS = """apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: image}
provisioner: berth.io/loop
parameters: {fsType: ext4}
volumeBindingMode: WaitForFirstConsumer
"""


def claim(name, storage_class, size="32Mi"):
    return f"""apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec: {{storageClassName: {storage_class}, accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}
---
"""


def pod_with(name, volume):
    text = bench.pod_yaml(name).replace("volumeMounts: [", "volumeMounts: [{name: data, mountPath: /data}, ")
    return text.replace("  volumes: [", f"  volumes: [{{name: data, {volume}}}, ")


def with_claim(name, storage_class):
    return claim(name, storage_class) + pod_with(name, f"persistentVolumeClaim: {{claimName: {name}}}")


def timed(marks, name, text):
    started = bench.put(name, text)
    took = (marks.wait([name]) - started) * 1000
    bench.drop(name)
    bench.settle(0)
    os.unlink(f"{bench.MARKS}/{name}")
    return took


def by_hand():
    """What an administrator would type for the same: an image, a file system, a loop device, a mount."""
    image, target = f"{bench.BED}/hand.img", f"{bench.BED}/hand"
    os.makedirs(target, exist_ok=True)
    started = time.monotonic()
    script = f"truncate -s 32M {image}; d=$(losetup -f --show {image}); mkfs.ext4 -q -m0 $d; mount $d {target}"
    subprocess.run(["sh", "-ec", script], check=True)
    took = (time.monotonic() - started) * 1000
    subprocess.run(["sh", "-c", f"umount {target}; losetup -j {image} | cut -d: -f1 | xargs losetup -d; rm {image}"], check=True)
    return took


def images(marks):
    plain = [timed(marks, f"plain-{i}", bench.pod_yaml(f"plain-{i}")) for i in range(ROUNDS)]
    new, again = [], []
    for i in range(ROUNDS):
        name = f"image-{i}"
        claims = f"{name}-claim"
        text = pod_with(name, f"persistentVolumeClaim: {{claimName: {claims}}}")
        bench.put(claims, claim(claims, "image"))
        new.append(timed(marks, name, text))
        again.append(timed(marks, name, text))
        bench.drop(claims)
    bench.result("pod start without a claim", statistics.median(plain), "ms", 100)
    bench.result("pod start with a new loop claim (made, formatted, mounted)", statistics.median(new), "ms")
    bench.result("pod start with its loop claim again (checked, mounted)", statistics.median(again), "ms")
    bench.result("  truncate, losetup, mkfs.ext4, mount by hand", statistics.median(by_hand() for _ in range(5)), "ms")


def nfs(marks):
    program = os.path.realpath("/sbin/mount.nfs")
    if not os.path.exists(program):
        bench.say("nfs left out: nfs-common is not installed")
        return
    stand_in = f"{bench.BED}/mount.nfs"
    with open(stand_in, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nexec mount -t tmpfs -o size=1m "$1" "$2"\n')
    os.chmod(stand_in, 0o755)
    subprocess.run(["mount", "--bind", stand_in, program], check=True)
    share = "nfs: {server: 192.0.2.1, path: /exports/data}"
    times = [timed(marks, f"nfs-{i}", pod_with(f"nfs-{i}", share)) for i in range(ROUNDS)]
    bench.result("pod start with an NFS share (mount.nfs stands in)", statistics.median(times), "ms")
    subprocess.run(["umount", program], check=True)


def hundred(marks):
    """A quadratic step would show as more time for each pod the more there are."""
    per_pod = {}
    for count in (25, 100):
        names = [f"many{count}-{i}" for i in range(count)]
        for name in names:
            with open(f"{bench.BED}/.{name}.new", "w", encoding="utf-8") as file:
                file.write(with_claim(name, "directory"))
        started = time.monotonic()
        for name in names:
            os.rename(f"{bench.BED}/.{name}.new", f"{bench.MANIFESTS}/{name}.yaml")
        took = marks.wait(names, 120) - started
        per_pod[count] = took / count
        bench.result(f"{count} pods with a claim each at once (the last runs)", took, "s")
        for name in names:
            bench.drop(name)
        bench.settle(0)
    bench.result("  time for each of 100, of each of 25", per_pod[100] / per_pod[25], "x", 1.3)


def main():
    agent = bench.Agent()
    marks = bench.Marks()
    bench.put("warm-up", bench.pod_yaml("warm-up"))
    marks.wait(["warm-up"])
    bench.drop("warm-up")
    bench.settle(0)
    bench.put("class", CLASS)
    images(marks)
    nfs(marks)
    hundred(marks)
    bench.result("RSS berthd + berth-logd after all that", agent.rss(), "MB")
    agent.stop()


main()
