#!/bin/bash
# tests/e2e/15-watch-load.sh - 200 watchers and 50 writes a second: every event at everyone, once, in order; flat memory.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

step "an agent with nothing to run"
start_agent

step "200 watchers of all makes, one that never reads, ${WATCH_LOAD_SECONDS:=15} s of writes"
/usr/bin/python3 "$root/tests/bench/watch_load.py" --socket "$socket" --pid "$agent_pid" --seconds "$WATCH_LOAD_SECONDS" ||
  fail "the load test found a problem"

step "the agent serves on"
expect "pods in a list of pages" "$(berth get pods -n watch-load -o json | jq '.items | length')" 100
