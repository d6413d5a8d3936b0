#!/bin/bash
# tests/bench/bench_store.sh - a store of 10,000 objects: start, list, one write.
set -euo pipefail
exec "${BERTH_BIN:?}/store_bench" "${OBJECTS:-10000}"
