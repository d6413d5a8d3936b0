#!/bin/bash
# tests/qemu/09-provision-pool.sh - berth-volume alone gives out disks and LUNs, and wipes them.
# Long: stories 03 and 04 have the same through the agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
berth_volume_alone

vgcreate -q vg0 /dev/disk/by-id/virtio-data1 >/dev/null
lvcreate -qq --yes -n some -L 32M vg0 >/dev/null

step "pool: whole disks; the one in a volume group is in use"
disks='{"match": "/dev/disk/by-id/virtio-data*"}'
answer=$(provision pool "$disks" data $mi)
expect "the first blank one" "$(source_of "$answer")" '{"local":{"path":"/dev/disk/by-id/virtio-data2","fsType":"ext4"}}'
expect "the next" "$(provision pool "$disks" data-1 $mi | jq -r .result.source.local.path)" /dev/disk/by-id/virtio-data3
answer=$(provision pool "$disks" data-2 $((2048 * mi)))
echo "   $(message "$answer")"
grep -q 'virtio-data1: in use: part of dm-.*virtio-data2: given to default/data; .*virtio-data4: too small: 1Gi' <<<"$(message "$answer")"
done_well "$(reclaim pool "$disks" data-1 '{"local": {"path": "/dev/disk/by-id/virtio-data3"}}')"

step "pool: LUNs of a target"
systemctl start tgt
iqn=iqn.2026-01.test:disks
tgtadm --lld iscsi --op new --mode target --tid 1 -T $iqn
for lun in 1 2 3; do
  truncate -s $((32 * lun))M /srv/lun$lun
  tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun $lun -b /srv/lun$lun
done
tgtadm --lld iscsi --op bind --mode target --tid 1 -I ALL
mkfs.ext4 -q -F /srv/lun2
luns="{\"iscsiTargetPortal\": \"127.0.0.1\", \"iqn\": \"$iqn\", \"luns\": \"1-4\"}"
answer=$(provision pool "$luns" lun $((60 * mi)))
expect "the smallest that is blank and fits" "$(jq -r .result.source.iscsi.lun <<<"$answer")" 3
expect "its size" "$(size "$answer")" $((96 * mi))
expect "sessions" "$(iscsiadm -m session 2>/dev/null | wc -l)" 0
source=$(source_of "$answer")
expect "found again" "$(provision pool "$luns" lun $((60 * mi)) | jq -c .result.source)" "$source"
done_well "$(publish "$source" $target)"
echo content >$target/file
message "$(reclaim pool "$luns" lun "$source")" | grep -q 'mounted at .*: not wiped'
done_well "$(unpublish $run_dir/pods/uid-1)"
answer=$(provision pool "$luns" big $((200 * mi)))
echo "   $(message "$answer")"
grep -q 'lun 1: too small: 32Mi; .* lun 2: holds ext4; .* lun 3: given to default/lun; .* lun 4: ' <<<"$(message "$answer")"
done_well "$(reclaim pool "$luns" lun "$source")"
expect "wiped" "$(on_device /srv/lun3)" ""
expect "sessions" "$(iscsiadm -m session 2>/dev/null | wc -l)" 0
