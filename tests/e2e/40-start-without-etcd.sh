#!/bin/bash
# tests/e2e/40-start-without-etcd.sh - etcd is away and the agent starts: what ran here goes on, nothing is begun; then etcd is back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
endpoint=http://127.0.0.1:23790
etcd_pid=
mkdir -p "$BERTH_TEST_DIR/etcd"
mount -t tmpfs tmpfs "$BERTH_TEST_DIR/etcd" # As in 38: not the disk's pace.
start_etcd() {
  etcd --name only --data-dir "$BERTH_TEST_DIR/etcd" --listen-client-urls $endpoint --advertise-client-urls $endpoint \
    --listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
    --initial-cluster only=http://127.0.0.1:23800 >>"$output/etcd.log" 2>&1 </dev/null &
  etcd_pid=$!
  wait_for 15 "etcd answers" etcd_keys /
}
stop_etcd() { kill -9 "$etcd_pid"; wait "$etcd_pid" 2>/dev/null || true; etcd_pid=; }
etcd_keys() { ETCDCTL_API=3 etcdctl --endpoints $endpoint --command-timeout=3s get --prefix --keys-only "$1"; }
containers() { ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }
host_status() { curl -s -m 5 --unix-socket "$socket" http://localhost/berth/v1/status; }
problem() { host_status | jq -r '.store.problems[].message'; }
healed() { [ "$(host_status | jq '.store.problems | length')" = 0 ]; }
copy=$state/etcd-copy/objects.db
is_copied() { [ -n "$(find "$copy" "$copy-wal" -newer "$BERTH_TEST_DIR/ready" 2>/dev/null)" ]; }

step "a set whose objects are in an etcd, and a copy of them on the disk, for root alone"
start_etcd
write_config "store: {etcd: {endpoints: [$endpoint], prefix: /stories}}"
start_agent
stateful_set db 2 | sed 's/terminationGracePeriodSeconds: 5/terminationGracePeriodSeconds: 1/' | put_manifest db.yaml
wait_ready 60 app=db 2
touch "$BERTH_TEST_DIR/ready"
berth annotate sts db story=ready
wait_for 30 "the copy" is_copied
expect "modes" "$(stat -c %a "$state/etcd-copy" "$copy" | paste -sd' ')" "700 600"
before=$(containers)
address=$(pod_ip db-1)

step "etcd goes, the agent is killed and starts: names, reads and status are there"
stop_etcd
stop_agent KILL
start_agent
expect_match "status" "$(problem)" "away since the start at .* objects are as of .* from the copy in $copy"
expect "reads" "$(pod_names app=db)" "db-0 db-1"
name() { resolve db-1.db.default.svc.$domain; }
wait_for 10 "its name" is "$address" name
expect "containers" "$(containers)" "$before"
said=$(berth scale sts db --replicas=3 2>&1) && fail "a write went well without etcd"
expect_match "a write says why not" "$said" "etcd"
code=$(curl -s -o /dev/null -w '%{http_code}' -X DELETE --unix-socket "$socket" http://localhost/api/v1/namespaces/default/pods/db-0)
expect "a write's code" "$code" 503

step "a container that is killed is started again; nothing else is"
kill -9 "$(container_pid db-0)"
again() { local now; now=$(tasks db-0) && [ -n "$now" ] && ! grep -qF "$now" <<<"$before"; }
wait_for 30 "db-0 runs again" again
expect "its neighbour" "$(tasks db-1)" "$(grep "$(pod_uid db-1)" <<<"$before")"

step "etcd is back, and another host deleted a pod meanwhile: it goes, and is made anew; all else as if nothing had been"
old=$(pod_uid db-1)
stop_agent KILL # So that the etcd that comes back can be changed before this agent hears of it.
start_etcd
ETCDCTL_API=3 etcdctl --endpoints $endpoint del /stories/objects/Pod/default/db-1 >/dev/null
stop_etcd
start_agent
expect "still believed" "$(pod_uid db-1)" "$old"
start_etcd
wait_for 30 "no problem is told any more" healed
made_anew() { local uid; uid=$(pod_uid db-1) && [ -n "$uid" ] && [ "$uid" != "$old" ]; }
wait_for 60 "another db-1" made_anew
wait_ready 60 app=db 2
ended() { ! containers | grep -q "$old"; }
wait_for 30 "the old one's container ended" ended
scaled() { berth scale sts db --replicas=3; }
wait_for 15 "scaled" scaled
wait_ready 60 app=db 3
session() { etcd_keys /stories/live/ | grep -q /stories/live/bed; }
wait_for 15 "the session is there" session

step "a copy that is damaged is none: it is said, and etcd is waited for, as without one"
stop_agent KILL
stop_etcd
before=$(containers)
rm -f "$copy-wal"
printf 'damaged' | dd of="$copy" conv=notrunc status=none
said=$(timeout 60 "$bin/berthd" --config "$config" 2>&1) && fail "it started on a damaged copy"
expect_match "it says so" "$said" "the copy for a start without etcd is not used"
start_etcd
start_agent
wait_ready 60 app=db 3
expect "containers" "$(containers)" "$before"
stop_agent
stop_etcd
