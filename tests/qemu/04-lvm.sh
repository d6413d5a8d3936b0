#!/bin/bash
# tests/qemu/04-lvm.sh - claims as logical volumes, thick and thin, ext4 and xfs: ordered set, growth, raw block, reclaim.
# Long: 06-reboot makes, loses and reclaims logical volumes, too; this one also grows them, fills their group and gives raw ones.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

capacity() { field pvc "$1" .status.capacity.storage; }
size_in_pod() { berth exec "$1" -- df -Pm /data | awk 'NR == 2 { print $2 }'; } # MiB
grown() { [ "$(size_in_pod "$1")" -gt "$2" ]; }                                # POD MIB

step "a volume group of three disks with a thin pool"
make_group pods
lvcreate -qq --type thin-pool -L 1500M -n thin pods
start_agent
{
  storage_class fast berth.io/lvm "parameters: {volumeGroup: pods, fsType: ext4}
allowVolumeExpansion: true
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer"
  storage_class slim berth.io/lvm "parameters: {volumeGroup: pods, thinPool: thin, fsType: xfs}
allowVolumeExpansion: true
reclaimPolicy: Delete"
} | put_manifest classes.yaml

step "three replicas each: thick with ext4, thin with xfs"
{ claim_set thick 3 fast 100Mi; echo ---; claim_set thin 3 slim 320Mi; } | put_manifest sets.yaml
wait_ready 240 app=thick 3
wait_ready 240 app=thin 3
expect "logical volumes are named after the claims" "$(logical_volumes pods)" \
  "default.data-thick-0 default.data-thick-1 default.data-thick-2 default.data-thin-0 default.data-thin-1 default.data-thin-2 thin"
expect "thin volumes" "$(lvs --noheadings -o lv_name -S 'pool_lv=thin' pods | wc -l)" 3
expect "file systems" "$(findmnt -rno FSTYPE,TARGET | awk '$2 ~ "/staged/" { print $1 }' | sort | uniq -c | tr -s ' \n' ' ')" " 3 ext4 3 xfs "
all=(thick-0 thick-1 thick-2 thin-0 thin-1 thin-2)
fill "${all[@]}"
renew 90 thick-0 thin-1
expect_kept "${all[@]}"

step "a claim grows while its pod runs"
uid=$(pod_uid thick-1)
before=$(size_in_pod thick-1)
berth patch pvc data-thick-1 --type merge -p '{"spec":{"resources":{"requests":{"storage":"200Mi"}}}}' >/dev/null
wait_for 60 "the claim has it" is 200Mi capacity data-thick-1
wait_for 30 "ext4 in the pod has it" grown thick-1 $((before + 80))
before=$(size_in_pod thin-2)
berth patch pvc data-thin-2 --type merge -p '{"spec":{"resources":{"requests":{"storage":"420Mi"}}}}' >/dev/null
wait_for 60 "the claim has it" is 420Mi capacity data-thin-2
wait_for 30 "xfs in the pod has it" grown thin-2 $((before + 80))
expect "same pod" "$(pod_uid thick-1)" "$uid"
expect_kept "${all[@]}"

step "more than there is: told, nothing else happens"
berth patch pvc data-thick-1 --type merge -p '{"spec":{"resources":{"requests":{"storage":"20Gi"}}}}' >/dev/null
wait_for 60 "an event says so" has_event VolumeResizeFailed "(?i)(insufficient|space|free)"
expect "capacity" "$(capacity data-thick-1)" 200Mi
expect_match "a claim cannot shrink" "$(berth patch pvc data-thin-2 --type merge -p '{"spec":{"resources":{"requests":{"storage":"10Mi"}}}}' 2>&1 || true)" "less than"

step "raw block: the pod has the device itself"
cat <<END | put_manifest raw.yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: raw}
spec: {storageClassName: fast, volumeMode: Block, accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
---
$(plain_pod raw 'volumeDevices: [{name: disk, devicePath: /dev/disk0}]' 'volumes: [{name: disk, persistentVolumeClaim: {claimName: raw}}]')
END
wait_for 90 "raw is ready" is_ready raw
berth exec raw -- sh -c 'echo "raw words" | dd of=/dev/disk0 bs=512 seek=8 conv=fsync 2>/dev/null'
renew 90 raw
expect "what was written" "$(berth exec raw -- dd if=/dev/disk0 bs=512 skip=8 count=1 2>/dev/null | tr -d '\0')" "raw words"
expect "the volume itself has it" "$(dd if=/dev/pods/default.raw bs=512 skip=8 count=1 2>/dev/null | tr -d '\0')" "raw words"

step "a claim in use is protected, and deleted after its pod"
berth delete pvc data-thick-2 --wait=false >/dev/null
stays 3 "data-thick-2 is there" field pvc data-thick-2 .metadata.deletionTimestamp
expect_kept thick-2
rm "$manifests/sets.yaml" "$manifests/raw.yaml"
wait_for 120 "no pods" is "" pod_names "app in (thick, thin)"
wait_for 60 "data-thick-2 is gone" is_gone pvc data-thick-2
wait_for 60 "and its volume" sh -c '! lvs pods/default.data-thick-2'
wait_for 60 "raw is gone" is_gone pod raw
wait_for 30 "nothing is mounted" no_disk_mounts

step "the others are kept until their claims go"
{ claim_set thick 3 fast 100Mi; echo ---; claim_set thin 3 slim 320Mi; } | put_manifest sets.yaml
wait_ready 240 app=thick 3
wait_ready 240 app=thin 3
expect_kept thick-0 thick-1 thin-0 thin-1 thin-2
expect "thick-2 has a new, empty volume" "$(berth exec thick-2 -- ls /data | grep -v lost+found || true)" ""
rm "$manifests/sets.yaml"
wait_for 120 "no pods" is "" pod_names "app in (thick, thin)"
berth delete pvc --all >/dev/null
wait_for 90 "no volumes but the pool" is thin logical_volumes pods
wait_for 30 "no PersistentVolumes" is 0 sh -c "berth get pv -o json | jq '.items | length'"
wait_for 30 "no job hangs" no_jobs
expect "failed units" "$(systemctl --failed --no-legend --plain)" ""
