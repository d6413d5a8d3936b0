#!/usr/bin/python3
# tests/bench/api_latency.py - how long reads take on the unix socket: one pod, a list of 1,000, a table; and memory after.
#
#   api_latency.py --socket PATH --pid PID [--pods 1000]
#
# Prints "name,value,unit,budget" lines. Times are of the whole request, with the body received and not parsed.
import argparse
import csv
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import berth_api  # noqa: E402  (it lies beside us)

NAMESPACE = "latency"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def result(name, value, unit, budget=""):
    csv.writer(sys.stdout, lineterminator="\n").writerow([name, f"{value:.4g}", unit, budget])
    sys.stdout.flush()


def timed(api, target, rounds, accept="application/json"):
    times, size = [], 0
    for _ in range(rounds):
        started = time.perf_counter()
        code, body = api.call("GET", target, accept=accept)
        times.append((time.perf_counter() - started) * 1000)
        size = len(body)
        if code != 200:
            sys.exit(f"GET {target}: {code} {body[:300]!r}")
    times.sort()
    print(f"{target} ({accept[:30]}): {size} bytes, ms best {times[0]:.3f}, median {statistics.median(times):.3f}, "
          f"p99 {times[int(len(times) * 0.99)]:.3f}", file=sys.stderr, flush=True)
    return statistics.median(times)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--socket", required=True)
    words.add_argument("--pid", type=int, required=True)
    words.add_argument("--pods", type=int, default=1000)
    args = words.parse_args()
    api = berth_api.Connection(args.socket)
    empty = berth_api.memory_mb(args.pid)
    berth_api.make_pods(api, NAMESPACE, args.pods)
    time.sleep(8)  # what the writes left behind is given back by then
    before = berth_api.memory_mb(args.pid)
    base = f"/api/v1/namespaces/{NAMESPACE}/pods"
    result("API: get of one pod", timed(api, f"{base}/shop-7", 2000), "ms", 1)
    result(f"API: list of {args.pods} pods", timed(api, base, 60), "ms", 20)
    result(f"API: table of {args.pods} pods", timed(api, f"{base}?limit={args.pods}", 60, TABLE), "ms", 20)
    result(f"API: label selection from {args.pods} pods", timed(api, f"{base}?labelSelector=app%3Dnone", 60), "ms", 20)
    pages, token = 0, ""
    started = time.perf_counter()
    while pages == 0 or token:
        code, body = api.call("GET", f"{base}?limit=100" + (f"&continue={token}" if token else ""))
        head = body[:400].decode()
        token = head.split('"continue":"')[1].split('"')[0].replace("/", "%2F") if '"continue":"' in head else ""
        pages += 1
        if code != 200 or pages > args.pods:
            sys.exit(f"page {pages}: {code} {head}")
    result(f"API: {args.pods} pods in {pages} pages", (time.perf_counter() - started) * 1000, "ms")
    time.sleep(8)
    after = berth_api.memory_mb(args.pid)
    result(f"API: RSS for {args.pods} pods", before - empty, "MB")
    result("API: RSS that reading them added", after - before, "MB", 3)


main()
