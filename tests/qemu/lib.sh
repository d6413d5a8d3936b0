#!/bin/bash
# tests/qemu/lib.sh - words for the stories in tests/qemu: those of tests/e2e/lib.sh, for an agent that systemd runs, and storage.
#
# Sourced by every story, inside the virtual machine. The disks /dev/disk/by-id/virtio-data1 to -data4 (1 GiB each) are blank.
# shellcheck disable=SC2034 # used by stories
boot=${BERTH_TEST_BOOT:?run this with tests/qemu/run}
# A poll is a process, and under emulation those cost tenths of a second.
export BERTH_POLL_SECONDS=0.5
export BERTH_TEST_DIR=/root/story BERTH_TEST_CONTAINERD=/run/containerd/containerd.sock BERTH_BIN=/usr/bin
# shellcheck source=../e2e/lib.sh
. /root/tests/e2e/lib.sh
# shellcheck disable=SC2034 # used by the words of tests/e2e/lib.sh
manifests=/etc/berth/manifests
mkdir -p "$manifests"
touch "$manifests/.berth-confirm" # as in tests/e2e/lib.sh

# What a reader of a failed story needs to see; the whole journal is collected outside.
at_exit() {
  local code=$?
  if [ "$code" != 0 ] && [ "$code" != 77 ]; then
    {
      echo "---- pods"; berth get pods,pvc,pv -A -o wide || true
      echo "---- not ready"
      berth get pods -A -o json | jq -c '.items[] | select(all(.status.conditions[]?; .type != "Ready" or .status != "True")) |
        [.metadata.name, .status]' || true
      echo "---- events"; berth get events -A | tail -n 40 || true
      echo "---- mounts"; findmnt -rno TARGET,SOURCE,FSTYPE | grep berth || true
      echo "---- devices"; lvs 2>/dev/null; losetup -l; ls -l /run/berth/staged 2>/dev/null || true
      echo "---- kernel (end)"; dmesg | tail -n 12 || true
      echo "---- stuck"; ps -eo pid,stat,wchan:24,args | awk '$2 ~ /^D/' || true
      echo "---- berthd (end)"; SYSTEMD_COLORS=0 journalctl --no-pager -q -o cat -u berthd -n 40 || true
      printf -- '---- why\n%s\n' "$reason"
    } 2>&1
  fi
  exit "$code"
}

active() { systemctl is-active -q "$1"; }
start_agent() { systemctl start berthd; wait_for 60 "the API answers" api_answers; }
stop_agent() { systemctl stop berthd; }
# Ends the story for now: the machine loses power, boots, and the story goes on with $boot one higher.
reset_machine() { exit 77; }
now_ms() { date +%s%3N; }
# The message of a pod's condition.
condition() { pod "$1" ".status.conditions[] | select(.type == \"$2\") | .message" "${3:-default}"; } # POD TYPE [NS]
has_event() { # REASON REGEX-OF-MESSAGE
  berth get events -A -o json | jq -e --arg r "$1" --arg m "$2" 'any(.items[]; .reason == $r and (.message | test($m)))' >/dev/null
}

# -- claims

# A StorageClass: name, provisioner, further lines.
storage_class() { # NAME PROVISIONER [YAML]
  printf 'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: %s}\nprovisioner: %s\n%s\n---\n' "$1" "$2" "${3:-}"
}
# A StatefulSet whose pods have a claim each, /data; further lines are of its spec.
claim_set() { # NAME REPLICAS CLASS SIZE [SPEC_YAML]
  stateful_set "$1" "$2" 'volumeMounts: [{name: data, mountPath: /data}]' "volumeClaimTemplates:
- metadata: {name: data}
  spec: {storageClassName: $3, accessModes: [ReadWriteOnce], resources: {requests: {storage: $4}}}
${5:-}"
}
# A busybox pod that waits; further lines are of its container, of its spec.
plain_pod() { # NAME [CONTAINER_YAML] [SPEC_YAML]
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: main
    image: busybox:1.35
    command: [sh, -c, "trap 'exit 0' TERM; sleep 100000 & wait"]
$(sed '/./s/^/    /' <<<"${2:-}")
$(sed '/./s/^/  /' <<<"${3:-}")
END
}
claim_phases() { berth get pvc -o json | jq -r '[.items[] | .metadata.name + "=" + .status.phase] | sort | join(" ")'; }
volume_of() { field pvc "$1" .spec.volumeName; } # CLAIM

# Data of a pod, and what it was when it was written: outside, so that a volume that comes back empty is seen.
sums=$BERTH_TEST_DIR/sums
mkdir -p "$sums"
data_sum() { BERTH_CALL_SECONDS=60 berth exec "$1" -- sha256sum /data/blob; } # POD
fill() { # POD...
  local each
  for each; do
    BERTH_CALL_SECONDS=60 berth exec "$each" -- sh -c 'head -c 300000 /dev/urandom >/data/blob && sync'
    data_sum "$each" >"$sums/$each"
    sync "$sums/$each" "$sums" # these alone: whatever else is lost with the power shall be lost
  done
}
expect_kept() { # POD...
  local each now
  for each; do
    now=$(data_sum "$each")
    [ "$now" = "$(cat "$sums/$each")" ] || fail "$each: /data/blob is not what was written: $now"
  done
  echo "   kept what was written: $*"
}
# Deletes pods and waits until others of the same names are ready.
renew() { # SECONDS POD...
  local seconds=$1 each uid; shift
  for each; do
    uid=$(pod_uid "$each")
    berth delete pod "$each" --wait=false >/dev/null
    # shellcheck disable=SC2317 # called by wait_for
    renewed() { [ "$(pod_uid "$each")" != "$uid" ] && is_ready "$each"; }
    wait_for "$seconds" "$each is a new pod" renewed
  done
}
berth_mounts() { findmnt -rno TARGET,FSTYPE,SOURCE | awk '$1 ~ "^/run/berth/(pods|staged)/"'; }
no_disk_mounts() { ! berth_mounts | grep -qE ' (ext4|xfs|nfs4?) '; }
no_jobs() { ! ps -eo comm | grep -q '^berth-volume'; }
# A volume group of the first three blank disks.
make_group() { # NAME
  local parts=(/dev/disk/by-id/virtio-data1 /dev/disk/by-id/virtio-data2 /dev/disk/by-id/virtio-data3)
  pvcreate -qq "${parts[@]}"
  vgcreate -qq "$1" "${parts[@]}"
}
logical_volumes() { lvs --noheadings -o lv_name "$1" | tr -d ' ' | sort | paste -sd ' '; } # GROUP
# "claim claim ..." of the PersistentVolumes of a class.
claims_of_class() {
  berth get pv -o json | jq -r --arg c "$1" '[.items[] | select(.spec.storageClassName == $c) | .spec.claimRef.name] | sort | join(" ")'
}
images() { find /var/lib/berth/images -name '*.img' -printf '%f\n' 2>/dev/null | sed 's/\.img$//' | sort | paste -sd ' '; }
loop_devices() { losetup -nO BACK-FILE | grep -c /var/lib/berth/images/ || true; }
staged() { find /run/berth/staged -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l; }

# -- an iSCSI target: 10.90.0.7 and .8, LUNs 1.. with CHAP

iqn=iqn.2024-01.test.berth:store
portals=(10.90.0.7 10.90.0.8)
# Starts tgt with LUNs of so many MiB each; what is on them stays.
start_target() { # USER PASSWORD MIB...
  local user=$1 password=$2 lun=0 size at; shift 2
  ip link add san0 type dummy 2>/dev/null || true
  for at in "${portals[@]}"; do ip addr replace "$at/32" dev san0; done
  ip link set san0 up
  systemctl start tgt
  wait_for 20 "tgtd answers" tgtadm --lld iscsi --op show --mode system
  tgtadm --lld iscsi --op new --mode target --tid 1 --targetname $iqn
  mkdir -p /srv/san
  for size; do
    lun=$((lun + 1))
    [ -e "/srv/san/lun$lun" ] || truncate -s "${size}M" "/srv/san/lun$lun"
    tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun $lun --backing-store "/srv/san/lun$lun"
  done
  tgtadm --lld iscsi --op new --mode account --user "$user" --password "$password"
  tgtadm --lld iscsi --op bind --mode account --tid 1 --user "$user"
  tgtadm --lld iscsi --op bind --mode target --tid 1 --initiator-address ALL
}
sessions() { iscsiadm -m session 2>/dev/null | grep -c "$iqn" || true; }
chap_secret() { # NAME USER PASSWORD
  cat <<END
apiVersion: v1
kind: Secret
metadata: {name: $1}
type: kubernetes.io/iscsi-chap
stringData: {node.session.auth.username: $2, node.session.auth.password: $3}
---
END
}

# --- berth-volume without an agent ------------------------------------------------------------------------------------------
mi=$((1 << 20))
program=/usr/lib/berth/berth-volume
run_dir=/run/provisioners
state_dir=/var/lib/provisioners
target=$run_dir/pods/uid-1/mounts/data
berth_volume_alone() { systemctl stop berthd; mkdir -p $run_dir $state_dir; }
# What the agent asks: VERB PROVISIONER PARAMETERS CLAIM [MORE-JSON], and the last line of the answer.
job() {
  local more=${5:-}
  jq -cn --arg verb "$1" --arg provisioner "berth.io/$2" --argjson parameters "$3" --arg claim "$4" --argjson more "${more:-null}" \
    --arg run $run_dir --arg state $state_dir \
    '{verb: $verb, provisioner: $provisioner, parameters: $parameters, namespace: "default", claim: $claim, runDir: $run,
      stateDir: $state, until: 1000000000000000} + ($more // {})'
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
