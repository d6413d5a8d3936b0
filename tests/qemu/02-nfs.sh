#!/bin/bash
# tests/qemu/02-nfs.sh - three-replica sets on a real NFS server, v3, v4.2 and sub-directories; it falls silent, stops and returns.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
server=10.90.0.5

block_server() { nft "add table inet nas; add chain inet nas input { type filter hook input priority 0; }
  add rule inet nas input ip daddr $server drop; add rule inet nas input ip saddr $server drop"; }
unblock_server() { nft delete table inet nas; }
static_volume() { # NAME CLASS VERSION
  mkdir -p "/srv/nas/$1"
  cat <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1}
spec:
  capacity: {storage: 64Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: $2
  persistentVolumeReclaimPolicy: Retain
  mountOptions: [nfsvers=$3]
  nfs: {server: $server, path: /srv/nas/$1}
---
END
}
nfs_version() { # CLAIM
  findmnt -rno SOURCE,OPTIONS | awk -v at="$server:/srv/nas/$(volume_of "$1")" '$1 == at' | grep -oE '\bvers=[0-9.]+' | sort -u
}
any_condition() { pod "$1" '[.status.conditions[]?.message // empty] | unique | join(" / ")'; } # POD
told() { [[ $(any_condition "$1") =~ $2 ]]; }       # POD REGEX
# Milliseconds from a manifest to a ready pod, from its removal to none, from a changed template to an updated set: the least of
# two, in the long form of three, because the host has other things to do.
least() { # WORD CMD...: CMD gets a word of its own each time
  local word=$1 each; shift
  for each in 1 2 ${LONG:+3}; do "$@" "$word-$each"; done | awk '{ for (i = 1; i <= NF; i++) if (NR == 1 || $i < min[i]) min[i] = $i }
    END { for (i = 1; i <= NF; i++) printf "%s ", min[i]; print "" }'
}
pod_cycle() { # NAME
  local from middle
  from=$(now_ms)
  plain_pod "$1" | put_manifest "$1.yaml"
  wait_for 60 "$1 is ready" is_ready "$1" >&2
  middle=$(now_ms)
  rm "$manifests/$1.yaml"
  wait_for 60 "$1 is gone" is_gone pod "$1" >&2
  echo "$((middle - from)) $(($(now_ms) - middle))"
}
updated() { [ "$(pod other-0 '.metadata.annotations.round')" = "$1" ] && is_ready other-0; }
update_time() { # ROUND
  local from
  from=$(now_ms)
  berth patch sts other --type merge -p "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"round\":\"$1\"}}}}}" >/dev/null
  wait_for 60 "other-0 is updated" updated "$1" >&2
  echo $(($(now_ms) - from))
}
restart_time() {
  local from
  from=$(now_ms)
  systemctl restart berthd
  wait_for 60 "the API answers" api_answers >&2
  echo $(($(now_ms) - from))
}
at_most() { # WHAT MILLISECONDS BEFORE     twice and a second more: two machines share this host's cores
  printf '   %s: %s ms, before %s ms\n' "$1" "$2" "$3"
  [ "$2" -le $((2 * $3 + 1000)) ] || fail "$1: $2 ms instead of $3 ms"
}

step "a file server at $server"
mkdir -p /srv/nas/shared
echo "from the server" >/srv/nas/shared/word
echo '/srv/nas *(rw,no_root_squash,no_subtree_check,insecure,fsid=1)' >/etc/exports
printf '[nfsd]\ngrace-time=10\nlease-time=10\n' >/etc/nfs.conf.d/berth-test.conf
ip link add nas0 type dummy && ip addr add $server/32 dev nas0 && ip link set nas0 up
systemctl start nfs-server
start_agent

step "three replicas each: v3, v4.2, sub-directories made on demand"
{
  for n in 0 1 2; do
    static_volume "v3-$n" nas-v3 3
    static_volume "v42-$n" nas-v42 4.2
  done
  storage_class nas-sub berth.io/nfs "parameters: {server: $server, path: /srv/nas}
mountOptions: [nfsvers=4.2]
reclaimPolicy: Delete"
} | put_manifest storage.yaml
{
  claim_set three 3 nas-v3 32Mi "podManagementPolicy: Parallel"; echo ---
  claim_set four 3 nas-v42 32Mi "podManagementPolicy: Parallel"; echo ---
  claim_set sub 3 nas-sub 32Mi
} | put_manifest sets.yaml
for set in three four sub; do wait_ready 120 app=$set 3; done
expect "claims" "$(claim_phases)" \
  "data-four-0=Bound data-four-1=Bound data-four-2=Bound data-sub-0=Bound data-sub-1=Bound data-sub-2=Bound data-three-0=Bound data-three-1=Bound data-three-2=Bound"
expect "data-three-0 is mounted with" "$(nfs_version data-three-0)" "vers=3"
expect "data-four-0 is mounted with" "$(nfs_version data-four-0)" "vers=4.2"
expect "sub-1's directory" "$(berth exec sub-1 -- sh -c 'echo I am sub-1 >/data/name' && cat /srv/nas/default/data-sub-1/name)" "I am sub-1"

step "a volume of the pod's own, read-only"
plain_pod reader 'volumeMounts: [{name: shared, mountPath: /shared}]' \
  "volumes: [{name: shared, nfs: {server: $server, path: /srv/nas/shared, readOnly: true}}]" | put_manifest reader.yaml
wait_for 60 "reader is ready" is_ready reader
expect "what it reads" "$(berth exec reader -- cat /shared/word)" "from the server"
expect_match "it cannot write" "$(berth exec reader -- touch /shared/x 2>&1 || true)" "Read-only file system"

step "the pod with an NFS share as people have it: only the image is said"
ip addr add 192.168.0.55/32 dev nas0
mkdir -p /exports/assets
echo "/exports/assets *(rw,no_root_squash,no_subtree_check,insecure,fsid=2)" >>/etc/exports
exportfs -ra
echo "an asset" >/exports/assets/logo
sed 's|image: \.\.\.|image: busybox:1.35\n    command: [sh, -c, "trap '\''exit 0'\'' TERM; sleep 100000 \& wait"]|' /root/tests/data/nfs-pod.yaml | put_manifest seed.yaml
wait_for 60 "it is ready" is_ready pod-using-my-nfs-volume
expect "what it reads" "$(berth exec pod-using-my-nfs-volume -- cat /my-nfs/logo)" "an asset"
rm "$manifests/seed.yaml"
wait_for 60 "it goes" is_gone pod pod-using-my-nfs-volume

step "data outlives pods"
all=(three-0 three-1 three-2 four-0 four-1 four-2 sub-0 sub-1 sub-2)
fill "${all[@]}"
renew 60 three-1 four-1 sub-1
expect_kept "${all[@]}"

step "how long things take"
stateful_set other 1 | put_manifest other.yaml
wait_ready 60 app=other 1
read -r start_before stop_before < <(least before pod_cycle)
read -r update_before < <(least before update_time)
read -r restart_before < <(least before restart_time)
echo "   start $start_before ms, stop $stop_before ms, update $update_before ms, restart of berthd $restart_before ms"

step "the server falls silent: its pods wait and say for whom"
uid=$(pod_uid four-0)
block_server
berth delete pod four-0 --wait=false
new_four() { [ -n "$(pod_uid four-0)" ] && [ "$(pod_uid four-0)" != "$uid" ]; }
wait_for 60 "the old four-0 is gone" new_four
wait_for 60 "its condition" told four-0 "server $server silent for [0-9]+ s"
echo "   $(any_condition four-0)"

step "everybody else notices nothing"
read -r start_now stop_now < <(least silent pod_cycle)
at_most "start" "$start_now" "$start_before"
at_most "stop" "$stop_now" "$stop_before"
read -r update_now < <(least silent update_time)
at_most "update" "$update_now" "$update_before"
read -r restart_now < <(least silent restart_time)
at_most "restart of berthd" "$restart_now" "$restart_before"
wait_for 60 "four-0 says it again" told four-0 "server $server silent for [0-9]+ s"

step "the server returns: all is well"
unblock_server
for set in three four sub; do wait_ready 150 app=$set 3; done
expect_kept "${all[@]}"

step "the server stops and starts"
systemctl stop nfs-server
berth delete pod sub-2 --wait=false
wait_for 60 "sub-2 says why it waits" told sub-2 "refused|silent"
echo "   $(any_condition sub-2)"
systemctl start nfs-server
wait_ready 120 app=sub 3
expect_kept "${all[@]}"

step "removed: nothing is mounted, kept is what shall be kept"
rm "$manifests/sets.yaml" "$manifests/reader.yaml"
wait_for 120 "no pods of the sets" is "" pod_names "app in (three, four, sub)"
wait_for 30 "reader is gone" is_gone pod reader
wait_for 60 "no NFS mounts" no_disk_mounts
wait_for 30 "no job hangs" no_jobs
berth delete pvc data-sub-0 data-three-0 >/dev/null
gone() { [ ! -e /srv/nas/default/data-sub-0 ]; }
wait_for 60 "sub-0's directory is deleted" gone
expect "three-0's directory is retained" "$(find /srv/nas/v3-? -name blob | wc -l)" 3
expect "failed units" "$(systemctl --failed --no-legend --plain)" ""
