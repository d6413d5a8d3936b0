#!/bin/bash
# tests/hosts/09-two-versions.sh - agents of two versions on three hosts, one after the other renewed and put back: no pod, connection or object notices.
#
# Long: OLD_BIN is where the programs of an earlier version are, which have to be built; without it nothing is told.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
old_bin=${OLD_BIN:-}
if [ -z "$old_bin" ]; then
  echo "skipped: OLD_BIN names no directory with the programs of an earlier version"
  exit 0
fi
[ -x "$old_bin/berthd" ] || fail "OLD_BIN: there is no $old_bin/berthd"
new_bin=$bin
all=(ship-1 ship-2 ship-3)

# What must not change: pods with their uid, place, address, process; a set's revision, by which its pods are renewed.
identity() { # ASKED
  berth "$1" get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.nodeName} {.status.podIP} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort
}
generations() { # ASKED
  berth "$1" get statefulsets,deployments,daemonsets -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.generation}{"\n"}{end}' | sort
}
revisions() { # ASKED
  berth "$1" get controllerrevisions,replicasets -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\n"}{end}' | sort
}
# One connection from a host to a pod, a line every tenth of a second; ends when the connection does.
talk() { # FROM POD
  local address
  address=$(pod_ip ship-1 "$2")
  on "$1" /usr/bin/python3 - "$address" >"$output/talk-$1-$2" 2>&1 <<'PY' &
import socket, sys, time
connection = socket.create_connection((sys.argv[1], 7), timeout=5)
for n in range(10**9):
    line = b"%d\n" % n
    connection.sendall(line)
    if connection.recv(64) != line: sys.exit(f"line {n} did not come back")
    print(n, flush=True)
    time.sleep(0.1)
PY
  talkers[$1-$2]=$!
}
# Where systemd holds its sockets a DNS server's own renewal is not seen either; a bed has none (tests/nspawn).
# Each host's names, as patiently as a pod's resolver (resolv.conf(5)), and the API of whichever is up, ten times a second.
ask() { # HOST
  local name=$1 server other
  server=$(on "$name" ip -4 -o address show berth0 | awk '{ sub("/.*", "", $4); print $4 }')
  while :; do
    [ -n "$(on "$name" dig +short +tries=2 +time=5 "@$server" web-0.web.default.svc.cluster.local)" ] || [ "$(<"$output/step")" = "$name" ] || echo "no name on $name"
    for other in "${all[@]}" nobody; do
      BERTH_CALL_SECONDS=3 berth "$other" get statefulset web >/dev/null 2>&1 && break
    done
    [ "$other" != nobody ] || echo "no API answers"
    sleep 0.1
  done >>"$output/asked-$name" 2>/dev/null &
  askers+=($!)
}
declare -A talkers=()
askers=()

# Ends an agent and its collector as a package's upgrade does, and begins them of another version.
renew() { # HOST BIN
  local name=$1
  bin=$2
  echo "$name" >"$output/step"
  kill_agent "$name" TERM
  on "$name" pkill -TERM -x berth-logd || true
  start_agent "$name" ""
  wait_for 30 "$name is back" agent_answers "$name"
  echo - >"$output/step"
}
same() { # WHAT NOW BEFORE
  [ "$2" = "$3" ] || fail "$1: got '$2', expected '$3'"
  printf '   %s: as before\n' "$1"
}
all_well() { # WHAT
  local name
  for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
  sleep 3 # What is planned otherwise by the other version is planned by now.
  for name in "${all[@]}"; do same "$1: pods, seen from $name" "$(identity "$name")" "$before"; done
  same "sets" "$(generations ship-2)" "$sets_before"
  same "revisions" "$(revisions ship-3)" "$revisions_before"
  for name in "${!talkers[@]}"; do
    kill -0 "${talkers[$name]}" 2>/dev/null || fail "the connection $name ended: $(tail -n 2 "$output/talk-$name")"
  done
  expect "names and the API" "$(cat "$output"/asked-*)" ""
}

step "three hosts with the earlier version; sets, a service, a policy, a claim"
bin=$old_bin
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
for name in "${all[@]}"; do start_agent "$name" "$(endpoints "${all[@]}")"; done
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
pod_spec='{terminationGracePeriodSeconds: 1, containers: [{name: main, image: "busybox:1.35", command: [nc, -ll, -p, "7", -e, cat]}]}'
set_of() { # KIND NAME FIELDS
  printf 'apiVersion: apps/v1\nkind: %s\nmetadata: {name: %s}\nspec: {%s selector: {matchLabels: {app: %s}}, template: {metadata: {labels: {app: %s}}, spec: %s}}\n---\n' "$1" "$2" "$3" "$2" "$2" "$pod_spec"
}
{
  set_of StatefulSet web "serviceName: web, podManagementPolicy: Parallel, replicas: 3,"
  set_of Deployment front "replicas: 3,"
  set_of DaemonSet each ""
  cat <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 7}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: front}, ports: [{port: 7}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front}
spec: {podSelector: {matchLabels: {app: front}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: hold}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
YAML
} | berth ship-1 apply -f - >/dev/null
for set in web front each; do wait_for 60 "three of $set" is 3 ready_pods ship-2 "app=$set"; done
before=$(identity ship-1)
sets_before=$(generations ship-1)
revisions_before=$(revisions ship-1)
echo start >"$output/step"
for from in "${all[@]}"; do for i in 0 1 2; do talk "$from" "web-$i"; done; done
for name in "${all[@]}"; do ask "$name"; done
sleep 1
all_well "before"

step "one after the other is renewed, while all is used"
for name in "${all[@]}"; do
  renew "$name" "$new_bin"
  all_well "$name is new"
done

step "what only the newer understands is kept by the older"
berth ship-1 apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: later, annotations: {berth.io/of-tomorrow: "1"}}
data: {a: "1"}
YAML
etcd() { on ship-1 env ETCDCTL_API=3 etcdctl --endpoints "$(endpoint ship-1)" "$@"; }
# As a version of tomorrow might write it: a field that nobody here knows, and a kind.
value=$(etcd get --print-value-only /berth/objects/ConfigMap/default/later)
etcd put /berth/objects/ConfigMap/default/later "$(jq -c '. + {ofTomorrow: {deep: [1, 2]}} | .metadata.ofTomorrow = "kept"' <<<"$value")" >/dev/null
strange='{"apiVersion":"tomorrow.berth.io/v1","kind":"Buoy","metadata":{"name":"red","namespace":"default","uid":"0b8e7a0e-0000-4000-8000-000000000001"},"spec":{"light":true}}'
etcd put /berth/objects/Buoy.tomorrow.berth.io/default/red "$strange" >/dev/null

step "and back again"
for name in "${all[@]}"; do
  renew "$name" "$old_bin"
  all_well "$name is old"
done
berth ship-2 label configmap later touched=by-old >/dev/null
kept() { etcd get --print-value-only /berth/objects/ConfigMap/default/later | jq -c '[.ofTomorrow.deep, .metadata.ofTomorrow, .metadata.labels.touched]'; }
expect "a field of tomorrow, after the older wrote the object" "$(kept)" '[[1,2],"kept","by-old"]'
expect "a kind of tomorrow" "$(etcd get --print-value-only /berth/objects/Buoy.tomorrow.berth.io/default/red)" "$strange"

step "two versions side by side plan, and are planned for"
renew ship-2 "$new_bin"
kill "${askers[@]}" "${talkers[@]}" 2>/dev/null || true
for each in "statefulset web" "deployment front"; do berth ship-1 scale ${each% *} "${each#* }" --replicas 5 >/dev/null; done
for set in web front; do wait_for 60 "five of $set" is 5 ready_pods ship-2 "app=$set"; done
berth ship-2 scale statefulset web --replicas 3 >/dev/null
wait_for 60 "three of web" is 3 ready_pods ship-3 app=web
same "the first three" "$(identity ship-3 | grep -E '^web-[0-2] ')" "$(grep -E '^web-[0-2] ' <<<"$before")"
for name in "${all[@]}"; do
  for i in 0 1 2; do wait_for 5 "web-$i by name on $name" is "$(pod_ip ship-1 "web-$i")" resolve "$name" "web-$i.web.default.svc.cluster.local"; done
done
