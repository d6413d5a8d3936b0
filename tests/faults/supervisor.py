# tests/faults/supervisor.py - what systemd does for one unit, as far as faults need it: a stand-in, by the unit file's own numbers.
#
# Starts it again after RestartSec, waits for READY=1, ends it when WATCHDOG=1 stays away for WatchdogSec (SIGABRT, and
# SIGKILL a little later), keeps descriptors that are sent with FDSTORE=1 and hands them to the next process. The true
# systemd is in tests/nspawn.
import array
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time


def unit_seconds(path, key, otherwise):
    match = re.search(rf"^{key}=([0-9.]+)(ms|s|)$", open(path, encoding="utf-8").read(), re.M)
    return otherwise if not match else float(match[1]) / (1000 if match[2] == "ms" else 1)


class Unit:
    def __init__(self, name, unit_file, command, notify_path, log, env):
        self.name, self.command, self.notify_path, self.log, self.env = name, command, notify_path, log, env
        self.restart_delay = unit_seconds(unit_file, "RestartSec", 0.1)
        self.watchdog = unit_seconds(unit_file, "WatchdogSec", 0)
        self.wrapper = []  # e.g. prlimit
        self.process = None
        self.ready = threading.Event()
        self.starts = self.watchdog_ends = 0
        self.stored = {}  # FDNAME: descriptors
        self.wanted = False
        self.alive_at = time.monotonic()
        self.lock = threading.Lock()
        if os.path.exists(notify_path):
            os.unlink(notify_path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listener.bind(notify_path)
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._keep, daemon=True).start()

    @property
    def pid(self):
        return self.process.pid

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def start(self, wait=30):
        """As `systemctl start`: returns when it is ready; wait=0 returns at once."""
        with self.lock:
            self.wanted = True
            self._spawn()
        if wait:
            self.wait_ready(wait)

    def wait_ready(self, seconds=30):
        if not self.ready.wait(seconds):
            raise TimeoutError(f"{self.name} is not ready within {seconds} s")

    def stop(self, how=signal.SIGTERM):
        with self.lock:
            self.wanted = False
            process = self.process
            process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def restart(self):
        self.stop()
        self.start()

    def kill(self, how=signal.SIGKILL):
        """It ends and, as Restart=always says, is started again after a while; see wait_ready."""
        with self.lock:
            self.ready.clear()
            self.process.send_signal(how)

    def _spawn(self):
        self.ready.clear()
        self.starts += 1
        self.alive_at = time.monotonic()
        held = [(name, fd) for name, fds in self.stored.items() for fd in fds]
        env = {**os.environ, **self.env, "NOTIFY_SOCKET": self.notify_path}
        if self.watchdog:
            env["WATCHDOG_USEC"] = str(int(self.watchdog * 1e6))
        if held:
            env["LISTEN_FDS"] = str(len(held))
            env["LISTEN_FDNAMES"] = ":".join(name for name, _ in held)

        def prepare():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if held:
                high = [os.dup2(fd, 200 + i) for i, (_, fd) in enumerate(held)]
                for i, fd in enumerate(high):
                    os.dup2(fd, 3 + i)

        # LISTEN_PID has to be the daemon's own: the shell becomes it.
        words = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"'] if held else []
        self.process = subprocess.Popen(words + self.wrapper + self.command, env=env, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, preexec_fn=prepare, pass_fds=[3 + i for i in range(len(held))])

    def _listen(self):
        while True:
            data, extra, _, _ = self.listener.recvmsg(4096, socket.CMSG_SPACE(256 * 4))
            fds = array.array("i")
            for level, kind, body in extra:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
            said = dict(line.split("=", 1) for line in data.decode(errors="replace").splitlines() if "=" in line)
            name = said.get("FDNAME", "stored")
            if said.get("FDSTOREREMOVE") == "1":
                for fd in self.stored.pop(name, []):
                    os.close(fd)
            if said.get("FDSTORE") == "1":
                self.stored.setdefault(name, []).extend(fds)
            else:
                for fd in fds:
                    os.close(fd)
            if said.get("WATCHDOG") == "1" or said.get("READY") == "1":
                self.alive_at = time.monotonic()
            if said.get("READY") == "1":
                self.ready.set()

    def _keep(self):
        while True:
            time.sleep(0.02)
            with self.lock:
                process = self.process
                if process is None or not self.wanted:
                    continue
                ended = process.poll() is not None
                late = self.watchdog and self.ready.is_set() and time.monotonic() - self.alive_at > self.watchdog
            if ended:
                self.ready.clear()
                time.sleep(self.restart_delay)
                with self.lock:
                    if self.wanted and self.process is process:
                        self._spawn()
            elif late:
                self.watchdog_ends += 1
                for sign in (signal.SIGABRT, signal.SIGCONT):
                    process.send_signal(sign)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
