#!/bin/bash
# tests/e2e/10-probes.sh - startup, liveness and readiness: restarts what hangs, hides what is not ready.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
has_restarted() { [ "$(restarts "$1")" -ge "$2" ]; }
not_ready() { ! is_ready "$1"; }

step "readiness decides what the name answers, at once"
start_agent
stateful_set web 2 'readinessProbe: {httpGet: {path: /index.html, port: 80}, periodSeconds: 1, failureThreshold: 1}' | put_manifest web.yaml
wait_ready 30 app=web 2
both=$(printf '%s\n' "$(pod_ip web-0)" "$(pod_ip web-1)" | sort | tr '\n' ' ' | sed 's/ $//')
expect "both addresses" "$(resolve web.default.svc.$domain)" "$both"
berth exec web-1 -- mv /www/index.html /www/away
wait_for 10 "web-1 is not ready" not_ready web-1
wait_for 2 "only web-0 is answered" is "$(pod_ip web-0)" resolve web.default.svc.$domain
expect "restarts" "$(restarts web-1)" 0
berth exec web-1 -- mv /www/away /www/index.html
wait_for 10 "web-1 is ready" is_ready web-1
wait_for 2 "both are answered" is "$both" resolve web.default.svc.$domain

step "liveness restarts a container in its pod"
stateful_set live 1 'livenessProbe: {exec: {command: [test, "!", -f, /sick]}, periodSeconds: 1, failureThreshold: 2}' | put_manifest live.yaml
wait_ready 20 app=live 1
uid=$(pod_uid live-0) ip=$(pod_ip live-0)
berth exec live-0 -- touch /sick
wait_for 20 "live-0 was restarted" has_restarted live-0 1
wait_for 20 "and is ready" is_ready live-0
expect "the same pod" "$(pod_uid live-0) $(pod_ip live-0)" "$uid $ip"
expect_match "why" "$(berth describe pod live-0)" 'Unhealthy|[Ll]iveness'

step "a startup probe holds the liveness probe back"
stateful_set slow 1 'startupProbe: {exec: {command: [test, -f, /started]}, periodSeconds: 1, failureThreshold: 30}
livenessProbe: {exec: {command: [test, -f, /started]}, periodSeconds: 1, failureThreshold: 1}' | put_manifest slow.yaml
wait_for 20 "it runs" is_running slow-0
stays 3 "not ready, not restarted" is 0 restarts slow-0
berth exec slow-0 -- touch /started
wait_for 10 "slow-0 is ready" is_ready slow-0
expect "restarts" "$(restarts slow-0)" 0

step "a probe that hangs leaves nothing behind"
stateful_set hung 1 'readinessProbe: {exec: {command: [sh, -c, "sleep 771 & sleep 771"]}, periodSeconds: 1, timeoutSeconds: 1}' | put_manifest hung.yaml
wait_for 20 "hung-0 runs" is_running hung-0
timed_out() { berth get events -o json | jq -e 'any(.items[]; .involvedObject.name == "hung-0" and .reason == "Unhealthy" and .count >= 4)'; }
wait_for 30 "it timed out four times" timed_out
left() { berth exec hung-0 -- sh -c 'for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline; echo; done 2>/dev/null | grep -c "^sleep 77[1]"' || true; }
few_left() { [ "$(left)" -le 4 ]; } # of one probe that runs, and of one that is being ended
expect_match "of at most two probes" "$(left)" '^[0-4]$'
stays 4 "and no more come" few_left

step "a tcp probe; a port nobody listens on"
stateful_set tcp 1 'readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}' | put_manifest tcp.yaml
stateful_set deaf 1 'readinessProbe: {tcpSocket: {port: 81}, periodSeconds: 1}' | put_manifest deaf.yaml
wait_ready 20 app=tcp 1
wait_for 20 "deaf-0 runs" is_running deaf-0
stays 2 "and is not ready" not_ready deaf-0

step "a container that keeps ending is started ever more slowly"
stateful_set crash 1 | sed 's/trap .*\& wait"/exit 3"/' | put_manifest crash.yaml
looping() { [ "$(pod crash-0 '.status.containerStatuses[0].state.waiting.reason')" = CrashLoopBackOff ]; }
wait_for 40 "CrashLoopBackOff" looping
expect "its last exit code" "$(pod crash-0 '.status.containerStatuses[0].lastState.terminated.exitCode')" 3

step "what containers say is bytes: their objects stay readable, over a restart of the agent, too"
cat <<'END' | put_manifest bytes.yaml
apiVersion: v1
kind: Pod
metadata: {name: bytes}
spec:
  restartPolicy: Never
  containers:
  - {name: said, image: "busybox:1.35", command: [sh, -c, "printf 'a\\377b' >/dev/termination-log; exit 3"]}
  - {name: logged, image: "busybox:1.35", command: [sh, -c, "echo first; printf 'c\\376d'; exit 4"], terminationMessagePolicy: FallbackToLogsOnError}
---
apiVersion: v1
kind: Pod
metadata: {name: unsure}
spec:
  containers:
  - name: main
    image: busybox:1.35
    command: [sleep, "1000"]
    readinessProbe: {periodSeconds: 1, exec: {command: [sh, -c, "printf 'x\\377y'; exit 1"]}}
END
message_of() { pod bytes ".status.containerStatuses[] | select(.name == \"$1\") | .state.terminated.message"; }
wait_for 20 "the message of a file" is "a�b" message_of said
wait_for 20 "the end of a log" is "first
c�d" message_of logged
expect "characters, with no newline that was not there" "$(pod bytes '.status.containerStatuses[] | select(.name == "logged") | .state.terminated.message | length')" 9
unsure() { berth get events -o json | jq -e 'any(.items[]; .message == "Readiness probe failed: x�y")'; }
wait_for 20 "what a probe said" unsure
uid=$(pod_uid bytes)
stop_agent
start_agent
expect "the same pod" "$(pod_uid bytes)" "$uid"
expect "its message" "$(message_of said)" "a�b"
expect "can be read with all others" "$(berth get pods -o name | grep -c -w -e bytes -e unsure)" 2
