#!/bin/bash
# tests/e2e/12-delete-order.sh - going down: in reverse order, gracefully, and nothing stays on the host but the claims' data.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
claims='volumeClaimTemplates:
- metadata: {name: data}
  spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}'
leftovers() {
  ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io containers ls -q | sed 's/^/container /'
  ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io snapshots ls | awk 'NR > 1 && $3 == "Active" { print "snapshot " $1 }'
  ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io leases ls -q | sed 's/^/lease /'
  ip -o link | awk -F': ' '$2 ~ /@/ { print "link " $2 }'
  awk '{ print $5 }' /proc/self/mountinfo | grep -E "^($run|$state)/" | sed 's/^/mount /'
  find /sys/fs/cgroup -type d -name 'pod*-*' 2>/dev/null | sed 's/^/cgroup /'
}

step "what an idle agent has"
start_agent
idle=$(leftovers)
stateful_set probe 1 | put_manifest probe.yaml
wait_ready 20 app=probe 1
rm "$manifests/probe.yaml"
wait_for 20 "the first pod is gone" is "" pod_names app=probe
clean() { [ "$(leftovers)" = "$idle" ]; }
wait_for 10 "nothing of it is left" clean

step "two sets; a container that says goodbye"
stateful_set db 3 'volumeMounts: [{name: data, mountPath: /data}]' "$claims" |
  sed "s/trap 'exit 0' TERM/trap 'echo goodbye > \/data\/goodbye; exit 0' TERM/" | put_manifest db.yaml
stateful_set web 2 | put_manifest web.yaml
wait_ready 40 app=db 3
wait_ready 40 app=web 2

step "scaled to nothing, in reverse"
berth scale sts db --replicas=0
while names=$(pod_names app=db); [ -n "$names" ]; do
  case $names in "db-0 db-1 db-2" | "db-0 db-1" | "db-0") ;; *) fail "stopped out of order: left are $names" ;; esac
  [ $SECONDS -lt 120 ] || fail "pods left: $names"
done
berth scale sts db --replicas=3
wait_ready 40 app=db 3
for n in 0 1 2; do expect "db-$n had time to say goodbye" "$(berth exec db-$n -- cat /data/goodbye)" goodbye; done

step "a container that ignores the signal is killed after its grace period, and the others do not wait for it"
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: deaf}\nspec:\n  terminationGracePeriodSeconds: 2\n  containers:\n  - {name: main, image: "busybox:1.35", command: [sleep, "100000"]}\n' | put_manifest deaf.yaml
wait_for 20 "it runs" is_running deaf
began=$(date +%s%N)
rm "$manifests/deaf.yaml"
wait_for 15 "it is gone" is_gone pod deaf
expect_match "after about two seconds" "$((($(date +%s%N) - began) / 1000000)) ms" '^([1][5-9][0-9]{2}|[2-7][0-9]{3}) ms$'

step "a set whose file goes stops in reverse order too, and keeps its claims"
rm "$manifests/web.yaml" "$manifests/db.yaml"
while names=$(pod_names app=db); [ -n "$names" ]; do
  case $names in "db-0 db-1 db-2" | "db-0 db-1" | "db-0") ;; *) fail "stopped out of order: left are $names" ;; esac
  [ $SECONDS -lt 180 ] || fail "pods left: $names"
done
wait_for 20 "web is gone" is "" pod_names app=web
claim_names() { berth get pvc -o json | jq -r '[.items[].metadata.name] | sort | join(" ")'; }
expect "claims" "$(claim_names)" "data-db-0 data-db-1 data-db-2"

step "a set that was made through the API and is deleted by name"
api() { curl -fsS --unix-socket "$socket" -H 'Content-Type: application/json' "http://berth$1" -d @- >/dev/null; }
jq -n '{apiVersion: "v1", kind: "Service", metadata: {name: "hand"}, spec: {clusterIP: "None", selector: {app: "hand"},
  ports: [{port: 80}]}}' | api /api/v1/namespaces/default/services
jq -n '{apiVersion: "apps/v1", kind: "StatefulSet", metadata: {name: "hand"}, spec: {serviceName: "hand", replicas: 2,
  selector: {matchLabels: {app: "hand"}}, template: {metadata: {labels: {app: "hand"}}, spec: {terminationGracePeriodSeconds: 1,
  containers: [{name: "main", image: "busybox:1.35", command: ["sleep", "100000"]}]}}}}' |
  api /apis/apps/v1/namespaces/default/statefulsets
wait_ready 20 app=hand 2
berth delete statefulset hand
wait_for 20 "its pods are gone" is "" pod_names app=hand
berth delete service hand

step "nothing is left on the host"
for _ in $(seq 100); do ! clean || break; sleep 0.1; done
expect "containers, snapshots, leases, links, mounts, cgroups" "$(leftovers)" "$idle"
berth delete pvc data-db-0 data-db-1 data-db-2
wait_for 10 "claims are gone when asked to go" is 0 eval 'berth get pvc -o json | jq ".items | length"'
