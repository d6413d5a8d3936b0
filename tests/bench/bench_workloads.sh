#!/bin/bash
# tests/bench/bench_workloads.sh - a Deployment of 30 until all are ready, its rolling update, a Job of 100 pods.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$(readlink -f "$0")")/workloads.py"
