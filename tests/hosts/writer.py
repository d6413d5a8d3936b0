#!/usr/bin/python3
"""tests/hosts/writer.py - writes numbers into an etcd and a redis, and remembers which of them were acknowledged.

    writer.py write NAME FILE ETCD,ETCD,... REDIS   until SIGTERM; FILE: a line "etcd N" or "redis N" per acknowledged write
    writer.py check NAME FILE ETCD,ETCD,... REDIS SINCE   are they all there? Prints how many, and the longest pause after
                                                    SINCE (seconds of the epoch); exit code 1 with the missing ones

A write that nobody answered may or may not have happened: it is not counted. Every number is written once.
"""
import base64
import json
import signal
import socket
import sys
import threading
import time
import urllib.request

PATIENCE = 3  # Seconds for an answer.


def text(value):
    return base64.b64encode(value.encode()).decode()


def ask_etcd(address, path, body):
    request = urllib.request.Request(f"http://{address}:2379/v3/kv/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


class Redis:
    """One connection, made anew after each failure (RESP, https://redis.io/docs/reference/protocol-spec)."""

    def __init__(self, address):
        self.address = address
        self.stream = None

    def ask(self, *words):
        try:
            if self.stream is None:
                self.stream = socket.create_connection((self.address, 6379), PATIENCE).makefile("rwb")
            self.stream.write(f"*{len(words)}\r\n".encode())
            for word in words:
                self.stream.write(f"${len(word)}\r\n{word}\r\n".encode())
            self.stream.flush()
            line = self.stream.readline().decode().rstrip()
            if line.startswith("$") and line != "$-1":
                return self.stream.read(int(line[1:]) + 2).decode().rstrip()
            if not line or line.startswith("-"):
                raise OSError(line or "redis closed the connection")
            return line[1:]
        except OSError:
            self.stream = None
            raise


def write(name, path, etcds, redis):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    lock = threading.Lock()

    def keep(kind, put):
        """Numbers in turn, each tried once; the pause after a failure is short, so that none of the time is lost."""
        number = 0
        while not stop.is_set():
            number += 1
            try:
                put(number)
            except (OSError, ValueError):
                stop.wait(0.1)
                continue
            with lock:
                file.write(f"{kind} {number} {time.time():.3f}\n")
                file.flush()
            stop.wait(0.02)

    turn = [0]

    def to_etcd(number):
        try:
            ask_etcd(etcds[turn[0] % len(etcds)], "put", {"key": text(f"{name}/{number:09}"), "value": text(str(number))})
        except (OSError, ValueError):
            turn[0] += 1  # Another member, next time.
            raise

    connection = Redis(redis)

    def to_redis(number):
        if connection.ask("SET", f"{name}/{number:09}", str(number)) != "OK":
            raise ValueError("not OK")

    with open(path, "a", encoding="ascii") as file:
        threads = [threading.Thread(target=keep, args=pair) for pair in (("etcd", to_etcd), ("redis", to_redis))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def longest_pause(times, since):
    late = [since] + [time for time in times if time > since]
    return max((b - a for a, b in zip(late, late[1:])), default=0.0)


def check(name, path, etcds, redis, since):
    with open(path, encoding="ascii") as file:
        lines = [line.split() for line in file]
    acknowledged = [(kind, number) for kind, number, _ in lines]
    pauses = {kind: longest_pause([float(at) for each, _, at in lines if each == kind], float(since))
              for kind in ("etcd", "redis")}
    answer = ask_etcd(etcds[0], "range", {"key": text(f"{name}/"), "range_end": text(f"{name}0")})
    there = {base64.b64decode(pair["value"]).decode() for pair in answer.get("kvs", [])}
    connection = Redis(redis)
    lost = [f"{kind} {number}" for kind, number in acknowledged
            if (number not in there if kind == "etcd" else connection.ask("GET", f"{name}/{int(number):09}") != number)]
    counts = {kind: sum(1 for each, _ in acknowledged if each == kind) for kind in ("etcd", "redis")}
    print(f"{name}: acknowledged {counts['etcd']} by etcd, {counts['redis']} by redis; lost {len(lost)}; "
          f"the longest pause of a renewal {pauses['etcd']:.2f} s, {pauses['redis']:.2f} s")
    if not all(counts.values()):
        sys.exit(f"writer: {name}: nothing was written")
    if lost:
        sys.exit(f"writer: {name}: acknowledged and not there: {', '.join(lost[:20])}")


if __name__ == "__main__":
    verb, who, at, members, *rest = sys.argv[1:]
    {"write": write, "check": check}[verb](who, at, members.split(","), *rest)
