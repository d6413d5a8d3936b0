#!/bin/bash
# tests/e2e/24-slow-containerd.sh - containerd that answers late makes everything slow and nothing impossible.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
delay=${DELAY:-${LONG:+5}} # Seconds for every answer; five in the long form: it takes ten minutes.
delay=${delay:-1}

containerd=$BERTH_TEST_CONTAINERD
how=$BERTH_TEST_DIR/slow
slow() { echo "$1 ${2:-0}" >"$how.new"; mv "$how.new" "$how"; } # SECONDS [CHANCE OF A CUT]
slow 0
BERTH_TEST_CONTAINERD=$BERTH_TEST_DIR/slow.sock
/usr/bin/python3 "$root/tests/e2e/slow_proxy.py" "$BERTH_TEST_CONTAINERD" "$containerd" "$how" &
proxy_pid=$!
wait_for 10 "the proxy listens" test -S "$BERTH_TEST_CONTAINERD"
write_config
BERTH_TEST_CONTAINERD=$containerd # for ctr

pods() { # LABEL COUNT
  for ((i = 0; i < $2; i++)); do
    cat <<END
---
apiVersion: v1
kind: Pod
metadata: {name: $1-$i, labels: {app: $1}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.35
    command: [sleep, "1000000"]
    readinessProbe: {exec: {command: [/bin/true]}, timeoutSeconds: 1, periodSeconds: 2}
END
  done
}
running() { ctr -a "$containerd" -n k8s.io tasks ls | grep -c RUNNING || true; }
pids() { ctr -a "$containerd" -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }

step "eight pods, every answer $delay s late"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: never-empty}\n' | put_manifest never-empty.yaml
slow "$delay"
start_agent
begin=$SECONDS
pods late 8 | put_manifest late.yaml
wait_ready $((30 + 40 * delay)) app=late 8
printf '   after %s s\n' $((SECONDS - begin))
expect "no container was made twice" "$(running)" 8
before=$(pids)

step "the agent is restarted: it finds them, and greets a containerd that is as slow"
adopted() { grep -q "pods adopted" <(tail -n +"$from" "$output/berthd.log"); }
stop_agent KILL
from=$(($(wc -l <"$output/berthd.log") + 1))
start_agent
wait_for $((20 + 10 * delay)) "they are adopted" adopted
expect "their processes" "$(pids)" "$before"

step "and goes, as slowly"
rm "$manifests/late.yaml"
gone() { [ -z "$(pod_names app=late)" ]; }
wait_for $((30 + 40 * delay)) "they are gone" gone
expect "their processes" "$(pids)" ""

cuts=${LONG:+0.02} # Twice the cuts are four times the waits: each start and each end needs some fifty messages.
cuts=${cuts:-0.01}
step "$cuts of all messages cut the connection: pods come and go, and nothing stays"
slow 0 "$cuts"
for round in 1 2 3; do
  pods "cut$round" 4 | put_manifest cut.yaml
  wait_ready 90 "app=cut$round" 4
  rm "$manifests/cut.yaml"
  gone() { [ -z "$(pod_names "app=cut$round")" ]; }
  wait_for 90 "they are gone" gone
done
slow 0
left() {
  find /sys/fs/cgroup -path '*/berth-pods/*' -type d -name 'pod*'
  find "$run/io" -mindepth 1 ! -name '.*'
  ctr -a "$containerd" -n k8s.io containers ls -q
  ctr -a "$containerd" -n k8s.io leases ls -q
  ctr -a "$containerd" -n k8s.io snapshots ls | awk '$3 == "Active" { print $1 }'
  # shellcheck disable=SC2009
  ps -eo args | grep '[c]ontainerd-shim'
}
nothing() { [ -z "$(left)" ]; }
for _ in $(seq 50); do nothing && break; sleep 0.2; done
expect "what is left" "$(left)" ""

step "containerd says nothing more: the agent stops all the same, and its pods run on"
pods hangs 2 | put_manifest hangs.yaml
wait_ready 60 app=hangs 2
before=$(pids)
slow 100000
pods more 4 | put_manifest more.yaml # passes that wait
waits() { [ "$(pod_names app=more | wc -w)" = 4 ]; }
wait_for 20 "there is something to wait for" waits
begin=$SECONDS
stop_agent TERM
((SECONDS - begin <= 15)) || fail "the agent took $((SECONDS - begin)) s to stop"
expect "their processes" "$(pids)" "$before"
kill "$proxy_pid"
