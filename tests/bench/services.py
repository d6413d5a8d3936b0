#!/usr/bin/python3
# tests/bench/services.py - fills an agent with services, and times how long packets take to follow a change.
#
# The clock is a client: it connects to a service's address until somebody answers, or nobody does any more. Prints
# "name,value,unit,budget" lines.
import argparse
import json
import socket
import statistics
import threading
import time

from berth_api import Connection, memory_mb

BASE = "/api/v1/namespaces/default"


def service(name):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"port": 80, "targetPort": 8080}]}}


def endpoints(name, count):
    subsets = [{"addresses": [{"ip": f"198.18.0.{1 + i}"} for i in range(count)], "ports": [{"port": 8080}]}]
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": subsets if count else []}


def serve():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", 8080))
    listener.listen(512)

    def accept():
        while True:
            listener.accept()[0].close()
    threading.Thread(target=accept, daemon=True).start()


def answers(address):
    with socket.socket() as client:
        client.settimeout(1)
        try:
            client.connect((address, 80))
        except OSError:
            return False
        return True


def wait_until(address, wanted, seconds=60):
    deadline = time.monotonic() + seconds
    while answers(address) != wanted:
        if time.monotonic() > deadline:
            raise SystemExit(f"{address} {'does not answer' if wanted else 'still answers'} after {seconds} s")
    return time.monotonic()


def address_of(api, name):
    return json.loads(api.must("GET", f"{BASE}/services/{name}"))["spec"]["clusterIP"]


def result(name, value, unit, budget=""):
    print(f"{name},{value:.4g},{unit},{budget}", flush=True)


def settled_memory(pid):
    """What was freed is given back a few seconds after the last change."""
    time.sleep(8)
    return memory_mb(pid)


def fill(api, pid, count):
    before = settled_memory(pid)
    for i in range(count):
        api.must("POST", f"{BASE}/services", service(f"s{i}"))
        api.must("POST", f"{BASE}/endpoints", endpoints(f"s{i}", 10))
    wait_until(address_of(api, f"s{count - 1}"), True)
    result(f"memory of {count} services of 10 endpoints", settled_memory(pid) - before, "MB", 30)


def change(api, rounds):
    api.must("POST", f"{BASE}/services", service("one"))
    api.must("POST", f"{BASE}/endpoints", endpoints("one", 0))
    address = address_of(api, "one")
    times = []
    for i in range(2 * rounds):
        begin = time.monotonic()
        api.must("PUT", f"{BASE}/endpoints/one", endpoints("one", (i + 1) % 2))
        written = time.monotonic()
        times.append((wait_until(address, i % 2 == 0) - begin, written - begin))
    result("an endpoint's change until packets follow (median)", statistics.median(t[0] for t in times) * 1000, "ms", 10)
    result("  of it until the request is answered", statistics.median(t[1] for t in times) * 1000, "ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--pid", required=True, type=int)
    parser.add_argument("--fill", type=int, default=0)
    parser.add_argument("--change", type=int, default=0)
    parser.add_argument("--since", type=int, default=0, help="nanoseconds of the clock: when the agent was started")
    args = parser.parse_args()
    serve()
    api = Connection(args.socket)
    if args.since:
        wait_until(address_of(api, "s999"), True)
        result("start of the agent until 1000 services are led", time.time() - args.since / 1e9, "s", 1.5)
    if args.fill:
        fill(api, args.pid, args.fill)
    if args.change:
        change(api, args.change)


if __name__ == "__main__":
    main()
