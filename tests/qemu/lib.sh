#!/bin/bash
# tests/qemu/lib.sh - words for the stories in tests/qemu: those of tests/e2e/lib.sh, for an agent that systemd runs, and storage.
#
# Sourced by every story, inside the virtual machine. The disks /dev/disk/by-id/virtio-data1 to -data4 (1 GiB each) are blank.
# shellcheck disable=SC2034 # used by stories
boot=${BERTH_TEST_BOOT:?run this with tests/qemu/run}
export BERTH_TEST_DIR=/root/story BERTH_TEST_CONTAINERD=/run/containerd/containerd.sock BERTH_BIN=/usr/bin
# shellcheck source=../e2e/lib.sh
. /root/tests/e2e/lib.sh
# shellcheck disable=SC2034 # used by the words of tests/e2e/lib.sh
manifests=/etc/berth/manifests

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
      echo "---- kernel (end)"; dmesg | tail -n 12 || true
      echo "---- stuck"; ps -eo pid,stat,wchan:24,args | awk '$2 ~ /^D/' || true
      echo "---- berthd (end)"; journalctl --no-pager -q -o cat -u berthd -n 40 || true
    } 2>&1
  fi
  exit "$code"
}

active() { systemctl is-active -q "$1"; }
start_agent() { systemctl start berthd; wait_for 30 "the API answers" api_answers; }
stop_agent() { systemctl stop berthd; }
# Ends the story for now: the machine loses power, boots, and the story goes on with $boot one higher.
reset_machine() { exit 77; }
now_ms() { date +%s%3N; }
# The message of a pod's condition.
condition() { pod "$1" ".status.conditions[] | select(.type == \"$2\") | .message" "${3:-default}"; } # POD TYPE [NS]
has_event() { # REASON REGEX-OF-MESSAGE
  berth get events -A -o json | jq -e --arg r "$1" --arg m "$2" 'any(.items[]; .reason == $r and (.message | test($m)))' >/dev/null
}
