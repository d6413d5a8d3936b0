#!/bin/bash
# tests/bench/bench_pods.sh - pod start, 30 at once, an ordered set, memory, idle CPU, re-adoption; beside ctr and podman.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$(readlink -f "$0")")/pods.py"
