#!/bin/bash
# tests/hosts/11-troubles.sh - what is wrong with a host among others is on its Node, in berth status and in its journal while it is so; pods are placed as if nothing were.
#
# Long: each trouble is seen within a minute, and so is its end.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)

condition() { field ship-1 node "$1" ".status.conditions[?(@.type==\"$2\")].$3"; } # HOST TYPE FIELD
says() { grep -qF "$2" <<<"$(berth "$1" status 2>&1 || true)"; }                    # HOST WORDS
is_well() { ! says "$1" cluster && is False condition "$1" NetworkUnavailable status; }
logged() { grep -F "this host is $2" "$output/$1-berthd.log" | grep -cF "$3" || true; } # HOST WELL-OR-NOT REASON
# The condition, the sentence of berth status, the journal's line: all of one trouble, of which each is told once.
told() { # HOST TYPE REASON WORDS
  wait_for 70 "$1: $2" is True condition "$1" "$2" status
  expect "its reason" "$(condition "$1" "$2" reason)" "$3"
  expect_match "its message has: $4" "$(condition "$1" "$2" message)" "$4"
  wait_for 10 "berth status says it" says "$1" "$3"
  expect "in the journal" "$(logged "$1" "not well" "$3")" 1
}
over() { # HOST TYPE REASON [STATUS]
  wait_for 70 "$1: $2 is over" is "${4:-}" condition "$1" "$2" status
  wait_for 70 "$1: berth status is well" is_well "$1"
  expect "in the journal" "$(logged "$1" "well again" "$3")" 1
}
drop() { on "$1" "$nft" "add table ip fault; add chain ip fault in { type filter hook input priority -10; }; add rule ip fault in $2 drop"; } # HOST WHAT
mend() { on "$1" "$nft" delete table ip fault; }                                                                                             # HOST
nft=$(type -P nft)

step "three hosts, an etcd of three, a fence on each: all is well"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd of $name" etcd_answers "$name"; done
members=$(endpoints "${all[@]}")
for name in "${all[@]}"; do
  start_fence "$name"
  start_agent "$name" "$members" "cluster: {fencing: true}"
done
for name in "${all[@]}"; do wait_for 60 "three nodes seen from $name" is 3 ready_nodes "$name"; done
for name in "${all[@]}"; do wait_for 60 "$name is well" is_well "$name"; done

step "the etcd member of ship-3 is killed"
kill_etcd ship-3
told ship-3 EtcdProblem MemberDown "nothing listens on 192.0.2.13:2379"
expect "the others say nothing of it" "$(condition ship-1 EtcdProblem status)$(condition ship-2 EtcdProblem status)" ""
start_etcd ship-3 "${all[@]}"

step "packets of the pods' network are dropped between ship-1 and ship-2"
drop ship-2 "ip saddr $(address ship-1) udp dport 4789"
over ship-3 EtcdProblem MemberDown
told ship-1 NetworkUnavailable NoPacketsBetweenHosts "no packet comes back from the pods' network of ship-2 "
told ship-2 NetworkUnavailable NoPacketsBetweenHosts "no packet comes back from the pods' network of ship-1 "
expect "ship-3 reaches both" "$(condition ship-3 NetworkUnavailable status)" False
beating_set web 3 | berth ship-1 apply -f - >/dev/null
wait_for 60 "three pods" is 3 ready_pods ship-1 app=web
expect "on as many hosts" "$(for i in 0 1 2; do node_of ship-1 "web-$i"; echo; done | sort -u | wc -l)" 3
expect "taints" "$(berth ship-1 get nodes -o 'jsonpath={.items[*].spec.taints}')" ""
version=$(field ship-1 node ship-1 .metadata.resourceVersion)
stays 40 "the Node is not written again" is "$version" field ship-1 node ship-1 .metadata.resourceVersion
mend ship-2

step "ship-3's DNS server is behind a firewall, and its berth-fence has ended"
drop ship-3 "udp dport 53"
on ship-3 pkill -KILL -x berth-fence
for name in ship-1 ship-2; do over "$name" NetworkUnavailable NoPacketsBetweenHosts False; done
told ship-3 NamesProblem DnsNotAnswering "its pods find no names"
told ship-3 FenceProblem FenceNotRunning "systemctl start berth-fence"
mend ship-3
start_fence ship-3
over ship-3 NamesProblem DnsNotAnswering
over ship-3 FenceProblem FenceNotRunning
expect "the pods" "$(ready_pods ship-1 app=web)" 3
