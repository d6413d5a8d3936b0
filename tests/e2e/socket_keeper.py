# tests/e2e/socket_keeper.py - plays systemd for one program: keeps the sockets it stores, and gives them to the next.
#
#   socket_keeper.py DIRECTORY PROGRAM [ARG...]     DIRECTORY/control answers GET /ready /restart /kill /names over HTTP
#   socket_keeper.py --ask DNS NAME API_SOCKET TLS_PORT OUT
#                                                   asks all the while until OUT.stop is there, and says what was lost
import array, os, signal, socket, ssl, struct, subprocess, sys, threading, time


class Keeper:
    """NOTIFY_SOCKET, FDSTORE=1 with SCM_RIGHTS, FDSTOREREMOVE=1, BARRIER=1; LISTEN_FDS: sd_notify(3), sd_listen_fds(3)."""

    def __init__(self, directory, argv):
        os.makedirs(directory, exist_ok=True)
        self.argv = argv
        self.lock = threading.Condition()
        self.stored = []  # (name, fd)
        self.ready = False
        self.stopping = False
        self.again = 0.0
        self.notify_path = os.path.join(directory, "notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.notify_path)
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.control.bind(os.path.join(directory, "control"))
        self.control.listen(8)
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=self.answer, daemon=True).start()

    def listen(self):
        while True:
            data, ancillary, _, _ = self.notify.recvmsg(4096, socket.CMSG_SPACE(16 * 4), socket.MSG_CMSG_CLOEXEC)
            fds = array.array("i")
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            lines = data.decode().split("\n")
            words = dict(line.split("=", 1) for line in lines if "=" in line)
            with self.lock:
                if words.get("FDSTORE") == "1":
                    self.stored += [(words["FDNAME"], fd) for fd in fds]
                    fds = []
                if words.get("FDSTOREREMOVE") == "1":
                    for name, fd in self.stored:
                        if name == words["FDNAME"]:
                            os.close(fd)
                    self.stored = [one for one in self.stored if one[0] != words["FDNAME"]]
                if words.get("READY") == "1":
                    self.ready = True
                self.lock.notify_all()
            for fd in fds:  # a barrier: closed once it was read
                os.close(fd)

    def start(self):
        with self.lock:
            fds, names = [fd for _, fd in self.stored], [name for name, _ in self.stored]
            self.ready = False
        environment = dict(os.environ, NOTIFY_SOCKET=self.notify_path)
        if fds:
            environment.update(LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=":".join(names))

        def place():
            high = [os.dup2(fd, 200 + i, inheritable=False) for i, fd in enumerate(fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)
                os.close(fd)

        argv = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"] + self.argv
        return subprocess.Popen(argv, env=environment, preexec_fn=place, close_fds=False)

    def run(self):
        while not self.stopping:
            self.child = self.start()
            self.child.wait()
            time.sleep(self.again)
        return 0

    def answer(self):
        while True:
            peer, _ = self.control.accept()
            what = peer.recv(4096).split(b" ")[1].decode()[1:]
            text = "ok"
            with self.lock:
                if what == "ready" and not self.ready:
                    text = "no"
                if what == "names":
                    text = " ".join(sorted({"-".join(name.split("-")[:2]) for name, _ in self.stored}))
                if what in ("restart", "kill"):
                    self.ready = False
                    self.again = 0.0 if what == "restart" else 1.0  # as RestartSec= says
                    self.child.send_signal(signal.SIGTERM if what == "restart" else signal.SIGKILL)
            peer.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            peer.close()


def question(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def is_answer(reply, number):  # of that question, without error, with an answer
    return len(reply) > 12 and struct.unpack("!H", reply[:2])[0] == number and reply[3] & 15 == 0 and reply[7] > 0


def ask(server, name, api, tls_port, out):
    counts = {kind: [0, 0] for kind in ("udp", "tcp", "api", "tls")}
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    stop = lambda: os.path.exists(out + ".stop")

    def udp(number):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(5)
            peer.sendto(question(name, number), (server, 53))
            return is_answer(peer.recv(4096), number)

    def tcp(number):
        with socket.create_connection((server, 53), timeout=5) as peer:
            message = question(name, number)
            peer.sendall(struct.pack("!H", len(message)) + message)
            return is_answer(peer.recv(4096)[2:], number)

    def connect(_):
        with socket.socket(socket.AF_UNIX) as peer:  # refused or not: what was begun when the agent ended may be cut off
            peer.settimeout(5)
            peer.connect(api)
            return True

    def tls(_):  # to the end of the handshake: one that waited while nobody was there is served by the next
        with socket.create_connection(("127.0.0.1", int(tls_port)), timeout=5) as peer, anybody.wrap_socket(peer) as tunnel:
            return tunnel.version() is not None

    def keep_asking(kind, one, pause):
        number = 0
        while not stop():
            number = (number + 1) % 65536
            try:
                good = one(number)
            except OSError as error:
                # A connection that was being served when the agent ended is cut; one that waited is not.
                good = kind in ("tcp", "tls") and isinstance(error, (ConnectionResetError, ssl.SSLEOFError))
                if not good:
                    print(kind, repr(error), file=sys.stderr)
            counts[kind][0] += 1
            counts[kind][1] += 0 if good else 1
            time.sleep(pause)

    threads = [threading.Thread(target=keep_asking, args=args) for args in
               (("udp", udp, 0.005), ("udp", udp, 0.003), ("tcp", tcp, 0.05), ("api", connect, 0.02),
                ("tls", tls, 0.05))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(out, "w") as file:
        file.write(", ".join(f"{kind} {asked} lost {lost}" for kind, (asked, lost) in counts.items()))


if sys.argv[1] == "--ask":
    ask(*sys.argv[2:7])
else:
    keeper = Keeper(sys.argv[1], sys.argv[2:])

    def end(*_):
        keeper.stopping = True
        keeper.child.terminate()

    signal.signal(signal.SIGTERM, end)
    sys.exit(keeper.run())
