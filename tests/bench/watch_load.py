#!/usr/bin/python3
# tests/bench/watch_load.py - many watchers, steady writes: nobody misses, repeats or reorders an event, memory stays flat.
#
#   watch_load.py --socket PATH --pid PID [--watchers 200] [--rate 50] [--seconds 60] [--csv]
#
# One process writes (PATCH of a number into one of many pods), this one holds all watches of different makes, and one more
# that never reads. Exit code 1 when a promise was broken. With --csv it prints "name,value,unit,budget" lines, the story
# goes to stderr.
import argparse
import csv
import json
import os
import re
import selectors
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import berth_api  # noqa: E402  (it lies beside us)

NAMESPACE = "watch-load"
PODS = 100
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
NUMBER = re.compile(rb'"seq":"(\d+)"')
# Of resident memory between the middle and the end: flat, but for the allocator's moods. Before, the store's history and what
# is kept for the reader who never reads fill up to their bounds.
GROWTH_MB = 3


def say(text):
    print(text, file=sys.stderr, flush=True)


class Watcher:
    """One watch. Events are recognised by the number in them: the framing never cuts one."""

    KINDS = [(f"/api/v1/namespaces/{NAMESPACE}/pods?watch=true", "application/json"),
             ("/api/v1/pods?watch=true", "application/json"),
             (f"/api/v1/namespaces/{NAMESPACE}/pods?watch=true&labelSelector=app%3Dshop,tier+in+(web,db)", "application/json"),
             (f"/api/v1/namespaces/{NAMESPACE}/pods?watch=true&allowWatchBookmarks=true", "application/json")]

    def __init__(self, path, index, revision):
        target, accept = self.KINDS[index % len(self.KINDS)]
        if index % 40 == 39:
            target, accept = self.KINDS[0][0], TABLE
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.sendall(f"GET {target}&resourceVersion={revision} HTTP/1.1\r\nHost: b\r\nAccept: {accept}\r\n\r\n".encode())
        self.what = f"{index} ({target}, {'table' if accept == TABLE else 'plain'})"
        self.rest = b""
        self.next = 0
        self.problem = ""

    def take(self, now, seen):
        data = self.sock.recv(1 << 18)
        if not data:
            self.problem = self.problem or f"closed after {self.next} events"
            return False
        text = self.rest + data
        end = 0
        for match in NUMBER.finditer(text):
            number = int(match.group(1))
            if number != self.next:
                self.problem = self.problem or f"event {number} came when {self.next} was due"
            self.next = number + 1
            seen(number, now)
            end = match.end()
        self.rest = text[max(end, len(text) - 32):]
        return True


def write(path, rate, count, start, out):
    """The writer's process: one PATCH every 1/rate s. Its times go through the pipe `out`."""
    api = berth_api.Connection(path)
    times = []
    for i in range(count):
        time.sleep(max(0.0, start + i / rate - time.monotonic()))
        times.append(time.monotonic())
        api.must("PATCH", f"/api/v1/namespaces/{NAMESPACE}/pods/shop-{i % PODS}",
                 {"metadata": {"annotations": {"seq": str(i)}}}, "application/merge-patch+json")
    with os.fdopen(out, "w") as pipe:
        json.dump(times, pipe)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--socket", required=True)
    words.add_argument("--pid", type=int, required=True)
    words.add_argument("--watchers", type=int, default=200)
    words.add_argument("--rate", type=float, default=50)
    words.add_argument("--seconds", type=float, default=60)
    words.add_argument("--csv", action="store_true")
    args = words.parse_args()
    count = int(args.rate * args.seconds)

    api = berth_api.Connection(args.socket)
    berth_api.make_pods(api, NAMESPACE, PODS)
    revision = json.loads(api.must("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?limit=1"))["metadata"]["resourceVersion"]
    watchers = [Watcher(args.socket, i, revision) for i in range(args.watchers)]
    stalled = Watcher(args.socket, 0, revision)  # nobody reads this one
    poll = selectors.DefaultSelector()
    for watcher in watchers:
        poll.register(watcher.sock, selectors.EVENT_READ, watcher)

    start = time.monotonic() + 0.5
    times_end, out = os.pipe()
    writer = os.fork()
    if writer == 0:
        code = 1
        try:
            write(args.socket, args.rate, count, start, out)
            code = 0
        finally:
            os._exit(code)
    os.close(out)

    arrivals = [[] for _ in range(count)]
    marks = {"start": 0.0, "middle": 0.5}
    memory = {}
    used = berth_api.cpu_seconds(args.pid)
    deadline = start + args.seconds + 20
    while any(w.next < count and not w.problem for w in watchers) and time.monotonic() < deadline:
        for name, share in marks.items():
            if name not in memory and time.monotonic() >= start + share * args.seconds:
                memory[name] = berth_api.memory_mb(args.pid)
        for key, _ in poll.select(0.2):
            if not key.data.take(time.monotonic(), lambda number, now: arrivals[number].append(now) if number < count else None):
                poll.unregister(key.fileobj)
    used = berth_api.cpu_seconds(args.pid) - used
    memory["end"] = berth_api.memory_mb(args.pid)
    took = time.monotonic() - start
    _, status = os.waitpid(writer, 0)
    with os.fdopen(times_end) as pipe:
        text = pipe.read()
    problems = [f"the writer failed: {status}"] if status != 0 else []
    for watcher in watchers:
        if watcher.problem or watcher.next != count:
            problems.append(f"watcher {watcher.what}: {watcher.problem or f'only {watcher.next} of {count} events'}")
    growth = memory["end"] - memory.get("middle", memory["end"])
    if growth > GROWTH_MB:
        problems.append(f"memory grew by {growth:.1f} MB")
    times = json.loads(text) if text else []
    delays = [(at - sent) * 1000 for sent, all_at in zip(times, arrivals) for at in all_at]
    stalled.sock.close()
    for watcher in watchers:
        watcher.sock.close()

    middle, last = statistics.median(delays or [0]), quantile(delays, 0.99)
    say(f"{len(delays)} events at {args.watchers} watchers in {took:.1f} s; RSS MB " +
        ", ".join(f"{name} {value:.1f}" for name, value in memory.items()) +
        f"; CPU {used / took * 100:.1f} %; write to event ms p50 {middle:.2f}, p99 {last:.2f}")
    if args.csv:
        load = f"{args.watchers} watchers x {args.rate:g} writes/s"
        csv.writer(sys.stdout, lineterminator="\n").writerows([
            (f"{load}: events", len(delays), "events", ""), (f"{load}: RSS growth", f"{growth:.2f}", "MB", GROWTH_MB),
            (f"{load}: RSS at the end", f"{memory['end']:.1f}", "MB", ""),
            (f"{load}: CPU of berthd", f"{used / took * 100:.1f}", "%", ""),
            (f"{load}: write to event p50", f"{middle:.2f}", "ms", ""), (f"{load}: write to event p99", f"{last:.2f}", "ms", "")])
        sys.stdout.flush()
    for problem in problems[:10]:
        say(f"PROBLEM: {problem}")
    return 1 if problems else 0


sys.exit(main())
