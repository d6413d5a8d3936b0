# tests/bench/hosts.py - what bench_hosts.sh measures from within a host: when something became so, in nanoseconds since 1970.
import json
import socket
import struct
import sys
import time

from berth_api import Connection


def resolvable(server, name, deadline):
    """Asks for the name's address until there is one, a thousand times a second."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".")) + b"\0"
    question = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server, 53))
        sock.settimeout(0.2)
        while time.time() < deadline:
            sock.send(question)
            try:
                if struct.unpack(">H", sock.recv(512)[6:8])[0] > 0:
                    return time.time_ns()
            except (socket.timeout, ConnectionRefusedError):
                pass
            time.sleep(0.001)
    raise SystemExit(f"{name} was not resolvable")


def ready(path, selector, count, deadline):
    """Watches until so many of the selected pods are Ready."""
    api = Connection(path)
    api.request("GET", f"/api/v1/namespaces/default/pods?watch=1&labelSelector={selector}&timeoutSeconds=120")
    answer = api.getresponse()
    done = set()
    while time.time() < deadline:
        line = answer.readline()
        if not line:
            break
        pod = json.loads(line)["object"]
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["type"] == "Ready" and condition["status"] == "True":
                done.add(pod["metadata"]["name"])
        if len(done) == count:
            return time.time_ns()
    raise SystemExit(f"{len(done)} of {count} were ready")


if __name__ == "__main__":
    what, place, wanted = sys.argv[1:4]
    until = time.time() + 60
    print(resolvable(place, wanted, until) if what == "resolvable" else ready(place, wanted, int(sys.argv[4]), until))
