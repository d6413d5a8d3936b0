#!/bin/bash
# tests/e2e/23-killed-often.sh - the agent is killed again and again while pods come and go: of those that went nothing stays.
#
# KILLS=200 for the whole of it (also with LONG=1).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
kills=${KILLS:-$([ -n "${LONG:-}" ] && echo 200 || echo 20)}

none={}
pod_manifest() { # NAME [RESOURCES]
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: brief}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.35
    command: [sleep, "1000000"]
    resources: ${2:-$none}
    stdin: true
END
}

# Everything on the host that is made for a pod and is not of the one that stays.
# shellcheck disable=SC2086 # none, or one
litter() { "$root/tests/bed/litter" "$run" ${keep:-}; }
clean() {
  local found
  found=$(litter) && [ -z "$found" ]
}
check_clean() { # SECONDS
  local end=$((SECONDS + $1))
  until clean; do
    [ $SECONDS -lt $end ] || { litter >&2; fail "something of a deleted pod stays"; }
    sleep 0.2
  done
}
fds() { ls "/proc/$1/fd" | wc -l; }

step "a pod that stays"
start_agent
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: never-empty}\n' | put_manifest never-empty.yaml
pod_manifest stays | put_manifest stays.yaml
wait_ready 30 app=brief 1
keep=$(pod_uid stays)
pid=$(container_pid stays)
check_clean 10
logd_fds=$(fds "$logd_pid")
agent_fds=$(fds "$agent_pid")

step "killed soon after a pod's file appeared, which is gone before the next start"
for ((i = 0; i < kills / 2; i++)); do
  pod_manifest "brief-$i" | put_manifest brief.yaml
  sleep "0.$(printf '%03d' $((15 + RANDOM % 45)))"
  kill -KILL "$agent_pid"
  wait "$agent_pid" 2>/dev/null || true
  rm "$manifests/brief.yaml"
  start_agent
done >/dev/null
check_clean 30

step "killed at any moment while pods of every class come and go"
classes=('{}' '{requests: {cpu: 20m}}' '{limits: {cpu: 100m, memory: 32Mi}}')
for ((i = 0; i < kills / 2; i++)); do
  for j in 0 1 2; do pod_manifest "churn-$i-$j" "${classes[j]}" | put_manifest "churn-$j.yaml"; done
  sleep "0.$(printf '%03d' $((RANDOM % 900)))"
  [ $((i % 2)) = 0 ] || rm "$manifests"/churn-*.yaml
  sleep "0.$(printf '%03d' $((RANDOM % 300)))"
  kill -KILL "$agent_pid"
  wait "$agent_pid" 2>/dev/null || true
  rm -f "$manifests"/churn-*.yaml
  start_agent
done >/dev/null
check_clean 60

step "the one that stays was not touched, and no descriptor stays open"
expect "its process" "$(container_pid stays)" "$pid"
expect "its restarts" "$(restarts stays)" 0
few_fds() { [ "$(fds "$1")" -le $(($2 + 3)) ]; }
wait_for 10 "berth-logd has the descriptors that it had ($logd_fds)" few_fds "$logd_pid" "$logd_fds"
wait_for 10 "berthd has the descriptors that it had ($agent_fds)" few_fds "$agent_pid" "$agent_fds"

step "and with it nothing at all stays"
rm "$manifests/stays.yaml"
wait_for 30 "it is gone" is_gone pod stays
keep=
check_clean 10
