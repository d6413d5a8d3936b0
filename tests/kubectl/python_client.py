# tests/kubectl/python_client.py - the official Python client, as Debian packages it: list, watch, create, patch, exec, ports.
import socket
import sys
import threading
import time

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException
from kubernetes.stream import portforward, stream

NAMESPACE = "snake"
done = []


def check(what, holds):
    if not holds:
        sys.exit(f"FAILED: {what}")
    done.append(what)
    print(f"   {what}")


def wait_until(what, holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"FAILED: not within {seconds} s: {what}")
        time.sleep(0.1)
    check(what, True)


def stateful_set(replicas):
    labels = {"app": "web"}
    container = client.V1Container(
        name="main",
        image="busybox:1.35",
        command=["sh", "-c", "trap 'exit 0' TERM; hostname > /tmp/index.html; httpd -f -p 80 -h /tmp & wait"],
    )
    return client.V1StatefulSet(
        metadata=client.V1ObjectMeta(name="web", labels=labels),
        spec=client.V1StatefulSetSpec(
            service_name="web",
            replicas=replicas,
            selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels),
                spec=client.V1PodSpec(containers=[container], termination_grace_period_seconds=5),
            ),
        ),
    )


def watch_pods(core, seen, ready):
    watcher = watch.Watch()
    for event in watcher.stream(core.list_namespaced_pod, NAMESPACE, label_selector="app=web", timeout_seconds=120):
        pod = event["object"]
        seen.append((event["type"], pod.metadata.name, pod.status.phase))
        conditions = {c.type: c.status for c in pod.status.conditions or []}
        if conditions.get("Ready") == "True":
            ready.add(pod.metadata.name)
        if ready == {"web-0", "web-1"}:
            watcher.stop()


def exec_in(core, command, **options):
    return stream(
        core.connect_get_namespaced_pod_exec, "web-0", NAMESPACE, command=command, stdout=True, stderr=True, **options
    )


def main():
    config.load_kube_config()
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    version = client.VersionApi().get_code()
    check(f"version {version.git_version}", version.major == "1")
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    check("list of namespaces", NAMESPACE in [ns.metadata.name for ns in core.list_namespace().items])
    try:
        core.read_namespaced_pod("nope", NAMESPACE)
        check("a missing pod is an error", False)
    except ApiException as error:
        check("a missing pod is 404 with a Status", error.status == 404 and '"reason":"NotFound"' in error.body)

    seen, ready = [], set()
    watching = threading.Thread(target=watch_pods, args=(core, seen, ready), daemon=True)
    watching.start()
    created = apps.create_namespaced_stateful_set(NAMESPACE, stateful_set(2))
    check("create answers with the object, defaulted", created.spec.update_strategy.type == "RollingUpdate")
    watching.join(60)
    check("the watch saw both pods become ready", ready == {"web-0", "web-1"})
    check("the watch began with an ADDED", seen[0][:2] == ("ADDED", "web-0"))

    pods = core.list_namespaced_pod(NAMESPACE, label_selector="app=web", field_selector="status.phase=Running")
    check("list with selectors", sorted(p.metadata.name for p in pods.items) == ["web-0", "web-1"])
    page = core.list_namespaced_pod(NAMESPACE, limit=1)
    rest = core.list_namespaced_pod(NAMESPACE, limit=1, _continue=page.metadata._continue)
    check("limit and continue", [p.items[0].metadata.name for p in (page, rest)] == ["web-0", "web-1"])
    check("and no further page", not rest.metadata._continue)

    apps.patch_namespaced_stateful_set("web", NAMESPACE, {"metadata": {"labels": {"team": "data"}}})
    current = apps.read_namespaced_stateful_set("web", NAMESPACE)
    check("patch", current.metadata.labels["team"] == "data" and current.metadata.labels["app"] == "web")
    current.metadata.annotations = {"note": "by replace"}
    replaced = apps.replace_namespaced_stateful_set("web", NAMESPACE, current)
    check("replace", replaced.metadata.annotations["note"] == "by replace")
    try:
        apps.replace_namespaced_stateful_set("web", NAMESPACE, current)  # its resourceVersion is old now
        check("a stale replace is refused", False)
    except ApiException as error:
        check("a stale replace is 409", error.status == 409)

    check("exec", exec_in(core, ["hostname"], stdin=False, tty=False).strip() == "web-0")
    session = exec_in(core, ["sh", "-c", "cat; echo oops >&2; exit 7"], stdin=True, tty=False, _preload_content=False)
    session.write_stdin("over there\n")
    # This client's timeouts are in milliseconds where it says seconds: ask again.
    wait_until("exec with standard input", lambda: session.read_stdout(timeout=100) == "over there\n")
    session.close()
    session = exec_in(core, ["sh", "-c", "exit 7"], stdin=False, tty=False, _preload_content=False)
    session.run_forever(timeout=10)
    check("exec's exit code", session.returncode == 7)
    check("logs", core.read_namespaced_pod_log("web-0", NAMESPACE) == "")

    forward = portforward(core.connect_get_namespaced_pod_portforward, "web-0", NAMESPACE, ports="80")
    pipe = forward.socket(80)
    pipe.setblocking(True)
    pipe.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
    answer = b""
    while chunk := pipe.recv(4096):
        answer += chunk
    check("port-forward", answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"web-0\n"))
    pipe.close()
    check("no error from port-forward", forward.error(80) is None)

    apps.patch_namespaced_stateful_set_scale("web", NAMESPACE, {"spec": {"replicas": 1}})
    wait_until("scale", lambda: len(core.list_namespaced_pod(NAMESPACE).items) == 1)
    apps.delete_namespaced_stateful_set("web", NAMESPACE, propagation_policy="Foreground")
    wait_until("delete", lambda: not apps.list_namespaced_stateful_set(NAMESPACE).items)
    core.delete_namespace(NAMESPACE)
    wait_until("the namespace goes", lambda: NAMESPACE not in [n.metadata.name for n in core.list_namespace().items])
    print(f"{len(done)} checks")


socket.setdefaulttimeout(30)
main()
