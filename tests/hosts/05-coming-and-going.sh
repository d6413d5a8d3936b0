#!/bin/bash
# tests/hosts/05-coming-and-going.sh - one host becomes a cluster of three by berth cluster, loses a member, and is one host again; its pod never notices.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)

vitals() { # HOST: who the pod web-0 is, and its process
  echo "$(field "$1" pod web-0 .metadata.uid) $(field "$1" pod web-0 '.status.containerStatuses[0].restartCount') $(on ship-1 pgrep -fx 'sleep 1000001')"
}

step "a host alone, with a set of one"
make_lone_hosts "${all[@]}"
berth ship-1 apply -f - >/dev/null <<'END'
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 1
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "busybox:1.35", command: [sleep, "1000001"]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}
END
wait_for 60 "web-0" is 1 ready_pods ship-1 app=web
before=$(vitals ship-1)
set_uid=$(field ship-1 statefulset web .metadata.uid)
generation=$(field ship-1 statefulset web .metadata.generation)
born=$(field ship-1 pod web-0 .metadata.creationTimestamp)
pod_address=$(pod_ip ship-1 web-0)

step "init: its objects go into an etcd, its pod stays"
invite --advertise "$(address ship-1)"
expect_match "the line to join with" "$(join_words)" "^192.0.2.11:6550 [a-z0-9]{6}\.[a-z0-9]{16}\.[0-9a-f]{64}$"
expect "the pod, its restarts, its process" "$(vitals ship-1)" "$before"
expect "the set's uid" "$(field ship-1 statefulset web .metadata.uid)" "$set_uid"
expect "its generation" "$(field ship-1 statefulset web .metadata.generation)" "$generation"
expect "since when the pod is" "$(field ship-1 pod web-0 .metadata.creationTimestamp)" "$born"
expect "no stranger" "$(berth ship-1 pods strangers 2>/dev/null | grep -c web || true)" 0
expect "ready" "$(ready_pods ship-1 app=web)" 1
on ship-1 etcdctl --endpoints "https://$(address ship-1):2379" --command-timeout=2s get / >/dev/null 2>&1 &&
  fail "the etcd answers who has no certificate" || expect "the etcd refuses who has no certificate" $? 1
token_before=${words[1]}
invite --advertise "$(address ship-1)"
[ "${words[1]}" != "$token_before" ] || fail "init again gives the same token"
expect "init again: the pod" "$(vitals ship-1)" "$before"

step "who may not join"
wrong=${words[1]%%.*}.0000000000000000.${words[1]##*.}
said ship-2 join "${words[0]}" "$wrong" && fail "a wrong secret joins" || expect_match "a wrong secret" "$(<"$output/said")" "does not know the token"
wrong=${words[1]%.*}.$(printf '0%.0s' {1..64})
said ship-2 join "${words[0]}" "$wrong" && fail "a wrong CA is believed" || expect_match "another CA" "$(<"$output/said")" "no certificate of the CA that the token names"
nobody=$(on ship-2 curl -s -k -m 3 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer ${words[1]%.*}" "https://$(address ship-1):6550/api/v1/secrets" || true)
expect "a token is for nothing else" "$nobody" 403

step "two more join, with what they have; one try is killed half-way"
cargo() { # OF
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cargo}\ndata: {of: %s}\n' "$1"
}
for name in ship-2 ship-3; do cargo "$name" | berth "$name" apply -f - >/dev/null; done
cargo_uid=$(field ship-2 configmap cargo .metadata.uid)
said ship-2 join "${words[@]}" || fail "ship-2: $(<"$output/said")"
wait_for 30 "two nodes" is 2 ready_nodes ship-1
expect "ship-2's cargo is the cluster's" "$(field ship-1 configmap cargo .metadata.uid)" "$cargo_uid"
cluster ship-3 join "${words[@]}" >/dev/null 2>&1 &
half=$!
wait_for 30 "ship-3 is about to begin its etcd" test -f "$hosts/ship-3/etcd.yaml"
on ship-3 pkill -KILL -x berth || true
wait "$half" 2>/dev/null || true
said ship-3 join "${words[@]}" && fail "two of one name" || expect_match "ship-3's has the same name" "$(<"$output/said")" "ConfigMap default/cargo: another one has that name"
expect "and ship-3 is as it was" "$(field ship-3 configmap cargo .data.of)" ship-3
said ship-3 join "${words[@]}" --discard-local || fail "ship-3: $(<"$output/said")"
said ship-3 join "${words[@]}" || fail "ship-3, again: $(<"$output/said")"
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
said ship-1 join || fail "ship-1, anew: $(<"$output/said")"
expect "the pod" "$(vitals ship-1)" "$before"
expect "its address" "$(pod_ip ship-1 web-0)" "$pod_address"
wait_for 30 "all is well" status_says ship-1 "^All is well"
expect "members" "$(cluster ship-2 status | grep -cE '^ship-[123] +(leader|follower) ')" 3

step "the set grows over the hosts"
berth ship-3 scale statefulset web --replicas 3 >/dev/null
wait_for 60 "three pods" is 3 ready_pods ship-2 app=web
expect "on as many hosts" "$(for i in 0 1 2; do node_of ship-1 "web-$i"; echo; done | sort -u | wc -l)" 3
expect_match "the picture" "$(cluster ship-1 status)" "default/web +[0-2] +[0-2] +[0-2]"

step "a member is killed, and another: status says so"
kill_etcd ship-2
wait_for 20 "one is gone" status_says ship-1 "ship-2 does not answer: nothing changes for pods, but no other member may go"
berth ship-1 annotate statefulset web noted=yes >/dev/null || fail "writes do not go on"
kill_etcd ship-3
wait_for 20 "no quorum" status_says ship-1 "no quorum: 1 of 3 members answer, 2 are needed"
expect "the pod" "$(on ship-1 pgrep -fx 'sleep 1000001')" "${before##* }"
for name in ship-2 ship-3; do said "$name" init >/dev/null || fail "$name's etcd again: $(<"$output/said")"; done
wait_for 30 "all is well again" status_says ship-1 "^All is well"

step "a member that lost its data is replaced"
kill_etcd ship-2
on ship-2 rm -r "$hosts/ship-2/state/etcd"
invite
said ship-2 join "${words[@]}" || fail "ship-2, anew: $(<"$output/said")"
wait_for 30 "all is well again" status_says ship-1 "^All is well"

step "two hosts leave"
said ship-2 backup "$BERTH_TEST_DIR/copy.db" || fail "backup: $(<"$output/said")"
said ship-1 restore "$BERTH_TEST_DIR/copy.db" && fail "restore under a running etcd" || expect_match "restore refuses" "$(<"$output/said")" "runs: what it has would be lost"
said ship-3 leave && fail "leave with a pod" || expect_match "leave refuses" "$(<"$output/said")" "pods are bound to this host"
berth ship-1 scale statefulset web --replicas 1 >/dev/null
wait_for 60 "one pod" is 1 ready_pods ship-1 app=web
for name in ship-3 ship-2; do
  no_pods() { [ -z "$(berth ship-1 get pods -o name --field-selector "spec.nodeName=$name")" ]; }
  wait_for 30 "none on $name" no_pods
  said "$name" leave || fail "$name leaves: $(<"$output/said")"
  expect "$name again alone" "$(berth "$name" get nodes --no-headers | wc -l)" 1
  said "$name" leave || fail "$name leaves again: $(<"$output/said")"
done
wait_for 30 "one node" is 1 ready_nodes ship-1

step "a copy is put back"
said ship-1 backup "$BERTH_TEST_DIR/copy.db" || fail "backup: $(<"$output/said")"
berth ship-1 delete configmap cargo >/dev/null
kill_etcd ship-1
said ship-1 restore "$BERTH_TEST_DIR/copy.db" || fail "restore: $(<"$output/said")"
wait_for 30 "ready" is 1 ready_pods ship-1 app=web
expect "what was deleted is there" "$(field ship-1 configmap cargo .metadata.uid)" "$cargo_uid"
expect "the pod, its restarts, its process" "$(vitals ship-1)" "$before"

step "the last one leaves"
said ship-1 leave && fail "the last leaves without a word" || expect_match "the last one is asked" "$(<"$output/said")" "this is the last host"
said ship-1 leave --keep-objects || fail "ship-1 leaves: $(<"$output/said")"
[ ! -e "$hosts/ship-1/berthd.d/50-cluster.yaml" ] || fail "the drop-in stayed"
wait_for 30 "ready" is 1 ready_pods ship-1 app=web
expect "the pod, its restarts, its process" "$(vitals ship-1)" "$before"
expect "the set's uid" "$(field ship-1 statefulset web .metadata.uid)" "$set_uid"
expect "no etcd" "$(on ship-1 pgrep -cx etcd || true)" 0
printf '\nAll of it in %s s.\n' "$SECONDS"
