#!/bin/bash
# tests/e2e/26-full-disk.sh - a disk that is full when the agent starts: it waits for room, tells systemd, and ends when asked to.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mount -t tmpfs -o size=16m,mode=711 tmpfs "$state"
told=$BERTH_TEST_DIR/told
listen_as_systemd() { # every datagram, a line each
  /usr/bin/python3 -c '
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
while True:
    print(listener.recv(4096).decode().replace("\n", " "), flush=True)
' "$BERTH_TEST_DIR/notify" >"$told" &
  wait_for 5 "somebody listens" test -S "$BERTH_TEST_DIR/notify"
}
processes() { ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }
fill() { dd if=/dev/zero of="$state/filler" bs=4k 2>/dev/null || true; }
begin() { # starts berthd as systemd does, without waiting for anything
  : >"$told"
  NOTIFY_SOCKET=$BERTH_TEST_DIR/notify "$bin/berthd" --config "$config" >>"$output/berthd.log" 2>&1 </dev/null &
  agent_pid=$!
}
waits() { grep -q "STATUS=waiting for room on the disk of $state.*EXTEND_TIMEOUT_USEC=120000000" "$told"; }
says_ready() { grep -q "READY=1" "$told"; }
ended() { ! kill -0 "$agent_pid" 2>/dev/null; }
# How berthd ended: within that time, and by itself.
exit_code() { # SECONDS
  local pid=$agent_pid code=0
  agent_pid= # wait_for takes its end for a failure
  timeout "$1" tail --pid="$pid" -f /dev/null || fail "berthd has not ended within $1 s"
  wait "$pid" || code=$?
  echo "$code" >"$BERTH_TEST_DIR/code"
}

step "a pod, and then no room at all"
listen_as_systemd
start_agent
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1
before=$(processes)
stop_agent
fill

step "the agent waits, and says so to systemd, again and again"
begin
wait_for 10 "it waits" waits
repeats() { [ "$(grep -c EXTEND_TIMEOUT_USEC "$told")" -ge 3 ]; }
wait_for 10 "it asks for more time while it waits" repeats
expect "it is not ready" "$(grep -c READY=1 "$told" || true)" 0
expect "the processes" "$(processes)" "$before"

step "SIGTERM ends it at once, and well"
kill -TERM "$agent_pid"
exit_code 2
expect "its exit code" "$(cat "$BERTH_TEST_DIR/code")" 0

step "with room it goes on by itself"
begin
wait_for 10 "it waits" waits
rm "$state/filler"
wait_for 10 "it is ready" says_ready
wait_ready 10 app=web 1
expect "the processes" "$(processes)" "$before"
expect "the name" "$(resolve web-0.web.default.svc.cluster.local)" "$(pod_ip web-0)"

step "while it runs, a full disk refuses what is written, and no more"
fill
! berth scale statefulset web --replicas=2 >"$BERTH_TEST_DIR/refused" 2>&1 || fail "a write on a full disk succeeded"
expect "replicas" "$(field statefulset web .spec.replicas)" 1
expect "the processes" "$(processes)" "$before"
rm "$state/filler"
berth scale statefulset web --replicas=2 >/dev/null
wait_ready 20 app=web 2
before=$(processes)
stop_agent

step "too few descriptors are no full disk: it ends, for systemd to try again"
(
  ulimit -n 5
  : >"$told"
  NOTIFY_SOCKET=$BERTH_TEST_DIR/notify exec "$bin/berthd" --config "$config" >"$BERTH_TEST_DIR/poor" 2>&1 </dev/null
) &
agent_pid=$!
exit_code 10
expect "its exit code" "$(cat "$BERTH_TEST_DIR/code")" 1
expect_match "it says why" "$(cat "$BERTH_TEST_DIR/poor")" "Too many open files"
expect "it did not ask for time" "$(grep -c EXTEND_TIMEOUT_USEC "$told" || true)" 0
expect "the processes" "$(processes)" "$before"

step "a log disk that is full: containers wait, their pods say so, nothing is lost"
stop_logd
mkdir -p /var/log/pods
mount -t tmpfs -o size=256k,mode=750 tmpfs /var/log/pods
start_agent
speaker() { # NAME SCRIPT
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  - name: main\n    image: busybox:1.35\n    command: [sh, -c, %s]\n' "$1" "'$2; sleep 100000'" | put_manifest "$1.yaml"
}
speaker loud "seq 10000"
told_event() { berth get events | grep "$1" | grep -q "pod/$2"; }
wait_for 20 "an event of the loud one" told_event LogNotStored loud
speaker low "echo hello"
wait_for 20 "it runs" is_running low
says_why() { berth logs low | grep -q "^berth: what this container writes now is not stored: .*No space left on device"; }
wait_for 10 "the log of another is not just empty" says_why
wait_for 10 "and it has an event, too" told_event LogNotStored low
told_status() { grep -qE '^ *log +[^ ]+ +default/low +what container main writes waits, unread: .*No space left' < <(berth status); } # its code is 1
wait_for 10 "so says berth status" told_status
waiting() { curl -s --unix-socket "$socket" http://localhost/metrics | grep -q '^berth_log_waiting_containers 2$'; }
wait_for 10 "a metric counts both" waiting
mount -o remount,size=16m /var/log/pods
wait_for 10 "with room it is told that all is well" told_event LogStored loud
whole() { [ "$(berth logs loud | grep -x '[0-9]*')" = "$(seq 10000)" ]; }
wait_for 10 "all 10,000 lines are there, each once" whole
heard() { [ "$(berth logs low)" = hello ]; }
wait_for 10 "and the other's" heard
