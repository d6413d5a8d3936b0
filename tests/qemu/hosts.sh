#!/bin/bash
# tests/qemu/hosts.sh - words for the stories of two hosts that are machines of their own: two kernels, two systemds, one cable.
#
# Sourced by every story with a line "# Hosts: 2", which tests/qemu/guest starts with the machine's directory and the package. Such a
# story is told outside, in the bed: from there it can pull the cable, stop a machine as a whole, and read what is on the wire. The
# words are those of tests/hosts/lib.sh; what is here takes the place of what a host is there.
# shellcheck disable=SC2034,SC2154 # used by stories; set by lib.sh
machine=$1 package=$2
# shellcheck source=../hosts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../hosts/lib.sh"
# shellcheck source=machine
. "$(dirname "${BASH_SOURCE[0]}")/machine"
exec </dev/null
trace=$BERTH_TEST_DIR/wire.pcap # everything that was on the wire
collected=${BERTH_TEST_OUTPUT:-$root/build/logs}

at_exit() {
  local code=$? name
  if [ "$code" != 0 ]; then
    mkdir -p "$collected"
    {
      for name in "${!number[@]}"; do
        echo "==== $name"
        berth "$name" get nodes,pods,pvc,volumeattachments -A -o wide || true
        berth "$name" get events -A | tail -n 15 || true
        on "$name" timeout 60 journalctl --no-pager -o short-precise >"$collected/qemu-$(basename "$0" .sh)-$name.journal" || true
        on "$name" bash -c 'SYSTEMD_COLORS=0 journalctl --no-pager -q -o cat -u berthd -u berth-fence -n 25; dmesg | tail -n 8' || true
        cp "$hosts/$name/console" "$collected/qemu-$(basename "$0" .sh)-$name.console" || true
      done
      printf -- '---- why\n%s\n' "$reason"
    } >&2 2>&1
  fi
  for name in "${!bed_pid[@]}"; do kill "${bed_pid[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  exit "$code"
}

# Of which machine tests/qemu/machine speaks; in a subshell, as a word may be said of two hosts at once.
spoken_of() { machine_dir=$hosts/$1 machine_port=$((2220 + number[$1])) machine_pid=${bed_pid[$1]:-}; } # HOST
on() { # HOST CMD...
  (
    spoken_of "$1"; shift
    # One that boots anew under a command answers that no more: asked now and then, it says so.
    machine_ssh -o ServerAliveInterval=15 -o ServerAliveCountMax=8 "$(printf '%q ' "$@")"
  )
}
monitor() { (spoken_of "$1"; shift; machine_monitor "$@"); } # HOST COMMAND...
berth() { local name=$1; shift; on "$name" timeout -k 2 "${BERTH_CALL_SECONDS:-30}" berth "$@"; }
has_booted() { (spoken_of "$1"; machine_hang_up; machine_wait "$2" && machine_ssh -f true </dev/null >/dev/null 2>&1); } # HOST SECONDS
boot_id() { on "$1" cat /proc/sys/kernel/random/boot_id; }
# Is it another boot than BOOT_ID by now? By a connection of its own, as one that was there ends for nobody when a machine boots anew.
is_anew() { # HOST BOOT_ID
  (
    spoken_of "$1"
    now=$(timeout 15 ssh -q -F none -i "$machine_dir/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 \
      -p "$machine_port" root@127.0.0.1 cat /proc/sys/kernel/random/boot_id)
    [ -n "$now" ] && [ "$now" != "$2" ]
  )
}

cut_off() { monitor "$1" "set_link wire off"; }   # HOST: its cable is pulled
join_again() { monitor "$1" "set_link wire on"; } # HOST

# Makes a host: a copy of the machine, resumed. Two at once, as they are two ends of one cable.
make_host() { # HOST NUMBER
  local name=$1 machine_port=$((2220 + $2))
  number[$name]=$2
  mkdir -p "$hosts/$name"
  ln -s "$machine"/{disk.ext4,vmlinuz,initrd,key} "$hosts/$name/"
  cp --sparse=always "$machine"/*.qcow2 "$hosts/$name/"
  machine_start "$hosts/$name" -loadvm booted
  bed_pid[$name]=$machine_pid
}
# Gives it a name, an address on the wire, and the package; its agent runs, alone.
plug_in() { # HOST
  local name=$1 mac=52:54:00:be:27:1${number[$1]} side
  side=$([ "${number[$name]}" = 1 ] && echo listen || echo connect)
  has_booted "$name" 300
  on "$name" bash -s "$name" "$mac" "$(address "$name")" "$(date +%s.%N)" <<'END'
set -e
date -s "@$4" >/dev/null
head -c 64 /dev/hwrng >/dev/urandom
hostname "$1"; echo "$1" >/etc/hostname
echo "127.0.0.1 localhost $1" >/etc/hosts
echo "InitiatorName=iqn.2026-11.example.berth:$1" >/etc/iscsi/initiatorname.iscsi
printf '[Match]\nMACAddress=%s\n[Link]\nName=wire0\n' "$2" >/etc/systemd/network/05-wire.link
# By its MAC: after a boot the initial RAM disk has named it before.
printf '[Match]\nMACAddress=%s\n[Network]\nAddress=%s/24\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n' "$2" "$3" >/etc/systemd/network/05-wire.network
mkdir -p /etc/systemd/system/berthd.service.d
printf '[Service]\nWatchdogSec=300\n' >/etc/systemd/system/berthd.service.d/berth-test.conf # as in tests/qemu/guest
networkctl reload
END
  monitor "$name" "netdev_add socket,id=wire,$side=127.0.0.1:7700" "device_add virtio-net-pci,netdev=wire,mac=$mac"
  [ "$side" = connect ] || monitor "$name" "object_add filter-dump,id=trace,netdev=wire,file=$trace"
  on "$name" tee /root/berth.deb <"$package" >/dev/null
  on "$name" bash -c 'dpkg -i /root/berth.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }'
  wait_for 30 "$name has its address" on "$name" ip -4 route get "$wire.99" from "$(address "$name")"
}
# Both agents start anew with further lines of berthd.yaml.
configure() { # LINE...
  local name
  for name in ship-1 ship-2; do
    printf '%s\n' "$@" | on "$name" tee -a /etc/berth/berthd.yaml >/dev/null
    on "$name" systemctl restart berthd
  done
  for name in ship-1 ship-2; do wait_for 120 "$name answers" agent_answers "$name"; done
}
# One cluster of the two, as a person makes it. The second is no member of the etcd: it shall be possible to lose it.
form_cluster() {
  local name token
  for name in ship-1 ship-2; do wait_for 120 "$name answers" agent_answers "$name"; done
  BERTH_CALL_SECONDS=180 berth ship-1 cluster init --advertise "$(address ship-1)" >"$output/init"
  token=$(grep -oE 'berth cluster join .*' "$output/init" | tail -n 1 | awk '{ print $5 }')
  BERTH_CALL_SECONDS=180 berth ship-2 cluster join "$(address ship-1)" "$token" --member no >"$output/join"
  for name in ship-1 ship-2; do wait_for 120 "two nodes seen from $name" is 2 ready_nodes "$name"; done
}
put_manifest() { on "$1" tee "/etc/berth/manifests/$2" >/dev/null; } # HOST NAME
kill_agent() { on "$1" systemctl kill -s "${2:-KILL}" --kill-who=main berthd; } # HOST [SIGNAL]
condition_of() { field "$1" pod "$2" ".status.conditions[?(@.type==\"$3\")].status"; } # HOST POD TYPE
is_ready_on() { # ASKED POD HOST
  [ "$(berth "$1" get pod "$2" -o 'jsonpath={.spec.nodeName} {.status.conditions[?(@.type=="Ready")].status}')" = "$3 True" ]
}
