# tests/faults/grpc_proxy.py - stands between berthd and containerd and knows calls: any one of them can fail, or come late.
#
# HTTP/2 frame by frame, both ways. Header blocks are decoded and written anew without a table (RFC 7541, 6.2.2), so that one
# can be left out or held back without the other end's decoder losing its place. Needs python3-hpack.
import os
import socket
import struct
import threading
import time

import hpack

DATA, HEADERS, RST_STREAM, CONTINUATION, WINDOW_UPDATE = 0, 1, 3, 9, 8
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REFUSE, LOSE, DELAY = "refused", "done, its answer lost", "answered late"
LOST = "lost"  # what becomes of a stream once it was answered in containerd's place


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(data):
    length, out = len(data), b""
    if length < 127:
        return bytes([length]) + data
    length -= 127
    out = b"\x7f"
    while length >= 128:
        out += bytes([length % 128 + 128])
        length //= 128
    return out + bytes([length]) + data


def header_block(headers):
    return b"".join(b"\x00" + literal(name) + literal(value) for name, value in headers)


class Side:
    """One direction of one connection."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.decoder = hpack.Decoder()
        self.lock = threading.Lock()

    def send(self, data):
        with self.lock:
            self.sink.sendall(data)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.source.recv(count - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def next(self):
        """kind, flags, stream, payload, headers; a header block is one frame, whatever it was."""
        head = self.exactly(9)
        size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], struct.unpack(">I", head[5:])[0] & 0x7FFFFFFF
        payload = self.exactly(size)
        if kind != HEADERS:
            return kind, flags, stream, payload, None
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if flags & PRIORITY:
            payload = payload[5:]
        while not flags & END_HEADERS:
            head = self.exactly(9)
            payload += self.exactly(int.from_bytes(head[:3], "big"))
            flags |= head[4] & END_HEADERS
        headers = [(bytes(h[0]), bytes(h[1])) for h in self.decoder.decode(payload, raw=True)]
        return kind, flags & (END_STREAM | END_HEADERS), stream, header_block(headers), headers


class Proxy:
    """decide(method) says what becomes of a call: None, REFUSE (containerd never hears of it), LOSE, or DELAY."""

    def __init__(self, listen, target, late=3.0):
        self.target, self.late = target, late
        self.decide = lambda method: None
        if os.path.exists(listen):
            os.unlink(listen)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(listen)
        self.server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client = self.server.accept()[0]
            backend = socket.socket(socket.AF_UNIX)
            try:
                backend.connect(self.target)
            except OSError:
                client.close()
                continue
            fates = {}
            up, down = Side(client, backend), Side(backend, client)
            threading.Thread(target=self._run, args=(self._upwards, up, down, fates), daemon=True).start()
            threading.Thread(target=self._run, args=(self._downwards, up, down, fates), daemon=True).start()

    @staticmethod
    def _run(pump, up, down, fates):
        try:
            pump(up, down, fates)
        except OSError:
            pass
        for one in (up.source, up.sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _upwards(self, up, down, fates):
        up.send(up.exactly(len(PREFACE)))
        while True:
            kind, flags, stream, payload, headers = up.next()
            if headers is not None and stream not in fates:
                fate = self.decide(dict(headers).get(b":path", b"").decode())
                if fate:
                    fates[stream] = fate
                if fate == REFUSE:
                    self._answer(down, stream)
            if fates.get(stream) == REFUSE:
                self._take(down, kind, payload)
                continue
            up.send(frame(kind, flags, stream, payload))

    def _downwards(self, up, down, fates):
        while True:
            kind, flags, stream, payload, _ = down.next()
            fate = fates.get(stream) if stream and kind in (DATA, HEADERS, RST_STREAM) else None
            if fate == LOST:
                self._take(up, kind, payload)
            elif fate == LOSE:
                self._take(up, kind, payload)
                if kind == HEADERS and not flags & END_STREAM:
                    continue  # what comes before the answer
                fates[stream] = LOST
                self._answer(down, stream)
                if not flags & END_STREAM:
                    up.send(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
            elif fate == DELAY:
                # In order: every frame of this stream is late by the same time.
                threading.Timer(self.late, self._later, (down, frame(kind, flags, stream, payload))).start()
            else:
                down.send(frame(kind, flags, stream, payload))

    @staticmethod
    def _take(to_sender, kind, payload):
        """A frame that goes nowhere: its sender gets the room back that it counts for the connection."""
        if kind == DATA and payload:
            to_sender.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload))))

    @staticmethod
    def _later(side, data):
        try:
            side.send(data)
        except OSError:
            pass

    @staticmethod
    def _answer(down, stream):
        down.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, header_block([
            (b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-status", b"14"),
            (b"grpc-message", b"a test let this call fail")])))
