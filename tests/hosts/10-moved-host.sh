#!/bin/bash
# tests/hosts/10-moved-host.sh - a host of a cluster gets another address and keeps its member of the etcd; mistyped, nothing changes; one leaves by force.
#
# Long: what 05 tells is told each time, this when asked for.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
members() { # ASKED: name, id and peer of each
  on "$1" env ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert "$hosts/$1/cluster/ca.crt" --cert "$hosts/$1/cluster/host.crt" \
    --key "$hosts/$1/cluster/host.key" member list | awk -F', ' '{ print $3, $1, $4 }' | sort
}
vitals() { # ASKED
  berth "$1" get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.nodeName} {.status.containerStatuses[0].containerID}{"\n"}{end}' | sort
}

step "a cluster of three, a pod on each"
make_lone_hosts "${all[@]}"
said ship-1 init --advertise 192.0.2.99 && fail "init at another's address" || expect_match "no address of this host" "$(<"$output/said")" "192.0.2.99 is no address of this host"
invite --advertise "$(address ship-1)"
for name in ship-2 ship-3; do said "$name" join "${words[@]}" || fail "$name: $(<"$output/said")"; done
for name in ship-1 ship-2; do said "$name" join || fail "$name, anew: $(<"$output/said")"; done
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
beating_set web 3 | berth ship-1 apply -f - >/dev/null
wait_for 60 "three pods" is 3 ready_pods ship-1 app=web
before=$(vitals ship-1)
members_before=$(members ship-1)

step "a mistyped address changes nothing"
said ship-3 join --advertise 192.0.2.77 && fail "an address of nobody is taken" || expect_match "refused" "$(<"$output/said")" "192.0.2.77 is no address of this host"
expect "members" "$(members ship-1)" "$members_before"
wait_for 30 "all is well" status_says ship-1 "^All is well"

step "a host gets another address: its member keeps its data and its vote"
on ship-3 ip address add 192.0.2.33/24 dev eth0
on ship-3 ip address del "$(address ship-3)/24" dev eth0
on ship-3 ip address add 192.0.2.33/24 dev eth0 2>/dev/null || true
said ship-3 join --advertise 192.0.2.33 || fail "ship-3 at its new address: $(<"$output/said")"
expect "members: the same, one at another address" "$(members ship-1)" "${members_before//192.0.2.13/192.0.2.33}"
for name in ship-1 ship-2; do said "$name" join || fail "$name learns: $(<"$output/said")"; done
for name in "${all[@]}"; do wait_for 40 "three nodes seen from $name" is 3 ready_nodes "$name"; done
expect "where ship-3 is" "$(field ship-1 node ship-3 '.status.addresses[0].address')" 192.0.2.33
expect "the pods" "$(vitals ship-1)" "$before"
wait_for 30 "all is well" status_says ship-1 "^All is well"
far=$(awk '$3 == "ship-3" { print $1 }' <<<"$before")
expect "ship-1 asks it" "$(berth ship-1 exec "$far" -- hostname)" "$far"
expect_match "packets go there" "$(on ship-1 "$(type -P ip)" route get "$(pod_ip ship-1 "$far")")" "berth0-vx"

step "a host leaves by force: its pod runs on as a stranger, and is made elsewhere"
said ship-3 leave && fail "leave with a pod" || expect_match "leave refuses" "$(<"$output/said")" "With --force they run on here as strangers"
said ship-3 leave --force || fail "leave --force: $(<"$output/said")"
wait_for 30 "two nodes" is 2 ready_nodes ship-1
expect "ship-3 is alone" "$(berth ship-3 get nodes --no-headers | wc -l)" 1
expect_match "its pod is a stranger there" "$(berth ship-3 pods strangers 2>&1)" "$far"
wait_for 60 "three pods without it" is 3 ready_pods ship-1 app=web
expect "members" "$(members ship-1 | wc -l)" 2
