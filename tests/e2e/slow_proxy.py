#!/usr/bin/python3
"""tests/e2e/slow_proxy.py - stands between berthd and containerd: late answers, or connections that break.

    slow_proxy.py LISTEN_SOCKET CONTAINERD_SOCKET FILE

FILE is read again and again; it holds two numbers: the seconds by which every byte from containerd comes late, and the
chance that a connection is cut when something is sent over it. Late bytes overtake nothing and hold up nothing else.
"""
import os
import queue
import random
import socket
import sys
import threading
import time

listen, target, control = sys.argv[1:]


def settings():
    try:
        with open(control, encoding="ascii") as file:
            delay, cut = file.read().split()
            return float(delay), float(cut)
    except (OSError, ValueError):
        return 0.0, 0.0


def close(*sockets):
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def pump(source, sink, late):
    waiting = queue.Queue()

    def deliver():
        while True:
            due, data = waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return

    threading.Thread(target=deliver, daemon=True).start()
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            data = b""
        delay, cut = settings()
        waiting.put((time.monotonic() + (delay if late else 0.0), data))
        if not data:
            return
        if random.random() < cut:
            close(source, sink)
            return


if os.path.exists(listen):
    os.unlink(listen)
server = socket.socket(socket.AF_UNIX)
server.bind(listen)
server.listen(64)
while True:
    client = server.accept()[0]
    backend = socket.socket(socket.AF_UNIX)
    try:
        backend.connect(target)
    except OSError:
        client.close()
        continue
    threading.Thread(target=pump, args=(client, backend, False), daemon=True).start()
    threading.Thread(target=pump, args=(backend, client, True), daemon=True).start()
