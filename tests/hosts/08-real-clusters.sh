#!/bin/bash
# tests/hosts/08-real-clusters.sh - an etcd and a redis over three hosts, written to while hosts fail: nothing that was acknowledged is lost.
#
# FAULTS (3; 30 in the long form, ten minutes) is how many times a host is cut off, frozen, or loses its agent, one each twenty
# seconds; SEED says which.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
faults=${FAULTS:-${LONG:+30}}
faults=${faults:-3}
RANDOM=${SEED:=$((RANDOM))}
# What must not change when nobody asked for it.
identity() { berth ship-1 get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.nodeName} {.status.podIP} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }

freezer_of() { echo "/sys/fs/cgroup/freezer/$(<"$hosts/$1/cgroup")/freezer.state"; }
freeze() { echo FROZEN >"$(freezer_of "$1")"; }
thaw() { echo THAWED >"$(freezer_of "$1")"; }

step "three hosts; on them an etcd and a redis of three, from the examples  (SEED=$SEED)"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox etcd redis; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
for name in "${all[@]}"; do start_agent "$name" "$(endpoints "${all[@]}")"; done
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
put_manifest ship-1 etcd.yaml <"$root/examples/etcd/etcd.yaml"
put_manifest ship-2 redis.yaml <"$root/examples/redis/redis.yaml"
wait_for 90 "the etcd is whole" is 3 ready_pods ship-3 app=etcd
wait_for 60 "the redis is whole" is 3 ready_pods ship-3 app=redis
berth ship-3 get pods -o wide
before=$(identity)
members=$(awk '/^etcd-/ { print $4 }' <<<"$before" | paste -sd,)
primary=$(awk '/^redis-0/ { print $4 }' <<<"$before")

step "every host writes; every twenty seconds something fails"
/usr/bin/python3 "$root/tests/hosts/identities.py" "$output/twice" etcd redis-server &
watcher=$!
writers=()
for name in "${all[@]}"; do
  on "$name" /usr/bin/python3 "$root/tests/hosts/writer.py" write "$name" "$output/$name-acknowledged" "$members" "$primary" &
  writers+=($!)
done
for ((i = 1; i <= faults; i++)); do
  victim=ship-$((RANDOM % 3 + 1))
  length=$((RANDOM % 12 + 5))
  case $((i == 1 ? 0 : i == 2 ? 1 : RANDOM % 3)) in
    0) what="is cut off for $length s"; cut_off $victim; sleep $length; join_again $victim ;;
    1) what="is frozen for $length s"; freeze $victim; sleep $length; thaw $victim ;;
    2) what="has no agent for $length s"; kill_agent $victim; sleep $length; start_agent $victim "" ;;
  esac
  printf '   %s %s\n' "$victim" "$what"
  sleep $((20 - length))
done

step "all is well again: nobody was moved, nobody ran twice, nothing is missing"
for name in "${all[@]}"; do wait_for 60 "three nodes seen from $name" is 3 ready_nodes "$name"; done
wait_for 60 "the etcd is whole" is 3 ready_pods ship-1 app=etcd
wait_for 60 "the redis is whole" is 3 ready_pods ship-1 app=redis
expect "who is who" "$(identity)" "$before"

step "the agents are renewed one after the other, while all is used"
since=$(date +%s)
for name in "${all[@]}"; do
  kill_agent "$name" TERM
  start_agent "$name" ""
  wait_for 30 "$name is back" agent_answers "$name"
done
wait_for 60 "three nodes" is 3 ready_nodes ship-1
expect "who is who" "$(identity)" "$before"
sleep 2
kill "${writers[@]}" "$watcher"
wait "${writers[@]}" "$watcher" || true
for name in "${all[@]}"; do
  on "$name" /usr/bin/python3 "$root/tests/hosts/writer.py" check "$name" "$output/$name-acknowledged" "$members" "$primary" "$since"
done
expect "who was seen" "$(sed -n '$s/^seen in .* looks: //p' "$output/twice")" "etcd-0 etcd-1 etcd-2 redis-0 redis-1 redis-2"
expect "what ran twice" "$(sed '$d' "$output/twice")" ""
