#!/bin/bash
# tests/e2e/19-cloud-disk.sh - a pod with an Amazon disk, as people have it: found by its id on this host, else an error with the ids.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

id=vol-049df61146c4d7901
manifest() { sed 's|image: \.\.\.|image: busybox:1.35\n    command: [sh, -c, "trap '\''exit 0'\'' TERM; sleep 100000 \& wait"]|' "$root/tests/data/manifests/ebs-pod.yaml"; }
name=$(manifest | awk '/^  name:/ { print $2; exit }')
where=$(manifest | awk '/mountPath:/ { print $NF; exit }')
event() { berth get events -o json | jq -r --arg name "$name" '.items[] | select(.involvedObject.name == $name) | .reason + ": " + .message'; }
says() { event | grep -q "$1"; }
# No udev here: links as it makes them, in a directory of this bed only.
mkdir -p /dev/disk
mount -t tmpfs tmpfs /dev/disk
mkdir /dev/disk/by-id

step "not attached: the error says which ids were looked for"
start_agent
manifest | put_manifest ebs.yaml
wait_for 20 "FailedMount" says "FailedMount: .*nvme-Amazon_Elastic_Block_Store_${id/-/}"

step "attached: formatted as it says, and mounted"
truncate -s 64M "$BERTH_TEST_DIR/ebs.raw"
disk=$(losetup --find --show "$BERTH_TEST_DIR/ebs.raw")
ln -s "$disk" "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${id/-/}"
wait_for 60 "the pod is ready" is_ready "$name"
expect "its file system" "$(blkid -p -o value -s TYPE "$disk")" ext4
berth exec "$name" -- sh -c "echo kept > $where/file; sync"

step "another pod finds what the first wrote"
rm "$manifests/ebs.yaml"
wait_for 20 "it goes" is_gone pod "$name"
manifest | put_manifest ebs.yaml
wait_for 30 "it is back" is_ready "$name"
expect "the data" "$(berth exec "$name" -- cat "$where/file")" kept
rm "$manifests/ebs.yaml"
wait_for 20 "it goes" is_gone pod "$name"
losetup -d "$disk"
