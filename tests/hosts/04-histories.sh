#!/bin/bash
# tests/hosts/04-histories.sh - random faults, from a seed: hosts cut off from all or from one, agents stopped, killed, ended, fences and etcd members killed, pods deleted; no two of one identity ever run at once, and in the end all are Ready.
#
#   HISTORIES=200 SEED=7 BERTH_BIN=... tests/bed/run --bare tests/hosts/04-histories.sh      seeds 7 to 206; default: 2 histories, of seeds 1 and 2, within 150 s
#   SEED=7 HISTORIES=1 ...                                                                   plays that one again
#   PATIENCE=120 ...                                                                         where the machine is busy
#   FAULTS="hang ship-2, 3, kill ship-1, 12" ...                                             lives through just that (numbers are seconds)
#
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
check="$(dirname "$0")/check_beats.py"
first=${SEED:-1}
histories=${HISTORIES:-2}
[ -z "${FAULTS:-}" ] || histories=1
patience=${PATIENCE:-45} # seconds for a history, 28 of which its faults may last
deadline=$((15 + patience))
export BERTH_CALL_SECONDS=5 # An agent that is asked is to answer by then, and what waits for it asks again.
declare -A ended=()         # Hosts that are to get an agent again.
hung=()                     # What has stopped with an agent, and reaps it.

# What happens in a history: faults of hosts, and for how many seconds they last. The same for the same seed.
draw() { # SEED
  local line='' i faults host
  RANDOM=$(($1 * 7919)) # bash draws the same numbers from the same seed; small ones are much alike
  faults=$((1 + RANDOM % 2))
  for ((i = 0; i < faults; i++)); do
    host=${all[$((RANDOM % 3))]}
    case $((RANDOM % 8)) in
      0) line+="cut $host" ;;
      1) line+="part $host" ;;
      2) line+="hang $host" ;;
      3) line+="kill $host" ;;
      4) line+="end $host" ;;
      5) line+="fence $host" ;;
      6) line+="etcd $host" ;;
      7) line+="delete db-$((RANDOM % 3))" ;;
    esac
    line+=", $((RANDOM % 4)), "
  done
  echo "$line$((1 + RANDOM % 22))"
}

soon() { local left=$((deadline - SECONDS)); wait_for $((left > 0 ? left : 0)) "$@"; }
# Whoever reads of processes may have to wait for one of them.
tell() { on "$1" timeout -k 2 10 pkill "-$2" -x "$3"; }      # HOST SIGNAL PROGRAM
runs() { on "$1" timeout -k 2 10 pgrep -x "$2" >/dev/null; } # HOST PROGRAM
other_of() { [ "$1" = ship-1 ] && echo ship-2 || echo ship-1; }
fault() { # WHAT OF
  case $1 in
    cut) cut_off "$2" ;;
    part) on "$2" ip route replace blackhole "$(address "$(other_of "$2")")/32" ;; # both hear the third
    hang) hung+=("$(pgrep -P "${agent_pid[$2]}")"); tell "$2" STOP berthd ;;
    kill) ended[$2]=1; tell "$2" KILL berthd ;;
    end) ended[$2]=1; tell "$2" TERM berthd ;;
    fence) tell "$2" KILL berth-fence; start_fence "$2" ;;
    etcd) tell "$2" KILL etcd ;;
    delete) berth "$(someone)" delete pod "$2" --wait=false ;;
    *) fail "unknown fault: $*" ;;
  esac
}
someone() { local name; for name in "${all[@]}"; do if agent_answers "$name" >/dev/null 2>&1; then echo "$name"; return; fi; done; echo ship-1; }

# All is well again. An agent that was told to end while it hung does so now.
heal() {
  local name
  for name in "${all[@]}"; do
    join_again "$name"
    on "$name" ip route del blackhole "$(address "$(other_of "$name")")/32" 2>/dev/null || true
    runs "$name" etcd || start_etcd "$name" "${all[@]}"
    tell "$name" CONT berthd || true
  done
  [ ${#hung[@]} = 0 ] || kill -CONT "${hung[@]}" 2>/dev/null || true
  hung=()
  for name in "${!ended[@]}"; do
    soon "the agent of $name has ended" has_no_agent "$name"
    start_agent "$name" "$members"
  done
  ended=()
}
has_no_agent() { ! runs "$1" berthd; }
# Three are Ready, and none of them is about to end.
staying() { berth "$1" get pods -l app=db -o 'jsonpath={range .items[*]}{.metadata.deletionTimestamp} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -cx ' True' || true; }
all_is_well() { local name; for name in "${all[@]}"; do is 3 staying "$name" && runs "$name" berth-fence || return 1; done; }
beats_are_fine() { "$check" "$beats/db" --identities 3 || fail "two of one identity ran at once"; }

# Faults tell something where pods are: of two that are on one host one is made anew, and comes to one that has none.
spread() {
  local twin asked
  asked=$(someone)
  twin=$(berth "$asked" get pods -l app=db -o 'jsonpath={range .items[*]}{.spec.nodeName} {.metadata.name}{"\n"}{end}' | sort | awk 'seen[$1]++ { print $2; exit }') || return 0
  [ -z "$twin" ] || berth "$asked" delete pod "$twin" --wait=false >/dev/null || true
}

live() { # SEED LINE
  local each parts
  deadline=$((SECONDS + patience))
  step "SEED=$1 HISTORIES=1: FAULTS=\"$2\""
  IFS=, read -ra parts <<<"$2"
  for each in "${parts[@]}"; do
    case ${each# } in
      [0-9]*) sleep "$each" ;;
      *) # shellcheck disable=SC2086 # two words
        fault $each || true ;; # Where it is gone already.
    esac
  done
  heal
  spread
  soon "all is well" all_is_well
  beats_are_fine
}

step "three hosts, a fenced set"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do soon "etcd of $name" etcd_answers "$name"; done
members=$(endpoints "${all[@]}")
for name in "${all[@]}"; do start_fence "$name"; start_agent "$name" "$members" "cluster: {fencing: true}"; done
for name in "${all[@]}"; do soon "$name is armed" is_armed ship-1 "$name"; done
beating_set db 3 '"berth.io/failover": fenced' | berth ship-1 apply -f - >/dev/null
soon "the set is Ready" all_is_well

for ((seed = first; seed < first + histories; seed++)); do live "$seed" "${FAULTS:-$(draw "$seed")}"; done
