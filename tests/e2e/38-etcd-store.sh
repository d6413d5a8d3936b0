#!/bin/bash
# tests/e2e/38-etcd-store.sh - the objects are in a real etcd: it goes and comes back, the agent is killed, others come; pods stay.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
endpoint=http://127.0.0.1:23790
etcd_pid=
# Not the disk's pace: what an etcd does on a busy disk is not what is told here.
mkdir -p "$BERTH_TEST_DIR/etcd"
mount -t tmpfs tmpfs "$BERTH_TEST_DIR/etcd"
start_etcd() {
  etcd --name only --data-dir "$BERTH_TEST_DIR/etcd" --listen-client-urls $endpoint --advertise-client-urls $endpoint \
    --listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
    --initial-cluster only=http://127.0.0.1:23800 >>"$output/etcd.log" 2>&1 </dev/null &
  etcd_pid=$!
  wait_for 15 "etcd answers" keys /
}
stop_etcd() { kill -9 "$etcd_pid"; wait "$etcd_pid" 2>/dev/null || true; etcd_pid=; }
keys() { ETCDCTL_API=3 etcdctl --endpoints $endpoint --command-timeout=3s get --prefix --keys-only "$1"; }
pod_keys() { keys /stories/objects/Pod/ | grep . | sort | paste -sd' '; }
processes() { ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }
host_status() { curl -s -m 5 --unix-socket "$socket" http://localhost/berth/v1/status; }
name() { resolve db-1.db.default.svc.$domain; }

step "a set whose objects are in an etcd, and nowhere else"
start_etcd
write_config "store: {etcd: {endpoints: [$endpoint], prefix: /stories}}"
start_agent
put_manifest db.yaml <<'END'
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "busybox:1.35", command: [sleep, "1000000"]}]
END
wait_ready 30 app=db 2
expect "keys" "$(pod_keys)" "/stories/objects/Pod/default/db-0 /stories/objects/Pod/default/db-1"
expect "files of a store" "$(find "$state" -name 'berth.db*' | wc -l)" 0
wait_for 5 "its name" is "$(pod_ip db-1)" name
before=$(processes)
expect_match "the store's place" "$(host_status | jq -r .store.path)" "etcd $endpoint/stories"

step "another agent on the same etcd cannot have the same addresses for its pods, nor the same directory"
mkdir -p "$BERTH_TEST_DIR/other"
sed -e 's/^nodeName: .*/nodeName: other/' -e "s|^stateDir: .*|stateDir: $BERTH_TEST_DIR/other/state|" -e "s|^runDir: .*|runDir: $BERTH_TEST_DIR/other/run|" \
  "$config" >"$BERTH_TEST_DIR/other.yaml"
if said=$("$bin/berthd" --config "$BERTH_TEST_DIR/other.yaml" 2>&1); then fail "it started"; fi
expect_match "it does not start" "$said" "choose the pods' addresses: pods of node bed are in 10.98.0.0/24: choose another network.podCIDR"
if said=$("$bin/berthd" --config "$config" 2>&1); then fail "it started twice"; fi
expect_match "nor this one twice" "$said" "another berthd of this host has .*/node.lock locked"
expect "pods" "$(processes)" "$before"

step "etcd is gone for longer than a session lives: pods, names and reads go on, writes say why not"
stop_etcd
said=$(berth scale sts db --replicas=3 2>&1) && fail "a write went well without etcd"
expect_match "a write" "$said" "etcd"
told() { host_status | jq -r '.store.problems[].message' | grep -q "nothing can be written"; }
wait_for 10 "status says so" told
sleep 17 # A session lives for 15 s.
expect "pods" "$(processes)" "$before"
expect "the name" "$(name)" "$(pod_ip db-1)"
expect "reads" "$(pod_names app=db)" "db-0 db-1"

step "it is back: all goes on"
start_etcd
scaled() { berth scale sts db --replicas=3; }
wait_for 15 "scaled" scaled
wait_ready 30 app=db 3
healed() { [ "$(host_status | jq '.store.problems | length')" = 0 ]; }
wait_for 15 "no problem is told any more" healed
ours() { grep -q "this node's session holds again" "$output/berthd.log"; }
wait_for 15 "its session holds again" ours
expect "the first two" "$(processes | grep -cFf <(awk '{ print $1 }' <<<"$before"))" 2

step "the agent is killed and starts again: no container is touched"
before=$(processes)
stop_agent KILL
start_agent
wait_ready 15 app=db 3
expect "pods" "$(processes)" "$before"
expect "restarts" "$(restarts db-0) $(restarts db-1) $(restarts db-2)" "0 0 0"

step "another machine became this node while etcd was out of reach: this agent ends, pods run on"
stop_etcd
sleep 17
start_etcd_held() { start_etcd && lease=$(ETCDCTL_API=3 etcdctl --endpoints $endpoint lease grant 600 | awk '{ print $2 }') &&
  echo '{"holder":"worker2 x","node":"worker2"}' | ETCDCTL_API=3 etcdctl --endpoints $endpoint put --lease="$lease" /stories/live/bed; }
kill -STOP "$agent_pid" # Or it would be faster.
start_etcd_held >/dev/null
kill -CONT "$agent_pid"
ended() { ! kill -0 "$pid" 2>/dev/null; }
pid=$agent_pid agent_pid=
wait_for 20 "it ended" ended
expect_match "why" "$(tail -n 20 "$output/berthd.log")" "another machine's agent is node bed in this store.*worker2"
expect "pods" "$(processes)" "$before"
stop_etcd
