#!/bin/bash
# tests/e2e/lib.sh - words for the stories in tests/e2e: an agent in the bed, manifests, waiting with a deadline, assertions.
#
# Sourced by every story, which tests/bed/run starts (scripts/test e2e). Waiting polls the API; nothing waits for a fixed
# time except where a story must show that something does NOT happen, and then it says so.
set -euo pipefail
: "${BERTH_TEST_DIR:?run this with tests/bed/run}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${BERTH_BIN:-$root/build/release/bin}
manifests=$BERTH_TEST_DIR/manifests
state=$BERTH_TEST_DIR/state
run=/run/berth
socket=$run/berthd.sock
config=$BERTH_TEST_DIR/berthd.yaml
output=${BERTH_TEST_OUTPUT:-$BERTH_TEST_DIR/output}
gateway=10.98.0.1
domain=cluster.local
agent_pid=
logd_pid=
step_name=start
mkdir -p "$manifests" "$state" "$output"
touch "$manifests/.berth-confirm" # stories take all their manifests away at once, and mean it

step() { step_name=$*; printf '\n-- %s  (%s s)\n' "$*" "$SECONDS"; }
# Why the story failed: said at once, and again below the evidence, because who reads a long log reads its end.
reason=
fail() {
  printf -v reason 'FAILED in "%s": %s' "$step_name" "$*"
  printf '\n%s\n' "$reason" >&2
  exit 1
}
at_error() { [ -n "$reason" ] || printf -v reason 'FAILED in "%s", line %s: %s' "$step_name" "$1" "$2"; }
trap 'at_error "$LINENO" "$BASH_COMMAND"' ERR

# What a reader of a failed story needs to see; nothing of it when the story went well.
at_exit() {
  local code=$?
  if [ "$code" != 0 ]; then
    {
      echo "---- pods"; berth get pods -A -o wide || true
      echo "---- not running"; berth get pods -A -o json | jq -c '.items[] | [.metadata.namespace, .metadata.name, .status]' || true
      echo "---- events"; berth get events -A || true
      echo "---- tasks"; ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls || true
      echo "---- agent log (end)"; tail -n 60 "$output/berthd.log" || true
      echo "---- log collector (end)"; tail -n 20 "$output/berth-logd.log" || true
      printf -- '---- why\n%s\n' "$reason"
    } >&2 2>&1
  fi
  exit "$code"
}
trap at_exit EXIT

berth() { timeout -k 2 "${BERTH_CALL_SECONDS:-20}" "$bin/berth" --socket "$socket" "$@"; }

# The agent's configuration for this bed; arguments are further lines of YAML.
# shellcheck disable=SC2120
write_config() {
  {
    cat <<END
nodeName: bed
stateDir: $state
runDir: $run
sources:
  - directory: $manifests
containerd: {address: $BERTH_TEST_CONTAINERD}
network: {bridge: berth0, podCIDR: 10.98.0.0/24, clusterDomain: $domain}
dns: {listen: [$gateway], port: 53}
api: {socket: $socket}
END
    for line in "$@"; do printf '%s\n' "$line"; done
  } >"$config"
}

api_answers() { berth get pods -A >/dev/null 2>&1; }

# Starts berthd (and berth-logd, unless it runs) and waits until the API answers.
start_agent() {
  [ -f "$config" ] || write_config
  mkdir -p "$run"
  [ -n "$logd_pid" ] && kill -0 "$logd_pid" 2>/dev/null || start_logd
  "$bin/berthd" --config "$config" >>"$output/berthd.log" 2>&1 </dev/null &
  agent_pid=$!
  wait_for 15 "the API answers" api_answers
}
stop_agent() { # [SIGNAL]
  kill "-${1:-TERM}" "$agent_pid"
  wait "$agent_pid" 2>/dev/null || true
  agent_pid=
}
start_logd() {
  mkdir -p "$run"
  "$bin/berth-logd" --run-dir "$run" --state-dir "$state" >>"$output/berth-logd.log" 2>&1 </dev/null &
  logd_pid=$!
}
stop_logd() { # [SIGNAL]
  kill "-${1:-TERM}" "$logd_pid"
  wait "$logd_pid" 2>/dev/null || true
  logd_pid=
}

# Puts standard input into the manifest directory as a careful editor does: beside it, then renamed.
put_manifest() { # NAME
  cat >"$BERTH_TEST_DIR/.$1.new"
  mv "$BERTH_TEST_DIR/.$1.new" "$manifests/$1"
}

# Polls CMD until it succeeds; fails the story after SECONDS. After a second it looks less often: looking is a process or two,
# and a story that waits should leave the processors to what it waits for.
wait_for() { # SECONDS WHAT CMD...
  local seconds=$1 what=$2 begun end pause=0.05; shift 2
  begun=$(date +%s%N)
  end=$((begun + seconds * 1000000000))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%N)" -lt $((begun + 1000000000)) ] || pause=0.15
    if [ "$(date +%s%N)" -ge "$end" ]; then fail "not within $seconds s: $what ($*)"; fi
    if [ -n "$agent_pid" ] && ! kill -0 "$agent_pid" 2>/dev/null; then fail "berthd ended while waiting: $what"; fi
    sleep "${BERTH_POLL_SECONDS:-$pause}"
  done
  printf '   %s\n' "$what"
}
# Shows that CMD stays true for SECONDS: for things that must not happen.
stays() { # SECONDS WHAT CMD...
  local seconds=$1 what=$2 end; shift 2
  end=$(($(date +%s%N) + seconds * 1000000000))
  while [ "$(date +%s%N)" -lt "$end" ]; do
    "$@" >/dev/null 2>&1 || fail "did not stay: $what ($*)"
    sleep 0.1
  done
  printf '   stays: %s\n' "$what"
}
expect() { # WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || fail "$1: got '$2', expected '$3'"
  printf '   %s: %s\n' "$1" "$2"
}
expect_match() { # WHAT ACTUAL REGEX
  [[ $2 =~ $3 ]] || fail "$1: got '$2', expected a match of '$3'"
  printf '   %s\n' "$1"
}
is() { # EXPECTED CMD...  (for wait_for: CMD prints exactly EXPECTED)
  local expected=$1; shift
  [ "$("$@" 2>/dev/null)" = "$expected" ]
}

field() { berth get "$1" "$2" -n "${4:-default}" -o json | jq -r "$3 // empty"; }  # KIND NAME JQ [NS]
pod() { field pod "$1" "$2" "${3:-default}"; }                                      # NAME JQ [NS]
pod_ip() { pod "$1" .status.podIP "${2:-default}"; }
pod_uid() { pod "$1" .metadata.uid "${2:-default}"; }
restarts() { pod "$1" '[.status.containerStatuses[].restartCount] | add' "${2:-default}"; }
# These two are polled: jq would take as long as the question itself.
ready_path='{.status.conditions[?(@.type=="Ready")].status}'
is_ready() { [ "$(berth get pod "$1" -n "${2:-default}" -o jsonpath="$ready_path")" = True ]; }
is_running() { [ "$(pod "$1" .status.phase "${2:-default}")" = Running ]; }
is_gone() { # KIND NAME [NS]
  local text
  ! text=$(berth get "$1" "$2" -n "${3:-default}" 2>&1) && [[ $text == *"not found"* ]]
}
pod_names() { # SELECTOR [NS]
  berth get pods -n "${2:-default}" -l "$1" -o json | jq -r '[.items[].metadata.name] | sort | join(" ")'
}
ready_count() { # SELECTOR [NS]
  local text
  text=$(berth get pods -n "${2:-default}" -l "$1" \
    -o jsonpath="{range .items[*]}{.metadata.deletionTimestamp}{\" \"}$ready_path{\"\\n\"}{end}") || return
  grep -c '^ True$' <<<"$text" || true
}
wait_ready() { wait_for "$1" "$3 pods ready ($2)" is "$3" ready_count "$2" "${4:-default}"; } # SECONDS SELECTOR COUNT [NS]

# "id pid" of every task of a pod, as containerd sees it.
tasks() { # POD [NS]
  local uid
  uid=$(pod_uid "$1" "${2:-default}")
  ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk -v uid="$uid" 'index($1, uid) && $3 == "RUNNING" { print $1, $2 }' | sort
}
container_pid() { tasks "$1" "${2:-default}" | awk 'NR == 1 { print $2 }'; }

resolve() { dig +short +time=1 +tries=1 "@$gateway" "$1" "${2:-A}" | sort | tr '\n' ' ' | sed 's/ $//'; }

# A StatefulSet of busybox that stops at once when asked to: name, replicas, further lines of the container, of the set.
stateful_set() { # NAME REPLICAS [CONTAINER_YAML] [SPEC_YAML]
  cat <<END
apiVersion: v1
kind: Service
metadata: {name: $1}
spec:
  clusterIP: None
  selector: {app: $1}
  ports: [{name: web, port: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $1}
spec:
  serviceName: $1
  replicas: $2
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: main
        image: busybox:1.35
        command: [sh, -c, "trap 'exit 0' TERM; mkdir -p /www; hostname > /www/index.html; httpd -f -p 80 -h /www & wait"]
$(sed '/./s/^/        /' <<<"${3:-}")
$(sed '/./s/^/  /' <<<"${4:-}")
END
}
