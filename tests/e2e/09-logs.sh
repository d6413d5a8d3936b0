#!/bin/bash
# tests/e2e/09-logs.sh - no line of a container is lost, whoever restarts.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
talker() { # NAME SCRIPT
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n  - name: main\n    image: busybox:1.35\n    command: [sh, -c]\n    args:\n    - |\n' "$1"
  sed 's/^/      /' <<<"$2"
}
succeeded() { [ "$(pod "$1" .status.phase)" = Succeeded ]; }
complete() { [ "$(berth logs "$1" | grep -c '^line ')" = "$2" ]; }

step "2,000 lines while the agent and the collector are killed and started"
start_agent
# shellcheck disable=SC2016
talker counter 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo "line $i"; [ $((i % 20)) != 0 ] || usleep 50000; done; echo end >&2' |
  put_manifest counter.yaml
wait_for 20 "it runs" is_running counter
for round in 1 2 3; do
  sleep 0.4 # an arbitrary moment of its five seconds
  stop_logd KILL
  [ $round = 2 ] || stop_agent KILL
  sleep 0.2
  start_logd
  [ $round = 2 ] || start_agent
done
wait_for 30 "it has ended" succeeded counter
wait_for 10 "2,000 lines are there" complete counter 2000
expect "in order, each once" "$(berth logs counter | grep '^line ' | awk '$2 != NR { print "line " NR " is " $2; exit }')" ""
expect "standard error too" "$(berth logs counter | tail -n 1)" end
expect "--tail" "$(berth logs counter --tail 2 | head -n 1)" "line 2000"

step "long lines, odd bytes, no newline at the end"
talker odd 'head -c 100000 /dev/zero | tr "\0" x; echo; printf "tab\there\n"; printf "\377\376 not utf-8\n"; printf "no newline"' | put_manifest odd.yaml
wait_for 20 "it has ended" succeeded odd
whole() { [ "$(berth logs odd | tr -cd x | wc -c)" = 100000 ]; }
wait_for 10 "the long line is whole" whole
expect "--tail counts lines, not the pieces that they are stored in" "$(berth logs odd --tail 4 | tr -cd x | wc -c)" 100000
expect "as it was written, without a newline at its end" "$(berth logs odd --tail 1 | od -An -c | tr -d ' ')" nonewline
unfinished() { berth logs odd | tail -n 1 | grep -q 'no newline'; }
wait_for 10 "the last, unfinished line" unfinished

step "a container that shouts does not silence another"
talker shouter 'yes "line of a container that writes as fast as it can, all the time" | head -n 400000' | put_manifest shouter.yaml
# shellcheck disable=SC2016
talker whisperer 'i=0; while [ $i -lt 20 ]; do i=$((i + 1)); echo "line $i"; usleep 100000; done' | put_manifest whisperer.yaml
wait_for 60 "the whisperer has ended" succeeded whisperer
wait_for 10 "its 20 lines are there" complete whisperer 20
wait_for 90 "the shouter has ended" succeeded shouter

step "a slow reader gets every line, a full disk is an error"
whole=$(berth logs shouter >"$BERTH_TEST_DIR/whole"; wc -c <"$BERTH_TEST_DIR/whole")
[ "$whole" -gt 1000000 ] || fail "too little to show anything: $whole bytes"
slow=$(berth logs shouter | { sleep 0.5; wc -c; }) # longer than a pipe takes to fill
expect "through a pipe that is read late" "$slow" "$whole"
# A pipe that is non-blocking already is waited for; one that is not, is left so: others write to it, too.
python3 - "$bin/berth" "$socket" "$whole" <<'END'
import fcntl, os, subprocess, sys, time
berth, socket, whole = sys.argv[1], sys.argv[2], int(sys.argv[3])
reader, writer = os.pipe()
os.set_blocking(writer, False)
running = subprocess.Popen([berth, "--socket", socket, "logs", "shouter"], stdout=writer)
time.sleep(0.5)
os.close(writer)
got = 0
while piece := os.read(reader, 65536):
    got += len(piece)
assert running.wait() == 0 and got == whole, (running.returncode, got, whole)
reader, writer = os.pipe()
running = subprocess.Popen([berth, "--socket", socket, "logs", "shouter"], stdout=writer)
os.read(reader, 1)
assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK, "the pipe was made non-blocking"
os.close(reader)
running.wait()
END
code=0
said=$(berth logs shouter 2>&1 >/dev/full) || code=$?
expect "a full disk: the exit code" "$code" 1
expect "a full disk: the message" "$said" "error: standard output: write: No space left on device"

step "logs of the run before"
talker phoenix 'echo first; exit 1' | sed 's/restartPolicy: Never/restartPolicy: OnFailure/' | put_manifest phoenix.yaml
twice() { [ "$(restarts phoenix)" -ge 1 ]; }
wait_for 30 "it was restarted" twice
wait_for 10 "--previous" is first berth logs phoenix --previous

step "following"
# shellcheck disable=SC2016
talker ticker 'i=0; while :; do i=$((i + 1)); echo "line $i"; usleep 200000; done' | put_manifest ticker.yaml
wait_for 20 "it runs" is_running ticker
got=$(timeout 20 "$bin/berth" --socket "$socket" logs -f ticker | head -n 8 | tail -n 1 || true)
expect "the eighth line arrives" "$got" "line 8"
