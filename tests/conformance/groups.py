# tests/conformance/groups.py - which conformance tests run in one process, for how long, and beside which others.
import re

# Name of the group, tests in one process, seconds for them, where it runs, which tests (the first row that matches has a test).
#   busy     starts many pods: as many processes at once as there are cores
#   waiting  waits for minutes, because it must: twice as many
#   alone    looks at the whole host, or taints it: when the others are through
RULES = [
    ("alone", 1, 420, "alone", r"\[Serial\]|\[Disruptive\]"),
    ("foreign", 6, 400, "waiting", r"AdmissionWebhook|CustomResource|Aggregator"),
    ("probes", 2, 600, "waiting", r"Probing container"),
    ("slow", 1, 600, "waiting", r"\[Slow\]"),
    ("init", 4, 400, "waiting", r"InitContainer"),
    ("dns", 1, 700, "waiting", r"sig-network\] DNS"),
    ("networking", 2, 400, "waiting", r"Networking Granular"),
    ("sets", 2, 700, "waiting", r"StatefulSet|CronJob"),
    ("auth", 1, 400, "waiting", r"^\[sig-auth\]"),
    ("pods", 4, 400, "busy", r"^\[k8s.io\] Pods "),
    ("node", 8, 400, "busy", r"^\[k8s.io\]|^\[sig-node\]"),
    ("storage", 12, 500, "busy", r"^\[sig-storage\]"),
    ("apps", 3, 400, "busy", r"^\[sig-apps\]"),
    ("services", 2, 400, "busy", r"^\[sig-network\] Services"),
    ("network", 4, 400, "busy", r"^\[sig-network\]"),
    ("cli", 4, 400, "busy", r"^\[sig-cli\]"),
    ("garbage", 2, 400, "busy", r"Garbage"),
    ("quota", 4, 400, "busy", r"ResourceQuota"),
    ("api", 6, 400, "busy", r"^\[sig-api-machinery\]"),
    ("rest", 4, 400, "busy", r"."),
]


class Group:
    def __init__(self, name, seconds, lane, tests):
        self.name, self.seconds, self.lane, self.tests = name, seconds, lane, tests


def groups(names):
    """Each of the names in one group."""
    left, result = list(names), []
    for name, size, seconds, lane, pattern in RULES:
        mine = [test for test in left if re.search(pattern, test)]
        left = [test for test in left if test not in mine]
        for at in range(0, len(mine), size):
            result.append(Group(f"{name}{at // size + 1:02d}", seconds, lane, mine[at:at + size]))
    return result
