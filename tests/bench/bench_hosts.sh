#!/bin/bash
# tests/bench/bench_hosts.sh - three hosts with an etcd of three: how fast a set is up over all of them, and how soon one is known to the others.
# shellcheck source=../hosts/lib.sh
. "$(dirname "$(readlink -f "$0")")/../hosts/lib.sh"
rounds=${BENCH_ROUNDS:-20}
measure=$root/tests/bench/hosts.py
all=(ship-1 ship-2 ship-3)
{
  make_wire
  for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
  for name in "${all[@]}"; do plug_in "$name"; done
  for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
  for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
  for name in "${all[@]}"; do start_agent "$name" "$(endpoints "${all[@]}")"; done
  for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
} >&2
set_of() { # NAME REPLICAS NODE-SELECTOR
  cat <<END
apiVersion: v1
kind: Service
metadata: {name: $1}
spec: {clusterIP: None, selector: {app: $1}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $1}
spec:
  serviceName: $1
  replicas: $2
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      nodeSelector: {$3}
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: "busybox:1.35", command: [sleep, "1000000"]}]
END
}
percentile() { sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.5); print v[i < 1 ? 1 : i] }'; }
no_pods() { [ "$(berth ship-1 get pods -o name | wc -l)" = 0 ]; }
gateway=$(on ship-3 ip -4 -o address show berth0 | awk '{ sub("/.*", "", $4); print $4 }')

# An ordered set over all hosts: from the API's taking it to the last one Ready, seen on another host.
for round in 1 2 3 4 5; do
  on ship-3 /usr/bin/python3 "$measure" ready /run/berth/berthd.sock app=set 3 >"$output/ready" &
  sleep 1
  from=$(date +%s%N)
  set_of set 3 "" | berth ship-1 apply -f - >/dev/null
  wait $!
  echo $((($(<"$output/ready") - from) / 1000000))
  [ "$round" -gt 1 ] || berth ship-1 get pods -o wide >&2
  berth ship-1 delete statefulset,service set >/dev/null
  wait_for 20 "none is left" no_pods >&2
done | percentile 50 | sed 's/.*/set of 3 over 3 hosts: until all Ready,&,ms,1000/'

# A pod on ship-1: from Ready there to an address for its name on ship-3.
for ((i = 0; i < rounds; i++)); do
  on ship-1 /usr/bin/python3 "$measure" ready /run/berth/berthd.sock "app=n$i" 1 >"$output/ready" &
  ready=$!
  on ship-3 /usr/bin/python3 "$measure" resolvable "$gateway" "n$i-0.n$i.default.svc.cluster.local" >"$output/resolvable" &
  resolvable=$!
  sleep 0.5
  set_of "n$i" 1 "kubernetes.io/hostname: ship-1" | berth ship-1 apply -f - >/dev/null
  wait $ready
  wait $resolvable
  echo $((($(<"$output/resolvable") - $(<"$output/ready")) / 1000000))
done >"$output/names"
percentile 50 <"$output/names" | sed 's/.*/ready on one host until resolvable on another: median,&,ms,/'
percentile 99 <"$output/names" | sed 's/.*/ready on one host until resolvable on another: p99,&,ms,50/'
for name in "${all[@]}"; do
  on "$name" awk '/^VmRSS/ { printf "RSS of the agent on '"$name"',%.1f,MB,32\n", $2 / 1024 }' "/proc/$(on "$name" pgrep -x berthd)/status"
done
