#!/bin/bash
# tests/e2e/22-hooks-and-sidecars.sh - hooks of many pods at once, postStart as a gate, sidecars' order, ended pods, other images.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

notes=$BERTH_TEST_DIR/notes
mkdir -p "$notes"
chmod 777 "$notes"
# A container that notes what happens to it, each with the host's uptime in hundredths of a second: name, further lines.
# It ends when it is asked to.
noting() { # NAME [YAML]
  cat <<END
- name: $1
  image: busybox:1.35
  command: [sh, -c, "trap 'note TERM; exit 0' TERM; note() { read t r </proc/uptime; echo \${t%.*}\${t#*.} \$1 >> /notes/\$(hostname).$1; }; note RUN; while :; do sleep 0.2; done"]
  volumeMounts: [{name: notes, mountPath: /notes}]
END
  [ -z "${2:-}" ] || sed 's/^/  /' <<<"$2"
}
pod_of() { # NAME GRACE CONTAINERS [SPEC-YAML]
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: ${1%-*}}}
spec:
  terminationGracePeriodSeconds: $2
  volumes: [{name: notes, hostPath: {path: $notes}}]
  containers:
$(sed 's/^/  /' <<<"$3")
$(sed '/./s/^/  /' <<<"${4:-}")
---
END
}
noted() { grep -h "$2\$" "$notes/$1" 2>/dev/null | head -n 1 | cut -d' ' -f1; }                  # FILE WORD: when
count_noted() { { grep -l "$1\$" "$notes"/$2 2>/dev/null || true; } | wc -l; }                     # WORD PATTERN
count_pods() { berth get pods -l "app=$1" -o name | wc -l; }                                       # APP
running_tasks() { ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | grep -c RUNNING || true; }
start_agent

step "20 pods with a preStop hook of 20 s, deleted at once, all get hook and SIGTERM"
hook='lifecycle: {preStop: {exec: {command: [sh, -c, "read t r </proc/uptime; echo ${t%.*}${t#*.} HOOK >> /notes/$(hostname).main; sleep 20"]}}}'
for i in $(seq 20); do pod_of "many-$i" 60 "$(noting main "$hook")"; done | put_manifest many.yaml
wait_ready 120 app=many 20
rm "$manifests/many.yaml"
wait_for 20 "all hooks have begun" is 20 count_noted HOOK 'many-*.main'
expect "none was asked to end before its hook was over" "$(count_noted TERM 'many-*.main')" 0
expect "all still run" "$(running_tasks)" 20
wait_for 60 "all were asked to end" is 20 count_noted TERM 'many-*.main'
for i in $(seq 20); do
  took=$(($(noted "many-$i.main" TERM) - $(noted "many-$i.main" HOOK)))
  [ "$took" -ge 1900 ] || fail "many-$i got SIGTERM $took hundredths of a second after its hook began"
done
wait_for 30 "and are gone" is 0 count_pods many

step "a hook that eats the grace leaves SIGTERM before SIGKILL"
pod_of eater-0 3 "$(noting main 'lifecycle: {preStop: {exec: {command: [sleep, "60"]}}}')" | put_manifest eater.yaml
wait_ready 30 app=eater 1
rm "$manifests/eater.yaml"
wait_for 15 "it was asked to end" is 1 count_noted TERM eater-0.main
wait_for 10 "and is gone" is_gone pod eater-0

step "postStart holds up readiness and the next container; one that fails kills its container"
gate='lifecycle: {postStart: {exec: {command: [sh, -c, "while [ ! -e /notes/open ]; do sleep 0.1; done"]}}}'
pod_of gate-0 2 "$(noting main "$gate"; noting second)" | put_manifest gate.yaml
wait_for 30 "the first container runs" is 1 count_noted RUN gate-0.main
stays 2 "the second does not" is 0 count_noted RUN gate-0.second
expect "the pod is not ready" "$(pod gate-0 '.status.conditions[] | select(.type=="Ready") | .status')" False
expect "it waits as Kubernetes says" "$(pod gate-0 '.status.containerStatuses[0].state.waiting.reason')" ContainerCreating
touch "$notes/open"
wait_ready 20 app=gate 1
expect "both run" "$(tasks gate-0 | wc -l)" 2
pod_of fails-0 2 "$(noting main 'lifecycle: {postStart: {exec: {command: [sh, -c, "exit 3"]}}}')" 'restartPolicy: Never' | put_manifest fails.yaml
wait_for 20 "it was asked to end, and did so well" is Succeeded pod fails-0 .status.phase
expect_match "an event says why" "$(berth get events -o json | jq -r '.items[] | select(.reason=="FailedPostStartHook") | .message')" 'exit code 3'

step "sidecars start before the containers and stop after them, the last first"
order='initContainers:'
for name in one two; do order+=$'\n'$(noting "$name" 'restartPolicy: Always'); done
pod_of car-0 20 "$(noting main 'lifecycle: {preStop: {exec: {command: [sleep, "1"]}}}')" "$order" | put_manifest car.yaml
wait_ready 30 app=car 1
expect "three run" "$(tasks car-0 | wc -l)" 3
rm "$manifests/car.yaml"
wait_for 20 "it is gone" is_gone pod car-0
started=$(for c in one two main; do printf '%s %s\n' "$(noted "car-0.$c" RUN)" "$c"; done | sort -n | awk '{ printf "%s ", $2 }')
ended=$(for c in one two main; do printf '%s %s\n' "$(noted "car-0.$c" TERM)" "$c"; done | sort -n | awk '{ printf "%s ", $2 }')
expect "started" "$started" "one two main "
expect "asked to end" "$ended" "main two one "

step "an ended pod gives its address back, and its logs stay"
pod_of done-0 2 "- name: main
  image: busybox:1.35
  command: [sh, -c, 'echo last words; exit 0']" 'restartPolicy: Never' | put_manifest done.yaml
wait_for 20 "it has succeeded" is Succeeded pod done-0 .status.phase
uid=$(pod_uid done-0)
nothing_left() { ! ls -d "$run/netns/$uid" "$run/pods/$uid" >/dev/null 2>&1 && ! ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io containers ls | grep -q "$uid"; }
wait_for 10 "nothing of it is on the host" nothing_left
expect "its status tells how it ended" "$(pod done-0 '.status.containerStatuses[0].state.terminated.reason')" Completed
expect "its logs are there" "$(berth logs done-0)" "last words"
stop_agent
start_agent
stays 2 "a restart of the agent does not run it again" nothing_left
expect "it is still over" "$(pod done-0 .status.phase)" Succeeded

step "another image restarts the container, whatever the policy"
pod_of image-0 2 "$(noting main)" 'restartPolicy: Never' >"$BERTH_TEST_DIR/image.yaml"
berth apply -f "$BERTH_TEST_DIR/image.yaml" >/dev/null
wait_ready 30 app=image 1
expect "it runs" "$(pod image-0 '.status.containerStatuses[0].image')" busybox:1.35
berth patch pod image-0 -p '{"spec":{"containers":[{"name":"main","image":"docker.io/library/busybox:1.35"}]}}' >/dev/null
wait_for 30 "it was restarted" is 1 restarts image-0
wait_ready 30 app=image 1
expect "the status says what runs" "$(pod image-0 '.status.containerStatuses[0].image')" docker.io/library/busybox:1.35
expect_match "an event says why" "$(berth get events -o json | jq -r '.items[] | select(.reason=="Killing") | .message')" 'Container main definition changed, will be restarted'

step "somebody's edit of a status is put right"
curl -sS --unix-socket "$socket" -X PATCH -H 'Content-Type: application/merge-patch+json' \
  -d '{"status":{"phase":"Failed","nominatedNodeName":"theirs"}}' \
  "http://berth/api/v1/namespaces/default/pods/gate-0/status" >/dev/null
wait_for 5 "the phase is what it is" is Running pod gate-0 .status.phase
expect "what is not ours stays" "$(pod gate-0 .status.nominatedNodeName)" theirs
