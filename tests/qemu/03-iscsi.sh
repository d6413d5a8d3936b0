#!/bin/bash
# tests/qemu/03-iscsi.sh - a three-replica set on the LUNs of a real target with CHAP: sessions, ext4 and xfs, silence, multipath.
# Long: six minutes under emulation; 02-nfs shows the same of a network volume, tests/host what iscsiadm is told.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

lun_volume() { # NAME LUN FSTYPE
  cat <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1}
spec:
  capacity: {storage: 320Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: san
  persistentVolumeReclaimPolicy: Retain
  iscsi: {targetPortal: "${portals[0]}:3260", iqn: "$iqn", lun: $2, fsType: $3, chapAuthSession: true, secretRef: {name: chap, namespace: default}}
---
END
}
pod_volume() { # LUN FSTYPE SECRET [FURTHER]
  echo "volumes: [{name: data, iscsi: {targetPortal: \"${portals[0]}:3260\", iqn: \"$iqn\", lun: $1, fsType: $2, chapAuthSession: true, secretRef: {name: $3}${4:-}}}]"
}
on_data='volumeMounts: [{name: data, mountPath: /data}]'
file_systems() { findmnt -rno SOURCE,FSTYPE,TARGET | awk '$1 ~ "^/dev/sd" && $3 ~ "/staged/" { print $2 }' | sort | tr '\n' ' '; }

step "a target with CHAP and five LUNs"
start_target berth correct-horse-1 320 320 320 64 64
start_agent
systemctl is-enabled -q multipathd && fail "multipathd is on too early"
expect "sessions" "$(sessions)" 0

step "a wrong password is told in words"
{
  chap_secret chap berth correct-horse-1
  chap_secret wrong berth battery-staple-2
} | put_manifest secrets.yaml
plain_pod stranger "$on_data" "$(pod_volume 4 ext4 wrong)" | put_manifest stranger.yaml
wait_for 90 "an event says so" has_event FailedMount "(?i)(chap|authenti|authoriz)"
berth get events -o json | jq -r '[.items[] | select(.reason == "FailedMount") | .message] | unique[]' | sed 's/^/   /'
expect "no secret in the events" "$(berth get events -A | grep -c battery-staple || true)" 0
rm "$manifests/stranger.yaml"
wait_for 60 "stranger is gone" is_gone pod stranger
wait_for 30 "sessions" is 0 sessions

step "three replicas on three LUNs of one session, blank ones formatted"
for n in 1 2 3; do lun_volume "lun-$n" $n "$([ $n = 3 ] && echo xfs || echo ext4)"; done | put_manifest volumes.yaml
claim_set db 3 san 300Mi | put_manifest db.yaml
wait_ready 180 app=db 3
expect "sessions" "$(sessions)" 1
expect "file systems" "$(file_systems)" "ext4 ext4 xfs "
fill db-0 db-1 db-2
renew 90 db-1
expect_kept db-0 db-1 db-2

step "logout only after the last user"
berth scale sts db --replicas=1 >/dev/null
wait_for 90 "one pod" is db-0 pod_names app=db
wait_for 30 "one LUN is mounted" is "1" sh -c "findmnt -rno SOURCE,TARGET | grep -c '^/dev/sd.*/staged/'"
expect "sessions" "$(sessions)" 1
berth scale sts db --replicas=0 >/dev/null
wait_for 90 "no pods" is "" pod_names app=db
wait_for 60 "no sessions" is 0 sessions
berth scale sts db --replicas=3 >/dev/null
wait_ready 180 app=db 3
expect_kept db-0 db-1 db-2

step "berthd restarts: sessions and pods stay"
before=$(iscsiadm -m session)
systemctl restart berthd
wait_for 60 "the API answers" api_answers
wait_ready 60 app=db 3
expect "sessions" "$(iscsiadm -m session)" "$before"
expect_kept db-0 db-2

step "a LUN with something else on it is not formatted"
# A partition table, and nothing in it.
printf 'label: gpt\n' | sfdisk -q /srv/san/lun5
table=$(sha256sum </srv/san/lun5)
plain_pod guest "$on_data" "$(pod_volume 5 ext4 chap)" | put_manifest guest.yaml
wait_for 90 "an event says so" has_event FailedMount "partition table|gpt"
expect "the LUN" "$(sha256sum </srv/san/lun5)" "$table"
rm "$manifests/guest.yaml"
wait_for 60 "guest is gone" is_gone pod guest

step "the portal falls silent: others start, and it says who"
nft "add table inet san; add chain inet san input { type filter hook input priority 0; }
  add rule inet san input ip daddr ${portals[0]} drop; add rule inet san input ip saddr ${portals[0]} drop"
plain_pod late "$on_data" "$(pod_volume 4 ext4 chap)" | put_manifest late.yaml
plain_pod other | put_manifest other.yaml
wait_for 30 "another pod starts" is_ready other
rm "$manifests/other.yaml"
wait_for 30 "and stops" is_gone pod other
nft delete table inet san
wait_for 180 "late is ready" is_ready late
wait_ready 60 app=db 3
expect_kept db-0 db-1 db-2
rm "$manifests/late.yaml" "$manifests/db.yaml"
wait_for 120 "no pods" is "" pod_names "app=db"
wait_for 60 "late is gone" is_gone pod late
wait_for 60 "no sessions" is 0 sessions

step "two portals where multipathd runs: one device of two paths"
printf 'defaults {\n  find_multipaths no\n  user_friendly_names yes\n}\nblacklist {\n  devnode "^vd"\n}\n' >/etc/multipath.conf
systemctl start multipathd
plain_pod twin "$on_data" "$(pod_volume 1 ext4 chap ", portals: [\"${portals[1]}:3260\"]")" | put_manifest twin.yaml
wait_for 120 "twin is ready" is_ready twin
expect "sessions" "$(sessions)" 2
device=$(basename "$(readlink -f "$(findmnt -rno SOURCE,TARGET | awk '$2 ~ "/staged/" { print $1 }')")")
expect_match "its device is multipath's" "$(cat "/sys/block/$device/dm/name")" "^mpath"
paths() { find "/sys/block/$device/slaves" -name 'sd*' | wc -l; }
wait_for 60 "two paths" is 2 paths
berth exec twin -- sh -c 'cat /data/blob' | sha256sum >"$BERTH_TEST_DIR/twin"
expect "its data is one of the set's" "$(cat "$sums"/db-? | grep -c "$(cut -d' ' -f1 "$BERTH_TEST_DIR/twin")")" 1
nft "add table inet san; add chain inet san input { type filter hook input priority 0; }; add rule inet san input ip daddr ${portals[0]} drop"
BERTH_CALL_SECONDS=100 berth exec twin -- sh -c 'echo still here >/data/word && sync && cat /data/word' >"$BERTH_TEST_DIR/word" || fail "one path is not enough"
expect "written over the other path" "$(cat "$BERTH_TEST_DIR/word")" "still here"
nft delete table inet san
rm "$manifests/twin.yaml"
wait_for 90 "twin is gone" is_gone pod twin
wait_for 90 "no sessions" is 0 sessions
expect "multipath devices" "$(multipath -ll | grep -c mpath || true)" 0

step "nothing is left"
wait_for 30 "no mounts" no_disk_mounts
wait_for 30 "no job hangs" no_jobs
expect "node records" "$(iscsiadm -m node 2>/dev/null | grep -c "$iqn" || true)" 0
expect "failed units" "$(systemctl --failed --no-legend --plain)" ""
