#!/bin/bash
# tests/bench/bench_control.sh - what one change costs the planners: a rollout among 1,000 and 10,000 pods, 1,000 config maps.
set -euo pipefail
program=${BERTH_BIN:?}/agent_bench
[ -x "$program" ] || { echo "no $program: nothing is measured" >&2; exit 0; }
exec "$program"
