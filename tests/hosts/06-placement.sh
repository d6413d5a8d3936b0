#!/bin/bash
# tests/hosts/06-placement.sh - three hosts in two zones: pods apart, spread, drained with a budget, driven away by a taint, refused
# by their host; and a host that a person says is lost.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
zones=([1]=east [2]=east [3]=west)
# A set of busybox pods; each LINE is one more of the pod's spec.
set_of() { # KIND NAME REPLICAS [LINE...]
  local kind=$1 name=$2 replicas=$3; shift 3
  cat <<END
apiVersion: apps/v1
kind: $kind
metadata: {name: $name}
spec:
  replicas: $replicas
  selector: {matchLabels: {app: $name}}
  $([ "$kind" != StatefulSet ] || echo "serviceName: $name")
  template:
    metadata: {labels: {app: $name}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "busybox:1.35", command: [sh, -c, "exec sleep 1000000"]}]
END
  [ $# = 0 ] || printf '      %s\n' "$@"
}
each_of() { berth ship-1 get pods -l "app=$1" -o "jsonpath={range .items[*]}{$2}{\"\\n\"}{end}" | { grep . || true; } | sort; } # SET PATH
nodes_of() { each_of "$1" .spec.nodeName | paste -sd' '; }
why() { each_of "$1" '.status.conditions[?(@.reason=="Unschedulable")].message'; }
taint() { berth ship-1 patch node "$1" -p "{\"spec\":{\"taints\":[$2]}}" >/dev/null; } # NODE TAINTS
says() { # TEXT CMD...
  local text=$1; shift
  [[ $("$@" 2>/dev/null) == *"$text"* ]]
}

step "three hosts in two zones, an etcd of three, an agent on each"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
for i in 1 2 3; do
  start_agent "ship-$i" "$(endpoints "${all[@]}")" "nodeLabels: {topology.kubernetes.io/zone: ${zones[$i]}}"
done
wait_for 30 "three nodes" is 3 ready_nodes ship-1
wide=$(berth ship-2 get nodes -o wide)
printf '%s\n' "$wide"
for i in 1 2 3; do expect_match "ship-$i by its own word" "$wide" "ship-$i +Ready .*berth.* $wire\.1$i .*containerd://"; done

step "pods that want to be apart by zone: two of three have a place"
apart='affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: topology.kubernetes.io/zone, labelSelector: {matchLabels: {app: apart}}}]}}'
set_of Deployment apart 3 "$apart" | berth ship-2 apply -f - >/dev/null
wait_for 30 "two run" is 2 ready_pods ship-1 app=apart
wait_for 5 "the third says why not" is "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules." why apart
expect_match "one in each zone" "$(nodes_of apart)" '^ship-[12] ship-3$'

step "a pod whose neighbours refuse it, and one that wants to be near them"
berth ship-3 apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Pod
metadata: {name: stranger, labels: {app: apart, is: stranger}}
spec: {containers: [{name: main, image: "busybox:1.35"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: friend}
spec:
  nodeSelector: {topology.kubernetes.io/zone: west}
  terminationGracePeriodSeconds: 1
  affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: apart}}}]}}
  containers: [{name: main, image: "busybox:1.35", command: [sleep, "1000000"]}]
END
refused() { field ship-1 pod stranger '.status.conditions[?(@.type=="PodScheduled")].message'; }
wait_for 10 "the stranger waits" is "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules." refused
wait_for 10 "the friend is in the west" is ship-3 node_of ship-1 friend
berth ship-1 delete pod stranger friend --wait=false >/dev/null
berth ship-1 delete deployment apart >/dev/null

step "a constraint: as many in the east as in the west"
spread='topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: even}}}]'
set_of Deployment even 4 "$spread" | berth ship-1 apply -f - >/dev/null
wait_for 30 "four run" is 4 ready_pods ship-1 app=even
expect "where" "$(nodes_of even)" "ship-1 ship-2 ship-3 ship-3"

step "a host is drained, and a budget that counts the pods of all hosts is kept"
berth ship-1 apply -f - >/dev/null <<'END'
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: even}
spec: {minAvailable: 4, selector: {matchLabels: {app: even}}}
END
wait_for 10 "all four are counted" is 4 field ship-1 pdb even .status.currentHealthy
berth ship-2 drain ship-3 --ignore-daemonsets --force --timeout 2s >"$output/drain.log" 2>&1 && fail "it was drained"
expect_match "the drain says what holds it up" "$(cat "$output/drain.log")" "would violate the pod's disruption budget"
expect "nothing went" "$(nodes_of even)" "ship-1 ship-2 ship-3 ship-3"
berth ship-1 delete pdb even >/dev/null
berth ship-2 drain ship-3 --ignore-daemonsets --force --timeout 15s >"$output/drain.log" 2>&1 || fail "not drained: $(cat "$output/drain.log")"
expect_match "then it is" "$(cat "$output/drain.log")" "node/ship-3 drained"
wait_for 10 "the west is closed, and counts still: others wait" says "1 node(s) were unschedulable" why even
berth ship-1 uncordon ship-3 >/dev/null
wait_for 20 "four run" is 4 ready_pods ship-1 app=even
expect_match "as many in the west" "$(nodes_of even)" '^(ship-[12] ){2}ship-3 ship-3$'
berth ship-1 delete deployment even >/dev/null

step "a host that is heard of is not lost; then it has no power any more"
set_of StatefulSet db 3 | berth ship-1 apply -f - >/dev/null
wait_for 30 "three run" is 3 ready_pods ship-1 app=db
lost=$(berth ship-1 get pods -l app=db -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\n"}{end}' | awk '$2 == "ship-3" { print $1; exit }')
berth ship-1 node lost ship-3 --yes >"$output/lost.log" 2>&1 && fail "a node that is heard of was given up"
expect_match "it is refused" "$(cat "$output/lost.log")" 'node "ship-3" is heard of'
power_off ship-3
wait_for 20 "the etcd has a leader again" berth ship-1 annotate node ship-1 tide=low --overwrite

step "meanwhile a taint NoExecute: one pod goes at once, one after ten seconds, and one stays"
for each in "never: []" "awhile: [{key: flood, operator: Exists, effect: NoExecute, tolerationSeconds: 10}]" "always: [{key: flood, operator: Exists}]"; do
  set_of Deployment "${each%%:*}" 1 "tolerations: ${each#*: }" "nodeSelector: {kubernetes.io/hostname: ship-2}" | berth ship-1 apply -f - >/dev/null
done
for name in never awhile always; do wait_for 30 "$name runs" is 1 ready_pods ship-1 "app=$name"; done
before=$(each_of awhile .metadata.uid)
always=$(each_of always .metadata.uid)
taint ship-2 '{"key":"flood","effect":"NoExecute"}'
expect "one is there yet" "$(each_of awhile .metadata.uid)" "$before"
wait_for 5 "another is told why it has no place any more" says "1 node(s) had untolerated taint {flood: }" why never
went() { ! each_of awhile .metadata.uid | grep -qx "$before"; }
wait_for 15 "the first goes when its time is over" went
expect "the third stays" "$(each_of always .metadata.uid)" "$always"
expect_match "it is said" "$(berth ship-1 get events)" 'TaintManagerEviction.*Marking for deletion Pod default/never-'
taint ship-2 ''
wait_for 20 "without the taint it has its place again" is 1 ready_pods ship-1 app=never
berth ship-1 delete deployment never awhile always >/dev/null

step "meanwhile a person names a host that has not so much"
berth ship-1 apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Pod
metadata: {name: heavy}
spec: {nodeName: ship-2, containers: [{name: main, image: "busybox:1.35", resources: {requests: {cpu: "900"}}}]}
END
wait_for 10 "it has failed" is OutOfcpu field ship-1 pod heavy .status.reason
expect_match "it says by how much" "$(field ship-1 pod heavy .status.message)" "^Pod was rejected: Node didn't have enough resource: cpu, requested: 900000, used: [0-9]+, capacity: [0-9]+$"
berth ship-1 delete pod heavy >/dev/null

step "a person says that the host is lost: its pods' identities are free"
wait_for 80 "ship-3 is Unknown" is Unknown field ship-1 node ship-3 '.status.conditions[?(@.type=="Ready")].status'
expect "its pod" "$(node_of ship-1 "$lost")" ship-3
berth ship-1 node lost ship-3 >"$output/lost.log" 2>&1 </dev/null && fail "nobody was asked"
expect_match "nobody is there to be asked" "$(cat "$output/lost.log")" "say --yes"
expect "given up" "$(berth ship-1 node lost ship-3 --yes)" "node/ship-3 lost"
elsewhere() { [[ $(node_of ship-2 "$lost") == ship-[12] ]]; }
wait_for 30 "$lost is made elsewhere" elsewhere
wait_for 30 "three run" is 3 ready_pods ship-1 app=db
expect "it may come back" "$(berth ship-1 node back ship-3)" "node/ship-3 back"
