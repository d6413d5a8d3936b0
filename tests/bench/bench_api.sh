#!/bin/bash
# tests/bench/bench_api.sh - reads through the API: latency of get and list, memory after it; then a minute of watch load.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/e2e/lib.sh
. "$here/../e2e/lib.sh" >&2
start_agent >&2
/usr/bin/python3 "$here/api_latency.py" --socket "$socket" --pid "$agent_pid"
/usr/bin/python3 "$here/watch_load.py" --socket "$socket" --pid "$agent_pid" --seconds "${WATCH_LOAD_SECONDS:-60}" --csv
