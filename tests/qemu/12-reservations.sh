#!/bin/bash
# tests/qemu/12-reservations.sh - a disk of a real target (LIO) is one host's: what a host still writes that lost it, the disk refuses.
#
# Two initiators, each through a portal of its own, stand for two hosts: each has a session, a disk and a run directory.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
iqn=iqn.2026-11.example.lio:disks
core=/sys/kernel/config/target/core
portal_group=/sys/kernel/config/target/iscsi/$iqn/tpgt_1
initiator() { echo "iqn.2026-11.example.berth:$1"; } # HOST
portal() { [ "$1" = a ] && echo 127.0.0.1:3260 || echo 127.0.0.2:3260; } # HOST

start_lio() { # LUNS: with files of 64 MiB
  local lun map host
  modprobe -a target_core_mod target_core_file iscsi_target_mod
  # Linux asks for registrations that outlive a power cut; LIO keeps them there.
  mkdir -p /srv/lio /var/target/pr "$portal_group/np/$(portal a)" "$portal_group/np/$(portal b)"
  echo 0 >"$portal_group/attrib/authentication"
  for host in a b; do mkdir -p "$portal_group/acls/$(initiator $host)"; done
  for ((lun = 1; lun <= $1; lun++)); do
    truncate -s 64M "/srv/lio/lun$lun"
    mkdir -p "$core/fileio_0/lun$lun"
    echo "fd_dev_name=/srv/lio/lun$lun,fd_dev_size=$((64 * mi))" >"$core/fileio_0/lun$lun/control"
    echo 1 >"$core/fileio_0/lun$lun/enable"
    mkdir -p "$portal_group/lun/lun_$lun"
    ln -s "$core/fileio_0/lun$lun" "$portal_group/lun/lun_$lun/file"
    for host in a b; do
      map=$portal_group/acls/$(initiator $host)/lun_$lun
      mkdir -p "$map"
      ls "$map"/*/alua_tg_pt_gp >/dev/null 2>&1 || ln -s "$portal_group/lun/lun_$lun" "$map/map"
    done
  done
  echo 1 >"$portal_group/enable"
}

run_of() { echo "/run/host-$1"; }
at() { echo "$(run_of "$1")/pods/pod-$2/mounts/data"; } # HOST LUN
publish_job() { # HOST LUN [HOLDER [SECONDS]]: how long the host's session surely holds
  jq -cn --argjson until $((($(cut -d. -f1 /proc/uptime) + ${4:-600}) * 1000000000)) --arg run "$(run_of "$1")" --arg target "$(at "$1" "$2")" --arg iqn $iqn --argjson lun "$2" --arg portal "$(portal "$1")" --arg name "$(initiator "$1")" --arg holder "${3:-}" \
    '{verb: "publish", runDir: $run, target: $target, selinuxLabel: "", volume: {name: "data-db-0", mountOptions: [], holder: $holder, heldUntil: $until,
      source: {iscsi: {targetPortal: $portal, iqn: $iqn, lun: $lun, initiatorName: $name, fsType: "ext4"}}}}'
}
publish() { publish_job "$@" | { $program || true; } | tail -n 1; }
unpublish() { # HOST LUN
  jq -cn --arg run "$(run_of "$1")" --arg directory "$(dirname "$(at "$1" "$2")")" '{verb: "unpublish", runDir: $run, directories: [$directory]}' |
    { $program || true; } | tail -n 1
}
# How many are registered, by the target's own word.
keys() { grep -c 'Key: 0x' "$core/fileio_0/lun$1/pr/res_pr_registered_i_pts" || true; }
sums() { sha256sum "$(at "$1" 1)/$2" | cut -d' ' -f1; }
disk_of() { findmnt -no SOURCE "$(at "$1" "$2")"; }

step "a target with three disks"
systemctl stop berthd
mkdir -p "$(run_of a)" "$(run_of b)"
start_lio 3
echo 0 >"$core/fileio_0/lun3/attrib/emulate_pr" # one that has no reservations

step "the first host has the disk, and writes"
done_well "$(publish a 1 ship-a)"
expect "registered keys" "$(keys 1)" 1
head -c 8M /dev/urandom >"$(at a 1)/data"
sync -f "$(at a 1)"
before=$(sums a data)

step "the first host is given up, and wakes up: the second has the disk, the same data, and what the first still writes is refused"
done_well "$(publish b 1 ship-b)"
expect "registered keys" "$(keys 1)" 1
expect "the data" "$(sums b data)" "$before"
head -c 8M /dev/urandom >"$(at b 1)/more"
sync -f "$(at b 1)"
more=$(sums b more)
refused() { ! dd if=/dev/zero of="$1" bs=4096 count=1 seek="$2" oflag=direct conv=notrunc 2>"$run/dd.txt"; }
run=$(run_of a)
refused "$(disk_of a 1)" 100 || fail "the first host wrote to the disk that it lost"
echo "   $(tail -n 1 "$run/dd.txt")"
# What is in its page cache never gets there.
{ echo late >"$(at a 1)/late" && sync -f "$(at a 1)"; } 2>/dev/null && fail "the first host's write came through"
dmesg | grep -i 'reservation conflict' | tail -n 1 | sed 's/^/   /'
unpublish a 1 >"$run/answer"
jq -c . "$run/answer" | sed 's/^/   /'

step "the first host mounts anew without knowing that its session holds: the disk stays the second's"
expect_match "the answer" "$(publish a 1 ship-a -1)" "may be another host's by now|another host may have it by now"
expect "registered keys" "$(keys 1)" 1
echo more >"$(at b 1)/after" && sync -f "$(at b 1)" || fail "the second host lost its disk"
unpublish a 1 >/dev/null

step "the second host's data is whole"
done_well "$(unpublish b 1)"
expect "registered keys" "$(keys 1)" 0
done_well "$(publish b 1 ship-b)"
expect "the data" "$(sums b data) $(sums b more)" "$before $more"
[ ! -e "$(at b 1)/late" ] || fail "what was refused is there"
done_well "$(unpublish b 1)"

step "jobs that are killed converge, whoever had it before"
for try in 1 2 3 4 5 6; do
  host=$([ $((try % 2)) = 0 ] && echo a || echo b)
  publish_job $host 2 "ship-$host" | $program >/dev/null & pid=$!
  sleep "0.$((RANDOM % 9))"
  kill -9 $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
done
done_well "$(publish a 2 ship-a)"
expect "registered keys" "$(keys 2)" 1
echo anything >"$(at a 2)/file"
sync -f "$(at a 2)"
unpublish b 2 >/dev/null
done_well "$(unpublish a 2)"

step "without a holder nothing is reserved; a disk that cannot is used, and that is said"
done_well "$(publish a 2)"
expect "registered keys" "$(keys 2)" 0
done_well "$(unpublish a 2)"
answer=$(publish a 3 ship-a)
expect_match "it says so" "$(jq -r .result.unreserved <<<"$answer")" 'has no SCSI persistent reservations'
done_well "$(unpublish a 3)"
expect "sessions" "$(sessions)" 0
