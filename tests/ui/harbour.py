# tests/ui/harbour.py - a host to draw: sets of several sizes, one pod of each state. For pictures and for looking at by hand.
from fake_agent import claim, event, now, owner_of, pod, stateful_set


def fill(agent):
    mongo = stateful_set("mongo", 3, image="mongo:6.0.8")
    kafka = stateful_set("kafka", 5, ns="streams", image="bitnami/kafka:3.5")
    redis = stateful_set("redis", 2, image="redis:7.0", templates=())
    for each in (mongo, kafka, redis):
        agent.put("statefulsets", each)
    own = owner_of(mongo)
    pods = [
        pod("mongo-0", owner=own, ip="10.98.0.4", claims=["data-mongo-0"], image="mongo:6.0.8", ago=432000),
        pod("mongo-1", owner=own, ip="10.98.0.5", claims=["data-mongo-1"], image="mongo:6.0.8", ago=431000, restarts=1),
        pod("mongo-2", owner=own, ip="10.98.0.6", claims=["data-mongo-2"], image="mongo:6.0.8", ago=340, word="CrashLoopBackOff", ready=False, restarts=6),
        pod("redis-0", owner=owner_of(redis), ip="10.98.0.11", image="redis:7.0", ago=86000),
        pod("redis-1", owner=owner_of(redis), ip="10.98.0.12", image="redis:7.0", ago=85000),
        pod("kafka-0", ns="streams", owner=owner_of(kafka), ip="10.98.0.20", claims=["logs-kafka-0"], image="bitnami/kafka:3.5", ago=7300),
        pod("kafka-1", ns="streams", owner=owner_of(kafka), ip="10.98.0.21", claims=["logs-kafka-1"], image="bitnami/kafka:3.5", ago=7200),
        pod("kafka-2", ns="streams", owner=owner_of(kafka), ip="", claims=["logs-kafka-2"], image="bitnami/kafka:3.5", ago=9, word="ContainerCreating", ready=False, phase="Pending"),
        pod("node-exporter-x7k2p", ns="monitoring", owner={"kind": "DaemonSet", "name": "node-exporter", "uid": "uid-ds"}, ip="192.0.2.10", image="prom/node-exporter", ago=999999),
        pod("migrate-2024", word="Completed", ready=False, ip="10.98.0.30", phase="Succeeded", ago=5400),
    ]
    for each in pods:
        agent.put("pods", each)
    kafka["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "logs"}}]
    agent.put("statefulsets", kafka)
    agent.claims[:] = [claim(f"data-mongo-{n}") for n in range(3)] + [claim(f"logs-kafka-{n}", ns="streams", size="100Gi") for n in range(4)]
    why = "main: CrashLoopBackOff: back-off 2m40s restarting failed container=main pod=mongo-2_default(4c1f)"
    agent.ailments[:] = [
        {"what": "pod", "subject": "default/mongo-2", "sentence": why, "since": now(300)},
        {"what": "pod", "subject": "streams/kafka-2", "sentence": "main: ContainerCreating", "since": now(9)},
        {"what": "manifest", "subject": "/etc/berth/manifests/proxy.yaml:14", "sentence": "Ingress default/proxy: this agent serves no Ingress", "since": now(4000), "warning": True},
    ]
    for number, (about, reason, message, warning, ago, times) in enumerate([
        (pods[2], "BackOff", "Back-off restarting failed container main in pod mongo-2_default(4c1f)", True, 12, 41),
        (pods[7], "Pulled", 'Container image "bitnami/kafka:3.5" already present on machine', False, 8, 1),
        (pods[7], "SuccessfulAttachVolume", "volume data of claim streams/logs-kafka-2 is mounted", False, 9, 1),
        (pods[2], "Unhealthy", "Readiness probe failed: connection refused", True, 320, 3),
        (pods[6], "Started", "Started container main", False, 7200, 1),
        (pods[5], "Started", "Started container main", False, 7300, 1),
    ]):
        agent.put("events", event(number, about, reason, message, warning, ago, times))
    agent.usage.update({("default", "mongo-0"): "412Mi", ("default", "mongo-1"): "398Mi", ("default", "redis-0"): "18Mi", ("default", "redis-1"): "17Mi",
                        ("streams", "kafka-0"): "1310Mi", ("streams", "kafka-1"): "1287Mi", ("monitoring", "node-exporter-x7k2p"): "21Mi"})
    agent.logs["mongo-2"] = [f'{now(200 - n)[:-1]}.{n:09d}Z {{"s":"I","c":"NETWORK","id":{22943 + n},"ctx":"listener","msg":"Connection accepted from 10.98.0.{4 + n % 3}"}}' for n in range(60)] + [
        f'{now(1)[:-1]}.900000000Z {{"s":"E","c":"STORAGE","id":22435,"ctx":"initandlisten","msg":"WiredTiger error: No space left on device"}}']
