#!/bin/bash
# tests/qemu/10-volume-helper.sh - berth-volume alone, job by job: NFS v3 and v4, iSCSI with CHAP and two portals, disks by their names.
# Long: stories 02 to 04 have the same through the agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
run=/run/berth-story
mkdir -p $run /srv/nfs/data

# The last line of a job's answer: "ok", or its error as "Code: message".
job() {
  { /usr/lib/berth/berth-volume <<<"$1" || true; } | tail -n 1 | jq -r 'if .result then "ok" else .error.code + ": " + .error.message end'
}
publish_job() { # POD SOURCE [VOLUME_JSON]
  jq -cn --arg run $run --arg pod "$1" --argjson source "$2" --argjson more "${3:-{\}}" '{verb: "publish", runDir: $run,
    target: "\($run)/pods/\($pod)/\(if $more.block then "devices" else "mounts" end)/data", selinuxLabel: "",
    volume: ({name: "data-\($pod)", source: $source, mountOptions: [], readOnly: false, block: false, secret: {}} + $more)}'
}
publish() { job "$(publish_job "$@")"; }
unpublish() { # POD...
  job "$(jq -cn --arg run $run '{verb: "unpublish", runDir: $run, directories: [$ARGS.positional[] |
    "\($run)/pods/\(.)/subpaths", "\($run)/pods/\(.)/mounts", "\($run)/pods/\(.)/devices"]}' --args "$@")"
}
at() { echo "$run/pods/$1/mounts/data"; }
ok() { expect "$1" "$2" ok; } # WHAT ANSWER
fails() { # WHAT ANSWER PATTERN
  [[ $2 =~ $3 ]] || { echo "   $1: $2" >&2; fail "$1: does not match $3"; }
  echo "   $1: $2"
}

step "NFS v4.2 and v3"
echo '/srv/nfs 127.0.0.1(rw,no_root_squash,no_subtree_check,insecure) ::1(rw,no_root_squash,no_subtree_check,insecure)' >/etc/exports
echo '/srv/closed 10.99.99.99(rw)' >>/etc/exports
mkdir -p /srv/closed
systemctl start nfs-server
exportfs -ra
export_of() { jq -cn --arg s "$1" --arg p "$2" '{nfs: {server: $s, path: $p}}'; }
ok "v4.2" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=4.2"]}')"
echo hello >"$(at one)/file"
ok "v3 without locks, read-only" "$(publish two "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=3", "nolock"], "readOnly": true}')"
expect "what the other wrote" "$(cat "$(at two)/file")" hello
expect "vers of two" "$(findmnt -no OPTIONS "$(at two)" | grep -o 'vers=[0-9.]*' | head -n 1)" vers=3
! touch "$(at two)/new" 2>/dev/null || fail "a read-only mount takes files"
ok "IPv6" "$(publish six "$(export_of ::1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=4.2"]}')"
ok "again" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/data)")"
ok "away" "$(unpublish one two six)"
expect "no mounts" "$(findmnt -rno TARGET | grep -c $run || true)" 0

step "NFS errors say what to do"
fails "no such path" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/absent)" '{"mountOptions": ["nfsvers=4.2"]}')" '^NotFound'
fails "not exported to us" "$(publish one "$(export_of 127.0.0.1 /srv/closed)" '{"mountOptions": ["nfsvers=3", "nolock"]}')" '^PermissionDenied'
fails "nobody listens" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=4.2", "port=2050"]}')" '^Unavailable'
fails "a wrong option" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=4.2", "colour=red"]}')" '^InvalidArgument'
fails "no such name" "$(publish one "$(export_of nowhere.invalid /srv)")" '^Unavailable.*name (is not known|cannot be resolved)'
systemctl stop rpc-statd rpcbind.socket rpcbind 2>/dev/null || true
systemctl mask -q rpc-statd rpcbind.socket rpcbind
fails "v3 without rpc.statd" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=3", "mountproto=tcp", "mountport=20048"]}')" 'nolock|^Unavailable'
systemctl unmask -q rpc-statd rpcbind.socket rpcbind
ok "away" "$(unpublish one)"

step "a silent NFS server holds nothing up but itself"
ok "mounted" "$(publish one "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=4.2"]}')"
nft add table inet silent
nft add chain inet silent in '{ type filter hook input priority 0; }'
nft add rule inet silent in tcp dport 2049 drop
from=$(now_ms)
ok "unpublished" "$(unpublish one)"
echo "   took $(($(now_ms) - from)) ms"
[ $(($(now_ms) - from)) -lt 30000 ] || fail "unpublish waited for the server"
expect "no mounts" "$(findmnt -rno TARGET | grep -c $run || true)" 0
/usr/lib/berth/berth-volume <<<"$(publish_job one "$(export_of 127.0.0.1 /srv/nfs/data)" '{"mountOptions": ["nfsvers=4.2"]}')" >/dev/null &
child=$!
mounting() { pgrep -x mount.nfs >/dev/null; }
wait_for 20 "mount.nfs tries" mounting
kill -KILL $child
not_mounting() { ! mounting; }
wait_for 20 "mount.nfs dies with its job" not_mounting
nft delete table inet silent
ok "away" "$(unpublish one)"

step "iSCSI: CHAP, LUNs that share a session, the last one logs out"
start_target berth right-password-1 400 400
lun() { # LUN [MORE]
  jq -cn --arg iqn $iqn --argjson lun "$1" --argjson more "${2:-{\}}" \
    '{iscsi: ({targetPortal: "10.90.0.7", iqn: $iqn, lun: $lun, iscsiInterface: "default", chapAuthSession: true} + $more)}'
}
secret='{"secret": {"node.session.auth.username": "berth", "node.session.auth.password": "right-password-1"}}'
wrong='{"secret": {"node.session.auth.username": "berth", "node.session.auth.password": "wrong-password-1"}}'
answer=$(publish one "$(lun 1)" "$wrong")
fails "wrong password" "$answer" '^Unauthenticated: .*10.90.0.7:3260: refused as CHAP user "berth"'
[[ $answer != *wrong-password* ]] || fail "the password is in the message"
fails "no such LUN" "$(publish one "$(lun 9)" "$secret")" '^NotFound.*no LUN 9'
ok "away" "$(unpublish one)"
expect "sessions" "$(sessions)" 0
ok "LUN 1" "$(publish one "$(lun 1)" "$secret")"
expect "file system" "$(findmnt -no FSTYPE "$(at one)")" ext4
ok "LUN 2, xfs" "$(publish two "$(lun 2 '{"fsType": "xfs"}')" "$secret")"
expect "file system" "$(findmnt -no FSTYPE "$(at two)")" xfs
expect "sessions" "$(sessions)" 1
expect "readable records with a password" "$(grep -rl right-password /etc/iscsi /var/lib/iscsi 2>/dev/null | xargs -r stat -c %a | grep -vc 600 || true)" 0
dd if=/dev/urandom of="$(at one)/blob" bs=1M count=20 status=none
sum=$(sha256sum <"$(at one)/blob")
ok "one away" "$(unpublish one)"
expect "sessions" "$(sessions)" 1
ok "two away" "$(unpublish two)"
expect "sessions" "$(sessions)" 0
expect "records" "$(iscsiadm -m node 2>/dev/null | grep -c $iqn || true)" 0
ok "LUN 1 again" "$(publish three "$(lun 1)" "$secret")"
expect "its data" "$(sha256sum <"$(at three)/blob")" "$sum"

step "iSCSI: a LUN that is added later, and raw"
truncate -s 100M /srv/san/lun3
tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun 3 --backing-store /srv/san/lun3
ok "LUN 3" "$(publish raw "$(lun 3)" "$(jq -c '. + {block: true}' <<<"$secret")")"
link=$run/pods/raw/devices/data
expect "its size" "$(blockdev --getsize64 $link)" $((100 << 20))
ok "away" "$(unpublish raw three)"
expect "sessions" "$(sessions)" 0

step "iSCSI: two portals are one disk through multipath; one portal suffices"
printf 'defaults {\n find_multipaths yes\n user_friendly_names yes\n}\n' >/etc/multipath.conf
systemctl start multipathd
ok "two portals" "$(publish one "$(lun 1 '{"portals": ["10.90.0.8"]}')" "$secret")"
expect "its data" "$(sha256sum <"$(at one)/blob")" "$sum"
expect_match "its device" "$(findmnt -no SOURCE "$(at one)")" '^/dev/(mapper/mpath|dm-)'
expect "sessions" "$(sessions)" 2
ok "away" "$(unpublish one)"
expect "sessions" "$(sessions)" 0
expect "maps" "$(multipath -ll | grep -c mpath || true)" 0
systemctl stop multipathd multipathd.socket
nft add table inet silent
nft add chain inet silent in '{ type filter hook input priority 0; }'
nft add rule inet silent in ip daddr 10.90.0.8 tcp dport 3260 drop
ok "one of two portals is silent" "$(publish one "$(lun 1 '{"portals": ["10.90.0.8"]}')" "$secret")"
expect "its data" "$(sha256sum <"$(at one)/blob")" "$sum"
ok "away" "$(unpublish one)"
nft delete table inet silent
expect "sessions" "$(sessions)" 0

step "iSCSI: a session of which somebody else has a LUN stays, and is ended later"
ok "LUN 1" "$(publish one "$(lun 1)" "$secret")"
other=/dev/disk/by-path/ip-10.90.0.7:3260-iscsi-$iqn-lun-2
mkdir -p /mnt/other
wait_for 20 "the other LUN" test -b "$other"
mount -t xfs "$other" /mnt/other # said, or mount(8) takes a name with a colon for a server's
ok "away" "$(unpublish one)"
expect "sessions" "$(sessions)" 1
umount /mnt/other
ok "what nobody uses" "$(unpublish)"
expect "sessions" "$(sessions)" 0

step "iSCSI: killed at any moment, it converges"
for delay in 0.1 0.3 0.5 0.8 1.2 1.6 2 3; do
  timeout -s KILL $delay /usr/lib/berth/berth-volume <<<"$(publish_job one "$(lun 1)" "$secret")" >/dev/null || true
  timeout -s KILL 0.3 /usr/lib/berth/berth-volume <<<"$(jq -cn --arg run $run '{verb: "unpublish", runDir: $run,
    directories: ["\($run)/pods/one/mounts"]}')" >/dev/null || true
  ok "away after $delay s" "$(unpublish one)"
  expect "sessions" "$(sessions)" 0
  expect "staged" "$(find $run/staged -mindepth 1 2>/dev/null | wc -l)" 0
done
ok "afterwards" "$(publish one "$(lun 1)" "$secret")"
expect "its data" "$(sha256sum <"$(at one)/blob")" "$sum"
ok "away" "$(unpublish one)"
