#!/usr/bin/python3
# tests/e2e/web_socket.py - a client of pods' streams over WebSocket channels, as generated client libraries have it.
#
#   web_socket.py SOCKET exec NS POD WORD...      standard input and outputs, exit code (stdin ends with "v5")
#   web_socket.py SOCKET forward NS POD PORT      standard input to the port; what comes back to standard output
#   web_socket.py SOCKET hold NS POD WORD...      as exec, but sends zeros for ever and reads nothing
import base64
import json
import os
import socket
import struct
import sys
import threading
from urllib.parse import quote


class WebSocket:
    def __init__(self, path, target, protocol):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                             f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        status = self.file.readline()
        length = 0
        while (line := self.file.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if b" 101 " not in status:
            sys.exit(f"{status.decode().strip()}: {self.file.read(length).decode()}")

    def send(self, payload, opcode=2):
        size = len(payload)
        head = bytes([0x80 | opcode])
        head += bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self.socket.sendall(head + b"\0\0\0\0" + payload)

    def receive(self):
        """(opcode, payload); the opcode 8 is the end."""
        head = self.file.read(2)
        if len(head) < 2:
            sys.exit("the connection broke")
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
        return head[0] & 15, self.file.read(size)


def send_input(web_socket, channel, at_end):
    while (piece := os.read(0, 32768)):
        web_socket.send(bytes([channel]) + piece)
    if at_end:
        web_socket.send(at_end)


def run(path, ns, pod, words):
    target = (f"/api/v1/namespaces/{ns}/pods/{pod}/exec?stdin=true&stdout=true&stderr=true&" +
              "&".join("command=" + quote(word) for word in words))
    web_socket = WebSocket(path, target, "v5.channel.k8s.io")
    threading.Thread(target=send_input, args=(web_socket, 0, b"\xff\0"), daemon=True).start()
    code = 1
    while True:
        opcode, payload = web_socket.receive()
        if opcode == 8:
            return code
        if payload[:1] in (b"\1", b"\2"):
            os.write(payload[0], payload[1:])
        elif payload[:1] == b"\3":
            status = json.loads(payload[1:])
            # Other causes say why a command could not be run.
            causes = [c for c in status.get("details", {}).get("causes", []) if c.get("reason") == "ExitCode"]
            code = 0 if status["status"] == "Success" else int(causes[0]["message"]) if causes else 1
            if code and not causes:
                print(status["message"], file=sys.stderr)


def forward(path, ns, pod, port):
    web_socket = WebSocket(path, f"/api/v1/namespaces/{ns}/pods/{pod}/portforward?ports={port}", "v4.channel.k8s.io")
    for channel in (0, 1):
        opcode, payload = web_socket.receive()
        if payload != bytes([channel]) + struct.pack("<H", int(port)):
            sys.exit(f"channel {channel} began with {payload!r}")
    threading.Thread(target=send_input, args=(web_socket, 0, None), daemon=True).start()
    while True:
        opcode, payload = web_socket.receive()
        if opcode == 8:
            return 0
        if payload[:1] == b"\0":
            os.write(1, payload[1:])
        elif payload[:1] == b"\1":
            print(payload[1:].decode(), file=sys.stderr)
            return 1


def hold(path, ns, pod, words):
    target = (f"/api/v1/namespaces/{ns}/pods/{pod}/exec?stdin=true&stdout=true&" +
              "&".join("command=" + quote(word) for word in words))
    web_socket = WebSocket(path, target, "v5.channel.k8s.io")
    while True:
        web_socket.send(bytes(32768))


def main():
    path, verb, ns, pod, *rest = sys.argv[1:]
    if verb == "exec":
        return run(path, ns, pod, rest)
    return hold(path, ns, pod, rest) if verb == "hold" else forward(path, ns, pod, *rest)


sys.exit(main())
