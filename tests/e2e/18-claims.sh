#!/bin/bash
# tests/e2e/18-claims.sh - claims by class: made, grown, had by one pod at a time, and let go as their policy says.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

class() { # NAME GROWS
  cat <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: $1}
provisioner: berth.io/directory
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: $2
YAML
}
claim() { # NAME CLASS MODE
  cat <<YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1}
spec: {storageClassName: "$2", accessModes: [$3], resources: {requests: {storage: 16Mi}}}
YAML
}
user() { # POD CLAIM
  cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"], volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, persistentVolumeClaim: {claimName: $2}}]
YAML
}
phase() { field "$1" "$2" .status.phase; }
says() { berth describe "$1" "$2" | grep -c "$3"; }
heard() { [ "$(says "$1" "$2" "$3")" -gt 0 ]; }

step "a claim waits for its first consumer"
start_agent
class grows true | berth apply -f -
class stays false | berth apply -f -
claim data grows ReadWriteOncePod | berth apply -f -
wait_for 10 "it says what it waits for" heard pvc data "waiting for first consumer to be created before binding"
expect "its phase" "$(phase pvc data)" Pending

step "one pod has it, the next waits and says why"
user first data | berth apply -f -
wait_for 40 "the first runs" is_running first
expect "the claim" "$(phase pvc data)" Bound
user second data | berth apply -f -
taken='node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'
waits() { heard pod second "$taken"; }
wait_for 20 "the second says why" waits
berth exec first -- sh -c 'echo kept > /v/x'
berth delete pod first --wait=false
wait_for 40 "the second runs" is_running second
expect "the same content" "$(berth exec second -- cat /v/x)" kept

step "it grows when its class allows"
berth patch pvc data --type=merge -p '{"spec":{"resources":{"requests":{"storage":"32Mi"}}}}'
wait_for 10 "its capacity" is 32Mi field pvc data .status.capacity.storage
expect "the volume" "$(field pv "$(field pvc data .spec.volumeName)" .spec.capacity.storage)" 32Mi
claim fixed stays ReadWriteOnce | berth apply -f -
refused=$(berth patch pvc fixed --type=merge -p '{"spec":{"resources":{"requests":{"storage":"32Mi"}}}}' 2>&1 || true)
expect_match "one that is not bound stays" "$refused" "spec is immutable after creation except resources.requests"

step "the volume goes with its claim, and only then"
volume=$(field pvc data .spec.volumeName)
berth delete pod second
berth delete pvc data
wait_for 20 "the volume is gone" is_gone pv "$volume"
[ ! -e "$state/volumes/default/data" ] || fail "the content is still there"

step "a volume that people made is never emptied"
mkdir -p "$state/static" && echo mine > "$state/static/x"
berth apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: static}
spec:
  capacity: {storage: 16Mi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Delete
  hostPath: {path: $state/static}
YAML
claim mine "" ReadWriteOnce | berth apply -f -
wait_for 10 "bound" is Bound phase pvc mine
berth delete pvc mine
wait_for 10 "failed" is Failed phase pv static
expect "its content" "$(cat "$state/static/x")" mine
