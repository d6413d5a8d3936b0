#!/bin/bash
# tests/e2e/21-disks.sh - claims on image files, pools and devices: bound, kept, enlarged, given back; nothing formatted twice.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

disks=$BERTH_TEST_DIR/disks
mkdir -p "$disks"
made_disk=
make_disk() { # NAME MEGABYTES -> a loop device, linked as $disks/NAME
  truncate -s "$2M" "$disks/$1.raw"
  made_disk=$(losetup --find --show "$disks/$1.raw")
  ln -s "$made_disk" "$disks/$1"
}
claims() { # CLASS SIZE
  printf 'volumeClaimTemplates:\n- metadata: {name: data}\n  spec: {storageClassName: %s, accessModes: [ReadWriteOnce], resources: {requests: {storage: %s}}}\n' "$1" "$2"
}
data='volumeMounts: [{name: data, mountPath: /data}]'
pvc_phases() { berth get pvc -o json | jq -r '[.items[] | .metadata.name + "=" + .status.phase] | sort | join(" ")'; }
mount_of() { berth exec "$1" -- sh -c 'awk "\$2 == \"/data\" { print \$3 }" /proc/mounts'; }
megabytes() { berth exec "$1" -- df -m /data | awk 'END { print $(NF - 4) }'; }
attached() { losetup -l -n -O BACK-FILE | grep -c "^$state/images/" || true; }
staged_mounts() { grep -c " $run/staged/" /proc/self/mountinfo || true; }
events_of() { berth get events -o json | jq -r --arg name "$1" '.items[] | select(.involvedObject.name == $name) | .reason + ": " + .message'; }
has_event() { events_of "$1" | grep -qE "$2"; }

step "a set of three on image files"
put_manifest classes.yaml <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: image}
provisioner: berth.io/loop
parameters: {fsType: ext4}
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: pool}
provisioner: berth.io/pool
parameters: {match: "$disks/pool-*"}
volumeBindingMode: WaitForFirstConsumer
END
start_agent
stateful_set db 3 "$data" "$(claims image 32Mi)" | put_manifest db.yaml
wait_ready 60 app=db 3
expect "claims" "$(pvc_phases)" "data-db-0=Bound data-db-1=Bound data-db-2=Bound"
expect "a file system of its own" "$(mount_of db-1)" ext4
for n in 0 1 2; do
  [ -f "$state/images/default/data-db-$n.img" ] || fail "no image data-db-$n.img: $(find "$state/images")"
  berth exec db-$n -- sh -c "echo 'I am db-$n' > /data/name; dd if=/dev/urandom of=/data/blob bs=64k count=16 2>/dev/null; md5sum /data/blob > /data/sum; sync"
done
expect "loop devices" "$(attached)" 3

step "a new pod finds its data"
uid=$(pod_uid db-1)
berth delete pod db-1
fresh() { [ -n "$(pod_uid "$1")" ] && [ "$(pod_uid "$1")" != "$uid" ] && is_ready "$1"; }
wait_for 30 "db-1 is back" fresh db-1
expect "its data" "$(berth exec db-1 -- sh -c 'cat /data/name; md5sum -c /data/sum >/dev/null && echo whole')" $'I am db-1\nwhole'

step "a claim is enlarged while its pod runs"
before=$(megabytes db-0)
pid=$(container_pid db-0)
grow_claim() { # NAME SIZE
  curl -sf --unix-socket "$socket" -X PATCH -H 'Content-Type: application/merge-patch+json' \
    -d "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"$2\"}}}}" \
    "http://localhost/api/v1/namespaces/default/persistentvolumeclaims/$1" >/dev/null
}
grow_claim data-db-0 96Mi
if [ $((0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> 24 & 1)) = 1 ]; then # CAP_SYS_RESOURCE
  wait_for 30 "its status says 96Mi" is 96Mi field pvc data-db-0 .status.capacity.storage
  expect "the container that ran all the time" "$(container_pid db-0)" "$pid"
else
  wait_for 20 "this host cannot, and says so" has_event data-db-0 'VolumeResizeFailed: .*CAP_SYS_RESOURCE'
  expect "its status still says" "$(field pvc data-db-0 .status.capacity.storage)" 32Mi
  uid=$(pod_uid db-0)
  berth delete pod db-0
  wait_for 30 "db-0 is back" fresh db-0
  wait_for 40 "its status says 96Mi" is 96Mi field pvc data-db-0 .status.capacity.storage
  pid=$(container_pid db-0)
fi
[ "$(megabytes db-0)" -gt $((before * 2)) ] || fail "the file system has $(megabytes db-0) MB, had $before"
expect "its data" "$(berth exec db-0 -- md5sum -c /data/sum)" "/data/blob: OK"
wait_for 10 "an event says so" has_event data-db-0 'ResizeSuccessful'

step "the agent is killed, nothing is mounted twice or lost"
mounts=$(staged_mounts)
stop_agent KILL
start_agent
stays 2 "the same mounts" is "$mounts" staged_mounts
expect "the same process" "$(container_pid db-0)" "$pid"

step "scaled down: unmounted and detached, the claims stay"
berth scale sts db --replicas=0
wait_for 30 "no pods" is "" pod_names app=db
wait_for 10 "no loop device" is 0 attached
expect "no staged mount" "$(staged_mounts)" 0
berth scale sts db --replicas=2
wait_ready 60 app=db 2
expect "its data" "$(berth exec db-1 -- sh -c 'cat /data/name; md5sum -c /data/sum >/dev/null && echo whole')" $'I am db-1\nwhole'

step "deleted claims take their images with them, and no other's"
rm "$manifests/db.yaml"
wait_for 30 "no pods" is "" pod_names app=db
berth delete pvc data-db-0
wait_for 20 "data-db-0's image is gone" test ! -e "$state/images/default/data-db-0.img"
[ -f "$state/images/default/data-db-1.img" ] || fail "data-db-1's image is gone too"
pv_count() { berth get pv -o json | jq '.items | length'; }
wait_for 20 "its volume too" is 2 pv_count

step "a pool of disks that were there before"
for n in 0 1 2; do make_disk pool-$n 48; done
mkfs.ext4 -q "$disks/pool-2" # not ours: has to be left alone
stateful_set mq 2 "$data" "$(claims pool 40Mi)" | put_manifest mq.yaml
wait_ready 60 app=mq 2
sources() { berth get pv -o json | jq -r '[.items[] | select(.spec.storageClassName == "pool") | .spec.local.path] | sort | join(" ")'; }
expect_match "two of the pool" "$(sources)" "pool-0 .*pool-1$"
berth exec mq-0 -- sh -c 'echo "I am mq-0" > /data/name; sync'
berth scale sts mq --replicas=3
wait_for 20 "the third has to wait, and hears why" has_event data-mq-2 'ProvisioningFailed: .*(pool-2).*ext4'
berth scale sts mq --replicas=2
wait_for 20 "two left" is "mq-0 mq-1" pod_names app=mq
berth delete pod mq-0
wait_ready 40 app=mq 2
expect "the ordinal keeps its disk" "$(berth exec mq-0 -- cat /data/name)" "I am mq-0"
rm "$manifests/mq.yaml"
wait_for 30 "no pods" is "" pod_names app=mq
berth delete pvc data-mq-0 data-mq-1 data-mq-2
no_pool_volume() { [ -z "$(sources)" ]; }
wait_for 30 "the disks are given back" no_pool_volume
expect "wiped" "$(blkid -p -o value -s TYPE "$disks/pool-0" || true)" ""
expect "the one that is not ours" "$(blkid -p -o value -s TYPE "$disks/pool-2")" ext4

step "a disk with a partition table is never formatted"
make_disk table 32
printf 'label: gpt\nsize=8M\n' | sfdisk -q "$made_disk"
local_volume() { # NAME PATH MODE
  cat <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1}
spec:
  capacity: {storage: 16Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  volumeMode: $3
  persistentVolumeReclaimPolicy: Retain
  local: {path: $2}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [bed]}]}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1}
spec: {storageClassName: by-hand, volumeMode: $3, volumeName: $1, accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
END
}
pod_with() { # NAME CLAIM CONTAINER_YAML
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:1.35, command: [sleep, "100000"], $3}
  volumes: [{name: data, persistentVolumeClaim: {claimName: $2}}]
END
}
{ local_volume table "$disks/table" Filesystem; echo ---; pod_with table table 'volumeMounts: [{name: data, mountPath: /data}]'; } | put_manifest table.yaml
wait_for 20 "the pod hears why" has_event table 'FailedMount: .*(partition table|gpt)'
expect "the table is there" "$(blkid -p -o value -s PTTYPE "$disks/table")" gpt
rm "$manifests/table.yaml"
wait_for 20 "its pod goes" is_gone pod table

step "a raw block device"
make_disk raw 32
{ local_volume raw "$disks/raw" Block; echo ---; pod_with raw raw 'volumeDevices: [{name: data, devicePath: /dev/xvda}]'; } | put_manifest raw.yaml
wait_for 20 "the pod runs" is_ready raw
berth exec raw -- sh -c 'echo "raw data" | dd of=/dev/xvda conv=notrunc 2>/dev/null; sync'
expect "on the disk" "$(head -c 8 "$disks/raw")" "raw data"
rm "$manifests/raw.yaml"
wait_for 20 "its pod goes" is_gone pod raw
expect "still on the disk" "$(head -c 8 "$disks/raw")" "raw data"

step "one pod at a time: ReadWriteOncePod"
put_manifest once.yaml <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: once}
spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Mi}}}
END
pod_with once-a once 'volumeMounts: [{name: data, mountPath: /data}]' | put_manifest once-a.yaml
wait_for 20 "the first runs" is_ready once-a
pod_with once-b once 'volumeMounts: [{name: data, mountPath: /data}]' | put_manifest once-b.yaml
waits() { pod once-b '.status | tostring' | grep -q 'ReadWriteOncePod access mode'; }
wait_for 10 "the second waits and says why" waits
rm "$manifests/once-a.yaml"
wait_for 20 "the second's turn" is_ready once-b

step "what this version does not mount is refused by name"
put_manifest csi.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: csi}
spec:
  containers: [{name: main, image: busybox:1.35, command: [sleep, "1"]}]
  volumes: [{name: data, csi: {driver: some.driver}}]
END
wait_for 10 "and the pod hears it" has_event csi 'FailedMount: .*csi'

step "everything goes without a trace"
rm -f "$manifests"/*.yaml
no_pods() { [ "$(berth get pods -o json | jq '.items | length')" = 0 ]; }
wait_for 40 "no pods" no_pods
wait_for 10 "no loop device of ours" is 0 attached
expect "no staged mount" "$(staged_mounts)" 0
