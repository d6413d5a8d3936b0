#!/bin/bash
# tests/e2e/07-etcd.sh - examples/etcd: a real quorum through names alone, scaled, killed, renewed, and the data is there.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
etcd() { berth exec "$1" -- etcdctl --command-timeout=5s "${@:2}"; }
members() { etcd etcd-0 member list | awk -F', ' '$2 == "started" { print $3 }' | sort | tr '\n' ' ' | sed 's/ $//'; }
value() { etcd "$1" get --print-value-only ship; }

step "the example as it is"
start_agent
put_manifest etcd.yaml <"$root/examples/etcd/etcd.yaml"
wait_ready 60 app=etcd 3
expect "members" "$(members)" "etcd-0 etcd-1 etcd-2"
expect "put" "$(etcd etcd-0 put ship berth)" OK
expect "get from another" "$(value etcd-2)" berth

step "a member is killed: it starts again, with its volume, as the same member"
ids=$(etcd etcd-0 member list | sort)
kill -9 "$(container_pid etcd-1)"
back() { [ "$(restarts etcd-1)" = 1 ] && is_ready etcd-1; }
wait_for 40 "etcd-1 restarted" back
expect "membership" "$(etcd etcd-0 member list | sort)" "$ids"
expect "get" "$(value etcd-1)" berth

step "scaled to five"
berth scale sts etcd --replicas=5
wait_ready 60 app=etcd 5
wait_for 10 "five members" is "etcd-0 etcd-1 etcd-2 etcd-3 etcd-4" members
expect "get from the newest" "$(value etcd-4)" berth

step "and back to three"
berth scale sts etcd --replicas=3
gone() { [ "$(pod_names app=etcd)" = "etcd-0 etcd-1 etcd-2" ]; }
wait_for 60 "three pods" gone
wait_for 20 "three members" is "etcd-0 etcd-1 etcd-2" members
expect "put" "$(etcd etcd-2 put ship moored)" OK

step "the agent is killed: the cluster does not notice"
before=$(for n in 0 1 2; do container_pid etcd-$n; done)
stop_agent KILL
start_agent
wait_ready 20 app=etcd 3
expect "processes" "$(for n in 0 1 2; do container_pid etcd-$n; done)" "$before"

step "a changed template renews one member after the other, the highest first"
sed 's/--heartbeat-interval 100/--heartbeat-interval 110/; s/terminationGracePeriodSeconds: 20/terminationGracePeriodSeconds: 15/' \
  "$root/examples/etcd/etcd.yaml" | put_manifest etcd.yaml
renewed() { [ "$(pod "$1" .spec.terminationGracePeriodSeconds)" = 15 ] && is_ready "$1"; }
for n in 2 1 0; do
  wait_for 90 "etcd-$n is renewed" renewed etcd-$n
  [ $n = 0 ] || renewed etcd-0 && [ $n != 0 ] && fail "etcd-0 was renewed before its turn"
done
wait_for 30 "three members" is "etcd-0 etcd-1 etcd-2" members
for n in 0 1 2; do expect "etcd-$n's data" "$(value etcd-$n)" moored; done
