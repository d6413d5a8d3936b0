#!/bin/bash
# tests/qemu/07-provisioners.sh - berth-volume alone makes, grows and removes logical volumes, shares' directories and LUNs.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
systemctl stop berthd
program=/usr/lib/berth/berth-volume
run_dir=/run/provisioners
state_dir=/var/lib/provisioners
mkdir -p $run_dir $state_dir

# What the agent asks: VERB PROVISIONER PARAMETERS CLAIM [MORE-JSON], and the last line of the answer.
job() {
  local more=${5:-}
  jq -cn --arg verb "$1" --arg provisioner "berth.io/$2" --argjson parameters "$3" --arg claim "$4" --argjson more "${more:-null}" \
    --arg run $run_dir --arg state $state_dir \
    '{verb: $verb, provisioner: $provisioner, parameters: $parameters, namespace: "default", claim: $claim, runDir: $run,
      stateDir: $state} + ($more // {})'
}
ask() { job "$@" | { $program || true; } | tail -n 1; }
provision() { ask provision "$1" "$2" "$3" "{\"bytes\": $4}"; }           # PROVISIONER PARAMETERS CLAIM BYTES
expand() { ask expand "$1" "$2" "$3" "{\"bytes\": $4, \"source\": $5}"; } # ... SOURCE
reclaim() { ask reclaim "$1" "$2" "$3" "{\"source\": $4}"; }              # PROVISIONER PARAMETERS CLAIM SOURCE
publish() { # SOURCE TARGET [OPTIONS]
  jq -cn --argjson source "$1" --arg target "$2" --argjson options "${3:-[]}" --arg run $run_dir \
    '{verb: "publish", volume: {name: "data", source: $source, mountOptions: $options}, runDir: $run, target: $target}' |
    { $program || true; } | tail -n 1
}
unpublish() { # DIRECTORY
  jq -cn --arg directory "$1" --arg run $run_dir '{verb: "unpublish", runDir: $run, directories: [$directory]}' | { $program || true; } | tail -n 1
}
source_of() { jq -ce .result.source <<<"$1" || { echo "   $1" >&2; false; }; }
message() { jq -r '"\(.error.code): \(.error.message)"' <<<"$1"; }
size() { jq -r .result.bytes <<<"$1"; }
done_well() { jq -e 'has("result")' <<<"$1" >/dev/null || { echo "   $1" >&2; false; }; }
on_device() { blkid -p -o value -s TYPE "$1" || true; }
# Begins the job, kills it within its first 0.3 s; the next one has to converge.
killed() { # as job
  job "$@" | $program >/dev/null & local pid=$!
  sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"; [ $((RANDOM % 2)) = 0 ] || sleep 0.15
  kill -9 $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
}
mi=$((1 << 20))
target=$run_dir/pods/uid-1/mounts/data

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

step "NFS: a directory on the share, by v4 and v3, and nothing stays mounted"
mkdir -p /srv/share
echo '/srv/share 127.0.0.1(rw,no_root_squash,insecure,fsid=1)' >/etc/exports
systemctl start nfs-server
share='{"server": "127.0.0.1", "path": "/srv/share", "mode": "0770"}'
for version in 4.2 3; do
  options="[\"nfsvers=$version\", \"nolock\"]"
  [ $version = 3 ] || options="[\"nfsvers=$version\"]"
  answer=$(ask provision nfs "$share" data "{\"bytes\": $mi, \"mountOptions\": $options}")
  expect "source by v$version" "$(jq -c .result <<<"$answer")" \
    "{\"source\":{\"nfs\":{\"server\":\"127.0.0.1\",\"path\":\"/srv/share/default/data\"}},\"bytes\":$mi,\"local\":false}"
  expect "mode" "$(stat -c %a /srv/share/default/data)" 770
  source=$(source_of "$answer")
  done_well "$(publish "$source" $target "$options")"
  mkdir -p $target/deep/er
  echo content >$target/deep/er/file
  answer=$(ask reclaim nfs "$share" data "{\"source\": $source, \"mountOptions\": $options}")
  expect "in use" "$(message "$answer")" "FailedPrecondition: 127.0.0.1:/srv/share/default/data is mounted at $target"
  expect "found again" "$(ask provision nfs "$share" data "{\"bytes\": $mi, \"mountOptions\": $options}" | jq -c .result.source)" "$source"
  expect "content" "$(cat $target/deep/er/file)" content
  done_well "$(unpublish $run_dir/pods/uid-1)"
  for round in 1 2 3 4; do
    killed reclaim nfs "$share" data "{\"source\": $source, \"mountOptions\": $options}"
    expect "mounts after kill $round" "$(findmnt -rnt nfs,nfs4 | wc -l)" 0
  done
  done_well "$(ask reclaim nfs "$share" data "{\"source\": $source, \"mountOptions\": $options}")"
  expect "left on the server" "$(ls -A /srv/share/default)" ""
done
done_well "$(provision nfs "$share" data $mi)"
echo content >/srv/share/default/data/file
done_well "$(reclaim nfs "$(jq -c '. + {onDelete: "retain"}' <<<"$share")" data "$source")"
expect "retained" "$(cat /srv/share/default/data/file)" content
done_well "$(reclaim nfs "$(jq -c '. + {onDelete: "archive"}' <<<"$share")" data "$source")"
expect "archived" "$(cat /srv/share/default/archived_data/file)" content
answer=$(provision nfs '{"server": "127.0.0.1", "path": "/srv/other"}' data $mi)
echo "   $(message "$answer")"
grep -q 'mount 127.0.0.1:/srv/other: ' <<<"$(message "$answer")"

step "pool: whole disks; the one in a volume group is in use"
disks='{"match": "/dev/disk/by-id/virtio-data*"}'
answer=$(provision pool "$disks" data $mi)
expect "the first blank one" "$(source_of "$answer")" '{"local":{"path":"/dev/disk/by-id/virtio-data3","fsType":"ext4"}}'
expect "the next" "$(provision pool "$disks" data-1 $mi | jq -r .result.source.local.path)" /dev/disk/by-id/virtio-data4
answer=$(provision pool "$disks" data-2 $mi)
echo "   $(message "$answer")"
grep -q 'virtio-data1: in use: part of dm-.*virtio-data3: given to default/data' <<<"$(message "$answer")"
done_well "$(reclaim pool "$disks" data-1 '{"local": {"path": "/dev/disk/by-id/virtio-data4"}}')"

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
