#!/usr/bin/python3
"""tests/hosts/identities.py - does any identity ever run twice? Asks the kernel, not us.

    identities.py FILE NAME...   looks at all processes four times a second until SIGTERM; NAME is a process's, as in
                                 /proc/PID/comm. What runs twice goes to FILE, a line each; at the end, who was seen.

An identity is the host name that a container sees; two containers are two pid namespaces.
"""
import os
import re
import signal
import subprocess
import sys
import time

ORDINAL = re.compile(r"^[a-z]+-\d+$")


def host_name(pid):
    answer = subprocess.run(["nsenter", "-t", pid, "-u", "hostname"], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def main(path, names):
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    seen = set()
    known = {}  # (pid, start time) to (identity, namespace); a process keeps both for its life.
    looks = 0
    with open(path, "a", encoding="ascii") as file:
        while not ended:
            now = {}
            running = {}
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                        comm, rest = stat.read().split("(", 1)[1].rsplit(")", 1)
                    fields = rest.split()
                    if comm not in names or fields[0] in "ZX":
                        continue
                    key = (pid, fields[19])
                    now[key] = known.get(key) or (host_name(pid), os.readlink(f"/proc/{pid}/ns/pid"))
                except (OSError, IndexError):
                    continue  # It ended meanwhile.
                identity, container = now[key]
                if ORDINAL.match(identity) and not identity.startswith("ship-"):
                    running.setdefault((comm, identity), set()).add(container)
            known = now
            looks += 1
            seen |= {identity for _, identity in running}
            for (comm, identity), containers in running.items():
                if len(containers) > 1:
                    file.write(f"{time.time():.3f} {comm} {identity} runs {len(containers)} times\n")
                    file.flush()
            time.sleep(0.25)
        file.write(f"seen in {looks} looks: {' '.join(sorted(seen))}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
