#!/bin/bash
# tests/bench/bench_crowd.sh - one host among many: what it holds, and what it does at rest, where an etcd has so many others with 30 pods each.
#
# Filling the etcd with 1,000 hosts takes minutes on a busy machine: CROWD="3 100" leaves them out, BENCH_SECONDS=1200 gives them time.
# shellcheck source=../hosts/lib.sh
. "$(dirname "$(readlink -f "$0")")/../hosts/lib.sh"
crowds=${CROWD:-3 100 1000}
rest=${CROWD_REST:-60} # seconds
settle=${CROWD_SETTLE:-20}
crowd=$root/tests/bench/crowd.py
declare -A budget=([3]=32 [100]=45 [1000]=90)
{
  make_wire
  make_host ship-1 1 busybox
  plug_in ship-1
  start_etcd ship-1 ship-1
  wait_for 30 "etcd" etcd_answers ship-1
  start_agent ship-1 "$(endpoint ship-1)"
  wait_for 30 "the node is seen" is 1 ready_nodes ship-1
  berth ship-1 apply -f - <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {motd: "a line of configuration"}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: main
          image: busybox:1.35
          command: [httpd, -f]
          env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: MODE, value: bench}]
          ports: [{name: http, containerPort: 80}]
          readinessProbe: {tcpSocket: {port: http}, periodSeconds: 10}
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
          volumeMounts: [{name: conf, mountPath: /conf}]
      volumes: [{name: conf, configMap: {name: web}}]
END
  wait_for 60 "the set is ready" is 1 ready_pods ship-1 app=web
  # What is cloned has to be whole.
  has_endpoints() { [ -n "$(berth ship-1 get endpoints web -o 'jsonpath={.subsets[0].addresses[0].ip}')" ]; }
  wait_for 60 "its service has endpoints" has_endpoints
} >&2

inner_pid() { on ship-1 pgrep -x "$1" | head -n 1; }
resident() { on ship-1 awk '/^VmRSS/ { print $2 }' "/proc/$(inner_pid "$1")/status"; }       # KiB
cpu_ticks() { on ship-1 awk '{ print $14 + $15 }' "/proc/$(inner_pid berthd)/stat"; }
etcd_revision() { on ship-1 env ETCDCTL_API=3 etcdctl --endpoints "$(endpoint ship-1)" endpoint status -w json | grep -o '"revision":[0-9]*' | cut -d: -f2; }

for others in $crowds; do
  {
    on ship-1 pkill -x berthd
    wait "${agent_pid[ship-1]}" || true
    on ship-1 pkill -x berth-logd
    on ship-1 /usr/bin/python3 "$crowd" fill "$(endpoint ship-1)" "$others" >"$output/crowd" 2>"$output/crowd.log" </dev/null &
    filler=$!
    fill_ended() { grep -q filled "$output/crowd" || ! kill -0 $filler 2>/dev/null; }
    wait_for 600 "$others hosts are in the etcd" fill_ended
    grep -q filled "$output/crowd" || { cat "$output/crowd.log"; fail "the etcd was not filled"; }
    cat "$output/crowd.log"
    from=$(date +%s%N)
    start_agent ship-1 "$(endpoint ship-1)"
    joined=$(on ship-1 /usr/bin/python3 "$crowd" join /run/berth/berthd.sock "$others")
    sleep "$settle"
  } >&2
  echo "$others hosts: from the start until all pods are known,$(((joined - from) / 1000000)),ms,$([ "$others" != 100 ] || echo 2000)"
  echo "$others hosts: RSS of berthd + berth-logd,$(awk -v a="$(resident berthd)" -v b="$(resident berth-logd)" 'BEGIN { printf "%.1f", (a + b) / 1024 }'),MB,${budget[$others]:-}"
  before=$(etcd_revision) ticks=$(cpu_ticks)
  sleep "$rest"
  echo "$others hosts: CPU at rest,$(awk -v t=$(($(cpu_ticks) - ticks)) -v s="$rest" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", 100 * t / hz / s }'),%,0.5"
  echo "$others hosts: writes at rest in $rest s,$(($(etcd_revision) - before)),writes,0"
  [ -z "${CROWD_LOOK:-}" ] || on ship-1 bash -c "$CROWD_LOOK" >&2
  on ship-1 pkill -f "crowd.py fill" # in the host's own process namespace
done
