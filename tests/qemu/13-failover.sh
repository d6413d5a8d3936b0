#!/bin/bash
# tests/qemu/13-failover.sh - claims on an NFS export and on an iSCSI disk move with their fenced pods: host cut off, stopped, stuck.
# Hosts: 2
# Long: two machines at once, and one of them boots anew.
# shellcheck source=hosts.sh
. "$(dirname "$0")/hosts.sh"
iqn=iqn.2026-11.example.lio:disks
bound=${BOUND:-150} # seconds for a failover; a real host has 30, an emulated one among others takes longer

# ship-1 has an export and a disk; both hosts use them over the wire. It also is the etcd, and the host that is never lost.
start_storage() {
  on ship-1 bash -s "$(address ship-1)" $iqn iqn.2026-11.example.berth:ship-1 iqn.2026-11.example.berth:ship-2 <<'END'
set -e
mkdir -p /srv/nas/files
echo '/srv/nas *(rw,no_root_squash,no_subtree_check,insecure,fsid=1)' >/etc/exports
printf '[nfsd]\ngrace-time=10\nlease-time=10\n' >/etc/nfs.conf.d/berth-test.conf
systemctl start nfs-server
address=$1 iqn=$2; shift 2
modprobe -a target_core_mod target_core_file iscsi_target_mod
disk=/sys/kernel/config/target/core/fileio_0/lun1
group=/sys/kernel/config/target/iscsi/$iqn/tpgt_1
mkdir -p /srv/lio /var/target/pr "$disk" "$group/np/$address:3260" "$group/lun/lun_1"
truncate -s 64M /srv/lio/lun1
echo "fd_dev_name=/srv/lio/lun1,fd_dev_size=$((64 << 20))" >$disk/control
echo 1 >$disk/enable
ln -s $disk "$group/lun/lun_1/file"
echo 0 >"$group/attrib/authentication"
for initiator; do
  mkdir -p "$group/acls/$initiator/lun_1"
  ls "$group/acls/$initiator/lun_1"/*/alua_tg_pt_gp >/dev/null 2>&1 || ln -s "$group/lun/lun_1" "$group/acls/$initiator/lun_1/map"
done
echo 1 >"$group/enable"
END
}
volumes() {
  cat <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: files}
spec:
  capacity: {storage: 64Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: nas
  persistentVolumeReclaimPolicy: Retain
  mountOptions: [nfsvers=4.2]
  nfs: {server: $(address ship-1), path: /srv/nas/files}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec:
  capacity: {storage: 64Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: san
  persistentVolumeReclaimPolicy: Retain
  iscsi: {targetPortal: "$(address ship-1):3260", iqn: "$iqn", lun: 1, fsType: ext4}
---
END
}
# A set of one whose pod keeps what the first one wrote, and appends "identity host life beat uptime" to /data/beats, as check_beats.py
# wants it. Another life begins only on content that is whole.
claiming_set() { # NAME CLASS
  cat <<END
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $1}
spec:
  serviceName: $1
  replicas: 1
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}, annotations: {berth.io/failover: fenced}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox:1.35
        command:
        - sh
        - -c
        - |
          cd /data
          [ -e sum ] || { head -c 3000000 /dev/urandom >blob; sha256sum blob >.sum; sync; mv .sum sum; sync; }
          sha256sum -c sum || exit 1
          read life </proc/sys/kernel/random/uuid
          while :; do
            n=\$((n + 1)); read up rest </proc/uptime
            echo "\$POD \$NODE \$life \$n \$up" >>beats || exit 1
            sync beats; touch /tmp/beats; sleep 0.2
          done
        env:
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        readinessProbe: {exec: {command: [test, -e, /tmp/beats]}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {storageClassName: $2, accessModes: [ReadWriteOnce], resources: {requests: {storage: 32Mi}}}
---
END
}
sum_of() { berth "$1" exec "$2" -- cat /data/sum; } # HOST POD
# What the pod finds now is what the first one wrote, and the lives before it were over when it began.
expect_whole() { # HOST POD
  expect "$2 on $1 has what was written" "$(berth "$1" exec "$2" -- sh -c 'cd /data; sha256sum -c sum')" "blob: OK"
  berth "$1" exec "$2" -- cat /data/beats >"$output/$2.beats"
  "$check" "$output/$2.beats" --identities 1 || fail "two of $2 wrote at once"
}
# Waits until the pods are Ready on ship-1, and says how long after BEGUN each was.
moved() { # WHAT BEGUN POD...
  local what=$1 begun=$2 pod took; shift 2
  for pod; do
    wait_for 180 "$what: $pod is Ready on ship-1" is_ready_on ship-1 "$pod" ship-1
    took=$(($(date +%s) - begun))
    printf '   failover %s of %s: %s s (a real host has 30, bound here %s)\n' "$what" "$pod" "$took" "$bound"
    [ "$took" -lt "$bound" ] || fail "over the bound"
  done
}
# Brings the sets to ship-2: the other is cordoned for that.
to_ship_2() { # POD...
  local pod
  berth ship-1 cordon ship-1 >/dev/null
  for pod; do berth ship-1 delete pod "$pod" --wait=false >/dev/null; done
  for pod; do wait_for 120 "$pod is Ready on ship-2" is_ready_on ship-1 "$pod" ship-2; done
  berth ship-1 uncordon ship-1 >/dev/null
}
processes() { on "$1" bash -c 'cat $(find /sys/fs/cgroup -path "*berth*pod*" -name cgroup.procs) | wc -l'; } # HOST
storage_of() { on "$1" bash -c 'findmnt -rno TARGET,FSTYPE | grep -E "^/run/berth/(pods|staged)/.* (ext4|nfs4?)$" | wc -l; ls -d /sys/block/sd* 2>/dev/null | wc -l' | paste -sd ' '; }
# A fence boots its host anew when pods are not down in 3 s. Under emulation among others these are little, and a boot would hide
# whether they go down by themselves: only the host with one that cannot has that, in its own story.
never_boots_anew() { # HOST
  on "$1" bash -c 'mkdir -p /run/systemd/system/berth-fence.service.d; cat >/run/systemd/system/berth-fence.service.d/berth-test.conf' <<'END'
[Service]
ExecStart=
ExecStart=/usr/bin/berth-fence --run-dir /run/berth --last-resort none
END
  on "$1" bash -c 'systemctl daemon-reload; systemctl restart berth-fence'
}
fence_as_packaged() { on "$1" bash -c 'rm /run/systemd/system/berth-fence.service.d/berth-test.conf; systemctl daemon-reload; systemctl restart berth-fence'; } # HOST
fence_said() { on "$1" journalctl -q -o cat -u berth-fence | grep -c "$2" || true; } # HOST TEXT

check=$(dirname "$0")/../hosts/check_beats.py
step "two hosts, one cluster, fences"
for i in 1 2; do make_host "ship-$i" "$i"; done
for i in 1 2; do plug_in "ship-$i"; done
form_cluster
configure 'cluster: {fencing: true}' # it is refused where there is no cluster,
expect_match "and none is left with it" "$(berth ship-2 cluster leave 2>&1 || true)" 'berthd.yaml has cluster.fencing: true'
expect "berth-etcd on ship-1" "$(on ship-1 systemctl is-active berth-etcd)" active
expect "berth-etcd on ship-2" "$(on ship-2 systemctl is-active berth-etcd || true)" inactive
for name in ship-1 ship-2; do
  on $name systemctl -q enable --now berth-fence
  expect "berth-fence on $name" "$(on $name systemctl is-active berth-fence)" active
done
for name in ship-1 ship-2; do never_boots_anew $name; done
for name in ship-1 ship-2; do wait_for 120 "$name is armed" is_armed ship-1 $name; done
fence=$(on ship-2 systemctl show -P MainPID berth-fence)
expect_match "its memory is locked" "$(on ship-2 grep VmLck "/proc/$fence/status")" '[1-9][0-9]* kB'
expect_match "it comes first" "$(on ship-2 chrt -p "$fence")" 'SCHED_FIFO'
expect "the kernel kills a whole cgroup" "$(on ship-2 bash -c 'ls /sys/fs/cgroup/system.slice/cgroup.kill')" /sys/fs/cgroup/system.slice/cgroup.kill

step "a set on the export, a set on the disk, both on ship-2"
start_storage
berth ship-1 cordon ship-1 >/dev/null
{ volumes; claiming_set files nas; claiming_set disk san; } | berth ship-1 apply -f - >/dev/null
for pod in files-0 disk-0; do wait_for 180 "$pod is Ready on ship-2" is_ready_on ship-1 $pod ship-2; done
berth ship-1 uncordon ship-1 >/dev/null
files=$(sum_of ship-2 files-0) disk=$(sum_of ship-2 disk-0)
expect "mounts and disks of ship-2" "$(storage_of ship-2)" "3 1"

step "ship-2's cable is pulled: its pods are dead there before they are Ready on ship-1"
before=$(boot_id ship-2)
begun=$(date +%s)
cut_off ship-2
nobody_left() { [ "$(processes ship-2)" = 0 ]; }
wait_for 120 "no process of a pod is left on ship-2" nobody_left
all_down() { [ "$(fence_said ship-2 'all fenced pods are down, and have no storage here')" -ge 1 ]; }
wait_for 120 "its fence says so" all_down
[ "$(berth ship-1 get pods -o name | wc -l)" = 2 ] && ! is_ready_on ship-1 disk-0 ship-1 || echo "   (ship-1 was quicker than this question)"
moved "cut off" "$begun" files-0 disk-0
expect "the same content" "$(sum_of ship-1 files-0) $(sum_of ship-1 disk-0)" "$files $disk"
for pod in files-0 disk-0; do expect_whole ship-1 $pod; done
echo "   ship-2: $(storage_of ship-2) mounts and disks"
expect "ship-2 is the same machine still" "$(boot_id ship-2)" "$before"

step "ship-2 comes back, and is a good citizen"
join_again ship-2
wait_for 180 "ship-2 is armed again" is_armed ship-1 ship-2
no_storage() { [ "$(storage_of ship-2)" = "0 0" ]; }
wait_for 120 "it has nothing of the volumes" no_storage
to_ship_2 disk-0
expect "the same content" "$(sum_of ship-2 disk-0)" "$disk"

step "ship-2 is suspended as a whole, and wakes up when its disk is ship-1's: what it still writes is refused"
lives() { berth "$1" exec disk-0 -- sh -c 'cut -d" " -f2,3 /data/beats | uniq | wc -l'; }
begun=$(date +%s)
monitor ship-2 stop
moved "suspended" "$begun" disk-0
expect_whole ship-1 disk-0
had=$(lives ship-1)
monitor ship-2 cont
conflict() { on ship-2 bash -c 'dmesg | grep -qi "reservation conflict"'; }
wait_for 120 "the disk refuses it" conflict
wait_for 120 "no process of a pod is left on ship-2" nobody_left
wait_for 180 "ship-2 is armed again" is_armed ship-1 ship-2
wait_for 120 "it has nothing of the volumes" no_storage
expect "the same content" "$(sum_of ship-1 disk-0)" "$disk"
expect_whole ship-1 disk-0
expect "lives that wrote" "$(lives ship-1)" "$had"

step "a process that does not die: the host boots anew, and the pod is Ready elsewhere"
fence_as_packaged ship-2
expect_match "its fence boots the host anew at last" "$(on ship-2 systemctl show -P ExecStart berth-fence)" '--last-resort reboot'
on ship-2 bash -c 'mkfs.ext4 -q /dev/disk/by-id/virtio-data1; mkdir -p /srv/stuck; mount /dev/disk/by-id/virtio-data1 /srv/stuck'
stuck() {
  cat <<END
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: stuck}
spec:
  serviceName: stuck
  replicas: 1
  selector: {matchLabels: {app: stuck}}
  template:
    metadata: {labels: {app: stuck}, annotations: {berth.io/failover: fenced}}
    spec:
      containers:
      - name: main
        image: busybox:1.35
        command: [sh, -c, 'while :; do echo on >>/data/log; sleep 0.2; done']
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, hostPath: {path: /srv/stuck, type: DirectoryOrCreate}}]
END
}
berth ship-1 cordon ship-1 >/dev/null
stuck | berth ship-1 apply -f - >/dev/null
wait_for 120 "stuck-0 is Ready on ship-2" is_ready_on ship-1 stuck-0 ship-2
berth ship-1 uncordon ship-1 >/dev/null
on ship-2 fsfreeze --freeze /srv/stuck # a writer to that waits where no signal reaches it
hangs() { on ship-2 bash -c 'grep -l "^State:.*D (disk sleep)" $(sed "s|.*|/proc/&/status|" $(find /sys/fs/cgroup -path "*berth*pod*" -name cgroup.procs))'; }
wait_for 60 "its process waits for the disk" hangs
before=$(boot_id ship-2)
begun=$(date +%s)
cut_off ship-2
moved "stuck" "$begun" stuck-0
wait_for 600 "ship-2 has booted anew" is_anew ship-2 "$before"
has_booted ship-2 60 || fail "ship-2 is gone again"
join_again ship-2
wait_for 240 "ship-2 is armed again" is_armed ship-1 ship-2
wait_for 120 "two nodes" is 2 ready_nodes ship-1
expect "processes of pods on ship-2" "$(processes ship-2)" 0
expect "the same content" "$(sum_of ship-1 files-0) $(sum_of ship-1 disk-0)" "$files $disk"
for pod in files-0 disk-0; do expect_whole ship-1 $pod; done
