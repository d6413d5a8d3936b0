#!/bin/bash
# tests/qemu/01-cgroup2.sh - the package on a host with cgroup v2: limits are in the kernel's files, and their breach is told.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

step "the host has cgroup v2 only, the agent runs"
expect "file system of /sys/fs/cgroup" "$(stat -fc %T /sys/fs/cgroup)" cgroup2fs
start_agent
expect "failed units" "$(systemctl --failed --no-legend --plain)" ""

step "limits and requests reach the kernel"
stateful_set web 1 'resources: {requests: {cpu: 250m, memory: 32Mi}, limits: {cpu: 500m, memory: 64Mi}}' | put_manifest web.yaml
wait_ready 60 app=web 1
group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(container_pid web-0)/cgroup")
echo "   cgroup: $group"
expect "memory.max" "$(cat "$group/memory.max")" $((64 << 20))
expect "cpu.max" "$(cat "$group/cpu.max")" "50000 100000"
# 250m is 256 shares; runc maps [2, 262144] to [1, 10000].
expect "cpu.weight" "$(cat "$group/cpu.weight")" 10
expect "in the pods' slice, not in the agent's" "$(grep -c berthd.service <<<"$group" || true)" 0

step "what is used is measured"
berth exec web-0 -- dd if=/dev/zero of=/dev/shm/filler bs=1M count=20 2>/dev/null
usage() { [ "$(berth top pod web-0 --no-headers | awk '{ print $3 }' | tr -dc 0-9)" -ge 20 ]; }
wait_for 60 "berth top pod" usage

step "a container beyond its memory is OOMKilled and comes back"
cat <<END | put_manifest greedy.yaml
apiVersion: v1
kind: Pod
metadata: {name: greedy}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.35
    command: [sh, -c, "sleep 1; tail /dev/zero"]
    resources: {limits: {memory: 16Mi}}
END
last() { pod greedy '.status.containerStatuses[0] | (.lastState.terminated // .state.terminated) | "\(.reason) \(.exitCode)"'; }
wait_for 60 "OOMKilled is told" is "OOMKilled 137" last
restarted() { [ "$(restarts greedy)" -ge 1 ]; }
wait_for 60 "and it is started again" restarted
rm "$manifests/greedy.yaml"
wait_for 60 "greedy is gone" is_gone pod greedy

step "the agent restarts: the container stays, under the same limits"
pid=$(container_pid web-0)
systemctl restart berthd
wait_for 60 "the API answers" api_answers
wait_ready 30 app=web 1
expect "process" "$(container_pid web-0)" "$pid"

step "the clock is set forward: what was due runs, at once and once; set back: nothing twice"
put_manifest hourly.yaml <<'END'
apiVersion: batch/v1
kind: CronJob
metadata: {name: hourly}
spec:
  schedule: "30 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: "busybox:1.35", command: ["true"]}]
END
known() { berth get cronjob hourly >/dev/null 2>&1; }
wait_for 30 "the CronJob is there" known
jobs() { berth get jobs -o name | grep -c hourly || true; }
expect "none is due" "$(jobs)" 0
date -s "$(date -d '+1 hour' '+%F %T')" >/dev/null
wait_for 60 "one ran for the time that was skipped" is 1 jobs
date -s "$(date -d '-2 hours' '+%F %T')" >/dev/null
sleep 5
expect "still one" "$(jobs)" 1
date -s "$(date -d '+1 hour' '+%F %T')" >/dev/null
rm "$manifests/hourly.yaml"

step "removed: no cgroup of the pod is left"
uid=$(pod_uid web-0)
rm "$manifests/web.yaml"
wait_for 60 "no pods" is "" pod_names app=web
left() { find /sys/fs/cgroup -type d -name "*$uid*" | grep -q . && return 1 || return 0; }
wait_for 20 "no cgroup" left
expect "failed units" "$(systemctl --failed --no-legend --plain)" ""
