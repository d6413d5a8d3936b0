#!/bin/bash
# tests/qemu/07-provision-lvm.sh - berth-volume alone makes, grows and removes logical volumes; killed at any moment, it converges.
# Long: story 04 has the same through the agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
berth_volume_alone

step "LVM: what is missing is named with what there is"
answer=$(provision lvm '{"volumeGroup": "vg0"}' data $((64 * mi)))
expect "no group" "$(message "$answer")" 'NotFound: no volume group "vg0" here; there is none'
vgcreate -q vg0 /dev/disk/by-id/virtio-data1 >/dev/null
vgcreate -q vg1 /dev/disk/by-id/virtio-data2 >/dev/null
answer=$(provision lvm '{"volumeGroup": "vg3"}' data $((64 * mi)))
expect "another group" "$(message "$answer")" 'NotFound: no volume group "vg3" here; there are: vg0, vg1'

step "LVM: a new volume is blank where an old file system stood"
lvcreate -qq --yes -n old -L 64M vg0 >/dev/null
mkfs.ext4 -q /dev/vg0/old
lvremove -qq --yes vg0/old
thick='{"volumeGroup": "vg0"}'
answer=$(provision lvm $'{"volumeGroup": "vg0"}' data $((62 * mi)))
expect "source" "$(source_of "$answer")" '{"local":{"path":"/dev/vg0/default.data","fsType":"ext4"}}'
expect "whole extents" "$(size "$answer")" $((64 * mi))
expect "on it" "$(on_device /dev/vg0/default.data)" ""
expect "tags" "$(lvs --noheadings -o lv_tags vg0/default.data | tr -d ' ')" "berth,berth.claim=default/data"
expect "the second time" "$(provision lvm "$thick" data $((62 * mi)))" "$answer"
source=$(source_of "$answer")

step "LVM: grows while mounted, is kept while mounted"
done_well "$(publish "$source" $target)"
echo content >$target/file
before=$(stat -fc %b $target)
expect "grown" "$(size "$(expand lvm "$thick" data $((128 * mi)) "$source")")" $((128 * mi))
[ "$(stat -fc %b $target)" -gt $((before * 3 / 2)) ]
answer=$(reclaim lvm "$thick" data "$source")
echo "   $(message "$answer")"
grep -q '^FailedPrecondition: vg0/default.data is mounted at ' <<<"$(message "$answer")"
expect "content" "$(cat $target/file)" content
done_well "$(unpublish $run_dir/pods/uid-1)"
expect "found again" "$(on_device /dev/vg0/default.data)" ext4
expect "asked again" "$(provision lvm "$thick" data $((62 * mi)) | jq -c .result.source)" "$source"
expect "kept" "$(on_device /dev/vg0/default.data)" ext4

step "LVM: full says how full; what is not ours is neither touched nor removed"
answer=$(provision lvm "$thick" big $((4096 * mi)))
echo "   $(message "$answer")"
grep -q '^ResourceExhausted: volume group vg0 is full: 4Gi needed, ' <<<"$(message "$answer")"
lvcreate -qq --yes -n default.theirs -L 32M vg0 >/dev/null
mkfs.xfs -q -f /dev/vg0/default.data 2>/dev/null || true
mkfs.ext4 -q /dev/vg0/default.theirs
answer=$(provision lvm "$thick" theirs $((32 * mi)))
done_well "$answer"
expect "still on it" "$(on_device /dev/vg0/default.theirs)" ext4
answer=$(reclaim lvm "$thick" theirs "$(source_of "$answer")")
expect "not removed" "$(message "$answer")" "FailedPrecondition: vg0/default.theirs was not made by berth: left alone"
done_well "$(reclaim lvm "$thick" data "$source")"
done_well "$(reclaim lvm "$thick" data "$source")"
expect "volumes" "$(lvs --noheadings -o lv_name vg0 | tr -d ' ')" default.theirs

step "LVM: killed at any moment, it converges to one blank volume, and to none"
for round in 1 2 3 4 5; do
  killed provision lvm "$thick" data "{\"bytes\": $((64 * mi))}"
  killed provision lvm "$thick" data "{\"bytes\": $((64 * mi))}"
  answer=$(provision lvm "$thick" data $((64 * mi)))
  done_well "$answer"
  expect "round $round" "$(on_device /dev/vg0/default.data)$(lvs --noheadings -o lv_name @berth.new)" ""
  mkfs.ext4 -q /dev/vg0/default.data
  killed reclaim lvm "$thick" data "{\"source\": $(source_of "$answer")}"
  done_well "$(reclaim lvm "$thick" data "$(source_of "$answer")")"
done
expect "volumes" "$(lvs --noheadings -o lv_name vg0 | tr -d ' ')" default.theirs

step "LVM: thin volumes share a pool and promise no more than it has"
lvcreate -qq --yes --type thin-pool -n pool -L 512M vg1 >/dev/null
thin='{"volumeGroup": "vg1", "thinPool": "pool", "fsType": "xfs"}'
answer=$(provision lvm '{"volumeGroup": "vg1", "thinPool": "pond"}' data $mi)
expect "no such pool" "$(message "$answer")" 'NotFound: no thin pool "pond" in volume group vg1; there are: pool'
answer=$(provision lvm "$thin" data $((304 * mi)))
expect "size" "$(size "$answer")" $((304 * mi))
source=$(source_of "$answer")
done_well "$(publish "$source" $target)"
echo content >$target/file
answer=$(provision lvm "$thin" more $((304 * mi)))
echo "   $(message "$answer")"
grep -q '^ResourceExhausted: thin pool vg1/pool is full: 304Mi needed, ' <<<"$(message "$answer")"
done_well "$(provision lvm '{"volumeGroup": "vg1", "thinPool": "pool", "overcommit": "true"}' more $((304 * mi)))"
expect "grown" "$(size "$(expand lvm '{"volumeGroup": "vg1", "thinPool": "pool", "fsType": "xfs", "overcommit": "true"}' data $((400 * mi)) "$source")")" \
  $((400 * mi))
done_well "$(unpublish $run_dir/pods/uid-1)"
done_well "$(reclaim lvm "$thin" data "$source")"
