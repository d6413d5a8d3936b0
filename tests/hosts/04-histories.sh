#!/bin/bash
# tests/hosts/04-histories.sh - random faults, from a seed: hosts cut off from all or from one, agents stopped, killed, ended, fences killed; no two of one identity ever run at once, and in the end all are Ready.
#
#   HISTORIES=200 SEED=7 BERTH_BIN=... tests/bed/run --bare tests/hosts/04-histories.sh      default: 3 histories of seed 1
#
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
check="$(dirname "$0")/check_beats.py"
RANDOM=${SEED:-1} # bash draws the same numbers from the same seed
pick() { echo "${all[$((RANDOM % 3))]}"; }
beats_are_fine() { "$check" "$beats/db" || fail "two of one identity ran at once (SEED=${SEED:-1})"; }
ready_somewhere() { local name; for name in "${all[@]}"; do is 3 ready_pods "$name" app=db && return 0; done; return 1; }
# Two hosts do not hear each other; both hear the third.
part() { on "$1" ip route add blackhole "$(address "$2")/32" 2>/dev/null || true; }
meet() { on "$1" ip route del blackhole "$(address "$2")/32" 2>/dev/null || true; }
other_of() { [ "$1" = ship-1 ] && echo ship-2 || echo ship-1; }

step "three hosts, a fenced set"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd of $name" etcd_answers "$name"; done
members=$(endpoints "${all[@]}")
for name in "${all[@]}"; do start_fence "$name"; start_agent "$name" "$members" "cluster: {fencing: true}"; done
for name in "${all[@]}"; do wait_for 60 "$name is armed" is_armed ship-1 "$name"; done
beating_set db 3 '"berth.io/failover": fenced' | berth ship-1 apply -f - >/dev/null
wait_for 60 "the set is Ready" ready_somewhere

for ((history = 1; history <= ${HISTORIES:-3}; history++)); do
  faults=$((1 + RANDOM % 2)) undo=()
  for ((i = 0; i < faults; i++)); do
    host=$(pick); kind=$((RANDOM % 6)); pause=$((RANDOM % 4))
    case $kind in
      0) step "history $history: $host is cut off"; cut_off "$host"; undo+=("join_again $host") ;;
      1) step "history $history: $host and $(other_of "$host") do not hear each other"; part "$host" "$(other_of "$host")"; undo+=("meet $host $(other_of "$host")") ;;
      2) step "history $history: the agent of $host hangs"; hang_agent "$host" || true; undo+=("wake_agent $host") ;;
      3) step "history $history: the agent of $host is killed"; on "$host" pkill -KILL -x berthd || true; undo+=("start_agent $host $members") ;;
      4) step "history $history: the agent of $host ends"; on "$host" pkill -TERM -x berthd || true; undo+=("start_agent $host $members") ;;
      5) step "history $history: the fence of $host is killed, and started anew"; on "$host" pkill -KILL -x berth-fence || true; start_fence "$host" ;;
    esac
    sleep "$pause"
  done
  last=$((1 + RANDOM % 22))
  echo "   for $last s"
  sleep "$last"
  for each in "${undo[@]}"; do $each || true; done
  # An agent that was told to end while it hung does so now; one is there again in any case.
  for name in "${all[@]}"; do on "$name" pgrep -x berthd >/dev/null || start_agent "$name" "$members"; done
  wait_for 90 "all are Ready" ready_somewhere
  beats_are_fine
done
