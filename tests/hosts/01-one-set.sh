#!/bin/bash
# tests/hosts/01-one-set.sh - three hosts on one etcd: a set is spread over them, all see all; one is cut off, one is lost.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
set_of() { # NAME REPLICAS
  cat <<END
apiVersion: v1
kind: Service
metadata: {name: $1}
spec: {clusterIP: None, selector: {app: $1}, ports: [{port: 80}]}
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
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: "busybox:1.35"
          command: [sh, -c, "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www"]
          readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
END
}
nodes_of() { berth "$1" get pods -l "$2" -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort | paste -sd' '; }
# Everything of a pod that must not change when nobody asked for it.
identity() { berth "$1" get pods -l "$2" -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.nodeName} {.status.podIP} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }

step "three hosts, an etcd of three, an agent on each"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
for name in "${all[@]}"; do start_agent "$name" "$(endpoints "${all[@]}")"; done
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
berth ship-2 get nodes -o wide
blocks=$(berth ship-1 get nodes -o 'jsonpath={range .items[*]}{.spec.podCIDR}{"\n"}{end}' | sort | paste -sd' ')
expect "pods' blocks" "$blocks" "10.98.0.0/24 10.98.1.0/24 10.98.2.0/24"

step "a set from a file of one host: one pod on each, in order"
begun=$(date +%s%N)
set_of db 3 | put_manifest ship-1 db.yaml
wait_for 30 "three pods, seen from ship-3" is 3 ready_pods ship-3 app=db
echo "   all Ready $((($(date +%s%N) - begun) / 1000000)) ms after the file was there"
expect "where they are" "$(nodes_of ship-2 app=db)" "ship-1 ship-2 ship-3"
berth ship-3 get pods -o wide

step "names and packets across hosts"
for name in "${all[@]}"; do
  for i in 0 1 2; do
    wait_for 5 "db-$i by name on $name" is "$(pod_ip ship-1 "db-$i")" resolve "$name" "db-$i.db.default.svc.cluster.local"
    expect "what it says" "$(on "$name" curl -s -m 3 "http://$(pod_ip ship-1 "db-$i")/")" "db-$i"
  done
done
from=$(node_of ship-1 db-0)
for i in 1 2; do
  expect_match "db-0 knows db-$i by name" "$(berth "$from" exec db-0 -- nslookup "db-$i.db.default.svc.cluster.local")" "$(pod_ip ship-1 "db-$i")"
  expect "and asks it" "$(berth "$from" exec db-0 -- sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 $(pod_ip ship-1 "db-$i") 80" | tail -n 1)" "db-$i"
done

step "the agent of one host is killed: others plan for it, pods run on, and it finds them again"
before=$(identity ship-1 app=db)
kill_agent ship-2
berth ship-1 scale statefulset db --replicas=5 >/dev/null
ready_at_least() { [ "$(ready_pods "$1" "$2")" -ge "$3" ]; }
wait_for 40 "four or five are ready" ready_at_least ship-1 app=db 4
start_agent ship-2 "$(endpoints "${all[@]}")"
wait_for 40 "five are ready" is 5 ready_pods ship-1 app=db
expect "the first three" "$(identity ship-1 app=db | head -n 3)" "$before"
berth ship-3 scale statefulset db --replicas=3 >/dev/null
gone() { ! berth ship-1 get pod db-3 && ! berth ship-1 get pod db-4; }
wait_for 20 "the last two are gone" gone

step "one host is cut off: said after forty seconds, its pod is nobody else's, the others go on"
victim=ship-3
lost=$(berth ship-1 get pods -l app=db -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\n"}{end}' | awk -v v=$victim '$2 == v { print $1 }')
before=$(identity ship-1 app=db)
cut_off $victim
unknown() { is Unknown berth ship-1 get node $victim -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'; }
wait_for 80 "$victim is Unknown" unknown
expect "who is who" "$(identity ship-1 app=db | cut -d' ' -f1-3)" "$(cut -d' ' -f1-3 <<<"$before")"
set_of web 2 | berth ship-1 apply -f - >/dev/null
wait_for 30 "a new set runs on the other two" is 2 ready_pods ship-1 app=web
expect "where" "$(nodes_of ship-1 app=web)" "ship-1 ship-2"
expect "on $victim itself the pod runs on" "$(on $victim curl -s -m 3 "http://$(awk -v p="$lost" '$1 == p { print $4 }' <<<"$before")/")" "$lost"

step "it is back: as if nothing had been"
join_again $victim
wait_for 40 "three nodes" is 3 ready_nodes ship-1
wait_for 30 "three pods" is 3 ready_pods ship-1 app=db
expect "who is who" "$(identity ship-1 app=db)" "$before"

step "one host is lost for good: with its Node its pods go, and are made elsewhere"
power_off $victim
wait_for 80 "$victim is Unknown" unknown
expect "its pod" "$(node_of ship-1 "$lost")" "$victim"
berth ship-1 delete node $victim >/dev/null
elsewhere() { [ "$(node_of ship-2 "$lost")" != $victim ]; }
wait_for 30 "$lost is made elsewhere" elsewhere
wait_for 30 "three pods" is 3 ready_pods ship-1 app=db
expect "nodes" "$(berth ship-2 get nodes -o name | paste -sd' ')" "node/ship-1 node/ship-2"
wait_for 5 "its name" is "$(pod_ip ship-1 "$lost")" resolve ship-1 "$lost.db.default.svc.cluster.local"
