#!/bin/bash
# tests/e2e/20-silent-server.sh - one NFS server is silent: its pods say so, and nobody else notices.
#
# This host's kernel has no NFS: mount.nfs is a stand-in whose server 192.0.2.9 never answers (as a dropped packet makes the
# real one wait) and whose other servers are tmpfs. tests/qemu tells the same with a real server behind a packet filter.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -e /sbin/mount.nfs ] || fail "no /sbin/mount.nfs: nfs-common is not installed"
cat >"$BERTH_TEST_DIR/mount.nfs" <<'END'
#!/bin/sh
case $1 in 192.0.2.9:*) trap '' TERM; while :; do sleep 100; done ;; esac
exec mount -t tmpfs -o size=1m "$1" "$2"
END
chmod +x "$BERTH_TEST_DIR/mount.nfs"
mount --bind "$BERTH_TEST_DIR/mount.nfs" "$(readlink -f /sbin/mount.nfs)"

nfs_pod() { # NAME SERVER
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $3}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox:1.35, command: [sleep, "100000"], volumeMounts: [{name: share, mountPath: /share}]}
  volumes: [{name: share, nfs: {server: $2, path: /exports/assets}}]
---
END
}
many() { # APP COUNT SERVER
  local n
  for n in $(seq "$2"); do nfs_pod "$1-$n" "$3" "$1"; done
}
helpers() { pgrep -c -f "^/bin/sh /sbin/mount.nfs 192.0.2.9|mount.nfs 192.0.2.9" || true; }
seconds_to_start() { # APP COUNT SERVER -> time until all are ready
  local from
  from=$(date +%s%N)
  many "$1" "$2" "$3" | put_manifest "$1.yaml"
  wait_ready 60 "app=$1" "$2" >&2
  awk -v ns=$(($(date +%s%N) - from)) 'BEGIN { printf "%.2f\n", ns / 1e9 }'
}

step "without trouble"
start_agent
quiet=$(seconds_to_start quiet 40 192.0.2.1)
rm "$manifests/quiet.yaml"
wait_for 30 "they go" is "" pod_names app=quiet

step "ten pods of a server that does not answer"
many dead 10 192.0.2.9 | put_manifest dead.yaml
waits() { pod dead-1 '.status.conditions[] | select(.type == "PodReadyToStartContainers") | .message' | grep -q 'share: server 192.0.2.9 silent for [0-9]* s'; }
wait_for 20 "the pod's condition names the volume and the server" waits
processes=$(helpers)
[ "$processes" -le 8 ] || fail "$processes processes wait for one server"

step "forty others start, stop and start again as before"
busy=$(seconds_to_start busy 40 192.0.2.1)
printf '   all ready after %s s, without the silent server %s s\n' "$busy" "$quiet"
awk -v a="$busy" -v b="$quiet" 'BEGIN { exit !(a < b * 2 + 1) }' || fail "others start later: $busy s, were $quiet s"
uid=$(pod_uid busy-1)
berth delete pod busy-1
fresh() { [ -n "$(pod_uid busy-1)" ] && [ "$(pod_uid busy-1)" != "$uid" ] && is_ready busy-1; }
wait_for 10 "one of them goes, and its successor runs" fresh

step "the agent stops and starts in its usual time"
from=$(date +%s%N)
stop_agent
took=$((($(date +%s%N) - from) / 1000000))
[ "$took" -lt 2000 ] || fail "stopping took $took ms"
printf '   stopped after %s ms\n' "$took"
start_agent
wait_ready 10 app=busy 40
wait_for 30 "and still names the server" waits

step "pods of the silent server can be deleted"
rm "$manifests/dead.yaml"
wait_for 30 "they go" is "" pod_names app=dead
wait_for 30 "no process waits for it any more" is 0 helpers

step "a server that comes back is used"
nfs_pod back 192.0.2.9 back | put_manifest back.yaml
back_waits() { pod back '.status | tostring' | grep -q 'silent'; }
wait_for 20 "it is silent" back_waits
without=$(grep -v 192.0.2.9 "$BERTH_TEST_DIR/mount.nfs")
printf '%s\n' "$without" >"$BERTH_TEST_DIR/mount.nfs" # in place: it is bound over the real one
wait_for 90 "then its pod runs" is_ready back
rm "$manifests"/*.yaml
wait_for 30 "they go" is "" pod_names app=busy
expect "mounts left" "$(grep -c " $run/pods/.*/mounts/" /proc/self/mountinfo || true)" 0
