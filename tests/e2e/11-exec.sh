#!/bin/bash
# tests/e2e/11-exec.sh - a command in a container: its output, its input, its exit code.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
code_of() { local code=0; "$@" >/dev/null 2>&1 || code=$?; echo $code; }

step "a pod"
start_agent
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1

step "exit codes"
expect "true" "$(code_of berth exec web-0 -- true)" 0
expect "exit 3" "$(code_of berth exec web-0 -- sh -c 'exit 3')" 3
expect "killed by a signal" "$(code_of berth exec web-0 -- sh -c 'kill -9 $$')" 137
expect_match "no such command" "$(code_of berth exec web-0 -- no-such-command)" '^(1|126|127|128)$'
expect_match "no such pod" "$(berth exec web-7 -- true 2>&1 || true)" 'pods "web-7" not found'
expect_match "no such container" "$(berth exec web-0 -c side -- true 2>&1 || true)" 'side'

step "streams"
expect "standard output" "$(berth exec web-0 -- echo hello 2>/dev/null)" hello
expect "standard error" "$(berth exec web-0 -- sh -c 'echo oops >&2' 2>&1 >/dev/null)" oops
expect "standard input" "$(echo moored | berth exec -i web-0 -- tr a-z A-Z)" MOORED
sum=$(head -c 3000000 /dev/urandom | tee "$BERTH_TEST_DIR/blob" | sha256sum)
expect "3 MB in" "$(berth exec -i web-0 -- sha256sum <"$BERTH_TEST_DIR/blob")" "$sum"
berth exec -i web-0 -- sh -c 'cat > /blob' <"$BERTH_TEST_DIR/blob"
expect "3 MB out" "$(berth exec web-0 -- cat /blob | sha256sum)" "$sum"
expect "environment and directory" "$(berth exec web-0 -- sh -c 'echo $HOSTNAME; pwd')" $'web-0\n/'

step "a terminal"
expect_match "tty" "$(script -qec "$bin/berth --socket $socket exec -it web-0 -- tty" /dev/null </dev/null)" '/dev/pts/|/dev/console'

step "twenty at once"
pids=()
for n in $(seq 20); do
  berth exec web-0 -- echo "$n" >"$BERTH_TEST_DIR/exec.$n" & pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of twenty failed"; done
expect "all answered" "$(sort -n "$BERTH_TEST_DIR"/exec.* | tr '\n' ' ')" "$(seq 20 | tr '\n' ' ')"

step "nothing is left behind"
left() { [ "$(tr '\0' ' ' </proc/"$1"/cmdline 2>/dev/null | grep -c httpd)" -le 1 ]; }
wait_for 5 "no exec process remains" left "$(container_pid web-0)"
expect "the pod" "$(restarts web-0)" 0
