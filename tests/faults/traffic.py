# tests/faults/traffic.py - what goes on while a fault is there: requests to pods, DNS questions, objects made, lines written.
#
# Every client counts for itself and hides nothing: one try for each question, five seconds until it counts as unanswered.
import os
import random
import re
import select
import socket
import struct
import threading
import time

import berth_api

PATIENCE = 5.0


class Requests:
    """A GET to every pod in turn, each on a connection of its own."""

    def __init__(self, rate, threads=6):
        self.addresses, self.rate = [], rate
        self.asked = self.failed = 0
        self.failures = []
        self.down = set()  # addresses that did not answer when last asked
        self.lock = threading.Lock()
        for i in range(threads):
            threading.Thread(target=self._ask, args=(i, threads), daemon=True).start()

    def _ask(self, which, threads):
        at = which
        while True:
            time.sleep(threads / self.rate)
            addresses = self.addresses
            if not addresses:
                continue
            address = addresses[at % len(addresses)]
            at += threads if len(addresses) % threads else threads + 1
            began, why = time.monotonic(), None
            try:
                with socket.create_connection((address, 80), timeout=PATIENCE) as connection:
                    connection.settimeout(max(0.001, PATIENCE - (time.monotonic() - began)))
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    answer = b""
                    while more := connection.recv(4096):
                        answer += more
                    if b" 200 " not in answer[:20]:
                        why = repr(answer[:40])
            except OSError as error:
                why = str(error)
            with self.lock:
                self.asked += 1
                if why is None:
                    self.down.discard(address)
                else:
                    self.down.add(address)
                    self.failed += 1
                    self.failures.append(f"{address}: {why}")


class Questions:
    """DNS over UDP: one socket, one datagram for each question, never asked twice."""

    def __init__(self, server, rate):
        self.server, self.rate = server, rate
        self.names = {}  # name: set of addresses it may have
        self.asked = self.unanswered = self.refused = self.wrong = 0
        self.oddities = []
        self.open = {}
        self.ok_at = 0.0
        self.lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    @staticmethod
    def query(number, name):
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)

    @staticmethod
    def addresses(answer):
        """A code of RFC 1035 other than 0 as a text."""
        _, flags, questions, answers, _, _ = struct.unpack(">HHHHHH", answer[:12])
        if flags & 0xF:
            return {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}.get(flags & 0xF, "other code")
        at, found = 12, set()

        def skip_name(at):
            while answer[at]:
                if answer[at] >= 0xC0:
                    return at + 2
                at += answer[at] + 1
            return at + 1

        for _ in range(questions):
            at = skip_name(at) + 4
        for _ in range(answers):
            at = skip_name(at)
            kind, _, _, size = struct.unpack(">HHIH", answer[at:at + 10])
            at += 10
            if kind == 1 and size == 4:
                found.add(socket.inet_ntoa(answer[at:at + 4]))
            at += size
        return found

    def _run(self):
        number, due, names, at = 0, time.monotonic(), [], 0
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        asker.connect(self.server)
        asker.setblocking(False)
        while True:
            if not self.names:
                time.sleep(0.05)
                due = time.monotonic()
                continue
            now = time.monotonic()
            if now < due:
                select.select([asker], [], [], due - now)
            self._take(asker)
            self._expire()
            now = time.monotonic()
            if now < due:
                continue
            due = max(due + 1 / self.rate, now - 0.2)
            if at >= len(names):
                names, at = list(self.names.items()), 0
                random.shuffle(names)
                continue
            name, right = names[at]
            at += 1
            number = (number + 1) % 65536
            with self.lock:
                self.asked += 1
                try:
                    asker.send(self.query(number, name))
                    self.open[number] = (now, name, right)
                except ConnectionRefusedError:
                    # What an earlier one was told (ICMP); this one was not sent, and nobody would have taken it.
                    self.refused += 1
                except OSError as error:
                    self.unanswered += 1
                    self.oddities.append(str(error))

    def _take(self, asker):
        while True:
            try:
                answer = asker.recv(4096)
            except ConnectionRefusedError:
                with self.lock:
                    if self.open:  # the newest: it has just been sent
                        self.open.pop(next(reversed(self.open)))
                        self.refused += 1
                continue
            except OSError:
                return
            with self.lock:
                asked = self.open.pop(struct.unpack(">H", answer[:2])[0], None)
                if asked is None:
                    continue
                found = self.addresses(answer)
                if found and isinstance(found, set) and found <= asked[2]:
                    self.ok_at = time.monotonic()
                elif found in ("SERVFAIL", "REFUSED"):  # as a closed port: not now, ask again or ask another
                    self.refused += 1
                else:
                    self.wrong += 1
                    self.oddities.append(f"{asked[1]}: {found}")

    def _expire(self):
        with self.lock:
            now = time.monotonic()
            while self.open:
                number, (began, name, _) = next(iter(self.open.items()))
                if now - began < PATIENCE:
                    return
                del self.open[number]
                self.unanswered += 1
                self.oddities.append(f"{name}: no answer")

    def oldest_open(self):
        with self.lock:
            return next(iter(self.open.values()))[0] if self.open else None


class Writer:
    """Makes a ConfigMap again and again; what the API said yes to must be there afterwards."""

    def __init__(self, socket_path, pause=0.2):
        self.path, self.pause = socket_path, pause
        self.acknowledged, self.refused = {}, 0
        self.number = 0
        self.running = True
        self.idle = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        connection = None
        while True:
            time.sleep(self.pause)
            if not self.running:
                self.idle.set()
                continue
            self.number += 1
            name = f"written-{self.number}"
            try:
                connection = connection or berth_api.Connection(self.path)
                connection.timeout = PATIENCE
                code, _ = connection.call("POST", "/api/v1/namespaces/default/configmaps", {
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"number": str(self.number)}})
                if code == 201:
                    self.acknowledged[name] = str(self.number)
                else:
                    self.refused += 1
            except Exception:  # pylint: disable=broad-except # the agent is away: it did not say yes
                self.refused += 1
                connection = None

    def pause_writing(self):
        self.idle.clear()
        self.running = False
        self.idle.wait(10)

    def go_on(self):
        self.running = True


class Lines:
    """Every pod says in a file which line it has written; the collector's files must have each, in order, once."""

    def __init__(self, logs, marks):
        self.logs, self.marks = logs, marks
        self.have = {}     # pod: set of numbers above `upto`
        self.upto = {}     # pod: all numbers to here are there
        self.offsets = {}
        self.twice = 0

    def read(self):
        for folder in os.listdir(self.logs):
            pod = folder.split("_")[1]
            for base, _, files in os.walk(f"{self.logs}/{folder}"):
                for name in files:
                    self._read_file(pod, f"{base}/{name}")

    def _read_file(self, pod, path):
        try:
            with open(path, "rb") as file:
                file.seek(self.offsets.get(path, 0))
                data = file.read()
        except FileNotFoundError:
            return
        data = data[:data.rfind(b"\n") + 1]
        self.offsets[path] = self.offsets.get(path, 0) + len(data)
        have, upto = self.have.setdefault(pod, set()), self.upto.get(pod, 0)
        for number in map(int, re.findall(rb" line (\d+) ", data)):
            if number <= upto or number in have:
                self.twice += 1
            have.add(number)
        while upto + 1 in have:
            upto += 1
            have.discard(upto)
        self.upto[pod] = upto

    def written(self, pod):
        for _ in range(50):
            try:
                with open(f"{self.marks}/{pod}", encoding="ascii") as file:
                    return int(file.read())
            except (OSError, ValueError):  # being written
                time.sleep(0.01)
        return 0

    def lost(self, pods, seconds=5):
        """{pod: how many of the lines that it has written until now are nowhere}; waits for those that are on their way."""
        wanted = {pod: self.written(pod) for pod in pods}
        deadline = time.monotonic() + seconds
        while True:
            self.read()
            missing = {pod: [n for n in range(self.upto.get(pod, 0) + 1, last + 1) if n not in self.have.get(pod, ())]
                       for pod, last in wanted.items()}
            missing = {pod: numbers for pod, numbers in missing.items() if numbers}
            if not missing or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        for pod in missing:  # counted once: the next fault begins with nothing lost
            have, upto = self.have.setdefault(pod, set()), wanted[pod]
            self.have[pod] = {n for n in have if n > upto}
            self.upto[pod] = max(upto, self.upto.get(pod, 0))
        return {pod: len(numbers) for pod, numbers in missing.items()}
