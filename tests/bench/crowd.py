# tests/bench/crowd.py - fills an etcd with hosts that are not there: each one's Node, session, pod network and 30 pods, as a real agent wrote its own.
#
#   crowd.py fill ETCD HOSTS      clones what the host ship-1 and its set default/web wrote; then keeps the sessions alive until it is killed
#   crowd.py join SOCKET HOSTS    waits until the agent's API shows the pods of the last host: all come at once
import base64
import json
import sys
import time
import urllib.request
import uuid

from berth_api import Connection

PODS = 30
PREFIX = "/berth/objects/"
TTL = 60
BATCH = 100  # etcd takes 128 operations in one transaction


class Etcd:
    """etcd's own JSON gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/)."""

    def __init__(self, address):
        self.address = address

    def ask(self, what, **fields):
        request = urllib.request.Request(f"{self.address}/v3/{what}", json.dumps(fields).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def below(self, prefix):
        found = self.ask("kv/range", key=text(prefix), range_end=text(prefix[:-1] + chr(ord(prefix[-1]) + 1)))
        return {plain(each["key"]): plain(each["value"]) for each in found.get("kvs", [])}

    def put(self, puts):
        """`puts`: key, value, lease."""
        for begin in range(0, len(puts), BATCH):
            self.ask("kv/txn", success=[{"requestPut": {"key": text(key), "value": text(value), "lease": lease}}
                                        for key, value, lease in puts[begin:begin + BATCH]])


def text(word):
    return base64.b64encode(word.encode()).decode()


def plain(word):
    return base64.b64decode(word).decode()


class Host:
    """Host number `index` of the crowd, whose pods are those of a set of its own namespace."""

    def __init__(self, index, real):
        self.name = f"far-{index}"
        self.ns = f"load-{index}"
        self.index = index
        self.real = real
        self.uids = {}

    def address(self, pod):
        return f"10.{98 + (self.index >> 8)}.{self.index & 255}.{pod + 2}"

    def clone(self, object, pod=0):
        """`object` of ship-1 as it would be here; every uid becomes another one, the same everywhere."""
        words = json.dumps(object)
        for old, new in (("ship-1", self.name), ('"namespace": "default"', f'"namespace": "{self.ns}"'), ("web-0", f"web-{pod}"),
                         ('pod-index": "0"', f'pod-index": "{pod}"'), (self.real["pod_ip"], self.address(pod)), (self.real["subnet"], f"{self.address(-2)}/24"),
                         (self.real["subnet"].replace("/", "-"), f"{self.address(-2)}-24"),
                         (self.real["host_ip"], f"10.200.{self.index >> 8}.{self.index & 255}")):
            words = words.replace(old, new)
        for old in self.real["uids"]:
            if old in words:
                words = words.replace(old, self.uids.setdefault((old, pod if old == self.real["pod_uid"] else 0), str(uuid.uuid4())))
        return json.loads(words)

    def puts(self, session_lease):
        real = self.real["objects"]
        yield f"/berth/live/{self.name}", json.dumps({"holder": self.name, "node": self.name, "version": "crowd", "since": "2024-01-01T00:00:00Z"}), session_lease
        for key, object in real.items():
            kind, ns, name = key.removeprefix(PREFIX).split("/")
            if kind == "Pod":
                clones = [self.clone(object, pod) for pod in range(PODS)]
            elif kind == "Endpoints":
                clones = [self.clone(object)]
                for subset in clones[0]["subsets"]:
                    subset["addresses"] = [self.clone(each, pod) for pod in range(PODS) for each in object["subsets"][0]["addresses"]]
            elif kind.endswith("EndpointSlice"):
                clones = [self.clone(object)]
                clones[0]["endpoints"] = [self.clone(each, pod) for pod in range(PODS) for each in object["endpoints"]]
            elif kind.endswith("StatefulSet"):
                clones = [self.clone(object)]
                clones[0]["spec"]["replicas"] = PODS
                for count in ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"):
                    clones[0]["status"][count] = PODS
            else:
                clones = [self.clone(object)]
            for each in clones:
                meta = each["metadata"]
                if (kind, ns) == ("Namespace", "_"):
                    meta["name"] = self.ns
                yield f"{PREFIX}{kind}/{meta.get('namespace', '_')}/{meta['name']}", json.dumps(each, separators=(",", ":")), 0


def is_cloned(key, host, subnet):
    kind, ns, name = key.removeprefix(PREFIX).split("/")
    if ns == "default":
        return kind not in ("Event", "Pod") and not name.startswith("kubernetes") or (kind, name) == ("Pod", "web-0")
    return (kind, name) in (("Namespace", "default"), ("Node", host)) or kind == "coordination.k8s.io.Lease" and (name == host or subnet in name)


def fill(address, hosts):
    etcd = Etcd(address)
    everything = {key: json.loads(value) for key, value in etcd.below(PREFIX).items()}
    pod = everything[f"{PREFIX}Pod/default/web-0"]
    subnet = pod["status"]["podIP"].rpartition(".")[0] + ".0/24"
    objects = {key: each for key, each in everything.items() if is_cloned(key, "ship-1", subnet.replace("/", "-"))}
    real = {"objects": objects, "pod_ip": pod["status"]["podIP"], "host_ip": pod["status"]["hostIP"], "pod_uid": pod["metadata"]["uid"],
            "subnet": subnet, "uids": [each["metadata"]["uid"] for each in objects.values()]}
    print("cloned of ship-1:", *(key.removeprefix(PREFIX) for key in sorted(objects)), file=sys.stderr)
    lease = etcd.ask("lease/grant", TTL=TTL)["ID"]
    for index in range(1, hosts + 1):
        etcd.put(list(Host(index, real).puts(lease)))
        if index % 100 == 0:
            etcd.ask("lease/keepalive", ID=lease)
    print("filled", flush=True)
    while True:
        etcd.ask("lease/keepalive", ID=lease)
        time.sleep(TTL / 4)


def join(path, hosts):
    until = time.time() + 120
    while time.time() < until:
        try:
            api = Connection(path)
            api.request("GET", f"/api/v1/namespaces/load-{hosts}/pods")
            if len(json.loads(api.getresponse().read())["items"]) == PODS:
                return time.time_ns()
        except OSError:
            pass
        time.sleep(0.01)
    raise SystemExit("its pods are not known")


if __name__ == "__main__":
    what, place, count = sys.argv[1:4]
    fill(place, int(count)) if what == "fill" else print(join(place, int(count)))
