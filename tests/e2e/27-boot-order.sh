#!/bin/bash
# tests/e2e/27-boot-order.sh - the host loses power: a set's pods begin one after another, as at first; nobody else waits.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
seen=$BERTH_TEST_DIR/seen
mkdir -p "$seen"
BERTH_POLL_SECONDS=0.1

# Each writes down when it begins and when it is ready, which takes it a second, and never happens while /seen/sick-NAME is there.
set_of() { # NAME REPLICAS POLICY
  cat <<END
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $1}
spec:
  serviceName: $1
  replicas: $2
  podManagementPolicy: $3
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox:1.35
        command:
        - sh
        - -c
        - |
          echo "start \$HOSTNAME" >>/seen/order
          while [ -e /seen/sick-\$HOSTNAME ]; do sleep 0.2; done
          sleep 1; echo "ready \$HOSTNAME" >>/seen/order; touch /tmp/ready
          exec sleep 1000000
        readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1}
        volumeMounts: [{name: seen, mountPath: /seen}]
      volumes: [{name: seen, hostPath: {path: $seen}}]
END
}
order() { tr '\n' ' ' <"$seen/order" | sed 's/ $//'; }
order_of() { grep " $1" "$seen/order" | tr '\n' ' ' | sed 's/ $//'; }
no_tasks() { [ -z "$(ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls -q)" ]; }
# What a power cut leaves: the store and containerd's records; no process, no mount, no address, nothing of /run.
power_cut() {
  local at
  stop_agent KILL
  stop_logd KILL
  # shellcheck disable=SC2046
  kill -KILL $(ps -eo pid,args | awk '/[c]ontainerd-shim/ { print $1 }') 2>/dev/null || true
  # shellcheck disable=SC2046
  kill -KILL $(ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk 'NR > 1 { print $2 }') 2>/dev/null || true
  wait_for 10 "no container is left" no_tasks
  for at in $(awk -v run="$run/" 'index($5, run) == 1 { print $5 }' /proc/self/mountinfo | sort -r); do umount -l "$at" 2>/dev/null || true; done # propagation may have taken one with another
  rm -rf "${run:?}"/*
  ip link del berth0
  nft flush ruleset
  : >"$seen/order"
}
in_order="start web-0 ready web-0 start web-1 ready web-1 start web-2 ready web-2"

step "at first: one after another"
start_agent
{ set_of web 3 OrderedReady; echo ---; set_of all 2 Parallel; } | put_manifest sets.yaml
wait_ready 30 app=web 3
expect "the order" "$(order_of web)" "$in_order"
wait_ready 5 app=all 2

step "neither a crash nor a restart of the agent waits, whatever the pods before are like"
ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks exec --exec-id unready "$(tasks web-0 | awk '{ print $1 }')" rm /tmp/ready
not_ready() { ! is_ready web-0; }
wait_for 10 "web-0 is not ready" not_ready
again() { [ "$(restarts web-2)" -gt "$before" ] && is_ready web-2; }
for agent in runs restarts; do
  before=$(restarts web-2)
  process=$(container_pid web-2)
  [ $agent = runs ] || stop_agent KILL
  kill -KILL "$process"
  [ $agent = runs ] || start_agent
  wait_for 20 "web-2 runs again (the agent $agent)" again
done
expect "web-0 is still not ready" "$(is_ready web-0 && echo ready || echo no)" no

step "the host loses power, and web-0 does not get ready: the others of its set wait and say so, nobody else does"
touch "$seen/sick-web-0" "$seen/sick-all-0"
power_cut
start_agent
first_started() { [ "$(order_of web)" = "start web-0" ]; }
wait_for 20 "web-0 is started" first_started
says_so() { [[ $(pod web-1 '.status.conditions[] | select(.type == "Ready") | .message') == *"waits for web-0 to be Ready"* ]]; }
wait_for 10 "web-1 says what it waits for" says_so
expect_match "so does an event" "$(berth get events -o json | jq -r '.items[] | select(.reason == "WaitingForTurn") | .message')" \
  "Pod waits for web-0 to be Ready: pods of StatefulSet web start in order"
wait_for 10 "all-1 of the Parallel set waits for nobody" is_ready all-1
stays 1 "only web-0 was started" first_started

step "it gets ready: one after another, as at first"
rm "$seen/sick-web-0"
wait_ready 30 app=web 3
expect "the order" "$(order_of web)" "$in_order"
