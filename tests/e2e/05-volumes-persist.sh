#!/bin/bash
# tests/e2e/05-volumes-persist.sh - data-db-0 belongs to db-0 for ever; other volumes live as long as they should.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

container='volumeMounts: [{name: data, mountPath: /data}, {name: scratch, mountPath: /scratch}, {name: settings, mountPath: /etc/db}]
env: [{name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}]'
claims='volumeClaimTemplates:
- metadata: {name: data}
  spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}'
manifest() { # REPLICAS MODE
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: %s}\n---\n' "$2"
  stateful_set db "$1" "$container" "$claims" | sed 's/^      containers:/      volumes: [{name: scratch, emptyDir: {}}, {name: settings, configMap: {name: settings}}]\n      containers:/'
}
read_data() { berth exec "$1" -- cat /data/name 2>/dev/null; }

step "two pods, a claim each"
start_agent
manifest 2 fast | put_manifest db.yaml
wait_ready 30 app=db 2
expect "claims" "$(berth get pvc -o json | jq -r '[.items[] | .metadata.name + "=" + .status.phase] | sort | join(" ")')" \
  "data-db-0=Bound data-db-1=Bound"
for n in 0 1; do
  berth exec db-$n -- sh -c "echo 'I am db-$n' > /data/name; echo x > /scratch/x; sync"
done
expect "a configMap as file" "$(berth exec db-0 -- cat /etc/db/mode)" fast
expect "a configMap as variable" "$(berth exec db-0 -- sh -c 'echo $MODE')" fast

step "a new pod finds the claim, and an empty emptyDir"
uid=$(pod_uid db-0)
berth delete pod db-0
fresh() { [ -n "$(pod_uid db-0)" ] && [ "$(pod_uid db-0)" != "$uid" ] && is_ready db-0; }
wait_for 20 "db-0 is back" fresh
expect "its data" "$(read_data db-0)" "I am db-0"
expect "its emptyDir" "$(berth exec db-0 -- ls /scratch)" ""

step "a container that restarts keeps its emptyDir"
kill -9 "$(container_pid db-1)"
again() { [ "$(restarts db-1)" = 1 ] && is_ready db-1; }
wait_for 20 "db-1 restarted" again
expect "its emptyDir" "$(berth exec db-1 -- ls /scratch)" x

step "scaled to nothing and back"
berth scale sts db --replicas=0
wait_for 30 "no pods" is "" pod_names app=db
expect "claims stay" "$(berth get pvc -o json | jq '.items | length')" 2
berth scale sts db --replicas=2
wait_ready 30 app=db 2
expect "db-0's data" "$(read_data db-0)" "I am db-0"
expect "db-1's data" "$(read_data db-1)" "I am db-1"

step "the set deleted and made again"
rm "$manifests/db.yaml"
wait_for 30 "no pods" is "" pod_names app=db
expect "claims stay" "$(berth get pvc -o json | jq '.items | length')" 2
manifest 2 fast | put_manifest db.yaml
wait_ready 30 app=db 2
expect "db-1's data" "$(read_data db-1)" "I am db-1"

step "a changed configMap reaches the running pod's file"
manifest 2 slow | put_manifest db.yaml
wait_for 90 "the file changes" is slow berth exec db-0 -- cat /etc/db/mode

step "the agent killed: mounts are as they were"
stop_agent KILL
start_agent
wait_ready 10 app=db 2
expect "db-0's data" "$(read_data db-0)" "I am db-0"
