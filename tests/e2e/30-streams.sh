#!/bin/bash
# tests/e2e/30-streams.sh - streams as client libraries use them: exec and port-forward over WebSocket channels, and clients
# that vanish or stop reading. What kubectl does is in tests/kubectl.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
client=$(dirname "$0")/web_socket.py
client() { "$client" "$socket" "$@"; }
fds() { find "/proc/$agent_pid/fd" -mindepth 1 | wc -l; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$agent_pid/status"; }
# Processes with exactly this command line: those in the pod.
running() { pgrep -x -f -c "$1" || true; }

step "a pod"
start_agent
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1

step "exec: streams and exit code"
expect "in and out" "$(echo moored | client exec default web-0 tr a-z A-Z)" MOORED
code=0; client exec default web-0 sh -c 'exit 3' </dev/null || code=$?
expect "exit code" $code 3
expect_match "no such command" "$(client exec default web-0 no-such </dev/null 2>&1 || true)" \
  '^Internal error occurred: error executing command in container: .*no-such'
sum=$(head -c 20000000 /dev/urandom | tee "$BERTH_TEST_DIR/blob" | sha256sum)
expect "20 MB in" "$(client exec default web-0 sha256sum <"$BERTH_TEST_DIR/blob")" "$sum"

step "port-forward"
expect "a page" "$(printf 'GET / HTTP/1.0\r\n\r\n' | client forward default web-0 80 | tail -n 1)" web-0
expect_match "nobody listens" "$(client forward default web-0 81 </dev/null 2>&1 || true)" \
  'error forwarding port 81 to pod web-0, uid : failed to connect to localhost:81 inside namespace .*connection refused'
expect_match "no such pod" "$(client forward default web-7 80 </dev/null 2>&1 || true)" 'pods \\"web-7\\" not found'

step "a client that is killed leaves nothing behind"
before=$(fds)
pids=()
for _ in 1 2 3 4; do "$client" "$socket" exec default web-0 sleep 4567 </dev/null & pids+=($!); done
"$client" "$socket" hold default web-0 sleep 4567 & pids+=($!) # its input backs up: nobody reads it
wait_for 10 "five commands run" is 5 running "sleep 4567"
kill -KILL "${pids[@]}"; wait "${pids[@]}" 2>/dev/null || true
wait_for 10 "no command runs" is 0 running "sleep 4567"
same_fds() { [ "$(fds)" -le "$before" ]; }
wait_for 10 "no descriptor stays open" same_fds

step "a client that reads nothing does not grow the agent"
memory=$(rss)
"$client" "$socket" hold default web-0 sh -c 'cat /dev/zero & cat >/dev/null' & stuck=$!
sleep 3 # time in which it would grow
grown=$(($(rss) - memory))
[ $grown -lt 3000 ] || fail "the agent grew by $grown KB"
kill -KILL $stuck; wait $stuck 2>/dev/null || true
expect "the pod" "$(restarts web-0)" 0
